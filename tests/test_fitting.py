"""Fits against closed forms, NumPy, SciPy and scikit-learn; outcomes where there is no minimum; the Fit itself."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest as st
from steepest.data.read import read_table
from steepest.fitting.predict import predict

Data = dict[str, np.ndarray]
RNG = np.random.default_rng(0)
X = np.linspace(0, 5, 60)
NOISE = RNG.normal(size=60)
LINE = {"x": X, "z": np.cos(X), "y": 2 - 3 * X + NOISE, "w": RNG.uniform(0.1, 3, 60)}
DECAY = {"x": X, "y": 3 * np.exp(-0.7 * X) + 1 + 0.05 * NOISE, "w": RNG.uniform(0.1, 3, 60)}
YES = {"x": X, "y": (NOISE + X > 2.5) * 1.0, "g": (X > 3.5) * 1.0}
COUNTS = {"x": X, "y": RNG.poisson(np.exp(0.2 + 0.4 * X)).astype(float)}
HEAVY = {"x": X, "y": 2 - 3 * X + RNG.standard_t(2, 60)}


def fit(formula: str, data: Any, loss: str = "mse", start: Any = None, **options: Any) -> Any:
    problem = st.Problem(formula, data, loss, start if start is not None else {}, **options)
    # Starts of 1 are announced; here they are meant.
    posed = problem._posed
    posed.start = posed.start.__class__(posed.start.values, posed.start.free, ())
    return problem.fit()


def values(numbers: dict[str, float]) -> list[float]:
    return list(numbers.values())


# ---- linear models


@pytest.mark.parametrize("loss", ["mse", "half-mse", "sse"])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_linear_model_is_the_normal_equations_solution(loss: str, weighted: bool) -> None:
    found = fit("y ~ a + b*x + c*z", LINE, loss, weights="w" if weighted else None)
    w = LINE["w"] if weighted else np.ones(60)
    design = np.column_stack([np.ones(60), X, LINE["z"]])
    inverse = np.linalg.inv(design.T @ (w[:, None] * design))
    right = inverse @ design.T @ (w * LINE["y"])
    rss = np.sum(w * (design @ right - LINE["y"]) ** 2)
    assert found.outcome == "converged" and found.method == "svd"
    np.testing.assert_allclose(found.theta, right, rtol=1e-12)
    np.testing.assert_allclose(found.covariance, rss / 57 * inverse, rtol=1e-11)
    np.testing.assert_allclose(values(found.std_errors), np.sqrt(np.diag(rss / 57 * inverse)), rtol=1e-11)
    assert found.rss == pytest.approx(rss, rel=1e-12)
    assert (found.dof, found.rows) == (57, 60)


def test_the_sine_polynomial_against_50_digits() -> None:
    """Exact least squares on the grid of doubles; the even weights are zero but for the grid's rounding."""
    odd = [0.999449154400827770942946485299, -0.165837294341263829225276563543]
    odd += [0.00799827633617342669415023755954, -0.00014771880358366836121120587249]
    found = st.Problem("y ~ poly(x, 7, w)", "@sine").fit()
    np.testing.assert_allclose(found.theta[1::2], odd, rtol=1e-14)
    np.testing.assert_allclose(found.theta[::2], 0, atol=1e-15)
    assert found.loss == pytest.approx(2.46126731920980615359631809833e-8, rel=1e-12)


def test_integer_weights_are_repeated_rows() -> None:
    times = np.arange(60) % 3
    repeated = {name: np.repeat(column, times) for name, column in LINE.items()}
    one = fit("y ~ a + b*x", LINE, weights=times)
    other = fit("y ~ a + b*x", repeated)
    np.testing.assert_allclose(one.theta, other.theta, rtol=1e-12)
    assert one.rows == 40  # a weight of 0 counts for nothing
    scaled = (other.dof / one.dof) ** 0.5
    np.testing.assert_allclose(values(one.std_errors), np.array(values(other.std_errors)) * scaled, rtol=1e-11)


def test_columns_that_cannot_be_told_apart_give_the_shortest_solution() -> None:
    found = fit("y ~ a + b*x + c*u", {**LINE, "u": 2 * X})
    design = np.column_stack([np.ones(60), X, 2 * X])
    np.testing.assert_allclose(found.theta, np.linalg.lstsq(design, LINE["y"])[0], rtol=1e-10)
    assert found.outcome == "converged"
    assert "only 2 of 3 parameters apart: b and c are not determined" in found.reason
    assert np.isnan(values(found.std_errors)).tolist() == [False, True, True]
    without = fit("y ~ a + b*x", LINE)
    assert found.std_errors["a"] == pytest.approx(without.std_errors["a"] * (58 / 57) ** 0.5, rel=1e-10)


