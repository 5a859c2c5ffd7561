"""The literal table of engines, why one cannot be used here, and the choice that `auto` makes."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from steepest.calculus.blocks import BlockDerivation
from steepest.calculus.derivation import Derivation
from steepest.calculus.kernel import sums_kernel
from steepest.engines.tensors import Place
from steepest.errors import EngineError, OptionError, unknown


class Kernels(Protocol):
    """What an engine gives for one derivation; see the contract of this folder."""

    name: str
    derivation: Derivation

    def sums(self, kind: str, theta: Any, columns: Any, weights: Any, total: Any) -> np.ndarray[Any, Any]: ...
    def rows(self, kind: str, theta: Any, columns: Any) -> np.ndarray[Any, Any]: ...
    def vector(self, values: Any) -> np.ndarray[Any, Any]: ...
    def number(self, value: Any) -> Any: ...
    def stepper(self, step: Any, states: tuple[str, ...]) -> Any: ...


class Engine(NamedTuple):
    """Where an engine is found, which library it needs, what installs that, and what it is for."""

    module: str
    kernels: str
    needs: str
    install: str
    what: str
    places: bool = False  # has it devices and number types to choose from?


TORCH, JAX = '"steepest[torch]"', '"steepest[jax]"'

ENGINES: dict[str, Engine] = {
    "numpy": Engine("numpy_engine", "NumpyKernels", "numpy", "numpy", "generated NumPy source; fastest on the smallest problems"),
    "compiled": Engine("compiled", "CompiledKernels", "llvmlite", "llvmlite", "machine code for this processor; whole descents"),
    "sympy": Engine("exact", "ExactKernels", "sympy", "sympy", "exact rational numbers"),
    "torch": Engine("torch_engine", "TorchKernels", "torch", TORCH, "the derived gradient on tensors", True),
    "torch-autograd": Engine("torch_engine", "TorchAutogradKernels", "torch", TORCH, "the value; PyTorch differentiates it", True),
    "torch-function": Engine("torch_function", "TorchFunctionKernels", "torch", TORCH, "a torch.autograd.Function", True),
    "jax": Engine("jax_engine", "JaxKernels", "jax", JAX, "the value; JAX differentiates and compiles it", True),
    "finite-difference": Engine("differences", "DifferenceKernels", "numpy", "numpy", "the value alone: a witness, not for work"),
}

WORTH_COMPILING = 3e8  # operations of a whole run, about 0.3 s in NumPy, from which 0.1 s of compilation pays
WIDE = 4  # columns of blocks for each other operation, from which the products take nearly all the time


def why_not(name: str) -> str | None:
    """The sentence that says why an engine cannot be used here, or None where it can."""
    if name not in ENGINES:
        raise OptionError(unknown("engine", name, ["auto", *ENGINES, "condensed"]))
    engine = ENGINES[name]
    try:  # a broken installation raises OSError as often as ImportError
        importlib.import_module(engine.needs)
    except (ImportError, OSError) as error:
        return f"engine '{name}' needs {engine.needs}, which cannot be imported ({error}): pip install {engine.install}"
    return None


def kernels(
    name: str, derivation: Derivation, device: str = "cpu", dtype: str = "float64", data_dtype: str | None = None
) -> Kernels:
    """The kernels of one engine.

    `device`: "cpu", "cuda", or "cuda-or-cpu", which falls back. `dtype` is the type of the parameters and their gradient,
    `data_dtype` that of the columns (the same unless given): "float64" or "float32". Only torch and jax have a choice.
    Raises EngineError where the library is missing or broken or finds no such device, OptionError for a wrong name.
    """
    if isinstance(derivation, BlockDerivation):
        from steepest.engines.blocks import BlockKernels

        return BlockKernels(derivation, kernels(name, derivation.core, device, dtype, data_dtype))
    reason = why_not(name)
    if reason:
        raise EngineError(reason)
    engine = ENGINES[name]
    place = Place(device, dtype, data_dtype).checked()
    if not engine.places and place != Place().checked():
        able = ", ".join(other for other, row in ENGINES.items() if row.places)
        raise OptionError(f"engine '{name}' computes in float64 on the CPU only: device= and dtype= belong to {able}")
    make = getattr(importlib.import_module(f"steepest.engines.{engine.module}"), engine.kernels)
    made: Kernels = make(derivation, place) if engine.places else make(derivation)
    return made


def operations_of(derivation: Derivation) -> int:
    """What a row costs in a pass for the gradient. Counted once: that takes as long as a short descent."""
    from steepest.engines.numpy_engine import PRINTED

    if derivation not in _counted:
        _counted[derivation] = sums_kernel(derivation.core, "gradient", PRINTED).cost
    return _counted[derivation]


_counted: WeakKeyDictionary[Derivation, int] = WeakKeyDictionary()


def choose(derivation: Derivation, rows: int, evaluations: int) -> tuple[str, str]:
    """The engine that `auto` picks for so many evaluations on so many rows, and why."""
    operations = operations_of(derivation)
    # A NumPy call costs about as much as 1,000 operations on rows.
    work = evaluations * operations * (rows + 1000.0)
    width = sum(block.size for block in derivation.formula.blocks)
    if width >= WIDE * operations:
        return "numpy", f"{width:,} columns in blocks: products with them are most of the work, nothing else to compile for"
    size = f"{evaluations:,} evaluations × {rows:,} rows × {operations} operations"
    if work < WORTH_COMPILING:
        return "numpy", f"{size}: too little to compile for"
    reason = why_not("compiled")
    if reason:
        return "numpy", reason
    return "compiled", f"{size}: compiling pays"
