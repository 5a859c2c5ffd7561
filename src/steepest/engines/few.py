"""The `compiled` engine on condensed rows: a block whose rows are written out one by one, and whose parameters enter once a step.

There the residual of row i is e_i = Σ_j R_ij·m_j(theta) - R_iy, with R upper triangular and y its last column. The sums are
s_j = Σ_i 2·e_i·R_ij, and the gradient Σ_j s_j·∂m_j/∂theta.
"""

from __future__ import annotations

from functools import cache, reduce

from steepest.calculus.derivation import Derivation
from steepest.calculus.kernel import sums_kernel
from steepest.calculus.lower import lower
from steepest.engines.block import Round
from steepest.engines.compiled import PRINTED, Block, CompiledKernels
from steepest.engines.printing import FAST, Printer
from steepest.language.program import Program

WRITTEN_OUT = 24  # rows up to which all are; from more on, loops take no longer


class FewKernels(CompiledKernels):
    """`inside` has the outputs m0, m1, … and gradient_0, gradient_1, …, with the s_j as names s0, s1, …; `rows` are those of R."""

    def __init__(self, derivation: Derivation, inside: Program, rows: int) -> None:
        super().__init__(derivation)
        self.inside, self.count = lower(inside, PRINTED), rows
        self._few = cache(self._compile_few)

    def block(self, step: Program, states: tuple[str, ...], free: tuple[int, ...], weighted: bool, batch: int | None) -> Block:
        if weighted or batch is not None or self.count > WRITTEN_OUT:
            return super().block(step, states, free, weighted, batch)
        return self._few(step, states, free)

    def _compile_few(self, step: Program, states: tuple[str, ...], free: tuple[int, ...]) -> Block:
        kernel = sums_kernel(self.derivation, "gradient", PRINTED)
        return Block(kernel, lower(step, PRINTED), states, free, False, self._print)

    def _print(self, p: Printer, at: Round) -> None:
        """Loss and gradient from all rows."""
        p.flags, flags = FAST, p.flags
        nodes, outputs = self.inside.nodes, self.inside.outputs
        after = self.inside.depends_on("name")
        values: dict[int, str] = {}
        p.nodes(nodes, [i for i, flag in enumerate(after) if not flag], values, lambda node: p.load("%theta", str(node.value)))
        terms = [values[node] for name, node in outputs.items() if name.startswith("m")]
        sums, loss = _rows(p, terms, self.count)
        p.nodes(nodes, [i for i, flag in enumerate(after) if flag], values, lambda node: sums[int(node.value[1:])])
        p.store(p.let(f"fdiv double {loss}, {at.divisor}"), "%losses", at.k)
        for j in range(self.derivation.size):
            p.store(p.let(f"fdiv double {values[outputs[f'gradient_{j}']]}, {at.divisor}"), at.gradient, str(j))
        p.flags = flags


def _rows(p: Printer, terms: list[str], count: int) -> tuple[list[str], str]:
    """The s_j and Σ e², row by row."""
    width = len(terms)
    columns = [p.load("%columns", str(j), "ptr") for j in range(width + 1)]
    parts: list[list[str]] = [[] for _ in terms]
    squares = []
    for i in range(count):
        row = {j: p.load(columns[j], str(i)) for j in range(i, width + 1)}
        products = [p.let(f"fmul {FAST} double {row[j]}, {terms[j]}") for j in range(i, width)]
        error = p.let(f"fsub {FAST} double {_sum(p, products)}, {row[width]}") if products else p.let(f"fneg double {row[width]}")
        twice = p.let(f"fmul {FAST} double {error}, 2.0")
        for j in range(i, width):
            parts[j].append(p.let(f"fmul {FAST} double {twice}, {row[j]}"))
        squares.append(p.let(f"fmul {FAST} double {error}, {error}"))
    return [_sum(p, part) for part in parts], _sum(p, squares)


def _sum(p: Printer, terms: list[str]) -> str:
    return reduce(lambda a, b: p.let(f"fadd {FAST} double {a}, {b}"), terms)
