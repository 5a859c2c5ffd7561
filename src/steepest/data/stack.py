"""Tables one under the other, with a column that says which rows come from which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from steepest.data.labels import labelled
from steepest.data.numbers import from_arraylike
from steepest.data.table import Array, Reading, Table, rows_of
from steepest.errors import OptionError


class Part(NamedTuple):
    """A table, what messages call it, and the columns of it that its rows need: what they lack is filled."""

    name: str
    table: Table
    columns: tuple[str, ...]


def stacked(parts: Sequence[Part], code: str, source: str) -> Table:
    """The rows of all parts, with 1, 2, … in the column `code`. Parts read columns by name, whatever else their tables hold.

    A column that the rows of one part do not need is filled there with the first number that another part has in it: a value
    inside the domain of the functions it goes through, though no branch of the formula that these rows use has it.

    >>> from steepest.data.read import read_table
    >>> one, two = read_table({"x": [1, 2], "u": [3, 4]}), read_table({"x": [5], "v": [6]})
    >>> table = stacked([Part("set 1", one, ("x", "u")), Part("set 2", two, ("x", "v"))], "set", "both")
    >>> {name: column.tolist() for name, column in zip(table.names, table.columns(table.names).arrays)}
    {'x': [1.0, 2.0, 5.0], 'u': [3.0, 4.0, 3.0], 'v': [6.0, 6.0, 6.0], 'set': [1.0, 1.0, 2.0]}
    """
    names = tuple(dict.fromkeys(name for part in parts for name in part.columns))

    def read(asked: tuple[str, ...]) -> Reading:
        readings = [_read(part, asked) for part in parts]
        sizes = [rows_of(reading, tuple(reading.arrays), part.table.source) for reading, part in zip(readings, parts, strict=True)]
        arrays = {code: np.repeat(np.arange(1.0, len(parts) + 1), sizes)}
        for name in (name for name in asked if name != code):
            fill = _fill([reading.arrays[name] for reading in readings if name in reading.arrays])
            pieces = [reading.arrays.get(name, np.full(rows, fill)) for reading, rows in zip(readings, sizes, strict=True)]
            arrays[name] = np.concatenate(pieces)
        ends = np.cumsum(sizes)

        def row(number: int) -> str:
            k = int(np.searchsorted(ends, number, side="right"))
            return f"{parts[k].name}, {readings[k].row(number - int(ends[k]) + sizes[k])}"

        warnings = tuple(dict.fromkeys(warning for reading in readings for warning in reading.warnings))
        return Reading({name: arrays[name] for name in asked}, warnings, row)

    def raw(name: str) -> list[str | None]:
        return [label for part in parts for label in _labels(part.table, name)]

    return Table((*names, code), source, read, raw=raw)


def with_column(table: Table, name: str, given: Any, what: str) -> Table:
    """The table with one more column: a number for all its rows, one of its columns again, or an array with a number a row.

    `what` names the option in errors. Raises DataError for a column that is not there, OptionError for anything else.
    """
    if isinstance(given, str):
        table.check([given])
    elif np.ndim(given) == 0 and (isinstance(given, bool) or not isinstance(given, int | float | np.number)):
        raise OptionError(f"{what} of {table.source} is {given!r}: give a number, the name of a column, or a number for each row")

    def read(asked: tuple[str, ...]) -> Reading:
        plain = [one for one in asked if one != name]
        if name in asked and (isinstance(given, str) or not plain):
            plain.append(given if isinstance(given, str) else table.names[0])
        got = table.read(tuple(dict.fromkeys(plain)))
        arrays = dict(got.arrays)
        if name in asked and isinstance(given, str):
            arrays[name] = arrays[given]
        elif name in asked:
            rows = len(next(iter(arrays.values())))
            arrays[name] = np.full(rows, float(given)) if np.ndim(given) == 0 else from_arraylike(given, what, table.source)[0]
        return got._replace(arrays={one: arrays[one] for one in asked})

    return Table((*(one for one in table.names if one != name), name), table.source, read, raw=table.raw)


def _read(part: Part, asked: tuple[str, ...]) -> Reading:
    mine = tuple(name for name in asked if name in part.columns)
    part.table.check(mine)
    return part.table.read(mine or part.columns[:1])


def _fill(columns: Sequence[Array]) -> float:
    return next((float(column[k]) for column in columns for k in np.flatnonzero(np.isfinite(column))[:1]), 1.0)


def _labels(table: Table, name: str) -> list[str | None]:
    found = labelled(table, name)
    return [*np.array([*found.labels, None], dtype=object)[found.which]]
