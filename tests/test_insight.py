"""What the insight room says of a problem: rates, directions and forecasts, against theory and against simulation."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import steepest as st
from steepest.insight.noise import noise
from steepest.methods.table import EQUATIONS

Array = np.ndarray[Any, Any]
STARTS = {"a": 0, "b": -1, "c": 0, "d": 0.3}


def legendre(seed: int | None = None) -> st.Problem:
    """The example of four parameters; a seed changes the order of its rows."""
    x = np.linspace(-np.pi, np.pi, 2000)
    if seed is not None:
        x = np.random.default_rng(seed).permutation(x)
    return st.Problem("y ~ a + b*P3(c + d*x)", {"x": x, "y": np.sin(x)}, start=STARTS)


NOTEBOOKS = [
    ("H_0 ~ theta_0 + theta_1*x_1 + theta_2*x_2", "@instances", "mse", 0.3564863302194572, 0.3476841237370526, 39.49965550479481),
    ("y ~ poly(x, 7, w)", "@sine", "mse", 1.616206597488081e-06, 1.616206463754295e-06, 12085251.701989288),
    ("y ~ theta_1*x + theta_0", "@noisy-line", "mse", 0.9897778229522332, None, 3.3069679842218095),
    ("y ~ w*x", "@triples", "mse", 1 / 11, 1 / 22, 1.0),
    ("y ~ m*x + c", "@point", "half-mse", 2 / 101, 1 / 101, np.inf),
    ("y ~ m*x + c", "@five-points", "half-mse", 6 - np.sqrt(34), 1 / 6, 69.98571136907181),
    ("y ~ m*x + c", "@five-points", "mse", 3 - np.sqrt(34) / 2, 1 / 12, 69.98571136907181),
]


@pytest.mark.parametrize(("formula", "data", "loss", "limit", "best", "condition"), NOTEBOOKS)
def test_limits_of_the_notebooks_to_twelve_digits(formula, data, loss, limit, best, condition):
    e = st.Problem(formula, data, loss=loss).explain(lr=limit / 2)
    assert e.limit == pytest.approx(limit, rel=1e-12)
    assert e.limit_at_minimum == pytest.approx(limit, rel=1e-12)
    assert e.best_rate == pytest.approx(best or 2 / (e.eigenvalues[0] + e.eigenvalues[-1]), rel=1e-9)
    assert e.condition == pytest.approx(condition, rel=1e-8)


def test_the_legendre_example_in_numbers():
    e = legendre().explain(lr=0.01)
    assert e.limit_at_minimum == pytest.approx(0.016971, abs=5e-7)
    assert e.limit == pytest.approx(0.0198, abs=5e-5)
    assert e.eigenvalues == pytest.approx([0.193, 1.99, 20.96, 117.84], rel=2e-3)
    assert e.condition == pytest.approx(610.15169, rel=1e-6)
    assert e.directions.T @ np.diag([1, 1, 1, 1]) @ e.directions == pytest.approx(np.eye(4), abs=1e-12)
    assert round(e.half_lives[0]) == 359
    assert e.minimum.loss == e.minimum.misfit == pytest.approx(0.0044086, abs=5e-8)
    assert e.minimum.theta["b"] == pytest.approx(-2.2341, abs=5e-5) and e.minimum.theta["d"] == pytest.approx(0.2557, abs=5e-5)
    assert e.minimum.gap == pytest.approx(e.loss - e.minimum.loss)
    assert e.one_step_limit == pytest.approx(0.048, abs=5e-4)
    assert e.loss_after == pytest.approx(0.161932, abs=5e-7)


WORDS = {
    0.01: "η=0.01 is 59 % of the largest stable rate at the minimum (0.01697). There d's error shrinks to 18 % each step; "
    "b's halves every 359 steps.",
    0.02: "η=0.02 lowers the loss now, from 0.231 to 0.1538, but it is 1.18 times the largest stable rate at the minimum "
    "(0.01697). There d's error is multiplied by 1.36 each step: it will cycle, wander or blow up, and not settle.",
    0.05: "η=0.05 raises the loss now, from 0.231 to 0.2392: along this gradient anything above 0.04791 does. "
    "At the minimum the largest stable rate is 0.01697: it will cycle, wander or blow up, and not settle.",
}


@pytest.mark.parametrize("seed", [None, 1, 2])
@pytest.mark.parametrize("rate", list(WORDS))
def test_the_legendre_example_in_words(rate, seed):
    e = legendre(seed).explain(lr=rate)
    assert e.sentence == e.sentences[0] == WORDS[rate]
    assert e.sentences[1] == "d sets the speed limit, b makes you wait: the curvatures are 117.8 and 0.1931, κ = 610."
    assert "Of the loss 0.231, 0.2265 is still to go; 0.004409 is left at the minimum near." in e.sentences
    assert all(sentence.split()[0] in e.text() for sentence in e.sentences) and "<p>" in e._repr_html_()


@pytest.mark.parametrize("rate", [0.01, 0.03, 0.0479, 0.0480, 0.05])
def test_the_ray_is_the_loss_of_one_step(rate):
    problem = legendre()
    e = problem.explain(lr=rate)
    trace = problem.descend(lr=rate, steps=1)
    assert e.loss_after == pytest.approx(trace.loss[1], rel=1e-12)
    assert (trace.loss[1] < trace.loss[0]) == (rate < e.one_step_limit)


def test_the_two_limits_are_different_questions():
    """Late in an oscillating descent a single long step would do no harm."""
    problem = legendre()
    trace = problem.descend(lr=0.02, steps=500)
    e = problem.explain(lr=0.02, at=trace.theta[-1])
    assert e.limit < 0.021 and e.one_step_limit > 100 * e.limit


LINEAR = [name for name, method in EQUATIONS.items() if name not in ("rprop", "lion", "signsgd") and not method.freeze]


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("condition", [1.0, 30.0])
def test_the_limit_of_a_method_against_its_own_steps(name, condition):
    problem = st.Problem("y ~ a*x + b*z", {"x": [1.0, 0.0], "z": [0.0, condition**0.5], "y": [0.0, 0.0]}, start={"a": 1, "b": 1})
    limit = problem.explain(name, lr=0.1).limit_at_minimum
    for side, settles in ((0.999, True), (1.001, False)):
        trace = problem.descend(name, lr=side * limit, steps=30_000)
        assert (trace.loss[-1] < 1e-6 * trace.loss[0]) == settles


FROZEN = [name for name, method in EQUATIONS.items() if method.freeze and name != "rprop"]


@pytest.mark.parametrize("name", FROZEN)
def test_the_limit_of_an_adaptive_method_with_its_scales_held(name):
    """Its own equations, with the states that are scales written as the numbers that they have after the first step."""
    from steepest.methods.limit import largest_rate

    data = {"x": [1.0, 0.3], "z": [0.2, 3.0], "y": [1.0, -2.0]}
    problem = st.Problem("y ~ a*x + b*z", data, start={"a": 1, "b": 1})
    gradient, hessian = problem.gradient_at([1, 1]), problem.hessian_at([1, 1])
    hyper = {"beta2": 0.9} if "beta2" in EQUATIONS[name].defaults else {}
    found = problem.explain(name, lr=0.001, hyper=hyper).limit
    square = gradient**2
    first = {
        "adagrad": {"s": square}, "rmsprop": {"s": 0.01 * square}, "adamax": {"w": abs(gradient) + 1e-8},
        "adadelta": {"s": 0.1 * square, "u": 0.1 * (np.sqrt(1e-6) / np.sqrt(0.1 * square + 1e-6) * gradient) ** 2},
        "amsgrad": {"s": square, "w": square},
    }  # fmt: skip
    scales = first.get(name, {"s": square})
    assert found == pytest.approx(largest_rate(EQUATIONS[name].with_constants(hyper), hessian, scales), rel=1e-7)


def test_steps_to_a_tolerance_of_notebook_001():
    problem = st.Problem("y ~ poly(x, 7, w)", "@sine")
    e = problem.explain(lr=1e-6)
    assert e.steps_to(0.01 * 2.46126731920980615e-8) == pytest.approx(88_101_432, rel=0.01)


@pytest.mark.parametrize("method", ["gd", "momentum", "nesterov", "averaged-momentum"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.9])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-6])
def test_steps_to_a_tolerance_against_the_loop(method, share, tolerance):
    problem = st.Problem("y ~ a + b*x", {"x": np.linspace(-3, 3, 40), "y": np.linspace(-1, 2, 40) ** 2}, start={"a": 5, "b": 5})
    rate = share * problem.explain(method, lr=0.1).limit_at_minimum
    e = problem.explain(method, lr=rate)
    trace = problem.descend(method, lr=rate, steps=10_000, until_gap=tolerance)
    assert e.steps_to(tolerance) == pytest.approx(trace.step[-1], rel=0.01, abs=1)
    assert e.steps_to(e.minimum.gap) == 0


def test_a_rate_above_the_limit_never_arrives():
    assert st.Problem("y ~ w*x", "@triples").explain(lr=0.1).steps_to(1e-3) == np.inf


ROOMY = {"x": np.linspace(0, 1, 50)}
OTHERS = [
    ("y ~ a + b*x", "logistic", {"a": 0, "b": 0}, ROOMY["x"] > 0.5, 1.0, "There is no minimum near that would set a limit"),
    ("y ~ a*sin(w*x)", "mse", {"a": 0, "w": 0}, np.sin(9 * ROOMY["x"]), 1.0, "The gradient is zero to rounding here"),
    ("y ~ a*sin(w*x)", "mse", {"a": 1, "w": 5}, np.sin(9 * ROOMY["x"]), 1.0, "Along w the loss bends down here"),
    ("y ~ a + b*x", "mae", {"a": 0, "b": 0}, ROOMY["x"], 0.1, "The loss bends up in no direction."),
    ("y ~ a*b*x", "mse", {"a": 1, "b": 2}, 3 * ROOMY["x"], 0.1, "the model can meet the data exactly"),
]


@pytest.mark.parametrize(("formula", "loss", "start", "y", "rate", "words"), OTHERS)
def test_what_has_no_plain_number_is_said(formula, loss, start, y, rate, words):
    e = st.Problem(formula, {**ROOMY, "y": np.asarray(y, dtype=float)}, loss=loss, start=start).explain(lr=rate)
    assert words in " ".join(e.sentences)


@pytest.mark.parametrize("name", ["signsgd", "lion", "rprop", "lbfgs"])
def test_methods_without_a_limit(name):
    e = legendre().explain(name, **({} if name == "lbfgs" else {"lr": 1e-3}))
    assert e.limit is None and e.limit_at_minimum is None and e.best_rate is None
    assert ("finds its own steps" if name == "lbfgs" else "has no largest stable rate") in e.sentence


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "gdd"}, "did you mean 'gd'"),
        ({"lr": 0}, "lr is 0: give a number in"),
        ({"lr": "fast"}, "lr is 'fast'"),
        ({"batch": 0}, "batch is 0"),
        ({"batch": 2001}, "batch is 2,001, and the data have 2,000 rows"),
        ({"at": {"z": 1}}, "unknown parameter 'z'"),
        ({"at": [1, 2]}, r"length 2\) gives no values"),
        ({"method": "lbfgs", "lr": 0.1}, "leave lr out"),
        ({"hyper": {"mu": 0.9}}, "unknown hyperparameter 'mu'"),
    ],
)
def test_wrong_words(options, message):
    with pytest.raises(st.OptionError, match=message):
        legendre().explain(**options)


def test_fixed_parameters_are_no_directions():
    x = np.linspace(-1, 1, 20)
    start = {"a": 0, "b": {"value": 2, "fixed": True}, "c": 0}
    e = st.Problem("y ~ a + b*x + c*x**2", {"x": x, "y": x}, start=start).explain(lr=0.1)
    assert e.parameters == ("a", "c") and e.directions.shape == (2, 2) and e.theta["b"] == 2
    with pytest.raises(st.OptionError, match="every parameter is fixed"):
        st.Problem("y ~ b*x", {"x": x, "y": x}, start={"b": {"value": 1, "fixed": True}}).explain(lr=0.1)


def test_a_hostile_name_is_printable():
    """A parameter's name cannot be one today; whatever names come here, they are made printable."""
    from steepest.insight.curvature import named

    assert named(np.array([0.6, -0.8]), ("a\x1b[31m", "b\n")) == "0.80*b? - 0.60*a?[31m"
    x = np.linspace(0, 1, 9)
    e = st.Problem("y ~ a*`x\x1b[31m`", {"x\x1b[31m": x, "y": x}, start={"a": 0}).explain(lr=0.1)
    assert all(sentence.isprintable() for sentence in e.sentences)


