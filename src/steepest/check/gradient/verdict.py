"""Steps 4 and 5: is it right? To rounding, or with digits lost, or at points where there is no single gradient."""

from __future__ import annotations

from math import log10
from typing import Any

import numpy as np

from steepest.check.cases import Case, long_gradient, shares
from steepest.check.gradient.exam import Exam, Reading, gap, precision, unit
from steepest.check.report import Report
from steepest.check.rounding import EPS
from steepest.check.user import Unusable

Array = np.ndarray[Any, Any]
OWN_WAY = 8.0  # units: what an equally good order of operations can add, where it cannot be run again with more digits
WAY_ABOVE = 1e5  # units from which a gap is no rounding, unless it shrinks with more digits
SINGLE = float(np.finfo(np.float32).eps)


def agreement(exam: Exam) -> Report | None:
    """The report on a gradient that is right, or right but for rounding; None where it is wrong."""
    readings = [*exam.many, *exam.ones, *(exam.read(case) for case in exam.cases.held)]
    full = exam.read(exam.cases.full)
    smooth = bool(np.isfinite(full.right.kappa).all() and np.isfinite(full.g).all() and not full.right.undecided.size)
    if smooth:
        readings.append(full)
    worst = max(readings, key=lambda reading: float(np.max(reading.gap)))
    largest = float(np.max(worst.gap))
    points, rows = len(readings), sum(reading.case.n for reading in readings)
    if not largest <= 1:
        report = _rounded(exam, readings, worst, largest)
        if report is None or not report.correct:
            return report
    else:
        report = Report(
            True, None, f"Correct: your gradient agrees with the derivation at {points} points, on {rows} rows, to rounding."
        )
    return report if smooth else kinks(exam, full, report)


def _rounded(exam: Exam, readings: list[Reading], worst: Reading, largest: float) -> Report | None:
    digits = digits_left(worst)
    whole = -log10(precision(worst.answer.dtype))
    shrunk = shrinks(exam, worst)
    details = {"digits": digits, "units": largest, "long double": shrunk}
    if shrunk or (shrunk is None and largest <= OWN_WAY):
        if digits >= whole / 2:
            how = "the difference shrinks in long double" if shrunk else "the difference is of the size of rounding"
            return Report(True, None, f"Correct, with {digits:.0f} digits left by rounding ({how}).", details=details)
        sentence = (
            f"The mathematics is right, but rounding leaves only {max(digits, 0):.0f} of {whole:.0f} digits: "
            f"{cancelling(exam, worst)} large numbers cancel. In long double the difference goes away."
        )
        return Report(False, "precision", sentence, details=details)
    single = precision(worst.answer.dtype) < SINGLE and all(
        np.max(gap(r.u, r.g, unit(r.right.kappa, np.float32))) <= OWN_WAY for r in readings
    )
    if single:
        sentence = (
            f"Your gradient is right to about {max(digits, 0):.0f} digits only, of {whole:.0f}: some part of it is computed in "
            "single precision (float32), with a rounded constant, or by finite differences."
        )
        return Report(False, "precision", sentence, details=details)
    return None


def shrinks(exam: Exam, reading: Reading) -> bool | None:
    """Does the gap close when everything is given in long double? None where that cannot be tried."""
    theta = reading.case.theta.astype(np.longdouble)
    rows = {name: column.astype(np.longdouble) for name, column in reading.case.rows.items()}
    right = long_gradient(exam.problem, theta, reading.case.rows)
    if right is None:
        return None
    try:
        answer = exam.user(theta, rows)
    except Unusable:
        return None
    before, after = abs(reading.u - reading.g), abs(answer.gradient - right)
    k = int(np.argmax(reading.gap))
    if after[k] <= before[k] / 8:
        return True
    return None if answer.dtype != np.longdouble and reading.gap[k] <= WAY_ABOVE and before[k] == after[k] else False


def digits_left(reading: Reading) -> float:
    """Digits that agree in the coordinate that is furthest off, against the largest of its rows."""
    k = int(np.argmax(reading.gap))
    size = max(abs(reading.g[k]), abs(reading.u[k]), np.finfo(float).tiny)
    return float(-log10(max(abs(reading.u[k] - reading.g[k]) / size, EPS / 4)))


def cancelling(exam: Exam, reading: Reading) -> str:
    k = int(np.argmax(reading.gap))
    return f"in the derivative by {exam.problem.parameters[k]},"


def kinks(exam: Exam, full: Reading, report: Report) -> Report:
    """The start on the user's own rows, where a row lies on a kink: any number between the one-sided slopes is right."""
    finite = np.isfinite(full.u).all()
    low, high = one_sided(exam, full.case)
    wide = 1e-4 * (1 + abs(low) + abs(high))  # the slopes are differences
    inside = (full.u >= low - wide) & (full.u <= high + wide) | ~np.isfinite(low + high)
    rows = f"row {full.right.undecided[0] + 1}" if full.right.undecided.size else "a row"
    if finite and inside.all():
        if not full.right.undecided.size:
            return report
        note = f" At the start {rows} lies on a kink, where your gradient is a valid subgradient."
        return Report(True, None, report.sentence + note, details={**report.details, "kink rows": full.right.undecided[:10] + 1})
    k = int(np.argmin(inside)) if finite else int(np.argmin(np.isfinite(full.u)))
    name = exam.problem.parameters[k]
    sentence = (
        f"Away from kinks your gradient is right, but at the start {rows} lies on one: the slopes by {name} are {low[k]:.6g} and "
        f"{high[k]:.6g} on its two sides, and your {full.u[k]:.6g} is not between them."
    )
    return Report(False, "non-smooth", sentence, details={"coordinate": name, "slopes": [low[k], high[k]], "yours": full.u[k]})


def one_sided(exam: Exam, case: Case) -> tuple[Array, Array]:
    """The slopes of the loss to the left and to the right, coordinate by coordinate, the smaller first."""
    objective = exam.problem.objective("numpy", every=True)

    def loss(theta: Array) -> float:
        lines = objective.kernels.rows("value", theta, [case.rows[name] for name in exam.problem.columns.names])
        return float(np.sum(lines[2] * share))

    share = shares(exam.problem, case.rows)
    here, slopes = loss(case.theta), []
    for k, value in enumerate(case.theta):
        h = 1e-7 * max(1.0, abs(value))
        step = np.zeros_like(case.theta)
        step[k] = h
        with np.errstate(all="ignore"):
            slopes.append(sorted([(here - loss(case.theta - step)) / h, (loss(case.theta + step) - here) / h]))
    low, high = np.array(slopes).T
    return low, high
