"""The line of the user's program that is wrong, found by repairing it.

On one-row data each value of the program is solved for: which one would mend the whole gradient? What mends it must be
something that a right program computes: a step of the derivation, a number, a variable. Of these repairs the one is named
that leaves the fewest values unknown in the run; of equals, the one that is said in the fewest letters, then the earliest.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from steepest.check.cases import Case, Cases, Subject, reference, shares
from steepest.check.program.candidates import FACTORS, STEPS, UNKNOWN, Library, is_constant
from steepest.check.program.implied import FACTOR, SOLVED, VALUE, Mode, Solver
from steepest.check.program.instrument import Instrumented, Record, Site, instrument
from steepest.check.program.meaning import CHANGED, Key, Meaning, Reader, Variable
from steepest.check.program.wording import by_hand, sentence
from steepest.check.report import Diagnosis
from steepest.check.user import UserGradient

Array = np.ndarray[Any, Any]
SEEN = 6  # cases to read meanings from; the others prove them
MOST_RUNS = 60_000
LISTED = 5  # diagnoses at most
# What makes a repair less likely, in units of one unknown value that stays in the run.
DOUBTS = {
    "input": 3.0,  # it changes what the data or the parameters are
    "fixed": 1.0,  # what does not depend on the row, as a count, a number or the start of a sum, would have to
    "read": 1.0,  # what is read is unknown itself, so the fault may lie where it was computed
    "scaled": 0.5,  # several values are wrong by a common factor
    "overwrites": 0.5,  # the variable held a step of the derivation; its sign or a factor 2 would have to change
    "literal": 2.0,  # a number that is written, or counted, would have to be an expression
    "dropped": 0.75,  # what a call or a name gives would be a number
    "answer": 0.5,  # it only puts the answer in its place
    "unnatural": 0.5,  # neither a number for a number nor a variable for a variable
    "argument": 0.25,  # the file's own function would be called with a step for a variable
    "built": 0.25,  # a product of two steps that is not at hand; a change of what is there: twice that
    "copy": 0.5,  # another line only copies a variable: that one computes nothing, and may lack something
}


class Repair(NamedTuple):
    """A site and what it should give; `here` and `value` are its value and the mended one on the first case."""

    site: Site
    number: int  # of the site
    mode: Mode
    meaning: Meaning
    place: int  # when it is first computed
    here: float
    value: float
    at_hand: bool  # the user could write it there, from the values at hand
    doubts: tuple[str, ...]
    unknown: int  # values of the run that are still unknown

    @property
    def cost(self) -> float:
        return self.unknown + sum(DOUBTS[name] for name in self.doubts)


def repair(user: UserGradient, problem: Subject, cases: Cases) -> list[Diagnosis]:
    """Diagnoses by line, the most likely first; none where one-row gradients are right, or nothing that is known mends them."""
    program = instrument(user)
    if program is None:
        return []
    with _quietly():
        bench = _Bench(program, problem, cases.ones)
        if not bench.is_wrong:
            return []
        found = sorted(bench.repairs(), key=lambda r: (r.cost, r.mode.factor, len(r.meaning.text), r.place, r.number))
        if program.runs > MOST_RUNS:
            return []
    lines: dict[int, list[Repair]] = {}
    for each in found:
        lines.setdefault(each.site.line, []).append(each)
    found_there = list(lines.values())[:LISTED]
    best = [_diagnosis(bench, there) for there in found_there]
    others = [d.sentence for d in best]
    best = [replace(d, details={**d.details, "other places": [o for o in others if o != d.sentence]}) for d in best]
    made = bench.made_in_a_loop(found_there[0]) if found_there and not found_there[0][0].at_hand else None
    if made is not None:
        name, line = made
        why = f"{name} is made in a loop, whose rounds cannot be repaired one by one. {best[0].sentence}"
        return [_unsettled(best[0], [line, best[0].line], why)]
    if _is_a_toss(*(there[0] for there in found_there[:2])):
        lines_of = [d.line for d in best[:2]]
        return [_unsettled(best[0], lines_of, f"the numbers cannot tell which. {best[0].sentence}; or {best[1].sentence}")]
    return best


def _is_a_toss(first: Repair | None = None, second: Repair | None = None) -> bool:
    """Do two lines mend it equally well, and the first by what nobody would write there?"""
    return first is not None and second is not None and second.cost == first.cost and not first.at_hand


def _unsettled(best: Diagnosis, lines: Sequence[int | None], why: str) -> Diagnosis:
    """The fault is mended, and the line is not settled."""
    places = " or ".join(f"line {line}" for line in dict.fromkeys(lines))
    return replace(
        best, sentence=f"{places[0].upper()}{places[1:]}: {why}", line=None, details={**best.details, "lines": list(lines)}
    )


def _diagnosis(bench: _Bench, there: list[Repair]) -> Diagnosis:
    """What is said of one line: the whole right side where that is a step, else the most likely repair."""
    first = there[0]
    whole = [r for r in there if r.site.place == "whole" and r.meaning.kind == "step" and r.site.kind not in ("Name", "Constant")]
    shown = whole[0] if whole and whole[0].cost <= first.cost + 2 else first
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
                variables.append(Variable(name, site.function, key, self.places[key], np.array([run[key][0] for run in self.runs])))
        return Reader(self.library, variables)

    def repairs(self) -> Iterator[Repair]:
        """Every repair that is found on the first cases and holds on the others."""
        sites: dict[int, list[Key]] = {}
        for key in self.keys:
            sites.setdefault(key[0], []).append(key)
        for index, keys in sites.items():
            bases = [np.concatenate([run[k] for k in keys]) for run in self.runs]
            for mode in _modes(bases):
                found = self._repair(index, keys, bases, mode)
                if found is not None:
                    yield found
                if self.program.runs > MOST_RUNS:
                    return

    def _repair(self, number: int, keys: list[Key], bases: list[Array], mode: Mode) -> Repair | None:
        solvers = [Solver(self.program, case, right, number, mode) for case, right in zip(self.cases, self.right, strict=True)]
        here = np.ones(len(bases)) if mode.factor else np.array([base[0] for base in bases])
        seen, place = solvers[:SEEN], self.places[keys[0]]
        value = _all(solver.solve(start, tried) for solver, start, tried in zip(seen, here, self.tries, strict=False))
        if value is None:
            return None
        meaning = self.reader.read(value, here[:SEEN], self.program.sites[number].function, place)
        if meaning is None and not mode.factor:
            value = _all(solver.hit(tried) for solver, tried in zip(seen, self.tries, strict=False))
            meaning = None if value is None else self.reader.read(value, here[:SEEN], self.program.sites[number].function, place)
        if value is None or meaning is None:
            return None
        for solver, steps, run, start in zip(solvers, self.steps, self.runs, here, strict=True):
            error = solver.error(meaning.at(steps, run, float(start)))
            if error is None or np.max(abs(error)) > 100 * SOLVED:
                return None
        site = self.program.sites[number]
        at_hand = mode.factor or self.reader.is_at_hand(value, here[:SEEN], site.function, place)
        return Repair(site, number, mode, meaning, place, here[0], value[0], at_hand,
                      self._doubts(site, mode, meaning, value, here[:SEEN], at_hand), self._left(number, mode, value))  # fmt: skip

    @cached_property
    def steps(self) -> list[Array]:
        return [self.library.at(case) for case in self.cases]

    @cached_property
    def tries(self) -> list[Array]:
        return [self.library.values(steps) for steps in self.steps]

    def _left(self, number: int, mode: Mode, values: Array) -> int:
        """Unknown values in the repaired runs."""
        runs = [_values(self.program.trace(*case, number, mode.force(v))) for case, v in zip(self.cases, values, strict=False)]
        return sum(self._unknown(key, runs) for key in self.keys)

    def _doubts(self, site: Site, mode: Mode, meaning: Meaning, value: Array, here: Array, at_hand: bool) -> tuple[str, ...]:
        whole, written = site.place == "whole", site.kind in ("Name", "Constant", "Input")
        fixed, level = is_constant(here) and not mode.factor, self.library.level(here)
        multiple = any(np.allclose(value, factor * here, rtol=1e-7, atol=0) for factor in FACTORS)
        swapped = (site.kind == "Constant" and meaning.kind == "number") or (written and meaning.leaf)
        doubts = {
            "input": whole and site.kind == "Input",
            "fixed": fixed and meaning.kind != "number" and (not whole or not here.any()),
            "read": site.kind in ("Name", "Own") and level == UNKNOWN and meaning.cost < CHANGED and not meaning.leaf,
            "scaled": mode.factor,
            "overwrites": whole and not written and level == STEPS and not fixed and multiple and site.target != "return",
            "literal": fixed
            and meaning.kind != "number"
            and site.kind in ("Constant", "Result")
            and not (whole and site.kind == "Constant" and here.any()),
            "dropped": meaning.kind == "number" and site.kind in ("Call", "Subscript", "Name") and not mode.factor,
            "answer": any(np.allclose(value, g, rtol=1e-7, atol=0) for g in np.array(self.right[:SEEN]).T),
            "unnatural": not swapped,
            "argument": site.place == "own argument" and site.kind == "Name" and not meaning.leaf,
        }
        far = meaning.cost + (mode.factor and meaning.kind != "number")
        if at_hand and not mode.factor:
            far = 0
        copies = sum(line != site.line for line in self.copies)
        return (*(name for name, holds in doubts.items() if holds), *["built"] * far, *["copy"] * copies)

    @cached_property
    def copies(self) -> set[int]:
        """Lines as `e = yhat`."""
        plain = (s for s in self.program.sites if s.place == "whole" and s.kind == "Name" and s.target.isidentifier())
        return {site.line for site in plain if site.target != "return"}

    def made_in_a_loop(self, there: Sequence[Repair]) -> tuple[str, int] | None:
        """A variable or a call that this line reads, which could as well be what is wrong, but is computed round by round."""
        for r in there:
            if r.site.kind == "Name" and not r.meaning.leaf and r.meaning.kind != "number":
                made = [s for s in self.rounds if re.split(r"\W", s.target)[0] == r.site.text and s.function == r.site.function]
            elif r.site.kind == "Own":
                made = [s for s in self.rounds if s.function == r.site.text.split("(")[0]]
            else:
                continue
            if made and made[0].line != r.site.line:
                return r.site.text, made[0].line
        return None

    @cached_property
    def rounds(self) -> list[Site]:
        """Right sides that are computed several times for one row, with different values."""
        several: dict[int, set[bytes]] = {}
        for (number, _), value in self.runs[0].items():
            several.setdefault(number, set()).add(value.tobytes())
        sites = self.program.sites
        return [
            sites[n] for n, values in several.items() if len(values) > 1 and sites[n].place == "whole" and sites[n].kind != "Input"
        ]

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
        if not base:
            return nothing
        try:
            unknown = r.meaning.at(self.library.at(case), run, 1.0 if r.mode.factor else float(base[0][0]))
        except KeyError:
            return nothing
        found = self.program.run(*case, r.number, r.mode.force(unknown))
        return nothing if found is None else found


def _modes(bases: list[Array]) -> Iterator[Mode]:
    """A value where there is one only, else a factor."""
    if all(np.ptp(base) == 0 for base in bases):
        yield VALUE
    if len(bases[0]) > 1:
        yield FACTOR


def _values(log: list[Record]) -> dict[Key, Array]:
    return {(record.site, record.occurrence): record.value for record in log}


def _all(found: Iterator[float | None]) -> Array | None:
    """All of them, or None as soon as one is missing."""
    values = []
    for value in found:
        if value is None:
            return None
        values.append(value)
    return np.array(values)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