def line(**options: Any) -> st.Problem:
    """The line fit of 40 points on [-3, 3]."""
    x = np.linspace(-3, 3, 40)
    return st.Problem("y ~ a + b*x", {"x": x, "y": x + np.sin(7 * x)}, start={"a": 3, "b": 3}, **options)


@pytest.mark.parametrize(("batch", "limit"), [(1, 0.159), (2, 0.218), (5, 0.274), (10, 0.298), (40, 0.317)])
def test_the_limit_of_a_batch(batch, limit):
    e = line().explain(lr=0.01, batch=batch)
    assert e.limit == e.limit_at_minimum
    assert e.limit_at_minimum == pytest.approx(limit, abs=6e-4)
    if batch == 40:
        assert e.batch is None and e.limit == pytest.approx(2 / e.eigenvalues[-1], rel=1e-12)
    else:
        assert f"η=0.01 with batches of {batch} is {100 * 0.01 / limit:.0f} % of the largest stable rate" in e.sentence


def moments(batch: int, rate: float) -> Array:
    """E[M⊗M] over batches drawn without replacement, by trying many of them."""
    x, rng = np.linspace(-3, 3, 40), np.random.default_rng(0)
    rows = np.stack([np.ones_like(x), x], axis=1)
    picked = rows[np.argsort(rng.random((100_000, len(x))), axis=1)[:, :batch]]
    maps = np.eye(2) - rate * 2 / batch * np.einsum("nbi,nbj->nij", picked, picked)
    return np.einsum("nac,nbd->abcd", maps, maps).reshape(4, 4) / len(maps)


