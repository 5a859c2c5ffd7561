"""The Hessian of the parameters that move: its spectrum, and its directions in the user's symbols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from steepest.descent.objective import Array, Objective
from steepest.language.names import printable

ZERO = 64 * float(np.finfo(float).eps)  # of λmax, times the parameters: a curvature below it is nothing but rounding
ALONE = 0.9  # of a direction's square: then it has the name of one parameter
SHOWN = 3  # parameters in the name of a direction


class Curvature(NamedTuple):
    """Eigenvalues, ascending, (k,), and the directions that belong to them, the columns of (k, k)."""

    names: tuple[str, ...]
    values: Array
    directions: Array

    @property
    def largest(self) -> float:
        return float(self.values[-1])

    @property
    def rising(self) -> Array:
        """The positive eigenvalues, rounding left out."""
        return self.values[self.values > self.zero]

    @property
    def zero(self) -> float:
        """What counts as no curvature."""
        return ZERO * len(self.values) * float(np.max(np.abs(self.values)))

    @property
    def falling(self) -> int:
        """In how many directions the loss bends down."""
        return int(np.sum(self.values < -self.zero))

    @property
    def level(self) -> int:
        """In how many directions the loss does not bend."""
        return len(self.values) - len(self.rising) - self.falling

    @property
    def condition(self) -> float:
        """λmax/λmin, infinite where a direction is level, nan where one bends down."""
        if self.falling or self.largest <= 0:
            return float("nan")
        return float("inf") if self.level else self.largest / float(self.values[0])

    def named(self, k: int) -> str:
        """Direction k in words: "d", or "0.71*a - 0.71*b"."""
        return named(self.directions[:, k], self.names)


def curvature(objective: Objective, theta: Array) -> Curvature:
    """Of the loss at theta, over the parameters that are not fixed. Values are nan where the Hessian is not finite."""
    hessian = objective.hessian(theta)[np.ix_(objective.free, objective.free)].astype(float)
    return spectrum(hessian, free_names(objective))


def spectrum(hessian: Array, names: tuple[str, ...]) -> Curvature:
    if not np.isfinite(hessian).all():
        return Curvature(names, np.full(len(hessian), np.nan), np.full_like(hessian, np.nan))
    values, directions = np.linalg.eigh(hessian)
    return Curvature(names, values, directions * signs(directions))


def free_names(objective: Objective) -> tuple[str, ...]:
    names = objective.derivation.formula.parameters
    return tuple(names[k] for k in objective.free)


def signs(directions: Array) -> Array:
    """±1, (k,): the largest part of each column is to be positive."""
    largest = directions[np.argmax(np.abs(directions), axis=0), np.arange(directions.shape[1])]
    return np.where(largest < 0, -1.0, 1.0)


def named(direction: Array, names: Sequence[str]) -> str:
    """A direction in words: the parameter that is nearly all of it, else the largest parts, the first one positive.

    >>> named(np.array([0.1, 0.99]), ("a", "b")), named(np.array([0.6, -0.8]), ("a", "b"))
    ('b', '0.80*b - 0.60*a')
    """
    order = np.argsort(-np.abs(direction), kind="stable")
    if direction[order[0]] ** 2 >= ALONE * float(direction @ direction):
        return printable(names[order[0]], 40)
    parts = direction / np.linalg.norm(direction) * (-1 if direction[order[0]] < 0 else 1)
    seen = [k for k in order if abs(parts[k]) >= 0.1]
    text = f"{parts[seen[0]]:.2f}*{printable(names[seen[0]], 40)}"
    for k in seen[1:SHOWN]:
        text += f" {'-' if parts[k] < 0 else '+'} {abs(parts[k]):.2f}*{printable(names[k], 40)}"
    return text + (" …" if len(seen) > SHOWN else "")
