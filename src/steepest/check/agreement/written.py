"""The program as written, one node after the other: the witness against the lowered one, and its rounding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.calculus.kernel import Kernel, Sum, rows_kernel
from steepest.check.rounding import EPS, measures
from steepest.engines.compiled import PRINTED
from steepest.language.evaluate import evaluate
from steepest.language.expand import expand
from steepest.language.program import LEAVES, Program
from steepest.language.text import to_text

Array = np.ndarray[Any, Any]
LONGEST = 60  # characters of a node's text


class WrittenKernels:
    """The interpreter of the language as an engine: what the user wrote, in the order in which it was written."""

    name = "as written"

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation

    def sums(self, kind: str, theta: Array, columns: Sequence[Array], weights: Array | None, total: float) -> Array:
        rows = self.rows(kind, theta, columns)
        with np.errstate(all="ignore"):
            return np.array([np.sum(line if weights is None else line * weights) for line in rows])

    def rows(self, kind: str, theta: Array, columns: Sequence[Array]) -> Array:
        program = self.derivation.program(kind)
        values = evaluate(program, theta.tolist(), columns)
        return np.array([np.broadcast_to(values[node], len(columns[0])) for node in program.outputs.values()])

    def vector(self, values: Sequence[Any]) -> Array:
        return np.array([float(value) for value in values])

    def number(self, value: Any) -> float:
        return float(value)

    def stepper(self, step: Any, states: tuple[str, ...]) -> Any:
        raise NotImplementedError("the interpreter takes no steps")


class Loss(NamedTuple):
    """The node of the derivation that loses most digits, in the language of formulas, and how many are left of it."""

    node: str
    row: int
    digits: float


@np.errstate(all="ignore")
def written_kappa(derivation: Derivation, theta: Array, columns: Sequence[Array], weights: Array | None) -> Array:
    """How far rounding can carry each sum when the program runs as written and rows are added one by one, in units of ε."""
    kernel = _kernel(derivation)
    weight = np.ones(len(columns[0])) if weights is None else weights
    of = measures(kernel, theta.tolist(), columns)
    here = [of[s.outer] for s in kernel.sums]
    rows = len(columns[0])
    return np.array([float(np.sum(weight * (m.error + (rows + 1) * m.mass) * np.ones(rows))) for m in here])


@np.errstate(all="ignore")
def lost_digits(derivation: Derivation, theta: Array, columns: Sequence[Array]) -> Loss | None:
    """Where the relative error grows most: a sum or difference much smaller than its terms."""
    kernel = _kernel(derivation)
    of = measures(kernel, theta.tolist(), columns)
    values = evaluate(Program(kernel.nodes, {}), theta.tolist(), columns)
    rows = len(columns[0])
    worst: tuple[float, int, int] = (1.0, -1, 0)
    relative: list[Array] = []
    for i, node in enumerate(kernel.nodes):
        own = np.broadcast_to(of[i].error / abs(values[i]), rows)
        relative.append(np.where(np.isfinite(own), own, 0.0))
        if node.op in ("+", "-"):
            before = np.maximum.reduce([relative[arg] for arg in node.args] + [np.ones(rows)])
            growth = relative[i] / before
            row = int(np.argmax(growth))
            if growth[row] > worst[0]:
                worst = (float(growth[row]), i, row)
    _, node_index, row = worst
    if node_index < 0 or kernel.nodes[node_index].op in LEAVES:
        return None
    formula = derivation.formula
    text = short(to_text(Program(kernel.nodes, {}), node_index, formula.parameters, formula.columns))
    return Loss(text, row, max(0.0, -float(np.log10(EPS * relative[node_index][row]))))


def short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _kernel(derivation: Derivation) -> Kernel:
    program = expand(derivation.program("gradient"), PRINTED)
    if any(node.op == "sinc" for node in program.nodes):  # its rounding is known of the lowered program only
        return rows_kernel(derivation, "gradient", PRINTED)
    sums = tuple(Sum(name, node, node) for name, node in program.outputs.items())
    return Kernel(program.nodes, (), tuple(range(len(program.nodes))), sums, derivation.size, len(derivation.formula.columns))
