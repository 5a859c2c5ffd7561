"""Newton's method, and Gauss-Newton: the same with the matrix JᵀWJ, W the second derivative of the loss by yhat.

For the losses of the table that matrix is never negative; for `logistic` and `poisson` the steps are those of iteratively
reweighted least squares.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from steepest.methods.code.backtracking import backtracking
from steepest.methods.code.curvature import downhill
from steepest.methods.code.line import Line, found
from steepest.methods.code.method import Objective, Point


class State(NamedTuple):
    """The last step, and the first trial of each, in units of Newton's."""

    rate: float
    first: float


def start(point: Point, rate: float) -> State:
    return State(rate, 1.0 if np.isnan(rate) else rate)


def step(kind: str, objective: Objective, point: Point, state: State) -> tuple[Point, State]:
    _, matrix = objective.curved(kind, point.theta)
    line = Line(objective, point, downhill(matrix, point.gradient))
    trial = found(backtracking(line, state.first))
    return trial.point, state._replace(rate=trial.length)


newton = partial(step, "hessian")
gauss_newton = partial(step, "normal")
