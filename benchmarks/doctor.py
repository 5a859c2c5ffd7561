"""The gradient doctor's figures: seeded faults that are named, right gradients that pass, and how long a visit takes.

    python benchmarks/doctor.py [--seeds 20] [--right 10000]

Seeded: every kind of tests/faults.py in every problem, for each seed. Right: the problems of tests/problems.py with every loss
that suits them and linear models of 2 to 1,000 coordinates, in float64 and float32, at another draw of points and rows each time.
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
from steepest.check.gradient.doctor import check_gradient
from steepest.problem import Problem

SIZES = (2, 5, 20, 100, 300, 1000)
EVERY = 250  # one of so many right gradients has more than a few coordinates


def seeded(seeds: int) -> None:
    """A line for each cause: visits, named exactly, named wrongly, not found, and passed as right."""
    counts: dict[str, Counter[str]] = {}
    misses: Counter[tuple[str, str]] = Counter()
    times = []
    for fault, _, seed, problem, user in faults.visits(seeds):
        started = time.perf_counter()
        report = check_gradient(user, problem, seed)
        times.append(time.perf_counter() - started)
        kind = "named" if report.cause == fault.cause else "passed" if report.correct else report.cause
        kind = kind if kind in ("named", "passed", "unknown") else "wrongly named"
        counts.setdefault(fault.cause, Counter())[str(kind)] += 1
        if kind != "named":
            misses[fault.name, str(report.cause)] += 1
    print(f"seeded: {len(faults.FAULTS)} kinds, {len(faults.SETTINGS)} problems, {seeds} seeds")
    columns = ("named", "wrongly named", "unknown", "passed")
    print(f"{'cause':14}{'visits':>8}" + "".join(f"{name:>15}" for name in columns))
    total: Counter[str] = Counter()
    for cause, row in counts.items():
        print(f"{cause:14}{row.total():8}" + "".join(f"{row[name]:15}" for name in columns))
        total += row
    print(f"{'all':14}{total.total():8}" + "".join(f"{total[name]:15}" for name in columns))
    print(f"named exactly: {100 * total['named'] / total.total():.2f} %")
    print(f"a visit: median {np.median(times):.2f} s, longest {max(times):.1f} s")
    for (name, cause), number in misses.most_common(20):
        print(f"  {number} × {name}: {cause}")


def right(count: int) -> None:
    """Right gradients, and how many of them were called wrong."""
    alarms: Counter[tuple[str, str]] = Counter()
    for name, problem, user, seed in itertools.islice(right_ones(), count):
        report = check_gradient(user, problem, seed)
        if not report.correct:
            alarms[name, str(report.cause)] += 1
    bound = f", below {3 / count:.1g} with 95 % confidence" if count and not alarms else ""
    print(f"right gradients: {count}; false alarms: {alarms.total()}{bound}")
    for (name, cause), number in alarms.most_common(20):
        print(f"  {number} × {name}: {cause}")


def right_ones() -> Iterator[tuple[str, Problem, Any, int]]:
    """Right gradients without end: a name, the problem, the user's function, a seed."""
    made = [(f"{case.formula}, {loss}", _problem(case, loss)) for case in problems.CASES for loss in problems.LOSSES[case.response]]
    number = 0
    for seed in itertools.count():
        for name, problem in made:
            good = faults.right(problem)
            yield f"{name}, float64", problem, good, seed
            yield f"{name}, float32", problem, in_single(good), seed
            number += 2
            if number % EVERY < 2:
                p = SIZES[number // EVERY % len(SIZES)]
                large = linear(p, seed)
                yield f"linear in {p}, float64", large, by_hand, seed
                yield f"linear in {p}, float32", large, in_single(by_hand), seed


def _problem(case: problems.Case, loss: str) -> Problem:
    data = problems.columns(case)
    names = Problem(case.formula, data).parameters
    return Problem(case.formula, data, loss, dict(zip(names, case.theta, strict=True)))


def in_single(gradient: Any) -> Any:
    """The same in float32 throughout."""

    def single(theta: Any, rows: Any) -> Any:
        rows = {name: column.astype(np.float32) for name, column in rows.items()}
        return gradient(theta.astype(np.float32), rows).astype(np.float32)

    return single


def linear(p: int, seed: int) -> Problem:
    rng = np.random.default_rng([p, seed])
    data = {f"x{k}": rng.normal(size=60) for k in range(p)} | {"y": rng.normal(size=60)}
    return Problem("y ~ " + " + ".join(f"w{k}*x{k}" for k in range(p)), data, start={f"w{k}": rng.normal() for k in range(p)})


def by_hand(theta: Any, rows: Any) -> Any:
    """The gradient of `linear`, as matrices."""
    x = np.stack([rows[f"x{k}"] for k in range(len(theta))])
    return 2 * (x @ (x.T @ theta - rows["y"])) / np.float32(x.shape[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--right", type=int, default=10_000)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    seeded(options.seeds)
    right(options.right)


if __name__ == "__main__":
    main()
