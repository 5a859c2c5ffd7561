"""What a fit does with bad input, row by row of a catalogue: the message names the thing and what to do, or the fit says it.

Every case goes through the library, and through the command line where its words can say it.
"""

from __future__ import annotations

import csv
import datetime
import decimal
import io
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import steepest as st
from steepest.cli.main import main

X = np.linspace(0, 1, 12)
Y = 1 + 2 * X + 0.1 * np.sin(20 * X)
D = {"x": X, "y": Y}
LINE = "y ~ a + b*x"
CODES = {"converged": (0,), "stopped": (1,), "nonfinite": (3,), "error": (1, 2)}
MOST_LINES = 3


class Case(NamedTuple):
    """`data`: what the library is given; bytes are the content of a file. `says`: parts of the error, or of the reason."""

    row: str
    formula: str
    data: Any
    outcome: str
    says: tuple[str, ...]
    warns: str  # part of the warnings; empty where there is none
    suffix: str  # of a file
    options: dict[str, Any]


def parquet(table: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(table), sink)
    return sink.getvalue()


GOOD = parquet(D)
BOTH = {name: {"value": 1, "fixed": True} for name in "ab"}


def error(row: str, formula: str, data: Any, *says: str, suffix: str = ".csv", **options: Any) -> Case:
    return Case(row, formula, data, "error", says, "", suffix, options)


def fits(row: str, formula: str, data: Any, outcome: str, *says: str, warns: str = "", **options: Any) -> Case:
    return Case(row, formula, data, outcome, says, warns, ".csv", options)


NAMES, SYNTAX, RANK, OPTIONS = "unknown name", "syntax", "not identifiable", "options"
DOMAIN, SCALE, BOMBS = "domain", "scale", "resource bombs"
GAPS, EMPTY, FEW, TEXT, RAGGED = (
    "NaN or infinity",
    "empty or of different length",
    "few rows",
    "text cell",
    "ragged or damaged text",
)
LARGE, SEPARATOR, HEADER, SHARDS, ROT = "beyond float64", "separator", "header", "several files", "damaged file"
TYPES, ORDER, RESPONSE, WEIGHTS = "types", "columns by name", "response", "weights"

