"""Which value of a site would mend the whole gradient on one row, solved for without knowing what it should be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from steepest.check.cases import Case
from steepest.check.instrument import Force, Instrumented

Array = np.ndarray[Any, Any]
SOLVED = 1e-9  # of the size of the gradient
ITERATIONS = 8
BEST = 2  # of the starts


class Mode(NamedTuple):
    """How the values that a site takes in one run may change: `start(base)` are the unknowns, `force` puts them in."""

    name: str
    start: Callable[[Array], Array]
    force: Callable[[Array], Force]


def _each(unknowns: Array) -> Force:
    """Every number on its own, in the order in which they come."""
    place = [0]

    def force(occurrence: int, value: Any) -> Any:
        if occurrence == 0:
            place[0] = 0
        size = np.size(value)
        part = unknowns[place[0] : place[0] + size]
        if len(part) < size:
            raise RuntimeError("more values than before")
        place[0] += size
        return shaped(part, value)

    return force


def _same(unknowns: Array) -> Force:
    return lambda _, value: shaped(np.full(np.size(value), unknowns[0]), value)


def _scaled(unknowns: Array) -> Force:
    return lambda _, value: value * unknowns[0]


EACH = Mode("each", lambda base: base.copy(), _each)
SAME = Mode("same", lambda base: base[:1].copy(), _same)
SCALED = Mode("scaled", lambda base: np.ones(1), _scaled)


def shaped(numbers: Array, like: Any) -> Any:
    """These numbers in the place of a value: an array of its shape, or a number."""
    return np.array(numbers, dtype=float).reshape(like.shape) if isinstance(like, np.ndarray) else np.float64(numbers[0])


class Solver:
    """One site on one case: `error(unknowns)` is the gradient's error, each coordinate in units of its size."""

    def __init__(self, program: Instrumented, case: Case, right: Array, site: int, mode: Mode) -> None:
        self.program, self.case, self.right, self.site, self.mode = program, case, right, site, mode

    def error(self, unknowns: Array) -> Array | None:
        gradient = self.program.run(self.case.theta, self.case.rows, self.site, self.mode.force(unknowns))
        return None if gradient is None else (gradient - self.right) / (abs(self.right) + 1e-300)

    def solve(self, base: Array, others: Array) -> Array | None:
        """Unknowns that mend every coordinate, or None. `others` are values to start from where the user's own lead nowhere."""
        unknowns = self.mode.start(base)
        found, reaches = self._newton(unknowns)
        if found is not None or not reaches or len(unknowns) > 1 or self.mode is SCALED:
            return found
        errors = [self.error(np.array([value])) for value in others]
        sizes = np.array([np.inf if e is None else np.linalg.norm(e / (1 + abs(e))) for e in errors])
        for k in np.argsort(sizes)[:BEST]:
            if np.isfinite(sizes[k]):
                found, _ = self._newton(others[k : k + 1])
                if found is not None:
                    return found
        return None

    def hit(self, values: Array) -> Array | None:
        """The first of these values that mends every coordinate as it is."""
        for k in range(len(values)):
            error = self.error(values[k : k + 1])
            if error is not None and np.max(abs(error)) <= SOLVED:
                return values[k : k + 1]
        return None

    def _newton(self, unknowns: Array) -> tuple[Array | None, bool]:
        """Gauss and Newton's method for a zero residual, and whether the site reaches every wrong coordinate."""
        error = self.error(unknowns)
        if error is None:
            return None, True
        for k in range(ITERATIONS):
            if np.max(abs(error)) <= SOLVED:
                return unknowns, True
            slopes = self._slopes(unknowns, error)
            if slopes is None:
                return None, True
            if (abs(error[~slopes.any(axis=1)]) > SOLVED).any():
                return None, k > 0
            found = self._shorter(unknowns, -np.linalg.lstsq(slopes, error, rcond=1e-12)[0], error)
            if found is None:
                return None, True
            unknowns, error = found
        return (unknowns if np.max(abs(error)) <= SOLVED else None), True

    def _slopes(self, unknowns: Array, error: Array) -> Array | None:
        columns = []
        for k in range(len(unknowns)):
            moved = unknowns.copy()
            width = 1e-6 * (abs(unknowns[k]) or 1.0)
            moved[k] += width
            there = self.error(moved)
            if there is None:
                return None
            columns.append((there - error) / width)
        return np.array(columns).T

    def _shorter(self, unknowns: Array, step: Array, error: Array) -> tuple[Array, Array] | None:
        """The step, or a part of it: the first that makes the error smaller."""
        for part in (1.0, 0.3, 0.1):
            there = self.error(unknowns + part * step)
            if there is not None and np.linalg.norm(there) < 0.9 * np.linalg.norm(error):
                return unknowns + part * step, there
        return None
