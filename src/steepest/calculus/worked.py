"""A derivation as assignments for people: which intermediate values get a name, and in which order lines are written.

A value has a name of its own where it is used more than once and is more than one operation, or where a line would be too
long. The prediction is always named, and the residual where it repeats.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, count
from typing import TYPE_CHECKING, NamedTuple

from steepest.errors import OptionError, unknown
from steepest.language.functions import USER_FUNCTIONS
from steepest.language.names import latex_name
from steepest.language.program import COMPARISONS, LEAVES, Builder, Node, Program

if TYPE_CHECKING:
    from steepest.calculus.derivation import Derivation

PARTS = {"model": "value", "loss": "value", "gradient": "gradient", "hessian": "hessian"}  # and their programs
LETTERS = "uvwpqrsz"


class Line(NamedTuple):
    """`name` is that of an output, or empty where the node is an intermediate value."""

    name: str
    node: int


class Worked(NamedTuple):
    """Lines in order, and the names of nodes that stand for themselves in them."""

    program: Program
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


def worked(program: Program, outputs: Sequence[str], taken: Iterable[str], longest: int | None = None) -> Worked:
    """Lines for these outputs. `taken` are names in use; `longest` is about the most characters of a line."""
    wanted = [program.outputs[name] for name in outputs]
    lines = [Line("", i) if i is not None else Line(name, end) for name, end, i in _order(program.nodes, outputs, wanted)]
    needed = [line.node for line in lines if not line.name]
    named = _named(program, sorted(needed), wanted, longest)
    if "yhat" in outputs:  # its line is an output's
        named.discard(program.outputs["yhat"])
    names = _names(program, sorted(named), taken)
    return Worked(program, names, tuple(line for line in lines if line.name or line.node in names))


def _order(nodes: Sequence[Node], outputs: Sequence[str], wanted: Sequence[int]) -> Iterator[tuple[str, int, int | None]]:
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
        yield from ((name, end, index) for index in sorted(found))
        yield name, end, None


def _named(program: Program, needed: Sequence[int], wanted: Sequence[int], longest: int | None) -> set[int]:
    nodes = program.nodes
    uses = Counter(arg for index in needed for arg in nodes[index].args)
    uses.update(wanted)
    y, yhat = program.outputs["y"], program.outputs["yhat"]
    named = {index for index in (y, yhat) if nodes[index].op not in LEAVES and index in uses}
    varying = program.depends_on("parameter", "column")
    cost: dict[int, int] = {}
    length: dict[int, int] = {}
    for index in needed:
        op, args, _ = nodes[index]
        parts = {arg: 2 if arg in named else length[arg] for arg in args}
        while longest is not None and sum(parts.values()) > longest:
            # A comparison has no name: it stands only in `where`.
            large = max((a for a in parts if parts[a] > 12 and nodes[a].op not in COMPARISONS), key=parts.__getitem__, default=None)
            if large is None:
                break
            named.add(large)
            parts[large] = 2
        length[index] = sum(parts[arg] for arg in args) + (3 if op in LEAVES or len(op) < 3 else len(op) + 2)
        cost[index] = 0 if op in LEAVES else 1 + sum(0 if arg in named else cost[arg] for arg in args)
        residual = op == "-" and args == (yhat, y)
        if uses[index] > 1 and (cost[index] > 1 or residual) and varying[index] and op not in COMPARISONS:
            named.add(index)
    return named


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