FORMULAE = [
    error(NAMES, "y ~ a*exq(b*x)", D, "unknown function 'exq': did you mean 'exp'?", "at column 7"),
    error(NAMES, "yy ~ a + b*x", D, "unknown column 'yy': did you mean 'y'?", "Known: x, y"),
    error(NAMES, "y ~ a + b*`xx`", D, "unknown column 'xx': did you mean 'x'?"),
    error(NAMES, LINE, D, "start: unknown parameter 'bb': did you mean 'b'? Known: a, b", start={"a": 1, "bb": 2}),
    fits(
        NAMES, "y ~ a + b*temo", {"temp": X, "y": Y}, "stopped", "none of the model's names is a column",
        warns="'temo' is a parameter; did you mean the column 'temp'?", start={"a": 1, "b": 1, "temo": 1},
    ),
    fits(
        NAMES, "y ~ a + k*x", D, "converged",
        warns="the constant 'kk' does not stand in the formula, whose parameters are a, k", constants={"kk": 3},
    ),
    error(SYNTAX, "", D, "a formula needs '~'", "as in 'y ~ a + b*x'"),
    error(SYNTAX, "y ~ ", D, "the right side of '~' is empty", "at column 5"),
    error(SYNTAX, "y ~ a + (b*x", D, "expected ')', found the end, at column 13"),
    error(SYNTAX, "y = a + b*x", D, "a formula needs '~' between its sides", "at column 3"),
    error(SYNTAX, "y ~ a − b*x", D, "this minus sign is not the plain one: write '-', at column 7"),
    error(SYNTAX, "y ~ a + b*x^2", D, "'^' is not an operator: write '**' for a power"),
    error(SYNTAX, "y ~ a + 2x", D, "an operator is missing: for a product write '2*x'"),
    error(SYNTAX, "y ~ a ~ b", D, "a formula has one '~' only"),
    error(SYNTAX, "y ~ x", D, "the model has no parameters", "write one, as in 'y ~ a*x'"),
    fits(RANK, "y ~ a*b*x", D, "stopped", "1 of 2 parameters apart", "only a*b matters", "fix one of them", start={"a": 1, "b": 1}),
    fits(RANK, "y ~ a + b + c*x", D, "converged", "only a + b matters", "the one of least norm"),
    fits(RANK, "y ~ a*x + b*z", {**D, "z": X}, "converged", "a and b are not determined, only a + b matters"),
    fits(RANK, "y ~ a + b*z", {**D, "z": 0 * X + 3}, "converged", "only a + 3*b matters"),
    fits(RANK, "y ~ a + b*(c + x)", D, "stopped", "a and c are not determined", "fix one of them", start={"a": 1, "b": 1, "c": 1}),
    error(RANK, LINE, D, "every parameter is fixed: there is nothing to fit; free one of them", start=BOTH),
    error(OPTIONS, LINE, D, "unknown loss 'msee': did you mean 'mse'? Known: mse", loss="msee"),
    error(OPTIONS, LINE, D, "the loss is empty: give one of mse, half-mse", loss=""),
    error(OPTIONS, LINE, D, "did you mean 'drop'? Known: refuse, drop", missing="dorp"),
    error(OPTIONS, LINE, D, "start of 'a' is nan: give a finite number", start={"a": float("nan")}),
    error(OPTIONS, LINE, D, "'a' is tied to '1', which names no parameter", start={"a": "1"}),
    error(OPTIONS, LINE, D, "start of 'a' is 1000000000", "give a finite number", start={"a": 10**400}),
    error(OPTIONS, LINE, D, "(length 3)", "a vector of length 2", "a, b", start=[1, 2, 3]),
    error(OPTIONS, LINE, D, "unknown key 'vlaue': did you mean 'value'?", start={"a": {"vlaue": 1}}),
    error(OPTIONS, LINE, D, "'x' is both a constant and a column: rename one of them", constants={"x": 1}),
    error(OPTIONS, "y ~ a*k*x", D, "the constant 'k' is nan: expected a finite number", constants={"k": float("nan")}),
    error(OPTIONS, LINE, D, "starts is 0: give a whole number, 1 or more", starts=0),
    error(OPTIONS, LINE, D, "seed is -1: give a whole number, 0 or more", seed=-1),
    fits(
        DOMAIN, "y ~ a*log(x - 2)", D, "nonfinite",
        "log(x - 2) is nan at row index 0, where x - 2 = -2; no parameter changes that",
    ),
    fits(DOMAIN, "y ~ a*log(x - 0.5) + b", D, "nonfinite", "leave out such rows, or change the formula"),
    fits(DOMAIN, "y ~ a/x + b", D, "nonfinite", "a/x is inf at row index 0, where a = 1 and x = 0; leave out such rows"),
    fits(DOMAIN, "y ~ a*log(b + x)", D, "nonfinite", "log(b + x) is nan", "start it elsewhere", start={"a": 1, "b": -3}),
    fits(DOMAIN, "y ~ a*sqrt(b*x)", D, "nonfinite", "2*sqrt(b*x) = 0; start it elsewhere", start={"a": 1, "b": 0}),
    fits(DOMAIN, "y ~ a*exp(b*x)", D, "nonfinite", "exp(b*x) is inf at row index 1", start={"a": 1, "b": 1e4}),
    fits(DOMAIN, "log(y - 2) ~ a + b*x", D, "nonfinite", "log(y - 2) is nan at row index 0", "leave out such rows"),
    fits(SCALE, LINE, {"x": X * 1e308, "y": Y}, "nonfinite", "the column 'x' reaches 1e+308: scale it to about 1"),
    fits(SCALE, LINE, {"x": X, "y": np.r_[1e200, Y[1:]]}, "nonfinite", "y = -1e+200; the column 'y' reaches 1e+200"),
    fits(
        SCALE, "y ~ a*exp(b*x)", {"x": X, "y": Y * 1e-200}, "stopped", "the loss underflows",
        "scale the response to about 1", start={"a": 1, "b": 1},
    ),
    fits(SCALE, LINE, {"x": 1e9 + X, "y": Y}, "converged", "the gradient is zero to rounding"),
    fits(SCALE, LINE, {"x": X * 1e-90, "y": Y * 1e90}, "converged", "the gradient is zero to rounding"),
    error(BOMBS, "y ~ a*9**9**9", D, "at column"),
    error(BOMBS, "y ~ a*" + "(" * 5000 + "x" + ")" * 5000, D, "nested deeper than 100 levels"),
    error(BOMBS, "y ~ a*P5000(x)", D, "200"),
    error(BOMBS, "y ~ a*x**2000", D, "1,000"),
    error(BOMBS, "y ~ a*x" + " + x*a" * 15_000, D, "at most 20,000 tokens"),
]  # fmt: skip

