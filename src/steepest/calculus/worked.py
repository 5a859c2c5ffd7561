"""A derivation as assignments for people: which intermediate values get a name, and in which order lines are written.

A value has a name of its own where it is used more than once and is more than a product of symbols, or where a line
would be too long. The prediction always has one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain, count
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from steepest.errors import OptionError, unknown
from steepest.language.formula import Formula
from steepest.language.functions import USER_FUNCTIONS
from steepest.language.names import latex_name
from steepest.language.program import COMPARISONS, LEAVES, Builder, Node, Program

if TYPE_CHECKING:
    from steepest.calculus.derivation import Derivation

PARTS = {"model": "value", "loss": "value", "gradient": "gradient", "hessian": "hessian"}  # and their programs
LETTERS = "uvwpqrsz"
LEFT = 12  # characters that the left side of an output takes, beyond those of a name
NAME = 2  # characters of a name that is made here
FACTORS = 6  # a product of so many symbols needs no name
SHORT = 12  # what is shorter than this needs no name to make a line shorter


class Line(NamedTuple):
    """`name` is that of an output, or empty where the node is an intermediate value."""

    name: str
    node: int


class Worked(NamedTuple):
    """Lines in order, the nodes that they need, and the names of those that stand for themselves."""

    program: Program
    needed: tuple[int, ...]
    names: Mapping[int, str]
    lines: tuple[Line, ...]


def combined(derivation: Derivation, parts: Sequence[str]) -> Program:
    """One program with every output that these parts need, beside y, yhat and loss."""
    builder = Builder()
    outputs: dict[str, int] = {}
    for kind in dict.fromkeys(["value", *(PARTS[part] for part in parts)]):
        outputs |= builder.inline(derivation.program(kind), {})
    return Program(tuple(builder.nodes), outputs)


def outputs_of(parts: Sequence[str], size: int) -> list[str]:
    """The names of the outputs of these parts, for so many parameters. Raises OptionError for a part that is none."""
    names: dict[str, list[str]] = {
        "model": ["yhat"],
        "loss": ["loss"],
        "gradient": [f"gradient_{k}" for k in range(size)],
        "hessian": [f"hessian_{i}_{j}" for i in range(size) for j in range(i + 1)],
    }
    for part in parts:
        if part not in names:
            raise OptionError(unknown("part of a derivation", part, ["all", *names]))
    return [name for part in parts for name in names[part]]


def worked(program: Program, outputs: Sequence[str], formula: Formula, longest: float = inf) -> Worked:
    """Lines for these outputs; `longest` is about the most characters of an expression."""
    wanted = [program.outputs[name] for name in outputs]
    lines = list(_order(program.nodes, outputs, wanted))
    needed = tuple(sorted(line.node for line in lines if not line.name))
    named = _named(program, needed, wanted, _Lengths(formula, longest))
    if "yhat" in outputs:  # its line is an output's
        named.discard(program.outputs["yhat"])
    names = _names(program, sorted(named), [*formula.parameters, *formula.columns])
    return Worked(program, needed, names, tuple(line for line in lines if line.name or line.node in names))


def _order(nodes: Sequence[Node], outputs: Sequence[str], wanted: Sequence[int]) -> Iterator[Line]:
    """For each output: the nodes that it needs and no output before it did, in order, then itself."""
    seen: set[int] = set()
    for name, end in zip(outputs, wanted, strict=True):
        found, stack = [], [end]
        while stack:
            index = stack.pop()
            if index not in seen:
                seen.add(index)
                found.append(index)
                stack.extend(nodes[index].args)
        yield from (Line("", index) for index in sorted(found))
        yield Line(name, end)


def _named(program: Program, needed: Sequence[int], wanted: Sequence[int], lengths: _Lengths) -> set[int]:
    nodes = program.nodes
    uses = Counter(arg for index in needed for arg in nodes[index].args)
    uses.update(wanted)
    ends = set(wanted)
    y, yhat = program.outputs["y"], program.outputs["yhat"]
    named = {index for index in (y, yhat) if nodes[index].op not in LEAVES and index in uses}
    varying = program.depends_on("parameter", "column")
    factors: dict[int, float] = {}  # of a product of symbols; infinitely many for anything else
    for index in needed:
        op, args, _ = nodes[index]
        named |= lengths.too_long(index, nodes, named, LEFT if index in ends else 0)
        factors[index] = _factors(op, [1 if arg in named else factors[arg] for arg in args])
        if uses[index] > 1 and factors[index] > FACTORS and varying[index] and op not in COMPARISONS:
            named.add(index)
    return named


def _factors(op: str, args: Sequence[float]) -> float:
    if op in ("+", "-") or op in COMPARISONS:
        return inf
    if op in ("*", "/", "neg", "**", *LEAVES):
        return max(1, sum(args))
    return 1.5 if max(args) == 1 else inf  # a function of a symbol counts as a symbol, a function of that does not


class _Lengths:
    """About how many characters each node takes, and which arguments need a name to stay below a limit."""

    def __init__(self, formula: Formula, longest: float) -> None:
        self.words = {"parameter": formula.parameters, "column": formula.columns}
        self.longest = longest
        self.known: dict[int, int] = {}

    def too_long(self, index: int, nodes: Sequence[Node], named: Container[int], left: int) -> set[int]:
        node = nodes[index]
        parts = {arg: NAME if arg in named else self.known[arg] for arg in node.args}
        # A comparison has no name: it stands only in `where`.
        large = sorted((a for a in parts if parts[a] > SHORT and nodes[a].op not in COMPARISONS), key=parts.__getitem__)
        found = set()
        while large and left + sum(parts.values()) > self.longest:
            found.add(large[-1])
            parts[large.pop()] = NAME
        self.known[index] = self._own(node) + sum(parts[arg] for arg in node.args)
        return found

    def _own(self, node: Node) -> int:
        if node.op in self.words:
            return len(self.words[node.op][node.value])
        if node.op == "number":
            return min(len(str(node.value)), 22)
        return {"+": 3, "-": 3, "*": 1, "/": 1, "**": 2, "neg": 1, "gegenbauer": 5}.get(node.op, len(node.op) + 2)


def _names(program: Program, named: Sequence[int], taken: Iterable[str]) -> dict[int, str]:
    y, yhat = program.outputs["y"], program.outputs["yhat"]
    fresh = Fresh(taken)
    own = {y: ("z", "response"), yhat: ("yhat", "prediction")}
    own |= {i: ("e", "residual") for i in named if program.nodes[i] == Node("-", (yhat, y))}
    special = {index: fresh(*own[index]) for index in named if index in own}
    return {index: special.get(index) or fresh() for index in named}


class Fresh:
    """Names that are not in use, judged by how they look in LaTeX.

    >>> fresh = Fresh(["u", "e"])
    >>> fresh(), fresh("e", "residual")
    ('v', 'residual')
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._looks = {latex_name(name) for name in (*taken, *USER_FUNCTIONS)}
        self._others = chain(LETTERS, (f"u{k}" for k in count(1)))

    def __call__(self, *wishes: str) -> str:
        name = next(name for name in chain(wishes, self._others) if latex_name(name) not in self._looks)
        self._looks.add(latex_name(name))
        return name
