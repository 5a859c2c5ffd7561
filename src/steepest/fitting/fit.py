"""From an objective and a start to a Fit: picks the path, follows it, and puts what was found into words."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from steepest.descent.diagnose import diagnose
from steepest.descent.objective import Array, Objective
from steepest.errors import OptionError, SteepestWarning
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.general import general
from steepest.fitting.leastsq import leastsq
from steepest.fitting.linear import linear
from steepest.fitting.result import Fit
from steepest.fitting.runaway import runaway
from steepest.fitting.several import check, several
from steepest.fitting.stayed import explained
from steepest.fitting.verify import Found

ESCAPES = 5
ROWS = "; leave out such rows, or change the formula"


def fit(objective: Objective, theta: Array, problem: Mapping[str, Any], starts: int = 1, seed: int = 0) -> Fit:
    """The parameters at the minimum of the loss, from the start `theta`, (p,), with an outcome that was verified.

    A parameter that is not in `objective.free` stays as it is, and has the standard error 0. With `starts`, the lowest minimum
    from so many starts around `theta`, drawn from `seed`. Raises OptionError where none is free.
    """
    check(starts, seed)
    began = time.perf_counter()
    loss = FreeLoss(objective, theta)
    if not loss.names:
        raise OptionError("every parameter is fixed: there is nothing to fit; free one of them")
    if loss.rows < len(loss.names):
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
    """Where the best path from a start ends, and the verdict on it."""
    found = followed(loss, start)
    if found.outcome == "converged" and not is_straight(loss) and (reason := runaway(loss, found.x, followed)):
        return found._replace(outcome="stopped", reason=reason)
    return found


def followed(loss: FreeLoss, start: Array) -> Found:
    straight = is_straight(loss)
    start = np.zeros_like(start) if straight else start
    if not loss.is_finite(start):
        unknown = np.full((len(start), len(start)), np.nan)
        given = loss.start if straight and not loss.is_finite(loss.start) else start  # where 0/0 does not hide the cause
        reason = diagnose(loss.objective, loss.theta(given), ROWS if straight else "; start it elsewhere")
        return Found(start, "nonfinite", reason, unknown, "none")
    if straight:
        return linear(loss)
    path: Callable[[Array], Found] = partial(leastsq if loss.objective.derivation.criterion.quadratic else general, loss)
    found = path(start)
    for _ in range(ESCAPES):
        if found.escape is None:
            break
        found = path(found.escape)
    return found


def result(loss: FreeLoss, found: Found, seconds: float, problem: Mapping[str, Any]) -> Fit:
    objective = loss.objective
    names = objective.derivation.formula.parameters
    theta = loss.theta(found.x)
    covariance = np.zeros((len(names), len(names)))
    # Away from a minimum the curvature says nothing of the errors.
    covariance[np.ix_(objective.free, objective.free)] = found.covariance if found.outcome == "converged" else np.nan
    dof = loss.rows - len(found.x)
    reason = explained(loss, found)
    if not dof and found.outcome == "converged":
        reason += "; no row is left to tell the standard errors from"
    rss = np.nan
    if objective.derivation.criterion.quadratic:
        rows = loss.tangent(found.x)[0]
        rss = float(rows @ rows)
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
        reason=reason,
        method=found.method,
        evaluations=loss.evaluations,
        seconds=seconds,
        problem=problem,
        objective=objective,
    )
