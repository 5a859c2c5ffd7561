"""Is this point a minimum? Claims are checked on the loss itself, not taken from the method that made them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.descent.objective import Array
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.rank import BESIDE, MOST, rank
from steepest.fitting.tangent import EPSILON, Tangent

GAIN = 1e-12  # of the summed loss: what the next step may still take off it
FAR = 1e4  # times its start, or 1: a parameter beyond has probably run away
RISE = 1e-6  # of the summed loss: how far up the walls are tried
LOOKS = 1  # random directions, where there are many parameters
TINY = 1e-290  # a sum of squares below has lost digits to underflow
BEYOND = "is beyond the range of numbers; scale the columns to about 1"


class Found(NamedTuple):
    """Where a search ended. `escape`, where given, leads down from a point that is stationary and no minimum."""

    x: Array
    outcome: str
    reason: str
    covariance: Array
    method: str
    escape: Array | None = None


class Verdict(NamedTuple):
    """An outcome and its reason."""

    outcome: str
    reason: str


def settled(loss: FreeLoss, x: Array, gain: float) -> Verdict:
    """Is `gain`, what the next Newton step should take off the summed loss, nothing to rounding?"""
    mass = loss.mass(x)
    if mass < TINY and loss.tangent(x)[0].any():
        return Verdict("stopped", "the loss underflows: rounding hides where it is least; scale the response to about 1")
    if not np.isfinite(gain):
        return Verdict("stopped", f"the gradient {BEYOND}")
    if gain <= GAIN * mass or gain <= rounding(loss, x, mass):
        return Verdict("converged", "the gradient is zero to rounding")
    far = np.abs(x) > FAR * np.maximum(np.abs(loss.start), 1)
    if far.any():
        k = int(np.argmax(np.abs(x) * far))
        return Verdict("stopped", f"{loss.names[k]} ran away to {x[k]:.3g}; start it elsewhere")
    left = f"{gain / mass:.1e} of itself" if mass else f"{gain:.1e}"
    return Verdict("stopped", f"by its slope the loss could still fall by {left}, but no step lowers it")


def walled(loss: FreeLoss, x: Array, inverse: Array) -> Verdict:
    """Does the loss rise on both sides, along each parameter with the others following? `inverse` is H⁻¹, (k, k).

    A parameter that runs away to infinity leaves a gradient and a curvature of almost nothing, which no test of the
    gradient can tell from a minimum: but on one side of it the loss does not rise.
    """
    if not (np.isfinite(inverse).all() and (np.diag(inverse) > 0).all()):
        return Verdict("stopped", f"the curvature {BEYOND}")
    here = loss.loss(x)
    mass = loss.mass(x)
    blur = max(rounding(loss, x, mass), loss.grain)
    if not mass:  # a perfect fit: what a change by the rounding of the start would do
        blur = max(blur, float(np.max((np.finfo(float).eps * loss.start) ** 2 / np.diag(inverse))))
    rise = max(RISE * mass, 100 * blur, TINY)
    for direction in inverse / np.sqrt(np.diag(inverse))[:, None]:  # a step of h raises the loss by h²/2
        for side in (direction, -direction):
            there = loss.loss(x + np.sqrt(2 * rise) * side)
            if there - here < 0.5 * rise:  # a loss that is not finite is a wall as well
                return Verdict("stopped", f"no minimum here: the loss does not rise towards {towards(loss, x, side)}")
    if not loss.is_smooth:
        for step in np.sqrt(2 * rise) * scattered(inverse):
            for there in (x + step, x + step / 30):
                if loss.loss(there) < here - max(GAIN * mass, blur):
                    return Verdict("stopped", f"no minimum here: across a kink the loss falls towards {towards(loss, x, step)}")
    return Verdict("converged", "the gradient is zero to rounding, and the loss rises in every direction")


def rising(loss: FreeLoss, x: Array) -> Verdict:
    """Does the loss rise both ways along x itself, the way of a parameter that runs away, and along random directions?

    For parameters too many to be tried one by one; those that are 0 under l1 stay so.
    """
    here, mass = loss.loss(x), loss.mass(x)
    rise = max(RISE * mass, 100 * loss.grain, TINY)
    moves = np.ones(len(x)) if loss.l1 is None else ((x != 0) | (loss.l1 == 0)).astype(float)
    random = np.random.default_rng(0).normal(size=(LOOKS, len(x))) / np.sqrt(loss.diagonal(x))
    for direction in moves * np.vstack([x, random]):
        bend = float(direction @ loss.product(x, direction))
        if not direction.any():
            continue
        step = np.sqrt(2 * rise / bend) * direction if bend > 0 else direction
        for side in (step, -step):
            there = loss.loss(x + side)
            if there - here < 0.5 * rise:
                return Verdict("stopped", f"no minimum here: the loss does not rise towards {towards(loss, x, side)}")
    return Verdict("converged", "the gradient is zero to rounding, and the loss rises in every direction that was tried")


def scattered(inverse: Array) -> Array:
    """Random directions along which a step of h raises a smooth loss by h²/2; those of a kink lie off the axes."""
    scale = np.sqrt(np.diag(inverse))
    values, axes = np.linalg.eigh(inverse / scale[:, None] / scale)
    normal = np.random.default_rng(0).normal(size=(8 * len(inverse) + 32, len(inverse)))
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    directions: Array = normal * np.sqrt(np.maximum(values, 0)) @ axes.T * scale
    return directions


def rounding(loss: FreeLoss, x: Array, mass: float) -> float:
    """How much the loss changes with the 15th digit of the parameters; 0 where that is no more than it is for the 13th.

    It matters where the fit is perfect and the loss nothing but rounding: it then grows with the square of the change.
    Where it does not grow it is the rounding of a sum, which is far below GAIN, or a jump, which is no excuse.
    """
    here = loss.loss(x)
    signs = np.where(np.arange(len(x)) % 2, -1.0, 1.0)

    def change(digits: int) -> float:
        return float(np.max([abs(loss.loss(x * (1 + digits * EPSILON * pattern)) - here) for pattern in (signs, np.abs(signs))]))

    near = change(16)
    if near <= GAIN * mass:  # then no test is any looser for it
        return 0.0
    return near if change(1024) > 16 * near else 0.0


def towards(loss: FreeLoss, x: Array, side: Array) -> str:
    """The parameter that moves most for its size, and which way."""
    k = int(np.argmax(np.abs(side) / np.maximum(np.abs(x), 1e-300)))
    return f"{'larger' if side[k] > 0 else 'smaller'} {loss.names[k]}"


def named(names: tuple[str, ...], flags: Array) -> str:
    """The names that are flagged: "a", "a and b", "a, b and c"; of many, the first few."""
    chosen = [name for name, flag in zip(names, flags, strict=True) if flag]
    if len(chosen) > MOST:
        chosen = [*chosen[:MOST], f"{len(chosen) - MOST} more"]
    return " and ".join([", ".join(chosen[:-1]), chosen[-1]] if len(chosen) > 1 else chosen)


def told_apart(loss: FreeLoss, x: Array, at: Tangent) -> str:
    """The sentence on a rank that is short: which parameters are lost, and what alone matters of them."""
    lost = at.undetermined()
    verb = "is" if lost.sum() == 1 else "are"
    text = f"the data tell only {at.rank} of {len(lost)} parameters apart: {named(loss.names, lost)} {verb} not determined"
    matters = rank(loss.objective, loss.theta(x)).matters
    text += f", {matters}" if matters.startswith("only ") else ""
    return text + ("" if loss.has_predictor else "; none of the model's names is a column of the data")


def lost(loss: FreeLoss, x: Array, at: Tangent) -> str:
    """Why a fit with a short rank is no minimum to rely on, and what to do."""
    still = np.linalg.norm(at.nothing, axis=1) > 1 - 1e-6
    if still.any():
        return f"the model no longer depends on {named(loss.names, still)} here; start it elsewhere"
    if BESIDE in rank(loss.objective, loss.theta(x)).matters:
        return f"{told_apart(loss, x, at)} here; start them elsewhere"
    count = len(x) - at.rank
    return f"{told_apart(loss, x, at)}; fix {'one' if count == 1 else count} of them"
