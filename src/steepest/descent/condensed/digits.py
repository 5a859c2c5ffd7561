"""How many digits a program loses, to first order and in units of ε, on condensed rows and on the rows themselves."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

import numpy as np

from steepest.calculus.algebra import Algebra
from steepest.calculus.lower import lower
from steepest.calculus.reverse import gradient
from steepest.calculus.rules import partial
from steepest.language.constants import OPERATORS
from steepest.language.evaluate import evaluate
from steepest.language.functions import FUNCTIONS, numpy_function
from steepest.language.program import COMPARISONS, LEAVES, Node, Program

Sized = tuple[float, float, float]  # a value, its mass, and the part of the mass that is rounded: none of a leaf's


class Masses:
    """The outputs of a program of parameters alone, before they cancel: infinite or NaN where nothing is known.

    Rounded values that are added have their masses added; in a product relative masses are. In numbers of Python, which are fast
    one by one.

    >>> from steepest.language.program import Builder
    >>> b = Builder()
    >>> p, q = (b.add("parameter", value=k) for k in range(2))
    >>> Masses(b.program(u=b.add("-", b.add("*", p, p), b.add("*", q, q)), v=b.add("-", p, q)), ())([4.0, 3.0])
    [25.0, 1.0]
    """

    def __init__(self, program: Program, functions: Container[str]) -> None:
        self.program = lower(program, functions)
        moved = self.program.depends_on("parameter")
        given = Program(self.program.nodes, {str(i): i for i, flag in enumerate(moved) if not flag}).pruned()
        values = evaluate(given)
        self._given = {int(name): _leaf(float(values[i])) for name, i in given.outputs.items()}
        self._moved = [(i, node) for i, node in enumerate(self.program.nodes) if moved[i]]

    def __call__(self, theta: Any) -> list[float]:
        sizes = dict(self._given)
        try:
            for i, node in self._moved:
                sizes[i] = (
                    _leaf(float(theta[node.value])) if node.op == "parameter" else _sized(node, [sizes[a] for a in node.args])
                )
        except (ArithmeticError, ValueError):
            return [np.inf for _ in self.program.outputs]
        return [sizes[i][1] for i in self.program.outputs.values()]


def _leaf(value: float) -> Sized:
    return value, abs(value), 0.0


def _sized(node: Node, args: list[Sized]) -> Sized:
    (u, m, d), (v, n, e) = args[0], args[-1]
    op = node.op
    if op in ("+", "-"):
        here = u + v if op == "+" else u - v
        mass = max(abs(here), d + e)
    elif op == "*":
        here = u * v
        mass = abs(u) * n + m * abs(v) - abs(here)
    elif op == "/":
        here = u / v
        mass = (m + abs(here) * n) / abs(v) - abs(here)
    elif op == "neg":
        return -u, m, d
    elif op == "where":
        return args[1] if u else args[2]
    elif op in COMPARISONS:
        return OPERATORS[op](u, v), 0.0, 0.0
    else:
        here, mass = _called(op, args)
    return here, mass, mass


def _called(op: str, args: list[Sized]) -> tuple[float, float]:
    function = numpy_function(op) if op in FUNCTIONS else None
    if function is None:
        return np.nan, np.inf
    values = [value for value, _, _ in args]
    here = float(function(*values))
    names = dict(zip(FUNCTIONS[op].arguments, values, strict=True))
    slopes = [evaluate(program, names=names)[program.outputs["value"]] for program in (partial(op, k) for k in range(len(args)))]
    return here, abs(here) + sum(abs(float(slope)) * rounded for slope, (_, _, rounded) in zip(slopes, args, strict=True))


class OwnRounding:
    """What the one output of a program loses row by row: each operation's value times the slope of the output in it.

    The slopes are derivatives by a factor of 1 that every operation is given.
    """

    def __init__(self, program: Program, functions: Container[str]) -> None:
        lowered = lower(program, functions)
        moved = lowered.depends_on("parameter")
        a = Algebra()
        place: list[int] = []
        factors: list[int] = []
        for i, (op, args, value) in enumerate(lowered.nodes):
            node = a.add(op, *(place[arg] for arg in args), value=value)
            if moved[i] and op not in LEAVES | COMPARISONS | {"neg"}:
                factors.append(a.add("name", value=f"one{len(factors)}"))
                node = a.times(factors[-1], node)
            place.append(node)
        (output,) = lowered.outputs.values()
        total = a.number(0)
        for slope in gradient(a, place[output], factors):
            total = a.plus(total, a.add("abs", slope))
        self.program = a.program(error=total)
        self._ones = dict.fromkeys(self.program.names(), 1.0)

    def __call__(self, theta: Any, columns: Sequence[Any]) -> Any:
        return evaluate(self.program, list(theta), columns, self._ones)[self.program.outputs["error"]]
