"""Names, slopes and chains of a derivation, as programs: what is written, and what is checked, before anything is printed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from steepest.calculus.algebra import Algebra
from steepest.calculus.reverse import Guards, gradient, guarded, merge
from steepest.calculus.steps.naming import Line, length, lines, symbols
from steepest.calculus.steps.rules import rules
from steepest.language.functions import FUNCTIONS
from steepest.language.program import Node, Program

if TYPE_CHECKING:
    from steepest.calculus.derivation import Derivation

LONGEST_CHAIN = 56  # characters of a slope beyond which what is below it refers to it by name
FEWEST = 3  # parameters that make a family
K = "k"  # stands for the number of a member


class Slope(NamedTuple):
    """The derivative of the part `above` by the leaf `below`: a parameter, or the name of a part."""

    above: str
    below: Node
    value: Program  # its output is "it"
    rules: tuple[tuple[str, str], ...]  # name and sentence


class Chain(NamedTuple):
    """The derivative of the loss by `below`. Each trail is a product of slopes (above, below); they are added."""

    below: Node
    trails: tuple[tuple[tuple[str, Node], ...], ...]
    value: Program


class Family(NamedTuple):
    """Parameters w0, w1, … whose slopes in the part `above` are powers of one expression: exponent = number - offset."""

    stem: str
    above: str
    members: tuple[int, ...]  # positions among the parameters, by number
    first: int  # the number of the first member
    offset: int
    slope: Program  # base**(k - offset)
    chain: Chain


@dataclass(frozen=True)
class Plan:
    """Everything that is written of one row: parts, their slopes, the chain rule."""

    lines: tuple[Line, ...]
    slopes: tuple[Slope, ...]
    chains: tuple[Chain, ...]  # from the loss downwards, then the parameters in order
    families: tuple[Family, ...]
    rows: tuple[Program, ...]  # for each parameter the slope of the loss of one row


def plan(derivation: Derivation) -> Plan:
    """The whole derivation of one row."""
    parts = lines(derivation)
    moving = [line.name for line in parts if line.moves]
    slopes = {line.name: _slopes(line, moving) for line in parts if line.moves}
    found = _Downwards(derivation, parts, slopes)
    ordered = tuple(slope for line in reversed(parts) if line.moves for slope in slopes[line.name])
    return Plan(parts, ordered, tuple(found.chains), tuple(found.families), tuple(found.rows))


def slope_name(part: str) -> str:
    """The name by which a program refers to the slope of the loss by a part; no formula can hold it."""
    return f"slope:{part}"


def _slopes(line: Line, moving: Sequence[str]) -> list[Slope]:
    program = line.definition
    leaves = symbols(program, moving)
    a = Algebra(program.nodes)
    found = []
    for leaf, node in zip(leaves, gradient(a, program.outputs["it"], leaves), strict=True):
        if a.value(node) != 0:
            value = _by_name(Program(tuple(a.nodes), {"it": node}), program.outputs["it"], line.name).pruned()
            found.append(Slope(line.name, program.nodes[leaf], value, tuple(rules(program, leaf))))
    return found


def _by_name(slope: Program, definition: int, name: str) -> Program:
    """exp'(u) = p, tanh'(u) = 1 - p**2: the slope of a function in terms of the part that the function gives."""
    node = slope.nodes[definition]
    if node.op not in FUNCTIONS or len(node.args) != 1 or slope.outputs["it"] < definition:
        return slope
    return Program((*slope.nodes[:definition], Node("name", (), name), *slope.nodes[definition + 1 :]), slope.outputs)


class _Downwards:
    """The chain rule, from the loss down to the parameters."""

    def __init__(self, derivation: Derivation, parts: Sequence[Line], slopes: Mapping[str, Sequence[Slope]]) -> None:
        self.derivation, self.slopes = derivation, slopes
        self.algebra = a = Algebra()
        self.loss = parts[-1].name
        self.chains: list[Chain] = []
        self.families: list[Family] = []
        self.pending: dict[Node, list[tuple[int, Guards]]] = {Node("name", (), self.loss): [(a.number(1), ())]}
        self.trails: dict[Node, list[tuple[tuple[str, Node], ...]]] = {Node("name", (), self.loss): [()]}
        self.branches = {line.name: line.definition for line in parts if _top(line.definition).op == "where"}
        consumers = Counter(slope.below for own in slopes.values() for slope in own)
        for line in reversed(parts):
            if line.moves and Node("name", (), line.name) in self.pending:
                self._pass_on(line, consumers)
        self.rows = [self._parameter(k) for k in range(derivation.size)]

    def _pass_on(self, line: Line, consumers: Mapping[Node, int]) -> None:
        """Gives the slope of the loss by a part to what the part is made of."""
        a = self.algebra
        here = Node("name", (), line.name)
        adjoint, guards = merge(a, self.pending[here])
        trails = self.trails[here]
        own = self.slopes[line.name]
        if line.name != self.loss and (len(own) > 1 or len(trails) > 1) and (len(trails) > 1 or len(trails[0]) > 1):
            value = self._program(guarded(a, adjoint, guards))
            self.chains.append(Chain(here, tuple(trails), value))
            trails = [((self.loss, here),)]
            if length(self.derivation, value) > LONGEST_CHAIN:
                adjoint, guards = a.add("name", value=slope_name(line.name)), ()
        for slope in own:
            below = self.pending.setdefault(slope.below, [])
            below += self._contributions(slope, adjoint, guards)
            self.trails.setdefault(slope.below, []).extend((*trail, (line.name, slope.below)) for trail in trails)
        self.families += self._families(line, own, adjoint, guards, trails, consumers)

    def _contributions(self, slope: Slope, adjoint: int, guards: Guards) -> list[tuple[int, Guards]]:
        a = self.algebra
        branches = self.branches.get(slope.above)
        if branches is None:
            return [(a.times(adjoint, self._copied(slope.value)), guards)]
        condition, *choices = _top(branches).args
        test = self._copied(Program(branches.nodes, {"it": condition}).pruned())
        found: list[tuple[int, Guards]] = []
        for choice, taken in zip(choices, (True, False), strict=True):
            inner = Algebra(branches.nodes)
            leaf = inner.add(slope.below.op, value=slope.below.value)
            (value,) = gradient(inner, choice, [leaf])
            if inner.value(value) != 0:
                part = self._copied(Program(tuple(inner.nodes), {"it": value}).pruned())
                found.append((a.times(adjoint, part), (*guards, (test, taken))))
        return found

    def _parameter(self, k: int) -> Program:
        leaf = Node("parameter", (), k)
        a = self.algebra
        total = guarded(a, *merge(a, self.pending[leaf])) if leaf in self.pending else a.number(0)
        value = self._program(total)
        self.chains.append(Chain(leaf, tuple(self.trails.get(leaf, ())), value))
        return value

    def _families(
        self, line: Line, own: Sequence[Slope], adjoint: int, guards: Guards,
        trails: Sequence[tuple[tuple[str, Node], ...]], consumers: Mapping[Node, int],
    ) -> list[Family]:  # fmt: skip
        a = self.algebra
        names = self.derivation.formula.parameters
        found = []
        alone = [slope for slope in own if slope.below.op == "parameter" and consumers[slope.below] == 1]
        for stem, first, offset, members, power in families(alone, names):
            node = guarded(a, a.times(adjoint, self._copied(power)), guards)
            leaf = Node("name", (), f"{stem}:{K}")
            chain = Chain(leaf, tuple((*trail, (line.name, leaf)) for trail in trails), self._program(node))
            found.append(Family(stem, line.name, members, first, offset, power, chain))
        return found

    def _program(self, node: int) -> Program:
        return Program(tuple(self.algebra.nodes), {"it": node}).pruned()

    def _copied(self, program: Program) -> int:
        return self.algebra.inline(program, {})["it"]


def _top(program: Program) -> Node:
    return program.nodes[program.outputs["it"]]


def families(slopes: Sequence[Slope], names: Sequence[str]) -> list[tuple[str, int, int, tuple[int, ...], Program]]:
    """Parameters numbered in a row whose slopes are powers of one base: stem, first number, offset, positions, slope."""
    groups: dict[str, dict[int, Slope]] = {}
    for slope in slopes:
        match = re.fullmatch(r"(.*[^0-9])(0|[1-9][0-9]*)", names[slope.below.value])
        if match and _power(slope.value):
            groups.setdefault(match[1], {})[int(match[2])] = slope
    found = []
    for stem, members in groups.items():
        numbers = sorted(members)
        powers = [_power(members[number].value) for number in numbers]
        bases = {power[0] for power in powers if power and power[0]}
        steps = {number - int(power[1]) for number, power in zip(numbers, powers, strict=True) if power}
        if len(numbers) >= FEWEST and numbers == list(range(numbers[0], numbers[-1] + 1)) and len(bases) == len(steps) == 1:
            (base,), (offset,) = bases, steps
            assert base is not None
            places = tuple(members[number].below.value for number in numbers)
            found.append((stem.rstrip("_"), numbers[0], offset, places, _raised(base, offset)))
    return found


def _power(program: Program) -> tuple[Program | None, Fraction] | None:
    """The base and the exponent of a whole power of what the parameters do not move; 1 has no base."""
    if any(program.depends_on("parameter", "name")):
        return None
    op, args, value = _top(program)
    if op == "number":
        return (None, Fraction(0)) if value == 1 else None
    if op == "**" and program.nodes[args[1]].op == "number" and program.nodes[args[1]].value.denominator == 1:
        return Program(program.nodes, {"it": args[0]}).pruned(), program.nodes[args[1]].value
    return program, Fraction(1)


def _raised(base: Program, offset: int) -> Program:
    a = Algebra()
    inner = a.inline(base, {})["it"]
    exponent = a.add("name", value=K)
    if offset:
        exponent = a.minus(exponent, a.number(offset))
    return a.program(it=a.add("**", inner, exponent))
