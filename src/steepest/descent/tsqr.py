"""R of a QR factorisation of many rows, some at a time (TSQR; Demmel, Grigori, Hoemmen and Langou 2012)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from steepest.descent.objective import Array

PART = 32_768  # rows that are worth computing at once
NUMBERS = 8_192  # of a matrix that is factored at once: from more on, BLAS starts threads, which cost more than they save
WIDE = 16


def slices(rows: int, count: int = PART) -> Iterator[slice]:
    return (slice(first, min(first + count, rows)) for first in range(0, rows, count))


def triangle(blocks: Iterable[Array]) -> Array:
    """R of blocks of rows, one below the other: as many columns as theirs, and no more rows than columns."""
    parts = []
    for block in blocks:
        count = _most(block.shape[1]) * block.shape[1]
        parts.append(_joined([_factored(block[part]) for part in slices(len(block), count)]))
    return _joined(parts)


def _joined(parts: list[Array]) -> Array:
    """One factor of several, in rounds, so that their errors do not add up in a row."""
    few = _most(parts[0].shape[1])
    while len(parts) > 1:
        parts = [_factored(np.concatenate(parts[first : first + few])) for first in range(0, len(parts), few)]
    return parts[0]


def _most(width: int) -> int:
    """How many squares of this width are factored at once; where not even two are NUMBERS, threads should have enough to do."""
    fit = NUMBERS // width**2
    return fit if fit > 1 else WIDE


def _factored(rows: Array) -> Array:
    factor: Array = np.linalg.qr(rows, mode="r")  # type: ignore[assignment]
    return factor
