"""Steepest descent, its step found by a search along the gradient."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from steepest.methods.code.backtracking import backtracking
from steepest.methods.code.line import Line, found
from steepest.methods.code.method import Objective, Point, Trial
from steepest.methods.code.wolfe import EXACT, wolfe

Search = Callable[[Line, float], Trial | None]


class State(NamedTuple):
    """The last step, and the slope along it before it was taken; 0 at the start."""

    rate: float
    slope: float


def start(point: Point, rate: float) -> State:
    return State(rate, 0.0)


def step(search: Search, objective: Objective, point: Point, state: State) -> tuple[Point, State]:
    line = Line(objective, point, -point.gradient)
    trial = found(search(line, line.opening(state.rate, state.slope)))
    return trial.point, State(trial.length, line.slope)


armijo = partial(step, backtracking)
strong_wolfe = partial(step, partial(wolfe, flatness=0.1))
exact = partial(step, partial(wolfe, flatness=EXACT))
