"""Which parts of a formula get a name, so that every line after it needs few rules.

A part that moves with the parameters has a name where it is the argument of a function, a sum that is a factor, or what a
function gives to a sum or product. What the parameters do not move is a number of the row, and stands as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from steepest.calculus.algebra import Algebra
from steepest.calculus.worked import Fresh, combined, outputs_of, worked
from steepest.language.program import COMPARISONS, LEAVES, Builder, Node, Program
from steepest.language.text import to_text

if TYPE_CHECKING:
    from steepest.calculus.derivation import Derivation

LONGEST = 72  # characters of a line, beyond which a factor or an argument in it gets a name
LONG_NUMBER = 30  # of a part that the parameters do not move
MOST_NAMES = 30  # beyond these, only shared parts and long ones have a name


class Line(NamedTuple):
    """`name = definition`; in the definition, earlier names are leaves. `moves`: with the parameters."""

    name: str
    definition: Program  # its output is "it"
    kind: str  # inner, response, prediction, residual or loss
    moves: bool


def lines(derivation: Derivation) -> tuple[Line, ...]:
    """The parts in order; the last is the loss of one row, with the half of half-mse."""
    program = _scaled(derivation)
    named = _Parts(program).named()
    if len(named) > MOST_NAMES:
        named = _few(derivation, program)
    roles = _roles(program)
    names = _names(derivation, program, named, roles)
    moving = program.depends_on("parameter")
    found = [Line(names[i], _opened(program, i, names), roles.get(i, "inner"), moving[i]) for i in sorted(names)]
    if found[-1].kind == "prediction":  # the loss is yhat itself
        name = Fresh([*derivation.formula.parameters, *derivation.formula.columns, *names.values()])("loss")
        found.append(Line(name, Program((Node("name", (), found[-1].name),), {"it": 0}), "loss", True))
    return tuple(found)


def _scaled(derivation: Derivation) -> Program:
    a = Algebra()
    outputs = a.inline(derivation.program("value"), {})
    outputs["loss"] = a.scaled(derivation.criterion.scale, outputs["loss"])
    return Program(tuple(a.nodes), outputs).pruned()


def _roles(program: Program) -> dict[int, str]:
    """What stands for itself: the response where it is an expression, the prediction, the residual, the loss."""
    y, yhat, loss = (program.outputs[name] for name in ("y", "yhat", "loss"))
    roles = {} if program.nodes[y].op in LEAVES else {y: "response"}
    roles |= {i: "residual" for i, node in enumerate(program.nodes) if node == Node("-", (yhat, y))}
    return roles | {loss: "loss", yhat: "prediction"}


def _names(derivation: Derivation, program: Program, named: set[int], roles: Mapping[int, str]) -> dict[int, str]:
    formula = derivation.formula
    fresh = Fresh([*formula.parameters, *formula.columns])
    wishes = {"response": "z", "prediction": "yhat", "residual": "e", "loss": "loss"}
    special = {i: fresh(wishes[role], role) for i, role in sorted(roles.items(), key=lambda item: item[1])}
    parts = _Parts(program)
    return {i: fresh(*("pqrs" if parts.sort(i) == "function" else "uvw")) for i in sorted(named - set(special))} | special


class _Parts:
    """A program's nodes, as the rules of differentiation see them."""

    def __init__(self, program: Program) -> None:
        self.nodes = program.nodes
        self.moving = program.depends_on("parameter")
        self.model = _below(program, program.outputs["yhat"])
        self.uses = Counter(arg for i in self.model for arg in self.nodes[i].args)

    def named(self) -> set[int]:
        named: set[int] = set()
        lengths: dict[int, int] = {}
        for i in self.model:
            named |= {arg for arg in self.nodes[i].args if self._has_name(i, arg, lengths)}
            lengths[i] = self._length(i, named, lengths)
            if lengths[i] > LONGEST and self.nodes[i].op not in ("+", "-"):
                named |= self._longest(i, lengths)
                lengths[i] = self._length(i, named, lengths)
        return named

    def sort(self, index: int) -> str:
        """leaf, sum, product or function: how a node behaves. Division by what does not move is a product."""
        op, args, _ = self.nodes[index]
        if op in LEAVES:
            return "leaf"
        if op in ("+", "-"):
            return "sum"
        return "product" if op in ("neg", "*") or (op == "/" and not self.moving[args[1]]) else "function"

    def _has_name(self, above: int, below: int, lengths: Mapping[int, int]) -> bool:
        if self.nodes[below].op in LEAVES or {self.nodes[above].op, self.nodes[below].op} & COMPARISONS:
            return False
        if not self.moving[below]:
            return self.moving[above] and lengths[below] > LONG_NUMBER
        outer, inner = self.sort(above), self.sort(below)
        if inner in ("sum", "function") and self.uses[below] > 1 and not self._simple(below):
            return True
        if outer == "function" and not (self.nodes[above].op == "/" and below == self.nodes[above].args[0] and inner == "product"):
            return True
        if inner == "sum":
            return outer == "product" and self.nodes[above].op != "neg"
        return inner == "function" and not self._simple(below)

    def _simple(self, index: int) -> bool:
        """A power, quotient or function of single parameters: one rule, no name."""
        node = self.nodes[index]
        alone = all(self.nodes[arg].op in LEAVES for arg in node.args if self.moving[arg])
        return alone and (node.op in ("**", "/") or len(node.args) == 1)

    def _length(self, index: int, named: set[int], lengths: Mapping[int, int]) -> int:
        node = self.nodes[index]
        own = min(len(str(node.value)), 20) if node.op in LEAVES else len(node.op) + 2
        return own + sum(1 if arg in named else lengths[arg] for arg in node.args)

    def _longest(self, index: int, lengths: Mapping[int, int]) -> set[int]:
        free = [arg for arg in self.nodes[index].args if self.nodes[arg].op not in {*COMPARISONS, *LEAVES}]
        return {max(free, key=lengths.__getitem__)} if free else set()


