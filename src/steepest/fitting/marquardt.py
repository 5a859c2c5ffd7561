"""The valley by Levenberg-Marquardt of methods/, on sums over all rows: for any loss, however many rows there are."""

from __future__ import annotations

import numpy as np

from steepest.descent.objective import Array
from steepest.fitting.free_loss import FreeLoss
from steepest.methods.code.method import Point, Stuck
from steepest.methods.code.table import CODE

SMALL = 1e-10  # of the loss: a step that takes off no more has reached the valley's floor


def descended(loss: FreeLoss, start: Array, most: int) -> tuple[Array, bool]:
    """Where it ends, and whether it ran out of steps."""
    method = CODE["levenberg-marquardt"]
    point: Point = loss.free.curved("normal", start)[0]
    state = method.start(point, np.nan)
    for _ in range(most):
        before = float(point.loss)
        try:
            point, state = method.step(loss.free, point, state)
        except Stuck:
            return point.theta, False
        if before - float(point.loss) <= SMALL * abs(before):
            return point.theta, False
    return point.theta, True
