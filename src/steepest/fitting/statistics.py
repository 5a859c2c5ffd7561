"""How good a fit is in a few numbers: R², the likelihood, AIC and BIC; and how its parameters hang together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from steepest.descent.objective import Array, Objective
from steepest.errors import OptionError
from steepest.fitting.predict import by_rows
from steepest.fitting.uncertainty import LIKELIHOODS

if TYPE_CHECKING:
    from steepest.fitting.result import Fit


class Statistics(NamedTuple):
    """What needs all rows once more; nan where the loss gives it no meaning."""

    r_squared: float
    log_likelihood: float


def statistics(fit: Fit) -> Statistics:
    """R² of a quadratic loss, and the logarithm of the largest likelihood.

    R² = 1 - Σw(y - yhat)²/Σw(y - ȳ)², ȳ the weighted mean, of each response where there are several. ln L = -n/2·(ln(2π·rss/n) +
    1) + ½Σ ln w for a quadratic loss, whose errors are normal with the variance σ²/w, and -½Σ((y - yhat)²/σ² + ln 2πσ²) where σ
    is known; Σ(-ℓ) for logistic and cross-entropy, less Σ ln y! for poisson. Rows of weight 0 are left out, weights of those
    likelihoods count rows. A penalty has no part in either.
    """
    y, losses = responses(fit)
    weights = weights_of(fit.objective)
    counted = weights > 0
    if fit.is_quadratic:
        total = sum(float(np.sum(weights[k] * (y[k] - np.average(y[k], weights=weights[k])) ** 2)) for k in kinds(fit, counted))
        n = fit.rows
        with np.errstate(divide="ignore"):
            shape = np.log(2 * np.pi) * n + fit.rss if fit.known_errors else (np.log(2 * np.pi * fit.rss / n) + 1) * n
            likelihood = (np.sum(np.log(weights[counted])) - shape) / 2
        return Statistics(1 - fit.rss / total if total > 0 else math.nan, float(likelihood))
    if fit.problem["loss"] not in LIKELIHOODS:
        return Statistics(math.nan, math.nan)
    likelihood = -np.sum((weights * losses)[counted])
    if fit.problem["loss"] == "poisson":
        from scipy.special import gammaln

        likelihood -= np.sum((weights * gammaln(y + 1))[counted])
    return Statistics(math.nan, float(likelihood))


def kinds(fit: Fit, counted: Array) -> list[Array]:
    """The rows of each response, by number, without those of weight 0: one list, unless there are several formulas."""
    sets, columns = fit.together, fit.objective.columns
    if sets is None or len(sets.formulas) == 1:
        return [np.flatnonzero(counted)]
    codes = columns.arrays[columns.names.index(sets.groups[0].code)]
    return [rows for code in range(1, len(sets.formulas) + 1) if len(rows := np.flatnonzero(counted & (codes == code)))]


def responses(fit: Fit) -> Array:
    """y and the loss of each row, (2, rows), without a kernel that would have to be compiled for it."""
    value = fit.objective.derivation.unpenalised.program("value")
    wanted = value.pruned({name: value.outputs[name] for name in ("y", "loss")})
    return np.concatenate(list(by_rows(fit.objective.derivation, wanted, wanted, fit.theta, fit.objective.columns)), axis=1)


def weights_of(objective: Objective) -> Array:
    """One weight a row, 1 unless given, (rows,)."""
    return np.ones(objective.columns.rows) if objective.weights is None else objective.weights


def correlation(covariance: Array) -> Array:
    """C_ij/√(C_ii C_jj): 1 on the diagonal, nan for a parameter that is fixed or not known."""
    errors = np.sqrt(np.diag(covariance))
    with np.errstate(all="ignore"):
        matrix: Array = covariance / errors / errors[:, None]
    known = np.flatnonzero(errors > 0)
    matrix[known, known] = 1.0
    return np.clip(matrix, -1, 1)


def quantile(fit: Fit, level: float) -> float:
    """How many standard errors lie on either side of an estimate: Student's t for quadratic losses, the normal for others
    and for errors that are known.

    Raises OptionError for a level that is no share.
    """
    if isinstance(level, bool | str) or not isinstance(level, int | float | np.number) or not 0 < level < 1:
        raise OptionError(f"level is {level!r}: give a share between 0 and 1, as 0.95")
    if not fit.is_quadratic or fit.known_errors:
        from scipy.special import ndtri

        return float(ndtri((1 + level) / 2))
    if fit.dof <= 0:
        return math.nan
    from scipy.special import stdtrit

    return float(stdtrit(fit.dof, (1 + level) / 2))
