"""Frames and series of pandas, polars and pyarrow, through narwhals."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.data.numbers import from_arraylike, refused, to_float64
from steepest.data.table import Array, Reading, Table, reading, row_index
from steepest.errors import DataError

_KINDS = {
    "text": ("String",),
    "categories": ("Categorical", "Enum"),
    "dates or times": ("Date", "Datetime", "Time", "Duration"),
    "decimals": ("Decimal",),
    "objects": ("Object",),
}


def open_frame(data: object, source: str | None) -> Table | None:
    """The table of a frame in memory, or None if `data` is none. `source` is "pandas frame" or so unless given."""
    import narwhals.stable.v2 as nw

    try:
        frame: Any = nw.from_native(data, eager_only=True, pass_through=True)
        if not isinstance(frame, nw.DataFrame):
            return None
        names = tuple(name for name in frame.columns if isinstance(name, str))
    except (nw.exceptions.NarwhalsError, TypeError, ValueError) as error:
        raise DataError(f"the frame cannot be used: {' '.join(str(error).split())[:200]}") from error
    source = source or f"{frame.implementation.name.lower()} frame"
    return Table(names, source, lambda asked: read_frame(data, source, asked), raw=lambda name: frame[name].to_native())


def read_frame(data: object, source: str, names: tuple[str, ...]) -> Reading:
    """These columns of a frame that narwhals knows."""
    import narwhals.stable.v2 as nw

    frame: Any = nw.from_native(data, eager_only=True, pass_through=True)
    return reading({name: _from_series(frame[name], name, source) for name in names}, row_index)


def from_values(values: Any, name: str, source: str) -> tuple[Array, tuple[str, ...]]:
    """The values of a column in a mapping, and warnings: a list, tuple or array, or a series of a library."""
    if isinstance(values, (np.ndarray, list, tuple, range)):
        return from_arraylike(values, name, source)
    import narwhals.stable.v2 as nw

    series: Any = nw.from_native(values, series_only=True, pass_through=True)
    if isinstance(series, nw.Series):
        return _from_series(series, name, source)
    return from_arraylike(values, name, source)


def _from_series(series: Any, name: str, source: str) -> tuple[Array, tuple[str, ...]]:
    import narwhals.stable.v2 as nw

    dtype = series.dtype
    if not (dtype.is_float() or dtype.is_integer() or dtype == nw.Boolean):
        named = type(dtype).__name__
        kind = next((kind for kind, types in _KINDS.items() if named in types), "values of another type")
        raise refused(source, name, kind, str(dtype))
    missing = series.is_null().to_numpy()
    if missing.any():  # filled, so that integers beside a missing one stay integers until they are checked
        series = series.fill_null(False if dtype == nw.Boolean else 0)
    numbers, warnings = to_float64(series.to_numpy(), name, source)
    numbers[missing] = np.nan
    return numbers, warnings
