"""Where the function is tried: the inputs that were given, others around them, and the same with 7 and 11 rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from steepest.check.cases import near
from steepest.check.function.arguments import Argument
from steepest.check.function.functions import Calls, pieces
from steepest.check.function.right import Witness
from steepest.check.user import Unusable

Array = np.ndarray[Any, Any]
SPREADS = ((0.2, True), (0.2, False), (0.02, False), (0.002, False))  # around the given inputs; do zeros move?
MANY, HELD = 4, 5
COUNTS = (7, 11)  # besides the given number of rows: pairwise coprime, and coprime to 2
OFTEN = 3  # held-out draws for each number of rows


class Point(NamedTuple):
    """A value for every argument, and a cotangent for every output, (outputs,). `rows` where their number was varied."""

    values: tuple[Any, ...]
    cotangent: Array
    shapes: tuple[tuple[int, ...], ...]  # of the wanted inputs
    rows: int | None = None
    outputs: tuple[tuple[int, ...], ...] = ()

    def blocks(self, flat: Array) -> list[Array]:
        """A gradient, (p,), as one array for each wanted input."""
        return pieces(flat, self.shapes)

    @property
    def owners(self) -> Array:
        """Which wanted input each of the p coordinates belongs to."""
        return np.repeat(np.arange(len(self.shapes)), [int(np.prod(shape)) for shape in self.shapes])


class Points:
    """Draws points at which what is right is finite."""

    def __init__(self, arguments: Sequence[Argument], calls: Calls, witness: Witness, seed: int) -> None:
        self.arguments, self.calls, self.witness = arguments, calls, witness
        self.rng = np.random.default_rng(seed)
        self.names = [argument.name for argument in arguments if argument.wanted]
        self.wanted = tuple(k for k, argument in enumerate(arguments) if argument.wanted)
        self.base = tuple(argument.value for argument in arguments)
        self._varying: tuple[int, ...] | None = None
        self._asked = False

    def name(self, point: Point, k: int) -> str:
        """ "w[3, 5]" for a coordinate, "a" where the input is one number."""
        block = int(point.owners[k])
        before = int(np.count_nonzero(point.owners < block))
        place = np.unravel_index(k - before, point.shapes[block])
        return f"{self.names[block]}[{', '.join(str(int(i)) for i in place)}]" if place else self.names[block]

    def given(self) -> Point | None:
        """The inputs themselves; None where what is right is not finite there."""
        return self._point(self.base)

    def around(self, number: int) -> list[Point]:
        """So many points of the same shapes; fewer, where none can be found."""
        found = [self._drawn(self.base, None) for _ in range(number)]
        return [point for point in found if point is not None]

    def with_rows(self, often: int = 1) -> list[Point]:
        """Points of 7 and of 11 rows; none, where the number of rows cannot be varied."""
        return [point for count in COUNTS for _ in range(often) if (point := self.of_rows(count)) is not None]

    def of_rows(self, count: int) -> Point | None:
        if not self._asked:
            self._asked, self._varying = True, self._shared()
        return None if self._varying is None else self._drawn(self.cut(self.base, count), count)

    @property
    def varying(self) -> tuple[int, ...]:
        """The places of the arguments whose rows are varied."""
        return self._varying or ()

    def cut(self, values: Sequence[Any], count: int) -> tuple[Any, ...]:
        return self.take(values, np.arange(count))

    def take(self, values: Sequence[Any], rows: Array) -> tuple[Any, ...]:
        """These rows of all arguments that are varied; past the last one they begin again."""
        return tuple(value[rows % len(value)] if place in (self._varying or ()) else value for place, value in enumerate(values))

    def again(self, point: Point, values: tuple[Any, ...] | None = None, cotangent: Array | None = None) -> Point:
        """The point with other values or another cotangent, of the same shapes."""
        return point._replace(
            values=point.values if values is None else values, cotangent=point.cotangent if cotangent is None else cotangent
        )

    def _shared(self) -> tuple[int, ...] | None:
        """Which arguments have the rows: those that can be cut together, so that everything still runs."""
        for places in self._candidates():
            self._varying = places
            if all(self._drawn(self.cut(self.base, count), count) is not None for count in COUNTS):
                return places
        return None

    def _candidates(self) -> Iterator[tuple[int, ...]]:
        arrays = {k: a.value for k, a in enumerate(self.arguments) if a.dtype is not None and np.ndim(a.value) > 0 and len(a.value)}
        for count in dict.fromkeys(len(array) for array in arrays.values()):
            alike = [k for k, array in arrays.items() if len(array) == count]
            yield tuple(alike)
            if len(alike) > 1:
                yield tuple(alike[:1])

    def _drawn(self, base: Sequence[Any], rows: int | None) -> Point | None:
        for spread, zeros in SPREADS:
            point = self._point(tuple(self._moved(k, value, spread, zeros) for k, value in enumerate(base)), rows)
            if point is not None:
                return point
        return None

    def _moved(self, k: int, value: Any, spread: float, zeros: bool) -> Any:
        argument = self.arguments[k]
        if argument.dtype is None or value.dtype.kind != "f" or not value.size:
            return value
        moved = near(value.ravel(), spread, self.rng).reshape(value.shape)
        return self.calls.exact(argument, in_structure(value, moved if zeros else np.where(value == 0, value, moved)))

    def _point(self, values: tuple[Any, ...], rows: int | None = None) -> Point | None:
        """The point with a cotangent of few digits, none of them 0 or 1."""
        try:
            outputs = self.witness.shapes(values)
        except Unusable:
            return None
        z = np.round(16 * self.rng.standard_normal(sum(int(np.prod(shape)) for shape in outputs))) / 16
        cotangent = np.where(abs(z) < 0.1, 0.5, np.where(abs(z) == 1, 1.25, z))
        shapes = tuple(np.shape(v) for v, a in zip(values, self.arguments, strict=True) if a.wanted)
        point = Point(values, cotangent, shapes, rows, outputs)
        return point if self.witness.is_finite(point) else None


def in_structure(value: Array, moved: Array) -> Array:
    """Symmetric where the value is, and triangular where it is: a function may look at one half only.

    >>> in_structure(np.eye(2), np.array([[1.5, 0.1], [0.2, 2.0]]))
    array([[1.5, 0. ],
           [0. , 2. ]])
    """
    if value.ndim < 2 or value.shape[-1] != value.shape[-2] or value.shape[-1] < 2:
        return moved
    for half in (np.tril, np.triu):
        if (half(value) == value).all() and value.any():
            moved = half(moved)
    turned = np.swapaxes(moved, -1, -2)
    symmetric = value.any() and (value == np.swapaxes(value, -1, -2)).all()
    return np.where(np.tril(np.ones(value.shape[-2:], dtype=bool)), moved, turned) if symmetric else moved
