"""Step 10 without source: which value of the derivation, if it were another, gives the user's whole gradient?

On one row the value of a node is one number. It is solved for from one coordinate and has to give all others; a node that
does so on every row is where the user's code departs from the mathematics. Nodes that feed only each other are one wire.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from steepest.check.cases import Case, shares
from steepest.check.gradient.exam import FITTED, Exam, unit
from steepest.check.gradient.factors import nice, shown
from steepest.check.gradient.form import shown as row_shown
from steepest.check.nodes import Nodes, node_text
from steepest.check.report import Diagnosis
from steepest.language.evaluate import evaluate
from steepest.language.program import Node, Program

Array = np.ndarray[Any, Any]
GRID = np.concatenate([-np.geomspace(20, 1e-3, 30), [0.0], np.geomspace(1e-3, 20, 30)])  # steps away from the true value
HALVINGS = 60


class Row(NamedTuple):
    """One-row cases side by side, (m,) or (p, m)."""

    theta: list[Array]
    columns: list[Array]
    share: Array
    u: Array
    g: Array
    unit: Array


def wires(exam: Exam) -> Iterator[Diagnosis]:
    """The wire whose implied values explain all one-row cases; two wires are yielded both, and are rivals."""
    nodes = Nodes(exam.problem.derivation)
    program = nodes.program
    if len(exam.ones) < 4 or not nodes.indices:
        return
    rows = _side_by_side(exam, [r.case for r in exam.ones], np.array([r.u for r in exam.ones]).T)
    implied = {i: values for i in _searched(program) if (values := _solve(program, i, rows)) is not None}
    leaves = _leaves(program)
    for wire in _wires(program, list(implied)):
        kept = [i for i in wire if _keeps(exam, program, i, implied[i], leaves[i])]
        if kept:
            yield _diagnosis(exam, program, kept, implied, rows, leaves)


def _leaves(program: Program) -> list[frozenset[tuple[str, int]]]:
    """The parameters and columns that each node depends on."""
    found: list[frozenset[tuple[str, int]]] = []
    for node in program.nodes:
        own = {(node.op, node.value)} if node.op in ("parameter", "column") else set()
        found.append(frozenset(own.union(*(found[a] for a in node.args))))
    return found


def _keeps(exam: Exam, program: Program, index: int, implied: Array, leaves: frozenset[tuple[str, int]]) -> bool:
    """Does the implied value stay when everything changes that the node does not depend on?"""
    names, columns = exam.problem.parameters, exam.problem.columns.names
    cases = [r.case for r in exam.ones]
    twins = []
    for case, other in zip(cases, [*cases[1:], cases[0]], strict=True):
        theta = np.array([(case if ("parameter", k) in leaves else other).theta[k] for k in range(len(names))])
        rows = {name: (case if ("column", k) in leaves else other).rows[name] for k, name in enumerate(columns)}
        if "weights" in case.rows:
            rows["weights"] = other.rows["weights"]
        twins.append(Case(theta, rows))
    u = np.array([exam.user(twin.theta, twin.rows).gradient for twin in twins], dtype=np.float64).T
    again = _solve(program, index, _side_by_side(exam, twins, u))
    return again is not None and bool((abs(again - implied) <= 1e-6 * (abs(implied) + np.median(abs(implied)))).all())


def _searched(program: Program) -> list[int]:
    flags = program.depends_on("parameter", "column")
    return [i for i, node in enumerate(program.nodes) if flags[i] and node.op not in ("parameter", "column")]


def _side_by_side(exam: Exam, cases: Sequence[Case], u: Array) -> Row:
    problem = exam.problem
    theta = [np.array([case.theta[k] for case in cases]) for k in range(len(problem.parameters))]
    columns = [np.array([case.rows[name][0] for case in cases]) for name in problem.columns.names]
    share = np.array([shares(problem, case.rows)[0] for case in cases])
    right = [exam.right(case) for case in cases]
    units = np.array([unit(r.kappa, np.float64) for r in right]).T
    return Row(theta, columns, share, u, np.array([r.gradient for r in right]).T, units)


def _forced(program: Program, index: int, value: Array, rows: Row) -> Array:
    """The gradient when the node has this value: (p, …, m)."""
    nodes = (*program.nodes[:index], Node("name", (), "it"), *program.nodes[index + 1 :])
    values = evaluate(Program(nodes, {}), rows.theta, rows.columns, {"it": value})
    return np.array([np.broadcast_to(values[i] * rows.share, value.shape) for i in program.outputs.values()])


def _solve(program: Program, index: int, rows: Row) -> Array | None:
    """The implied value in each case, (m,), or None where one value cannot give the whole gradient."""
    reach = Program(program.nodes, program.outputs)
    flags: list[bool] = []
    for i, node in enumerate(reach.nodes):
        flags.append(i == index or any(flags[a] for a in node.args))
    moved = np.array([flags[i] for i in program.outputs.values()])
    near = FITTED * rows.unit + 1e-9 * np.max(abs(rows.u), axis=0)
    if (abs(rows.u - rows.g)[~moved] > near[~moved]).any():
        return None
    told = [int(k) for k in np.flatnonzero(moved) if (abs(rows.g[k]) > near[k]).any()]
    if len(told) < 2:
        return None
    true = evaluate(program, rows.theta, rows.columns)[index] + 0 * rows.share
    wrong = max(told, key=lambda k: float(np.median(abs(rows.u[k] - rows.g[k]) / rows.unit[k])))
    found = _root(program, index, wrong, true, rows)
    if found is None:
        return None
    left = abs(_forced(program, index, found, rows) - rows.u)
    scale = 1 + abs(found) / (abs(true) + 1e-300)
    return found if (left <= near * np.minimum(scale, 1e3) * 10)[told].all() else None


def _root(program: Program, index: int, k: int, true: Array, rows: Row) -> Array | None:
    """The values, nearest to the true ones, at which coordinate k is the user's; in a straight line or by halving."""
    grid = true + GRID[:, None] * (abs(true) + 0.1)
    heights = _forced(program, index, grid, rows)[k] - rows.u[k]
    first, last = heights[0], heights[-1]
    with np.errstate(all="ignore"):
        line = grid[0] - first * (grid[-1] - grid[0]) / (last - first)
        bent = heights - (first + (last - first) * (grid - grid[0]) / (grid[-1] - grid[0]))
        straight = np.max(abs(bent), axis=0) <= 1e-9 * np.max(abs(heights), axis=0)
        if straight.all() and np.isfinite(line).all():
            return np.asarray(line)
    found = np.empty_like(true)
    low, high = np.empty_like(true), np.empty_like(true)
    for m in range(len(true)):
        h = heights[:, m]
        crossing = np.flatnonzero((np.sign(h[:-1]) * np.sign(h[1:]) <= 0) & np.isfinite(h[:-1]) & np.isfinite(h[1:]))
        if not crossing.size:
            return None
        best = min(crossing, key=lambda j: abs(GRID[j] + GRID[j + 1]))
        low[m], high[m] = grid[best, m], grid[best + 1, m]
    sign = np.sign(_forced(program, index, low, rows)[k] - rows.u[k])
    for _ in range(HALVINGS):
        found = (low + high) / 2
        below = np.sign(_forced(program, index, found, rows)[k] - rows.u[k]) == sign
        low, high = np.where(below, found, low), np.where(below, high, found)
    return found


