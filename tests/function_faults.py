"""Functions with a backward of their own, in PyTorch and in JAX, and what can be wrong with one: each fault with its cause.

A function is written once, over `xp` (torch or jax.numpy); a fault changes its forward, its backward, or what lies between calls.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Grads = tuple[Any, ...]
Backward = Callable[..., Grads]  # (xp, c, inputs) → the gradient by each input
LIBRARIES = ("torch", "jax")


class Written(NamedTuple):
    """`forward(xp, *inputs)`, `backward(xp, c, *inputs)`; the shapes of the inputs by name, with "n" for the rows."""

    name: str
    shapes: dict[str, tuple[Any, ...]]
    forward: Callable[..., Any]
    backward: Backward


def sigmoid(xp: Any, v: Any) -> Any:
    return 1 / (1 + xp.exp(-v))


def layer(xp: Any, x: Any, w: Any, b: Any) -> Any:
    return xp.tanh(x @ w.T + b)


def layer_back(xp: Any, c: Any, x: Any, w: Any, b: Any) -> Grads:
    s = c * (1 - xp.tanh(x @ w.T + b) ** 2)
    return s @ w, s.T @ x, s.sum(0)


def squares(xp: Any, x: Any, w: Any, y: Any) -> Any:
    return ((x @ w - y) ** 2).mean()


def squares_back(xp: Any, c: Any, x: Any, w: Any, y: Any) -> Grads:
    e = 2 * c * (x @ w - y) / len(y)
    return e[:, None] * w, x.T @ e, -e


def gate(xp: Any, x: Any, v: Any) -> Any:
    return x * sigmoid(xp, v)


def gate_back(xp: Any, c: Any, x: Any, v: Any) -> Grads:
    s = sigmoid(xp, v)
    return c * s, c * x * s * (1 - s)


def times(xp: Any, x: Any, v: Any) -> Any:
    return x * v


def times_back(xp: Any, c: Any, x: Any, v: Any) -> Grads:
    return c * v, c * x


def product(xp: Any, a: Any, b: Any) -> Any:
    return a @ b


def product_back(xp: Any, c: Any, a: Any, b: Any) -> Grads:
    return c @ b.T, a.T @ c


def cube(xp: Any, a: Any, b: Any) -> Any:
    return a * b**3


def cube_back(xp: Any, c: Any, a: Any, b: Any) -> Grads:
    return c * b**3, 3 * c * a * b**2


def ones(c: Any) -> Any:
    return 1.0 + 0 * c


def energy(xp: Any, x: Any) -> Any:
    return (x * x).mean()


def energy_back(xp: Any, c: Any, x: Any) -> Grads:
    return (2 * c * x / (x.shape[0] * x.shape[1]),)


def rectified(xp: Any, x: Any, v: Any) -> Any:
    return xp.where(x > 0, x, 0 * x) * v


def rectified_back(slope: float) -> Backward:
    """`slope` is what it answers at a kink."""

    def backward(xp: Any, c: Any, x: Any, v: Any) -> Grads:
        steps = xp.where(x > 0, ones(x), 0 * x) + slope * xp.where(x == 0, ones(x), 0 * x)
        return c * v * steps, c * xp.where(x > 0, x, 0 * x)

    return backward


FUNCTIONS = {
    f.name: f
    for f in (
        Written("layer", {"x": ("n", 3), "w": (4, 3), "b": (4,)}, layer, layer_back),
        Written("squares", {"x": ("n", 3), "w": (3,), "y": ("n",)}, squares, squares_back),
        Written("gate", {"x": ("n", 3), "v": ("n", 3)}, gate, gate_back),
        Written("times", {"x": ("n", 3), "v": ("n", 3)}, times, times_back),
        Written("product", {"a": (4, 4), "b": (4, 4)}, product, product_back),
        Written("energy", {"x": ("n", 3)}, energy, energy_back),
        Written("rectified", {"x": ("n", 3), "v": ("n", 3)}, rectified, rectified_back(0.0)),
        Written("cube", {"a": (), "b": ()}, cube, cube_back),
    )
}


class Fault(NamedTuple):
    """`forward` and `backward` make a wrong one of a right one."""

    name: str
    cause: str
    function: str
    backward: Callable[[Written], Backward] = lambda f: f.backward
    forward: Callable[[Written], Callable[..., Any]] = lambda f: f.forward
    dtype: str = "float64"
    inputs: Callable[[dict[str, Any]], dict[str, Any]] = lambda values: values
    libraries: tuple[str, ...] = LIBRARIES


def mapped(change: Callable[..., Grads]) -> Callable[[Written], Backward]:
    """The right gradients, changed."""
    return lambda f: lambda xp, c, *inputs: change(f.backward(xp, c, *inputs), *inputs)


def put(array: Any, place: Any, value: Any) -> Any:
    if hasattr(array, "at"):
        return array.at[place].set(value)
    array = array.clone()
    array[place] = value
    return array


def accumulating(f: Written) -> Backward:
    kept: dict[Any, Grads] = {}

    def backward(xp: Any, c: Any, *inputs: Any) -> Grads:
        fresh = f.backward(xp, c, *inputs)
        key = tuple(g.shape for g in fresh)
        kept[key] = tuple(a + b for a, b in zip(kept[key], fresh, strict=True)) if key in kept else fresh
        return kept[key]

    return backward


def late(f: Written) -> Backward:
    kept: dict[Any, Grads] = {}

    def backward(xp: Any, c: Any, *inputs: Any) -> Grads:
        key = tuple(g.shape for g in inputs)
        before, kept[key] = kept.get(key, inputs), inputs
        return f.backward(xp, c, *before)

    return backward


class Left:
    """What a forward leaves behind for any backward."""

    inputs: Grads = ()


def leaving(f: Written) -> Callable[..., Any]:
    def forward(xp: Any, *inputs: Any) -> Any:
        Left.inputs = inputs
        return f.forward(xp, *inputs)

    return forward


def from_left(f: Written) -> Backward:
    return lambda xp, c, *inputs: f.backward(xp, c, *Left.inputs)


def dropping(f: Written) -> Backward:
    rng = np.random.default_rng(0)
    return lambda xp, c, *inputs: tuple(g * float(rng.integers(1, 4)) for g in f.backward(xp, c, *inputs))


def dropped(batch: int) -> Callable[[Written], Backward]:
    """Only full batches of rows."""

    def change(f: Written) -> Backward:
        def backward(xp: Any, c: Any, x: Any, w: Any, b: Any) -> Grads:
            full = len(x) // batch * batch
            g = f.backward(xp, c, x, w, b)
            part = f.backward(xp, c[:full], x[:full], w, b)
            return g[0], part[1], part[2]

        return backward

    return change


def single(f: Written) -> Backward:
    def backward(xp: Any, c: Any, *inputs: Any) -> Grads:
        def to(a: Any, dtype: Any) -> Any:
            return a.to(dtype) if hasattr(a, "to") and xp.__name__ == "torch" else a.astype(dtype)

        low = [to(a, xp.float32) for a in (c, *inputs)]
        return tuple(to(g, c.dtype) for g in f.backward(xp, *low))

    return backward


def at_zero(values: dict[str, Any]) -> dict[str, Any]:
    x = values["x"].copy()
    x[1, 2] = 0.0
    return {**values, "x": x}


def writing(f: Written) -> Callable[..., Any]:
    def forward(xp: Any, x: Any, v: Any) -> Any:
        out = f.forward(xp, x, v)
        x.detach().mul_(2)
        return out

    return forward


def raising(f: Written) -> Backward:
    def backward(xp: Any, c: Any, *inputs: Any) -> Grads:
        raise ValueError("not written yet")

    return backward


FAULTS = (
    Fault("missing 1/n", "missing-1/n", "squares", mapped(lambda g, x, w, y: tuple(a * len(y) for a in g))),
    Fault("missing 1/n, of all elements", "missing-1/n", "energy", mapped(lambda g, x: (g[0] * x.shape[0] * x.shape[1],))),
    Fault("1/n too much", "factor", "layer", mapped(lambda g, x, w, b: tuple(a / len(x) for a in g))),
    Fault("sign", "sign", "gate", mapped(lambda g, *_: tuple(-a for a in g))),
    Fault("factor 2", "factor", "gate", mapped(lambda g, *_: tuple(2 * a for a in g))),
    Fault("grad_output forgotten", "factor", "squares", lambda f: lambda xp, c, *i: f.backward(xp, ones(c), *i)),
    Fault("grad_output forgotten, of a tensor", "factor", "gate", lambda f: lambda xp, c, *i: f.backward(xp, ones(c), *i)),
    Fault("grad_output forgotten, in one input", "factor", "gate",
          lambda f: lambda xp, c, *i: (f.backward(xp, ones(c), *i)[0], f.backward(xp, c, *i)[1])),
    Fault("clipped", "factor", "layer", mapped(lambda g, *_: tuple(a.clip(-0.5, 0.5) for a in g))),
    Fault("accumulated", "accumulated", "gate", accumulating),
    Fault("inputs of the call before", "stale", "gate", late),
    Fault("inputs of the latest forward", "stale", "layer", from_left, leaving),
    Fault("transposed", "transposed", "product", mapped(lambda g, a, b: (g[0].T, g[1]))),
    Fault("inputs swapped", "transposed", "gate", mapped(lambda g, x, v: (g[1], g[0]))),
    Fault("one place late", "transposed", "layer", mapped(lambda g, x, w, b: (g[0], g[1], g[2][np.array([3, 0, 1, 2])]))),
    Fault("one coordinate 0", "coordinate", "layer", mapped(lambda g, x, w, b: (g[0], put(g[1], (2, 1), 0.0), g[2]))),
    Fault("one coordinate's sign", "coordinate", "squares", mapped(lambda g, x, w, y: (g[0], put(g[1], 1, -g[1][1]), g[2]))),
    Fault("one input's sign", "coordinate", "gate", mapped(lambda g, x, v: (g[0], -g[1]))),
    Fault("mean instead of sum", "coordinate", "layer", mapped(lambda g, x, w, b: (g[0], g[1], g[2] / len(x)))),
    Fault("last batch dropped", "rows", "layer", dropped(4)),
    Fault("row of x 0", "rows", "gate", mapped(lambda g, x, v: (put(g[0], 2, 0.0 * g[0][2]), g[1]))),
    Fault("chain factor left out", "node", "gate",
          lambda f: lambda xp, c, x, v: (f.backward(xp, c, x, v)[0], f.backward(xp, c, ones(x), v)[1])),
    Fault("penalty", "loss-differs", "squares", mapped(lambda g, x, w, y: (g[0], g[1] + 0.01 * w, g[2]))),
    Fault("float32 inside", "precision", "layer", single),
    Fault("cancellation", "precision", "gate", mapped(lambda g, x, v: ((g[0] + 1e6) - 1e6, g[1])), dtype="float32"),
    Fault("no subgradient", "non-smooth", "rectified", lambda f: rectified_back(-3.0), inputs=at_zero),
    Fault("random", "random", "gate", dropping),
    Fault("NaN", "form", "gate", mapped(lambda g, x, v: (put(g[0], (0, 0), math.nan), g[1]))),
    Fault("raises", "form", "gate", raising),
    Fault("None", "form", "gate", mapped(lambda g, x, v: (g[0], None)), libraries=("torch",)),
    Fault("writes into its input", "form", "gate", forward=writing, libraries=("torch",)),
    Fault("another shape", "form", "product", mapped(lambda g, a, b: (g[0][:3], g[1]))),
    Fault("forward twice", "loss-differs", "layer", forward=lambda f: lambda xp, *i: 2 * f.forward(xp, *i)),
    Fault("another forward", "loss-differs", "gate", forward=lambda f: lambda xp, x, v: x * xp.tanh(v)),
    Fault("sign and one input 0", "two-faults", "layer", mapped(lambda g, x, w, b: (-g[0], -g[1], 0 * g[2]))),
    Fault("1/n and one coordinate", "two-faults", "squares",
          mapped(lambda g, x, w, y: (g[0] * len(y), put(g[1], 0, -g[1][0]) * len(y), g[2] * len(y)))),
    Fault("another derivative", "unknown", "layer", lambda f: lambda xp, c, x, w, b: f.backward(xp, c, x, 1.1 * w, b)),
    Fault("another derivative of the gate", "unknown", "gate", lambda f: lambda xp, c, x, v: f.backward(xp, c, x, v + 0.3)),
)  # fmt: skip


def values(written: Written, seed: int = 0, rows: int = 6) -> dict[str, Any]:
    """Inputs in float64 that float32 holds exactly."""
    rng = np.random.default_rng(seed)
    sizes = {name: tuple(rows if size == "n" else size for size in shape) for name, shape in written.shapes.items()}
    return {name: np.asarray(rng.standard_normal(shape).astype(np.float32), dtype=np.float64) for name, shape in sizes.items()}


def patient(fault: Fault, library: str, seed: int = 0) -> tuple[Any, Any, dict[str, Any]]:
    """The wrong function, the reference and the inputs. JAX compiles every operation for every shape: few are taken there."""
    written = FUNCTIONS["times" if library == "jax" and fault.function == "gate" else fault.function]
    given = fault.inputs(values(written, seed))
    make = torch_function if library == "torch" else jax_function
    function = make(fault.forward(written), fault.backward(written))
    return function, plain(written.forward, library), arrays(given, library, fault.dtype)


def healthy(
    written: Written, library: str, seed: int = 0, dtype: str = "float64", rows: int = 6
) -> tuple[Any, Any, dict[str, Any]]:
    make = torch_function if library == "torch" else jax_function
    function = make(written.forward, written.backward)
    return function, plain(written.forward, library), arrays(values(written, seed, rows), library, dtype)


def arrays(given: dict[str, Any], library: str, dtype: str) -> dict[str, Any]:
    if library == "torch":
        import torch

        return {f"i{k}": torch.tensor(value, dtype=getattr(torch, dtype)) for k, value in enumerate(given.values())}
    import jax

    with jax.enable_x64(True):
        return {f"i{k}": jax.numpy.asarray(value, dtype=dtype) for k, value in enumerate(given.values())}


def plain(forward: Callable[..., Any], library: str) -> Callable[..., Any]:
    if library == "torch":
        import torch

        return lambda *inputs: forward(torch, *inputs)
    import jax

    return lambda *inputs: forward(jax.numpy, *inputs)


def torch_function(forward: Callable[..., Any], backward: Backward) -> Any:
    import torch

    class Custom(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            ctx.save_for_backward(*inputs)
            return forward(torch, *inputs)

        @staticmethod
        def backward(ctx: Any, c: Any) -> Any:
            return tuple(backward(torch, c, *ctx.saved_tensors))

    return Custom


def jax_function(forward: Callable[..., Any], backward: Backward) -> Any:
    import jax

    @jax.custom_vjp
    def custom(*inputs: Any) -> Any:
        return forward(jax.numpy, *inputs)

    custom.defvjp(lambda *inputs: (forward(jax.numpy, *inputs), inputs), lambda inputs, c: tuple(backward(jax.numpy, c, *inputs)))
    return custom
