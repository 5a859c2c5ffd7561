"""A column whose values name groups of rows, as control and treated, or 1, 2, 3: its labels, and each row's code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steepest.data.table import Array, Reading, Table, counted, quoted, row_index, rows_of
from steepest.errors import DataError, unknown

MOST_GROUPS = 500


class Group(NamedTuple):
    """A column of labels, the name of its column of codes, and the labels: the k-th has the code k, from 1."""

    column: str
    code: str
    labels: tuple[str, ...]


class Labelled(NamedTuple):
    """The labels of a column, and which of them each row has, (rows,): -1 where it has none."""

    labels: tuple[str, ...]
    which: NDArray[np.int64]


def labelled(table: Table, name: str) -> Labelled:
    """Labels are texts, without blanks around them; a whole number is written without a point. Numbers rise, texts come as they do.

    Raises DataError for a column that is not there, that holds neither texts nor numbers, or has more than 500 labels.

    >>> from steepest.data.read import read_table
    >>> labelled(read_table({"run": ["treated", "control", "treated", ""]}), "run")
    Labelled(labels=('treated', 'control'), which=array([ 0,  1,  0, -1]))
    """
    table.check([name])
    values = _values(table.raw(name) if table.raw else table.read((name,)).arrays[name], name, table.source)
    found = _numbers(values) if isinstance(values, np.ndarray) else _texts(values, name, table.source)
    if len(found.labels) > MOST_GROUPS:
        raise DataError(
            f"{table.source}, column {quoted(name)} has {len(found.labels):,} different values: at most {MOST_GROUPS} groups"
            " of rows can have parameters of their own.\nName a column that says which run, subject or treatment a row belongs to."
        )
    if not found.labels:
        raise DataError(f"{table.source}, column {quoted(name)} has no label in any row")
    return _risen(found)


def coded(table: Table, groups: Sequence[Group], label: str | None = None) -> Table:
    """The table with a column of codes for each group; with a `label`, all rows have that one.

    Reading it raises DataError for a label that is not known.
    """
    codes = {group.code: group for group in groups}

    def read(names: tuple[str, ...]) -> Reading:
        plain = tuple(name for name in names if name not in codes)
        got = table.read(plain or table.names[:1]) if plain or label is not None else Reading({}, (), row_index)
        arrays = dict(got.arrays)
        for name in names:
            if name in codes and label is None:
                arrays[name] = codes_of(table, codes[name])
            elif name in codes:
                rows = rows_of(got, tuple(got.arrays), table.source)
                arrays[name] = np.full(rows, float(code_of(label or "", codes[name], table.source)))
        return got._replace(arrays={name: arrays[name] for name in names})

    return Table((*(name for name in table.names if name not in codes), *codes), table.source, read, raw=table.raw)


def codes_of(table: Table, group: Group) -> Array:
    """1, 2, … for the labels of a group, NaN where a row has none, (rows,)."""
    found = labelled(table, group.column)
    known = [float(code_of(label, group, table.source)) for label in found.labels]
    return np.array([*known, np.nan])[found.which]


def code_of(label: str, group: Group, source: str) -> int:
    """The code of one label. Raises DataError with the known ones."""
    if label not in group.labels:
        raise DataError(f"{source}, column {quoted(group.column)}: {unknown('label', label, group.labels)}")
    return group.labels.index(label) + 1


def label_of(value: Any) -> str | None:
    """One value as a label, None where it is missing.

    >>> label_of(2.0), label_of(0.5), label_of(" control "), label_of(float("nan"))
    ('2', '0.5', 'control', None)
    """
    if isinstance(value, str):
        return value.strip() or None
    if value is None or (isinstance(value, float | np.floating) and not np.isfinite(value)):
        return None
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(type(value).__name__)
    return str(int(value)) if value == int(value) else repr(float(value))


def _values(raw: Any, name: str, source: str) -> NDArray[Any] | list[Any]:
    """Numbers as an array, anything else as a list."""
    if isinstance(raw, list | tuple | range | np.ndarray):
        array = np.asanyarray(raw)
    else:
        import narwhals.stable.v2 as nw

        series: Any = nw.from_native(raw, series_only=True, pass_through=True)
        if isinstance(series, nw.Series):
            return [*series.to_list()]
        array = np.asanyarray(raw)
    if array.ndim != 1:
        raise DataError(f"{source}, column {quoted(name)} has the shape {array.shape}, where one label a row is needed")
    masked = np.ma.getmaskarray(array) if isinstance(array, np.ma.MaskedArray) else None
    if array.dtype.kind in "fiu" and masked is None:
        return array
    values = [*raw] if isinstance(raw, list | tuple) else array.tolist()
    return values if masked is None else [None if hidden else value for value, hidden in zip(values, masked, strict=True)]


def _numbers(array: NDArray[Any]) -> Labelled:
    kept = np.isfinite(array)
    unique, inverse = np.unique(array[kept], return_inverse=True)
    if len(unique) > MOST_GROUPS:
        return Labelled(("",) * len(unique), inverse)  # to be refused: no labels are made
    index = np.full(len(array), -1)
    index[kept] = inverse
    return Labelled(tuple(str(label_of(value)) for value in unique), index)


def _texts(values: list[Any], name: str, source: str) -> Labelled:
    known: dict[str, int] = {}
    index = np.full(len(values), -1)
    for row, value in enumerate(values):
        try:
            label = label_of(value)
        except TypeError as error:
            raise DataError(
                f"{source}, column {quoted(name)}, {row_index(row)}: a {error} is no label."
                "\nLabels are texts or numbers: turn it into one."
            ) from None
        if label is not None:
            index[row] = known.setdefault(label, len(known))
    return Labelled(tuple(known), index)


def _risen(found: Labelled) -> Labelled:
    """With labels in rising order, where all of them are numbers."""
    try:
        order = np.argsort([float(label) for label in found.labels], kind="stable")
    except ValueError:
        return found
    place = np.empty(len(order) + 1, dtype=np.int64)
    place[order], place[-1] = np.arange(len(order)), -1
    return Labelled(tuple(found.labels[k] for k in order), place[found.which])


def check_groups(groups: Sequence[Group], codes: Sequence[Array], source: str) -> None:
    """Raises DataError for a label that no row has any more, when rows were dropped."""
    for group, code in zip(groups, codes, strict=True):
        for number, label in enumerate(group.labels, 1):
            if not (code == number).any():
                rows = counted(len(code), "row")
                raise DataError(
                    f"{source}: none of the {rows} that are left has {quoted(group.column)} {quoted(label)}."
                    "\nGive it rows without gaps, or leave it out of the data."
                )