def _wires(program: Program, survivors: list[int]) -> list[list[int]]:
    """Survivors, those together that feed only one another: none but the last of a wire reaches anything else."""
    uses = Counter(arg for node in program.nodes for arg in node.args)
    uses.update(program.outputs.values())
    consumer = {arg: i for i, node in enumerate(program.nodes) for arg in node.args}
    found: list[list[int]] = []
    for i in survivors:
        before = [wire for wire in found if uses[wire[-1]] == 1 and consumer.get(wire[-1]) == i]
        found = [wire for wire in found if wire not in before] + [[*(k for wire in before for k in wire), i]]
    return found


def _diagnosis(
    exam: Exam, program: Program, wire: list[int], implied: dict[int, Array], rows: Row, leaves: list[frozenset[tuple[str, int]]]
) -> Diagnosis:
    """Of a wire, the node that depends on least is named: its implied value depends on no more, which the others' would."""
    true = evaluate(program, rows.theta, rows.columns)
    ratios = {i: _ratio(implied[i], true[i]) for i in wire}
    index = min(wire, key=lambda i: (len(leaves[i]), ratios[i] is None, -i))
    text = _text(exam, program, index)
    example = int(np.argmin([len(row_shown(exam, r.case)) for r in exam.ones]))
    yours, right = float(implied[index][example]), float((true[index] + 0 * rows.share)[example])
    ratio = ratios[index]
    how = f"{shown(ratio)} times what it should be" if ratio is not None else "wrong"
    where = row_shown(exam, exam.ones[example].case)
    numbers = f"On the one row {where} it must be {right:.9g}; your gradient comes out if it is {yours:.9g}."
    sentence = f"A single wrong value explains your whole gradient: {text} is {how}. {numbers}"

    def repair(user: Any, case: Case) -> Array:
        return _repaired(exam, program, index, ratio, user, case)

    details = {"implied": yours, "true": right, "at": where, "wire": [_text(exam, program, i) for i in wire]}
    return Diagnosis("node", sentence, repair, f"With {text} put right on each row", node=text, details=details)


def _repaired(exam: Exam, program: Program, index: int, ratio: float | None, user: Any, case: Case) -> Array:
    """The right gradient where on each row one value of the node, in the ratio that is claimed, explains the user's."""
    singles = [Case(case.theta, {name: column[i : i + 1] for name, column in case.rows.items()}) for i in range(case.n)]
    u = np.array([user(one.theta, one.rows).gradient for one in singles], dtype=np.float64).T
    rows = _side_by_side(exam, singles, u)
    share = shares(exam.problem, case.rows)
    together = (u / rows.share * share).sum(axis=1)
    given: Array = user(case.theta, case.rows).gradient
    implied = _solve(program, index, rows)
    true = evaluate(program, rows.theta, rows.columns)[index] + 0 * rows.share
    as_claimed = implied is not None and (ratio is None or _ratio(implied, true) == ratio)
    return given - together + exam.right(case).gradient if as_claimed else given


def _ratio(implied: Array, true: Array) -> float | None:
    with np.errstate(all="ignore"):
        ratios = implied / true
    middle = float(np.median(ratios))
    return nice(middle, 1e-7) if np.isfinite(middle) and np.max(abs(ratios - middle)) <= 1e-6 * abs(middle) else None


def _text(exam: Exam, program: Program, index: int) -> str:
    return node_text(program, index, exam.problem.derivation.formula)
