"""An objective as a function of its free parameters, in sums over the rows: what every search works on."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from steepest.descent.objective import Array, Objective
from steepest.errors import FormulaError
from steepest.language.program import COMPARISONS

MOST_EXACT = 64  # parameters up to which the exact Hessian is derived
SHARP = COMPARISONS | {"abs", "sign", "max", "min", "relu", "clip"}


class FreeLoss:
    """Σwℓ and its derivatives at x, the k free parameters; the fixed ones stay as in `theta`.

    `start` is the free part of `theta`, `names` their names, `evaluations` the number of passes over the rows.
    """

    def __init__(self, objective: Objective, theta: Array) -> None:
        self.objective = objective
        self.start: Array = theta[objective.free]
        self.names = tuple(objective.derivation.formula.parameters[k] for k in objective.free)
        self.evaluations = 0
        self._theta = theta
        self._root = None if objective.weights is None else np.sqrt(objective.weights)
        self._seen: tuple[Array, Array, Array] | None = None

    def theta(self, x: Array) -> Array:
        """All parameters."""
        theta = self._theta.copy()
        theta[self.objective.free] = x
        return theta

    def loss(self, x: Array) -> float:
        self.evaluations += 1
        return float(self.objective.loss(self.theta(x)) * self.objective.divisor)

    def at(self, x: Array) -> tuple[float, Array]:
        """The loss and its gradient, (k,)."""
        self.evaluations += 1
        point = self.objective.at(self.theta(x))
        gradient: Array = point.gradient[self.objective.free] * self.objective.divisor
        return float(point.loss * self.objective.divisor), gradient

    def hessian(self, x: Array) -> Array | None:
        """The second derivatives, (k, k), or None where there are too many to derive or they are not finite."""
        free = self.objective.free
        if len(self._theta) > MOST_EXACT:
            return None
        try:
            hessian: Array = self.objective.hessian(self.theta(x))[np.ix_(free, free)] * self.objective.divisor
        except FormulaError:
            return None
        self.evaluations += 1
        return hessian if np.isfinite(hessian).all() else None

    def tangent(self, x: Array) -> tuple[Array, Array]:
        """√w·(yhat - y), (n,), and its Jacobian, (n, k). The last one is remembered."""
        if self._seen is None or not np.array_equal(self._seen[0], x):
            self.evaluations += 1
            rows = self.objective.rows("jacobian", self.theta(x))
            if self._root is not None:
                rows *= self._root
            self._seen = x.copy(), rows[0], rows[1 + self.objective.free].T
        return self._seen[1:]

    def mass(self, x: Array) -> float:
        """Σw|ℓ|: the size that rounding of the loss is relative to."""
        self.evaluations += 1
        losses = np.abs(self.objective.rows("value", self.theta(x))[2])
        return float(np.sum(losses if self.objective.weights is None else self.objective.weights * losses))

    def grain(self) -> float:
        """Σw(εy)²: what is left of a perfect fit, whose every row is off by its rounding."""
        y = self.objective.rows("value", self._theta)[0]
        squares = (np.finfo(float).eps * y) ** 2
        return float(np.sum(squares if self.objective.weights is None else self.objective.weights * squares))

    def differences(self, x: Array, steps: Array) -> Array | None:
        """The Hessian by central differences of the gradient, or None where it is not finite."""
        hessian = np.empty((len(x), len(x)))
        for k, step in enumerate(steps):
            ahead, behind = x.copy(), x.copy()
            ahead[k] += step
            behind[k] -= step
            hessian[k] = (self.at(ahead)[1] - self.at(behind)[1]) / (ahead[k] - behind[k])
        return (hessian + hessian.T) / 2 if np.isfinite(hessian).all() else None

    @cached_property
    def is_smooth(self) -> bool:
        """Do the parameters move no kink and no jump? A loss of our table has none but `mae`, which `general` refuses."""
        derivation = self.objective.derivation
        value = derivation.program("value")
        judged = value.pruned({"yhat": value.outputs["yhat"]}) if derivation.criterion.source else value
        moved = judged.depends_on("parameter")
        return not any(moved[i] and node.op in SHARP for i, node in enumerate(judged.nodes))

    @property
    def rows(self) -> int:
        """The rows that count: those whose weight is not zero."""
        weights = self.objective.weights
        return self.objective.columns.rows if weights is None else int(np.count_nonzero(weights))

    def is_finite(self, x: Array) -> bool:
        """Are the loss, its gradient and the tangent finite at x?"""
        loss, gradient = self.at(x)
        return bool(np.isfinite(loss) and np.isfinite(gradient).all() and all(np.isfinite(a).all() for a in self.tangent(x)))
