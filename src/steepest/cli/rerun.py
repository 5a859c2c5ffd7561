"""`steepest rerun`."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import typer

from steepest.cli import options
from steepest.cli.descend import EXIT_CODES, print_trace
from steepest.cli.options import option
from steepest.cli.output import say
from steepest.descent.files import read
from steepest.workbench import rerun as run_again

File = Annotated[str, typer.Argument(metavar="RUN.parquet", help="A trace that `descend --trace` wrote.")]
Data = Annotated[str, option("--data", "DATA", "The data, where the recipe does not say which.")]
DIFFERS = 4


def rerun(
    file: File,
    data: Data = "",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Run the recipe of a saved trace again, and compare every number.

    Example: steepest rerun run.parquet

    Exit code: as `descend`; 4 where a number differs.
    """
    before = read(file)
    trace = run_again(file, data or None)
    now = trace.columns()
    same = list(now) == list(before.columns) and all(
        np.array_equal(now[name], before.columns[name], equal_nan=True) for name in now
    )
    print_trace(trace, as_json, quiet)
    if not (as_json or quiet):
        rows = f"{len(trace):,} points"
        said = f"The same bits: {rows}, every number." if same else f"Not the same: numbers differ among the {rows}"
        say(said if same else f"{said} ({_where(before.recipe, trace.recipe)}).")
    raise typer.Exit(EXIT_CODES[trace.outcome] if same else DIFFERS)


def _where(before: dict[str, object], now: object) -> str:
    then, here = before["cpu"], dict(now)["cpu"]  # type: ignore[call-overload]
    return f"it ran on a {then}, this is a {here}" if then != here else f"on the same type of CPU, {here}"
