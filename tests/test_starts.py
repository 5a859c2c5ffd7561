"""Starts that were not given, and several starts: what is chosen, what is said, and that what was given stays."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import steepest as st
from steepest.calculus.derivation import Derivation
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.separable import linear_together, solved
from steepest.language.formula import parse_formula
from steepest.language.losses import LOSSES

RNG = np.random.default_rng(0)
X = np.linspace(0.5, 9, 80)
NOISE = RNG.normal(size=80)
DECAY = {"x": X, "y": 3 * np.exp(-0.7 * X) + 1 + 0.01 * NOISE}
UNEVEN = np.sort(RNG.uniform(0.5, 9, 80))  # no frequency has an alias
WAVE = {"x": UNEVEN, "y": 2 * np.sin(4.1 * UNEVEN + 0.3) + 0.05 * NOISE}


def quietly(formula: str, data: Any, loss: str = "mse", start: Any = None, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", st.SteepestWarning)
        return st.Problem(formula, data, loss, start).fit(**options)


# ---- parameters that are linear together

LINEAR = {
    "a*exp(-b*x) + c": "ac",
    "a*b*x + c": "ac",
    "a*b*x/(1 + b*x)": "a",
    "exp(-a*x)/(b + c*x)": "",
    "(a + b*x)/(1 + c*x)": "ab",
    "a*x**b + c*where(x > d, 1, 0)": "ac",
    "abs(a*x) + b": "b",
    "where(a > x, 1, 2) + b*x": "b",
    "max(a, x) + b": "b",
    "sqrt(a**2) + b": "b",
    "a*sin(c*x) + b*cos(c*x)": "ab",
    "poly(x, 3, w)": "w0 w1 w2 w3",
    "a*(b + c*x) + d": "bcd",
}


@pytest.mark.parametrize("loss", ["mse", "huber"])
@pytest.mark.parametrize("model", LINEAR)
def test_linear_parameters_are_found(model: str, loss: str) -> None:
    derivation = Derivation(parse_formula(f"y ~ {model}", ["x", "y"]), LOSSES[loss])
    names = derivation.formula.parameters
    found = [names[k] for k in linear_together(derivation, range(len(names)))]
    assert sorted(found) == (LINEAR[model].split() if " " in LINEAR[model] else sorted(LINEAR[model]))


@pytest.mark.parametrize("model", LINEAR)
def test_the_model_is_a_straight_line_in_them(model: str) -> None:
    """Along any direction of them: the middle of two points has the mean of their values."""
    problem = st.Problem(f"y ~ {model}", {"x": X, "y": X}, start=dict.fromkeys(parameters(model), 1.3))
    places = linear_together(problem.derivation, range(len(problem.parameters)))
    theta = np.full(len(problem.parameters), 1.3)
    for _ in range(5):
        step = np.zeros(len(theta))
        step[places] = RNG.normal(size=len(places)) * 3
        ends = (problem.predict(theta + step) + problem.predict(theta - step)) / 2
        np.testing.assert_allclose(ends, problem.predict(theta), rtol=1e-12, atol=1e-12)


def parameters(model: str) -> tuple[str, ...]:
    return parse_formula(f"y ~ {model}", ["x", "y"]).parameters


def test_only_those_that_are_asked_for() -> None:
    derivation = Derivation(parse_formula("y ~ a*b*x + c", ["x", "y"]), LOSSES["mse"])
    assert linear_together(derivation, [0]) == [0] and linear_together(derivation, []) == []


@pytest.mark.parametrize("weighted", [False, True])
def test_solved_is_least_squares_on_the_design(weighted: bool) -> None:
    w = RNG.uniform(0.1, 3, 80) if weighted else np.ones(80)
    problem = st.Problem("y ~ a*exp(-b*x) + c", DECAY, start=[5, 0.4, 7], weights=w if weighted else None)
    found = solved(FreeLoss(problem.objective(), np.array([5, 0.4, 7])), np.array([5, 0.4, 7]), [0, 2])
    assert found is not None
    design = np.sqrt(w)[:, None] * np.column_stack([np.exp(-0.4 * X), np.ones(80)])
    right, squares, *_ = np.linalg.lstsq(design, np.sqrt(w) * DECAY["y"])
    np.testing.assert_allclose(found[0], [right[0], 0.4, right[1]], rtol=1e-12)
    assert found[1] == pytest.approx(squares[0], rel=1e-12)
    overflow = st.Problem("y ~ a*exp(b*x)", DECAY, start=[1, 9000])
    assert solved(FreeLoss(overflow.objective(), np.array([1.0, 9000])), np.array([1.0, 9000]), [0]) is None


# ---- starts that were not given


def test_what_is_chosen_is_said_and_kept_in_the_recipe() -> None:
    problem = st.Problem("y ~ a*exp(-b*x) + c", DECAY)
    said = r"for a, b, c: the fit begins at b = .*, the best of \d+ tried, and at a = .*, c = .*, from linear least squares; give"
    with pytest.warns(st.SteepestWarning, match=said):
        found = problem.fit()
    assert found.outcome == "converged"
    begun = found.recipe["start"]
    assert begun["b"] != 1 and problem.start == {"a": 1, "b": 1, "c": 1}
    assert st.Problem("y ~ a*exp(-b*x) + c", DECAY, start=begun).loss_at(begun) < problem.loss_at(problem.start)


def test_a_given_start_is_never_overridden() -> None:
    for given in ({"b": 0.2}, {"b": 40.0}, {"a": -3, "c": 9}, {"b": {"value": 0.5, "fixed": True}}):
        begun = quietly("y ~ a*exp(-b*x) + c", DECAY, start=given).recipe["start"]
        for name, value in given.items():
            assert begun[name] == (value["value"] if isinstance(value, dict) else value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        st.Problem("y ~ a*exp(-b*x) + c", DECAY, start={"a": 1, "b": 1, "c": 1}).fit()
        st.Problem("y ~ a + b*x", DECAY).fit()


def test_linear_parameters_alone_are_solved_for() -> None:
    problem = st.Problem("y ~ a*exp(-b*x) + c", DECAY, start={"b": 0.7})
    with pytest.warns(
        st.SteepestWarning, match="no start given for a, c: the fit begins at a = .*, c = .*, from linear least squares"
    ):
        begun = problem.fit().recipe["start"]
    gradient = problem.gradient_at(begun)
    assert np.abs(gradient[[0, 2]]).max() < 1e-12 < abs(gradient[1])


CURVES: dict[str, tuple[str, list[float]]] = {
    "a slow decay": ("a*exp(-b*x) + c", [5, 0.002, 1]),
    "a fast one": ("a*exp(-b*x) + c", [5, 0.4, 1]),
    "a peak": ("a*exp(-(x - m)**2/(2*s**2)) + c", [9, 341, 20, 1]),
    "a wave": ("a*sin(w*x + p) + c", [3, 0.09, 1, 4]),
    "logistic growth": ("a/(1 + exp(-k*(x - m)))", [70, 0.05, 400]),
    "saturation": ("v*x/(k + x)", [212, 64]),
    "a power": ("a*x**b", [0.02, 1.7]),
    "a quotient": ("exp(-b1*x)/(b2 + b3*x)", [0.001, 0.006, 0.0001]),
    "two decays": ("a*exp(-b*x) + c*exp(-d*x)", [3, 0.1, 6, 0.004]),
}


@pytest.mark.parametrize("loss", ["mse", "huber"])
@pytest.mark.parametrize("curve", CURVES)
def test_no_start_at_all(curve: str, loss: str) -> None:
    """With sizes far from 1; the curve is found, up to its symmetries, to the noise."""
    model, right = CURVES[curve]
    x = np.linspace(1, 800, 120)
    names = parameters(model)
    clean = st.Problem(f"y ~ {model}", {"x": x, "y": x}, start=dict(zip(names, right, strict=True))).predict(right)
    y = clean + 1e-3 * np.ptp(clean) * np.random.default_rng(1).normal(size=120)
    found = quietly(f"y ~ {model}", {"x": x, "y": y}, loss)
    assert found.outcome == "converged", found.reason
    assert np.max(np.abs(found.predict() - clean)) < 2e-3 * np.ptp(clean)


def test_many_rows_are_searched_by_a_sample() -> None:
    x = np.random.default_rng(2).uniform(0, 4000, 70_000)
    data = {"x": x, "y": 3 * np.exp(-0.002 * x) + 1 + 0.01 * np.sin(1e6 * x)}
    found = quietly("y ~ a*exp(-b*x) + c", data)
    assert found.outcome == "converged" and found["b"] == pytest.approx(0.002, rel=1e-3)


def test_where_the_response_is_no_residual_starts_are_1_and_it_says_so() -> None:
    counts = {"x": X, "y": np.arange(80) % 7}
    with pytest.warns(st.SteepestWarning, match="no start given for a, b: they start at 1"):
        st.Problem("y ~ log(a + b*x)", counts, "poisson").fit()
    nothing = {"x": X, "y": np.log(X)}
    with pytest.warns(st.SteepestWarning, match="it starts at 1"):  # no value of c is in the domain
        assert st.Problem("y ~ log(0*x - c**2 - 1)", nothing).fit().outcome == "nonfinite"


# ---- several starts


def test_several_starts_find_the_better_minimum_and_name_the_other() -> None:
    formula, start = "y ~ a*sin(b*x + c)", {"a": 1, "b": 1, "c": 0}
    problem = st.Problem(formula, WAVE, "sse", start)
    one, many = problem.fit(), problem.fit(starts=20)
    assert one.outcome == many.outcome == "converged" and many.rss < one.rss / 10
    assert abs(many["b"]) == pytest.approx(4.1, rel=1e-2)
    assert (
        "of 20 starts" in many.reason
        and f"the given start ended in one of the higher ones, with a loss of {one.loss:.6g}" in many.reason
    )
    assert problem.fit(starts=20).theta.tolist() == many.theta.tolist()
    assert problem.with_start(many.theta).fit().reason in many.reason


def test_the_counts_add_up() -> None:
    import re

    for formula, data in (("y ~ a*sin(b*x + c)", WAVE), ("y ~ a*exp(-b*x) + c", DECAY)):
        reason = quietly(formula, data, starts=15, seed=4).reason
        found = re.search(r"of 15 starts (\d+) found this minimum(, (\d+) ended in other)?.*?(, (\d+) in none)?", reason + ",")
        assert found is not None
        numbers = [int(n) for n in re.findall(r"(\d+) (?:found|ended in other|in none)", reason)]
        assert sum(numbers) == 15


def test_the_given_start_is_the_first() -> None:
    problem = st.Problem("y ~ a*exp(-b*x) + c", DECAY, start={"a": 2, "b": 0.5, "c": 0})
    one, first = problem.fit(), problem.fit(starts=1, seed=9)
    assert one.theta.tolist() == first.theta.tolist() and one.reason == first.reason
    line = st.Problem("y ~ a + b*x", DECAY)
    assert line.fit(starts=7).reason == line.fit().reason  # there is one minimum


@pytest.mark.parametrize("loss", ["huber", "log-cosh"])
def test_several_starts_of_other_losses(loss: str) -> None:
    found = st.Problem("y ~ a*sin(b*x + c)", WAVE, loss, {"a": 1, "b": 1, "c": 0}).fit(starts=20)
    assert found.outcome == "converged" and abs(found["b"]) == pytest.approx(4.1, rel=1e-2)


def test_no_minimum_from_any_start() -> None:
    found = st.Problem("y ~ a*b*x", DECAY, start={"a": 1, "b": 1}).fit(starts=5)
    assert found.outcome == "stopped" and "none of 5 starts ended in a minimum" in found.reason


@pytest.mark.parametrize(
    ("options", "word"), [({"starts": 0}, "starts is 0"), ({"starts": True}, "starts"), ({"seed": -1}, "seed")]
)
def test_wrong_counts_are_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(st.OptionError, match=word):
        st.Problem("y ~ a*x", DECAY, start={"a": 1}).fit(**options)
