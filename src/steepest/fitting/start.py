"""Starts that were not given, taken from the data: linear parameters by least squares, others from sizes that suit the columns.

A value of 1 stays where no other one tried lowers the sum of squares.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from steepest.descent.given.parameters import Start
from steepest.descent.objective import Array, Objective
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.separable import linear_together, parameters_of, solved
from steepest.language.names import printable

MOST_ROWS = 2_000  # that a search looks at
SWEEPS, DRAWS = 4, 300
BETTER = 1 - 1e-6
MOST_WAVES = 40


class Chosen(NamedTuple):
    """Where a fit starts, (p,), and what was decided for the user."""

    theta: Array
    said: list[str]


class Trial(NamedTuple):
    """A point and its sum of squares."""

    x: Array
    squares: float


def chosen(objective: Objective, start: Start) -> Chosen:
    """What was given stays; the rest is chosen where residuals yhat - y are what the loss measures, and is 1 elsewhere."""
    theta = objective.kernels.vector(start.values)
    names = objective.derivation.formula.parameters
    assumed = [k for k in range(len(theta)) if names[k] in start.assumed]
    if objective.derivation.formula.blocks or objective.derivation.penalty is not None:
        return Chosen(theta, start.said)
    if not assumed or objective.derivation.is_linear or not FreeLoss(objective, theta).measures_residuals:
        return Chosen(theta, [] if objective.derivation.is_linear else start.said)
    linear = linear_together(objective.derivation, assumed)
    others = [k for k in assumed if k not in linear]
    with np.errstate(all="ignore"):
        best, tried = search(sample(objective), theta, linear, others)
    if best is None:
        return Chosen(theta, start.said)
    best = best if start.box is None else start.box.inside(best)
    return Chosen(best, [sentence(dict(zip(names, best.tolist(), strict=True)), [names[k] for k in linear], tried,
                                  [names[k] for k in others])])  # fmt: skip


def sample(objective: Objective) -> Objective:
    rows = objective.columns.rows
    if rows <= MOST_ROWS:
        return objective
    return objective.on(np.sort(np.random.default_rng(0).choice(rows, MOST_ROWS, replace=False)))


def search(objective: Objective, theta: Array, linear: list[int], others: list[int]) -> tuple[Array | None, int]:
    """The best theta found, and how many values of the `others` were tried."""
    loss = FreeLoss(objective, theta)
    place = {int(position): k for k, position in enumerate(objective.free)}
    lines, moved = [place[k] for k in linear], [place[k] for k in others]
    values = [candidates(objective, k) for k in others]
    tried = 0

    def trial(x: Array) -> Trial:
        nonlocal tried
        tried += 1
        found = solved(loss, x, lines)
        return Trial(x, np.inf) if found is None else Trial(*found)

    best = trial(loss.start)
    if moved:
        rng = np.random.default_rng(0)
        draws = (replaced(loss.start, moved, [rng.choice(v) for v in values]) for _ in range(DRAWS if len(moved) > 1 else 0))
        far = min(map(trial, draws), key=lambda t: t.squares, default=best)
        for first in (best, far):
            end = swept(trial, first, moved, values)
            best = end if end.squares < BETTER * best.squares else best
    return (loss.theta(best.x) if np.isfinite(best.squares) else None), tried


def swept(trial: Callable[[Array], Trial], best: Trial, moved: list[int], values: list[Array]) -> Trial:
    """One parameter after the other through its candidates, until none of them is better."""
    for _ in range(SWEEPS):
        before = best.squares
        for k, choices in zip(moved, values, strict=True):
            for value in choices:
                there = trial(replaced(best.x, [k], [value]))
                best = there if there.squares < BETTER * best.squares else best
        if len(moved) == 1 or not best.squares < BETTER * before:
            break
    return best


def replaced(x: Array, places: Sequence[int], values: Sequence[float]) -> Array:
    x = x.copy()
    x[list(places)] = values
    return x


def candidates(objective: Objective, k: int) -> Array:
    """Sizes that parameter k may have: of a number, of a rate, place or width along a predictor, of a wave, of 1/y."""
    program = objective.derivation.program("value")
    model = program.pruned({"yhat": program.outputs["yhat"]})
    predictors = {int(node.value) for node in model.nodes if node.op == "column"}
    sets = parameters_of(model)
    waves = any(k in sets[node.args[0]] for node in model.nodes if node.op in ("sin", "cos"))
    y = np.abs(objective.rows("value", objective.kernels.vector([1.0] * objective.derivation.size))[0])
    height = float(np.max(y)) or 1.0
    found = [1.0, -1.0, 0.1, 0.5, 2.0, 10.0, height, 1 / height]
    for column in (objective.columns.arrays[i] for i in sorted(predictors)):
        width = float(np.ptp(column)) or float(np.max(np.abs(column))) or 1.0
        found += [sign * size / width for size in (0.3, 1.0, 3.0, 10.0) for sign in (1, -1)]
        found += [*np.quantile(column, np.arange(0.05, 1, 0.1)).tolist(), *(width * np.array([0.03, 0.1, 0.3, 1.0])).tolist()]
        found += [1 / (width * height)]
        if waves:
            turns = np.arange(0.5, min(len(column) / 2, MOST_WAVES), 0.5)
            found += [*(2 * np.pi * turns / width).tolist(), *(turns / width).tolist(), *(width / turns).tolist()]
    unique: Array = np.array(list(dict.fromkeys(found)))
    return np.extract(np.isfinite(unique), unique)


def sentence(values: dict[str, float], linear: list[str], tried: int, others: list[str]) -> str:
    """What was chosen."""

    def listed(names: list[str]) -> str:
        return ", ".join(f"{printable(name)} = {values[name]:.4g}" for name in names)

    parts = [f"{listed(others)}, the best of {tried} tried"] if others else []
    parts += [f"{listed(linear)}, from linear least squares"] if linear else []
    missing = ", ".join(printable(name) for name in values if name in {*linear, *others})
    return f"no start given for {missing}: the fit begins at {', and at '.join(parts)}; give start={{…}}"
