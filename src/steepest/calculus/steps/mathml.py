"""A formula as MathML, which browsers draw by themselves: no script, no font, no network. Names are escaped."""

from __future__ import annotations

import html

from steepest.calculus.steps.plain import COMMANDS, GREEK, SIGNS
from steepest.calculus.steps.tree import Tree, tree

_FENCES = {"(": "(", ")": ")", "|": "|", "[": "[", "]": "]", ".": "", r"\{": "{", r"\}": "}"}


def mathml(latex: str) -> str:
    r"""The inside of a <math> element.

    >>> mathml(r"\frac{\partial L}{\partial d} = x^{2}")
    '<mrow><mfrac><mrow><mi>∂</mi><mi>L</mi></mrow><mrow><mi>∂</mi><mi>d</mi></mrow></mfrac><mo>=</mo><msup><mi>x</mi><mn>2</mn></msup></mrow>'
    """
    return _row(tree(latex))


def _row(row: Tree) -> str:
    parts = [part for part in row.parts if part.kind != "space"]
    inner = "".join(_item(part) for part in parts)
    return inner if len(parts) == 1 else f"<mrow>{inner}</mrow>"


def _item(part: Tree) -> str:
    kind = part.kind
    if kind == "row":
        return _row(part)
    if kind == "number":
        return f"<mn>{part.text}</mn>"
    if kind == "sign":
        return f"<mo>{html.escape(SIGNS.get(part.text, (part.text, ''))[0])}</mo>"
    if kind == "command":
        shown = COMMANDS.get(part.text, (GREEK.get(part.text[1:], part.text[1:]), ""))[0]
        return f"<mo>{shown}</mo>" if part.text == r"\sum" else f"<mi>{html.escape(shown)}</mi>"
    if kind == "word" and part.source.startswith(r"\text"):
        return f"<mtext>&#160;{html.escape(part.text)}&#160;</mtext>"
    if kind in ("word", "letter"):
        upright = ' mathvariant="normal"' if kind == "word" else ""
        return f"<mi{upright}>{html.escape(part.text)}</mi>"
    if kind == "frac":
        return f"<mfrac>{_row(part.parts[0])}{_row(part.parts[1])}</mfrac>"
    if kind == "sqrt":
        index, body = part.parts
        return f"<mroot>{_row(body)}{_row(index)}</mroot>" if index.parts else f"<msqrt>{_row(body)}</msqrt>"
    if kind == "accent":
        return f'<mover accent="true">{_row(part.parts[0])}<mo>^</mo></mover>'
    if kind == "fence":
        left, right = _fences(part.text)
        return f"<mrow><mo>{left}</mo>{_row(part.parts[0])}<mo>{right}</mo></mrow>"
    return _script(part) if kind == "script" else _table(part)


def _fences(pair: str) -> tuple[str, str]:
    for left, shown in _FENCES.items():
        if pair.startswith(left) and pair[len(left) :] in _FENCES:
            return shown, _FENCES[pair[len(left) :]]
    return "(", ")"


def _script(part: Tree) -> str:
    base, below, above = part.parts
    over = _row(above) if above.parts else ""
    if part.text:
        primes = f"<mo>{'′' * len(part.text)}</mo>"
        over = f"<mrow>{primes}{over}</mrow>" if over else primes
    under = _row(below) if below.parts else ""
    names = ("munder", "mover", "munderover") if base.text == r"\sum" else ("msub", "msup", "msubsup")
    name = names[2 if under and over else 0 if under else 1]
    return f"<{name}>{_item(base)}{under}{over}</{name}>"


def _table(part: Tree) -> str:
    left = 'columnalign="left"'
    lines = ("".join(f"<mtd {left}>{_row(cell)}</mtd>" for cell in row.parts) for row in part.parts)
    rows = "".join(f"<mtr>{line}</mtr>" for line in lines)
    table = f"<mtable>{rows}</mtable>"
    return f"<mrow><mo>{{</mo>{table}</mrow>" if part.kind == "cases" else f"<mrow><mo>[</mo>{table}<mo>]</mo></mrow>"
