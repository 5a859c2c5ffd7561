"""Descents on condensed rows: chosen where they pay, left where rounding would tell, and their last row taken from the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from steepest.descent.condensed.objective import CondensedObjective
from steepest.descent.objective import Array, Objective
from steepest.descent.runners import Rows, Snapshot, ahead, runner
from steepest.engines.table import choose
from steepest.errors import EngineError
from steepest.methods.equations import Method

CONDENSED = "condensed"
BATCHES = "batches run on the rows themselves, condensed rows stand for all"


class Choice(NamedTuple):
    """An engine by name, why it, and the condensed objective where it is that."""

    engine: str
    why: str
    few: CondensedObjective | None = None


def chosen(
    asked: str, through: Callable[..., Objective], rows: int, steps: int, theta: Array, batched: bool, plain_step: bool
) -> Choice:
    """The engine for a descent of so many steps on so many rows at a time. `plain_step`: is the method given by equations?

    Raises EngineError where condensed rows are asked for and cannot serve.
    """
    if asked not in ("auto", CONDENSED):
        return Choice(asked, "asked for")
    derivation = through("numpy").derivation
    engine, why = choose(derivation, rows, steps)
    if derivation.formula.blocks and asked == "auto":
        return Choice(engine, f"{why}; dot(w, X) goes by products of matrices, one step at a time")
    if batched:
        return Choice(engine, f"{why}; {BATCHES}" if asked == CONDENSED else why)
    if asked == "auto" and (engine != "compiled" or not plain_step or not derivation.criterion.quadratic):
        return Choice(engine, why)
    try:
        if not plain_step:
            raise EngineError("engine 'condensed' takes the steps of methods that are equations: use engine='auto'")
        few = through(CONDENSED)
        assert isinstance(few, CondensedObjective)
        if asked == "auto" and not few.factor.pays(steps):
            return Choice(engine, why)
        if not few.holds(theta):
            raise EngineError("engine 'condensed' would lose digits at the start, where its terms cancel: use engine='auto'")
    except EngineError:
        if asked == CONDENSED:
            raise
        return Choice(engine, why)
    return Choice(CONDENSED, f"{few.columns.rows:,} condensed rows have the loss of all {rows:,}", few)


class Careful:
    """Steps on condensed rows while these are as good as all rows, and from then on steps on all rows."""

    def __init__(self, few: CondensedObjective, method: Method, theta: Array, rate: Any, rows: Callable[[], Objective]) -> None:
        self._make: Callable[[Objective], Any] = lambda objective: runner(objective, method, theta, rate)
        self._few, self._rows = few, rows
        self._inner = self._make(few.compiled)
        self.guess: float = self._inner.guess
        self.left: int | None = None  # the step from which on all rows are used
        self._why = ""

    def advance(self, rates: Array) -> Rows:
        return self._checked(lambda: self._inner.advance(rates))

    def ahead(self, rates: Array) -> Rows:
        return self._checked(lambda: ahead(self._inner, rates))

    def _checked(self, taken: Callable[[], Rows]) -> Rows:
        before = self.snapshot()
        rows = taken()
        if self.left is None and not self._few.holds(rows.thetas[-1], float(rows.losses[-1])):
            self.restore(before)
            self.leave("condensed ones would lose digits")
            rows = taken()
        return rows

    def leave(self, why: str) -> None:
        """Goes on from here on all rows."""
        here = self.snapshot()
        self.left, self._why = here[2], why
        self._inner = self._make(self._rows())
        self.guess = self._inner.guess
        self.restore(here)

    @property
    def note(self) -> str:
        """What the recipe says besides."""
        return "" if self.left is None else f"; from step {self.left:,} on all rows, where {self._why}"

    def snapshot(self) -> Snapshot:
        snapshot: Snapshot = self._inner.snapshot()
        return snapshot

    def restore(self, snapshot: Snapshot) -> None:
        self._inner.restore(snapshot)
