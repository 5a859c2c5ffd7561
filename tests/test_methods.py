"""Methods, schedules and batches against torch.optim, optax, theory and themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

import steepest as st
from steepest.calculus.lower import lower
from steepest.descent.batches import Batches
from steepest.descent.runners import Fused, Rows, Stepped
from steepest.engines.numpy_engine import PRINTED, run
from steepest.engines.source import step_source
from steepest.errors import FormulaError, OptionError, SteepestError
from steepest.methods.equations import Method, read_method
from steepest.methods.limit import largest_rate
from steepest.methods.options import read_options
from steepest.methods.schedules import read_schedule
from steepest.methods.table import EQUATIONS

Array = np.ndarray[Any, Any]
STEPS, PARITY, END_TO_END = 300, 1e-12, 1e-9
CALM = {"rmsprop": 0.001, "adadelta": 0.2}  # end to end: faster ones bounce about the minimum, where rounding grows

RNG = np.random.default_rng(0)
GRADIENTS = RNG.normal(size=(STEPS, 4)) * RNG.uniform(0.1, 3, 4)
GRADIENTS[50:60, 2] = 0  # a coordinate that rests a while
GRADIENTS[70] *= 1e3  # and a jump, for clipping
THETA = np.array([0.3, -1.2, 2.0, 0.7])

# Method → class of torch.optim, its own options, and a rate.
TORCH: dict[str, tuple[str, dict[str, Any], float]] = {
    "gd": ("SGD", {}, 0.01),
    "momentum": ("SGD", {"momentum": 0.9}, 0.01),
    "nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}, 0.01),
    "adagrad": ("Adagrad", {}, 0.01),
    "rmsprop": ("RMSprop", {}, 0.01),
    "adadelta": ("Adadelta", {}, 1.0),
    "adam": ("Adam", {}, 0.01),
    "adamw": ("AdamW", {}, 0.01),
    "amsgrad": ("Adam", {"amsgrad": True}, 0.01),
    "adamax": ("Adamax", {}, 0.01),
    "nadam": ("NAdam", {}, 0.01),
    "radam": ("RAdam", {}, 0.01),
    "rprop": ("Rprop", {}, 0.01),
}
CHANGES: list[dict[str, float]] = [
    {},
    {"weight_decay": 0.1},
    {"clip_value": 0.8},
    {"clip_norm": 1.5},
    {"weight_decay": 0.1, "clip_value": 2.0, "clip_norm": 1.5},
]
# Method → optimiser of optax, options, rate, and constants of ours. Left out, as optax defines them otherwise: amsgrad (the largest
# of the corrected moments), nadam (no schedule of momentum), rprop (a change of sign). Its adagrad and radam add eps elsewhere.
OPTAX: dict[str, tuple[str, dict[str, Any], float, dict[str, float]]] = {
    "gd": ("sgd", {}, 0.01, {}),
    "momentum": ("sgd", {"momentum": 0.9}, 0.01, {}),
    "nesterov": ("sgd", {"momentum": 0.9, "nesterov": True}, 0.01, {}),
    "adagrad": ("adagrad", {"initial_accumulator_value": 0.0, "eps": 1e-30}, 0.01, {"eps": 1e-30}),
    "rmsprop": ("rmsprop", {"decay": 0.99, "eps_in_sqrt": False}, 0.01, {}),
    "adadelta": ("adadelta", {"rho": 0.9, "eps": 1e-6}, 1.0, {}),
    "adam": ("adam", {}, 0.01, {}),
    "adamw": ("adamw", {"weight_decay": 0.01}, 0.01, {}),
    "adamax": ("adamax", {}, 0.01, {}),
    "radam": ("radam", {"eps": 1e-30}, 0.01, {"eps": 1e-30}),
    "lion": ("lion", {"weight_decay": 0.05}, 0.01, {"lam": 0.05}),
    "signsgd": ("sign_sgd", {}, 0.01, {}),
}


@contextmanager
def float64_by_default() -> Iterator[None]:
    """torch's NAdam keeps a product in the default type."""
    torch = pytest.importorskip("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def torch_steps(
    name: str, rate: float, theta: Array, gradient: Callable[[int, Any], Any], steps: int, change: dict[str, float] | None = None
) -> Array:
    """theta before every step and after the last, of an ordinary loop in torch; `gradient` fills p.grad, or gives it."""
    import torch

    kind, options, _ = TORCH[name]
    change = change or {}
    if "weight_decay" in change:
        options = options | {"weight_decay": change["weight_decay"]}
    p = torch.tensor(theta, requires_grad=True)
    optimiser = getattr(torch.optim, kind)([p], lr=rate, **options)
    path = [theta]
    for k in range(steps):
        p.grad = gradient(k, p)
        if "clip_value" in change:
            torch.nn.utils.clip_grad_value_([p], change["clip_value"])
        if "clip_norm" in change:
            torch.nn.utils.clip_grad_norm_([p], change["clip_norm"])
        optimiser.step()
        path.append(p.detach().numpy().copy())
    return np.array(path)


