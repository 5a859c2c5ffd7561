"""The runner of methods that are written as code: one accepted trial a step, over `Free`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from steepest.descent.free import Free
from steepest.descent.objective import Array, Objective
from steepest.descent.objective import Point as Found
from steepest.descent.runners import Rows, Snapshot, work
from steepest.errors import EngineError, FormulaError, OptionError
from steepest.methods.code.method import CodeMethod, Point, Stuck

GAIN = 1e-12  # of the loss: what a minimum that rounding hides may leave
GRAIN = 1e-24  # of the loss at the start: what may be left of a loss that should be zero
NOTHING = 1e-28  # of the loss: a step that promises no more has come to the last digits of theta
PATIENCE = 20  # steps without progress, and 2 for each parameter, before rounding is blamed


class Progress(NamedTuple):
    """The lowest loss and the smallest gradient so far, the steps since the last of them, and the loss at the start."""

    loss: float
    gradient: float
    since: float
    first: float

    def after(self, before: Point, point: Point) -> Progress:
        loss, gradient = float(point.loss), float(np.linalg.norm(point.gradient))
        better = loss < self.loss - np.finfo(float).eps * abs(self.loss) or gradient < self.gradient
        since = 0.0 if better else self.since + 1
        if abs(float(before.gradient @ (point.theta - before.theta))) <= NOTHING * abs(loss):
            since = np.inf
        return Progress(min(loss, self.loss), min(gradient, self.gradient), since, self.first)


class Place(NamedTuple):
    """Where a method stands."""

    point: Point
    evaluations: int
    progress: Progress
    state: Any  # the method's own NamedTuple


class Coded:
    """One method from one start. A rate that is NaN leaves the first step to the method; rates do not change."""

    def __init__(self, objective: Objective, method: CodeMethod, theta: Array, rate: Any) -> None:
        self.objective, self.method, self.theta = objective, method, theta.copy()
        self.free = Free(objective, theta)
        point = self.free.at(theta[objective.free])
        loss = float(point.loss)
        state = method.start(point, float(rate), **method.defaults)
        self.place = Place(point, 1, Progress(loss, float(np.linalg.norm(point.gradient)), 0.0, loss), state)
        self.steps = 0
        self.guess = 1e-4 + 3 * work(objective, None) * 1e-9
        self.ended: tuple[str, str] | None = None
        self._ahead: tuple[int, Place, Place] | None = None  # a step that was taken before

    def advance(self, rates: Array) -> Rows:
        places, used = [], []
        with np.errstate(all="ignore"):
            for _ in rates:
                if self.ended:
                    break
                places.append(self.place)
                used.append(self._step())
        shape = len(places), len(self.free.theta(self.place.point.theta))
        thetas, gradients = np.empty((2, *shape), dtype=self.place.point.theta.dtype)
        for k, place in enumerate(places):
            thetas[k], gradients[k] = self.free.theta(place.point.theta), 0
            gradients[k, self.free.positions] = place.point.gradient
        losses = np.array([place.point.loss for place in places], dtype=float)
        evaluations = np.array([place.evaluations for place in places], dtype=int)
        return Rows(thetas, losses, gradients, np.array(used, dtype=float), evaluations, self.ended)

    def snapshot(self) -> Snapshot:
        """theta, the numbers of `Place` packed into whole rows as long as theta, and the steps taken."""
        theta = self.free.theta(self.place.point.theta)
        numbers = packed(self.place)
        state = np.zeros(-(-len(numbers) // len(theta)) * len(theta))
        state[: len(numbers)] = numbers
        return theta, state.reshape(-1, len(theta)), self.steps

    def restore(self, snapshot: Snapshot) -> None:
        theta, state, self.steps = snapshot
        if state.shape != self.snapshot()[1].shape:
            raise OptionError("start= is a trace of another method, or of one with other constants: give a trace of the same")
        self.place = unpacked(theta[self.free.positions], state.ravel(), self.place)
        self.ended = None

    def _step(self) -> float:
        """Takes a step and returns its length; 0 where no step can be taken."""
        if self._ahead and self._ahead[0] == self.steps and same(self._ahead[1], self.place):
            self.place = self._ahead[2]
        else:
            here, free = self.place, Free(self.objective, self.theta)  # which counts this step's evaluations
            try:
                if not (np.isfinite(here.point.loss) and np.isfinite(here.point.gradient).all()):
                    raise Stuck("the loss or its gradient is not a finite number")
                if here.progress.since > PATIENCE + 2 * len(here.point.theta):
                    raise Stuck("steps lower neither the loss nor its gradient any more (rounding, or steps too short to matter)")
                point, state = self.method.step(free, here.point, here.state)
            except Stuck as stuck:
                self.ended = self._outcome(str(stuck))
                return 0.0
            self.place = Place(point, here.evaluations + free.evaluations, here.progress.after(here.point, point), state)
            self._ahead = self.steps, here, self.place
        self.steps += 1
        return float(self.place.state.rate)

    def _outcome(self, reason: str) -> tuple[str, str]:
        """A minimum if the loss bends up, and by its slope and bend could fall by next to nothing."""
        point, gain = self.place.point, np.nan
        try:
            _, hessian = self.free.curved("hessian", point.theta)
            l1 = self.free.l1
            moves = np.ones(len(point.theta), dtype=bool) if l1 is None else (point.theta != 0) | (point.gradient != 0) | (l1 == 0)
            half = np.linalg.solve(np.linalg.cholesky(hessian[np.ix_(moves, moves)]), point.gradient[moves])
            gain = float(half @ half) / 2
        except (EngineError, FormulaError, np.linalg.LinAlgError):  # no second derivatives, or no minimum
            pass
        if gain <= max(GAIN * abs(float(point.loss)), GRAIN * abs(self.place.progress.first)):
            return "converged", f"the gradient is zero to rounding: by its bend the loss could still fall by {gain:.1e}"
        return "stopped", reason


def refuse_for_code(name: str, batch: Any, engine: str) -> None:
    """Raises OptionError for what a method written as code cannot use."""
    if batch != "full":
        raise OptionError(
            f"method '{name}' needs the loss of all rows at every trial: leave batch={batch!r} out, or take adam or gd"
        )
    if engine == "sympy":
        raise OptionError(f"method '{name}' computes in floats, and engine='sympy' is exact: use another engine")


def packed(place: Place) -> Array:
    """Its numbers one after the other, without theta."""
    return np.concatenate([np.ravel(part).astype(float) for part in parts(place)])


def unpacked(theta: Array, numbers: Array, like: Place) -> Place:
    """The reverse, for a place of the same shapes."""
    shapes = [np.shape(part) for part in parts(like)]
    edges = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])
    values: list[Any] = [numbers[a:b].reshape(shape).copy() for a, b, shape in zip(edges[:-1], edges[1:], shapes, strict=True)]
    values = [value if value.ndim else float(value) for value in values]
    loss, gradient, evaluations, *rest = values
    size = len(Progress._fields)
    state = type(like.state)(*rest[size:])
    return Place(Found(theta, loss, gradient.astype(theta.dtype)), int(evaluations), Progress(*rest[:size]), state)


def parts(place: Place) -> list[Any]:
    return [place.point.loss, place.point.gradient, place.evaluations, *place.progress, *place.state]


def same(one: Place, other: Place) -> bool:
    return one.point is other.point or np.array_equal(packed(one), packed(other), equal_nan=True)
