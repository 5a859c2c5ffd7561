"""How many digits a program loses, to first order and in units of ε, on condensed rows and on the rows themselves."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from functools import cached_property, lru_cache, partial
from typing import Any

import numpy as np

from steepest.calculus.algebra import Algebra
from steepest.calculus.lower import lower
from steepest.calculus.reverse import gradient
from steepest.calculus.rules import partial as derivative
from steepest.engines.source import run_source
from steepest.language.evaluate import evaluate
from steepest.language.functions import FUNCTIONS, numpy_function
from steepest.language.program import COMPARISONS, LEAVES, Program


class Masses:
    """The outputs of a program of parameters alone, before they cancel: infinite or NaN where nothing is known.

    Rounded values that are added have their masses added; in a product relative masses are. Computed by generated Python, in its
    own numbers, which are fast one by one: `u3` is the value of node 3, `a3` its size, `m3` its mass, and `r3` the part of that
    which is rounded, nothing of a leaf's.

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
        for i, node in enumerate(nodes):
            leaf = not moved[i] or node.op == "parameter"
            lines += [f"a{i} = m{i} = abs(u{i})", f"r{i} = 0.0"] if leaf else _sized(i, *node[:2])
        head = ", ".join(f"u{i}" for i, node in enumerate(nodes) if node.op == "parameter")
        body = [*lines, f"return ({''.join(f'm{i}, ' for i in outputs)})"]
        return _defined("\n    ".join([f"def masses({head}):", *body]))


@lru_cache(maxsize=64)
def _defined(source: str) -> Callable[..., Iterable[float]]:
    functions = {f"f_{op}": partial(_called, op) for op in FUNCTIONS}
    names = {
        "abs": abs,
        "max": max,
        "inf": np.inf,
        "nan": np.nan,
        "where": lambda u, yes, no: yes if u else no,
        "unknown": _unknown,
    }
    found: Callable[..., Iterable[float]] = run_source(source, names | functions)["masses"]
    return found


def _sized(i: int, op: str, args: Sequence[int]) -> list[str]:
    """The lines for a node."""
    j, k = args[0], args[-1]
    size, all_of_it = f"a{i} = abs(u{i})", f"r{i} = m{i}"
    if op in ("+", "-"):
        return [f"u{i} = u{j} {op} u{k}", size, f"m{i} = max(a{i}, r{j} + r{k})", all_of_it]
    if op == "*":
        return [f"u{i} = u{j}*u{k}", size, f"m{i} = a{j}*m{k} + m{j}*a{k} - a{i}", all_of_it]
    if op == "/":
        return [f"u{i} = u{j}/u{k}", size, f"m{i} = (m{j} + a{i}*m{k})/a{k} - a{i}", all_of_it]
    if op == "neg":
        return [f"u{i} = -u{j}", *(f"{part}{i} = {part}{j}" for part in "amr")]
    if op == "where":
        yes, no = (f"(u{n}, a{n}, m{n}, r{n})" for n in args[1:])
        return [f"u{i}, a{i}, m{i}, r{i} = where(u{j}, {yes}, {no})"]
    if op in COMPARISONS:
        return [f"u{i} = u{j} {op} u{k}", f"a{i} = m{i} = r{i} = 0.0"]
    given = ", ".join(f"u{n}, r{n}" for n in args)
    return [f"u{i}, m{i} = {f'f_{op}' if op in FUNCTIONS else 'unknown'}({given})", size, all_of_it]


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
    programs = [derivative(op, k) for k in range(len(values))]
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
