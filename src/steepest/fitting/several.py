"""Several starts around the given one: the lowest minimum that they find, and how many found it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from steepest.descent.given.parameters import shown
from steepest.descent.objective import Array
from steepest.errors import OptionError
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.separable import linear_together, solved
from steepest.fitting.start import candidates
from steepest.fitting.verify import Found

SAME = 1e-6  # of the loss: two minima no further apart are one
DRAWS = 10  # of which one start is the best
WIDTHS = (0.1, 0.3, 1.0)  # of the factors around a start, in decades


def check(starts: Any, seed: Any) -> None:
    for name, value, least in (("starts", starts, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise OptionError(f"{name} is {shown(value)}: give a whole number, {least} or more")


def several(loss: FreeLoss, search: Callable[[Array], Found], starts: int, seed: int) -> Found:
    """The lowest end of the searches from `starts` starts, the given one among them, that is a minimum."""
    ends = [search(loss.inside(start)) for start in spread(loss, starts, np.random.default_rng(seed))]
    heights = np.array([loss.loss(end.x) for end in ends])
    heights[~np.isfinite(heights)] = np.inf
    is_minimum = np.array([end.outcome == "converged" for end in ends])
    best = int(np.argmin(np.where(is_minimum, heights, np.inf) if is_minimum.any() else heights))
    return ends[best]._replace(reason=f"{ends[best].reason}; {tally(loss, heights, is_minimum, best)}")


def spread(loss: FreeLoss, starts: int, rng: np.random.Generator) -> Iterator[Array]:
    """The start; then by turns values of sizes that suit the data, and the start with its values multiplied.

    The factors are 10**U(-w, w) with w = 0.1, 0.3 and 1, with random signs in every sixth. Parameters in which the model is linear
    follow from the others by least squares where that is finite.
    """
    yield loss.start
    objective = loss.objective
    linear = linear_together(objective.derivation, objective.free.tolist()) if loss.measures_residuals else []
    places = [k for k, position in enumerate(objective.free) if position in linear]
    sizes = [candidates(objective, int(position)) for position in objective.free]
    for k in range(1, starts):
        if k % 2:
            x = multiplied(loss.start, k // 2, rng)
            found = solved(loss, x, places) if places else None
            yield x if found is None else found[0]
        else:
            yield suited(loss, places, sizes, rng)


def suited(loss: FreeLoss, places: list[int], sizes: list[Array], rng: np.random.Generator) -> Array:
    """Of a few draws of sizes the one with the least squares; any of them where the loss is not one of residuals."""
    draws = [np.array([rng.choice(values) for values in sizes]) for _ in range(DRAWS if loss.measures_residuals else 1)]
    found = [solved(loss, x, places) for x in draws] if loss.measures_residuals else []
    return min((f for f in found if f is not None), key=lambda f: f[1], default=(draws[0],))[0]


def multiplied(start: Array, k: int, rng: np.random.Generator) -> Array:
    width = WIDTHS[k % len(WIDTHS)]
    signs = rng.choice([-1.0, 1.0], len(start)) if k % 6 == 5 else 1.0
    factors: Array = 10 ** rng.uniform(-width, width, len(start)) * signs
    return np.where(start == 0, 1.0, start) * factors


def tally(loss: FreeLoss, heights: Array, is_minimum: Array, best: int) -> str:
    """How the starts ended, in words. A loss in it is as the problem reduces it."""
    divisor, count = float(loss.objective.divisor), len(heights)
    if not is_minimum.any():
        return f"none of {count} starts ended in a minimum"
    lowest = heights[best]
    blur = SAME * abs(lowest) + 2 * np.sqrt(abs(lowest) * loss.grain) + 100 * loss.grain
    same = is_minimum & (heights <= lowest + blur)
    higher, lost = is_minimum & ~same, ~is_minimum
    parts = [f"of {count} starts {same.sum()} found this minimum"]
    if higher.any():
        parts.append(f"{higher.sum()} ended in other, higher ones, the lowest with a loss of {heights[higher].min() / divisor:.6g}")
    if lost.any():
        parts.append(f"{lost.sum()} in none")
    text = ", ".join(parts)
    if higher[0]:
        text += f"; the given start ended in one of the higher ones, with a loss of {heights[0] / divisor:.6g}"
    below = heights[lost].min(initial=np.inf)
    if below < lowest - blur:
        text += f"; one that ended in none went lower, to a loss of {below / divisor:.6g}"
    return text
