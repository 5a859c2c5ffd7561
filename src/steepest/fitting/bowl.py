"""The Hessian at a point, and the way out where it bends down."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.descent.objective import Array
from steepest.fitting.free_loss import FreeLoss


class Bowl(NamedTuple):
    """Gradient and Hessian of the summed loss, the Hessian's diagonal scaled to 1."""

    gradient: Array
    values: Array  # eigenvalues, smallest first
    axes: Array  # (k, k), the eigenvectors in unscaled parameters

    @property
    def is_up(self) -> bool:
        """Does it bend up in every direction, beyond rounding?"""
        return bool(self.values[0] > 8 * len(self.values) * np.finfo(float).eps * self.values[-1])

    @property
    def is_down(self) -> bool:
        """Does it bend down in some direction, beyond rounding?"""
        return bool(self.values[0] < -1e-8 * np.max(np.abs(self.values)))

    @property
    def directions(self) -> Array:
        """Those along which a step h raises the loss by h²/2, (k, k)."""
        scaled: Array = self.axes / np.sqrt(self.values)
        return scaled

    @property
    def step(self) -> Array:
        """Newton's."""
        step: Array = -self.directions @ (self.directions.T @ self.gradient)
        return step

    @property
    def gain(self) -> float:
        """What Newton's step should take off the loss."""
        slopes = self.directions.T @ self.gradient
        return float(slopes @ slopes) / 2


def bowl(loss: FreeLoss, x: Array, hessian: Array) -> Bowl:
    diagonal = np.abs(np.diag(hessian))
    scale = np.sqrt(np.where(diagonal > 0, diagonal, np.max(np.abs(hessian)) or 1.0))
    values, vectors = np.linalg.eigh(hessian / np.outer(scale, scale))
    return Bowl(loss.at(x)[1], values, vectors / scale[:, None])


def downhill(loss: FreeLoss, x: Array, shape: Bowl) -> Array | None:
    """A point beside a saddle, along the axis that bends down, that should lie lower by a tenth of the loss."""
    step = np.sqrt(0.2 * loss.mass(x) / -shape.values[0]) * shape.axes[:, 0]
    sides = [x + step, x - step]
    losses = np.array([loss.loss(side) for side in sides])
    losses[~np.isfinite(losses)] = np.inf
    best = int(np.argmin(losses))
    return sides[best] if losses[best] < loss.loss(x) else None
