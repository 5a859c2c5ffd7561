"""Slopes that leak from branches not taken, slopes at kinks, and fits with a penalty that has kinks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steepest as st
from steepest.calculus.safe import safe
from steepest.engines.table import why_not
from steepest.language.evaluate import evaluate
from steepest.language.parser import parse_expression
from steepest.language.program import Node, Program

X = np.linspace(0.1, 3, 30)


def needs(engine: str) -> Any:
    reason = why_not(engine)
    return pytest.param(engine, marks=pytest.mark.skip(reason=reason)) if reason else engine


FOLLOWING = [needs("jax"), needs("torch-autograd")]
LEAKS = (
    "where(x > 0, a*log(x), b)",
    "where(x > 0, a*sqrt(x), b*x)",
    "where(x == 0, a, b*sin(x)/x)",
    "where(a*x > 0, sqrt(a*x), 0) + b",
    "where(abs(x) <= 1, asin(x)*a, b)",
    "where(x > 0, x**a, b)",
    "where(x < 3, a*exp(x), b)",  # exp(800) is infinite
    "where(x < 3, where(x > 0, a*log(x), b*x), where(x > 500, log(x)*a, b))",
    "where(log(x + 2) > 0, a*log(x + 2), b)",
    "where(x < 3, a*x**200, b)",
)


@pytest.mark.parametrize("engine", FOLLOWING)
@pytest.mark.parametrize("model", LEAKS)
def test_no_slope_leaks_from_a_branch_that_is_not_taken(engine: str, model: str) -> None:
    data = {"x": np.array([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 800.0]), "y": np.arange(7) / 7}
    problem = st.Problem(f"y ~ {model}", data, start={"a": 0.3, "b": 0.7})
    at = {"a": 0.3, "b": 0.7}
    right = problem.gradient_at(at, engine="numpy")
    assert np.isfinite(right).all()
    np.testing.assert_allclose(problem.gradient_at(at, engine=engine), right, rtol=1e-12)


@pytest.mark.parametrize("engine", FOLLOWING)
def test_no_slope_leaks_from_the_rows_of_another_set(engine: str) -> None:
    sets = [{"x": np.r_[X, -1.0], "y": np.r_[np.exp(-X), 0.0]}, {"x": X, "z": np.exp(-X)}]
    problem = st.Problem(["y ~ m*x + c", "z ~ a*log(x) + k"], sets, start=dict(m=0, c=0, a=0, k=0))
    at = dict(m=0.3, c=0.1, a=0.2, k=0.5)
    np.testing.assert_allclose(problem.gradient_at(at, engine=engine), problem.gradient_at(at, engine="numpy"), rtol=1e-12)


@pytest.mark.parametrize("model", LEAKS)
def test_the_safe_value_is_the_value(model: str) -> None:
    program = parse_expression(model)
    nodes = tuple(Node("column", (), "abx".index(node.value)) if node.op == "name" else node for node in program.nodes)
    points = list(np.random.default_rng(0).uniform(-4, 8, (3, 200)))
    with np.errstate(all="ignore"):
        plain, made = (
            evaluate(one, [], points)[one.outputs["value"]]
            for one in (Program(nodes, program.outputs), safe(Program(nodes, program.outputs)))
        )
    np.testing.assert_array_equal(made, plain)


@pytest.mark.parametrize("engine", FOLLOWING)
@pytest.mark.parametrize("model", ["abs(a)*x", "abs(a*x)", "max(a, x)", "min(x, a)", "abs(a) + x"])
def test_slopes_at_ties_are_those_of_the_table(engine: str, model: str) -> None:
    problem = st.Problem(f"y ~ {model} + b", {"x": [-1.0, 0.0, 2.0], "y": [0.3, 0.5, 0.9]}, start={"a": 0, "b": 0.25})
    at = {"a": 0, "b": 0.25}
    np.testing.assert_allclose(problem.gradient_at(at, engine=engine), problem.gradient_at(at, engine="numpy"), atol=1e-14)


def test_all_agree_at_the_kink_of_l1() -> None:
    problem = st.Problem("y ~ a*x + b", {"x": X, "y": 2 * X + 1}, start={"a": 0, "b": 1}, penalty="l1(a, 5)")
    assert [verdict.causes for verdict in problem.check().verdicts if verdict.causes] == []


@pytest.mark.parametrize("engine", FOLLOWING)
def test_a_gradient_that_is_not_finite_is_called_that(engine: str) -> None:
    data = {"x": [0.0, 1.0, -1e90], "y": [1.0, 2.0, -1e90]}  # no column is so large that it is to be blamed
    problem = st.Problem("y ~ where(x < 5, a*x, a*(x*x*x*x)) + b", data, "huber", {"a": 1.7, "b": 0.2})
    run = problem.descend(engine=engine, steps=3)
    assert run.outcome == "nonfinite"
    assert f"the loss is finite, but its derivative by a, as engine '{engine}' computes it, is not" in run.reason


def many(copies: int, rows: int = 60) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    plain = rng.normal(size=(rows, 3))
    return {"y": 2 * plain[:, 0] - plain[:, 1] + 0.1 * rng.normal(size=rows), "X": plain[:, [0, 1, 2, *[0] * copies]]}


@pytest.mark.parametrize("factor", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("copies", [1, 2])
def test_l1_where_columns_coincide(copies: int, factor: float) -> None:
    fit = st.fit("y ~ b + dot(w, X)", many(copies), penalty=f"l1(w, {factor})")
    assert fit.outcome == "converged"
    assert "one of many solutions with this loss" in fit.reason
    alone = st.fit("y ~ b + dot(w, X)", many(0), penalty=f"l1(w, {factor})")
    assert alone.outcome == "converged" and "many solutions" not in alone.reason
    assert fit.loss == pytest.approx(alone.loss, rel=1e-12)


@pytest.mark.filterwarnings("ignore::steepest.SteepestWarning")
def test_two_l1_of_one_parameter() -> None:
    data = many(1)
    columns = {f"x{k}": column for k, column in enumerate(data["X"].T)} | {"y": data["y"]}
    model = "y ~ a*x0 + b*x1 + c*x2 + d*x3"
    fit = st.fit(model, columns, penalty="l1(a, 0.1) + l1(a, 0.2) + l1(d, 0.3)")
    once = st.fit(model, columns, penalty="l1(a, 0.3) + l1(d, 0.3)")
    assert fit.outcome == once.outcome == "converged" and fit.reason == once.reason
    assert fit.loss == pytest.approx(once.loss, rel=1e-12)


def test_l1_of_a_model_that_is_level_and_not_linear() -> None:
    fit = st.fit("y ~ exp(a*x + b*x)", {"x": X, "y": np.exp(X)}, start={"a": 0.2, "b": 0.3}, penalty="l1(a, 0.1) + l1(b, 0.1)")
    assert fit.outcome == "stopped" and "level in some direction" in fit.reason


@pytest.mark.parametrize(
    ("model", "start", "penalty", "where"),
    [
        ("a*exp(-k*x) + c", {"a": 1, "k": 1, "c": 0.1}, "100*abs(a)", "a = 0"),
        ("a*exp(-k*x) + c", {"a": 1, "k": 1, "c": 0.1}, "100*sqrt(a*a)", "a*a = 0"),
        ("a*x", {"a": 1}, "100*abs(a)", "a = 0"),
        ("a*x + c", {"a": 1, "c": 1}, "100*abs(a - 1)", "a - 1 = 0"),
        ("a*x + c", {"a": 1, "c": 2}, "10*max(a, c)", "a = c"),
    ],
)
def test_a_kink_of_the_penalty_is_named(model: str, start: dict[str, float], penalty: str, where: str) -> None:
    fit = st.fit(f"y ~ {model}", {"x": X, "y": 2 * np.exp(-X) + 0.3}, start=start, penalty=penalty)
    assert fit.outcome == "stopped"
    assert f"the penalty has a kink here, at {where}, where no gradient can tell a minimum" in fit.reason
    assert ("l1(a, c)" in fit.reason) == ("abs(a)" in penalty)


@pytest.mark.parametrize("penalty", ["0.01*abs(a)", "0.01*sqrt(a**2 + 1e-6)"])
def test_a_kink_elsewhere_is_no_cause(penalty: str) -> None:
    fit = st.fit("y ~ a*x + c", {"x": X, "y": 2 * np.exp(-X) + 0.3}, start={"a": 1, "c": 1}, penalty=penalty)
    assert fit.outcome == "converged"
