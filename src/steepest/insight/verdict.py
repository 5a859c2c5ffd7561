"""What a descent did: it converges, cycles, wanders or blows up, read off its trace after a transient.

The size of a step is measured by what it does to the loss, Σ|g·Δtheta|, so that the units of the parameters do not matter.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.descent.objective import Array
from steepest.descent.runners import Stepped
from steepest.descent.trace import Trace
from steepest.insight.setting import method_of

FAILED = ("diverged", "nonfinite")
STILL = 1e-13  # of the loss: smaller steps are rounding
ROUNDING = 1e-12  # of the loss: a smaller rise is none
LEAST_FALL = 1e-9  # of the size of a step: a loss that falls by less from step to step stays
ALIKE = 1e-3  # of the size of a step: points nearer than that are the same point of a cycle
LONGEST = 64  # steps of a cycle
FADED = 0.8  # of its size: steps that shrink so much over the rows read die out
GROWN = 1.5
BEYOND = 512  # steps that are taken beyond the end of a trace that kept only some of its points
MOST_WORK = 5_000_000  # rows times steps
READ = 2_000  # rows at the end that are enough


class Verdict(NamedTuple):
    """`word` is converges, cycles, wanders or blows-up; `period` in steps, of a cycle.

    It was read from step `since` on; `losses` are those of one period, else the lowest and highest from there on.
    """

    word: str
    period: int | None
    since: int
    losses: tuple[float, ...]


def read(trace: Trace) -> Verdict:
    """The first half of the trace is taken to be a transient."""
    rows = tail(trace)
    if not len(rows.losses):
        return Verdict("blows-up", None, rows.first, (np.nan, np.nan))
    span = (float(np.min(rows.losses)), float(np.max(rows.losses)))
    if trace.outcome in FAILED:
        return Verdict("blows-up", None, rows.first, span)
    if trace.outcome == "converged":
        return Verdict("converges", None, rows.first, span)
    if trace.recipe["batch"] != "full":
        return Verdict(of_batches(trace), None, rows.first, span)
    if not rows.whole and not at_rest(trace):
        rows = consecutive(trace, rows)
    if settles(rows):
        return Verdict("converges", None, rows.first, span)
    period = cycle(rows)
    if period:
        losses = tuple(float(loss) for loss in np.sort(rows.losses[-period:]))
        return Verdict("cycles", period, rows.first, losses)
    thirds = [float(np.max(part)) for part in np.array_split(rows.sizes, 3) if len(part)]
    late = float(np.max(rows.losses[-(len(rows.losses) // 3 + 1) :]))
    if thirds[-1] < FADED * thirds[0] and late <= float(trace.loss[0]):
        return Verdict("converges", None, rows.first, span)
    growing = len(thirds) == 3 and thirds[0] < thirds[1] < thirds[2] and thirds[2] > GROWN * thirds[0]
    worse = float(rows.losses[-1]) > float(trace.loss[0])
    return Verdict("blows-up" if growing and worse else "wanders", None, rows.first, span)


class Tail(NamedTuple):
    """Points (k, p), their losses and gradients; `sizes` (k - 1,) of the steps between them, `first` the step of the first row."""

    thetas: Array
    losses: Array
    gradients: Array
    sizes: Array
    first: int
    whole: bool  # is every step there?


def tail(trace: Trace) -> Tail:
    """The rows of the second half, at most 2,000."""
    count = len(trace)
    begin = max(count - READ, 0 if count < 8 else count // 2)
    part = slice(begin, None)
    gaps = np.diff(trace.step[part])
    whole = bool((gaps == 1).all())
    return _tail(trace.theta[part], trace.full_loss[part], trace.gradient[part], int(trace.step[begin]), whole)


def _tail(thetas: Array, losses: Array, gradients: Array, first: int, whole: bool) -> Tail:
    thetas, losses, gradients = (part.astype(float) for part in (thetas, losses, gradients))
    known = np.isfinite(losses)
    with np.errstate(all="ignore"):
        sizes = np.sum(np.abs(gradients[:-1] * np.diff(thetas, axis=0)), axis=1)
    return Tail(thetas, losses[known], gradients, sizes, first, whole)


def settles(rows: Tail) -> bool:
    """Has it come to rest, or does the loss fall all the way?"""
    if not len(rows.sizes):
        return True
    scale = float(np.max(np.abs(rows.losses)))
    last = float(np.max(rows.sizes[-max(1, len(rows.sizes) // 4) :]))
    if last <= STILL * scale:
        return True
    falls = bool((np.diff(rows.losses) <= ROUNDING * scale).all())
    return falls and float(rows.losses[0] - rows.losses[-1]) > LEAST_FALL * float(np.sum(rows.sizes))


def at_rest(trace: Trace) -> bool:
    """Is the next step of a method that moves by the gradient nothing but rounding?"""
    method, gradient = method_of(trace), trace.gradient[-1].astype(float)
    plain = method is not None and not method.freeze and method.usual is None
    return plain and float(trace.lr[-1]) * float(gradient @ gradient) <= STILL * abs(float(trace.loss[-1]))


def consecutive(trace: Trace, rows: Tail) -> Tail:
    """Every step, where the trace has only some: a few more are taken from its end."""
    objective, method = trace.objective, method_of(trace)
    if method is None or objective.columns.rows * BEYOND > MOST_WORK:
        return rows
    rate = float(trace.lr[-1])
    ahead = Stepped(objective, method, trace.position[0], rate)
    ahead.restore(trace.position)
    more = ahead.advance(np.full(BEYOND, rate))
    return _tail(more.thetas, more.losses, more.gradients, int(trace.step[-1]), True)


def cycle(rows: Tail) -> int | None:
    """The period: after how many steps the same points come again, in all of the last quarter."""
    if not rows.whole:
        return None
    count = len(rows.thetas)
    weights = np.max(np.abs(rows.gradients[-max(8, count // 2) :]), axis=0)
    size = float(np.max(rows.sizes[-max(1, count // 4) :]))
    last = max(2, count // 4)
    for period in range(2, min(LONGEST, count - last, last // 2) + 1):
        back = rows.thetas[-last:] - rows.thetas[-last - period : count - period]
        if float(np.max(np.abs(back) @ weights)) <= ALIKE * size:
            return period
    return None


def of_batches(trace: Trace) -> str:
    """By the loss of all rows where it is known: it falls, or stays about where it is, or rises above its start."""
    losses = trace.full_loss.astype(float)
    losses = losses[np.isfinite(losses)]
    if len(losses) < 4:
        return "converges" if losses[-1] <= losses[0] else "blows-up"
    middle, late = (float(np.mean(part)) for part in np.array_split(losses, 4)[2:])
    spread = float(np.std(np.array_split(losses, 4)[3]))
    if late > losses[0]:
        return "blows-up" if late > middle else "wanders"
    return "converges" if late < middle - spread or spread <= ROUNDING * abs(late) else "wanders"
