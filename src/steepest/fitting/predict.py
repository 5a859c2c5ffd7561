"""The model's values, and their derivatives by the parameters, on any data that have its predictors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.data.groups import regrouped
from steepest.data.table import Columns, Table
from steepest.descent.objective import Array
from steepest.engines.table import kernels
from steepest.language.evaluate import evaluate
from steepest.language.program import Program

SLICE = 32_768  # rows at a time: every node of the program holds as many numbers


def predict(derivation: Derivation, theta: Array, data: Columns | Table) -> Array:
    """yhat, (rows,), at theta, (p,). The data need the columns of the model alone, not the response.

    Raises DataError where a column is missing.
    """
    value = derivation.program("value")
    model = value.pruned({"yhat": value.outputs["yhat"]})
    return np.concatenate([values[0] for values in by_rows(derivation, model, model, theta, data)])


def slopes(derivation: Derivation, theta: Array, data: Columns | Table) -> Iterator[Array]:
    """∂yhat/∂theta, (p, some rows), slice by slice, on the same data."""
    value = derivation.program("value")
    model = value.pruned({"yhat": value.outputs["yhat"]})
    if derivation.formula.blocks:
        made = kernels("numpy", derivation)
        for columns in slices_of(derivation, model, data):
            yield made.rows("jacobian", theta, columns)[1:]
        return
    jacobian = derivation.program("jacobian")
    wanted = jacobian.pruned({name: node for name, node in jacobian.outputs.items() if name != "residual"})
    yield from by_rows(derivation, model, wanted, theta, data)


def by_rows(derivation: Derivation, model: Program, wanted: Program, theta: Array, data: Columns | Table) -> Iterator[Array]:
    """The outputs of `wanted`, (outputs, some rows), slice by slice; the data need the columns that `model` uses."""
    for columns in slices_of(derivation, model, data):
        nodes = evaluate(wanted, theta.tolist(), columns)
        yield np.array([np.broadcast_to(nodes[place], len(columns[0])) for place in wanted.outputs.values()])


def slices_of(derivation: Derivation, model: Program, data: Columns | Table) -> Iterator[list[Array]]:
    """All columns of the formula, some rows at a time; those that `model` does not use are 0."""
    used = {node.value for node in model.nodes if node.op == "column"}
    names = derivation.formula.columns
    if isinstance(data, Columns):
        arrays, rows = dict(enumerate(data.arrays)), data.rows
    else:
        # A model without predictors needs only the number of rows.
        table = regrouped(data, derivation.formula.blocks)
        read = table.columns([name for k, name in enumerate(names) if k in used] or data.names[:1])
        arrays, rows = dict(zip(sorted(used), read.arrays, strict=False)), read.rows
    for first in range(0, rows, SLICE):
        part = slice(first, min(first + SLICE, rows))
        yield [arrays[k][part] if k in used else np.zeros(part.stop - part.start) for k in range(len(names))]
