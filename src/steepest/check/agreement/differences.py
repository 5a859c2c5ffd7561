"""Why an engine differs from the reference: a cause is named where the difference goes when the cause is taken away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.check.agreement.measure import At, allowed, measured, precision, sums
from steepest.check.agreement.written import lost_digits, short, written_kappa
from steepest.check.rounding import EPS, TINY, sums_bound
from steepest.descent.objective import Array, Objective
from steepest.engines.differences import DifferenceKernels, pairs, step
from steepest.language.evaluate import evaluate
from steepest.language.expand import expand
from steepest.language.program import COMPARISONS, Program
from steepest.language.text import to_text

SINGLE = float(np.finfo(np.float32).eps)
HALF = 1e-8  # of the digits of a float64
LISTED = 5  # rows in a sentence


def cause(engine: Objective, witness: Objective, at: At, component: int, truth: float) -> str | None:
    """The sentence that explains why one sum is not `truth`, or None. The witness is another engine, in float64."""
    for known in (_single, _unbounded, _not_finite, _subnormal, _kink, _between_points):
        found = known(engine, witness, at, component)
        if found:
            return found
    difference = abs(sums(engine, at)[component] - truth)
    return _cancellation(engine, witness, at, component, difference) or _extreme(engine, witness, at, component)


def jump(engine: Objective, witness: Objective, at: At, component: int, truth: float) -> str | None:
    """The bound has room for the jump at a kink: the sentence where a difference needs that room."""
    rows, _ = ties(witness, at)
    rest = at.only(np.setdiff1d(np.arange(at.rows), rows))
    value = sums(engine, at)[component]
    room = 2 * allowed(witness, rest)[component] + EPS * abs(value) if rest.rows else 0.0
    return _kink(engine, witness, at, component) if abs(value - truth) > room else None


def _agree(engine: Objective, reference: Objective, at: At, component: int) -> bool:
    (one, own), (other, its) = ((part[component] for part in measured(objective, at)) for objective in (engine, reference))
    bound = sum(part for part in (own, its) if np.isfinite(part))
    return bool(abs(one - other) <= bound) if np.isfinite([one, other]).all() else not np.isfinite([one, other]).any()


def _without(rows: Array, engine: Objective, reference: Objective, at: At, component: int) -> bool:
    """Are there such rows, and is the difference gone without them?"""
    rest = np.setdiff1d(np.arange(at.rows), rows)
    return bool(len(rows)) and (not len(rest) or _agree(engine, reference, at.only(rest), component))


def _single(engine: Objective, reference: Objective, at: At, component: int) -> str | None:
    """float32: beside the reference on the rounded numbers, the difference is what float32 allows."""
    if precision(engine) <= EPS:
        return None
    place = engine.kernels.place.checked()  # type: ignore[attr-defined]
    near = at.rounded(place.dtype == "float32", place.data_dtype == "float32")
    bound = allowed(reference, near)[component] * (SINGLE / EPS)
    if not abs(sums(engine, at)[component] - sums(reference, near)[component]) <= bound:
        return None
    which = [name for name, dtype in (("parameters", place.dtype), ("data", place.data_dtype)) if dtype == "float32"]
    return f"float32 rounding: the {' and the '.join(which)} have 24 bits"


def _kink(engine: Objective, reference: Objective, at: At, component: int) -> str | None:
    rows, node = ties(reference, at)
    if not _without(rows, engine, reference, at, component):
        return None
    return f"kink: in {listed(rows)} both sides of a comparison are equal at {node}, where each library picks its own slope"


def ties(reference: Objective, at: At) -> tuple[Array, str]:
    """The rows in which a comparison is undecided or a tie, and the first such node."""
    derivation = reference.derivation
    program = expand(derivation.program("gradient"), ())
    values = evaluate(program, at.theta.tolist(), at.columns)
    flags = np.zeros(at.rows, dtype=bool)
    flags[sums_bound(derivation, "gradient", list(at.theta), at.columns, at.weights).undecided] = True
    place = ""
    for i, node in enumerate(program.nodes):
        if node.op in COMPARISONS or node.op == "abs":
            tie = values[node.args[0]] == (values[node.args[1]] if node.op in COMPARISONS else 0)
            if np.any(tie) and not place:
                place = _text(reference, program, i)
            flags |= np.broadcast_to(tie, at.rows)
    return np.flatnonzero(flags), place or "a branch"


def _between_points(engine: Objective, reference: Objective, at: At, component: int) -> str | None:
    """Differences know nothing of a kink, or of the end of a domain, among the points that they use."""
    if not isinstance(engine.kernels, DifferenceKernels) or component == 0:
        return None
    program, k = expand(reference.derivation.program("value"), ()), component - 1

    def sides(x: float) -> list[Any]:
        values = evaluate(program, [*at.theta[:k], x, *at.theta[k + 1 :]], at.columns)
        return [
            np.sign(values[node.args[0]]) if node.op == "abs" else value if node.op in COMPARISONS else np.isfinite(value)
            for node, value in zip(program.nodes, values, strict=True)
        ]

    here, place, rows = sides(float(at.theta[k])), "", np.zeros(at.rows, dtype=bool)
    for x in (x for pair in pairs(*step(at.theta, k)) for x in pair):
        for i, (one, other) in enumerate(zip(here, sides(x), strict=True)):
            turned = np.broadcast_to(one != other, at.rows)
            rows |= turned
            place = place or (_text(reference, program, i) if turned.any() else "")
    found = np.flatnonzero(rows)
    if not _without(found, engine, reference, at, component):
        return None
    return f"kink: {place} changes between the points of the differences in {listed(found)}"


def _not_finite(engine: Objective, reference: Objective, at: At, component: int) -> str | None:
    """Rows for which an engine gives NaN or infinity where the reference does not."""
    own = np.asarray(engine.kernels.rows("gradient", engine.kernels.vector(at.theta), at.columns)[component], dtype=float)
    rows = np.flatnonzero(~np.isfinite(own))
    if not _without(rows, engine, reference, at, component):
        return None
    return _untaken(reference, at, rows) or _said(first_odd(reference, at.only(rows[:1]), _out_of_range(engine)), rows)


def _extreme(engine: Objective, reference: Objective, at: At, component: int) -> str | None:
    """Factors in another order: a product of two of them may be infinite, or 0."""
    return _odd(engine, reference, at, component, _out_of_range(engine))


def _out_of_range(engine: Objective) -> Callable[[Array], Array]:
    """Whose square is infinite, or 0, in the numbers of this engine?"""
    limits = np.finfo(np.float32 if precision(engine) > EPS else np.float64)
    most, least = np.sqrt(limits.max), np.sqrt(limits.tiny)
    return lambda value: np.asarray(~(abs(value) <= most) | ((value != 0) & (abs(value) < least)))


def _untaken(reference: Objective, at: At, rows: Array) -> str | None:
    """A branch that is not taken in the first of the rows, and has no slope there."""
    program = expand(reference.derivation.program("value"), ())
    values = evaluate(program, at.theta.tolist(), [column[rows[:1]] for column in at.columns])
    for node in program.nodes:
        if node.op == "where":
            untaken = node.args[2] if np.ravel(values[node.args[0]])[0] else node.args[1]
            if _unsafe(program, values, untaken):
                text = _text(reference, program, untaken)
                return (
                    f"both branches of a where are differentiated: {text}, not taken in {listed(rows)}, has no finite slope there"
                )
    return None


def _unbounded(engine: Objective, reference: Objective, at: At, component: int) -> str | None:
    """Nothing is known of the rounding where an intermediate value or a reciprocal is infinite, though the result may be right."""
    if np.isfinite(allowed(reference, at)[component]):
        return None
    most = np.finfo(float).max
    return _odd(engine, reference, at, component, lambda value: ~(abs(value) <= most)) or _odd(
        engine, reference, at, component, is_subnormal
    )


def _subnormal(engine: Objective, reference: Objective, at: At, component: int) -> str | None:
    """XLA computes with 0 where a number is subnormal."""
    return _odd(engine, reference, at, component, is_subnormal) if engine.kernels.name == "jax" else None


def is_subnormal(value: Array) -> Array:
    return np.asarray((value != 0) & (abs(value) < TINY))


def _odd(engine: Objective, reference: Objective, at: At, component: int, odd: Callable[[Array], Array]) -> str | None:
    """The sentence about odd values of nodes, where the difference is gone without their rows."""
    found = first_odd(reference, at, odd)
    return _said(found, found[1]) if found and _without(found[1], engine, reference, at, component) else None


def _said(found: tuple[str, Array] | None, rows: Array) -> str | None:
    return f"{found[0]} in {listed(rows)}" if found else None


def first_odd(reference: Objective, at: At, odd: Callable[[Array], Array]) -> tuple[str, Array] | None:
    """What is said of the first node of the value or the gradient with odd values, and all rows that have some."""
    said, rows = "", np.zeros(at.rows, dtype=bool)
    for kind in ("value", "gradient"):
        program = reference.derivation.program(kind)
        for i, value in enumerate(evaluate(program, at.theta.tolist(), at.columns)):
            values = np.broadcast_to(np.asarray(value, dtype=float), at.rows)
            here = odd(values)
            rows |= here
            if here.any() and not said:
                said = _oddity(_text(reference, program, i), float(values[np.argmax(here)]))
    return (said, np.flatnonzero(rows)) if said else None


def _oddity(node: str, number: float) -> str:
    if np.isnan(number):
        return f"undefined: {node} has no value"
    if abs(number) > 1:
        return f"overflow: {node} is {number:.3g}{', and its square is infinite' if np.isfinite(number) else ''}"
    if abs(number) < TINY:
        return f"subnormal: {node} is {number:.3g}"
    return f"underflow: {node} is {number:.3g}, and its square is 0"


def _unsafe(program: Program, values: list[Any], node: int) -> bool:
    """Is there a value below this node that is not finite, or an argument at the edge of where its function is smooth?"""
    seen, stack = set(), [node]
    while stack:
        i = stack.pop()
        op, args, _ = program.nodes[i]
        if i in seen:
            continue
        seen.add(i)
        here = [float(np.ravel(values[a])[0]) for a in args]
        if not np.isfinite(np.ravel(np.asarray(values[i], dtype=float))[0]):
            return True
        if (op in ("sqrt", "cbrt", "**") and here[0] == 0) or (op in ("asin", "acos") and abs(here[0]) == 1):
            return True
        stack.extend(args)
    return False


def _cancellation(engine: Objective, reference: Objective, at: At, component: int, difference: float) -> str | None:
    """Within what rounding allows the program as written: the lowered one loses fewer digits."""
    bound = precision(engine) * written_kappa(reference.derivation, at.theta, at.columns, at.weights)[component]
    lost = lost_digits(reference.derivation, at.theta, at.columns)
    if not difference <= bound or lost is None:
        return None
    return f"cancellation: {lost.node} keeps {lost.digits:.1f} digits in row {lost.row}"


@np.errstate(all="ignore")
def notes(reference: Objective, at: At) -> list[str]:
    """Which sums are not finite, or keep fewer than half of their digits, and why."""
    values, bound = sums(reference, at), allowed(reference, at)
    whats = ["the loss", *(f"dL/d{name}" for name in reference.derivation.formula.parameters)]
    each = np.abs(np.asarray(reference.kernels.rows("gradient", at.theta, at.columns), dtype=float))
    mass = np.sum(each if at.weights is None else each * at.weights, axis=1)
    lost = lost_digits(reference.derivation, at.theta, at.columns)
    odd = first_odd(reference, at, lambda value: ~np.isfinite(value))
    gone = [what for what, value in zip(whats, values, strict=True) if not np.isfinite(value)]
    found = [f"not finite in float64: {', '.join(gone)}. {_said(odd, odd[1])}"] if odd and gone else []
    for k, name in enumerate(whats):
        if not (np.isfinite(bound[k]) and bound[k] > HALF * abs(values[k])) or mass[k] == 0:
            continue
        digits = max(0.0, -np.log10(bound[k] / abs(values[k]))) if values[k] else 0.0
        by_rows = np.log10(mass[k] / abs(values[k])) if values[k] else np.inf
        by_node = -np.log10(EPS) - lost.digits if lost else 0.0
        why = f"{lost.node} cancels, most in row {lost.row}" if lost and by_node > by_rows else "the rows cancel each other"
        found.append(f"{name} may keep no more than {digits:.0f} digits: {why}")
    return found


def _text(objective: Objective, program: Program, node: int) -> str:
    formula = objective.derivation.formula
    return short(to_text(program, node, formula.parameters, formula.columns))


def listed(rows: Array) -> str:
    """Rows in a sentence.

    >>> listed(np.array([3])), listed(np.arange(7))
    ('row 3', 'rows 0, 1, 2, 3, 4 and 2 more')
    """
    if len(rows) == 1:
        return f"row {rows[0]}"
    more = f" and {len(rows) - LISTED} more" if len(rows) > LISTED else ""
    return f"rows {', '.join(str(row) for row in rows[:LISTED])}{more}"
