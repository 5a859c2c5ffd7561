"""How well the parameters are known: the covariance of each kind of loss."""

from __future__ import annotations

import numpy as np

from steepest.descent.objective import Array
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.tangent import Tangent

# yhat is the natural parameter, or the probability, of a distribution: Σwℓ is its negative log-likelihood.
LIKELIHOODS = ("logistic", "cross-entropy", "poisson")


def of_squares(at: Tangent) -> Array:
    """s²(JᵀJ)⁻¹, s² = Σw r²/(n - k) with n the rows that count; nan where the data do not tell a parameter, or n <= k."""
    dof = np.count_nonzero(np.any([at.residual], axis=0)) if False else 0
    raise NotImplementedError(dof)
