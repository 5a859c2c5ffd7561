"""The derivative of each operation, as contributions to the adjoints of its arguments.

Operators have their rule here; a function has it in its row of the language's table, as text in our own language.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache

from steepest.calculus.algebra import Algebra
from steepest.language.functions import FUNCTIONS
from steepest.language.parser import parse_expression
from steepest.language.program import Program

Guard = tuple[int, bool]  # a condition, and the branch of it that is taken


@cache
def partial(function: str, argument: int) -> Program:
    """The derivative of a function of the table with respect to one of its arguments."""
    return parse_expression(FUNCTIONS[function].partials[argument])


def contributions(a: Algebra, index: int, adjoint: int) -> Iterator[tuple[int, int, Guard | None]]:
    """What each argument of a node receives when the node's adjoint is given, and under which condition."""
    op, args, value = a.nodes[index]
    if op == "+":
        yield from ((arg, adjoint, None) for arg in args)
    elif op == "-":
        yield args[0], adjoint, None
        yield args[1], a.negate(adjoint), None
    elif op == "neg":
        yield args[0], a.negate(adjoint), None
    elif op == "*":
        yield args[0], a.times(adjoint, args[1]), None
        yield args[1], a.times(adjoint, args[0]), None
    elif op == "/":
        yield args[0], a.over(adjoint, args[1]), None
        yield args[1], a.negate(a.over(a.times(adjoint, index), args[1])), None
    elif op == "where":
        yield args[1], adjoint, (args[0], True)
        yield args[2], adjoint, (args[0], False)
    elif op == "**":
        yield from _power(a, index, adjoint)
    elif op == "gegenbauer":
        yield args[0], a.times(adjoint, _gegenbauer(a, args[0], *value)), None
    elif op == "dot":
        yield args[0], a.times(adjoint, args[1]), None
    elif op == "sinc":
        yield args[0], a.times(adjoint, a.add("sinc", args[0], value=value + 1)), None
    else:
        names = FUNCTIONS[op].arguments
        for position, arg in enumerate(args):
            factor = a.simplified(partial(op, position), dict(zip(names, args, strict=True)))
            yield arg, a.times(adjoint, factor), None


def _power(a: Algebra, index: int, adjoint: int) -> Iterator[tuple[int, int, Guard | None]]:
    base, exponent = a.nodes[index].args
    constant = a.value(exponent)
    if constant is not None:
        slope = a.times(exponent, a.power(base, constant - 1))
    else:
        slope = a.times(exponent, a.add("**", base, a.minus(exponent, a.number(1))))
    yield base, a.times(adjoint, slope), None
    if constant is None:
        # u**v has the slope u**v*log(u) in v, and its limit 0 where u = 0 < v.
        zero = a.number(0)
        slope = a.times(index, a.add("log", base))
        if a.value(base) is None:
            slope = a.where(a.add("==", base, zero), zero, slope)
        yield exponent, a.times(adjoint, slope), None


def _gegenbauer(a: Algebra, argument: int, n: int, alpha: Fraction) -> int:
    """C(n, alpha)' = 2 alpha C(n-1, alpha+1), and T_n' = n C(n-1, 1) as the limit alpha → 0 (DLMF 18.9.19)."""
    if n == 0:
        return a.number(0)
    lower = a.number(1) if n == 1 else a.add("gegenbauer", argument, value=(n - 1, alpha + 1))
    return a.times(a.number(2 * alpha if alpha else n), lower)