def test_a_column_of_zeros() -> None:
    found = fit("y ~ a + b*x + c*u", {**LINE, "u": 0 * X})
    assert "c is not determined" in found.reason
    assert np.isnan(values(found.std_errors)).tolist() == [False, False, True]


def test_fewer_rows_than_parameters() -> None:
    data = {"x": [1, 2, 3], "y": [1, 2, 5]}
    with pytest.warns(st.SteepestWarning, match="3 rows for 4 parameters"):
        found = fit("y ~ a + b*x + c*x**2 + d*x**3", data)
    np.testing.assert_allclose(found.predict(), data["y"], rtol=1e-12)
    assert found.dof == -1 and np.isnan(found.s) and np.isnan(values(found.std_errors)).all()
    found = fit("y ~ a + b*x + c*x**2", data)
    np.testing.assert_allclose(found.theta, [2, -2, 1], rtol=1e-12)
    assert found.dof == 0 and np.isnan(values(found.std_errors)).all()


@pytest.mark.parametrize("formula", ["y ~ a + b*x", "y ~ a*exp(b*x)"])
def test_a_fixed_parameter_stays_and_has_no_error(formula: str) -> None:
    found = fit(formula, DECAY, start={"a": {"value": 2.5, "fixed": True}, "b": -1})
    assert found.parameters["a"] == 2.5 and found.std_errors["a"] == 0
    assert found.outcome == "converged" and found.dof == 59
    other = fit(formula.replace("a", "2.5"), DECAY, start={"b": -1})
    assert found.parameters["b"] == pytest.approx(other.parameters["b"], rel=1e-12)
    assert found.std_errors["b"] == pytest.approx(other.std_errors["b"], rel=1e-10)
    with pytest.raises(st.OptionError, match="every parameter is fixed"):
        fit("y ~ a", DECAY, start={"a": {"value": 1, "fixed": True}})


# ---- nonlinear least squares


@pytest.mark.parametrize("weighted", [False, True])
def test_a_decay_against_scipy(weighted: bool) -> None:
    from scipy.optimize import curve_fit

    found = fit("y ~ a*exp(-b*x) + c", DECAY, weights="w" if weighted else None)
    sigma = 1 / np.sqrt(DECAY["w"]) if weighted else None
    options = {"xtol": 1e-14, "ftol": 1e-14, "gtol": 1e-14}
    right, covariance = curve_fit(lambda x, a, b, c: a * np.exp(-b * x) + c, X, DECAY["y"], [1, 1, 1], sigma=sigma, **options)
    np.testing.assert_allclose(found.theta, right, rtol=1e-6)
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-5)
    design = np.linalg.norm(found.objective.at(found.theta).gradient)
    assert design < 1e-14


def test_the_scale_of_columns_and_parameters_does_not_matter() -> None:
    one = fit("y ~ a*exp(-b*x) + c", DECAY)
    for size in (1e-12, 1e12):
        data = {"x": X * size, "y": DECAY["y"] / size}
        other = fit("y ~ a*exp(-b*x) + c", data, start={"a": 1 / size, "b": 1 / size, "c": 1 / size})
        assert other.outcome == "converged"
        np.testing.assert_allclose(other.theta * size, one.theta, rtol=1e-12)


@pytest.mark.parametrize("loss", ["mse", "huber", "log-cosh"])
def test_a_perfect_fit_is_found(loss: str) -> None:
    found = fit("y ~ a*exp(-b*x)", {"x": X, "y": 2 * np.exp(-0.5 * X)}, loss)
    assert found.outcome == "converged"
    np.testing.assert_allclose(found.theta, [2, 0.5], rtol=1e-13)


def test_a_trial_outside_the_domain_is_a_rejected_step() -> None:
    data = {"x": X + 1, "y": np.log(2 * (X + 1) - 1.9)}
    for loss in ("mse", "huber"):
        found = fit("y ~ log(a*x - b)", data, loss, start={"a": 3, "b": 0})
        assert found.outcome == "converged", found.reason
        np.testing.assert_allclose(found.theta, [2, 1.9], rtol=1e-12)


