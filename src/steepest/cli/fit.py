"""`steepest fit`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from steepest.cli import options
from steepest.cli.output import report, say, say_json, write
from steepest.errors import OptionError, unknown
from steepest.fitting.by_set import set_rows
from steepest.fitting.intervals import KINDS, Intervals
from steepest.fitting.result import Fit
from steepest.show.fitted import EXPORTS
from steepest.show.picture import SUFFIXES
from steepest.show.tables import Rows, fit_rows, found_something, number, text_table

Starts = Annotated[int, options.option("--starts", "N", "Search from N starts around the given one; keep the lowest minimum.")]
Seed = Annotated[int, options.option("--seed", "N", "Seed of the other starts.")]
Save = Annotated[str, options.option("--save", "FILE", "Write the fit with all its digits: .json.")]
Ends = Annotated[str, options.option("--intervals", "t|profile", "Confidence intervals: by the standard errors, or by refits.")]
Level = Annotated[str, options.option("--level", "0.95", "The level of the intervals: 0.95 unless given.")]
As = Annotated[str, options.option("--export", "WHAT", f"Print the fitted model as a text instead: {', '.join(EXPORTS)}.")]

EXIT_CODES = {"converged": 0, "stopped": 1, "steps": 1, "nonfinite": 3}
KEYS = ("parameters", "std_errors", "loss", "outcome", "sentence", "recipe")


def fit(
    formula: options.FormulaText,
    data: options.DataFiles,
    loss: options.Loss = "mse",
    start: options.Start = "",
    fix: options.Fix = "",
    low: options.Min = "",
    high: options.Max = "",
    tie: options.Tie = "",
    weights: options.Weights = "",
    sigma: options.Sigma = "",
    constants: options.Constants = "",
    missing: options.Missing = "refuse",
    own: options.Own = "",
    group: options.Group = [],  # noqa: B006
    penalty: options.Penalty = "",
    starts: Starts = 1,
    seed: Seed = 0,
    plot: options.Plot = "",
    save: Save = "",
    intervals: Ends = "",
    level: Level = "",
    export: As = "",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Fit a formula to data, with standard errors.

    Example: steepest fit "y ~ exp(-b1*x)/(b2 + b3*x)" @chwirut1 --plot fit.png

    Several responses: "u ~ a*exp(-k*t); v ~ c*(1 - exp(-k*t))". Several files: a parameter in --own has a value for each.

    Exit code: 0 converged, 1 an error or not converged, 2 wrong usage, 3 nonfinite.
    """
    options.check_target(plot, "--plot", SUFFIXES)
    options.check_target(save, "--save", (".json",))
    check_words(intervals, level, export)
    problem = options.make_problem(
        formula, data, loss, start, fix, weights, constants, missing, sigma=sigma, low=low, high=high, tie=tie, own=own,
        group=group, penalty=penalty,
    )  # fmt: skip
    result = problem.fit(starts, seed)
    found = found_something(result)
    ends = result.intervals(options.real(level or "0.95", "--level") or 0, intervals) if intervals else None
    if as_json:
        more: dict[str, Any] = {"intervals": ends.to_dict()} if ends else {}
        more |= {"sets": [line._asdict() for line in result.sets]} if result.sets else {}
        more |= {"export": result.export(export)} if export and found else {}
        say_json({key: getattr(result, key) for key in KEYS} | more)
    elif export and found:
        say(result.export(export).rstrip("\n"))
    elif not quiet:
        loss_line = [f"loss {result.loss:.10g}"] if found else []
        report(result.recipe, rows(result, ends), [*loss_line, result.sentence, *(ends.notes if ends and found else ())])
        if result.sets and found:
            say(f"\n{text_table(set_rows(result.sets))}")
    write(save, result.save, as_json or quiet)
    write(plot, result.plot, as_json or quiet)
    raise typer.Exit(EXIT_CODES[result.outcome])


def check_words(intervals: str, level: str, export: str) -> None:
    """Refuses a wrong word before the work is done."""
    if intervals and intervals not in KINDS:
        raise OptionError(f"--intervals: {unknown('kind of interval', intervals, KINDS)}")
    if export and export not in EXPORTS:
        raise OptionError(f"--export: {unknown('export', export, EXPORTS)}")
    if level and not intervals:
        raise OptionError(f"--level {level} is the level of intervals: give --intervals t or --intervals profile")
    if level and not 0 < (options.real(level, "--level") or 0) < 1:
        raise OptionError(f"--level is {level}: give a share between 0 and 1, as 0.95")


def rows(result: Fit, ends: Intervals | None) -> Rows:
    """The table of a fit, with two more columns for intervals."""
    table = fit_rows(result)
    if ends is None or not found_something(result):
        return table
    pairs = [ends.header[-2:], *((number(low, 6), number(high, 6)) for low, high in ends.by_name.values())]
    ties = [("", "")] * len(result.ties)  # they follow from the others
    return [(*row, *pair) for row, pair in zip(table, [*pairs, *ties], strict=True)]
