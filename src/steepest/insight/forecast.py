"""How many steps until the loss is so close to its minimum: exact for quadratic losses, near a minimum for others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.descent.objective import Array
from steepest.insight.limits import Modes
from steepest.methods.limit import StepMap

MOST = 2**52
ONE_BY_ONE = 20_000  # steps of a method that swings; beyond, the gap is taken to fall steadily


class Forecast(NamedTuple):
    """The loss above its minimum as ½Σλc² over k directions: `sizes` (k,) now, and the map of (error, states) of each, (k, m, m).

    States are at rest at first. `swings` says that the gap may rise for a while, as it does with momentum.
    """

    sizes: Array
    maps: Array

    @property
    def swings(self) -> bool:
        return bool(self.maps.shape[-1] > 1)

    def gap(self, steps: int) -> float:
        """After so many steps."""
        with np.errstate(all="ignore"):
            return float(
                sum(size * np.linalg.matrix_power(map_, steps)[0, 0] ** 2 for size, map_ in zip(self.sizes, self.maps, strict=True))
            )

    def first(self, tolerance: float, most: int) -> int:
        """The first step, `most` at the latest, at which the gap is at most `tolerance`: by taking them all."""
        states = np.zeros((*self.maps.shape[:2], 1))
        states[:, 0] = 1.0
        for step in range(most):
            if np.sum(self.sizes * states[:, 0, 0] ** 2) <= tolerance:
                return step
            states = self.maps @ states
        return most


def forecast(modes: Modes, error: Array, eta: float) -> Forecast:
    """`error` (k,) is theta - theta* now."""
    felt = modes.felt
    weights = felt.directions.T @ (error / np.sqrt(modes.multipliers))
    seen = np.flatnonzero(felt.values > felt.zero)
    maps = [StepMap(modes.method, np.array([[felt.values[k]]])).jacobian(eta) for k in seen]
    return Forecast(felt.values[seen] * weights[seen] ** 2 / 2, np.array(maps))


def steps_until(ahead: Forecast, tolerance: float) -> float:
    """The first step at which the gap is at most `tolerance`; infinite where it never is."""
    if ahead.gap(0) <= tolerance:
        return 0
    high = 1
    while not ahead.gap(high) <= tolerance:
        high *= 2
        if high > MOST:
            return np.inf
    if ahead.swings and high <= ONE_BY_ONE:
        return ahead.first(tolerance, high)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if ahead.gap(middle) <= tolerance else (middle, high)
    return high
