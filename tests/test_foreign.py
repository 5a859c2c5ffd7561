"""Methods of other libraries: torch:…, optax:…, scipy:…"""

from __future__ import annotations

import importlib
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest as st
from steepest.descent.batches import Batches
from steepest.descent.foreign.choose import read_foreign
from steepest.descent.foreign.method import INSTALL, LEAST_SQUARES, MINIMIZE, is_foreign
from steepest.descent.objective import Objective
from steepest.errors import EngineError, OptionError

X = np.random.default_rng(1).uniform(-2, 2, 37)
Y = 1.1 * np.exp(-0.6 * X) + 0.2 * X + np.random.default_rng(2).normal(0, 0.1, 37)
START = {"a": 1.4, "b": 0.27, "c": -0.31}
WEIGHTS = np.random.default_rng(3).uniform(0.2, 2, 37)
SHARED = {  # ours → torch's, optax's, and a rate
    "adam": ("torch:Adam", "optax:adam", 0.01),
    "adagrad": ("torch:Adagrad", None, 0.05),
    "rmsprop": ("torch:RMSprop", None, 0.001),
    "adamax": ("torch:Adamax", "optax:adamax", 0.01),
    "gd": ("torch:SGD", "optax:sgd", 0.05),
    "lion": (None, "optax:lion", 0.001),
}
STEPPED = [("torch:Adam", {}), ("torch:LBFGS", {}), ("torch:ASGD", {}), ("optax:adam", {"lr": 0.01}), ("optax:yogi", {"lr": 0.01})]
SCIPY = [*LEAST_SQUARES, *(name for name, _ in MINIMIZE)]


def problem(start: Any = START, **options: Any) -> st.Problem:
    return st.Problem("y ~ a*exp(-b*x) + c*x", {"x": X, "y": Y}, start=start, **options)


def needs(method: str) -> None:
    library = method.partition(":")[0]
    pytest.importorskip(library)


