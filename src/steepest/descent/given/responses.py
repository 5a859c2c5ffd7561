"""Does the response suit the loss? Labels of -1 and 1 under `logistic` would run away without a word."""

from __future__ import annotations

import math

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.data.table import Columns
from steepest.errors import DataError
from steepest.language.evaluate import evaluate


def check_responses(derivation: Derivation, columns: Columns) -> None:
    """Raises DataError where a response lies outside what the loss allows, and names the first row."""
    low, high = derivation.criterion.responses
    if math.isinf(low) and math.isinf(high):
        return
    formula = derivation.formula
    program = formula.program.pruned({"y": formula.program.outputs["y"]})
    y = np.broadcast_to(evaluate(program, columns=columns.arrays)[program.outputs["y"]], (columns.rows,))
    wrong = ~((y >= low) & (y <= high))
    if not wrong.any():
        return
    row = int(np.argmax(wrong))
    allowed = f"{low:g} or more" if math.isinf(high) else f"between {low:g} and {high:g}"
    cure = (
        ""
        if math.isinf(high)
        else f"\nRecode it on the left side, as in 'where({formula.response} > {low:g}, {high:g}, {low:g}) ~ …'"
    )
    raise DataError(
        f"{columns.source}: loss '{derivation.criterion.name}' needs a response of {allowed}; "
        f"'{formula.response}' is {y[row]:g} at row index {row} ({int(wrong.sum()):,} such).{cure}"
    )
