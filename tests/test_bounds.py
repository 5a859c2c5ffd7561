"""Bounds, ties and known errors: against SciPy and lmfit, and every way to use them wrongly."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import numpy as np
import pytest

import steepest as st
from steepest.errors import FormulaError, OptionError, SteepestError

RNG = np.random.default_rng(7)
X = np.linspace(0.2, 5, 60)
NOISE = RNG.normal(size=60)


def data(y: Any) -> dict[str, Any]:
    return {"x": X, "y": y, "s": 0.02 + 0.03 * (X > 2.5)}


# name: formula, data, start, the model for SciPy and lmfit. One bound is active in most of them.
PROBLEMS: dict[str, tuple[str, Any, dict[str, float], Any]] = {
    "line": ("y ~ a + b*x", data(1 + 2 * X + 0.3 * NOISE), {"a": 0.5, "b": 1}, lambda x, a, b: a + b * x),
    "decay": (
        "y ~ a*exp(-b*x) + c", data(3 * np.exp(-0.7 * X) + 0.3 + 0.05 * NOISE), {"a": 1, "b": 1, "c": 0.05},
        lambda x, a, b, c: a * np.exp(-b * x) + c,
    ),
    "michaelis": ("y ~ v*x/(k + x)", data(4 * X / (1.5 + X) + 0.05 * NOISE), {"v": 3, "k": 1}, lambda x, v, k: v * x / (k + x)),
    "gaussian": (
        "y ~ h*exp(-(x - m)**2/(2*w**2))", data(2 * np.exp(-((X - 2.4) ** 2) / 0.98) + 0.03 * NOISE), {"h": 1, "m": 2, "w": 1},
        lambda x, h, m, w: h * np.exp(-((x - m) ** 2) / (2 * w**2)),
    ),
    "power": ("y ~ a*x**b", data(1.5 * X**0.6 + 0.03 * NOISE), {"a": 1, "b": 1}, lambda x, a, b: a * x**b),
    "sine": (
        "y ~ a*sin(f*x + p)", data(2 * np.sin(1.8 * X + 0.4) + 0.05 * NOISE), {"a": 1.5, "f": 1.7, "p": 0.5},
        lambda x, a, f, p: a * np.sin(f * x + p),
    ),
    "growth": (
        "y ~ c/(1 + exp(-r*(x - m)))", data(5 / (1 + np.exp(-2 * (X - 2))) + 0.05 * NOISE), {"c": 4, "r": 1, "m": 2.5},
        lambda x, c, r, m: c / (1 + np.exp(-r * (x - m))),
    ),
    "parabola": (
        "y ~ a + b*x + c*x**2", data(1 - 2 * X + 0.5 * X**2 + 0.1 * NOISE), {"a": 0.5, "b": -1, "c": 0.2},
        lambda x, a, b, c: a + b * x + c * x**2,
    ),
    "two decays": (
        "y ~ a*exp(-b*x) + c*exp(-d*x)", data(2 * np.exp(-3 * X) + np.exp(-0.4 * X) + 0.01 * NOISE),
        {"a": 1.5, "b": 2, "c": 0.8, "d": 0.3}, lambda x, a, b, c, d: a * np.exp(-b * x) + c * np.exp(-d * x),
    ),
    "log": ("y ~ a*log(b + x)", data(2 * np.log(1.5 + X) + 0.03 * NOISE), {"a": 1, "b": 1}, lambda x, a, b: a * np.log(b + x)),
    "rational": ("y ~ (a + b*x)/(1 + c*x)", data((1 + 3 * X) / (1 + 0.8 * X) + 0.02 * NOISE), {"a": 0.5, "b": 2, "c": 0.5},
                 lambda x, a, b, c: (a + b * x) / (1 + c * x)),
}  # fmt: skip


def jacobian(model: Any, theta: Any) -> Any:
    """∂model/∂theta, (rows, p), by complex steps: exact to rounding, and none of our own derivatives."""
    steps = 1e-30j * np.eye(len(theta))
    return np.column_stack([np.imag(model(X.astype(complex), *(np.asarray(theta) + step))) / 1e-30 for step in steps])


def bounded_starts(name: str) -> tuple[dict[str, dict[str, float]], list[tuple[float, float]]]:
    """Bounds of which the last parameter's cuts off its free estimate, and the others' are wide."""
    formula, table, start, _ = PROBLEMS[name]
    free = st.fit(formula, table, start=start).parameters
    entries, pairs = {}, []
    for k, (parameter, value) in enumerate(start.items()):
        best = free[parameter]
        low, high = min(value, best) - 2 * abs(best - value) - 1, max(value, best) + 2 * abs(best - value) + 1
        if name == "log":
            low = -0.15 if parameter == "b" else low  # below -min(x) the model has no value
        if k == len(start) - 1:  # halfway between the start and the free estimate
            low, high = (low, (value + best) / 2) if best > value else ((value + best) / 2, high)
        entries[parameter] = {"value": value, "min": low, "max": high}
        pairs.append((low, high))
    return entries, pairs


@pytest.mark.parametrize("name", PROBLEMS)
def test_bounded_fits_are_those_of_scipy(name: str) -> None:
    from scipy.optimize import least_squares

    formula, table, start, model = PROBLEMS[name]
    entries, pairs = bounded_starts(name)
    fit = st.fit(formula, table, start=entries)
    assert fit.outcome == "converged"
    last = list(start)[-1]
    assert fit.at_bounds == {last: "max" if fit[last] == pairs[-1][1] else "min"}
    assert "bound" in fit.reason and math.isnan(fit.std_errors[last])
    peer = least_squares(
        lambda theta: model(X, *theta) - table["y"], list(start.values()), lambda theta: jacobian(model, theta),
        bounds=tuple(np.transpose(pairs)), xtol=1e-15, ftol=1e-15, gtol=1e-15, x_scale="jac",
    )  # fmt: skip
    assert fit.rss <= 2 * peer.cost * (1 + 1e-9)
    np.testing.assert_allclose(list(fit.parameters.values()), peer.x, rtol=1e-6)
    # And to all digits: the others as they are when this one is fixed there.
    held = st.fit(formula, table, start=start | {last: {"value": fit[last], "fixed": True}})
    np.testing.assert_allclose(list(fit.parameters.values()), list(held.parameters.values()), rtol=1e-9)
    errors = [fit.std_errors[name] for name in start if name != last]
    np.testing.assert_allclose(errors, [held.std_errors[name] for name in start if name != last], rtol=1e-7)


@pytest.mark.parametrize("name", PROBLEMS)
def test_bounds_that_do_not_matter_change_nothing(name: str) -> None:
    formula, table, start, _ = PROBLEMS[name]
    free = st.fit(formula, table, start=start)
    ends = {key: (min(value, free[key]) - 0.1, max(value, free[key]) + 9) for key, value in start.items()}
    wide = {key: {"value": value, "min": ends[key][0], "max": ends[key][1]} for key, value in start.items()}
    fit = st.fit(formula, table, start=wide)
    assert fit.outcome == free.outcome == "converged" and not fit.at_bounds
    np.testing.assert_allclose(list(fit.parameters.values()), list(free.parameters.values()), rtol=1e-9)
    np.testing.assert_allclose(list(fit.std_errors.values()), list(free.std_errors.values()), rtol=1e-6)


@pytest.mark.parametrize("loss", ["mse", "half-mse", "sse", "huber", "log-cosh", "soft-l1", "cauchy"])
def test_every_loss_keeps_to_bounds(loss: str) -> None:
    formula, table, start, _ = PROBLEMS["decay"]
    fit = st.fit(formula, table, loss, start={**start, "c": {"value": 0.05, "max": 0.2}})
    assert fit.outcome == "converged" and fit.at_bounds == {"c": "max"} and fit["c"] == 0.2
    held = st.fit(formula, table, loss, start={**start, "c": {"value": 0.2, "fixed": True}})
    assert fit.loss == pytest.approx(held.loss, rel=1e-12)


def test_counts_and_classes_keep_to_bounds() -> None:
    counts = {"x": X, "y": RNG.poisson(np.exp(0.2 + 0.4 * X)).astype(float)}
    fit = st.fit("y ~ a + b*x", counts, "poisson", start={"a": 0, "b": {"value": 0.1, "max": 0.3}})
    assert fit.outcome == "converged" and fit.at_bounds == {"b": "max"}


def test_many_rows_keep_to_bounds() -> None:
    x = np.linspace(0, 4, 60_000)
    table = {"x": x, "y": 3 * np.exp(-0.7 * x) + 0.3 + 0.05 * np.random.default_rng(1).normal(size=len(x))}
    fit = st.fit("y ~ a*exp(-b*x) + c", table, start={"a": 1, "b": 1, "c": {"value": 0, "max": 0.1}})
    held = st.fit("y ~ a*exp(-b*x) + c", table, start={"a": 1, "b": 1, "c": {"value": 0.1, "fixed": True}})
    assert fit.outcome == "converged" and fit["c"] == 0.1
    np.testing.assert_allclose(list(fit.parameters.values()), list(held.parameters.values()), rtol=1e-9)


def test_every_parameter_at_a_bound() -> None:
    fit = st.fit("y ~ a + b*x", PROBLEMS["line"][1], start={"a": {"value": 0, "max": 0.1}, "b": {"value": 0, "max": 1}})
    assert fit.outcome == "converged" and fit.at_bounds == {"a": "max", "b": "max"} and fit.dof == 60
    assert "at max" in fit.summary()


def test_a_parameter_that_leaves_its_bound_again() -> None:
    """It starts on the bound, and the minimum lies inside."""
    fit = st.fit("y ~ a*exp(-b*x) + c", PROBLEMS["decay"][1], start={"a": 1, "b": {"value": 3, "min": 0, "max": 3}, "c": 0})
    assert fit.outcome == "converged" and not fit.at_bounds


def test_the_model_is_not_evaluated_far_outside() -> None:
    """Below b = -0.2 the model has no value; the bound keeps the search where it has."""
    formula, table, _, _ = PROBLEMS["log"]
    fit = st.fit(formula, table, start={"a": 50, "b": {"value": 40, "min": -0.19}})
    assert fit.outcome == "converged" and fit["b"] == pytest.approx(1.5, abs=0.2)


def test_profiles_end_at_bounds() -> None:
    formula, table, start, _ = PROBLEMS["decay"]
    free = st.fit(formula, table, start=start)
    low = free["c"] - 0.5 * free.std_errors["c"]
    fit = st.fit(formula, table, start={**start, "c": {"value": free["c"], "min": low}})
    ends = fit.intervals(kind="profile")
    assert ends["c"].low == low and any("its bound" in note for note in ends.notes)
    assert ends["c"].high == pytest.approx(free.intervals(kind="profile")["c"].high, rel=1e-6)


def test_several_starts_stay_inside() -> None:
    formula, table, start, _ = PROBLEMS["sine"]
    problem = st.Problem(formula, table, start={**start, "f": {"value": 1.7, "min": 1, "max": 2.5}})
    fit = problem.fit(starts=8)
    assert fit.outcome == "converged" and 1 <= fit["f"] <= 2.5


# ---- descents


METHODS = ["gd", "momentum", "nesterov", "adam", "rmsprop", "v = 0.5*v + g; theta = theta - eta*v"]
SCIPY = ["trf", "dogbox", "L-BFGS-B", "TNC", "trust-constr", "Nelder-Mead", "Powell"]


@pytest.mark.parametrize("engine", ["numpy", "compiled", "torch", "jax"])
@pytest.mark.parametrize("method", METHODS)
def test_methods_by_equations_keep_to_bounds(method: str, engine: str) -> None:
    formula, table, start, _ = PROBLEMS["decay"]
    problem = st.Problem(formula, table, start={**start, "c": {"value": 0.05, "max": 0.2}})
    trace = problem.descend(method, 0.05, 200, engine=engine)
    assert trace["c"].max() == 0.2 and trace.loss[-1] < trace.loss[0]
    again = problem.descend(method, 0.05, 200, engine="numpy")
    np.testing.assert_allclose(trace.theta, again.theta, rtol=1e-9)


@pytest.mark.parametrize("method", SCIPY)
def test_methods_of_scipy_keep_to_bounds(method: str) -> None:
    formula, table, start, _ = PROBLEMS["decay"]
    problem = st.Problem(formula, table, start={**start, "c": {"value": 0.05, "max": 0.2}})
    trace = problem.descend(f"scipy:{method}", steps=2000)
    assert trace["c"].max() <= 0.2 and trace.final["c"] == pytest.approx(0.2, abs=1e-4)


def test_projected_descent_converges_where_the_fit_ends() -> None:
    formula, table, start, _ = PROBLEMS["decay"]
    problem = st.Problem(formula, table, start={**start, "c": {"value": 0.05, "max": 0.2}})
    trace = problem.descend(steps=20_000, until_gradient=1e-10)
    assert trace.outcome == "converged"
    np.testing.assert_allclose(list(trace.final.values()), list(problem.fit().parameters.values()), rtol=1e-7)
    assert "its bound 0.2" in str(trace.why()) and trace.recipe["bounds"] == {"c": [None, 0.2]}


def test_a_bounded_descent_runs_again(tmp_path: Any) -> None:
    formula, table, start, _ = PROBLEMS["decay"]
    problem = st.Problem(formula, table, start={**start, "c": {"value": 0.05, "max": 0.2}})
    trace = problem.descend(steps=50)
    trace.save(tmp_path / "run.parquet")
    assert np.array_equal(st.rerun(tmp_path / "run.parquet", table).theta, trace.theta)


@pytest.mark.parametrize("method", ["newton", "levenberg-marquardt", "bfgs", "torch:Adam", "optax:adam", "scipy:BFGS", "scipy:lm"])
def test_methods_that_cannot_say_so(method: str) -> None:
    formula, table, start, _ = PROBLEMS["decay"]
    problem = st.Problem(formula, table, start={**start, "c": {"value": 0.05, "max": 0.2}})
    with pytest.raises(OptionError, match="cannot keep to bounds: take"):
        problem.descend(method, steps=2)


# ---- ties


@pytest.mark.parametrize(
    ("name", "ties"),
    [
        ("decay", {"c": "a/10"}),
        ("two decays", {"c": "a/2"}),
        ("two decays", {"b": "8*d", "c": "a/2"}),
        ("parabola", {"c": "-b/4"}),
        ("gaussian", {"w": "m/4"}),
        ("growth", {"m": "c/2.5"}),
        ("rational", {"b": "a + 2"}),
        ("sine", {"p": "f/4"}),
        ("michaelis", {"k": "sqrt(v)"}),
        ("power", {"b": "1/a"}),
    ],
)
def test_ties_are_those_of_lmfit(name: str, ties: dict[str, str]) -> None:
    import lmfit

    formula, table, start, model = PROBLEMS[name]
    fit = st.fit(formula, table, start={**start, **ties})
    parameters = lmfit.Parameters()
    for parameter, value in start.items():
        parameters.add(parameter, value=value)
    for parameter, text in ties.items():
        parameters[parameter].expr = text
    peer = lmfit.minimize(
        lambda p: model(X, *[p[key].value for key in start]) - table["y"], parameters, xtol=1e-14, ftol=1e-14, gtol=1e-14
    )
    assert fit.outcome == "converged" and fit.ties == ties
    for parameter in start:
        found = fit.quantity(parameter if parameter in fit.parameters else ties[parameter])
        assert found.value == pytest.approx(peer.params[parameter].value, rel=1e-6) == fit[parameter]
        # lmfit's Jacobian is one of differences; by an exact one:
        assert found.std_error == pytest.approx(peer.params[parameter].stderr, rel=1e-4)
        assert found.std_error == pytest.approx(tied_errors(name, ties, fit)[parameter], rel=1e-6)
    assert all(f"{parameter} = {text}" in fit.summary() for parameter, text in ties.items())


TIES: dict[str, Any] = {  # what the texts say, once more
    "a/10": lambda v: v["a"] / 10, "a/2": lambda v: v["a"] / 2, "8*d": lambda v: 8 * v["d"], "-b/4": lambda v: -v["b"] / 4,
    "m/4": lambda v: v["m"] / 4, "c/2.5": lambda v: v["c"] / 2.5, "a + 2": lambda v: v["a"] + 2, "f/4": lambda v: v["f"] / 4,
    "sqrt(v)": lambda v: np.sqrt(v["v"]), "1/a": lambda v: 1 / v["a"],
}  # fmt: skip


def tied_errors(name: str, ties: dict[str, str], fit: Any) -> dict[str, float]:
    """Of all parameters, from the Jacobian along the free ones: its columns by complex steps through the ties."""
    _, table, start, model = PROBLEMS[name]
    free = [parameter for parameter in start if parameter not in ties]

    def whole(theta: Any) -> list[Any]:
        values = dict(zip(free, theta, strict=True))
        for parameter, text in ties.items():  # each names free parameters only
            values[parameter] = TIES[text](values)
        return [values[parameter] for parameter in start]

    theta = [fit[parameter] for parameter in free]
    slopes = jacobian(lambda x, *values: model(x, *whole(values)), theta)
    rss = np.sum((model(X, *whole(theta)) - table["y"]) ** 2)
    covariance = np.linalg.inv(slopes.T @ slopes) * rss / (len(X) - len(free))
    along = jacobian(lambda x, *values: np.array(whole(values)), theta)
    return dict(zip(start, np.sqrt(np.diag(along @ covariance @ along.T)), strict=True))


def test_ties_to_ties_to_new_parameters_and_in_mappings() -> None:
    formula, table, *_ = PROBLEMS["two decays"]
    fit = st.fit(formula, table, start={"a": 1.5, "b": {"tie": "d + gap"}, "c": "a/2", "d": 0.3, "gap": 2})
    free = st.fit(formula, table, start={"a": 1.5, "b": 2.3, "c": "a/2", "d": 0.3})
    assert set(fit.parameters) == {"a", "d", "gap"}
    assert fit["b"] == pytest.approx(free["b"], rel=1e-9)
    chain = st.fit(formula, table, start={"a": 1.5, "b": "4*c", "c": "a/2", "d": 0.3})
    assert chain["b"] == pytest.approx(2 * chain["a"], rel=1e-12)


def test_a_tied_fit_is_saved_and_loaded(tmp_path: Any) -> None:
    formula, table, start, _ = PROBLEMS["decay"]
    fit = st.fit(formula, table, start={**start, "c": "a/10", "b": {"value": 0.4, "min": 0, "max": 0.5}}, sigma="s")
    fit.save(tmp_path / "fit.json")
    again = st.load(tmp_path / "fit.json")
    assert again.ties == {"c": "a/10"} and again.at_bounds == {"b": "max"} and again.known_errors
    assert again.summary() == fit.summary()
    json.dumps(fit.to_dict(), allow_nan=False)


def test_quantities_by_hand() -> None:
    fit = st.fit("y ~ a + b*x", PROBLEMS["line"][1], start={"a": 0, "b": 0})
    (va, vab), (_, vb) = fit.covariance
    a, b = fit.parameters.values()
    value, error = fit.quantity("a/b + log(2)")
    assert value == pytest.approx(a / b + np.log(2), rel=1e-15)
    assert error == pytest.approx(np.sqrt(va / b**2 - 2 * a / b**3 * vab + a**2 / b**4 * vb), rel=1e-12)
    assert fit.quantity("a") == (a, fit.std_errors["a"])
    with pytest.raises(FormulaError, match="unknown parameter 'q'"):
        fit.quantity("a + q")


# ---- known errors


@pytest.mark.parametrize("name", PROBLEMS)
def test_sigma_is_that_of_scipy(name: str) -> None:
    from scipy.optimize import curve_fit

    formula, table, start, model = PROBLEMS[name]
    fit = st.fit(formula, table, start=start, sigma="s")
    theta, covariance = curve_fit(
        model, X, table["y"], list(start.values()), sigma=table["s"], absolute_sigma=True, xtol=1e-14, ftol=1e-14,
        jac=lambda x, *values: jacobian(model, values),
    )  # fmt: skip
    np.testing.assert_allclose(list(fit.parameters.values()), theta, rtol=1e-6)
    np.testing.assert_allclose(list(fit.std_errors.values()), np.sqrt(np.diag(covariance)), rtol=1e-6)
    residuals = (table["y"] - model(X, *theta)) / table["s"]
    assert fit.chi_squared == pytest.approx(residuals @ residuals, rel=1e-9)
    # Against relative weights: the same estimates, and errors that differ by s.
    relative = st.fit(formula, table, start=start, weights=1 / table["s"] ** 2)
    np.testing.assert_allclose(list(relative.parameters.values()), list(fit.parameters.values()), rtol=1e-9)
    scaled = [error / relative.s for error in relative.std_errors.values()]
    np.testing.assert_allclose(list(fit.std_errors.values()), scaled, rtol=1e-9)


def test_known_errors_of_a_line_by_hand() -> None:
    table = PROBLEMS["line"][1]
    fit = st.fit("y ~ a + b*x", table, sigma="s")
    design, weights = np.column_stack([np.ones(60), X]), 1 / table["s"] ** 2
    covariance = np.linalg.inv(design.T * weights @ design)
    np.testing.assert_allclose(fit.covariance, covariance, rtol=1e-10)
    np.testing.assert_allclose(list(fit.hessian_errors.values()), np.sqrt(np.diag(covariance)), rtol=1e-8)
    z = 1.959963984540054
    expected = [fit["b"] - z * np.sqrt(covariance[1, 1]), fit["b"] + z * np.sqrt(covariance[1, 1])]
    np.testing.assert_allclose(fit.intervals()["b"], expected, rtol=1e-9)
    np.testing.assert_allclose(fit.intervals(kind="profile")["b"], expected, rtol=1e-7)
    r = (table["y"] - design @ list(fit.parameters.values())) / table["s"]
    assert fit.log_likelihood == pytest.approx(-(r @ r + np.sum(np.log(2 * np.pi * table["s"] ** 2))) / 2, rel=1e-12)
    band = fit.band({"x": [1.0], "s": [0.5]}, kind="prediction")
    half = z * np.sqrt(np.array([1, 1]) @ covariance @ [1, 1] + 0.25)
    assert band.upper[0] - band.yhat[0] == pytest.approx(half, rel=1e-9)
    assert "Chi-squared" in fit.summary() and "z value" in fit.summary()


def test_sigma_serves_where_nothing_is_left_over() -> None:
    """Two rows for two parameters: s is 0/0, and known errors are known."""
    fit = st.fit("y ~ a + b*x", {"x": [0.0, 1.0], "y": [1.0, 3.0]}, sigma=0.1)
    assert fit.std_errors["a"] == pytest.approx(0.1) and fit.std_errors["b"] == pytest.approx(0.1 * np.sqrt(2))
    assert fit.quantity("a + b").std_error == pytest.approx(0.1)


def test_prediction_needs_the_errors_of_new_rows() -> None:
    table = PROBLEMS["line"][1]
    fit = st.fit("y ~ a + b*x", table, sigma=table["s"])
    with pytest.raises(OptionError, match="give sigma= as the name of a column"):
        fit.band({"x": [1.0]}, kind="prediction")
    assert np.isfinite(fit.band(kind="prediction").upper).all()
    same = st.fit("y ~ a + b*x", table, sigma=0.1)
    band, curve = same.band({"x": [1.0]}, kind="prediction"), same.band({"x": [1.0]})
    z = 1.959963984540054
    np.testing.assert_allclose(((band.upper - band.yhat) / z) ** 2, ((curve.upper - curve.yhat) / z) ** 2 + 0.01, rtol=1e-9)


def test_each_set_has_its_errors_in_predictions() -> None:
    rng = np.random.default_rng(2)
    x = np.linspace(0, 4, 30)
    table = {"x": x, "u": 200 * np.exp(-x) + rng.normal(size=30), "v": 2 - 2 * np.exp(-x) + 0.01 * rng.normal(size=30)}
    formulas, start = ["u ~ a*exp(-k*x)", "v ~ c*(1 - exp(-k*x))"], {"a": 100, "k": 0.8, "c": 1}
    fit = st.fit(formulas, table, start=start, sigma=[1, 0.01])
    band, curve = (fit.band({"x": [1.0, 1.0], "set": ["u", "v"]}, kind=kind) for kind in ("prediction", "confidence"))
    more = ((band.upper - band.yhat) / 1.959963984540054) ** 2 - ((curve.upper - curve.yhat) / 1.959963984540054) ** 2
    np.testing.assert_allclose(more, [1, 1e-4], rtol=1e-6)
    np.testing.assert_allclose(fit.band({"x": [1.0]}, kind="prediction", set="v").upper, band.upper[1:])
    y, model = table["v"], fit.predict({"x": x}, set="v")
    u, other = table["u"], fit.predict({"x": x}, set="u")
    left = ((u - other) ** 2).sum() + 1e4 * ((y - model) ** 2).sum()
    whole = ((u - u.mean()) ** 2).sum() + 1e4 * ((y - y.mean()) ** 2).sum()
    assert fit.r_squared == pytest.approx(1 - left / whole, rel=1e-9)


def test_bands_and_counts_of_parameters_at_a_bound() -> None:
    formula, table, start, _ = PROBLEMS["decay"]
    fit = st.fit(formula, table, start={**start, "c": {"value": 0.05, "max": 0.2}})
    held = st.fit(formula, table, start={**start, "c": {"value": 0.2, "fixed": True}})
    np.testing.assert_allclose(fit.band({"x": [1.0]}).upper, held.band({"x": [1.0]}).upper, rtol=1e-7)
    assert fit.aic == pytest.approx(held.aic, rel=1e-9) and fit.bic == pytest.approx(held.bic, rel=1e-9)
    assert fit.intervals().notes == ("not known for c: it is at its max",)


def test_a_square_at_its_own_zero() -> None:
    """No row changes with a to first order at a = 0, where the least loss is."""
    x = np.linspace(1, 3, 20)
    fit = st.fit("y ~ a**2*x", {"x": x, "y": -2 * x + 0.1 * NOISE[:20]}, start={"a": 1})
    assert fit.outcome == "converged" and abs(fit["a"]) < 1e-7


def test_one_label_and_rows_without() -> None:
    with pytest.raises(SteepestError, match="row index 0 has no label, and all others have 'B'"):
        st.Problem("y ~ a + b*x", {"x": X[:3], "y": X[:3], "g": ["", "B", "B"]}, own={"a": "g"})


def test_a_saved_fit_that_was_changed_is_refused(tmp_path: Any) -> None:
    formula, table, start, _ = PROBLEMS["decay"]
    fit = st.fit(formula, table, start=start)
    fit.save(tmp_path / "fit.json")
    text = (tmp_path / "fit.json").read_text()
    value = repr(fit["a"])
    (tmp_path / "fit.json").write_text(text.replace(value, value.replace("3", "4", 1)))
    with pytest.raises(SteepestError, match="its values are not those that were saved"):
        st.load(tmp_path / "fit.json")


# ---- wrong use


LINE = PROBLEMS["line"][1]
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"start": {"a": {"value": 3, "max": 2}}}, "start of 'a' is 3, outside its bounds, -inf to 2"),
    ({"start": {"a": {"min": 3, "max": 2}}}, "'a' has min 3 and max 2"),
    ({"start": {"a": {"min": 2, "max": 2}}}, "or fix 'a'"),
    ({"start": {"a": {"min": "low"}}}, "min of 'a' is 'low': give a number"),
    ({"start": {"a": {"min": float("nan")}}}, "min of 'a' is nan"),
    ({"start": {"a": {"minimum": 0}}}, "unknown key 'minimum': did you mean 'min'"),
    ({"start": {"a": {"fixed": True}}}, "'a' is fixed and has no value"),
    ({"start": {"a": "2*q"}}, "'a' is tied to '2*q': unknown parameter 'q'"),
    ({"start": {"a": "2*b", "b": "a/2"}}, "tied in a circle"),
    ({"start": {"a": "a + 1"}}, "tied in a circle"),
    ({"start": {"a": "2*x"}}, "tied to the column 'x': write it into the formula"),
    ({"start": {"a": "2*"}}, "'a' is tied to what is no expression"),
    ({"start": {"a": "__import__('os')"}}, "'a' is tied to what is no expression"),
    ({"start": {"z": "2*a"}}, "unknown parameter 'z'"),
    ({"start": {"a": {"tie": 3}}}, "is tied to 3: give an expression"),
    ({"start": {"a": {"tie": "b", "value": 2}}}, "is tied, and has other keys"),
    ({"sigma": [1.0, 2.0]}, "sigma must be one number for each of the 60 rows"),
    ({"sigma": 0}, "sigma must be positive"),
    ({"sigma": -0.1}, "sigma must be positive"),
    ({"sigma": [0.0] + [1.0] * 59}, "sigma 0.0 at row index 0"),
    ({"sigma": "nope"}, "no column 'nope'"),
    ({"sigma": 0.1, "weights": "s"}, "weights= and sigma= are both given"),
    ({"sigma": 0.1, "loss": "huber"}, "sigma= belongs to the losses mse, half-mse and sse"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_wrong_use_is_refused_in_a_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SteepestError) as caught, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        st.Problem("y ~ a + b*x", LINE, **options)
    assert message in str(caught.value) and len(str(caught.value).splitlines()) <= 4


@pytest.mark.parametrize("what", ["explain", "lab"])
def test_what_knows_no_bounds_says_so(what: str) -> None:
    problem = st.Problem("y ~ a + b*x", LINE, start={"a": {"value": 0, "min": 0}, "b": 1})
    with pytest.raises(OptionError, match="without bounds: leave min and max out"):
        getattr(problem, what)()
    with pytest.raises(OptionError, match="knows no bounds"):
        problem.descend(engine="condensed")
    with pytest.raises(OptionError, match="outside its bounds"):
        problem.with_start({"a": -1, "b": 1})


# ---- together with several sets


def test_bounds_ties_and_sigma_of_several_sets() -> None:
    """Against one parameter vector written out by hand."""
    from scipy.optimize import least_squares

    sets = [
        {"x": X, "y": k * np.exp(-0.8 * X) + k / 5 + 0.02 * NOISE[::step], "s": 0.02 + 0.01 * X} for k, step in ((2, 1), (5, -1))
    ]
    start = {"a": 1, "b": {"value": 0.3, "max": 0.7}, "c": "a/5"}
    fit = st.fit("y ~ a*exp(-b*x) + c", sets, start=start, own=["a"], sigma=["s", 0.05])
    assert fit.outcome == "converged" and set(fit.parameters) == {"a_1", "a_2", "b"} and fit.at_bounds == {"b": "max"}
    assert fit.ties == {"c_1": "a_1/5", "c_2": "a_2/5"} and fit["c_2"] == pytest.approx(fit["a_2"] / 5, rel=1e-15)

    def rows(theta: Any) -> Any:
        parts = [(a * np.exp(-0.7 * X) + a / 5 - table["y"]) / s
                 for a, table, s in zip(theta, sets, (sets[0]["s"], 0.05), strict=True)]  # fmt: skip
        return np.concatenate(parts)

    peer = least_squares(rows, [1, 1], xtol=1e-15, ftol=1e-15, gtol=1e-15)
    errors = np.sqrt(np.diag(np.linalg.inv(peer.jac.T @ peer.jac)))
    np.testing.assert_allclose([fit["a_1"], fit["a_2"]], peer.x, rtol=1e-7)
    np.testing.assert_allclose([fit.std_errors["a_1"], fit.std_errors["a_2"]], errors, rtol=1e-6)


def test_ties_to_what_groups_own(tmp_path: Any) -> None:
    table = {"x": np.tile(X, 2), "run": np.repeat(["hot", "cold"], 60), "y": np.concatenate([np.exp(-X), 3 * np.exp(-3 * X)])}
    fit = st.fit("y ~ a*exp(-b*x)", table, start={"a": 1, "b": "a*k", "k": 0.9}, own={"a": "run"})
    assert fit.ties == {"b_hot": "(a_hot*k)", "b_cold": "(a_cold*k)"} or fit.ties == {"b_hot": "a_hot*k", "b_cold": "a_cold*k"}
    assert fit["b_cold"] == pytest.approx(3, abs=1e-9)
    fit.save(tmp_path / "fit.json")
    assert st.load(tmp_path / "fit.json").summary() == fit.summary()


def test_ties_between_groups(tmp_path: Any) -> None:
    """The last of three amplitudes is half the first: as one vector written out by hand."""
    rng = np.random.default_rng(5)
    sets = [{"x": X, "y": k * np.exp(-0.8 * X) + 0.02 * rng.normal(size=60)} for k in (4, 3, 2)]
    fit = st.fit("y ~ a*exp(-b*x)", sets, own=["a"], start={"a": 1, "b": 1, "a_3": "a_1/2"})
    assert list(fit.parameters) == ["a_1", "a_2", "b"] and fit.ties == {"a_3": "a_1/2"}
    from scipy.optimize import least_squares

    def rows(theta: Any) -> Any:
        a1, a2, b = theta
        return np.concatenate([a * np.exp(-b * X) - one["y"] for a, one in zip((a1, a2, a1 / 2), sets, strict=True)])

    np.testing.assert_allclose(list(fit.parameters.values()), least_squares(rows, [1, 1, 1], xtol=1e-15, ftol=1e-15).x, rtol=1e-6)
    problem = st.Problem("y ~ a*exp(-b*x)", sets, own=["a"], start={"a": 1, "b": 1, "a_3": "a_1/2"})
    trace = problem.descend(steps=5)
    trace.save(tmp_path / "run.parquet")
    assert np.array_equal(st.rerun(tmp_path / "run.parquet", sets).theta, trace.theta)
    fit.save(tmp_path / "fit.json")
    assert st.load(tmp_path / "fit.json", problem).ties == fit.ties
    with pytest.raises(OptionError, match="unknown parameter 'a_9'"):
        st.Problem("y ~ a*exp(-b*x)", sets, own=["a"], start={"a_9": "a_1"})


# ---- claims at bounds


TRAPS = {  # from a start at the bound, where the slope is zero or has no end, and another point is lower
    "a saddle": ("y ~ a*b*x", 4 * X, {"a": {"value": 0, "min": 0}, "b": {"value": 0, "min": 0}}, 0.0),
    "a maximum": ("y ~ cos(a)*x", -4 * X, {"a": {"value": 0, "min": 0}}, float(9 * np.mean(X**2))),
    "a kink": ("y ~ abs(a)*x", 4 * X, {"a": {"value": 0, "min": 0}}, 0.0),
    "a flat start": ("y ~ a**3*x", 4 * X, {"a": {"value": 0, "min": 0}}, 0.0),
}


@pytest.mark.parametrize("name", TRAPS)
def test_a_bound_is_no_minimum_where_the_loss_falls_inwards(name: str) -> None:
    formula, y, start, least = TRAPS[name]
    fit = st.fit(formula, {"x": X, "y": y}, start=start)
    assert fit.loss == pytest.approx(least, abs=1e-9)


@pytest.mark.parametrize("bounds", [{"min": -5}, {"max": 5}, {"min": -5, "max": 5}])
def test_what_is_not_finite_is_no_minimum(bounds: dict[str, float]) -> None:
    table = {"x": X, "y": np.log(2 * X)}
    for start in ({"a": {"value": -1, **bounds}, "c": 0}, {"a": -1, "c": {"value": 0, **bounds}}):
        fit = st.fit("y ~ log(a*x) + c", table, start=start)
        assert fit.outcome == "nonfinite" and np.isfinite(list(fit.parameters.values())).all()


MODELS = {
    "y ~ a*exp(-b*x) + c": 3, "y ~ a/(1 + exp(-b*(x - c)))": 3, "y ~ a*exp(-(x - b)**2/(2*c**2))": 3, "y ~ a*x/(b + x)": 2,
    "y ~ a*sin(b*x + c)": 3, "y ~ a*x**b + c": 3, "y ~ a*exp(-b*x) + c*exp(-d*x)": 4, "y ~ a + b*x + c*x**2 + d*x**3": 4,
}  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_no_claim_has_a_lower_point_beside_it(seed: int) -> None:
    """Random models, data, starts and bounds, half of them tight: by random feasible points, near and nearer."""
    rng = np.random.default_rng(seed)
    formula = list(MODELS)[seed % len(MODELS)]
    names = "abcd"[: MODELS[formula]]
    x = np.sort(rng.uniform(0.1, 5, rng.integers(8, 40)))
    true = rng.uniform(0.3, 3, len(names))
    plain = st.Problem(formula, {"x": x, "y": x}, start=dict(zip(names, true.tolist(), strict=True)))
    y = plain.predict(true) + 0.05 * rng.normal(size=len(x))
    start = rng.uniform(0.3, 3, len(names))
    width = rng.uniform(0, 1, (2, len(names))) * rng.choice([0.01, 1.0], (2, len(names)))
    low, high = (np.where(rng.random(len(names)) < 0.5, start + side, side * np.inf) for side in (-width[0], width[1]))
    given = {k: {"value": s, "min": a, "max": b} for k, s, a, b in zip(names, start.tolist(), low, high, strict=True)}
    problem = st.Problem(formula, {"x": x, "y": y}, str(rng.choice(["mse", "huber", "cauchy"])), start=given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = problem.fit()
    theta = np.array(list(fit.parameters.values()))
    assert ((low <= theta) & (theta <= high)).all() and np.isfinite(theta).all()
    if fit.outcome == "converged":
        for far in np.repeat(10.0 ** np.arange(-7, -3), 40):
            beside = np.clip(theta + far * rng.normal(size=len(theta)) * np.maximum(np.abs(theta), 1e-3), low, high)
            there = problem.loss_at(beside)
            assert not there < fit.loss * (1 - 1e-9) - 1e-25
