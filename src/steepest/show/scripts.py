"""How a descent is written in each library: the lines of a script around the functions that the engines print.

A literal row a library. `{x}` stands for the columns, `{size}` for the number of parameters.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple

from steepest.calculus.derivation import Derivation
from steepest.calculus.kernel import Kernel, followed_kernel, rows_kernel, sums_kernel
from steepest.engines.loops import gegenbauer, gegenbauer_jax
from steepest.engines.source import Names, loop_source, rows_source, sums_source, value_source
from steepest.engines.words import JAX, NUMBA, NUMPY, TORCH

Printer = Callable[[Derivation, bool, Names], list[str]]

SUMS = ("values = sums(theta, total, w, {x})/divisor", "loss, gradient = values[0], values[1:]")
TENSOR = "torch.tensor({}, dtype=torch.float64)"
MOVE = ("theta = theta - {rate}*gradient",)
BACKWARD = ("loss = {sum}/divisor", "loss.backward()  # PyTorch goes back through every operation of the loss")
MOVE_AND_FORGET = (
    "with torch.no_grad():",
    "    theta -= {rate}*theta.grad",
    "theta.grad = None  # or the next gradient is added to this one",
)


class Script(NamedTuple):
    """`before` are lines ahead of the loop, `loss` those of a step that compute, `move` those that take the step."""

    library: str
    imports: tuple[str, ...]
    array: str
    functions: Printer
    loss: tuple[str, ...]
    move: tuple[str, ...]
    before: tuple[str, ...] = ()
    start: str = "theta = {array}"
    row: str = "value(theta, {x})"  # the loss, row by row
    sum: str = "torch.sum({})"


def numpy_sums(derivation: Derivation, weighted: bool, names: Names) -> list[str]:
    kernel = sums_kernel(derivation, "gradient", NUMPY.printed)
    return [*polynomials(kernel, gegenbauer), sums_source(kernel, NUMPY, weighted, names)]


def torch_sums(derivation: Derivation, weighted: bool, names: Names) -> list[str]:
    kernel = sums_kernel(derivation, "gradient", TORCH.printed)
    return [*polynomials(kernel, gegenbauer), sums_source(kernel, TORCH, weighted, names)]


def numba_sums(derivation: Derivation, weighted: bool, names: Names) -> list[str]:
    kernel = sums_kernel(derivation, "gradient", NUMBA.printed)
    texts = [*polynomials(kernel, gegenbauer), loop_source(kernel, NUMBA, weighted, names)]
    return [f"@numba.njit\n{text}" for text in texts]


def torch_value(derivation: Derivation, weighted: bool, names: Names) -> list[str]:
    kernel = followed_kernel(derivation, "loss", TORCH.printed)
    return [*polynomials(kernel, gegenbauer), value_source(kernel, TORCH, "value", names)]


def jax_value(derivation: Derivation, weighted: bool, names: Names) -> list[str]:
    kernel = followed_kernel(derivation, "loss", JAX.printed)
    return [*polynomials(kernel, gegenbauer_jax), value_source(kernel, JAX, "value", names)]


def torch_function(derivation: Derivation, weighted: bool, names: Names) -> list[str]:
    from steepest.engines.torch_function import operation

    value = rows_kernel(derivation, "value", TORCH.printed, ("loss",))
    slopes = rows_kernel(derivation, "gradient", TORCH.printed, [f"gradient_{k}" for k in range(derivation.size)])
    made = textwrap.dedent(plain(operation).partition("import torch\n")[2].rpartition("return RowValue")[0]).strip()
    texts = [value_source(value, TORCH, "value", names), rows_source(slopes, TORCH, "gradient", names), made + "\n"]
    return [*(polynomials(value, gegenbauer) or polynomials(slopes, gegenbauer)), *texts]


def polynomials(kernel: Kernel, loop: Any) -> list[str]:
    """The text of the loop, where the kernel calls it."""
    called = any(node.op == "gegenbauer" for node in kernel.nodes)
    return [plain(loop).replace(loop.__name__, "gegenbauer")] if called else []


def plain(function: Any) -> str:
    """The text of one of our functions, without types."""
    text = re.sub(r": (int|float|Any)(?=[,)])| -> Any(?=:)", "", inspect.getsource(function))
    return re.sub(r"\n    import jax[^\n]*", "", text)


SCRIPTS: dict[str, Script] = {
    "numpy": Script("NumPy", ("import numpy as np",), "np.array({})", numpy_sums, SUMS, MOVE),
    "torch": Script("PyTorch", ("import torch",), TENSOR, torch_sums, SUMS, MOVE),
    "torch-autograd": Script(
        "PyTorch", ("import torch",), TENSOR, torch_value, BACKWARD,
        MOVE_AND_FORGET,
        start="theta = {array}.requires_grad_()",
    ),
    "torch-function": Script(
        "PyTorch", ("import torch",), TENSOR, torch_function,
        ("loss = {sum}/divisor", "loss.backward()  # PyTorch calls RowValue.backward"),
        MOVE_AND_FORGET,
        start="theta = {array}.requires_grad_()",
        row="RowValue.apply(theta, {x})",
    ),
    "torch-optim": Script(
        "PyTorch", ("import torch",), TENSOR, torch_value, BACKWARD,
        ("{masked}", "optimizer.step()", "optimizer.zero_grad()"),
        before=("optimizer = torch.optim.SGD([theta], lr=rate)",),
        start="theta = {array}.requires_grad_()",
    ),
    "jax": Script(
        "JAX", ("import jax", "import jax.numpy as jnp"), "jnp.array({})", jax_value,
        ("loss, gradient = loss_and_gradient(theta)",), MOVE,
        before=("loss_and_gradient = jax.jit(jax.value_and_grad(lambda theta: {sum}/divisor))",),
        sum="jnp.sum({})",
    ),
    "compiled": Script("Numba", ("import numba", "import numpy as np"), "np.array({})", numba_sums, SUMS, MOVE),
}  # fmt: skip
