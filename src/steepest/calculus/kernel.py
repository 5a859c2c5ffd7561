"""The plan of a kernel: what is computed once, what is computed for every row, and which sums are taken.

Every library prints the same plan, so engines differ in their arithmetic and in nothing else. Factors that no column
enters are moved out of the sums: the sum of f(theta)·g(theta, row) is f times the sum of g.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from steepest.calculus.algebra import Algebra, TooLarge
from steepest.calculus.derivation import Derivation
from steepest.calculus.lower import lower
from steepest.calculus.safe import safe
from steepest.errors import OptionError
from steepest.language.expand import expand
from steepest.language.program import Node, Program


@dataclass(frozen=True)
class Sum:
    """`outer` times the sum over rows of `inner`, both nodes; where `inner` is None the rows are all 1."""

    name: str
    outer: int
    inner: int | None


@dataclass(frozen=True)
class Kernel:
    """Nodes in order; `once` are those that no column enters, `rows` the others."""

    nodes: tuple[Node, ...]
    once: tuple[int, ...]
    rows: tuple[int, ...]
    sums: tuple[Sum, ...]
    parameters: int
    columns: int

    @property
    def cost(self) -> int:
        """Operations a row, a function call counted as 20."""
        return sum(1 if self.nodes[i].op in CHEAP else 20 for i in self.rows)


CHEAP = frozenset({"+", "-", "*", "/", "neg", "where", "column", "<", "<=", ">", ">=", "==", "!=", "abs", "sqrt"})


def sums_kernel(derivation: Derivation, kind: str, functions: Container[str]) -> Kernel:
    """The plan for the sums over rows of every output of one of the derivation's programs."""
    program = _lowered(derivation, kind, functions)
    a = Algebra(program.nodes)
    a.limit *= 2  # what is split was within the limit before
    split = _Split(a)
    parts = {name: split(node) for name, node in program.outputs.items()}
    outputs = {f"{name} outer": outer for name, (outer, _) in parts.items()}
    outputs |= {f"{name} inner": inner for name, (_, inner) in parts.items() if a.value(inner) != 1}
    final = Program(tuple(a.nodes), outputs).pruned()
    sums = tuple(Sum(n, final.outputs[f"{n} outer"], final.outputs.get(f"{n} inner")) for n in program.outputs)
    return _kernel(final, sums, derivation)


def rows_kernel(derivation: Derivation, kind: str, functions: Container[str], outputs: Sequence[str] = ()) -> Kernel:
    """The plan for the outputs themselves (all unless named), row by row: each `inner` is an output, and `outer` the same."""
    return _rows(_lowered(derivation, kind, functions), outputs, derivation)


def written_kernel(derivation: Derivation, output: str, functions: Container[str]) -> Kernel:
    """The plan for y, yhat or loss, row by row, as it is written."""
    return _rows(expand(derivation.program("value"), functions), (output,), derivation)


def followed_kernel(derivation: Derivation, output: str, functions: Container[str]) -> Kernel:
    """The same for a library that differentiates it itself: a branch that is not taken has finite slopes."""
    return _rows(safe(expand(derivation.program("value"), functions)), (output,), derivation)


def _rows(program: Program, outputs: Sequence[str], derivation: Derivation) -> Kernel:
    part = program.pruned({name: program.outputs[name] for name in outputs or program.outputs})
    return _kernel(part, tuple(Sum(n, i, i) for n, i in part.outputs.items()), derivation)


def _lowered(derivation: Derivation, kind: str, functions: Container[str]) -> Program:
    try:
        return lower(derivation.program(kind), functions)
    except TooLarge:
        raise derivation.refusal(kind) from None


def _kernel(program: Program, sums: tuple[Sum, ...], derivation: Derivation) -> Kernel:
    if any(node.op == "dot" for node in program.nodes):
        raise OptionError("a formula with dot(w, X) cannot be printed as code: its engines run it in parts")
    varying = program.depends_on("column")
    once = tuple(i for i, flag in enumerate(varying) if not flag)
    rows = tuple(i for i, flag in enumerate(varying) if flag)
    return Kernel(program.nodes, once, rows, sums, derivation.size, len(derivation.formula.columns))


class _Split:
    """Splits a product into the factor that no column enters and the rest. Equal parts stay shared."""

    def __init__(self, a: Algebra) -> None:
        self.a = a
        self.varying = Program(tuple(a.nodes), {}).depends_on("column")
        self.parts: dict[int, tuple[int, int]] = {}

    def __call__(self, node: int) -> tuple[int, int]:
        stack = [node]
        while stack:
            top = stack[-1]
            waiting = [arg for arg in self._factors(top) if arg not in self.parts]
            if top in self.parts or not waiting:
                stack.pop()
                self.parts.setdefault(top, self._split(top))
            else:
                stack.extend(waiting)
        return self.parts[node]

    def _factors(self, node: int) -> tuple[int, ...]:
        op, args, _ = self.a.nodes[node]
        if not self.varying[node] or op not in ("*", "/", "neg"):
            return ()
        return args[:1] if op == "/" else args

    def _split(self, node: int) -> tuple[int, int]:
        a, one = self.a, self.a.number(1)
        op, args, _ = a.nodes[node]
        if not self.varying[node]:
            return node, one
        if op == "neg":
            outer, inner = self.parts[args[0]]
            return a.negate(outer), inner
        if op == "*":
            (f, u), (g, v) = self.parts[args[0]], self.parts[args[1]]
            return a.times(f, g), a.times(u, v)
        if op == "/":
            f, u = self.parts[args[0]]
            if not self.varying[args[1]]:
                return a.over(f, args[1]), u
            return f, a.over(u, args[1])
        return one, node
