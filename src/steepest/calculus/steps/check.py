"""Every slope against differences of what it is the slope of, before it is shown.

Central differences at steps h, h/2, h/4, … are brought to h → 0 (Richardson 1911; Ridders 1982); where they do not settle,
as at a kink or beyond the domain of a function, a point says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.language.evaluate import evaluate
from steepest.language.program import Node, Program

if TYPE_CHECKING:
    from steepest.calculus.derivation import Derivation
    from steepest.calculus.steps.plan import Plan

Array = np.ndarray[Any, Any]
Values = Mapping[Node, Array]  # of leaves

POINTS = 24
LEVELS = 10
FIRST = 0.04  # the largest step, relative to the larger of 1 and |x|
ROUNDING = 1e-15  # relative, of a value
SETTLED = 1e-7  # relative uncertainty of a difference that says something
ALLOWED = 1e-6  # relative gap between a slope and a difference
MANY = 0.15  # a share of wrong points that no coincidence explains


class StepFault(AssertionError):
    """A step of a derivation is not what its own differences say: a fault of this library."""


def check(derivation: Derivation, plan: Plan) -> None:
    """Every slope and every derivative of the loss, at 24 points. Raises StepFault."""
    draw = np.random.default_rng(0)
    definitions = {line.name: line for line in plan.lines}
    for slope in plan.slopes:
        definition = definitions[slope.above].definition
        leaves = {n for n in (*definition.nodes, *slope.value.nodes) if n.op in ("name", "parameter", "column")}
        points = {leaf: _spread(draw) for leaf in sorted(leaves, key=str)}
        itself = Node("name", (), slope.above)
        if itself in points:  # exp'(u) = p, for p = exp(u)
            points[itself] = _at(definition, points)
        compare(definition, slope.value, slope.below, points, f"d {slope.above}/d {slope.below.value}")
    _check_whole(derivation, plan, draw)


def _check_whole(derivation: Derivation, plan: Plan, draw: np.random.Generator) -> None:
    """The assembled slopes by the parameters, against differences of the loss as the formula has it."""
    formula, scale = derivation.formula, float(derivation.criterion.scale)
    value = derivation.program("value")
    theta = [_spread(draw) for _ in formula.parameters]
    columns = [np.abs(_spread(draw)) if k % 2 else _spread(draw) for k in range(len(formula.columns))]

    def loss(k: int, moved: Array) -> Array:
        at = [moved if j == k else np.broadcast_to(t, moved.shape) for j, t in enumerate(theta)]
        data = [np.broadcast_to(column, moved.shape) for column in columns]
        return scale * np.broadcast_to(evaluate(value, at, data)[value.outputs["loss"]], moved.shape)

    known = values(plan, theta, columns)
    for k, name in enumerate(formula.parameters):
        slope = evaluated(plan.rows[k], theta, columns, known)
        _judge(slope, *differences(lambda moved, k=k: loss(k, moved), theta[k]), f"d loss/d {name}")  # type: ignore[misc]


def compare(definition: Program, slope: Program, below: Node, points: Values, what: str) -> None:
    """One slope against differences of its definition."""

    def function(moved: Array) -> Array:
        return _at(definition, {**points, below: moved})

    _judge(_at(slope, points), *differences(function, points[below]), what)


def differences(function: Callable[[Array], Array], x: Array) -> tuple[Array, Array]:
    """The derivative at each x, and how far it is uncertain."""
    h = FIRST * np.maximum(1, np.abs(x)) * 0.5 ** np.arange(LEVELS)[:, None]
    with np.errstate(all="ignore"):
        above, below = function(x + h), function(x - h)
        column = (above - below) / (2 * h)
        rounding = ROUNDING * (np.abs(above) + np.abs(below)) / h
        best, error = column[-1], np.full(x.shape, np.inf)
        for order in range(1, LEVELS):
            factor = 4.0**order
            refined = (factor * column[1:] - column[:-1]) / (factor - 1)
            gaps = np.maximum(np.abs(refined - column[1:]), np.abs(refined - column[:-1])) + rounding[order:]
            for value, gap in zip(refined, gaps, strict=True):
                better = gap < error
                best, error = np.where(better, value, best), np.where(better, gap, error)
            column = refined
    return best, error


def values(plan: Plan, theta: Any, columns: Any) -> dict[str, Any]:
    """The value of every named part, and of the slope of the loss by it."""
    known: dict[str, Any] = {}
    for line in plan.lines:
        known[line.name] = evaluated(line.definition, theta, columns, known)
    for chain in plan.chains:
        if chain.below.op == "name":
            known[f"slope:{chain.below.value}"] = evaluated(chain.value, theta, columns, known)
    return known


def evaluated(program: Program, theta: Any, columns: Any, known: Mapping[str, Any]) -> Any:
    """The value of a program whose names are known."""
    return evaluate(program, theta, columns, known)[program.outputs["it"]]


def _at(program: Program, points: Values) -> Array:
    shape = np.broadcast_shapes(*(value.shape for value in points.values()))
    leaves: dict[str, dict[Any, Array]] = {"name": {}, "parameter": {}, "column": {}}
    for leaf, value in points.items():
        leaves[leaf.op][leaf.value] = value
    out = evaluate(program, leaves["parameter"], leaves["column"], leaves["name"])[program.outputs["it"]]  # type: ignore[arg-type]
    return np.broadcast_to(out, shape)


def _judge(slope: Array, found: Array, error: Array, what: str) -> None:
    size = np.abs(slope) + np.abs(found)
    with np.errstate(all="ignore"):
        says = np.isfinite(found) & np.isfinite(slope) & (error <= SETTLED * np.maximum(size, SETTLED))
        wrong = says & (np.abs(slope - found) > ALLOWED * size + 100 * error)
    if wrong.sum() > MANY * says.sum():
        k = int(np.argmax(wrong))
        raise StepFault(f"{what} is {np.broadcast_to(slope, found.shape)[k]:.9g}, but differences say {found[k]:.9g}")


def _spread(draw: np.random.Generator) -> Array:
    """Small and larger numbers of both signs, more of them within the domains of the functions."""
    small, large = draw.uniform(0.1, 0.9, POINTS), draw.uniform(0.5, 2.5, POINTS)
    sign = np.where(draw.random(POINTS) < 0.3, -1.0, 1.0)
    return sign * np.where(draw.random(POINTS) < 0.7, small, large)
