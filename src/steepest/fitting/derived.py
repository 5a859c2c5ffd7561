"""Quantities that follow from the parameters of a fit, as log(2)/k, with their standard errors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from steepest.calculus.algebra import Algebra
from steepest.calculus.reverse import gradient
from steepest.descent.objective import Array
from steepest.errors import FormulaError, unknown
from steepest.language.evaluate import evaluate
from steepest.language.names import printable
from steepest.language.parser import parse_expression
from steepest.language.program import Program

if TYPE_CHECKING:
    from steepest.fitting.result import Fit


class Estimate(NamedTuple):
    """A value and its standard error; nan where that is not known."""

    value: float
    std_error: float


def quantity(fit: Fit, text: str) -> Estimate:
    """q(θ) and √(∇q C ∇qᵀ), C the covariance of the parameters: the delta method."""
    constants = fit.problem["constants"]
    program = parse_expression(text)
    known = [*fit.parameters, *fit.ties, *constants]
    for name in program.names():
        if name not in known:
            raise FormulaError(unknown("parameter", printable(name), known), text, max(0, text.find(name)))
    a = Algebra()
    leaves = {name: a.add("name", value=name) for name in fit.parameters}
    output = a.inline(program, {name: a.inline(parse_expression(tie), leaves)["value"] for name, tie in fit.ties.items()} | leaves)
    slopes = gradient(a, output["value"], list(leaves.values()))
    outputs = {"value": output["value"], **{f"slope {k}": node for k, node in enumerate(slopes)}}
    made = Program(tuple(a.nodes), outputs)
    values = evaluate(made, names={**constants, **fit.parameters})
    value, *along = (float(values[node]) for node in made.outputs.values())
    if math.isnan(value):  # its slopes may still be finite, as those of log are
        return Estimate(math.nan, math.nan)
    return Estimate(value, float(np.sqrt(spread(fit, np.array(along)))))


def spread(fit: Fit, slopes: Array) -> float:
    """The variance, of the parameters that it depends on."""
    used = np.flatnonzero(slopes)
    return float(slopes[used] @ fit.covariance[np.ix_(used, used)] @ slopes[used])
