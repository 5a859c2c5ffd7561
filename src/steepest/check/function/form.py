"""Steps 0 and 1: is there a gradient of every input, finite, and does the call leave its inputs alone? Is it this function?"""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.check.function.exam import SINGLE, Exam
from steepest.check.function.points import Point
from steepest.check.function.right import Differences
from steepest.check.gradient.exam import FITTED, gap, listed
from steepest.check.gradient.factors import nice, shown
from steepest.check.report import Report
from steepest.check.rounding import TINY
from steepest.check.user import Unusable
from steepest.errors import OptionError

Array = np.ndarray[Any, Any]
ROUNDINGS = 8.0  # of float32, which a function that computes in it may be off


def form(exam: Exam) -> Report | None:
    """The report on a call that cannot be judged, or None."""
    for point in (*exam.first[:1], *exam.drawn):
        run = exam.function.start(point.values, exam.dtype)
        if not isinstance(exam.witness, Differences) and run.shapes != point.outputs:
            return _other_shape(run.shapes, point.outputs)
        pulled = run.pull(point.cotangent)
        if pulled.changed:
            return _wrong(
                f"The call writes into {listed(pulled.changed)}: whoever calls it goes on with other numbers. "
                "Work on a copy, and write x = x - 1 instead of x -= 1.",
                changed=list(pulled.changed),
            )
        right = exam.right(point)
        for name in pulled.absent:
            own = right.probe.blocks == exam.points.names.index(name)
            if right.value[own].any():
                return _wrong(
                    f"backward gives None for {name}, and the right gradient is not 0 there. If {name} is a constant, "
                    "set requires_grad on the other inputs only."
                )
        bad = ~np.isfinite(pulled.gradient)
        if bad.any():
            return _not_finite(exam, point, bad)
    return None


def _not_finite(exam: Exam, point: Point, bad: Array) -> Report:
    places = np.flatnonzero(bad)
    names = [exam.points.name(point, int(k)) for k in places[:6]] + [f"{places.size - 6} more"] * (places.size > 6)
    where = "at the inputs that were given" if exam.is_given(point) else "at inputs around the given ones"
    values = exam.right(point)
    if values.whole and not np.isfinite(values.value[places[0]]):
        raise OptionError("what is right is not finite at the inputs: give inputs= at which the function has a finite gradient")
    right = f", where the right one is {values.value[places[0]]:.9g}" if values.whole else ""
    return _wrong(
        f"Your gradient is not finite in {listed(names)} {where}{right}: look for 0·inf or 0/0, as the branch of a where that is "
        "not taken, a square root at 0, or an exp that overflows."
    )


def _other_shape(yours: Any, ours: Any) -> Report:
    def words(shapes: Any) -> str:
        return listed([str(shape) for shape in shapes])

    sentence = f"Your forward is another function: its output has the shape {words(yours)}, that of the reference {words(ours)}."
    return Report(False, "loss-differs", sentence)


def same_function(exam: Exam) -> Report | None:
    """The report on a forward that is not the reference: no gradient is blamed before this is known."""
    if isinstance(exam.witness, Differences):
        return None
    pairs = []
    for point in (*exam.first[:1], *exam.drawn):
        yours, ours = exam.function.output(point.values, exam.dtype), exam.witness.output(point.values)
        if not np.isfinite(yours).all():
            return Report(False, "loss-differs", "Your forward is not finite where the reference is: it is another function.")
        pairs.append((yours, ours, _allowed(exam, point, yours, ours)))
    if all(np.max(gap(yours, ours, units), initial=0.0) <= FITTED for yours, ours, units in pairs):
        return None
    best = max(pairs, key=lambda pair: float(np.linalg.norm(pair[1])))
    size = float(best[1] @ best[1])
    ratio = nice(float(best[0] @ best[1]) / size, 1e-6) if size else 1.0
    constant = ratio not in (0, 1) and all(np.max(gap(y, ratio * o, u)) <= FITTED * max(1, abs(ratio)) for y, o, u in pairs)
    k = int(np.argmax(gap(*best)))
    how = (
        f"it is {shown(ratio)} times the reference everywhere"
        if constant
        else f"one output is {best[0][k]:.9g}, and that of the reference {best[1][k]:.9g}"
    )
    sentence = f"Your forward is another function than the reference: {how}. The gradient was not judged."
    return Report(False, "loss-differs", sentence, details={"ratio": ratio} if constant else {})


def _allowed(exam: Exam, point: Point, yours: Array, ours: Array) -> Array:
    """What rounding may do to the outputs, over FITTED. Computing in float32 is no other function."""
    low = [np.zeros_like(ours)]
    for function in (exam.function, getattr(exam.witness, "reference", exam.function)):
        try:
            off = abs(function.output(point.values, "float32") - function.output(point.values, "float64"))
            low.append(np.where(np.isfinite(off), off, 0.0))
        except Unusable:
            continue
    noise = np.max(low, axis=0)
    noise = noise + np.median(noise) + TINY
    fine: Array = exam.eps * (abs(yours) + abs(ours) + noise / SINGLE)
    single = SINGLE * (abs(yours) + abs(ours)) + low[-1] + np.median(low[-1])
    is_single = gap(yours, ours, single * ROUNDINGS / FITTED) <= FITTED
    return np.where(is_single, np.maximum(fine, single), fine)


def _wrong(sentence: str, **details: Any) -> Report:
    return Report(False, "form", sentence, details=details)
