"""Condensed rows: a few rows that stand for all, where the residual is Σ_j m_j(theta)·φ_j(row) and the loss is its square.

With [φ_j(row), y(row)] = QR, the sum of squares over all rows is that over the rows of R, for every theta: it is never negative,
as sums of moments can be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from steepest.calculus.condense import Condensed, condense, refused
from steepest.calculus.kernel import sums_kernel
from steepest.data.table import Columns
from steepest.descent.condensed.digits import Masses, OwnRounding
from steepest.descent.objective import Array, Objective
from steepest.descent.tsqr import slices, triangle
from steepest.engines.numpy_engine import PRINTED
from steepest.engines.table import Kernels, kernels, operations_of, why_not
from steepest.language.evaluate import evaluate

EPS = float(np.finfo(float).eps)
GOOD = 16.0  # how often the rows' own rounding is no reason to leave condensed rows
ALWAYS = GOOD**2  # terms up to which a linear model never gives one
MOST = 3_000  # nodes of a step whose code is not worth the time of its compilation
LOOKED_AT = 4_096  # rows on which the rows' own rounding is measured


class Factor:
    """The condensed form of an objective. Its data are factored once, when they are asked for.

    Raises EngineError where the model, the loss or the data do not allow it.
    """

    def __init__(self, plain: Objective) -> None:
        self.plain = plain
        self.parts = self._taken_apart()
        self.always = plain.derivation.is_linear and len(self.parts.features.outputs) <= ALWAYS
        self.coefficients = Masses(self.parts.coefficients, PRINTED)

    @cached_property
    def columns(self) -> Columns:
        """The rows of R, one column for each φ_j and one for y."""
        names = self.parts.derivation.formula.columns
        arrays = [np.array(column) for column in triangle(self._blocks()).T]
        for array in arrays:
            array.setflags(write=False)
        return Columns(names, tuple(arrays), f"{self.plain.columns.source}, condensed")

    @cached_property
    def norms(self) -> Array:
        """‖φ_j‖ and ‖y‖ over the rows."""
        norms: Array = np.linalg.norm(np.array(self.columns.arrays), axis=1)
        return norms

    @cached_property
    def numpy(self) -> Kernels:
        return kernels("numpy", self.parts.derivation)

    @cached_property
    def compiled(self) -> Kernels:
        """The fastest kernels here."""
        if why_not("compiled"):
            return self.numpy
        from steepest.engines.few import FewKernels

        return FewKernels(self.parts.derivation, self.parts.inside, self.columns.rows)

    @cached_property
    def own(self) -> OwnRounding:
        """The rounding of the residual as it is computed row by row."""
        jacobian = self.plain.derivation.program("jacobian")
        return OwnRounding(jacobian.pruned({"residual": jacobian.outputs["residual"]}), PRINTED)

    def pays(self, steps: int) -> bool:
        """Is it faster than all the rows, for so many steps? Counted in operations of a row, a step's own cost in as many."""
        rows, terms = self.plain.columns.rows, len(self.parts.features.outputs)
        nodes, operations = self.size
        made = 20 * rows * terms**2 + steps * (1_000 + operations)
        return nodes <= MOST and 2 * made < steps * rows * operations_of(self.plain.derivation)

    @cached_property
    def size(self) -> tuple[int, int]:
        """The nodes of a step's kernel, and the operations of a step."""
        kernel = sums_kernel(self.parts.derivation, "gradient", PRINTED)
        return len(kernel.nodes), len(kernel.once) + len(self.parts.features.outputs) * kernel.cost

    def _taken_apart(self) -> Condensed:
        parts = condense(self.plain.derivation)
        if self.plain.derivation.is_linear:
            return parts
        centres = {}
        for name, (low, high) in self._ranges(parts).items():
            if low > 0 or high < 0:  # far from zero, products of it would cancel
                centres[int(name)] = low + (high - low) / 2
        return condense(self.plain.derivation, centres) if centres else parts

    def _ranges(self, parts: Condensed) -> Mapping[str, tuple[float, float]]:
        atoms = parts.atoms
        found: dict[str, tuple[float, float]] = {}
        for part in slices(self.plain.columns.rows):
            values = evaluate(atoms, (), [column[part] for column in self.plain.columns.arrays])
            for name, place in atoms.outputs.items():
                low, high = found.get(name, (np.inf, -np.inf))
                found[name] = min(low, float(np.min(values[place]))), max(high, float(np.max(values[place])))
        return found

    def _blocks(self) -> Iterator[Array]:
        """The matrix [φ_j, y], times √w, some rows at a time."""
        features, weights = self.parts.features, self.plain.weights
        width = len(features.outputs)
        for part in slices(self.plain.columns.rows):
            values = evaluate(features, (), [column[part] for column in self.plain.columns.arrays])
            block = np.empty((width, part.stop - part.start))
            for line, place in zip(block, features.outputs.values(), strict=True):
                line[:] = values[place]
            bad = ~np.isfinite(block).all(axis=1)
            if bad.any():
                name = self.parts.derivation.formula.columns[int(np.argmax(bad))]
                row = part.start + int(np.argmin(np.isfinite(block[np.argmax(bad)])))
                raise refused(f"needs finite terms, and '{name}' is not finite at row index {row}")
            if weights is not None:
                block *= np.sqrt(weights[part])
            yield block.T


