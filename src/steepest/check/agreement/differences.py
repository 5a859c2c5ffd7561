"""Why an engine differs from the reference: a cause is named where the difference goes when the cause is taken away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from steepest.check.agreement.written import lost_digits, short, written_kappa
from steepest.check.rounding import EPS, sums_bound
from steepest.descent.objective import Array, Objective
from steepest.engines.differences import DifferenceKernels
from steepest.engines.tensors import Place
from steepest.language.evaluate import evaluate
from steepest.language.expand import expand
from steepest.language.program import COMPARISONS, Program
from steepest.language.text import to_text

SINGLE = float(np.finfo(np.float32).eps)
HALF = 1e-8  # of the digits of a float64
ERROR_BARS = 10.0  # an estimated error is no bound
LISTED = 5  # rows in a sentence


class At(NamedTuple):
    """A point, and the part of the data that is summed there."""

    theta: Array
    columns: Sequence[Array]
    weights: Array | None

    def only(self, rows: Array) -> At:
        weights = None if self.weights is None else self.weights[rows]
        return At(self.theta, [column[rows] for column in self.columns], weights)

    def rounded(self, theta: bool, columns: bool) -> At:
        """The same with the parameters, or the columns and weights, rounded to float32."""

        def single(array: Array, asked: bool) -> Array:
            return np.asarray(array.astype(np.float32), dtype=float) if asked else array

        weights = None if self.weights is None else single(self.weights, columns)
        return At(single(self.theta, theta), [single(column, columns) for column in self.columns], weights)

    @property
    def rows(self) -> int:
        return len(self.columns[0])


def sums(objective: Objective, at: At) -> Array:
    """Loss and gradient of these rows, before they are divided, as floats."""
    k = objective.kernels
    weights = at.weights if at.weights is None else np.asarray(at.weights)
    total = k.number(at.rows if weights is None else float(np.sum(weights)))
    with np.errstate(all="ignore"):
        return np.array([float(value) for value in k.sums("gradient", k.vector(at.theta), at.columns, weights, total)])


def allowed(objective: Objective, at: At) -> Array:
    """How far this engine's sums may be from the exact ones, (1 + p,)."""
    k = objective.kernels
    if k.name == "sympy":
        return np.zeros(len(at.theta) + 1)
    engine = "numpy" if k.name == "numpy" else "compiled"
    bound: Array = EPS * sums_bound(k.derivation, "gradient", list(at.theta), at.columns, at.weights, engine).kappa
    return bound


def measured(objective: Objective, at: At) -> tuple[Array, Array]:
    """The sums, and how far they may be from the exact ones; differences of the value come with an estimate of that."""
    k, bound = objective.kernels, allowed(objective, at)
    if not isinstance(k, DifferenceKernels):
        return sums(objective, at), bound
    slopes, error = k.slopes("gradient", at.theta, at.columns, at.weights)
    loss = k.sums("value", at.theta, at.columns, at.weights, 0.0)[2]
    return np.array([loss, *slopes]), np.array([bound[0], *(ERROR_BARS * error)])


def cause(engine: Objective, witness: Objective, at: At, component: int, truth: float) -> str | None:
    """The sentence that explains why one sum is not `truth`, or None. The witness is another engine, in float64."""
    value = sums(engine, at)[component]
    tried = (_single, _unbounded, _kink) if np.isfinite(value) else (_unbounded, _not_finite, _kink)
    for known in tried:
        found = known(engine, witness, at, component)
        if found:
            return found
    return _cancellation(engine, witness, at, component, abs(value - truth))


def jump(engine: Objective, witness: Objective, at: At, component: int, truth: float) -> str | None:
    """The bound has room for the jump at a kink: the sentence where a difference needs that room."""
    rows, _ = ties(witness, at)
    rest = at.only(np.setdiff1d(np.arange(at.rows), rows))
    value = sums(engine, at)[component]
    room = 2 * allowed(witness, rest)[component] + EPS * abs(value) if rest.rows else 0.0
    return _kink(engine, witness, at, component) if abs(value - truth) > room else None