DATA = [
    error(GAPS, LINE, {"x": X, "y": np.where(X > 0.5, np.nan, Y)}, "column 'y': 6 missing (or NaN) of 12 values, the first at"),
    error(GAPS, LINE, {"x": np.where(X > 0.5, np.inf, X), "y": Y}, "column 'x'", "6 ", "of 12 values", "the first at"),
    error(GAPS, LINE, b"x,y\n1,2\n,3\n3,5\n", "column 'x': 1 missing (or NaN) of 3 values, the first at line 3", "missing"),
    error(GAPS, LINE, b"x,y\n1,\n2,\n", "no row is left, each of the 2 has a missing or infinite value", missing="drop"),
    fits(GAPS, LINE, b"x,y\n1,2\n,3\n3,5\n4,7\n", "converged", warns="1 of 4 rows dropped for a missing value", missing="drop"),
    error(EMPTY, LINE, {}, "has no columns", "Give a name and an array for each"),
    error(EMPTY, LINE, {"x": [], "y": []}, "has no rows", "Give at least one"),
    error(EMPTY, LINE, b"", "is empty", "Write or fetch it again"),
    error(EMPTY, LINE, b"x,y\n", "has no rows"),
    error(EMPTY, LINE, {"x": X, "y": Y[:5]}, "'y' has 5 rows and 'x' has 12", "Give one value per row in each"),
    error(EMPTY, LINE, {"x": 1, "y": 2}, "column 'y' is a single number", "[2]"),
    error(EMPTY, LINE, None, "data of type NoneType cannot be read", "Accepted"),
    fits(FEW, LINE, b"x,y\n1,2\n", "converged", "only a + b matters", "least norm", warns="1 row for 2 parameters"),
    fits(
        FEW, "y ~ a + b*exp(c*x + d)", b"x,y\n1,1\n2,2\n3,4\n", "stopped", "3 of 4 parameters apart", "fix one of them",
        warns="3 rows for 4 parameters: many parameters fit them equally well", start=dict.fromkeys("abcd", 0.5),
    ),
    fits(FEW, LINE, b"x,y\n1,2\n2,4\n", "converged", "no row is left to tell the standard errors from"),
    error(TEXT, LINE, b"x,y\n1,2\nabc,3\n3,5\n", "column 'x', line 3: 'abc' is not a number", "Write numbers as -1.5e3"),
    error(TEXT, LINE, b"x,y\n1,2\n1 000,3\n", "column 'x', line 3: '1 000' is not a number"),
    error(RAGGED, LINE, b"x,y\n1,2\n1\n3,5\n", "line 3: 1 cell, but the header has 2", "Mend that line"),
    error(RAGGED, LINE, b'x,y\n1,2\n"1,3\n3,5\n', "line 3: a quote is opened and not closed", "Mend that line"),
    error(RAGGED, LINE, b"x,y\n1,2\n1\0,3\n", "line 3: a NUL byte", "as UTF-8"),
    error(RAGGED, LINE, b"x,y\n1,2\n\xff,3\n", "line 3: the byte 0xff is not UTF-8", "as UTF-8"),
    error(RAGGED, LINE, "x,y\n1,2\n2,4\n".encode("utf-16"), "line 1", "as UTF-8"),
    error(LARGE, LINE, b"x,y\n1,2\n1e400,3\n", "column 'x', line 3: '1e400' is beyond the largest float64", "another unit"),
    fits(
        LARGE, LINE, b"x,y\n123456789012345678901234567890,2\n2,3\n3,5\n", "converged",
        warns="column 'x': 1 number rounded to float64, the first at line 2 ('123456789012345678901234567890' became",
    ),
    fits(LARGE, LINE, {"x": np.arange(12) + 2**60, "y": Y}, "converged", "a and b are not determined", warns="11 numbers rounded"),
    error(SEPARATOR, LINE, b"x;y\n1;2\n2;3\n", "no ',', but ';': is that the separator?", "Save the file as .csv"),
    error(SEPARATOR, LINE, b"x;y\n1,5;2\n2,5;3\n", "but ';': is that the separator?"),
    error(HEADER, LINE, b"x,x,y\n1,2,3\n2,3,4\n", "line 1: two columns are named 'x'", "Rename one of them"),
    error(HEADER, LINE, b"1,2\n2,3\n3,5\n", "'1' is a number, but the first line must name the columns", "Add such a line"),
    fits(HEADER, LINE, b"x, y\n1,2\n2,3\n3,5\n", "converged", warns="the blanks around names of columns are left out (' y')"),
    fits(HEADER, LINE, b"\xef\xbb\xbfx,y\n1,2\n2,3\n3,5\n", "converged", "the gradient is zero"),
    error(HEADER, LINE, pd.DataFrame(np.c_[X, X, Y], columns=["x", "x", "y"]), "unique column names", "'x'"),
    error(SHARDS, LINE, ["a.parquet", "b.parquet"], "a.parquet does not exist"),
    error(ROT, LINE, b"", "is empty", "Write or fetch it again", suffix=".parquet"),
    error(ROT, LINE, GOOD[:-40], "is no sound Parquet file", "Write or fetch it again", suffix=".parquet"),
    error(ROT, LINE, b"no such thing " * 9, "is no sound Parquet file", "Write or fetch it again", suffix=".parquet"),
    error(ROT, LINE, b"x", "cannot be read as data", "Accepted: a file ending in .csv", suffix=".xlsx"),
    error(TYPES, LINE, {"x": ["a"] * 12, "y": Y}, "column 'x' holds text", "Turn it into numbers"),
    error(TYPES, LINE, {"x": [decimal.Decimal("0.1")] * 12, "y": Y}, "column 'x'", "of type Decimal", "Turn them into floats"),
    error(TYPES, LINE, {"x": [datetime.date(2020, 1, 1)] * 12, "y": Y}, "column 'x'", "of type date"),
    error(TYPES, LINE, {"x": np.full(12, np.datetime64("2020-01-01")), "y": Y}, "column 'x' holds dates", "the days since"),
    error(TYPES, LINE, pd.DataFrame({"x": pd.Categorical(["u", "v"] * 6), "y": Y}), "column 'x' holds categories", "one for each"),
    error(TYPES, LINE, {"x": X * 1j, "y": Y}, "column 'x' holds complex numbers", "as two columns"),
    error(TYPES, LINE, {"x": np.ones((12, 2)), "y": Y}, "the matrix 'x' can stand only in dot(w, X)"),
    error(TYPES, LINE, pd.DataFrame({"x": [10**30] * 12, "y": Y}), "column 'x' holds objects", "Turn them into floats"),
    error(TYPES, LINE, pl.LazyFrame({"x": [1]}), "not lazy"),
    fits(TYPES, LINE, {"x": X.astype("f4"), "y": Y}, "converged", "the gradient is zero"),
    fits(TYPES, LINE, pl.DataFrame({"x": X > 0.5, "y": np.arange(12, dtype="u1")}), "converged", "the gradient is zero"),
    fits(ORDER, LINE, {"other": Y * 0, "y": Y, "x": X}, "converged", "the gradient is zero"),
    error(
        RESPONSE, LINE, {"x": X, "y": np.where(X > 0.5, 1, -1)}, "'logistic' needs a response of between 0 and 1",
        "'y' is -1 at row index 0 (6", "where(y > 0, 1, 0) ~", loss="logistic",
    ),
    error(
        RESPONSE, LINE, {"x": X, "y": -Y}, "loss 'poisson' needs a response of 0 or more; 'y' is -1 at row index 0", loss="poisson",
    ),
    fits(
        RESPONSE, LINE, {"x": X, "y": (X > 0.5) * 1}, "stopped", "the loss falls without end as b goes beyond",
        "fix a parameter", loss="logistic",
    ),
    fits(RESPONSE, LINE, {"x": X, "y": X * 0}, "stopped", "the loss falls without end as a goes beyond", loss="poisson"),
    fits(RESPONSE, LINE, {"x": X, "y": X * 0 + 2}, "converged", "the gradient is zero"),
    fits(
        RESPONSE, "y ~ a*exp(b*x)", {"x": X, "y": X * 0}, "stopped",
        "the model no longer depends on b here; start it elsewhere", start={"a": 0, "b": 1},
    ),
    error(WEIGHTS, LINE, D, "weights must be one number for each of the 12 rows: these have the shape (2,)", weights=[1, 2]),
    error(WEIGHTS, LINE, D, "not negative: weight -1.0 at row index 0 (12 such)", weights=-np.ones(12)),
    error(WEIGHTS, LINE, D, "weight nan at row index 3", weights=np.where(np.arange(12) == 3, np.nan, 1)),
    error(WEIGHTS, LINE, D, "weights are all zero: at least one row must count", weights=np.zeros(12)),
    error(WEIGHTS, LINE, D, "one number for each row, or the name of a column", weights=["a"] * 12),
    error(WEIGHTS, LINE, {**D, "sd": Y}, "no column 's': did you mean 'sd'?", weights="s"),
]  # fmt: skip

