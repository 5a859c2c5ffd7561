"""BFGS: an inverse Hessian, learned from the changes of the gradient."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.methods.code.line import Line, found
from steepest.methods.code.method import Array, Objective, Point
from steepest.methods.code.wolfe import wolfe

FLATNESS = 0.9


class State(NamedTuple):
    """The last step, and the inverse Hessian as far as it is known; zeros at the start."""

    rate: float
    inverse: Array


def start(point: Point, rate: float) -> State:
    return State(rate, np.zeros((len(point.theta), len(point.theta))))


def step(objective: Objective, point: Point, state: State) -> tuple[Point, State]:
    inverse, trial = state.inverse, None
    if inverse.any():
        trial = wolfe(Line(objective, point, -inverse @ point.gradient), 1.0, FLATNESS)
    if trial is None:  # the start, or a beginning anew
        line = Line(objective, point, -point.gradient)
        first = np.nan if inverse.any() else state.rate
        inverse = np.zeros_like(inverse)
        trial = found(wolfe(line, line.opening(first, 0.0), FLATNESS))
    s, y = trial.point.theta - point.theta, trial.point.gradient - point.gradient
    return trial.point, State(trial.length, updated(inverse, s, y))


def updated(inverse: Array, s: Array, y: Array) -> Array:
    """(I - ρsyᵀ) B (I - ρysᵀ) + ρssᵀ, ρ = 1/sᵀy; the first B is (sᵀy/yᵀy)·I (Nocedal and Wright 2006, 6.20)."""
    bend = float(s @ y)
    if not bend > 0:
        return inverse
    if not inverse.any():
        inverse = np.eye(len(s)) * (bend / float(y @ y))
    left = np.eye(len(s)) - np.outer(s, y) / bend
    inverse = left @ inverse @ left.T + np.outer(s, s) / bend
    return (inverse + inverse.T) / 2
