"""Steps 7 and 8: which coordinates are wrong, and each of them how? Moved to another place, zero, scaled, shifted.

A wrong coordinate is compared with every other one, with itself times a law, and row by row with every expression of the
derivation: what is left out or written twice is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from steepest.check.cases import Case
from steepest.check.gradient.exam import FITTED, Exam, Reading, explained, gap, listed
from steepest.check.gradient.factors import SEEN, Law, laws, shown
from steepest.check.gradient.form import shown as shown_row
from steepest.check.nodes import Nodes, halved, node_text
from steepest.check.report import Diagnosis
from steepest.language.program import Builder, Program

Array = np.ndarray[Any, Any]
MISSING = ("is without its factor", "has one factor too many,")
Predict = Callable[[Case], float]  # what the user's coordinate is, from what is right


class Kind(NamedTuple):
    """How one coordinate is wrong. Coordinates with the same `fault` have one fault; `words` continues "The derivative by c"."""

    fault: str
    words: str
    predict: Predict
    node: str | None = None  # the expression that is left out or written twice


def coordinates(exam: Exam) -> Iterator[Diagnosis]:
    """Some coordinates are right, the others wrong in a way that has a name, or it is one alone."""
    names = exam.problem.parameters
    found = laws(exam)
    wrong = [k for k, law in enumerate(found) if law is None or not law.right]
    if not wrong or len(names) < 2:
        return
    moved = permutation(exam, wrong)
    if moved:
        yield moved
        return
    nodes = Nodes(exam.problem.derivation)
    kinds = {k: kind(exam, k, found[k], nodes) for k in wrong}
    right = [k for k in range(len(names)) if k not in wrong]
    named = {k: named for k, named in kinds.items() if named is not None}
    if len(named) < len(wrong):
        return
    faults = list(dict.fromkeys(named[k].fault for k in wrong))
    everywhere = not right and len(faults) == 1 and not faults[0].startswith(("penalty", *MISSING))
    if len(faults) > 2 or everywhere:
        return
    yield _named(exam, named, right, faults)


def permutation(exam: Exam, wrong: list[int]) -> Diagnosis | None:
    """The right numbers in other places."""
    places: dict[int, int] = {}
    for k in wrong:
        same = [j for j in wrong if j != k and _is(exam, k, lambda case, j=j: float(exam.right(case).gradient[j]))]  # type: ignore[misc]
        if len(same) != 1:
            return None
        places[k] = same[0]
    if len(set(places.values())) != len(wrong):
        return None
    names = exam.problem.parameters
    order = np.arange(len(names))
    for k, j in places.items():
        order[j] = k

    def repair(user: Any, case: Case) -> Array:
        answer: Array = user(case.theta, case.rows).gradient[order]
        return answer

    pairs = listed([f"in the place of {names[k]} stands the derivative by {names[j]}" for k, j in list(places.items())[:6]])
    shape = transposed_shape(places, len(names))
    what = f"the {shape[0]}×{shape[1]} matrix is transposed" if shape else "they have changed places"
    sentence = f"Your numbers are right but {what}: {pairs}. The order is {', '.join(names[:12])}."
    details = {"places": {names[k]: names[j] for k, j in places.items()}, "shape": shape}
    return Diagnosis("transposed", sentence, repair, "With the numbers put in their places", details=details)


def transposed_shape(places: dict[int, int], size: int) -> tuple[int, int] | None:
    """(rows, columns), if the places are those of a transposed matrix, larger than 2 × 2, of all parameters."""
    whole = np.array([places.get(k, k) for k in range(size)])
    for rows in range(2, size // 2 + 1):
        if size % rows == 0 and size > 4 and (whole == np.arange(size).reshape(rows, -1).T.ravel()).all():
            return rows, size // rows
    return None


def kind(exam: Exam, k: int, law: Law | None, nodes: Nodes) -> Kind | None:
    """The first description that fits every case."""
    if law is not None:
        zero = law.constant == 0
        words = (
            "is 0"
            if zero
            else f"is {law} times the right one"
            if law.measure != "1" or law.constant != -1
            else "has the wrong sign"
        )
        ratio = law.ratio
        return Kind("is 0" if zero else f"times {law}", words, lambda case: ratio(case, k) * float(exam.right(case).gradient[k]))
    candidates = [*_copies(exam, k), *_shifts(exam, k), *_expressions(exam, k, nodes)]
    return next((candidate for candidate in candidates if _is(exam, k, candidate.predict)), None)


def _is(exam: Exam, k: int, predict: Predict) -> bool:
    """Is coordinate k what `predict` says, in every case?"""
    for reading in exam.many:
        value = predict(reading.case)
        size = abs(value) / abs(reading.g[k]) if abs(reading.g[k]) > SEEN * reading.unit[k] else 1.0
        units = np.max(reading.unit) if not np.isfinite(size) else reading.unit[k] * max(1.0, size)
        if not gap(reading.u[k], np.asarray(value), units + 4e-16 * abs(value)) <= 2 * FITTED:
            return False
    return True


def _copies(exam: Exam, k: int) -> Iterator[Kind]:
    names = exam.problem.parameters
    for j, name in enumerate(names):
        if j != k:
            yield Kind(f"copy of {name}", f"is that by {name}", lambda case, j=j: float(exam.right(case).gradient[j]))  # type: ignore[misc]


def _shifts(exam: Exam, k: int) -> Iterator[Kind]:
    """u - g is constant, or a multiple of the parameter, as of a penalty."""
    measures: dict[str, Callable[[Case], float]] = {
        "": lambda case: 1.0,
        " times its parameter": lambda case: float(case.theta[k]),
        " times its parameter/n": lambda case: float(case.theta[k]) / case.n,
        " times the sign of its parameter": lambda case: float(np.sign(case.theta[k])),
    }
    best = max(exam.many, key=lambda r: r.gap[k])
    for text, measure in measures.items():
        amount = float(best.u[k] - best.g[k]) / measure(best.case)
        if not np.isfinite(amount):
            continue
        size = shown(float(f"{amount:.9g}"))
        words = f"has {size}{text} added" if text else f"has the constant {size} added"
        fault = f"penalty {text} {amount:.6g}" if text else f"constant {amount:.6g}"
        yield Kind(
            fault, words,
            lambda case, amount=amount, measure=measure: float(exam.right(case).gradient[k]) + amount * measure(case),  # type: ignore[misc]
        )  # fmt: skip


def _expressions(exam: Exam, k: int, nodes: Nodes) -> Iterator[Kind]:
    """On one row, yours over the right one is an expression of the derivation, or 1 over one."""
    told = [r for r in exam.ones if abs(r.g[k]) > SEEN * r.unit[k]]
    if len(told) < 3:
        return
    ratios = np.array([r.u[k] / r.g[k] for r in told])
    errors = np.array([4 * FITTED * r.unit[k] / abs(r.g[k]) for r in told])
    values = nodes.values([r.case for r in told])
    for power, words in zip((-1, 1), MISSING, strict=True):
        for sign in (1.0, -1.0):
            with np.errstate(all="ignore"):
                same = abs(sign * values**power - ratios) <= errors * (1 + abs(ratios))
            for i in np.flatnonzero(same.all(axis=1))[:3]:
                text = nodes.text(int(i))
                yield Kind(
                    f"{words} {text} {sign}",
                    f"{words} {text}" + (", and has the wrong sign" if sign < 0 else ""),
                    lambda case, i=i, p=power, s=sign: s * float(exam.right(case).each[:, k] @ nodes.rows(case, int(i)) ** p),  # type: ignore[misc]
                    text,
                )


def _named(exam: Exam, kinds: dict[int, Kind], right: list[int], faults: list[str]) -> Diagnosis:
    names = exam.problem.parameters

    def predict(user: Any, case: Case) -> Array:
        gradient = exam.right(case).gradient.copy()
        for k, kind in kinds.items():
            gradient[k] = kind.predict(case)
        return gradient

    said = listed([_said(names, [k for k in kinds if kinds[k].fault == f], _words(kinds, f)) for f in faults])
    sentence = f"{said[0].upper()}{said[1:]}{_rest(names, right)}.{_mathematics(exam, list(kinds))}"
    cause = "coordinate" if len(faults) == 1 else "two-faults"
    if cause == "two-faults":
        sentence = f"There are two faults. {sentence}"
    if len(faults) == 1 and faults[0].startswith("penalty") and len(kinds) > 1:
        cause = "loss-differs"
        sentence = f"Your gradient is that of a loss with a penalty, and the problem's loss has none: {said}{_rest(names, right)}."
    if len(faults) == 1 and faults[0].startswith(MISSING) and len(kinds) > 1:
        cause = "node"
    details = {"wrong": {names[k]: kind.words for k, kind in kinds.items()}, "right": [names[k] for k in right]}
    node = next((kind.node for kind in kinds.values() if kind.node), None) if cause in ("node", "coordinate") else None
    return Diagnosis(cause, sentence, explained(predict, exam), "With that undone", node=node, details=details)


def alone(exam: Exam) -> Iterator[Diagnosis]:
    """One coordinate is wrong, in a way that has no name, and all others are right."""
    names = exam.problem.parameters
    wrong = [k for k, law in enumerate(laws(exam)) if law is None or not law.right]
    if len(wrong) != 1 or len(names) < 2:
        return
    (k,) = wrong

    def repair(user: Any, case: Case) -> Array:
        gradient = user(case.theta, case.rows).gradient.copy()
        gradient[k] = exam.right(case).gradient[k]
        return np.asarray(gradient)

    best: Reading = max(exam.ones or exam.many, key=lambda r: r.gap[k])
    where = f"On the one row {shown_row(exam, best.case)}" if best.case.n == 1 else f"At one point on {best.case.n} rows"
    sentence = (
        f"Only the derivative by {names[k]} is wrong, and by no simple rule. {where} yours is {best.u[k]:.9g} and the right one "
        f"is {best.g[k]:.9g}.{_mathematics(exam, wrong)}"
    )
    details = {"wrong": {names[k]: "in no simple ratio"}, "right": [n for j, n in enumerate(names) if j != k]}
    yield Diagnosis("coordinate", sentence, repair, f"With the derivative by {names[k]} replaced", details=details)


def _words(kinds: dict[int, Kind], fault: str) -> str:
    return next(kind.words for kind in kinds.values() if kind.fault == fault)


def _names(names: tuple[str, ...], which: list[int]) -> str:
    return listed([names[k] for k in which[:6]]) + (f" and {len(which) - 6} more" if len(which) > 6 else "")


def _said(names: tuple[str, ...], which: list[int], words: str) -> str:
    one = len(which) == 1
    return f"the derivative by {names[which[0]]} {words}" if one else f"each of the derivatives by {_names(names, which)} {words}"


def _rest(names: tuple[str, ...], right: list[int]) -> str:
    return f"; {_names(names, right)} {'is' if len(right) == 1 else 'are'} right" if right else ""


def _mathematics(exam: Exam, wrong: list[int]) -> str:
    """What each row adds to one or two derivatives, as the derivation has it, where that is short."""
    problem = exam.problem
    criterion, program = problem.derivation.criterion, problem.derivation.program("gradient")
    builder, half = Builder(program.nodes), criterion.scale == Fraction(1, 2)
    ends = {k: program.outputs[f"gradient_{k}"] for k in wrong[:2]}
    nodes = {k: halved(builder, node) if half else node for k, node in ends.items()}
    whole = Program(tuple(builder.nodes), {})
    texts = {k: node_text(whole, node, problem.derivation.formula) for k, node in nodes.items()}
    if len(wrong) > 2 or any(text.endswith("…") for text in texts.values()):
        return ""
    scale = "" if half or criterion.scale == 1 else f"{criterion.scale} times "
    how = f"{scale}the {'mean' if criterion.mean else 'sum'} over the rows of"
    if len(wrong) == 1:
        return f" It should be {how} {texts[wrong[0]]}."
    return f" They should be {how} {listed([f'{text} (by {problem.parameters[k]})' for k, text in texts.items()])}."
