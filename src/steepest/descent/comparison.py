"""Methods and engines beside each other on one problem: the same start, data and stops, and rates by a rule that is told."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from steepest.descent.given.parameters import is_finite, shown
from steepest.descent.interrupt import INTERRUPTED
from steepest.descent.trace import Trace
from steepest.errors import EngineError, OptionError
from steepest.methods.code.table import CODE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GRID = tuple(10 ** (k / 3) for k in range(-15, 4))  # 10⁻⁵ … 10¹ by thirds of decades
FAILED = ("diverged", "nonfinite")

Descend = Callable[..., Trace]


class Chosen(NamedTuple):
    """A learning rate, how it was chosen, and the final loss at every rate of the grid, where there was one."""

    lr: Any
    why: str
    losses: tuple[float, ...] = ()


class Run(NamedTuple):
    """One method on one engine."""

    method: str
    engine: str
    chosen: Chosen
    trace: Trace

    @property
    def loss(self) -> float:
        """The final loss of all rows."""
        return float(self.trace.full_loss[-1])

    @property
    def lr(self) -> float | None:
        """The rate of the first step; None where the method finds its own."""
        first: float | None = self.trace.recipe["first_lr"]
        return first

    @property
    def evaluations(self) -> int:
        """How often the loss and its gradient were computed, each on the rows of a step."""
        return int(self.trace.recipe["evaluations"])


@dataclass(frozen=True)
class Comparison:
    """`runs`, one for each method on each engine; `grid`, the rates that were tried; `missing`, what could not run, and why."""

    runs: tuple[Run, ...]
    grid: tuple[float, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def best(self) -> float:
        """The least final loss of a run that did not fail."""
        return min((run.loss for run in self.runs if run.trace.outcome not in FAILED), default=np.nan)

    def text(self) -> str:
        """The table and the recipe, for a terminal."""
        from steepest.show.comparison import comparison_text

        return comparison_text(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the points, as plain values."""
        runs = [
            {
                "method": run.method,
                "engine": run.engine,
                "lr": run.lr,
                "lr_why": run.chosen.why,
                "steps": int(run.trace.step[-1]),
                "evaluations": run.evaluations,
                "seconds": run.trace.seconds,
                "loss": run.loss,
                "gap": run.loss - self.best,
                "outcome": run.trace.outcome,
                "reason": run.trace.reason,
                "parameters": run.trace.final,
                "grid_losses": list(run.chosen.losses),
                "recipe": dict(run.trace.recipe),
            }
            for run in self.runs
        ]
        return {"runs": runs, "best": self.best, "grid": list(self.grid), "missing": dict(self.missing)}

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """The loss against steps, evaluations and seconds; see `steepest.show.comparison.plot_comparison`."""
        from steepest.show.comparison import plot_comparison

        return plot_comparison(self, path)

    def _repr_html_(self) -> str:
        from steepest.show.comparison import comparison_html

        return comparison_html(self)


def compare(descend: Descend, methods: Sequence[str], engines: Sequence[str], lr: Any, options: Mapping[str, Any]) -> Comparison:
    """Runs every method on every engine. `descend(method, lr, engine=…, **options)` gives a trace.

    Each run is timed after a first one of a block, so that no compilation is counted. An engine or library that is missing is told
    in `missing`. Raises OptionError.
    """
    methods, engines = _words("methods", methods), _words("engines", engines)
    grid = _grid(lr)
    runs: list[Run] = []
    missing: dict[str, str] = {}
    for method in methods:
        chosen: Chosen | None = None
        for engine in engines:
            try:
                if chosen is None:
                    chosen = _chosen(descend, method, engine, lr, grid, options)
                descend(method, chosen.lr, engine=engine, **{**options, "seconds": 0})
                trace = descend(method, chosen.lr, engine=engine, **options)
                _go_on(trace)
            except EngineError as error:
                missing[f"{method}, {engine}"] = str(error)
                continue
            why = chosen.why or str(trace.recipe["lr_why"])
            runs.append(Run(method, str(trace.recipe["engine"]), chosen._replace(why=why), trace))
    if not runs:
        raise EngineError(f"nothing could run: {next(iter(missing.values()))}")
    return Comparison(tuple(runs), grid, missing)


def _chosen(
    descend: Descend, method: str, engine: str, lr: Any, grid: Sequence[float], options: Mapping[str, Any]
) -> Chosen:  # fmt: skip
    """The rate of a method: found by itself, given, automatic, or the one of the grid with the least final loss."""
    if method in CODE or method.startswith("scipy:"):
        return Chosen("auto", "")
    if not grid:
        return Chosen(lr, "")
    losses = []
    for rate in grid:
        trace = descend(method, rate, engine=engine, **options)
        _go_on(trace)
        losses.append(np.inf if trace.outcome in FAILED else float(trace.full_loss[-1]))
    place = int(np.argmin(losses))
    edge = ", at its edge" if place in (0, len(grid) - 1) else ""
    return Chosen(grid[place], f"the best of the grid{edge}", tuple(losses))


def _go_on(trace: Trace) -> None:
    """Ctrl-C in one descent ends the comparison."""
    if trace.reason == INTERRUPTED:
        raise KeyboardInterrupt


def _grid(lr: Any) -> tuple[float, ...]:
    """The rates to try: none, where one is given or found."""
    if isinstance(lr, str):
        if lr not in ("auto", "grid"):
            raise OptionError(f"lr is '{lr}': give 'auto', 'grid', a positive number, or a list of them to choose from")
        return GRID if lr == "grid" else ()
    if not isinstance(lr, Iterable):
        return ()
    rates = tuple(lr)
    if not rates or not all(not isinstance(rate, bool | str) and is_finite(rate) and rate > 0 for rate in rates):
        raise OptionError(f"lr is {shown(lr)}: a list of rates to choose from has positive numbers")
    return tuple(float(rate) for rate in rates)


def _words(name: str, given: Sequence[str]) -> tuple[str, ...]:
    words = () if isinstance(given, str) else tuple(given)
    if not words or not all(isinstance(word, str) for word in words):
        raise OptionError(f"{name} is {shown(given)}: give a list of names, one or more")
    return tuple(dict.fromkeys(words))
