"""The session: where a descent stands, which settings its next step takes, and every way in which it can be moved."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.descent.foreign.method import is_foreign
from steepest.descent.run import whole
from steepest.descent.trace import Trace
from steepest.engines.table import choose
from steepest.errors import SteepestWarning
from steepest.lab.joined import Leg, joined
from steepest.lab.predict import Prediction
from steepest.lab.words import number
from steepest.methods.code.table import CODE
from steepest.problem import Problem

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from steepest.insight.explain import Explanation
    from steepest.insight.why import Why

LONG = 1_000  # steps for which the engine is chosen
BROKEN = ("nonfinite", "diverged")


@dataclass(frozen=True)
class Settings:
    """What the next step takes. `lr` is NaN where the method finds its own steps."""

    method: str
    lr: float
    batch: Any = "full"
    hyper: Mapping[str, float] = field(default_factory=dict)

    @property
    def said(self) -> str:
        """ "gd, η = 0.1", "adam, η = 0.01, 32 rows a step"."""
        rate = f", η = {number(self.lr)}" if np.isfinite(self.lr) else ""
        return f"{self.method}{rate}" + ("" if self.batch == "full" else f", {self.batch:,} rows a step")


class Lab:
    """A descent that is stepped by hand: forth, back, and at another rate whenever you like.

    `method`, `lr`, `batch`, `hyper`, `seed` and `until_loss` are those of `Problem.descend`; lr="auto" is settled at the start, and
    stays. Every action gives the session back and leaves its sentence in `.say`. Where it stands: `.number` of the step, `.theta`
    and `.gradient` by name, `.loss` of all rows; `.settings` of the next step; `.trace` of all steps.

    Raises OptionError for a setting that is none.

    >>> lab = Lab(Problem("y ~ w*x", "@triples"), lr=0.02)
    >>> lab.step().say
    'Step 1 lowered the loss from 99 to 31.0464.'
    >>> lab.set_lr(0.1).say
    'With η = 0.1, step 2 raises the loss from 31.0464 to 44.7068. Along this gradient anything above 0.09091 does.'
    >>> lab.back().theta
    {'w': 0.0}
    """

    settings: Settings
    say: str
    _next: Trace | None
    _prediction: Prediction | None

    def __init__(
        self,
        problem: Problem,
        method: str = "gd",
        lr: Any = "auto",
        batch: Any = "full",
        *,
        hyper: Mapping[str, float] | None = None,
        seed: int = 0,
        until_loss: float | None = None,
    ) -> None:
        self.problem = problem
        self._fixed: dict[str, Any] = {
            "engine": choose(problem.derivation, problem.columns.rows, LONG)[0], "seed": seed, "until_loss": until_loss,
        }  # fmt: skip
        trace = problem.descend(method, lr, 0, batch, hyper=hyper, **self._fixed)
        if isinstance(lr, str) and batch == "full" and np.isfinite(_rate(trace)):  # as descend would halve it, for its first step
            first = self._quietly(problem, method, lr, 1, batch, hyper=hyper, **self._fixed)
            trace = self._quietly(problem, method, float(first.lr[0]), 0, batch, hyper=hyper, **self._fixed)
        self._legs = [Leg(Settings(method, _rate(trace), batch, dict(hyper or {})), 0, trace)]
        self._settle(self._legs[0].settings, f"At the start, the loss is {number(self.loss)}.")

    @property
    def trace(self) -> Trace:
        """All steps so far as one trace; those that were taken back are not in it."""
        return joined(self._legs)

    @property
    def number(self) -> int:
        """How many steps have been taken."""
        return self._legs[-1].last

    @property
    def theta(self) -> dict[str, Any]:
        return self._legs[-1].trace.final

    @property
    def loss(self) -> float:
        return float(self._legs[-1].trace.full_loss[-1])

    @property
    def gradient(self) -> dict[str, Any]:
        """On the rows of the next step."""
        return dict(zip(self.problem.parameters, self._ahead().gradient[0].astype(float).tolist(), strict=True))

    @property
    def outcome(self) -> str:
        """`steps`, or what ended the last ones early: converged, diverged, nonfinite, stopped."""
        return self._legs[-1].trace.outcome

    def step(self, n: int = 1) -> Lab:
        """Takes n steps; fewer where the descent ends before, at convergence or at the last point that is finite."""
        before, first = self.loss, self.number
        trace = self._ahead() if whole("n", n, 1) == 1 else self._descend(self.settings, n)
        if not (np.isfinite(trace.loss[0]) or len(trace) > 1):
            trace = replace(trace, outcome="nonfinite")
        self._legs.append(Leg(self.settings, first, trace))
        return self._settle(self.settings, self._moved(first, before))

    def back(self, n: int = 1) -> Lab:
        """Takes n steps back, at most to the start. The settings become those with which it stood there."""
        target = max(0, self.number - whole("n", n, 1))
        while self.number > target and self._legs[-1].first >= target:
            self._legs.pop()
        if self.number > target:
            leg = self._legs.pop()  # a part of it again
            self._legs.append(leg._replace(trace=self._descend(leg.settings, target - leg.first)))
        where = "the start" if target == 0 else f"step {target:,}"
        before, then = self.settings, self._legs[-1].settings
        again = f" The settings are those of then: {then.said}." if then.said != before.said else ""
        return self._settle(then, f"Back at {where}: the loss is {number(self.loss)}.{again}")

    def reset(self) -> Lab:
        """Back to the start, with its settings."""
        del self._legs[1:]
        return self._settle(self._legs[0].settings, f"At the start again: the loss is {number(self.loss)}.")

    def set_lr(self, lr: Any) -> Lab:
        """Another rate for the next steps, or "auto"; the sentence says what the next one will do with it."""
        trace = self._run(self.settings, lr, 0)  # which refuses what is no rate
        wanted = replace(self.settings, lr=_rate(trace))
        self._legs.append(Leg(wanted, self.number, trace))
        return self._promise(wanted)

    def set_method(self, method: str, hyper: Mapping[str, float] | None = None, lr: Any = None) -> Lab:
        """Another method from here on, with fresh states. `lr`: the rate in use unless given, or "auto"."""
        rate = lr or ("auto" if method in CODE else _known(self.settings.lr))
        here = self.problem.with_start(self.theta)
        trace = self._quietly(here, method, rate, 0, self.settings.batch, hyper=hyper, **self._fixed)
        settings = Settings(method, _rate(trace), self.settings.batch, dict(hyper or {}))
        self._legs.append(Leg(settings, self.number, trace))
        return self._promise(settings)

    def set_batch(self, batch: Any) -> Lab:
        """Other rows for the next steps: "full", or so many a step."""
        wanted = replace(self.settings, batch=batch)
        self._legs.append(Leg(wanted, self.number, self._descend(wanted, 0)))
        return self._promise(wanted)

    def fork(self) -> Lab:
        """Another session that stands here too; what happens in one is not seen by the other."""
        other = object.__new__(Lab)
        other.__dict__ = {**self.__dict__, "_legs": list(self._legs)}
        return other

    def predict(self) -> Prediction:
        """What the next step will do."""
        if self._prediction is None:
            self._prediction = self._predicted()
        return self._prediction

    def explain(self) -> Explanation | None:
        """The limits of the rate here and at the minimum, see `Problem.explain`; None for a method that has no equations here."""
        now = self.settings
        if now.method in CODE or is_foreign(now.method):
            return None
        return self.problem.explain(now.method, _known(now.lr), at=self.theta, batch=now.batch, hyper=now.hyper or None)

    def why(self) -> Why | Explanation | None:
        """Why the steps with these settings went as they did; before any of them, what to expect."""
        legs = [leg for leg in self._legs if leg.steps]
        same = [k for k, leg in enumerate(legs) if leg.settings != self.settings]
        legs = legs[same[-1] + 1 :] if same else legs
        return joined(legs).why() if legs else self.explain()

    def plot(self, path: Any = None) -> Figure:
        """The valley, the ray, the loss and the stability; see `steepest.lab.page.plot_lab`."""
        from steepest.lab.page import plot_lab

        return plot_lab(self, path)

    def _repr_html_(self) -> str:
        from steepest.lab.page import lab_html

        return lab_html(self)

    def __repr__(self) -> str:
        return f"Lab(step {self.number:,}, loss {number(self.loss)}): {self.say}"

    def _settle(self, settings: Settings, say: str) -> Lab:
        self.settings, self.say = settings, say
        self._next = self._prediction = None
        return self

    def _promise(self, settings: Settings) -> Lab:
        self._settle(settings, "")
        rate = f"η = {number(settings.lr)}, " if np.isfinite(settings.lr) else f"{settings.method}, "
        self.say = f"With {rate}{self.predict().sentence}{self._warning()}"
        return self

    def _warning(self) -> str:
        """What is wrong with the rate, where something is."""
        rate, ahead, known = self.settings.lr, self.predict(), self.explain()
        if known is None:
            return ""
        if ahead.loss > ahead.before and self.settings.method == "gd" and known.one_step_limit is not None:
            return f" Along this gradient anything above {number(known.one_step_limit, 4)} does."
        if known.limit is not None and rate > known.limit:
            return f" But it is above {number(known.limit, 4)}, the largest stable rate here."
        return ""

    def _ahead(self) -> Trace:
        """The next step, computed once."""
        if self._next is None:
            self._next = self._descend(self.settings, 1)
        return self._next

    def _descend(self, settings: Settings, steps: int) -> Trace:
        return self._run(settings, _known(settings.lr), steps)

    def _run(self, settings: Settings, lr: Any, steps: int) -> Trace:
        words = {"start": self._legs[-1].trace, "hyper": settings.hyper or None, **self._fixed}
        return self._quietly(self.problem, settings.method, lr, steps, settings.batch, **words)

    @staticmethod
    def _quietly(problem: Problem, *args: Any, **words: Any) -> Trace:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SteepestWarning)  # the start said it
            return problem.descend(*args, **words)

    def _predicted(self) -> Prediction:
        ahead, here = self._ahead(), np.array(list(self.theta.values()), dtype=float)
        there = ahead.theta[-1].astype(float) if len(ahead) > 1 else np.full(len(here), np.nan)
        ended = ahead.outcome == "converged" and len(ahead) == 1
        loss = self.loss if ended else float(ahead.full_loss[-1]) if len(ahead) > 1 else np.inf
        return Prediction(self.number + 1, self.settings, here, here if ended else there, self.loss, loss)

    def _moved(self, first: int, before: float) -> str:
        leg = self._legs[-1]
        said = ""
        if leg.steps:
            which = f"Step {first + 1:,}" if leg.steps == 1 else f"Steps {first + 1:,} to {self.number:,}"
            word = "lowered" if self.loss < before else "raised" if self.loss > before else "left"
            said = f"{which} {word} the loss {f'from {number(before)} to' if word != 'left' else 'at'} {number(self.loss)}."
        if leg.trace.outcome == "steps":
            return said
        if leg.trace.outcome in BROKEN:
            return f"{said} {self._broken()}".strip()
        return f"{said} {leg.trace.outcome.capitalize()}: {leg.trace.reason}.".strip()

    def _broken(self) -> str:
        """Where the descent broke off, and where it was best."""
        trace = self.trace
        known = np.where(np.isfinite(trace.full_loss.astype(float)), trace.full_loss.astype(float), np.inf)
        best, steps = int(np.argmin(known)), self.number
        away = steps - int(trace.step[best])
        said = f"Stopped at step {steps:,}, before the numbers overflow: {trace.reason}."
        lowest = f" The loss was lowest at step {trace.step[best]:,}, {number(known[best])}: go {away:,} back, and" if away else ""
        return f"{said}{lowest or ' Go back, or'} take a smaller rate."


def _rate(trace: Trace) -> float:
    rate = trace.recipe["first_lr"]
    return float("nan") if rate is None else float(rate)


def _known(rate: float) -> float | str:
    return "auto" if np.isnan(rate) else rate
