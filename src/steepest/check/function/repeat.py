"""Steps 2 and 3: does the same question get the same answer? Chance, a sum that is never zeroed, the call before.

A function that carries something over answers u_t = m·u_(t-1) + what it should. Three calls at one point give m. Two backwards
of one forward, and two forwards before their backwards, show what is kept in the wrong place.
"""

from __future__ import annotations

import random
import sys
from typing import Any

import numpy as np

from steepest.check.function.exam import Exam
from steepest.check.function.points import Point
from steepest.check.gradient.exam import FITTED, gap
from steepest.check.report import Diagnosis, Report

Array = np.ndarray[Any, Any]
RACE = 1e3  # units: answers so close to each other differ by the order of a sum


def repeated(exam: Exam) -> Report | Diagnosis | None:
    """`random` is a report, carrying something over a diagnosis; None where every call stands for itself."""
    before, point = exam.drawn[0], exam.drawn[1]
    chance = _random_forward(exam, point)
    if chance:
        return chance
    exam.steady = False
    exam.user(before)
    a, b, c = (exam.user(point) for _ in range(3))
    right = exam.right(point)
    units = exam.unit(point, a)

    def far(x: Array, y: Array) -> float:
        return float(np.max(gap(right.probe.see(x), right.probe.see(y), units), initial=0.0))

    if max(far(a, b), far(b, c)) <= RACE:
        found = _one_graph(exam, before, point, far)
        if found is None:
            exam.settle()
        return found
    first, second = b - a, c - b
    if not second.any():
        return _stale(exam, before, point, a)
    memory = float(first @ second / (first @ first)) if first.any() else 2.0
    if 0 < memory <= 1 + 1e-6 and abs(second - memory * first).max() <= 1e-6 * abs(first).max():
        return _accumulated(exam, 1.0 if abs(memory - 1) <= 1e-6 else memory)
    return _random(exam, point)


def _one_graph(exam: Exam, before: Point, point: Point, far: Any) -> Diagnosis | None:
    """Calls that are right one by one, and not beside each other."""
    run = exam.function.start(point.values, exam.dtype)
    once = run.pull(point.cotangent).gradient
    if far(run.pull(point.cotangent).gradient, once) > RACE:
        sentence = (
            "A second backward of the same forward answers otherwise: backward writes into what forward saved. "
            "Leave the saved tensors as they are."
        )
        return Diagnosis("accumulated", sentence, _as_is, "With one backward for each forward")
    run = exam.function.start(point.values, exam.dtype)
    exam.function.start(before.values, exam.dtype)
    if far(run.pull(point.cotangent).gradient, once) > RACE:
        sentence = (
            "backward uses what the latest forward left behind: after two forwards, the backward of the first one answers for the "
            "inputs of the second. Keep what backward needs in ctx.save_for_backward (JAX: in the residuals), not in the class."
        )
        return Diagnosis("stale", sentence, _as_is, "With each backward right after its forward")
    return None


def _as_is(user: Any, point: Any) -> Any:
    return user(point)


def _accumulated(exam: Exam, memory: float) -> Diagnosis:
    def fresh(user: Any, point: Any) -> Any:
        if point.rows is not None:
            return None
        one = user(point)
        return user(point) - memory * one

    if memory == 1:
        sentence = (
            "Each call adds its gradient to those before: the second call at one point gives the first one's answer plus "
            "the gradient, the third adds it again. Set the sum to zero at the start of each backward."
        )
        how = "With the answer of the call before subtracted"
    else:
        sentence = (
            f"What you return is a momentum, no gradient of these inputs alone: {memory:.6g} times the answer of the call "
            "before is in it."
        )
        how = f"With {memory:.6g} times the answer of the call before subtracted"
    return Diagnosis("accumulated", sentence, fresh, how, details={"memory": memory})


def _stale(exam: Exam, before: Point, point: Point, first: Array) -> Diagnosis:
    def second(user: Any, point: Any) -> Any:
        user(point)
        return user(point)

    mixed = {
        "the inputs of the call before": exam.points.again(point, values=before.values),
        "the grad_output of the call before": exam.points.again(point, cotangent=before.cotangent),
        "the call before": before,
    }
    found = []
    for what, other in mixed.items():
        right = exam.right(other)
        if np.max(gap(right.probe.see(first), right.value, exam.unit(other, first)), initial=0.0) <= FITTED:
            found.append(what)
    what = found[0] if found else "something kept from the call before"
    sentence = (
        f"Your gradient is late: the first call at new inputs answers for {what}, the second call at the same inputs is another."
    )
    return Diagnosis("stale", sentence, second, "Called twice at each point", details={"answers for": what})


def _random_forward(exam: Exam, point: Point) -> Report | None:
    outputs = [exam.function.output(point.values, exam.dtype) for _ in range(3)]
    if any(output.shape != outputs[0].shape for output in outputs):
        return None
    size = float(np.max(abs(outputs[0]), initial=0.0)) or 1.0
    spread = float(np.max(np.ptp(outputs, axis=0), initial=0.0) / size)
    if spread <= RACE * exam.eps:
        return None
    return Report(False, "random", f"Your forward is random: {_spread('outputs', spread)}", details={"spread": spread})


def chance(exam: Exam, repair: Any) -> Report | None:
    """`random`, where the gradient of one point still differs from call to call when what is carried over is undone."""
    point = exam.drawn[0]
    answers = [repair(exam.user, point) for _ in range(6)]
    size = float(np.max(abs(answers[0]), initial=0.0)) or 1.0
    apart = float(np.max(np.ptp(answers, axis=0), initial=0.0)) / size
    return _random(exam, point) if apart > 1e-6 else None


def _random(exam: Exam, point: Point) -> Report:
    answers = np.array([exam.user(point) for _ in range(8)])
    spread = float(np.max(np.ptp(answers, axis=0)) / (np.max(abs(answers)) or 1.0))
    seeded = _seeded(exam, point)
    why = " It follows the seed: set it inside, or leave the chance out." if seeded else ""
    sentence = f"Your gradient is random: {_spread('gradients', spread)}{why}"
    return Report(False, "random", sentence, details={"spread": spread, "follows seed": seeded})


def _spread(what: str, spread: float) -> str:
    return (
        f"the {what} of several calls with the same inputs differ by {100 * spread:.2g} % of their size. What is to be checked "
        "must not sample, shuffle or drop anything."
    )


def _seeded(exam: Exam, point: Point) -> bool:
    torch = sys.modules.get("torch")
    keep, kept = np.random.get_state(), random.getstate()
    tensors = None if torch is None else torch.get_rng_state()
    answers = []
    for _ in range(2):
        np.random.seed(0)
        random.seed(0)
        if torch is not None:
            torch.manual_seed(0)
        answers.append(exam.user(point))
    np.random.set_state(keep)
    random.setstate(kept)
    if torch is not None:
        torch.set_rng_state(tensors)
    return bool((answers[0] == answers[1]).all())
