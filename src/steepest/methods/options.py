"""From the words of a user to a method: its name or equations, constants, weight decay and clipping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steepest.errors import OptionError, unknown
from steepest.methods.code.table import CODE
from steepest.methods.equations import Method, read_method
from steepest.methods.schedules import Schedule, read_schedule
from steepest.methods.table import EQUATIONS

DECOUPLED = "lam"  # the constant of methods that decay theta by themselves


def read_options(
    method: str,
    schedule: str = "constant",
    hyper: Mapping[str, Any] | None = None,
    weight_decay: float = 0.0,
    clip_value: float | None = None,
    clip_norm: float | None = None,
) -> tuple[Method, Schedule]:
    """The method with everything put in, in the order of torch: the gradient is clipped by value, then by norm, then decayed.

    `hyper` are constants of the method or of the schedule, by name.
    """
    plain = EQUATIONS[method] if method in EQUATIONS else _equations(method)
    timing = read_schedule(schedule)
    own: dict[str, Any] = {}
    of_schedule: dict[str, Any] = {}
    for name, value in (hyper or {}).items():
        if name not in plain.defaults and name not in timing.defaults:
            raise OptionError(unknown("hyperparameter", str(name), [*plain.defaults, *timing.defaults] or ["none"]))
        (own if name in plain.defaults else of_schedule)[name] = value
    plain = plain.with_constants(own)
    timing = timing.with_constants({name: _number(name, value) for name, value in of_schedule.items()})
    return _changed(plain, weight_decay, clip_value, clip_norm), timing


def _equations(text: str) -> Method:
    if "=" not in str(text):
        names = unknown("method", str(text), [*EQUATIONS, *CODE])
        raise OptionError(f"{names}\nor write its equations, as 'v = 0.9*v + g; theta = theta - eta*v'")
    return read_method(text)


def _changed(method: Method, weight_decay: float, clip_value: float | None, clip_norm: float | None) -> Method:
    changes = []
    if clip_value is not None:
        most = _positive("clip_value", clip_value)
        changes.append(f"g = clip(g, -{most!r}, {most!r})")
    if clip_norm is not None:
        changes.append(f"g = g*min(1, {_positive('clip_norm', clip_norm)!r}/(norm(g) + 1e-6))")
    decay = _number("weight_decay", weight_decay)
    if decay and DECOUPLED in method.defaults:
        method = method.with_constants({DECOUPLED: decay})
    elif decay:
        changes.append(f"g = g + {decay!r}*theta")
    return method.with_gradient(*changes)


def _number(name: str, value: Any) -> float:
    try:
        number = float("nan") if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not 0 <= number < float("inf"):
        raise OptionError(f"{name} is {value!r}: give a finite number, 0 or more")
    return number


def _positive(name: str, value: Any) -> float:
    number = _number(name, value)
    if number == 0:
        raise OptionError(f"{name} is {value!r}: give a number above 0")
    return number
