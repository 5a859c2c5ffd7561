"""A guess about a loop, its free numbers fitted to every other step, and the judgement on the steps between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from steepest.check.loop.steps import Steps
from steepest.descent.objective import Array

ROUNDS = 12


Valid = Callable[[Array, Array], bool]


def positive(numbers: Array, uncertain: Array) -> bool:
    """Is every free number clearly above 0?"""
    return bool((numbers > uncertain).all())


@dataclass(frozen=True)
class Guess:
    """What a loop may have done. `names` and `start` are its free numbers, `predict(numbers)` the steps, (n, p), NaN where it
    says nothing, `noise(numbers)` what rounding hides of them.

    `said` is the sentence, with a place for each name and for each of `words`; `how` is the loop in one formula. `valid` is
    asked of the fitted numbers and their uncertainties. `hidden` counts whole numbers that were found by trying.
    """

    cause: str | None
    said: str
    how: str
    names: tuple[str, ...]
    start: tuple[float, ...]
    predict: Callable[[Array], Array]
    noise: Callable[[Array], Array]
    valid: Valid = positive
    words: Mapping[str, str] = field(default_factory=dict)
    node: str | None = None
    hidden: int = 0

    def sentence(self, numbers: Array) -> str:
        return self.said.format(**dict(zip(self.names, numbers, strict=True)), **self.words)


class Fitted(NamedTuple):
    """`ratio` (n, p): the error of each step in units of what is allowed, NaN where nothing was predicted. `held` are the steps
    that were held out."""

    guess: Guess
    numbers: Array
    uncertain: Array
    ratio: Array
    held: Array
    predicted: Array
    allowed: Array

    @property
    def worst(self) -> float:
        return float(np.nanmax(self.ratio, initial=0.0))

    @property
    def free(self) -> int:
        return len(self.numbers) + self.guess.hidden

    @property
    def fits(self) -> bool:
        """Every step within what is allowed, the numbers such as the cause needs them."""
        told = int(np.isfinite(self.ratio[self.held]).sum())
        return told > self.free and self.worst <= 1 and self.guess.valid(self.numbers, self.uncertain)


@np.errstate(all="ignore")
def fit(guess: Guess, steps: Steps) -> Fitted | None:
    """Gauss-Newton on the even steps; None where they do not determine the numbers."""
    numbers = np.array(guess.start, dtype=float)
    inverse = np.zeros((0, 0))
    held = np.arange(len(steps.at)) % 2 == 1
    for _ in range(ROUNDS):
        predicted, allowed, slopes = _around(guess, numbers)
        usable = np.isfinite(predicted) & np.isfinite(allowed)
        train = usable & ~held[:, None]
        found = _inverse(slopes[train])
        if found is None:
            return None
        inverse = found
        change = inverse @ ((steps.step - predicted) / allowed)[train]
        numbers = numbers + change
        if (abs(change) <= 1e-14 * abs(numbers)).all():
            break
    predicted, allowed, slopes = _around(guess, numbers)
    # What is allowed of the steps that were fitted reaches the numbers, and through them every step.
    allowed = allowed * (1 + np.abs(slopes @ inverse).sum(axis=-1))
    ratio = np.where(usable, abs(steps.step - predicted) / allowed, np.nan)
    return Fitted(guess, numbers, np.abs(inverse).sum(axis=1), ratio, held, predicted, allowed)


def _around(guess: Guess, numbers: Array) -> tuple[Array, Array, Array]:
    """The steps, what is allowed of them, and their derivatives in units of that, (n, p, k)."""
    allowed = guess.noise(numbers) + np.finfo(float).tiny
    return guess.predict(numbers), allowed, _slopes(guess, numbers) / allowed[..., None]


def _slopes(guess: Guess, numbers: Array) -> Array:
    """Derivatives of the predicted steps with respect to each number, (n, p, k)."""
    found = []
    for k, value in enumerate(numbers):
        h = 1e-6 * (abs(value) or 1.0)
        ahead, behind = numbers.copy(), numbers.copy()
        ahead[k], behind[k] = value + h, value - h
        found.append((guess.predict(ahead) - guess.predict(behind)) / (ahead[k] - behind[k]))
    shape = guess.predict(numbers).shape
    return np.stack(found, axis=-1) if found else np.zeros((*shape, 0))


def _inverse(slopes: Array) -> Array | None:
    """The pseudo-inverse of a matrix of full rank, its columns scaled."""
    if not slopes.shape[1]:
        return np.zeros((0, len(slopes)))
    if len(slopes) < slopes.shape[1]:
        return None
    size = np.linalg.norm(slopes, axis=0)
    if not np.isfinite(size).all() or (size == 0).any():
        return None
    scaled = slopes / size
    left, values, right = np.linalg.svd(scaled, full_matrices=False)
    if values[-1] <= 1e-13 * values[0]:
        return None
    return np.asarray((right.T / values @ left.T) / size[:, None])
