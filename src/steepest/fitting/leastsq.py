"""Nonlinear least squares: a trust region to the valley, Newton's steps to the last digits, then the verdict.

The trust region is Levenberg-Marquardt's on the rows; where these are many, that of methods/ on sums over them.
"""

from __future__ import annotations

import numpy as np

from steepest.descent.objective import Array
from steepest.fitting.bowl import bowl, downhill
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.marquardt import descended
from steepest.fitting.tangent import EPSILON, Tangent, bend, tangent
from steepest.fitting.trust import trust_region
from steepest.fitting.uncertainty import of_squares
from steepest.fitting.verify import Found, Verdict, lost, settled, walled

METHOD = "levenberg-marquardt + gauss-newton"
SETTLED = 1e-14  # of the loss: a round that could gain no more need not begin
ROUNDS = 40
FEW_DIGITS = 1e-6


def leastsq(loss: FreeLoss, start: Array) -> Found:
    x, at, spent = valley(loss, start)
    x, at = polish(loss, x, at)
    verdict, escape = judge(loss, x, at)
    if verdict.outcome == "stopped" and escape is None and spent:
        verdict = Verdict("steps", f"{loss.evaluations:,} evaluations were not enough: {verdict.reason}")
    reason = verdict.reason + (grainy(loss, at) if verdict.outcome == "converged" else "")
    return Found(x, verdict.outcome, reason, of_squares(loss, at), METHOD, escape)


def valley(loss: FreeLoss, x: Array) -> tuple[Array, Tangent, bool]:
    """Where the trust region ends, and whether its steps were too few.

    Each round scales the parameters anew: it remembers the steepest Jacobian that it met, and in a bent valley crawls ever after.
    """
    most = 20 + 5 * len(x)
    if loss.has_many_rows and loss.box is None:
        x, spent = descended(loss, x, ROUNDS * most)
        return x, tangent(loss, x), spent
    at = tangent(loss, x)
    for _ in range(ROUNDS):
        before = float(np.linalg.norm(at.residual))
        x, spent = trust_region(loss, x, most)
        at = tangent(loss, x)
        after = float(np.linalg.norm(at.residual))
        flat = at.rank == len(x) and at.gain <= SETTLED * after**2
        if flat or not after < (1 - (1e-10 if spent else 1e-6)) * before:
            return x, at, False
    return x, at, True


def polish(loss: FreeLoss, x: Array, at: Tangent, most: int = 30) -> tuple[Array, Tangent]:
    """Newton's steps, while each brings the gradient down fourfold.

    They find the last digits, for which the loss is too flat: it changes with the square of the error.
    """
    hessian, blur = loss.hessian(x), 4 * np.sqrt(loss.grain) + 1e-300
    for _ in range(most):
        step = newton(at, hessian)[0]
        if (np.abs(step) <= EPSILON * np.abs(x)).all():
            break
        trial, part = loss.up_to_bounds(x, step)
        rows, jacobian = loss.tangent(trial)
        if not (np.isfinite(rows).all() and np.isfinite(jacobian).all()):
            break
        then = tangent(loss, trial)
        if then.gain >= at.gain or np.linalg.norm(rows) > (1 + 1e-8) * np.linalg.norm(at.residual) + blur:
            break
        x, at, slow = trial, then, then.gain > at.gain / 16 or part < 1
        if slow:
            break
    return x, at


def newton(at: Tangent, hessian: Array | None) -> tuple[Array, float, Array]:
    """Newton's step, its gain, and the inverse of the Hessian of the sum of squares.

    It is the Gauss-Newton step where the Hessian is not known, or has another sign.
    """
    bent = None if hessian is None or at.rank < len(at.scale) else bend(at, hessian)
    if bent is None or bent[0][0] < 1e-3:
        return at.step, at.gain, at.directions @ at.directions.T / 2
    values, vectors = bent
    axes = at.directions @ (vectors / np.sqrt(values))
    projected = vectors.T @ at.projected / np.sqrt(values)
    return -axes @ projected, float(projected @ projected), axes @ axes.T / 2


def judge(loss: FreeLoss, x: Array, at: Tangent) -> tuple[Verdict, Array | None]:
    """The verdict, and a way out if x is a saddle."""
    hessian = curvature(loss, x, at)
    bent = None if hessian is None or not at.rank else bend(at, hessian)
    small = at.gain < 1e-6 * float(at.residual @ at.residual)
    if small and (bent is None or at.rank < len(x) or bent[0][0] < 0):
        shape = None if hessian is None else bowl(loss, x, hessian)
        if shape is not None and shape.is_down:
            escape = downhill(loss, x, shape)
            return Verdict("stopped", "a saddle point: the gradient is zero, and the loss bends down"), escape
    if at.rank < len(x):
        return Verdict("stopped", lost(loss, x, at)), None
    _, gain, inverse = newton(at, hessian)
    if bent is None and hessian is not None:  # the rows do not change to first order, as at a = 0 for a**2
        shape = bowl(loss, x, hessian)
        if shape.is_up:
            gain, inverse = shape.gain, shape.directions @ shape.directions.T
    verdict = settled(loss, x, gain)
    return (walled(loss, x, inverse) if verdict.outcome == "converged" else verdict), None


def curvature(loss: FreeLoss, x: Array, at: Tangent) -> Array | None:
    """The exact Hessian; where there is none, by differences of gradients that move the rows by 1e-5 of their size."""
    exact = loss.hessian(x)
    if exact is not None:
        return exact
    size = float(np.linalg.norm(at.residual)) + np.sqrt(loss.grain) / EPSILON
    return loss.differences(x, np.maximum(1e-5 * size / at.scale, 1e-8 * np.abs(x)))


def grainy(loss: FreeLoss, at: Tangent) -> str:
    """What rounding leaves of the standard errors, where that is fewer than six digits.

    The response is known to ε of itself, and so are the predictions, whatever the parameters: float64 can hold no others.
    """
    grain, size = np.sqrt(loss.grain), float(np.linalg.norm(at.residual))
    if grain <= FEW_DIGITS * size or loss.rows <= len(at.scale):
        return ""
    digits = int(max(0.0, -np.log10(grain / size))) if size else 0
    left = f"about {digits} digit{'' if digits == 1 else 's'}" if digits else "no digits"
    return f"; the residuals are so close to the rounding of float64 that {left} of the standard errors are right"
