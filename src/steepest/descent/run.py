"""From the options of a descent, as a user gives them, to a trace."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from steepest.descent.descend import Callback, descend
from steepest.descent.objective import Objective
from steepest.descent.parameters import Start, is_finite, shown
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
    if not start.free:
        raise OptionError("every parameter is fixed: there is nothing to descend; free one of them")
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
    if isinstance(lr, bool) or not is_finite(lr) or not lr > 0:
        raise OptionError(f"lr is {shown(lr)}: give a number in (0, inf), or 'auto'")
    return Constant(objective.kernels.number(lr)), "given"


def _steps(options: Options) -> int:
    if options.steps is not None and options.epochs is not None:
        raise OptionError(f"steps={options.steps!r} and epochs={options.epochs!r} are both given: give one of them")
    name, value = ("epochs", options.epochs) if options.epochs is not None else ("steps", options.steps)
    return STEPS if value is None else whole(name, value, 0)


def whole(name: str, value: Any, least: int) -> int:
    """A whole number, of Python or NumPy, that fits 63 bits."""
    try:
        number = -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = -1
    if not least <= number < 2**63:
        raise OptionError(f"{name} is {shown(value)}: give a whole number, {least} or more")
    return number


def _check(options: Options) -> None:
    if options.batch != "full":
        raise OptionError(f"batch is {options.batch!r}: this version descends on the 'full' batch only")
    if options.callback is not None and not callable(options.callback):
        raise OptionError(f"callback is {shown(options.callback)}: give a function of one argument, the progress")
    for name in ("until_loss", "until_gradient", "until_change", "seconds"):
        value = getattr(options, name)
        if value is None:
            continue
        if isinstance(value, bool | str) or not is_finite(value) or (value < 0 and name != "until_loss"):
            raise OptionError(f"{name} is {shown(value)}: give a finite number{'' if name == 'until_loss' else ', 0 or more'}")
    if options.every is not None:
        whole("every", options.every, 1)


def _cpu(engine: str) -> str:
    if engine == "compiled":
        from steepest.engines.jit import cpu

        return cpu()
    import platform

    return platform.machine()
