"""Steps 2 and 3: does the same question get the same answer? Chance, a sum that is never zeroed, the point before.

A function that carries something over answers u_t = m·u_(t-1) + what it should. Three calls at one point give m.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from steepest.check.cases import Case
from steepest.check.gradient.exam import FITTED, Exam, explained, fits, gap, percent, unit
from steepest.check.report import Diagnosis, Report

Array = np.ndarray[Any, Any]
RACE = 1e3  # units: answers so close to each other differ by the order of a sum


def repeated(exam: Exam) -> Report | Diagnosis | None:
    """`random` is a report, carrying something over a diagnosis; None where every call stands for itself."""
    before, case = exam.cases.many[0], exam.cases.many[3]
    exam.user(before.theta, before.rows)
    a, b, c = (exam.user(case.theta, case.rows) for _ in range(3))
    units = unit(exam.right(case).kappa, a.dtype)
    first, second = b.gradient - a.gradient, c.gradient - b.gradient
    if not np.isfinite(first).all() or not np.isfinite(second).all():
        return Report(False, "form", "The same call gave finite numbers once, and then numbers that are not finite.")
    if max(gap(b.gradient, a.gradient, units).max(), gap(c.gradient, b.gradient, units).max()) <= 1:
        return _by_luck(exam) or _frozen(exam)
    if not second.any():
        return _stale(exam, before, case, a.gradient, units)
    memory = float(first @ second / (first @ first)) if first.any() else 2.0
    noise = 1e-10 + FITTED * float(np.max(units)) / float(np.max(abs(first)) or 1.0)
    if abs(second - memory * first).max() <= noise * abs(first).max() * 10 and 0 < memory <= 1 + noise:
        short = float(f"{memory:.3g}")  # 0.9, and not what its rounding left of it
        return _accumulated(exam, case, short if abs(memory - short) <= 10 * noise else memory)
    if max(gap(b.gradient, a.gradient, units).max(), gap(c.gradient, b.gradient, units).max()) <= RACE:
        return None
    return _random(exam, case)


def _accumulated(exam: Exam, case: Case, memory: float) -> Diagnosis:
    def added(user: Any, case: Case) -> Array:
        one = user(case.theta, case.rows).gradient
        fresh: Array = user(case.theta, case.rows).gradient - memory * one
        return fresh

    if memory == 1:
        sentence = (
            "Each call adds its gradient to what the calls before it gave: asked again at the same point it answers with the "
            "gradient added once more. Start each call from zero."
        )
        return Diagnosis("accumulated", sentence, added, "With the answer of the call before subtracted", details={"memory": 1.0})
    fresh, right = added(exam.user, case), exam.right(case)
    average = np.max(gap(fresh, (1 - memory) * right.gradient, unit(right.kappa, np.float64))) <= 1e4 * FITTED
    scale = 1 - memory if average else 1.0
    what = "a moving average of the gradients" if average else "a momentum"
    sentence = (
        f"What you return is {what}, not the gradient of this point alone: {memory:.6g} times the answer of the call before is "
        "in it."
    )
    return Diagnosis(
        "accumulated", sentence, lambda user, case: added(user, case) / scale,
        f"With {memory:.6g} times the answer of the call before subtracted", details={"memory": memory, "scale": scale},
    )  # fmt: skip


def _stale(exam: Exam, before: Case, case: Case, first: Array, units: Array) -> Diagnosis:
    def second(user: Any, case: Case) -> Array:
        user(case.theta, case.rows)
        answer: Array = user(case.theta, case.rows).gradient
        return answer

    mixed: dict[str, Case] = {
        "the parameters of the call before": Case(before.theta, case.rows),
        "the rows of the call before": Case(case.theta, before.rows),
        "the call before": before,
    }
    found = [what for what, other in mixed.items() if np.max(gap(first, exam.right(other).gradient, units)) <= FITTED]
    what = found[0] if found else "something kept from the call before"
    sentence = (
        f"Your gradient is one call late: at a new point the first answer is for {what}, only the second is for that point. "
        "Use theta and the columns of the call, and keep nothing from one call to the next."
    )
    return Diagnosis("stale", sentence, second, "Called twice at each point", details={"answers for": what})


def _by_luck(exam: Exam) -> Report | None:
    """Chance can answer alike three times: a mask of three flips does once in 64 visits."""
    for case in exam.cases.held:
        one, other = (exam.user(case.theta, case.rows) for _ in range(2))
        apart = gap(one.gradient, other.gradient, unit(exam.right(case).kappa, one.dtype))
        if np.isfinite(one.gradient + other.gradient).all() and np.max(apart) > RACE:
            return _random(exam, case)
    return None


def _frozen(exam: Exam) -> Diagnosis | None:
    """The same numbers everywhere: those of the first call ever."""
    answers = [exam.user(case.theta, case.rows).gradient for case in exam.cases.many]
    if any((answer != answers[0]).any() for answer in answers) or not answers[0].any():
        return None
    first, full = exam.cases.many[0], exam.cases.full
    right = exam.right(full)
    fixed = np.max(gap(answers[0], right.gradient, unit(right.kappa, np.float64))) <= FITTED
    what = "the gradient at the start on all rows of the problem" if fixed else "the answer of its first call"
    sentence = f"Your gradient never changes, whatever the point and the rows: it is always {what}."
    kept = full if fixed else first
    return Diagnosis("stale", sentence, explained(lambda *_: exam.right(kept).gradient, exam), f"Taken as {what}")


def elsewhere(exam: Exam) -> Iterator[Diagnosis]:
    """It never looks at theta: the gradient at the start, as of global variables."""
    if ignores_theta(exam):
        start = exam.cases.full.theta

        def predict(_: Any, case: Case) -> Array:
            return exam.right_at(start, case.rows).gradient

        if fits(exam.many, lambda r: predict(None, r.case), lambda r: 4.0):
            values = ", ".join(f"{name} = {value:.6g}" for name, value in zip(exam.problem.parameters[:8], start, strict=False))
            sentence = (
                f"Your gradient does not change with theta: whatever point it is given, it answers for the start, {values}. "
                "It reads something else than its argument theta."
            )
            yield Diagnosis("stale", sentence, explained(predict, exam), "Taken as the gradient at the start")


def ignores_theta(exam: Exam) -> bool:
    one, other = exam.many[0], exam.many[3]
    return bool((exam.user(other.case.theta, one.case.rows).gradient == one.answer.gradient).all()) and bool(one.g.any())


def chance(exam: Exam, repair: Callable[[Any, Case], Array]) -> Report | None:
    """`random`, where the gradient of one point still differs from call to call when what is carried over is undone."""
    case = exam.cases.many[3]
    answers = [repair(exam.user, case) for _ in range(6)]
    units = unit(exam.right(case).kappa, np.float64)
    apart = max(float(np.max(gap(answer, answers[0], units))) for answer in answers)
    return _random(exam, case) if apart > 1e3 * RACE else None


def _random(exam: Exam, case: Case) -> Report:
    answers = np.array([exam.user(case.theta, case.rows).gradient for _ in range(8)])
    size = np.max(abs(answers)) or 1.0
    spread = float(np.max(np.ptp(answers, axis=0)) / size)
    why = " It follows np.random.seed: with a seed of its own it can be checked." if _seeded(exam, case) else ""
    sentence = (
        f"Your gradient is random: eight calls at the same point and rows differ by {percent(spread)} of its size. "
        f"To be checked, it must not sample, shuffle or drop anything.{why}"
    )
    return Report(False, "random", sentence, details={"spread": spread, "answers": answers[:3], "follows seed": bool(why)})


def _seeded(exam: Exam, case: Case) -> bool:
    import random

    keep, kept = np.random.get_state(), random.getstate()
    answers = []
    for _ in range(2):
        np.random.seed(0)
        random.seed(0)
        answers.append(exam.user(case.theta, case.rows).gradient)
    np.random.set_state(keep)
    random.setstate(kept)
    return bool((answers[0] == answers[1]).all())
