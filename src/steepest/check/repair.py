"""The line of the user's program that is wrong, found by repairing it.

On one-row data each value of the program is solved for: which one would mend the whole gradient? What mends it must be
something that a right program computes: a step of the derivation, a number, a variable. Of these repairs the one is named
that leaves the fewest values unknown in the run; of equals, the earliest.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from steepest.check.candidates import FACTORS, STEPS, UNKNOWN, Library, is_constant
from steepest.check.cases import Case, Cases, Subject, reference, shares
from steepest.check.implied import EACH, SAME, SCALED, SOLVED, Mode, Solver
from steepest.check.instrument import Instrumented, Record, Site, instrument
from steepest.check.meaning import CHANGED, Key, Meaning, Reader, Variable
from steepest.check.report import Diagnosis
from steepest.check.user import UserGradient
from steepest.check.wording import by_hand, sentence

Array = np.ndarray[Any, Any]
SEEN = 6  # cases to read meanings from; the others prove them
MOST_RUNS = 60_000
LISTED = 5  # diagnoses at most
# What makes a repair less likely, in units of one unknown value that stays in the run.
DOUBTS = {
    "input": 3.0,  # it changes what the data or the parameters are
    "fixed": 1.0,  # what does not depend on the row, as a count or the start of a sum, would have to
    "read": 1.0,  # what is read is unknown itself, so the fault may lie where it was computed
    "partial": 0.75,  # of the values that the expression takes, one is wrong
    "scaled": 0.5,  # all of them are, by a common factor
    "overwrites": 0.5,  # the variable held a step of the derivation; its sign or a factor 2 would have to change
    "answer": 0.5,  # it only puts the answer in its place
    "unnatural": 0.5,  # neither a number for a number nor a variable for a variable
    "argument": 0.25,  # the file's own function would be called with a step for a variable
    "built": 0.25,  # a product of two steps; a change of what is there: twice that
}


class Repair(NamedTuple):
    """A site and what each of its unknowns should be; `value` and `here` are those numbers on the first case."""

    site: Site
    number: int  # of the site
    mode: Mode
    meanings: tuple[Meaning, ...]
    doubts: tuple[str, ...]
    unknown: int  # values of the run that are still unknown
    place: int  # when it is first computed
    here: float
    value: float

    @property
    def cost(self) -> float:
        return self.unknown + sum(DOUBTS[name] for name in self.doubts)

    @property
    def meaning(self) -> Meaning:
        """The first that changes something."""
        return next((m for m in self.meanings if m.kind != "unchanged"), self.meanings[0])


def repair(user: UserGradient, problem: Subject, cases: Cases) -> list[Diagnosis]:
    """Diagnoses by line, the most likely first; none where one-row gradients are right, or nothing that is known mends them."""
    program = instrument(user)
    if program is None:
        return []
    with _quietly():
        bench = _Bench(program, problem, cases.ones)
        if not bench.is_wrong:
            return []
        found = sorted(bench.repairs(), key=lambda r: (r.cost, r.place, r.number))
        if program.runs > MOST_RUNS:
            return []
    lines: dict[int, list[Repair]] = {}
    for each in found:
        lines.setdefault(each.site.line, []).append(each)
    best = [_diagnosis(bench, there) for there in list(lines.values())[:LISTED]]
    others = [d.sentence for d in best]
    return [replace(d, details={**d.details, "other places": [o for o in others if o != d.sentence]}) for d in best]


def _diagnosis(bench: _Bench, there: list[Repair]) -> Diagnosis:
    """What is said of one line: the whole right side where that is a step, else the most likely repair."""
    first = there[0]
    whole = [r for r in there if r.site.place == "whole" and r.meaning.kind == "step" and r.site.kind not in ("Name", "Constant")]
    shown = whole[0] if whole and whole[0].cost <= first.cost + 1 else first
    case = bench.cases[0]
    details = {
        "expression": shown.site.text,
        "should be": shown.meaning.text,
        "unknown values left": first.unknown,
        "row": {"theta": case.theta, "columns": case.rows, "yours": shown.here, "right": shown.value},
        "smallest row": by_hand(shown.site, bench.parameters, case, shown.here, shown.value),
    }
    text = sentence(shown.site, shown.meaning, None if shown is first else (first.site, first.meaning))
    return Diagnosis("node", text, bench.mended(first), f"With line {first.site.line} repaired",
                     first.site.line, shown.meaning.text, details)  # fmt: skip


class _Bench:
    """The user's program on one-row cases, beside the right answers."""

    def __init__(self, program: Instrumented, problem: Subject, ones: tuple[Case, ...]) -> None:
        self.program, self.problem, self.cases = program, problem, ones
        self.parameters = problem.parameters
        self.library = Library(problem, ones)
        self.right = [reference(problem, case.theta, case.rows).gradient for case in ones]
        self.yours = [program.run(case.theta, case.rows) for case in ones]
        logs = [program.trace(case.theta, case.rows) for case in ones]
        self.runs = [_values(log) for log in logs]
        self.places = {(r.site, r.occurrence): k for k, r in reversed(list(enumerate(logs[0])))}
        self.keys = [k for k in self.places if all(k in run and len(run[k]) == len(self.runs[0][k]) for run in self.runs)]
        self.keys.sort(key=self.places.__getitem__)

    @property
    def is_wrong(self) -> bool:
        """Is there an answer everywhere, and a wrong one somewhere?"""
        if any(g is None for g in self.yours):
            return False
        return any((abs(g - r) > SOLVED * (abs(r) + 1e-300)).any() for g, r in zip(self.yours, self.right, strict=True))

    @cached_property
    def reader(self) -> Reader:
        variables = []
        for key in self.keys:
            site = self.program.sites[key[0]]
            named = site.kind == "Name" or (site.place == "whole" and site.target.isidentifier() and site.target != "return")
            if named and len(self.runs[0][key]) == 1:
                name = site.text if site.kind == "Name" else site.target
                variables.append(Variable(name, key, self.places[key], np.array([run[key][0] for run in self.runs])))
        return Reader(self.library, variables)

    def repairs(self) -> Iterator[Repair]:
        """Every repair that is found on the first cases and holds on the others."""
        sites: dict[int, list[Key]] = {}
        for key in self.keys:
            sites.setdefault(key[0], []).append(key)
        for index, keys in sites.items():
            bases = [np.concatenate([run[k] for k in keys]) for run in self.runs]
            for mode in _modes(bases, len(self.right[0])):
                found = self._repair(index, keys, bases, mode)
                if found is not None:
                    yield found
                if self.program.runs > MOST_RUNS:
                    return

    def _repair(self, index: int, keys: list[Key], bases: list[Array], mode: Mode) -> Repair | None:
        solvers = [Solver(self.program, case, right, index, mode) for case, right in zip(self.cases, self.right, strict=True)]
        values = _all(solver.solve(base, tried) for solver, base, tried in zip(solvers[:SEEN], bases, self.tries, strict=False))
        if values is None:
            return None
        starts = np.array([mode.start(base) for base in bases])
        place = self.places[keys[0]]
        meanings = self._meanings(values, starts, place)
        if meanings is None and len(starts[0]) == 1 and mode is not SCALED:
            values = _all(solver.hit(tried) for solver, tried in zip(solvers[:SEEN], self.tries, strict=False))
            meanings = None if values is None else self._meanings(values, starts, place)
        if values is None or meanings is None or (mode is EACH and len(meanings) > 1 and _changes(meanings) > 1):
            return None
        for k, solver in enumerate(solvers):
            error = solver.error(self._unknowns(meanings, self.steps[k], self.runs[k], starts[k]))
            if error is None or np.max(abs(error)) > SOLVED * 100:
                return None
        which = next((k for k, m in enumerate(meanings) if m.kind != "unchanged"), 0)
        site = self.program.sites[index]
        draft = Repair(site, index, mode, meanings, (), 0, place, float(starts[0][which]), float(values[0][which]))
        return draft._replace(doubts=self._doubts(draft, values, starts), unknown=self._unknowns_left(draft, values))

    @cached_property
    def steps(self) -> list[Array]:
        return [self.library.at(case) for case in self.cases]

    @cached_property
    def tries(self) -> list[Array]:
        return [self.library.values(steps) for steps in self.steps]

    def _meanings(self, values: Array, starts: Array, place: int) -> tuple[Meaning, ...] | None:
        return _all_of(self.reader.read(line, here[:SEEN], place) for line, here in zip(values.T, starts.T, strict=True))

    @staticmethod
    def _unknowns(meanings: tuple[Meaning, ...], steps: Array, run: Mapping[Key, Array], start: Array) -> Array:
        return np.array([m.at(steps, run, float(here)) for m, here in zip(meanings, start, strict=True)])

    def _unknowns_left(self, r: Repair, values: Array) -> int:
        runs = [_values(self.program.trace(*case, r.number, r.mode.force(v))) for case, v in zip(self.cases, values, strict=False)]
        return sum(self._unknown(key, runs) for key in self.keys)

    def _doubts(self, r: Repair, values: Array, starts: Array) -> tuple[str, ...]:
        site, meaning, alone = r.site, r.meaning, len(r.meanings) == 1
        whole, written = site.place == "whole", site.kind in ("Name", "Constant", "Input")
        here = starts[:SEEN, 0]
        fixed, level = is_constant(here), self.library.level(here)
        swapped = (site.kind == "Constant" and meaning.kind == "number") or (written and meaning.leaf)
        multiple = here[0] != 0 and any(np.allclose(values[:, 0], factor * here, rtol=1e-7, atol=0) for factor in FACTORS)
        doubts = {
            "input": whole and site.kind == "Input",
            "fixed": alone and fixed and meaning.kind != "number" and (whole or site.kind != "Constant"),
            "read": alone and site.kind in ("Name", "Own") and level == UNKNOWN and meaning.cost < CHANGED and not meaning.leaf,
            "partial": not alone,
            "scaled": r.mode is SCALED,
            "overwrites": alone and whole and not written and level == STEPS and multiple and site.target != "return",
            "answer": alone and any(np.allclose(values[:, 0], g, rtol=1e-7, atol=0) for g in np.array(self.right[:SEEN]).T),
            "unnatural": not swapped,
            "argument": site.place == "own argument" and site.kind == "Name" and not meaning.leaf,
        }
        far = max(m.cost for m in r.meanings) + (r.mode is SCALED and meaning.kind != "number")
        return (*(name for name, holds in doubts.items() if holds), *["built"] * far)

    def _unknown(self, key: Key, runs: list[dict[Key, Array]]) -> int:
        if self.program.sites[key[0]].kind in ("Name", "Constant"):
            return 0
        found = [run.get(key) for run in runs]
        size = len(self.runs[0][key])
        if any(value is None or len(value) != size for value in found):
            return 1
        lines = np.array(found).T
        return sum(not np.isfinite(line).all() or self.library.level(line) == UNKNOWN for line in lines)

    def mended(self, r: Repair) -> Any:
        """The repaired gradient at any case: row by row, since a step of the derivation is a number of one row."""

        def gradient(user: UserGradient, case: Case) -> Array:
            share = shares(self.problem, case.rows)
            total = np.zeros(len(self.parameters))
            with _quietly():
                for k in range(case.n):
                    row = {name: column[k : k + 1] for name, column in case.rows.items()}
                    alone = shares(self.problem, row)[0]
                    total = total + self._row(r, Case(case.theta, row)) * (share[k] / alone)
            return total

        return gradient

    def _row(self, r: Repair, case: Case) -> Array:
        run = _values(self.program.trace(case.theta, case.rows))
        base = [run[key] for key in run if key[0] == r.number]
        nothing = np.full(len(self.parameters), np.nan)
        try:
            start = r.mode.start(np.concatenate(base))
            unknowns = self._unknowns(r.meanings, self.library.at(case), run, start)
        except (KeyError, ValueError):
            return nothing
        found = self.program.run(case.theta, case.rows, r.number, r.mode.force(unknowns))
        return nothing if found is None else found


def _modes(bases: list[Array], size: int) -> Iterator[Mode]:
    if len(bases[0]) == 1:
        yield EACH
        return
    if np.ptp(bases[0]) == 0:
        yield SAME
    yield SCALED
    if len(bases[0]) <= size:
        yield EACH


def _values(log: list[Record]) -> dict[Key, Array]:
    return {(record.site, record.occurrence): record.value for record in log}


def _changes(meanings: tuple[Meaning, ...]) -> int:
    return sum(m.kind != "unchanged" for m in meanings)


def _all(found: Iterator[Array | None]) -> Array | None:
    """All of them as lines, or None as soon as one is missing."""
    lines = []
    for value in found:
        if value is None:
            return None
        lines.append(value)
    return np.array(lines)


def _all_of(found: Iterator[Meaning | None]) -> tuple[Meaning, ...] | None:
    meanings = []
    for each in found:
        if each is None:
            return None
        meanings.append(each)
    return tuple(meanings)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
