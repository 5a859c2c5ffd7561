"""Whole figures: a fit and a descent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from steepest.descent.trace import Trace
from steepest.show.picture import look, new_figure, write_figure
from steepest.show.rows import plot_data, plot_residuals
from steepest.show.steps import plot_loss, plot_parameters

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_data", "plot_loss", "plot_parameters", "plot_residuals", "plot_trace"]


def plot_trace(trace: Trace, path: str | os.PathLike[str] | None = None) -> Figure:
    """A descent as a figure: the loss and the parameters against the step, and the data with the model of the last row.

    `path` (.svg, .png, .pdf) writes it there too. Raises OptionError for another suffix or a path that cannot be written.
    """
    title = str(trace.recipe["formula"])
    with look():
        figure = new_figure(10, 5.4, title, f"{_source(trace.recipe)}. {trace.sentence}")
        axes = figure.subplot_mosaic([["loss", "data"], ["parameters", "data"]], width_ratios=[1, 1.05])
        axes["loss"].sharex(axes["parameters"])
        plot_loss(trace, axes["loss"]).set_xlabel("")
        axes["loss"].tick_params(labelbottom=False)
        plot_parameters(trace, axes["parameters"])
        plot_data(trace.objective, trace.theta[-1], axes["data"])
        figure.align_ylabels([axes["loss"], axes["parameters"]])
    if path is not None:
        write_figure(figure, path, title, f"Loss, parameters and data of a descent. {trace.sentence}")
    return figure


def _source(recipe: Mapping[str, Any]) -> str:
    rows = int(recipe["rows"])
    return f"{recipe['data']}, {rows:,} row{'' if rows == 1 else 's'}, loss {recipe['loss']}"
