"""How much of its largest stable rate a descent used, step by step;  Axes in, Axes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.descent.trace import Trace
from steepest.insight.setting import method_of
from steepest.insight.sharpness import sharpness
from steepest.show.picture import COLOURS, QUIET, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray[Any, Any]

DECADE = 10.0


def plot_stability(trace: Trace, ax: Axes) -> Axes:
    """η over the largest stable rate at each point, against the step: above the line at 1, steps along the stiffest direction grow.

    For plain descent this is η·λmax/2. Points at which the loss bends up in no direction are left out. Methods without a limit of
    their own (sign methods, adaptive ones, those that find their own steps) have no curve, and the picture says so.
    """
    seen = sharpness(trace, method_of(trace))
    if seen is None:
        text = f"{trace.recipe['method']} has no largest stable rate of its own"
        ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", color=QUIET, parse_math=False)
        ax.set_yticks([])
        return tidy(ax)
    steps, used = trace.step[seen.rows], np.where((seen.used > 0) & np.isfinite(seen.used), seen.used, np.nan)
    ax.axhline(1, color=QUIET, linestyle="--", linewidth=1.1)
    ax.plot(steps, used, color=COLOURS[0], linewidth=1.4, marker="o", markersize=3)
    known = used[np.isfinite(used)]
    if len(known) and max(1.0, known.max()) > DECADE * min(1.0, known.min()):
        ax.set_yscale("log")
    else:
        ax.set_ylim(0, 1.15 * max(1.0, float(known.max(initial=0.0))))
    ax.set_xlim(steps[0], max(steps[-1], steps[0] + 1))
    ax.locator_params(axis="x", integer=True, nbins=5)
    ax.set_xlabel("step")
    ax.set_ylabel("η / largest stable η here")
    return tidy(ax)
