"""Least squares for a model that is linear in its parameters: one SVD, and one step of refinement."""

from __future__ import annotations

import numpy as np

from steepest.descent.objective import Array
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.tangent import Tangent, tangent
from steepest.fitting.uncertainty import of_squares
from steepest.fitting.verify import BEYOND, Found, Verdict, settled, told_apart

METHOD = "svd"


def linear(loss: FreeLoss) -> Found:
    """Where the data cannot tell all parameters apart, the solution of least norm."""
    x = np.zeros_like(loss.start)
    at = tangent(loss, x)
    for _ in range(2):  # the second step takes off what rounding left of the gradient
        trial = shortest(x + at.step, at)
        if not np.isfinite(trial).all() or not np.isfinite(loss.loss(trial)):
            verdict = Verdict("stopped", f"the solution {BEYOND}")
            return Found(x, *verdict, np.full((len(x), len(x)), np.nan), METHOD)
        then = tangent(loss, trial)
        if x.any() and then.gain >= at.gain:
            break
        x, at = trial, then
    verdict = settled(loss, x, at.gain)
    reason = verdict.reason
    if at.rank < len(x) and verdict.outcome == "converged":
        reason = f"{told_apart(loss, x, at)}; of all solutions with this loss this is the one of least norm"
    return Found(x, verdict.outcome, reason, of_squares(loss, at), METHOD)


def shortest(x: Array, at: Tangent) -> Array:
    """The point of least norm among those that give the same rows."""
    null = at.nothing / at.scale[:, None]
    shorter: Array = x - null @ np.linalg.lstsq(null, x)[0] if null.size else x
    return shorter
