"""Plain descent on a linear model in closed form: any number of steps, computed at those that a trace keeps.

There the residual r is linear in theta, with Jacobian J = UΣVᵀ, and the loss is |r|²/d. A step multiplies each component β = Uᵀr by
its own factor f = 1 - 2ησ²/d, so that after t steps β_t = f^t·β_0 and theta_t = theta_0 + V·Σ⁻¹(f^t - 1)·β_0.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from steepest.descent.condensed.objective import CondensedObjective
from steepest.descent.objective import Array
from steepest.descent.rates import PLAIN, Constant, Halving, Rates
from steepest.descent.runners import Rows
from steepest.descent.stopping import Stop, Until, first_stop
from steepest.descent.trace import Recorder, Trace, frozen
from steepest.language.evaluate import evaluate
from steepest.methods.equations import Method

MANY = 1_000_000  # steps from which nobody wants them one by one


def geometric(few: CondensedObjective, method: Method, rates: Rates, theta: Array, steps: int) -> Geometric | None:
    """The closed form of so many steps, or None where there is none: another method or model, a schedule, or a rate too large."""
    if method.text != PLAIN or steps <= MANY or not isinstance(rates, Constant | Halving):
        return None
    if not few.factor.plain.derivation.is_linear:
        return None
    found = Geometric(few, theta, float(rates.rate))
    return found if found.stable else None


class Geometric:
    """The points of a descent, by the number of steps."""

    def __init__(self, few: CondensedObjective, theta: Array, rate: float) -> None:
        self.theta, self.free, self.rate = theta, few.free, rate
        self.divisor = float(few.divisor)
        residual, jacobian = self._at(few, theta)
        u, self.sigma, self.v = np.linalg.svd(jacobian[:, few.free], full_matrices=False)
        self.beta = u.T @ residual
        self.shrunk = 2 * rate / self.divisor * self.sigma**2  # 1 - f
        best = theta.copy()
        seen = self.sigma > np.finfo(float).eps * len(theta) * np.max(self.sigma, initial=0.0)
        best[few.free] -= (self.beta[seen] / self.sigma[seen]) @ self.v[seen]
        least, _ = self._at(few, best)  # small, so that what no theta can remove is not lost beside the start's residual
        least -= u @ (u.T @ least)
        self.least = float(least @ least)

    @property
    def stable(self) -> bool:
        return bool((self.shrunk <= 2).all())

    def __call__(self, counts: Any) -> Rows:
        """The points after so many steps, (k,)."""
        t = np.asarray(counts, dtype=float)[:, None]
        with np.errstate(all="ignore"):
            slow = t * np.log1p(-self.shrunk)
            fast = np.where(t % 2 == 0, 1.0, -1.0) * np.exp(t * np.log(self.shrunk - 1))
            change = np.where(self.shrunk < 1, np.expm1(slow), fast - 1)
            factor = np.where(self.shrunk < 1, np.exp(slow), fast)
            change, factor = np.where(t == 0, 0.0, change), np.where(t == 0, 1.0, factor)
            moved = np.where(self.sigma > 0, change * self.beta / self.sigma, 0.0)
        thetas, gradients = np.tile(self.theta, (len(t), 1)), np.zeros((len(t), len(self.theta)))
        thetas[:, self.free] += moved @ self.v
        beta = factor * self.beta
        gradients[:, self.free] = 2 / self.divisor * ((self.sigma * beta) @ self.v)
        return Rows(thetas, (np.sum(beta**2, axis=1) + self.least) / self.divisor, gradients)

    @staticmethod
    def _at(few: CondensedObjective, theta: Array) -> tuple[Array, Array]:
        """The residual, (k,), and its Jacobian, (k, p)."""
        program = few.derivation.program("jacobian")
        values = evaluate(program, list(theta), few.columns.arrays)
        lines = [np.broadcast_to(values[i], few.columns.rows) for i in program.outputs.values()]
        return np.array(lines[0]), np.array(lines[1:]).T


def far(
    form: Geometric, few: CondensedObjective, steps: int, until: Until, done: int, every: int | None, recipe: Mapping[str, Any]
) -> Trace:
    """The trace of that descent, from step `done` on. All that may end it sets in once and stays, so its first step is bisected."""
    began = time.perf_counter()
    plain = few.factor.plain
    stop = _first(form, few, steps, until)
    counts, every = _kept(stop.row, done, every)
    rows = form(counts)
    _, rows.losses[-1], gradient = plain.at(rows.thetas[-1])
    rows.gradients[-1] = few.moving(gradient)
    step = done + counts
    rate = np.full(len(step), form.rate)
    step, epoch, theta, loss, gradient, rate, full = (
        frozen(column) for column in (step, step.astype(float), rows.thetas, rows.losses, rows.gradients, rate, rows.losses.copy())
    )
    position = (rows.thetas[-1].copy(), np.empty((0, len(form.theta))), int(step[-1]))
    recipe = {**recipe, "every": every, "engine_why": f"{recipe['engine_why']}; linear, and so in closed form"}
    return Trace(
        few.derivation.formula.parameters, step, epoch, theta, loss, gradient, rate, full, stop.outcome, stop.reason,
        time.perf_counter() - began, recipe, plain, position,
    )  # fmt: skip


def _first(form: Geometric, few: CondensedObjective, steps: int, until: Until) -> Stop:
    plain = few.factor.plain

    def stop(t: int) -> Stop | None:
        """As the data have it."""
        before = plain.loss(form([t - 1]).thetas[0]) if t and until.change is not None else None
        _, loss, gradient = plain.at(form([t]).thetas[0])
        return first_stop(Rows(np.empty((1, 0)), np.array([loss]), few.moving(gradient)[None]), before, until, np.inf)

    if stop(steps) is None:
        return Stop(steps, "steps", f"all {steps:,} steps are done")
    low, high = -1, steps  # not met at low, met at high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if stop(middle) else (middle, high)
    found = stop(high)
    assert found is not None
    return found._replace(row=high)


def _kept(last: int, done: int, every: int | None) -> tuple[Array, int]:
    """The numbers of steps at which a recorder would keep a row, and their distance."""
    first = 0 if every else min(Recorder.first, last + 1)
    distance = every or 1
    while every is None and first + last // distance > Recorder.most:
        distance *= 2
    later = np.arange(-done % distance, last + 1, distance)
    return np.unique(np.concatenate([np.arange(first), later, [0, last]])), distance
