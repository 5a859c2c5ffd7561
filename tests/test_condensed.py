"""Condensed rows: a few rows that stand for all, against the rows themselves in long double."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import steepest as st
from steepest.calculus.condense import condense
from steepest.calculus.derivation import Derivation
from steepest.descent.condensed.closed_form import Geometric
from steepest.descent.condensed.digits import Masses, OwnRounding
from steepest.descent.condensed.objective import EPS, CondensedObjective
from steepest.descent.condensed.runner import BATCHES
from steepest.descent.objective import Objective
from steepest.engines.numpy_engine import PRINTED
from steepest.errors import EngineError
from steepest.language.evaluate import evaluate
from steepest.language.formula import parse_formula
from steepest.language.losses import parse_loss

Array = np.ndarray[Any, Any]
LONG = np.longdouble

pytestmark = pytest.mark.skipif(np.finfo(LONG).eps >= EPS, reason="long double is no longer than double here")


class Case(NamedTuple):
    formula: str
    terms: int  # with the response


CASES = (
    Case("y ~ a", 2),
    Case("y ~ a + b*x", 3),
    Case("y ~ poly(x, 7, w)", 9),
    Case("y ~ a + b*year + c*year**2", 4),
    Case("log(z) ~ a*sin(x) + b*x/z + exp(c)*x**2 - (x - 1)/4", 6),
    Case("y ~ where(x < 0, a*x, b*x**2) + c", 4),
    Case("y ~ a + b*P3(c + d*x)", 5),
    Case("y ~ (a + b*x)*(c + d*z)", 5),
    Case("y ~ (a + b*x)/c - T4(d*x)/4", 5),
    Case("y ~ a*(year - c)**2 + b", 4),
    Case("y ~ (a*x + b*z + c)**3 + d*x*z", 11),
)
LOSSES = ("mse", "half-mse", "sse")
EXACT = {
    "000": ("h ~ t0 + t1*u + t2*v", {"u": [0.5, 1, 2], "v": [1, 0, 0.5], "h": [1, 0, 1]}, 0.1, [0.5, 0.5, 0.5]),
    "003": ("y ~ w*x", {"x": [1, 2, 3], "y": [3, 6, 9]}, 0.05, [0.0]),
    "004": ("y ~ m*x + c", {"x": [1, 2, 3, 4, 5], "y": [5, 7, 9, 11, 13]}, 0.05, [0.25, -1.0]),
}


def data(rows: int = 300) -> dict[str, Array]:
    rng = np.random.default_rng(3)
    x, z = rng.uniform(-2, 2, rows), rng.uniform(0.1, 3, rows)
    return {"x": x, "z": z, "year": rng.integers(1990, 2021, rows).astype(float), "y": np.sin(x) + rng.normal(0, 0.1, rows)}


def problem(case: Case, loss: str = "mse", weighted: bool = False, rows: int = 300) -> st.Problem:
    columns = data(rows)
    weights = np.random.default_rng(4).uniform(0, 2, rows).round(1) if weighted else None
    start = dict.fromkeys(parse_formula(case.formula, list(columns)).parameters, 1.0)
    return st.Problem(case.formula, columns, loss, start, weights=weights)


def condensed(it: st.Problem) -> CondensedObjective:
    few = it.objective("condensed", every=True)
    assert isinstance(few, CondensedObjective)
    return few


def points(it: st.Problem, count: int = 4) -> list[Array]:
    rng = np.random.default_rng(5)
    found = [rng.normal(size=len(it.parameters)) for _ in range(count)]
    if "year" in it.formula.text and "c" in it.parameters and "**2 + b" in it.formula.text:
        for theta in found:
            theta[it.parameters.index("c")] += 2005
    return found


def on_rows(plain: Objective, theta: Array) -> tuple[Any, Array, Array, Array]:
    """The loss, its gradient, √w·residual and √w·Jacobian of all rows, in long double."""
    program = plain.derivation.program("jacobian")
    columns = [column.astype(LONG) for column in plain.columns.arrays]
    values = evaluate(program, list(theta.astype(LONG)), columns)
    root = np.sqrt(np.ones(plain.columns.rows, LONG) if plain.weights is None else plain.weights.astype(LONG))
    residual, *jacobian = (root * values[i] for i in program.outputs.values())
    lines = np.array([np.broadcast_to(line, residual.shape) for line in jacobian])
    divisor = LONG(plain.divisor)
    return residual @ residual / divisor, 2 * (lines @ residual) / divisor, residual, lines


def gradient_bound(few: CondensedObjective, theta: Array, residual: Array, jacobian: Array) -> Array:
    """2·Jᵀr is as wrong as r and J are: r by δ = 16·ε·S, and J by 16·ε times what its own terms come to."""
    program = few.derivation.program("jacobian")
    names = [name for name in program.outputs if name != "residual"]
    sizes = np.linalg.norm(jacobian.astype(float), axis=1)
    own = np.empty(len(names))
    for k, name in enumerate(names):
        errors = OwnRounding(program.pruned({name: program.outputs[name]}), PRINTED)(theta, few.columns.arrays)
        own[k] = 16 * EPS * (np.sum(np.broadcast_to(errors, few.columns.rows)) + sizes[k])
    delta = 16 * EPS * few.mass(theta)
    bound: Array = 2 * (sizes * delta + float(np.linalg.norm(residual.astype(float))) * own + delta * own) / float(few.divisor)
    return bound


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("case", CASES, ids=[case.formula for case in CASES])
def test_loss_and_gradient_are_those_of_all_rows(case: Case, loss: str, weighted: bool) -> None:
    it = problem(case, loss, weighted)
    few, plain = condensed(it), it.objective("numpy", every=True)
    assert few.columns.rows == case.terms
    for theta in points(it):
        truth, gradient, residual, jacobian = on_rows(plain, theta)
        point = few.at(theta)
        assert abs(point.loss - truth) <= few.bound(theta)
        assert few.bound(theta) < 1e-6 * truth + 1e-12  # it says something
        assert (abs(point.gradient - gradient) <= gradient_bound(few, theta, residual, jacobian)).all()


MASSES = {  # of the coefficient of x, by hand: sums add what is rounded, products add relative masses
    "a - b": lambda a, b: abs(a - b),
    "a*a - b*b": lambda a, b: a * a + b * b,
    "-(a*a - b)": lambda a, b: max(abs(a * a - b), a * a),
    "(a*a - b*b)*a": lambda a, b: (a * a + b * b) * abs(a),
    "(a*b - 1)/(a*a)": lambda a, b: max(abs(a * b - 1), abs(a * b)) / (a * a),
    "where(a < b, a*a - b*b, a)": lambda a, b: a * a + b * b if a < b else abs(a),
    "exp(a*b)": lambda a, b: np.exp(a * b) * (1 + abs(a * b)),
    "1/(b - b)": lambda a, b: np.inf,
    "(a*a)**b": lambda a, b: np.inf,  # unknown
}


@pytest.mark.parametrize("theta", [(0.5, 3.0), (-1.5, 0.25), (3.0, 2.0)])
@pytest.mark.parametrize("text", MASSES)
def test_masses_are_those_of_the_rules(text: str, theta: tuple[float, float]) -> None:
    formula = parse_formula(f"y ~ (a + b)*0 + ({text})*x", ["x", "y"])
    parts = condense(Derivation(formula, parse_loss("mse")))
    (mass,) = Masses(parts.coefficients, PRINTED)(theta)
    assert mass == pytest.approx(MASSES[text](*theta), rel=1e-13)


def test_a_factor_that_is_off_in_its_tenth_digit_is_seen() -> None:
    it = problem(CASES[6])
    few, plain = condensed(it), it.objective("numpy")
    wrong = few.columns.arrays[1].copy()
    wrong[1] *= 1 + 1e-10
    few.columns = type(few.columns)(few.columns.names, (few.columns.arrays[0], wrong, *few.columns.arrays[2:]), "wrong")
    theta = points(it)[0]
    truth, gradient, residual, jacobian = on_rows(plain, theta)
    assert abs(few.at(theta).loss - truth) > few.bound(theta)
    assert (abs(few.at(theta).gradient - gradient) > gradient_bound(few, theta, residual, jacobian)).any()


@pytest.mark.parametrize("rows", [1, 3, 9, 70_000])
def test_any_number_of_rows(rows: int) -> None:
    it = problem(CASES[2], rows=rows)
    few, plain = condensed(it), it.objective("numpy", every=True)
    assert few.columns.rows == min(rows, 9)
    for theta in points(it):
        assert abs(few.at(theta).loss - on_rows(plain, theta)[0]) <= few.bound(theta)


@pytest.mark.parametrize("name", EXACT)
def test_exact_fits_never_go_below_zero(name: str) -> None:
    formula, columns, lr, start = EXACT[name]
    it = st.Problem(formula, columns, start=start)
    trace = it.descend(lr=lr, steps=3_000, engine="condensed")
    few, plain = condensed(it), it.objective("numpy")
    assert len(trace) == trace.step[-1] + 1 > 300
    assert (trace.loss >= 0).all() and trace.loss[-1] < 1e-20
    for theta, loss in zip(trace.theta, trace.loss, strict=True):
        assert abs(loss - on_rows(plain, theta)[0]) <= few.bound(theta)


GENTLE = [case for case in CASES if "year" not in case.formula]  # not too stiff for plain descent


@pytest.mark.parametrize("method", ["gd", "adam"])
@pytest.mark.parametrize("case", GENTLE, ids=[case.formula for case in GENTLE])
def test_descents_are_those_on_all_rows(case: Case, method: str) -> None:
    it = problem(case, weighted=True)
    few, rows = (it.descend(method, lr=1e-3, steps=300, engine=engine) for engine in ("condensed", "numpy"))
    assert few.recipe["engine"] == "condensed" and rows.recipe["engine"] == "numpy"
    for name in ("theta", "loss", "gradient"):
        found, right = getattr(few, name), getattr(rows, name)
        assert np.max(abs(found - right)) <= 300 * 1e3 * EPS * np.max(abs(right)), name
    assert (few.step == rows.step).all() and few.outcome == rows.outcome
    point = it.objective("numpy").at(few.theta[-1])  # the last row is one of the data
    assert few.loss[-1] == few.full_loss[-1] == point.loss and (few.gradient[-1] == point.gradient).all()
    assert few.predictions.shape == (len(few), 300)


def test_a_descent_leaves_condensed_rows_where_they_lose_digits() -> None:
    x = np.linspace(-1, 1, 400)
    it = st.Problem("y ~ T12(b*x)", {"x": x, "y": np.cos(12 * np.arccos(x))}, start={"b": 0.25})
    along = "theta = theta + eta"
    few, rows = (it.descend(along, lr=0.001, steps=700, engine=engine) for engine in ("condensed", "compiled"))
    assert few.recipe["engine_why"].endswith("on all rows, where condensed ones would lose digits")
    objective = condensed(it)
    held = [objective.holds(theta) for theta in few.theta]
    assert held[0] and not held[-1]
    assert (few.theta == rows.theta).all()
    assert np.max(abs(few.loss - rows.loss)) <= max(objective.bound(t) for t, good in zip(few.theta, held, strict=True) if good)


X = np.linspace(0, 1, 50)
QUADRATIC = 0.3 - 0.7 * X + 0.1 * X**2
NEARLY = {
    "exact": ("y ~ m*x + c", {"x": np.arange(1.0, 6.0), "y": 2 * np.arange(1.0, 6.0) + 3}, 0.05),
    "nearly": ("y ~ a + b*x + c*x**2", {"x": X, "y": QUADRATIC}, 0.3),
    "noise": ("y ~ a + b*x + c*x**2", {"x": X, "y": QUADRATIC + np.random.default_rng(0).normal(0, 0.1, 50)}, 0.3),
}
LEVELS = {"until_loss": (1e-24, 1e-30, 1e-32), "until_gradient": (1e-9, 1e-14, 1e-16), "until_change": (1e-9, 1e-14, 1e-16)}


def met(trace: st.Trace, until: str, level: float) -> bool:
    """Does the last row say so?"""
    if until == "until_change":
        return abs(trace.loss[-1] - trace.loss[-2]) <= level * abs(trace.loss[-1])
    return bool((trace.loss[-1] if until == "until_loss" else np.linalg.norm(trace.gradient[-1])) <= level)


@pytest.mark.parametrize("until", LEVELS)
@pytest.mark.parametrize("name", NEARLY)
def test_a_stop_is_one_of_the_data(name: str, until: str) -> None:
    formula, columns, lr = NEARLY[name]
    it = st.Problem(formula, columns, start=np.full(len(parse_formula(formula, list(columns)).parameters), 0.5))
    for level in LEVELS[until]:
        if name == "noise" and until == "until_loss":
            level = it.fit().loss * (1 + level * 1e17)
        trace = it.descend(lr=lr, steps=40_000, every=1, engine="condensed", **{until: level})
        if "on all rows" not in trace.recipe["engine_why"]:
            last = it.objective("numpy").at(trace.theta[-1])
            assert trace.loss[-1] == last.loss and (trace.gradient[-1] == last.gradient).all()
        assert (trace.outcome == "converged") == (met(trace, until, level) or not trace.gradient[-1].any())


def test_where_the_data_say_otherwise_the_descent_goes_on() -> None:
    formula, columns, lr = NEARLY["exact"]
    it = st.Problem(formula, columns, start=[0.5, 0.5])
    few, plain = condensed(it), it.objective("numpy")
    rows = it.descend(lr=lr, steps=2_000, engine="numpy")
    found = 0
    for level in rows.loss[1_500:1_900:20]:
        trace = it.descend(lr=lr, steps=2_000, engine="condensed", until_loss=level)
        before = [theta for theta in trace.theta[-50:-1] if few.loss(theta) <= level]
        assert all(plain.loss(theta) > level for theta in before)
        assert trace.loss[-1] == pytest.approx(plain.loss(trace.theta[-1]), abs=few.bound(trace.theta[-1]))
        found += trace.recipe["engine_why"].endswith("on all rows, where condensed ones met a stop that the data did not")
    assert found


REFUSED = {
    "y ~ a*exp(-b*x)": "come apart, and in 'exp(-b*x)' they do not",
    "y ~ a/(b + x)": "in 'a/(b + x)' they do not",
    "y ~ a*z**b": "in 'z**b' they do not",
    "y ~ a*max(b*x, z)": "in 'max(b*x, z)' they do not",
    "y ~ where(a*x > 0, a*x, b)": "in 'where(a*x > 0, a*x, b)' they do not",
    "y ~ b*(a + b*x + c*z + d*year)**12": "more than 400 terms in '(a + b*x + c*z + d*year)**12'",
    "y ~ a*log(x)": "finite terms, and 'log(x)' is not finite at row index",
    "y ~ T16(b*x/2)": "would lose digits at the start",
}


@pytest.mark.parametrize("formula", REFUSED)
def test_refusals_name_the_expression(formula: str) -> None:
    it = problem(Case(formula, 0))
    with pytest.raises(EngineError, match="engine 'condensed'") as error:
        it.descend(lr=1e-9, steps=3, engine="condensed")
    assert REFUSED[formula] in str(error.value)
    assert it.descend(lr=1e-30, steps=3).recipe["engine"] == "numpy"


@pytest.mark.parametrize("loss", ["mae", "huber", "log-cosh", "(yhat - y)**4"])
def test_other_losses_are_refused(loss: str) -> None:
    with pytest.raises(EngineError) as error:
        problem(CASES[1], loss).descend(lr=0.1, steps=3, engine="condensed")
    assert "needs a quadratic loss" in str(error.value) and loss in str(error.value)


def test_batches_run_on_the_rows_and_the_recipe_says_so() -> None:
    it = problem(CASES[1])
    few = it.descend(lr=0.01, steps=30, batch=8, engine="condensed")
    rows = it.descend(lr=0.01, steps=30, batch=8)
    assert few.recipe["engine"] == rows.recipe["engine"] == "numpy"
    assert BATCHES in few.recipe["engine_why"] and BATCHES not in rows.recipe["engine_why"]
    assert (few.loss == rows.loss).all()


def test_methods_that_are_code_are_refused() -> None:
    with pytest.raises(EngineError, match="methods that are equations"):
        problem(CASES[1]).descend("bfgs", steps=3, engine="condensed")


@pytest.mark.parametrize(("formula", "steps", "engine"), [
    ("y ~ poly(x, 3, w)", 10, "numpy"), ("y ~ poly(x, 3, w)", 50_000, "condensed"), ("y ~ a*exp(b*x)", 50_000, "compiled"),
])  # fmt: skip
def test_auto_takes_them_where_they_pay(formula: str, steps: int, engine: str) -> None:
    trace = problem(Case(formula, 0), rows=2_000).descend(lr=1e-3, steps=steps, until_gradient=0.5)
    assert trace.recipe["engine"] == engine


def test_a_fixed_parameter_stays_and_a_descent_goes_on() -> None:
    start = {"a": 0.5, "b": {"value": -1, "fixed": True}, "c": 0.0, "d": 0.3}
    it = st.Problem("y ~ a + b*P3(c + d*x)", data(), start=start)
    whole = it.descend("momentum", lr=0.01, steps=60, engine="condensed")
    part = it.descend("momentum", lr=0.01, steps=25, engine="condensed")
    rest = it.descend("momentum", lr=0.01, steps=35, engine="condensed", start=part)
    assert (whole["b"] == -1).all() and not whole.gradient[:, 1].any()
    assert (rest.theta == whole.theta[25:]).all() and rest.step[-1] == 60


def test_rows_that_are_held_out_stay_out() -> None:
    it = problem(CASES[6], weighted=False)
    few, rows = (it.descend(lr=1e-3, steps=40, validation=0.25, seed=3, engine=engine) for engine in ("condensed", "numpy"))
    assert few.recipe["engine"] == "condensed"
    for name in ("loss", "validation_loss"):
        found, right = getattr(few, name), getattr(rows, name)
        assert np.max(abs(found - right)) <= 1e3 * EPS * np.max(right), name


def test_a_saved_descent_is_read_and_run_again(tmp_path: Path) -> None:
    it = problem(CASES[6])
    trace = it.descend(lr=1e-3, steps=40, engine="condensed")
    trace.save(tmp_path / "run.parquet")
    loaded = it.load(tmp_path / "run.parquet")
    assert loaded.predictions.shape == (41, 300)
    again = it.descend(lr=1e-3, steps=10, engine="condensed", start=loaded)
    assert (again.theta[0] == trace.theta[-1]).all() and again.step[-1] == 50


def form(rate: float, formula: str = "y ~ poly(x, 3, w)", **fixed: float) -> tuple[Geometric, st.Trace, st.Problem]:
    """The closed form at 1/λ, and the loop's own steps; λ is the largest curvature."""
    it = problem(Case(formula, 0))
    start = dict.fromkeys(it.parameters, 0.5) | {name: {"value": value, "fixed": True} for name, value in fixed.items()}
    it = st.Problem(formula, data(), start=start)
    few = it.objective("condensed")
    assert isinstance(few, CondensedObjective)
    largest = np.max(np.linalg.eigvalsh(few.hessian(np.full(len(it.parameters), 0.5))[np.ix_(few.free, few.free)]))
    trace = it.descend(lr=rate / largest, steps=400, engine="numpy")
    return Geometric(few, trace.theta[0], rate / largest), trace, it


