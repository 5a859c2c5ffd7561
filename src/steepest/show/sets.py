"""Several sets of rows in one picture: each with its own colour and its own curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from steepest.engines.table import kernels
from steepest.language.names import printable
from steepest.show.picture import COLOURS, QUIET, tidy
from steepest.show.rows import GRID, MEANS, predictors, sample, values_at

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from steepest.fitting.result import Fit

Array = np.ndarray[Any, Any]

MOST_NAMED = 8  # sets in a legend


class Piece(NamedTuple):
    """One set: its labels by column, its rows, and the model's curve over them."""

    labels: dict[str, str]
    x: Array
    y: Array
    yhat: Array
    grid: Array
    curve: Array


def pieces(fit: Fit) -> list[Piece]:
    """The sets of a fit, where the model has one predictor beside their codes; else none."""
    groups = fit.together.groups if fit.together else ()
    names = fit.objective.columns.names
    codes = [names.index(group.code) for group in groups]
    places = [k for k in predictors(fit.objective) if k not in codes]
    if not groups or len(places) != 1 or any(group.column == names[places[0]] for group in groups):
        return []
    engine, theta = kernels("numpy", fit.objective.derivation), fit.theta
    index = sample(fit.objective.columns.rows)
    columns = [column[index] for column in fit.objective.columns.arrays]
    y, yhat = values_at(engine, theta, columns)
    x, found = columns[places[0]], []
    for key in np.unique(np.stack([columns[k] for k in codes], axis=1), axis=0):
        mine = np.logical_and.reduce([columns[k] == code for k, code in zip(codes, key, strict=True)])
        grid = np.union1d(np.linspace(x[mine].min(), x[mine].max(), GRID), x[mine])
        on_grid = [np.ones_like(grid)] * len(columns)
        on_grid[places[0]] = grid
        for k, code in zip(codes, key, strict=True):
            on_grid[k] = np.full_like(grid, code)
        labels = {group.column: group.labels[int(code) - 1] for group, code in zip(groups, key, strict=True)}
        found.append(Piece(labels, x[mine], y[mine], yhat[mine], grid, values_at(engine, theta, on_grid)[1]))
    return found


def plot_pieces(fit: Fit, found: list[Piece], data: Axes, residuals: Axes, band: float | None) -> None:
    """Rows and curves of the sets in `data`, with their bands where a level is given, and what is left in `residuals`."""
    back = MEANS.get(fit.objective.derivation.criterion.name, np.asarray)
    names, size = fit.objective.columns.names, float(np.clip(9 * sum(len(p.x) for p in found) ** -0.18, 2.2, 6))
    x = next(names[k] for k in predictors(fit.objective) if names[k] not in {group.code for group in fit.together.groups})  # type: ignore[union-attr]
    residuals.axhline(0, color=QUIET, linewidth=1)
    for k, piece in enumerate(found):
        colour = COLOURS[k % len(COLOURS)]
        label = printable(", ".join(f"{column} {label}" for column, label in piece.labels.items()), 30)
        data.plot(piece.x, piece.y, "o", color=colour, markersize=size, alpha=0.8, markeredgewidth=0)
        data.plot(piece.grid, piece.curve, color=colour, linewidth=1.6, label=label)
        residuals.plot(piece.x, piece.y - piece.yhat, "o", color=colour, markersize=size, alpha=0.8, markeredgewidth=0)
        if band is not None:
            new = {**{column: [label] * len(piece.grid) for column, label in piece.labels.items()}, x: piece.grid}
            limits = fit.band(new, band)
            data.fill_between(piece.grid, back(limits.lower), back(limits.upper), color=colour, alpha=0.25, linewidth=0)
    if len(found) <= MOST_NAMED:
        data.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=min(len(found), 4), frameon=False, fontsize="small")
    written = dict.fromkeys(text.partition("~")[0].strip() for text in fit.together.formulas)  # type: ignore[union-attr]
    data.set_ylabel(printable(", ".join(written).replace("`", ""), 40), parse_math=False)
    residuals.set_ylabel("residual")
    residuals.set_xlabel(printable(x, 40), parse_math=False)
    for ax in (data, residuals):
        ax.margins(y=0.12)
        tidy(ax)
