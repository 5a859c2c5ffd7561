"""From a derivation to its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steepest.calculus.steps.check import check
from steepest.calculus.steps.notation import Notation
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


def steps(derivation: Derivation, weighted: bool) -> Steps:
    """The steps without numbers."""
    notation = Notation(derivation, derivation.plan, weighted)
    found = tuple(written(derivation, derivation.plan, notation))
    return Steps(derivation.formula.text, derivation.criterion.name, found, notation.names)
