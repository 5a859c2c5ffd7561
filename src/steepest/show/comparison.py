"""A comparison of methods as text, HTML and a picture, each with the recipe."""

from __future__ import annotations

import html
import os
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.descent.comparison import FAILED, Comparison, Run
from steepest.language.names import printable
from steepest.show.picture import COLOURS, look, new_figure, tidy, write_figure
from steepest.show.tables import Rows, number, text_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]

WIDTH = 80
ACROSS = 3  # columns of the legend
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)))
MARKS = ("", "s", "^", "D")  # for more methods than colours
ROUNDING = 1e-14  # of the loss: a smaller gap is none
MOST_POINTS = 2_000  # of one line
HEADROOM = 10.0  # times the largest loss at a start: above it a run has blown up
OPTIONS = ("schedule", "hyper", "weight_decay", "clip_value", "clip_norm", "replacement", "until_loss", "seconds")


def comparison_text(found: Comparison) -> str:
    """The table, and the recipe below it."""
    recipe = found.runs[0].trace.recipe
    rows = f"{recipe['data']}, {recipe['rows']:,} row{'' if recipe['rows'] == 1 else 's'}, loss {recipe['loss']}"
    head = [_filled(str(recipe["formula"])), _filled(rows)]
    return "\n".join([*head, "", text_table(comparison_rows(found)), "", *(_filled(line) for line in sentences(found))])


def comparison_html(found: Comparison) -> str:
    """The same for a notebook. Everything is escaped."""
    head, *body = [
        "".join(f"<{tag}>{_safe(cell)}</{tag}>" for cell in row)
        for tag, row in ((("td" if k else "th"), row) for k, row in enumerate(comparison_rows(found)))
    ]
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(f'<tr>{row}</tr>' for row in body)}</tbody></table>"
    told = "".join(f"<p>{_safe(line)}</p>" for line in sentences(found))
    return f"<div><p><code>{_safe(str(found.runs[0].trace.recipe['formula']))}</code></p>{table}{told}</div>"


def comparison_rows(found: Comparison) -> Rows:
    """A header, and a row a run, in the order that was asked for."""
    head = ("method", "engine", "lr", "steps", "evaluations", "seconds", "final loss", "gap", "outcome")
    return [head, *(_row(run, found.best) for run in found.runs)]


def _row(run: Run, best: float) -> tuple[str, ...]:
    lost = run.trace.outcome in FAILED
    return (
        printable(run.method, 24),
        run.engine,
        "own" if run.lr is None else number(run.lr, 3),
        f"{int(run.trace.step[-1]):,}",
        f"{run.evaluations:,}",
        number(run.trace.seconds, 2),
        number(run.loss, 5),
        "-" if lost else "0" if run.loss - best <= ROUNDING * abs(best) else number(run.loss - best, 2),
        run.trace.outcome,
    )


def sentences(found: Comparison) -> list[str]:
    """The recipe: what all runs share, how each rate was chosen, and what is missing."""
    whys: dict[str, list[str]] = {}
    for run in found.runs:
        names = whys.setdefault(run.chosen.why, [])
        if run.method not in names:
            names.append(run.method)
    said = [shared(found)]
    said += [f"lr of {', '.join(printable(name, 24) for name in names)}: {why}." for why, names in whys.items()]
    if found.grid:
        said.append(f"The grid: {', '.join(number(rate, 3) for rate in found.grid)}.")
    said.append("Seconds are those of the loop alone, once what must be compiled is; gap is to the least final loss of the table.")
    return said + [f"{name} was left out: {why}" for name, why in found.missing.items()]


def shared(found: Comparison) -> str:
    """Start, rows, seed, stops and changes of the gradient."""
    recipe = found.runs[0].trace.recipe
    given = recipe["options"]
    start = ", ".join(f"{printable(name, 24)} = {value:.6g}" for name, value in recipe["start"].items())
    rows = "all rows a step" if recipe["batch"] == "full" else f"batches of {recipe['batch']:,}, seed {recipe['seed']}"
    more = [f"{name} {given[name]}" for name in OPTIONS if given.get(name)]
    parts = [f"Start {start}", rows, f"at most {recipe['steps']:,} steps", *more]
    return f"{'; '.join(parts)}."


