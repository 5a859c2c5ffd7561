"""Fits of models with dot(w, X), and penalties, against scikit-learn and statsmodels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import steepest as st

pytest.importorskip("sklearn")


def features(rows: int, size: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, size)) * 10.0 ** rng.uniform(-1, 1, size)
    X[:, 1:] += 0.5 * X[:, :-1]
    w = rng.normal(size=size) / X.std(axis=0) / np.sqrt(size)
    return X, X @ w + 0.3, rng


def data_for(loss: str, rows: int, size: int) -> dict[str, Any]:
    X, line, rng = features(rows, size)
    if loss == "logistic":
        y = (2 * line + rng.logistic(size=rows) > 0).astype(float)
    elif loss == "poisson":
        y = rng.poisson(np.exp(line)).astype(float)
    else:
        y = line + rng.normal(size=rows)
    return {"y": y, "X": X}


@pytest.mark.parametrize(("rows", "size"), [(300, 6), (3000, 80), (12_000, 300)])
@pytest.mark.parametrize("loss", ["mse", "logistic", "poisson"])
def test_statsmodels(loss: str, rows: int, size: int) -> None:
    sm = pytest.importorskip("statsmodels.api")
    data = data_for(loss, rows, size)
    families = {"mse": sm.families.Gaussian, "logistic": sm.families.Binomial, "poisson": sm.families.Poisson}
    theirs = sm.GLM(data["y"], np.column_stack([data["X"], np.ones(rows)]), family=families[loss]()).fit(tol=1e-14, maxiter=200)
    fit = st.fit("y ~ dot(w, X) + b", data, loss)
    assert fit.outcome == "converged", fit.reason
    assert_allclose(fit.theta, theirs.params, rtol=1e-8, atol=1e-8 * np.max(np.abs(theirs.params)))
    assert_allclose(list(fit.std_errors.values()), theirs.bse, rtol=1e-6)


@pytest.mark.parametrize(("rows", "size"), [(300, 6), (2000, 800), (200, 1000)])
def test_l2_of_logistic(rows: int, size: int) -> None:
    from sklearn.linear_model import LogisticRegression

    data = data_for("logistic", rows, size)
    theirs = LogisticRegression(C=0.5, solver="newton-cholesky", tol=1e-14, max_iter=1000).fit(data["X"], data["y"])
    fit = st.fit("y ~ dot(w, X) + b", data, "logistic", penalty=f"l2(w, {1 / rows})")
    assert fit.outcome == "converged", fit.reason
    assert "no standard errors" in fit.reason and np.isnan(fit["b"] * fit.std_errors["b"])
    expected = np.append(theirs.coef_[0], theirs.intercept_)
    assert_allclose(fit.theta, expected, rtol=1e-8, atol=1e-8 * np.max(np.abs(expected)))


@pytest.mark.parametrize(("rows", "size"), [(300, 6), (2000, 800), (200, 1000)])
@pytest.mark.parametrize("loss", ["sse", "mse", "half-mse"])
def test_l2_of_squares(loss: str, rows: int, size: int) -> None:
    from sklearn.linear_model import Ridge

    data = data_for("mse", rows, size)
    theirs = Ridge(alpha=3.0, solver="cholesky", tol=1e-14).fit(data["X"], data["y"])
    factor = {"sse": 3.0, "mse": 3.0 / rows, "half-mse": 1.5 / rows}[loss]
    fit = st.fit("y ~ dot(w, X) + b", data, loss, penalty=f"l2(w, {factor!r})")
    assert fit.outcome == "converged", fit.reason
    expected = np.append(theirs.coef_, theirs.intercept_)
    assert_allclose(fit.theta, expected, rtol=1e-7, atol=1e-8 * np.max(np.abs(expected)))


@pytest.mark.parametrize(("rows", "size"), [(300, 6), (1000, 300), (200, 500)])
@pytest.mark.parametrize("factor", [0.003, 0.03])
def test_l1_of_squares(rows: int, size: int, factor: float) -> None:
    from sklearn.linear_model import Lasso

    data = data_for("mse", rows, size)
    data["X"] = data["X"] / data["X"].std(axis=0)
    theirs = Lasso(alpha=factor, tol=1e-14, max_iter=1_000_000).fit(data["X"], data["y"])
    fit = st.fit("y ~ dot(w, X) + b", data, "half-mse", penalty=f"l1(w, {factor})")
    assert fit.outcome == "converged", fit.reason
    expected = np.append(theirs.coef_, theirs.intercept_)
    assert_allclose(fit.theta, expected, rtol=1e-6, atol=1e-6 * np.max(np.abs(expected)))
    assert np.array_equal(fit.theta == 0, expected == 0)


@pytest.mark.parametrize("factor", [0.003, 0.03])
def test_l1_of_logistic(factor: float) -> None:
    from sklearn.linear_model import LogisticRegression

    rows = 400
    data = data_for("logistic", rows, 30)
    data["X"] = data["X"] / data["X"].std(axis=0)
    theirs = LogisticRegression(l1_ratio=1, C=1 / (rows * factor), solver="saga", tol=1e-12, max_iter=200_000)
    theirs.fit(data["X"], data["y"])
    fit = st.fit("y ~ dot(w, X) + b", data, "logistic", penalty=f"l1(w, {factor})")
    assert fit.outcome == "converged", fit.reason
    expected = np.append(theirs.coef_[0], theirs.intercept_)
    assert_allclose(fit.theta, expected, rtol=1e-6, atol=1e-6 * np.max(np.abs(expected)))
    assert np.array_equal(fit.theta == 0, expected == 0)


def test_both_penalties_are_an_elastic_net() -> None:
    from sklearn.linear_model import ElasticNet

    data = data_for("mse", 500, 40)
    theirs = ElasticNet(alpha=0.1, l1_ratio=0.4, tol=1e-14, max_iter=1_000_000).fit(data["X"], data["y"])
    fit = st.fit("y ~ dot(w, X) + b", data, "half-mse", penalty="l1(w, 0.04) + l2(w, 0.03)")
    expected = np.append(theirs.coef_, theirs.intercept_)
    assert fit.outcome == "converged", fit.reason
    assert_allclose(fit.theta, expected, rtol=1e-6, atol=1e-6 * np.max(np.abs(expected)))


@pytest.mark.parametrize("loss", ["logistic", "mse", "poisson"])
def test_ten_thousand_features(loss: str) -> None:
    """As many as 10,000 columns in few rows: the gradient at the end is nothing, by a formula written out in NumPy."""
    data = data_for(loss, 150, 10_000)
    data["X"] /= np.linalg.norm(data["X"], axis=0)
    X, y = data["X"], data["y"]
    fit = st.fit("y ~ dot(w, X) + b", data, loss, penalty="l2(w, 0.01)")
    assert fit.outcome == "converged", fit.reason
    w, b = fit.theta[:-1], fit.theta[-1]
    line = X @ w + b
    slope = {"logistic": 1 / (1 + np.exp(-line)) - y, "mse": 2 * (line - y), "poisson": np.exp(line) - y}[loss] / len(y)
    gradient = np.append(slope @ X + 0.02 * w, slope.sum())
    assert np.linalg.norm(gradient) < 1e-8 * np.linalg.norm(np.abs(slope) @ np.abs(X))


def test_separable_classes_do_not_converge() -> None:
    data = data_for("logistic", 150, 100)
    fit = st.fit("y ~ dot(w, X) + b", data, "logistic")
    assert fit.outcome != "converged"
    wide = data_for("logistic", 2500, 2200)
    fit = st.fit("y ~ dot(w, X) + b", wide, "logistic")
    assert fit.outcome != "converged"


def test_more_columns_than_rows_are_said_not_to_be_determined() -> None:
    data = data_for("mse", 100, 1500)
    with pytest.warns(st.SteepestWarning, match="many parameters fit them equally well"):
        fit = st.fit("y ~ dot(w, X) + b", data)
    assert fit.rss < 1e-18 * float(data["y"] @ data["y"])
    assert np.isnan(fit.std_errors["w0"])


@pytest.mark.parametrize("penalty", ["l2(a, 0.5) + l2(b, 0.5)", "0.5*a**2 + 0.5*b**2", "0.5*(a**2 + b**2)"])
@pytest.mark.parametrize("loss", ["mse", "sse", "half-mse"])
def test_penalties_of_scalars(penalty: str, loss: str) -> None:
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 50))
    y = 2 * x - z + rng.normal(size=50)
    design = np.column_stack([x, z])
    factor = {"mse": 0.5 * 50, "sse": 0.5, "half-mse": 1.0 * 50}[loss]
    expected = np.linalg.solve(design.T @ design + factor * np.eye(2), design.T @ y)
    fit = st.fit("y ~ a*x + b*z", {"x": x, "y": y, "z": z}, loss, {"a": 1, "b": 1}, penalty=penalty)
    assert fit.outcome == "converged", fit.reason
    assert_allclose(fit.theta, expected, rtol=1e-9)


def test_l1_of_scalars_has_exact_zeros() -> None:
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 50))
    data = {"x": x, "z": z, "y": 2 * x + 0.01 * rng.normal(size=50)}
    fit = st.fit("y ~ a*x + b*z + c", data, "mse", {"a": 1, "b": 1, "c": 0}, penalty="l1(a, 0.1) + l1(b, 0.1)")
    assert fit.outcome == "converged", fit.reason
    assert fit["b"] == 0 and 1.8 < fit["a"] < 2
    assert "2 of 3 parameters are not 0" in fit.reason
