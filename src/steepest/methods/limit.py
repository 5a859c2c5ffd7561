"""The largest stable learning rate of a method near a minimum, read off its equations.

There a loss is ½ θᵀHθ, its gradient Hθ, and one step of the method a linear map of (θ, states). It is stable while the spectral
radius of the map's Jacobian stays below 1. States named in `freeze` count as constants, and t is taken to infinity.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from steepest.language.evaluate import evaluate
from steepest.methods.equations import Array, Method

LATE = 1e15  # t at infinity: powers of a decay rate are 0 there
LARGEST = 1e12
LINEAR = 1e-9
AT_THE_EDGE = 1e-12  # by which a radius may exceed 1 through rounding


def largest_rate(method: Method, hessian: Array, frozen: Mapping[str, Array] | None = None) -> float | None:
    """The first η at which a step's spectral radius passes 1; None where a step is no linear map (sign methods), or has no limit.

    `hessian`: (p, p), positive definite. `frozen`: values of the states in `method.freeze`, (p,), instead of those there.

    >>> from steepest.methods.table import EQUATIONS
    >>> [round(largest_rate(EQUATIONS[name], np.eye(1)), 6) for name in ("gd", "momentum", "nesterov")]
    [2.0, 3.8, 1.357143]
    """
    step = StepMap(method, hessian, frozen)
    scale = step.scale
    if not step.is_linear(scale / 3):
        return None
    low = 1e-6 * scale
    if step.radius(low) > 1 + AT_THE_EDGE:
        return 0.0
    high = low
    while step.radius(high) <= 1 + AT_THE_EDGE:
        low, high = high, 1.25 * high
        if high > LARGEST * scale:
            return None
    while high - low > 1e-13 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if step.radius(middle) <= 1 + AT_THE_EDGE else (low, middle)
    return step.crossing(low)


class StepMap:
    """One step on ½ θᵀHθ as a map of the moving values: θ and the states that are not frozen."""

    def __init__(self, method: Method, hessian: Array, frozen: Mapping[str, Array] | None = None) -> None:
        self.hessian = np.atleast_2d(np.asarray(hessian, dtype=float))
        self.size = len(self.hessian)
        self.scale = 1 / float(np.max(abs(np.linalg.eigvalsh(self.hessian))))
        self.program = method.frozen_step
        self.moving = [name for name in method.states if name not in method.freeze]
        given = frozen or {}
        self.frozen = {name: np.broadcast_to(given.get(name, value), self.size) for name, value in method.freeze.items()}
        self.parts = self._parts()

    def __call__(self, values: Array, eta: float) -> Array:
        theta, *states = values.reshape(1 + len(self.moving), self.size)
        names = dict(zip(self.moving, states, strict=True)) | self.frozen
        found = evaluate(self.program, names={**names, "theta": theta, "g": self.hessian @ theta, "eta": eta, "t": LATE})
        outputs = [found[self.program.outputs[name]] for name in ("theta", *self.moving)]
        return np.concatenate([np.broadcast_to(value, self.size) for value in outputs])

    def jacobian(self, eta: float) -> Array:
        """The derivative of the moving values after a step by those before it."""
        return self._probed(eta) if self.parts is None else self.parts[0] + eta * self.parts[1]

    def crossing(self, near: float) -> float:
        """The η beside `near` at which an eigenvalue is exactly 1 or -1, for a map that is affine in η; else `near`.

        A + ηB has the eigenvalue -1 where -(A + 1)⁻¹B has 1/η, and 1 alike.
        """
        if self.parts is None:
            return near
        for sign in (1.0, -1.0):
            shifted = self.parts[0] + sign * np.eye(len(self.parts[0]))
            if np.linalg.cond(shifted) < 1 / LINEAR:
                inverse = np.linalg.eigvals(-np.linalg.solve(shifted, self.parts[1]))
                close = inverse[abs(inverse * near - 1) < LINEAR]
                if len(close):
                    return float(1 / close[np.argmin(abs(close * near - 1))].real)
        return near

    def _parts(self) -> tuple[Array, Array] | None:
        """A and B, where the derivative is A + ηB, as it is for most methods."""
        none, one, two = (self._probed(k * self.scale) for k in range(3))
        size = abs(none) + abs(one) + abs(two)
        affine = np.isfinite(size).all() and np.all(abs(two - 2 * one + none) <= AT_THE_EDGE * size)
        return (none, (two - none) / (2 * self.scale)) if affine else None

    def _probed(self, eta: float) -> Array:
        count = self.size * (1 + len(self.moving))
        nothing = self(np.zeros(count), eta)
        return np.array([self(unit, eta) - nothing for unit in np.eye(count)]).T

    def radius(self, eta: float) -> float:
        jacobian = self.jacobian(eta)
        return float(np.max(abs(np.linalg.eigvals(jacobian)))) if np.isfinite(jacobian).all() else np.inf

    def is_linear(self, eta: float) -> bool:
        """Does a generic point move as the map says, and by the gradient at all?"""
        values = np.random.default_rng(0).normal(size=self.size * (1 + len(self.moving)))
        values[: self.size] *= self.scale  # so that gradient and states are of one size
        jacobian = self.jacobian(eta)
        away = self(values, eta) - self(np.zeros_like(values), eta) - jacobian @ values
        moves = abs(self.jacobian(2 * eta) - jacobian).max() > 0
        return bool(moves and np.all(abs(away) <= LINEAR * (abs(jacobian) @ abs(values))))
