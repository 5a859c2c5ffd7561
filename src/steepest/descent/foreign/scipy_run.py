"""Methods of scipy.optimize: their loops cannot be stepped, so they run whole, and the points that they report are the rows."""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from typing import Any

import numpy as np

from steepest.descent.foreign.method import LEAST_SQUARES, MINIMIZE, Foreign, failure
from steepest.descent.free import Free
from steepest.descent.given.parameters import Box
from steepest.descent.interrupt import INTERRUPTED, interrupted
from steepest.descent.objective import Array, Objective, Point
from steepest.descent.runners import Rows, Snapshot, work
from steepest.errors import OptionError


class Enough(Exception):
    """Raised inside a method's callback when the steps or the seconds are used up: the outcome and the reason."""


class WholeRun:
    """Runs at the first `advance`, and hands out the recorded points from then on: the start, those of the callback, the end.

    least_squares has no callback in every version: its points are those where it asks for the Jacobian, the accepted ones.
    """

    def __init__(
        self, objective: Objective, method: Foreign, theta: Array, steps: int, seconds: float | None, box: Box | None = None
    ) -> None:
        if method.name in LEAST_SQUARES and not objective.derivation.criterion.quadratic:
            raise OptionError(
                f"method 'scipy:{method.name}' minimises sums of squares: take loss mse, half-mse or sse, or scipy:L-BFGS-B"
            )
        self.objective, self.method, self.most, self.seconds = objective, method, steps, seconds
        self.free, self.start = Free(objective, theta), theta
        self.box = None if box is None else box.of(objective.free)
        self.guess = 1e-4 + 3 * work(objective, None) * 1e-9
        self.place = 0
        self.points: list[Point] = []
        self.evaluations: list[int] = []
        self.outcome = ("", "")
        self.ended: tuple[str, str] | None = None
        self._known: Point | None = None

    def advance(self, rates: Array) -> Rows:
        if not self.points:
            self._run()
        rows = [] if self.ended else self.points[self.place : self.place + len(rates)]
        counts = self.evaluations[self.place : self.place + len(rows)]
        self.place += len(rows)
        if self.place == len(self.points):  # no step leads away from the last one
            self.place, self.ended = self.place - 1, self.outcome
        thetas, gradients = np.zeros((2, len(rows), len(self.start)))
        for k, row in enumerate(rows):
            thetas[k], gradients[k] = row.theta, row.gradient
        losses = np.array([float(row.loss) for row in rows])
        return Rows(thetas, losses, gradients, np.full(len(rows), np.nan), np.array(counts, dtype=int), self.ended)

    def snapshot(self) -> Snapshot:
        theta = self.points[self.place].theta if self.points else self.start
        return theta.copy(), np.zeros((0, len(theta))), self.place

    def restore(self, snapshot: Snapshot) -> None:
        self.place, self.ended = snapshot[2], None
        if self.place and self.place >= len(self.points):
            raise OptionError(f"method 'scipy:{self.method.name}' runs whole and cannot go on from a trace: start where it ended")

    def _run(self) -> None:
        x, began = self.start[self.objective.free].astype(float), time.perf_counter()
        self._until = np.inf if self.seconds is None else began + self.seconds
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message="Unknown solver options")
            try:
                self._record(x)
                result = (self._squares if self.method.name in LEAST_SQUARES else self._minimum)(x)
            except Enough as enough:
                self.outcome = enough.args[0], enough.args[1]
                return
            except (ArithmeticError, RuntimeError, TypeError, ValueError, Warning, np.linalg.LinAlgError) as error:
                if len(self.points) == 1 and np.isfinite(float(self.points[0].loss)):
                    raise failure(self.method, error) from None
                self.outcome = "stopped", f"SciPy: {' '.join(str(error).split())[:200]}"
                return
            message = " ".join(str(result.message).split())
            self.outcome = "converged" if result.success else "stopped", f"SciPy: {message.rstrip('.')}"
            with suppress(Enough):
                self._record(result.x)

    def _squares(self, x: Array) -> Any:
        root = 1.0 if self.objective.weights is None else np.sqrt(self.objective.weights)
        known: dict[bytes, Array] = {}

        def rows(x: Array) -> Array:
            """Residuals and their derivatives, (1 + k, rows)."""
            key = x.tobytes()
            if key not in known:
                known.clear()
                self.free.evaluations += 1
                known[key] = root * self.objective.rows("jacobian", self.free.theta(x))[[0, *(1 + self.objective.free)]]
            return known[key]

        def jacobian(x: Array) -> Array:
            found = rows(x)
            self._record(x)
            return found[1:].T

        bounds = {} if self.box is None else {"bounds": tuple(self.box)}
        return self.method.make(lambda x: rows(x)[0], x, jacobian, method=self.method.name, **bounds, **self.method.defaults)

    def _minimum(self, x: Array) -> Any:
        order = dict(MINIMIZE)[self.method.name]
        derivatives: dict[str, Any] = {}
        if order > 0:
            derivatives["jac"] = lambda x: self._point(x).gradient[self.objective.free]
        if order > 1:
            derivatives["hess"] = lambda x: self.free.curved("hessian", x)[1]
        return self.method.make(
            lambda x: float(self._point(x).loss), x, method=self.method.name, callback=lambda xk, *rest: self._record(xk),
            options=dict(self.method.defaults), bounds=None if self.box is None else np.transpose(self.box), **derivatives,
        )  # fmt: skip

    def _point(self, x: Array) -> Point:
        """One evaluation, unless it is the last one again."""
        theta = self.free.theta(x)
        if self._known is None or not np.array_equal(theta, self._known.theta):
            self.free.evaluations += 1
            self._known = self.objective.at(theta)
        return self._known

    def _record(self, x: Array) -> None:
        """Keeps a point, evaluated apart from the method's own evaluations."""
        theta = self.free.theta(x)
        if self.points and np.array_equal(theta, self.points[-1].theta):
            return
        known = self._known is not None and np.array_equal(theta, self._known.theta)
        self.points.append(self._known if known and self._known else self.objective.at(theta))
        self.evaluations.append(max(1, self.free.evaluations))
        if len(self.points) > self.most:
            raise Enough("steps", f"all {self.most:,} steps are done")
        if interrupted():
            raise Enough("stopped", INTERRUPTED)
        if time.perf_counter() >= self._until:
            raise Enough("time", f"the {self.seconds:g} seconds allowed have passed")
