"""Every engine on many generated formulas, and a line an engine that reports it: see scripts/nightly."""

from __future__ import annotations

import resource
import sys
from collections import Counter
from time import perf_counter

import numpy as np
from hypothesis import HealthCheck, given, settings

from generated import Drawn, problems
from steepest.check.agreement.compare import AGREE, CAUSE, DIFFER, Agreement
from steepest.engines.table import ENGINES, why_not
from test_agreement import on_generated
from test_steps import agrees

AT_A_TIME = 50  # formulas between two reports; then what JAX has compiled is thrown away
ENGINES_HERE = [name for name in ENGINES if not why_not(name)]


class Report:
    """Counts as it goes; what differs without a cause is told at once, and the run goes on."""

    def __init__(self) -> None:
        self.began = perf_counter()
        self.formulas = 0
        self.counts: Counter[tuple[str, str]] = Counter()  # (engine, verdict or cause)
        self.ratios: list[float] = []
        self.derived = self.underivable = 0  # in steps

    def add(self, drawn: Drawn, found: Agreement) -> None:
        self.formulas += 1
        for verdict in found.verdicts:
            self.counts[verdict.engine, verdict.verdict] += 1
            slugs = {cause.partition(":")[0] for cause in verdict.causes}
            self.counts.update((verdict.engine, f"for {slug}") for slug in slugs)
        self.counts.update((engine, "left out") for engine in found.missing)
        if not found.ok:
            say(f"{drawn}\n{found}")

    def pair(self, drawn: Drawn) -> None:
        """NumPy and compiled code once more, by the Hessian's sums and row by row."""
        for found in on_generated(drawn):
            self.ratios.extend(found.ratio)
            if found.wrong:
                self.counts["compiled", DIFFER] += 1
                say(f"{drawn}\n{found.wrong}")

    def steps(self, drawn: Drawn) -> None:
        """The derivation in steps, against NumPy's gradient and PyTorch's autograd."""
        try:
            agrees(drawn)
            self.derived += 1
        except Exception as error:
            self.underivable += 1
            say(f"{drawn}\n{type(error).__name__}: {error}")

    def progress(self) -> None:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        sys.stderr.write(f"{self.formulas:,} formulas, {perf_counter() - self.began:.0f} s, at most {memory:,} MB\n")

    def lines(self) -> list[str]:
        said = []
        for engine in dict.fromkeys(engine for engine, _ in self.counts):
            own = {what: count for (name, what), count in sorted(self.counts.items()) if name == engine}
            causes = ", ".join(f"{count} {what.removeprefix('for ')}" for what, count in own.items() if what.startswith("for "))
            missing = f", {own['left out']} too long for it" if "left out" in own else ""
            said.append(
                f"{engine}: {own.get(AGREE, 0)} agree, {own.get(CAUSE, 0)} differ with a named cause"
                f"{f' ({causes})' if causes else ''}, {own.get(DIFFER, 0)} differ{missing}"
            )
        ratio = np.array(self.ratios)
        said.append(
            f"numpy and compiled, Hessians and rows: {len(ratio):,} values, observed/allowed: max {ratio.max():.3f}, "
            f"median {np.median(ratio):.3f}, median where they differ {np.median(ratio[ratio > 0]):.3f}"
        )
        said.append(f"steps: {self.derived:,} formulas derived, every slope equal to its differences, {self.underivable} failed")
        total = [sum(count for (_, what), count in self.counts.items() if what == verdict) for verdict in (AGREE, CAUSE, DIFFER)]
        said.append(
            f"{self.formulas:,} formulas, {perf_counter() - self.began:.0f} s: {total[0]:,} agree, "
            f"{total[1]:,} differ with a named cause, {total[2]:,} differ"
        )
        return said


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def forget() -> None:
    """What JAX has compiled stays in memory until it is told."""
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


def main(examples: int) -> int:
    report = Report()

    @settings(max_examples=examples, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(problems())
    def each(drawn: Drawn) -> None:
        report.add(drawn, drawn.problem().check(ENGINES_HERE, points=1))
        report.pair(drawn)
        report.steps(drawn)
        if report.formulas % AT_A_TIME == 0:
            report.progress()
            forget()

    each()
    for line in report.lines():
        say(line)
    return int(report.underivable > 0 or any(what == DIFFER for _, what in report.counts))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
