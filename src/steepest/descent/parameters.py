"""Where a descent starts and which parameters move: names and numbers as a user gives them, turned into vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.errors import OptionError, unknown


@dataclass(frozen=True)
class RandomStart:
    """Starts drawn from a distribution; see `random`."""

    distribution: str
    seed: int
    scale: float


def random(distribution: str, seed: int = 0, scale: float = 1.0) -> RandomStart:
    """Random starts: "normal" with standard deviation `scale`, or "uniform" on [-scale, scale].

    >>> random("normal", seed=0)
    RandomStart(distribution='normal', seed=0, scale=1.0)
    """
    if distribution not in ("normal", "uniform"):
        raise OptionError(unknown("distribution of starts", str(distribution), ["normal", "uniform"]))
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise OptionError(f"seed is {shown(seed)}: give a whole number, 0 or more")
    if not is_finite(scale) or scale <= 0:
        raise OptionError(f"scale is {shown(scale)}: give a number in (0, inf)")
    return RandomStart(distribution, seed, scale)


@dataclass(frozen=True)
class Start:
    """The values that a descent starts from, as given (exact numbers stay exact), and the positions that move."""

    values: tuple[Any, ...]
    free: tuple[int, ...]
    assumed: tuple[str, ...]  # names that were given no value, and start at 1

    @property
    def said(self) -> list[str]:
        """What was decided for the user."""
        if not self.assumed:
            return []
        begin = "it starts" if len(self.assumed) == 1 else "they start"
        return [f"no start given for {', '.join(self.assumed)}: {begin} at 1; give start={{…}}"]


def read_start(given: Any, names: Sequence[str], shipped: Mapping[str, Any], what: str = "start") -> Start:
    """Reads a start: a mapping by name, a vector in the order of `names`, a `random` start, or None.

    A value in a mapping is a number, or {"value": number, "fixed": True}. A name without a value takes that of the shipped example,
    else 1. `what` names the option in errors. Raises OptionError for a name that is no parameter, a value that is no finite number,
    or a vector of another length.
    """
    if isinstance(given, RandomStart):
        return Start(_drawn(given, len(names)), tuple(range(len(names))), ())
    if given is not None and not isinstance(given, Mapping):
        return Start(_vector(given, names, what), tuple(range(len(names))), ())
    given = given or {}
    for name in given:
        if name not in names:
            raise OptionError(f"{what}: {unknown('parameter', str(name), names)}")
    values = {**{name: shipped[name] for name in names if name in shipped}, **given}
    assumed = tuple(name for name in names if name not in values)
    entries = [_entry(name, values.get(name, 1), what) for name in names]
    return Start(tuple(value for value, _ in entries), tuple(k for k, (_, fixed) in enumerate(entries) if not fixed), assumed)


def _entry(name: str, entry: Any, what: str) -> tuple[Any, bool]:
    if not isinstance(entry, Mapping):
        return _number(name, entry, what), False
    for key in entry:
        if key not in ("value", "fixed"):
            raise OptionError(f"{what} of '{name}': {unknown('key', str(key), ['value', 'fixed'])}")
    return _number(name, entry.get("value", 1), what), bool(entry.get("fixed", False))


def _number(name: str, value: Any, what: str) -> Any:
    if isinstance(value, bool | str) or not is_finite(value):
        raise OptionError(f"{what} of '{name}' is {shown(value)}: give a finite number")
    return value


def is_finite(value: Any) -> bool:
    """Is this a real number that float64 can hold?"""
    try:
        return math.isfinite(value)
    except (TypeError, ValueError, OverflowError):
        return False


def shown(value: Any) -> str:
    """A value in a message, not too long."""
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python prints
        text = type(value).__name__
    return text if len(text) <= 60 else text[:59] + "…"


def _vector(given: Any, names: Sequence[str], what: str) -> tuple[Any, ...]:
    values = tuple(given) if isinstance(given, Sequence | np.ndarray) and not isinstance(given, str) else None
    if values is None or len(values) != len(names):
        size = "" if values is None else f" (length {len(values)})"
        raise OptionError(
            f"{shown(given)}{size} gives no values for the parameters: give a mapping by name, or a vector of length {len(names)}\n"
            f"in the order of the parameters: {', '.join(names)}"
        )
    return tuple(_number(name, value, what) for name, value in zip(names, values, strict=True))


def _drawn(start: RandomStart, count: int) -> tuple[float, ...]:
    rng = np.random.default_rng(start.seed)
    draw = rng.standard_normal(count) if start.distribution == "normal" else rng.uniform(-1, 1, count)
    return tuple((start.scale * draw).tolist())
