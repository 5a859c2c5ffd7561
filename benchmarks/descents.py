"""Two descents of the notebooks, side by side: ours, and what people write in NumPy, Numba, JAX and PyTorch.

    python benchmarks/descents.py [--repeat 5] [--write benchmarks/results.md]

Every contestant starts from the same point, takes the same steps in float64 and records theta, loss and gradient of every step.
Compilation is reported apart. A library that is not installed is left out. Figures are medians in one run, on one machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import steepest as st

Array = np.ndarray[Any, Any]
Run = Callable[[], tuple[Array, Array]]  # the losses before each step, and the last theta


class Task(NamedTuple):
    name: str
    formula: str
    data: str
    loss: str
    lr: float
    steps: int


TASKS = (
    Task("sine polynomial, 4000 rows, 8 weights, 4000 steps", "y ~ poly(x, 7, w)", "@sine", "mse", 1e-6, 4000),
    Task("P3, 2000 rows, 4 parameters, 2000 steps", "y ~ a + b*P3(c + d*x)", "@sine2000", "sse", 5e-6, 2000),
)


class Setting(NamedTuple):
    """A task with its arrays."""

    task: Task
    x: Array
    y: Array
    start: Array
    polynomial: bool


def setting(task: Task) -> tuple[st.Problem, Setting]:
    problem = st.Problem(task.formula, task.data, task.loss)
    columns = dict(zip(problem.columns.names, problem.columns.arrays, strict=True))
    start = np.array(list(problem.start.values()))
    return problem, Setting(task, columns["x"].copy(), columns["y"].copy(), start, "poly" in task.formula)


def ours(problem: st.Problem, s: Setting, engine: str = "compiled") -> Run:
    def run() -> tuple[Array, Array]:
        trace = problem.descend(lr=s.task.lr, steps=s.task.steps, engine=engine)
        return trace.loss[:-1], trace.theta[-1]

    return run


def condensed_anew(problem: st.Problem, s: Setting) -> Run:
    """The QR of the rows is made again in each run."""

    def run() -> tuple[Array, Array]:
        vars(problem._posed).pop("factor", None)
        return ours(problem, s, "condensed")()

    return run


def numpy_loop(s: Setting) -> Run:
    """The loop of the notebook, with its histories."""
    x, y, lr, steps = s.x, s.y, s.task.lr, s.task.steps

    def polynomial() -> tuple[Array, Array]:
        w, losses, gradients, thetas = s.start.copy(), [], [], []
        for _ in range(steps):
            error = sum(w[k] * x**k for k in range(8)) - y
            losses.append((error**2).mean())
            gradients.append(np.array([2 * error * x**k for k in range(8)]).mean(-1))
            thetas.append(w.copy())
            w -= lr * gradients[-1]
        return np.array(losses), w

    def legendre() -> tuple[Array, Array]:
        theta, losses, gradients, thetas = s.start.copy(), [], [], []
        for _ in range(steps):
            a, b, c, d = theta
            u = c + d * x
            p = (5 * u**3 - 3 * u) / 2
            error = a + b * p - y
            slope = 2 * error * b * (15 * u**2 - 3) / 2
            losses.append((error**2).sum())
            gradients.append(np.array([(2 * error).sum(), (2 * error * p).sum(), slope.sum(), (slope * x).sum()]))
            thetas.append(theta.copy())
            theta = theta - lr * gradients[-1]
        return np.array(losses), theta

    return polynomial if s.polynomial else legendre


def numpy_matrix(s: Setting) -> Run | None:
    """The polynomial with a matrix of powers: two products a step."""
    if not s.polynomial:
        return None
    matrix, n = np.vander(s.x, 8, increasing=True), len(s.x)

    def run() -> tuple[Array, Array]:
        w, losses, gradients, thetas = s.start.copy(), np.empty(s.task.steps), [], []
        for t in range(s.task.steps):
            error = matrix @ w - s.y
            losses[t] = error @ error / n
            gradients.append(matrix.T @ error * (2 / n))
            thetas.append(w.copy())
            w -= s.task.lr * gradients[-1]
        return losses, w

    return run


def numba_fused(s: Setting) -> Run:
    """A loop written by hand for this one problem, with fast-math flags that keep infinities and NaN."""
    import numba

    flags = {"reassoc", "contract", "nsz", "arcp"}
    x, y, lr, steps, n = s.x, s.y, s.task.lr, s.task.steps, len(s.x)

    @numba.njit(fastmath=flags)
    def polynomial(w: Array) -> tuple[Array, Array, Array]:
        losses, thetas, gradients = np.empty(steps), np.empty((steps, 8)), np.empty((steps, 8))
        for t in range(steps):
            w0, w1, w2, w3, w4, w5, w6, w7 = w
            total = g0 = g1 = g2 = g3 = g4 = g5 = g6 = g7 = 0.0
            for i in range(n):
                x1 = x[i]
                x2 = x1 * x1
                x3 = x2 * x1
                x4 = x2 * x2
                x5 = x3 * x2
                x6 = x3 * x3
                x7 = x4 * x3
                e = w0 + w1 * x1 + w2 * x2 + w3 * x3 + w4 * x4 + w5 * x5 + w6 * x6 + w7 * x7 - y[i]
                total += e * e
                g0 += e
                g1 += e * x1
                g2 += e * x2
                g3 += e * x3
                g4 += e * x4
                g5 += e * x5
                g6 += e * x6
                g7 += e * x7
            losses[t] = total / n
            thetas[t] = w
            g = gradients[t]
            g[0], g[1], g[2], g[3], g[4], g[5], g[6], g[7] = g0, g1, g2, g3, g4, g5, g6, g7
            for k in range(8):
                g[k] = g[k] * 2 / n
                w[k] -= lr * g[k]
        return losses, thetas, gradients

    @numba.njit(fastmath=flags)
    def legendre(theta: Array) -> tuple[Array, Array, Array]:
        losses, thetas, gradients = np.empty(steps), np.empty((steps, 4)), np.empty((steps, 4))
        for t in range(steps):
            a, b, c, d = theta
            total = ga = gb = gc = gd = 0.0
            for i in range(n):
                u = c + d * x[i]
                square = u * u
                p = u * (2.5 * square - 1.5)
                e = a + b * p - y[i]
                slope = e * (square - 0.2)
                total += e * e
                ga += e
                gb += e * p
                gc += slope
                gd += slope * x[i]
            losses[t] = total
            thetas[t] = theta
            g = gradients[t]
            g[0], g[1], g[2], g[3] = 2 * ga, 2 * gb, 15 * b * gc, 15 * b * gd
            for k in range(4):
                theta[k] -= lr * g[k]
        return losses, thetas, gradients

    kernel = polynomial if s.polynomial else legendre

    def run() -> tuple[Array, Array]:
        theta = s.start.copy()
        return kernel(theta)[0], theta

    return run


def model(s: Setting, theta: Any, x: Any) -> Any:
    """The prediction, for libraries that differentiate by themselves."""
    if s.polynomial:
        return sum(theta[k] * x**k for k in range(8))
    u = theta[2] + theta[3] * x
    return theta[0] + theta[1] * (5 * u**3 - 3 * u) / 2


def jax_scan(s: Setting) -> Run:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    x, y = jnp.asarray(s.x), jnp.asarray(s.y)

    def loss(theta: Any) -> Any:
        squares = (model(s, theta, x) - y) ** 2
        return squares.mean() if s.polynomial else squares.sum()

    def step(theta: Any, _: Any) -> Any:
        value, gradient = jax.value_and_grad(loss)(theta)
        return theta - s.task.lr * gradient, (value, gradient, theta)

    scan = jax.jit(lambda theta: jax.lax.scan(step, theta, None, length=s.task.steps))

    def run() -> tuple[Array, Array]:
        last, (losses, _, _) = jax.block_until_ready(scan(jnp.asarray(s.start)))
        return np.asarray(losses), np.asarray(last)

    return run


def torch_run(s: Setting, way: str) -> Run:
    """autograd with the update by hand, torch.optim.SGD, or autograd through torch.compile."""
    import torch

    x, y = torch.from_numpy(s.x), torch.from_numpy(s.y)

    def loss(theta: Any) -> Any:
        squares = (model(s, theta, x) - y) ** 2
        return squares.mean() if s.polynomial else squares.sum()

    function = torch.compile(loss) if way == "compile" else loss

    def run() -> tuple[Array, Array]:
        theta = torch.tensor(s.start, requires_grad=True)
        optimizer = torch.optim.SGD([theta], lr=s.task.lr)
        losses, gradients, thetas = [], [], []
        for _ in range(s.task.steps):
            value = function(theta)
            value.backward()
            losses.append(value.item())
            gradients.append(theta.grad.clone())
            thetas.append(theta.detach().clone())
            if way == "sgd":
                optimizer.step()
                optimizer.zero_grad()
            else:
                with torch.no_grad():
                    theta -= s.task.lr * theta.grad
                theta.grad = None
        return np.array(losses), theta.detach().numpy()

    return run


def contestants(problem: st.Problem, s: Setting) -> dict[str, Callable[[], Run | None]]:
    return {
        "steepest, compiled": lambda: ours(problem, s),
        "steepest, condensed": lambda: ours(problem, s, "condensed"),
        "steepest, condensed, QR included": lambda: condensed_anew(problem, s),
        "Numba, fused by hand for this problem": lambda: numba_fused(s),
        "JAX, jitted scan": lambda: jax_scan(s),
        "NumPy, matrix of powers": lambda: numpy_matrix(s),
        "NumPy, the notebook's loop": lambda: numpy_loop(s),
        "PyTorch, autograd": lambda: torch_run(s, "autograd"),
        "PyTorch, torch.optim.SGD": lambda: torch_run(s, "sgd"),
        "PyTorch, torch.compile": lambda: torch_run(s, "compile"),
    }


class Result(NamedTuple):
    first: float
    median: float
    least: float
    most: float
    difference: float


def measure(made: Run, repeat: int, reference: Array | None) -> tuple[Result, Array]:
    """The first call, which compiles, and then the median of `repeat` calls, at least 3 and no more than take 10 seconds."""
    began = time.perf_counter()
    losses, _ = made()
    first = time.perf_counter() - began
    times: list[float] = []
    for count in range(repeat):
        if count >= 3 and sum(times) > 10:
            break
        began = time.perf_counter()
        losses, _ = made()
        times.append(time.perf_counter() - began)
    difference = 0.0 if reference is None else float(np.max(np.abs(losses - reference) / np.abs(reference)))
    return Result(first, statistics.median(times), min(times), max(times), difference), losses


def table(task: Task, results: dict[str, Result]) -> str:
    """A Markdown table; `difference` is the largest relative one of any recorded loss from ours."""
    mine = next(iter(results.values())).median
    lines = [
        f"## {task.name}",
        "",
        "| | median | min – max | first call | ratio to ours | difference |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, r in results.items():
        lines.append(
            f"| {name} | {1e3 * r.median:,.2f} ms | {1e3 * r.least:,.2f} – {1e3 * r.most:,.2f} | {1e3 * r.first:,.0f} ms "
            f"| {r.median / mine:,.2f} | {r.difference:.1e} |"
        )
    return "\n".join(lines)


def machine() -> str:
    import llvmlite.binding

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = [f"Python {platform.python_version()}"]
    for library in ("numpy", "numba", "jax", "torch", "llvmlite"):
        try:
            versions.append(f"{library} {__import__(library).__version__}")
        except (ImportError, OSError):
            versions.append(f"no {library}")
    return f"{platform.system()}, {llvmlite.binding.get_host_cpu_name()}, {cores} cores; {', '.join(versions)}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--write", type=Path, help="write the tables to this Markdown file as well")
    options = parser.parse_args()
    parts = [f"# Descents side by side\n\n{machine()} Medians of {options.repeat} runs after the first."]
    print(parts[0])
    for task in TASKS:
        problem, s = setting(task)
        results: dict[str, Result] = {}
        reference: Array | None = None
        for name, make in contestants(problem, s).items():
            try:
                made = make()
            except (ImportError, OSError) as error:
                print(f"{name}: left out ({error})")
                continue
            if made is None:
                continue
            results[name], losses = measure(made, options.repeat, reference)
            reference = losses if reference is None else reference
        parts.append(table(task, results))
        print("\n" + parts[-1], flush=True)
    if options.write:
        options.write.write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
