"""Table and Columns: what a source of data looks like to the rest, and the checks that all sources share."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steepest.errors import DataError, OptionError, unknown
from steepest.language.blocks import Matrix

Array = NDArray[np.float64]


class Reading(NamedTuple):
    """Columns as a source gives them: NaN where a value is missing, and how a row is called in messages."""

    arrays: Mapping[str, Array]
    warnings: tuple[str, ...]
    row: Callable[[int], str]


def reading(done: Mapping[str, tuple[Array, tuple[str, ...]]], row: Callable[[int], str]) -> Reading:
    """A Reading of columns that come each with its own warnings."""
    warnings = tuple(warning for _, said in done.values() for warning in said)
    return Reading({name: numbers for name, (numbers, _) in done.items()}, warnings, row)


@dataclass(frozen=True, eq=False)
class Columns:
    """Finite float64 arrays of equal length, contiguous and read-only, in the order of `names`.

    `dropped` counts the rows left out with missing="drop"; `warnings` says what was dropped or rounded.
    """

    names: tuple[str, ...]
    arrays: tuple[Array, ...] = field(repr=False)
    source: str
    dropped: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        return len(self.arrays[0])

    def first(self, count: int) -> Columns:
        """The first few columns, as they are."""
        return replace(self, names=self.names[:count], arrays=self.arrays[:count])

    def rows_of(self, numbers: NDArray[Any]) -> Columns:
        """The same columns with some of their rows, by number."""
        return replace(self, arrays=tuple(np.ascontiguousarray(array[numbers]) for array in self.arrays))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over names, number of rows and the bytes of the values: equal exactly when the data are."""
        digest = hashlib.sha256(json.dumps([self.names, self.rows]).encode())
        for array in self.arrays:
            digest.update(array.astype("<f8", copy=False).data)
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Table:
    """Named columns that are read when they are asked for.

    `start`, `formula` and `loss` are those of a shipped example, empty otherwise. `raw` gives a column as the source holds it, for
    one of labels; where there is none, its numbers are its labels. `matrices` are the columns that hold several numbers a row:
    arrays (rows, size).
    """

    names: tuple[str, ...]
    source: str
    read: Callable[[tuple[str, ...]], Reading] = field(repr=False)
    start: Mapping[str, float] = field(default_factory=dict)
    formula: str = ""
    loss: str = ""
    raw: Callable[[str], Any] | None = field(default=None, repr=False)
    matrices: Mapping[str, Matrix] = field(default_factory=dict)

    def columns(self, names: Sequence[str], missing: str = "refuse") -> Columns:
        """Reads these columns.

        `missing` is "refuse", or "drop" to leave out every row with a missing or infinite value in one of them.
        Raises `DataError` for a column that is not there or does not hold finite numbers.

        >>> from steepest.data.read import read_table
        >>> read_table({"x": [1, 2], "y": [3.0, 6.0]}).columns(["y"]).arrays
        (array([3., 6.]),)
        """
        if missing not in ("refuse", "drop"):
            raise OptionError(unknown("value of missing", missing, ["refuse", "drop"]))
        asked = tuple(dict.fromkeys(names))
        if not asked:
            raise DataError(f"{self.source}: no column was asked for")
        self.check(asked)
        return _settled(self.read(asked), asked, self.source, missing)

    def check(self, names: Sequence[str]) -> None:
        """Raises DataError for a name that is no column."""
        for name in names:
            if name not in self.names:
                raise DataError(self._not_found(name))

    def _not_found(self, name: str) -> str:
        trimmed = [other for other in self.names if other.strip() == name.strip()]
        near = trimmed or difflib.get_close_matches(name, self.names, n=1)
        hint = f"did you mean {quoted(near[0])}?" if near else ""
        if trimmed:
            hint = f"there is {quoted(trimmed[0])}, with blanks around the name: rename it"
        listed = ", ".join(quoted(other) for other in self.names[:20])
        more = f" and {len(self.names) - 20} more" if len(self.names) > 20 else ""
        sentence = f"{self.source} has no column {quoted(name)}" + (f": {hint}" if hint else "")
        return f"{sentence}\nIts columns: {listed or 'none'}{more}"


