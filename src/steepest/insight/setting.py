"""A method, its constants, a rate and a batch: the words of a user as what the rest of this room works on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from steepest.descent.batches import Batches
from steepest.descent.foreign.method import is_foreign
from steepest.descent.given.parameters import is_finite, shown
from steepest.descent.objective import Array, Objective, Point
from steepest.descent.rates import found_rates
from steepest.descent.run import METHOD_WORDS, whole
from steepest.descent.trace import Trace
from steepest.errors import OptionError
from steepest.insight.limits import scales_of
from steepest.insight.noise import idle
from steepest.methods.code.table import CODE
from steepest.methods.equations import Method
from steepest.methods.options import read_options


class Setting(NamedTuple):
    """`method` is None where a method finds its own steps, `lr` then too; `batch` is None for all rows."""

    name: str
    method: Method | None
    lr: float | None
    batch: int | None


class Stand(NamedTuple):
    """Where a method stands: a point, its states, one row each, (states, k), and the steps taken."""

    point: Point
    states: Array
    steps: int


def read_setting(
    objective: Objective, theta: Array, method: str, lr: Any, batch: Any, hyper: Mapping[str, Any] | None
) -> Setting:  # fmt: skip
    """Raises OptionError for a name, a rate or a batch that is not allowed."""
    if is_foreign(method):
        raise OptionError(f"method '{method}' has no equations here to explain: give a method of `steepest methods`")
    size = batch_size(batch, objective.columns.rows)
    if method in CODE:
        if lr != "auto":
            raise OptionError(f"method '{method}' finds its own steps: leave lr out")
        return Setting(method, None, None, size)
    read, _ = read_options(method, hyper=hyper)
    batches = None if size is None else Batches(objective.columns.rows, size, 0, weights=objective.weights)
    if isinstance(lr, str):
        if lr != "auto":
            raise OptionError(f"lr is '{lr}': give a positive number, or 'auto'")
        lr = found_rates(read, objective, theta, batches)[0].block(0, 1)[0]
    elif isinstance(lr, bool) or not is_finite(lr) or not lr > 0:
        raise OptionError(f"lr is {shown(lr)}: give a number in (0, inf), or 'auto'")
    return Setting(method, read, float(lr), size)


def batch_size(batch: Any, rows: int) -> int | None:
    if isinstance(batch, str):
        if batch != "full":
            raise OptionError(f"batch is {batch!r}: give 'full', or a number of rows")
        return None
    size = whole("batch", batch, 1)
    if size > rows:
        raise OptionError(f"batch is {size:,}, and the data have {rows:,} rows: give at most so many, or 'full'")
    return size if size < rows else None


def fresh(objective: Objective, method: Method, theta: Array, lr: float) -> Stand:
    """A method that has not begun."""
    return Stand(objective.at(theta), method.starts(theta, lr)[:, objective.free], 0)


def stepper(objective: Objective, method: Method, stand: Stand) -> Callable[[float], tuple[Array, Array]]:
    """The next step as a function of the rate: theta (p,), and the states (states, k) after it."""
    free, step = objective.free, objective.kernels.stepper(method.step, method.states)
    point = stand.point

    def after(eta: float) -> tuple[Array, Array]:
        with np.errstate(all="ignore"):
            moved, *states = step(point.theta[free], point.gradient[free], eta, stand.steps + 1, *stand.states)
        theta = point.theta.copy()
        theta[free] = moved
        return theta, np.array([np.broadcast_to(line, len(free)) for line in states])

    return after


def step_of(objective: Objective, setting: Setting, theta: Array) -> Any:
    """Theta after the first step, as a function of the rate; along the gradient where a method finds its own steps."""
    if setting.method is None or setting.lr is None:
        gradient = objective.at(theta).gradient
        return lambda eta: theta - eta * gradient
    after = stepper(objective, setting.method, fresh(objective, setting.method, theta, setting.lr))
    return lambda eta: after(eta)[0]


def scales(objective: Objective, method: Method, stand: Stand, lr: float) -> tuple[dict[str, Array], Array]:
    """The scales of the gradient that an adaptive method has after its next step, and which free parameters have one, (k,) of bool.

    Where the gradient of a parameter has been nothing but rounding, its scale is that of rounding.
    """
    if not method.freeze:
        return {}, np.ones(len(objective.free), dtype=bool)
    _, states = stepper(objective, method, stand)(lr)
    found = scales_of(method, dict(zip(method.states, states, strict=True)), stand.steps + 1)
    return found, ~idle(objective, stand.point.theta)


def method_of(trace: Trace) -> Method | None:
    """The method of a descent with everything put in, where it is written as equations."""
    name = str(trace.recipe["method"])
    if name in CODE or is_foreign(name):
        return None
    given = {word: trace.recipe["options"][word] for word in METHOD_WORDS if word in trace.recipe["options"]}
    return read_options(**{"method": name, **given})[0]