def our_steps(method: Method, rate: float) -> Array:
    """The same from the given gradients, by the NumPy step that descents use."""
    step = run(step_source(lower(method.step, PRINTED), method.states), "step")
    theta, states, path = THETA, list(method.starts(THETA, rate)), [THETA]
    for t, g in enumerate(GRADIENTS, 1):
        theta, *states = step(theta, g, rate, t, *states)
        path.append(theta)
    return np.array(path)


def gap(path: Array, right: Array) -> float:
    """The largest difference, relative to the largest component of its row."""
    return float(np.max(np.max(abs(path - right), axis=1) / np.max(abs(right), axis=1)))


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: "+".join(change) or "plain")
@pytest.mark.parametrize("name", TORCH)
def test_the_steps_of_torch(name: str, change: dict[str, float]) -> None:
    if name == "rprop" and "weight_decay" in change:
        pytest.skip("torch.optim.Rprop has no weight decay")
    with float64_by_default():
        import torch

        rate = TORCH[name][2]
        right = torch_steps(name, rate, THETA, lambda k, p: torch.tensor(GRADIENTS[k]), STEPS, change)
    method, _ = read_options(name, **change)  # type: ignore[arg-type]
    assert gap(our_steps(method, rate), right) <= PARITY


def test_the_order_of_decay_and_clipping_matters_and_is_told() -> None:
    method, _ = read_options("gd", weight_decay=0.1, clip_value=2, clip_norm=1.5)
    assert method.text == (
        "g = clip(g, -2.0, 2.0);  g = g*min(1, 1.5/(norm(g) + 1e-6));  g = g + 0.1*theta;  theta = theta - eta*g"
    )
    swapped = EQUATIONS["gd"].with_gradient("g = g + 0.1*theta", "g = g*min(1, 1.5/(norm(g) + 1e-6))", "g = clip(g, -2.0, 2.0)")
    assert gap(our_steps(swapped, 0.01), our_steps(method, 0.01)) > 1e-3
    assert "lam" in read_options("adamw", weight_decay=0.3)[0].with_constants({"lam": 0.3}).defaults
    assert read_options("adamw", weight_decay=0.3)[0].defaults["lam"] == "0.3"


@pytest.mark.parametrize("name", OPTAX)
def test_the_steps_of_optax(name: str) -> None:
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
    kind, options, rate, constants = OPTAX[name]

    def one(state: Any, g: Any) -> Any:
        theta, inner = state
        change, inner = optimiser.update(g, inner, theta)
        theta = optax.apply_updates(theta, change)
        return (theta, inner), theta

    with jax.enable_x64(True):
        optimiser = getattr(optax, kind)(rate, **options)
        start = jax.numpy.array(THETA)
        _, path = jax.jit(lambda gs: jax.lax.scan(one, (start, optimiser.init(start)), gs))(jax.numpy.array(GRADIENTS))
        right = np.array([THETA, *np.array(path)])
    assert gap(our_steps(EQUATIONS[name].with_constants(constants), rate), right) <= PARITY


