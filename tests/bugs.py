"""Bugs that people made, in miniature: those of public threads, and those of five notebooks on gradient descent (B01 to B48).

THREADS, NOTEBOOKS and LOOPS are tables: where the bug was seen, the problem, the code, and what the doctors must call it.
ELSEWHERE lists the notebooks' other bugs, and what they are instead of a wrong gradient or loop.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import faults
import steepest as st

Array = np.ndarray[Any, Any]
Rows = dict[str, Array]


class Gradient(NamedTuple):
    """`make` gives the user's gradient anew; `says` is part of the sentence."""

    problem: Callable[[], st.Problem]
    make: Callable[[], Any]
    cause: str | None
    says: str = ""


class Loop(NamedTuple):
    """`run` gives theta step by step; `lr` is the rate that was meant."""

    problem: Callable[[], st.Problem]
    run: Callable[[], Any]
    cause: str | None
    lr: float | None = None


# --- problems ----------------------------------------------------------------------------------------------------------


@functools.cache
def line() -> st.Problem:
    return faults.problem(faults.Setting("y ~ a + b*x", "mse", {"a": 0.3, "b": -1.2}))


@functools.cache
def wave() -> st.Problem:
    return faults.problem(faults.Setting("y ~ a*sin(w*x + p) + c*cos(w*x)", "mse", {"a": 1.2, "w": 2.5, "p": 0.4, "c": -0.6}))


def plane() -> st.Problem:  # notebook 000
    return st.Problem("H_0 ~ theta_0 + theta_1*x_1 + theta_2*x_2", "@instances", "half-mse")


def powers(loss: str) -> st.Problem:  # notebook 001
    return st.Problem("y ~ poly(x, 3, w)", "@sine2000", loss, start={f"w{k}": 0.3 + 0.1 * k for k in range(4)})


def legendre() -> st.Problem:  # notebook 001
    return st.Problem("y ~ a + b*P3(c + d*x)", "@sine2000", "sse", start={"a": 0, "b": -1, "c": 0, "d": 0.3})


def triples(loss: str = "mse") -> st.Problem:  # notebook 003
    return st.Problem("y ~ w*x", "@triples", loss, start={"w": 0.0})


def five() -> st.Problem:  # notebook 004
    return st.Problem("y ~ m*x + c", "@five-points", "half-mse", start={"m": 0.5, "c": 0.3})


def single(x: float, y: float) -> st.Problem:  # notebook 004
    return st.Problem("y ~ m*x + c", {"x": [x], "y": [y]}, "half-mse", start={"m": 0.5, "c": 0.3})


# --- public threads (gradients) ----------------------------------------------------------------------------------------


def good(theta: Array, rows: Rows) -> Array:
    e = theta[0] + theta[1] * rows["x"] - rows["y"]
    return np.array([np.mean(2 * e), np.mean(2 * e * rows["x"])])


def summed(theta: Array, rows: Rows) -> Array:
    e = theta[0] + theta[1] * rows["x"] - rows["y"]
    return np.array([np.sum(2 * e), np.sum(2 * e * rows["x"])])


def mean_and_sum(theta: Array, rows: Rows) -> Array:
    e = theta[0] + theta[1] * rows["x"] - rows["y"]
    return np.array([np.mean(2 * e), np.sum(2 * e * rows["x"])])


def mean_of_means(theta: Array, rows: Rows) -> Array:
    parts = [good(theta, {k: v[i : i + 4] for k, v in rows.items()}) for i in range(0, len(rows["y"]), 4)]
    return np.asarray(np.mean(parts, axis=0))


def column_against_row(theta: Array, rows: Rows) -> Array:
    e = (theta[0] + theta[1] * rows["x"])[:, None] - rows["y"][None, :]
    return np.array([np.mean(2 * e), np.mean(2 * e * rows["x"][:, None])])


def second_use_only(theta: Array, rows: Rows) -> Array:
    a, w, p, c = theta
    x = rows["x"]
    e = 2 * (a * np.sin(w * x + p) + c * np.cos(w * x) - rows["y"])
    by = [np.sin(w * x + p), -c * np.sin(w * x) * x, a * np.cos(w * x + p), np.cos(w * x)]
    return np.array([np.mean(e * part) for part in by])


