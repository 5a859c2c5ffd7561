r"""The LaTeX that this library writes, read into a tree: for text and for MathML, so that there is one writer of mathematics.

Understood is what tex.py, latex.py and SymPy's printer write: letters, numbers, commands, { }, ^, _, primes, \frac, \sqrt, accents,
\left…\right, sums, cases, and words in \text, \mathrm and \operatorname.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_TOKEN = re.compile(r"\\[A-Za-z]+|\\\\|\\.|[0-9]+(?:\.[0-9]+)?|\s+|.", re.DOTALL)
WORDS = (r"\mathrm", r"\operatorname", r"\text", r"\mathsf")
ACCENTS = (r"\hat", r"\widehat")
ENVIRONMENTS = ("cases", "bmatrix")
SIGNS = frozenset(["+", "-", "=", "<", ">", ",", r"\leq", r"\geq", r"\neq", r"\cdot", r"\leftarrow", r"\wedge", r"\dots", "&", ";"])


class Tree(NamedTuple):
    """kind: row, number, letter, command, sign, space, word, frac, sqrt, accent, fence, script, or an environment.

    `text` is the symbol, the accent, the pair of fences, or the primes of a script; `source` the LaTeX of a name: letters with
    what is below them.
    """

    kind: str
    text: str = ""
    parts: tuple[Tree, ...] = ()
    source: str = ""


@lru_cache(maxsize=4096)
def tree(latex: str) -> Tree:
    r"""The tree of a formula.

    >>> [part.kind for part in tree(r"2 x_{1} + \frac{a}{b}").parts]
    ['number', 'space', 'script', 'space', 'sign', 'space', 'frac']
    """
    return _Reader(latex).row(())


class _Reader:
    def __init__(self, latex: str) -> None:
        self.tokens = _TOKEN.findall(latex)
        self.place = 0

    def row(self, ends: tuple[str, ...]) -> Tree:
        """Up to one of `ends`, which is read too."""
        parts: list[Tree] = []
        while self.place < len(self.tokens):
            if self.tokens[self.place] in ends:
                self.place += 1
                break
            parts.append(self.scripted())
        while parts and parts[-1].kind == "space":
            parts.pop()
        return Tree("row", "", tuple(parts))

    def scripted(self) -> Tree:
        """One item with what hangs on it."""
        first = self.place
        base, below, above, primes = self.item(), Tree("row"), Tree("row"), ""
        last = self.place
        while self.place < len(self.tokens) and self.tokens[self.place] in ("_", "^", "'"):
            sign = self.tokens[self.place]
            self.place += 1
            if sign == "'":
                primes += "'"
            elif sign == "_":
                below = self.argument()
                last = self.place
            else:
                above = self.argument()
        if not (below.parts or above.parts or primes):
            return base
        return Tree("script", primes, (base, below, above), "".join(self.tokens[first:last]))

    def item(self) -> Tree:
        token = self.tokens[self.place]
        self.place += 1
        if token.isspace() or token in (r"\ ", r"\,", r"\:", r"\;", r"\quad"):
            return Tree("space")
        if token == "{":
            return self.row(("}",))
        if token == r"\left":
            return self.fence()
        if token == r"\begin":
            return self.environment()
        if token == r"\frac":
            return Tree("frac", "", (self.argument(), self.argument()))
        if token == r"\sqrt":
            return Tree("sqrt", "", (self.index(), self.argument()))
        if token in WORDS:
            return self.word()
        if token in ACCENTS:
            first = self.place - 1
            body = self.argument()
            return Tree("accent", token, (body,), "".join(self.tokens[first : self.place]))
        if token in SIGNS:
            return Tree("sign", token)
        if token[0].isdigit():
            return Tree("number", token)
        kind = "command" if token[0] == "\\" and len(token) > 1 else "letter"
        self.skip_space(kind == "command" and token in (r"\partial", r"\nabla"))
        return Tree(kind, token, (), token)

    def skip_space(self, wanted: bool) -> None:
        if wanted and self.place < len(self.tokens) and self.tokens[self.place].isspace():
            self.place += 1

    def argument(self) -> Tree:
        return self.row_of(self.item())

    @staticmethod
    def row_of(part: Tree) -> Tree:
        return part if part.kind == "row" else Tree("row", "", (part,))

    def index(self) -> Tree:
        if self.tokens[self.place] != "[":
            return Tree("row")
        self.place += 1
        return self.row(("]",))

    def fence(self) -> Tree:
        left = self.tokens[self.place]
        self.place += 1
        body = self.row((r"\right",))
        right = self.tokens[self.place] if self.place < len(self.tokens) else ""
        self.place += 1
        return Tree("fence", left + right, (body,))

    def word(self) -> Tree:
        """The letters between braces as they are, without LaTeX's signs of escape."""
        first = self.place
        depth = 0
        while self.place < len(self.tokens):
            depth += {"{": 1, "}": -1}.get(self.tokens[self.place], 0)
            self.place += 1
            if depth == 0:
                break
        inner = self.tokens[first + 1 : self.place - 1]
        plain = {r"\backslash": "\\", r"\wedge": "^", r"\sim": "~", r"\langle": "<", r"\rangle": ">", r"\ ": " "}
        text = "".join(plain.get(token, token[1:] if token[0] == "\\" and len(token) == 2 else token) for token in inner)
        return Tree("word", text, (), "".join(self.tokens[first - 1 : self.place]))

    def environment(self) -> Tree:
        """Rows of cells."""
        name = "".join(part.text for part in self.argument().parts)
        rows, cells = [], []
        while self.place < len(self.tokens):
            cell = self.row(("&", r"\\", r"\end"))
            cells.append(cell)
            if self.tokens[self.place - 1] != "&":
                rows.append(Tree("row", "", tuple(cells)))
                cells = []
            if self.tokens[self.place - 1] == r"\end":
                self.argument()
                break
        return Tree(name, "", tuple(rows))
