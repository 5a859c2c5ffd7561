"""Replaces functions by their definitions, for a library that lacks them."""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import cache

from steepest.language.functions import FUNCTIONS
from steepest.language.parser import parse_expression
from steepest.language.program import Builder, Node, Program


def expand(program: Program, keep: Container[str] | Callable[[str], bool]) -> Program:
    """The same program without functions that have a definition and are not in `keep`.

    >>> [node.op for node in expand(parse_expression("relu(x)"), keep={"max"}).nodes]
    ['name', 'number', 'max']
    """
    kept = keep if callable(keep) else keep.__contains__
    while any(_defined(node) and not kept(node.op) for node in program.nodes):
        builder = Builder()
        place: list[int] = []
        for node in program.nodes:
            args = tuple(place[a] for a in node.args)
            if _defined(node) and not kept(node.op):
                bound = dict(zip(FUNCTIONS[node.op].arguments, args, strict=True))
                place.append(builder.inline(definition(node.op), bound)["value"])
            else:
                place.append(builder.add(node.op, *args, value=node.value))
        program = builder.program(**{name: place[index] for name, index in program.outputs.items()})
    return program


@cache
def definition(name: str) -> Program:
    """A function's definition as a program with the output `value`, over its arguments' names."""
    return parse_expression(FUNCTIONS[name].definition)


def _defined(node: Node) -> bool:
    # The derivatives of sinc (value n > 0) are no rows of the table.
    return node.op in FUNCTIONS and bool(FUNCTIONS[node.op].definition) and not node.value