# Schedule → our constants, the steps of the descent, torch's scheduler of an optimiser, optax's schedule.
SCHEDULES: dict[str, tuple[dict[str, float], int, Any, Any]] = {
    "step": ({}, STEPS, lambda s, o: s.StepLR(o, 30), lambda x: x.exponential_decay(1.0, 30, 0.1, staircase=True)),
    "exponential": ({"gamma": 0.99}, STEPS, lambda s, o: s.ExponentialLR(o, 0.99), lambda x: x.exponential_decay(1.0, 1, 0.99)),
    "cosine": (
        {"last": 0.1},
        STEPS,
        lambda s, o: s.CosineAnnealingLR(o, STEPS, eta_min=0.1),
        lambda x: x.cosine_decay_schedule(1.0, STEPS, alpha=0.1),
    ),
    "warm-up": (
        {"warm": 30},
        STEPS,
        lambda s, o: s.LinearLR(o, start_factor=1 / 30, total_iters=29),
        lambda x: x.linear_schedule(1 / 30, 1.0, 29),
    ),
    "one-cycle": ({}, STEPS + 1, lambda s, o: s.OneCycleLR(o, max_lr=1.0, total_steps=STEPS + 1), None),
    "inverse": ({"decay": 0.3}, STEPS, lambda s, o: s.LambdaLR(o, lambda k: 1 / (1 + 0.3 * k)), None),
    "constant": ({}, STEPS, lambda s, o: s.ConstantLR(o, 1.0), lambda x: x.constant_schedule(1.0)),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_schedules_of_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    constants, steps, make, _ = SCHEDULES[name]
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(torch.optim.lr_scheduler, optimiser)
    right = []
    for _ in range(STEPS):
        right.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    found = read_schedule(name).with_constants(constants).factors(0, STEPS, steps)
    np.testing.assert_allclose(found, right, rtol=PARITY)
    assert name == "constant" or len(set(right)) > 5


@pytest.mark.parametrize("name", [name for name, row in SCHEDULES.items() if row[3]])
def test_the_schedules_of_optax(name: str) -> None:
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
    constants, steps, _, make = SCHEDULES[name]
    with jax.enable_x64(True):
        right = np.broadcast_to(np.array(make(optax)(jax.numpy.arange(STEPS))), STEPS)
    np.testing.assert_allclose(read_schedule(name).with_constants(constants).factors(0, STEPS, steps), right, rtol=PARITY)


def test_schedules_in_parts_and_of_users() -> None:
    whole = read_schedule("1/sqrt(t)*where(t < T/2, 1, 0.5)")
    np.testing.assert_array_equal(np.r_[whole.factors(0, 7, 20), whole.factors(7, 13, 20)], whole.factors(0, 20, 20))
    np.testing.assert_allclose(whole.factors(9, 2, 20), [1 / np.sqrt(10) / 2, 1 / np.sqrt(11) / 2], rtol=1e-15)


# Two problems whose starts lie off every symmetry, and the same as functions of torch.
X = np.random.default_rng(1).uniform(-2, 2, 37)
NOISE = np.random.default_rng(2).normal(0, 0.1, 37)
PROBLEMS: dict[str, tuple[str, dict[str, float], Array, Any]] = {
    "P3": (
        "y ~ a + b*P3(c + d*x)",
        {"a": 0.21, "b": -1.07, "c": 0.13, "d": 0.34},
        np.sin(1.3 * X + 0.2) + NOISE,
        lambda torch, p, x: p[0] + p[1] * (5 * (p[2] + p[3] * x) ** 3 - 3 * (p[2] + p[3] * x)) / 2,
    ),
    "decay": (
        "y ~ a*exp(-b*x) + c*x",
        {"a": 1.4, "b": 0.27, "c": -0.31},
        1.1 * np.exp(-0.6 * X) + 0.2 * X + NOISE,
        lambda torch, p, x: p[0] * torch.exp(-p[1] * x) + p[2] * x,
    ),
}


@pytest.mark.parametrize("batch", ["full", 5])
@pytest.mark.parametrize("which", PROBLEMS)
@pytest.mark.parametrize("name", TORCH)
def test_whole_descents_of_torch(name: str, which: str, batch: Any) -> None:
    formula, start, y, model = PROBLEMS[which]
    steps, rate = 60, CALM.get(name, TORCH[name][2])
    batches = None if batch == "full" else Batches(len(X), batch, seed=3)
    with float64_by_default():
        import torch

        columns = torch.tensor(X), torch.tensor(y)
        order, edges = batches.block(0, steps) if batches else (np.arange(len(X)), None)

        def gradient(k: int, p: Any) -> Any:
            rows = order if edges is None else order[edges[k] : edges[k + 1]]
            x, seen = (column[rows] for column in columns)
            (found,) = torch.autograd.grad(torch.mean((model(torch, p, x) - seen) ** 2), p)
            return found

        right = torch_steps(name, rate, np.array([*start.values()]), gradient, steps)
    problem = st.Problem(formula, {"x": X, "y": y}, start=start)
    trace = problem.descend(name, rate, steps, batch, "compiled", seed=3)
    assert gap(trace.theta, right) <= END_TO_END
    assert len(trace) == steps + 1 and trace.outcome == "steps"


# --- the fused block ---

Z = np.random.default_rng(4).uniform(0.1, 3, 37)
ROW_WEIGHTS = np.random.default_rng(5).uniform(0.2, 2, 37)
OWN = "v = 0.8*v + g;  u = max(u, norm(v));  theta = theta - eta*v/(1 + u)*(1 + 1/t)"
BLOCKS = [*EQUATIONS, OWN]


def problem_of(weighted: bool) -> st.Problem:
    data = {"x": X, "z": Z, "y": np.sin(X) + NOISE}
    start = {"a": 0.4, "b": -0.3, "c": {"value": 0.2, "fixed": True}, "d": 1.1}
    return st.Problem("y ~ a + b*x + c*z*(1 + d*x)**2", data, start=start, weights=ROW_WEIGHTS if weighted else None)


KINDS: dict[str, Callable[[], Batches | None]] = {
    "full": lambda: None,
    "batches": lambda: Batches(37, 5, seed=6),
    "single": lambda: Batches(37, 1, seed=7),
    "drawn": lambda: Batches(37, 4, seed=8, replacement=True),
}


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "weighted"])
def objective(request: pytest.FixtureRequest) -> Any:
    return problem_of(request.param).objective("compiled")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", BLOCKS, ids=lambda name: name if name in EQUATIONS else "own")
