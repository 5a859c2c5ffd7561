"""What a method at a rate will do from a point, in numbers and sentences: `Explanation`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.descent.objective import Array, Objective
from steepest.descent.rates import PLAIN
from steepest.errors import OptionError
from steepest.fitting.rank import Rank, rank
from steepest.insight import sentences
from steepest.insight.cures import Cure, cures
from steepest.insight.curvature import Curvature, curvature, free_names
from steepest.insight.forecast import forecast, steps_until
from steepest.insight.limits import Modes, modes
from steepest.insight.minimum import Minimum, minimum
from steepest.insight.noise import Noise, noise
from steepest.insight.ray import Ray, ray
from steepest.insight.setting import Setting, fresh, read_setting, scales, step_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Explanation:
    """The largest stable rates of a method, what its rate will do, and why, in the user's symbols.

    `limit` is the largest stable rate at the point, `limit_at_minimum` at the minimum near: no direction that bends up grows below
    it. None where there is none: a sign method, a method that finds its own steps, a point where the loss bends up in no direction,
    no minimum. `one_step_limit` is another question: the largest rate whose next step still lowers the loss, and `best_on_ray` the
    rate that lowers it most in one step; `best_rate` is the best constant rate for the long run.

    `eigenvalues` (k,), ascending, and `directions` (k, k), its columns, are of the Hessian at the minimum, where one is found,
    else at the point (`here` has those), over the k parameters that are not fixed; `condition` is λmax/λmin. `half_lives` (k,):
    the steps in which the error along each direction halves at this rate. An adaptive method is looked at with its scales of the
    gradient held as they are after its first step from the point.

    With a batch, `limit` and `limit_at_minimum` are the batch's, where they are known (plain descent, at most 12 parameters);
    `noise` has what the batches do: the spread of their gradients, tr C/‖g‖², how far the descent hovers. `rank` says what the data
    cannot tell apart, `identifiable` whether there is nothing of the kind; `cures` what helps, with what it does. `halved`: the
    rate is that of lr="auto", with which `descend` begins.

    `minimum` has `.theta`, `.loss`, `.gap` (still to go) and `.misfit` (what the model cannot remove).
    """

    parameters: tuple[str, ...]
    theta: Mapping[str, float]
    method: str
    lr: float | None
    batch: int | None
    rows: int
    loss: float
    loss_after: float
    limit: float | None
    limit_at_minimum: float | None
    best_rate: float | None
    half_lives: Array = field(repr=False)
    here: Curvature = field(repr=False)
    there: Curvature | None = field(repr=False)
    minimum: Minimum = field(repr=False)
    ray: Ray = field(repr=False)
    modes: Modes | None = field(repr=False)
    noise: Noise = field(repr=False)
    rank: Rank = field(repr=False)
    halved: bool = field(repr=False)
    cures: tuple[Cure, ...] = field(repr=False)
    straight: bool = field(repr=False)

    @property
    def one_step_limit(self) -> float | None:
        return self.ray.limit

    @property
    def best_on_ray(self) -> float:
        return self.ray.best

    @property
    def identifiable(self) -> bool:
        """Do the data tell all parameters apart?"""
        return self.rank.full

    @property
    def curvature(self) -> Curvature:
        """At the minimum, where one is found, else at the point."""
        return self.there or self.here

    @property
    def eigenvalues(self) -> Array:
        return self.curvature.values

    @property
    def directions(self) -> Array:
        return self.curvature.directions

    @property
    def condition(self) -> float:
        return self.curvature.condition

    def steps_to(self, tolerance: float) -> float:
        """The steps until the loss is at most `tolerance` above its minimum (as until_gap=); infinite where it never is.

        Exact for quadratic losses; for others it is the count of the quadratic loss that touches at the minimum. Raises OptionError
        for a tolerance that is not positive.
        """
        if not tolerance > 0:
            raise OptionError(f"tolerance is {tolerance!r}: give a positive number, how far above its minimum the loss may be")
        if self.modes is None or self.modes.limit is None or self.lr is None or not self.minimum.found:
            return np.inf
        error = np.array([self.theta[name] - self.minimum.theta[name] for name in self.modes.felt.names])
        return steps_until(forecast(self.modes, error, self.lr), tolerance)

    @cached_property
    def sentence(self) -> str:
        """What this rate will do."""
        return told(self)[0]

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """All that there is to say, most important first."""
        return told(self)

    def text(self) -> str:
        """The sentences and the numbers, for a terminal."""
        from steepest.show.explanation import explanation_text

        return explanation_text(self)

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """The learning-rate ray and the directions; see `steepest.show.rates.plot_explanation`."""
        from steepest.show.rates import plot_explanation

        return plot_explanation(self, path)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values; what is not known or not finite is None."""
        names = ("method", "lr", "batch", "loss", "loss_after", "limit", "limit_at_minimum", "one_step_limit", "best_on_ray")
        return {
            "theta": dict(self.theta),
            **{name: plain(getattr(self, name)) for name in names},
            "best_rate": plain(self.best_rate),
            "condition": plain(self.condition),
            "eigenvalues": [plain(value) for value in self.eigenvalues],
            "directions": [[plain(value) for value in row] for row in self.directions],
            "half_lives": [plain(value) for value in self.half_lives],
            "minimum": {
                "theta": dict(self.minimum.theta),
                **{name: plain(getattr(self.minimum, name)) for name in ("loss", "gap", "misfit")},
                "found": self.minimum.found,
                "reason": self.minimum.reason,
            },
            "noise": {name: plain(getattr(self.noise, name)) for name in ("ratio", "signal", "limit", "excess", "shuffled")},
            "rank": self.rank.rank,
            "identifiable": self.identifiable,
            "cures": [
                {
                    "what": cure.what,
                    "condition": plain(cure.condition),
                    "half_life": plain(cure.half_life),
                    "sentence": cure.sentence,
                }
                for cure in self.cures
            ],
            "sentence": self.sentence,
            "sentences": list(self.sentences),
        }

    def _repr_html_(self) -> str:
        from steepest.show.explanation import explanation_html

        return explanation_html(self)


def plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int):
        return value
    return float(value) if np.isfinite(value) else None


def explain(
    objective: Objective, theta: Array, method: str = "gd", lr: Any = "auto", batch: Any = "full",
    hyper: Mapping[str, Any] | None = None,
) -> Explanation:  # fmt: skip
    """From the point `theta`, (p,), where the method begins. Raises OptionError; FormulaError where the Hessian is too large."""
    if not len(objective.free):
        raise OptionError("every parameter is fixed: there is nothing to explain; free one of them")
    setting = read_setting(objective, theta, method, lr, batch, hyper)
    point, hessian = objective.curved("hessian", theta)
    if not np.isfinite(point.loss):
        raise OptionError(f"the loss is {float(point.loss)} at this point: explain another one with at=")
    names = free_names(objective)
    near = minimum(objective, theta, float(point.loss))
    there = curvature(objective, near.point) if near.found else None
    felt_here, felt_there = felt(objective, setting, theta, hessian, near)
    seen = ray(objective, point, step_of(objective, setting, theta), hessian)
    judge = felt_there or felt_here
    plain_descent = setting.method is not None and setting.method.text == PLAIN
    spread = noise(objective, theta, near.point if near.found else None, setting.batch, setting.lr, plain_descent)
    limit = felt_there and felt_there.limit
    best = felt_there and felt_there.best
    return Explanation(
        parameters=names,
        theta=dict(zip(objective.derivation.formula.parameters, theta.tolist(), strict=True)),
        method=setting.name,
        lr=setting.lr,
        batch=setting.batch,
        rows=objective.columns.rows,
        loss=float(point.loss),
        loss_after=np.nan if setting.lr is None else seen.loss(setting.lr),
        limit=spread.limit_here or (felt_here and felt_here.limit),
        limit_at_minimum=spread.limit or limit,
        best_rate=best,
        half_lives=np.full(len(names), np.inf) if judge is None or setting.lr is None else judge.half_lives(setting.lr),
        here=curvature(objective, theta),
        there=there,
        minimum=near,
        ray=seen,
        modes=judge,
        noise=spread,
        rank=rank(objective, theta),
        halved=lr == "auto" and plain_descent and setting.batch is None,
        cures=cures(objective, near.point, setting.lr, spread.limit or limit, offered(best, spread.limit))
        if near.found and plain_descent
        else (),
        straight=objective.derivation.criterion.quadratic and objective.derivation.is_linear,
    )


