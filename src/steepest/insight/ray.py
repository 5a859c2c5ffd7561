"""The learning-rate ray: the loss after one step, against the rate. It says nothing about the long run."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from steepest.descent.objective import Array, Objective, Point
from steepest.insight.limits import golden

FIRST = 1 / 64  # of the parabola's best rate: where the search begins
WIDER = 1.3
FARTHEST = 1e12  # times the first rate: a loss that is still lower there has no limit
BEYOND = 24  # rates above the limit at which the loss is looked at again
CLOSE = 1e-12
NOTHING = 1e-14  # of the loss: a gain below it is rounding


class Ray(NamedTuple):
    """The loss after a step of each rate. `now` is the loss before it.

    `best` is the rate that lowers the loss most in one step, `best_loss` the loss there; `limit` the largest rate up to which every
    step lowers the loss: None where no rate raises it, 0 where none lowers it. `again`: a rate above that lowers it too, if one was
    seen. `flat`: is the gradient zero, but for rounding?
    """

    now: float
    best: float
    best_loss: float
    limit: float | None
    again: float | None
    loss: Callable[[float], float]
    flat: bool = False


def ray(objective: Objective, point: Point, after: Callable[[float], Array], hessian: Array) -> Ray:
    """`after(eta)` is theta after the step, (p,). `hessian` (p, p), at the point, says where to look first."""
    now = float(point.loss)

    def loss(eta: float) -> float:
        with np.errstate(all="ignore"):
            value = float(objective.loss(after(eta)))
        return value if value == value else np.inf

    move = after(1.0) - point.theta
    slope, bend = float(point.gradient @ move), abs(float(move @ hessian @ move))
    if not slope < 0 or not np.isfinite(bend):
        return Ray(now, 0.0, now, 0.0, None, loss, slope == 0)
    scale = -slope / bend if bend > 0 else 1.0
    if -slope * scale <= NOTHING * abs(now):
        return Ray(now, 0.0, now, 0.0, None, loss, True)
    first = lower(loss, now, FIRST * scale)
    if first is None:
        return Ray(now, 0.0, now, 0.0, None, loss)
    etas, losses = [first], [loss(first)]
    while losses[-1] < now and etas[-1] < FARTHEST * first:
        etas.append(WIDER * etas[-1])
        losses.append(loss(etas[-1]))
    k = int(np.argmin(losses))
    best = golden(loss, etas[k - 1] if k else 0.0, etas[min(k + 1, len(etas) - 1)])
    if losses[-1] < now:
        return Ray(now, best, loss(best), None, None, loss)
    limit = crossing(loss, now, etas[-2], etas[-1]) if len(etas) > 1 else etas[-1]
    farther = [eta for eta in limit * WIDER ** np.arange(1, BEYOND) if loss(float(eta)) < now]
    return Ray(now, best, loss(best), limit, float(farther[0]) if farther else None, loss)


def lower(loss: Callable[[float], float], now: float, eta: float) -> float | None:
    """A rate, this one or smaller, at which the loss is lower than now."""
    for _ in range(40):
        if loss(eta) < now:
            return eta
        eta /= 4
    return None


def crossing(loss: Callable[[float], float], now: float, low: float, high: float) -> float:
    """Where the loss is back at what it is now."""
    while high - low > CLOSE * high:
        middle = (low + high) / 2
        low, high = (middle, high) if loss(middle) < now else (low, middle)
    return low
