"""A hunt for false successes: random problems from starts far away; whatever says `converged` must stand before another judge.

The judge knows nothing of the library: the same model as a Python function in long double, points all around in the metric of the
standard errors, and SciPy's Nelder and Mead, which goes down from a small simplex around the point.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import optimize

import steepest as st
from steepest.fitting.fit import followed
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.runaway import runaway

Array = np.ndarray[Any, Any]
LONG = np.longdouble
LOWER = 1e-9  # of the loss: what is lower by more is no rounding
RUNS = 6  # problems of each model

exp, log, sqrt, sin, atan, tanh = np.exp, np.log, np.sqrt, np.sin, np.arctan, np.tanh
MODELS: dict[str, Callable[..., Array]] = {
    "a*exp(b*x) + c": lambda x, a, b, c: a * exp(b * x) + c,
    "a*exp(-b*x) + c*exp(-d*x)": lambda x, a, b, c, d: a * exp(-b * x) + c * exp(-d * x),
    "a*x**b": lambda x, a, b: a * x**b,
    "a/(1 + exp(-b*(x - c)))": lambda x, a, b, c: a / (1 + exp(-b * (x - c))),
    "a*x/(b + x)": lambda x, a, b: a * x / (b + x),
    "a*sin(b*x + c) + d": lambda x, a, b, c, d: a * sin(b * x + c) + d,
    "a*exp(-((x - b)/c)**2)": lambda x, a, b, c: a * exp(-(((x - b) / c) ** 2)),
    "a/(1 + ((x - b)/c)**2) + d": lambda x, a, b, c, d: a / (1 + ((x - b) / c) ** 2) + d,
    "a*log(b*x + c)": lambda x, a, b, c: a * log(b * x + c),
    "a*atan(b*(x - c))": lambda x, a, b, c: a * atan(b * (x - c)),
    "a*tanh(b*x) + c": lambda x, a, b, c: a * tanh(b * x) + c,
    "a*x**b*exp(-c*x)": lambda x, a, b, c: a * x**b * exp(-c * x),
    "(a + b*x)/(1 + c*x)": lambda x, a, b, c: (a + b * x) / (1 + c * x),
    "a*(1 - exp(-b*x))**c": lambda x, a, b, c: a * (1 - exp(-b * x)) ** c,
    "sqrt(a*a + (b*x)**2) + c": lambda x, a, b, c: sqrt(a * a + (b * x) ** 2) + c,
    "a*exp(b/(x + c))": lambda x, a, b, c: a * exp(b / (x + c)),
    "a*cos(b*x)*exp(-c*x)": lambda x, a, b, c: a * np.cos(b * x) * exp(-c * x),
    "a*x/(b + x + x*x/c)": lambda x, a, b, c: a * x / (b + x + x * x / c),
    "a*relu(x - b) + c": lambda x, a, b, c: a * np.maximum(x - b, 0) + c,
    "a*abs(x - b) + c": lambda x, a, b, c: a * np.abs(x - b) + c,
}
LOSSES: dict[str, Callable[[Array], Array]] = {
    "sse": lambda r: r * r,
    "cauchy": lambda r: np.log1p(r * r) / 2,
    "huber(0.5)": lambda r: np.where(np.abs(r) <= 0.5, r * r / 2, 0.5 * (np.abs(r) - LONG(0.25))),
}


class Case(NamedTuple):
    """A model on data of its own, of another shape or of no shape, and a start."""

    model: str
    loss: str
    x: Array
    y: Array
    start: Array

    def value(self, theta: Any) -> Any:
        """The summed loss in long double; infinite where it is not finite."""
        with np.errstate(all="ignore"):
            residual = MODELS[self.model](self.x.astype(LONG), *np.asarray(theta, dtype=LONG)) - self.y
            total = np.sum(LOSSES[self.loss](residual))
        return total if np.isfinite(total) else LONG(np.inf)


def case(model: str, loss: str, seed: int) -> Case:
    rng = np.random.default_rng([seed, len(model), sum(map(ord, model + loss))])
    count = MODELS[model].__code__.co_argcount - 1
    x = np.sort(rng.uniform(0.05, rng.choice([1.0, 5.0, 30.0]), int(rng.integers(count + 2, 41))))
    right = rng.choice([-1, 1], count) * 10 ** rng.uniform(-1, 0.5, count)
    with np.errstate(all="ignore"):
        curve = MODELS[model](x, *right)
    kind = rng.integers(4)
    if kind == 0 or not np.isfinite(curve).all() or np.max(np.abs(curve)) > 1e6:
        curve = rng.normal(size=len(x))  # nothing to find
    size = float(np.ptp(curve)) or 1.0
    y = curve + (0.0 if kind == 1 else 10 ** rng.uniform(-4, -0.5) * size) * rng.normal(size=len(x))
    y[rng.random(len(x)) < (0.1 if kind == 2 else 0)] += 10 * size
    return Case(model, loss, x, y, rng.choice([-1, 1], count) * 10 ** rng.uniform(-2, 1.5, count))


def complaint(found: Case, theta: Array, spread: Array) -> str:
    """Why this is no minimum, or an empty text. `spread` (k, k): its columns are one standard error long."""
    rng = np.random.default_rng(0)
    here = found.value(theta)
    grain = 64 * np.sum((np.finfo(float).eps * np.abs(found.y)) ** 2)
    low = here * LONG(1 - LOWER) - grain - LONG(1e-14) * np.sqrt(here * np.sum(found.y**2))
    normal = rng.normal(size=(60, len(theta)))
    directions = [*spread.T, *np.diag(np.linalg.norm(spread, axis=1)), *(spread @ d / np.linalg.norm(d) for d in normal)]
    for distance in (1e-3, -1e-3, 1e-2, -1e-2):
        for direction in directions:
            if found.value(theta + distance * direction) < low:
                return f"the loss is lower {distance} standard errors beside it"
    simplex = np.vstack([np.zeros(len(theta)), 0.01 * np.eye(len(theta))])
    options: Any = {"initial_simplex": simplex, "xatol": 1e-6, "fatol": 1e-12, "maxfev": 400}

    def rise(z: Array) -> float:
        return float((found.value(theta + spread @ z) - here) / (abs(here) + 1e-300))

    end = optimize.minimize(rise, np.zeros(len(theta)), method="Nelder-Mead", options=options)
    way = [found.value(theta + t * (spread @ end.x)) for t in np.linspace(0, 1, 33)]
    if way[-1] < low and max(way) <= here * LONG(1 + LOWER) + grain:  # a step that leaps over a ridge proves nothing
        return f"Nelder and Mead go down to {1 + end.fun:.12g} of its loss, {np.linalg.norm(end.x):.2g} standard errors away"
    k = int(np.argmax(np.abs(theta)))
    return "a parameter ran away" if abs(theta[k]) > 1e5 and elsewhere(found, theta, k) <= here * LONG(1 + LOWER) else ""


def elsewhere(found: Case, theta: Array, k: int) -> float:
    """The least loss near by with parameter k at a tenth of its value."""
    tenth = np.where(np.arange(len(theta)) == k, theta / 10, theta)

    def height(z: Array) -> float:
        return float(found.value(tenth * (1 + np.insert(z, k, 0.0))))

    ends = [
        optimize.minimize(height, np.full(len(theta) - 1, z), method="Nelder-Mead", options={"maxfev": 1000}) for z in (0, -0.9)
    ]
    return min(float(end.fun) for end in ends)


def judged(found: Case) -> tuple[str, str]:
    """The outcome of the fit, and what speaks against it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", st.SteepestWarning)
        fit = st.Problem(f"y ~ {found.model}", {"x": found.x, "y": found.y}, found.loss, found.start).fit()
    if fit.outcome != "converged":
        return fit.outcome, ""
    return fit.outcome, complaint(found, fit.theta, spread_of(fit))


