"""The record of a descent: what was computed, at which point, and why it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from steepest.descent.objective import Array, Objective
from steepest.errors import OptionError, unknown

MOST_PREDICTIONS = 50_000_000
MOST_VALIDATED = 1_000


@dataclass(frozen=True)
class Trace:
    """One row for each kept point: row t is the point at which step t + 1 was taken, row 0 is the start.

    `step` (k,) counts the steps taken before the row; `epoch` (k,) counts passes over the data. `theta` (k, p), `loss` (k,) and
    `gradient` (k, p) belong to the rows of data in use, `lr` (k,) is the rate of the step that follows. `full_loss` (k,) is the
    loss of all rows: the same, except on batches, where it is NaN at points at which it was not computed. `outcome` is one of
    converged, steps, time, stopped, diverged, nonfinite, and `reason` says it in words. The first and the last row are always kept;
    `recipe["every"]` is the distance of the others, 1 where all are kept. `position` is where the method stands: theta, its states,
    and the steps taken; a descent goes on from it with start=trace. `evaluations` (k,) counts the passes over the rows up to each
    row, for methods whose steps take more than one; None where they take one.
    """

    parameters: tuple[str, ...]
    step: Array = field(repr=False)
    epoch: Array = field(repr=False)
    theta: Array = field(repr=False)
    loss: Array = field(repr=False)
    gradient: Array = field(repr=False)
    lr: Array = field(repr=False)
    full_loss: Array = field(repr=False)
    outcome: str
    reason: str
    seconds: float
    recipe: Mapping[str, Any] = field(repr=False)
    objective: Objective = field(repr=False)
    position: tuple[Array, Array, int] = field(repr=False)
    evaluations: Array | None = field(default=None, repr=False)
    held: Objective | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.step)

    def __getitem__(self, parameter: str) -> Array:
        """The values of one parameter, row by row."""
        if parameter not in self.parameters:
            raise OptionError(unknown("parameter", parameter, self.parameters))
        line: Array = self.theta[:, self.parameters.index(parameter)]
        return line

    @property
    def final(self) -> dict[str, Any]:
        """The parameters of the last row, by name."""
        return dict(zip(self.parameters, self.theta[-1].tolist(), strict=True))

    @cached_property
    def predictions(self) -> Array:
        """What the model predicts in each kept row, (k, rows of data). Computed when asked for."""
        rows = self.objective.columns.rows
        if len(self) * rows > MOST_PREDICTIONS:
            raise OptionError(
                f"{len(self):,} kept points × {rows:,} rows are more predictions than the {MOST_PREDICTIONS:,} allowed: "
                "keep fewer points with every="
            )
        return frozen(np.array([self.objective.predictions(theta) for theta in self.theta]))

    @cached_property
    def validation_loss(self) -> Array:
        """The loss of the rows that were held out, (k,): where `full_loss` is known, at 1,000 points at most, else NaN."""
        if self.held is None:
            raise OptionError("no rows were held out: descend with validation=0.25, or with data of their own")
        known = np.flatnonzero(~np.isnan(self.full_loss.astype(float)))
        line = np.full(len(self), np.nan)
        for k in np.unique(known[np.linspace(0, len(known) - 1, min(len(known), MOST_VALIDATED)).astype(int)]):
            line[k] = self.held.loss(self.theta[k].astype(float))
        return frozen(line)

    @property
    def sentence(self) -> str:
        """How the descent went, in one sentence."""
        first, last = (f"{float(self.full_loss[i]):.6g}" for i in (0, -1))
        steps = int(self.step[-1])
        took = f"{self.recipe['method']} took {steps:,} step{'' if steps == 1 else 's'}: the loss went from {first} to {last}"
        return f"{took}; {self.outcome}: {self.reason}."

    def columns(self) -> dict[str, Array]:
        """The trace as named columns, for tables and files."""
        table = {"step": self.step, "epoch": self.epoch, "loss": self.loss.astype(float), "lr": self.lr.astype(float)}
        if self.recipe["batch"] != "full":
            table["full_loss"] = self.full_loss.astype(float)
        if self.held is not None:
            table["validation_loss"] = self.validation_loss
        if self.evaluations is not None:
            table["evaluations"] = self.evaluations
        for k, name in enumerate(self.parameters):
            table[name] = self.theta[:, k].astype(float)
            table[f"gradient_{name}"] = self.gradient[:, k].astype(float)
        return table

    def to_pandas(self) -> Any:
        """The trace as a pandas DataFrame."""
        from steepest.descent.files import to_pandas

        return to_pandas(self)

    def save(self, path: str | Path) -> None:
        """Writes the trace and its recipe to a Parquet file, at once and whole."""
        from steepest.descent.files import save

        save(self, path)

    @cached_property
    def _reading(self) -> Any:
        from steepest.insight.verdict import read

        return read(self)

    @property
    def verdict(self) -> str:
        """What the descent did: converges, cycles, wanders or blows-up; see `steepest.insight.verdict`."""
        return str(self._reading.word)

    @property
    def period(self) -> int | None:
        """After how many steps a cycle comes back; None where there is none."""
        period: int | None = self._reading.period
        return period

    def why(self) -> Any:
        """Why it went so, in sentences: print(trace.why()). See `steepest.insight.why.Why`."""
        from steepest.insight.why import why

        return why(self)

    def plot(self, *args: Any, **options: Any) -> Any:
        """Draws the descent; see `steepest.show.plots.plot_trace`."""
        from steepest.show.plots import plot_trace

        return plot_trace(self, *args, **options)

    def export(self, what: str = "numpy") -> str:
        """This descent as the text of a stand-alone script; see `steepest.show.export`, whose `WHAT` lists the libraries."""
        from steepest.show.export import descent_of, export

        return export(descent_of(self), what)

    def _repr_html_(self) -> str:
        from steepest.show.tables import trace_html

        return trace_html(self)


class Recorder:
    """Keeps rows: the first 1,000, where most happens, and then every k-th; k doubles whenever more than 100,000 are kept.

    With `every` given, every k-th and no others.
    """

    most = 100_000
    first = 1_000

    def __init__(self, every: int | None) -> None:
        self.every = every or 1
        self.fixed = every is not None
        self.parts: list[tuple[Array, ...]] = []
        self.count = 0
        self.latest: tuple[Array, ...] = ()

    def add(self, steps: Array, *columns: Array) -> None:
        """Rows of which `steps` is the number of steps taken before them."""
        if not len(steps):
            return
        rows = (steps, *columns)
        self.latest = tuple(column[-1:] for column in rows)
        self._append(rows)
        while self.count > self.most and not self.fixed:
            self.every *= 2
            whole, self.parts, self.count = self._whole(), [], 0
            self._append(whole)

    def finish(self) -> tuple[Array, ...]:
        """Everything kept, and the last row whether its turn has come or not."""
        whole = self._whole()
        if len(whole[0]) and whole[0][-1] == self.latest[0][0]:
            return whole
        return tuple(np.concatenate(pair) for pair in zip(whole, self.latest, strict=True))

    def _append(self, rows: tuple[Array, ...]) -> None:
        if self.every > 1:
            on_turn = rows[0] // self.every * self.every == rows[0]  # several times as fast as the remainder
            kept = np.flatnonzero(on_turn | ((rows[0] < self.first) & (not self.fixed)))
            rows = tuple(column[kept] for column in rows)
        self.parts.append(rows)
        self.count += len(rows[0])

    def _whole(self) -> tuple[Array, ...]:
        if len(self.parts) == 1:
            return self.parts[0]
        return tuple(np.concatenate(column) for column in zip(*self.parts, strict=True))


def frozen(array: Array) -> Array:
    """The same array, which nobody can change by a slip."""
    array.setflags(write=False)
    return array
