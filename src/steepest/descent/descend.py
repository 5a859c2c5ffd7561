"""The one outer loop: blocks of steps, judged when they are finished."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from steepest.descent.batches import Batches
from steepest.descent.condensed.runner import Careful
from steepest.descent.diagnose import diagnose
from steepest.descent.given.parameters import Box
from steepest.descent.interrupt import INTERRUPTED, interrupted, interruptible
from steepest.descent.objective import Array, Objective
from steepest.descent.rates import Rates
from steepest.descent.runners import Rows, Runner, Snapshot, ahead, alone
from steepest.descent.stopping import Stop, Until, first_stop, first_stop_on_batches, within
from steepest.descent.trace import Recorder, Trace, frozen
from steepest.engines.exact import TooManyDigits

BLOCK_SECONDS = 0.02
BLOCK_NUMBERS = 2**19  # that a block records: what fits the processor's own memory is quickly written, and read again
LEAST_MOST = 16  # steps of a block, however many parameters there are
JUDGED = ("converged", "steps")  # outcomes of which the last row tells


class Progress(NamedTuple):
    """The latest row, as a callback is told of it after each block; a callback that returns True stops the descent."""

    step: int
    steps: int
    loss: float
    theta: Array
    seconds: float


Callback = Callable[[Progress], Any]


def descend(
    objective: Objective,
    runner: Runner,
    rates: Rates,
    steps: int,
    until: Until,
    *,
    batches: Batches | None = None,
    full_loss: int | None = None,
    done: int = 0,
    seconds: float | None = None,
    every: int | None = None,
    callback: Callback | None = None,
    box: Box | None = None,
    recipe: Mapping[str, Any],
) -> Trace:
    """Runs blocks until a stop is met, and returns everything that was kept. Ctrl-C ends the descent, and keeps what was done.

    `done` steps were taken before. On batches, the loss of all rows is computed at every `full_loss`-th step, once an epoch unless
    given.
    """
    loop = _Loop(objective, runner, rates, done, done + steps, until, every, batches, full_loss, box)
    began = time.perf_counter()
    stop: Stop | None = None
    with interruptible():
        while stop is None:
            try:
                stop = loop.block()
                now = time.perf_counter() - began
                told = callback is not None and loop.recorder.latest and callback(loop.progress(now))
                if told is True and stop is None:
                    stop = Stop(loop.done, "stopped", "the callback asked for it")
            except KeyboardInterrupt:  # from the callback, or where somebody else handles Ctrl-C
                stop = Stop(loop.done, "stopped", INTERRUPTED)
            except TooManyDigits as error:
                loop.look()
                stop = Stop(loop.done, "stopped", str(error))
            if stop is None and interrupted():
                stop = Stop(loop.done, "stopped", INTERRUPTED)
            if stop is None and seconds is not None and now >= seconds:
                stop = Stop(loop.done, "time", f"the {seconds:g} seconds allowed have passed")
    return loop.trace(stop, time.perf_counter() - began, recipe)


class _Loop:
    """The state between blocks: the runner stands at row `done`; the rows before it are recorded."""

    def __init__(
        self, objective: Objective, runner: Runner, rates: Rates, done: int, steps: int, until: Until, every: int | None,
        batches: Batches | None, full_loss: int | None, box: Box | None,
    ) -> None:  # fmt: skip
        self.objective, self.runner, self.rates = objective, runner, rates
        self.steps, self.until = steps, until
        self.batches, self.box = batches, box
        self.full_every = full_loss or (batches.each if batches else 1)
        self.recorder = Recorder(every)
        self.begun = runner.snapshot()
        self.done = done
        self.most = max(LEAST_MOST, BLOCK_NUMBERS // (2 * len(self.begun[0]) + 4))
        self.size = min(self.most, first_size(runner))
        self.scale: float | None = None
        self.last_loss: Any = None
        self.counted = False  # does the runner say how many evaluations it took?

    def block(self) -> Stop | None:
        """Runs one block: `size` steps, and a look at the row after them, from which the next block begins."""
        began = time.perf_counter()
        count = min(self.size, self.steps - self.done)
        rates = self.rates.block(self.done, count + 1)
        start = self.begun = self.runner.snapshot()
        rows = ahead(self.runner, rates)
        full = self._full(rows)
        keep, stop = self._judge(rows, full, rates)
        refuted = False
        if stop is not None and self.condensed and stop.outcome in JUDGED:
            stop = self._on_the_data(rows, stop)
            refuted = stop is None
            keep -= refuted
        stands = keep - 1 if stop else keep
        if stands < count:
            self._rewind(start, rates[:stands])
        self._record(rows, full, rates, keep)
        self.size = min(self.most, next_size(self.size, count, time.perf_counter() - began))
        if refuted and isinstance(self.runner, Careful):
            self.runner.leave("condensed ones met a stop that the data did not")
            self.size = first_size(self.runner)
        return stop

    @property
    def condensed(self) -> bool:
        """Are the rows of the next block those of condensed rows?"""
        return isinstance(self.runner, Careful) and self.runner.left is None

    def _on_the_data(self, rows: Rows, stop: Stop) -> Stop | None:
        """The stop as the data have it, None where they know of none. The rows that it rests on become those of the data."""
        k = stop.row
        if self.until.change is not None and k:
            rows.losses[k - 1] = self.objective.loss(rows.thetas[k - 1])
        elif self.until.change is not None and self.recorder.latest:
            self.last_loss = self.objective.loss(self.recorder.latest[1][0])
        point = self.objective.at(rows.thetas[k])
        _, rows.losses[k], rows.gradients[k] = point
        found = first_stop(alone(point), rows.losses[k - 1] if k else self.last_loss, self.until, np.inf)
        if found is None:
            return None if stop.outcome == "converged" else stop
        return found._replace(row=k)

    def _full(self, rows: Rows) -> Array:
        """The loss of all rows, at every `full_every`-th step; elsewhere NaN."""
        if self.batches is None:
            return rows.losses
        full = np.full(len(rows.losses), np.nan)
        for k in range(-self.done % self.full_every, len(full), self.full_every):
            full[k] = self.objective.loss(rows.thetas[k])
        return full

    def _judge(self, rows: Rows, full: Array, rates: Array) -> tuple[int, Stop | None]:
        """How many rows of the block are kept, and where the descent ends, if it does."""
        count = len(rates) - 1
        if self.scale is None:
            self.scale = natural_scale(self._first(rows), rates[0])
        if self.batches is None:
            stop = first_stop(within(rows, self.box), self.last_loss, self.until, self.scale)
        else:
            stop = first_stop_on_batches(rows, full, self.until, self.scale)
        if stop is None and rows.ended:
            stop = Stop(len(rows.losses) - 1, *rows.ended)
        raised = self.rates.raised(rows)
        if raised is not None and (stop is None or raised <= stop.row):
            if self.rates.lower():
                return raised - 1, None
            return raised, Stop(raised - 1, "stopped", "no step along the gradient lowers the loss (rounding, or a kink)")
        if stop is not None:
            if stop.outcome == "nonfinite":
                stop = stop._replace(reason=diagnose(self.objective, rows.thetas[stop.row]))
            lost = stop.outcome == "nonfinite" and self.done + stop.row > 0
            return stop.row if lost else stop.row + 1, stop
        if self.done + count == self.steps:
            return count + 1, Stop(count, "steps", f"all {self.steps:,} steps are done")
        return count, None

    def _first(self, rows: Rows) -> Rows:
        """The first row, of all data."""
        if self.batches is None:
            return rows
        return alone(self.objective.at(rows.thetas[0]))

    def _rewind(self, start: Snapshot, rates: Array) -> None:
        self.runner.restore(start)
        if len(rates):
            self.runner.advance(rates)

    def _record(self, rows: Rows, full: Array, rates: Array, keep: int) -> None:
        steps = np.arange(self.done, self.done + keep)
        used = rates if rows.rates is None else rows.rates
        evaluations = steps + 1 if rows.evaluations is None else rows.evaluations
        self.counted = rows.evaluations is not None
        columns = (rows.thetas, rows.losses, rows.gradients, full, used, evaluations)
        self.recorder.add(steps, *(part[:keep] for part in columns))
        self.done += keep
        if keep:
            self.last_loss = rows.losses[keep - 1]

    def look(self) -> None:
        """Records the row at which the last block began."""
        rows = alone(self.objective.at(self.begun[0]))
        self._record(rows, rows.losses, self.rates.block(self.done, 1), 1)

    def progress(self, seconds: float) -> Progress:
        step, theta, loss, *_ = (part[0] for part in self.recorder.latest)
        return Progress(int(step), self.steps, float(loss), theta.copy(), seconds)

    def trace(self, stop: Stop, seconds: float, recipe: Mapping[str, Any]) -> Trace:
        if self.last_loss is None:  # interrupted before the first block was finished
            self.look()
        step, theta, loss, gradient, full, lr, evaluations = self.recorder.finish()
        if np.isnan(full[-1:].astype(float)).any():
            full = np.append(full[:-1], self.objective.loss(theta[-1]))
        if self.condensed and stop.outcome not in JUDGED:
            _, loss[-1], gradient[-1] = self.objective.at(theta[-1])
            full[-1] = loss[-1]
        if isinstance(self.runner, Careful):
            recipe = {**recipe, "engine_why": recipe["engine_why"] + self.runner.note}
        epoch = step.astype(float) if self.batches is None else self.batches.epoch(step)
        step, epoch, theta, loss, gradient, lr, full = (frozen(column) for column in (step, epoch, theta, loss, gradient, lr, full))
        return Trace(
            self.objective.derivation.formula.parameters, step, epoch, theta, loss, gradient, lr, full, stop.outcome, stop.reason,
            seconds, {**recipe, "every": self.recorder.every, "evaluations": int(evaluations[-1])}, self.objective,
            self.runner.snapshot(), frozen(evaluations) if self.counted else None,
        )  # fmt: skip


def natural_scale(rows: Rows, rate: Any) -> float:
    """The size of the loss at the start, or of what the first step was predicted to change: the larger one."""
    with np.errstate(all="ignore"):
        gradient = rows.gradients[0].astype(float)
        return float(np.fmax(abs(float(rows.losses[0])), float(rate) * float(gradient @ gradient)))


def first_size(runner: Runner) -> int:
    return max(1, int(BLOCK_SECONDS / runner.guess))


def next_size(size: int, count: int, seconds: float) -> int:
    if count < size:  # the end of the run, or a rejected step, tells nothing about speed
        return size
    return max(1, min(16 * size, int(size * BLOCK_SECONDS / max(seconds, 1e-6))))
