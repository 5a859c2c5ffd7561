"""What a method of another library is, by name and by what makes it; the words that its runners share."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from steepest.descent.runners import Snapshot
from steepest.errors import EngineError, OptionError

INSTALL = {"torch": '"steepest[torch]"', "optax": '"steepest[optax]"', "scipy": "scipy"}
LEAST_SQUARES = ("trf", "dogbox", "lm")
MINIMIZE = (  # of scipy.optimize.minimize, with how many derivatives each can use
    ("Nelder-Mead", 0), ("Powell", 0), ("COBYLA", 0), ("COBYQA", 0), ("CG", 1), ("BFGS", 1), ("L-BFGS-B", 1), ("TNC", 1),
    ("SLSQP", 1), ("Newton-CG", 2), ("trust-constr", 1), ("dogleg", 2), ("trust-ncg", 2), ("trust-krylov", 2), ("trust-exact", 2),
)  # fmt: skip
WITHIN = ("trf", "dogbox", "Nelder-Mead", "Powell", "COBYLA", "COBYQA", "L-BFGS-B", "TNC", "SLSQP", "trust-constr")  # know bounds


@dataclass(frozen=True)
class Foreign:
    """An optimiser of a library: what makes it, its arguments, and the learning rate that it has by itself, if any."""

    library: str
    name: str
    make: Callable[..., Any]
    defaults: Mapping[str, Any]  # the arguments given
    usual: float | None = None

    @property
    def text(self) -> str:
        """What is called, and of which version."""
        given = ", ".join(f"{name}={value!r}" for name, value in self.defaults.items())
        whole = ", run whole: the rows are the points of its callback" if self.library == "scipy" else ""
        return f"{self.library} {importlib.import_module(self.library).__version__}: {self.name}({given}){whole}"


def is_foreign(method: Any) -> bool:
    """Is this the name of a method of another library?"""
    library, colon, _ = str(method).partition(":")
    return bool(colon) and (library in INSTALL or "=" not in str(method))


def failure(method: Foreign, error: Exception) -> EngineError:
    """What a library says when it cannot go on, in one line."""
    said = " ".join(str(error).split())[:200]
    return EngineError(f"{method.library}:{method.name} cannot be used here: {type(error).__name__}: {said}")


def kept(method: Foreign, snapshot: Snapshot) -> Any:
    """The state in a snapshot, a tuple of the library's own objects. Raises OptionError for one that was read from a file."""
    state: Any = snapshot[1]
    if not isinstance(state, tuple):
        raise OptionError(
            f"the state of {method.library}:{method.name} is not kept in files: go on from the trace itself, or from its end"
        )
    return state
