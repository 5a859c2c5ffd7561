"""How well each set of rows is fitted, where several were fitted together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from steepest.fitting.statistics import weights_of
from steepest.language.names import printable

if TYPE_CHECKING:
    from steepest.fitting.result import Fit


class SetLine(NamedTuple):
    """The rows whose `column` is `label`: those with a weight above 0, Σw(yhat - y)², nan where the loss is not quadratic, and the
    root of the mean of (yhat - y)², as large as a residual is: where these differ much between sets, give weights=.
    """

    column: str
    label: str
    rows: int
    rss: float
    rms: float


def by_set(fit: Fit) -> tuple[SetLine, ...]:
    """A line for each label of each group of rows; none where all rows are of one kind."""
    if fit.together is None:
        return ()
    weights = weights_of(fit.objective)
    squares = fit.residuals**2 if fit.is_quadratic else np.full(len(weights), math.nan)
    codes = dict(zip(fit.objective.columns.names, fit.objective.columns.arrays, strict=True))
    lines = []
    for group in fit.together.groups:
        for code, label in enumerate(group.labels, 1):
            mine = np.flatnonzero((codes[group.code] == code) & (weights > 0))
            rms = math.sqrt(np.mean(squares[mine])) if len(mine) else math.nan
            lines.append(SetLine(group.column, label, len(mine), float(np.sum((weights * squares)[mine])), rms))
    return tuple(lines)


def set_rows(lines: Sequence[SetLine]) -> list[tuple[str, ...]]:
    """A table: a header and a row a set."""
    cells = [
        (printable(f"{line.column} {line.label}", 40), f"{line.rows:,}", *(f"{value:.5g}" for value in (line.rss, line.rms)))
        for line in lines
    ]
    return [("", "Rows", "RSS", "RMS"), *cells]
