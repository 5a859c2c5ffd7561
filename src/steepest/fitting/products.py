"""Newton's step for many parameters, and what it proves of a minimum: by conjugate gradients, or from the Hessian.

Conjugate gradients need products with the Hessian alone. Where they take too many, the Hessian is made if it is not too large.

The coefficients of the conjugate gradients are those of Lanczos' matrix, whose lowest eigenvalue says how flat the loss may be.
Source: Hestenes and Stiefel 1952; Golub and Meurant 2010, Matrices, Moments and Quadrature, 12.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.descent.objective import Array
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.metric import Metric

FEW = 500  # parameters up to which the Hessian is cheaper than products
MOST, WORK = 2_000, 1e11  # parameters, and rows × parameters², up to which it can be made
ENOUGH = 0.1  # of the gradient: what is left of it along the step
LEVEL = 1e-12  # of the largest: an eigenvalue that is nothing


def can_be_made(loss: FreeLoss) -> bool:
    """Is the Hessian of a size that takes a second or so?"""
    size = len(loss.start)
    return size <= MOST and loss.rows * size**2 <= WORK


class Step(NamedTuple):
    """`gain` is what the step takes off a paraboloid, `bound` about what Newton's would at most."""

    step: Array
    gain: float
    bound: float
    is_down: bool = False  # the loss bends down in some direction
    is_level: bool = False  # it is level in some
    is_whole: bool = True  # it is Newton's, and no part of it


def newton_step(loss: FreeLoss, x: Array, gradient: Array, moves: Array, metric: Metric, most: int, nothing: float) -> Step:
    """The step from x in the coordinates that move, (k,) of bool, after at most so many products; a gain of `nothing` is none.

    Where not all move, the metric is a diagonal.
    """
    if can_be_made(loss) and np.count_nonzero(moves) <= FEW:
        return by_hessian(loss, x, gradient, moves)
    found = by_products(loss, x, gradient, moves, metric, most, nothing)
    if found.is_whole or found.is_down or not can_be_made(loss):
        return found
    return by_hessian(loss, x, gradient, moves)


def by_hessian(loss: FreeLoss, x: Array, gradient: Array, moves: Array) -> Step:
    hessian, step = loss.hessian(x), np.zeros_like(x)
    if hessian is None:
        return Step(step, np.nan, np.inf, is_level=True)
    if not moves.any():
        return Step(step, 0.0, 0.0)
    part = hessian[np.ix_(moves, moves)]
    diagonal = np.abs(np.diag(part))
    scale = np.sqrt(np.where(diagonal > 0, diagonal, np.max(np.abs(part)) or 1.0))
    values, axes = np.linalg.eigh(part / np.outer(scale, scale))
    if not values[0] > 8 * len(values) * np.finfo(float).eps * values[-1]:
        is_down = bool(values[0] < -1e-8 * np.max(np.abs(values)))
        return Step(step, np.nan, np.inf, is_down=is_down, is_level=not is_down)
    along = axes.T @ (gradient[moves] / scale)
    step[moves] = -(axes @ (along / values)) / scale
    gain = float(along @ (along / values)) / 2
    return Step(step, gain, gain)


def by_products(loss: FreeLoss, x: Array, gradient: Array, moves: Array, metric: Metric, most: int, nothing: float) -> Step:
    step, left = np.zeros_like(x), np.where(moves, -gradient, 0.0)
    direction = np.where(moves, metric.solve(left), 0.0)
    square = first = float(left @ direction)
    lengths: list[float] = []
    turns: list[float] = []
    bound = np.inf
    while square > ENOUGH**2 * first and len(lengths) < most and bound > nothing:
        product = np.where(moves, loss.product(x, direction), 0.0)
        bend, size = float(direction @ product), float(np.sum(metric.coordinates(direction) ** 2))
        if not bend > LEVEL * size:
            return Step(step, np.nan, np.inf, is_down=bend < -1e-8 * size, is_level=not bend < -1e-8 * size)
        lengths.append(square / bend)
        step, left = step + lengths[-1] * direction, left - lengths[-1] * product
        scaled = np.where(moves, metric.solve(left), 0.0)
        before, square = square, float(left @ scaled)
        turns.append(square / before)
        direction = scaled + turns[-1] * direction
        bound = -float(gradient @ step) / 2 + square / (2 * lowest(lengths, turns))
    gain = -float(gradient @ step) / 2
    return Step(step, gain, bound if lengths else gain, is_whole=not (square > ENOUGH**2 * first and bound > nothing))


def lowest(lengths: list[float], turns: list[float]) -> float:
    """The least eigenvalue of Lanczos' matrix."""
    inverse = 1 / np.array(lengths)
    matrix = np.diag(inverse)
    matrix[1:, 1:] += np.diag(np.array(turns[:-1]) * inverse[:-1])
    beside = np.sqrt(np.array(turns[:-1])) * inverse[:-1]
    matrix += np.diag(beside, 1) + np.diag(beside, -1)
    return max(float(np.linalg.eigvalsh(matrix)[0]), LEVEL)
