"""From the program as written to the one that kernels run: the same value, fewer and cheaper operations.

Functions that a library does not have become their definitions; integer powers become shared products; polynomials of
low order become a monic recurrence, whose leading factor then leaves the sum over rows.
"""

from __future__ import annotations

from collections.abc import Container
from fractions import Fraction
from math import factorial
from typing import Protocol, TypeVar

from steepest.calculus.algebra import Algebra
from steepest.language.expand import expand
from steepest.language.program import Program

UNROLLED = 16  # up to this order a Gegenbauer polynomial is written out; beyond it stays a loop
SINC_SWITCH = Fraction(1, 2)  # |u| below which the derivatives of sinc are summed as a series
SINC_TERMS = 14

T = TypeVar("T")


class Ring(Protocol[T]):
    """What products and polynomials are written in: nodes of an algebra, or anything else that adds and multiplies."""

    def number(self, value: Fraction | int) -> T: ...
    def minus(self, a: T, b: T) -> T: ...
    def times(self, a: T, b: T) -> T: ...


def lower(program: Program, functions: Container[str]) -> Program:
    """The program for a library that has these functions of the table."""
    a = Algebra()
    place: list[int] = []
    expanded = expand(program, functions)
    for op, args, value in expanded.nodes:
        here = tuple(place[arg] for arg in args)
        if op == "**":
            place.append(_power(a, *here))
        elif op == "gegenbauer" and value[0] <= UNROLLED:
            place.append(monic(a, here[0], *value))
        elif op == "sinc":
            place.append(_sinc(a, here[0], value))
        else:
            place.append(a.emit(op, here, value))
    return Program(tuple(a.nodes), {name: place[i] for name, i in expanded.outputs.items()}).pruned()


def _power(a: Algebra, base: int, exponent: int) -> int:
    value = a.value(exponent)
    if value is None:
        return a.add("**", base, exponent)
    if value.denominator != 1:
        root = a.add("sqrt", base)
        halves = {Fraction(1, 2): root, Fraction(-1, 2): a.over(a.number(1), root)}
        return halves.get(value, a.power(base, value))
    product = power(a, base, abs(value.numerator))
    return product if value >= 0 else a.over(a.number(1), product)


def power(a: Ring[T], base: T, exponent: int) -> T:
    """base**exponent by halving; the halves of all powers of one base are shared nodes."""
    if exponent == 0:
        return a.number(1)
    if exponent == 1:
        return base
    return a.times(power(a, base, exponent - exponent // 2), power(a, base, exponent // 2))


def monic(a: Ring[T], u: T, n: int, alpha: Fraction) -> T:
    """Leading coefficient times the monic polynomial m_{k+1} = u m_k - gamma_k m_{k-1} (DLMF 18.9.1)."""
    leading = Fraction(1)
    before, here = a.number(0), a.number(1)
    for k in range(n):
        gamma = _gamma(k, alpha)
        before, here = here, a.minus(a.times(u, here), a.times(a.number(gamma), before))
        leading *= 2 * (k + alpha) / (k + 1) if alpha else (2 if k else 1)
    return a.times(a.number(leading), here)


def _gamma(k: int, alpha: Fraction) -> Fraction:
    if k == 0:
        return Fraction(0)
    if alpha == 0:
        return Fraction(1, 2) if k == 1 else Fraction(1, 4)
    return k * (k + 2 * alpha - 1) / (4 * (k + alpha) * (k + alpha - 1))


def _sinc(a: Algebra, u: int, n: int) -> int:
    """The n-th derivative of sin(pi u)/(pi u): near 0 its series, elsewhere u s_n + n s_{n-1} = (sin pi u)^(n)/pi."""
    if n == 0:
        z = a.times(a.add("pi"), u)
        return a.where(a.add("==", u, a.number(0)), a.number(1), a.over(a.add("sin", z), z))
    near = a.add("<", a.add("abs", u), a.number(SINC_SWITCH))
    return a.where(near, _sinc_series(a, u, n), _sinc_recurrence(a, u, n))


def _sinc_series(a: Algebra, u: int, n: int) -> int:
    """pi^n times the sum over k of (-1)^k z^(2k-n) / ((2k+1) (2k-n)!), z = pi u, by Horner's rule in z**2."""
    z = a.times(a.add("pi"), u)
    square = a.times(z, z)
    first = (n + 1) // 2
    total = a.number(0)
    for k in range(first + SINC_TERMS, first - 1, -1):
        term = Fraction((-1) ** k, (2 * k + 1) * factorial(2 * k - n))
        total = a.plus(a.times(square, total), a.number(term))
    return a.times(a.times(power(a, a.add("pi"), n), total), z if n % 2 else a.number(1))


def _sinc_recurrence(a: Algebra, u: int, n: int) -> int:
    z = a.times(a.add("pi"), u)
    value = a.over(a.add("sin", z), z)
    for k in range(1, n + 1):
        wave = a.add("cos" if k % 2 else "sin", z)
        signed = a.negate(wave) if k % 4 in (2, 3) else wave
        value = a.over(a.minus(a.times(power(a, a.add("pi"), k - 1), signed), a.times(a.number(k), value)), u)
    return value