@pytest.mark.parametrize("batch", [2, 5])
def test_the_limit_of_a_batch_is_where_its_second_moments_grow(batch):
    limit = line().explain(lr=0.01, batch=batch).limit
    for side in (0.98, 1.02):
        radius = np.max(np.abs(np.linalg.eigvals(moments(batch, side * limit))))
        assert (radius < 1) == (side < 1)


@pytest.mark.parametrize(("batch", "rate"), [(1, 0.02), (1, 0.08), (5, 0.1)])
def test_how_far_a_descent_hovers_with_independent_batches(batch, rate):
    problem, rng = line(), np.random.default_rng(1)
    e = problem.explain(lr=rate, batch=batch)
    x = np.linspace(-3, 3, 40)
    y = x + np.sin(7 * x)
    rows, best = np.stack([np.ones_like(x), x], axis=1), np.array(list(e.minimum.theta.values()))
    thetas, total, taken = np.tile(best, (200, 1)), np.zeros((2, 2)), 0
    for step in range(3_000):
        picked = np.argsort(rng.random((200, 40)), axis=1)[:, :batch]
        some = rows[picked]
        residual = np.einsum("rbk,rk->rb", some, thetas) - y[picked]
        thetas = thetas - rate * 2 / batch * np.einsum("rbk,rb->rk", some, residual)
        if step >= 500:
            total, taken = total + (thetas - best).T @ (thetas - best) / 200, taken + 1
    assert np.diag(e.noise.hover) == pytest.approx(np.diag(total / taken), rel=0.05)


