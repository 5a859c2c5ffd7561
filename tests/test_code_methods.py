"""Methods written as code: SciPy's minima, what each promises on a quadratic, what the trace says, and fits of many rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import steepest as st
from steepest.descent import descend
from steepest.descent.files import read, trace_of
from steepest.descent.free import Free
from steepest.descent.objective import Point
from steepest.descent.tsqr import triangle
from steepest.fitting.few_rows import blocks, by_sums, few_rows
from steepest.methods.code.bfgs import updated
from steepest.methods.code.curvature import downhill
from steepest.methods.code.lbfgs import newton_like
from steepest.methods.code.line import Line
from steepest.methods.code.table import CODE
from steepest.methods.code.wolfe import wolfe

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(0)
METHODS = list(CODE)
SECOND = ("newton", "gauss-newton", "levenberg-marquardt")

# ---- four problems, and their minima by SciPy from functions written here

DESIGN = RNG.normal(size=(40, 3)) @ np.array([[1, 0.5, 0], [0, 1, 0.3], [0, 0, 1]])
LINE = {"u": DESIGN[:, 0], "v": DESIGN[:, 1], "w": DESIGN[:, 2], "y": DESIGN @ [1, -2, 0.5] + RNG.normal(size=40)}
WAVE = {"x": np.linspace(-1, 1, 60), "y": np.sin(np.pi * np.linspace(-1, 1, 60)) + 0.1 * np.cos(np.arange(60))}
YES = {"x": DESIGN[:, 0], "z": DESIGN[:, 1], "y": (DESIGN[:, 0] + RNG.logistic(size=40) > 0) * 1.0}


class Case(NamedTuple):
    formula: str
    data: dict[str, Any]
    loss: str
    start: dict[str, float]
    residual: Callable[[Array], Array] | None  # of a sum of squares


def p3(u: Array) -> Array:
    return (5 * u**3 - 3 * u) / 2


CASES = {
    "quadratic": Case("y ~ a*u + b*v + c*w", LINE, "mse", dict.fromkeys("abc", 0.0), lambda t: DESIGN @ t - LINE["y"]),
    "rosenbrock": Case(
        "y ~ where(k < 1, a, 2*(b - a**2))", {"k": [0, 1], "y": [1, 0]}, "sse", {"a": -1.2, "b": 1.0},
        lambda t: np.array([t[0] - 1, 2 * (t[1] - t[0] ** 2)]),
    ),
    "p3": Case(
        "y ~ a + b*P3(c + d*x)", WAVE, "half-mse", {"a": 0.1, "b": -1.0, "c": 0.1, "d": 0.9},
        lambda t: t[0] + t[1] * p3(t[2] + t[3] * WAVE["x"]) - WAVE["y"],
    ),
    "logistic": Case("y ~ a + b*x + c*z", YES, "logistic", dict.fromkeys("abc", 0.0), None),
}  # fmt: skip


def problem(name: str, **options: Any) -> st.Problem:
    case = CASES[name]
    return st.Problem(case.formula, case.data, case.loss, case.start, **options)


def logistic(t: Array) -> tuple[float, Array, Array]:
    """Loss, gradient and Hessian by hand."""
    design = np.column_stack([np.ones(40), YES["x"], YES["z"]])
    odds = design @ t
    chance = 1 / (1 + np.exp(-odds))
    hessian = design.T @ ((chance * (1 - chance))[:, None] * design) / 40
    return float(np.mean(np.logaddexp(0, odds) - YES["y"] * odds)), design.T @ (chance - YES["y"]) / 40, hessian


@pytest.fixture(scope="module")
def minima() -> dict[str, Array]:
    from scipy.optimize import least_squares, minimize

    found = {}
    for name, case in CASES.items():
        start = np.array(list(case.start.values()))
        if case.residual is not None:
            tight: Any = {"xtol": 3e-16, "ftol": 3e-16, "gtol": 3e-16}
            found[name] = least_squares(case.residual, start, jac="3-point", **tight).x
        else:
            tries: Any = [("Newton-CG", {"xtol": 1e-12}), ("BFGS", {"gtol": 1e-12}), ("trust-exact", {"gtol": 1e-14})]
            ends = []
            for method, options in tries:
                hess = None if method == "BFGS" else (lambda t: logistic(t)[2])
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # precision loss: it stands at the minimum
                    end = minimize(lambda t: logistic(t)[:2], start, jac=True, hess=hess, method=method, options=options)
                ends.append(end.x)
            np.testing.assert_allclose(ends, np.broadcast_to(ends[0], (3, 3)), atol=1e-6)
            found[name] = min(ends, key=lambda t: float(np.max(np.abs(logistic(t)[1]))))
    return found


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_reaches_the_minimum_that_scipy_finds(method: str, name: str, minima: dict[str, Array]) -> None:
    asked = problem(name)
    hyper = {"minimum": asked.loss_at(minima[name])} if method == "polyak" else None
    trace = asked.descend(method, steps=4_000, engine="numpy", hyper=hyper)
    # Polyak's step sees the loss alone, which is flat to half of the digits.
    away = np.max(np.abs(trace.theta[-1] - minima[name]))
    assert away < (1e-6 if method == "polyak" else 1e-8), (away, trace.sentence)
    assert np.max(np.abs(trace.theta[0] - minima[name])) > 0.01
    if method != "polyak":
        assert trace.outcome == "converged", trace.sentence
    assert trace.recipe["evaluations"] == trace.evaluations[-1] >= len(trace)
    np.testing.assert_array_equal(trace.position[0], trace.theta[-1])
    assert trace.position[2] == trace.step[-1]


@pytest.mark.parametrize("engine", ["compiled", "torch", "torch-autograd", "jax"])
@pytest.mark.parametrize("method", ["barzilai-borwein", "lbfgs", *SECOND])
def test_engines_agree(engine: str, method: str, minima: dict[str, Array]) -> None:
    if engine not in ("numpy", "compiled"):
        pytest.importorskip(engine.split("-")[0])
    if engine in ("torch-autograd", "jax") and CODE[method].needs == "normal":
        with pytest.raises(st.EngineError, match="has no 'normal'"):
            problem("logistic").descend(method, engine=engine)
        return
    trace = problem("logistic").descend(method, steps=100, engine=engine)
    assert trace.outcome == "converged"
    np.testing.assert_allclose(trace.theta[-1], minima["logistic"], atol=1e-10)


# ---- a quadratic in six dimensions: what is exact there

SIX = RNG.normal(size=(30, 6)) * [1, 2, 1, 0.5, 1, 3]
HESSIAN = SIX.T @ SIX * 2 / 30
SIDES = RNG.normal(size=30)


def quadratic(method: str, steps: int, lr: Any = "auto", **options: Any) -> st.Trace:
    data = {**{f"x{k}": SIX[:, k] for k in range(6)}, "y": SIDES}
    asked = st.Problem("y ~ " + " + ".join(f"w{k}*x{k}" for k in range(6)), data, start=np.arange(1.0, 7.0))
    return asked.descend(method, lr, steps=steps, engine="numpy", **options)


def exact_rate(g: Array) -> float:
    return float(g @ g / (g @ HESSIAN @ g))


def test_the_exact_search_ends_where_the_gradient_is_orthogonal_to_the_last() -> None:
    trace = quadratic("line-search-exact", 15)
    g = trace.gradient
    norms = np.linalg.norm(g, axis=1)
    assert len(g) == 16
    assert np.max(np.abs(np.sum(g[1:] * g[:-1], axis=1)) / norms[1:] / norms[:-1]) < 1e-8
    np.testing.assert_allclose(trace.lr[:-1], [exact_rate(row) for row in g[:-1]], rtol=1e-8)


def test_conjugate_gradients_end_after_as_many_steps_as_parameters_and_no_fewer() -> None:
    norms = np.linalg.norm(quadratic("conjugate-gradient", 6, 1.0, hyper={"flatness": 1e-12}).gradient, axis=1)
    assert norms[6] < 1e-9 * norms[0]
    assert norms[5] > 1e-6 * norms[0]


@pytest.mark.parametrize(("method", "lr"), [("newton", "auto"), ("gauss-newton", "auto"), ("levenberg-marquardt", 1e13)])
def test_second_order_methods_end_after_one_step(method: str, lr: Any) -> None:
    trace = quadratic(method, 1, lr)
    assert np.linalg.norm(trace.gradient[1]) < 1e-11 * np.linalg.norm(trace.gradient[0])
    half = quadratic("newton", 1, 0.5)  # half of Newton's step halves the gradient
    np.testing.assert_allclose(half.gradient[1], half.gradient[0] / 2, rtol=1e-9)
    assert half.lr[0] == 0.5


def test_barzilai_borwein_takes_the_exact_step_of_one_step_before() -> None:
    trace = quadratic("barzilai-borwein", 8, 0.01)
    assert trace.lr[0] == 0.01
    np.testing.assert_allclose(trace.lr[1:], [exact_rate(row) for row in trace.gradient[:-1]], rtol=1e-9)


def test_barzilai_borwein_ends_after_two_steps_where_all_eigenvalues_are_equal() -> None:
    asked = st.Problem("y ~ where(k < 1, a, b)", {"k": [0, 1], "y": [3, -1]}, start={"a": 0, "b": 0})
    trace = asked.descend("barzilai-borwein", 0.25, steps=10, engine="numpy")
    assert np.abs(trace.gradient[1]).max() > 1 and np.abs(trace.gradient[2]).max() == 0
    assert trace.outcome == "converged" and len(trace) == 3


def test_polyaks_step_is_the_height_over_the_squared_slope() -> None:
    least = quadratic("newton", 3).loss[-1]
    trace = quadratic("polyak", 30, hyper={"minimum": least})
    expected = (trace.loss - least) / np.sum(trace.gradient**2, axis=1)
    np.testing.assert_allclose(trace.lr, expected, rtol=1e-12)
    assert np.max(quadratic("polyak", 30, 0.05, hyper={"minimum": least}).lr) == 0.05 < np.max(trace.lr)
    distances = np.linalg.norm(trace.theta - quadratic("newton", 3).theta[-1], axis=1)
    assert (np.diff(distances) < 0).all()


# ---- the conditions of the searches, read off the trace


@pytest.mark.parametrize("name", CASES)
def test_backtracking_takes_the_first_trial_that_is_low_enough(name: str) -> None:
    asked = problem(name)
    trace = asked.descend("line-search-armijo", 64.0, steps=1, engine="numpy")
    (theta, _), (loss, _), (g, _), rate = trace.theta, trace.loss, trace.gradient, trace.lr[0]

    def low(length: float) -> bool:
        return bool(asked.loss_at(theta - length * g) <= loss - 1e-4 * length * g @ g)

    trials = 64.0 / 2.0 ** np.arange(40)
    assert rate == next(length for length in trials if low(length)) < 64
    assert trace.evaluations[1] == 1 + 1 + int(np.log2(64 / rate))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("method", "flatness"), [("line-search-wolfe", 0.1), ("conjugate-gradient", 0.01), ("lbfgs", 0.9)])
def test_strong_wolfe_conditions_hold_at_every_step(method: str, flatness: float, name: str) -> None:
    trace = problem(name).descend(method, steps=12, engine="numpy", until_gradient=1e-6)
    moves = np.diff(trace.theta, axis=0)
    before, after = (np.sum(moves * g, axis=1) for g in (trace.gradient[:-1], trace.gradient[1:]))
    assert len(moves) > 2 and (before < 0).all()
    assert (np.diff(trace.loss) <= 1e-4 * before).all()
    assert (np.abs(after) <= flatness * np.abs(before)).all()


def test_the_learned_inverse_hessian_meets_the_secant_condition_and_the_two_loops_are_it() -> None:
    moves = RNG.normal(size=(4, 5))
    bend = RNG.normal(size=(5, 5))
    changes = moves @ (bend @ bend.T + np.eye(5))
    last = moves[-1] @ changes[-1] / (changes[-1] @ changes[-1])
    dense = np.eye(5) * last
    for s, y in zip(moves, changes, strict=True):
        dense = updated(dense, s, y)
        np.testing.assert_allclose(dense @ y, s, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(dense, dense.T)
    assert np.linalg.eigvalsh(dense)[0] > 0
    g = RNG.normal(size=5)
    np.testing.assert_allclose(newton_like(g, moves, changes), dense @ g, rtol=1e-9)
    np.testing.assert_allclose(
        newton_like(g, np.vstack([np.zeros(5), moves]), np.vstack([np.zeros(5), changes])), dense @ g, rtol=1e-9
    )
    np.testing.assert_array_equal(updated(dense, moves[0], -changes[0]), dense)  # no bend upwards: nothing is learned


def test_conjugate_directions_follow_from_the_trace() -> None:
    trace = problem("p3").descend("conjugate-gradient", steps=9, engine="numpy")
    g, moves = trace.gradient, np.diff(trace.theta, axis=0) / trace.lr[:-1, None]
    np.testing.assert_allclose(moves[0], -g[0], rtol=1e-9)
    betas = [max(0.0, g[k] @ (g[k] - g[k - 1]) / (g[k - 1] @ g[k - 1])) for k in range(1, 9)]
    for k, beta in enumerate(betas, start=1):
        np.testing.assert_allclose(moves[k], -g[k] + beta * moves[k - 1], rtol=1e-6, atol=1e-9)
    assert any(abs(beta - g[k] @ g[k] / (g[k - 1] @ g[k - 1])) > 0.1 for k, beta in enumerate(betas, start=1))  # not Fletcher's


@pytest.mark.parametrize("method", ["bfgs", "lbfgs"])
def test_quasi_newton_directions_follow_from_the_trace(method: str) -> None:
    """By the update of the Hessian, not of its inverse; L-BFGS begins each time from the scale of the newest step."""
    trace = problem("logistic").descend(method, steps=6, engine="numpy")
    moves, changes = np.diff(trace.theta, axis=0), np.diff(trace.gradient, axis=0)
    for k in range(1, 6):
        scale = 0 if method == "bfgs" else k - 1
        hessian = np.eye(3) * (changes[scale] @ changes[scale]) / (moves[scale] @ changes[scale])
        for s, y in zip(moves[:k], changes[:k], strict=True):
            hessian = hessian - np.outer(hessian @ s, hessian @ s) / (s @ hessian @ s) + np.outer(y, y) / (y @ s)
        np.testing.assert_allclose(moves[k], -trace.lr[k] * np.linalg.solve(hessian, trace.gradient[k]), rtol=1e-6)


def test_levenberg_marquardt_solves_the_damped_normal_equations() -> None:
    trace = problem("p3").descend("levenberg-marquardt", 20.0, steps=4, engine="numpy")
    assert trace.lr[0] <= 20
    for k in range(4):
        normal, gradient = normal_equations(trace.theta[k])
        damped = normal + np.diag(np.diag(normal)) / trace.lr[k]
        np.testing.assert_allclose(trace.theta[k + 1] - trace.theta[k], -np.linalg.solve(damped, gradient), rtol=1e-8)


def test_gauss_newton_solves_the_normal_equations() -> None:
    trace = problem("p3").descend("gauss-newton", steps=3, engine="numpy")
    for k in range(3):
        step = -np.linalg.solve(*normal_equations(trace.theta[k])) * trace.lr[k]
        np.testing.assert_allclose(trace.theta[k + 1] - trace.theta[k], step, rtol=1e-8)


def normal_equations(theta: Array) -> tuple[Array, Array]:
    """JᵀJ and Jᵀr of the wave, each over the number of rows."""
    u = theta[2] + theta[3] * WAVE["x"]
    slope = theta[1] * (15 * u**2 - 3) / 2
    jacobian = np.column_stack([np.ones(60), p3(u), slope, slope * WAVE["x"]])
    residual = theta[0] + theta[1] * p3(u) - WAVE["y"]
    return jacobian.T @ jacobian / 60, jacobian.T @ residual / 60


def test_newton_and_gauss_newton_on_the_logistic_loss_are_reweighted_least_squares() -> None:
    step = -np.linalg.solve(logistic(np.zeros(3))[2], logistic(np.zeros(3))[1])
    for method in ("newton", "gauss-newton"):
        np.testing.assert_allclose(problem("logistic").descend(method, steps=1, engine="numpy").theta[1], step, rtol=1e-12)


def test_newton_goes_downhill_where_the_loss_bends_down() -> None:
    asked = st.Problem("y ~ a**2*b", {"y": [1.0]}, start={"a": 0.1, "b": 0.1})
    assert np.linalg.eigvalsh(asked.hessian_at([0.1, 0.1]))[0] < 0
    trace = asked.descend("newton", steps=60, engine="numpy")
    assert (np.diff(trace.loss) < 0).all() and trace.loss[-1] < 1e-20


def test_where_the_loss_bends_down_the_size_of_its_bend_counts() -> None:
    turn = np.linalg.qr(RNG.normal(size=(2, 2)))[0]
    matrix = turn @ np.diag([1.0, -1.0]) @ turn.T
    scale = np.sqrt(np.abs(np.diag(matrix)))
    values, axes = np.linalg.eigh(matrix / np.outer(scale, scale))
    g = np.array([1.0, 2.0])
    assert values[0] < 0
    np.testing.assert_allclose(downhill(matrix, g), -axes @ ((axes.T @ (g / scale)) / np.abs(values)) / scale, rtol=1e-10)
    np.testing.assert_allclose(downhill(np.diag([2.0, -4.0]), g), [-0.5, -0.5], rtol=1e-12)


def test_a_trial_that_is_flat_but_higher_is_not_taken() -> None:
    class Wave:
        def at(self, theta: Array) -> Point:
            return Point(theta, -np.sin(theta[0]), -np.cos(theta))

        def curved(self, kind: str, theta: Array) -> tuple[Point, Array]:
            raise NotImplementedError

    line = Line(Wave(), Wave().at(np.zeros(1)), np.ones(1))
    trial = wolfe(line, 1.5 * np.pi, 0.1)  # a maximum
    assert trial is not None and trial.point.loss < -0.9
    assert abs(trial.slope) <= 0.1


# ---- the trace, and what goes on from it


@pytest.mark.parametrize("method", METHODS)
def test_the_bits_do_not_depend_on_blocks_and_a_trace_can_be_gone_on_from(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = problem("p3")
    whole = asked.descend(method, steps=12, engine="numpy")
    first = asked.descend(method, steps=5, engine="numpy")
    rest = asked.descend(method, steps=7, engine="numpy", start=first)
    np.testing.assert_array_equal(rest.step, whole.step[5:])
    for name in ("theta", "loss", "gradient", "lr", "evaluations"):
        np.testing.assert_array_equal(getattr(rest, name), getattr(whole, name)[5:])
    first.save(tmp_path / "run.parquet")
    back = trace_of(read(tmp_path / "run.parquet"), first.objective, "run.parquet")
    np.testing.assert_array_equal(asked.descend(method, steps=7, engine="numpy", start=back).theta, rest.theta)
    np.testing.assert_array_equal(back.evaluations, first.evaluations)
    monkeypatch.setattr(descend, "BLOCK_SECONDS", 1e-9)  # blocks of one step
    single = asked.descend(method, steps=12, engine="numpy")
    for name in ("theta", "loss", "gradient", "lr", "evaluations"):
        np.testing.assert_array_equal(getattr(single, name), getattr(whole, name))


@pytest.mark.parametrize("method", METHODS)
def test_fixed_parameters_stay_and_weights_are_repeated_rows(method: str) -> None:
    times = np.arange(40) % 3 + 1.0
    repeated = {name: np.repeat(column, times.astype(int)) for name, column in LINE.items()}
    start = {"a": {"value": 0.5, "fixed": True}, "b": 0, "c": 0}
    formula = CASES["quadratic"].formula
    hyper = {"minimum": 1e-3} if method == "polyak" else None
    one = st.Problem(formula, LINE, start=start, weights=times).descend(method, steps=4, engine="numpy", hyper=hyper)
    other = st.Problem(formula, repeated, start=start).descend(method, steps=4, engine="numpy", hyper=hyper)
    assert (one["a"] == 0.5).all() and (one.gradient[:, 0] == 0).all() and one.theta[-1][1] != 0
    np.testing.assert_allclose(one.theta, other.theta, rtol=1e-6, atol=1e-9)


def test_evaluations_are_passes_over_the_rows() -> None:
    trace = quadratic("newton", 1)  # the start, its Hessian, the full step
    assert trace.evaluations.tolist() == [1, 3]
    assert quadratic("levenberg-marquardt", 1, 1e13).evaluations.tolist() == [1, 3]
    assert quadratic("gd", 5).evaluations is None and quadratic("gd", 5).recipe["evaluations"] == 6


# ---- how it ends


@pytest.mark.parametrize("method", METHODS)
def test_at_the_minimum_it_is_converged_and_at_a_kink_it_is_not(method: str) -> None:
    # At a = 1, the minimum, the slopes to the left and to the right do not add up to zero.
    kink = st.Problem("y ~ a", {"y": [0.0, 1.0, 5.0]}, "mae", {"a": 3.7}, weights=[1, 3, 1.5])
    hyper = {"minimum": kink.loss_at([1.0])} if method == "polyak" else None
    assert kink.descend(method, steps=300, engine="numpy", hyper=hyper).outcome in ("steps", "stopped")
    start = {"a": {"value": 0.0, "fixed": False}, "b": 0.0}
    flat = st.Problem("y ~ a + b*x", {"x": [-1, 0, 1], "y": [-1.0, 0.0, 1.0]}, start={**start, "b": 1.0})
    trace = flat.descend(method, steps=10, engine="numpy")
    assert (trace.outcome, len(trace)) == ("converged", 1)


def test_steps_too_short_to_move_are_no_convergence() -> None:
    trace = problem("rosenbrock").descend("line-search-armijo", 1e-40, steps=9, engine="numpy")
    assert trace.outcome == "stopped" and "no step along the direction lowers the loss" in trace.reason
    assert len(trace) == 1 and trace.lr.tolist() == [0]


@pytest.mark.parametrize("method", METHODS)
def test_a_start_that_is_not_finite_says_so(method: str) -> None:
    trace = st.Problem("y ~ log(a)", {"y": [1.0, 2.0]}, start={"a": -1}).descend(method, steps=10, engine="numpy")
    assert trace.outcome == "nonfinite" and len(trace) == 1


@pytest.mark.parametrize("method", [name for name in METHODS if name != "polyak"])
def test_trials_that_are_not_finite_are_rejected(method: str) -> None:
    asked = st.Problem("y ~ log(a)", {"y": [0.5, 1.0]}, start={"a": 0.02})
    trace = asked.descend(method, 1e6 if method in ("levenberg-marquardt", "bfgs") else "auto", steps=500, engine="numpy")
    assert trace.outcome == "converged" and (trace["a"] > 0).all()
    assert trace["a"][-1] == pytest.approx(np.exp(0.75), rel=1e-7)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"batch": 8}, "needs the loss of all rows at every trial: leave batch=8 out"),
    ({"schedule": "cosine"}, "leave schedule= out"),
    ({"weight_decay": 0.1}, "leave weight_decay= out"),
    ({"clip_value": 1.0}, "leave clip_value= out"),
    ({"clip_norm": 1.0}, "leave clip_norm= out"),
    ({"engine": "sympy"}, "engine='sympy' is exact"),
    ({"hyper": {"memori": 3}}, "memori"),
    ({"hyper": {"memory": 0.5}}, "memory is 0.5: give a whole number"),
    ({"hyper": {"memory": "3"}}, "give a finite number"),
    ({"lr": 0.0}, "lr is 0"),
]


@pytest.mark.parametrize(("options", "sentence"), REFUSED)
def test_options_that_mean_nothing_here_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(st.OptionError, match=sentence):
        problem("quadratic").descend("lbfgs", **options)


def test_a_trace_of_another_method_is_no_start() -> None:
    asked = problem("quadratic")
    with pytest.raises(st.OptionError, match="another method"):
        asked.descend("bfgs", start=asked.descend("lbfgs", steps=2))


@pytest.mark.parametrize("name", METHODS)
def test_the_table_says_where_a_method_comes_from(name: str) -> None:
    method = CODE[name]
    assert any(letter.isdigit() for letter in method.source) and method.text.count("theta") >= 1 and method.lr
    assert method.needs in ("", "hessian", "normal") and bool(method.needs) == (name in SECOND)


# ---- fits of many rows: the same answer, from sums over them

MANY = 60_000
X = RNG.uniform(0, 5, MANY)
NOISE = RNG.normal(size=MANY)
ONE, TWO = 3 * np.exp(-0.7 * X), 2 * np.exp(-0.9 * X)
LARGE: dict[str, tuple[str, Array, dict[str, float], Callable[..., Array]]] = {
    "alone": (
        "y ~ a*exp(-b*x) + c",
        ONE + 1 + 0.05 * NOISE,
        {"a": 1, "b": 1, "c": 1},
        lambda a, b, c: a * np.exp(-b * X) + c,
    ),
    "alike": (  # columns so much alike that sums would lose half of the digits
        "y ~ a*exp(-b*x) + c*exp(-d*x)",
        ONE + TWO + 1e-4 * NOISE,
        {"a": 3, "b": 0.6, "c": 2, "d": 1},
        lambda a, b, c, d: a * np.exp(-b * X) + c * np.exp(-d * X),
    ),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LARGE)
def test_a_fit_of_many_rows_is_scipys(name: str, weighted: bool) -> None:
    from scipy.optimize import least_squares

    formula, y, start, model = LARGE[name]
    weights = np.where(X > 1, 2.0, 0.5) if weighted else np.ones(MANY)
    fit = st.Problem(formula, {"x": X, "y": y}, start=start, weights=weights if weighted else None).fit()
    assert fit.outcome == "converged" and fit.method.startswith("levenberg-marquardt"), fit.reason

    def residual(t: Array) -> Array:
        return np.sqrt(weights) * (model(*t) - y)

    tight: Any = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15, "x_scale": "jac", "jac": "3-point"}
    right = least_squares(residual, fit.theta * 1.001, **tight)
    np.testing.assert_allclose(fit.theta, right.x, rtol=1e-8)
    spread = np.sqrt(2 * right.cost / (MANY - len(start)) * np.diag(np.linalg.inv(right.jac.T @ right.jac)))
    np.testing.assert_allclose(list(fit.std_errors.values()), spread, rtol=1e-5)  # its Jacobian is a difference
    assert fit.rss == pytest.approx(2 * right.cost, rel=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", ["mse", "half-mse", "sse"])
def test_few_rows_have_the_products_of_all_rows(loss: str, weighted: bool) -> None:
    formula, y, start, _ = LARGE["alone"]
    weights = np.where(X > 1, 2.0, 0.5) if weighted else None
    start = {**start, "c": {"value": 1.0, "fixed": True}}  # type: ignore[dict-item]
    objective = st.Problem(formula, {"x": X, "y": y}, loss, start, weights=weights).objective("numpy")
    x = np.array([2.5, 0.6])
    roots = np.ones(MANY) if weights is None else np.sqrt(weights)
    rows = np.column_stack([np.exp(-0.6 * X), -2.5 * X * np.exp(-0.6 * X), 2.5 * np.exp(-0.6 * X) + 1 - y]) * roots[:, None]
    free = Free(objective, np.array([0.0, 0.0, 1.0]))
    for factor in (by_sums(free, x), triangle(blocks(free, x))):
        assert factor is not None and factor.shape == (3, 3)
        np.testing.assert_allclose(factor.T @ factor, rows.T @ rows, rtol=1e-11)
    residual, jacobian = few_rows(free, x)
    np.testing.assert_allclose(np.abs(np.linalg.qr(np.column_stack([jacobian, residual]), mode="r")), np.abs(factor), rtol=1e-9)


def test_sums_are_not_used_where_columns_are_alike_or_not_finite() -> None:
    formula, y, start, _ = LARGE["alike"]
    free = Free(st.Problem(formula, {"x": X, "y": y}, start=start).objective("numpy"), np.ones(4))
    assert by_sums(free, np.array([3, 0.7, 2, 0.9])) is None
    assert by_sums(free, np.array([3, -1e3, 2, 0.9])) is None
    assert by_sums(free, np.array([3, 0.2, 2, 2.9])) is not None