def plot_comparison(found: Comparison, path: str | os.PathLike[str] | None = None) -> Figure:
    """The loss against steps, evaluations and seconds, all logarithmic, with the recipe above and a legend below.

    `path` writes it too, as .svg, .png or .pdf. Raises OptionError for a path that cannot be written so.
    """
    recipe = found.runs[0].trace.recipe
    title = str(recipe["formula"])
    rates = [line for line in sentences(found)[1:] if line.startswith(("lr of", "The grid"))]
    with look():
        rows = f"{recipe['data']}, {recipe['rows']:,} row{'' if recipe['rows'] == 1 else 's'}, loss {recipe['loss']}."
        legend_lines = -(-len(found.runs) // ACROSS)
        figure = new_figure(10, 4.6 + 0.2 * legend_lines, title, f"{rows} {shared(found)}", " ".join(rates))
        panels = figure.subplots(1, 3, sharey=True)
        for ax, what in zip(panels, ("steps", "evaluations", "seconds"), strict=True):
            _panel(ax, found, what)
        panels[0].set_ylabel(f"loss ({printable(recipe['loss'], 30)})", parse_math=False)
        handles = panels[0].get_lines()[: len(found.runs)]
        legend = figure.legend(
            handles, [label(run) for run in found.runs], loc="outside lower center", ncols=ACROSS, frameon=False, handlelength=3
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
    if path is not None:
        said = "; ".join(f"{label(run)}: loss {run.loss:.6g}" for run in found.runs)
        write_figure(figure, path, title, f"Loss against steps, evaluations and seconds. {said}")
    return figure


def label(run: Run) -> str:
    rate = "" if run.lr is None else f", lr {run.lr:.3g}"
    return f"{printable(run.method, 30)}, {run.engine}{rate}"


def _panel(ax: Axes, found: Comparison, what: str) -> None:
    lines = [line(run, what) for run in found.runs]
    styles = [_style(found, run) for run in found.runs]
    for (across, loss), style in zip(lines, styles, strict=True):
        ax.plot(across, loss, linewidth=1.4, markersize=4, markevery=0.2, **style)
    for (across, loss), style, run in zip(lines, styles, found.runs, strict=True):  # where it ended, and how
        mark = "x" if run.trace.outcome in FAILED else style["marker"] or "o"
        ax.plot(across[-1:], loss[-1:], mark, markersize=4, color=style["color"])
    _scales(ax, what, np.concatenate([loss for _, loss in lines]), max(float(loss[0]) for _, loss in lines))
    tidy(ax)


def _style(found: Comparison, run: Run) -> dict[str, Any]:
    """A colour for each method, a kind of line for each engine."""
    method = list(dict.fromkeys(other.method for other in found.runs)).index(run.method)
    engine = list(dict.fromkeys(other.engine for other in found.runs)).index(run.engine)
    marker = MARKS[method // len(COLOURS) % len(MARKS)]
    return {"color": COLOURS[method % len(COLOURS)], "linestyle": DASHES[engine % len(DASHES)], "marker": marker}


def _scales(ax: Axes, what: str, losses: Array, start: float) -> None:
    if what == "steps":
        ax.set_xscale("symlog", linthresh=1, linscale=0.4)
        ax.set_xlim(left=0)
    else:
        ax.set_xscale("log")
    ax.set_xlabel(what)
    finite = losses[np.isfinite(losses)]
    least = float(finite.min(initial=np.inf))
    top = min(float(finite.max(initial=-np.inf)), HEADROOM * abs(start)) if np.isfinite(start) else float(finite.max(initial=1))
    if 0 < least < top:
        ax.set_yscale("log")
        margin = (top / least) ** 0.05
        ax.set_ylim(least / margin, top * margin)


def line(run: Run, what: str) -> tuple[Array, Array]:
    """What was spent up to each point at which the loss of all rows is known, and that loss. Seconds go with the evaluations."""
    trace = run.trace
    known = np.flatnonzero(np.isfinite(trace.full_loss.astype(float)))
    known = known[np.unique(np.round(np.geomspace(1, len(known), MOST_POINTS)).astype(int) - 1)] if len(known) else known
    evaluations = trace.step + 1 if trace.evaluations is None else trace.evaluations
    spent = {
        "steps": trace.step,
        "evaluations": evaluations,
        "seconds": trace.seconds * evaluations / float(evaluations[-1]),
    }[what]
    return spent[known].astype(float), trace.full_loss[known].astype(float)


def _filled(text: str) -> str:
    return textwrap.fill(printable(text, 20_000), WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _safe(text: str) -> str:
    return html.escape(printable(text, 10_000))
