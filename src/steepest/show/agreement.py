"""The agreement of engines as text and as HTML: a table of differences, a verdict an engine, and why."""

from __future__ import annotations

import html
import math
import textwrap
from typing import TYPE_CHECKING

from steepest.language.names import printable
from steepest.show.tables import Rows, number, text_table

if TYPE_CHECKING:
    from steepest.check.agreement.compare import Agreement, Line

WIDTH = 80
ACROSS = 4  # numbers beside each other


def agreement_text(found: Agreement) -> str:
    """Tables and sentences for a terminal."""
    told = "\n".join(_filled(line) for line in sentences(found))
    first = "\n\n".join(text_table(rows) for rows in first_point(found))
    titles = _filled(first_title(found)), _filled(sample_title(found))
    return f"{text_table(engine_rows(found))}\n\n{told}\n\n{titles[0]}\n{first}\n\n{titles[1]}\n{text_table(sample_rows(found))}"


def agreement_html(found: Agreement) -> str:
    """The same for a notebook. Everything is escaped."""
    parts = [f"<p><code>{_safe(found.formula)}</code></p>", _table(engine_rows(found))]
    parts += [f"<p>{_safe(line)}</p>" for line in sentences(found)]
    parts += [f"<p>{_safe(first_title(found))}</p>", *(_table(rows) for rows in first_point(found))]
    parts += [f"<p>{_safe(sample_title(found))}</p>", _table(sample_rows(found))]
    return f"<div>{''.join(parts)}</div>"


def engine_rows(found: Agreement) -> Rows:
    """A header, and a row an engine: its largest difference, and the verdict."""
    rows = [(v.engine, _few(v.ulps), _few(v.share), v.verdict) for v in found.verdicts]
    return [("engine", "ulps", "of the bound", "verdict"), *rows]


def first_point(found: Agreement) -> list[Rows]:
    """The reference at the first point and every engine's difference in ulps, a few numbers a table."""
    here = {(line.engine, line.what): line for line in found.lines if line.point == 0}
    engines = list(dict.fromkeys(engine for engine, _ in here))
    whats = ["loss", *found.parameters]
    tables = []
    for first in range(0, len(whats) if engines else 0, ACROSS):
        part = whats[first : first + ACROSS]
        head = ("", *(what if what == "loss" else f"dL/d{printable(what, 40)}" for what in part))
        right = ("reference", *(number(here[engines[0], what].reference + 0.0, 7) for what in part))
        tables.append([head, right, *((engine, *(_ulps(here[engine, what]) for what in part)) for engine in engines)])
    return tables


def first_title(found: Agreement) -> str:
    theta = ", ".join(f"{printable(k, 40)} = {v:.6g}" for k, v in zip(found.parameters, found.thetas[0], strict=True))
    return f"At {textwrap.shorten(theta, 4 * WIDTH, placeholder=' …')}: the reference, and differences from it in ulps:"


def sample_rows(found: Agreement) -> Rows:
    """A header, and a row a parameter: notebook 002's identity, and the spread of single rows and of a batch."""
    s = found.samples
    rows = [
        (
            printable(name, 40),
            *(number(float(value) + 0.0, 6) for value in (s.gradient[k], s.difference[k], s.spread[k], s.batch_spread[k])),
        )
        for k, name in enumerate(found.parameters)
    ]
    return [("parameter", "gradient", "mean - gradient", "one row", f"batch of {s.batch}"), *rows]


def sample_title(found: Agreement) -> str:
    return (
        f"The mean of the {found.samples.rows:,} single-row gradients is the gradient, but for rounding. Beside it, the "
        f"standard deviation of one row's gradient and of a sampled batch's:"
    )


def sentences(found: Agreement) -> list[str]:
    """What to make of it."""
    causes = dict.fromkeys(cause for verdict in found.verdicts for cause in verdict.causes)
    said = [f"{', '.join(v.engine for v in found.verdicts if cause in v.causes)}: {cause}." for cause in causes]
    for engine in (v.engine for v in found.verdicts):
        wrong = [line for line in found.lines if line.engine == engine and line.verdict == "differ"]
        if wrong:
            line = max(wrong, key=lambda line: line.share)
            what = "the loss" if line.what == "loss" else f"dL/d{printable(line.what, 40)}"
            said.append(
                f"{engine} differs: {what} is {line.value:.17g} at point {line.point}, the reference {line.reference:.17g}: "
                f"{_few(line.share)} times what rounding allows."
            )
    said += [f"Note: {note}." for note in found.notes]
    said += [f"{name} was left out: {why}" for name, why in found.missing.items()]
    points = len(found.thetas)
    kinds = " and ".join(dict.fromkeys(found.reference))
    whole = "All agree" if all(v.verdict == "agree" for v in found.verdicts) else "No difference without a known cause"
    return [
        f"{whole if found.ok else 'Not all agree'}, at {points} point{'' if points == 1 else 's'}; compared with: {kinds}.",
        "ulps: the largest difference, in units of the last place. Of the bound: 1 is all that rounding allows.",
        *said,
    ]


def _ulps(line: Line) -> str:
    if line.ulps is not None:
        return _few(line.ulps)
    return f"off by {line.value - line.reference:.0e}" if math.isfinite(line.value) else str(line.value)


def _filled(text: str) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _few(value: float) -> str:
    return f"{value:.0f}" if 10 <= value < 1e5 else f"{value:.2g}"


def _table(rows: Rows) -> str:
    head, *body = ["".join(f"<{tag}>{_safe(cell)}</{tag}>" for cell in row) for tag, row in _tagged(rows)]
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(f'<tr>{row}</tr>' for row in body)}</tbody></table>"


def _tagged(rows: Rows) -> list[tuple[str, tuple[str, ...]]]:
    return [("td" if k else "th", row) for k, row in enumerate(rows)]


def _safe(text: str) -> str:
    return html.escape(printable(text, 10_000))
