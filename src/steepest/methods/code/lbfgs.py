"""L-BFGS: BFGS from the last few steps alone, without a matrix."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.errors import OptionError
from steepest.methods.code.line import Line, found
from steepest.methods.code.method import Array, Objective, Point
from steepest.methods.code.wolfe import wolfe

FLATNESS = 0.9


class State(NamedTuple):
    """The last step; the last moves and the changes of the gradient along them, the newest last; zeros where there are none."""

    rate: float
    moves: Array
    changes: Array


def start(point: Point, rate: float, memory: float) -> State:
    if memory < 1 or memory != int(memory):
        raise OptionError(f"memory is {memory:g}: give a whole number, 1 or more")
    nothing = np.zeros((int(memory), len(point.theta)))
    return State(rate, nothing, nothing)


def step(objective: Objective, point: Point, state: State) -> tuple[Point, State]:
    moves, changes, trial = state.moves, state.changes, None
    if moves.any():
        line = Line(objective, point, -newton_like(point.gradient, moves, changes))
        trial = wolfe(line, 1.0, FLATNESS)
    if trial is None:  # the start, or a beginning anew
        line = Line(objective, point, -point.gradient)
        first = np.nan if moves.any() else state.rate
        moves = changes = np.zeros_like(moves)
        trial = found(wolfe(line, line.opening(first, 0.0), FLATNESS))
    s, y = trial.point.theta - point.theta, trial.point.gradient - point.gradient
    if float(s @ y) > 0:
        moves, changes = np.vstack([moves[1:], s]), np.vstack([changes[1:], y])
    return trial.point, State(trial.length, moves, changes)


def newton_like(gradient: Array, moves: Array, changes: Array) -> Array:
    """The inverse Hessian times the gradient, by the two loops of Nocedal (1980)."""
    known = [(s, y, 1 / float(s @ y)) for s, y in zip(moves, changes, strict=True) if s.any()]
    product, shares = gradient, []
    for s, y, rho in reversed(known):
        shares.append(rho * float(s @ product))
        product = product - shares[-1] * y
    s, y, rho = known[-1]
    product = product / (rho * float(y @ y))
    for (s, y, rho), share in zip(known, reversed(shares), strict=True):
        product = product + (share - rho * float(y @ product)) * s
    return product
