"""What became of parameters that never moved, in words."""

from __future__ import annotations

import numpy as np

from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.verify import Found, named


def explained(loss: FreeLoss, found: Found) -> str:
    """The reason of an outcome, and which parameters stayed at their start because nothing changes with them there."""
    still = (found.x == loss.start) & (found.outcome != "nonfinite")
    if loss.is_large:
        return found.reason
    if still.any():
        still &= ~np.any(loss.tangent(found.x)[1], axis=0)
    if not still.any():
        return found.reason
    its = "its" if still.sum() == 1 else "their"
    slope = "derivative is" if still.sum() == 1 else "derivatives are"
    return f"{found.reason}; {named(loss.names, still)} stayed at {its} start, where {its} {slope} zero"
