"""What the next step will do, before it is taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.lab.words import number

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Prediction:
    """The next step, computed but not taken: the `step` with this number, from `here` (p,) to `there` (p,).

    `before` and `loss` are the losses of all rows at both; a step that leaves the numbers has NaN for `there` and an infinite loss.
    """

    step: int
    settings: Any
    here: Array
    there: Array
    before: float
    loss: float

    @property
    def change(self) -> Array:
        """What is added to each parameter, (p,)."""
        return self.there - self.here

    @property
    def sentence(self) -> str:
        """The prediction in words, as the end of a sentence.

        >>> Prediction(1, None, np.zeros(1), np.ones(1), 2.0, 0.5).sentence
        'step 1 lowers the loss from 2 to 0.5.'
        """
        if not np.isfinite(self.loss):
            return f"step {self.step:,} leaves the numbers: the loss there is not finite."
        if self.loss == self.before:
            return f"step {self.step:,} leaves the loss at {number(self.loss)}."
        word = "lowers" if self.loss < self.before else "raises"
        return f"step {self.step:,} {word} the loss from {number(self.before)} to {number(self.loss)}."
