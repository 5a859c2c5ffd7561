"""A penalty with l1: which parameters are exactly 0, and Newton's steps in the others.

L-BFGS-B on x = u - v with u, v >= 0, where the penalty is smooth, finds the zeros. The conditions of a minimum are then tried one
by one: where a parameter is 0, the slope of the smooth loss by it is no steeper than its factor in the penalty.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.descent.objective import Array
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.general import has_kinks
from steepest.fitting.large import CONVEX, newton
from steepest.fitting.metric import diagonal
from steepest.fitting.products import Step, can_be_made
from steepest.fitting.uncertainty import nothing_known
from steepest.fitting.verify import GAIN, Found, Verdict, rising, settled

METHOD = "l-bfgs-b + newton-cg"
ROUNDS, STEPS = 10, 10_000
STEEPER = 1e-9  # than the factor: what rounding may make of a slope that is as steep


def lasso(loss: FreeLoss, start: Array) -> Found:
    unknown = nothing_known(len(start))
    x = start
    for _ in range(ROUNDS):
        x = bounded(loss, x)
        before = x != 0
        x, last = polished(loss, x)
        if np.array_equal(x != 0, before) and pulls(loss, x) <= STEEPER:
            break
    if has_kinks(loss):
        verdict = Verdict("stopped", "the loss has kinks besides those of l1, where no gradient can tell a minimum")
    elif (steepest := pulls(loss, x)) > STEEPER:
        verdict = Verdict("stopped", f"a parameter that is 0 is pulled by {1 + steepest:.3g} times its factor in the penalty")
    elif last.is_level and not is_convex(loss):
        verdict = Verdict("stopped", "the loss is level in some direction: the data do not determine all parameters")
    else:
        verdict = settled(loss, x, gain_beside(loss, x) if last.is_level else last.bound)
        verdict = rising(loss, x) if verdict.outcome == "converged" and not last.is_level else verdict
    if verdict.outcome == "converged":
        zeros = int(np.sum(x == 0))
        left = f"{len(x) - zeros:,} of {len(x):,} parameters are not 0"
        left += "; the data do not tell them all apart: this is one of many solutions with this loss" if last.is_level else ""
        verdict = verdict._replace(reason=f"the conditions of a minimum hold; {left}")
    return Found(x, *verdict, unknown, METHOD)


def is_convex(loss: FreeLoss) -> bool:
    """Is it a convex loss of a model linear in all parameters, under l1 and l2 alone? Its conditions of a minimum then suffice."""
    derivation = loss.objective.derivation
    alone = derivation.penalty is not None and derivation.penalty.rest is None
    return alone and derivation.is_linear and derivation.criterion.name.partition("(")[0] in CONVEX


def gain_beside(loss: FreeLoss, x: Array) -> float:
    """What a step may still gain where the loss is level in some directions: Newton's in the others, and in these a step like x."""
    moves = (x != 0) | (factors_of(loss) == 0)
    hessian = loss.hessian(x) if can_be_made(loss) else None
    if hessian is None:
        return float(np.sum(np.abs(loss.at(x)[1] * x)))
    scale = np.sqrt(loss.diagonal(x))[moves]
    values, axes = np.linalg.eigh(hessian[np.ix_(moves, moves)] / np.outer(scale, scale))
    along, bent = axes.T @ (loss.at(x)[1][moves] / scale), values > 8 * len(values) * np.finfo(float).eps * values[-1]
    level = np.sum(np.abs(along[~bent])) * np.linalg.norm(scale * x[moves])
    return float(np.sum(along[bent] ** 2 / values[bent]) / 2 + level)


def bounded(loss: FreeLoss, start: Array) -> Array:
    """The minimum of f(u - v) + l1·(u + v) over u, v >= 0, to about 8 digits of the loss."""
    from scipy.optimize import minimize

    factors, size = factors_of(loss), loss.mass(start) or 1.0
    scale = np.sqrt(loss.diagonal(start) / size)
    half = len(start)
    free = factors == 0  # these need no second half

    def value(z: Array) -> tuple[float, Array]:
        u, v = z[:half] / scale, z[half:] / scale
        height, gradient = loss.smooth(u - v)
        if not (np.isfinite(height) and np.isfinite(gradient).all()):
            return 1e300, np.zeros_like(z)
        slopes = np.concatenate([gradient + factors, np.where(free, 0.0, factors - gradient)])
        return (height + float(factors @ (u + v))) / size, slopes / np.tile(scale, 2) / size

    bounds: Any = [(None, None) if is_free else (0, None) for is_free in free] + [(0, 0 if is_free else None) for is_free in free]
    options: Any = {"maxiter": STEPS, "maxfun": 2 * STEPS, "ftol": 1e-15, "gtol": 1e-11, "maxcor": 20, "maxls": 40}
    begin = np.concatenate([np.where(free, start, np.maximum(start, 0)), np.where(free, 0, np.maximum(-start, 0))])
    found = minimize(value, begin * np.tile(scale, 2), jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    x: Array = (found[:half] - found[half:]) / scale
    return x


def polished(loss: FreeLoss, x: Array) -> tuple[Array, Step]:
    """Newton's steps among the parameters that are not 0; one that would change its sign becomes 0 first. And the last step."""
    x, mass = cleared(loss, x), loss.mass(x)
    for _ in range(ROUNDS):
        moves = (x != 0) | (factors_of(loss) == 0)
        there, last = newton(loss, x, moves, diagonal(loss, x))
        crossed = moves & (np.sign(there) != np.sign(x)) & (factors_of(loss) > 0)
        if not crossed.any():
            return there, last
        trial = np.where(crossed, 0.0, there)
        if not loss.at(trial)[0] <= loss.at(x)[0] + 64 * np.finfo(float).eps * mass:
            return x, last
        x = trial
    return x, last


def cleared(loss: FreeLoss, x: Array) -> Array:
    """Parameters so near 0 that a loss without them is no larger are 0."""
    tiny = (np.abs(x) < 1e-6 * np.max(np.abs(x), initial=0)) & (factors_of(loss) > 0)
    trial = np.where(tiny, 0.0, x)
    return trial if loss.at(trial)[0] <= loss.at(x)[0] + GAIN * loss.mass(x) else x


def pulls(loss: FreeLoss, x: Array) -> float:
    """By how much, of its factor, the steepest slope at a 0 passes it."""
    factors = factors_of(loss)
    slopes = np.abs(loss.smooth(x)[1])
    still = (x == 0) & (factors > 0)
    return float(np.max(slopes[still] / factors[still] - 1, initial=0.0))


def factors_of(loss: FreeLoss) -> Array:
    assert loss.l1 is not None
    return loss.l1
