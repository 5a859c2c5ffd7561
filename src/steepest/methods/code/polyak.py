"""Polyak's step: as far as would lead to the minimum if the loss fell in a straight line all the way."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.methods.code.method import Objective, Point, Stuck


class State(NamedTuple):
    """The last step, the longest that is allowed (NaN: any), and the least loss."""

    rate: float
    most: float
    minimum: float


def start(point: Point, rate: float, minimum: float) -> State:
    return State(rate, rate, minimum)


def step(objective: Objective, point: Point, state: State) -> tuple[Point, State]:
    above, square = float(point.loss) - state.minimum, float(point.gradient @ point.gradient)
    if above < 0:
        raise Stuck(f"the loss is below {state.minimum:g}, which was given as its minimum")
    if not square:
        raise Stuck("the gradient is zero")
    length = float(np.fmin(above / square, state.most))
    theta = point.theta - length * point.gradient
    if (theta == point.theta).all():
        raise Stuck("the step is too short to change any parameter")
    return objective.at(theta), state._replace(rate=length)
