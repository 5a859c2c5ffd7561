"""One visit: the function's gradient beside the right one, how far apart rounding lets them be, and the proof.

Rounding is measured, not guessed: what a run in float32 is off in a coordinate, times the ratio of the two ε, is what a run in
float64 may be off. It is taken over several points, and is at least what the middle coordinate of the same input has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from steepest.check.function.functions import Function
from steepest.check.function.points import HELD, MANY, OFTEN, Point, Points
from steepest.check.function.right import Autograd, Right, Witness
from steepest.check.gradient.exam import FITTED, gap
from steepest.check.report import Diagnosis, Proof
from steepest.check.rounding import TINY
from steepest.check.user import Unusable

Array = np.ndarray[Any, Any]
SINGLE = float(np.finfo(np.float32).eps)
SURE = 10.0  # errors that a difference may be off
User = Callable[[Point], Array]


class Reading(NamedTuple):
    """An answer at a point, (p,), and the right one. Two right computations are less than `FITTED` units apart, (m,)."""

    point: Point
    right: Right
    gradient: Array
    unit: Array

    @property
    def u(self) -> Array:
        """The user's numbers that are looked at, (m,)."""
        return self.right.probe.see(self.gradient)

    @property
    def g(self) -> Array:
        return self.right.value

    @property
    def gap(self) -> Array:
        """|yours - right| in units."""
        return gap(self.u, self.g, self.unit)


