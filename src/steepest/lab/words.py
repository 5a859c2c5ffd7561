"""Numbers and names as lines for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from steepest.language.names import printable

WIDTH = 80
ASCII = str.maketrans({
    "η": "eta", "λ": "lambda", "κ": "kappa", "θ": "theta", "σ": "sigma", "Σ": "sum", "∂": "d", "∇": "grad ", "ŷ": "yhat",
    "→": "->", "←": "<-", "·": "|", "×": "x", "−": "-", "≤": "<=", "≥": ">=", "≈": "~", "…": "...", "²": "^2", "ᵀ": "^T", "‖": "||",
    "½": "1/2", "±": "+-", "∞": "inf", "√": "sqrt",
})  # fmt: skip
FEW = 6  # values that are listed one by one


def number(value: Any, digits: int = 6) -> str:
    """A number in a sentence.

    >>> number(0.1 + 0.2), number(2.0), number(-1.25e-9, 3)
    ('0.3', '2', '-1.25e-09')
    """
    return f"{float(value) + 0.0:.{digits}g}"


def named(names: Sequence[str], values: Iterable[Any], digits: int = 6, sign: str = "") -> str:
    """`a 0  b -1`: what `sign="+"` adds is the sign of what is positive."""
    return "  ".join(
        f"{printable(name, 20)} {float(value) + 0.0:{sign}.{digits}g}" for name, value in zip(names, values, strict=True)
    )


def some(values: Sequence[Any], digits: int = 5) -> str:
    """The first values of many."""
    shown = "  ".join(number(value, digits) for value in values[:FEW])
    return shown if len(values) <= FEW else f"{shown}  …"


def lines(head: str, text: str) -> list[str]:
    """`head` and text, wrapped below each other."""
    return textwrap.wrap(text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False) or [
        head.rstrip()
    ]


def ascii_only(text: str) -> str:
    """The same with characters of ASCII alone.

    >>> ascii_only("η = 0.1 → …")
    'eta = 0.1 -> ...'
    """
    return text.translate(ASCII).encode("ascii", "replace").decode("ascii")
