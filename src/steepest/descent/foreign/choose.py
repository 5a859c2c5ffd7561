"""Methods of other libraries, by name: torch:Adam, optax:adam, scipy:trf. Their runners stand beside this file, one a library."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from steepest.descent.batches import Batches
from steepest.descent.foreign.method import INSTALL, LEAST_SQUARES, MINIMIZE, Foreign
from steepest.descent.given.parameters import Box, shown
from steepest.descent.objective import Array, Objective
from steepest.descent.rates import Constant, Rates
from steepest.descent.runners import Runner
from steepest.errors import EngineError, OptionError, unknown
from steepest.methods.schedules import Schedule, read_schedule

OURS = ("params", "lr", "learning_rate", "fun", "x0", "jac", "hess", "hessp", "args", "kwargs", "method", "callback", "options")


def read_foreign(
    method: str,
    schedule: str = "constant",
    hyper: Mapping[str, Any] | None = None,
    weight_decay: float = 0.0,
    clip_value: float | None = None,
    clip_norm: float | None = None,
) -> tuple[Foreign, Schedule]:
    """The optimiser of that name, not made yet. `hyper` are arguments of it, or constants of the schedule.

    Raises EngineError where its library is missing, OptionError for what it does not know.
    """
    library, _, name = method.partition(":")
    if library not in INSTALL:
        raise OptionError(unknown("library of methods", library, INSTALL))
    for option, value in (("weight_decay", weight_decay), ("clip_value", clip_value), ("clip_norm", clip_norm)):
        if value:
            raise OptionError(
                f"{option}= changes the equations of our own methods: give method '{method}' its own arguments in hyper="
            )
    if library == "scipy" and schedule != "constant":
        raise OptionError(f"method '{method}' chooses its own steps: leave schedule= out")
    makers, timing = _makers(library, method), read_schedule(schedule)
    if name not in makers:
        raise OptionError(unknown(f"method of {library}", name, makers))
    arguments = _arguments(library, makers[name])
    own: dict[str, Any] = {}
    of_schedule: dict[str, float] = {}
    for word, value in (hyper or {}).items():
        if word in timing.defaults and word not in arguments:
            of_schedule[word] = float(_plain(word, value))
        elif word in arguments or (library == "scipy" and name not in LEAST_SQUARES):
            own[word] = _plain(word, value)
        else:
            raise OptionError(unknown(f"argument of {method}", str(word), [*arguments, *timing.defaults]))
    return Foreign(library, name, makers[name], own, _own_rate(library, makers[name])), timing.with_constants(of_schedule)


def foreign_rate(method: Foreign) -> tuple[Rates, str]:
    """The rate of lr="auto"."""
    if method.library == "scipy":
        return Constant(np.nan), "found by the method, step by step"
    if method.usual is None:
        raise OptionError(f"{method.library}:{method.name} has no learning rate of its own: give lr=, as 0.001")
    return Constant(method.usual), f"that of {method.library} itself"


def foreign_runner(
    objective: Objective, method: Foreign, theta: Array, rate: Any, batches: Batches | None, steps: int, seconds: float | None,
    box: Box | None = None,
) -> Runner:  # fmt: skip
    """The runner of such a method. Raises OptionError for what it cannot use."""
    name = f"{method.library}:{method.name}"
    if objective.kernels.name == "sympy":
        raise OptionError(f"method '{name}' computes in floats, and engine='sympy' is exact: use another engine")
    if method.library == "torch":
        from steepest.descent.foreign.torch_steps import TorchSteps

        return TorchSteps(objective, method, theta, rate, batches)
    if method.library == "optax":
        from steepest.descent.foreign.optax_steps import OptaxSteps

        return OptaxSteps(objective, method, theta, rate, batches)
    if batches is not None:
        raise OptionError(f"method '{name}' needs all rows at every step: leave batch= out")
    if not np.isnan(rate):
        raise OptionError(f"method '{name}' chooses its own steps: leave lr= out")
    from steepest.descent.foreign.scipy_run import WholeRun

    return WholeRun(objective, method, theta, steps, seconds, box)


def _makers(library: str, method: str) -> dict[str, Callable[..., Any]]:
    """The optimisers of a library by name."""
    try:  # a broken installation raises OSError as often as ImportError
        module: Any = importlib.import_module({"torch": "torch.optim", "optax": "optax", "scipy": "scipy.optimize"}[library])
    except (ImportError, OSError) as error:
        raise EngineError(
            f"method '{method}' needs {library}, which cannot be imported ({error}): pip install {INSTALL[library]}"
        ) from None
    if library == "scipy":
        return dict.fromkeys(LEAST_SQUARES, module.least_squares) | dict.fromkeys((name for name, _ in MINIMIZE), module.minimize)
    found = {name: getattr(module, name) for name in sorted(dir(module)) if not name.startswith(("_", "scale_by"))}
    if library == "torch":
        base = module.Optimizer
        return {
            name: made for name, made in found.items() if isinstance(made, type) and issubclass(made, base) and made is not base
        }
    return {name: made for name, made in found.items() if inspect.isfunction(made) and "learning_rate" in _parameters(made)}


def _parameters(made: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(made).parameters if inspect.isfunction(made) or inspect.isclass(made) else {}
    except (TypeError, ValueError):
        return {}


def _arguments(library: str, made: Any) -> Iterable[str]:
    return [name for name in _parameters(made) if name not in OURS and name != "self"]


def _own_rate(library: str, made: Any) -> float | None:
    parameter = _parameters(made).get("lr" if library == "torch" else "learning_rate")
    return float(parameter.default) if parameter and isinstance(parameter.default, int | float) else None


def _plain(name: str, value: Any) -> Any:
    """A value that a recipe can hold."""
    value = value.item() if isinstance(value, np.generic) else value
    parts = value if isinstance(value, list | tuple) else [value]
    if not all(part is None or isinstance(part, bool | int | float | str) for part in parts):
        raise OptionError(f"hyper: {name} is {shown(value)}: give a number, a word, True, False, None, or a few of them")
    return value