def test_a_saddle_is_left() -> None:
    """Two equal terms that start equal; and a product that starts at 0."""
    data = {"x": X, "y": 3 * np.exp(-0.5 * X) + 2 * np.exp(-3 * X) + 1e-3 * NOISE}
    found = fit("y ~ a*exp(-b*x) + c*exp(-d*x)", data)
    apart = fit("y ~ a*exp(-b*x) + c*exp(-d*x)", data, start={"a": 2, "b": 0.4, "c": 2, "d": 2})
    assert found.outcome == apart.outcome == "converged"
    assert found.rss == pytest.approx(apart.rss, rel=1e-10)
    start = {"a": {"value": 0}, "b": 0}
    assert fit("y ~ a*b + b*x", {"x": X, "y": 1 + 2 * X + NOISE}, start=start).outcome == "converged"


def test_a_legendre_curve_from_a_symmetric_start() -> None:
    """Its optimum is that of the odd cubic polynomial, a linear problem."""
    found = st.Problem("y ~ a + b*P3(c + d*x)", "@sine2000").fit()
    assert found.outcome == "converged"
    cubic = st.Problem("y ~ a*x + b*x**3", "@sine2000", start={"a": 0, "b": 0}).fit()
    assert found.rss == pytest.approx(cubic.rss, rel=1e-12)
    assert found.rss == pytest.approx(8.817165410007025, rel=1e-13)


# ---- no minimum: never "converged"

FLAT = {"x": X + 1, "y": 5 + NOISE}
BLANK = {"x": X + 1, "y": 5 + 0 * X}
NO_MINIMUM: dict[str, tuple[str, Data, str, dict[str, float]]] = {
    "a parameter that has run away": ("y ~ a + exp(-b*x)", FLAT, "mse", {"a": 1, "b": 1000}),
    "one that runs away": ("y ~ a + c/(1 + (b*x)**2)", {"x": X, "y": 1 - X**2}, "mse", {"a": 1, "b": 1, "c": 1}),
    "a line as the limit of a curve": (
        "y ~ a*exp(-b*x) + c",
        {"x": X, "y": 5 + 2 * X},
        "mse",
        {"a": 1, "b": 0.1, "c": 0},
    ),
    "a product": ("y ~ a*b*x", LINE, "mse", {"a": 1, "b": 1}),
    "a square that should be negative": ("y ~ a**2*x", LINE, "mse", {"a": 1}),
    "a step of the data": ("y ~ a + where(x > c, 1, 0)", LINE, "mse", {"a": 1, "c": 2}),
    "dead relu": ("y ~ relu(a*x - b)", BLANK, "mse", {"a": -1, "b": 1}),
    "separable classes": ("y ~ a + b*x", {"x": X, "y": (X > 2) * 1.0}, "logistic", {"a": 0, "b": 0}),
    "a class without exception": ("y ~ a + b*g", {**YES, "y": np.maximum(YES["y"], YES["g"])}, "logistic", {"a": 0}),
    "the same by its complement": (
        "y ~ a + b*h",
        {"h": 1 - YES["g"], "y": np.maximum(YES["y"], YES["g"])},
        "logistic",
        {"a": 0},
    ),
    "counts that are all zero": ("y ~ a + b*x", {"x": X, "y": 0 * X}, "poisson", {"a": 0, "b": 0}),
    "kinks": ("y ~ a + b*x", HEAVY, "mae", {"a": 0, "b": 0}),
}


@pytest.mark.parametrize("case", NO_MINIMUM)
def test_no_false_success(case: str) -> None:
    found = fit(*NO_MINIMUM[case])
    assert found.outcome in ("stopped", "steps")
    assert np.isfinite(found.theta).all()
    assert np.isnan(values(found.std_errors)).all()
    assert found.reason in found.sentence and found.outcome in found.sentence


@pytest.mark.parametrize(
    ("formula", "start", "part"),
    [
        ("y ~ log(a*x - b)", {"a": 1, "b": 2}, "log(a*x - b) is nan at row index 0, where a*x - b = -1"),
        ("y ~ a*exp(b*x)", {"a": 1, "b": 9000}, "exp(b*x) is inf at row index 0, where b*x = 9000"),
        ("y ~ a/(x - b)", {"a": 1, "b": 1}, "a/(x - b) is inf at row index 0, where a = 1 and x - b = 0"),
    ],
)
@pytest.mark.parametrize("loss", ["mse", "huber"])
def test_a_start_that_is_not_finite_names_the_place(formula: str, start: Any, part: str, loss: str) -> None:
    found = fit(formula, FLAT, loss, start)
    assert found.outcome == "nonfinite"
    assert part in found.reason
    assert found.parameters == start
    trace = st.Problem(formula, FLAT, loss, start).descend(lr=0.1, steps=2)
    assert trace.outcome == "nonfinite" and part in trace.reason


