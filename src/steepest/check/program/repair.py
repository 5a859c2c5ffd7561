"""The line of the user's program that is wrong, found by repairing it.

On one-row data each value of the program is solved for: which one would mend the whole gradient? What mends it must be
something that a right program computes: a step of the derivation, a number, a variable. Which of these repairs is the fault,
ranking.py decides.
"""

from __future__ import annotations

from dataclasses import replace

from steepest.check.cases import Cases, Subject
from steepest.check.program.bench import MOST_RUNS, Bench, quietly
from steepest.check.program.instrument import instrument
from steepest.check.program.ranking import Place, Repair, likeliest, places
from steepest.check.program.wording import by_hand, sentence
from steepest.check.report import Diagnosis
from steepest.check.user import UserGradient

LISTED = 5  # diagnoses at most


def repair(user: UserGradient, problem: Subject, cases: Cases) -> list[Diagnosis]:
    """Diagnoses by line, the most likely first; none where one-row gradients are right, or nothing that is known mends them."""
    program = instrument(user)
    if program is None:
        return []
    with quietly():
        bench = Bench(program, problem, cases.ones)
        found = list(bench.repairs()) if bench.is_wrong else []
        if not found or program.runs > MOST_RUNS:
            return []
        ranked = places(found, bench.loops(found))
    best = likeliest(ranked)
    if len(best) > 1 or best[0].loop:
        return [_unsettled(bench, best)]
    listed = [_diagnosis(bench, place.repairs) for place in ranked if not place.loop][:LISTED]
    others = [d.sentence for d in listed]
    return [replace(d, details={**d.details, "other places": [o for o in others if o != d.sentence]}) for d in listed]


def _unsettled(bench: Bench, best: list[Place]) -> Diagnosis:
    """The fault is mended, and the line is not settled."""
    said = [_diagnosis(bench, place.repairs) for place in best]
    tells = [f"{p.loop.name} is made in {p.name}; {d.sentence}" if p.loop else d.sentence for p, d in zip(best, said, strict=True)]
    head = " or ".join(place.name for place in best)
    why = "the numbers cannot tell which. " if len(best) > 1 else "the rounds of a loop cannot be repaired one by one. "
    lines = sorted({line for place in best for line in place.lines})
    return replace(
        said[0],
        sentence=f"{head[0].upper()}{head[1:]}: {why}{'; or '.join(tells)}",
        line=None,
        details={**said[0].details, "lines": lines, "other places": []},
    )


def _diagnosis(bench: Bench, there: list[Repair]) -> Diagnosis:
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
