"""The steps of a trajectory beside the gradient: what was done, what the gradient was, and what rounding hides."""

from __future__ import annotations

from copy import copy
from functools import cache, cached_property
from typing import Any

import numpy as np

from steepest.check.loop.trajectory import Trajectory
from steepest.check.rounding import sums_bound
from steepest.descent.objective import Array, Objective
from steepest.errors import FormulaError

MOST = 200  # steps that are looked at: all, or the first half of these and others spread over the rest
OWN_ARITHMETIC = 8.0  # a user's own gradient adds and multiplies in an order that is not ours


class Steps:
    """`at` (n,) are the steps looked at; all arrays are (n, p) along them, NaN where there is no such earlier step.

    `eps`: the relative rounding of the user's arithmetic.
    """

    def __init__(self, trajectory: Trajectory, objective: Objective, eps: float) -> None:
        self.trajectory, self.objective, self.eps = trajectory, objective, eps
        self.theta, self.recorded = trajectory.theta, trajectory.noise
        self.at = _spread(trajectory.steps)
        self.size = self.theta.shape[1]
        self.gradient = cache(self._gradient)
        self.hidden = cache(self._hidden)
        self.mixed = cache(self._mixed)

    @cached_property
    def step(self) -> Array:
        """theta_{t+1} - theta_t."""
        return self.back(0, lambda t: self.theta[t + 1] - self.theta[t])

    @cached_property
    def g(self) -> Array:
        return self.back(0, self.gradient)

    @cached_property
    def noise(self) -> Array:
        """What recording hides of a step."""
        return self.back(0, lambda t: self.recorded[t] + self.recorded[t + 1] + self._rounded(t))

    @cached_property
    def dark(self) -> Array:
        """What rounding and recording hide of the gradient."""
        return self.back(0, self.hidden)

    def without(self, coordinate: int) -> Steps:
        """The same steps without one coordinate, for plain descent of the others."""
        others = copy(self)
        keep = [k for k in range(self.size) if k != coordinate]
        others.size = len(keep)
        for name in ("step", "g", "noise", "dark"):
            others.__dict__[name] = getattr(self, name)[:, keep]
        return others

    def back(self, lag: int, value: Any) -> Array:
        """value(t - lag) along the steps."""
        gone = np.full(self.size, np.nan)
        return np.array([value(t - lag) if t >= lag else gone for t in self.at.tolist()]).reshape(-1, self.size)

    def _rounded(self, t: int) -> Array:
        """A rounding at the size of theta and two at that of the step."""
        there = self.theta[t + 1]
        return np.asarray(self.eps * (abs(there) / 2 + 2 * abs(there - self.theta[t])))

    def _gradient(self, t: int) -> Array:
        return np.asarray(self.objective.at(self.theta[t]).gradient)

    def _mixed(self, t: int, new: frozenset[int]) -> Array:
        """The gradient where some coordinates have been moved already."""
        theta = self.theta[t].copy()
        theta[list(new)] = self.theta[t + 1, list(new)]
        return np.asarray(self.objective.at(theta).gradient)

    @np.errstate(all="ignore")
    def _hidden(self, t: int) -> Array:
        theta, o = self.theta[t], self.objective
        kappa = sums_bound(o.derivation, "gradient", theta.tolist(), o.columns.arrays, o.weights, "numpy").kappa[1:]
        own = self.eps * OWN_ARITHMETIC * (kappa / abs(float(o.divisor)) + abs(self.gradient(t)))
        hidden = own + self._moved(t)
        hidden = np.asarray(o.moving(hidden))
        return np.where(np.isfinite(hidden), hidden, np.inf)

    def _moved(self, t: int) -> Array:
        """How far the gradient moves where theta moves by what recording hides of it."""
        try:
            hessian = self.objective.hessian(self.theta[t])
        except FormulaError:  # too many operations for an exact one
            near = self.objective.at(self.theta[t] + self.recorded[t]).gradient
            return np.asarray(2 * abs(near - self.gradient(t)))
        return np.asarray(abs(hessian) @ self.recorded[t])


def _spread(steps: int) -> Array:
    if steps <= MOST:
        return np.arange(steps)
    half = MOST // 2
    return np.unique(np.concatenate([np.arange(half), np.linspace(half, steps - 1, half).astype(int)]))