def test_the_fused_block_has_the_bits_of_the_steps(objective: Any, name: str, kind: str) -> None:
    changes: dict[str, Any] = {} if kind == "full" else {"clip_value": 0.9, "clip_norm": 0.7, "weight_decay": 0.01}
    method, schedule = read_options(name, "1/(1 + t/10)", **changes)
    theta, rates = np.array([0.4, -0.3, 0.2, 1.1]), 0.05 * schedule.factors(0, 50, 50)
    runners = [kind_of(objective, method, theta, rates[0], KINDS[kind]()) for kind_of in (Stepped, Fused)]
    slow, fast = ([runner.advance(rates[:33]), runner.advance(rates[33:])] for runner in runners)
    pairs = [pair for ours, theirs in zip(slow, fast, strict=True) for pair in zip(ours[:3], theirs[:3], strict=True)]
    pairs += zip(runners[0].snapshot(), runners[1].snapshot(), strict=True)
    for a, b in pairs:
        if kind == "single":  # its row is evaluated without the loops of the sums, where the compiler orders additions otherwise
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
        else:
            np.testing.assert_array_equal(a, b)
    assert np.all(fast[1].thetas[:, 2] == 0.2) and len(np.unique(fast[1].thetas[:, 0])) > 5


@pytest.mark.parametrize("make", [Stepped, Fused])
@pytest.mark.parametrize("kind", KINDS)
def test_a_block_is_replayed_from_its_snapshot(make: Any, kind: str) -> None:
    objective, method = problem_of(False).objective("compiled"), EQUATIONS["adam"]
    runner = make(objective, method, np.array([0.4, -0.3, 0.2, 1.1]), 0.01, KINDS[kind]())
    runner.advance(np.full(11, 0.01))
    begun = runner.snapshot()
    first: Rows = runner.advance(np.full(20, 0.01))
    runner.restore(begun)
    again = runner.advance(np.full(9, 0.01))
    for a, b in zip(first[:3], again[:3], strict=True):
        np.testing.assert_array_equal(a[:9], b)


