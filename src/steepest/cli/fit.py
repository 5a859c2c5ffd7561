"""`steepest fit`."""

from __future__ import annotations

from typing import Annotated

import typer

from steepest.cli import options
from steepest.cli.output import report, say_json, write
from steepest.show.picture import SUFFIXES
from steepest.show.tables import fit_rows, found_something

Starts = Annotated[int, options.option("--starts", "N", "Search from N starts around the given one; keep the lowest minimum.")]
Seed = Annotated[int, options.option("--seed", "N", "Seed of the other starts.")]
Save = Annotated[str, options.option("--save", "FILE", "Write the fit with all its digits: .json.")]

EXIT_CODES = {"converged": 0, "stopped": 1, "steps": 1, "nonfinite": 3}
KEYS = ("parameters", "std_errors", "loss", "outcome", "sentence", "recipe")


def fit(
    formula: options.FormulaText,
    data: options.DataText,
    loss: options.Loss = "mse",
    start: options.Start = "",
    fix: options.Fix = "",
    weights: options.Weights = "",
    constants: options.Constants = "",
    missing: options.Missing = "refuse",
    starts: Starts = 1,
    seed: Seed = 0,
    plot: options.Plot = "",
    save: Save = "",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Fit a formula to data, with standard errors.

    Example: steepest fit "y ~ exp(-b1*x)/(b2 + b3*x)" @chwirut1 --plot fit.png

    Exit code: 0 converged, 1 an error or not converged, 2 wrong usage, 3 nonfinite.
    """
    options.check_target(plot, "--plot", SUFFIXES)
    options.check_target(save, "--save", (".json",))
    problem = options.make_problem(formula, data, loss, start, fix, weights, constants, missing)
    result = problem.fit(starts, seed)
    if as_json:
        say_json({key: getattr(result, key) for key in KEYS})
    elif not quiet:
        loss_line = [f"loss {result.loss:.10g}"] if found_something(result) else []
        report(result.recipe, fit_rows(result), [*loss_line, result.sentence])
    write(save, result.save, as_json or quiet)
    write(plot, result.plot, as_json or quiet)
    raise typer.Exit(EXIT_CODES[result.outcome])
