"""Runners: they take a method's steps, many at a time, and hand back the points at which the steps were taken.

`advance(rates)` takes one step for each rate; `snapshot()` and `restore()` go back to where a block began, so that a block can be
replayed to any step in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any, NamedTuple, Protocol

import numpy as np

from steepest.descent.batches import Batches
from steepest.descent.objective import Array, Objective, Point
from steepest.methods.equations import Method


class Rows(NamedTuple):
    """Points in order: thetas (k, p), losses (k,), gradients (k, p).

    Where a method finds its own steps: their lengths (k,), and the passes over the rows up to each point (k,). `ended`: the outcome
    and the reason why no step could be taken from the last point, which may come before the rates are used up.
    """

    thetas: Array
    losses: Array
    gradients: Array
    rates: Array | None = None
    evaluations: Array | None = None
    ended: tuple[str, str] | None = None


Snapshot = tuple[Array, Array, int]


class Runner(Protocol):
    """Takes the steps of one method from one start."""

    guess: float  # seconds a step, before anything is measured

    def advance(self, rates: Array) -> Rows: ...
    def snapshot(self) -> Snapshot: ...
    def restore(self, snapshot: Snapshot) -> None: ...


class Position:
    """Where a method is: theta, its states (one row each), and the number of steps taken."""

    def __init__(self, method: Method, theta: Array, rate: Any) -> None:
        self.theta = theta.copy()
        self.state = method.starts(theta, rate)
        self.steps = 0

    def snapshot(self) -> Snapshot:
        return self.theta.copy(), self.state.copy(), self.steps

    def restore(self, snapshot: Snapshot) -> None:
        theta, state, self.steps = snapshot
        self.theta, self.state = theta.copy(), state.copy()


class Stepped:
    """Equations over `Objective.at`, one NumPy call a step: for every engine and any number of rows."""

    def __init__(self, objective: Objective, method: Method, theta: Array, rate: Any, batches: Batches | None = None) -> None:
        self.objective, self.batches = objective, batches
        self.position = Position(method, theta, rate)
        self.guess = 2e-5 + work(objective, batches) * (1e-9 if theta.dtype == float else 1e-4)
        self._step: Callable[..., tuple[Array, ...]] = objective.kernels.stepper(method.step, method.states)
        self.snapshot, self.restore = self.position.snapshot, self.position.restore

    def advance(self, rates: Array) -> Rows:
        here, free = self.position, self.objective.free
        points = []
        with np.errstate(all="ignore"):
            for rate, rows in zip(rates, batch_rows(self.batches, here.steps, len(rates)), strict=True):
                point = self.objective.at(here.theta, rows)
                points.append(point)
                here.steps += 1
                theta = here.theta.copy()
                moved = self._step(theta[free], point.gradient[free], rate, here.steps, *here.state[:, free])
                theta[free] = moved[0]
                for line, value in zip(here.state, moved[1:], strict=True):
                    line[free] = value
                here.theta = theta
        thetas, losses, gradients = zip(*points, strict=True)
        return Rows(np.array(thetas), np.array(losses), np.array(gradients))


class Fused:
    """A whole block in one call of compiled code."""

    def __init__(self, objective: Objective, method: Method, theta: Array, rate: Any, batches: Batches | None = None) -> None:
        self.objective, self.batches = objective, batches
        self.position = Position(method, theta, rate)
        weights = objective.weights
        make = objective.kernels.block  # type: ignore[attr-defined]
        size = batches.size if batches else None
        block = make(method.step, method.states, tuple(objective.free.tolist()), weights is not None, size)
        self._block = block.on([*objective.columns.arrays, *([] if weights is None else [weights])])
        self._alike = size == 1 and weights is None
        self.guess = 2e-8 + work(objective, batches) * 2e-10
        self.snapshot, self.restore = self.position.snapshot, self.position.restore

    def advance(self, rates: Array) -> Rows:
        return self._run(rates)

    def ahead(self, rates: Array) -> Rows:
        return self._run(rates, look=True)

    def _run(self, rates: Array, look: bool = False) -> Rows:
        here, objective = self.position, self.objective
        rows, shares = None, objective.share
        if self.batches is not None:
            order, edges = self.batches.block(here.steps, len(rates))
            shares = objective.shares(order, edges[:2] if self._alike else edges)
            rows = order, edges, self.batches.size
        thetas, losses, gradients = self._block(here.theta, here.state, rates, here.steps + 1, shares, rows, look)
        here.steps += len(rates) - look
        return Rows(thetas, losses, objective.moving(gradients))


def alone(point: Point) -> Rows:
    """One row."""
    return Rows(np.array([point.theta]), np.array([point.loss]), np.array([point.gradient]))


def ahead(runner: Runner, rates: Array) -> Rows:
    """The points of advance(rates[:-1]), and the one after them, from which no step is taken."""
    together = getattr(runner, "ahead", None)  # in one call, where the runner can
    rows: Rows = together(rates) if together else stepwise(runner, rates)
    return rows


def stepwise(runner: Runner, rates: Array) -> Rows:
    parts = [runner.advance(rates[:-1])] if len(rates) > 1 else []
    there = runner.snapshot()
    rows = joined([*parts, runner.advance(rates[-1:])])
    runner.restore(there)
    return rows


def joined(parts: list[Rows]) -> Rows:
    thetas, losses, gradients = (np.concatenate(column) for column in zip(*(part[:3] for part in parts), strict=True))
    rates = [part.rates for part in parts if part.rates is not None]
    evaluations = [part.evaluations for part in parts if part.evaluations is not None]
    counted = (np.concatenate(rates), np.concatenate(evaluations)) if rates and evaluations else (None, None)
    return Rows(thetas, losses, gradients, counted[0], counted[1], parts[-1].ended)


def work(objective: Objective, batches: Batches | None) -> float:
    """Operations of a step, roughly."""
    return objective.work() * (1.0 if batches is None else batches.size / batches.rows)


def batch_rows(batches: Batches | None, first: int, count: int) -> Iterator[Any]:
    """The rows of each step; None stands for all of them."""
    if batches is None:
        return repeat(None, count)
    order, edges = batches.block(first, count)
    return iter(np.split(order, edges[1:-1]))


FUSED_ROWS = 100_000  # beyond this one evaluation is long, and threads serve it better than a block


def runner(objective: Objective, method: Method, theta: Array, rate: Any, batches: Batches | None = None) -> Runner:
    """The fastest runner for this objective. Their results have the same bits; on single rows they agree to rounding."""
    rows = objective.columns.rows if batches is None else batches.size
    fused = objective.kernels.name == "compiled" and rows <= FUSED_ROWS and can_be_fused(objective)
    return (Fused if fused else Stepped)(objective, method, theta, rate, batches)


def can_be_fused(objective: Objective) -> bool:
    """A block of compiled code holds neither the matrices of dot nor the kinks of l1."""
    return not objective.derivation.formula.blocks and objective.l1 is None
