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

File = Annotated[str, typer.Argument(metavar="[FILE.py:FUNCTION]", help="Your gradient. The code of this file is run.")]
Trajectory = Annotated[
    str, option("--trajectory", "RUN.csv", "A loop's theta, a row a step, a column a parameter: what did it do?")
]
Rate = Annotated[str | None, option("--lr", "ETA", "The learning rate that the loop was meant to have.")]
FAULT = 4


def doctor(
    formula: options.FormulaText,
    data: options.DataText,
    file: File = "",
    trajectory: Trajectory = "",
    lr: Rate = None,
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
    """Find the fault in a gradient that somebody wrote. RUNS THE CODE OF THE FILE: use it on code that you would run.

    The function takes theta, an array in the order of the formula's parameters, and columns, a mapping of names to arrays; it
    returns the gradient, or (loss, gradient). A torch.autograd.Function and a JAX function are taken, too.

    Example: steepest doctor "y ~ a + b*P3(c + d*x)" @sine2000 mygrad.py:gradient

    With --trajectory it finds the fault in a descent loop, from the points that it went through, and no code is run.

    Exit code: 0 correct, 1 an error, 2 wrong usage, 4 a fault.
    """
    # Imported here: no other command needs them, and all of them should start at once.
    from steepest.check.load import load
    from steepest.check.loop.doctor import trajectory_report

    problem = options.make_problem(formula, data, loss, start, fix, weights, constants, missing)
    if bool(file) == bool(trajectory):
        raise OptionError("give either FILE.py:FUNCTION, a gradient, or --trajectory RUN.csv, the points of a loop")
    if lr is not None and not trajectory:
        raise OptionError("--lr belongs to --trajectory")
    report = trajectory_report(problem, trajectory, real(lr, "--lr")) if trajectory else check_gradient(load(file), problem)
    if as_json:
        say_json(report.to_dict())
    elif not quiet:
        say(faint(f"{printable(file or trajectory, 200)}: {'correct' if report.correct else report.cause}"))
        say(printable_lines(report.text()))
    raise typer.Exit(0 if report.correct else FAULT)


def printable_lines(text: str) -> str:
    return "\n".join(printable(line, 2000) for line in text.split("\n"))
