"""Puts two engines side by side and judges their difference by the rounding bound, output by output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from problems import Array
from steepest.calculus.derivation import Derivation
from steepest.check.rounding import EPS, rows_bound, sums_bound
from steepest.engines.table import Kernels, kernels


class Agreement(NamedTuple):
    """`ratio` is observed/allowed where both are finite. `causes` names the outputs of which the bound says nothing."""

    ratio: Array
    wrong: list[str]
    causes: list[str]


class Pair:
    """NumPy and compiled code for one derivation and one data set."""

    def __init__(self, derivation: Derivation, columns: Sequence[Array], weights: Array | None = None) -> None:
        self.derivation, self.columns, self.weights = derivation, columns, weights
        self.total = float(len(columns[0]) if weights is None else np.sum(weights))
        self.numpy, self.compiled = kernels("numpy", derivation), kernels("compiled", derivation)

    def sums_of(self, engine: Kernels, kind: str, theta: Array) -> Array:
        return engine.sums(kind, theta, self.columns, self.weights, self.total)

    def sums(self, kind: str, theta: Array) -> Agreement:
        bounds = [sums_bound(self.derivation, kind, theta, self.columns, self.weights, engine) for engine in ("numpy", "compiled")]
        left, right = (self.sums_of(engine, kind, theta) for engine in (self.numpy, self.compiled))
        with np.errstate(all="ignore"):
            allowed = EPS * (bounds[0].kappa + bounds[1].kappa)
        return judged(bounds[0].names, left, right, allowed, bounds[0].undecided)

    def rows(self, kind: str, theta: Array) -> Agreement:
        bound = rows_bound(self.derivation, kind, theta, self.columns)
        left, right = (engine.rows(kind, theta, self.columns) for engine in (self.numpy, self.compiled))
        names = [f"{name}, row {i}" for name in bound.names for i in range(left.shape[1])]
        return judged(names, left.ravel(), right.ravel(), 2 * EPS * bound.kappa.ravel(), bound.undecided)


def judged(names: Sequence[str], left: Array, right: Array, allowed: Array, undecided: Sequence[Any]) -> Agreement:
    """Finite values agree within the bound; where one engine overflows or is undefined, so must the other."""
    finite = np.isfinite(left) & np.isfinite(right)
    known = np.isfinite(allowed)
    both_gone = ~np.isfinite(left) & ~np.isfinite(right)
    with np.errstate(all="ignore"):
        observed = np.abs(left - right)
    bad = (known & finite & (observed > allowed)) | (known & ~finite & ~both_gone)
    wrong = [f"{names[k]}: {left[k]!r} and {right[k]!r}, allowed {allowed[k]:.3g}" for k in np.flatnonzero(bad)]
    cause = "kink" if len(undecided) else "overflow or infinite slope"
    causes = [f"{names[k]}: {cause}" for k in np.flatnonzero(~known & ~both_gone)]
    judgeable = finite & known & (allowed > 0)
    return Agreement(observed[judgeable] / allowed[judgeable], wrong, causes)
