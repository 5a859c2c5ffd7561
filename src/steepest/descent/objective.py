"""The loss of all rows as a function of theta: the one place where sums become a loss and a gradient."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.data.table import Columns
from steepest.engines.table import Kernels

Array = np.ndarray[Any, Any]


class Point(NamedTuple):
    """The loss and its gradient at theta; the gradient of a fixed parameter is 0."""

    theta: Array
    loss: Any
    gradient: Array


class Objective:
    """A derivation on its data, through one engine.

    The sums over rows are divided once: by Σw/scale for a mean, by 1/scale for a sum. `free` are the positions in theta that a
    descent moves; the others stay at their start. `l1` are the factors of |theta| in the penalty, (p,), or None.
    """

    def __init__(self, kernels: Kernels, columns: Columns, weights: Array | None = None, free: Any = None) -> None:
        self.kernels = kernels
        self.columns = columns
        self.weights = weights
        size = kernels.derivation.size
        self.free = np.arange(size) if free is None else np.array(free, dtype=np.int64)
        self.total = kernels.number(columns.rows if weights is None else float(np.sum(weights)))
        loss = kernels.derivation.criterion
        self.divisor = (self.total if loss.mean else kernels.number(1)) / kernels.number(loss.scale)
        self.l1 = l1_factors(kernels.derivation)
        self._fixed = [k for k in range(size) if k not in self.free] if len(self.free) < size else []

    @property
    def derivation(self) -> Derivation:
        return self.kernels.derivation

    def at(self, theta: Array, rows: Any = None) -> Point:
        """The loss and its gradient: one pass over the rows, or over those of a batch, by number."""
        values = self._sums("gradient", theta) if rows is None else self._batch(theta, rows)
        return Point(theta, values[0], self._slopes(values[1:], theta))

    @property
    def share(self) -> Array:
        """The weight of all rows, and what their sums are divided by: (1, 2)."""
        return np.array([[self.total, self.divisor]])

    def shares(self, order: Any, edges: Any) -> Array:
        """The same of each batch order[edges[k]:edges[k + 1]], (batches, 2)."""
        weights = self.weights
        totals = np.diff(edges).astype(float) if weights is None else np.add.reduceat(weights[order], edges[:-1])
        loss = self.derivation.criterion
        return np.column_stack([totals, (totals if loss.mean else np.ones(len(totals))) / float(loss.scale)])

    def freeing(self, free: Any) -> Objective:
        """The same with other parameters free."""
        return Objective(self.kernels, self.columns, self.weights, free)

    def on(self, rows: Any) -> Objective:
        """The same on some rows, by number."""
        weights = None if self.weights is None else self.weights[rows]
        return Objective(self.kernels, self.columns.rows_of(rows), weights, self.free)

    def loss(self, theta: Array) -> Any:
        return self._sums("value", theta)[2]

    def curved(self, kind: str, theta: Array) -> tuple[Point, Array]:
        """A point, and its "hessian" or its "normal" matrix (Gauss-Newton) over all parameters, (p, p): one pass over the rows."""
        size = len(theta)
        values = self._sums(kind, theta)
        return Point(theta, values[0], self._slopes(values[1 : 1 + size], theta)), symmetric(values[1 + size :], size)

    def hessian(self, theta: Array) -> Array:
        """The matrix of second derivatives, (p, p), over all parameters."""
        return self.curved("hessian", theta)[1]

    def rows(self, kind: str, theta: Array) -> Array:
        """The outputs of one of the derivation's programs, (outputs, rows)."""
        return self.kernels.rows(kind, theta, self.columns.arrays)

    def predictions(self, theta: Array) -> Array:
        """yhat, row by row."""
        line: Array = self.rows("value", theta)[1]
        return line

    def moving(self, gradient: Array) -> Array:
        """A gradient, or rows of gradients, with 0 for fixed parameters."""
        if self._fixed:
            gradient = gradient.copy()
            gradient[..., self._fixed] = 0
        return gradient

    def work(self) -> int:
        """Operations of one evaluation, roughly: the nodes of the gradient's program times the rows, and two for each number."""
        matrices = sum(block.size for block in self.derivation.formula.blocks)
        return (len(self.derivation.core.program("gradient").nodes) + 2 * matrices) * self.columns.rows

    def smooth(self, theta: Array) -> Point:
        """The loss and its gradient without the l1 of the penalty."""
        values = self._sums("gradient", theta)
        loss, gradient = values[0], self.moving(values[1:])
        if self.l1 is not None:
            loss, gradient = loss - np.sum(self.l1 * np.abs(theta)), gradient - self.moving(self.l1 * np.sign(theta))
        return Point(theta, loss, gradient)

    def _slopes(self, gradient: Array, theta: Array) -> Array:
        """The gradient; at a kink of l1 the shortest of all slopes, which is 0 at a minimum (of fixed parameters always)."""
        if self.l1 is not None:
            shorter = np.sign(gradient) * np.maximum(np.abs(gradient) - self.l1, 0)
            gradient = np.where((theta == 0) & (self.l1 > 0), shorter, gradient)
        return self.moving(gradient).astype(theta.dtype, copy=False)

    def _batch(self, theta: Array, rows: Any) -> Array:
        edges = np.array([0, len(rows)])
        ((total, divisor),) = self.shares(rows, edges)
        weights = None if self.weights is None else self.weights[rows]
        columns = [column[rows] for column in self.columns.arrays]
        with np.errstate(all="ignore"):
            divided: Array = self.kernels.sums(
                "gradient", theta, columns, weights, self.kernels.number(total)
            ) / self.kernels.number(divisor)
        return divided

    def _sums(self, kind: str, theta: Array) -> Array:
        sums = self.kernels.sums(kind, theta, self.columns.arrays, self.weights, self.total)
        with np.errstate(all="ignore"):
            divided: Array = sums / self.divisor
        return divided


def l1_factors(derivation: Derivation) -> Array | None:
    """The factor of |theta| in the penalty for each parameter, (p,), or None where there is none."""
    formula, penalty = derivation.formula, derivation.penalty
    if penalty is None or not (given := penalty.factors("l1")):
        return None
    factors = np.array([float(given.get(name, 0)) for name in formula.parameters])
    for block in formula.blocks:
        factors[block.part] = float(given.get(block.name, 0))
    return factors


def symmetric(lower: Array, size: int) -> Array:
    """The symmetric matrix whose lower triangle is given row by row."""
    matrix = np.zeros((size, size), dtype=lower.dtype)
    rows, columns = np.tril_indices(size)
    matrix[rows, columns] = lower
    matrix[columns, rows] = lower
    return matrix
