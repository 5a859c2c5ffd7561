"""From the options of a descent, as a user gives them, to a trace."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from steepest.descent.descend import Callback, descend
from steepest.descent.objective import Objective
from steepest.descent.parameters import Start
from steepest.descent.rates import Constant, Halving, Rates, automatic
from steepest.descent.runners import runner
from steepest.descent.stopping import Until
from steepest.descent.trace import Trace
from steepest.engines.exact import ExactKernels
from steepest.engines.table import choose
from steepest.errors import OptionError, unknown
from steepest.methods.equations import EQUATIONS

STEPS = 1_000


class Options(NamedTuple):
    """The options of `Problem.descend`, in its words."""

    method: str = "gd"
    lr: Any = "auto"
    steps: int | None = None
    batch: str = "full"
    engine: str = "auto"
    epochs: int | None = None
    until_loss: float | None = None
    until_gradient: float | None = None
    until_change: float | None = None
    seconds: float | None = None
    every: int | None = None
    callback: Callback | None = None
    place: Mapping[str, Any] = {}  # device, dtype and data_dtype of the engine


def run(through: Callable[..., Objective], start: Start, options: Options, recipe: Mapping[str, Any]) -> Trace:
    """Checks the options, picks the engine and the runner, and descends. `through` gives the objective of an engine by name."""
    steps = _steps(options)
    _check(options)
    if options.method not in EQUATIONS:
        raise OptionError(unknown("method", str(options.method), EQUATIONS))
    method = EQUATIONS[options.method]
    plain = through("numpy")
    engine, why = options.engine, "asked for"
    if engine == "auto":
        engine, why = choose(plain.derivation, plain.columns.rows, steps)
    objective = through(engine, **options.place)
    theta = objective.kernels.vector(start.values)
    rates, rate_why = _rates(options.lr, objective, theta)
    first = rates.block(0, 1)[0]
    recipe = {
        **recipe,
        "method": options.method,
        "equations": method.text,
        "lr": str(options.lr) if isinstance(options.lr, str | Fraction) else float(options.lr),
        "first_lr": float(first),
        "lr_why": rate_why,
        "steps": steps,
        "batch": options.batch,
        "engine": engine,
        "engine_why": why,
        "until": {name: float(value) for name, value in vars(_until(options)).items() if value is not None},
        "every": options.every,
        **options.place,
        "cpu": _cpu(engine),
    }
    return descend(
        objective,
        runner(objective, method, theta, first),
        rates,
        steps,
        _until(options),
        seconds=options.seconds,
        every=options.every,
        callback=options.callback,
        recipe=recipe,
    )


def _until(options: Options) -> Until:
    return Until(options.until_loss, options.until_gradient, options.until_change)


def _rates(lr: Any, objective: Objective, theta: Any) -> tuple[Rates, str]:
    exact = isinstance(objective.kernels, ExactKernels)
    if isinstance(lr, str):
        if lr != "auto":
            raise OptionError(f"lr is '{lr}': give a positive number, or 'auto'")
        if exact:
            raise OptionError("lr='auto' is a float, and engine='sympy' is exact: give lr, as Fraction(1, 10)")
        rate, why = automatic(objective, objective.at(theta))
        return Halving(rate), why
    try:
        fine = not isinstance(lr, bool) and math.isfinite(lr) and lr > 0
    except TypeError:
        fine = False
    if not fine:
        raise OptionError(f"lr is {lr!r}: give a number in (0, inf), or 'auto'")
    return Constant(objective.kernels.number(lr)), "given"


def _steps(options: Options) -> int:
    if options.steps is not None and options.epochs is not None:
        raise OptionError(f"steps={options.steps!r} and epochs={options.epochs!r} are both given: give one of them")
    name, value = ("epochs", options.epochs) if options.epochs is not None else ("steps", options.steps)
    if value is None:
        return STEPS
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise OptionError(f"{name} is {value!r}: give a whole number, 0 or more")
    return value


def _check(options: Options) -> None:
    if options.batch != "full":
        raise OptionError(f"batch is {options.batch!r}: this version descends on the 'full' batch only")
    for name in ("until_loss", "until_gradient", "until_change", "seconds"):
        value = getattr(options, name)
        if value is None:
            continue
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number or (value < 0 and name != "until_loss"):
            raise OptionError(f"{name} is {value!r}: give a finite number{'' if name == 'until_loss' else ', 0 or more'}")
    every = options.every
    if every is not None and (isinstance(every, bool) or not isinstance(every, int) or every < 1):
        raise OptionError(f"every is {every!r}: give a whole number, 1 or more")


def _cpu(engine: str) -> str:
    if engine == "compiled":
        from steepest.engines.jit import cpu

        return cpu()
    import platform

    return platform.machine()