class CondensedObjective(Objective):
    """The loss over the rows of R, divided as that of all rows is. What is asked row by row comes from the rows themselves."""

    def __init__(self, factor: Factor, free: Any = None, through: Kernels | None = None) -> None:
        super().__init__(through or factor.numpy, factor.columns, free=free)
        self.factor = factor
        self.divisor = factor.plain.divisor

    @property
    def compiled(self) -> CondensedObjective:
        """The same through the fastest engine here."""
        return CondensedObjective(self.factor, self.free, self.factor.compiled)

    def on(self, rows: Any) -> CondensedObjective:
        return CondensedObjective(Factor(self.factor.plain.on(rows)), self.free)

    def rows(self, kind: str, theta: Array) -> Array:
        return self.factor.plain.rows(kind, theta)

    def mass(self, theta: Array) -> float:
        """S = Σ_j ‖φ_j‖·|m_j|, with |m_j| the mass of the coefficient before it cancels."""
        return float(np.dot(self.factor.norms, [*self.factor.coefficients(theta), 1.0]))

    def bound(self, theta: Array) -> float:
        """By how much the loss at theta may be wrong: 2√L·δ + δ² of the sum of squares L, with δ = 16·ε·S."""
        squares = float(self.loss(theta)) * float(self.divisor)
        delta = 16 * EPS * self.mass(theta)
        return float(2 * np.sqrt(squares) * delta + delta**2) / float(self.divisor)

    def losses(self, thetas: Array) -> Array:
        """The loss at many points, (k, p) → (k,): NaN where `holds` would have to measure."""
        program = self.factor.parts.coefficients
        values = evaluate(program, list(thetas.T))
        terms = np.array([np.broadcast_to(values[place], len(thetas)) for place in program.outputs.values()])
        *features, response = self.columns.arrays
        with np.errstate(all="ignore"):
            residuals = np.array(features).T @ terms - response[:, None]
            losses: Array = np.sum(residuals**2, axis=0) / float(self.divisor)
            if self.factor.always:
                return losses
            least = np.maximum(self.factor.norms[-1], np.sqrt(losses * float(self.divisor)))
            return np.where([self.mass(theta) for theta in thetas] <= GOOD * least, losses, np.nan)

    def holds(self, theta: Array, loss: float = 0.0) -> bool:
        """Is rounding here no worse than 16 times what the rows themselves suffer?

        Their residual, yhat - y, loses digits of y at least, and of itself, which `loss` tells where it is known; where that does
        not decide, what they lose is measured.
        """
        if self.factor.always:
            return True
        mass = self.mass(theta)
        with np.errstate(all="ignore"):
            least = max(float(self.factor.norms[-1]), float(np.sqrt(loss * float(self.divisor))))
        return mass <= GOOD * least or mass <= GOOD * self.own(theta)

    def own(self, theta: Array) -> float:
        """What the rows themselves lose, as `mass` counts it: measured on some of many rows."""
        plain = self.factor.plain
        some = np.arange(plain.columns.rows)[:: -(-plain.columns.rows // LOOKED_AT)]
        errors = np.broadcast_to(self.factor.own(theta, [column[some] for column in plain.columns.arrays]), len(some))
        weights = 1.0 if plain.weights is None else plain.weights[some]
        return float(np.sqrt(plain.columns.rows / len(some) * np.sum(weights * errors**2)))
