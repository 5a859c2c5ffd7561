"""Several sets of rows, several responses, and own parameters for groups of rows, rewritten: one plain formula over one table.

An own parameter becomes a choice, as in `where(run_code < 2, a_control, a_treated)`; formulas of several sets become the branches
of one. Nothing after this knows that it was more than one table and one formula.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from steepest.data.groups import grouped
from steepest.data.labels import Group, check_groups, coded, labelled
from steepest.data.read import read_table
from steepest.data.stack import Part, stacked, with_column
from steepest.data.table import Columns, Table
from steepest.descent.given.sets import Sets
from steepest.descent.given.ties import read, split_ties, tied, ties_of_groups
from steepest.errors import DataError, OptionError, unknown
from steepest.language.formula import Formula, parse_formula
from steepest.language.functions import reserved
from steepest.language.names import printable
from steepest.language.rewrite import choice, composed, substituted
from steepest.language.tokens import name_fault

SET = "set"  # the column that says which set a row is of
WEIGHTS = "weight of the row"
Constants = Mapping[str, Any] | None


class Together(NamedTuple):
    """One formula and one table, and the formulas as they were given. `sets` is None where there never was more.

    `names`: own parameter → the parameters that it became, one for each label, whether its formula has it or not.
    """

    formulas: list[str]
    formula: Formula
    table: Table
    given: Any  # weights or sigma
    ties: Mapping[str, str] = {}
    sets: Sets | None = None
    names: Mapping[str, tuple[str, ...]] = {}

    def check(self, columns: Columns) -> None:
        """Raises DataError where no row of a group is left."""
        held = dict(zip(columns.names, columns.arrays, strict=True))
        groups = [group for group in (self.sets.groups if self.sets else ()) if group.code in held]
        check_groups(groups, [held[group.code] for group in groups], columns.source)


class _Rows(NamedTuple):
    """One set: the formula of its rows, and where they are."""

    formula: Formula
    table: Table


def together(
    formula: Any,
    data: Any,
    own: Any = None,
    given: Any = None,
    what: str = "weights",
    constants: Constants = None,
    ties: Mapping[str, str] | None = None,
    started: Collection[str] = (),
    groups: Any = None,
) -> Together:
    """One formula and one table of what Problem was given; `given` are its weights or its sigma, and `what` says which.

    `ties` are put in first, so that each group has its own. Raises FormulaError, DataError, OptionError.
    """
    tables = [grouped(read_table(one), groups) for one in (data if isinstance(data, list | tuple) else [data])]
    formulas = list(formula) if isinstance(formula, list | tuple) else [formula]
    count = max(len(tables), len(formulas))
    if {len(tables), len(formulas)} - {1, count} or not (tables and formulas):
        raise OptionError(
            f"{len(formulas)} formulas and {len(tables)} data sets: give one formula, or one data set, or as many of each"
        )
    pairs = list(zip(formulas * (count // len(formulas)), tables * (count // len(tables)), strict=True))
    early, late = (ties or {}, {}) if count == 1 and not own else split_ties(pairs, ties or {}, constants or {})
    put, resolved = tied(pairs, early, constants or {}, started)
    rows = [_Rows(read(text, table, constants), table) for text, (_, table) in zip(put, pairs, strict=True)]
    if count == 1 and not own:
        return Together(formulas, rows[0].formula, tables[0], given, resolved)
    if any(one.formula.blocks for one in rows):
        raise OptionError("dot(w, X) does not go with several sets, responses or own=: write the sum out, or stack the data")
    given_formulas = put[: len(formulas)] if resolved else formulas
    whole = _joined(given_formulas, rows, own, given, what, constants, late, started)
    return whole._replace(formulas=formulas, ties={**ties_of_groups(resolved, whole.names), **whole.ties})


def _joined(
    formulas: list[str], rows: list[_Rows], own: Any, given: Any, what: str, constants: Constants, late: Mapping[str, str],
    started: Collection[str],
) -> Together:  # fmt: skip
    _check_roles(rows)
    taken = {name for one in rows for name in (*one.table.names, *one.formula.parameters)} | set(constants or ())
    sets = _set_group(formulas, rows, taken) if len(rows) > 1 else None
    columns = _own_columns(own, sets, rows)
    others = [column for column in dict.fromkeys(columns.values()) if sets is None or column != sets.column]
    table, given = (rows[0].table, given) if sets is None else _stack(rows, sets, others, given, what)
    coding = _coding(table, others, taken)
    groups = [*([sets] if sets else []), *coding]
    group_of = {name: next(group for group in groups if group.column == column) for name, column in columns.items()}
    names = _own_names(group_of, taken | {group.code for group in groups})
    start = {name: value for one in rows for name, value in one.table.start.items()}
    table = replace(coded(table, coding), source=_source(rows, sets, coding), start=start)
    (text,), ties = tied([(_text(formulas, rows, sets, group_of, names), table)], late, constants or {}, started)
    used = dict.fromkeys(column for one in rows for column in one.formula.columns)
    plain = parse_formula(text, [*used, *(group.code for group in groups)], constants)
    warnings = tuple(dict.fromkeys(warning for one in rows for warning in one.formula.warnings))
    return Together(
        formulas,
        replace(plain, text=_heading(formulas, columns), warnings=warnings),
        table,
        given,
        ties,
        Sets(
            text,
            tuple(map(str, formulas)),
            columns,
            tuple(one.table.source for one in rows),
            tuple(group for group in groups if group.code in plain.columns),
            {name: tuple(new for new in made if new in plain.parameters) for name, made in names.items()},
            tuple(_columns_of(one.formula, "yhat") for one in rows),
            ties,
        ),
        names,
    )


def _coding(table: Table, columns: Sequence[str], taken: set[str]) -> list[Group]:
    """The group of each of these columns."""
    groups: list[Group] = []
    for column in columns:
        code = _free(_code_name(column), taken | {group.code for group in groups})
        found = labelled(table, column)
        if len(found.labels) == 1 and (found.which < 0).any():  # with one label the formula has no column that tells
            row = int(np.argmax(found.which < 0))
            raise DataError(
                f"{table.source}, column {printable(repr(column), 60)}: row index {row} has no label, and all others have"
                f" '{printable(found.labels[0])}'.\nLeave such rows out, or give them a label."
            )
        groups.append(Group(column, code, found.labels))
    return groups


def _check_roles(rows: list[_Rows]) -> None:
    """A name that is a column in one set and a parameter in another is a slip, or a column that is missing."""
    for k, one in enumerate(rows, 1):
        for name in one.formula.columns:
            for j, other in enumerate(rows, 1):
                if name in other.formula.parameters:
                    raise DataError(
                        f"'{printable(name)}' is a column of set {k} ({one.table.source}), but set {j} ({other.table.source}) has"
                        f" no such column: there it would be a parameter.\nAdd the column, or rename one of them."
                    )


def _set_group(formulas: list[str], rows: list[_Rows], taken: set[str]) -> Group:
    """The sets are called by their responses where there is one formula each, else 1, 2, …"""
    responses = [_columns_of(one.formula, "y") for one in rows]
    named = len(formulas) > 1 and len(set(responses)) == len(rows) and all(len(names) == 1 for names in responses)
    name = _free(SET, taken)
    return Group(name, name, tuple(names[0] if named else str(k) for k, names in enumerate(responses, 1)))


def _own_columns(own: Any, sets: Group | None, rows: list[_Rows]) -> dict[str, str]:
    """Own parameter → the column that says which one it is; the set, where only names are given."""
    own = own or {}
    if isinstance(own, list | tuple) and sets is not None:
        own = dict.fromkeys(own, sets.column)
    if not isinstance(own, Mapping):
        raise OptionError(
            f"own is {printable(repr(own), 60)}: give the column that tells the groups of rows apart, as own={{'a': 'run'}};\n"
            "with a list of data sets, own=['a'] gives each set its own a"
        )
    parameters = dict.fromkeys(name for one in rows for name in one.formula.parameters)
    for name, column in own.items():
        if name not in parameters:
            raise OptionError(f"own: {unknown('parameter', printable(str(name)), parameters)}")
        if not isinstance(column, str):
            raise OptionError(f"own of '{name}' is {printable(repr(column), 60)}: give the name of a column")
    return dict(own)


def _own_names(groups: Mapping[str, Group], taken: set[str]) -> dict[str, tuple[str, ...]]:
    """Own parameter → its names: the parameter's and a label's. Raises OptionError where two are the same, or one cannot be."""
    made: dict[str, tuple[str, ...]] = {}
    origin = dict.fromkeys(taken, "a column or a parameter is called so already")
    for name, group in groups.items():
        for label in group.labels:
            new = f"{name}_{_identifier(label) or group.labels.index(label) + 1}"
            fault = name_fault(new) or reserved(new) or origin.get(new)
            if fault:
                raise OptionError(
                    f"'{name}' for {printable(group.column)} '{printable(label)}' would be the parameter"
                    f" '{printable(new)}': {fault}.\nRename the label, the parameter or what is in its way."
                )
            origin[new] = f"so would be that of '{name}' for '{printable(label)}'"
            made[name] = (*made.get(name, ()), new)
    return made


def _text(
    formulas: list[str], rows: list[_Rows], sets: Group | None, groups: Mapping[str, Group], names: Mapping[str, tuple[str, ...]]
) -> str:
    """The one plain formula. What differs by set in formulas of their own is renamed there, and needs no choice."""
    chosen = {name: choice(group.code, names[name]) for name, group in groups.items()}
    if len(formulas) == 1 or sets is None:
        return substituted(formulas[0], chosen)
    texts = []
    for k, one in enumerate(rows):
        mine = {name: names[name][k] if group is sets else chosen[name] for name, group in groups.items()}
        texts.append(substituted(one.formula.text, mine))
    return composed(sets.code, texts)


def _stack(rows: list[_Rows], sets: Group, others: Sequence[str], given: Any, what: str) -> tuple[Table, Any]:
    """One table, and the name of the column of weights where a list for the sets was given."""
    tables = [one.table for one in rows]
    more = [given] if isinstance(given, str) else []
    if isinstance(given, list | tuple):
        name = _free(WEIGHTS, {name for table in tables for name in table.names})
        tables, more = per_set(tables, given, what, name), [name]
    columns = [(*one.formula.columns, *others, *more) for one in rows]
    parts = [Part(f"{sets.column} {label}", table, names) for label, table, names in zip(sets.labels, tables, columns, strict=True)]
    return stacked(parts, sets.code, _source(rows, sets, ())), more[0] if more else given


def per_set(tables: Sequence[Table], given: Sequence[Any], what: str, name: str) -> list[Table]:
    """Each table with a column `name` of what was given for it: a number, one of its columns, or a number for each of its rows."""
    if len(given) != len(tables):
        raise OptionError(f"{what} has {len(given)} entries: give one for each of the {len(tables)} sets")
    return [with_column(table, name, one, what) for table, one in zip(tables, given, strict=True)]


def _source(rows: list[_Rows], sets: Group | None, groups: Sequence[Group]) -> str:
    """Never what could be taken for the path of a file, whose columns an export would read."""
    sources = [one.table.source for one in rows]
    by = f" by {', '.join(group.column for group in groups)}" if groups else ""
    if sets is None:
        return sources[0] + by
    if len({id(one.table) for one in rows}) == 1:
        return f"{sources[0]} for {', '.join(sets.labels)}{by}"
    listed = ", ".join(dict.fromkeys(sources[:3])) + (", …" if len(sources) > 3 else "")
    return f"{len(rows)} data sets ({listed}){by}"


def _heading(formulas: list[str], columns: Mapping[str, str]) -> str:
    """What was written, for people."""
    by = {column: [name for name, one in columns.items() if one == column] for column in columns.values()}
    own = "".join(f", with {', '.join(names)} for each {printable(column)}" for column, names in by.items())
    return "; ".join(formulas) + own


def _columns_of(formula: Formula, output: str) -> tuple[str, ...]:
    part = formula.program.pruned({output: formula.program.outputs[output]})
    used = {node.value for node in part.nodes if node.op == "column"}
    return tuple(name for k, name in enumerate(formula.columns) if k in used)


def _identifier(label: str) -> str:
    """Of a label, what a name may have: -0.5 is m0_5.

    >>> _identifier("-0.5"), _identifier("dose (mg)"), _identifier("été")
    ('m0_5', 'dose_mg', 'ete')
    """
    bare = "".join(c for c in unicodedata.normalize("NFKD", label) if not unicodedata.combining(c))
    return re.sub(r"[^A-Za-z0-9Α-Ωα-ω]+", "_", re.sub(r"-(?=[0-9.])", "m", bare)).strip("_")


def _code_name(column: str) -> str:
    name = f"{_identifier(column)}_code"
    return "group_code" if name_fault(name) or reserved(name) else name


def _free(name: str, taken: set[str]) -> str:
    return next(one for one in (name, *(f"{name}{k}" for k in range(2, len(taken) + 3))) if one not in taken)
