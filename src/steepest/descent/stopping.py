"""When a descent ends, and why: judged on finished rows, never inside the loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from steepest.descent.given.parameters import Box
from steepest.descent.objective import Array
from steepest.descent.runners import Rows

GROWTH = 1e10  # a loss that has grown by so many of its own scale comes back no more


class Stop(NamedTuple):
    """The row at which a descent ends (counted in the block), the outcome, and the reason in words."""

    row: int
    outcome: str
    reason: str


@dataclass(frozen=True)
class Until:
    """The stops that a user asks for. Each is met by a row: its loss, the norm of its gradient, or its relative change of loss."""

    loss: float | None = None
    gradient: float | None = None
    change: float | None = None


def first_stop_on_batches(rows: Rows, full: Array, until: Until, scale: float) -> Stop | None:
    """The first row at which a descent on batches ends: `full` has the loss of all rows where it was computed, else NaN."""
    losses, gradients = (part.astype(float, copy=False) for part in (rows.losses, rows.gradients))
    with np.errstate(all="ignore"):
        found = [*_failures(losses, gradients, scale)]
        if until.loss is not None:
            found += _met(full <= until.loss, "converged", f"the loss of all rows is at most {until.loss:g}")
    return min(found, key=lambda stop: stop.row, default=None)


def within(rows: Rows, box: Box | None) -> Rows:
    """The same rows, with gradients of 0 where they would lead out of the box: there nothing moves."""
    if box is None:
        return rows
    out = ((rows.thetas <= box.low) & (rows.gradients > 0)) | ((rows.thetas >= box.high) & (rows.gradients < 0))
    return rows._replace(gradients=np.where(out, 0.0, rows.gradients))


def first_stop(rows: Rows, before: Any, until: Until, scale: float) -> Stop | None:
    """The first row at which the descent ends, if any.

    `before` is the loss of the row before the block (None at the start); `scale` is the start's loss, or what the first step was
    predicted to change, whichever is larger.
    """
    losses = rows.losses.astype(float, copy=False)
    gradients = rows.gradients.astype(float, copy=False)
    with np.errstate(all="ignore"):
        found = [*_failures(losses, gradients, scale), *_wishes(losses, gradients, before, until)]
    return min(found, key=lambda stop: stop.row, default=None)


def _failures(losses: Array, gradients: Array, scale: float) -> Iterator[Stop]:
    if not np.isfinite(losses.sum() + gradients.sum()):  # one pass for the common case; a sum may overflow by itself
        finite = np.isfinite(losses) & np.isfinite(gradients).all(axis=1)
        yield from _met(~finite, "nonfinite", "the loss or its gradient is no longer a finite number")
    yield from _met(losses > GROWTH * scale, "diverged", f"the loss has grown to more than {GROWTH:.0e} times its start")


def _wishes(losses: Array, gradients: Array, before: Any, until: Until) -> Iterator[Stop]:
    zero = gradients[:, 0] == 0  # nearly always this column alone tells
    if zero.any():
        zero[zero] = ~gradients[zero].any(axis=1)
    yield from _met(zero, "converged", "the gradient is zero: nothing moves any more")
    if until.loss is not None:
        yield from _met(losses <= until.loss, "converged", f"the loss is at most {until.loss:g}")
    if until.gradient is not None:
        norms = np.linalg.norm(gradients, axis=1)
        yield from _met(norms <= until.gradient, "converged", f"the norm of the gradient is at most {until.gradient:g}")
    if until.change is not None:
        earlier = np.concatenate([[np.inf if before is None else float(before)], losses[:-1]])
        small = np.abs(losses - earlier) <= until.change * np.abs(losses)
        yield from _met(small, "converged", f"one step changes the loss by at most {until.change:g} of itself")


def _met(flags: Any, outcome: str, reason: str) -> Iterator[Stop]:
    if flags.any():
        yield Stop(int(np.argmax(flags)), outcome, reason)