def spread_of(fit: Any) -> Array:
    """A root of the covariance; where that is not known, a millionth of the parameters."""
    size = np.sqrt(np.diag(fit.covariance))
    if not (np.isfinite(size).all() and (size > 0).all()):
        return np.diag(1e-6 * np.abs(fit.theta) + 1e-9)
    values, axes = np.linalg.eigh(fit.correlation)
    root: Array = size[:, None] * axes * np.sqrt(np.maximum(values, 0))
    return root


@pytest.mark.parametrize("model", MODELS)
def test_what_says_converged_is_a_minimum(model: str) -> None:
    ends = [judged(case(model, loss, seed)) for loss in LOSSES for seed in range(RUNS // len(LOSSES))]
    assert [why for _, why in ends if why] == []


def test_the_judge_can_tell_and_the_hunt_finds_minima() -> None:
    found = case("a*exp(b*x) + c", "sse", 1)
    outcome, why = judged(found)
    assert (outcome, why) == ("converged", "")
    fit = st.Problem(f"y ~ {found.model}", {"x": found.x, "y": found.y}, "sse", found.start).fit()
    spread = np.linalg.cholesky(fit.covariance)
    assert "lower" in complaint(found, fit.theta + 0.05 * spread[:, 0], spread)
    assert "lower" in complaint(found, fit.theta + 1e-3 * spread[:, 1], spread)


@pytest.mark.parametrize(
    ("loss", "theta"),
    [
        ("cauchy", [-0.13977710243892172, -4.9130089868915046e17, 9.315260406764196]),
        ("huber(0.5)", [-0.9454881734914503, 196139714.70679075, -332929758.4815061]),
    ],
)
def test_a_step_that_is_as_good_at_any_steepness_is_no_minimum(loss: str, theta: list[float]) -> None:
    """Where fits ended that claimed success, before a parameter far out was held elsewhere."""
    found, there = case("a*atan(b*(x - c))", loss, 0), np.array(theta)
    assert complaint(found, there, np.diag(1e-6 * np.abs(there))) == "a parameter ran away"
    assert judged(found)[1] == ""
    problem = st.Problem(f"y ~ {found.model}", {"x": found.x, "y": found.y}, found.loss, found.start)
    reason = runaway(FreeLoss(problem.objective(), found.start), there, followed)
    assert " ran away to" in reason and "the loss is no higher; fix it, or start it elsewhere" in reason
