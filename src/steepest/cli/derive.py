"""`steepest derive`."""

from __future__ import annotations

import warnings
from typing import Annotated

import typer

from steepest.calculus.derivation import Derivation
from steepest.cli import options
from steepest.cli.options import names, option, pairs, switch
from steepest.cli.output import say
from steepest.errors import OptionError, SteepestWarning
from steepest.language.formula import parse_formula
from steepest.language.losses import parse_loss
from steepest.language.parser import Parser
from steepest.language.tokens import split, tokenize

Data = Annotated[
    str,
    typer.Argument(metavar="[DATA]", help="Data that name the columns; without, x and the names left of '~' are columns."),
]
Columns = Annotated[str, option("--columns", "x,y", "The names of the columns, where there are no data.")]
Latex = Annotated[bool, switch("--latex", "Print LaTeX.")]
Text = Annotated[bool, switch("--text", "Print lines in the language of formulas (the default).")]


def derive(
    formula: options.FormulaText,
    data: Data = "",
    loss: options.Loss = "mse",
    columns: Columns = "",
    constants: options.Constants = "",
    latex: Latex = False,
    text: Text = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Derive the gradient of a loss, step by step.

    Example: steepest derive "y ~ a + b*P3(c + d*x)" --latex
    """
    if latex and text:
        raise OptionError("--latex and --text are both given: give one of them")
    if data and columns:
        raise OptionError("--columns is given, but the data name the columns: give one of them")
    known = list(options.table_of(formula, data).names) if data else names(columns, "--columns") or columns_of(formula)
    parsed = parse_formula(formula, known, pairs(constants, "--constants"))
    said = list(parsed.warnings)
    if not (data or columns):
        said.append(f"without data, {' and '.join(known)} are columns and all other names parameters; or give --columns")
    for sentence in said:
        warnings.warn(sentence, SteepestWarning, stacklevel=2)
    derivation = Derivation(parsed, parse_loss(loss))
    say(derivation.latex() if latex else derivation.text())


def columns_of(formula: str) -> list[str]:
    """The free names left of '~', and x."""
    left, *right = split(tokenize(formula), "~")
    parser = Parser(formula)
    if right:
        parser.read(left)
    return list(dict.fromkeys([*parser.names, "x"]))