@pytest.mark.parametrize(("batch", "rate"), [(2, 0.01), (1, 0.01), (2, 0.1), (1, 0.1)])
@pytest.mark.parametrize("replacement", [False, True])
def test_how_far_our_own_batches_hover(batch, rate, replacement):
    """Notebook 002: in epochs the noise adds up to nothing, and the descent stays five to nine times nearer."""
    problem = st.Problem("y ~ theta_1*x + theta_0", "@noisy-line")
    e, best = problem.explain(lr=rate, batch=batch), problem.fit().loss
    options = {"lr": rate, "batch": batch, "replacement": replacement, "full_loss": 7, "epochs": 600, "engine": "compiled"}
    runs = [problem.descend(seed=seed, **options) for seed in range(6)]
    hover = np.mean([np.nanmean(run.full_loss[run.epoch >= 200]) for run in runs]) - best
    assert (e.noise.excess if replacement else e.noise.shuffled) == pytest.approx(hover, rel=0.06)
    assert "It ends hovering: the loss stays about" in " ".join(e.sentences)


def test_noise_at_the_start_of_the_legendre_example():
    e = legendre().explain(lr=0.01, batch=10)
    assert e.noise.ratio == pytest.approx(3.2, abs=0.05)
    assert e.noise.signal == pytest.approx(10 / e.noise.ratio, rel=0.01)
    assert "Here tr C/‖g‖² is 3.22: below 4 rows a batch is more noise than signal." in e.sentences


