"""Seeded descent loops, right ones and faulty ones, written by hand: for test_loop_doctor.py and benchmarks/loops.py.

Their gradients are complex steps of models and losses that are also written here, in float64 or truly in float32: nothing of the
library is in them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import steepest as st

Array = np.ndarray[Any, Any]
Gradient = Callable[[Array], Array]


class Bench(NamedTuple):
    formula: str
    model: Callable[[Any, Any], Any]
    loss: str
    truth: tuple[float, ...]
    spread: float  # of the starts around the truth
    low: float = -2.0
    high: float = 2.0


def cubic(u: Any) -> Any:
    return (5 * u**3 - 3 * u) / 2


LOSSES: dict[str, Callable[[Any], Any]] = {
    "mse": lambda r: np.mean(r * r),
    "half-mse": lambda r: np.mean(r * r) / 2,
    "sse": lambda r: np.sum(r * r),
    "log-cosh": lambda r: np.mean(np.log(np.cosh(r))),
}

BENCHES = (
    Bench("y ~ m*x + c", lambda x, p: p[0] * x + p[1], "mse", (1.5, -0.7), 1.0),
    Bench("y ~ m*x + c", lambda x, p: p[0] * x + p[1], "half-mse", (0.4, 2.0), 2.0, 1.0, 5.0),
    Bench("y ~ a + b*x + q*x**2", lambda x, p: p[0] + p[1] * x + p[2] * x**2, "mse", (0.5, -1.0, 0.7), 1.0),
    Bench("y ~ a*exp(-b*x) + c", lambda x, p: p[0] * np.exp(-p[1] * x) + p[2], "mse", (2.0, 0.8, 0.3), 0.4, 0.1, 3.0),
    Bench("y ~ a + b*P3(c + d*x)", lambda x, p: p[0] + p[1] * cubic(p[2] + p[3] * x), "mse", (0.2, -1.2, 0.1, 0.4), 0.3),
    Bench("y ~ a*sin(w*x + p)", lambda x, p: p[0] * np.sin(p[1] * x + p[2]), "sse", (1.2, 1.5, 0.4), 0.3),
    Bench("y ~ a/(1 + exp(-(x - m)/s))", lambda x, p: p[0] / (1 + np.exp(-(x - p[1]) / p[2])), "mse", (2.0, 0.3, 0.8), 0.3),
    Bench("y ~ a*x + b*tanh(c*x)", lambda x, p: p[0] * x + p[1] * np.tanh(p[2] * x), "log-cosh", (0.5, 1.5, 1.1), 0.4),
    Bench("y ~ poly(x, 4, w)", lambda x, p: sum(p[k] * x**k for k in range(5)), "mse", (0.3, -0.5, 0.4, 0.2, -0.1), 0.5, -1.3, 1.3),
)
RECORDS = ("float64", "float32", "7 digits", "9 digits", "float64")


class Setting(NamedTuple):
    """A problem, a start and a rate that converges."""

    problem: st.Problem
    bench: Bench
    start: Array
    lr: float
    steps: int
    rng: np.random.Generator


def setting(seed: int) -> Setting:
    rng = np.random.default_rng([seed, 17])
    bench = BENCHES[seed % len(BENCHES)]
    n = int(rng.integers(9, 40))
    x = np.sort(rng.uniform(bench.low, bench.high, n))
    y = np.zeros(n)
    made = st.Problem(bench.formula, {"x": x, "y": y}, bench.loss, dict(zip(names(bench), bench.truth, strict=True)))
    y = made.predict(bench.truth) + 0.1 * rng.standard_normal(n)
    start = np.array(bench.truth) + bench.spread * rng.choice([-1, 1], len(bench.truth)) * rng.uniform(0.3, 1, len(bench.truth))
    problem = st.Problem(bench.formula, {"x": x, "y": y}, bench.loss, dict(zip(names(bench), start.tolist(), strict=True)))
    curvature = max(np.abs(np.linalg.eigvalsh(problem.hessian_at(theta))).max() for theta in (start, np.array(bench.truth)))
    return Setting(problem, bench, start, float(rng.uniform(0.08, 0.4) / curvature), int(rng.integers(25, 80)), rng)


def names(bench: Bench) -> tuple[str, ...]:
    return st.Problem(bench.formula, {"x": [0.5, 1.0], "y": [0.0, 0.0]}, start=bench.truth).parameters


Loop = Callable[[Setting, Gradient], Array]


def collect(s: Setting, step: Callable[[int, Array], Array]) -> Array:
    """theta before each step; `step(t, theta)` gives the next."""
    theta, rows = s.start, [s.start]
    for t in range(s.steps):
        theta = step(t, theta)
        if not np.isfinite(theta).all():
            break
        rows.append(theta)
    return np.array(rows)


def plain(s: Setting, g: Gradient) -> Array:
    return collect(s, lambda t, theta: theta - s.lr * g(theta))


def not_zeroed(s: Setting, g: Gradient) -> Array:
    total = np.zeros_like(s.start)

    def step(t: int, theta: Array) -> Array:
        nonlocal total
        total = total + g(theta)
        return theta - 0.2 * s.lr * total

    return collect(s, step)


def momentum(mu: float, nesterov: bool = False, mean: bool = False) -> Loop:
    def run(s: Setting, g: Gradient) -> Array:
        v = np.zeros_like(s.start)

        def step(t: int, theta: Array) -> Array:
            nonlocal v
            here = g(theta)
            v = mu * v + ((1 - mu) if mean else 1) * here
            return theta - 0.5 * s.lr * (here + mu * v if nesterov else v)

        return collect(s, step)

    return run


def stale(lag: int) -> Loop:
    def run(s: Setting, g: Gradient) -> Array:
        past: list[Array] = []

        def step(t: int, theta: Array) -> Array:
            past.append(theta)
            return theta - 0.5 * s.lr * g(past[max(0, t - lag)])

        return collect(s, step)

    return run


def never_again(s: Setting, g: Gradient) -> Array:
    first = g(s.start)
    return collect(s._replace(steps=25), lambda t, theta: theta - 0.05 * s.lr * first)


def every_third(s: Setting, g: Gradient) -> Array:
    kept = g(s.start)

    def step(t: int, theta: Array) -> Array:
        nonlocal kept
        if t % 3 == 0:
            kept = g(theta)
        return theta - 0.3 * s.lr * kept

    return collect(s, step)


def sequential(backwards: bool) -> Loop:
    def run(s: Setting, g: Gradient) -> Array:
        order = range(len(s.start))[::-1] if backwards else range(len(s.start))

        def step(t: int, theta: Array) -> Array:
            theta = theta.copy()
            for k in order:
                theta[k] = theta[k] - s.lr * g(theta)[k]
            return theta

        return collect(s, step)

    return run


def copied(s: Setting, g: Gradient) -> Array:
    """Notebook 004: c.copy_(m - lr*m.grad), m updated already."""
    i, j = s.rng.permutation(len(s.start))[:2]

    def step(t: int, theta: Array) -> Array:
        here = g(theta)
        new = theta - s.lr * here
        new[j] = new[i] - s.lr * here[i]
        return new

    return collect(s, step)


def others_gradient(s: Setting, g: Gradient) -> Array:
    i, j = s.rng.permutation(len(s.start))[:2]

    def step(t: int, theta: Array) -> Array:
        here = g(theta)
        new = theta - 0.3 * s.lr * here
        new[j] = theta[j] - 0.3 * s.lr * here[i]
        return new

    return collect(s._replace(steps=25), step)


def exchanged(s: Setting, g: Gradient) -> Array:
    i, j = s.rng.permutation(len(s.start))[:2]

    def step(t: int, theta: Array) -> Array:
        here = g(theta)
        here[[i, j]] = here[[j, i]]
        return theta - 0.3 * s.lr * here

    return collect(s._replace(steps=25), step)


def decay(strength: float) -> Loop:
    return lambda s, g: collect(s, lambda t, theta: theta - s.lr * (g(theta) + strength / s.lr * 0.1 * theta))


def scheduled(rate: Callable[[int, int], float]) -> Loop:
    return lambda s, g: collect(s, lambda t, theta: theta - s.lr * rate(t, s.steps) * g(theta))


def scaled(factor: float) -> Loop:
    return lambda s, g: collect(s, lambda t, theta: theta - s.lr * factor * g(theta))


def one_scaled(s: Setting, g: Gradient) -> Array:
    rates = np.full(len(s.start), s.lr)
    rates[s.rng.integers(len(s.start))] *= 0.5
    return collect(s, lambda t, theta: theta - rates * g(theta))


def frozen(s: Setting, g: Gradient) -> Array:
    moving = np.ones(len(s.start))
    moving[s.rng.integers(len(s.start))] = 0
    return collect(s, lambda t, theta: theta - s.lr * moving * g(theta))


def uphill(s: Setting, g: Gradient) -> Array:
    return collect(s._replace(steps=25), lambda t, theta: theta + 0.2 * s.lr * g(theta))


class Kind(NamedTuple):
    cause: str
    loop: Loop
    lr: bool = False  # is the rate stated?


KINDS = {
    "not zeroed": Kind("not-zeroed", not_zeroed),
    "momentum 0.9": Kind("momentum", momentum(0.9)),
    "momentum 0.5": Kind("momentum", momentum(0.5)),
    "moving average 0.8": Kind("momentum", momentum(0.8, mean=True)),
    "Nesterov 0.9": Kind("momentum", momentum(0.9, nesterov=True)),
    "stale by 1": Kind("stale", stale(1)),
    "stale by 3": Kind("stale", stale(3)),
    "gradient of the start": Kind("stale", never_again),
    "gradient every 3rd step": Kind("stale", every_third),
    "sequential": Kind("sequential-update", sequential(False)),
    "sequential backwards": Kind("sequential-update", sequential(True)),
    "c.copy_(m - lr*m.grad)": Kind("other-parameter", copied),
    "another's gradient": Kind("other-parameter", others_gradient),
    "gradients exchanged": Kind("other-parameter", exchanged),
    "weight decay 0.1": Kind("weight-decay", decay(0.1)),
    "weight decay 0.01": Kind("weight-decay", decay(0.01)),
    "rate 1/(1 + t/10)": Kind("schedule", scheduled(lambda t, n: 1 / (1 + t / 10))),
    "rate 1/sqrt(t)": Kind("schedule", scheduled(lambda t, n: 1 / np.sqrt(t + 1))),
    "rate 0.95**t": Kind("schedule", scheduled(lambda t, n: 0.95**t)),
    "rate halved every 7": Kind("schedule", scheduled(lambda t, n: 0.5 ** (t // 7))),
    "rate cosine": Kind("schedule", scheduled(lambda t, n: (1 + np.cos(np.pi * t / n)) / 2)),
    "rate linear": Kind("schedule", scheduled(lambda t, n: 1 - t / n)),
    "scaled by 5": Kind("scaled", lambda s, g: scaled(5)(s._replace(lr=s.lr / 5), g), True),
    "scaled by 2": Kind("scaled", scaled(2), True),
    "scaled by 1/2": Kind("scaled", scaled(0.5), True),
    "one scaled by 1/2": Kind("scaled", one_scaled),
    "frozen": Kind("frozen", frozen),
    "up the gradient": Kind("sign", uphill),
}


def recorded(theta: Array, how: str) -> Array:
    """What a user would have kept of it."""
    if how.endswith("digits"):
        return np.array([[float(f"{v:.{int(how[0]) - 1}e}") for v in row] for row in theta])
    return theta.astype(how)


def gradient(s: Setting, how: str) -> Gradient:
    """By complex steps, in the arithmetic of the record: Im L(theta + i h)/h is exact to rounding where h is tiny."""
    single = how == "float32"
    dtype, h = (np.complex64, 1e-15) if single else (np.complex128, 1e-30)
    columns = dict(zip(s.problem.columns.names, s.problem.columns.arrays, strict=True))
    x, y = (columns[name].astype(np.float32 if single else float) for name in "xy")

    def of(theta: Array) -> Array:
        found = np.empty_like(theta)
        for k in range(len(theta)):
            moved = theta.astype(dtype)
            moved[k] += 1j * h
            found[k] = LOSSES[s.bench.loss](s.bench.model(x, moved) - y).imag / h
        return found

    return of


class Run(NamedTuple):
    setting: Setting
    record: str
    theta: Array
    lr: float | None


def faulty(kind: Kind, seed: int) -> Run:
    """A loop with this fault, as it was recorded."""
    s = setting(seed)
    how = RECORDS[seed % len(RECORDS)]
    if how == "float32":
        s = s._replace(start=s.start.astype(np.float32))
    lr = s.lr / 5 if kind is KINDS["scaled by 5"] else s.lr
    theta = recorded(kind.loop(s, gradient(s, how)), how)
    return Run(s, how, theta, lr if kind.lr else None)


def right(seed: int) -> Run:
    """Plain descent, at one of several rates, for a few steps or many."""
    s = setting(seed)
    s = s._replace(lr=s.lr * float(s.rng.choice([0.05, 0.3, 1.0, 3.0])), steps=int(s.rng.choice([6, 15, 40, 150])))
    how = ("float64", "float32", "6 digits", "7 digits", "9 digits")[seed % 5]
    if how == "float32":
        s = s._replace(start=s.start.astype(np.float32))
    return Run(s, how, recorded(plain(s, gradient(s, how)), how), s.lr if seed % 2 else None)


# Loops that no cause of the doctor describes: it must not name one.


def clipped(s: Setting, g: Gradient) -> Array:
    limit = 0.3 * float(np.linalg.norm(g(s.start)))

    def step(t: int, theta: Array) -> Array:
        here = g(theta)
        return theta - s.lr * here * min(1.0, limit / float(np.linalg.norm(here)))

    return collect(s, step)


def adam(s: Setting, g: Gradient) -> Array:
    m, v = np.zeros_like(s.start), np.zeros_like(s.start)

    def step(t: int, theta: Array) -> Array:
        nonlocal m, v
        here = g(theta)
        m, v = 0.9 * m + 0.1 * here, 0.999 * v + 0.001 * here**2
        return theta - 0.02 * (m / (1 - 0.9 ** (t + 1))) / (np.sqrt(v / (1 - 0.999 ** (t + 1))) + 1e-8)

    return collect(s, step)


def signs(s: Setting, g: Gradient) -> Array:
    return collect(s, lambda t, theta: theta - 0.01 * np.sign(g(theta)))


def normalised(s: Setting, g: Gradient) -> Array:
    return collect(s, lambda t, theta: theta - 0.02 * g(theta) / np.linalg.norm(g(theta)))


def noisy(s: Setting, g: Gradient) -> Array:
    return collect(s, lambda t, theta: theta - s.lr * g(theta) * (1 + 0.1 * s.rng.standard_normal(theta.shape)))


def wrong_gradient(s: Setting, g: Gradient) -> Array:
    def step(t: int, theta: Array) -> Array:
        here = g(theta)
        here[-1] = here[-1] * np.cos(theta[0]) + 0.1 * theta[0] ** 2
        return theta - s.lr * here

    return collect(s, step)


def momentum_and_decay(s: Setting, g: Gradient) -> Array:
    v = np.zeros_like(s.start)

    def step(t: int, theta: Array) -> Array:
        nonlocal v
        v = 0.8 * v + g(theta) + 0.05 / s.lr * theta
        return theta - 0.3 * s.lr * v

    return collect(s, step)


def random_rate(s: Setting, g: Gradient) -> Array:
    return collect(s, lambda t, theta: theta - s.lr * s.rng.uniform(0.3, 1) * g(theta))


OTHERS = (clipped, adam, signs, normalised, noisy, wrong_gradient, momentum_and_decay, random_rate)


def other(loop: Loop, seed: int) -> Run:
    s = setting(seed)
    how = RECORDS[seed % len(RECORDS)]
    if how == "float32":
        s = s._replace(start=s.start.astype(np.float32))
    return Run(s, how, recorded(loop(s, gradient(s, how)), how), None)
