"""Which rows a step uses: the order in which batches go through the data, epoch after epoch."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Order = np.ndarray[Any, np.dtype[np.int64]]


class Picked(NamedTuple):
    """The rows of some steps, one step after the other; those of step k are order[edges[k]:edges[k + 1]]."""

    order: Order
    edges: Order


class Batches:
    """Batches of `size` rows. Each epoch goes through a fresh permutation, so every row is used once in it; the last batch of an
    epoch may be smaller. With `replacement`, an epoch is as many rows drawn independently. Rows of weight 0 are left out.

    The stream is that of NumPy's RandomState(seed), which is frozen: the same seed gives the same rows in every version.
    """

    def __init__(self, rows: int, size: int, seed: int, replacement: bool = False, weights: Any = None) -> None:
        self._numbers = None if weights is None or np.all(weights) else np.flatnonzero(weights)
        rows = rows if self._numbers is None else len(self._numbers)
        self.rows, self.size, self.replacement = rows, min(size, rows), replacement
        self.each = -(-rows // self.size)  # batches in an epoch
        self._random = np.random.RandomState(seed)
        self.end: int | None = None  # the last step; the point after it is judged on that step's rows, no new epoch is begun
        self._drawn = 0  # epochs
        self._last = 0  # where the last block began
        self._epochs: dict[int, Order] = {}

    def block(self, first: int, count: int) -> Picked:
        """The rows of the steps first … first + count - 1, counted from 0. What lies before the last two blocks is forgotten."""
        if not self.end or first + count <= self.end:
            return self._block(first, count)
        if first == self.end:
            return self._block(first - 1, 1)
        order, edges = self._block(first, count - 1)
        last = order[edges[-2] :]
        return Picked(np.concatenate([order, last]), np.append(edges, edges[-1] + len(last)))

    def _block(self, first: int, count: int) -> Picked:
        begin, end = (int(self._position(step)) for step in (first, first + count))
        epochs = range(first // self.each, (first + count - 1) // self.each + 1)
        oldest = min(first, self._last) // self.each
        self._last = first
        self._epochs = {epoch: order for epoch, order in self._epochs.items() if epoch >= oldest}
        parts = [self._epoch(epoch)[max(0, begin - epoch * self.rows) : end - epoch * self.rows] for epoch in epochs]
        edges = self._position(np.arange(first, first + count + 1)) - begin
        return Picked(parts[0] if len(parts) == 1 else np.concatenate(parts), edges)

    def epoch(self, steps: Any) -> Any:
        """How many passes over the data so many steps are."""
        return steps / self.each

    def _position(self, step: Any) -> Any:
        """The number of rows that were used before a step."""
        if self.size == 1:
            return step
        epoch, batch = step // self.each, step % self.each
        return epoch * self.rows + batch * self.size

    def _epoch(self, epoch: int) -> Order:
        while self._drawn <= epoch:
            self._epochs[self._drawn] = self._draw()
            self._drawn += 1
        return self._epochs[epoch]

    def _draw(self) -> Order:
        if self.replacement:
            drawn = self._random.randint(0, self.rows, size=self.rows, dtype=np.int64)
        else:
            drawn = self._random.permutation(self.rows).astype(np.int64, copy=False)
        return drawn if self._numbers is None else self._numbers[drawn]
