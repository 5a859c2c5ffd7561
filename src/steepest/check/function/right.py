"""What is right: float64 autograd of a plain forward; or adaptive differences of the function's own, in float64.

Differences have every coordinate up to a size. Beyond it they have some coordinates of each input, and a random direction
within each: a direction alone would hide a wrong coordinate among very many, so where one fails it is bisected.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from steepest.check.function.functions import Function
from steepest.check.user import Unusable
from steepest.engines.differences import FIRST, derivative

Array = np.ndarray[Any, Any]
WHOLE = 48  # given coordinates that are differenced one by one
SAMPLE = 2  # of each input, where there are more
ROUGH = 1e-3  # a difference that is surer than this part of the gradient says something


class Place(Protocol):
    """A point: see `points.Point`."""

    @property
    def values(self) -> tuple[Any, ...]: ...
    @property
    def cotangent(self) -> Array: ...
    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]: ...
    @property
    def owners(self) -> Array: ...


class Probe(NamedTuple):
    """What is looked at of a gradient: coordinates (None: all), and then a direction within each input, (d, p)."""

    at: Array | None
    directions: Array
    blocks: Array  # the wanted input of each number that is seen

    def see(self, gradient: Array) -> Array:
        if self.at is None:
            return gradient
        return np.concatenate([gradient[self.at], self.directions @ gradient])

    def mass(self, sizes: Array) -> Array:
        if self.at is None:
            return abs(sizes)
        return np.concatenate([abs(sizes[self.at]), abs(self.directions) @ abs(sizes)])


class Right(NamedTuple):
    """The right numbers, (m,), and about how far off they are where they are differences."""

    value: Array
    error: Array
    probe: Probe

    @property
    def whole(self) -> bool:
        """Is every coordinate known?"""
        return self.probe.at is None


class Witness(Protocol):
    """What knows the right gradient."""

    words: str

    def shapes(self, values: tuple[Any, ...]) -> tuple[tuple[int, ...], ...]: ...
    def output(self, values: tuple[Any, ...]) -> Array: ...
    def is_finite(self, point: Any) -> bool: ...
    def right(self, point: Any) -> Right: ...


class Autograd:
    """Float64 autograd of a plain forward."""

    words = "float64 autograd of the reference"

    def __init__(self, reference: Function) -> None:
        self.reference = reference

    def shapes(self, values: tuple[Any, ...]) -> tuple[tuple[int, ...], ...]:
        return tuple(output.shape for output in self.reference.outputs(values, "float64"))

    def output(self, values: tuple[Any, ...]) -> Array:
        return self.reference.output(values, "float64")

    def is_finite(self, point: Place) -> bool:
        gradient = self.reference.gradient(point.values, point.cotangent, "float64")
        return bool(np.isfinite(self.output(point.values)).all() and np.isfinite(gradient).all())

    def right(self, point: Place) -> Right:
        value = self.reference.gradient(point.values, point.cotangent, "float64")
        return Right(value, np.zeros_like(value), Probe(None, np.zeros((0, value.size)), point.owners))


class Differences:
    """Adaptive central differences of the function's own forward, in float64."""

    words = "adaptive differences of its own forward"

    def __init__(self, function: Function, wanted: tuple[int, ...], size: int, seed: int) -> None:
        self.function, self.wanted, self.seed = function, wanted, seed
        self.whole = size <= WHOLE
        self.watched: list[int] = []  # coordinates of the given shape that are looked at besides

    def shapes(self, values: tuple[Any, ...]) -> tuple[tuple[int, ...], ...]:
        return tuple(output.shape for output in self.function.outputs(values, "float64"))

    def output(self, values: tuple[Any, ...]) -> Array:
        return self.function.output(values, "float64")

    def is_finite(self, point: Place) -> bool:
        return bool(np.isfinite(self.output(point.values)).all())

    def right(self, point: Place) -> Right:
        probe = self._probe(point)
        index = np.arange(point.owners.size) if probe.at is None else probe.at
        found = [self.along_coordinate(point, int(k)) for k in index]
        found += [self.along(point, direction) for direction in probe.directions]
        value, error = np.array(found).T
        return Right(value, error, probe)

    def along_coordinate(self, point: Place, k: int) -> tuple[float, float]:
        """The derivative by coordinate k, and about its error."""
        here = flat(point.values, self.wanted)
        start = float(here[k])

        def value(x: float) -> tuple[Array, Array]:
            here[k] = x
            return self._summed(point, here)

        slope, error = derivative(value, start, FIRST * max(1.0, abs(start)))
        return float(slope[0]), float(error[0])

    def along(self, point: Place, direction: Array) -> tuple[float, float]:
        """The derivative along a direction, (p,), and about its error."""
        here = flat(point.values, self.wanted)
        slope, error = derivative(lambda t: self._summed(point, here + t * direction), 0.0, FIRST)
        return float(slope[0]), float(error[0])

    def _summed(self, point: Place, here: Array) -> tuple[Array, Array]:
        """The outputs times the cotangent, added up, and their mass."""
        try:
            terms = point.cotangent * self.output(with_wanted(point.values, here, self.wanted))
        except Unusable:
            terms = np.array([np.nan])
        return np.sum(terms, keepdims=True), np.sum(abs(terms), keepdims=True)

    def _probe(self, point: Place) -> Probe:
        owners = point.owners
        if self.whole:
            return Probe(None, np.zeros((0, owners.size)), owners)
        rng = np.random.default_rng([self.seed, owners.size])
        sampled = [k for block in np.unique(owners) for k in _few(np.flatnonzero(owners == block), rng)]
        index = np.array(sorted({*sampled, *(k for k in self.watched if k < owners.size)}))
        signs = [rng.choice([-1.0, 1.0], owners.size) * (owners == block) for block in np.unique(owners)]
        return Probe(index, np.array(signs), np.concatenate([owners[index], np.unique(owners)]))


def deaf_to(function: Function, base: tuple[Any, ...], wanted: tuple[int, ...]) -> int | None:
    """The place of an input whose tenth digit changes no output, though its second one does."""
    here = function.output(base, "float64")
    for k in wanted:
        small, large = (function.output((*base[:k], base[k] * (1 + t), *base[k + 1 :]), "float64") for t in (1e-10, 1e-2))
        if (small == here).all() and not (large == here).all():
            return k
    return None


def _few(places: Array, rng: np.random.Generator) -> list[int]:
    return [int(k) for k in (places if places.size <= SAMPLE else rng.choice(places, SAMPLE, replace=False))]


def flat(values: tuple[Any, ...], wanted: tuple[int, ...]) -> Array:
    """All wanted inputs in one vector, (p,)."""
    return np.concatenate([np.ravel(values[k]) for k in wanted])


def with_wanted(values: tuple[Any, ...], here: Array, wanted: tuple[int, ...]) -> tuple[Any, ...]:
    """The values with other numbers in the wanted inputs."""
    found, start = list(values), 0
    for k in wanted:
        size = np.size(values[k])
        found[k] = here[start : start + size].reshape(np.shape(values[k]))
        start += size
    return tuple(found)
