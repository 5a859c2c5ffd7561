"""What is drawn row by row: the data with the fitted curve, and the residuals."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from steepest.descent.objective import Objective
from steepest.engines.table import Kernels, kernels
from steepest.errors import OptionError
from steepest.language.names import printable
from steepest.show.picture import LINE, POINTS, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from steepest.fitting.result import Fit

Array = np.ndarray[Any, Any]

MOST_POINTS = 5_000
GRID = 1_000

# Losses whose yhat is no prediction of y but a transform of it: what brings it back.
MEANS: dict[str, Callable[[Array], Array]] = {
    "logistic": lambda yhat: 0.5 + 0.5 * np.tanh(yhat / 2),
    "poisson": np.exp,
}


def plot_data(objective: Objective, theta: Any | None, ax: Axes) -> Axes:
    """The data and the model at theta, or the data alone where theta is None.

    With one predictor: the response and the curve against it. With none: against the row. With several: the observed
    response against the predicted one. Beyond 5,000 rows a fixed random sample is drawn, and the legend says so.
    """
    seen = _look_at(objective, theta)
    said = f"data, {seen.sampled}" if seen.sampled else "data"
    _points(ax, seen.x, seen.y, label=said)
    diagonal = seen.x is seen.yhat
    if diagonal:
        ends = np.array([np.nanmin(seen.x), np.nanmax(seen.x)]) if np.isfinite(seen.x).any() else np.zeros(2)
        ax.plot(ends, ends, color=LINE, linewidth=1.2, label="observed = predicted")
    elif seen.curve is not None:
        ax.plot(*seen.curve, color=LINE, linewidth=1.6, label="model")
        _limit(ax, seen.y, seen.yhat)
    response = printable(objective.derivation.formula.response.replace("`", ""), 40)
    ax.set_ylabel(f"observed {response}" if diagonal else response, parse_math=False)
    _label_abscissa(ax, seen)
    _name_all(ax, 2)
    return tidy(ax)


def plot_band(fit: Fit, level: float, ax: Axes) -> Axes:
    """Shades the confidence band of the fitted curve, where there is one predictor."""
    places = predictors(fit.objective)
    if len(places) != 1:
        raise OptionError(f"band needs one predictor, and this model has {len(places)}: fit.band() gives the numbers")
    column = fit.objective.columns.arrays[places[0]]
    grid = np.linspace(column.min(), column.max(), GRID)
    found = fit.band({fit.objective.columns.names[places[0]]: grid}, level)
    back = MEANS.get(fit.objective.derivation.criterion.name, _finite)
    with np.errstate(all="ignore"):
        lower, upper = _finite(back(found.lower)), _finite(back(found.upper))
    ax.fill_between(grid, lower, upper, color=LINE, alpha=0.25, linewidth=0, label=f"{100 * level:.4g} % confidence", zorder=1)
    _name_all(ax, 3)
    return ax


def plot_residuals(objective: Objective, theta: Any, ax: Axes) -> Axes:
    """What the model leaves unexplained, observed minus predicted, against the same abscissa as `plot_data`."""
    seen = _look_at(objective, theta)
    ax.axhline(0, color=LINE, linewidth=1.2)
    _points(ax, seen.x, seen.y - seen.yhat)
    ax.set_ylabel("residual")
    ax.margins(y=0.12)
    _label_abscissa(ax, seen)
    return tidy(ax)


def _name_all(ax: Axes, columns: int) -> None:
    legend = ax.legend(
        loc="lower right", bbox_to_anchor=(1, 1), ncols=columns, frameon=False, borderaxespad=0.2, handlelength=1.4,
        columnspacing=1.2, fontsize="small",
    )  # fmt: skip
    legend.legend_handles[0].set(alpha=1, markersize=4)  # type: ignore[union-attr]


def _label_abscissa(ax: Axes, seen: _Seen) -> None:
    ax.set_xlabel(seen.label, parse_math=False)
    if np.array_equal(seen.x, np.round(seen.x)):  # counts, or the numbers of the rows
        ax.locator_params(axis="x", integer=True)


class _Seen(NamedTuple):
    x: Array
    y: Array
    yhat: Array
    label: str  # of x
    curve: tuple[Array, Array] | None  # of the model, where it can be drawn
    sampled: str  # "5,000 of 4,000,000 rows", or ""


def _look_at(objective: Objective, theta: Any | None) -> _Seen:
    engine = kernels("numpy", objective.derivation)
    point = np.zeros(objective.derivation.size) if theta is None else np.asarray(theta, dtype=float)
    rows = objective.columns.rows
    index = sample(rows)
    sampled = f"{len(index):,} of {rows:,} rows" if len(index) < rows else ""
    columns = [column[index] for column in objective.columns.arrays]
    y, yhat = values_at(engine, point, columns)
    used = predictors(objective)
    if len(used) > 1 and theta is not None:
        return _Seen(yhat, y, yhat, "predicted", None, sampled)
    if len(used) != 1:
        return _Seen(index + 1.0, y, yhat, "row", None if theta is None else (index + 1.0, yhat), sampled)
    (place,) = used
    x = columns[place]
    grid = np.union1d(np.linspace(x.min(), x.max(), GRID), x)
    on_grid = [np.ones_like(grid)] * len(columns)
    on_grid[place] = grid
    curve = None if theta is None else (grid, values_at(engine, point, on_grid)[1])
    return _Seen(x, y, yhat, printable(objective.columns.names[place], 40), curve, sampled)


def sample(rows: int) -> Array:
    """The rows that are drawn: all, or a random choice that is always the same (every k-th would hide a period)."""
    if rows <= MOST_POINTS:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).choice(rows, MOST_POINTS, replace=False))


def values_at(engine: Kernels, theta: Array, columns: list[Array]) -> tuple[Array, Array]:
    """y, and the model's values in the units of y."""
    with np.errstate(all="ignore"):
        y, yhat = engine.rows("value", theta, columns)[:2]
        back = MEANS.get(engine.derivation.criterion.name)
        return _finite(y), _finite(back(yhat) if back else yhat)


def _finite(values: Array) -> Array:
    return np.where(np.abs(values) < 1e200, values, np.nan)  # beyond, the arithmetic of the axes overflows


def predictors(objective: Objective) -> list[int]:
    """The columns that the model reads, by place."""
    program = objective.derivation.formula.program
    model = program.pruned({"yhat": program.outputs["yhat"]})
    places = [node.value for node in model.nodes if node.op == "column"]
    matrices = [block.column for block in objective.derivation.formula.blocks]
    return [*places, *matrices]  # a matrix is more than one predictor


def _points(ax: Axes, x: Array, y: Array, label: str = "") -> None:
    size, strength = np.clip([9 * len(x) ** -0.18, 3 * len(x) ** -0.27], [2.2, 0.35], [6, 0.85])
    ax.plot(x, y, "o", color=POINTS, markersize=size, alpha=float(strength), markeredgewidth=0, label=label)


def _limit(ax: Axes, y: Array, yhat: Array) -> None:
    """The window holds all the data, and the curve as far as it does not squeeze them."""
    low, high = float(np.nanmin(y)), float(np.nanmax(y))
    span = (high - low) or abs(high) or 1.0
    inside = yhat[(yhat > low - span) & (yhat < high + span)]
    low, high = float(np.min(inside, initial=low)), float(np.max(inside, initial=high))
    margin = 0.05 * ((high - low) or span)
    ax.set_ylim(low - margin, high + margin)
