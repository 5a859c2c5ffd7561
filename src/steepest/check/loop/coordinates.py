"""What a loop can have done to some parameters and not to others: frozen, one after the other, one with another's value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np

from steepest.check.loop.causes import plain, rate, with_rate
from steepest.check.loop.fit import Fitted, Guess, fit
from steepest.check.loop.steps import Steps
from steepest.descent.objective import Array

MOST_ORDERS = 4  # parameters up to which every order of updates is tried
SLACK = 10.0  # tolerances within which a guess at the others' rate is worth a fit of its own
VAGUE = 1e-3  # relative: the others leave the rate open


def some_parameters(steps: Steps, names: Sequence[str]) -> Iterator[Guess]:
    """The causes whose only free number is the rate."""
    yield from _frozen(steps, names)
    yield from _sequential(steps, names)
    if steps.size > 1:
        yield from _other(steps, names)
        yield from _exchanged(steps, names)


def own_rate(steps: Steps, names: Sequence[str]) -> Iterator[Guess]:
    """One parameter descends at a rate of its own: two free numbers."""

    def apart(n: Array, u: Array) -> bool:
        return bool(n[0] > u[0] and abs(n[1]) > u[1] and abs(n[1] - 1) > u[1])

    def guess(j: int, name: str) -> Guess:
        only = np.arange(steps.size) == j

        def rates(n: Array) -> Array:
            return np.asarray(np.where(only, n[0] * n[1], n[0]))

        return Guess(
            "scaled", said, f"{name} -= c*eta*g", ("eta", "c"), (rate(steps), 1.0), lambda n: -rates(n) * steps.g,
            lambda n: steps.noise + abs(rates(n)) * steps.dark, apart, {"name": name}, name,
        )  # fmt: skip

    said = "the step of {name} is {c:.6g} times what it should be, beside the others, which descend at the rate {eta:.6g}"
    yield from (guess(j, name) for j, name in enumerate(names) if steps.size > 1)


def _frozen(steps: Steps, names: Sequence[str]) -> Iterator[Guess]:
    still = np.logical_and.reduce(abs(steps.step) <= steps.noise) & np.logical_or.reduce(abs(steps.g) > steps.dark)
    if still.all():
        said = "no parameter moves, though the gradient is not zero. Is the update applied to a copy, or is the rate 0?"
        zero = np.zeros_like(steps.g)
        yield Guess("frozen", said, "theta stays", (), (), lambda n: zero, lambda n: steps.noise)
    if not still.any() or still.all():
        return
    which = [name for k, name in enumerate(names) if still[k]]
    words = {"which": " and ".join(which), "move": "move" if len(which) > 1 else "moves"}
    said = (
        "{which}: never {move}, though the gradient is not zero there, while the rest descends at the rate {eta:.6g}. "
        "Is it left out of the update, detached from the graph, or without requires_grad?"
    )
    g, dark = (np.where(still, 0.0, part) for part in (steps.g, steps.dark))
    yield with_rate(steps, "frozen", said, f"theta -= eta*g, without {', '.join(which)}", g, dark, words=words, node=which[0])


def _sequential(steps: Steps, names: Sequence[str]) -> Iterator[Guess]:
    moving = [k for k in range(steps.size) if (steps.g[:, k] != 0).any()]
    if len(moving) < 2:
        return
    said = (
        "the parameters are updated one after the other ({order}), and the gradient of each already uses the new values of those "
        "before it (rate {eta:.6g}). Compute the whole gradient first, then update"
    )
    orders = permutations(moving) if len(moving) <= MOST_ORDERS else (tuple(moving), tuple(reversed(moving)))
    for order in orders:
        g = steps.g.copy()
        for place, k in enumerate(order[1:], start=1):
            new = frozenset(order[:place])
            g[:, k] = [steps.mixed(t, new)[k] for t in steps.at.tolist()]
        listed = ", ".join(names[k] for k in order)
        yield with_rate(
            steps, "sequential-update", said, f"theta -= eta*g in the order {listed}", g, steps.dark, words={"order": listed}
        )


def _other(steps: Steps, names: Sequence[str]) -> Iterator[Guess]:
    """One parameter gets another's value or another's gradient; the others are plain."""
    for j in range(steps.size):
        others = steps.without(j)
        rest = fit(plain(others), others)
        if rest is None or not rest.worst <= 1:
            continue
        for i in range(steps.size):
            if i != j:
                yield from (guess for guess in _borrowed(steps, names, j, i) if _near(guess, rest, steps, j))


def _borrowed(steps: Steps, names: Sequence[str], j: int, i: int) -> Iterator[Guess]:
    a, b = names[j], names[i]
    old, new = (
        steps.back(0, lambda t, ahead=ahead: np.full(steps.size, steps.theta[t + ahead, i] - steps.theta[t, j])) for ahead in (0, 1)
    )
    said = "the parameter {a} is updated with the {what} of {b}: {how} (rate {eta:.6g}), where {a} -= eta*g_{a} is meant"
    only = np.arange(steps.size) == j
    for move, slope, what, how in (
        (np.zeros_like(old), i, "gradient", f"{a} -= eta*g_{b}"),
        (old, i, "value", f"{a} = {b} - eta*g_{b}"),
        (old, j, "value", f"{a} = {b} - eta*g_{a}"),
        (new, i, "value", f"{a} = {b} - eta*g_{b}, {b} updated already"),
        (new, j, "value", f"{a} = {b} - eta*g_{a}, {b} updated already"),
    ):
        g, dark = (np.where(only, part[:, [slope]], part) for part in (steps.g, steps.dark))
        hides = np.where(only, steps.noise[:, [i]], 0.0)
        words = {"a": a, "b": b, "what": what, "how": how}
        yield with_rate(steps, "other-parameter", said, how, g, dark, np.where(only, move, 0.0), hides, words=words, node=a)


def _exchanged(steps: Steps, names: Sequence[str]) -> Iterator[Guess]:
    said = "the parameters {a} and {b} are updated with each other's gradient (rate {eta:.6g})"
    for j in range(steps.size):
        for i in range(j):
            place = np.arange(steps.size)
            place[[i, j]] = j, i
            g, dark, words = steps.g[:, place], steps.dark[:, place], {"a": names[i], "b": names[j]}
            how = f"{names[i]} -= eta*g_{names[j]}; {names[j]} -= eta*g_{names[i]}"
            yield with_rate(steps, "other-parameter", said, how, g, dark, words=words, node=names[i])


def _near(guess: Guess, rest: Fitted, steps: Steps, j: int) -> bool:
    """Does the guess explain coordinate j at the rate that the others have?"""
    if rest.uncertain[0] > VAGUE * abs(rest.numbers[0]):
        return True
    error = abs(steps.step - guess.predict(rest.numbers))[:, j]
    slack = guess.noise(rest.numbers)[:, j] + rest.uncertain[0] * abs(steps.g).max(axis=1)
    return bool((error <= SLACK * slack).all())
