"""`steepest explain`."""

from __future__ import annotations

from typing import Annotated

from steepest.cli import options
from steepest.cli.options import number, option, reals, whole
from steepest.cli.output import quiet as dim
from steepest.cli.output import say, say_json, wrapped, write
from steepest.show.picture import SUFFIXES

Rate = Annotated[str, option("--lr", "auto|0.02", "The learning rate to explain; auto (the default) is found as descend finds it.")]
Method = Annotated[str, option("--method", "METHOD", "gd (the default), a name that `steepest methods` lists, or equations.")]
At = Annotated[str, option("--at", "a=1,b=2", "Where the method begins; without, the start.")]
Batch = Annotated[str, option("--batch", "full|N", "Rows a step: full (the default), or so many.")]
Hyper = Annotated[str, option("--hyper", "mu=0.8", "Constants of the method, by name.")]


def explain(
    formula: options.FormulaText,
    data: options.DataText,
    loss: options.Loss = "mse",
    lr: Rate = "auto",
    method: Method = "gd",
    at: At = "",
    batch: Batch = "full",
    hyper: Hyper = "",
    start: options.Start = "",
    fix: options.Fix = "",
    weights: options.Weights = "",
    constants: options.Constants = "",
    missing: options.Missing = "refuse",
    group: options.Group = [],  # noqa: B006
    penalty: options.Penalty = "",
    plot: options.Plot = "",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Say what a learning rate will do, and why: before a step is taken.

    Example: steepest explain "y ~ a + b*x" data.csv --lr 0.02

    Exit code: 0 explained, 1 an error, 2 wrong usage.
    """
    options.check_target(plot, "--plot", SUFFIXES)
    problem = options.make_problem(formula, data, loss, start, fix, weights, constants, missing, group=group, penalty=penalty)
    rate = lr if lr == "auto" else float(number(lr, "--lr"))
    size = batch if batch == "full" else whole(batch, "--batch")
    found = problem.explain(method, rate, reals(at, "--at") or None, size, reals(hyper, "--hyper") or None)
    if as_json:
        say_json(found.to_dict())
    elif not quiet:
        say(wrapped(problem.formula.text))
        rows = f"{problem.columns.rows:,} row{'' if problem.columns.rows == 1 else 's'}"
        say(dim(wrapped(f"{problem.columns.source}, {rows}, loss {problem.derivation.criterion.name}")))
        say(f"\n{found.text()}")
    write(plot, found.plot, as_json or quiet)
