"""One visit: the user's answers beside the right ones, and how far apart rounding lets them be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from steepest.check.cases import Case, Cases, Reference, Subject, reference
from steepest.check.report import Diagnosis, Proof
from steepest.check.rounding import EPS, TINY
from steepest.check.user import Answer, Unusable

Array = np.ndarray[Any, Any]
# Units that a repaired gradient may be off: one each for the user's rounding and ours, one for a constant that is read off, and
# the repair's own few operations. A claim that is wrong is off by some 1e12 units: any number between the two would do.
FITTED = 64.0


class Gradient(Protocol):
    """The user's gradient, or one that is partly mended."""

    def __call__(self, theta: Array, columns: Any) -> Answer: ...


class Mended:
    """The user's gradient after a repair, as a patient of its own."""

    def __init__(self, user: Any, repair: Callable[[Any, Case], Any]) -> None:
        self.user, self.repair = user, repair
        self.noise: Any = 0.0

    def __call__(self, theta: Array, columns: Any) -> Answer:
        answer = self.user(theta, columns)
        self.noise = noise(answer)
        return Answer(None, np.asarray(self.repair(self.user, Case(theta, columns))), answer.dtype)


class Reading(NamedTuple):
    """An answer at a case, and the right one. Two right computations are less than one `unit` apart, (p,)."""

    case: Case
    right: Reference
    answer: Answer
    noise: Any = 0.0  # of the answer that this one was mended from

    @property
    def u(self) -> Array:
        return self.answer.gradient.astype(np.float64)

    @property
    def g(self) -> Array:
        return self.right.gradient

    @property
    def unit(self) -> Array:
        return np.asarray(unit(self.right.kappa, self.answer.dtype) + self.noise)

    @property
    def gap(self) -> Array:
        """|yours - right| in units."""
        return gap(self.u, self.g, self.unit)


class Exam:
    """The patient, the problem, and the readings that every step of the tree looks at."""

    def __init__(self, user: Any, problem: Subject, cases: Cases) -> None:
        self.user, self.problem, self.cases = user, problem, cases
        self.many: list[Reading] = []
        self.ones: list[Reading] = []
        self.held: list[Reading] = []

    def take(self) -> None:
        """Reads every case; one-row cases only where the user's function can take them."""
        self.many = [self.read(case) for case in self.cases.many]
        self.held = [self.read(case) for case in self.cases.held]
        try:
            ones = [self.read(case) for case in self.cases.ones]
        except Unusable:
            ones = []
        self.ones = [one for one in ones if np.isfinite(one.u).all()]

    def mended(self, repair: Callable[[Any, Case], Any]) -> Exam:
        """The same visit after a repair."""
        other = Exam(Mended(self.user, repair), self.problem, self.cases)
        other.take()
        return other

    def read(self, case: Case) -> Reading:
        answer = self.user(case.theta, case.rows)
        return Reading(case, self.right(case), answer, getattr(self.user, "noise", 0.0))

    def right(self, case: Case) -> Reference:
        return self.cases.right(case)

    def right_at(self, theta: Array, rows: Mapping[str, Array]) -> Reference:
        return reference(self.problem, theta, rows)

    def prove(self, diagnosis: Diagnosis) -> Proof | None:
        """The repaired gradient at the points and rows that were held out; None unless all of it is right."""
        worst = self.error(diagnosis)
        if not worst <= FITTED:
            return None
        return Proof(len(self.cases.held), sum(case.n for case in self.cases.held), worst, diagnosis.how)

    def error(self, diagnosis: Diagnosis) -> float:
        """How far the repaired gradient is from the right one at the worst of the held-out cases, in units."""
        worst = 0.0
        for case in self.cases.held:
            try:
                with np.errstate(all="ignore"):
                    mended = np.asarray(diagnosis.repair(self.user, case), dtype=np.float64)
                answer = self.user(case.theta, case.rows)
            except (Unusable, ArithmeticError, ValueError, IndexError, KeyError, TypeError):
                return np.inf
            right = self.right(case)
            if mended.shape != right.gradient.shape:
                return np.inf
            units = unit(right.kappa, answer.dtype) + noise(answer) + getattr(self.user, "noise", 0.0)
            worst = max(worst, float(np.max(gap(mended, right.gradient, units))))
        return worst


def unit(kappa: Array, dtype: Any) -> Array:
    """How far apart two right computations can be, one in float64 and one in `dtype`."""
    underflow = max(TINY, float(np.finfo(dtype).tiny)) if np.dtype(dtype).kind == "f" else TINY
    return (EPS + precision(dtype)) * kappa + underflow


def noise(answer: Answer) -> Array:
    """The rounding of the answer itself, (p,): what is made from it, as from a long sum, is no more exact."""
    rounded: Array = precision(answer.dtype) * abs(answer.gradient.astype(np.float64))
    return np.where(np.isfinite(rounded), rounded, 0.0)


def precision(dtype: Any) -> float:
    """ε of the user's numbers, or of ours if theirs are finer."""
    return max(EPS, float(np.finfo(dtype).eps)) if np.dtype(dtype).kind == "f" else EPS


def gap(u: Array, g: Array, unit: Array) -> Array:
    with np.errstate(all="ignore"):
        apart: Array = abs(u - g) / unit
    return np.where(np.isnan(apart), np.inf, apart)


def explained(predict: Callable[[Any, Case], Array], exam: Exam) -> Callable[[Any, Case], Array]:
    """The repair of a fault that says what the user's gradient is: the right one, as far as that is so."""

    def repair(user: Any, case: Case) -> Array:
        answer: Array = user(case.theta, case.rows).gradient - predict(user, case) + exam.right(case).gradient
        return answer

    return repair


def fits(readings: Sequence[Reading], predict: Callable[[Reading], Array], slack: Callable[[Reading], Any] | None = None) -> bool:
    """Is the user's gradient what `predict` says, in every reading? `slack` enlarges the units."""
    if not readings:
        return False
    for reading in readings:
        units = reading.unit * (1.0 if slack is None else slack(reading))
        if not np.max(gap(reading.u, predict(reading), units)) <= FITTED:
            return False
    return True


def listed(items: Sequence[Any]) -> str:
    """ "7, 11 and 13"."""
    words = [str(item) for item in items]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def percent(share: float) -> str:
    """ "0.3 %", "104 %"."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1g} %"
