"""A method is its equations, written once as text in our own language.

Names: `theta` and `g` are the parameters and the gradient, one coordinate at a time; `eta` is the learning rate and `t` the step,
counted from 1. Assignments are sequential. An assigned name that is no state is a temporary; what is neither is a constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from steepest.errors import FormulaError, OptionError, unknown
from steepest.language.evaluate import evaluate
from steepest.language.parser import parse_assignments, parse_expression
from steepest.language.program import Builder, Program

Array = np.ndarray[Any, Any]
RESERVED = ("theta", "g", "eta", "t")


@dataclass(frozen=True)
class Method:
    """Equations as text, with their states' starts, their constants, and where they come from.

    `freeze` names the states that change too slowly, or too irregularly, for a stability limit: there they are
    these constants.
    """

    text: str
    source: str
    state: str = ""  # "v = 0; s = 0"
    defaults: Mapping[str, str] = field(default_factory=dict)
    freeze: Mapping[str, float] = field(default_factory=dict)
    usual: float | None = None  # the learning rate that people use where no limit says which
    bounds: tuple[tuple[float, ...], ...] = ()  # the lowest and the highest theta, if it is kept between them

    @cached_property
    def step(self) -> Program:
        """One step, for one coordinate: outputs `theta` and every state, constants put in."""
        return self._step(())

    @cached_property
    def frozen_step(self) -> Program:
        """The step while the states in `freeze` keep their values."""
        return self._step(tuple(self.freeze))

    def starts(self, theta: Array, rate: Any) -> Array:
        """The start of every state, one row each, as long as theta."""
        state = np.zeros((len(self.states), len(theta)), dtype=theta.dtype)
        for line, (_, program) in zip(state, self._starts, strict=True):
            builder = Builder()
            place = builder.inline(program, self._constants(builder))["value"]
            line[:] = evaluate(builder.program(value=place), names={"theta": theta, "eta": rate})[-1]
        if self.bounds:
            state[-2:] = self.bounds
        return state

    @cached_property
    def states(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self._starts)

    @cached_property
    def _starts(self) -> list[tuple[str, Program]]:
        return parse_assignments(self.state) if self.state else []

    def _step(self, frozen: tuple[str, ...]) -> Program:
        builder = Builder()
        bound = self._constants(builder)
        for target, program in parse_assignments(self.text):
            if target not in frozen:
                bound[target] = builder.inline(program, bound)["value"]
        for name in self.states:
            bound.setdefault(name, builder.add("name", value=name))  # a bound, which never changes
        outputs = {name: bound[name] for name in ("theta", *self.states) if name not in frozen}
        return Program(tuple(builder.nodes), outputs).pruned()

    def _constants(self, builder: Builder) -> dict[str, int]:
        return {name: builder.inline(parse_expression(text), {})["value"] for name, text in self.defaults.items()}

    def latex(self) -> str:
        """The equations as LaTeX; see `steepest.methods.latex`."""
        from steepest.methods.latex import latex

        return latex(self)

    def with_constants(self, given: Mapping[str, Any]) -> Method:
        """The same equations with other constants. Raises OptionError for a name that is none, or a value that is no number."""
        for name, value in given.items():
            if name not in self.defaults:
                raise OptionError(unknown("constant of the method", str(name), self.defaults or ["none"]))
            if isinstance(value, bool) or not np.isscalar(value) or not np.isfinite(_real(value)):
                raise OptionError(f"the method's constant {name} is {value!r}: give a finite number")
        own = {name: repr(_real(value)) for name, value in given.items()}
        return replace(self, defaults={**self.defaults, **own}) if own else self

    def within(self, low: tuple[float, ...], high: tuple[float, ...]) -> Method:
        """The same method, theta put back between bounds after every step: gradient projection (Goldstein 1964).

        The bounds are two more states, which never change.
        """
        state = "; ".join([*([self.state] if self.state else []), "lower = theta", "upper = theta"])
        return replace(self, text=f"{self.text};  theta = max(lower, min(upper, theta))", state=state, bounds=(low, high))

    def with_gradient(self, *changes: str) -> Method:
        """The same method on a changed gradient: assignments to `g`, made before its own equations."""
        return replace(self, text=";  ".join([*changes, self.text])) if changes else self


def _real(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


@lru_cache(maxsize=64)  # so that a text is one method, and what is compiled for it is found again
def read_method(text: str) -> Method:
    """A method from a user's own equations: a name that is read before it is assigned is a state, and starts at 0.

    Raises FormulaError where a name is neither reserved nor assigned anywhere, or `theta` is not assigned.

    >>> read_method("v = 0.9*v + g; theta = theta - eta*v").states
    ('v',)
    """
    assigned: set[str] = set()
    targets = [target for target, _ in parse_assignments(text)]
    states: dict[str, None] = {}
    if "theta" not in targets:
        raise FormulaError("a method must assign theta: 'theta = theta - eta*g'", text, 0)
    for reserved in ("eta", "t"):
        if reserved in targets:
            raise FormulaError(f"'{reserved}' cannot be assigned: it is given at every step", text, max(0, text.find(reserved)))
    for target, program in parse_assignments(text):
        for name in program.names():
            if name in assigned or name in RESERVED:
                continue
            if name not in targets:
                names = [*RESERVED, *dict.fromkeys(targets)]
                raise FormulaError(unknown("name in a method", name, names), text, max(0, text.find(name)))
            states[name] = None
        assigned.add(target)
    return Method(text, source="yours", state="; ".join(f"{name} = 0" for name in states))