# --- states and texts ---


@pytest.mark.parametrize("name", EQUATIONS)
def test_states_start_as_their_text_says(name: str) -> None:
    ones = {"nadam": {"q": 1.0}, "rprop": {"w": 0.03}}.get(name, {})
    starts = EQUATIONS[name].starts(THETA, 0.03)
    assert starts.shape == (len(EQUATIONS[name].states), 4)
    for state, line in zip(EQUATIONS[name].states, starts, strict=True):
        np.testing.assert_array_equal(line, np.full(4, ones.get(state, 0.0)))
    assert Method("theta = theta - c", "", state="c = 2*theta + eta").starts(THETA, 1.0).tolist() == [(2 * THETA + 1).tolist()]


def test_a_users_equations_are_the_built_in_method() -> None:
    own = read_method("v = 0.9*v + g; theta = theta - eta*v")
    assert own.states == ("v",) and own.step == EQUATIONS["momentum"].step
    np.testing.assert_array_equal(our_steps(own, 0.01), our_steps(EQUATIONS["momentum"], 0.01))
    assert read_method("d = g*g; s = s + d; theta = theta - eta*g/sqrt(s)").states == ("s",)  # d is a temporary


ERRORS: list[tuple[str, str]] = [
    ("v = 0.9*v + g", "a method must assign theta"),
    ("", "a method must assign theta"),
    ("theta = theta - eta*gg", "did you mean 'g'"),
    ("v = mu*v + g; theta = theta - eta*v", "unknown name in a method 'mu'"),
    ("eta = 0.1; theta = theta - eta*g", "'eta' cannot be assigned"),
    ("t = t + 1; theta = theta - eta*g", "'t' cannot be assigned"),
    ("theta = theta - eta*g +", "expected a number"),
    ("theta - eta*g", "expected an assignment"),
    ("theta = theta - eta*__import__(g)", "a name has no two '_'"),
    ("theta = theta - eta*where(g, 1, 2)", "where needs a comparison"),
    ("sin = g; theta = theta - eta*g", "'sin' cannot be assigned"),
]


@pytest.mark.parametrize(("text", "sentence"), ERRORS)
def test_wrong_equations_are_told(text: str, sentence: str) -> None:
    with pytest.raises(FormulaError) as told:
        read_method(text)
    assert sentence in str(told.value) and len(str(told.value).splitlines()) <= 3


OPTIONS: list[tuple[dict[str, Any], str]] = [
    ({"method": "adm"}, "did you mean 'adam'"),
    ({"method": "gd", "hyper": {"mu": 0.5}}, "unknown hyperparameter 'mu'"),
    ({"method": "adam", "hyper": {"bet1": 0.5}}, "did you mean 'beta1'"),
    ({"method": "adam", "hyper": {"beta1": True}}, "give a finite number"),
    ({"method": "adam", "hyper": {"beta1": "x"}}, "give a finite number"),
    ({"method": "gd", "weight_decay": -1}, "weight_decay is -1"),
    ({"method": "gd", "clip_value": 0}, "above 0"),
    ({"method": "gd", "clip_norm": float("nan")}, "clip_norm is nan"),
    ({"method": "gd", "schedule": "cosin"}, "did you mean 'cosine'"),
    ({"method": "gd", "schedule": "1/u"}, "unknown name in a schedule 'u'"),
    ({"method": "gd", "schedule": "step", "hyper": {"every": "x"}}, "every is 'x'"),
]


@pytest.mark.parametrize(("options", "sentence"), OPTIONS)
def test_wrong_options_are_told(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SteepestError) as told:
        read_options(**options)
    assert isinstance(told.value, OptionError | FormulaError)
    assert sentence in str(told.value)


# --- the largest stable rate ---

