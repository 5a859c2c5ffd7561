"""Straight-line programs: the one representation that every room works on.

A program is a list of nodes in which every argument stands before its node, so each pass over it is a plain loop and
nothing recurses. A builder shares equal nodes, so a common sub-expression is one node from the start.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import inf
from typing import Any, NamedTuple


class Node(NamedTuple):
    """One operation. Its arguments are indices of earlier nodes.

    Leaves: `number` (value: Fraction), `pi`, `name` (value: str, before a formula is resolved), `parameter` and
    `column` (value: position). Operators: `+ - * / ** neg < <= > >= == !=`. Everything else is a row of the function
    table, `dot` of a block and a matrix, or `gegenbauer` with value (n, alpha); alpha = 0 stands for the Chebyshev
    polynomial T_n and alpha = 1/2 for Legendre's P_n.
    """

    op: str
    args: tuple[int, ...] = ()
    value: Any = None


def float64(value: Fraction | float) -> float:
    """The nearest float64, which is infinite beyond its range: constants of derivatives can be larger than any literal."""
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


LEAVES = frozenset({"number", "pi", "name", "parameter", "column"})
COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!="})


@dataclass(frozen=True)
class Program:
    """Nodes in order, and the names of those that are results."""

    nodes: tuple[Node, ...]
    outputs: Mapping[str, int]

    def __hash__(self) -> int:
        return hash((self.nodes, tuple(self.outputs.items())))

    def names(self) -> tuple[str, ...]:
        """Unresolved names, in order of first appearance."""
        return tuple(dict.fromkeys(node.value for node in self.nodes if node.op == "name"))

    def depends_on(self, *ops: str) -> list[bool]:
        """For each node: does it depend on a leaf of one of these kinds?"""
        flags: list[bool] = []
        for node in self.nodes:
            flags.append(node.op in ops or any(flags[a] for a in node.args))
        return flags

    def depends_on_names(self, names: Container[str]) -> list[bool]:
        """For each node: does it depend on one of these unresolved names?"""
        flags: list[bool] = []
        for node in self.nodes:
            flags.append((node.op == "name" and node.value in names) or any(flags[a] for a in node.args))
        return flags

    def pruned(self, outputs: Mapping[str, int] | None = None) -> Program:
        """Only what these outputs (or the program's own) need, in the same order."""
        wanted = dict(self.outputs if outputs is None else outputs)
        needed = set(wanted.values())
        for index in range(len(self.nodes) - 1, -1, -1):
            if index in needed:
                needed.update(self.nodes[index].args)
        order = sorted(needed)
        place = {old: new for new, old in enumerate(order)}
        nodes = tuple(Node(n.op, tuple(place[a] for a in n.args), n.value) for n in (self.nodes[i] for i in order))
        return Program(nodes, {name: place[index] for name, index in wanted.items()})


class Builder:
    """Adds nodes, sharing equal ones.

    >>> b = Builder()
    >>> x = b.add("name", value="x")
    >>> b.add("*", x, x) == b.add("*", x, x)
    True
    """

    def __init__(self, nodes: Iterable[Node] = ()) -> None:
        self.nodes: list[Node] = []
        self._places: dict[tuple[Any, ...], int] = {}
        for node in nodes:
            self.add(node.op, *node.args, value=node.value)

    def add(self, op: str, *args: int, value: Any = None) -> int:
        key = (op, args, (value.numerator, value.denominator) if op == "number" else value)
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self.nodes)
            self.nodes.append(Node(op, args, value))
        return place

    def number(self, value: Fraction | int) -> int:
        return self.add("number", value=Fraction(value))

    def inline(self, program: Program, bindings: Mapping[str, int]) -> dict[str, int]:
        """Copies a program in, its names replaced by nodes of ours. Names without a binding stay names."""
        place: list[int] = []
        for node in program.nodes:
            if node.op == "name" and node.value in bindings:
                place.append(bindings[node.value])
            else:
                place.append(self.add(node.op, *(place[a] for a in node.args), value=node.value))
        return {name: place[index] for name, index in program.outputs.items()}

    def program(self, **outputs: int) -> Program:
        return Program(tuple(self.nodes), outputs).pruned()