def unselected_branch(theta: Array, rows: Rows) -> Array:
    guarded = np.where(rows["x"] > 0, 0.0, 1.0) * np.sqrt(-rows["x"])  # 0·nan
    return good(theta, rows) + 0 * guarded.sum()


def norm_at_zero(theta: Array, rows: Rows) -> Array:
    apart = rows["x"] - rows["x"]
    return good(theta, rows) + np.sum(apart / np.sqrt(apart**2))


def with_dropout(theta: Array, rows: Rows) -> Array:
    keep = np.random.random(len(rows["y"])) > 0.5
    return good(theta, {**rows, "y": rows["y"] * keep})


def in_half(theta: Array, rows: Rows) -> Array:
    return good(theta.astype(np.float32), {k: v.astype(np.float32) for k, v in rows.items()}).astype(float)


def accumulating() -> Any:
    total = np.zeros(2)

    def gradient(theta: Array, rows: Rows) -> Array:
        nonlocal total
        total += good(theta, rows)
        return total

    return gradient


def old_point() -> Any:
    saved: list[Array] = []

    def gradient(theta: Array, rows: Rows) -> Array:
        before = saved.pop() if saved else theta
        saved.append(theta.copy())
        return good(before, rows)

    return gradient


def function(sums: str = "mean", seeded: bool = True) -> Any:
    """A torch.autograd.Function of the line; its columns are y, x."""
    import torch

    class Line(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, theta: Any, y: Any, x: Any) -> Any:
            e = theta[0] + theta[1] * x - y
            ctx.save_for_backward(e, x)
            return (e**2).mean()

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            e, x = ctx.saved_tensors
            found = torch.stack([getattr(2 * e, sums)(), getattr(2 * e * x, sums)()])
            return (grad_output if seeded else 1) * found, None, None

    return Line


def scaled(factor: float) -> Any:
    return lambda theta, rows: factor * good(theta, rows)


THREADS: dict[str, Gradient] = {
    "MNIST_center_loss#9: sum, not mean, in backward": Gradient(line, lambda: function("sum"), "missing-1/n"),
    "DeepLearningZeroToAll#173": Gradient(line, lambda: summed, "missing-1/n"),
    "mxnet#2427: a loss whose gradient is a sum": Gradient(lambda: powers("mse"), lambda: by_powers(1, False), "missing-1/n"),
    "mistnet#33: sum over the batch": Gradient(wave, lambda: lambda t, r: faults.right(wave())(t, r) * len(r["y"]), "missing-1/n"),
    "d2l-en#1000: divided twice": Gradient(line, lambda: lambda t, r: good(t, r) / len(r["y"]), "factor", "once more"),
    "kvfrans/notes#5: one group is a sum": Gradient(line, lambda: mean_and_sum, "coordinate", "by b is n times"),
    "NeMo Automodel#3830: workers × accumulation": Gradient(line, lambda: scaled(8), "factor", "is 8 times"),
    "transformers#34191: accumulation steps": Gradient(line, lambda: scaled(4), "factor", "is 4 times"),
    "fairscale#1062: divided by the workers": Gradient(line, lambda: scaled(0.25), "factor", "is 1/4 times"),
    "ms-swift#10165: mean of means": Gradient(line, lambda: mean_of_means, "rows"),
    "Godoy, p. 87: never zeroed": Gradient(line, accumulating, "accumulated"),
    "CoursIA#926: (n, 1) against (n,)": Gradient(line, lambda: column_against_row, "rows", "(n, 1)"),
    "pytorch#16045: the same in a loss": Gradient(line, lambda: lambda t, r: column_against_row(t, r), "rows", "(n, 1)"),
    "pytorch#4355: grad_output forgotten": Gradient(line, lambda: function(seeded=False), "factor", "grad_output"),
    "convnetjs#17: zeroed where it adds up": Gradient(wave, lambda: second_use_only, "coordinate"),
    "pytorch#197887: another point's values": Gradient(line, old_point, "stale"),
    "PyBNF#535: a dead column": Gradient(line, lambda: lambda t, r: good(t, r) * np.array([1, 0]), "coordinate", "by b is 0"),
    "pytorch#68425: the branch not taken": Gradient(line, lambda: unselected_branch, "form", "not finite"),
    "pytorch#187297, #89543: 0/0 at norm 0": Gradient(line, lambda: norm_at_zero, "form", "not finite"),
    "DCNv2#13: float32": Gradient(line, lambda: in_half, "precision"),
    "CS231n: dropout left on": Gradient(line, lambda: with_dropout, "random"),
    "pytorch#2710: a column of numbers": Gradient(line, lambda: lambda t, r: good(t, r)[:, None], "form", "ravel"),
}


