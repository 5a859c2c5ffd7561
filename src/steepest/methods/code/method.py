"""What a method written as code is, and what it is given to work on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from steepest.errors import OptionError, unknown

Array = np.ndarray[Any, Any]


class Point(Protocol):
    """The loss and its gradient at theta, (k,)."""

    @property
    def theta(self) -> Array: ...
    @property
    def loss(self) -> Any: ...
    @property
    def gradient(self) -> Array: ...


class Objective(Protocol):
    """The loss of all rows as a function of the free parameters. Each call is one pass over the rows.

    `l1` are the factors of |theta| in a penalty, (k,), or None; where theta is 0 the gradient is then the shortest of all slopes.
    """

    @property
    def l1(self) -> Array | None: ...

    def at(self, theta: Array) -> Point: ...

    def curved(self, kind: str, theta: Array) -> tuple[Point, Array]:
        """The point, and its "hessian" or its "normal" matrix (Gauss-Newton), (k, k)."""
        ...


class Stuck(Exception):
    """No further step can be taken: why, in words. It is no error, and descent/ makes an outcome of it."""


@dataclass(frozen=True)
class CodeMethod:
    """One step and its start, with the mathematics in one line, the source, and what it needs.

    `needs` is the program of a derivation beside its gradient, if any: "hessian" or "normal". `lr` says what a number means there.
    """

    step: Callable[[Objective, Point, Any], tuple[Point, Any]]
    start: Callable[..., Any]  # start(point, rate, **constants)
    text: str
    source: str
    lr: str = "the first trial step"
    needs: str = ""
    defaults: Mapping[str, float] = field(default_factory=dict)

    def with_constants(self, given: Mapping[str, Any]) -> CodeMethod:
        """The same with other constants. Raises OptionError for a name that is none, or a value that is no number."""
        for name, value in given.items():
            if name not in self.defaults:
                raise OptionError(unknown("hyperparameter", str(name), self.defaults or ["none"]))
            if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not np.isfinite(value):
                raise OptionError(f"the method's constant {name} is {value!r}: give a finite number")
        return replace(self, defaults={**self.defaults, **{name: float(value) for name, value in given.items()}})


class Trial(NamedTuple):
    """A point tried on a line, its distance in units of the direction, and the slope of the loss along the line there."""

    length: float
    point: Point
    slope: float
