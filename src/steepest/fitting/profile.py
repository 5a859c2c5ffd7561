"""Intervals from the profile of the likelihood: one parameter is held, all others are fitted again, exactly.

With S(b) the least sum of squares at the held value b, the interval is where S(b) - S <= t²·S/dof, that is F <= t² (Bates and Watts
1988, Nonlinear Regression Analysis, 6.1); where the errors of the rows are known, where S(b) - S <= z²; for a negative
log-likelihood S, where S(b) - S <= z²/2 (Venzon and Moolgavkar 1988). Bounds hold for the parameter and for the others.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from steepest.descent.objective import Array
from steepest.errors import OptionError, SteepestWarning
from steepest.fitting.fit import search
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.intervals import Interval
from steepest.fitting.uncertainty import LIKELIHOODS
from steepest.language.names import printable

if TYPE_CHECKING:
    from steepest.fitting.result import Fit

CLOSE = 1e-10  # of the way to the limit
FAR = 1e6  # times what the standard error says: no limit is looked for beyond
MOST = 100  # refits on one side
LOWER = -1e-8  # of the rise that is looked for: a loss that much below the minimum is another minimum


class Step(NamedTuple):
    """At the held value: g, the root of the rise as a share of the limit; its slope; all parameters."""

    g: float
    slope: float
    theta: Array
    rise: float


def profile(fit: Fit, wide: float) -> tuple[dict[str, Interval], list[str]]:
    """The interval of each parameter and, where a side has no limit, a sentence."""
    if fit.problem.get("penalty"):
        raise OptionError("kind is 'profile', which needs a likelihood, and a penalty is none: 't' is not known either")
    if not (fit.is_quadratic or fit.problem["loss"] in LIKELIHOODS):
        raise OptionError(f"kind is 'profile', which needs a likelihood, and loss {fit.problem['loss']} is none: 't' is known")
    found: dict[str, Interval] = {}
    notes: list[str] = []
    for k, (name, value) in enumerate(fit.parameters.items()):
        if not fit.std_errors[name] > 0:
            found[name] = Interval(value, value) if fit.std_errors[name] == 0 else Interval(np.nan, np.nan)
            continue
        sides = [Side(fit, k, wide, sign).limit() for sign in (-1.0, 1.0)]
        found[name] = Interval(sides[0][0], sides[1][0])
        notes += [note for _, note in sides if note]
    return found, notes


def rise_of(fit: Fit, wide: float) -> float:
    """By how much the summed loss may rise up to the limit."""
    if fit.is_quadratic:
        return wide**2 * fit.variance
    return wide**2 / 2


class Side:
    """One side of one parameter: how far it can go, `u` away from its estimate, until the loss has risen by `rise`."""

    def __init__(self, fit: Fit, k: int, wide: float, sign: float) -> None:
        objective = fit.objective
        self.k, self.sign, self.best = k, sign, fit.theta
        self.box = fit.box
        self.name = printable(list(fit.parameters)[k], 40)
        self.first = wide * float(np.sqrt(fit.covariance[k, k]))
        others = np.array([j for j in objective.free if j != k], dtype=np.int64)
        self.full = objective.freeing(objective.free)
        self.held = objective.freeing(others)
        self.divisor = float(objective.divisor)
        self.least = float(objective.loss(self.best)) * self.divisor
        self.rise = rise_of(fit, wide)
        self.way = fit.covariance[k] / fit.covariance[k, k]  # how the others follow, at first

    def limit(self) -> tuple[float, str]:
        """The limit, and a sentence where there is none."""
        if not self.rise > 0:
            return float(self.best[self.k]), ""
        low, last, high, u = 0.0, Step(0.0, 0.0, self.best, 0.0), np.inf, min(self.first, self.room)
        for _ in range(MOST):
            step = self.refit(u, low, last)
            if step.rise < LOWER * self.rise:
                where = f"{self.name} = {self.value(u):.6g}"
                return np.nan, f"{self.name}: a lower loss was found at {where}; start the fit there"
            if abs(step.g - 1) < CLOSE or high - low <= 4e-16 * abs(self.value(u)):
                return self.value(u), ""
            if step.g < 1 and u == self.room:
                return self.value(u), f"{self.name}: its {self.word} limit is its bound, {self.value(u):.6g}"
            if step.g < 1:
                self.way = (step.theta - last.theta) / (self.sign * (u - low))
                low, last = u, step
            else:
                high = u
            u = min(self.next(u, step, low, high), self.room)
            if u > FAR * self.first:
                return self.sign * np.inf, self.endless(low, last)
        return self.value(low), f"{self.name}: {MOST} refits came no nearer to its {self.word} limit than {self.value(low):.6g}"

    def next(self, u: float, step: Step, low: float, high: float) -> float:
        """Newton's step, kept between what is below the limit and what is above it."""
        newton = u + (1 - step.g) / step.slope if step.slope > 0 and np.isfinite(step.g) else np.inf
        if low < newton < min(high, 4 * u):
            return newton
        return 4 * u if high == np.inf else (low + high) / 2

    def refit(self, u: float, low: float, last: Step) -> Step:
        """All others at their best, begun from where they were, moved on along their way."""
        b = self.value(u)
        ahead = last.theta + self.way * self.sign * (u - low)
        starts = [np.where(np.arange(len(ahead)) == self.k, b, start) for start in (ahead, last.theta)]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", SteepestWarning)
            losses = [float(self.held.loss(start)) for start in starts]
            start = starts[int(np.argmin(np.where(np.isfinite(losses), losses, np.inf)))]
            loss = FreeLoss(self.held, start, self.box)
            theta = loss.theta(search(loss, loss.start).x) if loss.names else start
            point = self.full.at(theta)
        rise = float(point.loss) * self.divisor - self.least
        if not np.isfinite(rise):
            return Step(np.inf, 0.0, theta, np.inf)
        g = float(np.sqrt(max(rise, 0.0) / self.rise))
        slope = self.sign * float(point.gradient[self.k]) * self.divisor / (2 * self.rise * g) if g > 0 else 0.0
        return Step(g, slope, theta, rise)

    @property
    def room(self) -> float:
        """How far it is to the bound on this side."""
        if self.box is None:
            return np.inf
        return abs(float((self.box.low if self.sign < 0 else self.box.high)[self.k] - self.best[self.k]))

    def value(self, u: float) -> float:
        return float(self.best[self.k] + self.sign * u)

    @property
    def word(self) -> str:
        return "lower" if self.sign < 0 else "upper"

    def endless(self, low: float, last: Step) -> str:
        reached = f"even at {self.value(low):.3g} the loss has risen by only {100 * last.g**2:.3g} % of what would be a limit"
        return f"{self.name} has no {self.word} limit: {reached}"
