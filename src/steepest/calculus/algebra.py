"""Building expressions with the simplifications that differentiation needs: 0, 1, signs, constants; nothing deeper."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from steepest.language.program import Builder, Program

MOST_DIGITS = 2_000  # bits of an exact constant beyond which two constants are left unmultiplied


class TooLarge(Exception):
    """The program passed its limit of nodes."""


class Algebra(Builder):
    """A builder whose operations drop what has no effect.

    >>> a = Algebra()
    >>> x = a.add("column", value=0)
    >>> a.times(a.number(1), x) == x
    True
    """

    limit = 50_000

    def add(self, op: str, *args: int, value: object = None) -> int:
        place = super().add(op, *args, value=value)
        if place >= self.limit:
            raise TooLarge
        return place

    def value(self, node: int) -> Fraction | None:
        """The exact value of a number node, None for anything else."""
        found = self.nodes[node]
        return found.value if found.op == "number" else None

    def _fold(self, value: Fraction) -> int | None:
        small = value.numerator.bit_length() + value.denominator.bit_length() <= MOST_DIGITS
        return self.number(value) if small else None

    def plus(self, a: int, b: int) -> int:
        left, right = self.value(a), self.value(b)
        if left == 0:
            return b
        if right == 0:
            return a
        if left is not None and right is not None and (folded := self._fold(left + right)) is not None:
            return folded
        if self.nodes[b].op == "neg":
            return self.minus(a, self.nodes[b].args[0])
        if right is not None and right < 0:
            return self.minus(a, self.number(-right))
        if self._complementary(a, b):
            (condition, then, otherwise), (_, *more) = self.nodes[a].args, self.nodes[b].args
            return self.where(condition, self.plus(then, more[0]), self.plus(otherwise, more[1]))
        return self.add("+", a, b)

    def _complementary(self, a: int, b: int) -> bool:
        """Are both `where` of one condition, with a zero in each branch: a sum without an addition?"""
        left, right = self.nodes[a], self.nodes[b]
        if left.op != "where" or right.op != "where" or left.args[0] != right.args[0]:
            return False
        return all(0 in (self.value(u), self.value(v)) for u, v in zip(left.args[1:], right.args[1:], strict=True))

    def minus(self, a: int, b: int) -> int:
        left, right = self.value(a), self.value(b)
        if right == 0:
            return a
        if left == 0:
            return self.negate(b)
        if left is not None and right is not None and (folded := self._fold(left - right)) is not None:
            return folded
        return self.add("-", a, b)

    def negate(self, a: int) -> int:
        value = self.value(a)
        if value is not None:
            return self.number(-value)
        if self.nodes[a].op == "neg":
            return self.nodes[a].args[0]
        return self.add("neg", a)

    def times(self, a: int, b: int) -> int:
        left, right = self.value(a), self.value(b)
        if left is None and right is not None:
            a, b, left, right = b, a, right, left
        if left == 0:
            return a
        if left == 1:
            return b
        if left == -1:
            return self.negate(b)
        if left is not None and right is not None and (folded := self._fold(left * right)) is not None:
            return folded
        if self.nodes[a].op == "neg":
            return self.negate(self.times(self.nodes[a].args[0], b))
        if self.nodes[b].op == "neg":
            return self.negate(self.times(a, self.nodes[b].args[0]))
        for factor, reciprocal in ((a, b), (b, a)):
            if self.nodes[reciprocal].op == "/" and self.value(self.nodes[reciprocal].args[0]) == 1:
                return self.over(factor, self.nodes[reciprocal].args[1])
        inner = self.nodes[b]
        if left is not None and inner.op == "*" and (other := self.value(inner.args[0])) is not None:
            folded = self._fold(left * other)
            return self.add("*", a, b) if folded is None else self.times(folded, inner.args[1])
        return self.add("*", a, b)

    def scaled(self, factor: Fraction, node: int) -> int:
        """A product times a number, which goes into the leading number of the product where it has one."""
        spine, first = [], node
        while self.nodes[first].op in ("*", "/"):
            spine.append(first)
            first = self.nodes[first].args[0]
        leading = self.value(first)
        if leading is None:
            whole = factor.numerator == 1
            return self.over(node, self.number(1 / factor)) if whole else self.times(self.number(factor), node)
        product = self.number(leading * factor)
        for index in reversed(spine):
            product = self.emit(self.nodes[index].op, (product, self.nodes[index].args[1]))
        return product

    def over(self, a: int, b: int) -> int:
        left, right = self.value(a), self.value(b)
        if left == 0 or right == 1:
            return a
        if left is not None and right and (folded := self._fold(left / right)) is not None:
            return folded
        return self.add("/", a, b)

    def power(self, a: int, exponent: Fraction | int) -> int:
        if exponent == 0:
            return self.number(1)
        if exponent == 1:
            return a
        return self.add("**", a, self.number(exponent))

    def where(self, condition: int, a: int, b: int) -> int:
        return a if a == b else self.add("where", condition, a, b)

    def emit(self, op: str, args: tuple[int, ...], value: object = None) -> int:
        """Any operation, through its simplification where it has one."""
        if op == "+":
            return self.plus(*args)
        if op == "-":
            return self.minus(*args)
        if op == "*":
            return self.times(*args)
        if op == "/":
            return self.over(*args)
        if op == "neg":
            return self.negate(*args)
        if op == "where":
            return self.where(*args)
        if op == "**" and (exponent := self.value(args[1])) is not None:
            return self.power(args[0], exponent)
        return self.add(op, *args, value=value)

    def simplified(self, program: Program, bindings: Mapping[str, int]) -> int:
        """Copies in a program with one result, simplifying on the way; its names are replaced by nodes of ours."""
        place: list[int] = []
        for op, args, value in program.nodes:
            known = op == "name" and value in bindings
            place.append(bindings[value] if known else self.emit(op, tuple(place[a] for a in args), value))
        (result,) = program.outputs.values()
        return place[result]
