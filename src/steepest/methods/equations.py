"""A method is its equations, written once as text in our own language.

Names: `theta` and `g` are the parameters and the gradient, one coordinate at a time; `eta` is the learning rate and `t` the step,
counted from 1. Assignments are sequential. An assigned name that is no state is a temporary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from steepest.language.evaluate import evaluate
from steepest.language.parser import parse_assignments, parse_expression
from steepest.language.program import Builder, Program

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Method:
    """Equations as text, with their states' starts, their constants, and where they come from."""

    text: str
    source: str
    state: str = ""  # "v = 0; s = 0"
    defaults: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def step(self) -> Program:
        """One step, for one coordinate: outputs `theta` and every state, constants put in."""
        builder = Builder()
        bound = {name: builder.inline(parse_expression(text), {})["value"] for name, text in self.defaults.items()}
        for target, program in parse_assignments(self.text):
            bound[target] = builder.inline(program, bound)["value"]
        return Program(tuple(builder.nodes), {name: bound[name] for name in ("theta", *self.states)}).pruned()

    def starts(self, theta: Array, rate: Any) -> Array:
        """The start of every state, one row each, as long as theta."""
        state = np.zeros((len(self.states), len(theta)), dtype=theta.dtype)
        for line, (_, program) in zip(state, parse_assignments(self.state) if self.state else [], strict=True):
            line[:] = evaluate(program, names={"theta": theta, "eta": rate})[program.outputs["value"]]
        return state

    @cached_property
    def states(self) -> tuple[str, ...]:
        return tuple(name for name, _ in parse_assignments(self.state)) if self.state else ()


EQUATIONS: dict[str, Method] = {
    "gd": Method("theta = theta - eta*g", source="Cauchy 1847"),
}
