"""`steepest check`."""

from __future__ import annotations

from typing import Annotated

import typer

from steepest.cli import options
from steepest.cli.options import names, option, pairs
from steepest.cli.output import quiet as dim
from steepest.cli.output import say, say_json, wrapped

At = Annotated[str, option("--at", "a=1,b=2", "The first point; without, the start.")]
Points = Annotated[int, option("--points", "N", "How many points: 5 unless given.")]
Engines = Annotated[str, option("--engines", "numpy,jax", "Which engines; without, every one that can be used here.")]
Seed = Annotated[int, option("--seed", "N", "The seed of the other points: 0 unless given.")]

FAULT = 4


def check(
    formula: options.FormulaText,
    data: options.DataText,
    loss: options.Loss = "mse",
    at: At = "",
    points: Points = 5,
    engines: Engines = "",
    seed: Seed = 0,
    start: options.Start = "",
    fix: options.Fix = "",
    weights: options.Weights = "",
    constants: options.Constants = "",
    missing: options.Missing = "refuse",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Compare every engine's loss and gradient, to the last digits that rounding allows.

    Example: steepest check "y ~ a + b*x" data.csv --at a=1,b=2

    Exit code: 0 all agree or the cause is known; 1 an error; 2 wrong usage; 4 an engine differs.
    """
    problem = options.make_problem(formula, data, loss, start, fix, weights, constants, missing)
    theta = {name: float(value) for name, value in pairs(at, "--at").items()} or None
    found = problem.check(names(engines, "--engines") or None, theta, points, seed)
    if as_json:
        say_json(found.to_dict())
    elif not quiet:
        say(wrapped(found.formula))
        say(dim(wrapped(f"{problem.columns.source}, {problem.columns.rows:,} rows, loss {problem.derivation.criterion.name}")))
        say(f"\n{found.text()}")
    raise typer.Exit(0 if found.ok else FAULT)
