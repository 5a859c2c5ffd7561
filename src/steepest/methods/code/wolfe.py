"""The strong Wolfe conditions: low enough, and flat enough to have gone far enough (Wolfe 1969).

A bracket is kept whose low end falls towards the other one and is low enough, and whose high end is too high or rises: between
them lies a point that meets both conditions. Trials are where a straight line through the last two slopes vanishes.
"""

from __future__ import annotations

import numpy as np

from steepest.methods.code.line import GROWTH, Line
from steepest.methods.code.method import Trial

MOST = 60
EXACT = 1e-9  # of the slope at the start: what an exact search leaves
STALE = 4  # trials without a slope half as steep as the best: rounding allows no flatter one
SHRINKING = 0.7  # of the last move: a trial inside the bracket must move less, or it halves the bracket


def wolfe(line: Line, length: float, flatness: float) -> Trial | None:
    """A trial with |slope| <= flatness·|slope at the start|, else the flattest that is low enough, else None."""
    low, high, before = line.start, None, line.start
    best, stale, reach = line.start, 0, np.inf
    for _ in range(MOST if line.slope < 0 else 0):
        if not line.moves(length) or length in (low.length, high.length if high else np.inf) or stale == STALE:
            break
        trial = line.at(length)
        lower = line.lower(trial)
        if lower and abs(trial.slope) <= flatness * abs(line.slope):
            return trial
        stale = stale + 1 if best.length else 0
        if lower and abs(trial.slope) < abs(best.slope) / 2:
            best, stale = trial, 0
        if lower and trial.slope < 0:
            low = trial
        else:
            high = trial
        root = vanishing(before, trial)
        if high is None:
            length = min(root, GROWTH * low.length) if root > low.length else GROWTH * low.length
        else:
            draws = low.length < root < high.length and abs(root - trial.length) <= reach
            length = root if draws else (low.length + high.length) / 2
            reach = SHRINKING * abs(length - trial.length)
        before = trial
    return next((trial for trial in (best, low) if trial.length > 0), None)


def vanishing(one: Trial, other: Trial) -> float:
    """Where a slope that goes on as from one trial to the other would vanish; NaN or infinite where it does not."""
    with np.errstate(all="ignore"):
        turn = np.float64(other.slope - one.slope)
        return float(other.length - other.slope * (other.length - one.length) / turn)
