"""`read_table`: the one door to the data."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from steepest.data.csv_file import open_csv
from steepest.data.examples import example
from steepest.data.frames import from_values, open_frame
from steepest.data.matrices import from_matrix, matrix_of
from steepest.data.parquet_file import open_parquet
from steepest.data.table import Reading, Table, quoted, reading, row_index
from steepest.errors import DataError

FILES = {".csv": open_csv, ".tsv": open_csv, ".parquet": open_parquet}
NAMED = f"a file ending in {', '.join(FILES)}, or '@name' of a shipped example"
ACCEPTED = f"a mapping of names to arrays, a pandas, polars or pyarrow frame (collected, not lazy), {NAMED}"


def read_table(data: object, name: str | None = None) -> Table:
    """The columns of `data`, by name; nothing but a file's header is read until `columns` is called.

    `data`: a mapping of names to one-dimensional array-likes (or matrices, for `dot`), a pandas, polars or pyarrow frame, the
    path of a .csv, .tsv or .parquet file, "@name" of a shipped example, or a Table. `name` is what messages call the first three.
    Raises `DataError`.

    >>> read_table({"x": [1.0, 2.0], "y": [3.0, 6.0]}).names
    ('x', 'y')
    """
    if isinstance(data, Table):
        return data
    if isinstance(data, str) and data.startswith("@"):
        return example(data)
    if isinstance(data, (str, os.PathLike)):
        return _file(Path(data), name or str(data))
    if isinstance(data, Mapping):
        return _mapping(data, name or "mapping")
    table = open_frame(data, name)
    if table is None:
        raise DataError(f"data of type {type(data).__name__} cannot be read.\nAccepted: {ACCEPTED}.")
    return table


def _file(path: Path, source: str) -> Table:
    reader = FILES.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{quoted(source, 200)} cannot be read as data.\nAccepted: {NAMED}.")
    try:
        if path.is_dir():
            raise DataError(f"{source} is a folder.\nGive the path of a file.")
        if not path.exists():
            raise DataError(_not_found(path, source))
        if not path.is_file():
            raise DataError(f"{source} is no ordinary file")
        table = reader(path, source)
    except OSError as error:
        raise _closed(source, error) from error
    return replace(table, read=partial(_read_file, table), raw=partial(_raw_file, table))


def _read_file(table: Table, names: tuple[str, ...]) -> Reading:
    try:
        return table.read(names)
    except OSError as error:
        raise _closed(table.source, error) from error


def _raw_file(table: Table, name: str) -> Any:
    try:
        return table.raw(name) if table.raw else table.read((name,)).arrays[name]
    except OSError as error:
        raise _closed(table.source, error) from error


def _closed(source: str, error: OSError) -> DataError:
    return DataError(f"{source} cannot be read: {error.strerror or error}")


def _not_found(path: Path, source: str) -> str:
    if not path.parent.is_dir():
        return f"{source} does not exist: there is no folder {quoted(str(path.parent), 200)}"
    others = {other.stem: other.name for other in path.parent.iterdir() if other.suffix.lower() in FILES}
    near = difflib.get_close_matches(path.stem, others, n=1, cutoff=0.75)
    return f"{source} does not exist" + (f": did you mean {quoted(others[near[0]])}?" if near else "")


def _mapping(data: Mapping[Any, Any], source: str) -> Table:
    for key in data:
        if not isinstance(key, str):
            raise DataError(f"{source}: the name of a column must be a str, not {quoted(str(key))} ({type(key).__name__})")
    if not data:
        raise DataError(f"{source} has no columns.\nGive a name and an array for each.")
    held = dict(data)
    matrices = {name: matrix_of(values) for name, values in held.items() if getattr(values, "ndim", 1) == 2}
    return Table(tuple(held), source, partial(_read_mapping, held, source), raw=held.__getitem__, matrices=matrices)


def _read_mapping(data: dict[str, Any], source: str, names: tuple[str, ...]) -> Reading:
    readers = {name: from_matrix if getattr(data[name], "ndim", 1) == 2 else from_values for name in names}
    return reading({name: readers[name](data[name], name, source) for name in names}, row_index)
