"""Model: a formula's text that knows where it starts."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from steepest.data.read import read_table
from steepest.data.table import Array, Columns, Table
from steepest.errors import OptionError
from steepest.language.parser import parse_expression
from steepest.language.text import written
from steepest.language.tokens import name_fault
from steepest.ready.kinds import KINDS, Kind, polynomial
from steepest.ready.pursuit import pursue

HIGHEST_DEGREE = 20


class Part(NamedTuple):
    """One model of a sum: its name in the table, what stands before its parameters' names, and a polynomial's degree."""

    name: str
    prefix: str
    degree: int = 0

    @property
    def kind(self) -> Kind:
        return polynomial(self.degree) if self.name == "polynomial" else KINDS[self.name]


class Model(str):
    """The text of a formula in one predictor, which knows where a fit of it starts: what `steepest.models` makes.

    Wherever a formula is asked for, this is one. `a + b` is the model of the sum: names that two parts share are numbered, and it
    has one constant term, the last. `.parameters` are the names; `.start(data)` is the start.
    """

    response: str
    predictor: str
    parts: tuple[Part, ...]
    _names: list[dict[str, str]]  # of each part: its parameters' own names → those in the formula
    _constant: str

    def __new__(cls, response: str, predictor: str, parts: Sequence[Part]) -> Model:
        named, constant = _named(parts)
        terms = []
        for part, names in zip(parts, named, strict=True):
            shown = {**names, "x": written(predictor)}
            head = [names[part.kind.constant]] if part.kind.constant in names else []
            terms += [*head, *([_renamed(part.kind.core, shown)] if part.kind.core else [])]
        made = super().__new__(cls, f"{written(response)} ~ {' + '.join(terms)}")
        made.response, made.predictor, made.parts = response, predictor, tuple(parts)
        made._names, made._constant = named, constant
        for name in made.parameters:
            if fault := name_fault(name):
                raise OptionError(f"the parameter '{name}' cannot be called so: {fault}; give another prefix")
            if name in (response, predictor):
                raise OptionError(f"'{name}' is both a column and a parameter of this model: give prefix='m_'")
        return made

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self.response, self.predictor, self.parts

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters."""
        return tuple(shown for names in self._names for shown in names.values())

    def __add__(self, other: str) -> Model:
        """The model of the sum of both, as of a peak on a straight background."""
        if not isinstance(other, Model):
            raise OptionError("a ready model can be added to a ready model only; else write the formula as text, and give start=")
        if (self.response, self.predictor) != (other.response, other.predictor):
            raise OptionError(
                f"these are models of '{self.response}' by '{self.predictor}' and of '{other.response}' by '{other.predictor}':"
                " a sum has one response and one predictor"
            )
        parts = (*self.parts, *other.parts)
        if sum(part.kind.is_polynomial for part in parts) > 1:
            raise OptionError("a sum of two polynomials is a polynomial, whose parameters cannot be told apart: take one")
        return Model(self.response, self.predictor, parts)

    def start(self, data: Any) -> dict[str, float]:
        """Where a fit of these data starts, by name; empty where they cannot tell. `data`: what `Problem` takes. Raises DataError.

        >>> from steepest.models import line
        >>> {name: round(value, 9) for name, value in line("y", "x").start({"x": [0, 1, 2], "y": [1, 3, 5]}).items()}
        {'intercept': 1.0, 'slope': 2.0}
        """
        x, y = (read_table(data).columns([name]).arrays[0] for name in (self.predictor, self.response))
        return self._start(x, y)

    def _start(self, x: Array, y: Array) -> dict[str, float]:
        solved, constant = pursue([part.kind for part in self.parts], bool(self._constant), x, y)
        start: dict[str, float] = {}
        for values, names in zip(solved, self._names, strict=True):
            values = {**values, **{name: constant for name, shown in names.items() if shown == self._constant}}
            start |= {shown: values[name] for name, shown in names.items() if name in values}
        return start


def start_of(formula: str, table: Table, columns: Columns, weights: Array | None) -> Mapping[str, float]:
    """The start that comes with a formula or its data: a ready model's, or a shipped example's. Rows of weight 0 have no say."""
    if not isinstance(formula, Model):
        return table.start
    clash = [name for name in formula.parameters if name in table.names]
    if clash:
        raise OptionError(f"'{clash[0]}' is both a parameter of this model and a column: give the model prefix='m_'")
    x, y = (columns.arrays[columns.names.index(name)] for name in (formula.predictor, formula.response))
    counted = slice(None) if weights is None else weights > 0
    return formula._start(x[counted], y[counted])


def whole_degree(degree: Any) -> int:
    """A degree that a polynomial can have here. Raises OptionError."""
    try:
        number = -1 if isinstance(degree, bool | np.bool_) else operator.index(degree)
    except TypeError:
        number = -1
    if not 0 <= number <= HIGHEST_DEGREE:
        raise OptionError(f"degree is {degree!r}: give a whole number from 0 to {HIGHEST_DEGREE}")
    return number


def kind_names(kind: Kind) -> tuple[str, ...]:
    """The names of its parameters: the constant, then those of the core as they appear."""
    core = parse_expression(kind.core).names() if kind.core else ()
    return tuple(name for name in (kind.constant, *core) if name and name != "x")


def _named(parts: Sequence[Part]) -> tuple[list[dict[str, str]], str]:
    """For each part, its parameters' own names → those in the formula; and which of them is the constant of the sum."""
    last = max((k for k, part in enumerate(parts) if part.kind.constant), default=-1)
    owned = [
        [(name, part.prefix + name) for name in kind_names(part.kind) if name != part.kind.constant or k == last]
        for k, part in enumerate(parts)
    ]
    every = [shown for pairs in owned for _, shown in pairs]
    named, seen = [], dict.fromkeys(every, 0)
    for pairs in owned:
        names = {}
        for name, shown in pairs:
            seen[shown] += 1
            names[name] = f"{shown}_{seen[shown]}" if every.count(shown) > 1 else shown
        named.append(names)
    return named, named[last][parts[last].kind.constant] if last >= 0 else ""


def _renamed(core: str, names: Mapping[str, str]) -> str:
    return re.sub(r"[A-Za-z_]\w*", lambda match: names.get(match[0], match[0]), core)
