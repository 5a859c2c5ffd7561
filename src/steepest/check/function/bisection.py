"""The wrong one of very many coordinates, where there is no reference: a direction that fails is halved, log2(n) times."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.check.function.exam import SURE, Array, Exam, Reading
from steepest.check.function.right import Differences
from steepest.check.gradient.exam import FITTED
from steepest.check.rounding import TINY

MOST = 8  # wrong coordinates that are searched for


def find_coordinates(exam: Exam) -> None:
    """Every coordinate that a failing direction hides is looked at from now on, at every point."""
    witness = exam.witness
    if not isinstance(witness, Differences) or exam.many[0].right.whole:
        return
    reading = next((reading for reading in exam.many if np.max(reading.gap) > FITTED), None)
    if reading is None:
        return
    mended = reading.gradient.copy()
    for _ in range(MOST):
        failing = _failing(exam, reading, mended)
        if failing is None:
            break
        k = _bisected(exam, witness, reading, mended, *failing)
        if k is None or k in witness.watched:
            break
        witness.watched.append(k)
        mended[k] = witness.along_coordinate(reading.point, k)[0]
    if witness.watched:
        exam.forget()
        exam.take([reading.point for reading in exam.many])


def _failing(exam: Exam, reading: Reading, gradient: Array) -> list[Any] | None:
    """A direction in which the gradient is wrong, the right derivative along it, and about its error.

    Not in an input of which a sampled coordinate is wrong, too: there, many are.
    """
    probe = reading.right.probe
    count = 0 if probe.at is None else probe.at.size
    many = probe.blocks[:count][reading.gap[:count] > FITTED]
    known = zip(probe.blocks[count:], probe.directions, reading.g[count:], reading.right.error[count:], strict=True)
    return next((one for block, *one in known if block not in many and _gap(exam, gradient, *one) > FITTED), None)


def _bisected(
    exam: Exam, witness: Differences, reading: Reading, gradient: Array, direction: Array, value: float, error: float
) -> int | None:
    """The half that is further off, again and again; the other half is what is left of the whole."""
    while np.count_nonzero(direction) > 1:
        places = np.flatnonzero(direction)
        half = np.zeros_like(direction)
        half[places[: places.size // 2]] = direction[places[: places.size // 2]]
        one = witness.along(reading.point, half)
        other = (value - one[0], error + one[1])
        if _gap(exam, gradient, half, *one) >= _gap(exam, gradient, direction - half, *other):
            direction, (value, error) = half, one
        else:
            direction, (value, error) = direction - half, other
    k = int(np.flatnonzero(direction)[0])
    value, error = witness.along_coordinate(reading.point, k)
    return k if _gap(exam, gradient, abs(direction), value, error) > FITTED else None


def _gap(exam: Exam, gradient: Array, direction: Array, value: float, error: float) -> float:
    unit = exam.eps * (float(abs(direction) @ abs(gradient)) + abs(value)) + error * (SURE / FITTED) + TINY
    return abs(float(direction @ gradient) - value) / unit
