"""The `numpy` engine: the plan printed as NumPy source. The smallest problems are fastest here, and nothing is compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.calculus.kernel import rows_kernel, sums_kernel
from steepest.calculus.lower import lower
from steepest.engines.loops import gegenbauer
from steepest.engines.source import rows_source, run_source, step_source, sums_source
from steepest.engines.words import NUMPY
from steepest.language.program import Program

Array = np.ndarray[Any, np.dtype[np.float64]]
SLICE = 32_768  # rows at a time: temporaries then stay in the cache
PRINTED = NUMPY.printed


class NumpyKernels:
    """Kernels of one derivation."""

    name = "numpy"

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        self._sums = cache(self._compile_sums)
        self._rows = cache(self._compile_rows)

    def sums(self, kind: str, theta: Array, columns: Sequence[Array], weights: Array | None, total: float) -> Array:
        """Sums over the rows of every output of the program `kind`, times the weights; `total` is the sum of these."""
        function = self._sums(kind, weights is not None)
        n = len(columns[0])
        with np.errstate(all="ignore"):
            if n <= SLICE:
                return function(theta, total, weights, *columns)  # type: ignore[no-any-return]
            parts = [slice(start, start + SLICE) for start in range(0, n, SLICE)]
            return add_in_order(
                function(theta, 0.0 if part.start else total, None if weights is None else weights[part],
                         *(column[part] for column in columns))
                for part in parts
            )  # fmt: skip

    def rows(self, kind: str, theta: Array, columns: Sequence[Array]) -> Array:
        """Outputs × rows."""
        with np.errstate(all="ignore"):
            values = self._rows(kind)(theta, *columns)
        n = len(columns[0])
        out = np.empty((len(values), n))
        for line, value in zip(out, values, strict=True):
            line[:] = value
        return out

    def vector(self, values: Sequence[Any]) -> Array:
        return np.array([float(value) for value in values])

    def number(self, value: Any) -> float:
        return float(value)

    def stepper(self, step: Program, states: tuple[str, ...]) -> Callable[..., tuple[Array, ...]]:
        """One step of a method: theta, g, eta, t and states in, theta and states out."""
        return run(step_source(lower(step, PRINTED), states), "step")

    def source(self, kind: str) -> str:
        """The generated function for the sums, as it runs."""
        return sums_source(sums_kernel(self.derivation, kind, PRINTED), NUMPY, weighted=False)

    def _compile_sums(self, kind: str, weighted: bool) -> Callable[..., Any]:
        return run(sums_source(sums_kernel(self.derivation, kind, PRINTED), NUMPY, weighted), "sums")

    def _compile_rows(self, kind: str) -> Callable[..., Any]:
        return run(rows_source(rows_kernel(self.derivation, kind, PRINTED), NUMPY), "rows")


def run(source: str, function: str) -> Callable[..., Any]:
    """The function that a generated source defines."""
    names: dict[str, Any] = {"np": np, "gegenbauer": gegenbauer}
    if "special." in source:
        from scipy import special

        names["special"] = special
    return run_source(source, names)[function]  # type: ignore[no-any-return]


def add_in_order(parts: Iterable[Array]) -> Array:
    """Adds arrays one after the other and carries the rounding error along (two-sum, Knuth 1969)."""
    high: Any = 0.0
    low: Any = 0.0
    for part in parts:
        total = high + part
        moved = total - high
        low = low + ((high - (total - moved)) + (part - moved))
        high = total
    exact: Array = np.where(np.isnan(low), high, high + low)
    return exact
