"""Schedules: the rate changes from step to step by a closed form. A free rate for every step would fit any run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from steepest.check.loop.fit import Guess
from steepest.check.loop.steps import Steps
from steepest.descent.objective import Array

Form = Callable[[Array, Array], Array]
LEAST = 4  # rates that can show a form
JUMPS = 20.0  # tolerances by which a rate changes where it changes at once


def schedules(steps: Steps) -> Iterator[Guess]:
    """Closed forms of two free numbers, then of three."""
    known = rates(steps)
    if known is None:
        return
    t, rate, unsure = known
    line = _line(t, 1 / rate, unsure / rate**2)
    yield _guess(
        steps, "inverse time", "eta/(1 + k*t)", ("eta", "k"), (1 / line[0], line[1] / line[0]), lambda n, t: n[0] / (1 + n[1] * t)
    )
    line = _line(t, rate**-2, 2 * unsure / rate**3)
    start = (abs(line[0]) ** -0.5, line[1] / line[0])
    yield _guess(steps, "inverse square root", "eta/sqrt(1 + k*t)", ("eta", "k"), start, lambda n, t: n[0] / np.sqrt(1 + n[1] * t))
    line = _line(t, np.log(rate), unsure / rate)
    start = (np.exp(line[0]), np.exp(line[1]))
    yield _guess(steps, "exponential", "eta*gamma**t", ("eta", "gamma"), start, lambda n, t: n[0] * n[1] ** t)
    line = _line(np.log1p(t), np.log(rate), unsure / rate)
    yield _guess(steps, "power", "eta*(1 + t)**k", ("eta", "k"), (np.exp(line[0]), line[1]), lambda n, t: n[0] * (1 + t) ** n[1])
    line = _line(t, rate, unsure)
    yield _guess(steps, "linear", "eta*(1 + k*t)", ("eta", "k"), (line[0], line[1] / line[0]), lambda n, t: n[0] * (1 + n[1] * t))
    yield from _cosine(steps, rate, t)
    yield from _jumps(steps, rate, unsure, t)


@np.errstate(all="ignore")
def rates(steps: Steps) -> tuple[Array, Array, Array] | None:
    """The steps whose rate is known by itself, that rate, and how uncertain it is; None where no positive rate explains a step."""
    unsure = steps.noise + abs(_mean_rate(steps)) * steps.dark
    weight = np.where(np.isfinite(unsure), 1 / unsure**2, 0.0)
    g = np.where(np.isfinite(steps.g), steps.g, 0.0)
    square = np.sum(weight * g**2, axis=1)
    rate = -np.sum(weight * g * np.where(np.isfinite(steps.step), steps.step, 0.0), axis=1) / square
    error = np.sum(np.where(weight > 0, weight * abs(g) * unsure, 0.0), axis=1) / square
    ratio = abs(steps.step + rate[:, None] * steps.g) / (unsure + error[:, None] * abs(steps.g))
    known = error < abs(rate)
    if known.sum() < LEAST or (rate[known] <= 0).any() or np.nanmax(ratio, initial=0.0) > 1:
        return None
    return steps.at[known].astype(float), rate[known], error[known]


def _mean_rate(steps: Steps) -> float:
    square = float(np.nansum(steps.g**2))
    return float(np.nansum(abs(steps.g * steps.step))) / square if square > 0 else 1.0


def _line(x: Array, y: Array, unsure: Array) -> tuple[float, float]:
    """Intercept and slope of y over x."""
    weight = 1 / np.maximum(unsure, 1e-300)
    weight = weight / weight.max()
    found, *_ = np.linalg.lstsq(np.column_stack([weight, weight * x]), weight * y, rcond=None)
    return float(found[0]), float(found[1]) or 1e-12


def _guess(
    steps: Steps, kind: str, how: str, names: tuple[str, ...], start: tuple[float, ...], form: Form, hidden: int = 0
) -> Guess:
    t = steps.at.astype(float)

    def eta(n: Array) -> Array:
        return np.asarray(form(n, t))[:, None]

    def valid(n: Array, u: Array) -> bool:
        return bool((eta(n) >= 0).all() and n[0] > u[0] and (abs(n[1:]) > u[1:]).all())

    numbers = ", ".join(f"{name} = {{{name}:.6g}}" for name in names)
    said = f"the rate follows a schedule ({kind}): {how} at the steps t = 0, 1, 2, …, with {numbers}"
    start = tuple(float(value) for value in start)
    return Guess(
        "schedule", said, f"theta -= {how}*g", names, start,
        lambda n: -eta(n) * steps.g, lambda n: steps.noise + abs(eta(n)) * steps.dark, valid, hidden=hidden,
    )  # fmt: skip


def _cosine(steps: Steps, rate: Array, t: Array) -> Iterator[Guess]:
    """Half a wave over m steps; the best m of a coarse search is refined."""

    def wave(m: float) -> Array:
        return np.asarray((1 + np.cos(np.pi * t / m)) / 2)

    last = float(t[-1]) + 1
    best = min(np.geomspace(last / 4, 32 * last, 200), key=lambda m: _left(wave(m), rate))
    top = float(wave(best) @ rate / (wave(best) @ wave(best)))
    yield _guess(
        steps,
        "cosine",
        "eta*(1 + cos(pi*t/m))/2",
        ("eta", "m"),
        (top, best),
        lambda n, t: n[0] * (1 + np.cos(np.pi * t / n[1])) / 2,
    )
    best = min(np.geomspace(last / 4, 8 * last, 200), key=lambda m: _left_with_floor(wave(m), rate))
    floor, height = np.linalg.lstsq(np.column_stack([1 - wave(best), wave(best)]), rate, rcond=None)[0]
    yield _guess(
        steps, "cosine", "floor + (eta - floor)*(1 + cos(pi*t/m))/2", ("eta", "m", "floor"), (height, best, floor),
        lambda n, t: n[2] + (n[0] - n[2]) * (1 + np.cos(np.pi * t / n[1])) / 2,
    )  # fmt: skip


def _left(form: Array, rate: Array) -> float:
    return float(np.sum((rate - form * (form @ rate) / (form @ form)) ** 2))


def _left_with_floor(form: Array, rate: Array) -> float:
    design = np.column_stack([np.ones_like(form), form])
    return float(np.sum((rate - design @ np.linalg.lstsq(design, rate, rcond=None)[0]) ** 2))


def _jumps(steps: Steps, rate: Array, unsure: Array, t: Array) -> Iterator[Guess]:
    """The same factor every s steps, or once."""
    changed = np.flatnonzero(abs(np.diff(rate)) > JUMPS * (unsure[1:] + unsure[:-1])) + 1
    if not len(changed) or (np.diff(t)[changed - 1] != 1).any():
        return
    where = t[changed]
    factor = float(rate[changed[0]] / rate[changed[0] - 1])
    gaps = np.unique(np.diff(where))
    if len(gaps) > 1:
        return
    first, gap = int(where[0]), int(gaps[0]) if len(gaps) else int(steps.trajectory.steps) + 1
    how = f"eta*gamma**floor((t + {(gap - first) % gap})/{gap})" if len(gaps) else f"eta, and eta*gamma from t = {first}"

    def form(n: Array, t: Array) -> Array:
        return np.asarray(n[0] * n[1] ** np.floor(np.maximum(t - first + gap, 0) / gap))

    yield _guess(steps, "step", how, ("eta", "gamma"), (float(rate[0]), factor), form, hidden=1)
