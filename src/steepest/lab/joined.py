"""Steps that were taken at different times as one trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from steepest.descent.trace import Trace, frozen

Array = np.ndarray[Any, Any]
COLUMNS = ("epoch", "theta", "loss", "gradient", "lr")


class Leg(NamedTuple):
    """Steps taken together, with the same settings, from step `first` of the session."""

    settings: Any
    first: int
    trace: Trace

    @property
    def steps(self) -> int:
        return int(self.trace.step[-1] - self.trace.step[0])

    @property
    def last(self) -> int:
        return self.first + self.steps


def joined(legs: Sequence[Leg]) -> Trace:
    """One trace of all legs, each of which begins where the one before it ended.

    The recipe is that of the last leg; where settings differ, its "by_hand" lists them with their first steps.
    """
    legs = [leg for leg in legs if leg.steps] or legs[-1:]
    last = legs[-1].trace
    if len(legs) == 1:
        return replace(last, step=frozen(last.step - last.step[0] + legs[0].first))
    ends = [*(slice(None, -1) for _ in legs[1:]), slice(None)]  # the row of an end is the next leg's first
    pairs = list(zip(legs, ends, strict=True))
    columns = {name: np.concatenate([getattr(leg.trace, name)[end] for leg, end in pairs]) for name in COLUMNS}
    columns["step"] = np.concatenate([(leg.trace.step - leg.trace.step[0] + leg.first)[end] for leg, end in pairs])
    columns["full_loss"] = np.concatenate([loss[end] for loss, (_, end) in zip(_full_losses(legs), pairs, strict=True)])
    arrays: dict[str, Any] = {name: frozen(column) for name, column in columns.items()}
    return replace(
        last,
        **arrays,
        seconds=sum(leg.trace.seconds for leg in legs),
        evaluations=None,
        recipe=_recipe(legs),
    )


def _full_losses(legs: Sequence[Leg]) -> list[Array]:
    """On batches, the loss of all rows is known at a leg's end, and not always at the beginning of the next."""
    losses = [leg.trace.full_loss.astype(float) for leg in legs]
    for before, after in pairwise(losses):
        after[0] = before[-1]
    return losses


def _recipe(legs: Sequence[Leg]) -> dict[str, Any]:
    recipe = dict(legs[-1].trace.recipe)
    total = sum(leg.steps for leg in legs)
    recipe |= {"steps": total, "evaluations": total, "every": max(int(leg.trace.recipe["every"]) for leg in legs)}
    recipe["options"] = {**recipe["options"], "steps": total}
    if any(leg.settings != legs[0].settings for leg in legs):
        recipe["by_hand"] = [{"step": leg.first, **vars(leg.settings)} for leg in legs]
    return recipe
