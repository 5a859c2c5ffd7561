"""A line on stderr while a long descent runs: how far, the loss, the rate, the time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from steepest.descent.descend import Callback, Progress

LONG = 0.5  # seconds, before which nothing is shown


@contextmanager
def progress(silent: bool) -> Iterator[Callback]:
    """Gives the callback that shows it, where stderr is a terminal."""
    if silent or not sys.stderr.isatty():
        yield lambda now: None
        return
    line = _Line()
    try:
        yield line.update
    finally:
        line.close()


class _Line:
    """The line appears when the descent has become long, and is gone at its end."""

    def __init__(self) -> None:
        self.display: Any = None

    def update(self, now: Progress) -> None:
        if now.seconds < LONG:
            return
        if self.display is None:
            self.display = _display()
            self.task = self.display.add_task("", total=now.steps, step="", loss="", rate="")
            self.display.start()
        said = {
            "step": f"step {now.step:,}",
            "loss": f"loss {now.loss:.6g}",
            "rate": f"{now.step / now.seconds:,.0f} steps/s",
        }
        self.display.update(self.task, completed=now.step, **said)

    def close(self) -> None:
        if self.display is not None:
            self.display.stop()


def _display() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Display

    return Display(
        TextColumn("{task.fields[step]}"),
        BarColumn(bar_width=12),
        TextColumn("{task.fields[loss]}"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
