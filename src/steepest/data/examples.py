"""The shipped examples: each a formula, a loss, a start and its columns, which are made when they are asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from steepest.data.numbers import to_float64
from steepest.data.table import Array, Reading, Table, reading, row_index
from steepest.errors import DataError, unknown

Data = Mapping[str, Array]


class Example(NamedTuple):
    """One row of the table below; `columns` names the columns and `data` makes them."""

    description: str
    formula: str
    loss: str
    start: Mapping[str, float]
    columns: tuple[str, ...]
    data: Callable[[], Data]


def names() -> dict[str, str]:
    """The examples, as "@name", each with a line that says what it is.

    >>> names()["@triples"]
    'five points on y = 3x'
    """
    return {f"@{name}": row.description for name, row in EXAMPLES.items()}


def example(name: str) -> Table:
    """The table of "@name", with its formula, loss and start. Raises `DataError` for a name that is not in the list.

    >>> example("@triples").formula
    'y ~ w*x'
    """
    if name not in names():
        raise DataError(unknown("example", name, names()))
    row = EXAMPLES[name.removeprefix("@")]

    def read(asked: tuple[str, ...]) -> Reading:
        data = row.data()
        return reading({column: to_float64(data[column], column, name) for column in asked}, row_index)

    return Table(row.columns, name, read, dict(row.start), row.formula, row.loss)


def certified(name: str) -> dict[str, Any]:
    """What NIST certifies of "@chwirut1" or "@misra1a".

    By parameter: `start1`, `start2`, `certified`, `std_err`. Numbers: `rss`, the sum of squares, and `dof`.
    Source: NIST Statistical Reference Datasets, nonlinear regression.
    """
    certificates = _nist()
    if name.removeprefix("@") not in certificates:
        raise DataError(unknown("certified example", name, [f"@{known}" for known in certificates]))
    row = certificates[name.removeprefix("@")]
    vectors = ("start1", "start2", "certified", "std_err")
    return {key: dict(zip(row["parameters"], row[key], strict=True)) for key in vectors} | {k: row[k] for k in ("rss", "dof")}


def _nist() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(__file__).with_name("examples.json").read_text(encoding="utf-8"))
    return content


def _certified_data(name: str) -> Callable[[], Data]:
    return lambda: {column: np.array(values, dtype=np.float64) for column, values in _nist()[name]["data"].items()}


def _literal(**columns: list[float]) -> Callable[[], Data]:
    return lambda: {name: np.array(values, dtype=np.float64) for name, values in columns.items()}


def _sine(n: int) -> Callable[[], Data]:
    def make() -> Data:
        x = np.linspace(-np.pi, np.pi, n)
        return {"x": x, "y": np.sin(x)}

    return make


def _noisy_line() -> Data:
    random = np.random.RandomState(45)
    x = random.uniform(-1.0, 1.0, 40)
    return {"x": x, "y": 3 * x + 4 + random.randn(40)}


# numpy.random.seed(0); numpy.random.random(8)
_SEED_0 = (
    0.5488135039273248,
    0.7151893663724195,
    0.6027633760716439,
    0.5448831829968969,
    0.4236547993389047,
    0.6458941130666561,
    0.4375872112626925,
    0.8917730007820798,
)
# torch.manual_seed(42); torch.randn(1), twice: float32 values, exact here
_SEED_42 = {"m": 0.33669036626815796, "c": 0.12880940735340118}
_ONE_TO_FIVE = [1.0, 2.0, 3.0, 4.0, 5.0]

EXAMPLES: dict[str, Example] = {
    "sine": Example(
        "4,000 points of sin(x), for a polynomial of degree 7",
        "y ~ poly(x, 7, w)",
        "mse",
        {f"w{power}": value for power, value in enumerate(_SEED_0)},
        ("x", "y"),
        _sine(4000),
    ),
    "sine2000": Example(
        "2,000 points of sin(x), for a Legendre polynomial of a line",
        "y ~ a + b*P3(c + d*x)",
        "sse",
        {"a": 0.0, "b": -1.0, "c": 0.0, "d": 0.3},
        ("x", "y"),
        _sine(2000),
    ),
    "instances": Example(
        "three points with two predictors, met exactly by a plane",
        "H_0 ~ theta_0 + theta_1*x_1 + theta_2*x_2",
        "mse",
        {"theta_0": 0.5, "theta_1": 0.5, "theta_2": 0.5},
        ("x_1", "x_2", "H_0"),
        _literal(x_1=[0.5, 1.0, 2.0], x_2=[1.0, 0.0, 0.5], H_0=[1.0, 0.0, 1.0]),
    ),
    "noisy-line": Example(
        "40 points of y = 3x + 4 with normal noise of deviation 1",
        "y ~ theta_1*x + theta_0",
        "mse",
        {"theta_1": 0.0, "theta_0": 0.0},
        ("x", "y"),
        _noisy_line,
    ),
    "triples": Example(
        "five points on y = 3x",
        "y ~ w*x",
        "mse",
        {"w": 0.0},
        ("x", "y"),
        _literal(x=_ONE_TO_FIVE, y=[3.0, 6.0, 9.0, 12.0, 15.0]),
    ),
    "point": Example(
        "a single point, which a whole line of parameters meets",
        "y ~ m*x + c",
        "half-mse",
        _SEED_42,
        ("x", "y"),
        _literal(x=[10.0], y=[2.0]),
    ),
    "five-points": Example(
        "five points on y = 2x, for a line with intercept",
        "y ~ m*x + c",
        "half-mse",
        _SEED_42,
        ("x", "y"),
        _literal(x=_ONE_TO_FIVE, y=[2.0, 4.0, 6.0, 8.0, 10.0]),
    ),
    "chwirut1": Example(
        "ultrasonic response against metal distance (NIST, 214 rows, difficulty lower)",
        "y ~ exp(-b1*x)/(b2 + b3*x)",
        "sse",
        {"b1": 0.1, "b2": 0.01, "b3": 0.02},
        ("x", "y"),
        _certified_data("chwirut1"),
    ),
    "misra1a": Example(
        "volume adsorbed against pressure in dental research (NIST, 14 rows, difficulty lower)",
        "y ~ b1*(1 - exp(-b2*x))",
        "sse",
        {"b1": 500.0, "b2": 0.0001},
        ("x", "y"),
        _certified_data("misra1a"),
    ),
}
