"""Why the loss is not a finite number: the first row and the sub-expression where it happens."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.descent.objective import Array, Objective
from steepest.language.evaluate import evaluate
from steepest.language.program import LEAVES, Program
from steepest.language.text import to_text


def diagnose(objective: Objective, theta: Array) -> str:
    """One sentence that names the expression whose value is not finite while all that it is made of is.

    It looks at the response, the model and the loss first, then at the derivatives, then at the sum over the rows.
    """
    values = theta.astype(float)
    formula = objective.derivation.formula
    if not np.isfinite(theta).all():
        k = int(np.argmin(np.isfinite(theta)))
        return f"the parameter {formula.parameters[k]} is {theta[k]:g}"
    for kind in ("value", "gradient", "jacobian"):
        program = objective.derivation.program(kind)
        found = first_bad_row(program, theta, objective.columns.arrays)
        if found is not None:
            row, output = found
            columns = [column[row] for column in objective.columns.arrays]
            return sentence(
                program, output, evaluate(program, theta, columns), row, (formula.parameters, formula.columns)
            )
    return "the loss is finite in every row, but its sum over the rows is not"


def first_bad_row(program: Program, theta: Array, columns: Any) -> tuple[int, int] | None:
    """The first row in which an output is not finite, and the first such output's node."""
    values = evaluate(program, theta, columns)
    rows = len(columns[0])
    bad = {node: ~np.isfinite(np.broadcast_to(values[node], (rows,))) for node in program.outputs.values()}
    flags = np.logical_or.reduce(list(bad.values()))
    if not flags.any():
        return None
    row = int(np.argmax(flags))
    return row, next(node for node in program.outputs.values() if bad[node][row])


def sentence(program: Program, node: int, values: list[Any], row: int, names: tuple[Any, Any]) -> str:
    node = culprit(program, node, values)
    said = {}
    for arg in program.nodes[node].args:
        if program.nodes[arg].op not in ("number", "pi"):
            said[to_text(program, arg, *names)] = f"{float(values[arg]):.6g}"
    where = " and ".join(f"{text} = {value}" for text, value in said.items())
    return f"{to_text(program, node, *names)} is {float(values[node]):g} at row index {row}" + (
        f", where {where}" if where else ""
    )


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
