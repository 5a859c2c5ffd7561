"""Any loss: L-BFGS to the valley, Newton's steps to the last digits, then the verdict."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.descent.objective import Array
from steepest.fitting.bowl import bowl, downhill
from steepest.fitting.free_loss import MANY, MOST_EXACT, FreeLoss
from steepest.fitting.leastsq import valley
from steepest.fitting.marquardt import descended
from steepest.fitting.tangent import tangent
from steepest.fitting.uncertainty import of_loss
from steepest.fitting.verify import Found, Verdict, lost, settled, walled

METHOD = "l-bfgs + newton"
ROUNDS, STEPS, NEWTON_STEPS, LM_STEPS = 5, 5000, 1000, 200


def general(loss: FreeLoss, start: Array) -> Found:
    """Where far residuals bend the loss too little to show the way, least squares may: it is what is tried next."""
    found = descent(loss, start)
    if found.outcome == "converged" or not loss.measures_residuals or loss.objective.columns.rows > MANY or has_kinks(loss):
        return found
    again = descent(loss, valley(loss, start)[0])
    return again if again.outcome == "converged" else found


def descent(loss: FreeLoss, start: Array) -> Found:
    leads = loss.measures_residuals and loss.box is None
    x, before = levenberg_marquardt(loss, start, LM_STEPS) if leads else start, np.inf
    for _ in range(ROUNDS):  # a fresh memory gets past what stopped the last one
        x = lbfgs(loss, x)
        now = loss.loss(x)
        if not now < before - 1e-9 * abs(before):
            break
        before = now
    x, spent = newton(loss, x)
    found = judge(loss, x)
    if found.outcome == "stopped" and found.escape is None and spent:
        reason = f"{loss.evaluations:,} evaluations were not enough: {found.reason}"
        return found._replace(outcome="steps", reason=reason)
    return found


def levenberg_marquardt(loss: FreeLoss, start: Array, most: int) -> Array:
    """Where the method of that name ends; the start itself where the second derivatives are too many.

    It leads to the minimum of this valley, where the first step of L-BFGS, which knows no curvature, may leave it.
    """
    if len(start) > MOST_EXACT:
        return start
    return descended(loss, start, most)[0]


def lbfgs(loss: FreeLoss, start: Array) -> Array:
    """The lowest point that SciPy's L-BFGS-B meets. Loss and parameters are brought to size 1 first.

    A trial that is not finite is answered with a loss that rises as steeply as the last good point falls: the line
    search then comes back by about half.
    """
    from scipy.optimize import minimize

    size = loss.mass(start) or 1.0
    norms = np.linalg.norm(loss.tangent(start)[1], axis=0) / np.sqrt(loss.objective.total)
    scale = np.where((norms > 1e-150) & (norms < 1e150), norms, 1.0)
    best = (start, *loss.at(start))

    def value(z: Array) -> tuple[float, Array]:
        nonlocal best
        x = z / scale
        height, gradient = loss.at(x)
        if not (np.isfinite(height) and np.isfinite(gradient).all()):
            height, gradient = best[1] + abs(float(best[2] @ (x - best[0]))), -best[2]
        elif height < best[1]:
            best = x, height, gradient
        return height / size, gradient / scale / size

    options: Any = {"maxiter": STEPS, "maxfun": 2 * STEPS, "ftol": 1e-15, "gtol": 0.0, "maxcor": 20, "maxls": 40}
    bounds: Any = None if loss.box is None else np.transpose([loss.box.low * scale, loss.box.high * scale])
    minimize(value, start * scale, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return loss.inside(best[0])


def newton(loss: FreeLoss, x: Array) -> tuple[Array, bool]:
    """Newton's steps, halved until the loss does not rise, while the Hessian bends up and the gain still shrinks.

    Also says whether the steps ran out.
    """
    here, last = loss.loss(x), np.inf
    for _ in range(NEWTON_STEPS):
        hessian, mass = loss.hessian(x), loss.mass(x)
        if hessian is None:
            return x, False
        shape = bowl(loss, x, hessian)
        if not shape.is_up or (shape.gain <= 1e-9 * mass and shape.gain >= last / 4):
            return x, False
        last = shape.gain
        step, slack = shape.step, 64 * np.finfo(float).eps * mass
        trial, part = loss.up_to_bounds(x, step)
        there = loss.loss(trial)
        while not there <= here + slack:
            step = step / 2
            trial, part = loss.up_to_bounds(x, step)
            if np.array_equal(trial, x):
                return x, False
            there = loss.loss(trial)
        x, here = trial, there
        if part < 1:  # what is pressed against a bound is held there first
            return x, False
    return x, True


def judge(loss: FreeLoss, x: Array) -> Found:
    unknown = np.full((len(x), len(x)), np.nan)
    hessian = loss.hessian(x)
    if hessian is None:
        verdict = Verdict("stopped", "the Hessian, which could confirm a minimum, is not finite or too large to derive")
        return Found(x, *verdict, unknown, METHOD)
    shape = bowl(loss, x, hessian)
    if has_kinks(loss):
        verdict = Verdict("stopped", "the loss has kinks, where no gradient can tell a minimum; no step found lowers it")
        return Found(x, *verdict, unknown, METHOD)
    if not shape.is_up and x.any() and is_endless(loss, x):
        k = int(np.argmax(np.abs(x)))
        endless = f"the loss falls without end as {loss.names[k]} goes beyond {x[k]:.3g}"
        verdict = Verdict("stopped", f"{endless}: the data set no limit, as where a line parts the classes; fix a parameter")
        return Found(x, *verdict, unknown, METHOD)
    if shape.is_down:
        verdict = Verdict("stopped", "the loss bends down in some direction: this is no minimum")
        return Found(x, *verdict, unknown, METHOD, downhill(loss, x, shape))
    if not shape.is_up:
        if loss.objective.columns.rows <= MANY and (at := tangent(loss, x)).rank < len(x):
            return Found(x, "stopped", lost(loss, x, at), unknown, METHOD)
        k = int(np.argmax(np.abs(shape.axes[:, 0]) / np.linalg.norm(shape.axes, axis=1)))
        verdict = Verdict("stopped", f"the loss is level in a direction of {loss.names[k]}: the data do not determine it")
        return Found(x, *verdict, unknown, METHOD)
    verdict = settled(loss, x, shape.gain)
    inverse = shape.directions @ shape.directions.T
    if verdict.outcome == "converged":
        verdict = walled(loss, x, inverse)
    return Found(x, *verdict, of_loss(loss, x, inverse), METHOD)


def is_endless(loss: FreeLoss, x: Array) -> bool:
    """Does the loss fall along x, and never rise again as far as it is followed?"""
    heights = np.array([loss.loss(x * 2.0**k) for k in range(11)])
    return bool(heights[1] < heights[0] and (heights[1:] <= heights[:-1]).all())


def has_kinks(loss: FreeLoss) -> bool:
    """Is the loss made of straight pieces, as mae is? Its second derivative with respect to yhat is then zero."""
    program = loss.objective.derivation.unpenalised.core.program("normal")
    bends = [program.nodes[node] for name, node in program.outputs.items() if name.startswith("normal")]
    return all(node.op == "number" and node.value == 0 for node in bends)