@pytest.mark.parametrize(("engine", "batch"), [("numpy", "full"), ("compiled", 5)])
@pytest.mark.parametrize("name", SHARED)
def test_they_take_the_steps_of_our_methods(name: str, engine: str, batch: Any) -> None:
    torch_name, optax_name, rate = SHARED[name]
    options: dict[str, Any] = {"steps": 40, "batch": batch, "engine": engine, "seed": 4, "schedule": "cosine"}
    fixed = problem({**START, "c": {"value": -0.31, "fixed": True}})
    hyper = {"lam": 0.001} if name == "lion" else {}  # what optax has by itself
    ours = fixed.descend(name, rate, hyper=hyper, **options)
    for method in filter(None, (torch_name, optax_name)):
        needs(method)
        theirs = fixed.descend(method, rate, **options)
        np.testing.assert_allclose(theirs.theta, ours.theta, rtol=1e-10)
        np.testing.assert_allclose(theirs.gradient, ours.gradient, rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(theirs.lr, ours.lr)
        assert theirs.outcome == "steps" and len(theirs) == 41
        assert np.ptp(theirs["c"]) == 0 and np.ptp(theirs["a"]) > 0.01


def test_an_ordinary_loop_of_torch_has_the_same_bits() -> None:
    torch = pytest.importorskip("torch")
    made = problem()
    batches = Batches(37, 8, seed=2)
    order, edges = batches.block(0, 40)
    p = torch.tensor([*START.values()], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([p], lr=0.02, betas=(0.8, 0.99), amsgrad=True)
    path = []
    for k in range(40):
        rows = order[edges[k] : edges[k + 1]]
        path.append(p.detach().numpy().copy())
        p.grad = torch.tensor(made.objective("numpy").at(path[-1], rows).gradient)
        optimiser.step()
    hyper = {"betas": (0.8, 0.99), "amsgrad": True}
    trace = made.descend("torch:Adam", 0.02, 40, 8, "numpy", seed=2, hyper=hyper)
    np.testing.assert_array_equal(trace.theta[:-1], path)
    assert trace.recipe["constants of the method"] == hyper


@pytest.mark.parametrize(("method", "options"), STEPPED)
def test_a_descent_in_two_parts_is_one(method: str, options: dict[str, Any], tmp_path: Path) -> None:
    needs(method)
    whole = problem().descend(method, steps=15, batch=7, **options)
    first = problem().descend(method, steps=7, batch=7, **options)
    second = problem().descend(method, steps=8, batch=7, start=first, **options)
    np.testing.assert_array_equal(second.theta, whole.theta[7:])
    first.save(tmp_path / "first.parquet")  # without the library's own state
    loaded = problem().load(tmp_path / "first.parquet")
    np.testing.assert_array_equal(loaded.theta, first.theta)
    with pytest.raises(OptionError, match="is not kept in files"):
        problem().descend(method, steps=3, batch=7, start=loaded, **options)


@pytest.mark.parametrize("method", ["torch:Adam", "scipy:trf", "scipy:SLSQP"])
def test_the_recipe_runs_it_again(method: str, tmp_path: Path) -> None:
    needs(method)
    hyper = {"betas": (0.8, 0.9), "amsgrad": True} if method == "torch:Adam" else {"ftol": 1e-4}
    first = problem().descend(method, steps=20, hyper=hyper)
    first.save(tmp_path / "run.parquet")
    again = st.rerun(tmp_path / "run.parquet", {"x": X, "y": Y})
    np.testing.assert_array_equal(again.theta, first.theta)
    assert (again.outcome, again.reason) == (first.outcome, first.reason)
    assert first.plot() is not None


def test_lbfgs_counts_its_evaluations() -> None:
    pytest.importorskip("torch")
    trace = problem().descend("torch:LBFGS", steps=5)
    assert trace.evaluations is not None and trace.evaluations[0] == 1
    assert trace.evaluations[1] > 5  # one call of step is many evaluations
    assert trace.loss[-1] == pytest.approx(problem().fit().loss, rel=1e-6)


@pytest.mark.parametrize(("method", "rate"), [("torch:Adam", 1e-3), ("torch:SGD", 1e-3), ("torch:Adadelta", 1.0)])
def test_torch_has_rates_of_its_own(method: str, rate: float) -> None:
    pytest.importorskip("torch")
    trace = problem().descend(method, steps=3)
    assert trace.lr.tolist() == [rate] * 4
    assert trace.recipe["lr_why"] == "that of torch itself"
    assert trace.recipe["equations"].startswith("torch ")


def test_float32_stays_float32() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("optax")
    for method in ("torch:Adam", "optax:adam"):
        trace = problem().descend(method, 0.01, 5, engine="torch", dtype="float32")
        assert trace.theta.dtype == np.float32 and len(trace) == 6


# --- SciPy: whole runs ---


@pytest.mark.parametrize("name", [name for name in SCIPY if name != "dogleg"])  # which wants a Hessian that is positive everywhere
def test_scipy_finds_the_minimum_and_its_points_are_rows(name: str) -> None:
    made = problem(weights=WEIGHTS)
    trace = made.descend(f"scipy:{name}", engine="numpy")
    best = made.fit()
    assert trace.outcome == "converged" and trace.reason.startswith("SciPy: ")
    assert trace.loss[-1] == pytest.approx(best.loss, rel=1e-3)
    assert trace.theta[0].tolist() == [*START.values()] and 3 < len(trace) < 200
    for k in (0, 2, -1):
        assert trace.loss[k] == made.loss_at(trace.theta[k])
        np.testing.assert_array_equal(trace.gradient[k], made.gradient_at(trace.theta[k]))
    assert trace.evaluations is not None and (np.diff(trace.evaluations) >= 0).all() and trace.evaluations[-1] >= len(trace) - 1
    assert np.isnan(trace.lr).all() and "run whole" in trace.recipe["equations"]


@pytest.mark.parametrize("name", LEAST_SQUARES)
@pytest.mark.parametrize("weighted", [False, True])
def test_least_squares_is_scipys_own(name: str, weighted: bool) -> None:
    from scipy.optimize import least_squares

    root = np.sqrt(WEIGHTS) if weighted else 1.0
    right = least_squares(
        lambda p: root * (p[0] * np.exp(-p[1] * X) + p[2] * X - Y), [*START.values()],
        lambda p: (root * np.array([np.exp(-p[1] * X), -p[0] * X * np.exp(-p[1] * X), X])).T, method=name, xtol=1e-12,
    )  # fmt: skip
    trace = problem(weights=WEIGHTS if weighted else None).descend(f"scipy:{name}", hyper={"xtol": 1e-12})
    np.testing.assert_allclose(trace.theta[-1], right.x, rtol=1e-9)
    if name != "lm":  # MINPACK counts otherwise
        assert trace.evaluations is not None and trace.evaluations[-1] == right.nfev


def test_minimize_is_scipys_own() -> None:
    from scipy.optimize import minimize

    made = problem(loss="log-cosh")
    right = minimize(made.loss_at, [*START.values()], jac=made.gradient_at, method="L-BFGS-B", options={"maxcor": 4})
    trace = made.descend("scipy:L-BFGS-B", hyper={"maxcor": 4}, engine="numpy")
    np.testing.assert_array_equal(trace.theta[-1], right.x)
    assert len(trace) == right.nit + 1 and trace.recipe["evaluations"] == right.nfev


@pytest.mark.parametrize("name", SCIPY)
def test_scipy_ends_where_it_is_told(name: str) -> None:
    short = problem().descend(f"scipy:{name}", steps=2)
    if name != "dogleg":
        assert (short.outcome, short.reason, len(short)) == ("steps", "all 2 steps are done", 3)
    assert len(problem().descend(f"scipy:{name}", steps=0)) == 1
    assert problem().descend(f"scipy:{name}", seconds=0).outcome == "time"
    early = problem().descend(f"scipy:{name}", until_loss=0.07)
    assert name == "dogleg" or (early.outcome == "converged" and early.loss[-1] <= 0.07 < early.loss[-2])


def test_a_start_that_is_not_finite_is_an_outcome() -> None:
    made = st.Problem("y ~ log(a*x)", {"x": [1.0, 2, 3], "y": [1.0, 2, 3]}, start={"a": -1})
    for method in ("scipy:trf", "scipy:BFGS"):
        assert made.descend(method).outcome == "nonfinite"


# --- wrong words ---

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("torch:Adm", {}, "unknown method of torch 'Adm': did you mean 'Adam'? Known: "),
    ("torch:adam", {}, "did you mean 'Adam'"),
    ("torch:Optimizer", {}, "unknown method of torch"),
    ("optax:adm", {"lr": 0.1}, "did you mean 'adam'"),
    ("scipy:LBFGSB", {}, "did you mean 'L-BFGS-B'"),
    ("trch:Adam", {}, "unknown library of methods 'trch': did you mean 'torch'? Known: torch, optax, scipy"),
    ("optax:adam", {}, "optax:adam has no learning rate of its own: give lr="),
    ("torch:Adam", {"hyper": {"beta": 0.9}}, "unknown argument of torch:Adam 'beta': did you mean 'betas'"),
    ("torch:Adam", {"hyper": {"lr": 0.1}}, "unknown argument of torch:Adam 'lr'"),
    ("torch:Adam", {"hyper": {"betas": (0.5, 2.0)}}, "torch:Adam cannot be used here: ValueError: Invalid beta"),
    ("torch:Adam", {"hyper": {"eps": X}}, "give a number, a word"),
    ("torch:SparseAdam", {}, "does not support dense gradients"),
    ("torch:Adam", {"weight_decay": 0.1}, "weight_decay= changes the equations of our own methods"),
    ("torch:Adam", {"clip_norm": 1}, "in hyper="),
    ("torch:Adam", {"engine": "sympy", "lr": 0.1}, "is exact"),
    ("optax:lbfgs", {"lr": 0.1}, "optax:lbfgs cannot be used here: TypeError"),
    ("scipy:trf", {"batch": 4}, "needs all rows"),
    ("scipy:trf", {"lr": 0.1}, "chooses its own steps: leave lr="),
    ("scipy:trf", {"schedule": "cosine"}, "chooses its own steps: leave schedule="),
    ("scipy:trf", {"hyper": {"xtl": 0.1}}, "did you mean 'xtol'"),
    ("scipy:trf", {"hyper": {"jac": "2-point"}}, "unknown argument of scipy:trf 'jac'"),
    ("scipy:BFGS", {"hyper": {"foo": 1}}, "Unknown solver options: foo"),
]


@pytest.mark.parametrize(("method", "options", "sentence"), WRONG)
def test_wrong_words_are_told(method: str, options: dict[str, Any], sentence: str) -> None:
    if method.partition(":")[0] in INSTALL:
        needs(method)
    with pytest.raises((OptionError, EngineError)) as told:
        problem().descend(method, **{"steps": 3, **options})
    assert sentence in str(told.value) and len(str(told.value).splitlines()) <= 3


def test_squares_are_for_squares() -> None:
    with pytest.raises(OptionError, match="sums of squares: take loss mse"):
        problem(loss="mae").descend("scipy:lm")
    with pytest.raises(OptionError, match="cannot go on from a trace"):
        problem().descend("scipy:BFGS", start=problem().descend("gd", steps=3))


@pytest.mark.parametrize("library", INSTALL)
def test_a_missing_library_is_told_with_what_installs_it(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, *rest: Any) -> Any:
        raise ImportError(f"no {name}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(EngineError) as told:
        read_foreign(f"{library}:whatever")
    assert f"needs {library}, which cannot be imported" in str(told.value)
    assert f"pip install {INSTALL[library]}" in str(told.value)


def test_equations_with_a_colon_are_no_library() -> None:
    assert is_foreign("torch:Adam") and is_foreign("trch:Adam") and not is_foreign("adam")
    assert not is_foreign("theta = theta - eta*g : g")


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send itself Ctrl-C there")
def test_ctrl_c_keeps_what_a_whole_run_has_done(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, at = [], Objective.at

    def interrupts(self: Objective, theta: Any) -> Any:
        calls.append(0)
        if len(calls) == 30:
            signal.raise_signal(signal.SIGINT)
        return at(self, theta)

    monkeypatch.setattr(Objective, "at", interrupts)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background may ignore it
    try:
        trace = problem().descend("scipy:Nelder-Mead", steps=10_000, engine="numpy")
    finally:
        signal.signal(signal.SIGINT, before)
    assert (trace.outcome, trace.reason) == ("stopped", "interrupted")
    assert 1 < len(trace) < 30
    assert problem().descend("scipy:BFGS", steps=5, engine="numpy").reason != "interrupted"  # the signal is not remembered