MU = 0.9
THEORY = {  # times 1/λ
    "gd": 2.0,
    "momentum": 2 * (1 + MU),
    "nesterov": 2 * (1 + MU) / (1 + 2 * MU),
    "averaged-momentum": 2 * (1 + MU) / (1 - MU),
}
FEATURES = np.random.default_rng(9).normal(size=(40, 3)) @ np.array([[1.0, 0.3, 0.1], [0, 0.6, -0.4], [0, 0, 0.3]])


def bowl() -> tuple[st.Problem, Array, Array]:
    """A quadratic loss of three parameters, its Hessian and its minimum."""
    best = np.array([0.7, -0.2, 1.3])
    data = {**dict(zip("uvw", FEATURES.T, strict=True)), "y": FEATURES @ best}
    hessian = 2 / len(FEATURES) * FEATURES.T @ FEATURES
    return st.Problem("y ~ a*u + b*v + c*w", data, start={"a": 0.1, "b": 0.9, "c": -0.4}), hessian, best


@pytest.mark.parametrize("name", THEORY)
def test_the_limit_is_that_of_theory(name: str) -> None:
    problem, hessian, _ = bowl()
    np.testing.assert_allclose(problem.hessian_at([0, 0, 0]), hessian, rtol=1e-12)
    largest = np.linalg.eigvalsh(hessian)[-1]
    assert largest_rate(EQUATIONS[name], hessian) == pytest.approx(THEORY[name] / largest, rel=1e-9)


@pytest.mark.parametrize("factor", [0.999, 1.001])
@pytest.mark.parametrize("name", [*THEORY, "v = 0.5*v + g; theta = theta - eta*(2*g - v)/3"], ids=lambda name: name.split()[0])
def test_the_limit_is_where_descents_turn(name: str, factor: float) -> None:
    problem, hessian, best = bowl()
    most = largest_rate(EQUATIONS.get(name) or read_method(name), hessian)
    assert most is not None
    trace = problem.descend(name, factor * most, steps=6000, engine="compiled")
    away = np.linalg.norm(trace.theta - best, axis=1)
    assert (away[-1] > 2 * away[0]) == (factor > 1)
    assert (away[-1] < away[0] / 2) == (factor < 1)


