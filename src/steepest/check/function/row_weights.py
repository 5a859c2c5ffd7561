"""Step 9: how much does each row count? A dropped batch, a row that counts twice.

Where a gradient is a sum over rows, u = Σ wᵢ·gᵢ is solved for the weights by least squares, over several points. Only where there
is a reference: of differences it would take too many.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from steepest.check.function.exam import Array, Exam, Reading
from steepest.check.function.points import COUNTS, Point
from steepest.check.function.right import Autograd
from steepest.check.gradient.exam import FITTED, gap, listed
from steepest.check.gradient.factors import nice, shown
from steepest.check.report import Diagnosis
from steepest.check.user import Unusable


def row_weights(exam: Exam) -> Iterator[Diagnosis]:
    """Rows that count wrongly in every number of rows that is tried."""
    if not exam.by_rows or not isinstance(exam.witness, Autograd):
        return
    wrong = np.unique(np.concatenate([r.right.probe.blocks[r.gap > FITTED] for r in (*exam.many, *exam.by_rows)]))
    if not any(_tells_rows(exam, int(block)) for block in wrong):
        return
    weights: dict[int, Array] = {}
    for count in COUNTS:
        found = _weights(exam, count, wrong)
        if found is None:
            return
        weights[count] = found
    if all(np.ptp(w) == 0 for w in weights.values()):
        return

    def repair(user: Any, point: Any) -> Any:
        if point.rows is None:
            return None
        missing = (1 - weights[point.rows]) @ each(exam, point)
        return user(point) + np.where(np.isin(point.owners, wrong), missing, 0.0)

    details = {"weights": {str(n): w for n, w in weights.items()}, "inputs": [exam.points.names[int(b)] for b in wrong]}
    yield Diagnosis("rows", _sentence(exam, weights, wrong), repair, "With the weight of each row set to 1", details=details)


def _tells_rows(exam: Exam, block: int) -> bool:
    """Is a wrong row of this input more than one wrong coordinate?"""
    return exam.points.wanted[block] not in exam.points.varying or len(exam.many[0].point.shapes[block]) > 1


def _weights(exam: Exam, count: int, wrong: Array) -> Array | None:
    """The weight of each row in the gradient by the wrong inputs, (n,); None where rows do not just add up."""
    first = next(reading for reading in exam.by_rows if reading.point.rows == count)
    numbers = np.count_nonzero(np.isin(first.point.owners, wrong))
    more = [point for _ in range(1 + 2 * count // numbers) if (point := exam.points.of_rows(count)) is not None]
    try:
        readings = [first, *(exam.read(point) for point in more)]
        parts = [each(exam, reading.point) for reading in readings]
    except Unusable:
        return None
    if not all(_adds_up(reading, part) for reading, part in zip(readings, parts, strict=True)):
        return None
    own = np.isin(first.point.owners, wrong)
    matrix = np.concatenate([part[:, own] for part in parts], axis=1).T
    yours, units = (np.concatenate([x[own] for x in column]) for column in ([r.u for r in readings], [r.unit for r in readings]))
    found, _, rank, _ = np.linalg.lstsq(matrix / units[:, None], yours / units, rcond=1e-13)
    found = np.array([0.0 if abs(w) < 1e-6 else nice(float(w), 1e-6) for w in found])
    mass = np.max(abs(matrix), axis=1) * exam.eps
    if rank < count or not np.max(gap(matrix @ found, yours, units + mass)) <= FITTED:
        return None
    return found


def _adds_up(reading: Reading, part: Array) -> bool:
    units = reading.unit + np.max(abs(part), axis=0) * 2e-16
    return bool(np.max(gap(np.sum(part, axis=0), reading.g, units)) <= FITTED)


def each(exam: Exam, point: Point) -> Array:
    """What every row adds to the right gradient, (n, p): by its own grad_output, or, of one output, by the row alone."""
    count = point.rows or 0
    if point.outputs and all(shape and shape[0] == count for shape in point.outputs):
        found = []
        for row in range(count):
            parts = [np.zeros(shape) for shape in point.outputs]
            for part, given in zip(parts, _outputs(point), strict=True):
                part[row] = given[row]
            seed = np.concatenate([part.ravel() for part in parts])
            found.append(exam.witness.right(exam.points.again(point, cotangent=seed)).value)
        return np.array(found)
    rows = np.array([_alone(exam, point, row) for row in range(count)])
    whole, total = exam.right(point).value, rows.sum(axis=0)
    return rows * nice(float(whole @ total / (total @ total or 1.0)), 1e-9)


def _outputs(point: Point) -> list[Array]:
    ends = np.cumsum([int(np.prod(shape)) for shape in point.outputs])
    return [part.reshape(shape) for part, shape in zip(np.split(point.cotangent, ends[:-1]), point.outputs, strict=True)]


def _alone(exam: Exam, point: Point, row: int) -> Array:
    """The gradient of one row alone, in the places that it has among all."""
    values = exam.points.take(point.values, np.array([row]))
    wanted = [values[k] for k in exam.points.wanted]
    one = point._replace(values=values, shapes=tuple(np.shape(value) for value in wanted), rows=1)
    parts = one.blocks(exam.witness.right(one).value)
    found = []
    for place, part, shape in zip(exam.points.wanted, parts, point.shapes, strict=True):
        whole = np.zeros(shape)
        if place in exam.points.varying:
            whole[row] = part[0]
        else:
            whole += part
        found.append(whole.ravel())
    return np.concatenate(found)


def _sentence(exam: Exam, weights: dict[int, Array], wrong: Array) -> str:
    names = listed([exam.points.names[int(block)] for block in wrong])
    gradient = "The gradient by" if len(wrong) == 1 else "The gradients by"
    dropped = {n: int(np.sum(w == 0)) for n, w in weights.items()}
    tail = all((w[n - dropped[n] :] == 0).all() for n, w in weights.items()) and any(dropped.values())
    if tail:
        batches = [b for b in range(2, 14) if all(n % b == dropped[n] for n in weights)]
        why = f": those that do not fill a batch of {batches[0]}" if batches else ""
        words = listed([f"{dropped[n]} of {n}" for n in weights])
        return f"{gradient} {names} leave{'s' * (len(wrong) == 1)} out the last rows ({words}){why}."
    n = max(weights)
    parts = [
        f"row {listed([int(i) for i in np.flatnonzero(weights[n] == value)][:8])} of {n} counts {shown(float(value))} times"
        for value in np.unique(weights[n])
        if value != 1
    ]
    return f"Rows count wrongly in the gradient by {names}: {listed(parts[:4])} (counted from 0)."