class Exam:
    """The patient, what is right, and the readings that every step of the tree looks at."""

    def __init__(self, function: Function, witness: Witness, points: Points, dtype: str, eps: float) -> None:
        self.function, self.witness, self.points, self.dtype, self.eps = function, witness, points, dtype, eps
        self.user: User = lambda point: function.gradient(point.values, point.cotangent, dtype)
        self.steady = True  # may it be called between two questions?
        self.first: list[Point] = []  # the given inputs, twice
        self.drawn: list[Point] = []
        self.held: list[Point] = []
        self.many: list[Reading] = []
        self.by_rows: list[Reading] = []
        self._rights: dict[int, tuple[Point, Right]] = {}
        self._noises: dict[int, tuple[Point, Array]] = {}

    def draw(self) -> None:
        """The given inputs with two cotangents, and points around them."""
        self.first = [point for point in (self.points.given(), self.points.given()) if point is not None]
        self.drawn, self.held = self.points.around(MANY), self.points.around(HELD)

    def is_given(self, point: Point) -> bool:
        return any(point is other for other in self.first)

    def vary(self) -> None:
        """The same with other numbers of rows, where that is possible: only a wrong gradient is asked."""
        points = [reading.point for reading in self.by_rows] or self.points.with_rows()
        try:
            self.by_rows = [self.read(point) for point in points]
        except Unusable:
            self.by_rows = []
        if self.by_rows and not any(point.rows for point in self.held):
            self.held = [*self.held, *self.points.with_rows(OFTEN if isinstance(self.witness, Autograd) else 1)]

    def take(self, points: Sequence[Point]) -> None:
        self.many = [self.read(point) for point in points]

    def mended(self, repair: Callable[[Any, Any], Any]) -> Exam:
        """The same visit after a repair."""
        other = Exam(self.function, self.witness, self.points, self.dtype, self.eps)
        other.__dict__.update(self.__dict__)

        def user(point: Point) -> Array:
            found = repair(self.user, point)
            if found is None:
                raise Unusable("it is not known how to mend this point")
            return np.asarray(found)

        other.user = user
        other.take([reading.point for reading in self.many])
        other.vary()
        return other

    def coarse(self) -> Exam:
        """The same visit with the tolerance of float32, for a function that computes in it whatever it is given."""
        other = Exam(self.function, self.witness, self.points, self.dtype, SINGLE)
        kept = {name: value for name, value in self.__dict__.items() if name not in ("eps", "_noises")}
        other.__dict__.update(kept, steady=False)
        other.take([reading.point for reading in self.many])
        other.by_rows = [other.read(reading.point) for reading in self.by_rows]
        return other

    def read(self, point: Point) -> Reading:
        gradient = self.user(point)
        plain = Reading(point, self.right(point), gradient, self._plain_unit(point, gradient))
        return plain if np.max(plain.gap, initial=0.0) <= FITTED else plain._replace(unit=self.unit(point, gradient))

    def right(self, point: Point) -> Right:
        known = self._rights.get(id(point))
        if known is None or known[0] is not point:
            known = self._rights[id(point)] = (point, self.witness.right(point))
        return known[1]

    def unit(self, point: Point, gradient: Array) -> Array:
        """How far two right computations can be apart, over FITTED, (m,)."""
        return np.asarray(self._plain_unit(point, gradient) + self.right(point).probe.mass(self.noise(point)))

    def _plain_unit(self, point: Point, gradient: Array) -> Array:
        """The same, where no numbers cancel."""
        right = self.right(point)
        sizes = right.probe.mass(np.nan_to_num(gradient)) + abs(right.value)
        return np.asarray(self.eps * sizes + right.error * (SURE / FITTED) + TINY)

    def noise(self, point: Point) -> Array:
        """What rounding adds where numbers cancel, (p,)."""
        near = [self._noise(other) for other in (*self.first, *self.drawn)]
        if point.rows is None:
            return np.asarray(np.max([*near, self._noise(point)], axis=0) * (self.eps / SINGLE))
        worst = [float(np.max(part, initial=0.0)) for part in self.first[0].blocks(np.max(near, axis=0))]
        return np.array(worst)[point.owners] * (self.eps / SINGLE)

    def _noise(self, point: Point) -> Array:
        known = self._noises.get(id(point))
        if known is None or known[0] is not point:
            functions = [self.function] * (self.steady and self.dtype == "float64")
            functions += [self.witness.reference] if isinstance(self.witness, Autograd) else []
            off = [in_single(function, point) for function in functions]
            worst = np.max(off, axis=0) if off else self._largest(point)
            known = self._noises[id(point)] = (point, worst + middle(worst, point))
        return np.asarray(known[1])

    def _largest(self, point: Point) -> Array:
        """Where there is nothing to measure: a rounding of the largest number of the same input."""
        right = self.right(point)
        if not right.whole:
            return np.zeros(point.owners.size)
        return np.concatenate([np.full(part.size, SINGLE * np.max(abs(part), initial=0.0)) for part in point.blocks(right.value)])

    def settle(self) -> None:
        """The function answers alike every time: it may be asked for its rounding, too."""
        self.steady = True
        self._noises.clear()

    def forget(self) -> None:
        """What is right is asked again: more is looked at."""
        self._rights.clear()

    def prove(self, diagnosis: Diagnosis) -> Proof | None:
        """The repaired gradient at the inputs that were held out; None unless all of it is right, at five of them or more."""
        repair: Callable[[Any, Any], Any] = diagnosis.repair
        worst, points, rows = 0.0, 0, 0
        for point in self.held:
            try:
                with np.errstate(all="ignore"):
                    found = repair(self.user, point)
                if found is None:
                    continue
                right = self.right(point)
                worst = max(worst, float(np.max(gap(right.probe.see(found), right.value, self.unit(point, found)), initial=0.0)))
            except (Unusable, ArithmeticError, ValueError, IndexError, KeyError, TypeError):
                return None
            points, rows = points + 1, rows + (point.shapes[0][0] if point.shapes[0] else 1)
        if points < HELD or not worst <= FITTED:
            return None
        return Proof(points, rows, worst, diagnosis.how)


def in_single(function: Function, point: Point) -> Array:
    """How far a run in float32 is off one in float64, (p,); 0 where the function has not both."""
    try:
        with np.errstate(all="ignore"):
            single = function.gradient(point.values, point.cotangent, "float32")
            off = abs(single - function.gradient(point.values, point.cotangent, "float64"))
    except Unusable:
        return np.zeros(point.owners.size)
    return np.where(np.isfinite(off), off, 0.0)


def middle(sizes: Array, point: Point) -> Array:
    """For every coordinate the median of its input's."""
    parts = point.blocks(sizes)
    return np.concatenate([np.full(part.size, np.median(part)) if part.size else part.ravel() for part in parts])
