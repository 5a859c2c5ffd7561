"""From a derivation to its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steepest.calculus.steps.check import check
from steepest.calculus.steps.notation import Notation
from steepest.calculus.steps.numbers import Numbers, Point, described, with_numbers
from steepest.calculus.steps.plain import plain
from steepest.calculus.steps.plan import Plan, plan
from steepest.calculus.steps.step import Steps
from steepest.calculus.steps.writing import written

if TYPE_CHECKING:
    from steepest.calculus.derivation import Derivation


def checked(derivation: Derivation) -> Plan:
    """The plan, after each of its slopes was compared with differences. Raises StepFault."""
    made = plan(derivation)
    check(derivation, made)
    return made


def steps(derivation: Derivation, weighted: bool, point: Point | None = None) -> Steps:
    """The steps, with the numbers of a point if one is given."""
    made = derivation.plan
    notation = Notation(derivation, made, weighted)
    found = tuple(written(derivation, made, notation))
    text, loss = derivation.formula.text, derivation.criterion.name
    if point is None:
        return Steps(text, loss, found, notation.names)
    numbers = Numbers(made, notation, point)
    at = described(numbers, lambda latex: plain(latex, notation.names))
    return Steps(text, loss, tuple(with_numbers(found, numbers)), notation.names, at)