# ---- claims that an attack found false

KINK = {"x0": [1.0, 0, 0], "x1": [0, 1.0, 0], "q": [0, 0, 1.0], "y": [0, 0, 5.0]}


@pytest.mark.parametrize("loss", ["mse", "huber(100)"])
@pytest.mark.parametrize(
    ("term", "start"),
    [
        ("relu(a*b)", [-0.5, 0.3]),
        ("abs(a*b)", [0.5, 0]),
        ("min(abs(a), abs(b))", [1, 0]),
        ("where(a*b > 0, 5, 0)", [-0.5, 0.3]),
    ],
)
def test_a_kink_or_a_jump_off_the_axes(term: str, start: list[float], loss: str) -> None:
    """At (0, 0) the loss rises along both axes, and falls along (t, t)."""
    found = fit(f"y ~ a*x0 + b*x1 + q*{term}", KINK, loss, start)
    assert found.outcome == "stopped" and np.isnan(values(found.std_errors)).all()


def test_a_small_concave_kink() -> None:
    found = fit("y ~ a", {"y": [-1.0, 0, 1]}, "(y - yhat)**2 - 0.001*abs(y - yhat)", [0])
    assert found.outcome == "stopped"


def test_a_minimum_beside_kinks_is_found() -> None:
    data = {"x": X, "y": 1 + X + 2 * np.maximum(X - 2.33, 0) + 0.1 * NOISE}
    found = fit("y ~ a + b*x + c*relu(x - d)", data, start=[1, 1, 1, 2])
    assert found.outcome == "converged", found.reason
    right = X - found["d"] > 0
    design = np.column_stack([~right, ~right * X, right, right * X])
    assert found.rss == pytest.approx(np.linalg.lstsq(design, data["y"])[1][0], rel=1e-9)


@pytest.mark.parametrize(("size", "kink"), [(65, ""), (3, " + q*abs(a0 - a1)**1.5*1e-3")])
def test_a_saddle_where_there_is_no_exact_hessian(size: int, kink: str) -> None:
    """Too many parameters, or a second derivative that is infinite. The minimum has all parameters equal."""
    terms = [f"a{k}*x{k}" for k in range(size)]
    rows = np.eye(size + 1)
    data = {f"x{k}": rows[k] for k in range(size)} | {"q": rows[size], "y": 0.2 * rows[size]}
    total = " + ".join(f"a{k}" for k in range(size))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", st.SteepestWarning)  # a0 is a parameter, x0 a column: that is meant
        found = fit(f"y ~ {' + '.join(terms)} + q*({total})**2{kink}", data, start=[0] * size)
    assert found.outcome == "converged", found.reason
    assert found.rss == pytest.approx((0.2 - 0.5 / size) / size + 0.25 / size**2, rel=1e-7)


@pytest.mark.parametrize("exponent", [-300, -200, -163, 154, 200, 300])
def test_a_line_whose_column_has_an_extreme_scale(exponent: int) -> None:
    x, y = np.array([1.0, 2, 3]), [1, 2, 3.5]
    data = {"x": x * 10.0**exponent, "y": y}
    assert fit("y ~ w*x", data)["w"] * 10.0**exponent == pytest.approx(15.5 / 14, rel=1e-13)
    found = fit("y ~ a + b*x", data)
    assert found.outcome == "converged"
    np.testing.assert_allclose(found.theta * [1, 10.0**exponent], [-1 / 3, 1.25], rtol=1e-12)
    assert found.std_errors["a"] == pytest.approx(0.3118047822311618, rel=1e-12)
    error = found.std_errors["b"]  # its square is out of range
    assert exponent == 154 or np.isnan(error)


def test_a_line_whose_slope_is_beyond_the_range_of_numbers() -> None:
    found = fit("y ~ w*x", {"x": 1e-320 * np.arange(1, 4), "y": [1, 2, 3.5]})
    assert found.outcome == "stopped" and "range of numbers" in found.reason


POSITIVE = np.linspace(0.1, 3, 20)
UNDERFLOW = ["exp(-b*x)", "exp(-(b*x)**2)", "(x/4)**b", "1e-165*exp(b*x)"]


