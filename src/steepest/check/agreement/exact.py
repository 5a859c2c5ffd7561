"""Exact sums: the program as written in numbers of 50 digits, which hold whatever 16 digits lose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.engines.loops import gegenbauer
from steepest.language.constants import OPERATORS
from steepest.language.expand import expand
from steepest.language.program import COMPARISONS, Node, Program

Array = np.ndarray[Any, Any]
DIGITS = 50
MOST = 50_000  # nodes × rows, which take about half a second a point
LARGEST, SMALLEST = 2**14, -(2**20)  # binary exponents: beyond them a function would need as many digits to begin with
SAME = {name: name for name in ("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh",
                                "cosh", "tanh", "erf")} | {"abs": "fabs"}  # fmt: skip


def is_small(derivation: Derivation, rows: int) -> bool:
    """Is there time for exact sums? Decided by size alone."""
    return len(derivation.program("gradient").nodes) * rows <= MOST


class Unknown(ArithmeticError):
    """A number is so large or so small that 50 digits of it are not enough, or an infinity of unknown sign."""


def exact_sums(derivation: Derivation, theta: Array, columns: Sequence[Array], weights: Array | None) -> Array | None:
    """The sums of the program `gradient` to 50 digits of their largest terms, or None where one is no finite real number."""
    program = expand(derivation.program("gradient"), SAME)
    number = context().mpf
    parameters, totals = [number(float(v)) for v in theta], [number(0)] * len(program.outputs)
    try:
        for i, row in enumerate(zip(*columns, strict=True)):
            values = evaluate(program, {"parameter": parameters, "column": [number(float(v)) for v in row]})
            weight = 1 if weights is None else number(float(weights[i]))
            totals = [total + weight * values[node] for total, node in zip(totals, program.outputs.values(), strict=True)]
    except Unknown:
        return None
    found = np.array([float(total) for total in totals])
    return found if np.isfinite(found).all() else None


def evaluate(program: Program, leaves: dict[str, list[Any]]) -> list[Any]:
    """The value of every node, for one row, with the infinities and NaN of a float64. Raises Unknown."""
    values: list[Any] = []
    for node in program.nodes:
        if node.op in leaves:
            values.append(leaves[node.op][node.value])
        else:
            values.append(_real(node, [values[a] for a in node.args]))
    return values


def _real(node: Node, args: list[Any]) -> Any:
    numbers = context()
    if node.op == "where":
        return args[1] if args[0] else args[2]
    if node.op in COMPARISONS:
        return OPERATORS[node.op](*args)
    try:
        value = numbers.nan if any(map(numbers.isnan, args)) else _apply(node, args)
    except ZeroDivisionError as error:
        if node.op == "/" and args[0] == 0:
            return numbers.nan
        raise Unknown from error  # an infinity with the sign of a zero
    except ValueError:  # a pole
        return numbers.nan
    if not isinstance(value, numbers.mpf):
        return numbers.nan
    if value and numbers.isfinite(value) and not SMALLEST <= numbers.mag(value) <= LARGEST:
        raise Unknown
    return value


def _apply(node: Node, args: list[Any]) -> Any:
    numbers = context()
    if node.op == "number":
        return numbers.mpf(node.value.numerator) / node.value.denominator
    if node.op == "pi":
        return +numbers.pi
    if node.op == "gegenbauer":
        order, alpha = node.value
        return gegenbauer(order, float(alpha), args[0])
    if node.op == "sinc":
        return _sinc(node.value, args[0])
    function: Callable[..., Any] = OPERATORS.get(node.op) or getattr(numbers, SAME[node.op])
    return function(*args)


def _sinc(n: int, u: Any) -> Any:
    """The n-th derivative of sin(pi u)/(pi u); its recurrence divides by u, so a small u needs more digits."""
    numbers = context()
    if u == 0:
        return numbers.mpf(0) if n % 2 else (-1) ** (n // 2) * numbers.pi**n / (n + 1)
    with numbers.workprec(numbers.prec + 2 * (n + 1) * max(0, -numbers.mag(u))):
        value = numbers.sinpi(u) / (numbers.pi * u)
        for k in range(1, n + 1):
            wave = numbers.sin(numbers.pi * (u + numbers.mpf(k) / 2))
            value = (numbers.pi ** (k - 1) * wave - k * value) / u
    return +value


@cache
def context() -> Any:
    """Numbers of 50 digits; the user's own precision of mpmath stays as it is."""
    import mpmath

    numbers = mpmath.MPContext()
    numbers.dps = DIGITS
    return numbers
