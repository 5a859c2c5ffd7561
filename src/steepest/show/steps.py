"""What is drawn against the step: the loss and the parameters of a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.descent.trace import Trace
from steepest.language.names import printable
from steepest.show.picture import COLOURS, QUIET, tidy, with_minus

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray[Any, Any]

DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)))
MOST_NAMED = 12  # lines that have a colour and a label each
ONE_SCALE = 30.0  # ratio of the parameters' sizes from which each is drawn on its own
FEW = 40  # points that are drawn as points
DECADE = 10.0
BATCH = "#b8c9d6"  # a pale blue: the noise of batches stays behind the loss of all rows
ROUNDING = 1e-13


def plot_loss(trace: Trace, ax: Axes) -> Axes:
    """The loss against the step: on a logarithmic scale where that is possible and spans a decade.

    On batches: the loss of all rows where it is known, over the loss of each batch.
    """
    loss = np.asarray(trace.loss, dtype=float)
    if trace.recipe["batch"] == "full":
        _line(ax, trace.step, loss, color=COLOURS[0])
    else:
        full = np.asarray(trace.full_loss, dtype=float)
        known = np.isfinite(full)
        ax.plot(trace.step, loss, linewidth=0.6, color=BATCH, label="of the batch")
        _line(ax, trace.step[known], full[known], color=COLOURS[0], label="of all rows")
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, borderpad=0, fontsize="small")
    finite = loss[np.isfinite(loss)]  # a start may be infinite
    least = float(finite.min(initial=np.inf))
    if least > 0 and finite.max() >= DECADE * least:
        _log_scale(ax, finite)
    elif least == 0 and finite.max() > 0:
        _log_scale_with_zero(ax, finite)
    ax.set_ylabel(f"loss ({printable(trace.recipe['loss'], 30)})", parse_math=False)
    return _against_step(trace, ax)


def plot_parameters(trace: Trace, ax: Axes) -> Axes:
    """The parameters against the step, each line with its name and last value at its end.

    Parameters of very different size are drawn each between its own least and greatest value.
    """
    theta = np.asarray(trace.theta, dtype=float)
    own = _own_scales(theta)
    lines = _unit(theta) if own else theta
    if lines.shape[1] <= MOST_NAMED:
        for k, line in enumerate(lines.T):
            _line(ax, trace.step, line, color=COLOURS[k % len(COLOURS)], linestyle=DASHES[k // len(COLOURS)])
        _label_ends(ax, trace, lines)
    else:
        ax.plot(trace.step, lines, color=COLOURS[0], linewidth=0.7, alpha=0.5)
        ax.set_title(f"{lines.shape[1]} parameters", loc="right", color=QUIET)
    ax.set_ylabel("parameters\n(each on its own scale)" if own else "parameters")
    if own:
        ax.set_yticks([])
    return _against_step(trace, ax)


def _line(ax: Axes, step: Array, values: Array, **style: Any) -> None:
    marker = "o" if len(step) <= FEW else ""
    ax.plot(step, values, linewidth=1.4, marker=marker, markersize=3, clip_on=not marker, **style)


def _log_scale(ax: Axes, values: Array) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    ax.set_yscale("log")
    ax.yaxis.set_minor_formatter(NullFormatter())
    if values.max() < 2 * DECADE * values.min():  # powers of ten alone would be a label or two
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))


def _log_scale_with_zero(ax: Axes, values: Array) -> None:
    """An exact end: the scale is logarithmic down to the smallest loss that is not 0."""
    above = values[values > 0]
    decades = float(np.log10(above.max()) - np.log10(above.min()))
    ax.set_yscale("symlog", linthresh=float(above.min()), linscale=max(1.0, decades / 10))
    ax.locator_params(axis="y", numticks=6)
    ax.set_ylim(bottom=0)


def _against_step(trace: Trace, ax: Axes) -> Axes:
    from matplotlib.ticker import MaxNLocator, NullLocator, StrMethodFormatter

    first, last = int(trace.step[0]), int(trace.step[-1])
    early = _early(trace)
    if early:
        second = int(trace.step[1])
        decades = float(np.log10(last / second))
        ax.set_xscale("symlog", linthresh=second, linscale=max(0.4, decades / 8))  # room for two labels
        ax.xaxis.set_minor_locator(NullLocator())
    else:
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.set_xlim(first, last if last > first else first + 1)
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.set_xlabel("step (logarithmic)" if early else "step")
    return tidy(ax)


def _early(trace: Trace) -> bool:
    """Is half of the way of the loss, on its logarithmic scale, over in the first fiftieth of a long descent?"""
    loss = np.asarray(trace.loss, dtype=float)
    if len(loss) <= FEW or not (np.isfinite(loss).all() and loss[0] > loss[-1] > 0):
        return False
    half = np.sqrt(loss[0]) * np.sqrt(loss[-1])
    return bool(trace.step[np.argmax(loss <= half)] * 50 < trace.step[-1])


def _own_scales(theta: Array) -> bool:
    """Would some parameter be a flat line on a common scale, only because another is much larger?"""
    size, moves = np.max(np.abs(theta), axis=0), _moves(theta)
    return bool(moves.any() and size.max() > ONE_SCALE * size[moves].min())


def _moves(theta: Array) -> Array:
    """Parameters that change by more than what rounding leaves of the largest change."""
    changes = np.ptp(theta, axis=0)
    flags: Array = changes > ROUNDING * changes.max()
    return flags


def _unit(theta: Array) -> Array:
    moves = _moves(theta)
    scaled: Array = np.where(moves, (theta - theta.min(axis=0)) / np.where(moves, np.ptp(theta, axis=0), 1), 0.5)
    return scaled


def _label_ends(ax: Axes, trace: Trace, lines: Array) -> None:
    low, high = float(lines.min()), float(lines.max())
    margin = 0.06 * (high - low) or 0.5
    ax.set_ylim(low - margin, high + margin)
    ends = (lines[-1] - low + margin) / (high - low + 2 * margin)
    heights = spread(ends, 1 / max(8.0, len(ends) - 1.0))
    for k, (name, value) in enumerate(trace.final.items()):
        ax.plot(
            [1, 1.035], [ends[k], heights[k]], color=COLOURS[k % len(COLOURS)], linestyle=DASHES[k // len(COLOURS)],
            linewidth=0.8, transform=ax.transAxes, clip_on=False,
        )  # fmt: skip
        ax.text(
            1.045, heights[k], f"{printable(name, 14)} = {with_minus(f' {float(value):.4g}').lstrip()}",
            transform=ax.transAxes, va="center", size="small", parse_math=False,
        )  # fmt: skip


def spread(wanted: Array, gap: float) -> Array:
    """Heights in [0, 1], at least `gap` apart, in the order of `wanted` and near to them.

    >>> spread(np.array([0.5, 0.5]), 0.2).round(6).tolist()
    [0.4, 0.6]
    """
    order = np.argsort(wanted, kind="stable")
    ramp = gap * np.arange(len(wanted))
    free = wanted[order] - ramp  # where each would be if those below it took no room: these must not decrease
    blocks: list[tuple[float, int]] = []
    for value in free:
        mean, count = float(value), 1
        while blocks and blocks[-1][0] > mean:
            before, many = blocks.pop()
            mean, count = (before * many + mean * count) / (many + count), many + count
        blocks.append((mean, count))
    settled = np.concatenate([np.full(count, mean) for mean, count in blocks]) if blocks else free
    room = max(0.0, 1 - gap * (len(wanted) - 1))
    out = np.empty(len(wanted))
    out[order] = np.clip(settled, 0, room) + ramp
    return out
