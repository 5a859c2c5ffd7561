"""What a doctor says: the verdict, the cause, one sentence for people, and the proof."""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from steepest.check.cases import Case
    from steepest.check.user import UserGradient

GRADIENT_CAUSES = (
    "missing-1/n", "sign", "factor", "accumulated", "stale", "transposed", "coordinate", "rows", "node", "precision",
    "non-smooth", "random", "form", "loss-differs", "two-faults", "unknown",
)  # fmt: skip
LOOP_CAUSES = (
    "not-zeroed", "other-parameter", "sequential-update", "stale", "momentum", "weight-decay", "schedule", "scaled", "sign",
    "frozen", "unknown",
)  # fmt: skip
MARKING_CAUSES = ("load", "time", "memory", "exit")  # a file without a verdict on its gradient
CAUSES = tuple(dict.fromkeys(GRADIENT_CAUSES + LOOP_CAUSES + MARKING_CAUSES))
WIDTH = 80
LONG = 100  # characters of a quoted line


@dataclass(frozen=True)
class Proof:
    """The repaired gradient, checked where the diagnosis was not found: `worst` is its largest error, in units of the tolerance."""

    points: int
    rows: int
    worst: float
    how: str

    def __str__(self) -> str:
        size = f"error {self.worst:.2g} of what rounding allows"
        return f"{self.how}, it agrees at {self.points} other points on {self.rows} other rows ({size})"


@dataclass(frozen=True)
class Diagnosis:
    """A claim that can be tested: `repair(user, case)` is the user's gradient at `case`, mended, (p,).

    `how` says the repair in words, as the beginning of a sentence: "divided by n".
    """

    cause: str
    sentence: str
    repair: Callable[[UserGradient, Case], Any]
    how: str
    line: int | None = None
    node: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """The doctor's answer. `line` is a line of the user's file; `node` the text of a step of the derivation, as "P3'(u)"."""

    correct: bool
    cause: str | None
    sentence: str
    line: int | None = None
    node: str | None = None
    proof: Proof | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """For a terminal: the sentence, the line of the user's file, the proof, and where the cause is unknown, the numbers."""
        blocks = [textwrap.fill(part, WIDTH, break_on_hyphens=False) for part in self._sentences()]
        quoted = self._quoted()
        if quoted:
            wide = len(str(quoted[-1][0]))
            blocks.insert(
                1, "\n".join(f"{'>' if number == self.line else ' '} {number:{wide}} | {text}" for number, text in quoted)
            )
        rows = self._table()
        if rows:
            widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
            lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
            blocks.append("\n" + "\n".join(lines))
        return "\n".join(blocks)

    def to_dict(self) -> dict[str, Any]:
        """Everything in the types of JSON; what is not finite is None."""
        proof = None if self.proof is None else {**vars(self.proof)}
        whole: dict[str, Any] = plain({**vars(self), "proof": proof})
        return whole

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        """For a notebook, in its own colours, light or dark."""
        colour = "#1a7f37" if self.correct else "#d1242f"
        head = html.escape("correct" if self.correct else str(self.cause)) + (f" · line {self.line}" if self.line else "")
        first, *others = (f"<p style='margin:0.4em 0'>{html.escape(part)}</p>" for part in self._sentences())
        quoted = "".join(
            f"<div{f' style=background:{colour}22' if number == self.line else ''}>{number:>4}  {html.escape(text)}</div>"
            for number, text in self._quoted()
        )
        code = f"<pre style='margin:0.4em 0;padding:0.3em;line-height:1.4'>{quoted}</pre>" if quoted else ""
        return (
            f"<div style='max-width:50em;border-left:4px solid {colour};padding-left:0.8em'>"
            f"<strong style='color:{colour}'>{head}</strong>{first}{code}{''.join(others)}{self._html_table()}</div>"
        )

    def _html_table(self) -> str:
        rows = self._table()
        if not rows:
            return ""
        head, *body = (
            "".join(
                f"<{tag} style='text-align:{'left' if k == 0 else 'right'}'>{html.escape(cell)}</{tag}>"
                for k, cell in enumerate(row)
            )
            for tag, row in zip(["th", *["td"] * len(rows)], rows, strict=False)
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(f'<tr>{row}</tr>' for row in body)}</tbody></table>"

    def _quoted(self) -> list[tuple[int, str]]:
        """The faulty line of the user's file and its neighbours, each with its number."""
        lines: Mapping[int, str] = self.details.get("source", {})
        texts = textwrap.dedent("\n".join(lines.values())).split("\n")
        return [(number, text if len(text) <= LONG else text[: LONG - 1] + "…") for number, text in zip(lines, texts, strict=False)]

    def _sentences(self) -> list[str]:
        parts = [self.sentence]
        if self.proof:
            parts.append(f"Proof: {self.proof}.")
        rivals = self.details.get("rivals", ())
        if rivals:
            parts.append(f"What it could be: {'; or '.join(rivals)}.")
        row = self.details.get("smallest row")
        if row:
            parts.append(row)
        return parts

    def _table(self) -> list[tuple[str, ...]]:
        """Parameter, yours, ours, ratio: where the cause is unknown."""
        rows = self.details.get("coordinates", ()) if not self.correct and self.proof is None else ()
        if not rows:
            return []
        head = ("parameter", "yours", "right", "yours/right")
        return [head, *((r["name"], _number(r["yours"]), _number(r["ours"]), _number(r["ratio"])) for r in rows[:20])]


def plain(value: Any) -> Any:
    """The value in the types of JSON.

    >>> plain({"a": np.float64("nan"), "b": np.array([1, 2.5])})
    {'a': None, 'b': [1.0, 2.5]}
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    try:
        near = float(value)
    except (TypeError, ValueError):
        return str(value)
    return near if math.isfinite(near) else None


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.9g}"
