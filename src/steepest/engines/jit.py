"""Turns LLVM IR into callable machine code through llvmlite, and finds the C functions that it calls."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

from steepest.errors import EngineError


@cache
def _target() -> tuple[Any, dict[str, Any]]:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    options = {
        "cpu": llvm.get_host_cpu_name(),
        "features": llvm.get_host_cpu_features().flatten(),
        "opt": 3,
        "jit": True,
    }
    return llvm.Target.from_default_triple(), options


def target() -> Any:
    """The machine that code is made for: this processor, with all its features. One for each module, which will own it."""
    made, options = _target()
    return made.create_target_machine(**options)


@cache
def cpu() -> str:
    """The type of this processor, as LLVM names it. The same bits are promised on one type only."""
    import llvmlite.binding as llvm

    return str(llvm.get_host_cpu_name())


@cache
def _math_library() -> ctypes.CDLL:
    names = {"darwin": "libSystem.dylib", "win32": "ucrtbase.dll"}
    try:
        return ctypes.CDLL(names.get(sys.platform, "libm.so.6"))
    except OSError:  # a Linux without glibc: the interpreter itself has loaded its C library
        return ctypes.CDLL(None)


@lru_cache(maxsize=128)
def compiled(ir: str, symbols: tuple[str, ...]) -> Module:
    """The code of a text. The same text is compiled once in a process: a formula that was met before starts at once."""
    return Module(ir, symbols)


class Module:
    """Compiled code. Functions are found by name; the code lives as long as this object."""

    def __init__(self, ir: str, symbols: Iterable[str]) -> None:
        import llvmlite.binding as llvm

        for symbol in symbols:
            _bind(symbol)
        module = llvm.parse_assembly(ir)
        module.verify()
        options = llvm.create_pipeline_tuning_options(speed_level=3)
        options.loop_vectorization = True
        options.slp_vectorization = False
        machine = target()
        builder = llvm.create_pass_builder(machine, options)
        builder.getModulePassManager().run(module, builder)
        builder.close()
        self._engine = llvm.create_mcjit_compiler(module, machine)
        self._engine.finalize_object()

    def function(self, name: str, *arguments: Any) -> Any:
        """A C function without result; calling it releases Python's lock."""
        address = self._engine.get_function_address(name)
        return ctypes.CFUNCTYPE(None, *arguments)(address)


@cache
def _bind(symbol: str) -> None:
    import llvmlite.binding as llvm

    if symbol.startswith("llvm."):
        return
    try:
        address = ctypes.cast(getattr(_math_library(), symbol), ctypes.c_void_p).value
    except (AttributeError, OSError) as error:
        raise EngineError(f"the C library of this machine has no '{symbol}': use engine='numpy' ({error})") from None
    llvm.add_symbol(symbol, address)
