"""Results as tables: plain text for a terminal, HTML for a notebook."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from steepest.descent.trace import Trace
from steepest.fitting.by_set import set_rows
from steepest.fitting.summary import columns, summary_rows
from steepest.language.names import printable

if TYPE_CHECKING:
    from steepest.fitting.result import Fit

Rows = list[tuple[str, ...]]

MOST_ROWS = 60
LONGEST = 24  # characters of an exact number


def number(value: Any, digits: int = 10) -> str:
    """A number for people; an exact one as it is, where that is short.

    >>> from fractions import Fraction
    >>> number(0.1 + 0.2), number(Fraction(13, 24)), number(0.000012345678, 4)
    ('0.3', '13/24', '1.235e-05')
    """
    if not isinstance(value, float) and len(str(value)) <= LONGEST:
        return str(value)
    return f"{float(value):.{digits}g}"


def estimate(value: float, error: float, beyond: int = 6, most: int = 10) -> str:
    """A value known up to `error`, with no digit more than `beyond` places after the first of the error, and `most` in all.

    >>> estimate(123.456789012345, 0.0123), estimate(1e-17, 0.1), estimate(1 / 3, float("nan"))
    ('123.456789', '0', '0.3333333333')
    """
    if not 0 < error < math.inf or not value:
        return number(value, most)
    digits = _exponent(value) - _exponent(error) + beyond + 1
    return number(value, min(digits, most)) if digits > 0 else "0"


def _exponent(value: float) -> int:
    return int(f"{value:e}".partition("e")[2])


def found_something(fit: Fit) -> bool:
    """False where the model is not finite at the start, so that no value is a result."""
    return fit.outcome != "nonfinite"


def fit_rows(fit: Fit) -> Rows:
    """A header, and a row a parameter: its value and standard error, or its start where nothing was found."""
    if not found_something(fit):
        return [("parameter", "start"), *((printable(k, 40), number(v)) for k, v in fit.recipe["start"].items())]
    rows = [(printable(k, 40), estimate(v, fit.std_errors[k]), error_of(fit, k)) for k, v in fit.parameters.items()]
    return [("parameter", "value", "std error"), *rows, *tie_rows(fit)]


def tie_rows(fit: Fit) -> Rows:
    """Those of tied parameters."""
    found = ((f"{name} = {text}", fit.quantity(text)) for name, text in fit.ties.items())
    return [
        (printable(shown, 40), estimate(*q), "unknown" if math.isnan(q.std_error) else number(q.std_error, 4)) for shown, q in found
    ]


def error_of(fit: Fit, name: str, digits: int = 4) -> str:
    """The standard error of one parameter: a number, "fixed", "at min", "at max" or "unknown"."""
    if held := fit.held(name):
        return held
    error = fit.std_errors[name]
    return "unknown" if math.isnan(error) else number(error, digits)


def trace_rows(trace: Trace) -> Rows:
    """A header, and a row a parameter."""
    starts = zip(trace.theta[0].tolist(), trace.final.items(), strict=True)
    rows = [(printable(k, 40), number(start, 6), number(v)) for start, (k, v) in starts]
    return [("parameter", "start", "value"), *rows]


def text_table(rows: Sequence[Sequence[str]]) -> str:
    """Columns under their headers, names to the left and numbers to the right.

    >>> print(text_table([("parameter", "value"), ("a", "1.5"), ("b", "-12")]))
    parameter  value
    a            1.5
    b            -12
    """
    return columns(_shortened(rows))


def fit_html(fit: Fit) -> str:
    """A fit for a notebook: the formula, R's table, the sentence. Everything is escaped."""
    page = _page(fit.recipe, summary_rows(fit) if found_something(fit) else fit_rows(fit), fit.sentence)
    return page + (table_html(set_rows(fit.sets), ()) if found_something(fit) and fit.sets else "")


def trace_html(trace: Trace) -> str:
    """A descent for a notebook: the formula, the table, the sentence. Everything is escaped."""
    return _page(trace.recipe, trace_rows(trace), trace.sentence)


def _page(recipe: Any, rows: Rows, sentence: str) -> str:
    source = f"{recipe['data']}, {recipe['rows']:,} rows, loss {recipe['loss']}"
    title = f"<p><code>{_safe(recipe['formula'])}</code><br><small>{_safe(source)}</small></p>"
    return f"<div>{title}{table_html(rows, [sentence])}</div>"


def table_html(rows: Sequence[Sequence[str]], sentences: Iterable[str]) -> str:
    """A table with its header, and sentences below. Everything is escaped."""
    head, *body = _shortened(rows)
    table = f"<table><thead>{_row('th', head)}</thead><tbody>{''.join(_row('td', row) for row in body)}</tbody></table>"
    return f"<div>{table}{''.join(f'<p>{_safe(sentence)}</p>' for sentence in sentences)}</div>"


def _row(tag: str, cells: Iterable[str]) -> str:
    styles = ("left", "right")
    parts = (f'<{tag} style="text-align:{styles[min(k, 1)]}">{_safe(cell)}</{tag}>' for k, cell in enumerate(cells))
    return f"<tr>{''.join(parts)}</tr>"


def _safe(text: Any) -> str:
    return html.escape(printable(str(text), 10_000))


def _shortened(rows: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    if len(rows) <= MOST_ROWS + 1:
        return rows
    gap = ("…", *[""] * (len(rows[0]) - 1))
    return [*rows[: MOST_ROWS // 2 + 1], gap, *rows[-MOST_ROWS // 2 :]]
