"""Levenberg-Marquardt on sums over the rows: the Gauss-Newton step, damped in the scale of each parameter.

Each trial is one pass: the loss there, its gradient, and the matrix for the next step. The damping follows Nielsen (1999): it
falls as far as the step kept its promise, and rises ever faster while trials are rejected.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.methods.code.curvature import lengths
from steepest.methods.code.line import rounding
from steepest.methods.code.method import Array, Objective, Point, Stuck

DAMPING = 1e-3  # at the start
LEAST = 1e-15  # damping below changes nothing


class State(NamedTuple):
    """The inverse of the last damping, the damping to try next, and JᵀWJ at the point; NaN where it is not known."""

    rate: float
    damping: float
    normal: Array


class Model(NamedTuple):
    """The parabola at a point: slopes and bends along its axes, (k,), and the axes, (k, k), in unscaled parameters."""

    slopes: Array
    bends: Array
    axes: Array


def start(point: Point, rate: float) -> State:
    unknown = np.full((len(point.theta), len(point.theta)), np.nan)
    return State(rate, DAMPING if np.isnan(rate) else 1 / rate, unknown)


def step(objective: Objective, point: Point, state: State) -> tuple[Point, State]:
    normal = state.normal if np.isfinite(state.normal).all() else objective.curved("normal", point.theta)[1]
    if not np.isfinite(normal).all():
        raise Stuck("the second derivatives are not finite")
    model = parabola(normal, point.gradient)
    damping, factor = state.damping, 2.0
    while True:
        move, promised = damped(model, damping)
        theta = (point.theta + move).astype(point.theta.dtype, copy=False)
        if (theta == point.theta).all():
            raise Stuck("no damped step lowers the loss (rounding, or a kink)")
        trial, then = objective.curved("normal", theta)
        if better(model, point, trial) and np.isfinite(then).all():
            kept = float(point.loss - trial.loss) / promised if promised > rounding(point) else 1.0
            return trial, State(1 / damping, max(LEAST, damping * max(0.1, 1 - (2 * kept - 1) ** 3)), then)
        damping, factor = damping * factor, factor * 2


def parabola(normal: Array, gradient: Array) -> Model:
    scale = lengths(normal)
    bends, axes = np.linalg.eigh(normal / np.outer(scale, scale))
    axes = axes / scale[:, None]
    return Model(axes.T @ gradient, np.maximum(bends, 0.0), axes)


def damped(model: Model, damping: float) -> tuple[Array, float]:
    """The step, and by how much the parabola falls along it."""
    bends = model.bends + damping
    move = -model.axes @ (model.slopes / bends)
    promised = float(np.sum(model.slopes**2 * (bends + damping) / bends**2)) / 2
    return move, promised


def better(model: Model, point: Point, trial: Point) -> bool:
    """Is the loss lower there; or, where rounding hides its change, the gradient smaller in the scale of the axes?"""
    if not (np.isfinite(trial.loss) and np.isfinite(trial.gradient).all()):
        return False
    change = float(trial.loss - point.loss)
    if abs(change) > rounding(point):
        return change < 0
    then = model.axes.T @ trial.gradient
    return float(then @ then) < float(model.slopes @ model.slopes)