def _agree(engine: Objective, reference: Objective, at: At, component: int) -> bool:
    (one, own), (other, its) = ((part[component] for part in measured(objective, at)) for objective in (engine, reference))
    bound = own + its
    return bool(abs(one - other) <= bound) if np.isfinite([one, other]).all() else not np.isfinite([one, other]).any()


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


def precision(objective: Objective) -> float:
    """The relative rounding of an engine's numbers."""
    place = getattr(objective.kernels, "place", Place()).checked()
    return max(float(np.finfo(dtype).eps) for dtype in (place.dtype, place.data_dtype))


def _kink(engine: Objective, reference: Objective, at: At, component: int) -> str | None:
    rows, node = ties(reference, at)
    rest = np.setdiff1d(np.arange(at.rows), rows)
    if not len(rows) or (len(rest) and not _agree(engine, reference, at.only(rest), component)):
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


def _not_finite(engine: Objective, reference: Objective, at: At, component: int) -> str | None:
    """An engine that gives NaN or infinity where the reference does not."""
    each = np.asarray(engine.kernels.rows("gradient", engine.kernels.vector(at.theta), at.columns)[component], dtype=float)
    rows = np.flatnonzero(~np.isfinite(each))
    rest = np.setdiff1d(np.arange(at.rows), rows)
    if not len(rows) or (len(rest) and not _agree(engine, reference, at.only(rest), component)):
        return None
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
    largest = np.finfo(np.float32 if precision(engine) > EPS else np.float64).max
    return overflow(reference, at.only(rows[:1]), float(np.sqrt(largest)), listed(rows))


def _unbounded(engine: Objective, reference: Objective, at: At, component: int) -> str | None:
    """Nothing is known of the rounding where an intermediate value is infinite, though the result may be right."""
    if np.isfinite(allowed(reference, at)[component]):
        return None
    return overflow(reference, at, np.finfo(float).max)


def overflow(reference: Objective, at: At, most: float, where: str = "") -> str | None:
    """The first node of the value or the gradient beyond `most`."""
    for kind in ("value", "gradient"):
        program = reference.derivation.program(kind)
        for i, value in enumerate(evaluate(program, at.theta.tolist(), at.columns)):
            large = np.broadcast_to(~(abs(np.asarray(value, dtype=float)) <= most), at.rows)
            if large.any() and program.nodes[i].args:
                rows = np.flatnonzero(large)
                number = float(np.broadcast_to(value, at.rows)[rows[0]])
                return f"overflow: {_text(reference, program, i)} is {number:.3g} in {where or listed(rows)}"
    return None


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


def notes(reference: Objective, at: At) -> list[str]:
    """Which sums keep fewer than half of their digits, and where the digits go."""
    values, bound = sums(reference, at), allowed(reference, at)
    each = np.abs(np.asarray(reference.kernels.rows("gradient", at.theta, at.columns), dtype=float))
    mass = np.sum(each if at.weights is None else each * at.weights, axis=1)
    lost = lost_digits(reference.derivation, at.theta, at.columns)
    found = []
    for k, what in enumerate(("loss", *reference.derivation.formula.parameters)):
        if not (np.isfinite(bound[k]) and bound[k] > HALF * abs(values[k])) or bound[k] == 0:
            continue
        name = "the loss" if k == 0 else f"dL/d{what}"
        digits = max(0.0, -np.log10(bound[k] / abs(values[k]))) if values[k] else 0.0
        by_rows = np.log10(mass[k] / abs(values[k])) if values[k] else np.inf
        by_node = -np.log10(EPS) - lost.digits if lost else 0.0
        why = f"{lost.node} cancels, most in row {lost.row}" if lost and by_node > by_rows else "the rows cancel each other"
        found.append(f"{name} keeps {digits:.0f} digits: {why}")
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
