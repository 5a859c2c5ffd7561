"""Learning rates: a constant, or one that starts from the curvature and is halved when a step fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from steepest.descent.batches import Batches
from steepest.descent.objective import Array, Objective, Point
from steepest.descent.runners import Rows
from steepest.errors import EngineError, FormulaError, OptionError
from steepest.methods.equations import Method
from steepest.methods.limit import largest_rate
from steepest.methods.schedules import Schedule

ROUNDING = 8 * np.finfo(float).eps  # a loss that rises by less of itself has not risen
MOST_EXACT = 64  # parameters up to which the curvature is read off the exact Hessian
PLAIN = "theta = theta - eta*g"
LOOKED_AT = 64  # batches
LEAST = 2.0**-200  # of its first value: a rate halved below this will not succeed any more


class Rates(Protocol):
    """A rate for every step, and what to do when a step fails."""

    def block(self, first: int, count: int) -> Array: ...
    def raised(self, rows: Rows) -> int | None: ...
    def lower(self) -> bool: ...


class Constant:
    """The same rate at every step."""

    def __init__(self, rate: Any) -> None:
        self.rate = rate

    def block(self, first: int, count: int) -> Array:
        return np.full(count, self.rate)

    def raised(self, rows: Rows) -> int | None:
        return None

    def lower(self) -> bool:
        return False


class Halving:
    """A rate that is halved whenever a step would raise the loss; that step is not taken."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.least = rate * LEAST

    def block(self, first: int, count: int) -> Array:
        return np.full(count, self.rate)

    def raised(self, rows: Rows) -> int | None:
        """The first row whose loss is above that of the row before it, or not a number."""
        with np.errstate(all="ignore"):
            before, after = rows.losses[:-1], rows.losses[1:]
            fine = after <= before + ROUNDING * np.abs(before)
        return None if fine.all() else int(np.argmin(fine)) + 1

    def lower(self) -> bool:
        """Halves the rate; False when it has become too small to matter."""
        self.rate /= 2
        return self.rate > self.least


class Scheduled:
    """Other rates, multiplied by a schedule's factor at every step."""

    def __init__(self, rates: Rates, schedule: Schedule, steps: int) -> None:
        self.rates, self.schedule, self.steps = rates, schedule, steps
        self.raised, self.lower = rates.raised, rates.lower

    def block(self, first: int, count: int) -> Array:
        product: Array = self.rates.block(first, count) * self.schedule.factors(first, count, self.steps)
        return product


def automatic(objective: Objective, start: Point) -> tuple[float, str]:
    """The rate 1/|λ|max, λ the eigenvalues of the Hessian at the start, and how it was found, in words.

    Where the Hessian is zero or not finite the rate is loss/‖gradient‖², with which a linear loss would reach zero in one step.
    """
    curvature = largest_curvature(objective, start)
    if np.isfinite(curvature) and curvature > 0:
        return 1 / curvature, f"1/|λ|max at the start, |λ|max = {curvature:.6g}"
    with np.errstate(all="ignore"):
        square = float(start.gradient @ start.gradient)
    if square > 0 and np.isfinite(square):
        return abs(float(start.loss)) / square or 1.0, "loss/‖gradient‖² at the start, where the Hessian is zero or not finite"
    return 1.0, "1, as the gradient at the start is zero or not finite"


def largest_curvature(objective: Objective, start: Point) -> float:
    """|λ|max of the Hessian over the free parameters: exact, or by power iteration where these are many."""
    if len(objective.free) <= MOST_EXACT:
        try:
            hessian = objective.hessian(start.theta)[np.ix_(objective.free, objective.free)].astype(float)
        except (FormulaError, EngineError):  # too many operations for an exact one, or an engine without second derivatives
            return _by_differences(objective, start)
        return float(np.max(np.abs(np.linalg.eigvalsh(hessian)))) if np.isfinite(hessian).all() else np.nan
    return _by_differences(objective, start)


def _by_differences(objective: Objective, start: Point, rounds: int = 30) -> float:
    """Power iteration; the Hessian times a direction is a difference of gradients."""
    direction = np.zeros(len(start.theta))
    direction[objective.free] = np.random.default_rng(0).normal(size=len(objective.free))
    size = 1e-6 * (1 + float(np.linalg.norm(start.theta.astype(float))))
    length = np.nan
    for _ in range(rounds):
        direction /= np.linalg.norm(direction)
        change = objective.at(start.theta + size * direction).gradient - start.gradient
        length = float(np.linalg.norm(change)) / size
        if not np.isfinite(length) or length == 0:
            break
        direction = change
    return length


def found_rates(method: Method, objective: Objective, theta: Array, batches: Batches | None) -> tuple[Rates, str]:
    """The rates of lr="auto", and how they were found.

    Plain descent on all rows begins at 1/|λ|max and is halved when a step fails. Other methods whose largest stable rate is known
    take half of that, η_max/2 for |λ|max; the others the rate that people use. On batches, |λ|max is the largest of some batches.
    """
    if method.usual is not None:
        return Constant(method.usual), "the usual rate of this method; its own scale matters more than the curvature"
    if batches is None:
        rate, why = automatic(objective, objective.at(theta))
        if method.text == PLAIN:
            return Halving(rate), why
    else:
        curvature = max(largest_curvature(part, part.at(theta)) for part in some_batches(objective, batches))
        if not (np.isfinite(curvature) and curvature > 0):
            raise OptionError("lr='auto' finds no curvature at the start: give lr=")
        rate, why = 1 / curvature, f"1/|λ|max of {LOOKED_AT} batches at the start, |λ|max = {curvature:.6g}"
    most = largest_rate(method, np.eye(1))
    if method.text == PLAIN or most is None:
        return Constant(rate), why
    if most == 0:
        raise OptionError(
            "lr='auto' finds no stable rate: with these constants the method settles at none; change hyper=, or give lr="
        )
    return Constant(rate * most / 2), f"half the largest stable rate, {most:.4g}/|λ|max; {why}"


def some_batches(objective: Objective, batches: Batches) -> Iterator[Objective]:
    """The objectives of a few batches, spread over the data; drawn apart from the descent's own stream."""
    order, _ = Batches(len(objective.columns.arrays[0]), batches.rows, batches.size, weights=objective.weights).block(0, 1)
    for k in range(min(LOOKED_AT, batches.each)):
        yield objective.on(order[k * batches.size : (k + 1) * batches.size])
