"""How much of the user's text a repair would change: a slip of one sign, one name or one number is likelier than new code.

Source: R. A. DeMillo, R. J. Lipton, F. G. Sayward, "Hints on test data selection" (1978), on nearly right programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest.check.program.candidates import RELATIVE, fraction, is_constant

Array = np.ndarray[Any, Any]
# In units of one unknown value that stays in the run.
SWAPPED = 0.0  # another sign, operator, function, number or variable
PUT_BACK = 0.5  # one variable or small number joined to what stands there
AT_HAND = 0.75  # two values at hand, each changed a little, joined by an operator
REWRITTEN = 1.0
FUNCTIONS = (np.exp, np.log, np.sqrt, np.sin, np.cos, np.tan, np.tanh, np.square, np.abs)
SMALL = (1.0, 2.0, 3.0, 4.0, 5.0, 0.5, 1.5, 2.5, 0.25, 1 / 3)


def edit(value: Array, here: Array, kind: str, text: str, scope: Sequence[Array], operands: Sequence[Array]) -> float:
    """The change that gives `value` where `here` stands, (cases,) each; `operands`: of its operator or call."""
    with np.errstate(all="ignore"):
        if _is_swapped(value, here, kind, text, scope, operands):
            return SWAPPED
        numbers = [np.full(len(value), number) for number in SMALL]
        if any(_is_among(value, [*_joined(here, other), here**other]) for other in (*scope, *numbers)):
            return PUT_BACK
        return AT_HAND if _is_at_hand(value, [here, *scope]) else REWRITTEN


def edit_of_factor(factor: Array, scope: Sequence[Array]) -> float:
    """The same for a factor that several values lack."""
    if _is_among(factor, [-np.ones(len(factor))]):
        return SWAPPED
    with np.errstate(all="ignore"):
        known = is_constant(factor) or any(_is_among(factor, [other, 1 / other]) for other in scope)
    return PUT_BACK if known else REWRITTEN


def _is_swapped(value: Array, here: Array, kind: str, text: str, scope: Sequence[Array], operands: Sequence[Array]) -> bool:
    if _is_among(value, [-here]):
        return True
    if kind == "Constant" or text.removeprefix("-").replace(".", "").isdigit():
        return is_constant(value) and fraction(float(value[0])) is not None
    if kind in ("Name", "Subscript", "Input") and _is_among(value, scope):
        return True
    if kind == "Call" and len(operands) == 1:
        return _is_among(value, [operands[0], *(function(operands[0]) for function in FUNCTIONS)])
    return kind == "BinOp" and len(operands) == 2 and _is_among(value, [*operands, *_joined(*operands), operands[0] ** operands[1]])


def _joined(a: Array, b: Array) -> tuple[Array, ...]:
    return a + b, a - b, b - a, a * b, a / b, b / a


def _is_among(value: Array, others: Sequence[Array]) -> bool:
    return any((abs(other - value) <= RELATIVE * abs(value)).all() for other in others)


def _is_at_hand(value: Array, hand: Sequence[Array]) -> bool:
    near = np.unique([changed for v in hand for changed in _little(v)], axis=0)
    near = np.concatenate([near[np.isfinite(near).all(axis=1)], np.ones((1, len(value)))])
    return any(
        bool((abs(joined - value) <= RELATIVE * abs(value)).all(axis=1).any())
        for line in near
        for joined in (near + line, near - line, near * line, near / line)
    )


def _little(v: Array) -> tuple[Array, ...]:
    return v, -v, 2 * v, v / 2, 1 - v, 1 + v, v * v, np.exp(v), np.log(v), np.sqrt(v), np.sin(v), np.cos(v)
