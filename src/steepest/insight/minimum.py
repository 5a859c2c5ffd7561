"""The minimum near a point: what is still to go, and what the model cannot remove."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

from steepest.descent.given.parameters import Box
from steepest.descent.objective import Array, Objective
from steepest.errors import SteepestWarning
from steepest.fitting.fit import fit
from steepest.fitting.free_loss import FreeLoss
from steepest.language.losses import LOSSES

STILL = 1e-9  # of the loss: in a valley, what a step across it may still gain
LOWER = 1e-9  # of the loss: what lies lower by more is another point
FAR = 1e3
GRAINS = 1e4  # 100 times the rounding, squared


class Minimum(NamedTuple):
    """Where the fit from a point ends.

    `theta` by name, `point` (p,) the same; `loss` there. `gap` is what the loss at the point is above it, still to go; `misfit`
    what the model cannot remove: the loss itself. `found` is False where there is no minimum, and `reason` says why; `valley`:
    a whole line of points is as low; `exact`: the model meets the data but for rounding; `only`: it is known that there is no lower
    one, as for a linear model and a convex loss.
    """

    theta: dict[str, float]
    point: Array
    loss: float
    gap: float
    found: bool
    valley: bool
    exact: bool
    only: bool
    reason: str

    @property
    def misfit(self) -> float:
        return self.loss

    @property
    def lower(self) -> bool:
        """Is it lower than the point, by more than rounding?"""
        return self.gap > LOWER * abs(self.loss + self.gap)


def minimum(objective: Objective, theta: Array, loss: float, box: Box | None = None) -> Minimum:
    """`loss` is that at theta, `box` the bounds within which it is looked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SteepestWarning)
        end = fit(objective, theta, {}, box)
    found = end.outcome == "converged"
    valley = "tell only" in end.reason
    derivation, exact = objective.derivation, meets(objective, end.theta, end.loss)
    if valley and not found:
        found = exact or is_floor(objective, end.theta, theta)
    convex = derivation.criterion.name.partition("(")[0] in LOSSES
    only = derivation.is_linear and convex
    return Minimum(end.parameters, end.theta, end.loss, loss - end.loss, found, valley, exact, only, end.reason)


def meets(objective: Objective, end: Array, loss: float) -> bool:
    """Is a loss of squares no more than the rounding of the response leaves?"""
    if not objective.derivation.criterion.quadratic:
        return False
    return loss * float(objective.divisor) <= GRAINS * FreeLoss(objective, end).grain


def is_floor(objective: Objective, end: Array, start: Array) -> bool:
    """Is this the floor of a valley, from which no step across it leads lower?"""
    if np.max(np.abs(end)) > FAR * max(1.0, float(np.max(np.abs(start)))):
        return False
    point, hessian = objective.curved("hessian", end)
    gradient, inner = point.gradient[objective.free], hessian[np.ix_(objective.free, objective.free)]
    values, directions = np.linalg.eigh(inner)
    if values[0] < -1e-8 * values[-1] or values[-1] <= 0:
        return False
    seen = values > 1e-10 * values[-1]
    slopes = directions[:, seen].T @ gradient
    return bool(np.sum(slopes**2 / values[seen]) / 2 <= STILL * abs(float(point.loss)))
