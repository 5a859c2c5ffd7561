"""Bands around a fitted model, by the delta method: how far its values may lie, with the exact Jacobian."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.data.table import Columns, Table
from steepest.descent.objective import Array
from steepest.descent.weights import read_sigma
from steepest.errors import OptionError, unknown
from steepest.fitting.predict import predict, slopes
from steepest.fitting.statistics import quantile, weights_of

if TYPE_CHECKING:
    from steepest.fitting.result import Fit

KINDS = ("confidence", "prediction")


@dataclass(frozen=True, eq=False)
class Band:
    """`lower`, `yhat` and `upper`, (rows,) each."""

    lower: Array
    yhat: Array
    upper: Array
    level: float
    kind: str

    def to_dict(self) -> dict[str, Any]:
        """The columns of a table."""
        return {"lower": self.lower, "yhat": self.yhat, "upper": self.upper}


def band(fit: Fit, new: Any, level: float, kind: str) -> Band:
    """yhat ± q·√(JᵢCJᵢᵀ), and with s²/wᵢ (or σᵢ²) under the root for a new observation; q from Student's t, or from the normal."""
    if kind not in KINDS:
        raise OptionError(unknown("kind of band", str(kind), KINDS))
    if kind == "prediction" and not fit.is_quadratic:
        raise OptionError(
            f"kind is 'prediction', which needs a quadratic loss, and this is {fit.problem['loss']}: 'confidence' is known"
        )
    wide = quantile(fit, level)
    data = fit.objective.columns if new is None else fit.opened(new)
    yhat = predict(fit.objective.derivation, fit.theta, data)
    variance = variances(fit, data)
    if kind == "prediction":
        with np.errstate(divide="ignore"):
            variance = variance + fit.variance / (weights_of(fit.objective) if new is None else new_weights(fit, data))
    half = wide * np.sqrt(variance)
    return Band(yhat - half, yhat, yhat + half, float(level), kind)


def new_weights(fit: Fit, data: Columns | Table) -> Any:
    """Of new rows: 1, or 1/σ² from the column of that name."""
    if not fit.known_errors:
        return 1.0
    name = fit.problem["sigma"]
    if not isinstance(name, str) or not isinstance(data, Table):
        raise OptionError("the errors of new observations are not known: give sigma= as the name of a column, in the new data too")
    (sigma,) = data.columns([name]).arrays
    return read_sigma(sigma, len(sigma))


def variances(fit: Fit, data: Columns | Table) -> Array:
    """JᵢCJᵢᵀ, the variance of the fitted value in each row, (rows,)."""
    free = fit.objective.free
    covariance = fit.covariance[np.ix_(free, free)]
    parts = (part[free] for part in slopes(fit.objective.derivation, fit.theta, data))
    return np.concatenate([np.maximum(np.sum(covariance @ part * part, axis=0), 0) for part in parts])
