"""Real data with certified answers: NIST Statistical Reference Datasets, nonlinear regression, both official starts."""

from __future__ import annotations

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