@pytest.mark.parametrize("loss", ["mse", "huber"])
@pytest.mark.parametrize("model", UNDERFLOW)
def test_a_loss_that_underflows_confirms_nothing(model: str, loss: str) -> None:
    y = 1e-165 * np.exp(-2 * POSITIVE) if model.startswith("1e-165") else 0 * POSITIVE
    found = fit(f"y ~ {model}", {"x": POSITIVE, "y": y}, loss, [1])
    assert found.outcome == "stopped"
    assert any(word in found.reason for word in ("underflows", "level", "range of numbers", "no longer depends"))


@pytest.mark.parametrize(("model", "start"), [("5 - 5*exp(b*x)", 1), ("sin(b*x)", 0), ("b*x", 1)])
def test_no_residual_at_all_is_a_minimum_where_the_parameter_matters(model: str, start: float) -> None:
    found = fit(f"y ~ {model}", {"x": POSITIVE, "y": 0 * POSITIVE}, start=[start])
    assert found.outcome == "converged" and abs(found["b"]) < 1e-15 and found.rss == 0


# ---- other losses


def test_logistic_against_scikit_learn_and_its_own_equations() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    found = fit("y ~ a + b*x", YES, "logistic", {"a": 0, "b": 0})
    right = linear_model.LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12).fit(X[:, None], YES["y"])
    np.testing.assert_allclose(found.theta, [right.intercept_[0], right.coef_[0, 0]], rtol=1e-6)
    design = np.column_stack([np.ones(60), X])
    p = 1 / (1 + np.exp(-design @ found.theta))
    np.testing.assert_allclose(design.T @ (p - YES["y"]), 0, atol=1e-12)
    fisher = np.linalg.inv(design.T @ ((p * (1 - p))[:, None] * design))
    np.testing.assert_allclose(found.covariance, fisher, rtol=1e-10)
    same = fit("y ~ sigmoid(a + b*x)", YES, "cross-entropy", {"a": 0, "b": 0})
    np.testing.assert_allclose(same.theta, found.theta, rtol=1e-9)
    np.testing.assert_allclose(same.covariance, found.covariance, rtol=1e-8)


@pytest.mark.parametrize("start", [{"a": 0, "b": 0}, {"a": 300, "b": 0}, {"a": 0, "b": 100}])
def test_poisson_against_its_own_equations(start: dict[str, float]) -> None:
    found = fit("y ~ a + b*x", COUNTS, "poisson", start)
    assert found.outcome == "converged"
    design = np.column_stack([np.ones(60), X])
    mean = np.exp(design @ found.theta)
    np.testing.assert_allclose(design.T @ (mean - COUNTS["y"]), 0, atol=1e-10 * COUNTS["y"].sum())
    np.testing.assert_allclose(found.covariance, np.linalg.inv(design.T @ (mean[:, None] * design)), rtol=1e-9)
    assert fit("y ~ a", COUNTS, "poisson").parameters["a"] == pytest.approx(np.log(COUNTS["y"].mean()), rel=1e-13)


def test_huber_is_iterated_reweighted_least_squares() -> None:
    found = fit("y ~ a + b*x", HEAVY, "huber")
    design, y = np.column_stack([np.ones(60), X]), HEAVY["y"]
    theta = np.linalg.lstsq(design, y)[0]
    for _ in range(500):
        weights = np.minimum(1, 1.345 / np.abs(design @ theta - y))
        theta = np.linalg.solve(design.T @ (weights[:, None] * design), design.T @ (weights * y))
    np.testing.assert_allclose(found.theta, theta, rtol=1e-10)
    residual = design @ theta - y
    inverse = np.linalg.inv(design.T @ ((np.abs(residual) <= 1.345)[:, None] * design))
    score = design * np.clip(residual, -1.345, 1.345)[:, None]
    np.testing.assert_allclose(found.covariance, inverse @ score.T @ score @ inverse * 60 / 58, rtol=1e-8)


def test_mae_comes_to_the_optimum_of_the_linear_program() -> None:
    from scipy.optimize import linprog

    found = fit("y ~ a + b*x", HEAVY, "mae", {"a": 0, "b": 0})
    equations = np.column_stack([np.ones(60), X, np.eye(60), -np.eye(60)])
    right = linprog(
        np.r_[0, 0, np.full(120, 1 / 60)],
        A_eq=equations,
        b_eq=HEAVY["y"],
        bounds=[(None, None)] * 2 + [(0, None)] * 120,
    )
    assert found.loss == pytest.approx(right.fun, rel=1e-6)
    assert "kinks" in found.reason


