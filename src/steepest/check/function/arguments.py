"""What `inputs=` holds: the arguments of the function, by name, and the library that they belong to."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from steepest.errors import OptionError, unknown

Array = np.ndarray[Any, Any]


class Argument(NamedTuple):
    """`value` is a NumPy array, in float64 where it is floating, or what was given, if it is no array (`dtype` None).

    `wanted`: its gradient is judged. `place` is the device of a tensor.
    """

    name: str
    value: Any
    dtype: Any = None
    place: Any = None
    wanted: bool = False


def library_of(function: Any, inputs: Any) -> str:
    """ "torch" or "jax", as the function or its inputs say. Raises OptionError."""
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    values = list(values_of(inputs))
    if torch is not None and (is_torch_function(function) or any(isinstance(value, torch.Tensor) for value in values)):
        return "torch"
    if jax is not None and (_is_custom(function) or any(isinstance(value, jax.Array) for value in values)):
        return "jax"
    raise OptionError(
        "inputs= holds no tensor of PyTorch and no array of JAX: give those that the function is called with; "
        "for a NumPy gradient give a problem"
    )


def is_torch_function(function: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(function, type) and issubclass(function, torch.autograd.Function)


def _is_custom(function: Any) -> bool:
    return type(function).__module__.startswith("jax") and type(function).__name__ in ("custom_vjp", "custom_jvp")


def values_of(inputs: Any) -> tuple[Any, ...]:
    if isinstance(inputs, Mapping):
        return tuple(inputs.values())
    return tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)


def named(function: Any, inputs: Any) -> dict[str, Any]:
    """The inputs by name, in the order of the call. Raises OptionError for a name that is no argument of the function."""
    known = parameters(function)
    if isinstance(inputs, Mapping):
        given = {str(name): value for name, value in inputs.items()}
        if known is None:
            return given
        for name in given:
            if name not in known:
                raise OptionError(unknown("input", name, known))
        return {name: given[name] for name in known if name in given}
    values = values_of(inputs)
    names = known if known is not None and len(known) >= len(values) else [f"input{k + 1}" for k in range(len(values))]
    return dict(zip(names, values, strict=False))


def parameters(function: Any) -> list[str] | None:
    """The names of the function's positional arguments; None where they cannot be read."""
    called = function.forward if is_torch_function(function) else function
    try:
        found = list(inspect.signature(called).parameters.values())
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in found):
        return None
    names = [p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return names[1:] if is_torch_function(function) and not _has_setup(function) else names


def _has_setup(function: Any) -> bool:
    """A Function of the newer kind: forward without ctx, and setup_context."""
    torch = sys.modules["torch"]
    return function.setup_context is not torch.autograd.Function.setup_context
