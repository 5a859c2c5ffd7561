"""What several sets of rows became when they were brought together: enough to read starts and new data by the user's own names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from steepest.data.labels import Group, coded, label_of, labelled
from steepest.data.read import read_table
from steepest.data.stack import with_column
from steepest.data.table import Table, quoted
from steepest.errors import DataError, OptionError
from steepest.language.names import printable


@dataclass(frozen=True)
class Sets:
    """What was brought together as the user wrote it, and what it became: enough to do it again, and to read new data."""

    text: str  # the one plain formula
    formulas: tuple[str, ...]
    own: Mapping[str, str]  # parameter → the column that says which one it is
    data: tuple[str, ...]  # the sources
    groups: tuple[Group, ...]
    parameters: Mapping[str, tuple[str, ...]]  # own parameter → the parameters that it became
    predictors: tuple[tuple[str, ...], ...]  # the columns of each model
    ties: Mapping[str, str] = field(default_factory=dict)  # of parameters of one group to those of another

    @classmethod
    def of(cls, plain: Any) -> Sets:
        """What `to_dict` gave. Raises DataError for anything else: it may come from a file."""
        try:
            text, formulas, data = _text(plain["text"]), _texts(plain["formulas"]), _texts(plain["data"])
            groups = tuple(Group(_text(one["column"]), _text(one["code"]), _texts(one["labels"])) for one in plain["groups"])
            own = {name: _text(column) for name, column in plain["own"].items()}
            parameters = {name: _texts(new) for name, new in plain["parameters"].items()}
            predictors = tuple(_texts(names) for names in plain["predictors"])
            if len(formulas) > 1 and [len(group.labels) for group in groups[:1]] != [len(predictors)]:
                raise ValueError
            ties = {name: _text(tie) for name, tie in plain.get("ties", {}).items()}
            return cls(text, formulas, own, data, groups, parameters, predictors, ties)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise DataError("what the recipe says of its sets is damaged: fit or descend again, and save it") from None

    @property
    def as_given(self) -> Any:
        """The formula, or the list of formulas, that Problem takes."""
        return list(self.formulas) if len(self.formulas) > 1 else self.formulas[0]

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "groups": [group._asdict() for group in self.groups]}

    def spread(self, given: Any) -> Any:
        """A mapping by name, where the value of an own parameter goes to all that it became, unless one has a value itself."""
        if not isinstance(given, Mapping):
            return given
        wide = {new: value for name, value in given.items() for new in self.parameters.get(name, ())}
        return {**wide, **{name: value for name, value in given.items() if name not in self.parameters}}

    def opened(self, data: Any, label: Any = None) -> Table:
        """New data as the plain formula reads them; `label` is that of all rows, where no column says it."""
        table = read_table(data)
        if label is not None and len(self.groups) > 1:
            listed = ", ".join(group.column for group in self.groups)
            raise OptionError(
                f"set= is a label of one column, and rows differ by {listed} here: give these columns in the new data"
            )
        word = None if label is None else label_of(label) or ""
        for group in self.groups:
            if word is None and group.column not in table.names:
                shown = printable(", ".join(group.labels), 200)
                raise DataError(
                    f"{table.source} has no column {quoted(group.column)}, one of {shown} in each row.\nGive it, or set=."
                )
        if len(self.formulas) > 1:
            table = self._filled(table, word)
        return coded(table, self.groups, word)

    def _filled(self, table: Table, word: str | None) -> Table:
        """With any number in columns that no row's own formula reads."""
        group = self.groups[0]  # of sets: it stands before those of columns
        present = labelled(table, group.column).labels if word is None else (word,)
        needed = {name for label in present if label in group.labels for name in self.predictors[group.labels.index(label)]}
        for name in dict.fromkeys(name for names in self.predictors for name in names):
            if name not in needed and name not in table.names:
                table = with_column(table, name, 1.0, "")
        return table


def opened(data: Any, sets: Sets | None, label: Any = None) -> Table:
    """New data as the formula reads them. Raises OptionError for a `label` where rows are of one kind."""
    if sets is not None and sets.groups:
        return sets.opened(data, label)
    if label is not None:
        raise OptionError("set= says of which set new rows are, and this problem has one only: leave it out")
    return read_table(data)


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list | tuple):
        raise TypeError
    return tuple(map(_text, values))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
