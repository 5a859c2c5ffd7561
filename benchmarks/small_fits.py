"""Fits of few rows, NIST's sets of at most 250, from both starts: milliseconds, beside SciPy and lmfit on the same model function.

    python benchmarks/small_fits.py [--repeat 15]

The problem exists and one fit has been made, so that derivation, generated code and imports are paid. The libraries run in turn
within every repetition, so that a machine whose speed drifts does not decide it. Ours verifies its minimum and has standard errors
from the exact Jacobian; the digits that each library gets right are in nist.py. A fit that raises is timed until it does.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import nist
import numpy as np

MOST_ROWS = 250


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=15)
    repeat = parser.parse_args().repeat
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    libraries = nist.LIBRARIES
    print("| set | start | rows | parameters | " + " | ".join(f"{name}, ms" for name in libraries) + " |")
    print("|---|---:|---:|---:" + "|---:" * len(libraries) + "|")
    found: dict[str, list[float]] = {name: [] for name in libraries}
    for row in nist.read(nist.SHIPPED):
        rows = len(row["data"]["y"])
        for start in ("start1", "start2"):
            if rows <= MOST_ROWS:
                times = timed(nist.problem_of(row, row[start]), libraries, repeat)
                cells = [f"{times[name]:.2f}" for name in libraries]
                print(f"| {row['name']} | {start[-1]} | {rows} | {len(row[start])} | {' | '.join(cells)} |", flush=True)
                for name, ms in times.items():
                    found[name].append(ms)
    summary(found)


def timed(problem: Any, libraries: dict[str, Callable[..., Any]], repeat: int) -> dict[str, float]:
    """The median of each library, in milliseconds."""
    times: dict[str, list[float]] = {name: [] for name in libraries}
    for k in range(repeat + 1):
        for name, library in libraries.items():
            began = time.perf_counter()
            with contextlib.suppress(RuntimeError, ValueError):  # the library says that it failed
                library(problem)
            if k:  # the first one pays for code and imports
                times[name].append(1e3 * (time.perf_counter() - began))
    return {name: statistics.median(ms) for name, ms in times.items()}


def summary(found: dict[str, list[float]]) -> None:
    ours = found["steepest"]
    print("\n| | median, ms | least | most | median ratio to ours |\n|---|---:|---:|---:|---:|")
    for name, ms in found.items():
        ratio = statistics.median(theirs / our for theirs, our in zip(ms, ours, strict=True))
        print(f"| {name} | {statistics.median(ms):.2f} | {min(ms):.2f} | {max(ms):.2f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
