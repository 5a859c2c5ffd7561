"""Engines against each other: loss and gradient at several points, how far apart, and why.

The reference is exact (50 digits) where that takes less than about half a second, and the engine `numpy` elsewhere. A difference is
allowed up to ε·(κ of the engine + κ of the reference); see rounding.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, NamedTuple

import numpy as np

from steepest.check.agreement.differences import cause, jump, notes
from steepest.check.agreement.exact import exact_sums, is_small
from steepest.check.agreement.measure import At, allowed, measured, sums
from steepest.check.agreement.samples import Samples, samples
from steepest.check.agreement.written import WrittenKernels
from steepest.check.report import plain
from steepest.check.rounding import EPS, sums_bound
from steepest.descent.objective import Array, Objective
from steepest.engines.differences import DifferenceKernels
from steepest.engines.exact import ExactKernels, TooManyDigits
from steepest.engines.table import ENGINES, why_not
from steepest.errors import EngineError, OptionError

SLOW = 100_000  # operations of all rows, times parameters, beyond which differences take a second a point
LONG = 500_000  # digits of all numbers at all points, beyond which exact ones take some seconds
AGREE, CAUSE, DIFFER = "agree", "differ, cause known", "differ"


class Line(NamedTuple):
    """One number of one engine at one point. `what` is "loss" or a parameter's name; the verdict is about value - reference.

    `ulps` counts the difference in units in the last place of the reference, None where that is 0; `share` is the
    difference over what rounding allows.
    """

    engine: str
    point: int
    what: str
    value: float
    reference: float
    ulps: float | None
    share: float
    verdict: str
    cause: str


class Verdict(NamedTuple):
    """An engine over all points: the worst line counts."""

    engine: str
    verdict: str
    ulps: float
    share: float
    causes: tuple[str, ...]


@dataclass(frozen=True)
class Agreement:
    """What every engine gave. `reference` says for each point what it was compared with; `missing` says why an engine is not here,
    `notes` which numbers keep few digits at the first point, in any engine."""

    formula: str
    parameters: tuple[str, ...]
    thetas: Array
    reference: tuple[str, ...]
    lines: tuple[Line, ...] = field(repr=False)
    missing: Mapping[str, str]
    notes: tuple[str, ...]
    samples: Samples = field(repr=False)

    @property
    def ok(self) -> bool:
        """No engine differs without a known cause."""
        return all(line.verdict != DIFFER for line in self.lines)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One for each engine, in order."""
        found = []
        for name in dict.fromkeys(line.engine for line in self.lines):
            own = [line for line in self.lines if line.engine == name]
            worst = max(own, key=lambda line: (AGREE, CAUSE, DIFFER).index(line.verdict)).verdict
            ulps = max((line.ulps for line in own if line.ulps is not None), default=0.0)
            causes = tuple(dict.fromkeys(line.cause for line in own if line.cause))
            found.append(
                Verdict(name, worst, ulps, max((line.share for line in own if line.share == line.share), default=0.0), causes)
            )
        return tuple(found)

    def text(self) -> str:
        """For a terminal."""
        from steepest.show.agreement import agreement_text

        return agreement_text(self)

    def _repr_html_(self) -> str:
        from steepest.show.agreement import agreement_html

        return agreement_html(self)

    def __str__(self) -> str:
        return self.text()

    def to_dict(self) -> dict[str, Any]:
        """Everything in the types of JSON; what is not finite is None."""
        whole: dict[str, Any] = plain(
            {
                "ok": self.ok,
                "formula": self.formula,
                "points": [dict(zip(self.parameters, theta, strict=True)) for theta in self.thetas],
                "reference": list(self.reference),
                "engines": [verdict._asdict() for verdict in self.verdicts],
                "lines": [line._asdict() for line in self.lines],
                "missing": dict(self.missing),
                "notes": list(self.notes),
                "samples": self.samples.to_dict(),
            }
        )
        return whole


