"""Downhill by a matrix of second derivatives, whatever its eigenvalues."""

from __future__ import annotations

import numpy as np

from steepest.methods.code.method import Array, Stuck

LEAST = 1e-8  # of the largest eigenvalue of the scaled matrix: smaller ones, or none, are taken as that


def downhill(matrix: Array, gradient: Array) -> Array:
    """-M⁻¹g where M is positive definite; else with the absolute values of its eigenvalues (Nocedal and Wright 2006, 3.4)."""
    if not np.isfinite(matrix).all():
        raise Stuck("the second derivatives are not finite")
    scale = lengths(matrix)
    scaled, slopes = matrix / np.outer(scale, scale), gradient / scale
    try:
        np.linalg.cholesky(scaled)
        step: Array = -np.linalg.solve(scaled, slopes) / scale
        if float(step @ gradient) < 0:
            return step
    except np.linalg.LinAlgError:
        pass
    values, axes = np.linalg.eigh(scaled)
    sizes = np.maximum(np.abs(values), LEAST * float(np.max(np.abs(values))) or 1.0)
    step = -(axes @ ((axes.T @ slopes) / sizes)) / scale
    return step


def lengths(matrix: Array) -> Array:
    """The square roots of the diagonal, 1 where it is zero: a scale for each parameter."""
    diagonal = np.abs(np.diag(matrix))
    return np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
