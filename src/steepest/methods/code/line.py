"""The points theta + length·direction, and which of them are low enough."""

from __future__ import annotations

import numpy as np

from steepest.methods.code.method import Array, Objective, Point, Stuck, Trial

SUFFICIENT = 1e-4  # of the fall that the slope promises (Armijo 1966)
ROUNDING = 8  # units in the last place of the loss: a smaller change of it may be none
GROWTH = 10.0  # by which a first trial may exceed the step before it
LOOK = 1e-6  # of theta's size: how far off the slope is looked at, to learn how it bends


class Line:
    """A line from a point along a direction."""

    def __init__(self, objective: Objective, point: Point, direction: Array) -> None:
        self.objective, self.point, self.direction = objective, point, direction
        self.slope = float(direction @ point.gradient)
        self.start = Trial(0.0, point, self.slope)

    def at(self, length: float) -> Trial:
        point = self.objective.at(self._theta(length))
        return Trial(length, point, float(self.direction @ point.gradient))

    def moves(self, length: float) -> bool:
        """Is that far enough to be another point?"""
        return bool((self._theta(length) != self.point.theta).any())

    def lower(self, trial: Trial) -> bool:
        """Armijo's condition. Where rounding hides the change of the loss, the same by slopes, as on a parabola
        (Hager and Zhang 2005)."""
        if not (np.isfinite(trial.point.loss) and np.isfinite(trial.slope)):
            return False
        change = float(trial.point.loss - self.point.loss)
        if change <= SUFFICIENT * trial.length * self.slope:
            return True
        return abs(change) <= rounding(self.point) and trial.slope <= (2 * SUFFICIENT - 1) * self.slope

    def opening(self, rate: float, slope: float) -> float:
        """A first trial: what promises the same change of the loss as the step before it, of this length and slope.

        Without one, `slope` is 0 and `rate` the first trial itself; where that is NaN, one evaluation shows where the slope would
        vanish if it went on as it begins.
        """
        if slope:
            return rate * min(GROWTH, slope / self.slope) if self.slope else rate
        return rate if np.isfinite(rate) else self._root()

    def _root(self) -> float:
        size = LOOK * (1 + float(np.linalg.norm(self.point.theta))) / (float(np.linalg.norm(self.direction)) or 1.0)
        bend = (self.at(size).slope - self.slope) / size
        if np.isfinite(bend) and bend > 0:
            return -self.slope / bend
        return abs(float(self.point.loss) / (self.slope or 1.0)) or 1.0

    def _theta(self, length: float) -> Array:
        theta = self.point.theta
        return (theta + length * self.direction).astype(theta.dtype, copy=False)


def rounding(point: Point) -> float:
    """By how much the loss may change for no other reason."""
    return ROUNDING * float(np.finfo(point.theta.dtype).eps * abs(point.loss))


def found(trial: Trial | None) -> Trial:
    """The trial that a search accepted. Raises Stuck where there is none."""
    if trial is None:
        raise Stuck("no step along the direction lowers the loss (rounding, or a kink)")
    return trial
