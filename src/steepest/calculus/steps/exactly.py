"""Values of programs that stay rational as long as their operations do: notebook arithmetic, then floats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from steepest.language.constants import OPERATORS
from steepest.language.evaluate import evaluate
from steepest.language.program import COMPARISONS, Node, Program, float64

Number = Fraction | float
SHORT = 7  # digits of a float that is taken for the decimal that it prints
LARGEST = 64  # of a whole exponent
MOST_BITS = 2_000


def as_written(value: Any) -> Number:
    """The decimal that a float prints, where that is short: 0.1 is 1/10; any other float is itself.

    >>> as_written(0.1), as_written(0.1 + 0.2)
    (Fraction(1, 10), 0.30000000000000004)
    """
    if isinstance(value, Fraction | int):
        return Fraction(value)
    near = float(value)
    if not np.isfinite(near):
        return near
    digits = repr(near).partition("e")[0].replace(".", "").replace("-", "").strip("0")
    return Fraction(repr(near)) if len(digits) <= SHORT else near


def value(program: Program, theta: Sequence[Number], row: Sequence[Number], known: Mapping[str, Number]) -> Number:
    """The value of a program's result for one row."""
    leaves: dict[str, Any] = {"parameter": theta, "column": row, "name": known}
    found: list[Any] = []
    for node in program.nodes:
        if node.op in leaves:
            found.append(leaves[node.op][node.value])
        else:
            found.append(_apply(node, [found[arg] for arg in node.args]))
    result: Number = found[program.outputs["it"]]
    return result


def _apply(node: Node, args: list[Any]) -> Any:
    if node.op == "number":
        return node.value
    if all(isinstance(arg, Fraction | bool) for arg in args):
        exact = _exact(node, args)
        if exact is not None:
            return exact
    if node.op == "where":
        return args[1] if args[0] else args[2]
    names = {f"_{k}": float64(arg) for k, arg in enumerate(args)}
    leaves = tuple(Node("name", (), name) for name in names)
    program = (*leaves, Node(node.op, tuple(range(len(args))), node.value))
    out = evaluate(Program(program, {}), names=names)[-1]
    return bool(out) if node.op in COMPARISONS else float(out)


def _exact(node: Node, args: list[Any]) -> Fraction | bool | None:
    op = node.op
    if op == "gegenbauer":
        n, alpha = node.value
        found: Fraction | None = _gegenbauer(n, alpha, args[0])
    elif op == "**":
        whole = args[1].denominator == 1 and abs(args[1]) <= LARGEST and (args[0] != 0 or args[1] >= 0)
        found = args[0] ** int(args[1]) if whole else None
    elif op == "/":
        found = args[0] / args[1] if args[1] != 0 else None
    elif op in COMPARISONS:
        return bool(OPERATORS[op](*args))
    else:
        rule = _RULES.get(op)
        found = None if rule is None else rule(*args)
    if found is None or found.numerator.bit_length() + found.denominator.bit_length() > MOST_BITS:
        return None
    return found


_RULES: dict[str, Callable[..., Fraction]] = {
    "+": lambda u, v: u + v,
    "-": lambda u, v: u - v,
    "*": lambda u, v: u * v,
    "neg": lambda u: -u,
    "where": lambda condition, u, v: u if condition else v,
    "abs": abs,
    "sign": lambda u: Fraction((u > 0) - (u < 0)),
    "min": min,
    "max": max,
    "relu": lambda u: max(u, Fraction(0)),
}


def _gegenbauer(n: int, alpha: Fraction, u: Fraction) -> Fraction:
    before, last = Fraction(0), Fraction(1)
    for k in range(1, n + 1):
        if alpha == 0:
            before, last = last, u if k == 1 else 2 * u * last - before
        else:
            before, last = last, (2 * (k + alpha - 1) * u * last - (k + 2 * alpha - 2) * before) / k
    return last
