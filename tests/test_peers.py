"""The answers of a fit against SciPy, lmfit, statsmodels and scikit-learn: parameters, errors, intervals, bands, likelihoods."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from lmfit import Model, confidence
from scipy import optimize, stats
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression, PoissonRegressor

import steepest as st
from peers import PEERS
from steepest.fitting.result import Fit

LEVEL = 0.95
DIGITS = 1e-6
TIGHT: dict[str, Any] = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15}


@cache
def ours(name: str) -> Fit:
    fit = PEERS[name].problem().fit()
    assert fit.outcome == "converged", fit.reason
    return fit


@cache
def scipys(name: str) -> tuple[Any, Any]:
    """Parameters and covariance of curve_fit."""
    peer = PEERS[name]
    return optimize.curve_fit(
        peer.model, peer.columns, peer.y, [*peer.start.values()], sigma=1 / peer.root, jac=lambda _, *theta: peer.slopes(theta),
        method="trf", x_scale="jac", **TIGHT,
    )  # fmt: skip


def lmfits(name: str) -> Any:
    """lmfit, with the exact Jacobian: by differences, as it makes its own, the errors have half the digits."""
    peer = PEERS[name]

    def named(columns: Any, **parameters: float) -> Any:
        return peer.model(columns, *(parameters[name] for name in peer.start))

    def slopes(parameters: Any, y: Any, weights: Any, columns: Any) -> Any:
        free = [parameter.vary for parameter in parameters.values()]
        return -(peer.slopes([*parameters.valuesdict().values()]) * weights[:, None])[:, free]

    named.argnames, named.kwargs = ["columns", *peer.start], {}  # type: ignore[attr-defined]  # where lmfit looks for names
    model, tight = Model(named, ["columns"]), {"Dfun": slopes, **TIGHT}
    return model.fit(peer.y, columns=peer.columns, weights=peer.root, fit_kws=tight, **peer.start)


def values(by_name: dict[str, Any]) -> Any:
    return np.array([*by_name.values()])


def close(found: Any, right: Any, rtol: float = DIGITS, **options: Any) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(right), rtol=rtol, **options)


@pytest.mark.parametrize("name", PEERS)
def test_parameters_errors_and_intervals_of_scipy(name: str) -> None:
    fit, (theta, covariance) = ours(name), scipys(name)
    close(fit.theta, theta)
    close(values(fit.std_errors), np.sqrt(np.diag(covariance)))
    close(fit.covariance, covariance, atol=DIGITS * np.max(np.abs(covariance)))
    half = stats.t.ppf((1 + LEVEL) / 2, len(PEERS[name].y) - len(theta)) * np.sqrt(np.diag(covariance))
    close(values(fit.intervals(LEVEL).by_name), np.column_stack([theta - half, theta + half]), atol=DIGITS * np.max(half))


@pytest.mark.parametrize("name", PEERS)
def test_parameters_errors_and_statistics_of_lmfit(name: str) -> None:
    fit, right, (first, *others) = ours(name), lmfits(name), PEERS[name].start
    close(fit.theta, values(right.best_values))
    close(values(fit.std_errors), [parameter.stderr for parameter in right.params.values()])
    close(fit.correlation[0, 1:], [right.params[first].correl[other] for other in others], atol=DIGITS)
    close([fit.rss, fit.s**2, fit.dof], [right.chisqr, right.redchi, right.nfree])
    if PEERS[name].weights is None:
        close(fit.r_squared, right.rsquared)
    close(fit.aic - right.aic, fit.bic - right.bic, atol=1e-6)  # it leaves out the same constant in both


@pytest.fixture
def tight_confidence(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """lmfit looks for its limits to five digits; here to twelve."""

    def root_scalar(*args: Any, **options: Any) -> Any:
        return optimize.root_scalar(*args, **{**options, "rtol": 1e-12})

    monkeypatch.setattr(confidence, "root_scalar", root_scalar)
    yield


@pytest.mark.usefixtures("tight_confidence")
@pytest.mark.parametrize("name", PEERS)
def test_profile_intervals_of_lmfit(name: str) -> None:
    fit, right = ours(name), lmfits(name).conf_interval(sigmas=[LEVEL], maxiter=500)
    wide = values(fit.std_errors)[:, None]
    found = values(fit.intervals(LEVEL, "profile").by_name)
    close((found - fit.theta[:, None]) / wide, [[(right[n][k][1] - fit[n]) / fit.std_errors[n] for k in (0, 2)] for n in right])


@pytest.mark.parametrize("level", [0.68, 0.95])
@pytest.mark.parametrize("name", PEERS)
def test_confidence_bands_of_lmfit(name: str, level: float) -> None:
    band, right = ours(name).band(level=level), lmfits(name)
    close(band.yhat, right.best_fit, atol=DIGITS * np.max(np.abs(right.best_fit)))
    close(band.upper - band.yhat, right.eval_uncertainty(sigma=level, dscale=1e-3))
    if PEERS[name].weights is None:  # with weights, lmfit's is for a new row of weight 1
        wide = ours(name).band(level=level, kind="prediction")
        close(wide.yhat - wide.lower, right.dely_predicted)


@pytest.mark.parametrize("kind", ["confidence", "prediction"])
@pytest.mark.parametrize("name", PEERS)
def test_bands_of_scipys_covariance(name: str, kind: str) -> None:
    fit, (theta, covariance), peer = ours(name), scipys(name), PEERS[name]
    slopes = peer.slopes(theta)
    noise = fit.s**2 / peer.root**2 if kind == "prediction" else 0.0
    half = stats.t.ppf((1 + LEVEL) / 2, fit.dof) * np.sqrt(np.sum(slopes @ covariance * slopes, axis=1) + noise)
    band = fit.band(level=LEVEL, kind=kind)
    close(band.upper - band.yhat, half)
    close(band.yhat - band.lower, half)


# ---- classes and counts


def table(x: Any, y: Any, weights: Any = None) -> tuple[dict[str, Any], Any]:
    columns = {f"x{k + 1}": column for k, column in enumerate(np.asarray(x, dtype=float).T)}
    return {**columns, "y": np.asarray(y, dtype=float)}, weights


def classes() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    spector = sm.datasets.spector.load_pandas()
    iris, cancer = load_iris(return_X_y=True), load_breast_cancer(return_X_y=True)
    features = stats.zscore(cancer[0][:, [0, 1, 4, 7]])
    x = rng.normal(size=(120, 2))
    return {
        "spector": table(spector.exog, spector.endog),
        "iris": table(iris[0][50:], iris[1][50:] == 2),
        "cancer": table(features, cancer[1]),
        "counted": table(x, rng.random(120) < 1 / (1 + np.exp(1 - x @ [1, -2])), rng.integers(1, 6, 120)),
    }


def counts() -> dict[str, Any]:
    rng = np.random.default_rng(4)
    visits = sm.datasets.randhie.load_pandas()
    x, z = rng.normal(size=(80, 3)), rng.uniform(0, 3, (60, 1))
    return {
        "visits": table(visits.exog[["lncoins", "idp", "physlm", "hlthp"]][:3000], visits.endog[:3000]),
        "made": table(x, rng.poisson(np.exp(1 + x @ [0.5, -0.3, 0.1]))),
        "counted": table(z, rng.poisson(np.exp(0.3 + 0.8 * z[:, 0])), rng.integers(1, 4, 60)),
    }


SETS = {
    **{("logistic", name): data for name, data in classes().items()},
    **{("poisson", name): data for name, data in counts().items()},
}
FAMILIES = {"logistic": sm.families.Binomial, "poisson": sm.families.Poisson}


@cache
def likely(loss: str, name: str) -> tuple[Fit, Any]:
    """Ours, and the matrix of predictors."""
    data, weights = SETS[loss, name]
    predictors = [column for column in data if column != "y"]
    formula = "y ~ b0 + " + " + ".join(f"b{k + 1}*{column}" for k, column in enumerate(predictors))
    fit = st.fit(formula, data, loss, start=np.zeros(len(predictors) + 1), weights=weights)
    assert fit.outcome == "converged", fit.reason
    return fit, np.column_stack([data[column] for column in predictors])


@pytest.mark.parametrize(("loss", "name"), SETS)
def test_parameters_errors_and_likelihood_of_statsmodels(loss: str, name: str) -> None:
    (fit, x), (data, weights) = likely(loss, name), SETS[loss, name]
    model = sm.GLM(data["y"], sm.add_constant(x), FAMILIES[loss](), freq_weights=weights)
    right = model.fit(tol=1e-14, tol_criterion="params", maxiter=100)  # its errors are those of the step before the last
    close(fit.theta, right.params, rtol=1e-8)
    close(values(fit.std_errors), right.bse, rtol=1e-8)
    close(fit.covariance, right.cov_params(), rtol=1e-7, atol=1e-8 * np.max(fit.covariance))
    close(fit.log_likelihood, right.llf, rtol=1e-11)
    close(values(fit.intervals(LEVEL).by_name), right.conf_int(1 - LEVEL), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize(("loss", "name"), [key for key in SETS if SETS[key][1] is None])
def test_the_same_of_its_models_for_one_family(loss: str, name: str) -> None:
    (fit, x), data = likely(loss, name), SETS[loss, name][0]
    kind = {"logistic": sm.Logit, "poisson": sm.Poisson}[loss]
    right = kind(data["y"], sm.add_constant(x)).fit(
        start_params=fit.theta, method="newton", tol=1e-15, disp=False, warn_convergence=False
    )
    close(fit.theta, right.params, rtol=1e-8)
    close(values(fit.std_errors), right.bse, rtol=1e-8)
    close([fit.log_likelihood, fit.aic], [right.llf, right.aic], rtol=1e-11)
    close(fit.bic, right.bic, rtol=1e-11)


@pytest.mark.parametrize(("loss", "name"), SETS)
def test_parameters_of_scikit_learn(loss: str, name: str) -> None:
    (fit, x), (data, weights) = likely(loss, name), SETS[loss, name]
    options: dict[str, Any] = {"solver": "newton-cholesky", "tol": 1e-13, "max_iter": 1000}
    make = partial(LogisticRegression, C=np.inf) if loss == "logistic" else partial(PoissonRegressor, alpha=0)
    right = make(**options).fit(x, data["y"], sample_weight=weights)
    close(fit.theta, np.r_[np.ravel(right.intercept_), np.ravel(right.coef_)], rtol=1e-8)
    shown = 1 / (1 + np.exp(-fit.predict())) if loss == "logistic" else np.exp(fit.predict())
    close(shown, right.predict_proba(x)[:, 1] if loss == "logistic" else right.predict(x), rtol=1e-8)
