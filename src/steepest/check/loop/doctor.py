"""The loop doctor: from theta, step by step, and the problem alone, what the loop did.

A cause is named where the steps held out are more than 100 times the tolerance away from plain descent, the cause
predicts all of them, and no other with as few free numbers does. Everything else is "unknown".
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from steepest.check.cases import Subject
from steepest.check.loop.causes import one_number, plain, stated, two_numbers
from steepest.check.loop.coordinates import own_rate, some_parameters
from steepest.check.loop.fit import Fitted, Guess, fit
from steepest.check.loop.schedules import schedules
from steepest.check.loop.steps import Steps
from steepest.check.loop.trajectory import Trajectory, read_trajectory
from steepest.check.report import Proof, Report
from steepest.errors import OptionError

CLEAR = 100.0  # tolerances by which plain descent must fail before a cause is named
ROUND = 1e-4  # relative: a factor that has a name
TELLING = 2  # held-out steps, at least, in which plain descent and the cause can be told apart


def check_trajectory(trajectory: Any, problem: Subject, lr: float | None = None) -> Report:
    """See `steepest.problem.check_trajectory`."""
    _check_rate(lr)
    problem.objective("numpy").derivation.by_parameter("the doctor of loops")
    read = read_trajectory(trajectory, problem.parameters)
    if read.steps < 2:
        return _nothing(f"the trajectory has {_count(read.steps, 'step')} that can be used", read)
    with np.errstate(all="ignore"):
        for eps in read.eps:
            report = _judged(Steps(read, problem.objective("numpy"), eps), problem.parameters, lr)
            if report.cause != "unknown":
                break
    return report


def trajectory_report(problem: Subject, path: str | os.PathLike[str], lr: float | None = None) -> Report:
    """`check_trajectory` for a file: what `steepest doctor --trajectory` prints."""
    return check_trajectory(os.fspath(path), problem, lr)


class StepsProof(Proof):
    """`points` are the steps that were held out."""

    def __str__(self) -> str:
        return f"{self.how}: the {self.points} steps held out are predicted (error {self.worst:.2g} of what rounding allows)"


class _Case(NamedTuple):
    """What every verdict is about: the steps, and plain descent on them, at the stated rate or at its best one."""

    steps: Steps
    names: Sequence[str]
    lr: float | None
    plain: Fitted


def _judged(steps: Steps, names: Sequence[str], lr: float | None) -> Report:
    read = steps.trajectory
    best = fit(plain(steps), steps)
    if best is None:
        return _nothing("the gradient is zero, or not finite, all along the trajectory", read)
    given = best if lr is None else fit(stated(steps, lr), steps)
    assert given is not None
    case = _Case(steps, names, lr, given)
    if given.worst <= 1 and (lr is not None or best.numbers[0] > best.uncertain[0]):
        return _correct(case) if _informative(case, given.predicted, given) else _nothing(_dim(steps), read)
    if lr is None and best.fits and _informative(case, best.predicted, best):
        return _named(case, [_uphill(best)])
    if lr is not None and best.fits:
        return _settled(case, [_scaled(best, lr, steps.objective.columns.rows) if best.numbers[0] > 0 else _uphill(best)])
    alike = chain(one_number(steps), two_numbers(steps))
    apart = chain(some_parameters(steps, names), own_rate(steps, names))
    for guesses in (chain(alike, apart), schedules(steps)):
        fitting = _fitting(case, guesses)
        if fitting:
            return _settled(case, fitting)
    if not (given.ratio[given.held] > CLEAR).any():
        return _between(case) if _informative(case, given.predicted, given) else _nothing(_dim(steps), read)
    return _unknown(case, "this is not plain gradient descent, and no cause that is known predicts its steps", ())


def _fitting(case: _Case, guesses: Iterable[Guess]) -> list[Fitted]:
    """The guesses that predict every step, those with fewest free numbers only."""
    found = [fitted for guess in guesses if (fitted := fit(guess, case.steps)) is not None and fitted.fits]
    least = min((fitted.free for fitted in found), default=0)
    return [fitted for fitted in found if fitted.free == least]


def _settled(case: _Case, fitting: list[Fitted]) -> Report:
    """One cause is left, and it is clear of plain descent: it is named."""
    causes = dict.fromkeys(str(fitted.guess.cause) for fitted in fitting)
    best = min(fitting, key=lambda fitted: fitted.worst)
    if not _clear(case, best) and not _informative(case, best.predicted, best):
        return _nothing(_dim(case.steps), case.steps.trajectory)
    if not _clear(case, best):
        return _between(case, fitting)
    if len(causes) > 1:
        return _unknown(case, "several causes predict these steps equally well", _told(fitting))
    return _named(case, fitting)


def _informative(case: _Case, predicted: Any, fitted: Fitted) -> bool:
    """Are there held-out steps that stand out from rounding?"""
    return _enough(abs(predicted) > CLEAR * fitted.allowed, fitted)


def _clear(case: _Case, fitted: Fitted) -> bool:
    """Does plain descent fail by more than 100 tolerances on held-out steps, in every coordinate in which the cause speaks?"""
    off = case.plain.ratio > CLEAR
    used = (abs(fitted.predicted - case.plain.predicted) > np.fmax(fitted.allowed, case.plain.allowed)) & off
    return _enough(used, fitted)


def _enough(telling: Any, fitted: Fitted) -> bool:
    """Two held-out steps that tell, and more numbers that were predicted than fitted."""
    held = telling[fitted.held].any(axis=1).sum()
    return bool(held >= TELLING and np.isfinite(fitted.ratio[fitted.held]).sum() > fitted.free)


def _correct(case: _Case) -> Report:
    said = f"{_capital(case.plain.guess.sentence(case.plain.numbers))}: every step is what it should be, to {_precision(case)}."
    return Report(True, None, said, proof=_proof(case, case.plain), details=_details(case, [case.plain]))


def _named(case: _Case, fitting: list[Fitted]) -> Report:
    best = min(fitting, key=lambda fitted: fitted.worst)
    sentence = f"{_capital(best.guess.sentence(best.numbers))}."
    if case.lr is not None and best.guess.cause != "scaled" and "eta" in best.guess.names:
        k = best.guess.names.index("eta")
        if abs(best.numbers[k] - case.lr) > best.uncertain[k] + ROUND * case.lr:
            sentence += f" The rate that was stated is {case.lr:.6g}."
    return Report(
        False, best.guess.cause, sentence, node=best.guess.node, proof=_proof(case, best), details=_details(case, [best, *fitting])
    )


def _unknown(case: _Case, why: str, rivals: Sequence[str]) -> Report:
    details = {**_details(case, [case.plain]), "rivals": list(rivals), "coordinates": _coordinates(case)}
    return Report(False, "unknown", f"{_capital(why)}.", details={**details, "smallest row": _by_hand(case, case.plain)})


def _between(case: _Case, fitting: Sequence[Fitted] = ()) -> Report:
    worst = case.plain.worst
    if worst > CLEAR:
        why = f"this is not plain gradient descent, but too few steps stand out from {_precision(case)} to name a cause"
    else:
        why = f"the steps are plain gradient descent to within {worst:.3g} times {_precision(case)}: too little to name a cause"
    return _unknown(case, why, _told(list(fitting)))


def _nothing(why: str, read: Trajectory) -> Report:
    details = {"reason": "too little information", **_recorded(read)}
    return Report(False, "unknown", f"Too little information: {why}.", details=details)


def _dim(steps: Steps) -> str:
    return f"too few of its {_count(steps.trajectory.steps, 'step')} stand out from what {steps.trajectory.recorded} hide"


def _details(case: _Case, fitting: list[Fitted]) -> dict[str, Any]:
    best = fitting[0]
    numbers = {name: float(value) for name, value in zip(best.guess.names, best.numbers, strict=True)}
    return {
        "loop": best.guess.how,
        "numbers": numbers,
        "uncertain": {name: float(value) for name, value in zip(best.guess.names, best.uncertain, strict=True)},
        "also": [text for text in _told(fitting)[1:] if text != _told([best])[0]],
        "lr": case.lr,
        **_recorded(case.steps.trajectory),
        "parameters": {
            name: {"plain": _worst(case.plain, k), "cause": _worst(best, k)} for k, name in enumerate(case.names)
        },
        "step by hand": _by_hand(case, best),
    }  # fmt: skip


def _recorded(read: Trajectory) -> dict[str, Any]:
    return {"steps": read.steps, "recorded": read.recorded, "first value that is not finite": read.cut}


def _worst(fitted: Fitted, k: int) -> float:
    return float(np.nanmax(fitted.ratio[:, k], initial=0.0))


def _told(fitting: list[Fitted]) -> list[str]:
    return list(dict.fromkeys(fitted.guess.sentence(fitted.numbers) for fitted in fitting))


def _place(case: _Case) -> tuple[int, int]:
    """The step and the coordinate in which plain descent fails most."""
    ratio = np.nan_to_num(np.where(np.isfinite(case.plain.ratio), case.plain.ratio, 0.0))
    k, j = np.unravel_index(int(np.argmax(ratio)), ratio.shape)
    return int(k), int(j)


def _by_hand(case: _Case, best: Fitted) -> str:
    """One step with all its numbers."""
    k, j = _place(case)
    s, t = case.steps, int(case.steps.at[k])
    text = (
        f"Step {t}, {case.names[j]}: from {s.theta[t, j]:.9g} to {s.theta[t + 1, j]:.9g}, where the gradient is {s.g[k, j]:.9g}; "
        f"plain descent goes to {s.theta[t, j] + case.plain.predicted[k, j]:.9g}"
    )
    if best is not case.plain and np.isfinite(best.predicted[k, j]):
        text += f", the loop named here to {s.theta[t, j] + best.predicted[k, j]:.9g}"
    return f"{text}."


def _coordinates(case: _Case) -> list[dict[str, Any]]:
    """The step in which plain descent fails most, for every parameter."""
    k, _ = _place(case)
    rows = []
    for j, name in enumerate(case.names):
        yours, ours = float(case.steps.step[k, j]), float(case.plain.predicted[k, j])
        rows.append({"name": name, "yours": yours, "ours": ours, "ratio": yours / ours if ours else None})
    return rows


def _proof(case: _Case, best: Fitted) -> Proof:
    held = best.ratio[best.held]
    return StepsProof(
        int(np.isfinite(held).any(axis=1).sum()), case.steps.objective.columns.rows, float(np.nanmax(held, initial=0.0)),
        best.guess.how,
    )  # fmt: skip


def _precision(case: _Case) -> str:
    return f"what {case.steps.trajectory.recorded} can show"


def _uphill(best: Fitted) -> Fitted:
    said = f"the steps go up the gradient: theta += {-best.numbers[0]:.6g}*g. A sign is wrong, in the update or in the gradient"
    return best._replace(guess=replace(best.guess, cause="sign", how="theta += eta*g", said=said))


def _scaled(best: Fitted, lr: float, rows: int) -> Fitted:
    factor = float(best.numbers[0]) / lr
    known = {2.0: "2", 0.5: "1/2", float(rows): f"{rows}, the number of rows,", 1 / rows: f"1/{rows}, one over the number of rows,"}
    near = next((text for value, text in known.items() if math.isclose(factor, value, rel_tol=ROUND)), f"{factor:.6g}")
    said = f"every step is {near} times what the stated rate {lr:.6g} gives: the gradient or the rate is scaled (rate {{eta:.6g}})"
    return best._replace(guess=replace(best.guess, cause="scaled", how="theta -= c*eta*g", said=said))


def _check_rate(lr: Any) -> None:
    if lr is None:
        return
    if isinstance(lr, bool) or not isinstance(lr, int | float | np.floating) or not (math.isfinite(lr) and lr > 0):
        raise OptionError(f"lr is {lr!r}: give the positive rate that was meant")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
