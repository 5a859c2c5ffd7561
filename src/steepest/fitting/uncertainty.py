"""How well the parameters are known: the covariance of each kind of loss, (k, k), nan where it is not known."""

from __future__ import annotations

import numpy as np

from steepest.descent.objective import Array
from steepest.fitting.bowl import bowl
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.tangent import Tangent

# Σwℓ is a negative log-likelihood.
LIKELIHOODS = ("logistic", "cross-entropy", "poisson")


def nothing_known(size: int) -> Array:
    """A covariance of NaN, (k, k), that takes no memory."""
    return np.broadcast_to(np.nan, (size, size))


def of_squares(loss: FreeLoss, at: Tangent) -> Array:
    """s²(JᵀJ)⁻¹ with s² = Σw r²/(rows - k), k parameters; nan where that over- or underflows.

    Where the errors of the rows are known, s is 1.
    """
    size, rows = len(at.scale), loss.rows
    if rows <= size and not loss.known_errors:
        return np.full((size, size), np.nan)
    s = 1.0 if loss.known_errors else float(np.linalg.norm(at.residual)) / np.sqrt(rows - size)
    factor = s * at.directions
    covariance: Array = factor @ factor.T
    variances = np.diag(covariance)
    out_of_range = ~np.isfinite(variances) | ((variances == 0) & (s > 0))
    lost = at.undetermined() | out_of_range
    covariance[lost] = covariance[:, lost] = np.nan
    return covariance


def of_loss(loss: FreeLoss, x: Array, inverse: Array) -> Array:
    """From H⁻¹, H the Hessian of the summed loss.

    H⁻¹ itself where the loss is a negative log-likelihood. Else n/(n - k) H⁻¹(Σ w²gᵢgᵢᵀ)H⁻¹, gᵢ the gradient of row i,
    which holds for any smooth loss (Huber 1967); nan where n <= k, and where there is a penalty.
    """
    if loss.objective.derivation.penalty is not None:  # it pulls the estimates aside
        return np.full_like(inverse, np.nan)
    if loss.objective.derivation.criterion.name in LIKELIHOODS:
        return inverse
    if loss.rows <= len(x):
        return np.full_like(inverse, np.nan)
    gradients = loss.objective.rows("gradient", loss.theta(x))[1 + loss.objective.free]
    if loss.objective.weights is not None:
        gradients = gradients * loss.objective.weights
    root = inverse @ gradients
    covariance: Array = root @ root.T
    return covariance * (loss.rows / (loss.rows - len(x)))


def by_hessian(loss: FreeLoss, x: Array, s: float) -> Array:
    """√diag(s²·2H⁻¹), (k,), H the full Hessian of the sum of squares; nan where it does not bend up, or is not known."""
    unknown = np.full(len(x), np.nan)
    hessian = loss.hessian(x)
    if hessian is None:
        return unknown
    shape = bowl(loss, x, hessian)
    if not shape.is_up:
        return unknown
    errors: Array = s * np.sqrt(2 * np.sum(shape.directions**2, axis=1))
    return errors
