"""Groups of columns that are read as one matrix: `groups={"X": ["x_1", "x_2"]}`, or by a pattern, "x_*"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from steepest.data.table import Reading, Table, counted, listed, quoted
from steepest.errors import DataError, OptionError
from steepest.language.blocks import Block, Matrix


def grouped(table: Table, groups: Mapping[str, Sequence[str] | str] | None) -> Table:
    """The same table with a matrix (rows, columns) for each group, under its name. A pattern takes columns in their order.

    Raises OptionError for a group that is empty, or has the name of a column; DataError for a column that is not there.

    >>> from steepest.data.read import read_table
    >>> table = grouped(read_table({"y": [0, 1], "x_1": [1, 2], "x_2": [3, 4]}), {"X": "x_*"})
    >>> table.columns(["X"]).arrays[0].tolist()
    [[1.0, 3.0], [2.0, 4.0]]
    """
    if not groups:
        return table
    if not isinstance(groups, Mapping):
        raise OptionError('groups is a mapping of names to columns, as {"X": ["x_1", "x_2"]} or {"X": "x_*"}')
    members = {name: _members(table, name, given) for name, given in groups.items()}

    def read(names: tuple[str, ...]) -> Reading:
        wanted = [other for name in names for other in members.get(name, (name,))]
        found = table.read(tuple(dict.fromkeys(wanted)))
        arrays: dict[str, Any] = {}
        for name in names:
            arrays[name] = np.column_stack([found.arrays[m] for m in members[name]]) if name in members else found.arrays[name]
        return found._replace(arrays=arrays)

    matrices = {name: Matrix(len(labels), labels) for name, labels in members.items()}
    return replace(table, names=(*table.names, *members), matrices={**table.matrices, **matrices}, read=read)


def regrouped(table: Table, blocks: Sequence[Block]) -> Table:
    """The same table with the matrices of these blocks, put together from the columns that they were made of.

    Raises DataError for a matrix of another width.
    """
    missing = {block.matrix: list(block.labels) for block in blocks if block.labels and block.matrix not in table.names}
    table = grouped(table, missing)
    for block in blocks:
        width = table.matrices.get(block.matrix, Matrix(block.size)).size
        if width != block.size:
            raise DataError(
                f"{table.source}: {quoted(block.matrix)} has {counted(width, 'column')}, and was fitted with {block.size:,}"
            )
        if block.matrix in table.names and block.matrix not in table.matrices:
            raise DataError(
                f"{table.source}: {quoted(block.matrix)} is a single column, and was fitted as a matrix of {block.size:,}"
            )
    return table


def _members(table: Table, name: str, given: Any) -> tuple[str, ...]:
    if not isinstance(name, str) or name in table.names:
        raise OptionError(f"groups: {quoted(str(name))} is the name of a column: call the group something else")
    if isinstance(given, str):
        found = tuple(column for column in table.names if fnmatchcase(column, given) and column not in table.matrices)
        if not found:
            some = listed(table.names[:20]) + (f" and {len(table.names) - 20} more" if len(table.names) > 20 else "")
            raise DataError(
                f"{table.source} has no column of the pattern {quoted(given)} for the group {quoted(name)}.\nIt has {some}"
            )
        return found
    found = tuple(given) if isinstance(given, Sequence) else ()
    if not found or not all(isinstance(column, str) for column in found) or len(set(found)) < len(found):
        raise OptionError(f'groups: {quoted(name)} needs columns by name, each once, as ["x_1", "x_2"], or a pattern, as "x_*"')
    known = set(table.names)
    for column in found:
        if column not in known or column in table.matrices:
            raise DataError(f"{table.source} has no single column {quoted(column)}, which the group {quoted(name)} names")
    return found