# --- notebooks (gradients) ---------------------------------------------------------------------------------------------


def keeps_its_leaf(replaced: bool) -> Any:
    """Notebook 000: the leaf is made once; then it is replaced by what no longer is one, or goes on adding up."""
    import torch

    kept: list[Any] = []

    def gradient(theta: Array, rows: Rows) -> Any:
        x = torch.tensor(np.stack([np.ones(len(rows["x_1"])), rows["x_1"], rows["x_2"]]))
        if not kept:
            kept.append(torch.tensor(theta, requires_grad=True))
        leaf = kept[0]
        with torch.no_grad():
            leaf.copy_(torch.tensor(theta))
        (torch.mean((leaf @ x - torch.tensor(rows["H_0"])) ** 2) / 2).backward()
        found = leaf.grad
        if replaced:
            kept[0] = leaf - 1.0 * found
        return found.clone() * 1

    return gradient


def by_plane(n: Callable[[Rows], float], kind: Any = float) -> Any:
    def gradient(theta: Array, rows: Rows) -> Any:
        x = np.stack([np.ones(len(rows["x_1"])), rows["x_1"], rows["x_2"]])
        return (x @ (theta @ x - rows["H_0"]) / n(rows)).astype(kind)

    return gradient


def in_sympy(theta: Array, rows: Rows) -> Any:
    import sympy

    return np.array([sympy.Float(v) for v in by_plane(lambda r: len(r["H_0"]))(theta, rows)])


def by_powers(sign: float, mean: bool) -> Any:
    """Notebook 001; its text has the sign turned and no mean."""

    def gradient(theta: Array, rows: Rows) -> Array:
        x = np.vander(rows["x"], len(theta), increasing=True)
        return np.asarray(sign * 2 * x.T @ (x @ theta - rows["y"]) / (len(x) if mean else 1))

    return gradient


def by_legendre(share: Callable[[Rows], float]) -> Any:
    def gradient(theta: Array, rows: Rows) -> Array:
        a, b, c, d = theta
        u = c + d * rows["x"]
        p, slope = (5 * u**3 - 3 * u) / 2, 1.5 * (5 * u**2 - 1)
        e = 2 * (a + b * p - rows["y"]) * share(rows)
        return np.array([e.sum(), e @ p, e @ (b * slope), e @ (b * slope * rows["x"])])

    return gradient


def reads_too_early(theta: Array, rows: Rows) -> Any:
    while loss > 0.001:  # type: ignore[used-before-def]  # noqa: F821
        loss = np.mean((theta[0] + theta[1] * rows["x"] - rows["y"]) ** 2)  # noqa: F841
    return good(theta, rows)


def torch_line(body: Callable[[Any, Any, Any], Any]) -> Any:
    """`body(theta, x, y)` on tensors, theta a leaf."""
    import torch

    def gradient(theta: Array, rows: Rows) -> Any:
        return body(torch.tensor(theta, requires_grad=True), torch.tensor(rows["x"]), torch.tensor(rows["y"]))

    return gradient


def zeroes_none(theta: Any, x: Any, y: Any) -> Any:
    theta.grad.zero_()
    ((theta[0] + theta[1] * x - y) ** 2).mean().backward()
    return theta.grad


def reassigns(theta: Any, x: Any, y: Any) -> Any:
    import torch

    ((theta[0] + theta[1] * x - y) ** 2).mean().backward()
    with torch.no_grad():
        theta = theta - 0.1 * theta.grad
    return [theta.grad[k].item() for k in range(2)]


def in_place(theta: Any, x: Any, y: Any) -> Any:
    ((theta[0] + theta[1] * x - y) ** 2).mean().backward()
    theta -= 0.1 * theta.grad
    return theta.grad


def single_samples(theta: Array, rows: Rows) -> Array:
    return np.mean([good(theta, {k: v[i : i + 1] for k, v in rows.items()}) for i in range(len(rows["y"]))], axis=0)


