"""Which value of a site would mend the whole gradient on one row, solved for without knowing what it should be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from steepest.check.cases import Case
from steepest.check.program.instrument import Force, Instrumented

Array = np.ndarray[Any, Any]
SOLVED = 1e-9  # of the size of each coordinate
ITERATIONS = 8
BEST = 2  # of the values to start from


class Mode(NamedTuple):
    """One unknown for all that a site gives in a run: the value itself, or a factor of each of them."""

    factor: bool

    def force(self, unknown: float) -> Force:
        if self.factor:
            return lambda _, value: _like(value, value * unknown)
        return lambda _, value: _like(value, unknown)


def _like(value: Any, other: Any) -> Any:
    """`other` in the form of `value`: an array, a whole number where both are (for `range` and indices), or a number."""
    if isinstance(value, np.ndarray):
        return np.broadcast_to(other, value.shape).astype(float)
    return int(other) if isinstance(value, int | np.integer) and float(other).is_integer() else np.float64(other)


VALUE, FACTOR = Mode(False), Mode(True)


class Solver:
    """One site on one case."""

    def __init__(self, program: Instrumented, case: Case, right: Array, site: int, mode: Mode) -> None:
        self.program, self.case, self.right, self.site, self.mode = program, case, right, site, mode

    def error(self, unknown: float) -> Array | None:
        """What is then wrong with the gradient, each coordinate in units of its size; None where there is no gradient."""
        gradient = self.program.run(*self.case, self.site, self.mode.force(unknown))
        return None if gradient is None else (gradient - self.right) / (abs(self.right) + 1e-300)

    def solve(self, start: float, others: Array) -> float | None:
        """The unknown that mends every coordinate, or None. `others`: where to start if the user's own value leads nowhere."""
        found, reaches = self._newton(start)
        if found is not None or not reaches or self.mode.factor:
            return found
        errors = [self.error(value) for value in others]
        sizes = np.array([np.inf if e is None else np.linalg.norm(e / (1 + abs(e))) for e in errors])
        nearest = (float(others[k]) for k in np.argsort(sizes)[:BEST] if np.isfinite(sizes[k]))
        return next((found for value in nearest if (found := self._newton(value)[0]) is not None), None)

    def hit(self, values: Iterable[float]) -> float | None:
        """The first of these values that mends every coordinate as it is."""
        for value in values:
            error = self.error(value)
            if error is not None and _is_solved(error):
                return float(value)
        return None

    def _newton(self, unknown: float) -> tuple[float | None, bool]:
        """Gauss and Newton's method for a zero residual, and whether the site reaches every wrong coordinate."""
        error = self.error(unknown)
        for k in range(ITERATIONS):
            if error is None or _is_solved(error):
                break
            width = 1e-6 * (abs(unknown) or 1.0)
            moved = self.error(unknown + width)
            if moved is None:
                return None, True
            slope = (moved - error) / width
            if (abs(error[slope == 0]) > SOLVED).any():
                return None, k > 0
            unknown, error = self._shorter(unknown, -float(slope @ error / (slope @ slope)), error)
        return (unknown if error is not None and _is_solved(error) else None), True

    def _shorter(self, unknown: float, step: float, error: Array) -> tuple[float, Array | None]:
        """The step, or a part of it: the first that makes the error smaller."""
        for part in (1.0, 0.3, 0.1):
            there = self.error(unknown + part * step)
            if there is not None and np.linalg.norm(there) < 0.9 * np.linalg.norm(error):
                return unknown + part * step, there
        return unknown, None


def _is_solved(error: Array) -> bool:
    return bool(np.max(abs(error)) <= SOLVED)
