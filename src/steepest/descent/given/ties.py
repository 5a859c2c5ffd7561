"""Parameters that are tied to others by an expression: they leave the formula, and the expression stands in their place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from steepest.data.table import Table
from steepest.errors import FormulaError, OptionError, unknown
from steepest.language.formula import Formula, parse_formula
from steepest.language.names import listed, printable
from steepest.language.parser import parse_expression
from steepest.language.rewrite import substituted


def ties_of(start: Any) -> tuple[dict[str, str], Any]:
    """The expressions in a start, as {"b": "2*a"} or {"b": {"tie": "2*a"}}, and the rest of it."""
    if not isinstance(start, Mapping):
        return {}, start
    ties = {str(name): entry["tie"] if isinstance(entry, Mapping) else entry for name, entry in start.items() if is_tie(entry)}
    for name, text in ties.items():
        if not isinstance(text, str):
            raise OptionError(f"start of '{printable(name)}' is tied to {text!r}: give an expression, as '2*a'")
        if isinstance(start[name], Mapping) and len(start[name]) > 1:
            raise OptionError(f"start of '{printable(name)}' is tied, and has other keys: a tied parameter has no start of its own")
    return ties, {name: entry for name, entry in start.items() if name not in ties}


def is_tie(entry: Any) -> bool:
    return isinstance(entry, str) or (isinstance(entry, Mapping) and "tie" in entry)


def tied(
    formulas: Sequence[tuple[str, Table]], ties: Mapping[str, str], constants: Mapping[str, Any], started: Collection[str]
) -> tuple[list[str], dict[str, str]]:
    """Formulas, each with its table, without the tied parameters; and the ties in free parameters alone.

    A tie may name parameters of the formulas, constants, other ties, and new parameters that have a start. Raises FormulaError
    where it is no expression, OptionError for an unknown name, a column, and ties in a circle.
    """
    texts = [text for text, _ in formulas]
    if not ties:
        return texts, {}
    parameters = list(dict.fromkeys(p for text, table in formulas for p in read(text, table, constants).parameters))
    columns = {name for _, table in formulas for name in table.names}
    known = {*parameters, *started, *constants}
    used: dict[str, tuple[str, ...]] = {}
    for name, tie in ties.items():
        if name not in parameters:
            raise OptionError(f"start: {unknown('parameter', printable(name), parameters)}")
        used[name] = names_in(name, tie)
        check_names(name, tie, used[name], columns, known, constants)
    resolved = resolved_ties(ties, used)
    return [substituted(text, resolved) for text in texts], resolved


def resolved_ties(ties: Mapping[str, str], used: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The ties without names of other ties; `used`: the names that stand in each. Raises OptionError for a circle."""
    before = {name: [other for other in used[name] if other in ties] for name in ties}
    resolved: dict[str, str] = {}
    try:
        for name in TopologicalSorter(before).static_order():
            resolved[name] = substituted(ties[name], {other: resolved[other] for other in before[name]})
    except CycleError as error:
        first, *others = error.args[1]
        circle = listed([f"{name} = {ties[name]}" for name in others])
        raise OptionError(f"'{printable(first)}' is tied in a circle: {circle}") from None
    return {name: resolved[name] for name in ties}


def read(text: str, table: Table, constants: Mapping[str, Any] | None) -> Formula:
    """The formula on the columns of a table."""
    return parse_formula(text, table.names, constants, table.matrices)


def split_ties(
    formulas: Sequence[tuple[str, Table]], ties: Mapping[str, str], constants: Mapping[str, Any]
) -> tuple[dict[str, str], dict[str, str]]:
    """Ties of parameters of the formulas, and those of what own parameters will become, as a_2 to a_1."""
    written = {name for text, table in formulas for name in read(text, table, constants).parameters} if ties else set()
    early = {name: tie for name, tie in ties.items() if name in written}
    return early, {name: tie for name, tie in ties.items() if name not in written}


def check_names(
    name: str, tie: str, used: Collection[str], columns: Collection[str], known: Collection[str], constants: Collection[str]
) -> None:
    """Refuses what a tie may not name, and a tie to nothing; `used`: the names in it."""
    if not set(used) - set(constants):
        raise OptionError(
            f"'{printable(name)}' is tied to '{printable(tie)}', which names no parameter: give a number, without quotes"
        )
    for other in used:
        if other in columns:
            raise OptionError(f"'{printable(name)}' is tied to the column '{printable(other)}': write it into the formula")
        if other not in known:
            what = f"'{printable(name)}' is tied to '{printable(tie)}'"
            raise OptionError(f"{what}: {unknown('parameter', printable(other), sorted(known))}")


def ties_of_groups(ties: Mapping[str, str], own: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Each tie to an own parameter once for each of its labels; `own`: parameter → those that it became.

    Where it joins parameters of different groups, no single value stands for it, and it is left out.
    """
    found: dict[str, str] = {}
    for name, tie in ties.items():
        used = [other for other in names_in(name, tie) if other in own]
        labels = {tuple(new[len(other) :] for new in own[other]) for other in used}
        if not used:
            found[name] = tie
        for label in labels.pop() if len(labels) == 1 else ():
            found[name + label] = substituted(tie, {other: other + label for other in used})
    return found


def names_in(name: str, tie: str) -> tuple[str, ...]:
    try:
        return parse_expression(tie).names()
    except FormulaError as error:
        raise OptionError(f"'{printable(name)}' is tied to what is no expression: {error}") from None
