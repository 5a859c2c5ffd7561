"""One visit: the user's answers beside the right ones, and how far apart rounding lets them be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from steepest.check.cases import Case, Cases, Reference, Subject, reference
from steepest.check.report import Diagnosis, Proof
from steepest.check.rounding import EPS, TINY
from steepest.check.user import Answer, Unusable

Array = np.ndarray[Any, Any]
FITTED = 64.0  # units that a repaired gradient may be off: the repair's own numbers and operations round, too


class Gradient(Protocol):
    """The user's gradient, or one that is partly mended."""

    def __call__(self, theta: Array, columns: Any) -> Answer: ...


class Mended:
    """The user's gradient after a repair, as a patient of its own."""

    def __init__(self, user: Any, repair: Callable[[Any, Case], Any]) -> None:
        self.user, self.repair = user, repair

    def __call__(self, theta: Array, columns: Any) -> Answer:
        answer = self.user(theta, columns)
        return Answer(None, np.asarray(self.repair(self.user, Case(theta, columns))), answer.dtype)


class Reading(NamedTuple):
    """An answer at a case, and the right one. Two right computations are less than one `unit` apart, (p,)."""

    case: Case
    right: Reference
    answer: Answer

    @property
    def u(self) -> Array:
        return self.answer.gradient.astype(np.float64)

    @property
    def g(self) -> Array:
        return self.right.gradient

    @property
    def unit(self) -> Array:
        return unit(self.right.kappa, self.answer.dtype)

    @property
    def gap(self) -> Array:
        """|yours - right| in units."""
        return gap(self.u, self.g, self.unit)


class Exam:
    """The patient, the problem, and the readings that every step of the tree looks at."""

    def __init__(self, user: Any, problem: Subject, cases: Cases) -> None:
        self.user, self.problem, self.cases = user, problem, cases
        self._references: dict[int, tuple[Case, Reference]] = {}
        self.many: list[Reading] = []
        self.ones: list[Reading] = []

    def take(self) -> None:
        """Reads every case; one-row cases only where the user's function can take them."""
        self.many = [self.read(case) for case in self.cases.many]
        try:
            ones = [self.read(case) for case in self.cases.ones]
        except Unusable:
            ones = []
        self.ones = [one for one in ones if np.isfinite(one.u).all()]

    def mended(self, repair: Callable[[Any, Case], Any]) -> Exam:
        """The same visit after a repair."""
        other = Exam(Mended(self.user, repair), self.problem, self.cases)
        other._references = self._references
        other.take()
        return other

    def read(self, case: Case) -> Reading:
        return Reading(case, self.right(case), self.user(case.theta, case.rows))

    def right(self, case: Case) -> Reference:
        known = self._references.get(id(case))
        if known is None or known[0] is not case:
            known = self._references[id(case)] = (case, reference(self.problem, case.theta, case.rows))
        return known[1]

    def prove(self, diagnosis: Diagnosis) -> Proof | None:
        """The repaired gradient at the points and rows that were held out; None unless all of it is right."""
        worst = 0.0
        for case in self.cases.held:
            try:
                with np.errstate(all="ignore"):
                    mended = np.asarray(diagnosis.repair(self.user, case), dtype=np.float64)
                dtype = self.user(case.theta, case.rows).dtype
            except (Unusable, ArithmeticError, ValueError, IndexError, KeyError, TypeError):
                return None
            right = self.right(case)
            if mended.shape != right.gradient.shape:
                return None
            worst = max(worst, float(np.max(gap(mended, right.gradient, unit(right.kappa, dtype)))))
        if not worst <= FITTED:
            return None
        return Proof(len(self.cases.held), sum(case.n for case in self.cases.held), worst, diagnosis.how)


def unit(kappa: Array, dtype: Any) -> Array:
    """How far apart two right computations can be, one in float64 and one in `dtype`."""
    return (EPS + precision(dtype)) * kappa + TINY


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
