"""The values of the derivation's own expressions, as the doctor compares them with the user's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.check.cases import Case
from steepest.language.evaluate import evaluate
from steepest.language.formula import Formula
from steepest.language.program import COMPARISONS, Builder, Node, Program
from steepest.language.text import to_text

Array = np.ndarray[Any, Any]
MOST = 400  # nodes of a larger derivation are not searched
LONG = 60  # characters


class Nodes:
    """The nodes of the gradient's program that are more than a number, in order."""

    def __init__(self, derivation: Derivation) -> None:
        self.formula = derivation.formula
        whole = derivation.program("gradient")
        outputs = {name: index for name, index in whole.outputs.items() if name.startswith("gradient_")}
        self.program: Program = whole.pruned(outputs)
        flags = self.program.depends_on("parameter", "column")
        searched = [i for i, node in enumerate(self.program.nodes) if flags[i] and node.op not in COMPARISONS]
        self.indices = searched if len(searched) <= MOST else []

    def values(self, cases: Sequence[Case]) -> Array:
        """(nodes, cases), each case of one row."""
        if not self.indices:
            return np.empty((0, len(cases)))
        return np.array([[row[0] for row in self._rows(case)] for case in cases]).T

    def rows(self, case: Case, index: int) -> Array:
        """The values of one node, (n,)."""
        return self._rows(case)[index]

    def text(self, index: int) -> str:
        return node_text(self.program, self.indices[index], self.formula)

    def _rows(self, case: Case) -> list[Array]:
        values = evaluate(self.program, list(case.theta), [case.rows[name] for name in self.formula.columns])
        return [np.broadcast_to(values[i], case.n) for i in self.indices]


def node_text(program: Program, index: int, formula: Formula) -> str:
    """A node as people write it: the derivative of P3 is P3'(u), which has no name in the language."""
    nodes, primes = list(program.nodes), {}
    for i, node in enumerate(nodes[: index + 1]):
        name = _primed(node)
        if name:
            inside = to_text(Program(tuple(nodes), {}), node.args[0], formula.parameters, formula.columns)
            primes[f"prime{i}x"] = f"{name}({inside})"
            nodes[i] = Node("name", (), f"prime{i}x")
    text = to_text(Program(tuple(nodes), {}), index, formula.parameters, formula.columns)
    for word, instead in reversed(primes.items()):
        text = text.replace(word, instead)
    return text if len(text) <= LONG else text[: LONG - 1] + "…"


def halved(b: Builder, node: int) -> int:
    """node/2, which of 2*e*x is e*x."""
    shorter = _without_two(b, node)
    return b.add("/", node, b.number(2)) if shorter is None else shorter


def _without_two(b: Builder, node: int) -> int | None:
    if b.nodes[node].op != "*":
        return None
    first, last = b.nodes[node].args
    if first == b.number(2):
        return last
    shorter = _without_two(b, first)
    return None if shorter is None else b.add("*", shorter, last)


def _primed(node: Node) -> str | None:
    if node.op == "sinc" and node.value:
        return "sinc" + "'" * int(node.value)
    if node.op != "gegenbauer" or node.value[1] < 1:
        return None
    n, alpha = node.value
    if alpha == Fraction(3, 2):
        return f"P{n + 1}'"
    return f"U{n}" if alpha == 1 else None  # T_k' = k·U_(k-1), Chebyshev's second kind
