r"""A formula as one line of text: in Unicode as in a book, ŷ = a + b·P₃(u), or in ASCII as in our own language."""

from __future__ import annotations

from collections.abc import Mapping

from steepest.calculus.steps.tree import Tree, tree

SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
# In Unicode and in ASCII.
SIGNS = {
    "-": ("−", "-"),
    r"\cdot": ("·", "*"),
    r"\leq": ("≤", "<="),
    r"\geq": ("≥", ">="),
    r"\neq": ("≠", "!="),
    r"\leftarrow": ("←", "<-"),
    r"\wedge": ("∧", "and"),
    r"\dots": ("…", "..."),
}
COMMANDS = {
    r"\partial": ("∂", "d"),
    r"\nabla": ("∇", "grad "),
    r"\sum": ("Σ", "sum"),
    r"\ell": ("ℓ", "loss"),
    r"\ln": ("ln", "log"),
    r"\arcsin": ("arcsin", "asin"),
    r"\arccos": ("arccos", "acos"),
    r"\arctan": ("arctan", "atan"),
    r"\pi": ("π", "pi"),
    r"\top": ("ᵀ", "T"),
    r"\infty": ("∞", "inf"),
}
_LETTERS = """
    α alpha β beta γ gamma δ delta ε epsilon ζ zeta η eta θ theta ι iota κ kappa λ lambda μ mu ν nu ξ xi ρ rho σ sigma τ tau
    υ upsilon φ phi χ chi ψ psi ω omega Γ Gamma Δ Delta Θ Theta Λ Lambda Ξ Xi Π Pi Σ Sigma Υ Upsilon Φ Phi Ψ Psi Ω Omega
"""
GREEK = dict(zip(_LETTERS.split()[1::2], _LETTERS.split()[::2], strict=True))

Names = Mapping[str, tuple[str, str]]  # what a piece of LaTeX is called, in Unicode and in ASCII


def plain(latex: str, names: Names | None = None, ascii: bool = False) -> str:
    r"""One line of text. `names` are those of the user, by their LaTeX.

    >>> plain(r"\frac{\partial L}{\partial d} = \frac{2 b}{n} \sum_{i=1}^{n} e x P_{3}'\left(u\right)")
    '∂L/∂d = 2·b/n Σ e·x·P₃′(u)'
    >>> plain(r"e^{2} \leq \frac{a + b}{c d}", ascii=True)
    'e**2 <= (a + b)/(c*d)'
    """
    return _Writer(names or {}, ascii).row(tree(latex))


