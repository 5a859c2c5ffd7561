"""`finite-difference`: the value alone, and differences of it: a witness that shares no derivative with the other engines.

Central differences at steps that are halved, extrapolated to a step of zero; of all estimates, the one that its neighbours
confirm best. Source: Richardson 1911; Ridders 1982, Advances in Engineering Software 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.calculus.kernel import written_kernel
from steepest.engines.numpy_engine import NumpyKernels, run
from steepest.engines.source import value_source
from steepest.engines.words import NUMPY
from steepest.errors import EngineError
from steepest.language.program import Program

Array = np.ndarray[Any, Any]
FIRST = 0.125  # the first step, relative to the parameter where that is more than 1
HALVINGS = 26
COLUMNS = 6  # extrapolations of one step
ROUNDINGS = 8  # of the value, in ε of the mass that was added
EPS = float(np.finfo(np.float64).eps)


class DifferenceKernels:
    """Values, and first derivatives with an estimate of their error."""

    name = "finite-difference"

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        self._value = cache(self._compile)

    @np.errstate(all="ignore")
    def sums(self, kind: str, theta: Array, columns: Sequence[Array], weights: Array | None, total: float) -> Array:
        """Sums over the rows of every output of the program `kind`, times the weights."""
        if kind == "value":
            return np.array([np.sum(self._row(output, theta, columns, weights)) for output in ("y", "yhat", "loss")])
        (first,) = self._first(kind, theta, columns, weights)
        return np.array([np.sum(first), *self.slopes(kind, theta, columns, weights)[0]])

    def rows(self, kind: str, theta: Array, columns: Sequence[Array]) -> Array:
        """Outputs × rows."""
        if kind == "value":
            return np.array([self._row(output, theta, columns, None) for output in ("y", "yhat", "loss")])
        found = [derivative(self._along(kind, theta, columns, None, k), *step(theta, k))[0] for k in range(len(theta))]
        return np.array([*self._first(kind, theta, columns, None), *found])

    def slopes(
        self, kind: str, theta: Array, columns: Sequence[Array], weights: Array | None, rounding: float = 0.0
    ) -> tuple[Array, Array]:
        """The derivatives of the summed loss ("gradient") or prediction ("jacobian"), (p,), and about how far off they are.

        `rounding` is how far off the sum itself may be, beyond a few roundings of it, where that is known.
        """
        found = []
        for k in range(len(theta)):
            rows = self._along(kind, theta, columns, weights, k)

            def summed(x: float, rows: Callable[[float], tuple[Array, Array]] = rows) -> tuple[Array, Array]:
                value, mass = rows(x)
                return np.sum(value, keepdims=True), np.sum(mass, keepdims=True)

            found.append(derivative(summed, *step(theta, k), rounding))
        return np.concatenate([value for value, _ in found]), np.concatenate([error for _, error in found])

    def vector(self, values: Any) -> Array:
        return np.array([float(value) for value in values])

    def number(self, value: Any) -> float:
        return float(value)

    def stepper(self, step: Program, states: tuple[str, ...]) -> Any:
        return NumpyKernels(self.derivation).stepper(step, states)

    def _first(self, kind: str, theta: Array, columns: Sequence[Array], weights: Array | None) -> tuple[Array]:
        if kind == "jacobian":
            return (self._row("yhat", theta, columns, weights) - self._row("y", theta, columns, weights),)
        return (self._row("loss", theta, columns, weights),)

    def _along(
        self, kind: str, theta: Array, columns: Sequence[Array], weights: Array | None, k: int
    ) -> Callable[[float], tuple[Array, Array]]:
        """What is differentiated, as a function of coordinate k: its rows, and their size."""
        if kind not in ("gradient", "jacobian"):
            raise EngineError(
                f"engine 'finite-difference' has no '{kind}': differences of differences keep too few digits; use another engine"
            )
        output = "loss" if kind == "gradient" else "yhat"

        def value(x: float) -> tuple[Array, Array]:
            rows = self._row(output, np.array([*theta[:k], x, *theta[k + 1 :]]), columns, weights)
            return rows, np.abs(rows)

        return value

    def _row(self, output: str, theta: Array, columns: Sequence[Array], weights: Array | None) -> Array:
        with np.errstate(all="ignore"):
            rows = np.broadcast_to(self._value(output)(theta, *columns), columns[0].shape)
            return rows if weights is None else weights * rows

    def _compile(self, output: str) -> Callable[..., Any]:
        return run(value_source(written_kernel(self.derivation, output, NUMPY.printed), NUMPY, "value"), "value")


def step(theta: Array, k: int) -> tuple[float, float]:
    """A coordinate, and the first step from it."""
    return float(theta[k]), FIRST * max(1.0, abs(float(theta[k])))


def pairs(x: float, size: float) -> Iterator[tuple[float, float]]:
    """The points above and below x that are used."""
    return ((x + size / 2**halving, x - size / 2**halving) for halving in range(HALVINGS))


@np.errstate(all="ignore")
def derivative(f: Callable[[float], tuple[Array, Array]], x: float, size: float, rounding: float = 0.0) -> tuple[Array, Array]:
    """f'(x) and about its error, element by element; f gives values and the mass that rounding acts on. No estimate: NaN, inf.

    >>> value, error = derivative(lambda u: (np.sin([u]), np.ones(1)), 1.0, 0.125)
    >>> bool(abs(value - np.cos(1.0)) <= error), bool(error < 1e-12)
    (True, True)
    """
    shape = f(x)[0].shape
    best, least = np.full(shape, np.nan), np.full(shape, np.inf)
    before: list[Array] = []
    for up, down in pairs(x, size):
        (above, mass), (below, other) = f(up), f(down)
        row = [(above - below) / (up - down)]
        noise = (rounding + ROUNDINGS * EPS * np.maximum(mass, other)) / (up - down)
        for j, coarser in enumerate(before[:COLUMNS], start=1):
            row.append(row[-1] + (row[-1] - coarser) / (4**j - 1))
            error = np.maximum(abs(row[j] - row[j - 1]), abs(row[j] - coarser)) + noise
            better = error < least
            best, least = np.where(better, row[j], best), np.where(better, error, least)
        before = row
    return best, least
