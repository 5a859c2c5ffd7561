"""Proximal gradient methods, for a loss with l1(theta) = Σ l1_k·|theta_k| in its penalty: some parameters become exactly 0.

A step down the smooth part of the loss is followed by the proximal map of eta·l1, soft(u) = sign(u)·max(|u| - eta·l1, 0). Without
l1 they are gradient descent, plain and accelerated.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.methods.code.line import Line, rounding
from steepest.methods.code.method import Array, Objective, Point, Stuck

GROWTH = 1.2  # of the rate of FISTA, after a step whose first trial was good
STAYS = "the proximal step changes nothing any more: this is a minimum to rounding, or the steps are too short to matter"


class State(NamedTuple):
    """The next first trial, the point before, and the number t of the momentum (t - 1)/t', 1 at the start."""

    rate: float
    before: Array
    momentum: float


def start(point: Point, rate: float) -> State:
    return State(rate, point.theta.copy(), 1.0)


def proximal(point: Point, l1: Array, rate: float) -> Array:
    """soft(theta - rate·(gradient of the smooth part)). Where theta is 0, the point has the shortest slope, less l1."""
    theta, gradient = point.theta, point.gradient
    moved = theta - rate * (gradient - l1 * np.sign(theta))
    soft = np.sign(moved) * np.maximum(np.abs(moved) - rate * l1, 0.0)
    return np.where((theta == 0) & (l1 > 0), -rate * gradient, soft)


def promised(point: Point, there: Array, l1: Array, rate: float) -> float:
    """What the loss is at most at `there`, where the smooth part bends by no more than 1/rate."""
    theta, gradient, d = point.theta, point.gradient, there - point.theta
    kinked = (theta == 0) & (l1 > 0)
    smooth = np.where(kinked, gradient, gradient - l1 * np.sign(theta)) @ d
    kinks = np.sum(np.where(kinked, 0.0, l1 * (np.abs(there) - np.abs(theta))))
    return float(point.loss + smooth + kinks + d @ d / (2 * rate))


def searched(objective: Objective, point: Point, rate: float) -> tuple[Point, float, bool]:
    """The first trial as low as promised, each half as far as the one before; its rate, and whether a longer one may do."""
    l1, first = factors(objective, point), True
    while True:
        theta = proximal(point, l1, rate)
        if np.array_equal(theta, point.theta):
            raise Stuck(STAYS)
        trial = objective.at(theta)
        if np.isfinite(trial.loss) and low_enough(point, trial, l1, rate):
            return trial, rate, first
        rate, first = rate / 2, False


def low_enough(point: Point, trial: Point, l1: Array, rate: float) -> bool:
    """Is the loss as low as promised? Where rounding hides that: do the slopes say so, as on a parabola?"""
    gap = float(trial.loss) - promised(point, trial.theta, l1, rate)
    if abs(gap) > rounding(point):
        return gap < 0
    smooth = (l1 == 0) | ((point.theta != 0) & (trial.theta != 0))
    slopes = [p.gradient - l1 * np.sign(p.theta) for p in (point, trial)]
    d = np.where(smooth, trial.theta - point.theta, 0.0)
    return bool(d @ (slopes[1] - slopes[0]) <= d @ d / rate)


def opening(objective: Objective, point: Point, rate: float) -> float:
    return Line(objective, point, -point.gradient).opening(rate, 0.0)


def gradient_step(objective: Objective, point: Point, state: State) -> tuple[Point, State]:
    trial, rate, first = searched(objective, point, opening(objective, point, state.rate))
    return trial, State(2 * rate if first else rate, point.theta, 1.0)


def fista(objective: Objective, point: Point, state: State) -> tuple[Point, State]:
    """The same from a point ahead, as the last step leads; where that would raise the loss, it begins anew."""
    following = (1 + np.sqrt(1 + 4 * state.momentum**2)) / 2
    ahead = point.theta + (state.momentum - 1) / following * (point.theta - state.before)
    rate = opening(objective, point, state.rate)
    if state.momentum > 1:
        begin = objective.at(ahead)
        if np.isfinite(begin.loss) and np.isfinite(begin.gradient).all():
            trial, used, first = searched(objective, begin, rate)
            if trial.loss <= point.loss:
                return trial, State(GROWTH * used if first else used, point.theta, float(following))
    trial, used, first = searched(objective, point, rate)
    return trial, State(GROWTH * used if first else used, point.theta, float((1 + np.sqrt(5)) / 2))


def factors(objective: Objective, point: Point) -> Array:
    return np.zeros_like(point.theta) if objective.l1 is None else objective.l1
