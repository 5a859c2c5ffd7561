"""An objective as a function of its free parameters alone: what methods written as code work on."""

from __future__ import annotations

import numpy as np

from steepest.descent.objective import Array, Objective, Point


class Free:
    """The objective at x, the k free parameters, (k,); the fixed ones stay as in `theta`, (p,).

    `evaluations` counts the passes over the rows. The last matrix of each kind is remembered, with its point.
    """

    def __init__(self, objective: Objective, theta: Array) -> None:
        self.objective = objective
        self.positions = objective.free
        self.evaluations = 0
        self._theta = theta
        self._seen: dict[str, tuple[Point, Array]] = {}

    @property
    def l1(self) -> Array | None:
        """The factors of |x| in the penalty, (k,), or None."""
        return None if self.objective.l1 is None else self.objective.l1[self.positions]

    def theta(self, x: Array) -> Array:
        """All parameters, (p,)."""
        theta = self._theta.copy()
        theta[self.positions] = x
        return theta

    def at(self, x: Array) -> Point:
        self.evaluations += 1
        return self._point(x, self.objective.at(self.theta(x)))

    def curved(self, kind: str, x: Array) -> tuple[Point, Array]:
        """The point, and its "hessian" or "normal" matrix, (k, k)."""
        if kind not in self._seen or not np.array_equal(self._seen[kind][0].theta, x):
            self.evaluations += 1
            point, matrix = self.objective.curved(kind, self.theta(x))
            self._seen[kind] = self._point(x.copy(), point), matrix[np.ix_(self.positions, self.positions)]
        return self._seen[kind]

    def _point(self, x: Array, point: Point) -> Point:
        return Point(x, point.loss, point.gradient[self.positions])
