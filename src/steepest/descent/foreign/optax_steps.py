"""Optimisers of optax, fed with our gradients; JAX compiles their step."""

from __future__ import annotations

from typing import Any

import numpy as np

from steepest.descent.batches import Batches
from steepest.descent.foreign.method import Foreign, failure, kept
from steepest.descent.objective import Array, Objective
from steepest.descent.runners import Rows, Snapshot, batch_rows, work


class OptaxSteps:
    """One update a step, in the precision of theta; the user's configuration of JAX is left as it is."""

    def __init__(self, objective: Objective, method: Foreign, theta: Array, rate: Any, batches: Batches | None = None) -> None:
        import jax
        import optax

        def update(gradient: Any, state: Any, theta: Any, rate: Any) -> Any:
            changes, state = method.make(learning_rate=rate, **method.defaults).update(gradient, state, theta)
            return optax.apply_updates(theta, changes), state

        self.objective, self.method, self.batches = objective, method, batches
        self.theta, self.steps = theta.copy(), 0
        self.guess = 1e-4 + work(objective, batches) * 1e-9
        self._wide = theta.dtype == np.float64
        self._update = jax.jit(update)
        with jax.enable_x64(self._wide):
            try:
                optimizer = method.make(learning_rate=float(rate), **method.defaults)
                self.state = optimizer.init(jax.numpy.array(theta[objective.free]))
            except (TypeError, ValueError) as error:
                raise failure(method, error) from None

    def advance(self, rates: Array) -> Rows:
        import jax

        free, points = self.objective.free, []
        with np.errstate(all="ignore"), jax.enable_x64(self._wide):
            for rate, rows in zip(rates, batch_rows(self.batches, self.steps, len(rates)), strict=True):
                points.append(point := self.objective.at(self.theta, rows))
                try:
                    moved, self.state = self._update(
                        point.gradient[free], self.state, self.theta[free], self.theta.dtype.type(rate)
                    )
                except (TypeError, ValueError) as error:  # it asks for more than a gradient
                    raise failure(self.method, error) from None
                self.theta = self.theta.copy()
                self.theta[free] = np.array(moved)
                self.steps += 1
        thetas, losses, gradients = zip(*points, strict=True)
        return Rows(np.array(thetas), np.array(losses), np.array(gradients))

    def snapshot(self) -> Snapshot:
        state: Any = (self.state,)
        return self.theta.copy(), state, self.steps

    def restore(self, snapshot: Snapshot) -> None:
        (self.state,) = kept(self.method, snapshot)
        self.theta, self.steps = snapshot[0].copy(), snapshot[2]
