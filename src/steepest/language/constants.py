"""Constants: their exact values, and a builder that watches what is computed from them.

A text like `9**9**9` has a value that no machine can hold. Nodes are never folded, but each constant one is followed in
float64, and the size of its exact value is bounded beforehand, so that no later pass meets such a number.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from numbers import Rational
from typing import Any, NamedTuple

import numpy as np

from steepest.errors import FormulaError
from steepest.language.functions import FUNCTIONS, numpy_function, reserved
from steepest.language.names import printable
from steepest.language.program import Builder, Node
from steepest.language.tokens import fits, name_fault

MAX_NODES = 10_000
MAX_EXPONENT = 1_000
_MAX_BITS = 1_000_000

OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "neg": operator.neg,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


class _Constant(NamedTuple):
    value: Any  # np.float64, or None where it is not followed
    bits: int  # at most so many in the numerator and denominator of the exact value


class WatchedBuilder(Builder):
    """Refuses constants that are not finite, or too large when exact. `position` is a place in `text`."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.position = 0
        self._constants: list[_Constant | None] = []

    def add(self, op: str, *args: int, value: Any = None) -> int:
        place = super().add(op, *args, value=value)
        if place == len(self._constants):
            if place >= MAX_NODES:
                raise self._error(f"the text has more than {MAX_NODES:,} operations when its functions are written out")
            self._constants.append(self._constant(self.nodes[place]))
        return place

    def _constant(self, node: Node) -> _Constant | None:
        if node.op == "number":
            return _Constant(np.float64(node.value), node.value.numerator.bit_length() + node.value.denominator.bit_length())
        if node.op == "pi":
            return _Constant(np.float64(math.pi), 1)
        args = [self._constants[a] for a in node.args]
        if node.op == "**" and args[1] is not None and args[1].value is not None and abs(args[1].value) > MAX_EXPONENT:
            raise self._error(f"a constant exponent is at most {MAX_EXPONENT:,} in size")
        if node.op == "/" and args[1] is not None and args[1].value == 0:
            raise self._error("this is not a finite number: it divides by a constant that is 0")
        known = [arg for arg in args if arg is not None]
        if not known or len(known) < len(args):
            return None
        bits = _bits(node, known)
        if bits > _MAX_BITS:
            raise self._error("this constant is too large to be written exactly")
        return _Constant(self._value(node, [arg.value for arg in known]), bits)

    def _value(self, node: Node, args: list[Any]) -> Any:
        function = OPERATORS.get(node.op) or (numpy_function(node.op) if node.op in FUNCTIONS else None)
        if function is None or any(arg is None for arg in args):
            return None
        with np.errstate(all="ignore"):
            value = np.float64(function(*args))
        if not np.isfinite(value):
            domain = FUNCTIONS[node.op].domain if node.op in FUNCTIONS else ""
            rule = f": {node.op}(u) needs {domain}" if domain else " in float64"
            raise self._error(f"this constant is not a finite number{rule}")
        if node.op == "**" and value == 0 and args[0] != 0:
            raise self._error("this constant power is too small for float64")
        return value

    def _error(self, sentence: str) -> FormulaError:
        return FormulaError(sentence, self.text, self.position)


def _bits(node: Node, args: list[_Constant]) -> int:
    if node.op == "**":
        exponent = args[1].value
        return args[0].bits * (MAX_EXPONENT if exponent is None else max(1, math.ceil(abs(exponent))))
    if node.op == "gegenbauer":
        return args[0].bits * (int(node.value[0]) + 1)
    if node.op in ("+", "-", "*", "/"):
        return args[0].bits + args[1].bits
    return max(arg.bits for arg in args)


def constant_values(constants: Mapping[str, Any] | None, text: str) -> dict[str, Fraction]:
    """The exact values of named constants; a float's is its binary value."""
    values: dict[str, Fraction] = {}
    if constants is not None and not isinstance(constants, Mapping):
        raise FormulaError("constants are a mapping of names to numbers, as {'g': 9.81}", text, 0)
    for name, value in (constants or {}).items():
        shown = printable(str(name))
        fault = name_fault(name) or reserved(name) if isinstance(name, str) else "a name is text"
        if fault:
            raise FormulaError(f"the constant '{shown}' cannot be used: {fault}", text, 0)
        values[name] = _exact(value, shown, text)
    return values


def _exact(value: Any, name: str, text: str) -> Fraction:
    sentence = f"the constant '{name}' is {printable(repr(value))}: expected a finite number of float64's range"
    try:
        near = float(value)
        # Judged in float64 first: Decimal('1e999999999') as a fraction would not fit in memory.
        if isinstance(value, (bool, str, bytes)) or not math.isfinite(near) or (near == 0 and value != 0):
            raise FormulaError(sentence, text, 0)
        if isinstance(value, Rational):
            exact = Fraction(int(value.numerator), int(value.denominator))
        else:
            exact = Fraction(value) if isinstance(value, Decimal) else Fraction(near)
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, FormulaError):
            raise
        raise FormulaError(sentence, text, 0) from None
    if not fits(exact):
        raise FormulaError(sentence, text, 0)
    return exact
