"""Which of the repairs is the fault: places ranked by what each would leave unexplained in the user's program.

A repair costs one for each value that the mended run computes and no right program does, the change of the text that it
asks for (edits.py), and its doubts. A line costs what its cheapest repair costs. A value that is made in the rounds of a loop
cannot be repaired there, only where it is read; so the loop is a place too. The cheapest place is named; where several are as
cheap, all of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from steepest.check.program.implied import Mode
from steepest.check.program.instrument import Site
from steepest.check.program.meaning import Meaning

NAMED = 3  # places at most, where the numbers cannot tell
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
    "argument": 0.25,  # the file's own function would be called with a step for a variable
    "listed": 0.5,  # a variable that is only put in a list; it was computed elsewhere
    "copy": 0.5,  # another line only copies a variable: that one computes nothing, and may lack something
}
OF_READING = ("read", "fixed")  # doubts that hold where a value is read, and not where it is made


class Repair(NamedTuple):
    """A site and what it should give; `here` and `value` are its value and the mended one on the first case."""

    site: Site
    number: int  # of the site
    mode: Mode
    meaning: Meaning
    place: int  # when it is first computed
    here: float
    value: float
    edit: float  # of the text
    doubts: tuple[str, ...]
    unknown: int  # values of the run that are still unknown

    @property
    def cost(self) -> float:
        return self.unknown + self.edit + sum(DOUBTS[name] for name in self.doubts)

    @property
    def order(self) -> tuple[float, bool, int, int, int]:
        return self.cost, self.mode.factor, len(self.meaning.text), self.place, self.number


class Loop(NamedTuple):
    """The lines that make `name` round by round: its start, the loop's head, what is done in it."""

    name: str
    lines: tuple[int, ...]


class Place(NamedTuple):
    """A line, or a loop, with its repairs, the cheapest first."""

    lines: tuple[int, ...]
    cost: float
    repairs: list[Repair]
    loop: Loop | None = None

    @property
    def name(self) -> str:
        first, last = self.lines[0], self.lines[-1]
        return f"line {first}" if first == last else f"the loop of lines {first}-{last}"


def places(repairs: Sequence[Repair], loops: Mapping[Repair, Loop]) -> list[Place]:
    """The cheapest first. `loops`: what a repair reads, if it is made in one."""
    found: list[Place] = []
    ranked = sorted(repairs, key=lambda r: r.order)
    for line in dict.fromkeys(r.site.line for r in ranked):
        there = [r for r in ranked if r.site.line == line]
        found.append(Place((line,), there[0].cost, there))
    for lines in dict.fromkeys(loop.lines for loop in loops.values()):
        readers = [r for r in ranked if r in loops and loops[r].lines == lines]
        cost = min(r.cost - sum(DOUBTS[name] for name in OF_READING if name in r.doubts) for r in readers)
        found.append(Place(lines, cost, readers, loops[readers[0]]))
    return sorted(found, key=lambda place: place.cost)


def likeliest(found: Sequence[Place]) -> list[Place]:
    """The cheapest place, or those that are as cheap; with the loop of a function the line that calls it, and its arguments."""
    best = [place for place in found if place.cost <= found[0].cost + 1e-9][:NAMED]
    calls = [place.repairs[0].site for place in best if place.loop]
    lines = [site.line for site in calls if site.kind == "Own" and (site.line,) not in [place.lines for place in best]]
    return best + [place for place in found if place.lines[0] in lines and not place.loop]
