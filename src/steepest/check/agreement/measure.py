"""What an engine gives for some rows at a point, and how far that may be from the exact sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from steepest.check.rounding import EPS, sums_bound
from steepest.descent.objective import Array, Objective
from steepest.engines.differences import DifferenceKernels
from steepest.engines.tensors import Place

ERROR_BARS = 10.0  # an estimated error is no bound


class At(NamedTuple):
    """A point, and the part of the data that is summed there."""

    theta: Array
    columns: Sequence[Array]
    weights: Array | None

    def only(self, rows: Array) -> At:
        weights = None if self.weights is None else self.weights[rows]
        return At(self.theta, [column[rows] for column in self.columns], weights)

    def rounded(self, theta: bool, columns: bool) -> At:
        """The same with the parameters, or the columns and weights, rounded to float32."""

        def single(array: Array, asked: bool) -> Array:
            return np.asarray(array.astype(np.float32), dtype=float) if asked else array

        weights = None if self.weights is None else single(self.weights, columns)
        return At(single(self.theta, theta), [single(column, columns) for column in self.columns], weights)

    @property
    def rows(self) -> int:
        return len(self.columns[0])


def sums(objective: Objective, at: At) -> Array:
    """Loss and gradient of these rows, before they are divided, as floats."""
    k = objective.kernels
    weights = at.weights if at.weights is None else np.asarray(at.weights)
    total = k.number(at.rows if weights is None else float(np.sum(weights)))
    with np.errstate(all="ignore"):
        return np.array([_float(value) for value in k.sums("gradient", k.vector(at.theta), at.columns, weights, total)])


def _float(value: Any) -> float:
    """NaN for an exact number that is not real."""
    try:
        return float(value)
    except TypeError:
        return float("nan")


def allowed(objective: Objective, at: At) -> Array:
    """How far this engine's sums may be from the exact ones, (1 + p,)."""
    k = objective.kernels
    if k.name == "sympy":
        return np.zeros(len(at.theta) + 1)
    engine = "numpy" if k.name == "numpy" else "compiled"
    bound: Array = EPS * sums_bound(k.derivation, "gradient", list(at.theta), at.columns, at.weights, engine).kappa
    return bound


def measured(objective: Objective, at: At) -> tuple[Array, Array]:
    """The sums, and how far they may be from the exact ones; differences of the value come with an estimate of that."""
    k, bound = objective.kernels, allowed(objective, at)
    if not isinstance(k, DifferenceKernels):
        return sums(objective, at), bound
    slopes, error = k.slopes("gradient", at.theta, at.columns, at.weights, float(np.nan_to_num(bound[0], posinf=0.0)))
    loss = k.sums("value", at.theta, at.columns, at.weights, 0.0)[2]
    return np.array([loss, *slopes]), np.array([bound[0], *(ERROR_BARS * error)])


def precision(objective: Objective) -> float:
    """The relative rounding of an engine's numbers."""
    place = getattr(objective.kernels, "place", Place()).checked()
    return max(float(np.finfo(dtype).eps) for dtype in (place.dtype, place.data_dtype))
