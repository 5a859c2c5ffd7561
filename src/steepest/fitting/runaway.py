"""Has a parameter run away? Far out the loss is level but for rounding, which can look like a minimum there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from steepest.descent.objective import Array
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.verify import Found

FAR = 1e3  # times its start, or 1: from there on a parameter is looked at
MOST = 4  # of them, the farthest
FACTOR = 10.0  # a value that the data tell is not as good when it is so much larger or smaller
LEVEL = 1e-3  # of what one row has in the loss: no rise


def runaway(loss: FreeLoss, x: Array, refit: Callable[[FreeLoss, Array], Found]) -> str:
    """The sentence on a parameter that could as well be elsewhere, all others fitted again; empty where there is none."""
    sizes = np.abs(x) / np.maximum(np.abs(loss.start), 1)
    far = sizes > FAR
    level = loss.loss(x) + LEVEL * loss.mass(x) / max(loss.rows - len(x), 1)
    for k in np.argsort(-sizes, kind="stable")[: min(MOST, int(np.sum(far)))]:
        for factor in (1 / FACTOR, FACTOR):
            if not loss.allows(np.where(np.arange(len(x)) == k, factor * x, x)):
                continue  # the bound holds it
            if held(loss, np.where(far, factor * x, x), x, int(k), refit) <= level:
                where = f"{loss.names[k]} ran away to {x[k]:.3g}: at {factor * x[k]:.3g} the loss is no higher"
                return f"{where}; fix it, or start it elsewhere"
    return ""


def held(loss: FreeLoss, moved: Array, x: Array, k: int, refit: Callable[[FreeLoss, Array], Found]) -> float:
    """The least loss with parameter k where it was moved to; the others begin at x, or moved as well."""
    here = np.arange(len(x)) == k
    starts = [loss.inside(moved), np.where(here, moved, x)]
    heights = np.array([loss.loss(start) for start in starts])
    best = starts[int(np.argmin(np.where(np.isfinite(heights), heights, np.inf)))]
    rest = loss.holding(best, here)
    return rest.loss(refit(rest, rest.start).x if rest.names else rest.start)