def _below(program: Program, index: int) -> list[int]:
    seen, stack = {index}, [index]
    while stack:
        new = set(program.nodes[stack.pop()].args) - seen
        seen |= new
        stack.extend(new)
    return sorted(seen)


def _few(derivation: Derivation, program: Program) -> set[int]:
    """Names as in the text of a derivation: for what is shared, and where a line would be too long."""
    plan = worked(combined(derivation, ("loss",)), outputs_of(("loss",), derivation.size), derivation.formula, LONGEST)
    builder = Builder(program.nodes)
    place: list[int] = []
    for op, args, value in plan.program.nodes:
        place.append(builder.add(op, *(place[arg] for arg in args), value=value))
    return {place[i] for i in plan.names if place[i] < len(program.nodes) and program.nodes[place[i]].op not in LEAVES}


def _opened(program: Program, index: int, names: Mapping[int, str]) -> Program:
    """The definition of a named node, with other names as leaves."""
    seen, stack = {index}, [index]
    while stack:
        i = stack.pop()
        new = set(program.nodes[i].args) - seen if i == index or i not in names else set()
        seen |= new
        stack.extend(new)
    builder = Builder()
    place: dict[int, int] = {}
    for i in sorted(seen):
        op, args, value = program.nodes[i]
        if i in names and i != index:
            place[i] = builder.add("name", value=names[i])
        else:
            place[i] = builder.add(op, *(place[arg] for arg in args), value=value)
    return builder.program(it=place[index])


def length(derivation: Derivation, program: Program) -> int:
    """Characters of an expression as text."""
    return len(to_text(program, program.outputs["it"], derivation.formula.parameters, derivation.formula.columns))


def symbols(program: Program, moving: Sequence[str]) -> list[int]:
    """The leaves of a definition that move with the parameters: parameters and the names of other parts."""
    return [i for i, n in enumerate(program.nodes) if n.op == "parameter" or (n.op == "name" and n.value in moving)]
