"""A repair in words: the user's expression as it stands in the file, ours as the derivation has it."""

from __future__ import annotations

import re
from fractions import Fraction
from math import lcm

from steepest.check.cases import Case
from steepest.check.program.instrument import Site
from steepest.check.program.meaning import Meaning

CHANGES = {
    "times": "multiplied by {}",
    "plus": "{} must be added to it",
    "minus": "it must be subtracted from {}",
    "over": "it must divide {}",
}


def sentence(site: Site, meaning: Meaning, hint: tuple[Site, Meaning] | None) -> str:
    """For a second-year student; `hint` is a smaller repair on the same line."""
    head = f"line {site.line}: "
    named = site.place == "whole" and site.target.isidentifier() and site.target != "return"
    if named and meaning.kind in ("step", "product"):
        text = f"your {site.target} is {site.text}; the derivation has {meaning.text}{_slopes(meaning.text)}"
    else:
        text = _change(site, meaning)
    if hint is not None and hint[1].kind in ("number", "variable"):
        text += f" ({_change(*hint)})"
    return head + text


def _slopes(text: str) -> str:
    """The derivatives of Legendre polynomials of low order in a text, written out.

    >>> _slopes("b*P3'(u)")
    ", where P3'(u) = (15*u**2 - 3)/2"
    """
    orders = sorted({int(n) for n in re.findall(r"\bP([1-6])'", text)})
    return "".join(f", where P{n}'(u) = {_slope(n)}" for n in orders)


def _slope(order: int) -> str:
    before, value = [Fraction(0)], [Fraction(1)]  # coefficients of P_0, lowest power first
    for k in range(order):
        shifted = [Fraction(0), *(c * (2 * k + 1) for c in value)]
        lower = [*(c * k for c in before), *[Fraction(0)] * (len(shifted) - len(before))]
        before, value = value, [(a - b) / (k + 1) for a, b in zip(shifted, lower, strict=True)]
    slope = [k * c for k, c in enumerate(value)][1:]
    divisor = lcm(*(c.denominator for c in slope))
    terms = [(int(c * divisor), k) for k, c in reversed(list(enumerate(slope))) if c]
    words = [
        f"{c if c != 1 or not k else ''}{'*' if c != 1 and k else ''}{('u' if k == 1 else f'u**{k}') if k else ''}"
        for c, k in terms
    ]
    text = " + ".join(words).replace("+ -", "- ")
    return f"({text})/{divisor}" if divisor > 1 and len(words) > 1 else f"{text}/{divisor}" if divisor > 1 else text


def _change(site: Site, meaning: Meaning) -> str:
    if meaning.kind == "number" and site.kind == "Constant":
        return f"the number {site.text} should be {meaning.text}"
    if meaning.kind in ("number", "variable") or (meaning.leaf and site.kind in ("Name", "Subscript", "Input")):
        return f"'{site.text}' should be {meaning.text}"
    if meaning.kind == "times":
        return (
            f"the sign of '{site.text}' is wrong"
            if meaning.text == "-1"
            else f"'{site.text}' should be multiplied by {meaning.text}"
        )
    if meaning.kind in CHANGES:
        return f"at '{site.text}', {CHANGES[meaning.kind].format(meaning.text)}"
    return f"where '{site.text}' stands, the derivation has {meaning.text}"


def by_hand(site: Site, parameters: tuple[str, ...], case: Case, yours: float, right: float) -> str:
    """One row to redo by hand."""
    point = ", ".join(f"{name} = {value:.9g}" for name, value in zip(parameters, case.theta, strict=True))
    row = ", ".join(f"{name} = {column[0]:.9g}" for name, column in case.rows.items())
    return f"By hand: at {point} and the row {row}, '{site.text}' is {yours:.9g}; {right:.9g} mends every coordinate."
