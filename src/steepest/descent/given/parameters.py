"""Where a descent starts and which parameters move: names and numbers as a user gives them, turned into vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from steepest.errors import OptionError, unknown

Array = np.ndarray[Any, Any]
FREE = (-math.inf, math.inf)


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
    """The values that a descent starts from, as given (exact numbers stay exact), the positions that move, and how far."""

    values: tuple[Any, ...]
    free: tuple[int, ...]
    assumed: tuple[str, ...]  # names that were given no value, and start at 1, or as near to it as their bounds let them
    bounds: tuple[tuple[float, float], ...] = ()  # (low, high) of every parameter; empty where none has any

    @property
    def said(self) -> list[str]:
        """What was decided for the user."""
        if not self.assumed:
            return []
        begin = "it starts" if len(self.assumed) == 1 else "they start"
        bounded = any(low > 1 or high < 1 for low, high in self.bounds)
        where = "1, or at the bound nearest to it" if bounded else "1"
        return [f"no start given for {', '.join(self.assumed)}: {begin} at {where}; give start={{…}}"]

    @property
    def box(self) -> Box | None:
        """The bounds, or None where there are none."""
        return Box(*np.array(self.bounds).T) if self.bounds else None

    def moved(self, values: tuple[Any, ...], names: Sequence[str]) -> Start:
        """The same from other values."""
        for name, value, (low, high) in zip(names, values, self.bounds, strict=False):
            if not low <= value <= high:
                raise OptionError(outside("start", name, value, low, high))
        return Start(values, self.free, (), self.bounds)


class Box(NamedTuple):
    """Between which values each parameter may lie, (p,) both; -inf and inf where it is free."""

    low: Array
    high: Array

    @staticmethod
    def read(bounds: Mapping[str, Sequence[float | None]], names: Sequence[str]) -> Box | None:
        """From a recipe, where None stands for no bound."""
        if not bounds:
            return None
        pairs = [bounds.get(name, (None, None)) for name in names]
        low, high = ([otherwise if pair[k] is None else pair[k] for pair in pairs] for k, otherwise in enumerate(FREE))
        return Box(np.array(low, dtype=float), np.array(high, dtype=float))

    def touched(self, theta: Array) -> Array:
        """Which parameters are at one of their bounds, (p,) of bool."""
        touched: Array = (theta == self.low) | (theta == self.high)
        return touched

    def inside(self, theta: Array) -> Array:
        """The nearest point in the box."""
        return np.clip(theta, self.low, self.high)

    def of(self, positions: Any) -> Box:
        """That of some parameters."""
        return Box(self.low[positions], self.high[positions])


def read_start(given: Any, names: Sequence[str], shipped: Mapping[str, Any], what: str = "start") -> Start:
    """Reads a start: a mapping by name, a vector in the order of `names`, a `random` start, or None.

    A value in a mapping is a number, or a mapping with "value" and, as wanted, "fixed": True, or bounds, "min" and "max". A name
    without a value takes that of the shipped example, else 1, or the nearest value within its bounds. `what` names the option in
    errors. Raises OptionError for a name that is no parameter, a value that is no finite number or outside its bounds, or a vector
    of another length.
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
    entries = [_entry(name, values.get(name, {}), what, shipped.get(name)) for name in names]
    assumed = tuple(name for name in names if name not in shipped and not _has_value(given.get(name, {})))
    bounds = tuple(entry.bounds for entry in entries)
    return Start(
        tuple(entry.value for entry in entries),
        tuple(k for k, entry in enumerate(entries) if not entry.fixed),
        assumed,
        bounds if any(pair != FREE for pair in bounds) else (),
    )


KEYS = ("value", "fixed", "min", "max")


class Entry(NamedTuple):
    """What a start says of one parameter."""

    value: Any
    fixed: bool = False
    bounds: tuple[float, float] = FREE


def _has_value(entry: Any) -> bool:
    return "value" in entry if isinstance(entry, Mapping) else True


def _entry(name: str, entry: Any, what: str, otherwise: Any) -> Entry:
    if not isinstance(entry, Mapping):
        return Entry(_number(name, entry, what))
    for key in entry:
        if key not in KEYS:
            raise OptionError(f"{what} of '{name}': {unknown('key', str(key), (*KEYS, 'tie'))}")
    fixed = bool(entry.get("fixed", False))
    low, high = _bound(name, "min", entry.get("min"), -math.inf), _bound(name, "max", entry.get("max"), math.inf)
    if not low < high:
        raise OptionError(f"'{name}' has min {low:g} and max {high:g}: give a min below the max, or fix '{name}'")
    if "value" not in entry:
        if fixed and otherwise is None:
            raise OptionError(f"'{name}' is fixed and has no value: give {{'value': …, 'fixed': True}}")
        value = 1 if otherwise is None else otherwise
        return Entry(value if low <= value <= high else min(max(value, low), high), fixed, FREE if fixed else (low, high))
    value = _number(name, entry["value"], what)
    if not low <= value <= high:
        raise OptionError(outside(what, name, value, low, high))
    return Entry(value, fixed, FREE if fixed else (low, high))


def outside(what: str, name: str, value: Any, low: float, high: float) -> str:
    return f"{what} of '{name}' is {shown(value)}, outside its bounds, {low:g} to {high:g}: start inside them"


def _bound(name: str, key: str, value: Any, otherwise: float) -> float:
    if value is None:
        return otherwise
    try:
        if not isinstance(value, bool | str) and not math.isnan(value):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise OptionError(f"{key} of '{name}' is {shown(value)}: give a number")


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
