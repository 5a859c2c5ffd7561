"""Confidence intervals of the parameters: by their standard errors, or by the profile of the likelihood."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from steepest.errors import OptionError, unknown
from steepest.fitting.statistics import quantile
from steepest.language.names import printable

if TYPE_CHECKING:
    from steepest.fitting.result import Fit

KINDS = ("t", "profile")
MOST = 10  # names in a sentence


class Interval(NamedTuple):
    """From `low` to `high`: -inf or inf where the data set no limit, nan where it is not known."""

    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Intervals:
    """An `Interval` for each parameter, by name. `notes` are sentences on those that have no end, or none that is known."""

    by_name: Mapping[str, Interval]
    estimates: Mapping[str, float]
    level: float
    kind: str
    notes: tuple[str, ...] = ()

    def __getitem__(self, parameter: str) -> Interval:
        if parameter not in self.by_name:
            raise OptionError(unknown("parameter", str(parameter), self.by_name))
        return self.by_name[parameter]

    @property
    def header(self) -> tuple[str, ...]:
        tail = 50 * (1 - self.level)
        return "parameter", "value", f"{tail:.4g} %", f"{100 - tail:.4g} %"

    def rows(self) -> list[tuple[str, ...]]:
        """A header, and a row a parameter."""
        lines = ((name, self.estimates[name], *interval) for name, interval in self.by_name.items())
        return [self.header, *((printable(name, 40), *(f"{value:.7g}" for value in values)) for name, *values in lines)]

    def text(self) -> str:
        """A table and the notes."""
        from steepest.fitting.summary import columns

        return "\n".join([columns(self.rows()), *self.notes])

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        from steepest.show.tables import table_html

        return table_html(self.rows(), self.notes)

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        found = {name: list(interval) for name, interval in self.by_name.items()}
        return {"kind": self.kind, "level": self.level, "intervals": found, "notes": list(self.notes)}


def intervals(fit: Fit, level: float, kind: str) -> Intervals:
    if kind not in KINDS:
        raise OptionError(unknown("kind of interval", str(kind), KINDS))
    wide = quantile(fit, level)
    if kind == "t":
        found = {
            name: Interval(v - wide * fit.std_errors[name], v + wide * fit.std_errors[name]) for name, v in fit.parameters.items()
        }
        return Intervals(found, fit.parameters, float(level), kind, unknown_ones(fit))
    from steepest.fitting.profile import profile

    found, notes = profile(fit, wide)
    return Intervals(found, fit.parameters, float(level), kind, (*unknown_ones(fit), *notes))


def unknown_ones(fit: Fit) -> tuple[str, ...]:
    """Why some have no interval."""
    lost = [name for name, error in fit.std_errors.items() if math.isnan(error) and name not in fit.at_bounds]
    listed = ", ".join(lost[:MOST]) + (f" and {len(lost) - MOST} more" if len(lost) > MOST else "")
    held = tuple(f"not known for {name}: it is at its {word}" for name, word in fit.at_bounds.items())
    return (*held, *([f"not known for {listed}: {fit.outcome}, {fit.reason}"] if lost else []))
