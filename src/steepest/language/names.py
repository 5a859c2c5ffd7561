"""Names for people. A name from a file is hostile: none may act as LaTeX or move a terminal's cursor."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from itertools import islice

_SPECIAL = {
    "\\": r"\backslash ",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "%": r"\%",
    "#": r"\#",
    "&": r"\&",
    "_": r"\_",
    "^": r"\wedge ",
    "~": r"\sim ",
    "<": r"\langle ",
    ">": r"\rangle ",
    " ": r"\ ",
}
_PLAIN = frozenset(".,:;()[]+-*/=|'!?@")
# Capitals that look like Latin letters, and omicron, have no command of their own.
_LETTERS = """
    alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega
    Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
"""
_GREEK = frozenset(_LETTERS.split())


def printable(name: str, width: int = 64) -> str:
    """The name on one line of a terminal: no control characters, at most `width` characters.

    >>> printable("x\\x1b[31m")
    'x?[31m'
    """
    shown = "".join(c if c.isprintable() else "?" for c in name)
    return shown if len(shown) <= width else shown[: width - 1] + "…"


def listed(names: Collection[str], most: int = 10) -> str:
    """Names with commas between them, at most so many.

    >>> listed(["a", "b", "c"]), listed(["a", "b", "c"], 2)
    ('a, b, c', 'a, b and 1 more')
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(printable(name) for name in islice(names, most)) + more


def latex_name(name: str) -> str:
    """The name in LaTeX's math mode: Greek letters, subscripts, and everything else escaped.

    >>> latex_name("theta_0"), latex_name("b1"), latex_name("rate"), latex_name("$x^2$")
    ('\\\\theta_{0}', 'b_{1}', '\\\\mathrm{rate}', '\\\\mathrm{\\\\$x\\\\wedge 2\\\\$}')
    """
    if not name.isidentifier() or "_" in (name[0], name[-1]):
        return _upright(printable(name))
    first, *rest = [part for part in name.split("_") if part]
    split = re.fullmatch(r"(.*?[^0-9])([0-9]+)", first)
    if split:
        first, digits = split.groups()
        rest.insert(0, digits)
    subscript = "_{" + ", ".join(_part(part) for part in rest) + "}" if rest else ""
    return _part(first) + subscript


def _part(part: str) -> str:
    if len(part) == 1 and not part.isascii():
        words = unicodedata.name(part, "").split()
        if words[:2] in (["GREEK", "SMALL"], ["GREEK", "CAPITAL"]) and words[2:3] == ["LETTER"] and len(words) == 4:
            spelled = words[3].lower().replace("lamda", "lambda")
            part = spelled.capitalize() if words[1] == "CAPITAL" else spelled
            if part not in _GREEK:
                return r"\mathrm{" + (part[0] if words[1] == "CAPITAL" else "o") + "}"
    if part in _GREEK:
        return "\\" + part
    if part.isascii() and (len(part) == 1 or part.isdigit()):
        return part
    return _upright(part)


def _upright(text: str) -> str:
    shown = (_SPECIAL.get(c, c if c.isalnum() or c in _PLAIN else "?") for c in text)
    return r"\mathrm{" + "".join(shown) + "}"
