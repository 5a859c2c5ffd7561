"""Steps 4 and 5: is it right? To rounding, or with digits lost, or at a kink."""

from __future__ import annotations

from math import log10

import numpy as np

from steepest.check.function.exam import SINGLE, SURE, Array, Exam, Reading, in_single, middle
from steepest.check.function.right import ROUGH, Autograd
from steepest.check.function.smooth import subgradient
from steepest.check.gradient.exam import FITTED, gap
from steepest.check.report import Report
from steepest.check.rounding import EPS, TINY
from steepest.check.user import Unusable

SURELY_SINGLE = 5.0  # digits that float32 leaves at least
SAME = 8.0  # roundings of float32
MOSTLY = 0.25  # of the coordinates: rounding in float32 leaves few of them right to float64


def agreement(exam: Exam) -> Report | None:
    """The report on a gradient that is right, or right but for rounding; None where it is wrong."""
    rough = _rough(exam)
    if rough:
        return rough
    wrong = [reading for reading in exam.many if not _agrees(reading)]
    if not wrong:
        return _in_own(exam)
    if all(exam.is_given(reading.point) for reading in wrong) and len(wrong) < len(exam.many):
        reports = [subgradient(exam, reading) for reading in wrong]
        return next((r for r in reports if r is None or not r.correct), reports[0])
    if exam.eps < SINGLE and _is_rounding(exam) and agrees(exam.coarse()):
        return _single(exam, wrong)
    return None


def agrees(exam: Exam) -> bool:
    return all(_agrees(reading) for reading in exam.many)


def _agrees(reading: Reading) -> bool:
    return bool(np.max(reading.gap, initial=0.0) <= FITTED)


def _is_rounding(exam: Exam) -> bool:
    """Does what differs differ nearly everywhere, as by rounding, and not in a few coordinates?"""
    off = np.max([reading.gap for reading in exam.many], axis=0) > FITTED
    told = np.max([abs(reading.g) for reading in exam.many], axis=0) > 0
    blocks = exam.many[0].right.probe.blocks
    return all(np.mean(off[told & (blocks == b)]) > MOSTLY for b in np.unique(blocks[off & told]))


def _rough(exam: Exam) -> Report | None:
    """Differences that are too unsure to judge anything by."""
    for reading in exam.many:
        for block in np.unique(reading.right.probe.blocks):
            own = reading.right.probe.blocks == block
            size = np.max(abs(reading.g[own]), initial=0.0) + np.max(abs(reading.u[own]), initial=0.0)
            if not np.median(reading.right.error[own]) * SURE <= ROUGH * size + 1e-9:
                sentence = (
                    f"Not judged: the differences of your forward by {exam.points.names[int(block)]} are surer than nothing only, "
                    "as of a function that jumps or computes in few digits. Give reference=, a plain forward."
                )
                return Report(False, "unknown", sentence)
    return None


def _single(exam: Exam, wrong: list[Reading]) -> Report | None:
    """Right in float32, and not in float64. None where it has too few digits for that."""
    digits = min(digits_left(reading) for reading in wrong)
    details = {"digits": digits}
    if exam.function.calls.epsilon() >= SINGLE:
        if not all(_is_single(exam, reading) for reading in wrong):
            return None
        sentence = f"{_correct(exam)} Inside it computes in float32: in float64 it would keep {digits:.0f} digits."
        return Report(True, None, sentence, details=details)
    if digits < SURELY_SINGLE:
        return None
    sentence = (
        f"Your gradient is right to about {digits:.0f} digits only, of 16: some part of it is computed in single precision "
        "(float32), with a rounded constant, or by finite differences."
    )
    return Report(False, "precision", sentence, details=details)


def _is_single(exam: Exam, reading: Reading) -> bool:
    """Does it answer alike in float32 and in float64?"""
    off = in_single(exam.function, reading.point)
    return bool((off <= SAME * SINGLE * abs(reading.gradient)).all())


def _in_own(exam: Exam) -> Report:
    """The mathematics is right. How many digits does rounding leave in the dtype of the inputs?"""
    eps = exam.function.calls.epsilon()
    if exam.dtype == "own" or eps <= EPS:
        return Report(True, None, _correct(exam))
    whole, least, worst = -log10(eps), -log10(eps), None
    for reading in exam.many:
        try:
            own = reading.right.probe.see(exam.function.gradient(reading.point.values, reading.point.cotangent, "own"))
        except Unusable as trouble:
            return Report(False, "form", f"Your gradient cannot be used in its own dtype: {trouble.sentence}.", trouble.line)
        off = gap(own, reading.g, _own_unit(exam, reading, own, eps))
        k = int(np.argmax(off))
        if off[k] > FITTED:
            digits = _digits(float(own[k]), reading, k)
            if digits < least:
                least, worst = digits, exam.points.name(reading.point, k) if reading.right.whole else None
    if least >= whole / 2:
        note = f", with {least:.0f} digits left by rounding" if worst else ""
        return Report(True, None, _correct(exam, note), details={"digits": least})
    sentence = (
        f"The mathematics is right, but rounding leaves only {max(least, 0):.0f} of {whole:.0f} digits"
        + (f" in {worst}" if worst else "")
        + ": large numbers cancel, or something overflows. In float64 the difference goes away."
    )
    return Report(False, "precision", sentence, details={"digits": max(least, 0)})


def _own_unit(exam: Exam, reading: Reading, own: Array, eps: float) -> Array:
    """What the reference itself loses in that dtype is no fault of the function."""
    probe, witness = reading.right.probe, exam.witness
    lost = in_single(witness.reference, reading.point) if isinstance(witness, Autograd) else np.zeros_like(reading.gradient)
    noise = (lost + middle(lost, reading.point)) * (eps / SINGLE)
    sizes = probe.mass(np.nan_to_num(reading.gradient))
    return np.asarray(eps * (sizes + abs(reading.g)) + probe.mass(noise) + reading.right.error * (SURE / FITTED) + TINY)


def digits_left(reading: Reading) -> float:
    k = int(np.argmax(reading.gap))
    return _digits(float(reading.u[k]), reading, k)


def _digits(value: float, reading: Reading, k: int) -> float:
    """Digits that agree in number k, against the largest of its input."""
    if not np.isfinite(value):
        return 0.0
    size = float(np.max(abs(reading.g[reading.right.probe.blocks == reading.right.probe.blocks[k]])))
    return float(-log10(max(abs(value - reading.g[k]) / max(size, abs(value), TINY), EPS / 4)))


def _correct(exam: Exam, note: str = "") -> str:
    reading = exam.many[0]
    p = reading.point.owners.size
    if reading.right.whole:
        where = f"in {'its only coordinate' if p == 1 else f'all {p:,} coordinates'}"
    else:
        where = f"in {reading.u.size} coordinates and random directions of its {p:,}"
    return f"Correct: your gradient agrees with {exam.witness.words} at {len(exam.many)} points, {where}, to rounding{note}."
