"""The `compiled` engine: the plan printed as LLVM IR and compiled in this process, for this processor."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.calculus.kernel import Kernel, rows_kernel, sums_kernel
from steepest.calculus.lower import lower
from steepest.engines.block import ALL, BATCH, SINGLE, Evaluate, block, split, sums_of
from steepest.engines.elementary import declarations, symbols
from steepest.engines.jit import Module, compiled
from steepest.engines.llvm import chunk_rows, chunk_sums, merge, row_outputs
from steepest.engines.numpy_engine import NumpyKernels
from steepest.language.evaluate import evaluate
from steepest.language.functions import FUNCTIONS
from steepest.language.program import Program

Array = np.ndarray[Any, np.dtype[np.float64]]
PRINTED = frozenset(name for name, row in FUNCTIONS.items() if row.libm) | {"sinc", "where"}
PAYS = 2_000_000  # operations of one evaluation from which a second thread saves more than it costs
NUMBER = 8  # bytes
POINTER, INTEGER, REAL = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double


class CompiledKernels:
    """Kernels of one derivation, compiled when first asked for."""

    name = "compiled"

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        self._sums = cache(self._compile_sums)
        self._rows = cache(self._compile_rows)
        self._blocks = cache(self._compile_block)

    def sums(self, kind: str, theta: Array, columns: Sequence[Array], weights: Array | None, total: float) -> Array:
        """Sums over the rows of every output of the program `kind`, times the weights; `total` is the sum of these."""
        return self._sums(kind, weights is not None)(theta, columns, weights, total)

    def rows(self, kind: str, theta: Array, columns: Sequence[Array]) -> Array:
        """Outputs × rows."""
        kernel, function = self._rows(kind)
        n = len(columns[0])
        out = np.empty((len(kernel.sums), n))
        function(address(theta), table(columns), n, address(out))
        return out

    def block(self, step: Program, states: tuple[str, ...], free: tuple[int, ...], weighted: bool, batch: int | None) -> Block:
        """A compiled block of a descent with these equations in the free coordinates, on all rows or on batches of so many."""
        return self._blocks(step, states, free, weighted, ALL if batch is None else SINGLE if batch == 1 else BATCH)

    def vector(self, values: Sequence[Any]) -> Array:
        return np.array([float(value) for value in values])

    def number(self, value: Any) -> float:
        return float(value)

    def stepper(self, step: Program, states: tuple[str, ...]) -> Any:
        """One step of a method outside a block: NumPy's, whose bits are the block's."""
        return NumpyKernels(self.derivation).stepper(step, states)

    def source(self, kind: str) -> str:
        """The LLVM IR of the sums, before optimisation."""
        ir, _ = sums_ir(sums_kernel(self.derivation, kind, PRINTED), weighted=False)
        return ir

    def _compile_sums(self, kind: str, weighted: bool) -> Sums:
        return Sums(sums_kernel(self.derivation, kind, PRINTED), weighted)

    def _compile_rows(self, kind: str) -> tuple[Kernel, Any]:
        kernel = rows_kernel(self.derivation, kind, PRINTED)
        ir, called = row_outputs(kernel)
        module = compiled(declarations(called) + ir, tuple(symbols(called)))
        return kernel, keep(module, "row_outputs", POINTER, POINTER, INTEGER, POINTER)

    def _compile_block(self, step: Program, states: tuple[str, ...], free: tuple[int, ...], weighted: bool, rows: str) -> Block:
        kernel = sums_kernel(self.derivation, "gradient", PRINTED)
        return Block(kernel, lower(step, PRINTED), states, free, weighted, sums_of(kernel, weighted, rows))


class Sums:
    """The sums of one kernel: chunk by chunk, on several threads where the rows make it pay."""

    def __init__(self, kernel: Kernel, weighted: bool) -> None:
        self.kernel = kernel
        self.size = chunk_rows(kernel)
        self.width = sum(s.inner is not None for s in kernel.sums)
        ir, called = sums_ir(kernel, weighted)
        module = compiled(ir, tuple(symbols(called)))
        self._chunks = keep(module, "chunk_sums", POINTER, POINTER, INTEGER, INTEGER, INTEGER, POINTER)
        self._merge = keep(module, "merge", POINTER, POINTER, INTEGER, REAL, POINTER)

    def __call__(self, theta: Array, columns: Sequence[Array], weights: Array | None, total: float) -> Array:
        n = len(columns[0])
        chunks = -(-n // self.size)
        partial = np.empty((chunks, max(1, self.width)))
        pointers = table(columns if weights is None else [*columns, weights])
        if self.width:
            self._run(theta, pointers, n, chunks, partial)
        out = np.empty(len(self.kernel.sums))
        self._merge(address(theta), address(partial), chunks, total, address(out))
        return out

    def _run(self, theta: Array, pointers: Any, n: int, chunks: int, partial: Array) -> None:
        workers = min(threads(), n * self.kernel.cost // PAYS, chunks)
        if workers < 2:
            self._chunks(address(theta), pointers, n, 0, chunks, address(partial))
            return
        edges = [chunks * w // workers for w in range(workers + 1)]
        jobs = [
            pool(os.getpid()).submit(self._chunks, address(theta), pointers, n, first, last, address(partial))
            for first, last in pairwise(edges)
        ]
        for job in jobs:
            job.result()


class Block:
    """A compiled block: rounds of evaluate, record and step, each on all rows or on its own batch."""

    def __init__(
        self, kernel: Kernel, step: Program, states: tuple[str, ...], free: tuple[int, ...], weighted: bool, sums: Evaluate
    ) -> None:
        self.kernel = kernel
        self.size = chunk_rows(kernel)
        self.shared, each = split(step, states)
        text, called = block(each, states, kernel.parameters, free, sums)
        ir, more = sums_ir(kernel, weighted, called)
        module = compiled(ir + text, tuple(symbols(called | more)))
        self._block = keep(
            module, "block", POINTER, POINTER, POINTER, POINTER, INTEGER, POINTER, POINTER, POINTER, POINTER, INTEGER, INTEGER,
            INTEGER, POINTER, POINTER, POINTER, POINTER, POINTER,
        )  # fmt: skip

    def __call__(
        self,
        theta: Array,
        state: Array,
        rates: Array,
        first: int,
        columns: Sequence[Array],
        shares: Array,
        rows: tuple[Any, Any, int] | None = None,
        look: bool = False,
    ) -> tuple[Array, Array, Array]:
        """Changes theta and state in place; returns the thetas, losses and gradients at which the steps were taken.

        With `look` no step is taken from the last point.

        A rate for each round; step numbers count from `first`. `shares` has the rows' total weight and their sums' divisor: (1, 2)
        where those of all rounds are alike, else (rounds, 2). `rows` are the row numbers of all rounds one after the other,
        where each round's begin, both int64, and the most that a round has.
        """
        steps, n, width = len(rates), len(columns[0]), len(theta)
        order, edges, most = rows or (shares, shares, n)
        buffers = [] if rows is None else list(np.empty((len(columns), most)))
        thetas, gradients = np.empty((2, steps, width))
        losses = np.empty(steps)
        partial = np.empty((-(-most // self.size), len(self.kernel.sums)))
        out = np.empty(len(self.kernel.sums))
        scalars = self._scalars(rates, first)
        share = 2 if len(shares) > 1 else 0
        where, own = (address(theta), address(state)), (address(partial), address(out))
        data = (table(columns), table(buffers), address(order))
        starts = [address(line) for line in (scalars, shares, edges, thetas, losses, gradients)]
        sizes = (scalars.shape[1], share, 1, width, 1, width)

        def run(first: int, count: int) -> None:
            numbers, part, begin, *points = (start + NUMBER * first * size for start, size in zip(starts, sizes, strict=True))
            self._block(*where, numbers, part, share, *data, begin, n, self.size, count, *points, *own)

        run(0, steps - look)
        if look:
            before = theta.copy(), state.copy()
            run(steps - 1, 1)
            theta[:], state[:] = before
        return thetas, losses, gradients

    def _scalars(self, rates: Array, first: int) -> Array:
        """The numbers of each round that no coordinate enters: (rounds, 1 + shared)."""
        if not self.shared.outputs:
            return rates[:, None]
        scalars = np.empty((len(rates), 1 + len(self.shared.outputs)))
        scalars[:, 0] = rates
        values = evaluate(self.shared, names={"eta": rates, "t": np.arange(first, first + len(rates), dtype=float)})
        for k, place in enumerate(self.shared.outputs.values()):
            scalars[:, 1 + k] = values[place]
        return scalars


def sums_ir(kernel: Kernel, weighted: bool, also_called: dict[str, int] | None = None) -> tuple[str, dict[str, int]]:
    """One module's text: declarations, chunk sums and merge."""
    chunk_text, called = chunk_sums(kernel, weighted)
    merge_text, more = merge(kernel)
    called = called | more
    return declarations(called | (also_called or {})) + chunk_text + merge_text, called


def keep(module: Module, name: str, *arguments: Any) -> Any:
    """The function, holding on to the module that its code lives in."""
    function = module.function(name, *arguments)
    function.module = module
    return function


def address(array: Any) -> int:
    # Four times as fast as array.ctypes.data, and a short block asks for eleven.
    return array.__array_interface__["data"][0]  # type: ignore[no-any-return]


def table(columns: Sequence[Array]) -> Any:
    return (ctypes.c_void_p * len(columns))(*(address(column) for column in columns))


def threads() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def pool(process: int) -> ThreadPoolExecutor:
    """The threads of this process: a forked child inherits the pool of its parent without them."""
    return ThreadPoolExecutor(threads(), thread_name_prefix="steepest")
