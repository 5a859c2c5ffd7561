"""What helps, each with what it does, computed at the minimum: a smaller rate, rescaling, momentum, Gauss-Newton, another basis."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.descent.objective import Array, Objective
from steepest.insight.curvature import Curvature, spectrum
from steepest.insight.sentences import every, few
from steepest.language.names import printable

ROUND = 4.0  # how many times better κ must be for a cure to be told
SLOW = 30.0  # κ from which a cure is told at all


class Cure(NamedTuple):
    """`what` to do, the κ that it leaves (None where it has none), the steps in which the slowest error halves then, in words."""

    what: str
    condition: float | None
    half_life: float
    sentence: str


def half_life(condition: float) -> float:
    """The steps in which the slowest error halves at the best rate of plain descent, (κ - 1)/(κ + 1) a step."""
    return float(np.log(0.5) / np.log((condition - 1) / (condition + 1))) if condition > 1 else 1.0


def cures(objective: Objective, point: Array, lr: float | None, limit: float | None, best: float | None) -> tuple[Cure, ...]:
    """For plain descent near a minimum at `point`; `lr` is the rate in use, `best` the one to offer."""
    free = objective.free
    hessian = objective.hessian(point)[np.ix_(free, free)].astype(float)
    names = tuple(objective.derivation.formula.parameters[k] for k in free)
    shape = spectrum(hessian, names)
    found = []
    if lr and limit and best and lr >= limit:
        found.append(smaller(lr, limit, best, shape))
    if not shape.condition > SLOW or not np.isfinite(shape.condition):
        return tuple(found)
    now = half_life(shape.condition)
    found += [*rescaled(hessian, shape, now), heavy_ball(shape, now), newton(objective, point, hessian)]
    if objective.derivation.is_linear and objective.derivation.criterion.quadratic:
        found.append(Cure("another basis", 1.0, 1.0, "Another basis, whose columns are orthogonal over these rows, has κ = 1."))
    return tuple(found)


def smaller(lr: float, limit: float, best: float, shape: Curvature) -> Cure:
    """`best` is rounded down, so that what is printed is below the limit too."""
    best = below(best)
    worst = float(np.max(np.abs(1 - best * shape.rising)))
    slowest = float(np.log(0.5) / np.log(worst)) if 0 < worst < 1 else 1.0
    said = f"A smaller η: below {few(below(limit))} it settles; η={few(best)} halves the slowest error {every(slowest)}."
    return Cure("smaller rate", None, slowest, said)


def below(value: float) -> float:
    """The largest number of four digits that is no more.

    >>> below(0.0169437), below(8.64267e-08)
    (0.01694, 8.642e-08)
    """
    unit = 10.0 ** (np.floor(np.log10(value)) - 3)
    return float(f"{np.floor(value / unit * (1 + 1e-12)) * unit:.4g}")


def rescaled(hessian: Array, shape: Curvature, now: float) -> list[Cure]:
    """The one parameter whose rescaling helps most, and all of them, by the square root of their own curvature."""
    diagonal = np.diag(hessian)
    if not (diagonal > 0).all():
        return []
    root = np.sqrt(diagonal / np.exp(np.mean(np.log(diagonal))))
    options = [(all_of(hessian, root), "Rescaling every parameter by the root of its own curvature")]
    for k, name in enumerate(shape.names):
        others = np.sqrt(np.exp(np.mean(np.log(np.delete(diagonal, k))))) if len(diagonal) > 1 else 1.0
        one = np.ones(len(diagonal))
        one[k] = np.sqrt(diagonal[k]) / others
        text = f"Descending in {few(float(one[k]), 2)}*{printable(name, 40)} instead of {printable(name, 40)}"
        options.append((all_of(hessian, one), text))
    single = min(options[1:], key=lambda option: option[0])
    kept = [option for option in (single, options[0]) if np.isfinite(option[0]) and option[0] * ROUND <= shape.condition]
    return [
        Cure("rescaling", kappa, half_life(kappa), f"{text}: κ from {few(shape.condition, 3)} to {few(kappa, 3)}; "
             f"at the best η the slowest error halves {every(half_life(kappa))} instead of {every(now)}.")
        for kappa, text in kept
    ]  # fmt: skip


def all_of(hessian: Array, root: Array) -> float:
    return spectrum(hessian / np.outer(root, root), ("",) * len(root)).condition


def heavy_ball(shape: Curvature, now: float) -> Cure:
    """Polyak 1964: mu = ((√κ - 1)/(√κ + 1))², eta = (2/(√λmax + √λmin))²."""
    high, low = float(np.sqrt(shape.largest)), float(np.sqrt(shape.rising[0]))
    root_mu, eta = (high - low) / (high + low), (2 / (high + low)) ** 2
    life = float(np.log(0.5) / np.log(root_mu))
    how = f"halves the slowest error {every(life)} instead of {every(now)}"
    said = f"Momentum with mu={few(root_mu**2)} and η={few(eta)} {how}."
    return Cure("momentum", None, life, said)


def newton(objective: Objective, point: Array, hessian: Array) -> Cure:
    """Gauss-Newton's steps shrink the error by |1 - ν|, ν the eigenvalues of (Gauss-Newton matrix)⁻¹H."""
    free = objective.free
    straight = objective.derivation.is_linear and objective.derivation.criterion.quadratic
    normal = objective.curved("normal", point)[1][np.ix_(free, free)].astype(float)
    worst = float(np.max(np.abs(np.linalg.eigvals(np.eye(len(free)) - np.linalg.solve(normal, hessian)))))
    start = "Gauss-Newton (method levenberg-marquardt) needs no η"
    if worst < 1e-9:
        said = "one step reaches the minimum" if straight else "near the minimum its error vanishes faster than by any factor"
        return Cure("gauss-newton", 1.0, 1.0, f"{start}; {said}.")
    how = f"multiplies the error by {few(worst, 2)} a step near it" if worst < 1 else "does not settle near it without its damping"
    life = float(np.log(0.5) / np.log(worst)) if worst < 1 else np.inf
    return Cure("gauss-newton", None, life, f"{start}, and {how}.")
