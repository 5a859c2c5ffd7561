"""`steepest examples`."""

from __future__ import annotations

import textwrap

from steepest.cli import options
from steepest.cli.output import WIDTH, say
from steepest.data.examples import EXAMPLES


def examples(debug: options.Debug = False) -> None:
    """List the shipped examples.

    Each has data, a start and the formula below its name: steepest fit FORMULA @NAME
    """
    width = max(len(name) for name in EXAMPLES) + 3
    for name, row in EXAMPLES.items():
        indent = " " * width
        say(textwrap.fill(f"@{name}".ljust(width) + row.description, WIDTH, subsequent_indent=indent))
        say(f"{indent}{row.formula}")
