"""The least-squares problem at one point: SVD of the column-scaled Jacobian, and what it says of the step and the rank.

With J the Jacobian of the residual r, S its column norms, and J/S = UΣVᵀ, the Gauss-Newton step is
-S⁻¹VΣ⁻¹Uᵀr, and |Uᵀr|² is what it would take off the sum of squares. Newton's step adds the bend
B = Σ⁻¹Vᵀ S⁻¹(H/2)S⁻¹ VΣ⁻¹, H the Hessian of the sum of squares: B is the identity where the residual does not curve
(Bates and Watts 1988, Nonlinear Regression Analysis).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.descent.objective import Array
from steepest.fitting.free_loss import FreeLoss

EPSILON = float(np.finfo(float).eps)
SAFE = 1e-250  # squares from here to 1/SAFE have all their digits


class Tangent(NamedTuple):
    """`rank` directions in which a step of 1 moves the rows by 1, and the residual's components along them."""

    residual: Array
    scale: Array
    directions: Array  # S⁻¹VΣ⁻¹, (k, rank)
    values: Array  # Σ, largest first
    projected: Array  # Uᵀr, (rank,)
    nothing: Array  # k - rank directions, (k, k - rank), in scaled parameters, that change no row

    @property
    def rank(self) -> int:
        return len(self.projected)

    @property
    def step(self) -> Array:
        """The Gauss-Newton step; where the rank is short, the shortest one in scaled parameters."""
        step: Array = -self.directions @ self.projected
        return step

    @property
    def gain(self) -> float:
        """What the step would take off the sum of squares."""
        return float(self.projected @ self.projected)

    def undetermined(self) -> Array:
        """Which parameters can move without changing any row: (k,) of bool."""
        return np.any(np.abs(self.nothing) > 1e-6, axis=1)  # type: ignore[no-any-return]


def tangent(loss: FreeLoss, x: Array, least: Array | float = 0.0) -> Tangent:
    """At x; no column is scaled by less than `least`."""
    residual, jacobian = loss.tangent(x)
    scale = np.maximum(lengths(jacobian), least)
    count, size = jacobian.shape
    # A column that is not finite tells nothing: as one of zeros it makes the rank short, and no claim is made.
    scaled = np.nan_to_num(jacobian / scale, nan=0.0, posinf=0.0, neginf=0.0)
    u, values, vt = np.linalg.svd(scaled, full_matrices=count < size)
    # Rounding perturbs a column of length 1 by about ε in each of √n independent rows and k operations.
    rank = int(np.sum(values > 4 * EPSILON * size * np.sqrt(loss.objective.columns.rows) * values[0]))
    directions = (vt[:rank].T / values[:rank]) / scale[:, None]
    return Tangent(residual, scale, directions, values, u.T[:rank] @ residual, vt[rank:].T)


def lengths(jacobian: Array) -> Array:
    """Of the columns; where squares over- or underflow, by way of the largest element; 1 for a column of zeros."""
    squares = np.einsum("ij,ij->j", jacobian, jacobian)
    if (squares > SAFE).all() and (squares < 1 / SAFE).all():
        return np.sqrt(squares)  # type: ignore[no-any-return]
    peaks = np.max(np.abs(jacobian), axis=0)
    peaks = np.where(peaks > 0, peaks, 1.0)
    norms = np.linalg.norm(jacobian / peaks, axis=0) * peaks
    return np.where((norms > 0) & np.isfinite(norms), norms, peaks)


def bend(at: Tangent, hessian: Array) -> tuple[Array, Array] | None:
    """Eigenvalues and eigenvectors of B, or None where rounding hides them or they overflow."""
    half = hessian / at.scale[:, None] / at.scale / 2
    rounding = 8 * EPSILON * len(half) * float(np.max(np.abs(half))) / at.values[at.rank - 1] ** 2
    if not rounding < 0.1:
        return None
    unscaled = at.directions * at.scale[:, None]
    bent = unscaled.T @ half @ unscaled
    if not np.isfinite(bent).all():
        return None
    values, vectors = np.linalg.eigh(bent)
    return values, vectors
