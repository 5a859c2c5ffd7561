"""Step 12: wrong, cause not found. What is known is shown: the worst coordinates, and the smallest inputs to redo by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest.check.function.exam import Array, Exam, Reading
from steepest.check.gradient.exam import FITTED, listed
from steepest.check.report import Report
from steepest.check.user import Unusable

SHOWN = 8
SMALL = 12  # numbers that a reader can type


def unknown(exam: Exam, rivals: Sequence[str] = ()) -> Report:
    """The report that claims nothing but that the gradient is wrong. `rivals` explain it equally well."""
    names = exam.points.names
    blocks = exam.many[0].right.probe.blocks
    off = np.max([reading.gap for reading in exam.many], axis=0) > FITTED
    wrong = [name for b, name in enumerate(names) if off[blocks == b].any()]
    right = [name for name in names if name not in wrong]
    state = (
        f"that by {listed(right[:8])} is right, that by {listed(wrong[:8])} wrong"
        if right and wrong
        else f"{np.count_nonzero(off):,} of the {off.size:,} numbers that were looked at are wrong"
    )
    several = f"{len(rivals)} explanations are left; " if len(rivals) > 1 else ""
    sentence = f"Your gradient is wrong; the cause was not found: {several}{state}."
    details: dict[str, Any] = {
        "rivals": [rival.rstrip(".") for rival in rivals], "right": right, "wrong": wrong,
        "coordinates": _table(exam, max(exam.many, key=lambda r: float(np.max(np.minimum(r.gap, 1e300))))),
    }  # fmt: skip
    small = _smallest(exam)
    if small:
        details["smallest row"] = _by_hand(exam, small)
    return Report(False, "unknown", sentence, details=details)


def _table(exam: Exam, reading: Reading) -> list[dict[str, Any]]:
    """The numbers that are furthest off."""
    probe = reading.right.probe
    count = reading.u.size if probe.at is None else probe.at.size
    found = []
    for k in np.argsort(-np.minimum(reading.gap[:count], 1e300), kind="stable")[:SHOWN]:
        place = int(k) if probe.at is None else int(probe.at[k])
        yours, ours = float(reading.u[k]), float(reading.g[k])
        ratio = yours / ours if ours else None
        found.append({"name": exam.points.name(reading.point, place), "yours": yours, "ours": ours, "ratio": ratio})
    return found


def _smallest(exam: Exam) -> Reading | None:
    """One row, in numbers of few digits and with a grad_output of 1 where that shows the fault; None where nothing is small."""
    found = [] if exam.points.varying == () else [exam.points.of_rows(1)]
    for point in (*found, exam.many[-1].point):
        if point is None or sum(np.size(v) for v, a in zip(point.values, exam.points.arguments, strict=True) if a.dtype) > SMALL:
            continue
        short = exam.points.again(point, values=tuple(_short(value) for value in point.values))
        ones = np.ones_like(point.cotangent)
        for trial in (exam.points.again(short, cotangent=ones), short, exam.points.again(point, cotangent=ones), point):
            try:
                reading = exam.read(trial)
            except Unusable:
                continue
            if np.isfinite(reading.g).all() and np.isfinite(reading.u).all() and np.max(reading.gap) > FITTED:
                return reading
    return None


def _short(value: Any) -> Any:
    """Few binary digits, so that the decimals end soon, too."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
        return value
    step = 2.0 ** (np.floor(np.log2(np.where(value == 0, 1.0, abs(value)))) - 3)
    return np.round(value / step) * step


def _by_hand(exam: Exam, reading: Reading) -> str:
    point = reading.point
    pairs = zip(exam.points.arguments, point.values, strict=True)
    parts = [f"{argument.name} = {_typed(value)}" for argument, value in pairs if argument.dtype is not None]
    k = int(np.argmax(np.minimum(reading.gap, 1e300)))
    seed = "1" if (point.cotangent == 1).all() else _typed(point.cotangent)
    return (
        f"By hand: at {', '.join(parts)} and with a grad_output of {seed} the derivative by {exam.points.name(point, k)} is "
        f"{reading.g[k]:.9g}, yours {reading.u[k]:.9g}."
    )


def _typed(value: Array) -> str:
    def words(item: Any) -> str:
        return f"[{', '.join(words(part) for part in item)}]" if isinstance(item, list) else f"{item:.9g}"

    return words(np.asarray(value).tolist())
