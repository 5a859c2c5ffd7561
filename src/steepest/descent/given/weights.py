"""The weights of rows, as a user gives them: weights themselves, or the standard errors of the responses."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.descent.objective import Array
from steepest.descent.trace import frozen
from steepest.errors import OptionError
from steepest.language.losses import Loss


def plain_weights(given: Any) -> Any:
    """What a recipe can hold of weights by column: the name of one, one number, or for several sets a name or a number each."""
    if given is None or isinstance(given, str | int | float):
        return given
    return list(given) if all(isinstance(one, str | int | float) for one in given) else None


def read_weights(given: Any, rows: int) -> Array:
    """Non-negative finite weights, one a row, not all zero."""
    weights = one_a_row("weights", given, rows)
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise OptionError(f"weights must be finite and not negative: weight {weights[row]} at row index {row} ({wrong.sum()} such)")
    if not weights.any():
        raise OptionError("weights are all zero: at least one row must count")
    return frozen(weights)


def read_sigma(given: Any, rows: int) -> Array:
    """The weights 1/σ² of responses whose standard errors σ are given: one positive number a row, or one for all."""
    sigma = one_a_row("sigma", np.full(rows, given) if isinstance(given, int | float) else given, rows)
    with np.errstate(all="ignore"):
        weights = 1 / sigma**2
    wrong = ~(np.isfinite(weights) & (weights > 0) & (sigma > 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise OptionError(
            f"sigma must be positive, and finite when it is squared: sigma {sigma[row]} at row index {row} ({wrong.sum()} such)"
        )
    return frozen(weights)


def one_a_row(what: str, given: Any, rows: int) -> Array:
    """Numbers, (rows,)."""
    try:
        numbers = np.array(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise OptionError(f"{what} must be one number for each row, or the name of a column") from None
    if numbers.shape != (rows,):
        raise OptionError(f"{what} must be one number for each of the {rows} rows: these have the shape {numbers.shape}")
    return numbers


def check_errors(loss: Loss, sigma: Any, weights: Any) -> None:
    """Refuses errors beside weights, and for a loss that does not square them."""
    if sigma is None:
        return
    if weights is not None:
        raise OptionError("weights= and sigma= are both given: sigma gives the weights 1/sigma², leave weights= out")
    if not loss.quadratic:
        raise OptionError(
            f"sigma= belongs to the losses mse, half-mse and sse, and this is {loss.name}:\n"
            "divide both sides of the formula by the errors instead, as in 'y/s ~ (a + b*x)/s'"
        )
