"""The data of an exported script, as code: a file that it reads, a shipped example that it makes, or the numbers themselves.

A name of a column or a path enters the code as a string literal in ASCII, and in no other way.
"""

from __future__ import annotations

import csv
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from steepest.data.table import Columns
from steepest.errors import OptionError

Array = np.ndarray[Any, Any]
MOST_ROWS = 500  # of numbers written into a script
SINES = {"@sine": 4000, "@sine2000": 2000}
DELIMITERS = {".csv": ",", ".tsv": "\t"}


class Data(NamedTuple):
    """What a script imports, the lines that come first, and for each column an expression that is a list of numbers."""

    imports: tuple[str, ...]
    lines: tuple[str, ...]
    columns: tuple[str, ...]
    weights: str | None


def data_code(columns: Columns, weights: Array | None) -> Data:
    """Code that gives exactly these columns. Raises OptionError where there are too many rows to write down and no file to read."""
    if columns.source in SINES and weights is None:
        return _sine(columns)
    path = Path(columns.source)
    if weights is None and not columns.dropped and path.is_file():
        if path.suffix.lower() == ".parquet":
            return _parquet(columns)
        if _reads_plainly(path, columns):
            return csv_code(ascii(columns.source), columns.names, DELIMITERS[path.suffix.lower()])
    if columns.rows > MOST_ROWS:
        raise OptionError(
            f"the {columns.rows:,} rows of {columns.source} cannot be read by a script as they are, and more than {MOST_ROWS} are\n"
            "not written into one: save them as a CSV or Parquet file without gaps, and without weights"
        )
    lists = tuple(_list(column) for column in columns.arrays)
    return Data((), (), lists, None if weights is None else _list(weights))


def csv_code(path: str, names: Sequence[str], delimiter: str = ",") -> Data:
    """Code that reads these columns of a CSV file; `path` is code."""
    separator = "" if delimiter == "," else f", delimiter={delimiter!r}"
    lines = (
        f'with open({path}, encoding="utf-8-sig", newline="") as file:',
        f"    rows = list(csv.DictReader(file{separator}))",
    )
    return Data(("import csv",), lines, tuple(f"[float(row[{name!a}]) for row in rows]" for name in names), None)


def _parquet(columns: Columns) -> Data:
    listed = ", ".join(ascii(name) for name in columns.names)
    lines = (f"table = pyarrow.parquet.read_table({columns.source!a}, columns=[{listed}])",)
    return Data(("import pyarrow.parquet",), lines, tuple(f"table[{n!a}].to_pylist()" for n in columns.names), None)


def _reads_plainly(path: Path, columns: Columns) -> bool:
    """Would the exported lines read the same numbers?"""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, delimiter=DELIMITERS[path.suffix.lower()]))
        read = [np.array([float(row[name]) for row in rows]) for name in columns.names]
    except (KeyError, ValueError, TypeError):
        return False
    return all(np.array_equal(one, other) for one, other in zip(read, columns.arrays, strict=True))


def _sine(columns: Columns) -> Data:
    n = SINES[columns.source]
    lines = (f"grid = [-math.pi + i*(2*math.pi/{n - 1}) for i in range({n})]",)
    made = {"x": "grid", "y": "[math.sin(value) for value in grid]"}
    return Data(("import math",), lines, tuple(made[name] for name in columns.names), None)


def _list(values: Array) -> str:
    text = ", ".join(repr(value) for value in values.tolist())
    if len(text) < 90:
        return f"[{text}]"
    return "[\n" + textwrap.indent(textwrap.fill(text, 110), "    ") + "\n]"
