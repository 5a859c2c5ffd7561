"""The one outer loop: blocks of steps, judged when they are finished."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from steepest.descent.diagnose import diagnose
from steepest.descent.interrupt import interruptible
from steepest.descent.objective import Array, Objective
from steepest.descent.rates import Rates
from steepest.descent.runners import Rows, Runner, Snapshot
from steepest.descent.stopping import Stop, Until, first_stop
from steepest.descent.trace import Recorder, Trace, frozen
from steepest.engines.exact import TooManyDigits

BLOCK_SECONDS = 0.02
INTERRUPTED = "interrupted"


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
    seconds: float | None = None,
    every: int | None = None,
    callback: Callback | None = None,
    recipe: Mapping[str, Any],
) -> Trace:
    """Runs blocks until a stop is met, and returns everything that was kept. Ctrl-C ends the descent, and keeps what was done."""
    loop = _Loop(objective, runner, rates, steps, until, every)
    began = time.perf_counter()
    stop: Stop | None = None
    with interruptible() as interrupted:
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

    def __init__(self, objective: Objective, runner: Runner, rates: Rates, steps: int, until: Until, every: int | None) -> None:
        self.objective, self.runner, self.rates = objective, runner, rates
        self.steps, self.until = steps, until
        self.recorder = Recorder(every)
        self.done = 0
        self.size = max(1, int(BLOCK_SECONDS / runner.guess))
        self.scale: float | None = None
        self.last_loss: Any = None
        self.begun = runner.snapshot()

    def block(self) -> Stop | None:
        """Runs one block: `size` steps, and a look at the row after them, from which the next block begins."""
        began = time.perf_counter()
        count = min(self.size, self.steps - self.done)
        rates = self.rates.block(self.done, count + 1)
        start = self.begun = self.runner.snapshot()
        parts = [self.runner.advance(rates[:-1])] if count else []
        there = self.runner.snapshot()
        rows = joined([*parts, self.runner.advance(rates[-1:])])
        self.runner.restore(there)
        keep, stop = self._judge(rows, count)
        if keep < count:
            self._rewind(start, rates[:keep])
        self._record(rows, rates, keep)
        self.size = next_size(self.size, count, time.perf_counter() - began)
        return stop

    def _judge(self, rows: Rows, count: int) -> tuple[int, Stop | None]:
        """How many rows of the block are kept, and where the descent ends, if it does."""
        if self.scale is None:
            self.scale = natural_scale(rows, self.rates.block(0, 1)[0])
        stop = first_stop(rows, self.last_loss, self.until, self.scale)
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

    def _rewind(self, start: Snapshot, rates: Array) -> None:
        self.runner.restore(start)
        if len(rates):
            self.runner.advance(rates)

    def _record(self, rows: Rows, rates: Array, keep: int) -> None:
        steps = np.arange(self.done, self.done + keep)
        self.recorder.add(steps, *(part[:keep] for part in rows), rates[:keep])
        self.done += keep
        if keep:
            self.last_loss = rows.losses[keep - 1]

    def look(self) -> None:
        """Records the row at which the last block began."""
        point = self.objective.at(self.begun[0])
        self._record(Rows(*(np.array([part]) for part in point)), self.rates.block(self.done, 1), 1)

    def progress(self, seconds: float) -> Progress:
        step, theta, loss, *_ = (part[0] for part in self.recorder.latest)
        return Progress(int(step), self.steps, float(loss), theta.copy(), seconds)

    def trace(self, stop: Stop, seconds: float, recipe: Mapping[str, Any]) -> Trace:
        if self.last_loss is None:  # interrupted before the first block was finished
            self.look()
        step, theta, loss, gradient, lr = (frozen(column) for column in self.recorder.finish())
        return Trace(
            self.objective.derivation.formula.parameters, step, frozen(step.astype(float)), theta, loss, gradient, lr,
            stop.outcome, stop.reason, seconds, {**recipe, "every": self.recorder.every}, self.objective,
        )  # fmt: skip


def joined(parts: list[Rows]) -> Rows:
    return Rows(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def natural_scale(rows: Rows, rate: Any) -> float:
    """The size of the loss at the start, or of what the first step was predicted to change: the larger one."""
    with np.errstate(all="ignore"):
        gradient = rows.gradients[0].astype(float)
        return float(np.fmax(abs(float(rows.losses[0])), float(rate) * float(gradient @ gradient)))


def next_size(size: int, count: int, seconds: float) -> int:
    if count < size:  # the end of the run, or a rejected step, tells nothing about speed
        return size
    return max(1, min(16 * size, int(size * BLOCK_SECONDS / max(seconds, 1e-6))))
