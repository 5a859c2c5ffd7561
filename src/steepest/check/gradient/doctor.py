"""The gradient doctor: is the user's gradient right, and if not, what is wrong with it? With proof, or "cause not found".

The tree: form; repeatability and lag; the same loss?; agreement and smoothness; another point; pure factors; places; coordinates;
rows; another loss; nearly right; the user's own program, or where there is no source the derivation's wires; two faults; unknown.
A diagnosis counts only if the gradient, repaired as it says, is right at points and on rows that were held out. It never guesses.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from steepest.check.cases import Subject, cases
from steepest.check.gradient.coordinates import alone, coordinates
from steepest.check.gradient.exam import Exam
from steepest.check.gradient.factors import Law, divided, factors
from steepest.check.gradient.form import finite, form
from steepest.check.gradient.losses import other_losses, same_loss
from steepest.check.gradient.repeat import chance, elsewhere, repeated
from steepest.check.gradient.row_weights import rows
from steepest.check.gradient.unknown import unknown
from steepest.check.gradient.verdict import agreement, inexact
from steepest.check.gradient.wires import wires
from steepest.check.report import Diagnosis, Proof, Report
from steepest.check.user import BUDGET, TooSlow, Unusable, UserGradient

Step = Callable[[Exam], Iterable[Diagnosis]]
SIMPLE: tuple[Step, ...] = (elsewhere, factors, coordinates, rows, other_losses)
AROUND = 2  # lines quoted before and after the faulty one
FIRST_OF_TWO = (Law(1.0, "n"), Law(-1.0, "1"), Law(2.0, "1"), Law(0.5, "1"), Law(1.0, "1/n"))


def check_gradient(given: Any, problem: Subject, seed: int = 0, budget: float = BUDGET) -> Report:
    """The report on a gradient that somebody wrote for this problem. `given` is called about a hundred times, on copies, and
    for `budget` seconds in all.

    Raises OptionError where the problem itself has no finite gradient around its start.
    """
    problem.derivation.by_parameter("the doctor")
    try:
        user = UserGradient(given, problem.parameters, _columns(problem), budget=budget)
    except Unusable as trouble:
        return Report(False, "form", f"{trouble.sentence[0].upper()}{trouble.sentence[1:]}.")
    exam = Exam(user, problem, cases(problem, seed))
    try:
        return _quoting(_report(exam), user)
    except Unusable as trouble:
        return _quoting(Report(False, "form", f"Your gradient cannot be used: {trouble.sentence}.", trouble.line), user)
    except TooSlow as trouble:
        return Report(False, "form", str(trouble))


def _quoting(report: Report, user: UserGradient) -> Report:
    """The same, with the faulty line of the user's file and its neighbours."""
    source = user.source
    if report.line is None or source is None:
        return report
    lines = source.text.splitlines()
    numbers = range(max(1, report.line - AROUND), min(len(lines), report.line + AROUND) + 1)
    quoted = {number: lines[number - 1] for number in numbers if lines[number - 1].strip()}
    return replace(report, details={**report.details, "source": quoted})


def _columns(problem: Subject) -> list[str]:
    return [*problem.columns.names, *(["weights"] if problem.weights is not None else [])]


def _report(exam: Exam) -> Report:
    early = form(exam)
    if early:
        return early
    state = repeated(exam)
    if isinstance(state, Report):
        return state
    if state:
        return _carried(exam, state)
    exam.take()
    return finite(exam) or same_loss(exam) or agreement(exam) or _wrong(exam)


def _wrong(exam: Exam) -> Report:
    """Steps 6 to 12, on a gradient that is wrong and answers alike every time."""
    for step in SIMPLE:
        report = _tried(exam, step(exam))
        if report:
            return _with_line(exam, report)
    report = inexact(exam) or _tried(exam, alone(exam))
    if report:
        return _with_line(exam, report)
    return _tried(exam, _in_source(exam)) or _tried(exam, wires(exam)) or _two(exam) or unknown(exam)


def _tried(exam: Exam, found: Iterable[Diagnosis]) -> Report | None:
    """The report of the one diagnosis that is proved; several with different claims are rivals, and none is claimed."""
    proved: list[tuple[Diagnosis, Proof]] = []
    for diagnosis in found:
        proof = exam.prove(diagnosis)
        if proof:
            proved.append((diagnosis, proof))
            if diagnosis.line is not None:  # best first: the earliest line that mends everything
                break
    if len({(d.cause, d.node, d.line) for d, _ in proved}) > 1:
        return unknown(exam, [d.sentence for d, _ in proved])
    return _reported(*proved[0]) if proved else None


def _reported(d: Diagnosis, proof: Proof) -> Report:
    return Report(False, d.cause, d.sentence, d.line, d.node, proof, d.details)


def _in_source(exam: Exam) -> list[Diagnosis]:
    """What the user's own program says; nothing where there is no source."""
    if not isinstance(exam.user, UserGradient) or exam.user.kind != "numpy":
        return []
    from steepest.check.program.repair import repair

    return repair(exam.user, exam.problem, exam.cases)


def _with_line(exam: Exam, report: Report) -> Report:
    """The same cause, with the line of the user's file whose repair mends everything too."""
    if report.cause in ("loss-differs", "unknown"):
        return report
    with contextlib.suppress(TooSlow):  # the cause is proved all the same
        for diagnosis in _in_source(exam)[:1]:
            if diagnosis.line is not None and exam.prove(diagnosis):
                sentence = f"{report.sentence} See {diagnosis.sentence}"
                details = {**report.details, **diagnosis.details}
                return Report(False, report.cause, sentence, diagnosis.line, diagnosis.node, report.proof, details)
    return report


def _carried(exam: Exam, state: Diagnosis) -> Report:
    """Something is carried over from call to call. Is that all?"""
    proof = exam.prove(state)
    if proof:
        return _reported(state, proof)
    random = chance(exam, state.repair)
    if random:
        return random
    mended = exam.mended(state.repair)
    for step in (*SIMPLE, alone):
        second = _tried(mended, step(mended))
        if second and second.proof:
            return _both(state.sentence, second)
    return unknown(mended, [state.sentence])


def _two(exam: Exam) -> Report | None:
    """A common factor, and something else in what is left."""
    if len(exam.problem.parameters) < 2 and exam.cases.full.n < 2:
        return None
    for law in FIRST_OF_TWO:
        first = divided(exam, law)
        with contextlib.suppress(Unusable, FloatingPointError):
            mended = exam.mended(first.repair)
            if max(float(np.max(np.minimum(r.gap, 1e300))) for r in mended.many) == 0:
                continue
            for step in (coordinates, rows, wires):
                second = _tried(mended, step(mended))
                if second and second.proof and second.cause != "two-faults":
                    return _both(first.sentence, second)
    return None


def _both(first: str, second: Report) -> Report:
    sentence = f"There are two faults. {first} When that is mended: {second.sentence}"
    details = {**second.details, "faults": [first, second.sentence], "second": second.cause}
    return Report(False, "two-faults", sentence, None, second.node, second.proof, details)
