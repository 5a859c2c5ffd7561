"""Coordinates in which a loss of many parameters bends about alike in every direction."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from steepest.descent.objective import Array
from steepest.fitting.free_loss import FreeLoss

ENOUGH = 5_000  # rows that tell the size of a diagonal
ROWS_EACH = 5  # rows of the sample for each parameter
SHIFT = 1e-8  # of the diagonal, which keeps a sample's matrix from being singular


class Metric(NamedTuple):
    """M = S L Lᵀ S, about the Hessian: S a diagonal, (k,), and L lower triangular, (k, k), or None for the identity."""

    scale: Array
    lower: Array | None = None

    def coordinates(self, x: Array) -> Array:
        """z = LᵀS x, in which M is the identity."""
        scaled: Array = x * self.scale
        return scaled if self.lower is None else self.lower.T @ scaled

    def point(self, z: Array) -> Array:
        """The x of z."""
        x: Array = (z if self.lower is None else triangular(self.lower, z, "T")) / self.scale
        return x

    def slopes(self, gradient: Array) -> Array:
        """The gradient by z."""
        scaled = gradient / self.scale
        return scaled if self.lower is None else triangular(self.lower, scaled, "N")

    def solve(self, vector: Array) -> Array:
        """M⁻¹ times a vector."""
        return self.point(self.slopes(vector))


def triangular(lower: Array, vector: Array, trans: Any) -> Array:
    from scipy.linalg import solve_triangular

    found: Array = solve_triangular(lower, vector, lower=True, trans=trans, check_finite=False)
    return found


def diagonal(loss: FreeLoss, x: Array) -> Metric:
    """From the diagonal of the Hessian; where there are many rows, of some of them, evenly spread."""
    objective = loss.objective
    if objective.columns.rows < 4 * ENOUGH:
        return Metric(np.sqrt(loss.diagonal(x)))
    some = objective.on(np.arange(0, objective.columns.rows, objective.columns.rows // ENOUGH))
    found = FreeLoss(some, loss.theta(x)).diagonal(x) * float(objective.total / some.total)
    return Metric(np.sqrt(found))


def sampled(loss: FreeLoss, x: Array) -> Metric | None:
    """From the Hessian of some rows, evenly spread; None where that does not bend up."""
    objective = loss.objective
    rows = objective.columns.rows
    some = objective.on(np.arange(0, rows, max(1, rows // (ROWS_EACH * len(x)))))
    hessian = FreeLoss(some, loss.theta(x)).hessian(x)
    if hessian is None:
        return None
    hessian = hessian * float(objective.total / some.total)
    lengths = np.diag(hessian)
    if not (lengths > 0).all():
        return None
    scale = np.sqrt(lengths)
    try:
        lower = np.linalg.cholesky(hessian / scale / scale[:, None] + SHIFT * np.eye(len(x)))
    except np.linalg.LinAlgError:
        return None
    return Metric(scale, lower)