def quoted(text: str, width: int = 60) -> str:
    """A name or a cell in a message: on one line, and not too long."""
    return repr(text if len(text) <= width else text[: width - 1] + "…")


def row_index(row: int) -> str:
    """How a row of an array or a frame is called."""
    return f"row index {row}"


def counted(number: int, noun: str) -> str:
    """A number and its noun: "1 row", "2 rows"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _settled(reading: Reading, names: tuple[str, ...], source: str, missing: str) -> Columns:
    arrays = [reading.arrays[name] for name in names]
    rows = rows_of(reading, names, source)
    warnings = reading.warnings
    good = np.logical_and.reduce([finite_rows(array) for array in arrays])
    dropped = rows - int(np.count_nonzero(good))
    if dropped and missing == "refuse":
        raise DataError(_not_finite(reading, names, source))
    if dropped == rows:
        raise DataError(
            f"{source}: no row is left, each of the {rows:,} has a missing or infinite value in {listed(names)}.\n"
            "Mend these values."
        )
    if dropped:
        infinite = int(np.count_nonzero(np.logical_or.reduce([np.isinf(array.reshape(rows, -1)).any(axis=1) for array in arrays])))
        of_these = f", {infinite:,} of them for an infinite one" if infinite else ""
        warnings = (*warnings, f"{source}: {dropped:,} of {counted(rows, 'row')} dropped for a missing value{of_these}")
        arrays = [array[good] for array in arrays]
    for array in arrays:
        array.setflags(write=False)
    return Columns(names, tuple(arrays), source, dropped, warnings)


def rows_of(reading: Reading, names: Sequence[str], source: str) -> int:
    """How many rows these columns have. Raises DataError for none, or for columns of different length."""
    rows = len(reading.arrays[names[0]])
    for name in names:
        if len(reading.arrays[name]) != rows:
            raise DataError(
                f"{source}: columns of different length, {quoted(names[0])} has {counted(rows, 'row')} and"
                f" {quoted(name)} has {len(reading.arrays[name]):,}.\nGive one value per row in each."
            )
    if not rows:
        raise DataError(f"{source} has no rows.\nGive at least one.")
    return rows


def finite_rows(array: Array) -> NDArray[np.bool_]:
    """Which rows hold finite numbers only, (rows,)."""
    if array.ndim == 1:
        return np.isfinite(array)
    with np.errstate(all="ignore"):  # a sum is finite only where all are, or else it overflows
        good = np.isfinite(array @ np.ones(array.shape[1]))
    doubtful = np.flatnonzero(~good)
    good[doubtful] = np.isfinite(array[doubtful]).all(axis=1)
    return good


def listed(names: Sequence[str]) -> str:
    """Names in a message."""
    return ", ".join(quoted(name) for name in names)


def _not_finite(reading: Reading, names: tuple[str, ...], source: str) -> str:
    bad = {name: np.flatnonzero(~finite_rows(reading.arrays[name])) for name in names}
    name, *others = [name for name in names if len(bad[name])]
    array, first = reading.arrays[name], int(bad[name][0])
    missing, infinite = int(np.count_nonzero(np.isnan(array))), int(np.count_nonzero(np.isinf(array)))
    kinds = [f"{count:,} {kind}" for count, kind in ((missing, "missing (or NaN)"), (infinite, "infinite")) if count]
    also = f"; so has {listed(others)}" if others else ""
    return (
        f"{source}, column {quoted(name)}: {' and '.join(kinds)} of {counted(array.size, 'value')}, the first at"
        f" {reading.row(first)}{also}.\nMend these values, or leave out such rows with missing='drop'."
    )
