"""The options that commands share, and the values that their words stand for."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Sequence
from fractions import Fraction
from typing import Annotated, Any

import typer

from steepest.data.read import read_table
from steepest.data.table import Table
from steepest.descent.given.parameters import random
from steepest.descent.given.together import together
from steepest.errors import FormulaError, OptionError, unknown
from steepest.io import check_suffix, check_writable
from steepest.language.losses import parse_loss
from steepest.language.names import printable
from steepest.language.rewrite import separated
from steepest.problem import Problem


def option(flag: str, metavar: str, text: str) -> Any:
    return typer.Option(flag, metavar=metavar, help=text, show_default=False)


def switch(flag: str, text: str) -> Any:
    return typer.Option(flag, help=text, show_default=False)


FormulaText = Annotated[
    str,
    typer.Argument(metavar="FORMULA", help="'response ~ model'; names of columns are predictors, others parameters."),
]
DataText = Annotated[str, typer.Argument(metavar="DATA", help="A .csv, .tsv or .parquet file, or @name of a shipped example.")]

Loss = Annotated[str, option("--loss", "LOSS", "mse (the default), half-mse, sse, mae, huber, log-cosh, soft-l1, cauchy, logistic, "
                             "cross-entropy, poisson, or an expression in y and yhat.")]  # fmt: skip
Start = Annotated[
    str, option("--start", "a=1,b=1/2", "Where to start; one without a start begins at 1 (fit: where the data suggest).")
]
Min = Annotated[str, option("--min", "a=0,b=-1", "The lowest values that parameters may take.")]
Max = Annotated[str, option("--max", "a=5", "The highest values that parameters may take.")]
Tie = Annotated[str, option("--tie", "c=2*a", "Parameters that follow from others: name=expression, with ; between several.")]
Fix = Annotated[str, option("--fix", "a,b", "Parameters that stay at their start.")]
Weights = Annotated[str, option("--weights", "COLUMN", "The column that weighs the rows.")]
Sigma = Annotated[str, option("--sigma", "COLUMN", "The column with the standard errors of the responses, or one number for all.")]
Constants = Annotated[str, option("--constants", "g=9.81", "Names in the formula that stand for numbers.")]
DataFiles = Annotated[
    list[str],
    typer.Argument(
        metavar="DATA...", help="A .csv, .tsv or .parquet file, or @name of a shipped example; several are fitted together."
    ),
]
Own = Annotated[str, option("--own", "a=run", "Parameters with a value of their own for each label in a column; for each file: a.")]
Missing = Annotated[
    str, option("--missing", "refuse|drop", "What to do with rows that have a missing value: refuse (the default).")
]
Group = Annotated[
    list[str], option("--group", "X=x_*", "Columns that are one matrix, for dot(w, X): a pattern, or names as X=x1,x2. Repeatable.")
]
Penalty = Annotated[str, option("--penalty", "TEXT", "Added to the loss: l2(w, 0.1) is 0.1*sum of w**2, l1 of |w|; or 0.1*a**2.")]
Plot = Annotated[str, option("--plot", "FILE", "Write a picture: .svg, .png or .pdf.")]
Json = Annotated[bool, switch("--json", "Print one JSON object instead of text.")]
Quiet = Annotated[bool, switch("--quiet", "Print nothing but errors (and what --json asks for).")]
Debug = Annotated[bool, switch("--debug", "Show the traceback of an error.")]

_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_FRACTION = re.compile(r"[+-]?[0-9]+/[0-9]+")
_LONGEST = 400  # characters of a number


def number(text: str, what: str) -> Fraction:
    """A decimal number or a fraction, exactly. `what` begins the sentence that refuses anything else.

    >>> number("0.1", "--lr"), number("-3/4", "--lr"), number("1e-6", "--lr")
    (Fraction(1, 10), Fraction(-3, 4), Fraction(1, 1000000))
    """
    word = text.strip()
    try:
        if len(word) <= _LONGEST and (_DECIMAL.fullmatch(word) or _FRACTION.fullmatch(word)):
            value = Fraction(word)
            if math.isfinite(float(value)):
                return value
    except (ZeroDivisionError, OverflowError):
        pass
    raise OptionError(f"{what} is '{printable(text, 40)}': give a finite decimal number or fraction, as 0.1, 1e-6 or 1/10")


def ties(text: str) -> dict[str, str]:
    """`c=2*a; d=max(a, b)`: expressions by name."""
    values: dict[str, str] = {}
    for part in text.split(";") if text.strip() else []:
        name, equals, expression = (word.strip() for word in part.partition("="))
        if not (name and equals and expression):
            raise OptionError(f"--tie: '{printable(part.strip(), 40)}' is no name=expression; write --tie 'c=2*a'")
        if name in values:
            raise OptionError(f"--tie names '{printable(name)}' twice: give one expression")
        values[name] = expression
    return values


def real(text: str | None, what: str) -> float | None:
    """The same as a float; None stays None."""
    return None if text is None else float(number(text, what))


def whole(text: str | None, what: str) -> int | None:
    """A whole number, also as 1e6; None stays None."""
    if text is None:
        return None
    try:
        value = number(text, what)
    except OptionError:
        value = Fraction(-1)
    if value.denominator > 1 or value < 0:
        raise OptionError(f"{what} is '{printable(text, 40)}': give a whole number, 0 or more, as 10000 or 1e4")
    return int(value)


def pairs(text: str, flag: str) -> dict[str, Fraction]:
    """`a=1,b=1/2`: exact numbers by name."""
    values: dict[str, Fraction] = {}
    for part in text.split(",") if text.strip() else []:
        name, equals, value = (word.strip() for word in part.partition("="))
        if not (name and equals):
            raise OptionError(f"{flag}: '{printable(part.strip(), 40)}' is no name=number; write {flag} a=1,b=0.5")
        if name in values:
            raise OptionError(f"{flag} names '{printable(name)}' twice: give one value")
        values[name] = number(value, f"{flag}: '{printable(name)}'")
    return values


def reals(text: str, flag: str) -> dict[str, float]:
    """The same as floats."""
    return {name: float(value) for name, value in pairs(text, flag).items()}


def names(text: str, flag: str) -> list[str]:
    """`a,b`: names."""
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    if not all(parts):
        raise OptionError(f"{flag} is '{printable(text, 40)}': give names with a comma between them")
    return parts


def groups(words: Sequence[str]) -> dict[str, str | list[str]]:
    """`X=x_*` or `X=x1,x2`, each a group of columns by name."""
    found: dict[str, str | list[str]] = {}
    for word in words:
        name, equals, members = (part.strip() for part in word.partition("="))
        if not (name and equals and members):
            raise OptionError(f"--group is '{printable(word, 40)}': write --group X=x_*, or --group X=x1,x2")
        if name in found:
            raise OptionError(f"--group names '{printable(name)}' twice: give one pattern, or all names with commas")
        listed = names(members, f"--group {printable(name)}")
        found[name] = listed[0] if len(listed) == 1 else listed
    return found


def check_target(path: str, flag: str, suffixes: tuple[str, ...]) -> None:
    """Refuses a file that could not be written, before the work is done. No path is no file."""
    if not path:
        return
    try:
        check_suffix(path, suffixes)
        check_writable(path)
    except OptionError as error:
        raise OptionError(f"{flag}: {error}") from None


def own_of(text: str, sets: int) -> dict[str, str] | list[str]:
    """`a=run,c=run`: the column of each parameter; or, with several sets, `a,c`: names alone."""
    parts = names(text, "--own")
    columns = {name.strip(): column.strip() for name, equals, column in (part.partition("=") for part in parts) if equals}
    if columns and (len(columns) < len(parts) or not all((*columns, *columns.values()))):
        raise OptionError(
            f"--own is '{printable(text, 40)}': give a column for each parameter, --own a=run,c=run, or none, --own a,c"
        )
    if parts and not columns and sets == 1:
        raise OptionError(f"--own {printable(text, 40)}: say which column tells the groups of rows apart, as --own {parts[0]}=run")
    return columns or parts


def table_of(formula: str, data: str) -> Table:
    """The table of the data of a command."""
    if "~" in data and "~" not in formula:
        raise OptionError("formula and data are swapped: give the formula first, then the data")
    return read_table(data)


def make_problem(
    formula: str,
    data: str | list[str],
    loss: str,
    start: str,
    fix: str,
    weights: str,
    constants: str,
    missing: str,
    *,
    sigma: str = "",
    low: str = "",
    high: str = "",
    tie: str = "",
    draw: tuple[str, int] | None = None,
    exact: bool = False,
    own: str = "",
    group: Sequence[str] = (),
    penalty: str = "",
) -> Problem:
    """The problem that the words of a command stand for. `draw`: a distribution and a seed; `exact` keeps fractions."""
    files = [data] if isinstance(data, str) else data
    tables, formulas = [table_of(formula, one) for one in files], separated(formula)
    given_data: Any = tables if len(tables) > 1 else tables[0]
    given_formula: Any = formulas if len(formulas) > 1 else formula
    own_columns = own_of(own, max(len(tables), len(formulas)))
    known = pairs(constants, "--constants")
    whole = together(given_formula, given_data, own_columns, constants=known, groups=groups(group))
    table = whole.table
    parameters = (*whole.formula.parameters, *whole.names, *(block.name for block in whole.formula.blocks))
    kind: Callable[[Fraction], Any] = Fraction if exact else float
    given: Any = {name: kind(value) for name, value in pairs(start, "--start").items()}
    for key, flag, text in (("min", "--min", low), ("max", "--max", high)):
        for name, value in pairs(text, flag).items():
            if name not in parameters:
                raise OptionError(f"{flag}: {unknown('parameter', printable(name), parameters)}")
            entry = given.get(name, {})
            given[name] = {**(entry if isinstance(entry, dict) else {"value": entry}), key: float(value)}
    given |= ties(tie)
    for name in names(fix, "--fix"):
        if "=" in name:
            raise OptionError(f"--fix {printable(name)}: write --start {printable(name)} --fix {printable(name.partition('=')[0])}")
        if name not in parameters:
            raise OptionError(f"--fix: {unknown('parameter', printable(name), parameters)}")
        if isinstance(given.get(name), dict | str):
            raise OptionError(f"--fix {printable(name)}: a parameter that has bounds or a tie is not fixed; give one of them")
        if name not in given and name not in table.start:
            raise OptionError(f"--fix {printable(name)}: say at which value, with --start {printable(name)}=…")
        given[name] = {"value": given.get(name, table.start.get(name)), "fixed": True}
    try:
        parse_loss(loss)
    except FormulaError as error:
        raise OptionError(f"--loss: {error}") from None
    if draw:
        if given:
            raise OptionError("--random draws every start: leave out --start, --fix, --min, --max and --tie")
        given = random(*draw)
    numbers: dict[str, Any] = {**pairs(constants, "--constants")}
    return Problem(
        given_formula, given_data, loss, given or None,
        weights=weights or None, sigma=errors(sigma, {name for one in tables for name in one.names}), constants=numbers,
        missing=missing, own=own_columns,
        groups=groups(group), penalty=penalty or None,
    )  # fmt: skip


def errors(sigma: str, columns: Collection[str]) -> str | float | None:
    """The name of a column, or one number for all rows."""
    if not sigma or sigma in columns:
        return sigma or None
    try:
        return real(sigma, "--sigma")
    except OptionError:
        raise OptionError(
            f"--sigma: {unknown('column', printable(sigma), sorted(columns))}; or give one number for all rows"
        ) from None
