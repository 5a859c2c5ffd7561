"""Many parameters in blocks: L-BFGS to the valley, Newton's steps by conjugate gradients, and no matrix of second derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.descent.objective import Array
from steepest.fitting.bowl import bowl
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.general import has_kinks
from steepest.fitting.metric import Metric, diagonal, sampled
from steepest.fitting.products import FEW, Step, can_be_made, newton_step
from steepest.fitting.uncertainty import nothing_known, of_loss
from steepest.fitting.verify import GAIN, Found, Verdict, rising, settled

METHOD = "l-bfgs + newton-cg"
STEPS, ROUNDS, PRODUCTS = 5_000, 20, 40
FIRST, SAMPLED = 30, 2_000  # steps by the diagonal, and parameters up to which the Hessian of a sample comes next
CONVEX = ("mse", "half-mse", "sse", "logistic", "poisson", "huber", "log-cosh", "soft-l1")
CLOSE = 1e-15  # of the loss: one step from here is the last
DIGITS = 1e-18  # of the loss: what a step may still gain where 8 digits of the parameters hold


def large(loss: FreeLoss, start: Array) -> Found:
    unknown = nothing_known(len(start))
    x, metric = lbfgs(loss, start)
    if has_kinks(loss):
        verdict = Verdict("stopped", "the loss has kinks, where no gradient can tell a minimum; no step found lowers it")
        return Found(x, *verdict, unknown, METHOD)
    x, last = newton(loss, x, np.ones(len(start), dtype=bool), metric)
    verdict = judged(loss, x, last)
    if verdict.outcome == "converged" and has_errors(loss):
        hessian = loss.hessian(x)
        shape = None if hessian is None else bowl(loss, x, hessian)
        if shape is None or not shape.is_up:
            return Found(
                x, "stopped", "the data do not determine all parameters: the loss is level in some direction", unknown, METHOD
            )
        return Found(x, *verdict, of_loss(loss, x, shape.directions @ shape.directions.T), METHOD)
    if verdict.outcome == "converged" and loss.objective.derivation.penalty is None:
        verdict = verdict._replace(reason=f"{verdict.reason}; {len(x):,} parameters are too many for standard errors")
    return Found(x, *verdict, unknown, METHOD)


def has_errors(loss: FreeLoss) -> bool:
    """Is there no penalty, and is the Hessian of a size that can be made?"""
    return loss.objective.derivation.penalty is None and can_be_made(loss)


def lbfgs(loss: FreeLoss, start: Array) -> tuple[Array, Metric]:
    """The valley, and a metric there: the diagonal's, or where that leads there slowly, that of a sample of the rows."""
    size = len(start)
    metric = diagonal(loss, start)
    x, is_there = searched(loss, start, metric, FIRST if size <= SAMPLED else STEPS)
    if is_there or size > SAMPLED:
        return x, metric
    metric = sampled(loss, x) or diagonal(loss, x)
    return searched(loss, x, metric, STEPS)[0], metric


def searched(loss: FreeLoss, start: Array, metric: Metric, most: int) -> tuple[Array, bool]:
    """The lowest point that SciPy's L-BFGS-B meets in the coordinates of the metric, and did it come to an end?"""
    from scipy.optimize import minimize

    size = abs(loss.at(start)[0]) or 1.0
    unit = np.sqrt(size)  # of z: the loss, divided by size, then bends by about 1
    best = (start, *loss.at(start))

    def value(z: Array) -> tuple[float, Array]:
        nonlocal best
        x = metric.point(unit * z)
        height, gradient = loss.at(x)
        if not (np.isfinite(height) and np.isfinite(gradient).all()):  # a wall, so that the line search comes back
            height, gradient = best[1] + abs(float(best[2] @ (x - best[0]))), -best[2]
        elif height < best[1]:
            best = x, height, gradient
        return height / size, metric.slopes(gradient) / unit

    finished = len(start) <= FEW and can_be_made(loss)  # by Newton's steps
    flat = float(np.sqrt(2e-16 / len(start)))  # slopes that leave 1e-16 of the loss at most
    options: Any = {
        "maxiter": most,
        "maxfun": 2 * most,
        "ftol": 1e-8 if finished else 1e-15,
        "gtol": flat,
        "maxcor": 20,
        "maxls": 40,
    }
    found = minimize(value, metric.coordinates(start) / unit, jac=True, method="L-BFGS-B", options=options)
    return best[0], int(found.status) != 1


def newton(loss: FreeLoss, x: Array, moves: Array, metric: Metric) -> tuple[Array, Step]:
    """Steps in the coordinates that move while they gain, and the last step: it is taken only where little is left to gain."""
    here, gradient = loss.at(x)
    mass, most, before = loss.mass(x), PRODUCTS, np.inf
    last = newton_step(loss, x, gradient, moves, metric, most, DIGITS * mass)
    for _ in range(ROUNDS):
        if last.is_down or last.is_level or last.bound <= DIGITS * mass:
            break
        if last.is_whole and last.bound <= GAIN * mass and last.gain >= before / 4:
            break
        is_close = last.is_whole and last.bound <= CLOSE * mass
        slack = 64 * np.finfo(float).eps * mass
        step, there, slope = last.step, *loss.at(x + last.step)
        while not there <= here + slack and not np.array_equal(x + step, x):
            step = step / 2
            there, slope = loss.at(x + step)
        if not there <= here + slack:
            break
        x, here, gradient, before = x + step, there, slope, last.gain
        if is_close:  # a tenth of the slope is left, a hundredth of the gain
            break
        most = min(10 * PRODUCTS, 2 * most)
        last = newton_step(loss, x, gradient, moves, metric, most, DIGITS * mass)
    return x, last


def judged(loss: FreeLoss, x: Array, last: Step) -> Verdict:
    """Is x a minimum, by what Newton's step could still gain, and by a look along some directions?"""
    if last.is_down:
        return Verdict("stopped", "the loss bends down in some direction: this is no minimum")
    if last.is_level:
        return Verdict("stopped", "the loss is level in some direction: the data do not determine all parameters")
    verdict = settled(loss, x, last.bound)
    if verdict.outcome != "converged":
        return verdict
    if is_convex(loss):
        return Verdict("converged", "the gradient is zero to rounding, and the loss is convex: no other point is lower")
    return rising(loss, x)


def is_convex(loss: FreeLoss) -> bool:
    """Is it a convex loss of a model linear in all parameters, under l2 of every block, from which none can run away?"""
    derivation = loss.objective.derivation
    name, penalty = derivation.criterion.name.partition("(")[0], derivation.penalty
    if penalty is None or penalty.rest is not None or name not in CONVEX or not derivation.is_linear:
        return False
    return all(penalty.factors("l2").get(block.name, 0) > 0 for block in derivation.formula.blocks)
