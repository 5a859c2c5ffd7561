"""The gradient doctor's figures: seeded faults that are named, right gradients that pass, and how long a visit takes.

    python benchmarks/doctor.py [--seeds 20] [--right 10000] [--every 100]

Seeded: every kind of tests/faults.py in every problem, for each seed. Right: the problems of tests/problems.py with every loss
that suits them, in every writing of tests/writings.py in turn, forty gradients written by hand, and models of 2 to 1,000
coordinates (one of `--every`), in float64 and float32, at another draw of points and rows each time. Every miss is printed.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import faults
import problems
import writings
from steepest.check.gradient.doctor import check_gradient
from steepest.check.gradient.exam import FITTED, Exam
from steepest.problem import Problem

SIZES = (2, 5, 20, 100, 300, 1000)
ANSWERS = ("named", "wrongly named", "unknown", "passed")


def seeded(seeds: int) -> None:
    """A line for each kind of fault: visits, named exactly, named wrongly, not found, and passed as right."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    times, errors = [], _errors()
    for fault, setting, seed, problem, user in faults.visits(seeds):
        started = time.perf_counter()
        report = check_gradient(user, problem, seed)
        times.append(time.perf_counter() - started)
        answer = "named" if report.cause == fault.cause else "passed" if report.correct else "wrongly named"
        answer = "unknown" if report.cause == "unknown" != fault.cause else answer
        counts.setdefault((fault.cause, fault.name), Counter())[answer] += 1
        if answer != "named":
            print(f"  {fault.name}, {setting.formula}, seed {seed}: {report.cause}. {report.sentence}", flush=True)
    print(f"seeded: {len(faults.FAULTS)} kinds, {len(faults.SETTINGS)} problems, {seeds} seeds")
    print(f"{'cause':14}{'kind':34}{'visits':>8}" + "".join(f"{name:>15}" for name in ANSWERS))
    total: Counter[str] = Counter()
    for (cause, name), row in sorted(counts.items()):
        print(f"{cause:14}{name:34}{row.total():8}" + "".join(f"{row[answer]:15}" for answer in ANSWERS))
        total += row
    print(f"{'all':48}{total.total():8}" + "".join(f"{total[answer]:15}" for answer in ANSWERS))
    print(f"named exactly: {100 * total['named'] / total.total():.2f} %")
    print(f"a visit: median {np.median(times):.2f} s, longest {max(times):.1f} s")
    proved, refused = (sorted(e for e in errors if np.isfinite(e) and (e <= FITTED) is held) for held in (True, False))
    print(f"{len(proved)} repairs held, {proved[-1]:.2g} units off at most; {len(refused)} did not, {refused[0]:.2g} off at least")


def _errors() -> list[float]:
    """How far off each repair is that anybody tries from now on, in units of rounding."""
    seen: list[float] = []
    error = Exam.error

    def kept(self: Exam, diagnosis: Any) -> float:
        seen.append(error(self, diagnosis))
        return seen[-1]

    Exam.error = kept  # type: ignore[method-assign]
    return seen


def right(count: int, every: int) -> None:
    """Right gradients, and how many of them were called wrong."""
    alarms, kinds = 0, Counter[str]()
    longest: dict[str, float] = {}
    for kind, name, problem, user, seed in itertools.islice(right_ones(every), count):
        started = time.perf_counter()
        report = check_gradient(user, problem, seed)
        longest[kind] = max(longest.get(kind, 0.0), time.perf_counter() - started)
        kinds[kind] += 1
        if not report.correct:
            alarms += 1
            print(f"  {kind}, {name}, seed {seed}: {report.cause}. {report.sentence}", flush=True)
    for kind, number in sorted(kinds.items()):
        print(f"{number:6} {kind}, {longest[kind]:.1f} s at most")
    bound = f", below {3 / count:.1g} with 95 % confidence" if count and not alarms else ""
    print(f"right gradients: {count}; false alarms: {alarms}{bound}")


def right_ones(every: int) -> Iterator[tuple[str, str, Problem, Any, int]]:
    """Right gradients without end: the kind, a name, the problem, the user's function, a seed."""
    made = [(f"{case.formula}, {loss}", _problem(case, loss)) for case in problems.CASES for loss in problems.LOSSES[case.response]]
    number, wide = 0, ((draw, size, kind) for draw in itertools.count() for size in SIZES for kind in writings.WIDE)
    for seed in itertools.count():
        for k, (name, problem) in enumerate(made):
            for dtype in range(2):
                kinds = [kind for kind in writings.WRITINGS if ("float32" in kind) == bool(dtype) and suits(kind, problem)]
                kind = kinds[(k + seed) % len(kinds)]
                yield kind, name, problem, writings.WRITINGS[kind](problem), seed
            number += 2
            if number % every < 2:
                draw, size, kind = next(wide)
                yield f"{size} coordinates, {kind}", "", writings.wide(size, draw), writings.WIDE[kind], draw
        for name, (problem, user) in writings.by_hand().items():
            yield "by hand in float32" if "float32" in name else "by hand", name, problem, user, seed


def suits(kind: str, problem: Problem) -> bool:
    """PyTorch's own gradient is not finite where a branch that is not taken has none, or where cosh overflows."""
    return "autograd" not in kind or ("where" not in problem.formula.text and problem.derivation.criterion.name != "log-cosh")


def _problem(case: problems.Case, loss: str) -> Problem:
    data = problems.columns(case)
    names = Problem(case.formula, data).parameters
    return Problem(case.formula, data, loss, dict(zip(names, case.theta, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--right", type=int, default=10_000)
    parser.add_argument("--every", type=int, default=100)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.seeds:
        seeded(options.seeds)
    right(options.right, options.every)


if __name__ == "__main__":
    main()
