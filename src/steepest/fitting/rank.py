"""The rank of the Jacobian: which parameters the data tell apart, and what alone matters of the others ("only a*b matters")."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.descent.objective import Array, Objective
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.tangent import tangent
from steepest.language.names import printable

NEARLY = 1e-8  # of a direction: how exactly it must change no row
MOST = 6  # parameters that a sentence can name
BESIDE = "at this point, but do beside it"
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
    names = FreeLoss(objective, theta).names
    beside = theta + AWAY * (1 + np.abs(theta)) * np.random.default_rng(0).uniform(0.5, 1.0, len(theta))
    null = directions(objective, theta)
    if not null.size or not np.isfinite(null).all():
        return Rank(len(names), len(names), np.empty((len(names), 0)), "")
    other = directions(objective, beside)
    if not other.size:
        lost = " and ".join(printable(names[k], 40) for k in moved(null)[:MOST])
        said = f"the data do not tell {lost} {BESIDE}"
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
    """What stays the same along all directions that change no prediction: a product, a ratio, or a weighted sum."""
    moving = moved(nulls[0])
    listed = [printable(names[k], 40) for k in moving]
    if len(moving) > MOST:
        return f"{', '.join(listed[:MOST])} and {len(moving) - MOST} more can change together without changing any prediction"
    if not len(moving):  # rounding hides which
        return ""
    if len(moving) == 1:
        return f"{listed[0]} changes no prediction"
    if nulls[0].shape == nulls[1].shape and nulls[0].shape[1] == len(moving) - 1:
        ones = np.ones(len(moving))
        powers = [("*".join(listed), ones)] + ([("/".join(listed), np.array([1.0, -1.0]))] if len(moving) == 2 else [])
        for text, power in powers:
            with np.errstate(all="ignore"):  # the gradient of a product, by its value, is 1/x
                slopes = [power / x[moving] for x in points]
            if all(level(null[moving], slope) for null, slope in zip(nulls, slopes, strict=True)):
                return f"only {text} matters"
        weights = across(nulls[0][moving])
        if level(nulls[1][moving], weights):
            return f"only {weighted(weights, listed)} matters"
    return f"{', '.join(listed[:-1])} and {listed[-1]} can change together without changing any prediction"


def moved(null: Array) -> Array:
    """The parameters that have a part in the directions, by number."""
    return np.flatnonzero(np.max(np.abs(null), axis=1) > NEARLY)


def across(null: Array) -> Array:
    """What is orthogonal to all directions (k, k - 1), its smallest part ±1, its first one positive."""
    weights: Array = np.linalg.svd(null)[0][:, -1]
    parts = weights[np.abs(weights) > NEARLY]
    weights /= np.min(np.abs(parts)) * np.sign(parts[0])
    return weights


def weighted(weights: Array, names: list[str]) -> str:
    """A sum in words.

    >>> weighted(np.array([10.0, -1.0]), ["m", "c"])
    '10*m - c'
    """
    size = [f"{abs(weight):.4g}" for weight in weights]
    parts = [name if text == "1" else f"{text}*{name}" for text, name in zip(size, names, strict=True)]
    signs = [" - " if weight < 0 else " + " for weight in weights]
    return "".join(sign + part for sign, part, weight in zip(signs, parts, weights, strict=True) if abs(weight) > NEARLY)[3:]


def level(null: Array, slope: Array) -> bool:
    """Does nothing with this gradient change along the directions?"""
    return bool(np.isfinite(slope).all() and np.all(np.abs(null.T @ slope) <= NEARLY * np.linalg.norm(slope)))