CASES = FORMULAE + DATA
# What the catalogue has and a fit does not meet: a rate that is too large (test_insight), the words of the command line (test_cli),
# mutated files by the hundred (test_data), hostile formulas by the thousand (test_hostile), a billion rows.
CATALOGUE = {
    NAMES, SYNTAX, RANK, OPTIONS, DOMAIN, SCALE, BOMBS, GAPS, EMPTY, FEW, TEXT, RAGGED, LARGE, SEPARATOR, HEADER, SHARDS, ROT,
    TYPES, ORDER, RESPONSE, WEIGHTS,
}  # fmt: skip


def name_of(case: Case) -> str:
    return f"{case.row}: {case.says[0] if case.says else case.warns}"[:60]


def source(case: Case, folder: Path) -> Any:
    """The data as the library is given them: bytes as a file."""
    if not isinstance(case.data, bytes):
        return case.data
    path = folder / f"data{case.suffix}"
    path.write_bytes(case.data)
    return str(path)


def test_every_row_of_the_catalogue_has_cases() -> None:
    assert {case.row for case in CASES} == CATALOGUE


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_library_says_what_and_where(case: Case, tmp_path: Path) -> None:
    options = dict(case.options)
    fitting = {name: options.pop(name) for name in ("starts", "seed") if name in options}
    data = source(case, tmp_path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if case.outcome == "error":
            with pytest.raises(st.SteepestError) as raised:
                st.Problem(case.formula, data, **options).fit(**fitting)
            text = str(raised.value)
            assert len(text.splitlines()) <= MOST_LINES
            if isinstance(case.data, bytes):
                assert f"data{case.suffix}" in text
        else:
            fit = st.Problem(case.formula, data, **options).fit(**fitting)
            text = fit.reason
            assert fit.outcome == case.outcome, text
            assert len(text) < 300
            if fit.outcome != "converged":
                assert np.isnan(list(fit.std_errors.values())).all()
    assert [part for part in case.says if part not in text] == [], text
    assert {warning.category for warning in caught} <= {st.SteepestWarning}
    said = "\n".join(str(warning.message) for warning in caught)
    assert case.warns in said and bool(said) == bool(case.warns), said


def in_a_shell(case: Case) -> bool:
    """Can the words of a command say it?"""
    plain = (str, int, float)
    said = [v for value in case.options.values() for v in (value.values() if isinstance(value, dict) else [value])]
    if not all(isinstance(value, plain) for value in said) or case.options.get("start") == {"a": "1"}:
        return False
    if isinstance(case.data, bytes):
        return True
    columns = list(case.data.values()) if isinstance(case.data, dict) else []
    same = len({np.shape(column) for column in columns}) == 1 and np.ndim(columns[0]) == 1
    return same and all(isinstance(value, plain) for column in columns for value in np.array(column, dtype=object).tolist())


def words_of(case: Case, folder: Path) -> list[str]:
    """The command of a case."""
    path = source(case, folder)
    if not isinstance(case.data, bytes):
        path = str(folder / "data.csv")
        with open(path, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([list(case.data), *zip(*(np.array(c).tolist() for c in case.data.values()), strict=True)])
    flags = [
        f"--{name}=" + (",".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else str(value))
        for name, value in case.options.items()
    ]
    return ["fit", case.formula, path, *flags]


@pytest.mark.parametrize("case", [case for case in CASES if in_a_shell(case)], ids=name_of)
def test_the_command_line_says_it_in_three_lines_and_by_its_exit_code(case: Case, tmp_path: Path, capsys: Any) -> None:
    code = main(words_of(case, tmp_path))
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    if case.outcome == "error":
        assert code in CODES["error"]
        assert 1 <= len(err.splitlines()) <= MOST_LINES and not out
    else:
        assert (code,) == CODES[case.outcome], err
        assert [part for part in case.says if part not in " ".join(out.split())] == [], out
        assert case.warns in " ".join(err.split())


def test_the_order_of_columns_changes_nothing() -> None:
    fits = [st.fit(LINE, data) for data in (D, {"y": Y, "x": X}, pd.DataFrame({"z": Y * 0, "y": Y, "x": X}))]
    assert len({tuple(fit.theta.tolist()) for fit in fits}) == 1
