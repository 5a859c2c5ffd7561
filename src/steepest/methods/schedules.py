"""Schedules: by what the learning rate is multiplied at step t, as text in our own language.

Names: `t` is the step, counted from 1, and `T` the number of steps that the descent may take.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from steepest.errors import FormulaError, OptionError, unknown
from steepest.language.evaluate import evaluate
from steepest.language.parser import parse_expression
from steepest.language.program import Builder, Program

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Schedule:
    """A factor as text, its constants (which may use T), and where it comes from."""

    text: str
    source: str
    defaults: Mapping[str, str] = field(default_factory=dict)

    def factors(self, first: int, count: int, steps: int) -> Array:
        """The factors of the steps first + 1 … first + count, of a descent of so many steps."""
        if self.text == "1":
            return np.ones(count)
        names = {"t": np.arange(first + 1, first + count + 1, dtype=float), "T": float(steps)}
        found = evaluate(self.program, names=names)[self.program.outputs["value"]]
        return np.array(np.broadcast_to(found, count), dtype=float)

    @cached_property
    def program(self) -> Program:
        """The factor with the constants put in."""
        builder = Builder()
        bound = {name: builder.inline(parse_expression(text), {})["value"] for name, text in self.defaults.items()}
        return builder.program(**builder.inline(_parsed(self.text), bound))

    def with_constants(self, given: Mapping[str, float]) -> Schedule:
        own = {name: repr(float(value)) for name, value in given.items()}
        return replace(self, defaults={**self.defaults, **own}) if own else self


SCHEDULES: dict[str, Schedule] = {
    "constant": Schedule("1", source="Cauchy 1847"),
    "step": Schedule(
        "gamma**floor((t - 1)/every)", defaults={"gamma": "0.1", "every": "30"}, source="torch.optim.lr_scheduler.StepLR"
    ),
    "exponential": Schedule("gamma**(t - 1)", defaults={"gamma": "0.01**(1/T)"}, source="torch.optim.lr_scheduler.ExponentialLR"),
    "cosine": Schedule(
        "last + (1 - last)*(1 + cos(pi*(t - 1)/T))/2",
        defaults={"last": "0"},
        source="Loshchilov and Hutter 2017; torch.optim.lr_scheduler.CosineAnnealingLR",
    ),
    "inverse": Schedule("1/(1 + decay*(t - 1))", defaults={"decay": "1"}, source="Robbins and Monro 1951"),
    "warm-up": Schedule(
        "min(1, t/warm)", defaults={"warm": "max(1, T/10)"}, source="Goyal et al. 2017; torch.optim.lr_scheduler.LinearLR"
    ),
    "one-cycle": Schedule(
        "where(t - 1 <= rise*T - 1, "
        "1 + (1/first - 1)*(1 + cos(pi*(t - 1)/(rise*T - 1)))/2, "
        "1/(first*last) + (1 - 1/(first*last))*(1 + cos(pi*(t - rise*T)/(T - rise*T)))/2)",
        defaults={"rise": "0.3", "first": "25", "last": "10000"},
        source="Smith and Topin 2019; torch.optim.lr_scheduler.OneCycleLR, lr being its max_lr",
    ),
}


def read_schedule(text: str) -> Schedule:
    """A schedule of the table by name, else a user's own expression in t and T. Raises FormulaError, OptionError.

    >>> read_schedule("1/sqrt(t)").factors(0, 4, 100).tolist()[::3]
    [1.0, 0.5]
    """
    if text in SCHEDULES:
        return SCHEDULES[text]
    if text.replace("-", "").isidentifier() and text not in ("t", "T"):
        raise OptionError(f"{unknown('schedule', text, SCHEDULES)}\nor give an expression in t, the step, as '1/sqrt(t)'")
    for name in _parsed(text).names():
        if name not in ("t", "T"):
            raise FormulaError(unknown("name in a schedule", name, ["t", "T"]), text, max(0, text.find(name)))
    return Schedule(text, source="yours")


def _parsed(text: str) -> Program:
    return parse_expression(text, functions=("floor",))
