"""A step, and the steps of a derivation, as text, LaTeX, HTML and plain values."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

from steepest.calculus.steps.mathml import mathml
from steepest.calculus.steps.plain import GREEK, SUBSCRIPTS, SUPERSCRIPTS, plain
from steepest.errors import OptionError, unknown
from steepest.language.names import printable
from steepest.language.program import Program, float64

PARTS = {
    "names": "Names for the parts, for one row",
    "slopes": "The slope of each part, from the loss downwards, one rule at a time",
    "chain": "The chain rule puts the slopes together",
    "sum": "All rows together",
    "update": "One step of gradient descent",
}
WIDEST = 46  # characters of an equation beside which a rule still stands
_ASCII = str.maketrans({"′": "'", "·": "*", "−": "-", "²": "**2", "…": "...", **{letter: name for name, letter in GREEK.items()}})


@dataclass(frozen=True)
class Step:
    """`left = right[0] = right[1] …`, in LaTeX; the rule that it rests on, and what there is to say.

    `part`: names, slopes, chain, sum or update. `name`: what the step is about, as "u", "u/d" for a slope, "L/d".
    `numbers`: the same with the numbers of a point in it, where one is given, and `value`, the last of them.
    """

    part: str
    name: str
    left: str
    right: tuple[str, ...]
    rule: str
    sentence: str
    sign: str = "="
    numbers: tuple[str, ...] = ()
    value: Any = None
    expression: Program | None = field(default=None, repr=False, compare=False)  # of one row, over the names

    @property
    def latex(self) -> str:
        """The equation."""
        return f"{self.left} {self.sign} " + " = ".join((*self.right, *self.numbers))


@dataclass(frozen=True)
class Steps:
    """The derivation of a gradient, step by step: iterate over it, print it, or show it in a notebook.

    Every slope was compared with differences of what it is the slope of before it came here.
    """

    formula: str
    loss: str
    steps: tuple[Step, ...]
    names: Mapping[str, tuple[str, str]]
    point: str = ""  # where the numbers are from

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, name: str) -> Step:
        """The step of this name: "u", "u/d", "L/d", or "d" for its update."""
        known = {step.name: step for step in self.steps}
        if name not in known:
            raise OptionError(unknown("step", printable(str(name)), known))
        return known[name]

    def line(self, step: Step, ascii: bool = False) -> str:
        """The equation of a step as text."""
        return plain(step.latex, self.names, ascii)

    def text(self, ascii: bool = False, width: int = 100) -> str:
        """The steps for a terminal: Unicode, or ASCII in which our own language's signs stand."""
        blocks = [self._head(ascii, width)]
        for number, (part, title) in enumerate(PARTS.items(), 1):
            steps = [step for step in self.steps if step.part == part]
            if steps:
                blocks.append(f"{number}. {title}\n\n" + "\n".join(self._block(steps, ascii, width)))
        whole = "\n\n".join(blocks)
        return whole.encode("ascii", "replace").decode() if ascii else whole

    def latex(self) -> str:
        """The equations, aligned, with a line of text above each part."""
        rows = []
        for part, title in PARTS.items():
            steps = [step for step in self.steps if step.part == part]
            rows += [rf"&\text{{{title}}}"] if steps else []
            rows += [f"{step.left} &{step.sign} {' = '.join((*step.right, *step.numbers))}" for step in steps]
        body = " \\\\\n".join(rows)
        return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"

    def html(self) -> str:
        """The steps for a browser or notebook: MathML, which needs nothing from elsewhere."""
        parts = [
            f"<p><code>{_safe(self.formula)}</code>, loss {_safe(self.loss)}{_safe(', at ' + self.point if self.point else '')}</p>"
        ]
        for part, title in PARTS.items():
            steps = [step for step in self.steps if step.part == part]
            if steps:
                rows = "".join(self._row(step, said) for step, said in zip(steps, _said(steps), strict=True))
                parts.append(f"<h4>{_safe(title)}</h4><table>{rows}</table>")
        return f'<div class="steepest-steps">{"".join(parts)}</div>'

    def to_dict(self) -> dict[str, Any]:
        """The steps as plain values."""
        return {
            "formula": self.formula,
            "loss": self.loss,
            "point": self.point,
            "steps": [
                {
                    "part": step.part,
                    "name": step.name,
                    "text": self.line(step),
                    "latex": step.latex,
                    "rule": step.rule,
                    "sentence": step.sentence,
                    "value": None if step.value is None or not isfinite(float64(step.value)) else float64(step.value),
                }
                for step in self.steps
            ],
        }

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"Steps({printable(self.formula)!r}, loss={printable(self.loss)!r}, {len(self)} steps)"

    def _repr_html_(self) -> str:
        return self.html()

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def _head(self, ascii: bool, width: int) -> str:
        said = f"{printable(self.formula, 2000)}, loss {printable(self.loss)}" + (f", at {self.point}" if self.point else "")
        return textwrap.fill(said.translate(_ASCII) if ascii else said, width, break_on_hyphens=False)

    def _block(self, steps: list[Step], ascii: bool, width: int) -> Iterator[str]:
        broken = [self._broken(step, ascii) for step in steps]
        column = max((len(lines[0]) for lines in broken if len(lines[0]) <= WIDEST), default=0) + 3
        for lines, said in zip(broken, _said(steps), strict=True):
            text = spelled(said, ascii)
            first, *others = lines
            if len(first) <= WIDEST:
                beside = textwrap.wrap(text, width - column - 3, break_on_hyphens=False) or [""]
                yield f"   {first:<{column}}{beside[0]}".rstrip()
                left = [*beside[1:]]
            else:
                yield from _filled(first, width, 3)
                left = textwrap.wrap(text, width - column - 3, break_on_hyphens=False)
            for other in others:
                if len(other) <= column - 3:
                    yield f"   {other:<{column}}{left.pop(0) if left else ''}".rstrip()
                else:
                    yield from _filled(other, width, 3)
            yield from (f"   {'':<{column}}{text}" for text in left)

    def _broken(self, step: Step, ascii: bool) -> list[str]:
        """The equation on one line; a long one with its numbers below, or with each of its sides on a line."""
        whole = self.line(step, ascii)
        if len(whole) <= WIDEST or not step.right:
            return [whole]
        start, numbers = len(plain(step.left, self.names, ascii)) + 1, [plain(text, self.names, ascii) for text in step.numbers]
        below = [" " * start + "= " + " = ".join(numbers)] if numbers else []
        sides = self.line(replace(step, numbers=()), ascii)
        if len(sides) <= WIDEST:
            return [sides, *below]
        first, *others = sides.split(" = ")
        return [" = ".join([first, *others[:1]]), *(" " * start + f"= {other}" for other in others[1:]), *below]

    @staticmethod
    def _row(step: Step, said: str) -> str:
        left = 'style="text-align:left"'
        drawn = f'<math display="inline">{mathml(step.latex)}</math>'
        return f"<tr><td {left}>{drawn}</td><td {left}>{_safe(spelled(said, False))}</td></tr>"