@pytest.mark.parametrize("curvature", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("name", ["signsgd", "lion", "rprop"])
def test_sign_methods_have_no_limit(name: str, curvature: float) -> None:
    assert largest_rate(EQUATIONS[name], curvature * np.diag([1.0, 3.0])) is None


def test_an_adaptive_method_is_judged_with_its_scale_frozen() -> None:
    scales = np.array([0.5, 2.0])  # s: the step divides by √s
    hessian = np.array([[2.0, 0.3], [0.3, 1.0]])
    found = largest_rate(EQUATIONS["adam"].with_constants({"eps": 0}), hessian, {"s": scales})
    preconditioned = np.linalg.eigvals(hessian / np.sqrt(scales)[:, None]).real
    assert found == pytest.approx(2 * (1 + 0.9) / (1 - 0.9) / preconditioned.max(), rel=1e-9)


# --- batches ---

SHAPES = some.tuples(some.integers(1, 40), some.integers(1, 45), some.integers(0, 2**32 - 1))


@given(SHAPES)
def test_every_row_is_used_once_in_an_epoch(shape: tuple[int, int, int]) -> None:
    rows, size, seed = shape
    batches = Batches(rows, size, seed)
    for epoch in range(3):
        order, edges = batches.block(epoch * batches.each, batches.each)
        assert sorted(order) == list(range(rows))
        sizes = np.diff(edges)
        last = rows % batches.size or batches.size
        assert list(sizes) == [batches.size] * (batches.each - 1) + [last]
    assert batches.epoch(3 * batches.each) == 3


@given(SHAPES, some.lists(some.integers(1, 30), min_size=1, max_size=6), some.booleans())
def test_blocks_of_any_length_are_one_stream(shape: tuple[int, int, int], counts: list[int], replacement: bool) -> None:
    rows, size, seed = shape
    whole, parts = (Batches(rows, size, seed, replacement) for _ in range(2))
    order, edges = whole.block(0, sum(counts))
    first, seen = 0, []
    for count in counts:
        part = parts.block(first, count)
        again = parts.block(first, count)  # a block may be replayed
        np.testing.assert_array_equal(part.order, again.order)
        np.testing.assert_array_equal(part.edges, edges[first : first + count + 1] - edges[first])
        seen.append(part.order)
        first += count
    np.testing.assert_array_equal(np.concatenate(seen), order)
    assert order.dtype == edges.dtype == np.int64 and order.min() >= 0 and order.max() < rows


@given(SHAPES, some.integers(1, 90))
def test_the_point_after_the_last_step_is_judged_on_its_rows(shape: tuple[int, int, int], steps: int) -> None:
    whole, ended = Batches(*shape), Batches(*shape)
    ended.end = steps
    order, edges = whole.block(0, steps)
    last = order[edges[-2] :]
    for first in (0, steps):
        block = ended.block(first, steps + 1 - first)
        np.testing.assert_array_equal(block.order, np.concatenate([order[edges[first] :], last]) if first < steps else last)
        np.testing.assert_array_equal(block.edges[-2:] - block.edges[-2], [0, len(last)])
        assert len(block.edges) == steps + 2 - first


def test_single_rows_in_several_blocks_are_a_plain_loop() -> None:
    rows = 100_000  # more steps than one block may record
    random = np.random.default_rng(2)
    x = random.normal(size=rows)
    y = 3 * x + random.normal(size=rows)
    problem = st.Problem("y ~ a*x", {"x": x, "y": y}, start={"a": 0.5})
    trace = problem.descend(lr=1e-3, epochs=1, batch=1, engine="compiled", seed=4, every=1)
    a, path = 0.5, []
    for u, v in zip(*(column[np.random.RandomState(4).permutation(rows)].tolist() for column in (x, y)), strict=True):
        path.append(a)
        a -= 1e-3 * 2 * (a * u - v) * u
    assert len(trace) == rows + 1
    np.testing.assert_allclose(trace["a"], [*path, a], rtol=1e-12)


def test_seeds_and_replacement() -> None:
    def draws(seed: int, replacement: bool) -> list[int]:
        return Batches(50, 7, seed, replacement).block(0, 8).order.tolist()

    assert draws(1, False) == draws(1, False) != draws(2, False)
    assert draws(1, False) == np.random.RandomState(1).permutation(50).tolist()  # frozen for good
    assert len(set(draws(1, True))) < 50 and draws(1, True) != draws(2, True)
    many = Batches(5, 5, 0, replacement=True).block(0, 4000).order
    np.testing.assert_allclose(np.bincount(many) / len(many), 0.2, atol=0.01)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_the_last_small_batch_is_weighed_right(engine: str, weighted: bool) -> None:
    weights = np.linspace(0.5, 2, 7) if weighted else np.ones(7)
    x, y = np.arange(7.0), np.array([1.0, -2, 3, 0, 2, 2, 5])
    problem = st.Problem("y ~ a*x", {"x": x, "y": y}, start={"a": 0.4}, weights=weights if weighted else None)
    trace = problem.descend(lr=1e-3, epochs=2, batch=3, engine=engine, seed=11)
    order, edges = Batches(7, 3, 11).block(0, 6)
    for k in range(6):
        rows = order[edges[k] : edges[k + 1]]
        residual, w = trace["a"][k] * x[rows] - y[rows], weights[rows]
        assert trace.loss[k] == pytest.approx(np.sum(w * residual**2) / np.sum(w), rel=1e-13)
        assert trace.gradient[k, 0] == pytest.approx(2 * np.sum(w * residual * x[rows]) / np.sum(w), rel=1e-13)
    assert trace.epoch.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3, 2])


def test_batches_of_all_rows_are_the_full_batch() -> None:
    problem = problem_of(True)
    some_order, full = (problem.descend("adam", 0.01, 50, batch, "numpy") for batch in (37, "full"))
    assert gap(some_order.theta, full.theta) < 1e-12


def test_no_rate_is_made_up_for_a_method_that_settles_at_none() -> None:
    problem = st.Problem("y ~ w*x", "@triples")
    with pytest.raises(OptionError, match="settles at none"):
        problem.descend("momentum", hyper={"mu": 1.5})