@pytest.mark.parametrize("loss", ["mse", "half-mse", "sse"])
def test_the_hovering_of_each_reduction(loss):
    """A loss of another scale at a rate of the inverse scale is the same descent."""
    scale = {"mse": 1.0, "half-mse": 0.5, "sse": 5.0}[loss]
    e, same = line(loss=loss).explain(lr=0.01 / scale, batch=5), line().explain(lr=0.01, batch=5)
    assert e.limit == pytest.approx(same.limit / scale, rel=1e-9)
    assert e.noise.hover == pytest.approx(same.noise.hover, rel=1e-9)
    assert e.noise.shuffled == pytest.approx(same.noise.shuffled * {"mse": 1, "half-mse": 0.5, "sse": 40}[loss], rel=1e-9)


HALF = np.linspace(0.1, 1, 50)
SHORT = [
    ("y ~ a*b*x", {"a": 1, "b": 2}, 1, "only a*b matters"),
    ("y ~ a*b*c*x", {"a": 1, "b": 2, "c": 3}, 1, "only a*b*c matters"),
    ("y ~ a/b*x", {"a": 1, "b": 2}, 1, "only a/b matters"),
    ("y ~ a + b + c*x", {"a": 1, "b": 1, "c": 1}, 2, "only a + b matters"),
    ("y ~ a - b + c*x", {"a": 1, "b": 2, "c": 1}, 2, "only a - b matters"),
    ("y ~ a + 10*b + c*x", {"a": 1, "b": 2, "c": 1}, 2, "only a + 10*b matters"),
    ("y ~ 2*b*x - 3*a*x + c", {"b": 1, "a": 2, "c": 1}, 2, "only b - 1.5*a matters"),
    ("y ~ a*exp(b + c*x)", {"a": 1, "b": 0, "c": 0}, 2, "a and b can change together without changing any prediction"),
    ("y ~ a*x + 0*b", {"a": 1, "b": 2}, 1, "b changes no prediction"),
    ("y ~ a*sin(w*x)", {"a": 0, "w": 2}, 1, "the data do not tell w at this point, but do beside it"),
]


@pytest.mark.parametrize(("formula", "start", "rank", "words"), SHORT)
def test_what_the_data_cannot_tell_apart(formula, start, rank, words):
    e = st.Problem(formula, {"x": HALF, "y": 3 * HALF}, start=start).explain(lr=0.01)
    assert (e.rank.rank, e.identifiable) == (rank, False)
    assert f"The data tell {rank} of {len(start)} parameters apart: {words}." in e.sentences


