"""The worked program as text: assignments in our own language, which a person can read and this language can evaluate.

Only `mean` and `sum` over the rows stand around them.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from steepest.calculus.algebra import Algebra, TooLarge
from steepest.calculus.worked import Fresh, Worked, combined, outputs_of, worked
from steepest.language.program import Program
from steepest.language.text import to_text

if TYPE_CHECKING:
    from steepest.calculus.derivation import Derivation

LONGEST = 72  # characters of an expression, so that a line has about 80 at most


def text(derivation: Derivation) -> str:
    """The model, the loss and its gradient, one assignment a line. `mean` and `sum` are over the rows.

    >>> from steepest.calculus.derivation import Derivation
    >>> from steepest.language.formula import parse_formula
    >>> from steepest.language.losses import LOSSES
    >>> print(text(Derivation(parse_formula("y ~ a + b*P3(c + d*x)", ["x", "y"]), LOSSES["mse"])))
    u = c + d*x
    yhat = a + b*P3(u)
    e = yhat - y
    L = mean(e**2)
    dL/da = mean(2*e)
    dL/db = mean(2*e*P3(u))
    v = 2*e*b*(1 + 5*P2(u))
    dL/dc = mean(v)
    dL/dd = mean(v*x)
    """
    formula, loss = derivation.formula, derivation.criterion
    parts = ("loss", "gradient")
    try:
        program = spelled(combined(derivation, parts))
    except TooLarge:
        raise derivation.refusal("text") from None
    plan = worked(program, outputs_of(parts, derivation.size), formula, LONGEST)
    reduction = "mean" if loss.mean else "sum"
    total = Fresh([*formula.parameters, *formula.columns, *plan.names.values()])("L", "J", "E")
    lines = []
    for name, node in plan.lines:
        if name:
            right = f"{reduction}({_expression(plan, node, derivation, loss.scale)})"
            below = "" if name == "loss" else formula.parameters[int(name.removeprefix("gradient_"))]
            lines.append(f"d{total}/d{below} = {right}" if below else f"{total} = {right}")
        else:
            lines.append(f"{plan.names[node]} = {_expression(plan, node, derivation, None)}")
    return "\n".join(lines)


def _expression(plan: Worked, node: int, derivation: Derivation, scale: Fraction | None) -> str:
    """One line's right side; an output (`scale` given) may be a name, a definition is written out."""
    a = Algebra()
    place: dict[int, int] = {}
    for index in _within(plan, node, scale is None):
        op, args, value = plan.program.nodes[index]
        if index in plan.names and (index != node or scale is not None):
            place[index] = a.add("name", value=plan.names[index])
        else:
            place[index] = a.add(op, *(place[arg] for arg in args), value=value)
    whole = place[node] if scale is None else a.scaled(scale, place[node])
    formula = derivation.formula
    return to_text(Program(tuple(a.nodes), {}), whole, formula.parameters, formula.columns)


def _within(plan: Worked, node: int, opened: bool) -> list[int]:
    """The nodes that a line writes out: down to leaves and names, in order."""
    seen, stack = {node}, [node]
    while stack:
        index = stack.pop()
        if index not in plan.names or (opened and index == node):
            new = set(plan.program.nodes[index].args) - seen
            seen |= new
            stack.extend(new)
    return sorted(seen)


def spelled(program: Program) -> Program:
    """Derivatives of P_n, T_n and sinc, which have no name in the language, in terms of functions that have one."""
    a = Algebra()
    place: list[int] = []
    for op, args, value in program.nodes:
        here = tuple(place[arg] for arg in args)
        if op == "gegenbauer" and value[1] >= 1:
            place.append(_series(a, here[0], *value))
        elif op == "sinc" and value == 1:
            place.append(_sinc_slope(a, here[0]))
        else:
            place.append(a.add(op, *here, value=value))
    return Program(tuple(a.nodes), {name: place[index] for name, index in program.outputs.items()})


def _series(a: Algebra, u: int, n: int, alpha: Fraction) -> int:
    """C(n, alpha) as the sum over k = n, n-2, … of (k + alpha - 1)/(alpha - 1)·C(k, alpha - 1) (DLMF 18.9.7)."""
    below = alpha - 1
    total = a.number(0)
    for k in range(n % 2, n + 1, 2):
        if k == 0:
            total = a.number(1)
            continue
        polynomial = a.add("gegenbauer", u, value=(k, below))
        total = a.plus(total, a.times(a.number((k + below) / below if below else 2), polynomial))
    return total


def _sinc_slope(a: Algebra, u: int) -> int:
    zero = a.number(0)
    slope = a.over(a.minus(a.add("cos", a.times(a.add("pi"), u)), a.add("sinc", u, value=0)), u)
    return a.where(a.add("==", u, zero), zero, slope)