def float32_leaf(theta: Any, x: Any, y: Any) -> Any:
    import torch

    leaf = theta.detach().float().requires_grad_()
    torch.mean((leaf[0] + leaf[1] * x - y) ** 2).backward()
    return [leaf.grad[k].item() for k in range(2)]


def dot_is_a_sum(theta: Array, rows: Rows) -> Array:
    return np.array([np.dot(2 * rows["x"], theta[0] * rows["x"] - rows["y"]).mean()])


def reads_a_global(theta: Array, rows: Rows) -> Array:
    w = 0.0
    return np.array([np.mean(2 * rows["x"] * (w * rows["x"] - rows["y"]))])


def tests_the_value(theta: Any, x: Any, y: Any) -> Any:
    ((theta[0] + theta[1] * x - y) ** 2).mean().backward()
    return theta.grad if theta.grad else None


def same_graph() -> Any:
    import torch

    kept: list[Any] = []

    def gradient(theta: Array, rows: Rows) -> Any:
        if not kept:
            leaf = torch.tensor(theta, requires_grad=True)
            e = leaf[0] + leaf[1] * torch.tensor(rows["x"]) - torch.tensor(rows["y"])
            kept.extend([leaf, (e**2).mean()])
        kept[0].grad = None
        kept[1].backward()
        return kept[0].grad

    return gradient


def not_summed(theta: Any, x: Any, y: Any) -> Any:
    ((theta[0] + theta[1] * x - y) ** 2).backward()
    return theta.grad


def cut_off(theta: Array, rows: Rows) -> None:
    losses: list[float] = []  # noqa: F841


def asks(theta: Array, rows: Rows) -> Array:
    input("next step? ")
    return good(theta, rows)


def blanks(theta: Array, rows: Rows) -> Any:
    return np.array([np.mean(2 * (fx(theta) - rows["y"]))])  # type: ignore[name-defined]  # noqa: F821


NOTEBOOKS: dict[str, Gradient] = {
    "B01": Gradient(plane, lambda: keeps_its_leaf(True), "form", "raised"),
    "B02": Gradient(plane, lambda: keeps_its_leaf(False), "accumulated"),
    "B06": Gradient(plane, lambda: in_sympy, "form", "real numbers"),
    "B07": Gradient(plane, lambda: by_plane(lambda rows: 3), "missing-1/n", "divided by 3"),
    "B08": Gradient(plane, lambda: by_plane(lambda rows: len(rows["H_0"]), np.float32), None),
    "B09": Gradient(lambda: powers("sse"), lambda: by_powers(-1, False), "sign"),
    "B09, with the mean": Gradient(lambda: powers("mse"), lambda: by_powers(-1, False), "two-faults", "the sign is wrong"),
    "B19": Gradient(legendre, lambda: by_legendre(lambda rows: 1.0), None),
    "B20": Gradient(legendre, lambda: by_legendre(lambda rows: 1 / len(rows["y"])), "factor", "that of the mean"),
    "B21": Gradient(line, lambda: reads_too_early, "form", "UnboundLocalError"),
    "B22": Gradient(line, lambda: torch_line(zeroes_none), "form", "zero_"),
    "B23": Gradient(line, lambda: torch_line(reassigns), "form", "NoneType"),
    "B27": Gradient(line, lambda: cut_off, "form", "is a 'return' missing"),
    "B28": Gradient(line, lambda: torch_line(float32_leaf), "precision"),
    "B29": Gradient(line, lambda: single_samples, None),
    "B30": Gradient(triples, lambda: dot_is_a_sum, "missing-1/n"),
    "B35, in place": Gradient(line, lambda: torch_line(in_place), "form", "in-place"),
    "B36": Gradient(triples, lambda: reads_a_global, "stale", "does not change with theta"),
    "B37": Gradient(line, lambda: blanks, "form", "NameError"),
    "B40, two elements": Gradient(line, lambda: torch_line(tests_the_value), "form", "ambiguous"),
    "B43": Gradient(line, same_graph, "form", "second time"),
    "B45": Gradient(line, lambda: asks, "form", "EOFError"),
    "B47": Gradient(line, lambda: torch_line(not_summed), "form", "scalar outputs"),
}


# --- notebooks (loops) -------------------------------------------------------------------------------------------------


def descend(problem: st.Problem, lr: float, steps: int) -> Any:
    return problem.descend(lr=lr, steps=steps).theta


