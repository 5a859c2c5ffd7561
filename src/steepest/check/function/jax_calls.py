"""A function of JAX, called from NumPy: numbers in, output and vector-Jacobian products out."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest.check.function.arguments import Argument
from steepest.check.function.functions import Pulled, Run, pieces
from steepest.check.user import Unusable

Array = np.ndarray[Any, Any]


def read(names: dict[str, Any]) -> tuple[Argument, ...]:
    """Gradients are wanted for every array of floating point."""
    import jax

    found = []
    for name, value in names.items():
        if not hasattr(value, "dtype") or not hasattr(value, "shape"):
            found.append(Argument(name, value))
            continue
        floating = _is_floating(value.dtype)
        array = np.array(value, dtype=np.float64) if floating else np.array(value)
        dtype = value.dtype if isinstance(value, jax.Array) else jax.dtypes.canonicalize_dtype(value.dtype)
        found.append(Argument(name, array, dtype, None, floating))
    return tuple(found)


class JaxCalls:
    """Calls with these arguments, in the dtype that was given ("own"), in "float32" or in "float64"."""

    def __init__(self, arguments: Sequence[Argument]) -> None:
        self.arguments = arguments

    def start(self, function: Any, values: Sequence[Any], dtype: str) -> Run:
        import jax

        def free(*leaves: Any) -> list[Any]:
            rest = iter(leaves)
            return _floating(function(*(next(rest) if a.wanted else x for a, x in zip(self.arguments, arrays, strict=True))))

        with self._bits(dtype):
            arrays = self._arrays(values, dtype)
            outputs, pullback = jax.vjp(free, *(x for a, x in zip(self.arguments, arrays, strict=True) if a.wanted))
            shapes = tuple(tuple(output.shape) for output in outputs)

        def pull(cotangent: Array) -> Pulled:
            with self._bits(dtype):
                parts = zip(pieces(cotangent, shapes), outputs, strict=True)
                found = pullback([jax.numpy.asarray(part, dtype=output.dtype) for part, output in parts])
                return Pulled(np.concatenate([_numpy(part).ravel() for part in found]))

        return Run(np.concatenate([_numpy(output).ravel() for output in outputs]), shapes, pull)

    def outputs(self, function: Any, values: Sequence[Any], dtype: str) -> list[Array]:
        with self._bits(dtype):
            return [_numpy(output) for output in _floating(function(*self._arrays(values, dtype)))]

    def exact(self, argument: Argument, value: Array) -> Array:
        """The nearest numbers that the argument's dtype holds."""
        return np.asarray(value).astype(argument.dtype).astype(np.float64)

    def epsilon(self) -> float:
        """ε of the coarsest wanted argument."""
        import jax

        return max(float(jax.numpy.finfo(a.dtype).eps) for a in self.arguments if a.wanted)

    def _bits(self, dtype: str) -> Any:
        """64 bits where they are asked for, or given; else what the user has set."""
        import jax

        wide = dtype == "float64" or (dtype == "own" and any(str(a.dtype) == "float64" for a in self.arguments))
        return jax.enable_x64(True) if wide else contextlib.nullcontext()

    def _arrays(self, values: Sequence[Any], dtype: str) -> list[Any]:
        import jax

        found = []
        for argument, value in zip(self.arguments, values, strict=True):
            if argument.dtype is None:
                found.append(value)
            else:
                own = dtype == "own" or not _is_floating(argument.dtype)
                found.append(jax.numpy.asarray(value, dtype=argument.dtype if own else dtype))
        return found


def _numpy(array: Any) -> Array:
    return np.asarray(array, dtype=np.float64)


def _is_floating(dtype: Any) -> bool:
    import jax

    return bool(jax.numpy.issubdtype(dtype, jax.numpy.floating))


def _floating(output: Any) -> list[Any]:
    import jax

    found = [o for o in jax.tree.leaves(output) if hasattr(o, "dtype") and _is_floating(o.dtype)]
    if not found:
        raise Unusable(f"it must return an array of floating point; it returned {type(output).__name__}")
    return found
