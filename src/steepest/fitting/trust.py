"""The valley by a trust region on the rows: Levenberg-Marquardt's steps, each the longest that the region allows (Moré 1978).

At a point r + Js ≈ the rows after a step s. With J/S = UΣVᵀ, S the column norms, and λ >= 0 the damping, the step is
s = -S⁻¹V Σ(Σ² + λ)⁻¹ Uᵀr: a share Σ²/(Σ² + λ) of each part of Gauss-Newton's. λ is such that |Ss| is the radius.
"""

from __future__ import annotations

import numpy as np

from steepest.descent.objective import Array
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.tangent import Tangent, tangent

TIGHT = 1e-12  # the last digits are the polish's
NEAR = 0.01  # of the radius: how close to it the length of a step must be


def trust_region(loss: FreeLoss, x: Array, most: int) -> tuple[Array, bool]:
    """Where it ends, and whether it ran out of evaluations.

    The scale of a parameter is the steepest that was met on the way. A trial with an infinite row is a rejected step, and the next
    one is shorter. Within bounds it also ends where a step meets one: what is pressed against it is then held by `bounded`.
    """
    at = tangent(loss, x)
    unit = peak(at.residual) or 1.0  # squares of the rows neither over- nor underflow
    squares = square(at.residual / unit)
    radius, damping = float(np.linalg.norm(at.scale * x)) / unit or 1.0, 0.0
    for _ in range(most):
        share, damping = within(at, unit, radius, damping)
        parts = at.projected / unit
        length = float(np.linalg.norm(share * parts / at.values[: at.rank]))
        trial, part = loss.up_to_bounds(x, -unit * (at.directions @ (share * parts)))
        if not part:
            return x, False
        rows, jacobian = loss.tangent(trial)
        then = square(rows / unit) if np.isfinite(jacobian).all() else np.inf
        if not np.isfinite(then):
            radius = length / 4
            continue
        gain, hoped = squares - then, float(np.sum(part * share * (2 - part * share) * parts**2))
        good = gain / hoped if hoped > 0 else float(gain == 0)
        ends = (gain < TIGHT * squares and good > 0.25) or length * unit <= TIGHT * float(np.linalg.norm(at.scale * x))
        if gain > 0:
            x, squares = trial, then
        if ends or (gain > 0 and part < 1):
            return x, False
        longer = 2.0 if good > 0.75 and length > 0.95 * radius else 1.0
        after = length / 4 if good < 0.25 else longer * radius
        radius, damping = after, damping * radius / after if after else 0.0
        if gain > 0:
            at = tangent(loss, x, at.scale)
    return x, True


def within(at: Tangent, unit: float, radius: float, damping: float) -> tuple[Array, float]:
    """The shares, (rank,), of the step whose length is the radius, and its damping; `damping` is a first guess.

    Newton's method on 1/|Ss| as a function of λ, between bounds that close in (Hebden 1973, Moré 1978).
    """
    values, projected = at.values[: at.rank], at.projected / unit
    full = projected / values
    if (size := float(np.linalg.norm(full))) <= radius:
        return np.ones_like(values), 0.0
    squares, slopes = values**2, values * projected
    high = float(np.linalg.norm(slopes)) / radius
    low = size * (size - radius) / float(np.sum(full**2 / squares))
    for _ in range(10):
        if not low <= damping <= high:
            damping = max(1e-3 * high, float(np.sqrt(low * high)))
        steps = slopes / (squares + damping)
        size = float(np.linalg.norm(steps))
        over, slope = size - radius, -float(np.sum(steps**2 / (squares + damping))) / (size or 1.0)
        if abs(over) <= NEAR * radius or not slope < 0:
            break
        high = damping if over < 0 else high
        low = max(low, damping - over / slope)
        damping -= size / radius * over / slope
    return squares / (squares + damping), damping


def peak(rows: Array) -> float:
    return float(np.max(np.abs(rows)))


def square(rows: Array) -> float:
    return float(rows @ rows)
