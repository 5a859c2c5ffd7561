"""`steepest derive`."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated

import typer

from steepest.calculus.derivation import Derivation
from steepest.calculus.steps.step import Steps as DerivationSteps
from steepest.cli import options
from steepest.cli.options import names, number, option, pairs, switch, whole
from steepest.cli.output import WIDTH, say
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
Steps = Annotated[bool, switch("--steps", "Print every step with its rule; with data and a start or a rate, also the numbers.")]
Rate = Annotated[str | None, option("--lr", "RATE", "With --steps and data: the learning rate of the update.")]
Row = Annotated[str | None, option("--row", "K", "With --steps and data: the row whose numbers are shown, from 0.")]
Ascii = Annotated[bool, switch("--ascii", "With --steps: print ASCII only.")]
Text = Annotated[bool, switch("--text", "Print lines in the language of formulas (the default).")]


def derive(
    formula: options.FormulaText,
    data: Data = "",
    loss: options.Loss = "mse",
    columns: Columns = "",
    constants: options.Constants = "",
    group: options.Group = [],  # noqa: B006
    penalty: options.Penalty = "",
    latex: Latex = False,
    text: Text = False,
    steps: Steps = False,
    start: options.Start = "",
    lr: Rate = None,
    row: Row = None,
    ascii: Ascii = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Derive the gradient of a loss, step by step.

    Examples: steepest derive "y ~ a + b*P3(c + d*x)" --latex, or "y ~ w*x" @triples --steps --lr 0.01
    """
    if latex and text:
        raise OptionError("--latex and --text are both given: give one of them")
    _check_for_steps(steps, {"--start": start, "--lr": lr, "--row": row}, ascii, data)
    if data and columns:
        raise OptionError("--columns is given, but the data name the columns: give one of them")
    if group or penalty:
        _say_of_problem(formula, data, loss, start, constants, group, penalty, latex, steps)
        return
    known = list(options.table_of(formula, data).names) if data else names(columns, "--columns") or columns_of(formula)
    parsed = parse_formula(formula, known, pairs(constants, "--constants"))
    said = list(parsed.warnings)
    if not (data or columns):
        said.append(f"without data, {' and '.join(known)} are columns and all other names parameters; or give --columns")
    for sentence in said:
        warnings.warn(sentence, SteepestWarning, stacklevel=2)
    derivation = Derivation(parsed, parse_loss(loss))
    if not steps:
        say(derivation.latex() if latex else derivation.text())
        return
    found = _numbered(formula, data, loss, start, constants, lr, row) if data and (start or lr or row) else derivation.steps()
    say(found.latex() if latex else found.text(ascii or not _unicode(), WIDTH))


def _numbered(formula: str, data: str, loss: str, start: str, constants: str, lr: str | None, row: str | None) -> DerivationSteps:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SteepestWarning)  # the formula's were said
        problem = options.make_problem(formula, data, loss, start, "", "", constants, "refuse")
    return problem.steps(lr=None if lr is None else number(lr, "--lr"), row=whole(row, "--row") or 0)


def _say_of_problem(
    formula: str, data: str, loss: str, start: str, constants: str, group: list[str], penalty: str, latex: bool, steps: bool
) -> None:
    if not data:
        raise OptionError("--group and --penalty need data: give a file or @name after the formula")
    problem = options.make_problem(formula, data, loss, start, "", "", constants, "refuse", group=group, penalty=penalty)
    found = problem.derivation
    if steps:
        say(found.steps().latex() if latex else found.steps().text(not _unicode(), WIDTH))
    else:
        say(found.latex() if latex else found.text())


def _check_for_steps(steps: bool, given: dict[str, str | None], ascii: bool, data: str) -> None:
    named = [flag for flag, word in given.items() if word]
    if ascii and not steps:
        named.append("--ascii")
    if named and not steps:
        raise OptionError(f"{named[0]} is given without --steps: add --steps")
    if named and not data:
        raise OptionError(f"{named[0]} puts numbers in the steps, which needs data: give a file or @name after the formula")


def _unicode() -> bool:
    """Can this output show the signs of the steps?"""
    try:
        "∂ŷ₃·Σ".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def columns_of(formula: str) -> list[str]:
    """The free names left of '~', and x."""
    left, *right = split(tokenize(formula), "~")
    parser = Parser(formula)
    if right:
        parser.read(left)
    return list(dict.fromkeys([*parser.names, "x"]))
