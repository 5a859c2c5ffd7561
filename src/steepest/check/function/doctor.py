"""The doctor for a function with its own backward: is it right, and if not, what is wrong? With proof, or "cause not found".

The tree: form; chance and what is carried over; the same function?; agreement and smoothness; pure factors; inputs and coordinates;
rows; two faults; unknown. It never guesses.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from steepest.check.function import jax_calls, torch_calls
from steepest.check.function.arguments import library_of, named
from steepest.check.function.bisection import find_coordinates
from steepest.check.function.blocks import blocks
from steepest.check.function.exam import Exam
from steepest.check.function.factors import Law, divided, factors
from steepest.check.function.form import form, same_function
from steepest.check.function.functions import Calls, Function
from steepest.check.function.points import Points
from steepest.check.function.repeat import chance, repeated
from steepest.check.function.right import Autograd, Differences, Witness, deaf_to
from steepest.check.function.row_weights import row_weights
from steepest.check.function.smooth import kinky
from steepest.check.function.unknown import unknown
from steepest.check.function.verdict import agreement, agrees
from steepest.check.report import Diagnosis, Proof, Report
from steepest.check.rounding import EPS
from steepest.check.user import Unusable
from steepest.errors import OptionError

Step = Callable[[Exam], Iterable[Diagnosis]]
SIMPLE: tuple[Step, ...] = (factors, blocks, row_weights)
FIRST_OF_TWO = (Law(1.0, "n"), Law(-1.0, "1"), Law(2.0, "1"), Law(0.5, "1"), Law(1.0, "1/n"))


def check_function(given: Any, reference: Any, inputs: Any, seed: int = 0) -> Report:
    """The report on a function of PyTorch or JAX. It is called a few hundred times, at `inputs` and around them, on copies.

    Raises OptionError where the inputs, or the reference there, say nothing.
    """
    library = library_of(given, inputs)
    names = named(given, inputs)
    arguments = (torch_calls if library == "torch" else jax_calls).read(names)
    if not any(argument.wanted and np.size(argument.value) for argument in arguments):
        raise OptionError("inputs= holds no array of floating point: there is nothing to differentiate by")
    calls: Calls = torch_calls.TorchCalls(arguments) if library == "torch" else jax_calls.JaxCalls(arguments)
    function = Function(given, calls)
    base = tuple(argument.value for argument in arguments)
    try:
        dtype, eps = _precision(function, base)
    except Unusable as trouble:
        return Report(False, "form", f"Your function cannot be used: {trouble.sentence}.", trouble.line)
    wanted = tuple(k for k, argument in enumerate(arguments) if argument.wanted)
    witness = _witness(reference, function, base, list(names), wanted, dtype, seed)
    exam = Exam(function, witness, Points(arguments, calls, witness, seed), dtype, eps)
    try:
        with np.errstate(all="ignore"):
            return _report(exam)
    except Unusable as trouble:
        return Report(False, "form", f"Your function cannot be used: {trouble.sentence}.", trouble.line)


def _precision(function: Function, base: tuple[Any, ...]) -> tuple[str, float]:
    """Judged in float64 where the function runs in it, else in the dtype of its inputs."""
    with contextlib.suppress(Unusable):
        run = function.start(base, "float64")
        run.pull(np.ones(run.output.size))
        return "float64", EPS
    run = function.start(base, "own")
    run.pull(np.ones(run.output.size))
    return "own", max(EPS, function.calls.epsilon())


def _witness(
    reference: Any, function: Function, base: Any, names: list[str], wanted: tuple[int, ...], dtype: str, seed: int
) -> Witness:
    if reference is None:
        if dtype != "float64":
            raise OptionError(
                "the function does not run in float64, where its forward would be differenced: give reference=, a plain forward"
            )
        with contextlib.suppress(Unusable):
            if (deaf := deaf_to(function, base, wanted)) is not None:
                raise OptionError(
                    f"the forward does not feel {names[deaf]} change in its tenth digit: it computes in float32 inside, or "
                    "jumps, and its differences say too little: give reference=, a plain forward"
                )
        return Differences(function, wanted, sum(np.size(base[k]) for k in wanted), seed)
    plain = Function(reference, function.calls)
    try:
        one, other = plain.output(base, "float64"), plain.output(base, "float64")
    except Unusable as trouble:
        raise OptionError(f"the reference cannot be used in float64 at the inputs: {trouble.sentence}") from None
    if one.shape != other.shape or not np.allclose(one, other, rtol=1e-9, atol=0, equal_nan=True):
        raise OptionError("the reference answers otherwise at each call: it must not sample, shuffle or drop anything")
    return Autograd(plain)


def _report(exam: Exam) -> Report:
    exam.draw()
    if not exam.first:
        raise OptionError("what is right is not finite at the inputs: give inputs= at which the function has a finite gradient")
    if len(exam.drawn) < 2:
        raise OptionError("no inputs around the given ones have a finite gradient: give inputs= that can be varied")
    early = form(exam)
    if early:
        return early
    state = repeated(exam)
    if isinstance(state, Report):
        return state
    other = same_function(exam)
    if other:
        return other
    if state:
        return _carried(exam, state)
    whole = exam.right(exam.first[0]).whole
    exam.take([*exam.first, *exam.drawn] if whole else [exam.first[0], *exam.drawn[:2]])
    find_coordinates(exam)
    return agreement(exam) or _wrong(exam)


def _wrong(exam: Exam) -> Report:
    """Steps 6 to 12, on a gradient that is wrong and answers alike every time."""
    if kinky(exam, exam.first[0]):
        exam.take([reading.point for reading in exam.many if not exam.is_given(reading.point)])
    exam.vary()
    coarse = exam.coarse()
    trials = (exam,) if agrees(coarse) else (exam, coarse)  # where the coarse one sees nothing wrong, anything would fit
    found = (_tried(trial, step(trial)) for trial in trials for step in SIMPLE)
    return next(filter(None, found), None) or _two(exam) or unknown(exam)


def _tried(exam: Exam, found: Iterable[Diagnosis]) -> Report | None:
    """The report of the one diagnosis that is proved; several with different causes are rivals, and none is claimed."""
    proved: list[tuple[Diagnosis, Proof]] = []
    for diagnosis in found:
        proof = exam.prove(diagnosis)
        if proof:
            proved.append((diagnosis, proof))
    if len({(d.cause, d.node) for d, _ in proved}) > 1:
        return unknown(exam, [d.sentence for d, _ in proved])
    return _reported(*proved[0]) if proved else None


def _reported(d: Diagnosis, proof: Proof) -> Report:
    return Report(False, d.cause, d.sentence, d.line, d.node, proof, d.details)


def _carried(exam: Exam, state: Diagnosis) -> Report:
    """Something is carried over from call to call. Is that all?"""
    proof = exam.prove(state)
    if proof:
        return _reported(state, proof)
    random = chance(exam, state.repair)
    if random:
        return random
    exam.take(exam.drawn)
    with contextlib.suppress(Unusable):
        mended = exam.mended(state.repair)
        for step in SIMPLE:
            second = _tried(mended, step(mended))
            if second and second.proof:
                return _both(state.sentence, second)
    return unknown(exam, [state.sentence])


def _two(exam: Exam) -> Report | None:
    """A common factor, and something else in what is left."""
    for law in FIRST_OF_TWO:
        if law.measure != "1" and not exam.by_rows:
            continue
        first = divided(exam, law)
        with contextlib.suppress(Unusable, FloatingPointError):
            mended = exam.mended(first.repair)
            for step in (blocks, row_weights):
                second = _tried(mended, step(mended))
                if second and second.proof and second.cause != "two-faults":
                    return _both(first.sentence, second)
    return None


def _both(first: str, second: Report) -> Report:
    sentence = f"There are two faults. {first} When that is mended: {second.sentence}"
    details = {**second.details, "faults": [first, second.sentence], "second": second.cause}
    return Report(False, "two-faults", sentence, None, second.node, second.proof, details)
