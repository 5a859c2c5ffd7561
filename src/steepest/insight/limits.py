"""Modes: near a minimum each direction shrinks by its own factor a step. The largest stable rate, and the best one.

A method that divides by a remembered scale of the gradient (Adam) is looked at with these scales frozen: it descends as the same
method with the scale 1 on P^½ H P^½, P the diagonal by which it multiplies the gradient (Cohen et al. 2022, Adaptive gradient
methods at the edge of stability).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from steepest.descent.objective import Array
from steepest.insight.curvature import Curvature, spectrum
from steepest.language.evaluate import evaluate
from steepest.methods.equations import Method
from steepest.methods.limit import LATE, StepMap, largest_rate

GRID = 96
SPAN = 1e-6  # of the largest stable rate: where the search for the best one begins
EVEN = 1e-9  # radii that differ by less are alike
SCALED = 1.0  # the value in `freeze` of a state that is a scale of the gradient
GOLDEN = (5**0.5 - 1) / 2


class Modes(NamedTuple):
    """A method near a point: the curvature that it feels, and how it answers to it.

    `multipliers` (k,) is the diagonal P: 1 except for adaptive methods; the directions of `felt` are those of P^½ H P^½.
    """

    method: Method
    felt: Curvature
    multipliers: Array

    @property
    def limit(self) -> float | None:
        """The largest rate at which no direction that bends up grows; None where there is none."""
        rising = self.felt.rising
        return largest_rate(self.method, rising[-1:, None]) if len(rising) else None

    def factors(self, eta: float) -> Array:
        """By what the error along each direction is multiplied in a step, in the long run, (k,); 1 along level ones."""
        found = np.ones(len(self.felt.values))
        for k, value in enumerate(self.felt.values):
            if abs(value) > self.felt.zero:
                found[k] = StepMap(self.method, np.array([[value]])).radius(eta)
        return found

    def half_lives(self, eta: float) -> Array:
        """The steps in which the error along each direction halves, (k,); infinite where it does not, by a factor a step."""
        if self.limit is None:
            return np.full(len(self.felt.values), np.inf)
        factors = np.minimum(self.factors(eta), 1)
        with np.errstate(divide="ignore"):
            lives: Array = np.log(0.5) / np.log(factors)
        return np.where(factors < 1, np.abs(lives), np.inf)

    @property
    def best(self) -> float | None:
        """The constant rate with the smallest of the largest factors: for plain descent 2/(λmin + λmax)."""
        limit = self.limit
        if not limit:
            return None
        maps = [StepMap(self.method, np.array([[value]])) for value in self.felt.rising[[0, -1]]]
        return lowest(lambda eta: max(step.radius(eta) for step in maps), limit)


def modes(method: Method, hessian: Array, names: tuple[str, ...], scales: Mapping[str, Array] | None = None) -> Modes:
    """`scales`: the frozen states' values, (k,), of an adaptive method; 1 unless given."""
    multipliers = multipliers_of(method, scales or {}, len(names))
    root = np.sqrt(multipliers)
    return Modes(method, spectrum(root[:, None] * hessian * root, names), multipliers)


def multipliers_of(method: Method, scales: Mapping[str, Array], size: int) -> Array:
    """What each coordinate's gradient is multiplied by, compared with a scale of 1."""
    if not scales:
        return np.ones(size)
    step = method.frozen_step
    still = {name: np.zeros(size) for name in method.states}
    at = {**still, **method.freeze, "theta": np.zeros(size), "g": np.ones(size), "eta": 1.0, "t": LATE}
    moved = [np.broadcast_to(evaluate(step, names=names)[step.outputs["theta"]], size) for names in (at, {**at, **scales})]
    with np.errstate(all="ignore"):
        ratio: Array = moved[1] / moved[0]
    return ratio


def scales_of(method: Method, states: Mapping[str, Array], steps: int) -> dict[str, Array]:
    """The frozen scales of a method that has taken so many steps; its own correction of their start put in."""
    corrected = 1.0
    if "(1 - beta2**t)" in method.text:
        corrected = 1 - float(method.defaults["beta2"]) ** steps
    return {name: states[name] / corrected for name, value in method.freeze.items() if value == SCALED}


def lowest(function: Callable[[float], float], limit: float) -> float:
    """Where a function of the rate is lowest below the limit: the middle of the best where many are alike."""
    grid = np.linspace(np.log(SPAN * limit), np.log(limit), GRID)
    values = np.array([function(float(np.exp(x))) for x in grid])
    least = np.flatnonzero(values <= np.min(values) * (1 + EVEN))
    if len(least) > 2:
        return float(np.exp((grid[least[0]] + grid[least[-1]]) / 2))
    low, high = np.exp(grid[[max(least[0] - 1, 0), min(least[-1] + 1, GRID - 1)]]).tolist()
    return golden(function, low, high)


def golden(function: Callable[[float], float], low: float, high: float) -> float:
    """The minimum in an interval, by golden section (Kiefer 1953)."""
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    for _ in range(80):
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right = function(right)
    return (low + high) / 2