def check(through: Callable[[str], Objective], engines: Sequence[str] | None, first: Array, count: int, seed: int) -> Agreement:
    """The engines of the table, or those asked for, at `first` and at count - 1 points around it.

    Raises EngineError where none of them can be used here, OptionError for an unknown name or a wrong count.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise OptionError(f"points is {count!r}: give a whole number, 1 or more")
    through("numpy").derivation.by_parameter("the check of engines")
    asked = list(ENGINES) if engines is None else list(engines)
    missing = {name: reason for name in asked if (reason := why_not(name))}
    if asked and len(missing) == len(asked):
        raise EngineError(missing[asked[0]])
    return compare(through, [n for n in asked if n not in missing], points(through("numpy"), first, count, seed), missing, seed)


def compare(
    through: Callable[[str], Objective], engines: Iterable[str], thetas: Sequence[Array], missing: Mapping[str, str], seed: int = 0
) -> Agreement:
    """Every engine at every point. `through(name)` gives an objective; EngineError there is a sentence, and the others go on."""
    numpy = through("numpy")
    written = Objective(WrittenKernels(numpy.derivation), numpy.columns, numpy.weights)
    ats = [At(theta, numpy.columns.arrays, numpy.weights) for theta in thetas]
    truths = [_truth(numpy, at) for at in ats]
    missing, said, lines = dict(missing), notes(numpy, ats[0]), []
    for name in (*engines, written.kernels.name):
        try:
            engine = written if name == written.kernels.name else through(name)
            count = _affordable(engine, ats)
            for point, (at, truth) in enumerate(zip(ats[:count], truths, strict=False)):
                lines += _lines(engine, written if name == "numpy" else numpy, at, point, truth, name)
        except (EngineError, TooManyDigits) as error:
            missing[name] = str(error)
            continue
        if count < len(ats):
            said.append(f"{name} is slow here, and was run at {'the first point' if count == 1 else f'{count} points'} only")
    formula = numpy.derivation.formula
    names = tuple("exact, 50 digits" if truth.exact else "engine numpy" for truth in truths)
    found = samples(numpy, thetas[0], seed)
    return Agreement(formula.text, formula.parameters, np.array(thetas), names, tuple(lines), missing, tuple(said), found)


def _affordable(engine: Objective, ats: Sequence[At]) -> int:
    """At how many points, from the first, an engine is run: its cost is known beforehand. Raises EngineError for 0."""
    kernels = engine.kernels
    if isinstance(kernels, DifferenceKernels):
        return 1 if engine.work() * len(engine.derivation.formula.parameters) > SLOW else len(ats)
    if not isinstance(kernels, ExactKernels):
        return len(ats)
    lengths = [kernels.length("gradient", at.theta, at.columns) if is_small(engine.derivation, at.rows) else inf for at in ats]
    count = int(np.count_nonzero(np.cumsum(lengths) <= LONG))
    if not count:
        raise EngineError(f"its exact numbers would come to more than {LONG:,} digits in {engine.columns.rows:,} rows")
    return count


class Truth(NamedTuple):
    """The sums to compare with, before they are divided, and how far they may themselves be off."""

    sums: Array
    allowed: Array
    exact: bool
    kinks: bool  # is there a row in which rounding can turn a comparison?


def points(objective: Objective, first: Array, count: int, seed: int) -> list[Array]:
    """The given point, and others around it at which the gradient is finite where that can be had."""
    rng = np.random.default_rng(seed)
    found = [first]
    for attempt in range(20 * count):
        if len(found) >= count:
            break
        near = first + 0.2 * rng.standard_normal(len(first)) * np.where(first == 0, 1.0, abs(first)) * 0.8 ** (attempt // count)
        if np.isfinite(objective.at(near).gradient).all():
            found.append(near)
    return found


def _truth(objective: Objective, at: At) -> Truth:
    exact = exact_sums(objective.derivation, *at) if is_small(objective.derivation, at.rows) else None
    kinks = bool(len(sums_bound(objective.derivation, "gradient", list(at.theta), at.columns, at.weights).undecided))
    rounding = allowed(objective, at)
    if exact is None:
        return Truth(sums(objective, at), rounding, False, kinks)
    return Truth(exact, EPS * abs(exact) + np.where(np.isfinite(rounding), EPS**2 * rounding, 0.0), True, kinks)


def _lines(engine: Objective, witness: Objective, at: At, point: int, truth: Truth, name: str) -> list[Line]:
    values, bounds = measured(engine, at)
    bounds = bounds + truth.allowed
    divisor = float(witness.divisor)
    found = []
    for k, what in enumerate(("loss", *witness.derivation.formula.parameters)):
        value, right = float(values[k]), float(truth.sums[k])
        ulps, share, verdict = _judged(value, right, float(bounds[k]))
        look = cause if verdict == DIFFER else jump if truth.kinks and value != right else None
        why = look(engine, witness, at, k, right) or "" if look else ""
        verdict = CAUSE if why else verdict
        with np.errstate(all="ignore"):
            found.append(Line(name, point, what, value / divisor, right / divisor, ulps, share, verdict, why))
    return found


def _judged(value: float, right: float, bound: float) -> tuple[float | None, float, str]:
    """Ulps, the share of what is allowed, and whether that is all of it."""
    if not np.isfinite([value, right]).any():
        return 0.0, 0.0, AGREE  # not finite in both
    gap = abs(value - right)
    if not np.isfinite(gap):
        return None, np.inf, DIFFER
    ulps = float(gap / np.spacing(abs(right))) if right else (0.0 if gap == 0 else None)
    share = 0.0 if gap == 0 else (float(gap / bound) if bound > 0 else np.inf)  # nan: nothing is known of the rounding
    return ulps, share, AGREE if gap == 0 or gap <= bound < np.inf else DIFFER
