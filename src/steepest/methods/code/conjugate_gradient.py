"""Nonlinear conjugate gradients, with the factor of Polak and Ribière that is never negative."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.errors import OptionError
from steepest.methods.code.line import Line, found
from steepest.methods.code.method import Array, Objective, Point
from steepest.methods.code.wolfe import wolfe


class State(NamedTuple):
    """The last step with its direction, and the gradient and slope where it was taken, 0 at the start; `flatness` of the search."""

    rate: float
    flatness: float
    slope: float
    gradient: Array
    direction: Array


def start(point: Point, rate: float, flatness: float) -> State:
    if not 0 < flatness < 1:
        raise OptionError(f"flatness is {flatness:g}: give a number between 0 and 1")
    return State(rate, flatness, 0.0, np.zeros_like(point.gradient), np.zeros_like(point.gradient))


def step(objective: Objective, point: Point, state: State) -> tuple[Point, State]:
    beta = factor(point.gradient, state.gradient)
    line = Line(objective, point, -point.gradient + beta * state.direction)
    trial = wolfe(line, line.opening(state.rate, state.slope), state.flatness)
    if trial is None and beta:  # begin anew
        line = Line(objective, point, -point.gradient)
        trial = wolfe(line, line.opening(np.nan, 0.0), state.flatness)
    trial = found(trial)
    return trial.point, State(trial.length, state.flatness, line.slope, point.gradient, line.direction)


def factor(now: Array, before: Array) -> float:
    square = float(before @ before)
    return max(0.0, float(now @ (now - before)) / square) if square else 0.0
