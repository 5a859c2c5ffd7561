"""The rank of the Jacobian: which parameters the data tell apart, and what alone matters of the others ("only a*b matters")."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.descent.objective import Array, Objective
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.tangent import tangent
from steepest.insight.curvature import free_names, named
from steepest.language.names import printable

NEARLY = 1e-8  # of a direction: how exactly it must change no row
AWAY = 0.1  # how far from the point the second look is


class Rank(NamedTuple):
    """`rank` of `size` parameters; `null` (k, size - rank): directions that change no prediction; `matters` says so in words."""

    rank: int
    size: int
    null: Array
    matters: str

    @property
    def full(self) -> bool:
        return self.rank == self.size


def rank(objective: Objective, theta: Array) -> Rank:
    """At theta, and beside it: a point alone may be short of rank by chance."""
    names = free_names(objective)
    beside = theta + AWAY * (1 + np.abs(theta)) * np.random.default_rng(0).uniform(0.5, 1.0, len(theta))
    null = directions(objective, theta)
    if not null.size or not np.isfinite(null).all():
        return Rank(len(names), len(names), np.empty((len(names), 0)), "")
    other = directions(objective, beside)
    if not other.size:
        said = f"the data do not tell {named(null[:, 0], names)} at this point, but do beside it"
    else:
        said = combination((null, other), (theta[objective.free], beside[objective.free]), names)
    return Rank(len(names) - null.shape[1], len(names), null, said)


def directions(objective: Objective, theta: Array) -> Array:
    """Of length 1, (k, k - rank), over the free parameters."""
    loss = FreeLoss(objective, theta)
    if not loss.is_finite(loss.start):
        return np.empty((len(loss.start), 0))
    at = tangent(loss, loss.start)
    raw = at.nothing / at.scale[:, None]
    lengths = np.linalg.norm(raw, axis=0)
    return raw / np.where(lengths > 0, lengths, 1.0)


def combination(nulls: tuple[Array, Array], points: tuple[Array, Array], names: tuple[str, ...]) -> str:
    """What stays the same along all directions that change no prediction: a product, a sum, a ratio or a difference."""
    moving = np.flatnonzero(np.max(np.abs(nulls[0]), axis=1) > NEARLY)
    listed = [printable(names[k], 40) for k in moving]
    if len(moving) == 1:
        return f"{listed[0]} changes no prediction"
    if nulls[0].shape == nulls[1].shape and nulls[0].shape[1] == len(moving) - 1:
        ones, signs = np.ones(len(moving)), np.where(np.arange(len(moving)) == len(moving) - 1, -1.0, 1.0)
        shapes = [("*".join(listed), ones, True), (" + ".join(listed), ones, False)]
        if len(moving) == 2:
            shapes += [("/".join(listed), signs, True), (" - ".join(listed), signs, False)]
        for text, sign, relative in shapes:
            with np.errstate(all="ignore"):  # the gradient of a product, by its value, is 1/x
                slopes = [sign / x[moving] if relative else sign for x in points]
            if all(level(null[moving], slope) for null, slope in zip(nulls, slopes, strict=True)):
                return f"only {text} matters"
    return f"{', '.join(listed[:-1])} and {listed[-1]} can change together without changing any prediction"


def level(null: Array, slope: Array) -> bool:
    """Does nothing with this gradient change along the directions?"""
    return bool(np.isfinite(slope).all() and np.all(np.abs(null.T @ slope) <= NEARLY * np.linalg.norm(slope)))
