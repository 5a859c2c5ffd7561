"""When a descent ends, and why: judged on finished rows, never inside the loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

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


def first_stop(rows: Rows, before: Any, until: Until, scale: float) -> Stop | None:
    """The first row at which the descent ends, if any.

    `before` is the loss of the row before the block (None at the start); `scale` is the start's loss, or what the first step was
    predicted to change, whichever is larger.
    """
    with np.errstate(all="ignore"):
        found = [
            *_failures(rows, scale),
            *(stop for stop in _wishes(rows, before, until)),
        ]
    return min(found, key=lambda stop: stop.row, default=None)


def _failures(rows: Rows, scale: float) -> list[Stop]:
    losses = rows.losses.astype(float)
    finite = np.isfinite(losses) & np.isfinite(rows.gradients.astype(float)).all(axis=1)
    stops = []
    if not finite.all():
        stops.append(Stop(int(np.argmin(finite)), "nonfinite", "the loss or its gradient is no longer a finite number"))
    grown = losses > GROWTH * scale
    if scale > 0 and grown.any():
        stops.append(Stop(int(np.argmax(grown)), "diverged", f"the loss has grown to more than {GROWTH:.0e} times its start"))
    return stops


def _wishes(rows: Rows, before: Any, until: Until) -> list[Stop]:
    losses = rows.losses.astype(float)
    gradients = rows.gradients.astype(float)
    norms = np.linalg.norm(gradients, axis=1)
    stops = [_met(norms == 0, "converged", "the gradient is zero: nothing moves any more")]
    if until.loss is not None:
        stops.append(_met(losses <= until.loss, "converged", f"the loss is at most {until.loss:g}"))
    if until.gradient is not None:
        stops.append(_met(norms <= until.gradient, "converged", f"the norm of the gradient is at most {until.gradient:g}"))
    if until.change is not None:
        earlier = np.concatenate([[np.inf if before is None else float(before)], losses[:-1]])
        small = np.abs(losses - earlier) <= until.change * np.abs(losses)
        stops.append(_met(small, "converged", f"one step changes the loss by at most {until.change:g} of itself"))
    return [stop for stop in stops if stop is not None]


def _met(flags: Array, outcome: str, reason: str) -> Stop | None:
    return Stop(int(np.argmax(flags)), outcome, reason) if flags.any() else None
