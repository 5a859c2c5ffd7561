"""Newton's step by conjugate gradients, from products with the Hessian alone, and what it proves of a minimum.

The coefficients of the conjugate gradients are those of Lanczos' matrix, whose lowest eigenvalue says how flat the loss may be.
Source: Hestenes and Stiefel 1952; Golub and Meurant 2010, Matrices, Moments and Quadrature, 12.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.descent.objective import Array
from steepest.fitting.free_loss import FreeLoss

ENOUGH = 0.03  # of the gradient: what is left of it along the step
LEVEL = 1e-12  # of the largest: an eigenvalue that is nothing


class Step(NamedTuple):
    """`gain` is what the step takes off a paraboloid, `bound` about what Newton's would at most."""

    step: Array
    gain: float
    bound: float
    is_down: bool = False  # the loss bends down in some direction
    is_level: bool = False  # it is level in some


def newton_step(loss: FreeLoss, x: Array, gradient: Array, moves: Array, most: int) -> Step:
    """The step from x in the coordinates that move, (k,) of bool, after at most so many products."""
    diagonal = loss.diagonal(x)
    step, left = np.zeros_like(x), np.where(moves, -gradient, 0.0)
    direction = left / diagonal
    square = first = float(left @ direction)
    lengths: list[float] = []
    turns: list[float] = []
    while square > ENOUGH**2 * first and len(lengths) < most:
        product = np.where(moves, loss.product(x, direction), 0.0)
        bend, size = float(direction @ product), float(direction @ (diagonal * direction))
        if not bend > LEVEL * size:
            return Step(step, np.nan, np.inf, is_down=bend < -1e-8 * size, is_level=not bend < -1e-8 * size)
        lengths.append(square / bend)
        step, left = step + lengths[-1] * direction, left - lengths[-1] * product
        scaled = left / diagonal
        before, square = square, float(left @ scaled)
        turns.append(square / before)
        direction = scaled + turns[-1] * direction
    gain = -float(gradient @ step) / 2
    return Step(step, gain, gain + (square / (2 * lowest(lengths, turns)) if lengths else 0.0))


def lowest(lengths: list[float], turns: list[float]) -> float:
    """The least eigenvalue of Lanczos' matrix."""
    inverse = 1 / np.array(lengths)
    matrix = np.diag(inverse)
    matrix[1:, 1:] += np.diag(np.array(turns[:-1]) * inverse[:-1])
    beside = np.sqrt(np.array(turns[:-1])) * inverse[:-1]
    matrix += np.diag(beside, 1) + np.diag(beside, -1)
    return max(float(np.linalg.eigvalsh(matrix)[0]), LEVEL)
