"""A model that is linear in its parameters as a product of a matrix and a vector: yhat = X theta + o."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from steepest.calculus.algebra import Algebra
from steepest.calculus.steps.notation import Notation
from steepest.calculus.tex import number_text
from steepest.language.names import latex_name
from steepest.language.program import Program

if TYPE_CHECKING:
    from steepest.calculus.derivation import Derivation


def row_of(derivation: Derivation, notation: Notation) -> str:
    """One row of X: the slopes of the prediction by the parameters."""
    program = derivation.program("jacobian")
    cells = []
    for k in range(derivation.size):
        slope = program.pruned({"it": program.outputs[f"jacobian_{k}"]})
        cells.append(notation.text(slope, notation.leaf_at_row))
    return rf"\left({', '.join(cells)}\right)"


def offset_of(derivation: Derivation) -> Program | None:
    """The prediction where all parameters are 0, or None where that is 0."""
    program = derivation.program("value")
    program = program.pruned({"it": program.outputs["yhat"]})
    a = Algebra()
    place: list[int] = []
    for op, args, value in program.nodes:
        zero = op == "parameter"
        place.append(a.number(0) if zero else a.emit(op, tuple(place[arg] for arg in args), value))
    node = place[program.outputs["it"]]
    return None if a.value(node) == 0 else a.program(it=node)


def gradient_of(derivation: Derivation, notation: Notation, big: str, theta: str, offset: bool) -> str:
    """2/n X^T (X theta - y), for the loss in use."""
    scale = 2 * derivation.criterion.scale
    weighted = notation.weight != ""
    count = (
        rf"\sum_{{{notation.index}=1}}^{{{notation.n}}} {notation.at_row(latex_name(notation.weight))}" if weighted else notation.n
    )
    before = _before(scale, count if derivation.criterion.mean else "")
    diagonal = r" \operatorname{diag}\left(" + latex_name(notation.weight) + r"\right)" if weighted else ""
    middle = rf"{big}^{{\top}}{diagonal}"
    response = notation.response
    return rf"{before}{middle} \left({big} {theta}{' + o' if offset else ''} - {response}\right)"


def _before(scale: Fraction, below: str) -> str:
    above, under = number_text(scale)
    if below or under:
        return rf"\frac{{{above}}}{{{' '.join(part for part in (under, below) if part)}}} "
    return "" if above == "1" else f"{above} "
