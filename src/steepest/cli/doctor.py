"""`steepest doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from steepest.cli import options
from steepest.cli.options import option, real
from steepest.cli.output import quiet as faint
from steepest.cli.output import say, say_json
from steepest.errors import OptionError
from steepest.language.names import printable
from steepest.workbench import check_gradient

Files = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE.py:FUNCTION", help="Your gradient, or those of many. The code of these files is run."),
]
Trajectory = Annotated[
    str, option("--trajectory", "RUN.csv", "A loop's theta, a row a step, a column a parameter: what did it do?")
]
Rate = Annotated[str | None, option("--lr", "ETA", "The learning rate that the loop was meant to have.")]
Marks = Annotated[str, option("--csv", "MARKS.csv", "Mark the files: write a table with a row for each.")]
Seconds = Annotated[str | None, option("--seconds", "S", "The time for each file that is marked: 30 unless given.")]
Memory = Annotated[str | None, option("--memory", "MB", "The memory for each file that is marked: 2048 unless given.")]
FAULT = 4


def doctor(
    formula: options.FormulaText,
    data: options.DataText,
    files: Files = None,
    trajectory: Trajectory = "",
    lr: Rate = None,
    csv: Marks = "",
    seconds: Seconds = None,
    memory: Memory = None,
    loss: options.Loss = "mse",
    start: options.Start = "",
    fix: options.Fix = "",
    weights: options.Weights = "",
    constants: options.Constants = "",
    missing: options.Missing = "refuse",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Find the fault in a gradient that somebody wrote. RUNS THE CODE OF THE FILES: use it on code that you would run.

    The function takes theta, an array in the order of the formula's parameters, and columns, a mapping of names to arrays; it
    returns the gradient, or (loss, gradient). A torch.autograd.Function and a JAX function are taken, too. Without a name it is
    the function called gradient.

    Example: steepest doctor "y ~ a + b*P3(c + d*x)" @sine2000 mygrad.py:gradient

    Several files, or --csv, are marked one after the other, each in a process of its own with limits of time and memory:
    whatever one does, it gets a row, and the others go on. This is no sandbox: the files' code can do what you can do, read
    and delete your files too.

    Example: steepest doctor "y ~ a + b*x" data.csv homework/*.py --csv marks.csv

    With --trajectory it finds the fault in a descent loop, from the points that it went through, and no code is run.

    Exit code: 0 correct (all of them), 1 an error, 2 wrong usage, 4 a fault.
    """
    given = files or []
    marking = len(given) > 1 or bool(csv)
    if bool(given) == bool(trajectory):
        raise OptionError("give either FILE.py:FUNCTION, a gradient, or --trajectory RUN.csv, the points of a loop")
    if lr is not None and not trajectory:
        raise OptionError("--lr belongs to --trajectory")
    if (csv or seconds is not None or memory is not None) and (trajectory or not marking):
        raise OptionError("--csv, --seconds and --memory belong to marking: give several files, or --csv")
    words = [formula, data, loss, start, fix, weights, constants, missing]
    if marking:
        correct = _marked(given, words, csv, seconds, memory, as_json, quiet)
    else:
        correct = _visited("".join(given), words, trajectory, lr, as_json, quiet)
    raise typer.Exit(0 if correct else FAULT)


# Imported in these two: no other command needs it, and all of them should start at once.


def _marked(
    files: list[str], words: list[str], csv: str, seconds: str | None, memory: str | None, as_json: bool, quiet: bool
) -> bool:
    from steepest.cli.marking import limits, mark_files

    return all(m.correct for m in mark_files(files, words, limits(seconds, memory), csv, as_json, quiet))


def _visited(file: str, words: list[str], trajectory: str, lr: str | None, as_json: bool, quiet: bool) -> bool:
    from steepest.check.load import load
    from steepest.check.loop.doctor import trajectory_report

    problem = options.make_problem(*words)
    report = trajectory_report(problem, trajectory, real(lr, "--lr")) if trajectory else check_gradient(load(file), problem)
    if as_json:
        say_json(report.to_dict())
    elif not quiet:
        say(faint(f"{printable(file or trajectory, 200)}: {'correct' if report.correct else report.cause}"))
        say(printable_lines(report.text()))
    return report.correct


def printable_lines(text: str) -> str:
    return "\n".join(printable(line, 2000) for line in text.split("\n"))
