"""An array of any type becomes float64, or is refused by the name of its type."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.data.table import Array, counted, quoted, row_index
from steepest.errors import DataError

# What a column may hold that is no number, and what to do about it.
REMEDIES = {
    "text": "Turn it into numbers, or into columns of 0 and 1, one for each value.",
    "categories": "Turn them into columns of 0 and 1, one for each category.",
    "dates or times": "Turn them into numbers, such as the days since the first.",
    "decimals": "Turn them into floats.",
    "complex numbers": "Give the real and the imaginary part as two columns.",
    "objects": "Turn them into floats, with NaN for a missing one.",
    "values of another type": "Turn them into floats.",
}
_KINDS = {"c": "complex numbers", "M": "dates or times", "m": "dates or times", "O": "objects"} | dict.fromkeys("SUT", "text")


def refused(source: str, name: str, kind: str, detail: str) -> DataError:
    """The error for a column that holds no numbers: `kind` is a key of `REMEDIES`."""
    return DataError(
        f"{source}, column {quoted(name)} holds {kind} ({detail}), where float, integer or boolean is needed.\n{REMEDIES[kind]}"
    )


def rounding(source: str, name: str, count: int, row: str, value: str, kept: float) -> str:
    """The warning for numbers with more digits than a float64 holds."""
    return (
        f"{source}, column {quoted(name)}: {counted(count, 'number')} rounded to float64, the first at {row}"
        f" ({quoted(value, 30)} became {kept!r})"
    )


def from_arraylike(values: Any, name: str, source: str) -> tuple[Array, tuple[str, ...]]:
    """A new float64 array with the values of a list, tuple, array or masked array (NaN where masked), and warnings."""
    try:
        array = np.asanyarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        raise DataError(f"{source}, column {quoted(name)} is no array: {str(error).splitlines()[0]}") from error
    if array.ndim != 1:
        raise DataError(f"{source}, column {quoted(name)} {_wrong_shape(array)}")
    numbers, warnings = to_float64(np.asarray(array), name, source)
    if type(array) is not np.ndarray and isinstance(array, np.ma.MaskedArray):  # numpy.ma takes 10 ms to import
        numbers[np.ma.getmaskarray(array)] = np.nan
    return numbers, warnings


def to_float64(array: NDArray[Any], name: str, source: str) -> tuple[Array, tuple[str, ...]]:
    """A new float64 array with the values of a one-dimensional one (booleans as 0 and 1), and warnings."""
    if array.dtype == np.float64:
        return array.astype(np.float64, order="C"), ()
    if array.dtype.kind not in "fiub":
        raise refused(source, name, _KINDS.get(array.dtype.kind, "values of another type"), _detail(array))
    with np.errstate(over="ignore"):
        numbers = array.astype(np.float64, order="C")
    overflown = np.flatnonzero(np.isinf(numbers) & np.isfinite(array))
    if len(overflown):
        raise DataError(
            f"{source}, column {quoted(name)}, {row_index(int(overflown[0]))}: {array[overflown[0]]!s} is beyond the"
            f" largest float64 ({counted(len(overflown), 'such value')} in all).\nGive the column in another unit."
        )
    inexact = np.flatnonzero(_rounded(array, numbers))
    if not len(inexact):
        return numbers, ()
    first = int(inexact[0])
    return numbers, (rounding(source, name, len(inexact), row_index(first), str(array[first]), float(numbers[first])),)


def _rounded(array: NDArray[Any], numbers: Array) -> NDArray[np.bool_]:
    if array.dtype.kind == "f":
        return np.asarray((numbers != array) & ~np.isnan(numbers))
    if array.dtype.kind == "b":
        return np.zeros(len(array), dtype=np.bool_)
    # Compared as unsigned magnitudes, since a rounded number may lie just outside the range of its own type.
    exact: NDArray[np.uint64] = (np.abs(array) if array.dtype.kind == "i" else array).astype(np.uint64)
    size = np.abs(numbers)
    return np.asarray(exact != np.where(size < 2.0**64, size, 0.0).astype(np.uint64))


def _detail(array: NDArray[Any]) -> str:
    if array.dtype.kind != "O":
        return str(array.dtype)
    for row, value in enumerate(array):
        if not isinstance(value, (int, float)):
            return f"the first: {quoted(str(value), 30)} of type {type(value).__name__} at {row_index(row)}"
    return "Python numbers"


def _wrong_shape(array: NDArray[Any]) -> str:
    if array.ndim == 0 and array.dtype.kind in "fiub":
        return f"is a single number.\nWrite [{array}] for one row."
    if array.ndim == 0:
        return f"is no array but one value of type {type(array.item()).__name__}.\nGive a list or an array of numbers."
    if array.ndim == 2 and 1 in array.shape:
        return f"has the shape {array.shape}, where one dimension is needed.\nUse .ravel() on it."
    return f"has the shape {array.shape}, where one dimension is needed.\nGive each of its columns a name of its own."
