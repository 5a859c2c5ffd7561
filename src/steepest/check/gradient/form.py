"""Step 0: is the answer a gradient at all? Its type, its shape, its finiteness, and what the call does to its inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.check.cases import Case
from steepest.check.gradient.exam import Exam, listed
from steepest.check.report import Report
from steepest.check.user import Answer, Blank, Unusable, read


def form(exam: Exam) -> Report | None:
    """The report on a call that cannot be judged, or None."""
    for case in exam.cases.many[:3]:
        report = _at(exam, case)
        if report:
            return report
    return None


def _at(exam: Exam, case: Case) -> Report | None:
    try:
        exam.user(case.theta, case.rows)  # finds out what the user's function is
        raw = exam.user.raw(case.theta, case.rows)
        answer = read(raw.value, exam.user.parameters)
    except Blank as blank:
        return _wrong(f"Your gradient is not filled in: {blank.sentence}.")
    except Unusable as problem:
        return _wrong(f"Your gradient cannot be used: {problem.sentence} (on {case.n} rows).", problem.line)
    if raw.changed:
        return _wrong(
            f"The call changes its own input {listed(raw.changed)}: whoever called it goes on with other numbers. Work on a copy, "
            f"as {raw.changed[0]} = {raw.changed[0]}.copy(); x -= 1 and x[0] = 1 write into x, x = x - 1 does not.",
            changed=list(raw.changed),
        )
    if answer.dtype.kind != "f":
        return _wrong(
            f"The gradient is made of whole numbers ({answer.dtype}): everything after the decimal point is lost. Answer in "
            "float64, without int() or astype(int)."
        )
    return _not_finite(exam, case, answer)


def finite(exam: Exam) -> Report | None:
    """The report on numbers that are finite at some points and not at others."""
    reports = (_not_finite(exam, reading.case, reading.answer) for reading in (*exam.many, *exam.held))
    return next((report for report in reports if report), None)


def _not_finite(exam: Exam, case: Case, answer: Answer) -> Report | None:
    bad = ~np.isfinite(answer.gradient)
    if not bad.any():
        return None
    names = [name for name, flag in zip(exam.user.parameters, bad, strict=True) if flag]
    first = int(np.argmax(bad))
    right = exam.right(case).gradient[first]
    sentence = (
        f"Your gradient is not finite in {listed(names[:8])} on {case.n} rows, where the right one is {right:.9g}. Look for "
        "0/0 or 0·inf: np.where computes both its branches, a square root has no slope at 0, exp overflows beyond 709."
    )
    row = _first_row(exam, case, first)
    return Report(False, "form", sentence, details={"smallest row": row} if row else {})


def _first_row(exam: Exam, case: Case, coordinate: int) -> str | None:
    for i in range(case.n):
        one = {name: column[i : i + 1] for name, column in case.rows.items()}
        try:
            answer = exam.user(case.theta, one)
        except Unusable:
            return None
        if not np.isfinite(answer.gradient[coordinate]):
            return f"One row shows it: {shown(exam, Case(case.theta, one))}."
    return None


def shown(exam: Exam, case: Case) -> str:
    """The point and the only row of a case, as a reader types them."""
    point = zip(exam.problem.parameters, case.theta, strict=True)
    parts = [f"{name} = {value:.9g}" for name, value in point] + [f"{name} = {v[0]:.9g}" for name, v in case.rows.items()]
    return ", ".join(parts[:24])


def _wrong(sentence: str, line: int | None = None, **details: Any) -> Report:
    return Report(False, "form", sentence, line, details=details)
