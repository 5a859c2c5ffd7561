"""`torch-function`: a torch.autograd.Function whose forward is the value and whose backward is the derived gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steepest.calculus.kernel import rows_kernel
from steepest.engines.source import rows_source, value_source
from steepest.engines.torch_engine import PRINTED, TorchAutogradKernels, run
from steepest.engines.words import TORCH

DERIVATIVES = {"loss": "gradient", "yhat": "jacobian", "y": ""}  # of which outputs, in which program


class TorchFunctionKernels(TorchAutogradKernels):
    """As `torch-autograd`, but PyTorch is told the derivative. Backward consists of differentiable operations itself."""

    name = "torch-function"

    def source(self, kind: str) -> str:
        return "\n".join(self.sources("loss"))

    def sources(self, output: str) -> tuple[str, str]:
        """Sources of `value(theta, …columns)` and of `gradient(theta, …columns)`, row by row."""
        value = value_source(rows_kernel(self.derivation, "value", PRINTED, (output,)), TORCH, "value")
        kind = DERIVATIVES[output]
        names = [f"{kind}_{k}" for k in range(self.derivation.size)]
        return value, rows_source(rows_kernel(self.derivation, kind, PRINTED, names), TORCH, "gradient")

    def _compile(self, what: str, kind: str, weighted: bool) -> Callable[..., Any]:
        if not DERIVATIVES[kind]:
            return super()._compile(what, kind, weighted)
        value, gradient = self.sources(kind)
        made: Callable[..., Any] = operation(run(value, "value"), run(gradient, "gradient")).apply
        return made


def operation(value: Callable[..., Any], gradient: Callable[..., Any]) -> Any:
    """The class. Its first argument is theta, (p,) or (p, rows); the others are columns, which get no gradient."""
    import torch

    class RowValue(torch.autograd.Function):
        """The value of every row. Its derivative is the one that was derived, not one that PyTorch finds."""

        @staticmethod
        def forward(ctx: Any, theta: Any, *columns: Any) -> Any:
            ctx.save_for_backward(theta, *columns)
            return torch.zeros_like(columns[0]) + value(theta, *columns)

        @staticmethod
        def backward(ctx: Any, arrived: Any) -> Any:
            theta, *columns = ctx.saved_tensors
            slopes = [(arrived * slope).sum_to_size(theta.shape[1:]) for slope in gradient(theta, *columns)]
            return torch.stack(slopes), *[None for column in columns]

    return RowValue
