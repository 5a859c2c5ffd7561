"""The test of generated formulas with many of them, and a line that reports it: see scripts/nightly."""

from __future__ import annotations

import sys
from collections import Counter
from time import perf_counter

import numpy as np
from hypothesis import HealthCheck, given, settings

from generated import Drawn, problems
from steepest.engines.table import why_not
from test_agreement import agree_on_generated
from test_torch_jax import TENSORS, followed_on_generated


def main(examples: int) -> None:
    counts: Counter[str] = Counter()
    others: Counter[str] = Counter()
    engines = [name for name in TENSORS if not why_not(name)]
    ratios = []

    @settings(max_examples=examples, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(problems())
    def each(drawn: Drawn) -> None:
        found = agree_on_generated(drawn)
        counts["formulas"] += 1
        causes = {line.rpartition(": ")[2] for agreement in found for line in agreement.causes}
        counts.update(causes or {"agree"})
        ratios.extend(agreement.ratio for agreement in found)
        others.update(followed_on_generated(drawn, engines))

    began = perf_counter()
    each()
    ratio = np.concatenate(ratios)
    unknown = ", ".join(f"{count} {cause}" for cause, count in counts.items() if cause not in ("formulas", "agree"))
    sys.stdout.write(
        f"{counts['formulas']:,} formulas, {len(ratio):,} values: {counts['agree']:,} agree everywhere, 0 differ"
        f"{f', not bounded in some value: {unknown}' if unknown else ''}; "
        f"observed/allowed: max {ratio.max():.3f}, median {np.median(ratio):.3f}, "
        f"median where they differ {np.median(ratio[ratio > 0]):.3f}; {perf_counter() - began:.0f} s\n"
    )
    for engine in engines:
        said = ", ".join(
            f"{count:,} {line.removeprefix(f'{engine}: ')}" for line, count in others.items() if line.startswith(f"{engine}: ")
        )
        sys.stdout.write(f"{engine}: loss and gradient, {said}, 0 differ without a cause\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
