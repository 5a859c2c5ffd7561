"""What the engines on tensors share: two precisions, a device, and arrays that are moved there once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from steepest.errors import OptionError, unknown

Array = np.ndarray[Any, Any]
DTYPES = ("float64", "float32")
DEVICES = ("cpu", "cuda", "cuda-or-cpu")


class Place(NamedTuple):
    """Where an engine computes, and in which numbers.

    `device` is "cpu", "cuda", or "cuda-or-cpu", which falls back. `dtype` is the type of the parameters and of their gradient,
    `data_dtype` that of the columns, the same unless given. Everything between is computed in the wider of the two.
    """

    device: str = "cpu"
    dtype: str = "float64"
    data_dtype: str | None = None

    def checked(self) -> Place:
        """The same with every field filled in. Raises OptionError."""
        if self.device not in DEVICES:
            raise OptionError(unknown("device", str(self.device), DEVICES))
        full = self._replace(data_dtype=self.dtype if self.data_dtype is None else self.data_dtype)
        for name, value in (("dtype", full.dtype), ("data_dtype", full.data_dtype)):
            if value not in DTYPES:
                raise OptionError(unknown(name, str(value), DTYPES))
        return full

    @property
    def wide(self) -> np.dtype[Any]:
        """The type that sums are computed in."""
        return np.promote_types(self.dtype, self.data_dtype or self.dtype)

    def vector(self, values: Sequence[Any]) -> Array:
        """Parameters, as NumPy holds them."""
        return np.array([float(value) for value in values], dtype=self.dtype)

    def parameters(self, theta: Array) -> Array:
        """Parameters rounded to their type, in the type that is computed in."""
        return np.asarray(theta, dtype=self.dtype).astype(self.wide)

    def data(self, array: Array) -> Array:
        """A column rounded to its type, in the type that is computed in."""
        return np.asarray(array, dtype=self.data_dtype).astype(self.wide)


class Held:
    """Arrays as tensors. Those that cannot be written to are moved once."""

    def __init__(self, move: Callable[[Array], Any]) -> None:
        self.move = move
        self.arrays: tuple[Array, ...] = ()
        self.tensors: list[Any] = []

    def __call__(self, arrays: Sequence[Array]) -> list[Any]:
        same = len(arrays) == len(self.arrays) and all(
            a is b and not a.flags.writeable for a, b in zip(arrays, self.arrays, strict=True)
        )
        if not same:
            self.arrays = tuple(arrays)
            self.tensors = [self.move(array) for array in arrays]
        return self.tensors


def together(columns: Sequence[Array], weights: Array | None) -> list[Array]:
    """The weights, where there are some, after the columns."""
    return list(columns) if weights is None else [*columns, weights]
