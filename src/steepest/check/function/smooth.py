"""Step 5: is the given point smooth? At a kink any number between the slopes on its two sides is right."""

from __future__ import annotations

import numpy as np

from steepest.check.function.exam import Array, Exam, Reading
from steepest.check.function.points import Point
from steepest.check.function.right import flat, with_wanted
from steepest.check.gradient.exam import FITTED
from steepest.check.report import Report
from steepest.check.user import Unusable

STEPS = (1e-4, 1e-5)
MOST = 32  # coordinates whose slopes are measured


def kinky(exam: Exam, point: Point) -> bool:
    """Does the slope along some direction jump at this point? A smooth function's does so less, the smaller the step."""
    rng = np.random.default_rng(0)
    size = point.owners.size
    for _ in range(4):
        direction = rng.standard_normal(size)
        jumps = [_jump(exam, point, h * direction) / h for h in STEPS]
        mass = float(np.sum(abs(point.cotangent * exam.witness.output(point.values))))
        if jumps[1] > 0.5 * jumps[0] and jumps[1] > 1e-7 * (1 + mass):
            return True
    return False


def _jump(exam: Exam, point: Point, move: Array) -> float:
    up, here, down = (summed(exam, point, move * t) for t in (1.0, 0.0, -1.0))
    jump = abs(up - 2 * here + down)
    return jump if np.isfinite(jump) else 0.0


def subgradient(exam: Exam, reading: Reading) -> Report | None:
    """At a kink: right where every number that differs lies between the slopes of its two sides. None where there is no kink."""
    wrong = np.flatnonzero(reading.gap > FITTED)
    if not reading.right.whole or wrong.size > MOST:
        return None
    size, place = reading.point.owners.size, flat(reading.point.values, exam.points.wanted)
    here = summed(exam, reading.point, np.zeros(size))
    for k in wrong:
        h = 1e-7 * max(1.0, abs(float(place[k])))
        move = np.zeros(size)
        move[k] = h
        left, right = (here - summed(exam, reading.point, -move)) / h, (summed(exam, reading.point, move) - here) / h
        low, high = min(left, right), max(left, right)
        wide = 1e-4 * (1 + abs(low) + abs(high))
        if not high - low > wide:
            return None
        if not low - wide <= reading.gradient[k] <= high + wide:
            name = exam.points.name(reading.point, int(k))
            sentence = (
                f"Away from kinks your gradient is right, but the given inputs lie on one: the slopes by {name} are {low:.6g} and "
                f"{high:.6g} on its two sides, and your {reading.gradient[k]:.6g} is not between them."
            )
            details = {"coordinate": name, "slopes": [low, high], "yours": float(reading.gradient[k])}
            return Report(False, "non-smooth", sentence, details=details)
    names = [exam.points.name(reading.point, int(k)) for k in wrong[:4]]
    sentence = (
        f"Correct: your gradient agrees with {exam.witness.words} around the given inputs, to rounding. These lie on a kink "
        f"({', '.join(names)}), where your gradient is a valid subgradient."
    )
    return Report(True, None, sentence, details={"kinks": names})


def summed(exam: Exam, point: Point, move: Array) -> float:
    """The outputs times the cotangent at the inputs moved by so much, (p,)."""
    wanted = exam.points.wanted
    try:
        values = with_wanted(point.values, flat(point.values, wanted) + move, wanted)
        return float(point.cotangent @ exam.witness.output(values))
    except Unusable:
        return float("nan")
