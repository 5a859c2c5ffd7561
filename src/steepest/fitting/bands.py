"""Bands around a fitted model, by the delta method: how far its values may lie, with the exact Jacobian."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.data.table import Columns, Table
from steepest.descent.given.weights import read_sigma, read_weights
from steepest.descent.objective import Array
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


def band(fit: Fit, new: Any, level: float, kind: str, label: Any) -> Band:
    """yhat ± q·√(JᵢCJᵢᵀ), and with s²/wᵢ (or σᵢ²) under the root for a new observation; q from Student's t, or from the normal."""
    if kind not in KINDS:
        raise OptionError(unknown("kind of band", str(kind), KINDS))
    if kind == "prediction" and not fit.is_quadratic:
        raise OptionError(
            f"kind is 'prediction', which needs a quadratic loss, and this is {fit.problem['loss']}: 'confidence' is known"
        )
    wide = quantile(fit, level)
    data = fit.objective.columns if new is None else fit.opened(new, label)
    yhat = predict(fit.objective.derivation, fit.theta, data)
    variance = variances(fit, data)
    if kind == "prediction":
        with np.errstate(divide="ignore"):
            variance = variance + fit.variance / (
                weights_of(fit.objective) if isinstance(data, Columns) else new_weights(fit, data)
            )
    half = wide * np.sqrt(variance)
    return Band(yhat - half, yhat, yhat + half, float(level), kind)


def new_weights(fit: Fit, data: Table) -> Any:
    """Of new rows, as the fitted rows had them: from the column of that name, from the number of their set, or one for all."""
    if not fit.problem["weighted"]:
        return 1.0
    what = "sigma" if fit.known_errors else "weights"
    given = fit.problem.get(what)
    if isinstance(given, str):
        (values,) = data.columns([given]).arrays
    elif isinstance(given, list) and fit.together is not None:
        values = by_sets(given, fit.together.groups[0].code, data)
    elif isinstance(given, int | float) and not isinstance(given, bool):
        values = np.array([given])
    else:
        raise OptionError(
            f"{what} of new observations are not known: give {what}= as the name of a column, in the new data too, and fit again"
        )
    return (read_sigma if fit.known_errors else read_weights)(values, len(values))


def by_sets(given: list[Any], code: str, data: Table) -> Array:
    """What each row's set was given: a number, or the name of a column."""
    (codes,) = data.columns([code]).arrays
    each = [data.columns([one]).arrays[0] if isinstance(one, str) else np.full(len(codes), float(one)) for one in given]
    found: Array = np.array(each)[codes.astype(int) - 1, np.arange(len(codes))]
    return found


def variances(fit: Fit, data: Columns | Table) -> Array:
    """JᵢCJᵢᵀ, the variance of the fitted value in each row, (rows,)."""
    # What lies on a bound is held there, for this as for the errors of the others.
    names, held = list(fit.parameters), fit.at_bounds
    free = np.array([k for k in fit.objective.free if names[k] not in held], dtype=np.int64)
    covariance = fit.covariance[np.ix_(free, free)]
    parts = (part[free] for part in slopes(fit.objective.derivation, fit.theta, data))
    return np.concatenate([np.maximum(np.sum(covariance @ part * part, axis=0), 0) for part in parts])
