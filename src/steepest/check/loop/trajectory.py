"""A trajectory as a user gives it: theta step by step, how finely it was recorded, and in which numbers it was computed."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from steepest.data.read import read_table
from steepest.errors import DataError, OptionError, unknown

Array = np.ndarray[Any, Any]
BEFORE_THE_END = 5  # steps dropped before the first value that is not finite: there, nothing is accurate any more
LOOKED_AT = 2_000  # values from which the number of digits is read off
FULL = 16  # significant digits that only an unrounded float64 needs
DOUBLE, SINGLE = (float(np.finfo(kind).eps) for kind in (np.float64, np.float32))
SINGLE_DIGITS = 9  # digits that a float32 needs at most


class Trajectory(NamedTuple):
    """`theta` (steps + 1, p); `noise`: how far each recorded value may be off.

    `eps`: the relative roundings that the arithmetic may have had, the finest first.
    """

    theta: Array
    noise: Array
    eps: tuple[float, ...]
    recorded: str  # "float64", "float32", "6 decimals", "7 digits"
    cut: int | None  # the row of the first value that is not finite

    @property
    def steps(self) -> int:
        return len(self.theta) - 1


def read_trajectory(given: Any, parameters: Sequence[str]) -> Trajectory:
    """Reads a trajectory: the path of a table, a mapping or a frame with a column a parameter, a Trace, or an array (steps + 1, p).

    Raises DataError for a column that is missing, OptionError for a form that does not fit.

    >>> read_trajectory([[1.0, 0.5], [0.875, 0.25]], ["a", "b"]).steps
    1
    """
    values, single = _values(given, tuple(parameters))
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    cut = int(bad[0]) if len(bad) else None
    theta = values if cut is None else values[: max(1, cut - BEFORE_THE_END)]
    with np.errstate(over="ignore"):
        single = single or bool((theta == theta.astype(np.float32)).all())
    if single:
        return Trajectory(theta, 0.5 * SINGLE * abs(theta), (DOUBLE, SINGLE), "float32", cut)
    return _printed(theta, cut)


def _values(given: Any, parameters: tuple[str, ...]) -> tuple[Array, bool]:
    """(steps + 1, p) in float64, and whether the numbers are known to be float32."""
    if hasattr(given, "theta") and hasattr(given, "step"):  # a Trace
        if not (np.diff(given.step) == 1).all():
            raise OptionError("the trajectory leaves out steps: the loop doctor needs every one, so record with every=1")
        given = given.theta
    if isinstance(given, str | os.PathLike | Mapping) or (hasattr(given, "columns") and not hasattr(given, "ndim")):
        return _columns(given, parameters)
    if hasattr(given, "columns"):  # a pandas frame
        return _columns(given, parameters)
    try:
        array = np.asarray(given)
        single = array.dtype == np.float32
        array = np.array(array, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise OptionError(f"the trajectory cannot be read as numbers ({error}): give theta step by step") from None
    if array.ndim == 1 and len(parameters) == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] != len(parameters) or not len(array):
        raise OptionError(
            f"the trajectory has the shape {array.shape}: give a row for each step and {len(parameters)} columns "
            f"({', '.join(parameters)})"
        )
    return array, single


def _columns(given: Any, parameters: tuple[str, ...]) -> tuple[Array, bool]:
    table = read_table(given)
    for name in parameters:
        if name not in table.names:
            raise DataError(f"{table.source}, a trajectory: {unknown('parameter', name, table.names)}; name a column {name}")
    arrays = table.read(parameters).arrays
    return np.column_stack([arrays[name] for name in parameters]), False


def _printed(theta: Array, cut: int | None) -> Trajectory:
    """How many digits the numbers were written with: the same number after the point, or the same number in all."""
    digits, decimals = _digits(theta)
    most = int(digits.max(initial=0))
    if most >= FULL or (theta == theta[0]).all():  # one number alone does not tell how numbers are written
        return Trajectory(theta, 0.5 * DOUBLE * abs(theta), (DOUBLE,), "float64", cut)
    places = int(decimals.max(initial=0))
    if np.mean(decimals == places) >= np.mean(digits == most):
        noise = np.full(theta.shape, 0.5 * 10.0**-places)
        recorded = f"{places} decimals"
    else:
        size = np.floor(np.log10(np.where(theta == 0, 1.0, abs(theta))))
        noise = 0.5 * 10.0 ** (size - most + 1)
        recorded = f"{most} digits"
    return Trajectory(theta, noise, (DOUBLE, SINGLE) if most <= SINGLE_DIGITS else (DOUBLE,), recorded, cut)


def _digits(theta: Array) -> tuple[Array, Array]:
    """Significant digits and decimals of each value that is not 0, as Python writes it."""
    found = []
    for value in theta.ravel()[:LOOKED_AT].tolist():
        if value != 0 and math.isfinite(value):
            _, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
            found.append((len(digits), max(0, -int(exponent))))
    pairs = np.array(found, dtype=int).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]
