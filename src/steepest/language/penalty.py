"""What is added to the loss for the size of the parameters: `l1(w, 0.1) + l2(v, 1)`, or an expression in parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from steepest import errors
from steepest.errors import FormulaError
from steepest.language.constants import constant_values
from steepest.language.names import printable
from steepest.language.parser import Parser
from steepest.language.program import Builder, Program
from steepest.language.tokens import tokenize

NAMED = ("l1", "l2")


class Term(NamedTuple):
    """factor·Σ|w| ("l1") or factor·Σw² ("l2") over the parameters of this name: one, or a block."""

    kind: str
    name: str
    factor: Fraction


class Penalty(NamedTuple):
    """The sum of the terms and of an expression in parameters, with the output `value`."""

    text: str
    terms: tuple[Term, ...]
    rest: Program | None

    def factors(self, kind: str) -> dict[str, Fraction]:
        """What the parameters of each name are multiplied by in all terms of a kind together."""
        found: dict[str, Fraction] = {}
        for term in self.terms:
            if term.kind == kind:
                found[term.name] = found.get(term.name, Fraction(0)) + term.factor
        return found


def parse_penalty(
    text: str, parameters: Sequence[str], blocks: Sequence[str] = (), constants: Mapping[str, Any] | None = None
) -> Penalty:
    """Reads a penalty. `blocks` are the names that l1 and l2 take besides. Raises FormulaError, with the place in the text.

    >>> parse_penalty("l2(w, 0.1) + a**2", ["a"], ["w"]).terms
    (Term(kind='l2', name='w', factor=Fraction(1, 10)),)
    """
    parser = Parser(text, constant_values(constants, text), functions=NAMED)
    root = parser.read(tokenize(text))
    known = [*blocks, *parameters]
    for name, position in parser.names.items():
        if name not in known:
            raise FormulaError(errors.unknown("parameter", printable(name), known), text, position)
    named, others = _sorted(parser.builder, root)
    terms = tuple(_term(parser, place) for place in named)
    if not others:
        return Penalty(text, terms, None)
    total = others[0]
    for place in others[1:]:
        total = parser.builder.add("+", total, place)
    rest = parser.builder.program(value=total)
    if any(node.op in NAMED for node in rest.nodes):
        raise FormulaError("l1(…) and l2(…) stand alone or in a sum: write their factor inside, as in l2(w, 0.1)", text, 0)
    for name in rest.names():
        if name not in parameters:
            raise FormulaError(
                f"'{printable(name)}' is a block of parameters: it can stand only in l1({name}, 0.1) and l2({name}, 0.1)",
                text,
                parser.names[name],
            )
    return Penalty(text, terms, rest)


def _sorted(builder: Builder, root: int) -> tuple[list[int], list[int]]:
    """The terms of a sum: those by name, and the others."""
    named: list[int] = []
    others: list[int] = []
    waiting = [root]
    while waiting:
        place = waiting.pop()
        node = builder.nodes[place]
        if node.op == "+":
            waiting.extend(reversed(node.args))
        elif node.op == "-":
            waiting.append(node.args[0])
            others.append(builder.add("neg", node.args[1]))
        else:
            (named if node.op in NAMED else others).append(place)
    return named, others


def _term(parser: Parser, place: int) -> Term:
    kind, (who, size), _ = parser.builder.nodes[place]
    name, factor = parser.builder.nodes[who], _number(parser.builder, size)
    if name.op != "name":
        raise FormulaError(f"{kind}(w, 0.1) takes the name of parameters first", parser.text, 0)
    if factor is None or factor < 0:
        raise FormulaError(f"{kind}({name.value}, …) takes a number, 0 or more, after the name", parser.text, 0)
    return Term(kind, name.value, factor)


def _number(builder: Builder, place: int) -> Fraction | None:
    """The value of numbers joined by + - * /, exactly."""
    node = builder.nodes[place]
    if node.op == "number":
        return Fraction(node.value)
    if node.op not in ("+", "-", "*", "/", "neg"):
        return None
    parts = [_number(builder, arg) for arg in node.args]
    left, right = parts[0], parts[-1]
    if left is None or right is None or (node.op == "/" and right == 0):
        return None
    found = {"+": left + right, "-": left - right, "*": left * right, "neg": -left}
    return left / right if node.op == "/" else found[node.op]
