"""A minimum within bounds: the parameters that the loss presses against a bound are held there, and the others are fitted.

At the end no parameter that moves presses against a bound, and from none that is held does the loss fall inwards (Karush 1939; Kuhn
and Tucker 1951): which was verified for those that move, as in every fit, and by the signs of the slopes for those that are held.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from steepest.descent.objective import Array
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.verify import GAIN, Found

LEAST, AGAIN = 1e-6, 3  # of the loss: a search that gained more begins again where it ended, so many times
Search = Callable[[FreeLoss, Array], Found]


def bounded(search: Search, loss: FreeLoss, start: Array) -> Found:
    """Where the search ends within the bounds of `loss`; the covariance of what is held is nan."""
    x, held = loss.inside(start), np.zeros(len(start), dtype=bool)
    after, left = loss.loss(x), AGAIN
    for _ in range(4 * len(start) + 20):
        before, found = after, search_others(search, loss, x, held)
        x, after = found.x, loss.loss(found.x)
        pressed = ~held & (touches(loss, x) | presses(loss, x))
        if pressed.any():
            x, held = at_bound(loss, x, pressed), held | pressed
            continue
        if found.outcome == "stopped" and after < (1 - LEAST) * before and left:
            left -= 1
            continue  # it came to a bound on its way, and left it again
        pull = np.where(held, inwards(loss, x), 0.0)
        if not pull.any():
            return said(loss, found)
        held[int(np.argmax(pull))] = False  # the next step leads it inwards, as the others are where they belong
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
    end[~held] = loss.inside(np.where(held, x, spread(found.x, held)))[~held]
    covariance[np.ix_(~held, ~held)] = found.covariance
    return found._replace(x=end, covariance=covariance, escape=None)


def spread(values: Array, held: Array) -> Array:
    whole = np.zeros(len(held))
    whole[~held] = values
    return whole


def one_step(loss: FreeLoss, x: Array) -> Array:
    """What each parameter alone would have to do to bring its slope to zero, by the Gauss-Newton curvature."""
    point, normal = loss.free.curved("normal", x)
    curvature = np.abs(np.diag(normal))
    with np.errstate(all="ignore"):
        step: Array = -point.gradient / np.where(curvature > 0, curvature, np.inf)
    return step


def presses(loss: FreeLoss, x: Array) -> Array:
    """Whose own step would cross a bound?"""
    beyond: Array = loss.inside(x + one_step(loss, x)) != x + one_step(loss, x)
    return beyond


def touches(loss: FreeLoss, x: Array) -> Array:
    """Who is at a bound?"""
    assert loss.box is not None
    return loss.box.touched(x)


def inwards(loss: FreeLoss, x: Array) -> Array:
    """What a step away from its bound would take off the loss, for each parameter; 0 where that is rounding, or outwards."""
    step, gradient = one_step(loss, x), loss.at(x)[1]
    gain = np.abs(step * gradient) / 2
    return np.where((loss.inside(x + step) != x) & (gain > GAIN * loss.mass(x)), gain, 0.0)


def at_bound(loss: FreeLoss, x: Array, pressed: Array) -> Array:
    """Those parameters moved onto the bound that they touch, or that their step would cross."""
    assert loss.box is not None
    nearer = np.where(one_step(loss, x) > 0, loss.box.high, loss.box.low)
    return np.where(pressed & ~touches(loss, x), nearer, x)


def said(loss: FreeLoss, found: Found) -> Found:
    """With the bounds that were reached, in the reason."""
    assert loss.box is not None
    parts = [found.reason] if found.reason else []
    for word, ends in (("lower", loss.box.low), ("upper", loss.box.high)):
        for k in np.flatnonzero(found.x == ends):
            parts.append(f"{loss.names[k]} is at its {word} bound {ends[k]:.6g}, where the loss falls outwards")
    return found._replace(reason="; ".join(parts))
