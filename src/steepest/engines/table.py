"""The literal table of engines, why one cannot be used here, and the choice that `auto` makes."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple, Protocol

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.calculus.kernel import sums_kernel
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
    """Where an engine is found, which library it needs, and what it is for."""

    module: str
    kernels: str
    needs: str  # the library
    what: str


ENGINES: dict[str, Engine] = {
    "numpy": Engine("numpy_engine", "NumpyKernels", "numpy", "generated NumPy source; fastest on the smallest problems"),
    "compiled": Engine("compiled", "CompiledKernels", "llvmlite", "machine code for this processor; whole descents"),
    "sympy": Engine("exact", "ExactKernels", "sympy", "exact rational numbers"),
}

WORTH_COMPILING = 3e8  # operations of a whole run, about 0.3 s in NumPy, from which 0.1 s of compilation pays


def why_not(name: str) -> str | None:
    """The sentence that says why an engine cannot be used here, or None where it can."""
    if name not in ENGINES:
        raise OptionError(unknown("engine", name, ["auto", *ENGINES]))
    needs = ENGINES[name].needs
    try:  # a broken installation raises OSError as often as ImportError
        importlib.import_module(needs)
    except (ImportError, OSError) as error:
        return f"engine '{name}' needs {needs}, which cannot be imported ({error}): pip install {needs}"
    return None


def kernels(name: str, derivation: Derivation) -> Kernels:
    """The kernels of one engine. Raises EngineError where its library is missing or broken."""
    reason = why_not(name)
    if reason:
        raise EngineError(reason)
    engine = ENGINES[name]
    made: Kernels = getattr(importlib.import_module(f"steepest.engines.{engine.module}"), engine.kernels)(derivation)
    return made


def choose(derivation: Derivation, rows: int, evaluations: int) -> tuple[str, str]:
    """The engine that `auto` picks for so many evaluations on so many rows, and why."""
    from steepest.engines.numpy_engine import PRINTED

    operations = sums_kernel(derivation, "gradient", PRINTED).cost
    # A NumPy call costs about as much as 1,000 operations on rows.
    work = evaluations * operations * (rows + 1000.0)
    size = f"{evaluations:,} evaluations × {rows:,} rows × {operations} operations"
    if work < WORTH_COMPILING:
        return "numpy", f"{size}: too little to compile for"
    reason = why_not("compiled")
    if reason:
        return "numpy", reason
    return "compiled", f"{size}: compiling pays"
