"""The loss over two parameters, the others held: what a contour plot shows."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.descent.condensed.objective import CondensedObjective
from steepest.descent.given.parameters import is_finite, shown
from steepest.descent.objective import Array, Objective
from steepest.descent.run import whole
from steepest.descent.trace import Trace, frozen
from steepest.engines.table import choose
from steepest.errors import EngineError, OptionError, unknown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 2_000  # points along an axis
MARGIN = 0.2  # of the way of a trace, on either side

Traces = Trace | Mapping[str, Trace] | None


@dataclass(frozen=True)
class Surface:
    """The loss over two parameters: `values[i, j]`, (m, m), is that at `axes[0][i]` of the first and `axes[1][j]` of the second.

    `names` are the two, `at` the values of all parameters at which the others are held. `recipe` has the formula, the loss and the
    data, the engine, and in `engine_why` why it.
    """

    names: tuple[str, str]
    axes: tuple[Array, Array] = field(repr=False)
    values: Array = field(repr=False)
    at: Mapping[str, float]
    recipe: Mapping[str, Any] = field(repr=False)

    def plot(self, traces: Traces = None, path: str | os.PathLike[str] | None = None) -> Figure:
        """Curves of equal loss, and the ways of descents; see `steepest.show.surface.plot_surface`."""
        from steepest.show.surface import plot_surface

        return plot_surface(self, traces, path)

    def draw(self, ax: Axes, traces: Traces = None) -> Axes:
        """The same into axes of your own; see `steepest.show.surface.draw_surface`."""
        from steepest.show.surface import draw_surface

        return draw_surface(self, ax, traces)


def surface(
    through: Callable[..., Objective], names: Any, theta: Array, ranges: Any, at: Any, points: Any, engine: str,
    recipe: Mapping[str, Any],
) -> Surface:  # fmt: skip
    """Computes it around `theta`. `through` gives the objective of an engine; where `at` is a trace, the ranges cover its way.

    Raises OptionError for wrong names, ranges or numbers of points, EngineError where the engine cannot serve.
    """
    known = through("numpy").derivation.formula.parameters
    pair = _pair(names, known)
    if whole("points", points, 2) > MOST:
        raise OptionError(f"points is {points:,}: give the number of points along an axis, 2 to {MOST:,}")
    way = at if isinstance(at, Trace) else None
    limits = _limits(pair, ranges, [_around(float(theta[known.index(name)]), name, way) for name in pair])
    axes = np.array([np.linspace(low, high, points) for low, high in limits])
    values, engine, why = _values(through, theta, [known.index(name) for name in pair], axes, engine)
    held = {name: float(value) for name, value in zip(known, theta, strict=True)}
    said = {**recipe, "engine": engine, "engine_why": why}
    return Surface(pair, (frozen(axes[0]), frozen(axes[1])), frozen(values), held, said)


def _values(
    through: Callable[..., Objective], theta: Array, places: Sequence[int], axes: Array, engine: str
) -> tuple[Array, str, str]:
    """The losses, the engine and why it: condensed rows where they apply, for they are the same at any number of points."""
    plain, points = through("numpy"), axes.shape[1]
    rows, few, why = plain.columns.rows, None, "asked for"
    if engine in ("auto", "condensed"):
        try:
            few = through("condensed")
        except EngineError:
            if engine == "condensed":
                raise
    if few is None and engine == "auto":
        engine, why = choose(plain.derivation, rows, points**2)
    objective = plain if few else through(engine)
    values, lost = np.full((points, points), np.nan), 0
    for i, first in enumerate(axes[0]):
        thetas = np.tile(theta, (points, 1))
        thetas[:, places[0]], thetas[:, places[1]] = first, axes[1]
        if isinstance(few, CondensedObjective):
            values[i] = few.losses(thetas)
        missing = np.flatnonzero(np.isnan(values[i]))
        values[i, missing] = [float(objective.loss(objective.kernels.vector(there))) for there in thetas[missing]]
        lost += len(missing)
    if few is None:
        return values, engine, why
    more = f"; {lost:,} points on all rows, where condensed ones could lose digits" if lost else ""
    return values, "condensed", f"{few.columns.rows:,} condensed rows have the loss of all {rows:,}{more}"


def _pair(names: Any, known: Sequence[str]) -> tuple[str, str]:
    if isinstance(names, str) or not isinstance(names, Sequence) or len(names) != 2 or names[0] == names[1]:
        raise OptionError(f"names is {shown(names)}: give two parameters, as {shown(tuple(known[:2]))}")
    for name in names:
        if name not in known:
            raise OptionError(unknown("parameter", str(name), known))
    return names[0], names[1]


def _around(value: float, name: str, way: Trace | None) -> tuple[float, float]:
    """The range of a parameter: 1 + |value| on either side, or all that a descent has visited, and a margin."""
    visited = np.array([]) if way is None else way[name].astype(float)
    visited = visited[np.isfinite(visited)]
    low, high = (visited.min(), visited.max()) if len(visited) else (value, value)
    margin = MARGIN * float(high - low) or 1 + abs(value)
    return float(low) - margin, float(high) + margin


def _limits(pair: tuple[str, str], ranges: Any, found: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    given = {} if ranges is None else ranges
    if not isinstance(given, Mapping):
        raise OptionError(f"ranges is {shown(ranges)}: give them by name, as {{'{pair[0]}': (-1, 1)}}")
    for name, limits in given.items():
        if name not in pair:
            raise OptionError(f"ranges: {unknown('parameter of the surface', str(name), pair)}")
        two = isinstance(limits, Sequence | np.ndarray) and not isinstance(limits, str) and len(limits) == 2
        if not (two and all(is_finite(limit) for limit in limits) and limits[0] < limits[1]):
            raise OptionError(f"the range of '{name}' is {shown(limits)}: give two finite numbers, the smaller one first")
    return [given.get(name, limits) for name, limits in zip(pair, found, strict=True)]
