"""`steepest export`."""

from __future__ import annotations

from typing import Annotated

import typer

from steepest.calculus.derivation import Derivation
from steepest.cli import options
from steepest.cli.derive import columns_of
from steepest.cli.options import number, option, pairs
from steepest.cli.output import say, write
from steepest.descent.given.parameters import read_start
from steepest.errors import OptionError
from steepest.io import write_text
from steepest.language.formula import parse_formula
from steepest.language.losses import parse_loss
from steepest.show.export import WHAT, Descent, descent_of, descent_on_a_file
from steepest.show.export import export as exported

Data = Annotated[
    str, typer.Argument(metavar="[DATA]", help="As for descend; without data, the script takes the path of a CSV file.")
]
As = Annotated[str, option("--as", "WHAT", f"What to write: {', '.join(WHAT)}.")]
Output = Annotated[str, option("-o", "FILE", "The file to write: .py, or .ipynb for a notebook; else it is printed.")]
Rate = Annotated[str, option("--lr", "auto|0.01|1/10", "The learning rate; auto (the default) is found from the curvature.")]
Steps = Annotated[int, option("--steps", "N", "How many steps: 1000 unless given.")]


def export(
    formula: options.FormulaText,
    data: Data = "",
    what: As = "numpy",
    output: Output = "",
    loss: options.Loss = "mse",
    lr: Rate = "auto",
    steps: Steps = 1000,
    start: options.Start = "",
    fix: options.Fix = "",
    weights: options.Weights = "",
    constants: options.Constants = "",
    missing: options.Missing = "refuse",
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Write a descent as a script or notebook that needs one library alone.

    Example: steepest export "y ~ a + b*x" data.csv --as torch-autograd --lr 0.01 -o descent.py
    """
    options.check_target(output, "-o", (".ipynb",) if what == "notebook" else (".py",))
    if data:
        problem = options.make_problem(formula, data, loss, start, fix, weights, constants, missing)
        trace = problem.descend(lr=lr if lr == "auto" else float(number(lr, "--lr")), steps=steps)
        descent = descent_of(trace)
    else:
        descent = _on_a_file(formula, loss, lr, steps, start, constants, {"--fix": fix, "--weights": weights})
    text = exported(descent, what)
    if output:
        write(output, lambda path: write_text(path, text), quiet)
    else:
        say(text.rstrip("\n"))


def _on_a_file(formula: str, loss: str, lr: str, steps: int, start: str, constants: str, refused: dict[str, str]) -> Descent:
    for flag, given in refused.items():
        if given:
            raise OptionError(f"{flag} needs data: give DATA")
    if lr == "auto":
        raise OptionError("lr 'auto' needs data: give DATA, or --lr 0.01")
    parsed = parse_formula(formula, columns_of(formula), pairs(constants, "--constants"))
    values = read_start(pairs(start, "--start"), parsed.parameters, {}).values
    derivation = Derivation(parsed, parse_loss(loss))
    return descent_on_a_file(derivation, tuple(float(value) for value in values), float(number(lr, "--lr")), steps)
