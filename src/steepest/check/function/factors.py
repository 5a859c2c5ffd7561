"""Step 6: is the gradient the right one times something simple? Several row counts tell 2 from n from n - 1.

A law is constant·measure, the measure of the number of rows or of elements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from steepest.check.function.exam import Exam, Reading
from steepest.check.function.points import Point
from steepest.check.gradient.exam import FITTED, gap, listed
from steepest.check.gradient.factors import nice, shown
from steepest.check.report import Diagnosis

ELEMENTS = "the number of elements"
# Of the number of rows and of elements, in the order in which they are tried.
MEASURES: dict[str, Callable[[float, float], float]] = {
    "1": lambda n, size: 1.0,
    "n": lambda n, size: n,
    "1/n": lambda n, size: 1 / n,
    ELEMENTS: lambda n, size: size,
    f"1/{ELEMENTS}": lambda n, size: 1 / size,
    "n/(n - 1)": lambda n, size: n / (n - 1) if n > 1 else np.nan,
    "(n - 1)/n": lambda n, size: (n - 1) / n,
    "n - 1": lambda n, size: n - 1,
    "1/(n - 1)": lambda n, size: 1 / (n - 1) if n > 1 else np.nan,
    "n**2": lambda n, size: n**2,
    "1/n**2": lambda n, size: n**-2,
    "sqrt(n)": lambda n, size: n**0.5,
    "1/sqrt(n)": lambda n, size: n**-0.5,
}


class Law(NamedTuple):
    """The user's gradient is constant·measure times the right one."""

    constant: float
    measure: str

    def ratio(self, exam: Exam, point: Point) -> float:
        n, size = sizes(exam, point)
        return self.constant * MEASURES[self.measure](n, size)

    @property
    def right(self) -> bool:
        return self.measure == "1" and self.constant == 1

    @property
    def slug(self) -> str:
        """The cause, if the whole gradient obeys this law."""
        if self.measure == "1":
            return "sign" if self.constant == -1 else "factor"
        if self.constant != 1:
            return "two-faults"
        return "missing-1/n" if self.measure in ("n", ELEMENTS) else "factor"

    def __str__(self) -> str:
        number = shown(self.constant)
        if self.measure == "1":
            return number
        return self.measure if number == "1" else f"{number}·{self.measure}"


def sizes(exam: Exam, point: Point) -> tuple[float, float]:
    """The number of rows, and of elements of the first input that has them."""
    value = np.asarray(point.values[exam.points.varying[0]]) if exam.points.varying else np.ones(1)
    return float(len(value)), float(value.size)


def law(exam: Exam, readings: Sequence[Reading], chosen: Callable[[Reading], Any]) -> Law | None:
    """The law that the chosen numbers obey in every reading, or None. A simple constant comes first."""
    told = [r for r in readings if abs(r.g[chosen(r)]).max(initial=0.0) > FITTED * r.unit[chosen(r)].max(initial=0.0)]
    if not told:
        return None
    best = max(told, key=lambda r: float(np.max(abs(r.g[chosen(r)]))))
    found = []
    for measure, function in MEASURES.items():
        if measure != "1" and not exam.by_rows:
            break
        value = function(*sizes(exam, best.point))
        u, g = best.u[chosen(best)], best.g[chosen(best)]
        k = int(np.argmax(abs(g)))
        if not value or not np.isfinite(value):
            continue
        error = 4 * FITTED * float(best.unit[chosen(best)][k] / abs(g[k]))
        trial = Law(nice(float(u[k] / g[k] / value), error), measure)
        if all(obeys(exam, trial, r, chosen) for r in readings):
            found.append(trial)
    return min(found, key=lambda one: one.constant != 1, default=None)


def obeys(exam: Exam, law: Law, reading: Reading, chosen: Callable[[Reading], Any]) -> bool:
    ratio = law.ratio(exam, reading.point)
    k = chosen(reading)
    allowed = 2 * FITTED * max(1.0, abs(ratio))
    return bool(np.max(gap(reading.u[k], ratio * reading.g[k], reading.unit[k]), initial=0.0) <= allowed)


