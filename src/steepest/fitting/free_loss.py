"""An objective as a function of its free parameters, in sums over the rows: what every search works on."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from steepest.descent.free import Free
from steepest.descent.given.parameters import Box
from steepest.descent.objective import Array, Objective
from steepest.descent.tsqr import slices
from steepest.errors import FormulaError
from steepest.fitting.few_rows import few_rows
from steepest.language.evaluate import evaluate
from steepest.language.losses import LOSSES
from steepest.language.program import COMPARISONS

MANY = 50_000  # rows from which a few stand for all of them
MOST_EXACT = 64  # parameters up to which the exact Hessian is derived
LARGE = 1e9  # rows × parameters² from which no Hessian of blocks is made on the way
NONNEGATIVE = ("logistic", "cross-entropy", "huber", "log-cosh", "soft-l1", "cauchy", "mae", "mse", "half-mse", "sse")
SHARP = COMPARISONS | {"abs", "sign", "max", "min", "relu", "clip"}


class FreeLoss:
    """Σwℓ and its derivatives at x, the k free parameters; the fixed ones stay as in `theta`.

    `start` is the free part of `theta`, `names` their names, `evaluations` the number of passes over the rows; `free` is the same
    loss reduced as the problem does, for methods of descent. `known_errors`: are the weights 1/σ², with σ the errors of the rows?
    `box`: the bounds, in `theta` all of them, or None; then those of the free parameters, (k,) both.
    """

    def __init__(self, objective: Objective, theta: Array, box: Box | None = None, known_errors: bool = False) -> None:
        self.objective = objective
        self.known_errors = known_errors
        self._whole_box = box
        self.box = None if box is None else box.of(objective.free)
        self.start: Array = theta[objective.free]
        self.names = tuple(objective.derivation.formula.parameters[k] for k in objective.free)
        self.free = Free(objective, theta)
        self.theta = self.free.theta
        self._theta = theta
        self._seen: tuple[Array, Array, Array] | None = None
        self._bent: tuple[Array, Array] | None = None
        self._massed: tuple[Array, float] | None = None
        self._last: tuple[Array, float, Array] | None = None
        self.blocks = objective.derivation.formula.blocks
        self.is_large = bool(self.blocks) and objective.columns.rows * len(self.start) ** 2 > LARGE
        self.l1 = None if objective.l1 is None else objective.l1[objective.free] * float(objective.divisor)

    @property
    def evaluations(self) -> int:
        return self.free.evaluations

    def holding(self, x: Array, held: Array) -> FreeLoss:
        """The same with some of the free parameters, (k,) of bool, held at their values in x."""
        return FreeLoss(self.objective.freeing(self.objective.free[~held]), self.theta(x), self._whole_box, self.known_errors)

    def inside(self, x: Array) -> Array:
        """The nearest point within the bounds."""
        return x if self.box is None else self.box.inside(x)

    def allows(self, x: Array) -> bool:
        """Is x within the bounds?"""
        return self.box is None or bool(np.array_equal(self.box.inside(x), x))

    def up_to_bounds(self, x: Array, step: Array) -> tuple[Array, float]:
        """Where a step leads, or where it first meets a bound, and what part of it that is."""
        trial = x + step
        if self.box is None or self.allows(trial):
            return trial, 1.0
        with np.errstate(all="ignore"):
            ways = np.where(step > 0, self.box.high - x, self.box.low - x) / step
        ways = np.where(step != 0, ways, np.inf)
        part = float(np.min(ways))
        met = np.where(step > 0, self.box.high, self.box.low)
        return self.inside(np.where(ways == part, met, x + part * step)), part

    @property
    def has_many_rows(self) -> bool:
        """Of a sum of squares: are they so many that sums over them serve better than the rows themselves?"""
        return self.objective.derivation.criterion.quadratic and self.objective.columns.rows > MANY

    @property
    def measures_residuals(self) -> bool:
        """Is the loss one of our table that is least where yhat = y? Then least squares leads close to its minimum."""
        criterion = self.objective.derivation.criterion
        named = criterion.name.partition("(")[0] in LOSSES
        return criterion.quadratic or (named and criterion.responses == (-np.inf, np.inf))

    def loss(self, x: Array) -> float:
        if self.has_many_rows or self._is_last(x):
            return self.at(x)[0]
        self.free.evaluations += 1
        return float(self.objective.loss(self.theta(x)) * self.objective.divisor)

    def at(self, x: Array) -> tuple[float, Array]:
        """The loss and its gradient, (k,)."""
        if self._last is not None and self._is_last(x):
            return self._last[1:]
        # Many rows: the sums that the search needs anyway, so that no other kernel must be compiled.
        as_sums = self.has_many_rows and not self.is_large
        point = self.free.curved("normal", x)[0] if as_sums else self.free.at(x)
        found = float(point.loss * self.objective.divisor), point.gradient * self.objective.divisor
        if self.is_large:
            self._last = (x.copy(), *found)
        return found

    def _is_last(self, x: Array) -> bool:
        """Of many parameters the last point is remembered."""
        return self._last is not None and np.array_equal(self._last[0], x)

    def hessian(self, x: Array) -> Array | None:
        """The second derivatives, (k, k), or None where there are too many to derive or they are not finite."""
        if len(self._theta) > MOST_EXACT and not self.blocks:
            return None
        try:
            hessian: Array = self.free.curved("hessian", x)[1] * self.objective.divisor
        except FormulaError:
            return None
        return hessian if np.isfinite(hessian).all() else None

    def product(self, x: Array, direction: Array) -> Array:
        """The Hessian times a direction, (k,)."""
        if not self.blocks:
            hessian = self.hessian(x)
            return np.full_like(x, np.nan) if hessian is None else hessian @ direction
        objective, whole = self.objective, np.zeros_like(self._theta)
        whole[objective.free] = direction
        kernels: Any = objective.kernels
        self.free.evaluations += 1
        found: Array = kernels.product(self._bends(x), whole, objective.columns.arrays, objective.total)[objective.free]
        return found

    def diagonal(self, x: Array) -> Array:
        """That of the Hessian, (k,); 1 where it is not positive."""
        objective = self.objective
        if self.blocks:
            kernels: Any = objective.kernels
            self.free.evaluations += 1
            found = kernels.diagonal(self._bends(x), objective.columns.arrays, objective.total)[objective.free]
        else:
            hessian = self.hessian(x)
            found = np.ones_like(x) if hessian is None else np.diag(hessian)
        return np.where((found > 1e-300) & np.isfinite(found), found, 1.0)

    def _bends(self, x: Array) -> Array:
        """What blocks need of the rows for a product; the last is remembered."""
        if self._bent is None or not np.array_equal(self._bent[0], x):
            objective, self._bent = self.objective, None
            kernels: Any = objective.kernels
            self.free.evaluations += 1
            self._bent = x.copy(), kernels.bends(self.theta(x), objective.columns.arrays, objective.weights)
        return self._bent[1]

    def smooth(self, x: Array) -> tuple[float, Array]:
        """The loss and its gradient, (k,), without l1."""
        self.free.evaluations += 1
        point = self.objective.smooth(self.theta(x))
        return float(point.loss * self.objective.divisor), point.gradient[self.objective.free] * self.objective.divisor

    def tangent(self, x: Array) -> tuple[Array, Array]:
        """√w·(yhat - y), (n,), and its Jacobian, (n, k); k + 1 rows that stand for them where n is large.

        The last one is remembered.
        """
        if self._seen is None or not np.array_equal(self._seen[0], x):
            self._seen = x.copy(), *(few_rows(self.free, x) if self.has_many_rows else self._all_rows(x))
        return self._seen[1:]

    def _all_rows(self, x: Array) -> tuple[Array, Array]:
        self.free.evaluations += 1
        rows = self.objective.rows("jacobian", self.theta(x))
        if self.objective.weights is not None:
            rows *= np.sqrt(self.objective.weights)
        return rows[0], rows[1 + self.objective.free].T

    def mass(self, x: Array) -> float:
        """Σw|ℓ|: the size that rounding of the loss is relative to."""
        if self.objective.derivation.criterion.quadratic:
            return self.loss(x)
        if self.is_large and self.objective.derivation.criterion.name in NONNEGATIVE:
            return abs(self.loss(x))
        if self._massed is None or not np.array_equal(self._massed[0], x):
            self.free.evaluations += 1
            losses = np.abs(self.objective.rows("value", self.theta(x))[2])
            weighted = losses if self.objective.weights is None else self.objective.weights * losses
            self._massed = x.copy(), float(np.sum(weighted))
        return self._massed[1]

    @cached_property
    def grain(self) -> float:
        """Σw(εy)²: what is left of a perfect fit, whose every row is off by its rounding."""
        value = self.objective.derivation.program("value")
        response = value.pruned({"y": value.outputs["y"]})
        total = 0.0
        for part in slices(self.objective.columns.rows):
            columns = [column[part] for column in self.objective.columns.arrays]
            y = evaluate(response, list(self._theta), columns)[response.outputs["y"]]
            squares = np.broadcast_to((np.finfo(float).eps * y) ** 2, part.stop - part.start)
            total += float(np.sum(squares if self.objective.weights is None else self.objective.weights[part] * squares))
        return total

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
        known = derivation.criterion.source and derivation.penalty is None
        judged = value.pruned({"yhat": value.outputs["yhat"]}) if known else value
        moved = judged.depends_on("parameter")
        return not any(moved[i] and node.op in SHARP for i, node in enumerate(judged.nodes))

    @property
    def has_predictor(self) -> bool:
        """Does the model name a column?"""
        value = self.objective.derivation.program("value")
        return any(node.op == "column" for node in value.pruned({"yhat": value.outputs["yhat"]}).nodes)

    @property
    def rows(self) -> int:
        """The rows that count: those whose weight is not zero."""
        weights = self.objective.weights
        return self.objective.columns.rows if weights is None else int(np.count_nonzero(weights))

    def is_finite(self, x: Array) -> bool:
        """Are the loss, its gradient and the tangent finite at x?"""
        loss, gradient = self.at(x)
        rows = () if self.is_large else self.tangent(x)
        return bool(np.isfinite(loss) and np.isfinite(gradient).all() and all(np.isfinite(a).all() for a in rows))
