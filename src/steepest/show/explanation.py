"""An explanation as text and as HTML: the sentences, the rates, and a row a direction."""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from steepest.language.names import printable
from steepest.show.tables import Rows, number, text_table

if TYPE_CHECKING:
    from steepest.insight.explain import Explanation

WIDTH = 80


def explanation_text(found: Explanation) -> str:
    """Sentences and tables for a terminal."""
    return f"{filled(found.sentences)}\n\n{text_table(rate_rows(found))}\n\n{text_table(direction_rows(found))}"


def explanation_html(found: Explanation) -> str:
    """The same for a notebook. Everything is escaped."""
    return f"<div>{sentences_html(found.sentences)}{_table(rate_rows(found))}{_table(direction_rows(found))}</div>"


def filled(sentences: Sequence[str]) -> str:
    """A paragraph a sentence, in lines of 80 columns."""
    return "\n".join(
        textwrap.fill(printable(line, 10_000), WIDTH, subsequent_indent="  ", break_on_hyphens=False) for line in sentences
    )


def sentences_html(sentences: Sequence[str]) -> str:
    """The same for a notebook, escaped."""
    return "".join(f"<p>{_safe(line)}</p>" for line in sentences)


def rate_rows(found: Explanation) -> Rows:
    """A header, and a row a learning rate."""
    rates = {
        f"in use ({found.method})": found.lr,
        "largest that lowers the loss in one step": found.one_step_limit,
        "best in one step": found.best_on_ray or None,
        "largest stable here": found.limit,
        "largest stable at the minimum": found.limit_at_minimum,
        "best in the long run": found.best_rate,
    }
    return [
        ("learning rate", "value"),
        *((name, "none" if value is None else number(float(value))) for name, value in rates.items()),
    ]


def direction_rows(found: Explanation) -> Rows:
    """A header, and a row a direction: its curvature, and the steps in which the error along it halves."""
    felt = found.curvature if found.modes is None else found.modes.felt
    known = found.modes is not None and found.modes.limit is not None
    never = "never" if known else "-"
    lives = [never if not math.isfinite(life) else number(float(life), 4) for life in found.half_lives]
    rows = [
        (felt.named(k), number(float(value) if abs(value) > felt.zero else 0.0, 8), life)
        for k, (value, life) in enumerate(zip(felt.values, lives, strict=True))
    ]
    where = "at the minimum" if found.there is not None else "here"
    return [(f"direction, {where}", "curvature", "steps to halve"), *reversed(rows)]


def _table(rows: Rows) -> str:
    head, *body = rows
    lines = "".join(f"<tr>{''.join(f'<td>{_safe(cell)}</td>' for cell in row)}</tr>" for row in body)
    return f"<table><thead><tr>{''.join(f'<th>{_safe(cell)}</th>' for cell in head)}</tr></thead><tbody>{lines}</tbody></table>"


def _safe(text: str) -> str:
    return html.escape(printable(text, 10_000))
