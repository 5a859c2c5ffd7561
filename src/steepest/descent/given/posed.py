"""What a problem is made of: a formula, a loss, rows, their weights and a start; and the objectives, through any engine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import Any

from steepest._version import __version__
from steepest.data.table import Table
from steepest.descent.condensed.objective import CondensedObjective, Factor
from steepest.descent.given.blocks import by_coordinate, derived, spelled, zeros
from steepest.descent.given.parameters import FREE, read_start
from steepest.descent.given.responses import check_responses
from steepest.descent.given.set_starts import shipped_start
from steepest.descent.given.sets import opened
from steepest.descent.given.ties import ties_of
from steepest.descent.given.together import together
from steepest.descent.given.weights import check_errors, plain_weights, read_sigma, read_weights
from steepest.descent.objective import Array, Objective
from steepest.descent.trace import Trace
from steepest.engines.table import kernels
from steepest.errors import EngineError, OptionError
from steepest.language.losses import parse_loss
from steepest.language.names import printable
from steepest.language.tokens import tokenize


class Posed:
    """The arguments of a Problem, read. `warnings` are what was decided for the user, in sentences. Raises as Problem does."""

    def __init__(
        self,
        formula: str | Sequence[str],
        data: Any,
        loss: str,
        start: Any,
        weights: Sequence[Any] | str | None,
        sigma: Sequence[Any] | float | str | None,
        constants: Mapping[str, float] | None,
        missing: str,
        own: Mapping[str, str] | Sequence[str] | None,
        groups: Mapping[str, Sequence[str] | str] | None = None,
        penalty: str | None = None,
    ) -> None:
        ties, start = ties_of(start)
        given, what = (weights, "weights") if sigma is None else (sigma, "sigma")
        started = start if isinstance(start, Mapping) else ()
        whole = together(formula, data, own, given, what, constants, ties, started, groups)
        self.formula, self.sets, self.ties, table = whole.formula, whole.sets, whole.ties, whole.table
        self.groups = {block.matrix: list(block.labels) for block in self.formula.blocks if block.matrix in (groups or {})}
        self.constants, self._missing = dict(constants or {}), missing
        self.penalty = penalty = spelled(penalty, self.sets.parameters if self.sets else {}, ties)
        criterion = parse_loss(loss)
        check_errors(criterion, sigma, weights)
        named = plain_weights(given) if isinstance(whole.given, str | int | float) else None
        self._weights: Any = named if sigma is None else None
        self._sigma: Any = None if sigma is None else named or True
        columns = table.columns([*self.formula.columns, *([whole.given] if isinstance(whole.given, str) else [])], missing=missing)
        self.columns = columns.first(len(self.formula.columns))
        whole.check(self.columns)
        numbers = columns.arrays[columns.names.index(whole.given)] if isinstance(whole.given, str) else whole.given
        read = read_weights if sigma is None else read_sigma
        self.weights = None if numbers is None else read(numbers, columns.rows)
        self.derivation = derived(self.formula, criterion, penalty, self.constants, columns.rows, self.weights)
        check_responses(self.derivation, self.columns)
        shipped = {**shipped_start(whole, self.columns, self.weights), **zeros(self.derivation)}
        self.start = read_start(by_coordinate(self.spread(start), self.formula), self.parameters, shipped)
        texts = [*whole.formulas, *ties.values(), penalty or ""]
        self.warnings = [*self.formula.warnings, *unused(self.constants, self.parameters, texts), *columns.warnings]
        self._objectives: dict[tuple[Any, ...], Objective] = {}

    @property
    def parameters(self) -> tuple[str, ...]:
        return self.formula.parameters

    def started(self, start: Any) -> Posed:
        """The same from another start; fixed parameters stay fixed."""
        other = copy(self)
        other.start = self.start.moved(self.theta(start, "start"), self.parameters)
        return other

    def refuse_bounds(self, what: str) -> None:
        """Raises OptionError where a parameter has bounds."""
        if self.start.bounds:
            raise OptionError(f"{what} at the loss without bounds: leave min and max out of the start")

    def spread(self, given: Any) -> Any:
        """A mapping by name, where the value of an own parameter goes to all that it became."""
        return self.sets.spread(given) if self.sets else given

    def opened(self, data: Any, label: Any = None) -> Table:
        """New data, with codes for the labels of groups; see `Sets.opened`."""
        return opened(data, self.sets, label)

    def theta(self, given: Any, what: str = "theta") -> tuple[Any, ...]:
        """All parameters in order, from a mapping that names them all, or a vector. Raises OptionError."""
        given = by_coordinate(self.spread(given), self.formula, what)
        if isinstance(given, Mapping) and (missing := [name for name in self.parameters if name not in given]):
            raise OptionError(f"{what} has no value for {', '.join(missing)}")
        return read_start(given, self.parameters, {}, what).values

    def vector(self, given: Any) -> Array:
        """The same in float64."""
        return self.objective().kernels.vector(self.theta(given))

    def point(self, at: Any) -> tuple[Any, ...]:
        """The start, what `at` puts over it, or the end of a trace."""
        at = {**self.started_at, **self.spread(at)} if isinstance(at, Mapping) else at.final if isinstance(at, Trace) else at
        return self.theta(self.start.values if at is None else at, "at")

    def point_vector(self, at: Any) -> Array:
        """The same in float64."""
        return self.objective().kernels.vector(self.point(at))

    @property
    def started_at(self) -> dict[str, Any]:
        """The start by name."""
        return dict(zip(self.parameters, self.start.values, strict=True))

    def objective(self, engine: str = "numpy", every: bool = False, **place: Any) -> Objective:
        """The loss as a function of theta, through one engine; with `every`, fixed parameters have a gradient too."""
        free = None if every else self.start.free
        if engine == "condensed":
            if self.formula.blocks:
                raise EngineError("engine 'condensed' has no dot(w, X): use engine='auto'")
            return CondensedObjective(self.factor, free)
        known = (engine, every, *sorted(place.items()))
        if known not in self._objectives:
            made = self.objective(engine, **place).kernels if every else kernels(engine, self.derivation, **place)
            self._objectives[known] = Objective(made, self.columns, self.weights, free)
        return self._objectives[known]

    @cached_property
    def factor(self) -> Factor:
        """The few rows that stand for all of them, where there are such."""
        return Factor(self.objective("numpy", every=True))

    def recipe(self) -> dict[str, Any]:
        """As plain values, with the fingerprint of the data."""
        return {**self.made_of(), "fingerprint": self.columns.fingerprint}

    def made_of(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "formula": self.formula.text,
            "loss": self.derivation.criterion.name,
            "data": self.columns.source,
            "rows": self.columns.rows,
            "weighted": self.weights is not None,
            "weights": self._weights,
            "sigma": self._sigma,
            "missing": self._missing,
            "sets": self.sets and self.sets.to_dict(),
            **({"matrices": {b.matrix: list(b.labels) or b.size for b in self.formula.blocks}} if self.formula.blocks else {}),
            **({"groups": self.groups} if self.groups else {}),
            **({"penalty": self.penalty} if self.penalty else {}),
            "constants": {name: float(value) for name, value in self.constants.items()},
            "start": {name: float(value) for name, value in self.started_at.items()},
            "ties": self.ties,
            "bounds": {name: finite(pair) for name, pair in zip(self.parameters, self.start.bounds, strict=False) if pair != FREE},
            "fixed": [name for k, name in enumerate(self.parameters) if k not in self.start.free],
            "version": __version__,
        }


def unused(constants: Iterable[str], parameters: Sequence[str], texts: Iterable[str]) -> list[str]:
    """A sentence for each constant that stands in none of the texts."""
    written = {token.text for text in texts for token in tokenize(text)}
    return [
        f"the constant '{printable(name)}' does not stand in the formula, whose parameters are {', '.join(parameters)}"
        for name in constants
        if name not in written
    ]


def finite(pair: tuple[float, float]) -> list[float | None]:
    """Bounds as JSON has them: None where there is none."""
    return [value if math.isfinite(value) else None for value in pair]