def test_what_the_data_can_tell_apart():
    e = legendre().explain(lr=0.01)
    assert e.identifiable and e.rank.rank == 4


def cure(e: Any, what: str) -> Any:
    return next(cure for cure in e.cures if cure.what == what)


def test_rescaling_does_what_is_said_of_it():
    e = legendre().explain(lr=0.02)
    told = cure(e, "rescaling")
    assert told.sentence.startswith("Descending in 0.11*b instead of b: κ from 610 to 59.6; at the best η")
    x = np.linspace(-np.pi, np.pi, 2000)
    start = {"a": 0, "B": -0.11, "c": 0, "d": 0.3}
    other = st.Problem("y ~ a + B/0.11*P3(c + d*x)", {"x": x, "y": np.sin(x)}, start=start).explain(lr=0.01)
    assert other.condition == pytest.approx(told.condition, rel=0.1)


def test_momentum_does_what_is_said_of_it():
    told = cure(legendre().explain(lr=0.02), "momentum")
    e = legendre().explain("momentum", lr=0.03135, hyper={"mu": 0.8504})
    assert max(e.half_lives) == pytest.approx(told.half_life, rel=0.05)


def test_the_other_cures():
    e = legendre().explain(lr=0.02)
    assert cure(e, "smaller rate").sentence.startswith("A smaller η: below 0.01697 it settles; η=0.01694 halves")
    assert cure(e, "gauss-newton").sentence.startswith("Gauss-Newton (method levenberg-marquardt) needs no η;")
    seventh = st.Problem("y ~ poly(x, 7, w)", "@sine").explain(lr=1e-6)
    assert [c.what for c in seventh.cures] == ["rescaling", "rescaling", "momentum", "gauss-newton", "another basis"]
    assert "Of the loss 5.991e+05, 5.991e+05 is still to go; 2.461e-08 is what the model cannot remove." in seventh.sentences
    assert not st.Problem("y ~ w*x", "@triples").explain(lr=0.01).cures


def test_gauss_newton_shrinks_the_error_as_is_said():
    from steepest.insight.cures import newton

    x = np.linspace(0, 3, 30)
    y = 2 * np.exp(-8 * x) + 0.5 * np.sin(9 * x)
    problem = st.Problem("y ~ a*exp(-b*x)", {"x": x, "y": y}, start={"a": 2.0, "b": 8.0})
    best = problem.fit().theta
    told = newton(problem.objective(), best, problem.hessian_at(best))
    errors = [best * 1e-3]
    for _ in range(3):
        a, b = best + errors[-1]
        jacobian = np.stack([np.exp(-b * x), -a * x * np.exp(-b * x)], axis=1)
        errors.append(errors[-1] - np.linalg.lstsq(jacobian, a * np.exp(-b * x) - y, rcond=None)[0])
    factor = np.linalg.norm(errors[-1]) / np.linalg.norm(errors[-2])
    assert np.log(0.5) / np.log(factor) == pytest.approx(told.half_life, rel=0.05)


def test_how_many_rows_are_as_much_signal_as_noise():
    x = np.arange(1.0, 41.0)
    problem = st.Problem("y ~ a + b*x", {"x": x / 20, "y": np.sin(x)}, start={"a": 0.5, "b": 0.0})
    e = problem.explain(batch=8, lr=0.01)
    gradients = problem.objective().rows("gradient", np.array([0.5, 0.0]))[1:]
    spread = np.sum(np.var(gradients, axis=1))
    noises = {size: spread * (40 - size) / (39 * size) for size in range(1, 41)}
    first = next(size for size in noises if noises[size] <= np.sum(np.mean(gradients, axis=1) ** 2))
    assert np.ceil(e.noise.even) == first > 1
    assert f"below {first} rows a batch is more noise than signal." in " ".join(e.sentences)
    assert "was measured on" not in " ".join(e.sentences)


