"""Why the loss is not a finite number: the first row and the sub-expression where it happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest.descent.objective import Array, Objective
from steepest.language.evaluate import evaluate
from steepest.language.names import printable
from steepest.language.program import LEAVES, Program
from steepest.language.text import to_text

SLICE = 32_768  # rows at a time: every node of a program holds as many numbers
WIDTH = 100
HUGE = 1e100  # of a column: products of a few such values overflow
WHATEVER = "; no parameter changes that: leave out such rows, or change the formula"


def diagnose(objective: Objective, theta: Array, cure: str = "") -> str:
    """One sentence that names the expression whose value is not finite while all that it is made of is, and what to do.

    It looks at the response, the model and the loss first, then at the derivatives, then at the sums over the rows. `cure`: what
    helps where the cause is neither a column far beyond 1 nor an expression without parameters.
    """
    formula = objective.derivation.formula
    values = [float(value) for value in theta]
    for name, value in zip(formula.parameters, values, strict=True):
        if not np.isfinite(value):
            return f"the parameter {name} is {value:g}"
    for kind in ("value",) if formula.blocks else ("value", "gradient", "jacobian"):
        program = objective.derivation.program(kind)
        row = first_bad_row(program, values, objective.columns.arrays)
        if row is not None:
            nodes = evaluate(program, values, [column[row] for column in objective.columns.arrays])
            where, fixed = sentence(program, nodes, row, (formula.parameters, formula.columns))
            return where + (beyond(objective) or (WHATEVER if fixed else cure))
    return too_late(objective, theta) + (beyond(objective) or cure)


def too_late(objective: Objective, theta: Array) -> str:
    """What is not finite where every row is: a sum over the rows, or a derivative that a library finds by itself."""
    point = objective.at(theta)
    gone = [
        name for name, slope in zip(objective.derivation.formula.parameters, point.gradient, strict=True) if not np.isfinite(slope)
    ]
    if np.isfinite(point.loss) and gone:
        return f"the loss is finite, but its derivative by {gone[0]}, as engine '{objective.kernels.name}' computes it, is not"
    return "the loss is finite in every row, but its sum over the rows is not"


def beyond(objective: Objective) -> str:
    """What to do about a column so large that squares overflow."""
    for name, column in zip(objective.derivation.formula.columns, objective.columns.arrays, strict=True):
        if (largest := float(np.max(np.abs(column)))) > HUGE:
            return f"; the column '{printable(name, 40)}' reaches {largest:.3g}: scale it to about 1"
    return ""


def first_bad_row(program: Program, theta: list[float], columns: Sequence[Array]) -> int | None:
    """The first row in which an output is not finite."""
    rows = len(columns[0])
    for first in range(0, rows, SLICE):
        part = [column[first : first + SLICE] for column in columns]
        values = evaluate(program, theta, part)
        fine = np.ones(len(part[0]), dtype=bool)
        for node in program.outputs.values():
            fine &= np.isfinite(values[node])
        if not fine.all():
            return first + int(np.argmin(fine))
    return None


def sentence(program: Program, values: list[Any], row: int, names: tuple[Any, Any]) -> tuple[str, bool]:
    """What is not finite, and whether that is so whatever the parameters."""
    output = next(node for node in program.outputs.values() if not np.isfinite(values[node]))
    node = culprit(program, output, values)
    said = {}
    for arg in program.nodes[node].args:
        if program.nodes[arg].op not in ("number", "pi"):
            said[shown(program, arg, names)] = f"{float(values[arg]):.6g}"
    where = " and ".join(f"{text} = {value}" for text, value in said.items())
    whole = f"{shown(program, node, names)} is {float(values[node]):g} at row index {row}"
    return f"{whole}, where {where}" if where else whole, not program.depends_on("parameter")[node]


def shown(program: Program, node: int, names: tuple[Any, Any]) -> str:
    text = to_text(program, node, *names)
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def culprit(program: Program, node: int, values: list[Any]) -> int:
    """Down from a value that is not finite, to the first that is so though its arguments are finite."""
    while program.nodes[node].op not in LEAVES:
        op, args, _ = program.nodes[node]
        if op == "where":  # only the branch that was taken counts
            args = (args[0], args[1] if values[args[0]] else args[2])
        bad = [arg for arg in args if not np.isfinite(values[arg])]
        if not bad:
            break
        node = bad[0]
    return node
