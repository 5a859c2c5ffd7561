"""What a problem is made of: a formula, a loss, rows, their weights and a start; and the objectives, through any engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import Any

from steepest._version import __version__
from steepest.data.groups import grouped
from steepest.data.read import read_table
from steepest.descent.blocks import by_coordinate, derived, zeros
from steepest.descent.condensed.objective import CondensedObjective, Factor
from steepest.descent.objective import Array, Objective
from steepest.descent.parameters import Start, read_start
from steepest.descent.responses import check_responses
from steepest.descent.trace import Trace
from steepest.descent.weights import read_weights
from steepest.engines.table import kernels
from steepest.errors import EngineError, OptionError
from steepest.language.formula import parse_formula
from steepest.language.losses import parse_loss
from steepest.ready.model import start_of


class Posed:
    """The arguments of a Problem, read. `warnings` are what was decided for the user, in sentences. Raises as Problem does."""

    def __init__(
        self,
        formula: str,
        data: Any,
        loss: str,
        start: Any,
        weights: Sequence[float] | str | None,
        constants: Mapping[str, float] | None,
        missing: str,
        groups: Mapping[str, Sequence[str] | str] | None = None,
        penalty: str | None = None,
    ) -> None:
        table = grouped(read_table(data), groups)
        self.formula = parse_formula(formula, table.names, constants, table.matrices)
        self.groups = {block.matrix: list(block.labels) for block in self.formula.blocks if block.matrix in (groups or {})}
        self.constants = dict(constants or {})
        named = (weights,) if isinstance(weights, str) else ()
        columns = table.columns([*self.formula.columns, *named], missing=missing)
        self.columns = columns.first(len(self.formula.columns))
        given = columns.arrays[columns.names.index(weights)] if isinstance(weights, str) else weights
        self._weights_name = weights if isinstance(weights, str) else None
        self._missing = missing
        self.weights = None if given is None else read_weights(given, columns.rows)
        self.penalty = penalty
        self.derivation = derived(self.formula, parse_loss(loss), penalty, self.constants, columns.rows, self.weights)
        check_responses(self.derivation, self.columns)
        shipped = {**start_of(formula, table, self.columns, self.weights), **zeros(self.derivation)}
        self.start = read_start(by_coordinate(start, self.formula), self.parameters, shipped)
        self.warnings = [*self.formula.warnings, *columns.warnings]
        self._objectives: dict[tuple[Any, ...], Objective] = {}

    @property
    def parameters(self) -> tuple[str, ...]:
        return self.formula.parameters

    def started(self, start: Any) -> Posed:
        """The same from another start; fixed parameters stay fixed."""
        other = copy(self)
        other.start = Start(self.theta(start, "start"), self.start.free, ())
        return other

    def theta(self, given: Any, what: str = "theta") -> tuple[Any, ...]:
        """All parameters in order, from a mapping that names them all, or a vector. Raises OptionError."""
        given = by_coordinate(given, self.formula, what)
        if isinstance(given, Mapping) and (missing := [name for name in self.parameters if name not in given]):
            raise OptionError(f"{what} has no value for {', '.join(missing)}")
        return read_start(given, self.parameters, {}, what).values

    def vector(self, given: Any) -> Array:
        """The same in float64."""
        return self.objective().kernels.vector(self.theta(given))

    def point(self, at: Any) -> tuple[Any, ...]:
        """The start, what `at` puts over it, or the end of a trace."""
        at = {**self.started_at, **at} if isinstance(at, Mapping) else at.final if isinstance(at, Trace) else at
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
            "weights": self._weights_name,
            "missing": self._missing,
            **({"matrices": {b.matrix: list(b.labels) or b.size for b in self.formula.blocks}} if self.formula.blocks else {}),
            **({"groups": self.groups} if self.groups else {}),
            **({"penalty": self.penalty} if self.penalty else {}),
            "constants": {name: float(value) for name, value in self.constants.items()},
            "start": {name: float(value) for name, value in self.started_at.items()},
            "fixed": [name for k, name in enumerate(self.parameters) if k not in self.start.free],
            "version": __version__,
        }
