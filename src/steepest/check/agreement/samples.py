"""The gradients of single rows: their mean is the gradient of all rows, and their spread is the noise of a sampled batch."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from steepest.descent.objective import Array, Objective

BATCH = 10  # rows of the sampled batch, where there are twice as many
DRAWS = 1_000


class Samples(NamedTuple):
    """(p,) each. A single row's gradient estimates that of all rows: `spread` is its standard deviation.

    `difference` is mean - gradient; `batch_spread` was measured over 1,000 batches drawn without replacement, and
    `expected` = spread·√((n - B)/(B·(n - 1))) is what sampling theory says of them.
    """

    rows: int
    mean: Array
    gradient: Array
    difference: Array
    spread: Array
    batch: int
    batch_spread: Array
    expected: Array

    def to_dict(self) -> dict[str, Any]:
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in self._asdict().items()}


@np.errstate(all="ignore")
def samples(objective: Objective, theta: Array, seed: int = 0) -> Samples:
    """The identity and the spread at one point. Each row's gradient is scaled so that it estimates the whole one.

    Source: Bottou, Curtis and Nocedal 2018, SIAM Review 60, section 3.
    """
    each = np.asarray(objective.rows("gradient", theta)[1:], dtype=float)
    n = each.shape[1]
    weights = np.ones(n) if objective.weights is None else objective.weights
    each = objective.moving((each * weights * n / float(objective.divisor)).T)
    gradient = np.asarray(objective.at(theta).gradient, dtype=float)
    mean = each.mean(axis=0)
    spread = each.std(axis=0)
    batch = min(BATCH, max(1, n // 2))
    rng = np.random.default_rng(seed)
    means = np.array([each[rng.choice(n, batch, replace=False)].mean(axis=0) for _ in range(DRAWS)])
    shrink = np.sqrt((n - batch) / (batch * max(n - 1, 1)))
    return Samples(n, mean, gradient, mean - gradient, spread, batch, means.std(axis=0), spread * shrink)
