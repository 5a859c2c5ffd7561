"""Pictures of the learning rate: the ray, and the directions of the loss;  Axes in, Axes out."""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.insight.explain import Explanation
from steepest.language.names import printable
from steepest.show.picture import COLOURS, LINE, POINTS, QUIET, look, new_figure, tidy, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]

DRAWN = 400  # rates on the ray
PAST = 1.25  # how far beyond its last mark the ray is drawn
HIGHEST = 2.0  # of the loss now: what is above is out of the window
WIDE = 20.0
MOST_BARS = 12


def plot_explanation(explanation: Explanation, path: str | os.PathLike[str] | None = None) -> Figure:
    """A figure: the learning-rate ray, and the directions of the loss. `path` writes it too, as .svg, .png or .pdf.

    Raises OptionError for a path that cannot be written so.
    """
    rate = "" if explanation.lr is None else f" at η = {explanation.lr:.6g}"
    title = f"{printable(explanation.method, 60)}{rate}"
    with look():
        figure = new_figure(9.5, 3.9, title, explanation.sentence)
        left, right = figure.subplots(1, 2)
        plot_ray(explanation, left)
        plot_directions(explanation, right)
    if path is not None:
        write_figure(figure, path, title, f"The learning-rate ray, and the directions of the loss. {explanation.sentence}")
    return figure


def plot_ray(explanation: Explanation, ax: Axes) -> Axes:
    """The loss after one step against the rate: the rate in use, the best for one step, and where the loss would rise.

    The dashed line is the largest stable rate in the long run, which is another question.
    """
    ray, marks = explanation.ray, _marks(explanation)
    if not marks:
        ax.text(0.5, 0.5, "no rate lowers the loss", transform=ax.transAxes, ha="center", color=QUIET)
        return tidy(ax)
    wide = max(marks) > WIDE * min(marks)  # then the small ones would lie on the axis
    rates = np.geomspace(min(marks) / 4, PAST * max(marks), DRAWN) if wide else np.linspace(0, PAST * max(marks), DRAWN)
    losses = np.array([ray.loss(float(rate)) if rate else ray.now for rate in rates])
    top = HIGHEST * ray.now
    ax.plot(rates, np.where(losses <= 4 * top, losses, np.nan), color=COLOURS[0], linewidth=1.6)
    ax.axhline(ray.now, color=QUIET, linewidth=0.7)
    if explanation.limit_at_minimum is not None:
        ax.axvline(explanation.limit_at_minimum, color=QUIET, linestyle="--", linewidth=1.1, label="largest stable at the minimum")
    ax.plot([ray.best], [ray.best_loss], "v", color=COLOURS[2], markersize=6, label="best for one step")
    if ray.limit:
        ax.plot([ray.limit], [ray.now], "|", color=POINTS, markersize=13, markeredgewidth=2, label="above it the loss rises")
    if explanation.lr is not None:
        ax.plot([explanation.lr], [min(explanation.loss_after, top)], "o", color=LINE, markersize=6, label="in use")
    seen = losses[np.isfinite(losses)]
    ax.set_ylim(min(0.0, float(seen.min())), min(float(seen.max()) * 1.05, top) or 1.0)
    ax.set_xlim(rates[0], rates[-1])
    ax.set_xscale("log" if wide else "linear")
    ax.set_xlabel("learning rate η")
    ax.set_ylabel("loss after one step")
    ax.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(0, 1.28), ncols=2, borderpad=0)
    return tidy(ax)


def plot_directions(explanation: Explanation, ax: Axes) -> Axes:
    """How strongly the loss bends along each direction, stiffest first, and how many steps halve the error along it."""
    curvature = explanation.curvature
    order = np.arange(len(curvature.values))[::-1][:MOST_BARS]
    values = np.abs(curvature.values[order])
    places = np.arange(len(order))
    ax.barh(places, values, height=0.62, color=[COLOURS[0] if curvature.values[k] > 0 else COLOURS[1] for k in order])
    ax.set_yticks(places, [_wrapped(curvature.named(k)) for k in order], parse_math=False)
    ax.invert_yaxis()
    if values.min() > 0 and values.max() > 10 * values.min():
        ax.set_xscale("log")
        ax.set_xlim(values.min() / 3, values.max() * 8)
    else:
        ax.set_xlim(0, 1.35 * (values.max() or 1.0))
    for place, value, text in zip(places, values, _halvings(explanation), strict=False):
        ax.text(float(value), float(place), f"  {text}", va="center", size="small", color=QUIET)
    where = "at the minimum" if explanation.there is not None else "here"
    ax.set_xlabel(f"curvature along it, {where}")
    return tidy(ax)


def _wrapped(direction: str) -> str:
    """Beside its bar: a long one in lines of two terms or so."""
    return textwrap.fill(printable(direction, 200), 30, break_long_words=False, break_on_hyphens=False)


def _marks(explanation: Explanation) -> list[float]:
    known = (explanation.ray.best, explanation.ray.limit, explanation.lr, explanation.limit_at_minimum)
    return [float(value) for value in known if value is not None and np.isfinite(value) and value > 0]


def _halvings(explanation: Explanation) -> list[str]:
    """Beside each bar, where the half-lives belong to the same directions."""
    lives = [float(life) for life in explanation.half_lives[::-1]]
    return [_halving(life) for life in lives] if len(lives) == len(explanation.curvature.values) else []


def _halving(life: float) -> str:
    if not np.isfinite(life):
        return "never halves"
    return f"shrinks to {100 * 0.5 ** (1 / life):.0f} % each step" if life < 1 else f"halves every {life:,.3g} steps"
