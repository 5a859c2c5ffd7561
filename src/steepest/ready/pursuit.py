"""Where a sum of models starts: the grids are searched part by part, everything linear is solved by least squares.

For given nonlinear parameters a model is linear in the others, so a grid over the nonlinear ones finds the best of all
(variable projection: Golub and Pereyra 1973). In a sum each part is chosen on what the others leave (matching pursuit: Pati,
Rezaiifar and Krishnaprasad 1993), in a few rounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import islice, permutations
from typing import NamedTuple

import numpy as np

from steepest.data.table import Array
from steepest.language.evaluate import evaluate
from steepest.language.parser import parse_expression
from steepest.language.program import Program
from steepest.ready.kinds import Kind

ROWS = 2_048  # of more, so many are looked at
ROUNDS = 8
ORDERS = 24
WINDOW = 7
OUTLYING = 5.0  # standard deviations
NORMAL = 1.4826  # of a normal distribution, the standard deviation is so many times the median of the deviations' sizes
LOCAL = 0.2  # of the rows
LOST = 1e-5  # of its length a column must keep beside the others


class Choice(NamedTuple):
    """A part's nonlinear parameters, and its columns (m, n)."""

    nonlinear: Mapping[str, float]
    columns: Array


def pursue(kinds: Sequence[Kind], constant: bool, x: Array, y: Array) -> tuple[list[dict[str, float]], float]:
    """The parameters of each part, and the constant. Empty where the data cannot tell: fewer than 3 rows, or x the same in all."""
    order = np.argsort(x, kind="stable")[:: max(1, -(-len(x) // ROWS))]
    x, y = x[order], y[order]
    if len(x) < 3 or np.ptp(x) == 0:
        return [{} for _ in kinds], 0.0
    ones = np.ones((int(constant), len(x)))
    searched = [k for k, kind in enumerate(kinds) if kind.grid is not None]
    shares = (1.0, LOCAL) if len(searched) > 1 else (1.0,)
    tried = [
        _searched(kinds, order, share, x, values, ones)
        for values in _with_and_without_wild_rows(y)
        for order in _orders(searched, kinds)
        for share in shares
    ]
    choices, coefficients, _ = min(tried, key=lambda one: float(np.sum(np.abs(y - one[2]))))  # sizes: squares follow the wild rows
    solved, done = [], len(ones)
    for kind, choice in zip(kinds, choices, strict=True):
        own = coefficients[done : done + len(choice.columns)].tolist()
        done += len(own)
        solved.append({**kind.solved(own), **choice.nonlinear} if own or not kind.bases else {})
    return solved, float(coefficients[0]) if constant else 0.0


def _orders(searched: Sequence[int], kinds: Sequence[Kind]) -> list[tuple[int, ...]]:
    """The orders in which parts can be chosen, those of one kind being alike."""
    orders = {tuple(kinds[k].core for k in order): order for order in islice(permutations(searched), ORDERS)}
    return list(orders.values())


def _searched(
    kinds: Sequence[Kind], order: Sequence[int], share: float, x: Array, y: Array, ones: Array
) -> tuple[list[Choice], Array, Array]:
    """What is chosen in this order, round by round until it stays; the linear coefficients, and the values of the sum.

    In the first round a part covers at most this `share` of the rows: else one broad peak is put over two narrow ones.
    """
    none = Choice({}, ones[:0])
    choices = [_fixed(kind, x) if kind.grid is None else none for kind in kinds]
    for turn in range(ROUNDS if len(order) > 1 else 1):
        before = [choice.nonlinear for choice in choices]
        for k in order:
            others = [choice.columns for j, choice in enumerate(choices) if j != k]
            choices[k] = _best(kinds[k], x, y, np.concatenate([ones, *others]), share if turn == 0 else 1.0) or none
        if before == [choice.nonlinear for choice in choices]:
            break
    columns = np.concatenate([ones, *(choice.columns for choice in choices)]).T
    coefficients = np.linalg.lstsq(columns, y, rcond=None)[0]
    return choices, coefficients, columns @ coefficients


def _fixed(kind: Kind, x: Array) -> Choice:
    return Choice({}, _columns(kind, x, {})[0])


def _best(kind: Kind, x: Array, y: Array, others: Array, share: float) -> Choice | None:
    basis = np.linalg.qr(others.T)[0]  # (n, k)
    rest = y - basis @ (basis.T @ y)
    assert kind.grid is not None
    grid = kind.grid(x, rest)
    columns = _columns(kind, x, grid)  # (K, m, n)
    usable = np.isfinite(columns).all(axis=(1, 2))
    local = usable & (_share(columns) <= share) if share < 1 else usable
    usable = local if local.any() else usable
    if not usable.any():
        return None
    columns = columns[usable]
    lengths = np.linalg.norm(columns, axis=2, keepdims=True)
    unit = columns / np.where(lengths > 0, lengths, 1.0)
    unit -= (unit @ basis) @ basis.T
    unit[np.linalg.norm(unit, axis=2) < LOST] = 0.0
    along = unit @ rest  # (K, m)
    gram = np.linalg.pinv(unit @ unit.transpose(0, 2, 1), rcond=1e-6, hermitian=True)
    best = int(np.argmax(np.einsum("km,kmj,kj->k", along, gram, along)))
    return Choice({name: float(values[usable][best]) for name, values in grid.items()}, columns[best])


def _share(columns: Array) -> Array:
    """The share of the rows that each candidate covers, (K,): 1 where all are alike, 1/n for a single row."""
    size = np.abs(columns).sum(axis=1)
    with np.errstate(all="ignore"):
        share: Array = size.sum(axis=1) ** 2 / (size**2).sum(axis=1) / size.shape[1]
    return share


def _columns(kind: Kind, x: Array, grid: Mapping[str, Array]) -> Array:
    """The columns of the core, (candidates, bases, n)."""
    program = _program(kind.core) if kind.core else None
    count = len(next(iter(grid.values()))) if grid else 1
    table = np.empty((count, len(kind.bases), len(x)))
    for k, basis in enumerate(kind.bases):
        assert program is not None
        names = {"x": x, **basis, **{name: values[:, None] for name, values in grid.items()}}
        table[:, k] = evaluate(program, names=names)[program.outputs["value"]]
    return table


@lru_cache
def _program(text: str) -> Program:
    return parse_expression(text)


def _with_and_without_wild_rows(y: Array) -> list[Array]:
    """y, and y with rows far from their neighbours moved to the median of seven, if there are any (Hampel 1974).

    Both, since the first waves of one that fades look wild too.
    """
    if len(y) < 2 * WINDOW:
        return [y]
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(y, WINDOW // 2, mode="edge"), WINDOW)
    median = np.median(windows, axis=1)
    away = np.abs(y - median)
    wild = away > OUTLYING * NORMAL * np.median(away)
    return [y, np.where(wild, median, y)] if wild.any() else [y]
