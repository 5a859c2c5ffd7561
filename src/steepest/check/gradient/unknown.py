"""Step 12: wrong, cause not found. What is known is shown: the coordinates and their ratios, and one row to redo by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest.check.gradient.exam import FITTED, Exam, Reading, listed
from steepest.check.gradient.form import shown
from steepest.check.gradient.repeat import ignores_theta
from steepest.check.report import Report


def unknown(exam: Exam, rivals: Sequence[str] = ()) -> Report:
    """The report that claims nothing but that the gradient is wrong. `rivals` explain it equally well."""
    names = exam.problem.parameters
    worst = max(exam.many, key=lambda r: float(np.max(np.minimum(r.gap, 1e300))))
    bad = np.max([r.gap for r in exam.many], axis=0) > FITTED
    right = [name for name, flag in zip(names, bad, strict=True) if not flag]
    wrong = [name for name, flag in zip(names, bad, strict=True) if flag]
    one = _smallest(exam)
    state = f"{listed(right[:8])} {'is' if len(right) == 1 else 'are'} right, {listed(wrong[:8])} wrong" if right and wrong else ""
    several = f"{len(rivals)} explanations are left" if len(rivals) > 1 else ""
    said = "; ".join(part for part in (several, state, _by_count(exam, one), _by_theta(exam)) if part)
    sentence = f"Your gradient is wrong; the cause was not found{': ' if said else ''}{said}."
    details: dict[str, Any] = {
        "coordinates": _table(names, one or worst),
        "rivals": [rival.rstrip(".") for rival in rivals],
        "right": right,
        "wrong": wrong,
    }
    if one:
        details["smallest row"] = _by_hand(exam, one)
    return Report(False, "unknown", sentence, details=details)


def _smallest(exam: Exam) -> Reading | None:
    """A one-row case that shows the fault, with the fewest digits."""
    showing = [r for r in exam.ones if np.max(r.gap) > FITTED]
    return min(showing, key=lambda r: len(shown(exam, r.case)), default=None)


def _by_count(exam: Exam, one: Reading | None) -> str:
    if exam.ones and one is None:
        return "on one row it is right, on several it is not"
    return ""


def _by_theta(exam: Exam) -> str:
    return "it does not change with theta" if ignores_theta(exam) else ""


def _table(names: Sequence[str], reading: Reading) -> list[dict[str, Any]]:
    rows = zip(names, reading.u, reading.g, strict=True)
    return [{"name": name, "yours": u, "ours": g, "ratio": u / g if g else None} for name, u, g in rows]


def _by_hand(exam: Exam, reading: Reading) -> str:
    k = int(np.argmax(np.minimum(reading.gap, 1e300)))
    name = exam.problem.parameters[k]
    return (
        f"To redo by hand: the only row and point {shown(exam, reading.case)}; there the derivative by {name} is "
        f"{reading.g[k]:.9g}, yours {reading.u[k]:.9g}."
    )