def offered(best: float | None, of_batches: float | None) -> float | None:
    """The rate to offer: the best one of all rows, and no more than half of what is stable for batches."""
    return min(best, of_batches / 2) if best and of_batches else best


def felt(
    objective: Objective, setting: Setting, theta: Array, hessian: Array, near: Minimum
) -> tuple[Modes | None, Modes | None]:  # fmt: skip
    """The method's modes at the point and at the minimum; an adaptive one has at both the scales of its first step from here."""
    if setting.method is None or setting.lr is None:
        return None, None
    given, kept = scales(objective, setting.method, fresh(objective, setting.method, theta, setting.lr), setting.lr)
    part = objective.free[kept]
    names = tuple(name for name, keep in zip(free_names(objective), kept, strict=True) if keep)
    given = {name: values[kept] for name, values in given.items()}

    def at(matrix: Array) -> Modes | None:
        inner = matrix[np.ix_(part, part)]
        return modes(setting.method, inner, names, given) if len(inner) and np.isfinite(inner).all() else None  # type: ignore[arg-type]

    return at(hessian), at(objective.hessian(near.point)) if near.found else None


def told(e: Explanation) -> tuple[str, ...]:
    """The sentences, most important first."""
    said = [rate_sentence(e), sentences.HALVED if e.halved and too_large(e) else ""]
    if e.modes is not None:
        said.append(sentences.roles(e.modes.felt))
        if e.modes.method.freeze:
            said.append(sentences.frozen(e.method))
    said += [sentences.here(e.here, e.limit, e.modes is None or not e.modes.method.freeze), sentences.one_step(e.ray)]
    if e.minimum.found:
        said.append(sentences.to_go(e.minimum, e.loss))
    if e.batch is not None:
        said += sentences.hovers(e.noise, e.minimum, e.rows)
    if not e.identifiable:
        said.append(f"The data tell {e.rank.rank} of {e.rank.size} parameters apart: {e.rank.matters}.")
    said += [cure.sentence for cure in e.cures]
    return tuple(sentence for sentence in said if sentence)


def too_large(e: Explanation) -> bool:
    """Would this rate, kept, raise the loss now or later?"""
    return e.loss_after > e.loss or (e.limit_at_minimum is not None and e.lr is not None and e.lr >= e.limit_at_minimum)


def rate_sentence(e: Explanation) -> str:
    if e.lr is None:
        return f"{e.method} finds its own steps: there is no rate to choose."
    if e.ray.flat and not e.minimum.found:
        return f"The gradient is zero to rounding here, and this is no minimum ({e.minimum.reason}): no rate leads away."
    if e.ray.flat and e.minimum.lower:
        return f"The gradient is zero to rounding here, and no rate leads away. {sentences.no_minimum(e.minimum, e.loss)}"
    if e.limit_at_minimum == 0 or e.limit == 0:
        return f"{e.method} with these constants settles at no rate: its states grow by themselves."
    if e.modes is not None and e.limit_at_minimum:
        if e.batch is not None:
            return sentences.with_batches(e.lr, e.limit_at_minimum, e.batch, e.modes, known=e.noise.limit is not None)
        return sentences.long_run(e.lr, e.limit_at_minimum, e.modes, e.loss_after, e.ray, e.straight)
    eta = f"η={sentences.few(e.lr)}"
    if e.loss_after > e.ray.now:
        return sentences.raises(e.lr, e.ray, e.loss_after)
    lowers = f"{eta} lowers the loss now, from {sentences.few(e.loss)} to {sentences.few(e.loss_after)}"
    if e.minimum.found:
        return f"{lowers}. {e.method} has no largest stable rate: it does not move in proportion to the gradient."
    return f"{lowers}. There is no minimum near that would set a limit: {e.minimum.reason}."
