"""`jax`: the value as it is written, differentiated by JAX and compiled. The user's configuration of JAX is left as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.calculus.kernel import followed_kernel
from steepest.engines.loops import gegenbauer_jax
from steepest.engines.numpy_engine import NumpyKernels
from steepest.engines.source import run_source, value_source
from steepest.engines.tensors import Array, Held, Place, together
from steepest.engines.words import JAX
from steepest.errors import EngineError
from steepest.language.program import Program

PRINTED = JAX.printed


class JaxKernels:
    """Kernels of one derivation, compiled when first asked for."""

    name = "jax"

    def __init__(self, derivation: Derivation, place: Place) -> None:
        self.derivation = derivation
        self.place = place
        self._device = jax_device(place.device)
        self.device = "cpu" if self._device.platform == "cpu" else "cuda"
        self._held = Held(lambda array: self._moved(place.data(array)))
        self._sums = cache(lambda kind: self._jitted(sums_of(kind, self._value)))
        self._rows = cache(lambda kind: self._jitted(rows_of(kind, self._value)))
        self._value = cache(self._compile)

    def sums(self, kind: str, theta: Array, columns: Sequence[Array], weights: Array | None, total: float) -> Array:
        """Sums over the rows of every output of the program `kind`, times the weights."""
        with self._settings():
            tensors = self._held(together(columns, weights))
            w = None if weights is None else tensors[-1]
            return np.array(self._sums(kind)(self._moved(self.place.parameters(theta)), w, *tensors[: len(columns)]))

    def rows(self, kind: str, theta: Array, columns: Sequence[Array]) -> Array:
        """Outputs × rows."""
        with self._settings():
            return np.array(self._rows(kind)(self._moved(self.place.parameters(theta)), *self._held(columns)))

    def vector(self, values: Sequence[Any]) -> Array:
        return self.place.vector(values)

    def number(self, value: Any) -> Any:
        return self.place.wide.type(float(value))

    def stepper(self, step: Program, states: tuple[str, ...]) -> Callable[..., tuple[Array, ...]]:
        """One step of a method: NumPy's, as parameters are few."""
        return NumpyKernels(self.derivation).stepper(step, states)

    def source(self, kind: str) -> str:
        """The generated function for the loss of a row, as it runs."""
        return value_source(followed_kernel(self.derivation, "loss", PRINTED), JAX, "value")

    def _compile(self, output: str) -> Callable[..., Any]:
        return run(value_source(followed_kernel(self.derivation, output, PRINTED), JAX, "value"), "value")

    def _moved(self, array: Array) -> Any:
        import jax

        return jax.device_put(array, self._device)

    def _jitted(self, function: Callable[..., Any]) -> Any:
        import jax

        return jax.jit(function)

    @contextmanager
    def _settings(self) -> Iterator[None]:
        import jax

        with jax.enable_x64(True), jax.default_device(self._device):
            yield


Values = Callable[[str], Callable[..., Any]]  # y, yhat or loss → a function of theta and columns


def sums_of(kind: str, value: Values) -> Callable[..., Any]:
    """A function of theta, weights and columns: the sums of every output of the program `kind`."""
    import jax
    import jax.numpy as jnp

    def total(output: str) -> Callable[..., Any]:
        def sum_over_rows(theta: Any, w: Any, *columns: Any) -> Any:
            values = jnp.broadcast_to(value(output)(theta, *columns), columns[0].shape)
            return jnp.sum(values if w is None else w * values)

        return sum_over_rows

    y, yhat, loss = (total(output) for output in ("y", "yhat", "loss"))

    def sums(*given: Any) -> Any:
        if kind == "value":
            return jnp.stack([y(*given), yhat(*given), loss(*given)])
        if kind == "jacobian":
            predicted, slopes = jax.value_and_grad(yhat)(*given)
            return jnp.concatenate([(predicted - y(*given))[None], slopes])
        return joined(jax.value_and_grad(loss)(*given), jax.hessian(loss)(*given) if known(kind) == "hessian" else None)

    return sums


def rows_of(kind: str, value: Values) -> Callable[..., Any]:
    """A function of theta and columns: every output of the program `kind`, (outputs, rows)."""
    import jax
    import jax.numpy as jnp

    def number(output: str) -> Callable[..., Any]:
        return lambda theta, *row: jnp.asarray(value(output)(theta, *row), dtype=theta.dtype)

    y, yhat, loss = (number(output) for output in ("y", "yhat", "loss"))

    def one(*given: Any) -> Any:
        if kind == "value":
            return jnp.stack([y(*given), yhat(*given), loss(*given)])
        if kind == "jacobian":
            return jnp.concatenate([(yhat(*given) - y(*given))[None], jax.grad(yhat)(*given)])
        return joined(jax.value_and_grad(loss)(*given), jax.hessian(loss)(*given) if known(kind) == "hessian" else None)

    def rows(theta: Any, *columns: Any) -> Any:
        return jax.vmap(one, in_axes=(None, *[0] * len(columns)), out_axes=1)(theta, *columns)

    return rows


def joined(first: tuple[Any, Any], hessian: Any | None) -> Any:
    """Loss, gradient and the lower triangle of the Hessian, as one vector."""
    import jax.numpy as jnp

    loss, gradient = first
    parts = [loss[None], gradient]
    return jnp.concatenate(parts if hessian is None else [*parts, hessian[jnp.tril_indices(len(gradient))]])


def known(kind: str) -> str:
    if kind not in ("gradient", "hessian"):
        raise EngineError(f"engine 'jax' has no '{kind}', as it knows derivatives only: use torch, numpy or compiled")
    return kind


def run(source: str, name: str) -> Callable[..., Any]:
    """The function that a generated source defines."""
    import jax
    import jax.numpy as jnp
    import jax.scipy.special

    names = {"jnp": jnp, "special": jax.scipy.special, "nn": jax.nn, "gegenbauer": gegenbauer_jax}
    made: Callable[..., Any] = run_source(source, names)[name]
    return made


def jax_device(device: str) -> Any:
    """A device of JAX. Raises EngineError where there is none of this kind."""
    import jax

    if device != "cpu":
        try:
            return jax.devices("cuda")[0]
        except RuntimeError:
            if device == "cuda":
                raise EngineError("device 'cuda': JAX finds no GPU here; use device='cpu', or 'cuda-or-cpu' to fall back") from None
    return jax.devices("cpu")[0]
