"""What a loop can have done to all parameters alike, instead of plain descent.

Each guess replays every step from the user's own theta_t. A state (a momentum, an accumulated gradient) is carried along
the user's trajectory, as the step before: v = mu*v + g; theta -= eta*v is step_t = mu*step_{t-1} - eta*g_t.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from steepest.check.loop.fit import Guess, Valid, positive
from steepest.check.loop.steps import Steps
from steepest.descent.objective import Array

LAGS = (1, 2, 3, 4, 5)
PERIODS = range(2, 11)
MOMENTA = (0.2, 0.5, 0.8, 0.95)  # from which Nesterov's is fitted
MOST_MOMENTUM = 1.5


def plain(steps: Steps) -> Guess:
    """theta -= eta*g at any rate."""
    return with_rate(
        steps, None, "plain gradient descent at the rate {eta:.6g}", "theta -= eta*g", steps.g, steps.dark, valid=_some
    )


def stated(steps: Steps, lr: float) -> Guess:
    """The same at a rate that is known."""
    said = f"plain gradient descent at the stated rate {lr:.6g}"
    return Guess(None, said, "theta -= eta*g", (), (), lambda n: -lr * steps.g, lambda n: steps.noise + lr * steps.dark)


def with_rate(
    steps: Steps, cause: str | None, said: str, how: str, g: Array, dark: Array,
    moved: Array | float = 0.0, hides: Array | float = 0.0, valid: Valid = positive,
    words: dict[str, str] | None = None, node: str | None = None, hidden: int = 0,
) -> Guess:  # fmt: skip
    """step = moved - eta*g, whose only free number is the rate. `dark` and `hides`: what rounding hides of g and of `moved`."""
    noise = steps.noise + hides
    return Guess(
        cause, said, how, ("eta",), (rate(steps),), lambda n: moved - n[0] * g, lambda n: noise + abs(n[0]) * dark,
        valid, words or {}, node, hidden,
    )  # fmt: skip


def rate(steps: Steps) -> float:
    """The rate in the mean: minus the slope of the steps against the gradients."""
    g, s = steps.g, steps.step
    fine = np.isfinite(g) & np.isfinite(s)
    square = float(np.sum(g[fine] ** 2))
    return -float(np.sum(g[fine] * s[fine])) / square if square > 0 and np.isfinite(square) else 1.0


def one_number(steps: Steps) -> Iterator[Guess]:
    """The causes whose only free number is the rate."""
    before, hides = _before(steps)
    said = (
        "the gradient is not zeroed between the steps: every step adds the new gradient to all that came before (rate {eta:.6g}). "
        "Zero it before the gradient is computed"
    )
    yield with_rate(steps, "not-zeroed", said, "g_sum += g; theta -= eta*g_sum", steps.g, steps.dark, before, hides)
    yield from _stale(steps)


def two_numbers(steps: Steps) -> Iterator[Guess]:
    """The causes with two free numbers."""
    yield from _momentum(steps)
    yield _decay(steps)


def _some(numbers: Array, uncertain: Array) -> bool:
    return bool(abs(numbers[0]) > uncertain[0])


def _before(steps: Steps) -> tuple[Array, Array]:
    """The step before each, and what recording hides of it."""
    step = steps.back(1, lambda t: steps.theta[t + 1] - steps.theta[t])
    return step, steps.back(1, lambda t: steps.recorded[t] + steps.recorded[t + 1])


def _stale(steps: Steps) -> Iterator[Guess]:
    at = steps.at.tolist()
    for lag in LAGS:
        words = f"that of {lag} step{'s' if lag > 1 else ''} ago"
        yield _from(steps, [t - lag for t in at], words, f"theta -= eta*g(theta_(t-{lag}))", int(lag > 1))
    yield _from(steps, [0] * len(at), "that of the start, and is never computed again", "theta -= eta*g(theta_0)", 0)
    for period in PERIODS:
        words, how = f"computed again every {period} steps only", f"theta -= eta*g(theta_s), s every {period}th step"
        for first in range(period):
            yield _from(steps, [t - (t - first) % period for t in at], words, how, 1 + int(first > 0))


def _from(steps: Steps, used: Sequence[int], words: str, how: str, hidden: int) -> Guess:
    said = f"the gradient is stale: it is {words} (rate {{eta:.6g}}). Compute it at the present theta before each update"
    gone = np.full(steps.size, np.nan)
    g, dark = (np.array([part(t) if t >= 0 else gone for t in used]) for part in (steps.gradient, steps.hidden))
    return with_rate(steps, "stale", said, how, g, dark, hidden=hidden)


def _momentum(steps: Steps) -> Iterator[Guess]:
    before, hides = _before(steps)
    g_before, dark_before = steps.back(1, steps.gradient), steps.back(1, steps.hidden)

    def noise(n: Array) -> Array:
        dark = steps.dark + abs(n[0]) * (steps.dark + dark_before)
        return np.asarray(steps.noise + abs(n[0]) * hides + abs(n[1]) * dark)

    def valid(n: Array, u: Array) -> bool:
        return positive(n, u) and bool(n[0] < MOST_MOMENTUM)

    def heavy_ball(n: Array) -> Array:
        return np.asarray(n[0] * before - n[1] * steps.g)

    def nesterov(n: Array) -> Array:
        return np.asarray(n[0] * before - n[1] * ((1 + n[0]) * steps.g - n[0] * g_before))

    names, said = ("mu", "eta"), "the loop has {kind} mu = {mu:.6g} (rate {eta:.6g}): {how}"
    how = "v = mu*v + g; theta -= eta*v"
    words = {"kind": "momentum", "how": how}
    yield Guess("momentum", said, how, names, (0.5, rate(steps)), heavy_ball, noise, valid, words)
    how = "v = mu*v + g; theta -= eta*(g + mu*v)"
    words = {"kind": "Nesterov's momentum", "how": how}
    for mu in MOMENTA:
        yield Guess("momentum", said, how, names, (mu, rate(steps) / (1 + mu)), nesterov, noise, valid, words)


def _decay(steps: Steps) -> Guess:
    theta = steps.back(0, lambda t: steps.theta[t])
    recorded = steps.back(0, lambda t: steps.recorded[t])
    return Guess(
        "weight-decay",
        "every step also shrinks theta (weight decay): theta -= eta*(g + {decay:.6g}*theta), with the rate {eta:.6g}",
        "theta -= eta*(g + decay*theta)",
        ("eta", "decay"),
        (rate(steps), 0.0),
        lambda n: -n[0] * (steps.g + n[1] * theta),
        lambda n: steps.noise + abs(n[0]) * (steps.dark + abs(n[1]) * recorded),
    )