def test_at_the_minimum_all_rows_are_needed_and_all_are_looked_at():
    x = np.linspace(0, 1, 30)
    problem = st.Problem("y ~ a + b*x", {"x": x, "y": np.sin(9 * x)})
    end = problem.fit().parameters
    told = " ".join(problem.explain(batch=5, lr=0.01, at={**end, "a": end["a"] + 1e-7}).sentences)
    assert "below 30 rows a batch is more noise than signal." in told
    assert "was measured on" not in told


def test_what_meets_every_row_does_not_hover():
    x = np.linspace(0.1, 1, 20)
    e = st.Problem("y ~ a*x", {"x": x, "y": 3 * x}, start={"a": 1}).explain(batch=4, lr=0.1)
    assert "It does not hover: at the minimum every row is met exactly, and its gradient is zero." in e.sentences


def test_a_large_data_set_is_looked_at_in_part():
    x = np.linspace(0, 1, 20_001)
    e = st.Problem("y ~ a*x", {"x": x, "y": 3 * x + 0.1 * np.sin(99 * x)}, start={"a": 1}).explain(batch=4, lr=0.1)
    assert "The noise was measured on 20,000 of the 20,001 rows, evenly spaced." in e.sentences


@pytest.mark.parametrize(("loss", "weighted"), [("mse", False), ("sse", True)])
@pytest.mark.parametrize(("batch", "replacement"), [(11, False), (11, True)])
def test_the_last_batch_of_an_epoch_the_weights_and_the_replacement_count(loss, weighted, batch, replacement):
    x = np.random.default_rng(0).normal(size=20)
    weights = np.full(20, 2.0) if weighted else None
    problem = st.Problem("y ~ a + b*x", {"x": x, "y": np.sin(5 * x)}, loss, weights=weights, start={"a": 0, "b": 0})
    rate = 0.05 * problem.explain(lr=1e-3).limit
    trace = problem.descend(lr=rate, steps=6_000, batch=batch, full_loss=1, replacement=replacement)
    minimum = problem.explain(lr=rate).minimum
    above = float(np.mean(trace.full_loss[1000:])) - minimum.loss
    plain = noise(problem.objective(), minimum.point, minimum.point, batch, rate, True, replacement)
    assert (plain.excess if replacement else plain.shuffled) == pytest.approx(above, rel=0.12)


@pytest.mark.parametrize("loss", ["mse", "sse"])
def test_rows_without_weight_are_in_no_batch(loss):
    x = np.linspace(0, 1, 20)
    data = {"x": x, "y": np.sin(5 * x)}
    weighted = st.Problem("y ~ a + b*x", data, loss, weights=np.where(x < 0.5, 0.0, 2.0)).explain(batch=3, lr=1e-3)
    kept = {name: values[x >= 0.5] for name, values in data.items()}
    alone = st.Problem("y ~ a + b*x", kept, loss, weights=np.full(10, 2.0)).explain(batch=3, lr=1e-3)
    assert weighted.limit == pytest.approx(alone.limit) and weighted.noise.even == pytest.approx(alone.noise.even)
    assert weighted.noise.excess == pytest.approx(alone.noise.excess)


def test_a_point_without_slope_that_is_no_minimum():
    problem = st.Problem("y ~ a**2", {"y": [1.0, 2.0]}, start={"a": 0})
    said = "This is no minimum: the loss can fall from 2.5 to 0.25. Start it elsewhere."
    assert problem.explain().sentence == f"The gradient is zero to rounding here, and no rate leads away. {said}"
    assert problem.descend().why().sentences == ("No step was taken: the gradient is zero at the start.", said)
    assert problem.descend(steps=0).why().sentences[0].startswith("No step was taken")
    assert st.Problem("y ~ a**2", {"y": [1.0, 2.0]}, start={"a": 1}).descend(steps=0).why().sentences == ("No step was taken.",)


def test_another_minimum_may_be_lower():
    x = np.linspace(0.1, 3, 40)
    problem = st.Problem("y ~ sin(b*x)", {"x": x, "y": np.sin(5 * x)}, start={"b": 1})
    found = problem.explain(lr=0.01)
    assert found.minimum.loss > 0.1 and not found.minimum.only
    assert "is left at the minimum near." in found.text() and "cannot remove" not in found.text()
    assert "cannot remove" not in " ".join(problem.descend(lr=0.01, steps=3000).why().sentences)
    assert st.Problem("y ~ b*x", {"x": x, "y": np.sin(5 * x)}, "huber(1.5)").explain(lr=0.01).minimum.only


