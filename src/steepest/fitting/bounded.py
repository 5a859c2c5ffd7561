"""A minimum within bounds: the parameters that the loss presses against a bound are held there, and the others are fitted.

At the end no parameter that moves presses against a bound, and from none that is held does the loss fall inwards (Karush 1939; Kuhn
and Tucker 1951): which was verified for those that move, as in every fit, and by the signs of the slopes for those that are held.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from steepest.descent.objective import Array
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.verify import GAIN, Found, named, rounding

LEAST, AGAIN = 1e-6, 3  # of the loss: a search that gained more begins again where it ended, so many times
PROBES = (1e-6, 1e-4, 1e-2, 1e-1)  # of a parameter's size: how far from its bound the loss is looked at
LOOKS = 24  # in random directions, for each of them
ESCAPES = 5
Search = Callable[[FreeLoss, Array], Found]


def bounded(search: Search, loss: FreeLoss, start: Array) -> Found:
    """Where the search ends within the bounds of `loss`; the covariance of what is held is nan."""
    x, held = loss.inside(start), np.zeros(len(start), dtype=bool)
    after, left, ways = loss.loss(x), AGAIN, ESCAPES
    for _ in range(4 * len(start) + 20):
        before, found = after, search_others(search, loss, x, held)
        x, after = found.x, loss.loss(found.x)
        if found.outcome == "nonfinite" or not np.isfinite(after):
            return found
        pressed, there = at_bounds(loss, x, held)
        if pressed.any():
            x, held = there, held | pressed
            continue
        if found.outcome == "stopped" and after < (1 - LEAST) * before and left:
            left -= 1
            continue  # it came to a bound on its way, and left it again
        pull = np.where(held, inwards(loss, x), 0.0)
        if pull.any():
            held[int(np.argmax(pull))] = False  # the next step leads it inwards, as the others are where they belong
            continue
        lower = None if found.outcome != "converged" else lower_inside(loss, x, held)
        if lower is None:
            return said(loss, found)
        if not ways:
            return found._replace(outcome="stopped", reason=f"no minimum here: away from {listed(loss, held)} the loss falls")
        ways, x, held = ways - 1, lower, np.zeros(len(start), dtype=bool)
    reason = "parameters kept coming to their bounds and leaving them; start elsewhere, or fix one of those with bounds"
    return found._replace(outcome="stopped", reason=reason)


def search_others(search: Search, loss: FreeLoss, x: Array, held: Array) -> Found:
    """The end of a search that leaves alone what is held."""
    if held.all():
        return Found(x, "converged", "", np.full((len(x), len(x)), np.nan), "bounds")
    inner = loss.holding(x, held)
    found = search(inner, inner.start)
    loss.free.evaluations += inner.evaluations
    end, covariance = x.copy(), np.full((len(x), len(x)), np.nan)
    end[~held] = found.x
    covariance[np.ix_(~held, ~held)] = found.covariance
    return found._replace(x=loss.inside(end), covariance=covariance, escape=None)


def one_step(loss: FreeLoss, x: Array) -> Array:
    """What each parameter alone would have to do to bring its slope to zero, by the Gauss-Newton curvature; 0 where unknown."""
    point, normal = loss.free.curved("normal", x)
    curvature = np.abs(np.diag(normal))
    with np.errstate(all="ignore"):
        step: Array = -point.gradient / np.where(curvature > 0, curvature, np.inf)
    return np.where(np.isfinite(step), step, 0.0)


def at_bounds(loss: FreeLoss, x: Array, held: Array) -> tuple[Array, Array]:
    """Who of the others is at a bound, or would cross one by a step of its own; and x with these at their bounds.

    Who is not there yet comes along only where the loss is finite and no higher.
    """
    assert loss.box is not None
    touching = ~held & loss.box.touched(x)
    step = one_step(loss, x)
    crossing = ~held & (loss.inside(x + step) != x + step)
    there = np.where(crossing & ~touching, loss.inside(x + step), x)
    if loss.loss(there) <= loss.loss(x):
        return touching | crossing, there
    return touching, x


def inwards(loss: FreeLoss, x: Array) -> Array:
    """What a step away from its bound would take off the loss, for each parameter; 0 where that is rounding, or outwards."""
    step, gradient = one_step(loss, x), loss.at(x)[1]
    gain = np.abs(step * gradient) / 2
    return np.where((loss.inside(x + step) != x) & (gain > GAIN * loss.mass(x)), gain, 0.0)


def lower_inside(loss: FreeLoss, x: Array, held: Array) -> Array | None:
    """A lower point within the bounds, near x: where a slope is zero or has no end at a bound, it does not tell."""
    assert loss.box is not None
    if not held.any():
        return None
    here, mass = loss.loss(x), loss.mass(x)
    blur = max(GAIN * mass, rounding(loss, x, mass))
    size = np.where(x != 0, np.abs(x), np.minimum(1.0, loss.box.high - loss.box.low))
    ways = np.where(x == loss.box.low, 1.0, -1.0)
    alone = np.diag(ways)[held]
    together = np.random.default_rng(0).normal(size=(LOOKS, len(x)))
    together = np.where(held, np.abs(together) * ways, together * ~held)
    directions = [*alone, np.where(held, ways, 0.0), *together, *np.where(held, together, 0.0)]
    for far in PROBES:
        points = [loss.inside(x + far * size * direction) for direction in directions]
        losses = np.array([loss.loss(point) for point in points])
        best = int(np.argmin(np.where(np.isfinite(losses), losses, np.inf)))
        if losses[best] < here - blur:
            return points[best]
    return None


def said(loss: FreeLoss, found: Found) -> Found:
    """With the bounds that were reached, in the reason."""
    assert loss.box is not None
    parts = [found.reason] if found.reason else []
    slopes = loss.at(found.x)[1]
    for word, ends, way in (("lower", loss.box.low, 1.0), ("upper", loss.box.high, -1.0)):
        for k in np.flatnonzero(found.x == ends):
            outwards = ", where the loss falls outwards" if way * slopes[k] > 0 else ""
            parts.append(f"{loss.names[k]} is at its {word} bound {ends[k]:.6g}{outwards}")
    return found._replace(reason="; ".join(parts))


def listed(loss: FreeLoss, held: Array) -> str:
    """The bounds of those that are held."""
    names = named(loss.names, held)
    return f"the bound{'' if held.sum() == 1 else 's'} of {names}"
