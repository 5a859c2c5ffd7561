"""Why a descent went as it did: `trace.why()`, in sentences with numbers from the run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from steepest.descent.given.parameters import Box
from steepest.descent.objective import Array, Objective
from steepest.descent.trace import Trace
from steepest.errors import EngineError, FormulaError
from steepest.insight.account import Run, round_below, told
from steepest.insight.curvature import free_names
from steepest.insight.limits import Modes, modes, scales_of
from steepest.insight.minimum import Minimum, minimum
from steepest.insight.setting import method_of
from steepest.insight.sharpness import Sharpness, sharpness
from steepest.insight.verdict import read
from steepest.methods.equations import Method

SAFE = 0.9  # of the largest stable rate: what is offered is no more


@dataclass(frozen=True)
class Why:
    """`verdict` is converges, cycles, wanders or blows-up, `period` that of a cycle, read from step `since` on.

    `lr` is the last rate, `limit` the largest stable one at the minimum near the lowest point of the run (None where there is
    none), `try_lr` a round rate below it. `lowest` and `at_step`: the lowest loss of the run, and where. `sentences` say it; the
    first one alone is `sentence`, and all of them str(why).
    """

    verdict: str
    period: int | None
    since: int
    lr: float | None
    limit: float | None
    try_lr: float | None
    lowest: float
    at_step: int
    minimum: Minimum | None = field(repr=False)
    sharpness: Sharpness | None = field(repr=False)
    sentences: tuple[str, ...] = field(repr=False)

    @property
    def sentence(self) -> str:
        return self.sentences[0]

    def text(self) -> str:
        """All sentences, a line each, for a terminal."""
        from steepest.show.explanation import filled

        return filled(self.sentences)

    def __str__(self) -> str:
        return " ".join(self.sentences)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        names = ("verdict", "period", "since", "lr", "limit", "try_lr", "lowest", "at_step", "sentence")
        return {**{name: getattr(self, name) for name in names}, "sentences": list(self.sentences)}

    def _repr_html_(self) -> str:
        from steepest.show.explanation import sentences_html

        return sentences_html(self.sentences)


def why(trace: Trace) -> Why:
    """Reads the verdict, finds the minimum from the lowest point of the run, and puts the two together."""
    run = looked_at(trace)
    offer = None if run.limit is None else round_below(SAFE * run.limit)
    said = tuple(sentence for sentence in (*told(run, offer), *at_bounds(trace)) if sentence)
    verdict, steps = run.verdict, trace.step
    return Why(
        verdict.word,
        verdict.period,
        verdict.since,
        run.lr,
        run.limit,
        offer,
        run.lowest,
        int(steps[run.best]),
        run.near,
        run.seen,
        said,
    )


def at_bounds(trace: Trace) -> list[str]:
    """Which parameters ended at a bound."""
    box = Box.read(trace.recipe.get("bounds", {}), trace.parameters)
    if box is None:
        return []
    touched = np.flatnonzero(box.touched(trace.theta[-1].astype(float)))
    return [f"{trace.parameters[k]} ended at its bound {float(trace.theta[-1][k]):.6g}." for k in touched]


def looked_at(trace: Trace) -> Run:
    verdict = read(trace)
    objective = trace.objective
    losses = np.where(np.isfinite(trace.full_loss.astype(float)), trace.full_loss.astype(float), np.inf)
    best = int(np.argmin(losses))
    if not np.isfinite(losses[best]):
        return Run(trace, objective, verdict, best, None, None, None, None, None)
    method, last = method_of(trace), float(trace.lr[-1])
    lr = None if method is None or not np.isfinite(last) else last
    try:
        box = Box.read(trace.recipe.get("bounds", {}), trace.parameters)
        near = minimum(objective, trace.theta[best].astype(float), float(losses[best]), box)
        if box is not None:  # what a bound holds has no part in what makes the steps swing
            objective = objective.freeing([k for k in objective.free if not box.touched(near.point)[k]])
        there = felt(trace, objective, method, near) if near.found else None
    except (FormulaError, EngineError):  # no second derivatives: what the trace itself shows is left
        return Run(trace, objective, verdict, best, lr, method, None, None, None)
    seen = sharpness(trace, method) if verdict.word != "converges" else None
    return Run(trace, objective, verdict, best, lr, method, near, there, seen)


def felt(trace: Trace, objective: Objective, method: Method | None, near: Minimum) -> Modes | None:
    """The method's modes at the minimum; an adaptive one with the scales that it had at the end of the run."""
    if method is None:
        return None
    free, kept = objective.free, np.ones(len(objective.free), dtype=bool)
    scales: dict[str, Array] = {}
    if method.freeze:
        _, states, steps = trace.position
        found = scales_of(method, dict(zip(method.states, states[:, free], strict=True)), max(steps, 1))
        kept = np.all([values > 0 for values in found.values()], axis=0) if found else kept
        scales = {name: values[kept] for name, values in found.items()}
    part, names = free[kept], tuple(name for name, keep in zip(free_names(objective), kept, strict=True) if keep)
    hessian = objective.hessian(near.point)[np.ix_(part, part)].astype(float)
    return modes(method, hessian, names, scales) if len(part) and np.isfinite(hessian).all() else None
