"""How many digits a program loses, to first order and in units of ε, on condensed rows and on the rows themselves."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np

from steepest.calculus.algebra import Algebra
from steepest.calculus.lower import lower
from steepest.calculus.reverse import gradient
from steepest.calculus.rules import partial as slope
from steepest.engines.source import run_source
from steepest.language.evaluate import evaluate
from steepest.language.functions import FUNCTIONS, numpy_function
from steepest.language.program import COMPARISONS, LEAVES, Node, Program

class Masses:
    """The outputs of a program of parameters alone, before they cancel: infinite or NaN where nothing is known.

    Rounded values that are added have their masses added; in a product relative masses are. Computed by generated Python, in its
    own numbers, which are fast one by one: `u3` is the value of node 3, `m3` its mass.

    >>> from steepest.language.program import Builder
    >>> b = Builder()
    >>> p, q = (b.add("parameter", value=k) for k in range(2))
    >>> Masses(b.program(u=b.add("-", b.add("*", p, p), b.add("*", q, q)), v=b.add("-", p, q)), ())([4.0, 3.0])
    [25.0, 1.0]
    """

    def __init__(self, program: Program, functions: Container[str]) -> None:
        self.program = lower(program, functions)
        self._read = [node.value for node in self.program.nodes if node.op == "parameter"]

    def __call__(self, theta: Any) -> list[float]:
        try:
            return list(self._masses(*(float(theta[k]) for k in self._read)))
        except (ArithmeticError, ValueError):
            return [np.inf for _ in self.program.outputs]

    @cached_property
    def _masses(self) -> Callable[..., Iterable[float]]:
        nodes, outputs = self.program.nodes, self.program.outputs.values()
        moved = self.program.depends_on("parameter")
        given = Program(nodes, {str(i): i for i, flag in enumerate(moved) if not flag}).pruned()
        values = evaluate(given)
        lines = [f"u{name} = {float(values[i])!r}" for name, i in given.outputs.items()]
        rounded: dict[int, str] = {}  # the part of a mass that is rounded: none of a leaf's
        for i, node in enumerate(nodes):
            leaf = not moved[i] or node.op == "parameter"
            rounded[i] = "0.0" if leaf else f"m{i}"
            lines += [f"m{i} = abs(u{i})"] if leaf else _sized(i, node, rounded)
        head = ", ".join(f"u{i}" for i, node in enumerate(nodes) if node.op == "parameter")
        body = [*lines, f"return ({''.join(f'm{i}, ' for i in outputs)})"]
        return _defined("\n    ".join([f"def masses({head}):", *body]))


@lru_cache(maxsize=64)
def _defined(source: str) -> Callable[..., Iterable[float]]:
    functions = {f"f_{op}": partial(_called, op) for op in FUNCTIONS}
    names = {"abs": abs, "max": max, "inf": np.inf, "nan": np.nan, "where": lambda u, yes, no: yes if u else no, "unknown": _unknown}
    found: Callable[..., Iterable[float]] = run_source(source, names | functions)["masses"]
    return found


def _sized(i: int, node: Node, rounded: dict[int, str]) -> list[str]:
    """The lines that compute the value and the mass of a node."""
    op, a, b = node.op, node.args[0], node.args[-1]
    if op in ("+", "-"):
        return [f"u{i} = u{a} {op} u{b}", f"m{i} = max(abs(u{i}), {rounded[a]} + {rounded[b]})"]
    if op == "*":
        return [f"u{i} = u{a}*u{b}", f"m{i} = abs(u{a})*m{b} + m{a}*abs(u{b}) - abs(u{i})"]
    if op == "/":
        return [f"u{i} = u{a}/u{b}", f"m{i} = (m{a} + abs(u{i})*m{b})/abs(u{b}) - abs(u{i})"]
    if op == "neg":
        rounded[i] = rounded[a]
        return [f"u{i} = -u{a}", f"m{i} = m{a}"]
    if op == "where":
        rounded[i] = f"r{i}"
        yes, no = (f"(u{k}, m{k}, {rounded[k]})" for k in node.args[1:])
        return [f"u{i}, m{i}, r{i} = where(u{a}, {yes}, {no})"]
    if op in COMPARISONS:
        rounded[i] = "0.0"
        return [f"u{i} = u{a} {op} u{b}", f"m{i} = 0.0"]
    arguments = ", ".join(f"u{k}, {rounded[k]}" for k in node.args)
    return [f"u{i}, m{i} = {f'f_{op}' if op in FUNCTIONS else 'unknown'}({arguments})"]


def _unknown(*given: float) -> tuple[float, float]:
    return np.nan, np.inf


def _called(op: str, *given: float) -> tuple[float, float]:
    """A function's value and mass, from its arguments, each with the part of its mass that is rounded."""
    function = numpy_function(op)
    if function is None:
        return _unknown()
    values, rounded = given[::2], given[1::2]
    here = float(function(*values))
    names = dict(zip(FUNCTIONS[op].arguments, values, strict=True))
    programs = [slope(op, k) for k in range(len(values))]
    slopes = [float(evaluate(program, names=names)[program.outputs["value"]]) for program in programs]
    return here, abs(here) + sum(abs(m) * error for m, error in zip(slopes, rounded, strict=True))


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
