"""Rows that a descent does not see, for the loss on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.data.groups import regrouped
from steepest.data.read import read_table
from steepest.descent.objective import Objective
from steepest.errors import OptionError


def held_out(validation: Any, seed: int, through: Callable[..., Objective]) -> tuple[Callable[..., Objective], Objective]:
    """How the descent gets its objective, as `through` does, and the objective of the rows that it does not see.

    `validation`: a share of the rows, drawn from `seed`, or data of their own.
    """
    plain = through()
    if not isinstance(validation, float):
        formula = plain.derivation.formula
        return through, Objective(plain.kernels, regrouped(read_table(validation), formula.blocks).columns(formula.columns))
    rows = plain.columns.rows
    held = round(validation * rows) if 0 < validation < 1 else 0
    if not 0 < held < rows:
        raise OptionError(f"validation is {validation!r}: give the share of the rows to hold out, as 0.25, or data")
    order = np.random.RandomState(seed).permutation(rows)
    return lambda *words, **place: through(*words, **place).on(order[held:]), plain.on(order[:held])
