"""A loss over two parameters as curves of equal loss, with the ways of descents."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.descent.surface import Surface, Traces
from steepest.descent.trace import Trace
from steepest.language.names import printable
from steepest.show.picture import COLOURS, QUIET, look, new_figure, tidy, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]

CURVES = 12
LOWEST, LEAST = 0.005, 1e-6  # share of the points inside the first curve; the first level as a share of the last
FEW = 50  # points of a way that are drawn as points


def plot_surface(surface: Surface, traces: Traces = None, path: str | os.PathLike[str] | None = None) -> Figure:
    """A figure of it: curves of equal loss on a logarithmic scale above the lowest, and the way of each trace, ending in a dot.

    `traces`: one, or several by the name that the legend shows. `path` writes it too, as .svg, .png or .pdf. Raises OptionError
    for a path that cannot be written so, or a trace without these parameters.
    """
    title, recipe = str(surface.recipe["formula"]), surface.recipe
    held = ", ".join(f"{name} = {value:.6g}" for name, value in surface.at.items() if name not in surface.names)
    rows = f"{recipe['data']}, {recipe['rows']:,} row{'' if recipe['rows'] == 1 else 's'}, loss {recipe['loss']}"
    least = surface.values.min(initial=np.inf, where=np.isfinite(surface.values))
    lowest = f"lowest of {surface.values.size:,} points {least:.6g}"
    with look():
        figure = new_figure(5.6, 5, title, f"{rows}; {lowest}{f'; held: {held}' if held else ''}.")
        draw_surface(surface, figure.subplots(), traces)
    if path is not None:
        ends = "".join(f" {name or 'A descent'} ends at {_place(surface, trace)}." for name, trace in _named(traces).items())
        first, second = surface.names
        write_figure(figure, path, title, f"Curves of equal loss over {first} and {second}; {lowest}.{ends}")
    return figure


def draw_surface(surface: Surface, ax: Axes, traces: Traces = None) -> Axes:
    """The curves and the ways, into given axes."""
    finite = np.ma.masked_invalid(surface.values)
    levels = curves(finite.compressed())
    if len(levels):
        ax.contour(*surface.axes, finite.T, levels=levels, colors="0.75", linewidths=0.8)
    named = _named(traces)
    for k, (name, trace) in enumerate(named.items()):
        way = [np.asarray(trace[parameter], dtype=float) for parameter in surface.names]
        marker = "o" if len(trace) <= FEW else ""
        ax.plot(*way, color=COLOURS[k % len(COLOURS)], linewidth=1, marker=marker, markersize=2.5, label=name)
        ax.plot(*(line[-1:] for line in way), "o", color=COLOURS[k % len(COLOURS)], markersize=5)
    ax.set_xlabel(printable(surface.names[0], 30), parse_math=False)
    ax.set_ylabel(printable(surface.names[1], 30), parse_math=False)
    ax.set_xlim(*surface.axes[0][[0, -1]])
    ax.set_ylim(*surface.axes[1][[0, -1]])
    if any(named):
        for text in ax.legend(frameon=False, labelcolor=QUIET).get_texts():
            text.set_parse_math(False)
    return tidy(ax)


def curves(losses: Array) -> Array:
    """Levels whose distances from the lowest loss grow by one factor; none where all losses are the same."""
    above = losses - losses.min(initial=np.inf)
    if not len(above) or not above.max() > 0:
        return np.array([])
    first = max(float(np.quantile(above, LOWEST)), LEAST * float(above.max()))
    levels: Array = losses.min() + np.geomspace(first, above.max(), CURVES)
    return np.unique(levels)


def _named(traces: Traces) -> Mapping[str, Trace]:
    return {} if traces is None else {"": traces} if isinstance(traces, Trace) else traces


def _place(surface: Surface, trace: Trace) -> str:
    return ", ".join(f"{name} = {float(trace[name][-1]):.6g}" for name in surface.names)
