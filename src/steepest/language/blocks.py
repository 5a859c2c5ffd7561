"""`dot(w, X)`: a parameter for each column of a matrix, kept together as one block of theta."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, NoReturn

from steepest import errors
from steepest.errors import FormulaError
from steepest.language.functions import reserved
from steepest.language.names import printable
from steepest.language.parser import Parser
from steepest.language.program import Program
from steepest.language.tokens import name_fault


class Matrix(NamedTuple):
    """A column of the data that holds several numbers a row; `labels` are the names of its columns, where they have any."""

    size: int
    labels: tuple[str, ...] = ()


class Block(NamedTuple):
    """The parameters `name` of dot(name, matrix): theta[first : first + size]. `column` is the matrix's place in the columns."""

    name: str
    matrix: str
    first: int
    size: int
    column: int
    labels: tuple[str, ...] = ()

    @property
    def part(self) -> slice:
        return slice(self.first, self.first + self.size)


def check_dots(parser: Parser, program: Program, columns: Sequence[str], matrices: Mapping[str, Matrix]) -> None:
    """Raises FormulaError unless every dot takes new parameters and a matrix, and neither stands anywhere else."""
    weights = set(parser.dots)
    for name, (matrix, place) in parser.dots.items():
        if name in columns:
            _fail(parser, f"'{name}' is a column: dot(w, X) needs a name for new parameters first, then the matrix", place)
        if matrix not in matrices:
            called = printable(matrix)
            if matrix in columns:
                what = f"'{called}' is a single column: write {name}*{called}"
            elif matrices:
                what = errors.unknown("matrix", called, [printable(m) for m in matrices])
            else:
                what = f"the data have no matrix '{called}'"
            _fail(parser, f"{what}; a matrix is a 2-D array, or columns in groups={{…}}", place)
    outside = {program.nodes[a].value for node in program.nodes if node.op != "dot" for a in node.args}
    outside |= {program.nodes[place].value for place in program.outputs.values()}
    for name in sorted(outside & (weights | set(matrices))):
        what = f"the matrix '{printable(name)}'" if name in matrices else f"'{name}', the parameters of dot,"
        cure = "; it has one column: use .ravel() on it" if name in matrices and matrices[name].size == 1 else ""
        _fail(parser, f"{what} can stand only in dot(w, X){cure}", parser.names[name])


def coordinates(name: str, matrix: Matrix) -> list[str]:
    """What the parameters of a block are called: w_<column>, or w0, w1, … where the columns have no names.

    >>> coordinates("w", Matrix(2, ("age", "size (cm)"))), coordinates("w", Matrix(2))
    (['w_age', 'w_size_cm'], ['w0', 'w1'])
    """
    if not matrix.labels:
        return [f"{name}{k}" for k in range(matrix.size)]
    words = [re.sub(r"[^A-Za-z0-9]+", "_", label).strip("_") for label in matrix.labels]
    return [f"{name}_{word or k}" for k, word in enumerate(words)]


def spread(parser: Parser, symbols: Sequence[str], columns: Sequence[str], matrices: Mapping[str, Matrix]) -> list[list[str]]:
    """The names of the parameters, a list for each symbol of the formula. Raises FormulaError where two have one name."""
    names = [coordinates(s, matrices[parser.dots[s][0]]) if s in parser.dots else [s] for s in symbols]
    taken = set(columns)
    for symbol, made in zip(symbols, names, strict=True):
        for name in made:
            fault = (name_fault(name) or reserved(name)) if symbol in parser.dots else None
            if name in taken or fault:
                why = fault or "that name is taken; rename a column, or take another name for the block"
                _fail(parser, f"dot cannot make the parameter '{printable(name)}': {why}", parser.names[symbol])
            taken.add(name)
    return names


def _fail(parser: Parser, sentence: str, place: int) -> NoReturn:
    raise FormulaError(sentence, parser.text, place)
