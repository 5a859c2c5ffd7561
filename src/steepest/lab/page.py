"""A session as a picture and as a page of a notebook: the valley, the ray, the loss and the stability."""

from __future__ import annotations

import base64
import html
import os
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.lab.words import named, number
from steepest.language.names import printable
from steepest.show.picture import COLOURS, LINE, look, new_figure, tidy, write_figure
from steepest.show.rates import plot_ray
from steepest.show.stability import plot_stability
from steepest.show.steps import plot_loss

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from steepest.lab.session import Lab

Array = np.ndarray[Any, Any]

MARGIN = 0.35  # of the way, the ghost and the minimum, on either side
POINTS = 61


def plot_lab(lab: Lab, path: str | os.PathLike[str] | None = None) -> Figure:
    """The session as a figure: the valley with the way and the ghost of the next step, the ray, the loss, the stability.

    `path` writes it too, as .svg, .png or .pdf. Raises OptionError for a path that cannot be written so.
    """
    recipe, trace = lab.trace.recipe, lab.trace
    rows = f"{recipe['rows']:,} row{'' if recipe['rows'] == 1 else 's'}"
    about = f"{recipe['data']}, {rows}, loss {recipe['loss']}; {lab.settings.method}"
    rate = f", η = {number(lab.settings.lr)}" if np.isfinite(lab.settings.lr) else ""
    with look():
        figure = new_figure(9.5, 6, str(recipe["formula"]), f"{about}{rate}; step {lab.number:,}", lab.say)
        axes = figure.subplot_mosaic([["valley", "ray"], ["loss", "stability"]])
        plot_valley(lab, axes["valley"])
        known = lab.explain()
        if known is None:
            axes["ray"].set_axis_off()
        else:
            plot_ray(known, axes["ray"])
        plot_loss(trace, axes["loss"])
        plot_stability(trace, axes["stability"])
    if path is not None:
        write_figure(figure, path, str(recipe["formula"]), f"A descent by hand: valley, ray, loss and stability. {lab.say}")
    return figure


def plot_valley(lab: Lab, ax: Axes) -> Axes:
    """Curves of equal loss over the stiffest and the slowest parameter, the way so far, and the ghost of the next step.

    The other parameters are where they are now. With one parameter: the loss against it.
    """
    names, ahead = _pair(lab), lab.predict()
    places = [lab.problem.parameters.index(name) for name in names]
    ways = [_part(lab.trace[name], ahead.there[place]) for name, place in zip(names, places, strict=True)]
    ranges = {name: _around(way) for name, way in zip(names, ways, strict=True)}
    if len(names) == 1:
        low, high = ranges[names[0]]
        line = np.linspace(low, high, 4 * POINTS)
        ax.plot(line, [lab.problem.loss_at({**lab.theta, names[0]: value}) for value in line], color="0.75")
        ways.append(np.append(lab.trace.full_loss.astype(float), ahead.loss))
        ax.set_xlabel(printable(names[0], 30), parse_math=False)
        ax.set_ylabel("loss")
    else:
        surface = lab.problem.surface(names, at=lab.theta, ranges=ranges, points=POINTS)
        surface.draw(ax)
    ax.plot(*(way[:-1] for way in ways), color=COLOURS[0], linewidth=1, marker="o" if lab.number <= POINTS else "", markersize=2.5)
    ax.plot(*(way[-2:] for way in ways), color=LINE, linestyle=":", linewidth=1.4)
    ax.plot(*(way[-2:-1] for way in ways), "o", color=COLOURS[0], markersize=6)
    ax.plot(*(way[-1:] for way in ways), "o", color=LINE, markerfacecolor="none", markersize=7)
    return tidy(ax)


def lab_html(lab: Lab) -> str:
    """For a notebook: the sentence, where it stands, and the picture."""
    ahead, names = lab.predict(), lab.problem.parameters
    rows = {
        "step": f"{lab.number:,}",
        "loss": number(lab.loss),
        "η": number(lab.settings.lr) if np.isfinite(lab.settings.lr) else "found by the method",
        "parameters": named(names, lab.theta.values()),
        "gradient": named(names, lab.gradient.values()),
        "next": f"{named(names, ahead.change, 4, '+')} → loss {number(ahead.loss)}",
    }
    table = "".join(f"<tr><th>{head}</th><td>{_safe(cell)}</td></tr>" for head, cell in rows.items())
    file = BytesIO()
    with look():
        plot_lab(lab).savefig(file, format="png", dpi=110)
    picture = base64.b64encode(file.getvalue()).decode("ascii")
    return (
        f'<div><p>{_safe(lab.say)}</p><table>{table}</table><img alt="{_safe(lab.say)}" width="860" '
        f'src="data:image/png;base64,{picture}"></div>'
    )


def _pair(lab: Lab) -> list[str]:
    """The parameters that stand for the stiffest direction and for the slowest one."""
    known = lab.explain()
    moving = [name for name in lab.problem.parameters if np.ptp(lab.trace[name].astype(float)) > 0] or [*lab.problem.parameters]
    if len(lab.problem.parameters) == 1:
        return moving
    if known is None or not np.isfinite(known.curvature.values).all():
        return (moving + [name for name in lab.problem.parameters if name not in moving])[:2]
    weights = np.abs(known.directions)
    stiff = int(np.argmax(weights[:, -1]))
    slow = next(int(k) for k in np.argsort(-weights[:, 0], kind="stable") if k != stiff)
    return [known.parameters[slow], known.parameters[stiff]]


def _part(way: Array, there: float) -> Array:
    """The way and the ghost; a ghost that is nowhere stays here."""
    here = way.astype(float)
    return np.append(here, there if np.isfinite(there) else here[-1])


def _around(way: Array) -> tuple[float, float]:
    low, high = float(way.min()), float(way.max())
    margin = MARGIN * (high - low) or 0.5 * abs(low) or 1.0
    return low - margin, high + margin


def _safe(text: str) -> str:
    return html.escape(printable(text, 10_000))