def test_a_loss_as_text_gives_the_named_one() -> None:
    named = fit("y ~ a*exp(-b*x) + c", DECAY, "log-cosh")
    text = fit("y ~ a*exp(-b*x) + c", DECAY, "log(cosh(yhat - y))")
    np.testing.assert_allclose(text.theta, named.theta, rtol=1e-9)
    squares = fit("y ~ a*exp(-b*x) + c", DECAY, "(yhat - y)**2")
    np.testing.assert_allclose(squares.theta, fit("y ~ a*exp(-b*x) + c", DECAY).theta, rtol=1e-9)


# ---- the Fit


def test_predict_needs_the_predictors_alone() -> None:
    found = fit("log(y) ~ a - b*x", {"x": X, "y": DECAY["y"]})
    new = {"x": [0.0, 1.0, 10.0], "other": ["a", "b", "c"]}
    a, b = found.theta
    np.testing.assert_allclose(found.predict(new), a - b * np.array([0, 1, 10.0]), rtol=1e-15)
    np.testing.assert_allclose(found.predict(), a - b * X, rtol=1e-14)
    with pytest.raises(st.DataError, match="no column 'x'"):
        found.predict({"y": [1.0]})
    large = {"x": np.linspace(0, 1, 70_000)}
    np.testing.assert_allclose(found.predict(large), a - b * large["x"], rtol=1e-13)
    constant = fit("y ~ a", {"y": [1.0, 2.0, 6.0]})
    derivation = constant.objective.derivation
    assert predict(derivation, constant.theta, read_table({"u": [1, 2]})).tolist() == [3.0, 3.0]


def test_summary_has_the_columns_of_r() -> None:
    data = {"x": [4, 4, 7, 7, 8, 9, 10, 10, 10, 11], "y": [2, 10, 4, 22, 16, 10, 18, 26, 34, 17]}
    found = fit("y ~ a + b*x", data)
    lines = found.summary().splitlines()
    assert lines[0] == "y ~ a + b*x   (mse, 10 rows)"
    assert lines[2].split() == ["Estimate", "Std.", "Error", "t", "value", "Pr(>|t|)"]
    name, estimate, error, ratio, chance = lines[4].split()
    assert name == "b"
    from scipy.stats import linregress

    right = linregress(data["x"], data["y"])
    assert float(estimate) == pytest.approx(right.slope, rel=1e-6)
    assert float(error) == pytest.approx(right.stderr, rel=1e-3)
    assert float(ratio) == pytest.approx(right.slope / right.stderr, abs=1e-3)
    assert float(chance) == pytest.approx(right.pvalue, rel=0.05)
    assert "Residual standard error" in found.summary() and "on 8 degrees of freedom" in found.summary()
    assert "z value" in fit("y ~ a + b*x", YES, "logistic").summary()
    assert "fixed" in fit("y ~ a + b*x", data, start={"a": {"value": 0, "fixed": True}}).summary()


def test_save_writes_every_digit_and_no_nan(tmp_path: Path) -> None:
    found = fit("y ~ a*exp(-b*x) + c", DECAY)
    found.save(tmp_path / "fit.json")
    read = json.loads((tmp_path / "fit.json").read_text(encoding="utf-8"))
    assert read["parameters"] == found.parameters
    assert read["covariance"] == found.covariance.tolist()
    assert read["sentence"] == found.sentence and read["recipe"]["formula"] == "y ~ a*exp(-b*x) + c"
    failed = fit("y ~ log(a*x)", DECAY, start={"a": -1})
    failed.save(tmp_path / "failed.json")
    read = json.loads((tmp_path / "failed.json").read_text(encoding="utf-8"))
    assert read["loss"] is None and read["std_errors"] == {"a": None}


@pytest.mark.parametrize(("formula", "data"), [("y ~ w*x", "@triples"), ("y ~ exp(-b1*x)/(b2 + b3*x)", "@chwirut1")])
def test_a_fit_imports_numpy_alone(formula: str, data: str) -> None:
    import subprocess
    import sys

    code = f"import sys, steepest as st; st.fit('{formula}', '{data}'); sys.stdout.write(' '.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {name.split(".")[0] for name in run.stdout.split()} & {"scipy", "sympy", "llvmlite", "pandas", "pyarrow"}
