"""Derivations of formulas with `dot(w, X)`, which are never expanded.

For the calculus, dot(w, X) of one row is a number v + δ: v a column that is computed from theta, δ a parameter that is always 0.
The derivative by δ, a row's, times the row of X is the derivative by w; second derivatives are products with rows of X alike.
`core` is the ordinary derivation of that scalar formula, and every engine runs it as it is.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.errors import OptionError
from steepest.language.formula import Formula
from steepest.language.losses import Loss
from steepest.language.penalty import Penalty
from steepest.language.program import Builder, Program

if TYPE_CHECKING:
    from steepest.calculus.steps.plan import Plan
    from steepest.calculus.steps.step import Steps

Array = np.ndarray[Any, np.dtype[np.float64]]


class BlockDerivation(Derivation):
    """A derivation whose formula has blocks. Its own programs are those of "value"; all others are the core's.

    `scalars` are the places in theta of the parameters outside blocks: the core's first parameters; its last are the δ.
    """

    def __init__(self, formula: Formula, loss: Loss, penalty: Penalty | None = None, share: Fraction = Fraction(1)) -> None:
        super().__init__(formula, loss)
        self.penalty, self.share = penalty, share
        if penalty is not None:
            self.criterion = loss._replace(quadratic=False)
        inside = {k for block in formula.blocks for k in range(block.first, block.first + block.size)}
        self.scalars = [k for k in range(len(formula.parameters)) if k not in inside]
        self.singles = [j for j in range(len(formula.columns)) if j not in {block.column for block in formula.blocks}]
        self._scalar_loss = loss
        self._shares: dict[str, Array] = {}

    @cached_property
    def core(self) -> Derivation:
        return Derivation(scalar(self.formula, self.scalars, self.singles), self._scalar_loss, self.penalty, self.share)

    @cached_property
    def unpenalised(self) -> Derivation:
        return BlockDerivation(self.formula, self._scalar_loss)

    @cached_property
    def is_linear(self) -> bool:
        return self.core.is_linear

    def program(self, kind: str) -> Program:
        return super().program(kind) if kind == "value" else self.by_parameter("this").program(kind)

    def share_of(self, kind: str) -> Array:
        """The factors of l1 or l2 in the loss of a row, (p,): those of the blocks, as the core has the others."""
        if kind not in self._shares:
            factors = np.zeros(self.size)
            for block in self.formula.blocks:
                given = {} if self.penalty is None else self.penalty.factors(kind)
                factors[block.part] = float(given.get(block.name, 0) * self.share)
            self._shares[kind] = factors
        return self._shares[kind]

    def text(self) -> str:
        names = [f"dot({block.name}, {block.matrix})" for block in self.formula.blocks]
        sizes = [f"{block.size:,} columns" for block in self.formula.blocks]
        head = "; ".join(f"{name} is a sum over {size}" for name, size in zip(names, sizes, strict=True))
        return f"# {head}; a slope by {', '.join(b.name for b in self.formula.blocks)} has as many entries\n{self.view.text()}"

    def latex(self, what: str = "all") -> str:
        if what == "hessian":
            self.by_parameter("the Hessian in LaTeX")
        from steepest.calculus.latex import latex

        return latex(self.view, ("loss", "gradient") if what == "all" else (what,))

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def steps(self, weighted: bool = False) -> Steps:
        return self.by_parameter("the derivation step by step").steps(weighted)

    @cached_property
    def plan(self) -> Plan:
        return self.by_parameter("the derivation step by step").plan

    @cached_property
    def view(self) -> Derivation:
        """For people: a formula in which each block is one symbol."""
        return Derivation(viewed(self.formula), self._scalar_loss, self.penalty, self.share)

    def by_parameter(self, what: str) -> Derivation:
        names = " and ".join(f"dot({block.name}, {block.matrix})" for block in self.formula.blocks)
        raise OptionError(f"{what} goes parameter by parameter, which a block of them does not: leave {names} out")


def scalar(formula: Formula, scalars: list[int], singles: list[int]) -> Formula:
    """The same with v + δ in the place of each dot."""
    parameters = {k: place for place, k in enumerate(scalars)}
    columns = {j: place for place, j in enumerate(singles)}
    order = {block.first: b for b, block in enumerate(formula.blocks)}
    builder = Builder()
    place: list[int] = []
    for node in formula.program.nodes:
        if node.op == "dot":
            b = order[formula.program.nodes[node.args[0]].value]
            v, delta = builder.add("column", value=len(singles) + b), builder.add("parameter", value=len(scalars) + b)
            place.append(builder.add("+", v, delta))
        elif node.op in ("parameter", "column"):
            known = parameters if node.op == "parameter" else columns
            place.append(builder.add(node.op, value=known.get(node.value, -1)))
        else:
            place.append(builder.add(node.op, *(place[a] for a in node.args), value=node.value))
    program = builder.program(**{name: place[i] for name, i in formula.program.outputs.items()})
    return replace(
        formula,
        program=program,
        parameters=(*(formula.parameters[k] for k in scalars), *(f"δ of {block.name}" for block in formula.blocks)),
        columns=(*(formula.columns[j] for j in singles), *(f"dot({b.name}, {b.matrix})" for b in formula.blocks)),
        blocks=(),
    )


def viewed(formula: Formula) -> Formula:
    """The same with one parameter in the place of each block."""
    inside = {block.first: block for block in formula.blocks}
    used = sorted({node.value for node in formula.program.nodes if node.op == "parameter"})
    place = {first: k for k, first in enumerate(used)}
    nodes = tuple(n._replace(value=place[n.value]) if n.op == "parameter" else n for n in formula.program.nodes)
    names = tuple(inside[k].name if k in inside else formula.parameters[k] for k in used)
    return replace(formula, program=Program(nodes, formula.program.outputs), parameters=names, blocks=())
