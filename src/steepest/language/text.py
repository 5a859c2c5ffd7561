"""A program back to text, in our own language."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from steepest.language.functions import USER_FUNCTIONS, polynomial, reserved
from steepest.language.names import printable
from steepest.language.program import COMPARISONS, Node, Program
from steepest.language.tokens import name_fault

MAX_TEXT = 2_000

# How tightly a text holds together; an argument that holds less than its place asks for gets parentheses.
_SUM, _PRODUCT, _SIGN, _POWER, _ATOM = 10, 20, 30, 40, 50
_INFIX = {"+": (" + ", _SUM), "-": (" - ", _SUM), "*": ("*", _PRODUCT), "/": ("/", _PRODUCT)}


def to_text(program: Program, index: int, parameter_names: Sequence[str] = (), column_names: Sequence[str] = ()) -> str:
    """The expression of one node, with no more parentheses than needed; beyond 2,000 characters it ends in '…'.

    >>> from steepest.language.parser import parse_expression
    >>> program = parse_expression("(a - (b)) * x**(-2)")
    >>> to_text(program, program.outputs["value"])
    '(a - b)*x**-2'
    """
    part = program.pruned({"it": index})
    names = {"parameter": parameter_names, "column": column_names}
    texts: list[tuple[str, int]] = []
    for node in part.nodes:
        text, strength = _node(node, texts, names)
        texts.append((text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…", strength))
    return texts[part.outputs["it"]][0]


def _node(node: Node, texts: list[tuple[str, int]], names: dict[str, Sequence[str]]) -> tuple[str, int]:
    def held(position: int, strength: int) -> str:
        text, own = texts[node.args[position]]
        return text if own >= strength else f"({text})"

    if node.op == "number":
        return _number(node.value)
    if node.op == "pi":
        return "pi", _ATOM
    if node.op in ("name", "parameter", "column"):
        return written(node.value if node.op == "name" else names[node.op][node.value]), _ATOM
    if node.op in _INFIX:
        sign, strength = _INFIX[node.op]
        return held(0, strength) + sign + held(1, strength + 1), strength
    if node.op == "**":
        return f"{held(0, _POWER + 1)}**{held(1, _SIGN)}", _POWER
    if node.op == "neg":
        return f"-{held(0, _SIGN)}", _SIGN
    if node.op in COMPARISONS:
        return f"{held(0, _SUM)} {node.op} {held(1, _SUM)}", 0
    return f"{_function(node)}({', '.join(texts[a][0] for a in node.args)})", _ATOM


def _number(value: Fraction) -> tuple[str, int]:
    sign = _SIGN if value < 0 else _ATOM
    if value.denominator == 1 and abs(value) < 10**16:
        return str(value.numerator), sign
    near = repr(float(value))
    exact = Fraction(near) == value or Fraction(float(value)) == value
    if exact or max(abs(value.numerator), value.denominator) >= 10**16:
        return near, sign
    return f"{value.numerator}/{value.denominator}", _PRODUCT


def written(name: str) -> str:
    """A name as it stands in a formula: in back-quotes where it must."""
    bare = not name_fault(name) and name not in USER_FUNCTIONS and (not reserved(name) or polynomial(name))
    return name if bare else f"`{printable(name)}`"


def _function(node: Node) -> str:
    if node.op == "gegenbauer":
        n, alpha = node.value
        family = {Fraction(0): "T", Fraction(1, 2): "P"}.get(alpha)
        return f"{family}{n}" if family else f"C[{n}, {alpha}]"
    if node.op == "sinc" and node.value:
        return f"sinc[{node.value}]"
    return node.op
