"""`response ~ model`: which names are columns and which are parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any

from steepest import errors
from steepest.errors import FormulaError
from steepest.language.blocks import Block, Matrix, check_dots, spread
from steepest.language.constants import constant_values
from steepest.language.names import printable
from steepest.language.parser import Parser
from steepest.language.program import Builder, Program
from steepest.language.tokens import Token, split, tokenize


@dataclass(frozen=True)
class Formula:
    """A formula with its names resolved. The program's outputs are `y` and `yhat`."""

    text: str
    program: Program
    parameters: tuple[str, ...]  # in order of first appearance
    columns: tuple[str, ...]  # those in use, in order of first appearance
    response: str  # the text left of '~'
    model: str  # the text right of '~'
    warnings: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()  # of every dot(w, X)


def parse_formula(
    text: str, columns: Sequence[str], constants: Mapping[str, Any] | None = None, matrices: Mapping[str, Matrix] | None = None
) -> Formula:
    """Reads `response ~ model`. Names of columns are predictors, names of constants are numbers, all others parameters.

    `columns` are the names that the data offer, `matrices` those of them that hold several numbers a row. Raises FormulaError,
    with the place in the text.

    >>> f = parse_formula("y ~ a + b*P3(c + d*x)", ["x", "y"])
    >>> f.parameters, f.columns
    (('a', 'b', 'c', 'd'), ('y', 'x'))
    """
    sides, tilde = _sides(text)
    parser = Parser(text, constant_values(constants, text), functions=("dot",))
    _check_constants(text, constants, columns)
    y = parser.read(sides[0])
    _check_response(parser, columns)
    yhat = parser.read(sides[1])
    _check_columns(parser, sides, columns)
    program = parser.builder.program(y=y, yhat=yhat)
    check_dots(parser, program, columns, matrices or {})
    used = program.names()
    known = set(columns)
    predictors = tuple(name for name in used if name in known)
    symbols = tuple(name for name in used if name not in known)
    if not symbols:
        where = tilde + 1
        raise FormulaError("the model has no parameters: there is nothing to fit; write one, as in 'y ~ a*x'", text, where)
    warnings = [
        *parser.warnings,
        *_near_columns([name for name in symbols if name not in parser.dots], columns),
    ]
    names = spread(parser, symbols, columns, matrices or {})
    firsts = dict(zip(symbols, accumulate((len(made) for made in names), initial=0), strict=False))
    blocks = tuple(
        Block(name, matrix, firsts[name], matrices[matrix].size, predictors.index(matrix), matrices[matrix].labels)
        for name, (matrix, _) in parser.dots.items()
        if matrices
    )
    resolved = _resolved(program, firsts, predictors)
    sides_text = text[:tilde].strip(), text[tilde + 1 :].strip()
    return Formula(text, resolved, tuple(chain(*names)), predictors, *sides_text, tuple(warnings), blocks)


def _sides(text: str) -> tuple[list[list[Token]], int]:
    tokens = tokenize(text)
    sides = split(tokens, "~")
    if len(sides) == 1:
        place = next((t.position for t in tokens if t.kind == "="), len(text))
        raise FormulaError("a formula needs '~' between its sides, as in 'y ~ a + b*x'", text, place)
    tilde = sides[0][-1].position
    if len(sides) > 2:
        raise FormulaError("a formula has one '~' only", text, sides[1][-1].position)
    for side, name in zip(sides, ("left", "right"), strict=True):
        if side[0].kind == "end":
            raise FormulaError(f"the {name} side of '~' is empty: write 'y ~ a + b*x'", text, side[0].position)
    return sides, tilde


def _check_constants(text: str, constants: Mapping[str, Any] | None, columns: Sequence[str]) -> None:
    for name in constants or {}:
        if name in columns:
            raise FormulaError(f"'{printable(name)}' is both a constant and a column: rename one of them", text, 0)


def _check_response(parser: Parser, columns: Sequence[str]) -> None:
    for name, position in parser.names.items():
        if name not in columns:
            raise FormulaError(
                f"{_unknown_column(name, columns)}. Left of '~' stand only columns and constants", parser.text, position
            )
    if not parser.names:
        raise FormulaError(f"the left side has no column. {_list(columns)}", parser.text, 0)


def _check_columns(parser: Parser, sides: list[list[Token]], columns: Sequence[str]) -> None:
    for token in (token for side in sides for token in side):
        if token.kind == "quoted" and token.text not in columns:
            raise FormulaError(_unknown_column(token.text, columns), parser.text, token.position)
    for name, position in parser.made.items():
        if name in columns:
            raise FormulaError(f"poly makes the parameter '{name}', but a column has that name", parser.text, position)


def _resolved(program: Program, firsts: Mapping[str, int], columns: Sequence[str]) -> Program:
    builder = Builder()
    leaves = {name: builder.add("parameter", value=first) for name, first in firsts.items()}
    leaves |= {name: builder.add("column", value=j) for j, name in enumerate(columns)}
    return builder.program(**builder.inline(program, leaves))


def _near_columns(parameters: Sequence[str], columns: Sequence[str]) -> list[str]:
    return [
        f"'{name}' is a parameter; did you mean the column '{printable(column)}'?"
        for name in parameters
        for column in columns
        if name.casefold() == column.casefold() or _one_letter_off(name, column)
    ] + [
        f"'{name}' is a parameter; for the column '{printable(column)}' write it in back-quotes: `{printable(column)}`"
        for name in parameters
        for column in columns
        if not column.isidentifier() and name in re.split(r"\W+", column)
    ]


def _one_letter_off(name: str, column: str) -> bool:
    """Long enough to be a slip (`tempo`, `temp`), and not two of a numbered series (`b1`, `b2`)."""
    short, long = sorted((name, column), key=len)
    if len(short) < 3 or len(long) - len(short) > 1:
        return False
    same = next((k for k, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    rest = short[same + 1 :] if len(short) == len(long) else short[same:]
    return long[same + 1 :] == rest and not long[same].isdigit()


def _unknown_column(name: str, columns: Sequence[str]) -> str:
    return errors.unknown("column", printable(name), [printable(column) for column in columns])


def _list(columns: Sequence[str]) -> str:
    return f"The columns are: {', '.join(printable(column) for column in columns)}"
