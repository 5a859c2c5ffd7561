"""Is this point a minimum? Claims are checked on the loss itself, not taken from the method that made them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.descent.objective import Array
from steepest.fitting.free_loss import FreeLoss

GAIN = 1e-12  # of the summed loss: what the next step may still take off it
RISE = 1e-6  # of the summed loss: how far up the walls are tried


class Found(NamedTuple):
    """Where a search ended. `escape`, where given, leads down from a point that is stationary and no minimum."""

    x: Array
    outcome: str
    reason: str
    covariance: Array
    method: str = ""
    escape: Array | None = None


class Verdict(NamedTuple):
    outcome: str
    reason: str


def verify(loss: FreeLoss, x: Array, gain: float, directions: Array) -> Verdict:
    """`gain` is what the next Newton step is predicted to take off the summed loss.

    Each of the `directions`, (k, m), is scaled so that h of it should raise the loss by h²/2, on both sides. A parameter that runs
    away to infinity leaves a gradient and a curvature of almost nothing, which no test of the gradient can tell from a minimum: but
    on one side of it the loss does not rise.
    """
    here = loss.loss(x)
    mass = loss.mass(x)
    noise = rounding(loss, x, here)
    if not gain <= max(GAIN * mass, noise):
        return Verdict("stopped", f"the next step would still lower the loss by {gain / mass:.1e} of itself" if mass else "the loss still falls")
    rise = max(RISE * mass, 100 * noise)
    for direction in directions.T:
        for side in (direction, -direction):
            there = loss.loss(x + np.sqrt(2 * rise) * side)
            if there - here < 0.1 * rise:
                return Verdict("stopped", f"the loss does not rise towards {towards(loss, x, side)}: there is no minimum here")
    return Verdict("converged", "the gradient is zero to rounding, and the loss rises in every direction")


def rounding(loss: FreeLoss, x: Array, here: float) -> float:
    """How much the loss changes with the 15th digit of the parameters."""
    signs = np.where(np.arange(len(x)) % 2, -1.0, 1.0)
    moved = [loss.loss(x * (1 + 16 * np.finfo(float).eps * pattern)) for pattern in (signs, signs**2)]
    return float(np.max(np.abs(np.array(moved) - here)))


def towards(loss: FreeLoss, x: Array, side: Array) -> str:
    """The parameter that moves most for its size, and which way."""
    k = int(np.argmax(np.abs(side) / np.maximum(np.abs(x), 1e-300)))
    return f"{'larger' if side[k] > 0 else 'smaller'} {loss.names[k]}"


def named(names: tuple[str, ...], flags: Array) -> str:
    """The names that are flagged: "a", "a and b", "a, b and c"."""
    chosen = [name for name, flag in zip(names, flags, strict=True) if flag]
    return " and ".join([", ".join(chosen[:-1]), chosen[-1]] if len(chosen) > 1 else chosen)
