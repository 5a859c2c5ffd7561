"""`torch`: the derived gradient, printed for tensors; `torch-autograd`: the value alone, differentiated by PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.calculus.kernel import followed_kernel, rows_kernel, sums_kernel
from steepest.engines.loops import gegenbauer
from steepest.engines.numpy_engine import NumpyKernels
from steepest.engines.source import rows_source, run_source, sums_source, value_source
from steepest.engines.tensors import Array, Held, Place, together
from steepest.engines.words import TORCH
from steepest.errors import EngineError
from steepest.language.program import Program

PRINTED = TORCH.printed


class TorchKernels:
    """The kernels of one derivation on tensors: the same plan as NumPy's, in PyTorch's words."""

    name = "torch"

    def __init__(self, derivation: Derivation, place: Place) -> None:
        self.derivation = derivation
        self.place = place
        self.device = torch_device(place.device)
        self._held = Held(lambda array: self._tensor(place.data(array)))
        self._compiled = cache(self._compile)

    def sums(self, kind: str, theta: Array, columns: Sequence[Array], weights: Array | None, total: float) -> Array:
        """Sums over the rows of every output of the program `kind`, times the weights; `total` is the sum of these."""
        tensors = self._held(together(columns, weights))
        w = None if weights is None else tensors[-1]
        return self._sums(kind, self._tensor(self.place.parameters(theta)), float(total), w, tensors[: len(columns)])

    def rows(self, kind: str, theta: Array, columns: Sequence[Array]) -> Array:
        """Outputs × rows."""
        tensors = self._held(columns)
        values = self._rows(kind, self._tensor(self.place.parameters(theta)), tensors)
        return np.array([broadcast(value, tensors[0]).detach().cpu().numpy() for value in values])

    def vector(self, values: Sequence[Any]) -> Array:
        return self.place.vector(values)

    def number(self, value: Any) -> Any:
        return self.place.wide.type(float(value))

    def stepper(self, step: Program, states: tuple[str, ...]) -> Callable[..., tuple[Array, ...]]:
        """One step of a method: NumPy's, as parameters are few."""
        return NumpyKernels(self.derivation).stepper(step, states)

    def _tensor(self, array: Array) -> Any:
        import torch

        return torch.tensor(array, device=self.device)

    def source(self, kind: str) -> str:
        """The generated function for the sums, as it runs."""
        return sums_source(sums_kernel(self.derivation, kind, PRINTED), TORCH, weighted=False)

    def _sums(self, kind: str, theta: Any, total: float, w: Any, columns: Sequence[Any]) -> Array:
        values = self._compiled("sums", kind, w is not None)(theta, total, w, *columns)
        found: Array = values.cpu().numpy()
        return found

    def _rows(self, kind: str, theta: Any, columns: Sequence[Any]) -> Sequence[Any]:
        values: Sequence[Any] = self._compiled("rows", kind, False)(theta, *columns)
        return values

    def _compile(self, what: str, kind: str, weighted: bool) -> Callable[..., Any]:
        if what == "sums":
            return run(sums_source(sums_kernel(self.derivation, kind, PRINTED), TORCH, weighted), "sums")
        return run(rows_source(rows_kernel(self.derivation, kind, PRINTED), TORCH), "rows")


class TorchAutogradKernels(TorchKernels):
    """The value as it is written, on a theta that PyTorch follows.

    Row by row, theta is a matrix with a column for every row of data, so that one backward pass gives the gradients of all rows.
    """

    name = "torch-autograd"

    def value(self, output: str) -> Callable[..., Any]:
        """y, yhat or loss, row by row, as a function of theta and columns."""
        return self._compiled("value", output, False)

    def source(self, kind: str) -> str:
        return value_source(followed_kernel(self.derivation, "loss", PRINTED), TORCH, "value")

    def _compile(self, what: str, kind: str, weighted: bool) -> Callable[..., Any]:
        return run(value_source(followed_kernel(self.derivation, kind, PRINTED), TORCH, "value"), "value")

    def _sums(self, kind: str, theta: Any, total: float, w: Any, columns: Sequence[Any]) -> Array:
        import torch

        outputs = self._outputs(kind, theta, w, columns)
        sums = [value if value.dim() == 0 else torch.sum(value if w is None else w * value) for value in outputs]
        found: Array = torch.stack(sums).detach().cpu().numpy()
        return found

    def _rows(self, kind: str, theta: Any, columns: Sequence[Any]) -> Sequence[Any]:
        return self._outputs(kind, theta[:, None].expand(-1, len(columns[0])), None, columns)

    def _outputs(self, kind: str, theta: Any, w: Any, columns: Sequence[Any]) -> list[Any]:
        """Every output of the program `kind`: values row by row, and derivatives in the shape of theta's rows."""
        leaf = theta.clone().requires_grad_()

        def of(output: str) -> Any:
            return broadcast(self.value(output)(leaf, *columns), columns[0])

        if kind == "value":
            return [of("y"), of("yhat"), of("loss")]
        if kind == "jacobian":
            yhat = of("yhat")
            return [yhat - of("y"), *slopes(yhat, leaf, w)]
        if kind not in ("gradient", "hessian"):
            raise EngineError(f"engine '{self.name}' has no '{kind}', as it knows derivatives only: use torch, numpy or compiled")
        loss = of("loss")
        gradient = slopes(loss, leaf, w, again=kind == "hessian")
        if kind == "gradient":
            return [loss, *gradient]
        return [loss, *gradient, *(h for i, g in enumerate(gradient) for h in slopes(g, leaf, None, again=True)[: i + 1])]


def slopes(value: Any, leaf: Any, w: Any, again: bool = False) -> Any:
    """The derivative of a weighted sum of values by theta; with `again` it can be differentiated itself."""
    import torch

    total = torch.sum(value if w is None else w * value)
    if not total.requires_grad:
        return torch.zeros_like(leaf)
    (found,) = torch.autograd.grad(total, leaf, create_graph=again, retain_graph=True, materialize_grads=True)
    return found


def broadcast(value: Any, column: Any) -> Any:
    """A row expression that no column enters is the same in every row."""
    import torch

    return torch.broadcast_to(torch.as_tensor(value, dtype=column.dtype, device=column.device), column.shape)


def run(source: str, name: str) -> Callable[..., Any]:
    """The function that a generated source defines."""
    import torch

    made: Callable[..., Any] = run_source(source, {"torch": torch, "gegenbauer": gegenbauer})[name]
    return made


def torch_device(device: str) -> str:
    """ "cpu" or "cuda". Raises EngineError where there is no such device."""
    if device == "cpu":
        return device
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise EngineError("device 'cuda': PyTorch finds no GPU here; use device='cpu', or 'cuda-or-cpu' to fall back")
    return "cpu"
