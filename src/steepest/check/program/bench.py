"""The user's program on one-row cases, where every value of it is solved for: which one would mend the whole gradient?"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from steepest.check.cases import Case, Subject, reference, shares
from steepest.check.program.candidates import FACTORS, STEPS, UNKNOWN, Library, is_constant
from steepest.check.program.edits import edit, edit_of_factor
from steepest.check.program.implied import FACTOR, SOLVED, VALUE, Mode, Solver
from steepest.check.program.instrument import Instrumented, Record, Site
from steepest.check.program.meaning import CHANGED, Key, Meaning, Reader, Variable
from steepest.check.program.ranking import Loop, Repair
from steepest.check.user import UserGradient

Array = np.ndarray[Any, Any]
SEEN = 6  # cases to read meanings from; the others prove them
MOST_RUNS = 60_000
NEAR = np.array([-1.0, 1.0, -2.0, 2.0])  # from a whole number, as the last one of a `range`
COUNT = re.compile(r"len\(|.*\.(size|shape)\b")


class Bench:
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
            named = site.place == "whole" and site.target.isidentifier() and site.target != "return"
            name = site.text if site.kind in ("Name", "Bound", "Input") else site.target if named else ""
            size = len(self.runs[0][key])
            if name and (size == 1 or site.kind == "Bound"):
                for k in range(size):
                    text = name if size == 1 else f"{name}[{k}]"
                    profile = np.array([run[key][k] for run in self.runs])
                    variables.append(Variable(text, site.function, key, self.places[key], profile, k))
        return Reader(self.library, variables)

    def repairs(self) -> Iterator[Repair]:
        """Every repair that is found on the first cases and holds on the others."""
        sites: dict[int, list[Key]] = {}
        for key in self.keys:
            if self.program.sites[key[0]].kind != "Bound":
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
        seen, place, site = solvers[:SEEN], self.places[keys[0]], self.program.sites[number]
        asked = here[:SEEN], site.function, place, site.kind == "Name"
        value = _all(solver.solve(start, tried) for solver, start, tried in zip(seen, here, self.tries, strict=False))
        if value is None and is_constant(here) and float(here[0]).is_integer():
            value = _all(solver.hit(here[0] + NEAR) for solver in seen)
        if value is None:
            return None
        meaning = self.reader.read(value, *asked)
        if meaning is None and not mode.factor:
            value = _all(solver.hit(tried) for solver, tried in zip(seen, self.tries, strict=False))
            meaning = None if value is None else self.reader.read(value, *asked)
        if meaning is None:
            return None
        value = np.array([meaning.at(*at) for at in zip(self.steps, self.runs, here.tolist(), strict=True)])
        for solver, exact in zip(solvers, value, strict=True):
            error = solver.error(float(exact))
            if error is None or np.max(abs(error)) > 100 * SOLVED:
                return None
        value, here = value[:SEEN], here[:SEEN]
        return Repair(site, number, mode, meaning, place, float(here[0]), float(value[0]),
                      self._edit(site, mode, value, here, place), self._doubts(site, mode, meaning, value, here),
                      self._left(number, mode, value))  # fmt: skip

    def _edit(self, site: Site, mode: Mode, value: Array, here: Array, place: int) -> float:
        scope = [variable.profile[: len(value)] for variable in self.reader.scope(site.function, place)]
        if mode.factor:
            return edit_of_factor(value, scope)
        parts = [(k, 0) for k in site.operands]
        known = all(self._is_single(key) for key in parts)
        operands = [np.array([run[key][0] for run in self.runs[: len(value)]]) for key in parts] if known else []
        return edit(value, here, site.kind, site.text, scope, operands)

    def _is_single(self, key: Key) -> bool:
        return all(key in run and len(run[key]) == 1 for run in self.runs)

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

    def _doubts(self, site: Site, mode: Mode, meaning: Meaning, value: Array, here: Array) -> tuple[str, ...]:
        whole, written = site.place == "whole", site.kind in ("Name", "Constant", "Input")
        fixed, level = is_constant(here) and not mode.factor, self.library.level(here)
        varies = not is_constant(value)
        counted = site.kind in ("Constant", "Result") or COUNT.match(site.text) is not None
        multiple = any(np.allclose(value, factor * here, rtol=1e-7, atol=0) for factor in FACTORS)
        doubts = {
            "input": whole and site.kind == "Input",
            "fixed": fixed and varies and (not whole or not here.any()),
            "read": site.kind in ("Name", "Own") and level == UNKNOWN and meaning.cost < CHANGED and not meaning.leaf,
            "scaled": mode.factor,
            "overwrites": whole and not written and level == STEPS and not fixed and multiple and site.target != "return",
            "literal": fixed and varies and counted and not (whole and site.kind == "Constant" and here.any()),
            "dropped": meaning.kind == "number" and site.kind in ("Call", "Subscript", "Name") and not mode.factor,
            "answer": any(np.allclose(value, g, rtol=1e-7, atol=0) for g in np.array(self.right[:SEEN]).T),
            "argument": site.place == "own argument" and site.kind == "Name" and not meaning.leaf,
            "listed": site.place == "element" and site.kind == "Name",
        }
        copies = sum(line != site.line for line in self.copies)
        return (*(name for name, holds in doubts.items() if holds), *["copy"] * copies)

    @cached_property
    def copies(self) -> set[int]:
        """Lines as `e = yhat`."""
        plain = (s for s in self.program.sites if s.place == "whole" and s.kind == "Name" and s.target.isidentifier())
        return {site.line for site in plain if site.target != "return"}

    def loops(self, found: Sequence[Repair]) -> dict[Repair, Loop]:
        """What a repair reads, where that is made in the rounds of a loop."""
        made = {}
        for r in found:
            if r.site.kind in ("Name", "Own") and not r.meaning.leaf and r.meaning.kind != "number":
                function, name = (r.site.function, r.site.text) if r.site.kind == "Name" else (r.site.text.split("(")[0], "")
                loop = self._loop(function, name, r.site.line)
                if loop is not None:
                    made[r] = loop
        return made

    def _loop(self, function: str, name: str, reader: int) -> Loop | None:
        """The loop that makes this variable, or any of a function where `name` is empty."""
        found = [s for s in self.rounds if s.function == function and (_name(s) == name or not name) and s.line != reader]
        if not found:
            return None
        spans = [span for span in self.program.loops if found[0].line in span]
        span = max(spans, key=lambda span: span.start)
        made = {_name(site) for site in found}
        starts = [s.line for s in self.program.sites if s.function == function and s.place == "whole" and _name(s) in made]
        lines = {span.start, *(line for line in starts if line < span.stop), *(site.line for site in found)}
        return Loop(name or function, tuple(sorted(lines)))

    @cached_property
    def rounds(self) -> list[Site]:
        """Right sides that a loop computes several times for one row."""
        again = {number for number, occurrence in self.runs[0] if occurrence}
        sites = [self.program.sites[number] for number in sorted(again)]
        return [s for s in sites if s.place == "whole" and s.kind != "Input" and any(s.line in span for span in self.program.loops)]

    def _unknown(self, key: Key, runs: list[dict[Key, Array]]) -> int:
        if self.program.sites[key[0]].kind in ("Name", "Constant", "Bound"):
            return 0
        found = [run[key] for run in runs if key in run]
        size = len(self.runs[0][key])
        if any(len(value) != size for value in found) or 0 < len(found) < len(runs):
            return 1
        lines = np.array(found).T  # empty where the mended program does not come
        return sum(not np.isfinite(line).all() or self.library.level(line) == UNKNOWN for line in lines)

    def mended(self, r: Repair) -> Any:
        """The repaired gradient at any case: row by row, since a step of the derivation is a number of one row."""

        def gradient(user: UserGradient, case: Case) -> Array:
            share = shares(self.problem, case.rows)
            total = np.zeros(len(self.parameters))
            with quietly():
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


def _name(site: Site) -> str:
    """The variable that a right side, or `+=`, writes to."""
    return re.split(r"\W", site.target or site.text)[0]


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
def quietly() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
