"""Step 1: is it the same function? A gradient is judged by its own loss; and some are the right gradient of another loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.check.cases import Case, reference
from steepest.check.gradient.exam import FITTED, Exam, Reading, explained, fits, listed, precision
from steepest.check.gradient.factors import MEASURES, Law, nice, shown
from steepest.check.gradient.form import shown as row_shown
from steepest.check.report import Diagnosis, Proof, Report
from steepest.check.rounding import EPS
from steepest.engines.numpy_engine import NumpyKernels
from steepest.language.losses import LOSSES

Array = np.ndarray[Any, Any]
SINGLE = float(np.finfo(np.float32).eps)


def same_loss(exam: Exam) -> Report | None:
    """The report on a loss that is not the problem's, or None: also where the user gives no loss, or it differs by a constant."""
    readings = exam.many
    if any(r.answer.loss is None for r in readings) or all(_same(r, r.right.loss) for r in readings):
        return None
    law = _law(readings)
    right = all(np.max(r.gap) <= FITTED for r in readings)
    if law is None:
        if right and _shifted(exam):
            return None
        return _differs(exam, right)
    constant, measure = law
    sizes = {r.case.n: constant * MEASURES[measure](r.case, 1.0) for r in readings}
    each = listed([shown(size) for size in sizes.values()])
    times, where = (shown(constant), "") if measure == "1" else (each, f" on {listed(list(sizes))} rows")
    scaled = all(np.max(abs(r.u - sizes[r.case.n] * r.g) / r.unit) <= 2 * FITTED * max(1.0, abs(sizes[r.case.n])) for r in readings)
    also = (
        "is right for our loss, not for yours"
        if right
        else "is right for your loss"
        if scaled
        else "can be judged when the losses agree"
    )
    sentence = (
        f"Your loss is not the problem's: it is {times} times the {exam.problem.derivation.criterion.name}{where}. "
        f"Your gradient {also}."
    )
    held = [exam.read(case) for case in exam.cases.held]
    proof = None
    if all(_same(r, r.right.loss * constant * MEASURES[measure](r.case, 1.0)) for r in held):
        proof = Proof(len(held), sum(r.case.n for r in held), 0.0, f"With your loss divided by {Law(constant, measure)}")
    return Report(False, "loss-differs", sentence, proof=proof, details={"ratio": constant, "measure": measure})


def _same(reading: Reading, loss: float) -> bool:
    given = reading.answer.loss
    units = (EPS + max(precision(reading.answer.dtype), SINGLE)) * reading.right.kappa_loss
    scale = max(1.0, abs(loss) / abs(reading.right.loss)) if reading.right.loss else 1.0
    return given is not None and bool(abs(given - loss) <= FITTED * units * scale)


def _law(readings: list[Reading]) -> tuple[float, str] | None:
    best = max(readings, key=lambda r: abs(r.right.loss))
    for measure in ("1", "n", "1/n", "Σw", "1/Σw", "n/(n - 1)"):
        value = MEASURES[measure](best.case, 1.0)
        if not best.right.loss or best.answer.loss is None:
            return None
        constant = nice(best.answer.loss / best.right.loss / value, 1e-6)
        if all(_same(r, r.right.loss * constant * MEASURES[measure](r.case, 1.0)) for r in readings):
            return constant, measure
    return None


def _shifted(exam: Exam) -> bool:
    """Does the loss differ by something that no parameter enters?"""
    for one, other in zip(exam.cases.many[:3], exam.cases.many[3:6], strict=True):
        a, b = exam.read(Case(one.theta, one.rows)), exam.read(Case(other.theta, one.rows))
        if a.answer.loss is None or b.answer.loss is None:
            return False
        change = a.right.loss + (b.answer.loss - b.right.loss)
        if not _same(a, change):
            return False
    return True


def _differs(exam: Exam, right: bool) -> Report:
    reading = max(exam.ones or exam.many, key=lambda r: abs((r.answer.loss or 0.0) - r.right.loss))
    other = next((name for name in LOSSES if _is_loss(exam, name)), None)
    what = f": it is {other}" if other else ", and no simple multiple of it"
    also = "is right for the problem's loss all the same" if right else "can be judged when the losses agree"
    where = f"At {row_shown(exam, reading.case)} your loss is {reading.answer.loss:.9g} and the problem's {reading.right.loss:.9g}."
    sentence = f"Your loss is not the problem's {exam.problem.derivation.criterion.name}{what}. Your gradient {also}."
    return Report(False, "loss-differs", sentence, details={"smallest row": where if reading.case.n == 1 else "", "loss": other})


def _is_loss(exam: Exam, name: str) -> bool:
    other = _Other(exam.problem, name)
    with np.errstate(all="ignore"):
        return all(_same(r, other.right(r.case).loss) for r in exam.many)


def other_losses(exam: Exam) -> Iterator[Diagnosis]:
    """The right gradient of another loss of the table, or of this one with the response and the prediction changed about."""
    for name in LOSSES:
        if name == exam.problem.derivation.criterion.name:
            continue
        other = _Other(exam.problem, name)

        def predict(_: Any, case: Case, other: _Other = other) -> Array:
            with np.errstate(all="ignore"):
                gradient: Array = other.right(case).gradient
            return gradient

        if fits(exam.many, lambda r, predict=predict: predict(None, r.case), lambda r: 16.0):  # type: ignore[misc]
            sentence = f"Your gradient is that of the loss {name}; the problem's loss is {exam.problem.derivation.criterion.name}."
            yield Diagnosis(
                "loss-differs", sentence, explained(predict, exam), f"Taken as the gradient of {name}", details={"loss": name}
            )
            return


class _Other:
    """The same problem with another loss."""

    def __init__(self, problem: Any, loss: str) -> None:
        self.parameters, self.columns, self.weights, self.start = (
            problem.parameters,
            problem.columns,
            problem.weights,
            problem.start,
        )
        self.derivation = Derivation(problem.derivation.formula, LOSSES[loss])
        self.kernels = NumpyKernels(self.derivation)

    def objective(self, engine: str = "numpy", every: bool = False) -> Any:
        return self

    def right(self, case: Case) -> Any:
        return reference(self, case.theta, case.rows)
