"""The sentences about a run: what it did, why, and what to do, with its own numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.descent.objective import Objective
from steepest.descent.rates import PLAIN
from steepest.descent.trace import Trace
from steepest.insight import sentences
from steepest.insight.curvature import free_names
from steepest.insight.limits import Modes
from steepest.insight.minimum import Minimum
from steepest.insight.noise import idle, noise
from steepest.insight.sentences import few
from steepest.insight.sharpness import Sharpness
from steepest.insight.verdict import FAILED, Verdict
from steepest.language.names import printable
from steepest.methods.equations import Method

KEPT = 1e-9  # of the largest move: a parameter that moved less has stayed


class Run(NamedTuple):
    """What is known of a run: its trace, its verdict, its end."""

    trace: Trace
    objective: Objective
    verdict: Verdict
    best: int  # the row of its lowest loss
    lr: float | None
    method: Method | None
    near: Minimum | None
    there: Modes | None
    seen: Sharpness | None

    @property
    def limit(self) -> float | None:
        return self.there and self.there.limit

    @property
    def lowest(self) -> float:
        return float(self.trace.full_loss[self.best])


def told(run: Run, offer: float | None) -> list[str]:
    """The sentences, the verdict first."""
    word = run.verdict.word
    if word == "converges":
        return [*settled(run), *by_chance(run)]
    if word == "cycles":
        return [cycles(run), passed(run), below(run, offer), *by_chance(run)]
    if word == "blows-up":
        return [blows_up(run), multiplies(run), rewind(run, offer), *by_chance(run)]
    return [wanders(run), passed(run), below(run, offer), *by_chance(run)]


def settled(run: Run) -> list[str]:
    """It falls, or has come to rest; and whether that can last."""
    loss, start = float(run.trace.full_loss[-1]), float(run.trace.full_loss[0])
    steps = sentences.count(int(run.trace.step[-1]))
    if not run.trace.step[-1]:
        return no_step(run, start)
    first = f"It converges: in {steps} the loss fell from {few(start)} to {few(loss)}."
    if run.near is None:
        return [first]
    said = [first, sentences.to_go(run.near._replace(gap=loss - run.near.loss), loss) if run.near.found else unbounded(run.near)]
    if run.limit and run.lr and run.there is not None:
        factors = [float(factor) for factor in run.there.factors(run.lr)]
        if run.lr < run.limit:
            ends = sentences.both_ends(run.there.felt, factors)
            share = sentences.share(run.lr / run.limit)
            said.append(f"η={few(run.lr)} is {share} of the largest stable rate at the minimum ({few(run.limit)}). There {ends}.")
        elif not run.method or not run.method.freeze:
            said.append(later(run, factors))
        said.append(sentences.roles(run.there.felt))
    return said


def no_step(run: Run, loss: float) -> list[str]:
    """At once at rest: at a minimum, or at another point without slope."""
    if run.trace.outcome != "converged" or not idle(run.objective, run.trace.theta[0].astype(float)).all():
        return ["No step was taken."]
    said = "No step was taken: the gradient is zero at the start."
    if run.near is None or not run.near.found:
        return [said]
    near = run.near._replace(gap=loss - run.near.loss)
    return [said, sentences.no_minimum(near, loss) if near.lower else sentences.to_go(near, loss)]


def later(run: Run, factors: list[float]) -> str:
    """Falls now, will blow up later."""
    assert run.lr is not None and run.limit is not None and run.there is not None
    stiff = sentences.fading(sentences.error(run.there.felt.named(len(factors) - 1)), factors[-1])
    return (
        f"But it falls now and will not settle: η={few(run.lr)} is {sentences.share(run.lr / run.limit)} the largest stable rate "
        f"at the minimum ({few(run.limit)}). There {stiff}: sooner or later it will cycle, wander or blow up."
    )


def unbounded(near: Minimum) -> str:
    return f"No minimum was found from its lowest point: {near.reason}."


def cycles(run: Run) -> str:
    low, high = run.verdict.losses[0], run.verdict.losses[-1]
    where = f"at loss {few(low)}" if few(low) == few(high) else f"at losses between {few(low)} and {few(high)}"
    return f"It cycles: it repeats every {run.verdict.period} steps, {where}, read after step {run.verdict.since:,}."


def wanders(run: Run) -> str:
    low, high = run.verdict.losses
    between = f"between {few(low)} and {few(high)}"
    if run.trace.recipe["batch"] != "full":
        return f"It wanders: after step {run.verdict.since:,} the noise of the batches keeps the loss {between}."
    return f"It wanders: after step {run.verdict.since:,} the loss stays {between}; it neither settles nor repeats."


def passed(run: Run) -> str:
    """Where the curvature passed what the rate allows."""
    if run.seen is None or run.there is None or run.lr is None:
        return ""
    name = run.there.felt.named(len(run.there.felt.values) - 1)
    if run.seen.passed is None:
        return ""
    c = few(run.lr and float(run.seen.largest[0] * run.lr / run.seen.used[0]) / run.lr)
    return (
        f"Since step ~{run.seen.passed:,} the curvature along {name} is above {c}, all that η={few(run.lr)} allows: "
        "each step overshoots to the other side."
    )


def below(run: Run, offer: float | None) -> str:
    """What the minimum needs."""
    if run.near is None or not run.near.found:
        return unbounded(run.near) if run.near else ""
    if run.limit is None or run.lr is None:
        least, name = few(run.near.loss), run.trace.recipe["method"]
        return f"The minimum is {least}; {name} has no largest stable rate: take smaller steps at the end."
    if run.trace.recipe["batch"] != "full":
        return hovers(run, run.near)
    if run.lr < run.limit:
        return f"The minimum is {few(run.near.loss)}; near it any η below {few(run.limit)} is stable."
    return f"The minimum {few(run.near.loss)} needs η < {few(run.limit)}" + ("." if offer is None else f": try η={few(offer)}.")


def hovers(run: Run, near: Minimum) -> str:
    """What the noise of the batches does at the minimum."""
    size, least = int(run.trace.recipe["batch"]), few(near.loss)
    plain = run.method is not None and run.method.text == PLAIN
    again = bool(run.trace.recipe["replacement"])
    found = noise(run.objective, near.point, near.point, size, run.lr, plain, again)
    if run.lr is None or found.limit is None:
        return f"The minimum is {least}; a smaller η or larger batches come nearer."
    if run.lr >= found.limit:
        return f"The minimum {least} needs η < {few(found.limit)} with batches of {size:,}."
    above = found.excess if again else found.shuffled
    return (
        f"The minimum is {least}. With batches of {size:,} the loss hovers about {few(above or 0.0, 2)} above it "
        f"at η={few(run.lr)}; any η below {few(found.limit)} is stable, a smaller one comes nearer."
    )


def blows_up(run: Run) -> str:
    trace = run.trace
    if not np.isfinite(run.lowest):
        return f"The loss is {run.lowest} at the start already: start it elsewhere."
    steps = sentences.count(int(trace.step[-1]))
    rate = "" if run.lr is None else f" with η={few(run.lr)}"
    ended = "it was stopped at the last finite point" if trace.outcome in FAILED else "it goes on rising"
    fell = (
        f"the loss first fell to {few(run.lowest)} at step {int(trace.step[run.best]):,}, then rose"
        if run.best
        else "the loss rose"
    )
    last = float(trace.full_loss[-1])
    return f"It blows up{rate}: {fell}, to {few(last)} after {steps}; {ended}."


def multiplies(run: Run) -> str:
    """The factor along the stiffest direction, at the minimum."""
    if run.limit is None or run.lr is None or run.there is None:
        return unbounded(run.near) if run.near is not None and not run.near.found else ""
    if run.lr <= run.limit:
        return f"The largest stable rate at the minimum is {few(run.limit)}: this rate is below it, but too large on the way there."
    felt, plain = run.there.felt, run.method is not None and not run.method.states
    name = felt.named(len(felt.values) - 1)
    ratio = sentences.share(run.lr / run.limit)
    factor = 1 - run.lr * felt.largest if plain else float(run.there.factors(run.lr)[-1])
    how = f"by 1 - ηλ = {few(factor, 3)}, below -1" if plain else f"by {few(factor, 3)}"
    return (
        f"η is {ratio} the largest stable rate at the minimum ({few(run.limit)}): "
        f"near it, each step multiplies the error along {name} {how}."
    )


def rewind(run: Run, offer: float | None) -> str:
    if run.lr is None or offer is None or not offer < run.lr:
        offer = None if run.lr is None else round_below(run.lr / 2)
    if offer is None:
        return ""
    return f"Lowest loss of the run: {few(run.lowest)}. Rewind to step {int(run.trace.step[run.best]):,} and try η={few(offer)}."


def by_chance(run: Run) -> list[str]:
    """What rounding has decided: the step, in a run that amplifies it, and whether a symmetry is kept."""
    if run.verdict.word == "converges" or run.trace.recipe["batch"] != "full":
        return []
    said = []
    if run.verdict.word != "cycles" and run.limit and run.lr and run.lr > run.limit:
        said.append("Above the limit rounding grows too: another order of the rows, or another machine, gives other step numbers.")
    free, thetas = run.objective.free, run.trace.theta.astype(float)
    moved = np.max(np.abs(thetas[: run.best + 1] - thetas[0]), axis=0)[free]
    still = idle(run.objective, thetas[0]) & (moved <= KEPT * np.max(moved, initial=0.0))
    if still.any() and not still.all():
        names = [printable(name, 40) for name, rests in zip(free_names(run.objective), still, strict=True) if rests]
        listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
        said.append(f"The gradient of {listed} is nothing but rounding: the start is symmetric, and only rounding can break that.")
    return said


def round_below(value: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not above.

    >>> round_below(0.0153), round_below(7.0), round_below(4.9e-6)
    (0.01, 5.0, 2e-06)
    """
    exponent = int(np.floor(np.log10(value)))
    digit = max(d for d in (1, 2, 5) if d * 10.0**exponent <= value * (1 + 1e-12))
    return float(f"{digit}e{exponent}")