def _said(steps: list[Step]) -> Iterator[str]:
    """The rule and the sentence of each step; a rule that all share is said once."""
    before = "definition"
    for step in steps:
        again = step.rule == before and step.part != "slopes"
        yield ": ".join(text for text in ("" if again else step.rule, step.sentence) if text and text != "definition")
        before = step.rule


def _filled(line: str, width: int, indent: int) -> list[str]:
    own = len(line) - len(line.lstrip()) + indent
    return textwrap.wrap(
        line.strip(),
        width,
        initial_indent=" " * own,
        subsequent_indent=" " * (own + 4),
        break_long_words=False,
        break_on_hyphens=False,
    )


def spelled(sentence: str, ascii: bool) -> str:
    """P_3, f^2 in a sentence, as they stand in text."""
    if ascii:
        return re.sub(r"([PT])_([0-9]+)", r"\1\2", sentence).replace("^", "**").replace("ŷ", "yhat").translate(_ASCII)
    lowered = re.sub(r"(?<=\b[PT])_([0-9]+)", lambda m: m[1].translate(SUBSCRIPTS), sentence)
    lowered = lowered.replace("sigmoid(", "σ(").replace("log(", "ln(").replace("pi)", "π)")
    return re.sub(r"\^([0-9]+)", lambda m: m[1].translate(SUPERSCRIPTS), lowered)


def _safe(text: str) -> str:
    return html.escape(printable(text, 10_000))
