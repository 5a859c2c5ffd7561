"""A repair in words: the user's expression as it stands in the file, ours as the derivation has it."""

from __future__ import annotations

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
        text = f"your {site.target} is {site.text}; the derivation has {meaning.text}"
    else:
        text = _change(site, meaning)
    if hint is not None and hint[1].kind in ("number", "variable"):
        text += f" ({_change(*hint)})"
    return head + text


def _change(site: Site, meaning: Meaning) -> str:
    if meaning.kind == "number" and site.kind == "Constant":
        return f"the number {site.text} should be {meaning.text}"
    if meaning.kind in ("number", "variable"):
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
