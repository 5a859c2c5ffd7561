"""Characters → tokens with positions. What no rule allows is refused with the sentence that helps."""

from __future__ import annotations

import keyword
import re
import sys
import unicodedata
from fractions import Fraction
from typing import NamedTuple

from steepest.errors import FormulaError
from steepest.language.names import printable

MAX_LENGTH = 100_000
MAX_NAME = 64
_MAX_DIGITS = 800  # enough for every float64 in full; a longer one would only be a way to spend time


class Token(NamedTuple):
    """`kind` is number, name, quoted (a name in back-quotes), end, or the operator itself."""

    kind: str
    text: str
    position: int


_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|`(?P<quoted>[^`\r\n]*)`"
    r"|(?P<operator>\*\*|<=|>=|==|!=|[-+*/(),<>~=;])"
)

_HINTS = {
    "^": "'^' is not an operator: write '**' for a power",
    "%": "'%' is not an operator of this language",
    "&": "'&' is not an operator: nest where(…) to combine conditions",
    "|": "'|' is not an operator: write abs(…), or nest where(…) to combine conditions",
    "!": "'!' is not an operator: '!=' compares",
    "@": "'@' is not an operator: write sums and products of names",
    ".": "'.' stands only in numbers: there are no attributes, so write exp(x), not np.exp(x)",
    "[": "there is no indexing: write names, numbers and calls with '('",
    "]": "there is no indexing: write names, numbers and calls with '('",
    "{": "'{' has no meaning here: group with '('",
    "}": "'}' has no meaning here: group with ')'",
    "'": "there are no strings: write a column's name bare, or in back-quotes",
    '"': "there are no strings: write a column's name bare, or in back-quotes",
    "`": "a back-quote is not closed: write `name`",
    "#": "there are no comments in a formula",
    ":": "':' is not an operator: write '*' for a product",
    "?": "'?' is not an operator: write where(condition, a, b)",
    "×": "'×' is not an operator: write '*'",
    "·": "'·' is not an operator: write '*'",
    "⋅": "'⋅' is not an operator: write '*'",
    "÷": "'÷' is not an operator: write '/'",
    "²": "'²' is not an operator: write '**2'",
    "³": "'³' is not an operator: write '**3'",
    "≤": "'≤' is not an operator: write '<='",
    "≥": "'≥' is not an operator: write '>='",
    "≠": "'≠' is not an operator: write '!='",
    "√": "'√' is not an operator: write sqrt(…)",
    "∼": "this is not the plain '~': write '~'",
}
_HINTS |= {c: "this minus sign is not the plain one: write '-'" for c in "−–—‐‑‒﹣－"}


def tokenize(text: str) -> list[Token]:
    """The tokens of `text`, with an `end` token last.

    >>> [t.text for t in tokenize("2*x")]
    ['2', '*', 'x', '']
    """
    if not isinstance(text, str):
        raise FormulaError(f"expected text, got {type(text).__name__}", "", 0)
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"the text has {len(text):,} characters: at most {MAX_LENGTH:,} are read", text, MAX_LENGTH)
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise FormulaError(_hint(text[position]), text, position)
        kind, value = match.lastgroup, match[match.lastgroup]
        if kind == "name":
            _check_name(text, value, position)
        if kind == "quoted" and not value:
            raise FormulaError("a name in back-quotes is empty", text, position)
        if kind != "space":
            tokens.append(Token(value if kind == "operator" else kind, value, position))
        position = match.end()
    return [*tokens, Token("end", "", len(text))]


def split(tokens: list[Token], separator: str) -> list[list[Token]]:
    """Runs of tokens between separators, each with an `end` token where it stops."""
    parts: list[list[Token]] = [[]]
    for token in tokens:
        if token.kind == separator:
            parts[-1].append(Token("end", "", token.position))
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def number(token: Token, text: str) -> Fraction:
    """The exact value of a number token: 0, or of a size that float64 has at full precision."""
    mantissa, _, exponent = token.text.lower().partition("e")
    # Before the fraction is built: 1e999999999 would be an integer of 400 MB.
    if len(token.text) > _MAX_DIGITS or abs(int(exponent or 0)) > 10_000:
        raise FormulaError("a number is too long or too large for float64", text, token.position)
    value = Fraction((mantissa.rstrip(".") or "0") + (f"e{int(exponent)}" if exponent else ""))
    if not fits(value):
        raise FormulaError("a number is too large or too small for float64", text, token.position)
    return value


def fits(value: Fraction) -> bool:
    """Is it 0, or finite and normal as float64?"""
    return value == 0 or Fraction(sys.float_info.min) <= abs(value) <= Fraction(sys.float_info.max)


def name_fault(name: str) -> str | None:
    """Why `name` cannot be a name of the language, or None."""
    if not name.isidentifier():
        return "a name has letters, digits and '_', and does not begin with a digit"
    if len(name) > MAX_NAME:
        return f"a name has at most {MAX_NAME} characters"
    if "__" in name:
        return "a name has no two '_' in a row"
    if unicodedata.normalize("NFKC", name) != name or any(not _letter(c) for c in name):
        return "a name has only ASCII and Greek letters, digits and '_': write other names in back-quotes"
    if keyword.iskeyword(name):
        return f"'{name}' is a word of Python: choose another name, or write a column's name in back-quotes"
    return None


def _letter(c: str) -> bool:
    return c.isascii() or unicodedata.name(c, "").startswith(("GREEK SMALL LETTER", "GREEK CAPITAL LETTER"))


def _check_name(text: str, name: str, position: int) -> None:
    fault = name_fault(name)
    if fault is None:
        return
    # 'x²' reads as one run of word characters: point at the sign, with its own hint.
    for offset, c in enumerate(name):
        if c in _HINTS:
            raise FormulaError(_HINTS[c], text, position + offset)
    raise FormulaError(fault, text, position)


def _hint(c: str) -> str:
    if c in _HINTS:
        return _HINTS[c]
    if c.isspace():
        return "this is not a plain space: write ' '"
    return f"'{printable(c)}' has no meaning here"
