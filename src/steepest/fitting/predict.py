"""The model's values on any data that have its predictors."""

from __future__ import annotations

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.data.table import Columns, Table
from steepest.descent.objective import Array
from steepest.language.evaluate import evaluate

SLICE = 32_768  # rows at a time: every node of the program holds as many numbers


def predict(derivation: Derivation, theta: Array, data: Columns | Table) -> Array:
    """yhat, (rows,), at theta, (p,). The data need the columns of the model alone, not the response.

    Raises DataError where a column is missing.
    """
    value = derivation.program("value")
    program = value.pruned({"yhat": value.outputs["yhat"]})
    used = {node.value for node in program.nodes if node.op == "column"}
    names = derivation.formula.columns
    if isinstance(data, Columns):
        arrays, rows = dict(enumerate(data.arrays)), data.rows
    else:
        # A model without predictors needs only the number of rows.
        read = data.columns([name for k, name in enumerate(names) if k in used] or data.names[:1])
        arrays, rows = dict(zip(sorted(used), read.arrays, strict=False)), read.rows
    out = np.empty(rows)
    for first in range(0, rows, SLICE):
        part = slice(first, first + SLICE)
        columns = [arrays[k][part] if k in used else 0.0 for k in range(len(names))]
        out[part] = evaluate(program, theta.tolist(), columns)[program.outputs["yhat"]]
    return out