def gradients_for_thetas() -> Any:
    trace = five().descend(lr=0.01, steps=40)
    return trace.gradient


def lost_updates() -> Any:
    """Notebook 001 in float32: a step below half an ulp changes nothing."""
    problem, theta, rows = triples(), np.array([2.5], dtype=np.float32), []
    for _ in range(30):
        rows.append(theta.tolist())
        theta = theta - np.float32(1e-9) * problem.gradient_at(theta.astype(float)).astype(np.float32)
    return np.array(rows, dtype=np.float32)


def torch_sgd() -> Any:
    import torch

    w = torch.zeros(1, requires_grad=True)
    x, y = torch.tensor([1.0, 2, 3, 4, 5]), torch.tensor([3.0, 6, 9, 12, 15])
    optimiser, rows = torch.optim.SGD([w], lr=0.005), []
    for _ in range(30):
        rows.append(w.tolist())
        optimiser.zero_grad()
        torch.mean((w * x - y) ** 2).backward()
        optimiser.step()
    return np.array(rows, dtype=np.float32)


def not_zeroed() -> Any:
    w, total, rows = 0.0, 0.0, []
    for _ in range(40):
        rows.append([w])
        total += float(triples().gradient_at([w])[0])
        w -= 0.005 * total
    return rows


def copied(steps: int = 40) -> Any:
    x, y = np.arange(1, 6, dtype=np.float32), 2 * np.arange(1, 6, dtype=np.float32)
    m = c = np.float32(0.3)
    rows = []
    for _ in range(steps):
        rows.append((m, c))
        by_m, by_c = np.mean((m * x + c - y) * x), np.mean(m * x + c - y)
        m = m - np.float32(0.01) * by_m
        c = m - np.float32(0.01) * by_c
    return np.array(rows, dtype=np.float32)


def zeroed_if_not_zero() -> Any:
    """Notebook 004: `if m.grad:` is false where x = 0, and then c.grad is never zeroed."""
    m, c, by_c, rows = 0.5, 0.3, 0.0, []
    for _ in range(40):
        rows.append((m, c))
        by_m, by_c = (c - 2.0) * 0.0, by_c + (c - 2.0)
        m, c = m - 0.01 * by_m, c - 0.01 * by_c
        if by_m:
            by_m = by_c = 0.0
    return rows


LOOPS: dict[str, Loop] = {
    "B03": Loop(plane, lambda: descend(plane(), 1.0, 60), None, 1.0),
    "B15": Loop(triples, lost_updates, "unknown", 1e-9),  # nothing moves: too little information
    "B24": Loop(line, lambda: descend(line(), 0.05, 500), None, 0.05),
    "B25": Loop(five, gradients_for_thetas, "unknown", 0.01),
    "B30": Loop(triples, lambda: descend(triples("sse"), 0.005, 20), "scaled", 0.005),
    "B31": Loop(triples, lambda: descend(triples("sse"), 0.02, 40), "scaled", 0.02),
    "B32": Loop(triples, lambda: descend(triples(), 0.005, 20).astype(np.float32), None, 0.005),
    "B34": Loop(triples, torch_sgd, None, 0.005),
    "B35": Loop(triples, not_zeroed, "not-zeroed", 0.005),
    "B39": Loop(five, copied, "other-parameter", 0.01),
    "B40": Loop(lambda: single(0.0, 2.0), zeroed_if_not_zero, "not-zeroed", 0.01),
    "B44": Loop(five, lambda: descend(five(), 0.5, 2000), None, 0.5),
    "B48": Loop(lambda: single(2.0, 0.6), lambda: descend(single(2.0, 0.6), 0.05, 60), None, 0.05),
}

ELSEWHERE = {
    "B04": "an escape in a text",
    "B05": "floats in a symbolic result: the derivation stays exact",
    "B10": "a device that is not there",
    "B11": "the wrong library's seed for a start",
    "B12": "starts of other distributions",
    "B13": "too few steps: explain() says how many",
    "B14": "a rate near its limit: explain() says so",
    "B16": "lines that are commented out",
    "B17": "which step a printed loss belongs to",
    "B18": "text and an obsolete call",
    "B26": "memory",
    "B33": "which step a printed loss belongs to",
    "B38": "a start that cannot be made",
    "B41": "what is printed",
    "B42": "what is printed, before there is a gradient",
    "B46": "what is plotted",
}
