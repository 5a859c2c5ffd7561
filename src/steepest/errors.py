"""What can go wrong by wrong use, as a tree. Numerical failure is no error: it is an outcome of a descent or a fit.

    SteepestError
    ├── FormulaError     the text of a formula, loss, method or function; carries the position
    ├── DataError        a file, a column, a row
    ├── OptionError      an option or argument, with the values that are allowed
    └── EngineError      a library that is missing or broken, or an engine that cannot do this

Every message says what, where, the value, what is allowed and what to do, in at most three lines.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SteepestError(Exception):
    """Base of every error that this library raises on purpose."""


class FormulaError(SteepestError, ValueError):
    """A text that cannot be read as a formula: the sentence, the text, and the place in it.

    >>> print(FormulaError("expected a number, a name or '('", "y ~ a +", 7))
    expected a number, a name or '(', at column 8:
      y ~ a +
             ^
    """

    def __init__(self, sentence: str, text: str, position: int) -> None:
        self.sentence = sentence
        self.text = text
        self.position = position
        super().__init__(f"{sentence}, at column {position + 1}:\n{pointed(text, position)}")


class DataError(SteepestError, ValueError):
    """Data that cannot be used, named by file, column and row."""


class OptionError(SteepestError, ValueError):
    """An option or argument with a value that is not allowed."""


class EngineError(SteepestError, RuntimeError):
    """An engine that is missing, broken, or unable to do what is asked."""


def pointed(text: str, position: int, width: int = 76) -> str:
    """Two lines: the part of `text` around `position`, and a caret below it."""
    first = max(0, min(position - width // 2, len(text) - width))
    part = text[first : first + width]
    shown = "".join(c if c.isprintable() else "?" for c in part)
    return f"  {shown}\n  {' ' * (position - first)}^"


def unknown(kind: str, name: object, known: Iterable[str]) -> str:
    """The sentence for a name that is not in a table: the nearest name and the whole list.

    >>> unknown("loss", "msee", ["mse", "mae"])
    "unknown loss 'msee': did you mean 'mse'? Known: mse, mae"
    """
    names = list(known)
    folded = {known.casefold(): known for known in names}
    near = difflib.get_close_matches(str(name).casefold(), folded, n=1)
    hint = f": did you mean '{folded[near[0]]}'?" if near else "."
    return f"unknown {kind} '{name}'{hint} Known: {', '.join(names)}"


class SteepestWarning(UserWarning):
    """Something that was decided for the user, or that looks like a slip: a missing start, a rounded number."""
