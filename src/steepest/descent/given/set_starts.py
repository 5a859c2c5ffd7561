"""Where ready models start when several sets of rows are fitted together: each group of rows says where its own parameters do."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from steepest.data.table import Array, Columns
from steepest.descent.given.together import Together
from steepest.ready.model import Model, start_of


def shipped_start(whole: Together, columns: Columns, weights: Array | None) -> Mapping[str, float]:
    """The start that comes with the formulas or the data, by name; one shared by several formulas starts at the mean of theirs."""
    sets = whole.sets
    if sets is None:
        return start_of(whole.formulas[0], whole.table, columns, weights)
    codes = dict(zip(columns.names, columns.arrays, strict=True))
    counted = np.ones(columns.rows, bool) if weights is None else weights > 0
    found: dict[str, list[float]] = {}
    for k, formula in enumerate(whole.formulas, 1):
        if not isinstance(formula, Model):
            continue
        mine = counted & (codes[sets.groups[0].code] == k) if len(whole.formulas) > 1 else counted
        for name, value in start_of(formula, whole.table, columns.rows_of(np.flatnonzero(mine)), None).items():
            if name not in sets.own:
                found.setdefault(name, []).append(value)
        for group in sets.groups:
            for place in range(len(group.labels)):
                rows = np.flatnonzero(mine & (codes[group.code] == place + 1))
                start = start_of(formula, whole.table, columns.rows_of(rows), None) if len(rows) else {}
                own = [name for name in start if sets.own.get(name) == group.column]
                found |= {whole.names[name][place]: [start[name]] for name in own}
    return {**sets.spread(whole.table.start), **{name: float(np.mean(values)) for name, values in found.items()}}
