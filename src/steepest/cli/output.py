"""What commands print: text for people or one JSON object on stdout; notes on stderr."""

from __future__ import annotations

import json
import math
import os
import re
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from steepest.errors import SteepestWarning
from steepest.language.names import printable
from steepest.show.tables import Rows, text_table

WIDTH = 80


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def note(sentence: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"steepest: note: {in_shell(' '.join(sentence.split()))}\n")


def report(recipe: Mapping[str, Any], rows: Rows, lines: list[str]) -> None:
    """A result for people: header, table, sentences. `lines` beginning with '·' are quiet."""
    rows_of_data = f"{recipe['rows']:,} row{'' if recipe['rows'] == 1 else 's'}"
    say(wrapped(recipe["formula"]))
    say(quiet(wrapped(f"{recipe['data']}, {rows_of_data}, loss {recipe['loss']}")))
    say(f"\n{text_table(rows)}\n")
    for line in lines:
        say(quiet(wrapped(line[1:])) if line.startswith("·") else wrapped(line))


def write(path: str, save: Callable[[str], Any], silent: bool) -> None:
    """Writes a file and says so; no path is no file. Called after the result is printed: a full disk cannot take it."""
    if path:
        save(path)
        if not silent:
            say(quiet(f"wrote {printable(path, 200)}"))


def say_json(result: Mapping[str, Any]) -> None:
    """One object on one line: NaN and infinity are null, exact numbers the nearest floats."""
    say(json.dumps(plain(result), allow_nan=False))


def plain(value: Any) -> Any:
    """The value in the types of JSON.

    >>> plain({"a": float("nan"), "b": (1, 2.5)})
    {'a': None, 'b': [1, 2.5]}
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    near = float(value)
    return near if math.isfinite(near) else None


def wrapped(text: str) -> str:
    lines = printable(text, 20_000)
    return textwrap.fill(lines, WIDTH, break_on_hyphens=False)


def quiet(text: str) -> str:
    return f"\x1b[2m{text}\x1b[0m" if coloured(sys.stdout) else text


def coloured(stream: TextIO) -> bool:
    """Does this stream show colours, and does the user want them (no-color.org)?"""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


_OPTIONS = "at|lr|steps|epochs|engine|method|missing|start|weights|constants|every|seconds|until_[a-z]+"


def in_shell(message: str) -> str:
    """A sentence of the library in the words of a shell: `lr` is --lr, `missing='drop'` is --missing drop.

    >>> in_shell("lr is -1.0: give a positive number"), in_shell("leave out such rows with missing='drop'.")
    ('--lr is -1.0: give a positive number', 'leave out such rows with --missing drop.')
    """
    message = message.replace("start={…}", "--start name=value").replace("lr, as Fraction(1, 10)", "--lr 1/10")
    message = re.sub(rf"^({_OPTIONS}|at)(?= is |: )", lambda m: _flag(m[1]), message)
    message = re.sub(rf"\b({_OPTIONS})='?([a-z0-9_+-]*)'?", lambda m: f"{_flag(m[1])} {m[2]}".rstrip(), message)
    return re.sub(r"\buntil_[a-z]+", lambda m: _flag(m[0]), message)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


@contextmanager
def notes(silent: bool) -> Iterator[None]:
    """Inside, warnings for users are lines on stderr; those for programmers are not shown."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not silent:
            warnings.simplefilter("always", SteepestWarning)
        warnings.showwarning = lambda message, *_, **__: note(str(message))
        yield
