"""From an objective and a start to a Fit: picks the path, follows it, and puts what was found into words."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from steepest.descent.diagnose import diagnose
from steepest.descent.given.parameters import Box
from steepest.descent.objective import Array, Objective
from steepest.errors import OptionError, SteepestWarning
from steepest.fitting.bounded import bounded
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.general import general
from steepest.fitting.kink import kink
from steepest.fitting.large import large
from steepest.fitting.lasso import lasso
from steepest.fitting.leastsq import leastsq
from steepest.fitting.linear import linear
from steepest.fitting.result import Fit
from steepest.fitting.runaway import runaway
from steepest.fitting.several import check, several
from steepest.fitting.stayed import explained
from steepest.fitting.uncertainty import nothing_known
from steepest.fitting.verify import Found

ESCAPES = 5
ROWS = "; leave out such rows, or change the formula"
WIDEST, LARGEST = 2_000, 20_000_000  # parameters, and numbers, of a Jacobian that is factored
PENALISED = "a penalty pulls the parameters, so they have no standard errors"


def fit(
    objective: Objective, theta: Array, problem: Mapping[str, Any], box: Box | None = None, starts: int = 1, seed: int = 0
) -> Fit:
    """The parameters at the minimum of the loss, from the start `theta`, (p,), with an outcome that was verified.

    A parameter that is not in `objective.free` stays as it is, and has the standard error 0. `box`: bounds, (p,) both.
    With `starts`, the lowest minimum from so many starts around `theta`, drawn from `seed`. Raises OptionError where none is free.
    """
    check(starts, seed)
    began = time.perf_counter()
    loss = FreeLoss(objective, theta, box, problem.get("sigma") is not None)
    if not loss.names:
        raise OptionError("every parameter is fixed: there is nothing to fit; free one of them")
    if loss.rows < len(loss.names) and objective.derivation.penalty is None:
        count = f"{loss.rows} row{'' if loss.rows == 1 else 's'}"
        sentence = f"{count} for {len(loss.names)} parameters: many parameters fit them equally well"
        warnings.warn(sentence, SteepestWarning, stacklevel=3)
    with np.errstate(all="ignore"):
        found = search(loss, loss.start) if starts == 1 or is_straight(loss) else several(loss, partial(search, loss), starts, seed)
        begun = dict(zip(objective.derivation.formula.parameters, theta.tolist(), strict=True))
        return result(loss, found, time.perf_counter() - began, {**problem, "start": begun})


def is_straight(loss: FreeLoss) -> bool:
    derivation = loss.objective.derivation
    return derivation.criterion.quadratic and derivation.is_linear


def search(loss: FreeLoss, start: Array) -> Found:
    """Where the best path from a start ends, within the bounds if there are any, and the verdict on it."""
    follow: Callable[[FreeLoss, Array], Found] = followed if loss.box is None else partial(bounded, followed)
    found = follow(loss, start)
    if found.outcome in ("stopped", "steps") and (reason := kink(loss, found.x)):
        return found._replace(outcome="stopped", reason=reason)
    if found.outcome == "converged" and not is_straight(loss) and (reason := runaway(loss, found.x, follow)):
        return found._replace(outcome="stopped", reason=reason)
    return found


def followed(loss: FreeLoss, start: Array) -> Found:
    straight = is_straight(loss)
    start = loss.inside(np.zeros_like(start)) if straight else start
    if not loss.is_finite(start):
        given = loss.start if straight and not loss.is_finite(loss.start) else start  # where 0/0 does not hide the cause
        reason = diagnose(loss.objective, loss.theta(given), ROWS if straight else "; start it elsewhere")
        return Found(start, "nonfinite", reason, nothing_known(len(start)), "none")
    if straight and can_be_factored(loss):
        found = linear(loss)
        if loss.allows(found.x):
            return found
    path: Callable[[Array], Found] = partial(path_of(loss), loss)
    found = path(start)
    for _ in range(ESCAPES):
        if found.escape is None:
            break
        found = path(loss.inside(found.escape))
    return found


def path_of(loss: FreeLoss) -> Callable[[FreeLoss, Array], Found]:
    if loss.box is not None and (loss.l1 is not None or loss.is_large):
        what = "an l1 penalty" if loss.l1 is not None else f"{len(loss.start):,} parameters in blocks"
        raise OptionError(f"a fit with {what} knows no bounds: leave min and max out")
    if loss.l1 is not None:
        return lasso
    if loss.is_large:
        return large
    return leastsq if loss.objective.derivation.criterion.quadratic else general


def can_be_factored(loss: FreeLoss) -> bool:
    """Is the Jacobian, or what stands for it, of a size that QR takes in about a second?"""
    size = len(loss.start)
    return not loss.is_large or (size <= WIDEST and (loss.has_many_rows or loss.rows * size <= LARGEST))


def result(loss: FreeLoss, found: Found, seconds: float, problem: Mapping[str, Any]) -> Fit:
    objective = loss.objective
    names = objective.derivation.formula.parameters
    theta = loss.theta(found.x)
    # Away from a minimum the curvature says nothing of the errors.
    covariance = found.covariance if found.outcome == "converged" else nothing_known(len(found.x))
    if len(found.x) < len(names):
        whole = np.zeros((len(names), len(names)))
        whole[np.ix_(objective.free, objective.free)] = covariance
        covariance = whole
    at_bounds = 0 if loss.box is None else int(np.sum(loss.box.touched(found.x)))
    dof = loss.rows - len(found.x) + at_bounds  # what lies on a bound is held there
    reason = explained(loss, found)
    if not dof and found.outcome == "converged" and not loss.known_errors:
        reason += "; no row is left to tell the standard errors from"
    rss = np.nan
    if objective.derivation.criterion.quadratic:
        rss = sum_of_squares(loss, found.x)
        reduced = rss / float(objective.divisor)
    else:
        reduced = loss.loss(found.x) / float(objective.divisor)
    return Fit(
        parameters=dict(zip(names, theta.tolist(), strict=True)),
        std_errors=dict(zip(names, np.sqrt(np.diag(covariance)).tolist(), strict=True)),
        covariance=covariance,
        loss=reduced,
        rss=rss,
        dof=dof,
        s=float(np.sqrt(rss / dof)) if dof > 0 else np.nan,
        rows=loss.rows,
        outcome=found.outcome,
        reason=reason + (f"; {PENALISED}" if objective.derivation.penalty is not None else ""),
        method=found.method,
        evaluations=loss.evaluations,
        seconds=seconds,
        problem=problem,
        objective=objective,
    )


def sum_of_squares(loss: FreeLoss, x: Array) -> float:
    if loss.is_large:
        return loss.loss(x)
    rows = loss.tangent(x)[0]
    return float(rows @ rows)
