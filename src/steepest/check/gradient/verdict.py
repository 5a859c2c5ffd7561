"""Steps 4 and 5: is it right? To rounding, or with digits lost, or at points where there is no single gradient."""

from __future__ import annotations

from math import log10
from typing import Any

import numpy as np

from steepest.check.cases import Case, long_gradient, shares, single
from steepest.check.gradient.exam import Exam, Reading, gap, precision, unit
from steepest.check.report import Report
from steepest.check.rounding import EPS, TINY
from steepest.check.user import Unusable

Array = np.ndarray[Any, Any]
NEIGHBOURS = 16  # points; an error of rounding has the same sign at all of them once in 2**15 times
NEAR = 1e-3  # how far they are away, relative: rounding is another there, a wrong derivative is not
# Rounding loses 11 bits in long double, a wrong derivative none: between the two.
CLOSED = float(np.sqrt(np.finfo(np.longdouble).eps / np.finfo(np.float64).eps))
BEYOND = -2 / 3 * log10(EPS)  # digits that neither float32 nor differences reach; long double tells these from rounding itself
SINGLE = float(np.finfo(np.float32).eps)


def agreement(exam: Exam) -> Report | None:
    """The report on a gradient that is right, or right but for rounding; None where it is wrong."""
    readings = [*exam.many, *exam.ones, *exam.held]
    full = exam.read(exam.cases.full)
    smooth = bool(np.isfinite(full.right.kappa).all() and np.isfinite(full.g).all() and not full.right.undecided.size)
    if smooth:
        readings.append(full)
    points, rows = len(readings), sum(reading.case.n for reading in readings)
    if max(float(np.max(reading.gap)) for reading in readings) <= 1:
        report = Report(
            True, None, f"Correct: your gradient agrees with the derivation at {points} points, on {rows} rows, to rounding."
        )
    else:
        rounded = _rounded(exam, readings)
        if rounded is None or not rounded.correct:
            return rounded
        report = rounded
    return report if smooth else kinks(exam, full, report)


def _rounded(exam: Exam, readings: list[Reading]) -> Report | None:
    """The report where every gap is one of rounding, and on how many digits are left; None where one of them is not."""
    worst = max(readings, key=lambda reading: float(np.max(reading.gap)))
    digits, whole = digits_left(worst), -log10(precision(worst.answer.dtype))
    shrunk, rounding = _is_rounding(exam, readings)
    details = {"digits": digits, "units": float(np.max(worst.gap)), "long double": shrunk}
    if rounding and digits >= (whole / 2 if shrunk or precision(worst.answer.dtype) > EPS else BEYOND):
        how = "the difference shrinks in long double" if shrunk else "the difference has another sign at the next point"
        return Report(True, None, f"Correct, with {digits:.0f} digits left by rounding ({how}).", details=details)
    near = all(np.max(gap(r.u, r.g, unit(r.right.kappa, np.float32))) <= 1 for r in readings)
    if near and not shrunk and precision(worst.answer.dtype) < SINGLE:
        return _few_digits(digits, whole, details)
    if rounding:
        name = exam.problem.parameters[int(np.argmax(worst.gap))]
        how = "In long double the difference goes away" if shrunk else "From point to point the difference changes its sign"
        sentence = (
            f"The mathematics is right, but rounding leaves only {max(digits, 0):.0f} of {whole:.0f} digits: "
            f"in the derivative by {name}, large numbers cancel. {how}."
        )
        return Report(False, "precision", sentence, details=details)
    return None


def inexact(exam: Exam) -> Report | None:
    """The report on a gradient that nothing mends and that is everywhere right to half the digits of float32, or better."""
    readings = [*exam.many, *exam.ones, *exam.held]
    masses = [np.sum(abs(reading.right.each), axis=0) + TINY for reading in readings]
    share = max(float(np.max(abs(r.u - r.g) / mass)) for r, mass in zip(readings, masses, strict=True))
    if not share <= SINGLE**0.5:
        return None
    return _few_digits(-log10(share), -log10(precision(exam.many[0].answer.dtype)), {"digits": -log10(share)})


def _few_digits(digits: float, whole: float, details: dict[str, Any]) -> Report:
    sentence = (
        f"Your gradient is right to about {max(digits, 0):.0f} digits only, of {whole:.0f}: some part of it is computed in "
        "single precision (float32), with a rounded constant, by finite differences, or as a small difference of large numbers."
    )
    return Report(False, "precision", sentence, details=details)


def _is_rounding(exam: Exam, readings: list[Reading]) -> tuple[bool, bool]:
    """Is it rounding in every coordinate, where each is furthest off: by long double alone, and by either test?"""
    gaps = np.array([reading.gap for reading in readings])
    furthest, beyond = np.argmax(gaps, axis=0), np.max(gaps, axis=0) > 1
    shrunk = True
    for i in np.unique(furthest[beyond]):
        here = beyond & (furthest == i)
        if shrinks(exam, readings[i])[here].all():
            continue
        shrunk = False
        if not flickers(exam, readings[i])[here].all():
            return False, False
    return shrunk, True


def shrinks(exam: Exam, reading: Reading) -> Array:
    """In which coordinates does the gap close when everything is given in long double? (p,)"""
    none = np.zeros(len(reading.g), dtype=bool)
    theta = reading.case.theta.astype(np.longdouble)
    rows = {name: column.astype(np.longdouble) for name, column in reading.case.rows.items()}
    right = long_gradient(exam.problem, theta, reading.case.rows)
    if right is None:
        return none
    try:
        answer = exam.user(theta, rows)
    except Unusable:
        return none
    before, after = abs(reading.u - reading.g), abs(answer.gradient - right)
    return np.asarray(after <= np.maximum(CLOSED * before, reading.unit))  # a unit: 1/3 in the user's code stays a float64


def flickers(exam: Exam, reading: Reading) -> Array:
    """In which coordinates has the gap another sign at the next point? Of a wrong derivative it is smooth. (p,)

    For code that cannot be run in long double: it converts to float64, or is another library's.
    """
    rng = np.random.default_rng(16)
    signs = []
    for _ in range(NEIGHBOURS):
        rows = {name: _moved(column, rng) for name, column in reading.case.rows.items()}
        try:
            other = exam.read(Case(_moved(reading.case.theta, rng), rows))
        except Unusable:
            return np.zeros(len(reading.g), dtype=bool)
        signs.append(np.sign(other.u - other.g))
    return np.asarray((np.min(signs, axis=0) < 0) & (np.max(signs, axis=0) > 0))


def _moved(values: Array, rng: np.random.Generator) -> Array:
    """Whole numbers can be labels or counts and stay."""
    moved = single(values * (1 + NEAR * rng.standard_normal(len(values))))
    return np.where(values == np.round(values), values, moved)


def digits_left(reading: Reading) -> float:
    """Digits that agree in the coordinate that is furthest off, against the largest of its rows."""
    k = int(np.argmax(reading.gap))
    size = max(abs(reading.g[k]), abs(reading.u[k]), np.finfo(float).tiny)
    return float(-log10(max(abs(reading.u[k] - reading.g[k]) / size, EPS / 4)))


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
