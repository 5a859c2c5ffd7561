"""`sample`: the points of an expression on a grid, with noise if wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest.data.numbers import from_arraylike
from steepest.data.table import Array, Table, counted, quoted, reading, row_index
from steepest.errors import DataError, OptionError, unknown
from steepest.language.evaluate import evaluate
from steepest.language.parser import parse_expression

Grid = tuple[float, float, int] | Sequence[float] | Array


def sample(expression: str, /, *, noise: float = 0.0, seed: int = 0, **variables: Grid) -> Table:
    """Rows of an expression: a column for each variable, and y = expression(variables) + noise·N(0, 1).

    Each variable is a tuple (low, high, n), that is n evenly spaced points with both ends, or a list or an array of
    values; all of one length. `noise` is the standard deviation, drawn from `numpy.random.default_rng(seed)`.
    Raises `FormulaError`, `OptionError` for a grid or noise that makes no sense, and `DataError` where y is not finite.

    >>> table = sample("2*x + 1", x=(0, 1, 3))
    >>> [column.tolist() for column in table.columns(["x", "y"]).arrays]
    [[0.0, 0.5, 1.0], [1.0, 2.0, 3.0]]
    """
    source = f"sample {quoted(expression)}"
    program = parse_expression(expression)
    data = {name: _grid(name, values, source) for name, values in variables.items()}
    for name in program.names():
        if name not in data:
            raise OptionError(f"{source}: {unknown('variable', name, data)}.\nGive it as {name}=(low, high, n).")
    rows = _rows(data, source)
    if "y" in data:
        raise OptionError(f"{source}: y is the name of the result, so no variable can have it")
    if not 0.0 <= noise < np.inf:
        raise OptionError(f"noise is a standard deviation, 0 or above, not {noise!r}")
    values = evaluate(program, names=data)[program.outputs["value"]]
    y = np.array(np.broadcast_to(values, (rows,)), dtype=np.float64)
    if noise:
        y += noise * np.random.default_rng(seed).standard_normal(rows)
    columns = {**data, "y": y}
    table = Table(tuple(columns), source, lambda asked: reading({name: (columns[name].copy(), ()) for name in asked}, row_index))
    table.columns(table.names)  # refuses y where it is not finite
    return table


def _grid(name: str, values: Any, source: str) -> Array:
    if not isinstance(values, tuple):
        return from_arraylike(values, name, source)[0]
    try:
        low, high, n = values
        if int(n) != n or n < 1 or not np.isfinite([low, high]).all():
            raise ValueError
    except (TypeError, ValueError):
        raise OptionError(
            f"{source}: {name}={values!r} is no grid.\nA grid is (low, high, n), with n a whole number above 0."
        ) from None
    return np.linspace(low, high, int(n))


def _rows(data: dict[str, Array], source: str) -> int:
    if not data:
        raise OptionError(f"{source}: no variable is given.\nGive one as x=(low, high, n).")
    lengths = {name: len(values) for name, values in data.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} has {counted(rows, 'row')}" for name, rows in lengths.items())
        raise DataError(f"{source}: variables of different length, {said}")
    return next(iter(lengths.values()))
