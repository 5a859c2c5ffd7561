"""Adam, single-sample descent and a fit of a million rows, beside what people use; and cost against rows and parameters.

    python benchmarks/methods.py [--repeat 5] [--rows 1000000]

Figures are medians in one run, on one machine, in float64, compilation apart. A library that is not installed is left out.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import steepest as st

Array = np.ndarray[Any, Any]
Timed = Callable[[], Any]


def adam() -> Iterator[tuple[str, Timed]]:
    """2,000 steps of Adam on P3, every step recorded."""
    problem = st.Problem("y ~ a + b*P3(c + d*x)", "@sine2000")
    yield "steepest, compiled", lambda: problem.descend("adam", lr=0.01, steps=2000, engine="compiled").theta[-1]
    own = "m = 0.9*m + 0.1*g; s = 0.999*s + 0.001*g**2; theta = theta - eta*(m/(1 - 0.9**t))/(sqrt(s/(1 - 0.999**t)) + 1e-8)"
    yield "steepest, compiled, as a user's line", lambda: problem.descend(own, lr=0.01, steps=2000, engine="compiled").theta[-1]
    yield "JAX and optax, jitted scan", optax_adam(problem)


def optax_adam(problem: st.Problem) -> Timed:
    import jax
    import optax
    from jax import numpy as jnp

    jax.config.update("jax_enable_x64", True)
    columns = dict(zip(problem.columns.names, problem.columns.arrays, strict=True))
    x, y = jnp.asarray(columns["x"]), jnp.asarray(columns["y"])

    def loss(theta: Any) -> Any:
        a, b, c, d = theta
        u = c + d * x
        return jnp.mean((a + b * (5 * u**3 - 3 * u) / 2 - y) ** 2)

    optimizer = optax.adam(0.01)

    def step(carry: Any, _: Any) -> Any:
        theta, state = carry
        value, slope = jax.value_and_grad(loss)(theta)
        change, state = optimizer.update(slope, state)
        return (optax.apply_updates(theta, change), state), (theta, value, slope)

    start = jnp.asarray(list(problem.start.values()))
    run = jax.jit(lambda theta: jax.lax.scan(step, (theta, optimizer.init(theta)), length=2000))
    return lambda: np.asarray(jax.block_until_ready(run(start))[0][0])


def single(rows: int) -> Iterator[tuple[str, Timed]]:
    """One epoch of single-sample descent, the shuffle included."""
    random = np.random.default_rng(0)
    x, z = random.uniform(-1, 1, rows), random.normal(size=rows)
    y = 3 * x + 4 + 0.5 * z + random.normal(size=rows)
    problem = st.Problem("y ~ a + b*x + c*z", {"x": x, "z": z, "y": y}, start={"a": 0, "b": 0, "c": 0})
    yield "steepest, batch=1", lambda: problem.descend(lr=1e-3, batch=1, epochs=1, engine="compiled", every=rows).theta[-1]
    yield "steepest, batch=1, trace kept", lambda: problem.descend(lr=1e-3, batch=1, epochs=1, engine="compiled").theta[-1]
    yield "scikit-learn, SGDRegressor", sklearn_epoch(np.column_stack([x, z]), y)
    yield "PyTorch loop, batches of 32, a tenth of an epoch × 10", torch_epoch(np.column_stack([x, z]), y)


def sklearn_epoch(table: Array, y: Array) -> Timed:
    from sklearn.linear_model import SGDRegressor

    def run() -> Any:
        model = SGDRegressor(penalty=None, learning_rate="constant", eta0=5e-4, max_iter=1, tol=None, random_state=0)
        model.fit(table, y)
        return model.coef_

    return run


def torch_epoch(table: Array, y: Array) -> Timed:
    import torch

    features, target = torch.tensor(table), torch.tensor(y)
    share = len(y) // 10

    def run() -> Any:
        began = time.perf_counter()
        theta = torch.zeros(3, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.SGD([theta], lr=1e-3)
        order = torch.randperm(len(y))[:share]
        for rows in order.split(32):
            optimizer.zero_grad()
            part = features[rows]
            loss = ((theta[0] + theta[1] * part[:, 0] + theta[2] * part[:, 1] - target[rows]) ** 2).mean()
            loss.backward()
            optimizer.step()
        return 10 * (time.perf_counter() - began)

    return run


def decay(rows: int) -> Iterator[tuple[str, Timed]]:
    """y ~ a*exp(-b*x) + c, to eight digits."""
    random = np.random.default_rng(0)
    x = random.uniform(0, 4, rows)
    y = 2.5 * np.exp(-1.3 * x) + 0.5 + 0.1 * random.normal(size=rows)
    data = {"x": x, "y": y}
    yield "steepest, fit", lambda: list(st.fit("y ~ a*exp(-b*x) + c", data, start={"a": 1, "b": 1, "c": 1}).parameters.values())
    from scipy.optimize import curve_fit

    yield "SciPy, curve_fit", lambda: curve_fit(lambda x, a, b, c: a * np.exp(-b * x) + c, x, y, [1, 1, 1])[0]


def scaling() -> None:
    """Cost of one evaluation against rows and parameters."""
    random = np.random.default_rng(0)
    source = np.zeros(20_000_000)
    target = np.empty_like(source)
    copy = 16 * len(source) / min(clock(lambda: np.copyto(target, source)) for _ in range(5))
    print(f"\nmemory: {copy / 1e9:.1f} GB/s copied\n")
    print("| rows | ms an evaluation | ns a row | GB/s read | of the copy |\n|---:|---:|---:|---:|---:|")
    for rows in (10**3, 10**4, 10**5, 10**6, 10**7, 10**8):
        x = random.uniform(-1, 1, rows)
        problem = st.Problem("y ~ a*x + b*x**2 + c", {"x": x, "y": 2 * x + 1}, start={"a": 0, "b": 0, "c": 0})
        objective = problem.objective("compiled")
        theta = np.array([0.1, 0.2, 0.3])
        seconds = repeated(lambda objective=objective, theta=theta: objective.at(theta), 5)
        read = 16 * rows / seconds
        print(f"| {rows:,} | {1e3 * seconds:.4g} | {1e9 * seconds / rows:.3g} | {read / 1e9:.3g} | {read / copy:.2f} |")
    print("\n| parameters | ms an evaluation of 100,000 rows |\n|---:|---:|")
    x = random.uniform(-1, 1, 100_000)
    for degree in (1, 3, 7, 15, 31, 63):
        names = {f"w{k}": 0.1 for k in range(degree + 1)}
        problem = st.Problem(f"y ~ poly(x, {degree}, w)", {"x": x, "y": np.sin(x)}, start=names)
        objective, theta = problem.objective("compiled"), np.full(degree + 1, 0.1)
        print(f"| {degree + 1} | {1e3 * repeated(lambda o=objective, t=theta: o.at(t), 5):.4g} |")


def clock(run: Timed) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def repeated(run: Timed, repeat: int) -> float:
    """Median seconds of a short call, each time long enough to be measured."""
    run()
    count = max(1, int(0.01 / max(clock(run), 1e-7)))
    return statistics.median(clock(lambda: [run() for _ in range(count)]) / count for _ in range(repeat))


def report(title: str, contestants: Iterator[tuple[str, Timed]], repeat: int) -> None:
    print(f"\n## {title}\n\n| | first call | median | min – max | ratio to ours |\n|---|---:|---:|---:|---:|")
    ours = None
    while True:
        try:
            name, run = next(contestants)
        except StopIteration:
            return
        except ImportError as error:
            print(f"| left out: {error} | | | | |")
            return
        first = clock(run)
        given = [run() for _ in range(repeat)] if "× 10" in name else None
        times = sorted(given if given else (clock(run) for _ in range(repeat)))
        median = statistics.median(times)
        ours = ours or median
        print(f"| {name} | {1e3 * first:,.1f} ms | {1e3 * median:,.2f} ms | {1e3 * times[0]:,.2f} – {1e3 * times[-1]:,.2f} "
              f"| {median / ours:,.2f} |", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    report("Adam on P3: 2,000 rows, 4 parameters, 2,000 steps", adam(), options.repeat)
    report(f"Single-sample descent, {options.rows:,} rows, one epoch, shuffle included", single(options.rows), options.repeat)
    report(f"y ~ a*exp(-b*x) + c, {options.rows:,} rows", decay(options.rows), options.repeat)
    scaling()


if __name__ == "__main__":
    main()
