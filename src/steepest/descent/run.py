"""From the options of a descent, as a user gives them, to a trace."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from steepest.descent.batches import Batches
from steepest.descent.coded import Coded, refuse_for_code
from steepest.descent.condensed.closed_form import far, geometric
from steepest.descent.condensed.runner import CONDENSED, Careful, chosen
from steepest.descent.descend import Callback, descend
from steepest.descent.foreign.choose import foreign_rate, foreign_runner, read_foreign
from steepest.descent.foreign.method import WITHIN, Foreign, is_foreign
from steepest.descent.given.parameters import Start, is_finite, shown
from steepest.descent.objective import Objective
from steepest.descent.rates import Constant, Rates, Scheduled, found_rates
from steepest.descent.runners import runner
from steepest.descent.stopping import Until
from steepest.descent.trace import Trace
from steepest.engines.exact import ExactKernels
from steepest.engines.table import choose
from steepest.errors import OptionError
from steepest.methods.code.method import CodeMethod
from steepest.methods.code.options import read_code
from steepest.methods.code.table import CODE
from steepest.methods.equations import Method
from steepest.methods.options import read_options
from steepest.methods.schedules import Schedule

STEPS = 1_000
METHOD_WORDS = ("method", "schedule", "hyper", "weight_decay", "clip_value", "clip_norm")


class Options(NamedTuple):
    """The options of `Problem.descend`, in its words."""

    method: str = "gd"
    lr: Any = "auto"
    steps: int | None = None
    batch: Any = "full"
    engine: str = "auto"
    schedule: str = "constant"
    hyper: Mapping[str, Any] | None = None
    weight_decay: float = 0.0
    clip_value: float | None = None
    clip_norm: float | None = None
    replacement: bool = False
    seed: int = 0
    full_loss: int | None = None
    epochs: int | None = None
    until_loss: float | None = None
    until_gradient: float | None = None
    until_change: float | None = None
    seconds: float | None = None
    every: int | None = None
    callback: Callback | None = None
    place: Mapping[str, Any] = {}  # device, dtype and data_dtype of the engine


def run(
    through: Callable[..., Objective], start: Start, options: Options, recipe: Mapping[str, Any], before: Trace | None = None
) -> Trace:
    """Checks the options, picks the engine and the runner, and descends. `through` gives the objective of an engine by name.

    With `before`, it goes on from where that trace ended, the method's states included.
    """
    _check(options)
    words = {name: getattr(options, name) for name in METHOD_WORDS}
    read = read_foreign if is_foreign(options.method) else read_code if options.method in CODE else read_options
    method, schedule = read(**words)
    if options.method in CODE:
        refuse_for_code(options.method, options.batch, options.engine)
    if start.bounds:
        refuse_bounds(options, method)
    if not start.free:
        raise OptionError("every parameter is fixed: there is nothing to descend; free one of them")
    plain = through("numpy")
    batches = _batches(options, plain)
    steps = _steps(options, 1 if batches is None else batches.each)
    at = plain.kernels.vector(start.values) if before is None else before.position[0]
    rows = plain.columns.rows if batches is None else batches.size
    equations = isinstance(method, Method) and not start.bounds
    engine, why, few = chosen(options.engine, through, rows, steps, at, batches is not None, equations)
    data = through("numpy" if few else engine, **options.place)
    objective = few or data
    theta = objective.kernels.vector(start.values) if before is None else before.position[0].copy()
    done = 0 if before is None else before.position[2]
    if batches is not None:
        batches.end = done + steps
    rates, rate_why = _rates(options, method, schedule, objective, theta, batches, done + steps)
    if start.bounds and isinstance(method, Method):
        method = method.within(*zip(*start.bounds, strict=True))
    first = rates.block(done, 1)[0]
    said = {"first_lr": None if np.isnan(float(first)) else float(first), "lr_why": rate_why, "steps": steps, "engine_why": why}
    recipe = {**recipe, **_recipe(options, method, schedule, engine), **said}
    if few is not None and isinstance(method, Method) and options.callback is None:
        form = geometric(few, method, rates, theta, steps)
        if form is not None:
            return far(form, few, steps, _until(options), done, options.every, recipe)
    if isinstance(method, Foreign):
        taker = foreign_runner(objective, method, theta, first, batches, steps, options.seconds, start.box)
    elif isinstance(method, CodeMethod):
        taker = Coded(objective, method, theta, first)
    elif few is not None:
        taker = Careful(few, method, theta, first, lambda: through(choose(plain.derivation, rows, steps)[0]))
    else:
        taker = runner(objective, method, theta, first, batches)
    if before is not None:
        taker.restore(before.position)
    return descend(
        data,
        taker,
        rates,
        steps,
        _until(options),
        batches=batches,
        full_loss=options.full_loss,
        done=done,
        seconds=options.seconds,
        every=options.every,
        callback=options.callback,
        box=start.box,
        recipe=recipe,
    )


def refuse_bounds(options: Options, method: Method | CodeMethod | Foreign) -> None:
    """Refuses a method, or an engine, that would leave the bounds."""
    name = options.method
    if options.engine in (CONDENSED, "sympy"):
        raise OptionError(f"engine '{options.engine}' knows no bounds: use engine='auto', or leave min and max out")
    if not (isinstance(method, Method) or (isinstance(method, Foreign) and method.library == "scipy" and method.name in WITHIN)):
        raise OptionError(
            f"method '{name}' cannot keep to bounds: take one that is given by equations, as gd, or one of\n"
            f"{', '.join(f'scipy:{other}' for other in WITHIN)}; or leave min and max out"
        )


def _recipe(options: Options, method: Method | CodeMethod | Foreign, schedule: Schedule, engine: str) -> dict[str, Any]:
    return {
        "method": options.method,
        "equations": method.text,
        "constants of the method": dict(method.defaults),
        "schedule": schedule.text,
        "lr": str(options.lr) if isinstance(options.lr, str | Fraction) else float(options.lr),
        "batch": options.batch,
        "replacement": options.replacement,
        "seed": options.seed,
        "engine": engine,
        "until": {name: float(value) for name, value in vars(_until(options)).items() if value is not None},
        "every": options.every,
        **options.place,
        "cpu": _cpu(engine),
        "options": told(options, engine),
    }


def _batches(options: Options, objective: Objective) -> Batches | None:
    if isinstance(options.batch, str):
        if options.batch != "full":
            raise OptionError(f"batch is {options.batch!r}: give 'full', or a number of rows")
        if options.replacement:
            raise OptionError("replacement= belongs to batches: give batch= a number of rows")
        return None
    size, rows = whole("batch", options.batch, 1), objective.columns.rows
    if size > rows:
        raise OptionError(f"batch is {size:,}, and the data have {rows:,} rows: give at most so many, or 'full'")
    for name in ("until_gradient", "until_change"):
        if getattr(options, name) is not None:
            raise OptionError(f"{name} cannot be judged on batches, whose gradients never settle: use until_loss or until_gap")
    return Batches(rows, size, whole("seed", options.seed, 0), options.replacement, objective.weights)


def _until(options: Options) -> Until:
    return Until(options.until_loss, options.until_gradient, options.until_change)


def _rates(
    options: Options,
    method: Method | CodeMethod | Foreign,
    schedule: Schedule,
    objective: Objective,
    theta: Any,
    batches: Batches | None,
    steps: int,
) -> tuple[Rates, str]:
    lr, exact = options.lr, isinstance(objective.kernels, ExactKernels)
    if exact and schedule.text != "1":
        raise OptionError("a schedule is computed in floats, and engine='sympy' is exact: leave schedule= out")
    if isinstance(lr, str):
        if lr != "auto":
            raise OptionError(f"lr is '{lr}': give a positive number, or 'auto'")
        if exact:
            raise OptionError("lr='auto' is a float, and engine='sympy' is exact: give lr, as Fraction(1, 10)")
        if isinstance(method, CodeMethod):
            return Constant(np.nan), "found by the method, step by step"
        if isinstance(method, Foreign):
            rates, why = foreign_rate(method)
        else:
            rates, why = found_rates(method, objective, theta, batches)
    elif isinstance(lr, bool) or not is_finite(lr) or not lr > 0:
        raise OptionError(f"lr is {shown(lr)}: give a number in (0, inf), or 'auto'")
    else:
        rates, why = Constant(objective.kernels.number(lr)), "given"
    return (rates if schedule.text == "1" else Scheduled(rates, schedule, steps)), why


def _steps(options: Options, each: int) -> int:
    """How many steps; an epoch has `each`."""
    if options.steps is not None and options.epochs is not None:
        raise OptionError(f"steps={options.steps!r} and epochs={options.epochs!r} are both given: give one of them")
    name, value = ("epochs", options.epochs) if options.epochs is not None else ("steps", options.steps)
    return STEPS if value is None else whole(name, value, 0) * (each if name == "epochs" else 1)


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
    if options.callback is not None and not callable(options.callback):
        raise OptionError(f"callback is {shown(options.callback)}: give a function of one argument, the progress")
    for name in ("until_loss", "until_gradient", "until_change", "seconds"):
        value = getattr(options, name)
        if value is None:
            continue
        if isinstance(value, bool | str) or not is_finite(value) or (value < 0 and name != "until_loss"):
            raise OptionError(f"{name} is {shown(value)}: give a finite number{'' if name == 'until_loss' else ', 0 or more'}")
    for name in ("every", "full_loss"):
        if getattr(options, name) is not None:
            whole(name, getattr(options, name), 1)


def told(options: Options, engine: str) -> dict[str, Any]:
    """The options that were given, as JSON has them; with the engine, since "auto" may choose another one elsewhere."""
    given = {name: value for name, value in options._asdict().items() if value != Options._field_defaults[name]}
    given.pop("callback", None)
    if "lr" in given:
        given["lr"] = str(options.lr) if isinstance(options.lr, str | Fraction) else float(options.lr)
    plain = {"hyper": dict(options.hyper or {}), "place": {name: str(value) for name, value in options.place.items()}}
    return {**given, **{name: value for name, value in plain.items() if value}, "engine": engine}


def _cpu(engine: str) -> str:
    if engine in ("compiled", CONDENSED):
        from steepest.engines.jit import cpu

        return cpu()
    import platform

    return platform.machine()
