"""Right functions of PyTorch whose backward is computed in another way than autograd goes: none may be called wrong.

Each family is a pair of forwards that are equal in mathematics: the backward of the first is autograd of the second, in the dtype
of the inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Draw = Callable[[np.random.Generator], dict[str, Any]]


def sizes(rng: np.random.Generator, count: int, most: int = 7) -> list[int]:
    return [int(k) for k in rng.integers(1, most, count)]


def normal(*shape: int) -> Callable[[np.random.Generator], Any]:
    return lambda rng: rng.standard_normal(shape)


def families(torch: Any) -> dict[str, tuple[Callable[..., Any], Callable[..., Any], Draw]]:
    """Name → forward, the other forward, inputs."""
    F = torch.nn.functional

    def reversed_sum(x: Any) -> Any:
        return sum(x.flatten()[k] for k in reversed(range(x.numel())))

    def matrices(rng: np.random.Generator) -> dict[str, Any]:
        n, k, m = sizes(rng, 3)
        return {"x": normal(n, k)(rng), "w": normal(m, k)(rng), "b": normal(m)(rng)}

    def two(rng: np.random.Generator) -> dict[str, Any]:
        n, k = sizes(rng, 2)
        return {"x": normal(n, k)(rng), "y": normal(n, k)(rng)}

    def one(rng: np.random.Generator) -> dict[str, Any]:
        n, k = (size + 1 for size in sizes(rng, 2))
        return {"x": normal(n, k)(rng)}

    def labelled(rng: np.random.Generator) -> dict[str, Any]:
        n, k = (size + 1 for size in sizes(rng, 2))
        return {"x": 3 * normal(n, k)(rng), "label": rng.integers(0, k, n)}

    def vector(rng: np.random.Generator) -> dict[str, Any]:
        return {"x": normal(int(rng.integers(2, 40)))(rng)}

    def positive(rng: np.random.Generator) -> dict[str, Any]:
        return {"x": rng.uniform(0.05, 0.95, sizes(rng, 2))}

    def scalars(rng: np.random.Generator) -> dict[str, Any]:
        return {"a": normal()(rng), "b": normal()(rng)}

    def zeros(rng: np.random.Generator) -> dict[str, Any]:
        x = normal(5, 4)(rng)
        return {"x": x * (x > 0), "y": normal(5, 4)(rng)}

    def spd(rng: np.random.Generator) -> dict[str, Any]:
        a = normal(4, 4)(rng)
        return {"a": a @ a.T + 4 * np.eye(4)}

    def standardised(x: Any) -> Any:
        return (x - x.mean(-1, keepdim=True)) / torch.sqrt(((x - x.mean(-1, keepdim=True)) ** 2).mean(-1, keepdim=True) + 1e-5)

    def other_standardised(x: Any) -> Any:
        e = x - x.sum(-1, keepdim=True) / x.shape[-1]
        return e * ((e * e).sum(-1, keepdim=True) / x.shape[-1] + 1e-5) ** -0.5

    return {
        "linear": (lambda x, w, b: x @ w.T + b, lambda x, w, b: b + (w @ x.T).T, matrices),
        "tanh layer": (
            lambda x, w, b: torch.tanh(x @ w.T + b),
            lambda x, w, b: 1 - 2 / (torch.exp(2 * (torch.einsum("ij,kj->ik", x, w) + b)) + 1), matrices,
        ),
        "mean of squares": (lambda x, y: ((x - y) ** 2).mean(), lambda x, y: reversed_sum((x - y) * (x - y)) / x.numel(), two),
        "sum of squares": (lambda x, y: ((x - y) ** 2).sum(), lambda x, y: reversed_sum(x * x - 2 * x * y + y * y), two),
        "softmax": (lambda x: torch.softmax(x, -1), lambda x: torch.exp(x) / torch.exp(x).sum(-1, keepdim=True), one),
        "cross entropy": (
            F.cross_entropy,
            lambda x, label: (torch.log(torch.exp(x).sum(1)) - x[torch.arange(len(x)), label]).mean(), labelled,
        ),
        "logsumexp": (lambda x: torch.logsumexp(x, 0), lambda x: torch.log(torch.exp(x).sum(0)), one),
        "layer norm": (standardised, other_standardised, one),
        "cumulated": (lambda x: torch.cumsum(x, 0), lambda x: torch.tril(x.new_ones(len(x), len(x))) @ x, vector),
        "sorted": (lambda x: torch.sort(x).values ** 3, lambda x: (x**3)[torch.argsort(x)], vector),
        "norm": (lambda x: torch.linalg.norm(x), lambda x: torch.sqrt((x * x).flip(0).sum()), vector),
        "entropy": (lambda x: -(x * torch.log(x)).sum(), lambda x: reversed_sum(x * torch.log(1 / x)), positive),
        "logit": (lambda x: torch.log(x / (1 - x)), lambda x: torch.log(x) - torch.log1p(-x), positive),
        "rational": (lambda a, b: a * b / (1 + a * a), lambda a, b: b / (a + 1 / a), scalars),
        "cancelling": (lambda a, b: (a + b) ** 2 - (a - b) ** 2, lambda a, b: 4 * a * b, scalars),
        "relu at 0": (lambda x, y: torch.relu(x) * y, lambda x, y: torch.where(x > 0, x, 0 * x) * y, zeros),
        "kink at 0": (lambda x, y: torch.relu(x) * y, lambda x, y: torch.where(x >= 0, x, 0 * x) * y, zeros),
        "inverse": (torch.linalg.inv, lambda a: torch.linalg.solve(a, torch.eye(4).to(a)), spd),
        "logdet": (torch.logdet, lambda a: 2 * torch.log(torch.diagonal(torch.linalg.cholesky((a + a.T) / 2))).sum(), spd),
        "gelu": (F.gelu, lambda x: x / 2 * (1 + torch.erf(x / 2**0.5)), one),
        "attention": (
            lambda x, y: torch.softmax(x @ y.T / 2, -1) @ y, lambda x, y: (y.T @ torch.softmax(y @ x.T / 2, 0)).T, two,
        ),
        "two outputs": (lambda x, y: (x * y, (x + y).sum()), lambda x, y: (y * x, x.sum() + y.sum()), two),
    }  # fmt: skip


def drawn(torch: Any, name: str, seed: int) -> tuple[Any, Any, tuple[Any, ...]]:
    """The function, its plain forward and its inputs: another dtype and scale for every seed."""
    forward, other, draw = families(torch)[name]
    rng = np.random.default_rng([seed, len(name)])
    dtype = (torch.float32, torch.float64)[seed % 2]
    inputs = tuple(
        torch.tensor(value) if np.asarray(value).dtype.kind == "i" else torch.tensor(value, dtype=dtype)
        for value in draw(rng).values()
    )
    return through(torch, forward, other), forward, inputs


def through(torch: Any, forward: Callable[..., Any], other: Callable[..., Any]) -> Any:
    class Through(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            ctx.save_for_backward(*inputs)
            return forward(*inputs)

        @staticmethod
        def backward(ctx: Any, *c: Any) -> Any:
            with torch.enable_grad():
                leaves = [x.detach().requires_grad_(x.is_floating_point()) for x in ctx.saved_tensors]
                outputs = other(*leaves)
                floating = [leaf for leaf in leaves if leaf.requires_grad]
                found = iter(torch.autograd.grad(outputs, floating, c if isinstance(outputs, tuple) else c[0]))
            return tuple(next(found) if leaf.requires_grad else None for leaf in leaves)

    return Through
