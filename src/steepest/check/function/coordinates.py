"""Step 8: some coordinates of one input are wrong and the others right: which, and each of them how?"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from steepest.check.function.exam import Array, Exam
from steepest.check.function.factors import law
from steepest.check.function.points import Point
from steepest.check.gradient.exam import FITTED, listed

SHOWN = 6


class Part(NamedTuple):
    """See `blocks.Kind`."""

    cause: str
    fault: str
    words: str
    mend: Callable[[Point, Array], Array | None]


def part_of(exam: Exam, block: int) -> Part | None:
    """What is wrong with some coordinates of an input; None where it has no name, and is not one coordinate alone."""
    first = exam.many[0]
    seen = np.flatnonzero(first.right.probe.blocks == block)
    if first.right.probe.at is not None:  # of the directions none is a coordinate
        seen = seen[seen < first.right.probe.at.size]
    off = np.max([reading.gap for reading in exam.many], axis=0) > FITTED
    wrong = seen[off[seen]]
    if not wrong.size:
        return None
    zero = all(not reading.u[wrong].any() for reading in exam.many)
    found = None if zero else law(exam, exam.many, lambda reading: wrong)
    if zero:
        what = "is 0"
    elif found is not None:
        what = "has the wrong sign" if found.constant == -1 else f"is {found} times the right one"
    elif wrong.size == 1 and seen.size > 1:
        what = "is wrong, in no simple ratio"
    else:
        return None
    shape = first.point.shapes[block]
    start = int(np.flatnonzero(first.point.owners == block)[0])
    places = (wrong if first.right.probe.at is None else first.right.probe.at[wrong]) - start
    cause, where = _where(exam, places, shape, start)

    def mend(point: Point, part: Array) -> Array | None:
        if point.shapes != first.point.shapes:
            return None
        mended = part.ravel().copy()
        mended[places] = mended[places] / found.constant if found else exam.right(point).value[wrong]
        return mended.reshape(shape)

    return Part(cause, f"{what} {places[:SHOWN].tolist()}" if cause == "coordinate" else what, f"{what}{where}", mend)


def _where(exam: Exam, places: Array, shape: tuple[int, ...], start: int) -> tuple[str, str]:
    """The cause and the words for these coordinates of an input: all of them, whole rows, or one by one."""
    size = int(np.prod(shape))
    if places.size == size:
        return "coordinate", ""
    if len(shape) > 1 and size > shape[0]:
        rows = np.unique(places // (size // shape[0]))
        if rows.size * (size // shape[0]) == places.size:
            numbers = [str(int(row)) for row in rows[:SHOWN]] + [f"{rows.size - SHOWN} more"] * (rows.size > SHOWN)
            return "rows", f" in row{'s' * (rows.size > 1)} {listed(numbers)} of {shape[0]} (counted from 0)"
    names = [exam.points.name(exam.many[0].point, start + int(k)) for k in places[:SHOWN]]
    names += [f"{places.size - SHOWN:,} more"] * (places.size > SHOWN)
    return "coordinate", f" at {listed(names)} only; the other {size - places.size:,} of its coordinates are right"
