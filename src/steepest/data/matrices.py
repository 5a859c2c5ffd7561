"""Matrix columns: a two-dimensional array, or a frame, in a mapping of data.

An array of float64, row by row, is used as it is, since a copy may not fit in memory: it must not be changed while it is in use.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.data.numbers import to_float64
from steepest.data.table import Array, counted, quoted
from steepest.errors import DataError
from steepest.language.blocks import Matrix


def matrix_of(values: Any) -> Matrix:
    """Its width, and the names of its columns where it is a frame."""
    columns = getattr(values, "columns", None)
    labels = () if columns is None else tuple(str(label) for label in columns)
    return Matrix(int(values.shape[1]), labels)


def from_matrix(values: Any, name: str, source: str) -> tuple[Array, tuple[str, ...]]:
    """A float64 array (rows, columns), and warnings. Raises DataError for what holds no numbers."""
    if hasattr(values, "toarray"):
        raise DataError(f"{source}, column {quoted(name)} is a sparse matrix, and dot needs a dense one.\nUse .toarray() on it.")
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(np.float64), np.nan)
    array = np.asarray(values)
    if array.ndim != 2 or not array.shape[1]:
        raise DataError(f"{source}, column {quoted(name)} has {counted(array.shape[-1], 'column')}: a matrix needs one or more")
    if array.dtype == np.float64:
        return np.ascontiguousarray(array).view(), ()
    numbers, warnings = to_float64(array.reshape(-1), name, source)
    return numbers.reshape(array.shape), warnings
