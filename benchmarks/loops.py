"""The loop doctor on seeded loops: every kind of fault on many problems, and correct trajectories.

    python benchmarks/loops.py [--seeds 20] [--correct 500] [--kinds "momentum 0.9,stale by 1"] [--verbose]

A fault is "named" when the report's cause is that of the loop; "unknown" is no wrong answer, but is not named. A correct
trajectory is a false alarm when any cause is named; so is a loop that no cause describes (clipped, Adam, two faults …).
The loops are those of tests/loop_kinds.py.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import steepest as st

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from loop_kinds import KINDS, OTHERS, faulty, other, right


def faults(wanted: list[str], seeds: int, verbose: bool) -> tuple[int, int]:
    named = total = 0
    for name in wanted:
        kind, found = KINDS[name], Counter[str]()
        for seed in range(seeds):
            run = faulty(kind, seed)
            report = st.check_trajectory(run.theta, run.setting.problem, run.lr)
            found[str(report.cause)] += 1
            if report.cause != kind.cause and verbose:
                rivals = report.details.get("rivals", "")
                print(f"    seed {seed}, {run.record}, {run.setting.bench.formula}: {report.sentence} {rivals}")
        named, total = named + found[kind.cause], total + seeds
        others = ", ".join(f"{cause} {count}" for cause, count in found.items() if cause != kind.cause)
        print(f"{name:26} {kind.cause:18} {found[kind.cause]:3}/{seeds}  {others}", flush=True)
    return named, total


def correct(count: int, verbose: bool) -> Counter[str]:
    found = Counter[str]()
    for seed in range(count):
        run = right(seed)
        report = st.check_trajectory(run.theta, run.setting.problem, run.lr)
        found[str(report.cause)] += 1
        if not report.correct and verbose:
            print(f"    seed {seed}, {run.record}, {len(run.theta) - 1} steps, {run.setting.bench.formula}: {report.sentence}")
    return found


def undescribed(seeds: int) -> Counter[str]:
    runs = (other(loop, seed) for loop in OTHERS for seed in range(seeds))
    return Counter(str(st.check_trajectory(run.theta, run.setting.problem).cause) for run in runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--correct", type=int, default=500)
    parser.add_argument("--kinds", default="")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    began = time.perf_counter()
    named, total = faults(options.kinds.split(",") if options.kinds else list(KINDS), options.seeds, options.verbose)
    answers = correct(options.correct, options.verbose)
    alarms = sum(count for cause, count in answers.items() if cause not in ("None", "unknown"))
    print(f"\nnamed {named} of {total} ({named / max(total, 1):.1%}); of {options.correct} correct trajectories", end=" ")
    print(f"{answers['None']} confirmed, {answers['unknown']} unknown, {alarms} false alarms;", end=" ")
    others = undescribed(options.seeds)
    named = others.total() - others["unknown"]
    print(f"of {others.total()} loops that no cause describes {named} named; {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
