"""A function of PyTorch, called from NumPy: numbers in, output and vector-Jacobian products out. Tensors stay on their device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest.check.function.arguments import Argument, is_torch_function
from steepest.check.function.functions import Pulled, Run, pieces
from steepest.check.user import Unusable

Array = np.ndarray[Any, Any]


def read(names: dict[str, Any]) -> tuple[Argument, ...]:
    """Gradients are wanted for the tensors with requires_grad, or for all of floating point where none has it."""
    import torch

    tensors = [value for value in names.values() if isinstance(value, torch.Tensor)]
    chosen = any(tensor.requires_grad for tensor in tensors)
    found = []
    for name, value in names.items():
        if not isinstance(value, torch.Tensor):
            found.append(Argument(name, value))
            continue
        wanted = value.is_floating_point() and (value.requires_grad or not chosen)
        found.append(Argument(name, _numpy(value), value.dtype, value.device, wanted))
    return tuple(found)


class TorchCalls:
    """Calls with these arguments, in the dtype that was given ("own"), in "float32" or in "float64"."""

    def __init__(self, arguments: Sequence[Argument]) -> None:
        self.arguments = arguments

    def start(self, function: Any, values: Sequence[Any], dtype: str) -> Run:
        import torch

        tensors = [self._tensor(argument, value, dtype) for argument, value in zip(self.arguments, values, strict=True)]
        leaves = [tensor for tensor, argument in zip(tensors, self.arguments, strict=True) if argument.wanted]
        kept = [tensor.detach().clone() if isinstance(tensor, torch.Tensor) else None for tensor in tensors]
        with torch.enable_grad():
            outputs = _floating(_called(function)(*tensors))

        def pull(cotangent: Array) -> Pulled:
            given = [torch.as_tensor(part).to(output) for part, output in zip(pieces(cotangent, run.shapes), outputs, strict=True)]
            seeds = [seed.clone() for seed in given]
            free = [(output, seed) for output, seed in zip(outputs, given, strict=True) if output.requires_grad]
            if not free:
                raise Unusable("the output needs no gradient: forward returned something that is cut off from its inputs")
            found = torch.autograd.grad(
                [output for output, _ in free], leaves, [seed for _, seed in free], retain_graph=True, allow_unused=True
            )
            names = [argument.name for argument in self.arguments if argument.wanted]
            absent = tuple(name for name, part in zip(names, found, strict=True) if part is None)
            parts = [_numpy(leaf if part is None else part) * (part is not None) for part, leaf in zip(found, leaves, strict=True)]
            pairs = zip(self.arguments, tensors, kept, strict=True)
            changed = [a.name for a, tensor, before in pairs if before is not None and not _same(tensor, before)]
            changed += ["grad_output"] * any(not _same(seed, before) for seed, before in zip(given, seeds, strict=True))
            return Pulled(np.concatenate([part.ravel() for part in parts]), absent, tuple(changed))

        run = Run(np.concatenate([_numpy(o).ravel() for o in outputs]), tuple(tuple(o.shape) for o in outputs), pull)
        return run

    def outputs(self, function: Any, values: Sequence[Any], dtype: str) -> list[Array]:
        import torch

        with torch.no_grad():
            tensors = [self._tensor(argument, value, dtype) for argument, value in zip(self.arguments, values, strict=True)]
            return [_numpy(output) for output in _floating(_called(function)(*tensors))]

    def exact(self, argument: Argument, value: Array) -> Array:
        """The nearest numbers that the argument's dtype holds."""
        import torch

        return _numpy(torch.as_tensor(value).to(argument.dtype))

    def epsilon(self) -> float:
        """ε of the coarsest wanted argument."""
        import torch

        return max(float(torch.finfo(a.dtype).eps) for a in self.arguments if a.wanted)

    def _tensor(self, argument: Argument, value: Any, dtype: str) -> Any:
        import torch

        if argument.dtype is None:
            return value
        own = dtype == "own" or not argument.dtype.is_floating_point
        tensor = torch.tensor(value, dtype=argument.dtype if own else getattr(torch, dtype), device=argument.place)
        return tensor.requires_grad_(argument.wanted)


def _called(function: Any) -> Any:
    return function.apply if is_torch_function(function) else function


def _floating(output: Any) -> list[Any]:
    import torch

    outputs = output if isinstance(output, tuple | list) else [output]
    found = [o for o in outputs if isinstance(o, torch.Tensor) and o.is_floating_point()]
    if not found:
        raise Unusable(f"it must return a tensor of floating point; it returned {type(output).__name__}")
    return found


def _numpy(tensor: Any) -> Array:
    """A copy, in float64 where it is of floating point."""
    tensor = tensor.detach().cpu()
    return np.array((tensor.double() if tensor.is_floating_point() else tensor).numpy())


def _same(a: Any, b: Any) -> bool:
    import torch

    return a.shape == b.shape and bool(torch.equal(torch.nan_to_num(a), torch.nan_to_num(b)))
