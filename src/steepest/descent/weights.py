"""The weights of rows, as a user gives them."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.descent.objective import Array
from steepest.descent.trace import frozen
from steepest.errors import OptionError


def plain_weights(given: Any) -> Any:
    """What a recipe can hold of weights by column: the name of one, or for several sets a name or a number each; else None."""
    if isinstance(given, str):
        return given
    return list(given) if all(isinstance(one, str | int | float) for one in given) else None


def read_weights(given: Any, rows: int) -> Array:
    """Non-negative finite weights, one a row, not all zero."""
    try:
        weights = np.array(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise OptionError("weights must be one number for each row, or the name of a column") from None
    if weights.shape != (rows,):
        raise OptionError(f"weights have the shape {weights.shape}: give one for each of the {rows} rows")
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise OptionError(f"weights must be finite and not negative: weight {weights[row]} at row index {row} ({wrong.sum()} such)")
    if not weights.any():
        raise OptionError("weights are all zero: at least one row must count")
    return frozen(weights)