def test_a_small_gradient_is_not_rounding_because_another_is_large():
    x = np.linspace(0.1, 3, 40)
    problem = st.Problem("y ~ a + b*x", {"x": 1e13 * x, "y": np.exp(-x)}, start={"a": 1, "b": 1})
    assert "symmetric" not in str(problem.descend(lr=0.5, steps=5).why())
    assert "The gradient of a and c is nothing but rounding" in str(legendre().descend(lr=0.05, steps=100).why())


def test_constants_with_which_no_rate_settles():
    problem = st.Problem("y ~ w*x", "@triples")
    said = problem.explain("momentum", lr=0.01, hyper={"mu": 1.5}).sentence
    assert said == "momentum with these constants settles at no rate: its states grow by themselves."


def test_the_smaller_rate_that_is_printed_settles():
    problem = st.Problem("y ~ exp(-b1*x)/(b2 + b3*x)", "@chwirut1", start={"b1": 0.1, "b2": 0.01, "b3": 0.02})
    e = problem.explain(lr=1e-6)
    printed = [float(word) for word in re.findall(r"[\d.]+e-\d+", cure(e, "smaller rate").sentence)]
    assert len(printed) == 2 and max(printed) < e.limit_at_minimum


@pytest.mark.parametrize("name", ["signsgd", "lion", "rprop", "lbfgs"])
def test_an_error_that_does_not_shrink_by_a_factor_has_no_half_life(name):
    e = legendre().explain(name, **({} if name == "lbfgs" else {"lr": 1e-3}))
    assert np.isinf(e.half_lives).all() and e.steps_to(1e-3) == np.inf
    assert "never" not in e.text()


def test_a_curvature_of_rounding_is_printed_as_zero():
    e = st.Problem("y ~ a*b*x", ROOMY | {"y": 3 * ROOMY["x"]}, start={"a": 1, "b": 2}).explain(lr=0.1)
    assert re.search(r"^\S.* {2,}0 {2,}never$", e.text(), re.MULTILINE)


@pytest.mark.parametrize(("formula", "start"), [("y ~ sqrt(a*x - 2)", 1.0), ("y ~ 1e300*a*x", 1e100)])
def test_a_descent_that_could_not_begin_is_explained(formula, start):
    problem = st.Problem(formula, ROOMY | {"y": ROOMY["x"]}, start={"a": start})
    for rate in ("auto", 0.1):
        said = problem.descend(lr=rate, steps=5).why()
        assert said.verdict == "blows-up" and said.sentence.endswith("at the start already: start it elsewhere.")


def test_momentum_that_swings_above_its_start_and_settles():
    x = np.linspace(0.1, 2, 7)
    problem = st.Problem("y ~ a*x**2 + b", {"x": x, "y": np.sin(2 * x)}, start={"a": 0.5, "b": 0.5})
    rate = 0.966 * problem.explain("momentum", lr=0.01).limit
    short, long = (problem.descend("momentum", lr=rate, steps=steps) for steps in (50, 3000))
    assert np.max(short.loss[25:]) > short.loss[0] > short.loss[-1]
    assert short.verdict == long.verdict == "converges"


def test_an_automatic_rate_is_halved_and_that_is_said():
    problem = st.Problem("y ~ exp(-b1*x)/(b2 + b3*x)", "@chwirut1")
    halved = "with lr=auto, `descend` only begins with it"
    auto = problem.explain()
    assert "raises the loss now" in auto.sentence and halved in auto.sentences[1]
    assert problem.descend(steps=500).verdict == "converges"
    assert halved not in " ".join(problem.explain(lr=auto.lr).sentences)
    assert halved not in " ".join(st.Problem("y ~ w*x", "@triples").explain().sentences)