@pytest.mark.parametrize("fixed", [{}, {"w1": 0.25}], ids=["", "fixed"])
@pytest.mark.parametrize("formula", ["y ~ poly(x, 3, w)", "y ~ w0 + w1*x + w2*x + w3*z"])
@pytest.mark.parametrize("rate", [0.2, 0.5, 1.0, 1.5, 1.95])
def test_the_closed_form_takes_the_steps_of_the_loop(rate: float, formula: str, fixed: dict[str, float]) -> None:
    found, trace, _ = form(rate, formula, **fixed)
    rows = found(trace.step)
    assert found.stable
    for mine, right in ((rows.thetas, trace.theta), (rows.losses, trace.loss), (rows.gradients, trace.gradient)):
        assert np.max(abs(mine - right)) <= 400 * 1e3 * EPS * np.max(abs(right))


def test_a_rate_beyond_the_limit_has_no_closed_form() -> None:
    assert not form(2.01)[0].stable


@pytest.mark.parametrize("until", ["until_loss", "until_gradient", "until_change"])
def test_the_closed_form_stops_where_the_loop_does(until: str) -> None:
    _, trace, it = form(1.0)
    rate, there = float(trace.lr[0]), 200
    norms = np.linalg.norm(trace.gradient, axis=1)
    changes = abs(np.diff(trace.loss)) / trace.loss[1:]
    values = {"until_loss": trace.loss, "until_gradient": norms, "until_change": np.concatenate([[np.inf], changes])}[until]
    level = float(np.sqrt(values[there - 1] * values[there]))
    far = it.descend(lr=rate, steps=10**9, engine="condensed", **{until: level})
    assert (far.step[-1], far.outcome) == (there, "converged")
    assert far.loss[-1] == it.loss_at(far.theta[-1])
    assert "closed form" in far.recipe["engine_why"]


def test_the_sine_polynomial_after_88_million_steps() -> None:
    """The step at which the loss first is at most 1.01 times its minimum, from exact arithmetic (notebook 001)."""
    x = np.linspace(-np.pi, np.pi, 4000)
    start = np.random.RandomState(0).random_sample(8)
    it = st.Problem("y ~ poly(x, 7, w)", {"x": x, "y": np.sin(x)}, start=start)
    least = 2.46126731920980615e-8
    trace = it.descend(lr=1e-6, steps=10**9, until_loss=1.01 * least)
    assert trace.step[-1] == 88_101_432
    assert trace.recipe["every"] > 1 and 1_000 < len(trace) <= 101_001
    assert abs(it.descend(lr=1e-6, steps=10**9).loss[-1] / least - 1) < 1e-8
