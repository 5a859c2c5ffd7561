"""A stop that is told by the distance from the minimum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steepest.descent.given.parameters import is_finite, shown
from steepest.errors import OptionError
from steepest.fitting.result import Fit


def loss_at_gap(until_gap: Any, until_loss: Any, fit: Callable[[], Fit]) -> float:
    """The loss that is so much above the minimum, which the fit finds. Raises OptionError where it does not."""
    if until_loss is not None:
        raise OptionError("until_loss and until_gap are both given: give one of them")
    if isinstance(until_gap, bool | str) or not is_finite(until_gap) or until_gap < 0:
        raise OptionError(f"until_gap is {shown(until_gap)}: give a finite number, 0 or more")
    best = fit()
    if best.outcome != "converged":
        raise OptionError(f"until_gap needs the minimum, which the fit did not reach ({best.reason}): give until_loss")
    return best.loss + float(until_gap)