class _Writer:
    def __init__(self, names: Names, ascii: bool) -> None:
        self.names, self.mode = names, int(ascii)
        self.times = "*" if ascii else "·"
        self.conditions = False

    def row(self, row: Tree) -> str:
        """Items side by side; a space between two of them is a product."""
        text, parts = "", row.parts
        pending = False
        place = 0
        while place < len(parts):
            part = parts[place]
            if part.kind == "space":
                pending = True
            elif part.kind == "sign":
                text += self.sign(part.text, text)
                pending = False
            else:
                call = place + 1 < len(parts) and self.is_call(part, parts[place + 1])
                written = self.call(part, parts[place + 1]) if call else self.item(part)
                place += call
                text += self.joint(parts, place - call, text) + written if pending and text else written
                pending = False
            place += 1
        return text.rstrip()

    def joint(self, parts: tuple[Tree, ...], place: int, text: str) -> str:
        """What a space between two items stands for."""
        before = next((p for p in reversed(parts[:place]) if p.kind != "space"), None)
        words = [p for p in (before, parts[place]) if p is not None and (p.kind == "word" and p.source.startswith(r"\text"))]
        sums = [p for p in (before, parts[place]) if p is not None and _is_sum(p)]
        signed = before is not None and before.kind == "sign"
        return "" if signed or text.endswith((" ", "(", self.times)) else " " if words or sums else self.times

    def sign(self, sign: str, before: str) -> str:
        shown = SIGNS.get(sign, (sign, sign))[self.mode]
        if sign in (r"\cdot",):
            return shown
        if sign in (",", ";"):
            return f"{shown} "
        if sign == "=" and self.conditions:
            shown = "=="
        tight = sign in "+-" and (not before or before.endswith(("(", " ", self.times)))
        return shown if tight else f" {shown} "

    def item(self, part: Tree) -> str:
        if part.kind != "script" and part.source in self.names:
            return self.names[part.source][self.mode]
        if part.kind == "command":
            name = part.text[1:]
            return COMMANDS.get(part.text, (GREEK.get(name, name), name))[self.mode]
        handlers = {
            "row": self.row, "frac": self.fraction, "sqrt": self.root, "accent": self.accent, "fence": self.fence,
            "script": self.script, "cases": self.cases,
        }  # fmt: skip
        return handlers[part.kind](part) if part.kind in handlers else part.text

    def fraction(self, part: Tree) -> str:
        above, below = (self.row(p) for p in part.parts)
        return f"{_held(above, self.times, True)}/{_held(below, self.times, False)}"

    def root(self, part: Tree) -> str:
        index, body = (self.row(p) for p in part.parts)
        if self.mode:
            return f"cbrt({body})" if index == "3" else f"sqrt({body})"
        return f"{'∛' if index == '3' else '√'}({body})"

    def accent(self, part: Tree) -> str:
        body = self.row(part.parts[0])
        return f"{body}hat" if self.mode else {"y": "ŷ"}.get(body, f"{body}\u0302")

    def fence(self, part: Tree) -> str:
        body = self.row(part.parts[0])
        if part.text == "||":
            return f"abs({body})" if self.mode else f"|{body}|"
        return f"({body})"

    def script(self, part: Tree) -> str:
        base, below, above = part.parts
        if base.text == r"\sum":
            return ("Σ", "sum")[self.mode]
        if part.source in self.names:
            head = self.names[part.source][self.mode]
        else:
            head = f"({self.row(base)})" if base.kind == "row" and base.parts else self.item(base)
            head += self.lower(below)
        return head + ("'" if self.mode else "′") * len(part.text) + self.upper(above)

    def lower(self, below: Tree) -> str:
        text = self.row(below)
        if not text:
            return ""
        return text.translate(SUBSCRIPTS) if text.isdigit() and not self.mode else text if text.isdigit() else f"_{text}"

    def upper(self, above: Tree) -> str:
        text = self.row(above)
        if not text:
            return ""
        if above.parts[0].text == r"\top":
            return ("ᵀ", "^T")[self.mode]
        if not self.mode and text.replace("−", "-").lstrip("-").isdigit():
            return text.replace("−", "-").translate(SUPERSCRIPTS)
        simple = text.isalnum() or (text[0] in "-−" and text[1:].isdigit())
        return ("**" if self.mode else "^") + (text if simple or text[0] == "(" else f"({text})")

    def is_call(self, part: Tree, after: Tree) -> bool:
        """A function is followed by its parentheses without a space; SymPy puts them between braces."""
        inner = after.parts[0] if after.kind == "row" and len(after.parts) == 1 else after
        return inner.kind == "fence" and inner.text == "()" and part.kind in ("letter", "command", "word", "script")

    def call(self, part: Tree, after: Tree) -> str:
        base = part.parts[0] if part.kind == "script" else part
        known = {r"\sigma": "sigmoid"} if self.mode else {}
        if self.mode and part.kind == "script" and part.parts[2].parts and base.kind != "letter":
            head = known.get(base.text) or self.item(base)
            return f"{head}{self.lower(part.parts[1])}{self.item(after)}{self.upper(part.parts[2])}"
        return (known.get(part.text) or self.item(part)) + self.item(after)

    def cases(self, part: Tree) -> str:
        (value, when), (other, _) = (row.parts for row in part.parts[:2])
        before, self.conditions = self.conditions, bool(self.mode)
        condition = self.row(Tree("row", "", tuple(p for p in when.parts if not p.source.startswith(r"\text"))))
        self.conditions = before
        if self.mode:
            return f"where({condition}, {self.row(value)}, {self.row(other)})"
        otherwise = self.row(other)
        nested = len(other.parts) == 1 and other.parts[0].kind == "cases"
        rest = otherwise[1:-1] if nested else f"else {otherwise}"
        return f"{{{self.row(value)} if {condition}, {rest}}}"


def _is_sum(part: Tree) -> bool:
    return part.kind == "script" and part.parts[0].text == r"\sum"


def _held(text: str, times: str, above: bool) -> str:
    """In parentheses where a line of text would read it otherwise: a + b over c·d is (a + b)/(c·d)."""
    depth, top = 0, ""
    for c in text:
        depth += (c in "([{") - (c in ")]}")
        top += c if depth == 0 and c not in ")]}" else ""
    whole = text[0] == "|" == text[-1] and text.count("|") == 2
    apart = (" " in top and not whole) or (not above and (times in top or "/" in top)) or (top[:1] in "-−" and not above)
    return f"({text})" if apart else text
