"""Optimisers of torch.optim, fed with our gradients."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np

from steepest.descent.batches import Batches
from steepest.descent.foreign.method import Foreign, failure, kept
from steepest.descent.objective import Array, Objective, Point
from steepest.descent.runners import Rows, Snapshot, batch_rows, work


class TorchSteps:
    """One call of `optimizer.step` a step. Its closure evaluates the objective, as often as the optimiser asks (LBFGS: often).

    A row is the point of the first evaluation of its step.
    """

    def __init__(self, objective: Objective, method: Foreign, theta: Array, rate: Any, batches: Batches | None = None) -> None:
        import torch

        self.objective, self.method, self.batches = objective, method, batches
        self.theta, self.steps, self.evaluations = theta.copy(), 0, 0
        self.guess = 1e-4 + work(objective, batches) * 1e-9
        self.parameter = torch.nn.Parameter(torch.tensor(theta[objective.free]))
        try:
            self.optimizer = method.make([self.parameter], lr=float(rate), **method.defaults)
        except (TypeError, ValueError, RuntimeError) as error:
            raise failure(method, error) from None

    def advance(self, rates: Array) -> Rows:
        points, counts = [], []
        with np.errstate(all="ignore"):
            for rate, rows in zip(rates, batch_rows(self.batches, self.steps, len(rates)), strict=True):
                counts.append(self.evaluations + 1)
                points.append(self._step(float(rate), rows))
                self.steps += 1
        thetas, losses, gradients = zip(*points, strict=True)
        return Rows(np.array(thetas), np.array(losses), np.array(gradients), np.array(rates, dtype=float), np.array(counts))

    def snapshot(self) -> Snapshot:
        state: Any = deepcopy((self.optimizer.state_dict(), self.evaluations))
        return self._here(), state, self.steps

    def restore(self, snapshot: Snapshot) -> None:
        import torch

        self.theta, self.steps = snapshot[0].copy(), snapshot[2]
        state, self.evaluations = deepcopy(kept(self.method, snapshot))
        with torch.no_grad():
            self.parameter.copy_(torch.tensor(self.theta[self.objective.free]))
        self.optimizer.load_state_dict(state)

    def _step(self, rate: float, rows: Any) -> Point:
        import torch

        points: list[Point] = []

        def closure() -> float:
            point = self.objective.at(self._here(), rows)
            self.evaluations += 1
            points.append(point)
            self.parameter.grad = torch.tensor(point.gradient[self.objective.free])
            return float(point.loss)

        for group in self.optimizer.param_groups:
            group["lr"] = rate
        try:
            self.optimizer.step(closure)
        except (TypeError, ValueError, RuntimeError) as error:
            raise failure(self.method, error) from None
        return points[0]

    def _here(self) -> Array:
        """All parameters as they are now; a copy."""
        theta = self.theta.copy()
        theta[self.objective.free] = self.parameter.detach().numpy()
        return theta
