"""Barzilai-Borwein: the step that would have been exact one step earlier.

The loss may rise, but not above the largest of the last ten (Grippo, Lampariello and Lucidi 1986; Raydan 1997).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.methods.code.line import SUFFICIENT, Line, found, rounding
from steepest.methods.code.method import Array, Objective, Point, Trial

MEMORY = 10


class State(NamedTuple):
    """The last step, the point from which it was taken, and the last losses; NaN where there are none yet."""

    rate: float
    theta: Array
    gradient: Array
    losses: Array


def start(point: Point, rate: float) -> State:
    return State(rate, np.full_like(point.theta, np.nan), np.zeros_like(point.gradient), np.full(MEMORY, np.nan))


def step(objective: Objective, point: Point, state: State) -> tuple[Point, State]:
    line = Line(objective, point, -point.gradient)
    losses = np.append(state.losses[1:], float(point.loss))
    trial = found(search(line, length(line, point, state), float(np.nanmax(losses))))
    return trial.point, State(trial.length, point.theta, point.gradient, losses)


def length(line: Line, point: Point, state: State) -> float:
    """sᵀs/sᵀy, s the last step and y the change of the gradient along it; twice the last step where that bends down."""
    if np.isnan(state.theta).any():
        return line.opening(state.rate, 0.0)
    s, y = point.theta - state.theta, point.gradient - state.gradient
    bend = float(s @ y)
    return float(s @ s) / bend if bend > 0 else 2 * state.rate


def search(line: Line, length: float, most: float) -> Trial | None:
    while line.moves(length):
        trial = line.at(length)
        if np.isfinite(trial.slope) and trial.point.loss <= most + SUFFICIENT * length * line.slope + rounding(line.point):
            return trial
        length /= 2
    return None