def everything(reading: Reading) -> Any:
    return slice(None)


def factors(exam: Exam) -> Iterator[Diagnosis]:
    """The whole gradient times one law; grad_output left out; numbers that are cut."""
    readings = [*exam.many, *exam.by_rows]
    found = law(exam, readings, everything)
    if found is not None and not found.right and found.constant:
        yield divided(exam, found)
        return
    yield from _forgotten(exam)
    yield from _clipped(exam)


def divided(exam: Exam, law: Law) -> Diagnosis:
    """The diagnosis of a gradient that is everywhere `law` times the right one."""

    def repair(user: Any, point: Any) -> Any:
        return user(point) / law.ratio(exam, point)

    details = {"law": str(law), "constant": law.constant, "measure": law.measure}
    return Diagnosis(law.slug, _sentence(exam, law), repair, f"Divided by {law}", details=details)


def _sentence(exam: Exam, law: Law) -> str:
    if law.measure == "1":
        if law.constant == -1:
            return "Your gradient is minus the right one, in every coordinate: the sign is wrong."
        rows = " and for every number of rows" if exam.by_rows else ""
        return f"Your gradient is {shown(law.constant)} times the right one, in every coordinate{rows}."
    points = sorted(exam.by_rows, key=lambda r: r.point.rows or 0)
    ratios = listed([shown(law.ratio(exam, r.point)) for r in points])
    head = f"Your gradient is {ratios} times the right one on {listed([r.point.rows for r in points])} rows"
    if law.measure in ("n", ELEMENTS):
        besides = "" if law.constant == 1 else f", and besides there is a factor {shown(law.constant)}"
        return (
            f"{head}: the 1/n of the mean is missing (n is {'the number of rows' if law.measure == 'n' else law.measure}){besides}."
        )
    why = {"1/n": "it is divided by n once too often", f"1/{ELEMENTS}": f"it is divided by {ELEMENTS} once too often"}
    return f"{head}: {why.get(law.measure, f'it is {law} times too large')}."


def _forgotten(exam: Exam) -> Iterator[Diagnosis]:
    """The gradient does not change with grad_output: it is that for 1 everywhere."""
    if not exam.many[0].right.whole:
        return

    def ones(point: Point) -> Point:
        return exam.points.again(point, cotangent=np.ones_like(point.cotangent))

    def repair(user: Any, point: Any) -> Any:
        return user(point) - exam.witness.right(ones(point)).value + exam.right(point).value

    for reading in exam.many:
        point = ones(reading.point)
        if np.max(gap(exam.user(point), reading.u, reading.unit)) > FITTED:
            return
        right = exam.witness.right(point)
        units = reading.unit + exam.eps * abs(right.value) + right.error
        if np.max(gap(reading.u, right.value, units)) > FITTED:
            return
    sentence = (
        "backward does not multiply by grad_output: it answers the same whatever comes after it, as if grad_output were 1. "
        "Multiply what it returns by grad_output."
    )
    yield Diagnosis("factor", sentence, repair, "Read as the gradient for a grad_output of 1", details={"law": "grad_output"})


def _clipped(exam: Exam) -> Iterator[Diagnosis]:
    """Right numbers, cut at one size."""
    if not exam.many[0].right.whole:
        return
    largest = max(float(np.max(abs(r.u))) for r in exam.many)
    cut = all(np.max(gap(r.u, np.clip(r.g, -largest, largest), r.unit)) <= FITTED for r in exam.many)
    reached = sum(int(np.count_nonzero(abs(r.g) > largest)) for r in exam.many)
    if cut and largest and reached > 1:  # the largest of some numbers is no limit

        def repair(user: Any, point: Any) -> Any:
            right = exam.right(point).value
            return user(point) - np.clip(right, -largest, largest) + right

        sentence = (
            f"Your gradient is cut at ±{shown(largest)} in each coordinate: it is clipped. Its size is part of the gradient; cut "
            "it in the step, not in backward."
        )
        yield Diagnosis("factor", sentence, repair, "With its size undone", details={"law": "clipped", "size": largest})
