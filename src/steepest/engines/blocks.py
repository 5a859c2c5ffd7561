"""Kernels of a formula with `dot(w, X)`, over the kernels of any engine for its scalar core.

Rows go through in chunks that stay in the cache: v = X w, then the core's slope a of each row by v, then Xᵀa. A matrix is read
once for the loss and its gradient, and once for a product with the Hessian, which need not be made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.calculus.blocks import BlockDerivation
from steepest.calculus.derivation import Derivation
from steepest.engines.numpy_engine import add_in_order
from steepest.errors import EngineError

if TYPE_CHECKING:
    from steepest.engines.table import Kernels

Array = np.ndarray[Any, Any]
CHUNK = 2**18  # numbers of the matrices at a time, 2 MB; of fewer than 400,000 OpenBLAS makes products in one thread
LARGE = 2**21  # the same where products of matrices are made
MOST = 5_000  # parameters of which a matrix is made
LEAST = 32  # rows of a chunk
SLOPES = ("gradient", "jacobian")
BENDS = ("hessian", "normal")


class BlockKernels:
    """Kernels of one derivation with blocks. `inner` are those of its core, whose last parameters and columns are the dots."""

    def __init__(self, derivation: BlockDerivation, inner: Kernels) -> None:
        self.derivation: Derivation = derivation
        self.inner, self.name, self._own = inner, inner.name, derivation
        self.vector, self.number, self.stepper = inner.vector, inner.number, inner.stepper
        self.blocks = derivation.formula.blocks
        self.scalars = np.array(derivation.scalars, dtype=np.int64)
        self.width = sum(block.size for block in self.blocks)

    def sums(self, kind: str, theta: Array, columns: Sequence[Array], weights: Array | None, total: Any) -> Array:
        """Sums over the rows of every output of the program `kind`, times the weights."""
        if kind in BENDS and len(theta) > MOST:
            raise EngineError(f"the {kind} of {len(theta):,} parameters is not made ({MOST:,} at most): take a method without it")
        parts = self._parts(columns, weights, LARGE if kind in BENDS else CHUNK)
        with np.errstate(all="ignore"):
            if kind not in BENDS:
                together: Any = sum if theta.dtype == object else add_in_order
                return self._penalised(kind, together(self._sums(kind, theta, *part) for part in parts), theta, total)
            first, matrices = zip(*(self._bends(kind, theta, *part) for part in parts), strict=True)
            matrix = sum(matrices)
            matrix[np.diag_indices(len(theta))] += total * 2 * self._own.share_of("l2")
            lines = self._penalised("gradient", add_in_order(first), theta, total)
        return np.concatenate([lines, matrix[np.tril_indices(len(theta))]])

    def rows(self, kind: str, theta: Array, columns: Sequence[Array]) -> Array:
        """Outputs × rows."""
        if kind in BENDS:
            raise EngineError(f"a formula with dot has no '{kind}' row by row: it would be a matrix for every row")
        found = np.concatenate([self._rows(kind, theta, *part[:2]) for part in self._parts(columns, None, CHUNK)], axis=1)
        return self._penalised(kind, found, theta, 1)

    def bends(self, theta: Array, columns: Sequence[Array], weights: Array | None) -> Array:
        """The second derivatives of each row's weighted loss by the core's parameters, (m, m, rows)."""
        with np.errstate(all="ignore"):
            parts = self._parts(columns, weights, CHUNK)
            return np.concatenate([self._split("hessian", theta, *part)[1] for part in parts], axis=2)

    def product(self, bends: Array, direction: Array, columns: Sequence[Array], total: float) -> Array:
        """The Hessian of the summed loss times a direction, (p,), and never the Hessian: one pass over the rows."""
        with np.errstate(all="ignore"):
            found = add_in_order(self._product(direction, *part) for part in self._with(bends, columns))
            return found + total * 2 * self._own.share_of("l2") * direction

    def diagonal(self, bends: Array, columns: Sequence[Array], total: float) -> Array:
        """That of the Hessian, (p,)."""
        with np.errstate(all="ignore"):
            found = add_in_order(self._diagonal(*part) for part in self._with(bends, columns))
            return found + total * 2 * self._own.share_of("l2")

    def _with(self, bends: Array, columns: Sequence[Array]) -> Iterator[tuple[Any, Any]]:
        """Some rows at a time: the matrices, and the bends."""
        first = 0
        for _, matrices, _ in self._parts(columns, None, CHUNK):
            rows = len(matrices[0])
            yield matrices, bends[:, :, first : first + rows]
            first += rows

    def _parts(self, columns: Sequence[Array], weights: Array | None, numbers: int) -> Iterator[tuple[Any, Any, Any]]:
        """Some rows at a time: the core's own columns, the matrix of each block, the weights."""
        count = max(LEAST, numbers // self.width)
        for first in range(0, len(columns[0]), count):
            part = slice(first, first + count)
            singles = [columns[j][part] for j in self._own.singles]
            matrices = [columns[block.column][part] for block in self.blocks]
            yield singles, matrices, None if weights is None else weights[part]

    def _core(self, kind: str, theta: Array, singles: Any, matrices: Any) -> Array:
        """The outputs of the core, (outputs, rows), where each δ is 0."""
        dots = [matrix @ theta[block.part] for matrix, block in zip(matrices, self.blocks, strict=True)]
        own = np.concatenate([theta[self.scalars], 0 * theta[: len(self.blocks)]])
        return self.inner.rows(kind, own, [*singles, *dots])

    def _sums(self, kind: str, theta: Array, singles: Any, matrices: Any, weights: Any) -> Array:
        if theta.dtype == object:  # exact numbers
            matrices = [self.vector(matrix.ravel()).reshape(matrix.shape) for matrix in matrices]
            weights = None if weights is None else self.vector(weights)
        rows = self._core(kind, theta, singles, matrices)
        if weights is not None:
            rows = rows * weights
        return self._joined(rows, matrices) if kind in SLOPES else np.sum(rows, axis=1)

    def _joined(self, rows: Array, matrices: Any) -> Array:
        """The sum of the first output, and of the slopes by all of theta."""
        count = len(self.scalars)
        out = np.zeros(1 + count + self.width, dtype=rows.dtype)
        out[0] = np.sum(rows[0])
        out[1 + self.scalars] = np.sum(rows[1 : 1 + count], axis=1)
        for matrix, block, slope in zip(matrices, self.blocks, rows[1 + count :], strict=False):
            out[1 + block.first : 1 + block.first + block.size] = slope @ matrix
        return out

    def _rows(self, kind: str, theta: Array, singles: Any, matrices: Any) -> Array:
        rows = self._core(kind, theta, singles, matrices)
        if kind not in SLOPES:
            return rows
        count = len(self.scalars)
        out = np.empty((1 + count + self.width, rows.shape[1]), dtype=rows.dtype)
        out[0], out[1 + self.scalars] = rows[0], rows[1 : 1 + count]
        for matrix, block, slope in zip(matrices, self.blocks, rows[1 + count :], strict=True):
            out[1 + block.first : 1 + block.first + block.size] = matrix.T * slope
        return out

    def _split(self, kind: str, theta: Array, singles: Any, matrices: Any, weights: Any) -> tuple[Array, Array]:
        """Rows of the loss and its slopes by the core's parameters, (1 + m, rows), and of its bends, (m, m, rows)."""
        rows = self._core(kind, theta, singles, matrices)
        if weights is not None:
            rows = rows * weights
        size = len(self.scalars) + len(self.blocks)
        bends = np.empty((size, size, rows.shape[1]), dtype=rows.dtype)
        i, j = np.tril_indices(size)
        bends[i, j] = bends[j, i] = rows[1 + size :]
        return rows[: 1 + size], bends

    def _bends(self, kind: str, theta: Array, singles: Any, matrices: Any, weights: Any) -> tuple[Array, Array]:
        """Loss and gradient, and the matrix of second derivatives, summed over these rows."""
        rows, bends = self._split(kind, theta, singles, matrices, weights)
        count, own = len(self.scalars), self.scalars
        matrix = np.zeros((len(theta), len(theta)), dtype=rows.dtype)
        matrix[np.ix_(own, own)] = bends[:count, :count].sum(axis=2)
        for b, (x, block) in enumerate(zip(matrices, self.blocks, strict=True)):
            mixed = bends[count + b, :count] @ x
            matrix[own, block.part], matrix[block.part, own] = mixed, mixed.T
            for c, (z, other) in enumerate(zip(matrices[: b + 1], self.blocks, strict=False)):
                products = x.T @ (z * bends[count + b, count + c][:, None])
                matrix[block.part, other.part] = products
                matrix[other.part, block.part] = products.T
        return self._joined(rows, matrices), matrix

    def _product(self, direction: Array, matrices: Any, bends: Array) -> Array:
        count = len(self.scalars)
        moved = [matrix @ direction[block.part] for matrix, block in zip(matrices, self.blocks, strict=True)]
        still = np.repeat(direction[self.scalars][:, None], bends.shape[2], axis=1)
        along = np.einsum("ijr,jr->ir", bends, np.concatenate([still, np.array(moved)]))
        out = np.empty(len(direction))
        out[self.scalars] = along[:count].sum(axis=1)
        for matrix, block, line in zip(matrices, self.blocks, along[count:], strict=True):
            out[block.part] = line @ matrix
        return out

    def _diagonal(self, matrices: Any, bends: Array) -> Array:
        count = len(self.scalars)
        out = np.empty(count + self.width)
        out[self.scalars] = bends[range(count), range(count)].sum(axis=1)
        for b, (matrix, block) in enumerate(zip(matrices, self.blocks, strict=True), start=count):
            out[block.part] = bends[b, b] @ np.square(matrix)
        return out

    def _penalised(self, kind: str, found: Array, theta: Array, total: Any) -> Array:
        """What was found, with the blocks' part of a penalty in the loss of every row."""
        if self.derivation.penalty is None or kind == "jacobian":
            return found
        l1, l2 = self._own.share_of("l1"), self._own.share_of("l2")
        signs = np.sign(theta.astype(float))
        if theta.dtype == object:
            l1, l2, signs = self.vector(l1), self.vector(l2), self.vector(signs)
        added = np.sum(l1 * abs(theta) + l2 * theta**2)
        place = 2 if kind == "value" else 0
        found[place] += total * added
        if kind != "value":
            slopes = total * (l1 * signs + 2 * l2 * theta)
            found[1:] += slopes if found.ndim == 1 else slopes[:, None]
        return found
