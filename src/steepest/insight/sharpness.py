"""How much of its stable rate a descent used along its trace: η·λmax/c, c the limit of its method for a curvature of 1."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.descent.objective import Array
from steepest.descent.trace import Trace
from steepest.insight.curvature import curvature
from steepest.methods.equations import Method
from steepest.methods.limit import largest_rate

LOOKS = 40
MOST_WORK = 400_000  # rows of data times looks


class Sharpness(NamedTuple):
    """λmax in some rows of a trace, (m,), and `used`, η·λmax/c. `passed`: the step at which it passes 1 after having been lower."""

    rows: Array
    largest: Array
    used: Array
    passed: int | None


def sharpness(trace: Trace, method: Method | None) -> Sharpness | None:
    """Looked at in some rows, which lie closer at the start; the first above 1 after the lowest is then bisected.

    None for a method that has no largest stable rate by itself: without equations, a sign method, or an adaptive one.
    """
    unit = None if method is None or method.freeze else largest_rate(method, np.eye(1))
    if not unit or not np.isfinite(trace.lr.astype(float)).all():
        return None
    objective, last = trace.objective, len(trace) - 1
    looks = int(np.clip(MOST_WORK // objective.columns.rows, 6, LOOKS))
    rows = np.unique(np.concatenate([np.geomspace(1, last + 1, looks // 2) - 1, np.linspace(0, last, looks // 2)]).astype(int))

    def at(row: int) -> float:
        return curvature(objective, trace.theta[row].astype(float)).largest

    largest = np.array([at(row) for row in rows])
    used = largest * trace.lr[rows].astype(float) / unit
    if not np.isfinite(used).all():
        return Sharpness(rows, largest, used, None)
    lowest = int(np.argmin(used))
    above = lowest + np.flatnonzero(used[lowest:] > 1)
    if used[lowest] > 1 or not len(above):
        return Sharpness(rows, largest, used, None)
    low, high = int(rows[above[0] - 1]), int(rows[above[0]])
    while high - low > 1:
        middle = (low + high) // 2
        over = at(middle) * float(trace.lr[middle]) > unit
        low, high = (low, middle) if over else (middle, high)
    return Sharpness(rows, largest, used, int(trace.step[high]))
