"""A penalty as a node beside the loss of a row."""

from __future__ import annotations

from collections.abc import Mapping

from steepest.calculus.algebra import Algebra
from steepest.language.penalty import Penalty


def penalty_node(a: Algebra, penalty: Penalty, parameters: Mapping[str, int]) -> int:
    """The terms of the penalty in these parameters, added up; terms of others are left to whoever has them."""
    total = a.number(0) if penalty.rest is None else a.simplified(penalty.rest, parameters)
    for kind, name, factor in penalty.terms:
        if name in parameters:
            who = parameters[name]
            size = a.add("abs", who) if kind == "l1" else a.power(who, 2)
            total = a.plus(total, a.times(a.number(factor), size))
    return total
