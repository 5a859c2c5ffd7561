"""The blind run of the doctor's repair: every single mutation of forty gradients written by hand; prints figures.

python benchmarks/mutants.py [--every 1] [--problems sine,…] [--styles loops,…] [--show]
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import mutants as blind
from steepest.check.cases import Cases, cases, reference
from steepest.check.program.repair import repair
from steepest.check.user import Unusable, UserGradient
from steepest.problem import Problem

EPS = float(np.finfo(float).eps)


def detected(given: UserGradient, problem: Problem, tried: Cases) -> bool:
    """Is it beyond 100 times what rounding allows a right gradient, anywhere?"""
    for case in (*tried.many, *tried.ones):
        right = reference(problem, case.theta, case.rows)
        try:
            error = abs(given(case.theta, case.rows).gradient - right.gradient)
        except Unusable:
            return True
        if not (error <= 100 * EPS * right.kappa).all():
            return True
    return False


def visit(mutant: blind.Mutant, problem: Problem, tried: Cases, show: bool) -> Counter[str]:
    """`rows`: right on one row, wrong on several: no business of the repair. The others are right, wrong or unknown."""
    given = blind.user(mutant.text, mutant.problem, problem)
    found = Counter(mutants=1, detected=detected(given, problem, tried))
    start = time.process_time()
    diagnoses = repair(given, problem, tried)
    spent = time.process_time() - start
    found["ms"] = round(1000 * spent)
    claim = next((d for d in diagnoses if proved(d, given, problem, tried)), None)
    if claim is not None and claim.line is None:
        told = mutant.line in claim.details["lines"]
        found["either" if told else "wrong"] = 1
        if show and not told:
            print(f"  {mutant.problem} {mutant.style} line {mutant.line}: {mutant.before} -> {mutant.after}\n    {claim.sentence}")
    elif claim is not None:
        found["right" if claim.line == mutant.line else "wrong"] = 1
        if show and claim.line != mutant.line:
            print(f"  {mutant.problem} {mutant.style} line {mutant.line}: {mutant.before} -> {mutant.after}\n    {claim.sentence}")
    else:
        found["rows" if right_on_one_row(given, problem, tried) else "unknown"] = 1
    return found


def proved(diagnosis: object, given: UserGradient, problem: Problem, tried: Cases) -> bool:
    for case in tried.held:
        right = reference(problem, case.theta, case.rows)
        mended = diagnosis.repair(given, case)  # type: ignore[attr-defined]
        if not (abs(mended - right.gradient) <= 1e-9 * (abs(right.each).sum(axis=0) + 1e-300)).all():
            return False
    return True


def right_on_one_row(given: UserGradient, problem: Problem, tried: Cases) -> bool:
    for case in tried.ones:
        right = reference(problem, case.theta, case.rows)
        try:
            gradient = given(case.theta, case.rows).gradient
        except Unusable:
            return False
        if not np.allclose(gradient, right.gradient, rtol=1e-9, atol=0):
            return False
    return True


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--every", type=int, default=1)
    options.add_argument("--problems", default=",".join(blind.SETTINGS))
    options.add_argument("--styles", default=",".join(blind.STYLES))
    options.add_argument("--show", action="store_true")
    given = options.parse_args()
    warnings.simplefilter("ignore")
    total: Counter[str] = Counter()
    styles: dict[str, Counter[str]] = {}
    slowest = 0
    for name in given.problems.split(","):
        problem = blind.problem(name)
        tried = cases(problem)
        for style in given.styles.split(","):
            here: Counter[str] = Counter()
            for mutant in list(blind.mutants(name, style))[:: given.every]:
                verdict = blind.is_equivalent(mutant)
                if verdict is False:
                    one = visit(mutant, problem, tried, given.show)
                    here, slowest = here + one, max(slowest, one["ms"])
                else:
                    here["equivalent" if verdict else "does not run"] += 1
            total += here
            styles[style] = styles.get(style, Counter()) + here
            print(f"{name:8s} {style:9s} {line(here)}", flush=True)
    for style, found in {**styles, "all": total}.items():
        print(f"{style:18s} {line(found)}")
    print(f"slowest {slowest} ms of processor time")


def line(found: Counter[str]) -> str:
    seen = found["mutants"] - found["rows"]
    share = f"{100 * found['right'] / max(seen, 1):5.1f} % right {100 * found['wrong'] / max(seen, 1):4.1f} % wrong"
    words = ("mutants", "detected", "rows", "right", "wrong", "either", "unknown", "equivalent", "does not run")
    return (
        share + "  " + ", ".join(f"{word} {found[word]}" for word in words) + f", {found['ms'] / max(found['mutants'], 1):.0f} ms"
    )


if __name__ == "__main__":
    main()
