"""Real data with certified answers: NIST Statistical Reference Datasets, nonlinear regression, both official starts."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest as st
from steepest.data.examples import certified, example
from steepest.fitting.result import Fit

SETS = ["@chwirut1", "@misra1a"]


def fitted(name: str, start: dict[str, float], loss: str = "sse") -> Fit:
    return st.Problem(example(name).formula, name, loss, start=start).fit()


def digits(found: dict[str, float], right: dict[str, float]) -> float:
    """Of the worst one; the certified values carry 11."""
    return min(11.0, *(-np.log10(abs(found[k] / right[k] - 1) + 1e-16) for k in right))


@pytest.mark.parametrize("loss", ["sse", "mse", "half-mse"])
@pytest.mark.parametrize("start", ["start1", "start2"])
@pytest.mark.parametrize("name", SETS)
def test_certified_values(name: str, start: str, loss: str) -> None:
    right = certified(name)
    fit = fitted(name, right[start], loss)
    assert fit.outcome == "converged", fit.reason
    assert digits(fit.parameters, right["certified"]) > 9.5
    assert digits(fit.std_errors, right["std_err"]) > 9.5
    assert fit.rss == pytest.approx(right["rss"], rel=1e-10)
    assert fit.dof == right["dof"]
    assert fit.evaluations < 100


@pytest.mark.parametrize("name", SETS)
def test_perturbed_starts_converge_to_the_certified_values_or_say_that_they_failed(name: str) -> None:
    rng = np.random.default_rng(0)
    right = certified(name)
    good = 0
    for _ in range(100):
        start = {k: value * 3 ** rng.uniform(-1, 1) for k, value in right["start2"].items()}
        fit = fitted(name, start)
        if fit.outcome == "converged":
            assert digits(fit.parameters, right["certified"]) > 9.5
            good += 1
        else:
            assert fit.reason
            assert np.isnan(list(fit.std_errors.values())).all()
    assert good >= 99


@pytest.mark.parametrize("name", SETS)
def test_starts_of_the_wrong_sign_and_size_raise_nothing_and_claim_no_false_minimum(name: str) -> None:
    rng = np.random.default_rng(1)
    right = certified(name)
    outcomes = set()
    for _ in range(20):
        start = {k: v * 10 ** rng.uniform(-3, 3) * rng.choice([-1, 1]) for k, v in right["start1"].items()}
        fit = fitted(name, start)
        outcomes.add(fit.outcome)
        if fit.outcome == "converged" and digits(fit.parameters, right["certified"]) < 9:
            assert is_a_minimum(fit)  # another one: chwirut1 has several, where b2 + b3*x changes its sign
    assert len(outcomes) > 1


def is_a_minimum(fit: Fit) -> bool:
    """Of 200 points around it, none lies lower: the distances are a thousandth of the standard errors."""
    rng = np.random.default_rng(2)
    spread = np.linalg.cholesky(fit.covariance)
    theta = fit.theta
    around = [theta + 1e-3 * spread @ rng.normal(size=len(theta)) for _ in range(200)]
    return all(fit.objective.loss(point) > fit.loss for point in around)


# ---- the other sets, of which the repository has the data for its tests and benchmarks

SHIPPED = {row["name"]: row for row in json.loads(Path(__file__).with_name("nist.json").read_text(encoding="utf-8"))}
# Terms that a fit may find in another order, and widths whose sign does not matter.
PEAKS = {"b3": "b6", "b4": "b7", "b5": "b8"}
EXCHANGED = {"MGH17": {"b2": "b3", "b4": "b5"}, "Gauss1": PEAKS, "Gauss2": PEAKS, "Gauss3": PEAKS}
RIGHT_WITHOUT_A_START = [
    "Misra1a", "Chwirut2", "DanWood", "Misra1b", "Kirby2", "Hahn1", "Nelson", "MGH17", "Misra1c", "Misra1d", "Roszman1", "Gauss1",
]  # fmt: skip


def problem_of(name: str, start: Any = None) -> st.Problem:
    row = SHIPPED[name]
    given = None if start is None else dict(zip(row["parameters"], row[start], strict=True))
    return st.Problem(row["formula"], row["data"], "sse", given)


def by_name(name: str, key: str) -> dict[str, float]:
    return dict(zip(SHIPPED[name]["parameters"], SHIPPED[name][key], strict=True))


@pytest.mark.parametrize("start", ["start1", "start2"])
@pytest.mark.parametrize("name", SHIPPED)
def test_every_set_from_both_starts(name: str, start: str) -> None:
    fit, row = problem_of(name, start).fit(), SHIPPED[name]
    assert fit.outcome == "converged", fit.reason
    theta, errors = fit.parameters, fit.std_errors
    there = EXCHANGED.get(name, {})
    order = {**there, **{b: a for a, b in there.items()}}
    ways = [{k: k for k in theta}, {k: order.get(k, k) for k in theta}]
    unsigned = ("b5", "b8") if name.startswith("Gauss") else ()
    found = [
        (digits({k: abs(theta[w[k]]) if k in unsigned else theta[w[k]] for k in theta}, by_name(name, "certified")),
         digits({k: errors[w[k]] for k in theta}, by_name(name, "std_err")))
        for w in ways
    ]  # fmt: skip
    best = max(found)
    assert best[0] > 10
    assert fit.dof == row["dof"]
    if name == "Lanczos1":  # its residuals are 1e-14 of the response
        assert best[1] > 2 and "about 2 digits of the standard errors are right" in fit.reason
    else:
        assert best[1] > 10 and "digits" not in fit.reason
        assert fit.rss == pytest.approx(row["rss"], rel=1e-9)


@pytest.mark.parametrize("name", RIGHT_WITHOUT_A_START)
def test_without_a_start(name: str) -> None:
    with pytest.warns(st.SteepestWarning, match="no start given for"):
        fit = problem_of(name).fit()
    assert fit.outcome == "converged" and fit.rss == pytest.approx(SHIPPED[name]["rss"], rel=1e-9)


@pytest.mark.parametrize("name", [name for name in SHIPPED if name != "Lanczos1"])
def test_what_claims_to_be_a_minimum_is_one(name: str) -> None:
    """From starts with every value times 10**U(-1, 1), every second time with random signs; none raises."""
    rng = np.random.default_rng(3)
    problem = problem_of(name, "start1")
    for k in range(6):
        start = {b: v * 10 ** rng.uniform(-1, 1) for b, v in by_name(name, "start2").items()}
        start = {b: v * rng.choice([-1, 1]) if k % 2 else v for b, v in start.items()}
        fit = problem.with_start(start).fit()
        if fit.outcome == "converged":
            assert is_a_minimum(fit), fit.parameters
        else:
            assert fit.reason and np.isnan(list(fit.std_errors.values())).all()


@pytest.mark.parametrize("name", ["Nelson", "Kirby2", "Hahn1", "MGH17"])
def test_several_starts_reach_the_certified_minimum_from_a_poor_one(name: str) -> None:
    start = {k: -v for k, v in by_name(name, "start1").items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = problem_of(name, "start1").with_start(start).fit(starts=20)
    assert fit.outcome == "converged" and fit.rss == pytest.approx(SHIPPED[name]["rss"], rel=1e-9), fit.reason
