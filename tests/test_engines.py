"""Each engine against something that is no engine: NumPy, SciPy, mpmath, exact sums; and what an engine promises."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from mpmath import mp
from scipy import special

from agreement import Pair
from problems import CASES, LOSSES, Array, Case, columns, weights
from steepest.calculus.derivation import Derivation
from steepest.check.rounding import EPS, rows_bound, sums_bound
from steepest.data.examples import EXAMPLES
from steepest.descent.rates import automatic
from steepest.descent.runners import Fused, Stepped
from steepest.engines import compiled
from steepest.engines.numpy_engine import SLICE
from steepest.engines.source import run_source
from steepest.engines.table import ENGINES, choose, kernels, why_not
from steepest.errors import EngineError, OptionError
from steepest.language.formula import parse_formula
from steepest.language.functions import FUNCTIONS, numpy_function
from steepest.language.losses import LOSSES as ALL_LOSSES
from steepest.language.losses import parse_loss
from steepest.methods.table import EQUATIONS
from steepest.problem import Problem

ONE = np.array([1.0])


def response(engine: str, text: str, **data: Array) -> Array:
    """What an engine makes of an expression in columns: the left side of a formula."""
    formula = parse_formula(f"{text} ~ parameter", list(data))
    derivation = Derivation(formula, parse_loss("mse"))
    line: Array = kernels(engine, derivation).rows("value", ONE, [data[name] for name in formula.columns])[0]
    return line


def derived(case: Case, loss: str, rows: int) -> tuple[Derivation, list[Array]]:
    data = columns(case, rows)
    formula = parse_formula(case.formula, list(data))
    return Derivation(formula, parse_loss(loss)), [data[name] for name in formula.columns]


# Functions

POSITIVE = np.concatenate([np.geomspace(1e-320, 1e308, 1500), np.linspace(0, 40, 1001), np.linspace(0.9, 1.1, 501)])
ARGUMENTS = np.concatenate([POSITIVE, -POSITIVE, [0.0, -0.0, np.inf, -np.inf, np.nan]])
ULPS = 2
COMPOSED = ("sigmoid", "softplus", "logcosh")  # no library has them: several operations, each with its rounding
# glibc's cube root, which NumPy calls on some processors, is itself 3 ulp off.
EXACT: dict[str, Callable[[Any], Any]] = {
    "cbrt": mp.cbrt,
    "sigmoid": lambda u: 1 / (1 + mp.exp(-u)),
    "softplus": lambda u: mp.log1p(mp.exp(u)),
    "logcosh": lambda u: mp.log(mp.cosh(u)),
}


def ulps(computed: Array, reference: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.abs(computed - reference) / np.spacing(np.maximum(np.abs(reference), 5e-324))


def assert_same_places(computed: Array, reference: Array) -> None:
    np.testing.assert_array_equal(np.isnan(computed), np.isnan(reference))
    infinite = np.isinf(reference)
    np.testing.assert_array_equal(computed[infinite], reference[infinite])
    assert np.isfinite(computed[np.isfinite(reference)]).all()


@pytest.mark.parametrize(
    "name", [name for name, row in FUNCTIONS.items() if len(row.arguments) == 1 and name not in EXACT and row.numpy]
)
def test_compiled_functions_against_numpy(name: str) -> None:
    computed = response("compiled", f"{name}(x)", x=ARGUMENTS)
    function = numpy_function(name)
    assert function is not None
    with np.errstate(all="ignore"):
        reference = function(ARGUMENTS)
    assert_same_places(computed, reference)
    finite = np.isfinite(reference)
    assert ulps(computed[finite], reference[finite]).max() <= ULPS


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_functions_against_exact_ones(engine: str, name: str) -> None:
    x = np.concatenate([s * np.geomspace(1e-300, 1e300, 150) for s in (1, -1)] + [np.linspace(-30, 30, 301)])
    computed = response(engine, f"{name}(x)", x=x)
    with mp.workprec(2200):  # 1 + exp(-u) has to see the smallest u
        exact = [mp.sign(u) * EXACT[name](abs(u)) if name == "cbrt" else EXACT[name](u) for u in map(mp.mpf, x.tolist())]
        error = np.array([float(abs(mp.mpf(c) - e)) for c, e in zip(computed.tolist(), exact, strict=True)])
        reference = np.array([float(e) for e in exact])
    if name in COMPOSED:
        formula = parse_formula(f"{name}(x) ~ a", ["x"])
        bound = rows_bound(Derivation(formula, parse_loss("mse")), "value", ONE, [x])
        assert (error <= EPS * bound.kappa[0]).all()
    else:
        assert (error <= (4 if engine == "numpy" else 1) * np.spacing(np.abs(reference))).all()


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
@pytest.mark.parametrize("name", EXACT)
def test_functions_where_numbers_end(engine: str, name: str) -> None:
    x = np.array([0.0, np.inf, -np.inf, np.nan])
    limits = {
        "cbrt": [0, np.inf, -np.inf, np.nan],
        "sigmoid": [0.5, 1, 0, np.nan],
        "softplus": [np.log(2), np.inf, 0, np.nan],
        "logcosh": [0, np.inf, np.inf, np.nan],
    }
    np.testing.assert_array_equal(response(engine, f"{name}(x)", x=x), limits[name])


SPECIAL = np.array([0.0, -0.0, 1.5, -1.5, 5e-324, 1e308, -1e308, np.inf, -np.inf, np.nan])
LEFT, RIGHT = (grid.ravel() for grid in np.meshgrid(SPECIAL, SPECIAL))


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("min(x, z)", np.minimum),
        ("max(x, z)", np.maximum),
        ("clip(x, z, 2)", lambda x, z: np.clip(x, z, 2.0)),
        ("relu(x)", lambda x, z: np.maximum(x, 0)),
        ("sign(x)", lambda x, z: np.sign(x)),
        ("where(x < z, 1, 2)", lambda x, z: np.where(x < z, 1.0, 2.0)),
        ("where(x <= z, 1, 2)", lambda x, z: np.where(x <= z, 1.0, 2.0)),
        ("where(x > z, 1, 2)", lambda x, z: np.where(x > z, 1.0, 2.0)),
        ("where(x >= z, 1, 2)", lambda x, z: np.where(x >= z, 1.0, 2.0)),
        ("where(x == z, 1, 2)", lambda x, z: np.where(x == z, 1.0, 2.0)),
        ("where(x != z, 1, 2)", lambda x, z: np.where(x != z, 1.0, 2.0)),
        ("where(x > 0, x, z)", lambda x, z: np.where(x > 0, x, z)),
    ],
)
def test_choices_with_every_special_value(engine: str, text: str, reference: Callable[..., Array]) -> None:
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(response(engine, text, x=LEFT, z=RIGHT), reference(LEFT, RIGHT))


def test_compiled_powers_against_numpy() -> None:
    base, exponent = (g.ravel() for g in np.meshgrid(np.geomspace(1e-9, 1e9, 61), np.linspace(-20.3, 20.3, 41)))
    computed = response("compiled", "x**z", x=base, z=exponent)
    assert ulps(computed, np.power(base, exponent)).max() <= ULPS
    special_ones = response("compiled", "x**z", x=LEFT, z=RIGHT)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(special_ones, np.power(LEFT, RIGHT))


U = np.concatenate([np.linspace(-1, 1, 401), [-1.3, 1.3, 2.0]])
HIGH_ORDER = {
    "P40": lambda u: special.eval_legendre(40, u),
    "P200": lambda u: special.eval_legendre(200, u),
    "T25": lambda u: special.eval_chebyt(25, u),
    "T100": lambda u: special.eval_chebyt(100, u),
}
SLOPES = {
    "P40": lambda u: special.eval_gegenbauer(39, 1.5, u),
    "P200": lambda u: special.eval_gegenbauer(199, 1.5, u),
    "T25": lambda u: 25 * special.eval_chebyu(24, u),
    "T100": lambda u: 100 * special.eval_chebyu(99, u),
}


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
@pytest.mark.parametrize("name", HIGH_ORDER)
def test_polynomials_of_high_order_against_scipy(engine: str, name: str) -> None:
    """Values, and slopes by the Jacobian's column for the factor of u; SciPy's own error is allowed as much as ours."""
    formula = parse_formula(f"y ~ {name}(k*u)", ["u", "y"])
    derivation = Derivation(formula, parse_loss("mse"))
    data = [np.zeros_like(U), U]
    residual, slope = kernels(engine, derivation).rows("jacobian", ONE, data)
    kappa = rows_bound(derivation, "jacobian", ONE, data).kappa
    assert (np.abs(residual - HIGH_ORDER[name](U)) <= 2 * EPS * kappa[0]).all()
    assert (np.abs(slope - U * SLOPES[name](U)) <= 2 * EPS * kappa[1]).all()
    inside = np.abs(U) <= 1
    assert kappa[0][inside].max() < 4 * int(name[1:]) ** 2  # as the slopes grow, and not as (1 + √2)**n


# Sums


def test_the_shared_problems_have_every_loss() -> None:
    assert {loss for losses in LOSSES.values() for loss in losses} >= set(ALL_LOSSES)
    assert {case.response for case in CASES} == set(LOSSES)


SUMMED = (Case("y ~ a + b*P3(c + d*x)", (0.1, -1.0, 0.2, 0.3)), Case("y ~ a*sin(b*x) + c", (1.2, 0.7, 0.3)))


@pytest.mark.parametrize("rows", [1, 31, 1025, 30_000])
@pytest.mark.parametrize("case", SUMMED)
def test_two_threads_give_the_bits_of_one(case: Case, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    derivation, data = derived(case, "mse", rows)
    engine = kernels("compiled", derivation)
    monkeypatch.setattr(compiled, "PAYS", 1)
    results = []
    for count in (1, 2, 3):
        monkeypatch.setattr(compiled, "threads", lambda count=count: count)
        results.append(engine.sums("gradient", np.array(case.theta), data, None, float(rows)).tobytes())
    assert len(set(results)) == 1


@pytest.mark.parametrize("case", SUMMED)
def test_weights_of_one_change_nothing(case: Case) -> None:
    derivation, data = derived(case, "mse", 2000)
    theta, ones = np.array(case.theta), np.ones(2000)
    for engine in ("numpy", "compiled"):
        values = [kernels(engine, derivation).sums("hessian", theta, data, w, 2000.0) for w in (None, ones)]
        kappas = [sums_bound(derivation, "hessian", theta, data, w, engine).kappa for w in (None, ones)]
        assert (np.abs(values[0] - values[1]) <= EPS * (kappas[0] + kappas[1])).all()


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_sums_of_many_rows_against_exact_ones(engine: str, weighted: bool) -> None:
    """More rows than one slice: the rows themselves, added without rounding."""
    rows = 2 * SLICE + 77
    derivation, data = derived(SUMMED[0], "mse", rows)
    theta = np.array(SUMMED[0].theta)
    weight = weights(rows) if weighted else None
    pair = Pair(derivation, data, weight)
    kernel = kernels(engine, derivation)
    terms = kernel.rows("gradient", theta, data) * (1 if weight is None else weight)
    exact = np.array([math.fsum(line) for line in terms])
    kappa = sums_bound(derivation, "gradient", theta, data, weight, engine).kappa
    assert (np.abs(pair.sums_of(kernel, "gradient", theta) - exact) <= 2 * EPS * kappa).all()
    assert pair.sums_of(kernel, "gradient", theta) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_an_overflow_is_infinite_not_nan(engine: str) -> None:
    rows = 2 * SLICE
    derivation = Derivation(parse_formula("y ~ a*x", ["x", "y"]), parse_loss("mse"))
    data = [np.zeros(rows), np.full(rows, 1e154)]
    assert kernels(engine, derivation).sums("gradient", ONE, data, None, rows)[0] == np.inf


# Descents


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_fused_and_stepped_runners_give_the_same_bits(name: str, weighted: bool) -> None:
    example = EXAMPLES[name]
    rows = Problem(example.formula, f"@{name}", example.loss).columns.rows
    problem = Problem(example.formula, f"@{name}", example.loss, weights=weights(rows) if weighted else None)
    objective = problem.objective("compiled")
    theta = np.array(list(problem.start.values()))
    rate, _ = automatic(objective, objective.at(theta))
    rates = np.full(100, rate)
    fused, stepped = (made(objective, EQUATIONS["gd"], theta, rate).advance(rates) for made in (Fused, Stepped))
    for one, other in zip(fused, stepped, strict=True):
        np.testing.assert_array_equal(one, other)


def test_exact_descents_stop_when_the_digits_are_too_many() -> None:
    data = {"x": [-1, 0, 1, 2], "y": [0, 1, 1, 3]}
    start = {name: Fraction(1, k + 2) for k, name in enumerate("abcd")}
    problem = Problem("y ~ a + b*P3(c + d*x)", data, start=start)
    trace = problem.descend(engine="sympy", lr=Fraction(1, 10), steps=20)
    assert trace.outcome == "stopped"
    assert "10,000 digits" in trace.reason
    assert 2 <= len(trace) < 20
    first = Fraction(int(trace.theta[0, 0].p), int(trace.theta[0, 0].q))
    assert first == Fraction(1, 2)
    assert all(value.is_Rational for value in trace.theta[-1])


# The table


@pytest.mark.parametrize("ask", [why_not, lambda name: kernels(name, derived(CASES[0], "mse", 3)[0])])
def test_an_unknown_engine_is_named_with_the_nearest(ask: Callable[[str], Any]) -> None:
    with pytest.raises(OptionError, match=r"unknown engine 'compield': did you mean 'compiled'\? Known: auto, numpy"):
        ask("compield")


@pytest.fixture(params=[ImportError("No module named 'llvmlite'"), OSError("libLLVM.so: wrong ELF class")], ids=type)
def without_llvmlite(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    real = importlib.import_module

    def refuse(name: str, package: str | None = None) -> Any:
        if name == "llvmlite":
            raise request.param
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", refuse)


@pytest.mark.usefixtures("without_llvmlite")
def test_without_llvmlite() -> None:
    sentence = r"engine 'compiled' needs llvmlite, which cannot be imported \(.*\): pip install llvmlite"
    problem = Problem("y ~ w*x", "@triples")
    with pytest.raises(EngineError, match=sentence):
        problem.gradient_at([1.0], engine="compiled")
    assert problem.descend(lr=0.005, steps=3).outcome == "steps"
    engine, why = choose(problem.derivation, rows=10**6, evaluations=10**6)
    assert engine == "numpy"
    assert "pip install llvmlite" in why


def test_auto_says_what_it_picked_and_why() -> None:
    derivation = derived(CASES[0], "mse", 3)[0]
    assert choose(derivation, rows=5, evaluations=10)[0] == "numpy"
    engine, why = choose(derivation, rows=4000, evaluations=40_000)
    assert engine == "compiled"
    assert why.endswith("compiling pays")
    assert {"numpy", "compiled", "sympy"} < set(ENGINES)


@pytest.mark.parametrize(
    "source",
    ["import os", "def f():\n    return [x for x in y]", "def f():\n    return x.__class__", "def f():\n    'a'"],
)
def test_generated_source_is_arithmetic_and_nothing_else(source: str) -> None:
    with pytest.raises(EngineError, match="generated source holds"):
        run_source(source, {"np": np})


def test_generated_source_has_no_builtins() -> None:
    scope = run_source("def f(p0):\n    return abs(p0)", {"np": np})
    assert not hasattr(builtins, "np")
    with pytest.raises(NameError):
        scope["f"](1.0)
