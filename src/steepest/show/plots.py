"""Whole figures: a fit and a descent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from steepest.descent.trace import Trace
from steepest.show.picture import look, new_figure, write_figure
from steepest.show.rows import plot_band, plot_data, plot_residuals
from steepest.show.sets import pieces, plot_pieces
from steepest.show.steps import plot_loss, plot_parameters
from steepest.show.tables import error_of, estimate, found_something

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from steepest.fitting.result import Fit

__all__ = ["plot_band", "plot_data", "plot_fit", "plot_loss", "plot_parameters", "plot_residuals", "plot_trace"]


def plot_fit(fit: Fit, path: str | os.PathLike[str] | None = None, band: float | None = None) -> Figure:
    """A fit as a figure: the data with the fitted model, and the residuals below.

    `band=0.95` shades the confidence band of that level around the curve of a model with one predictor, of several sets around each
    one's. Where nothing was fitted:
    the data alone, and why. `path` writes it too, as .svg, .png or .pdf. Raises OptionError for a path that cannot be written so,
    and for a band where there is no curve.
    """
    title, found = str(fit.recipe["formula"]), found_something(fit)
    with look():
        if found:
            said = f"{_source(fit.recipe)} = {fit.loss:.6g}, {fit.method}{_ending(fit)}."
            figure = new_figure(7, 5.6, title, _values(fit), said)
            data, residuals = figure.subplots(2, 1, sharex=True, height_ratios=[2.6, 1])
            if sets := pieces(fit):
                plot_pieces(fit, sets, data, residuals, band)
            else:
                plot_data(fit.objective, fit.theta, data).set_xlabel("")
                if band is not None:
                    plot_band(fit, band, data)
                plot_residuals(fit.objective, fit.theta, residuals)
            figure.align_ylabels([data, residuals])
        else:
            figure = new_figure(7, 4.2, title, f"{_source(fit.recipe)}. Nothing was fitted{_ending(fit)}.")
            plot_data(fit.objective, None, figure.subplots())
    if path is not None:
        shown = "Data with the fitted model, and residuals" if found else "Data"
        write_figure(figure, path, title, f"{shown}. {fit.sentence}")
    return figure


def plot_trace(trace: Trace, path: str | os.PathLike[str] | None = None) -> Figure:
    """A descent as a figure: the loss and the parameters against the step, and the data with the model of the last row.

    `path` writes it too, as .svg, .png or .pdf. Raises OptionError for a path that cannot be written so.
    """
    title = str(trace.recipe["formula"])
    with look():
        way = trace.sentence.partition(";")[0]
        figure = new_figure(10, 5.4, title, f"{_source(trace.recipe)}. {way}{_ending(trace)}.")
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


def _ending(result: Fit | Trace) -> str:
    """How it ended: with the reason where that was not wished for."""
    wished = {"steps": "", "converged": "; converged"} if isinstance(result, Trace) else {"converged": "; converged"}
    return wished.get(result.outcome, f"; {result.outcome}: {result.reason}")


def _values(fit: Fit) -> str:
    values = fit.parameters.items()
    return "    ".join(
        f"{name} = {estimate(value, fit.std_errors[name], 2, 6)} ± {error_of(fit, name, 2)}" for name, value in values
    )
