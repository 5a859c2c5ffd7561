"""The numbers of a point in the steps: those of one row, the sums over all rows, and the new parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from math import floor, isfinite, log10
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from steepest.calculus.steps.check import evaluated, values
from steepest.calculus.steps.exactly import Number, as_written, value
from steepest.calculus.steps.notation import Notation
from steepest.calculus.steps.plan import Plan
from steepest.calculus.steps.step import Step
from steepest.calculus.tex import Factor, Form
from steepest.errors import OptionError
from steepest.language.names import latex_name, printable
from steepest.language.program import Node, Program, float64

Array = np.ndarray[Any, Any]

MOST_EXACT = 200  # rows that are added in fractions
MOST_TERMS = 5  # rows whose terms are written out
LARGEST_BELOW = 999  # of a fraction that is written as one
LONGEST_EXACT = 6  # digits of a decimal that is written exactly
DIGITS = 4
_TWICE = re.compile(r"\\left\(\\left\(([^()]*)\\right\)\\right\)")


class Point(NamedTuple):
    """Where the numbers are from: theta in order, the columns, weights or None, a row, a rate or None, the free parameters."""

    theta: Sequence[Any]
    columns: Sequence[Array]
    weights: Array | None
    row: int
    lr: Any
    free: Sequence[int]


def checked_point(point: Point) -> Point:
    """Raises OptionError for a row that there is not, or a rate that is no number."""
    row, lr, rows = point.row, point.lr, len(point.columns[0])
    if isinstance(row, bool) or not isinstance(row, int | np.integer) or not 0 <= row < rows:
        raise OptionError(f"row is {row!r}: give the number of a row, from 0 to {rows - 1}")
    if lr is not None and (isinstance(lr, bool) or not isinstance(lr, Real) or not isfinite(lr)):
        raise OptionError(f"lr is {lr!r}: give a finite number")
    return point


class Numbers:
    """Values at a point: rational where parameters, data and operations are."""

    def __init__(self, plan: Plan, notation: Notation, point: Point) -> None:
        self.plan, self.notation, self.point = plan, notation, checked_point(point)
        self.theta = [as_written(value) for value in point.theta]
        self.known, self.data = self._row(point.row)

    def of_row(self, program: Program) -> Number:
        return value(program, self.theta, self.data, self.known)

    def of_all(self, program: Program) -> Number:
        """The weighted mean or sum over the rows."""
        mean, weights = self.notation.criterion.mean, self.point.weights
        if len(self.point.columns[0]) <= MOST_EXACT:
            terms = self.terms(program)
            exact = [Fraction(1)] * len(terms) if weights is None else [as_written(w) for w in weights]
            if all(isinstance(number, Fraction) for number in (*terms, *exact)):
                total = sum((w * term for w, term in zip(exact, terms, strict=True)), Fraction(0))
                return total / sum(exact, Fraction(0)) if mean else total
            near = np.array([float64(term) for term in terms])
        else:
            near = self._of_many(program)
        with np.errstate(all="ignore"):
            heavy = np.ones(len(near)) if weights is None else weights
            return float(np.sum(near * heavy) / (np.sum(heavy) if mean else 1))

    def terms(self, program: Program) -> list[Number]:
        """One value a row, for few rows."""
        return [value(program, self.theta, data, known) for known, data in self._rows]

    def _of_many(self, program: Program) -> Array:
        theta, known = self._known_of_many
        return np.broadcast_to(evaluated(program, theta, self.point.columns, known), (len(self.point.columns[0]),))

    @cached_property
    def _known_of_many(self) -> tuple[list[float], dict[str, Any]]:
        theta = [float64(number) for number in self.theta]
        return theta, values(self.plan, theta, self.point.columns)

    @cached_property
    def _rows(self) -> list[tuple[dict[str, Number], list[Number]]]:
        return [self._row(row) for row in range(len(self.point.columns[0]))]

    def _row(self, row: int) -> tuple[dict[str, Number], list[Number]]:
        """The value of every name for one row, and the data of the row."""
        data = [as_written(column[row]) for column in self.point.columns]
        known: dict[str, Number] = {}
        for line in self.plan.lines:
            known[line.name] = value(line.definition, self.theta, data, known)
        for chain in self.plan.chains:
            if chain.below.op == "name":
                known[f"slope:{chain.below.value}"] = value(chain.value, self.theta, data, known)
        return known, data

    def leaves(self) -> Callable[[Node], Form]:
        """A symbol's number, in the symbol's place among the factors."""
        taken: dict[str, list[str]] = {}

        def leaf(node: Node) -> Form:
            (product,) = self.notation.leaf(node)
            (symbol,) = product.top
            text = figure(self.of_row(Program((node,), {"it": 0})))
            others = taken.setdefault(text, [])
            others += [] if symbol.text in others else [symbol.text]
            place = others.index(symbol.text)
            bare = text[0].isdigit() and "\\" not in text
            inside = (text if bare else rf"\left({text}\right)") + "{}" * place  # two equal numbers are no power
            return (product._replace(top=(Factor(inside, symbol.kind, symbol.varying),)),)

        return leaf


def with_numbers(steps: Sequence[Step], numbers: Numbers) -> Iterator[Step]:
    """The same steps with their numbers; an update is given for every free parameter."""
    updates = [step for step in steps if step.part == "update"]
    for step in steps:
        if step.part in ("names", "slopes", "chain"):
            yield _of_row(step, numbers)
        elif step.part == "sum":
            yield _of_all(step, numbers)
    if updates:
        said = updates[0].sentence
        for k in numbers.point.free:
            yield replace(_update(k, numbers), sentence=said)
            said = ""


def _of_row(step: Step, numbers: Numbers) -> Step:
    program = step.expression
    if program is None or any(node.op == "name" and not _known(node, numbers) for node in program.nodes):
        return step
    result = numbers.of_row(program)
    symbolic = any(program.depends_on("name", "parameter", "column"))
    single = len(program.nodes) == 1
    write = numbers.notation.text if step.part == "names" else numbers.notation.slope_text
    put_in = [] if single else [_TWICE.sub(r"\\left(\1\\right)", write(program, numbers.leaves()))]
    shown = [*put_in, figure(result)] if symbolic else []
    return replace(step, numbers=tuple(dict.fromkeys(shown)), value=result)


def _known(node: Node, numbers: Numbers) -> bool:
    return node.value in numbers.known


def _of_all(step: Step, numbers: Numbers) -> Step:
    program = step.expression
    if program is None or any(node.op == "name" and not _known(node, numbers) for node in program.nodes):
        return step
    result = numbers.of_all(program)
    terms = numbers.terms(program) if len(numbers.point.columns[0]) <= MOST_TERMS else []
    shown = [figure(result)]
    if len(terms) > 1 and numbers.point.weights is None:
        shown.insert(0, _added(terms, numbers.notation.criterion.mean))
    return replace(step, numbers=tuple(dict.fromkeys(shown)), value=result)


def _added(terms: Sequence[Number], mean: bool) -> str:
    parts = figure(terms[0])
    for term in terms[1:]:
        text = figure(term)
        parts += f" - {text[1:]}" if text.startswith("-") else f" + {text}"
    return rf"\frac{{1}}{{{len(terms)}}} \left({parts}\right)" if mean else parts


def _update(k: int, numbers: Numbers) -> Step:
    """d <- 0.300 - 0.010·3.410 = 0.266."""
    notation = numbers.notation
    leaf = Node("parameter", (), k)
    name, before = notation.symbol(leaf), numbers.theta[k]
    slope = numbers.of_all(numbers.plan.rows[k])
    rate = None if numbers.point.lr is None else as_written(numbers.point.lr)
    shown: tuple[str, ...]
    if rate is None:
        after = None
        shown = (f"{figure(before)} - {latex_name(notation.eta)} \\cdot {_factor(figure(slope))}",)
    else:
        after = _minus(before, rate, slope)
        write = _decimals(before, rate, slope, after)
        shown = (f"{write(before)} - {write(rate)} \\cdot {_factor(write(slope))}", write(after))
    key = notation.formula.parameters[k]
    return Step("update", key, name, (), "gradient descent", "", r"\leftarrow", shown, after, numbers.plan.rows[k])


def _minus(before: Number, rate: Number, slope: Number) -> Number:
    if isinstance(before, Fraction) and isinstance(rate, Fraction) and isinstance(slope, Fraction):
        return before - rate * slope
    return float64(before) - float64(rate) * float64(slope)


def _factor(text: str) -> str:
    return rf"\left({text}\right)" if text.startswith("-") else text


def _decimals(before: Number, rate: Number, slope: Number, after: Number) -> Callable[[Number], str]:
    """One number of decimals for all four, where they are of like size: enough to see the step."""
    step = abs(float64(rate) * float64(slope))
    sizes = [abs(float64(number)) for number in (before, rate, slope, after)]
    if all(isinstance(n, Fraction) and _is_small(n) for n in (before, rate, slope, after)):
        return figure
    if not all(isfinite(size) for size in sizes) or step == 0 or max(sizes) >= 1e5:
        return figure
    places = max(3, 1 - floor(log10(step)))
    tidy = places <= 7 and abs(round(float64(rate), places) - float64(rate)) <= 1e-12 * abs(float64(rate))
    return (lambda number: f"{float64(number):.{places}f}") if tidy else (lambda number: figure(float64(number), 7))


def figure(number: Number, digits: int = DIGITS) -> str:
    """A number in LaTeX: as a decimal or a fraction where that is exact and short, else rounded to so many digits.

    >>> figure(Fraction(4, 3)), figure(Fraction(7, 20)), figure(1234567.0), figure(-0.25)
    ('\\\\frac{4}{3}', '0.35', '1.235 \\\\cdot 10^{6}', '-0.25')
    """
    if isinstance(number, Fraction) and _is_small(number):
        decimal = f"{float64(number):.{LONGEST_EXACT}g}"
        if Fraction(decimal) == number:
            return decimal
        return rf"{'-' if number < 0 else ''}\frac{{{abs(number.numerator)}}}{{{number.denominator}}}"
    near = float64(number)
    if not isfinite(near):
        return r"\mathrm{nan}" if near != near else f"{'-' if near < 0 else ''}\\infty"
    text = f"{near:.{digits}g}"
    mantissa, e, exponent = text.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if e else mantissa


def _is_small(number: Number) -> bool:
    """Can it be written exactly, and short?"""
    if not isinstance(number, Fraction) or not isfinite(float64(number)):
        return False
    decimal = f"{float64(number):.{LONGEST_EXACT}g}"
    if "e" not in decimal and Fraction(decimal) == number:
        return True
    rest = number.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest > 1 and number.denominator <= LARGEST_BELOW and abs(number.numerator) <= LARGEST_BELOW


def described(numbers: Numbers, plain: Callable[[str], str]) -> str:
    """a = 0, b = −1; row 0: x = −3.142."""
    formula, point = numbers.notation.formula, numbers.point
    theta = [f"{printable(name, 40)} = {plain(figure(v))}" for name, v in zip(formula.parameters, numbers.theta, strict=True)]
    data = [f"{printable(name, 40)} = {plain(figure(v))}" for name, v in zip(formula.columns, numbers.data, strict=True)]
    rows = len(point.columns[0])
    which = f"row {point.row} of 0 to {rows - 1}" if rows > 1 else "the row"
    return f"{', '.join(theta)}; {which}: {', '.join(data)}"
