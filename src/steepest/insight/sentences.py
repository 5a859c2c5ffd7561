"""Numbers and directions as words. Every name in a sentence is printable."""

from __future__ import annotations

import math

from steepest.insight.curvature import Curvature
from steepest.insight.limits import Modes
from steepest.insight.minimum import Minimum
from steepest.insight.noise import Noise
from steepest.insight.ray import Ray

APOSTROPHE = "'"
HALVED = "That is this rate, kept: with lr=auto, `descend` only begins with it, and halves it whenever a step would raise the loss."
GONE = 1e-6  # a factor below it


def few(value: float, digits: int = 4) -> str:
    """A number for people: "0.01697", "1.616e-06", "39"."""
    return f"{value:.{digits}g}"


def share(value: float) -> str:
    """A part of 1 in words: "59 %", "0.4 %", "99.99 %", "1.18 times"."""
    if not value < 1:
        return f"{value:.3g} times" if value >= 1.005 else f"{value:.6g} times"
    if value >= 0.995:
        return f"{min(100 * value, 99.9999):.6g} %"
    return f"{100 * value:.0f} %" if value >= 0.01 else f"{100 * value:.1g} %"


def count(steps: float, noun: str = "step") -> str:
    """ "1 step", "359 steps", "88,101,432 steps", "1e+20 steps"."""
    if not math.isfinite(steps):
        return f"no number of {noun}s"
    whole = round(steps)
    return f"{whole:,} {noun}{'' if whole == 1 else 's'}" if whole < 10**15 else f"{steps:.3g} {noun}s"


def every(steps: float) -> str:
    """ "each step", "every 359 steps"."""
    return "each step" if steps < 1.5 else f"every {count(steps)}"


def error(name: str) -> str:
    """ "d's error", or "the error along 0.71*a - 0.71*b"."""
    return f"the error along {name}" if " " in name else f"{name}'s error"


def fading(subject: str, factor: float) -> str:
    """How an error goes in the long run, by its factor a step."""
    if factor < GONE:
        return f"{subject} vanishes in one step"
    if factor < 0.5:
        return f"{subject} shrinks to {share(factor)} each step"
    if factor < 1:
        return f"{subject} halves {every(math.log(0.5) / math.log(factor))}"
    if factor == 1:
        return f"{subject} stays as it is"
    return f"{subject} is multiplied by {few(factor, 3 if factor > 1.01 else 6)} each step"


def both_ends(felt: Curvature, factors: list[float]) -> str:
    """The stiffest direction and the slowest one, at a rate that settles."""
    rising = [k for k, value in enumerate(felt.values) if value > felt.zero]
    stiff, slow = rising[-1], max(rising, key=lambda k: factors[k])
    first = fading(error(felt.named(stiff)), factors[stiff])
    if stiff == slow:
        return first
    name = felt.named(slow)
    return f"{first}; {fading(f'that along {name}' if ' ' in name else name + APOSTROPHE + 's', factors[slow])}"


def roles(felt: Curvature) -> str:
    """Who sets the limit, and who makes you wait."""
    rising = [k for k, value in enumerate(felt.values) if value > felt.zero]
    if not rising:
        return "The loss bends up in no direction."
    if len(rising) == 1:
        return f"{felt.named(rising[0])} alone sets the speed limit."
    low, high = felt.values[rising[0]], felt.largest
    return (
        f"{felt.named(rising[-1])} sets the speed limit, {felt.named(rising[0])} makes you wait: "
        f"the curvatures are {few(high)} and {few(low)}, κ = {few(high / low, 3)}."
    )


def long_run(lr: float, limit: float, modes: Modes, ahead: float, ray: Ray, straight: bool) -> str:
    """Will this rate settle at the minimum? `ahead` is the loss after the next step; `straight`: the loss is quadratic."""
    eta = f"η={few(lr)}"
    factors = [float(factor) for factor in modes.factors(lr)]
    if lr < limit:
        ends = both_ends(modes.felt, factors)
        settles = f"{eta} is {share(lr / limit)} of the largest stable rate at the minimum ({few(limit)}). There {ends}."
        return settles if ahead <= ray.now else f"{raises(lr, ray, ahead)} {settles}"
    stiff = fading(error(modes.felt.named(len(factors) - 1)), factors[-1])
    ends = "it blows up" if straight else "it will cycle, wander or blow up, and not settle"
    if ahead > ray.now:
        return f"{raises(lr, ray, ahead)} At the minimum the largest stable rate is {few(limit)}: {ends}."
    return (
        f"{eta} lowers the loss now, from {few(ray.now)} to {few(ahead)}, but it is {share(lr / limit)} the largest stable rate "
        f"at the minimum ({few(limit)}). There {stiff}: {ends}."
    )


def with_batches(lr: float, limit: float, batch: int, modes: Modes, known: bool) -> str:
    """The same for batches. `known`: is the limit theirs, or that of all rows, which is larger?"""
    share_of = f"η={few(lr)} with batches of {batch:,} is {share(lr / limit)} {'of ' if lr < limit else ''}the largest stable rate"
    if not known:
        share_of += " of all rows; that of batches is smaller,"
    if lr < limit:
        return f"{share_of} at the minimum ({few(limit)}). There {both_ends(modes.felt, [float(f) for f in modes.factors(lr)])}."
    return (
        f"{share_of} at the minimum ({few(limit)}): near it the noise of the batches grows with every step, and it does not settle."
    )


def hovers(noise: Noise, minimum: Minimum, rows: int) -> list[str]:
    """What batches do to a descent."""
    said = []
    if math.isfinite(noise.ratio):
        even = math.ceil(noise.even)
        said.append(
            f"Here tr C/‖g‖² is {few(noise.ratio, 3)}: "
            + (
                "one row's gradient is more signal than noise."
                if even <= 1
                else f"below {even:,} rows a batch is more noise than signal."
            )
        )
    if minimum.exact and noise.excess is not None:
        said.append("It does not hover: at the minimum every row is met exactly, and its gradient is zero.")
    elif noise.excess is not None and noise.shuffled is not None and minimum.found:
        said.append(
            f"It ends hovering: the loss stays about {few(noise.shuffled, 3)} above its minimum, {few(minimum.loss)}, "
            f"where each epoch goes through all rows, and {few(noise.excess, 3)} where batches are drawn independently."
        )
    if noise.sampled < rows:
        said.append(f"The noise was measured on {noise.sampled:,} of the {rows:,} rows, evenly spaced.")
    return said


def raises(lr: float, ray: Ray, ahead: float) -> str:
    """The next step is too long."""
    to = f"to {few(ahead)}" if math.isfinite(ahead) else "beyond all numbers"
    start = f"η={few(lr)} raises the loss now, from {few(ray.now)} {to}"
    if ray.limit is None:
        return f"{start}."
    if not ray.limit:
        return f"{start}: no rate lowers it along this step."
    most = f"anything above {few(ray.limit)} does" if ray.again is None else f"so does what is just above {few(ray.limit)}"
    return f"{start}: along this gradient {most}."


def frozen(method: str) -> str:
    """What the limit of an adaptive method rests on."""
    return f"For {method} this holds while its scales of the gradient stay as they are now; they change as the gradient does."


def here(felt: Curvature, limit: float | None, plain: bool) -> str:
    """The limit at this point, where there is one to speak of. `plain`: it belongs to this curvature, unscaled."""
    if not math.isfinite(felt.largest):
        return "At this point the second derivatives are not finite: there is no limit to speak of."
    down = [k for k, value in enumerate(felt.values) if value < -felt.zero]
    if felt.largest <= felt.zero:
        return "At this point the loss bends up in no direction: no rate is too large for it, and none is known to be safe."
    bend = f" (curvature {few(felt.largest)})" if plain else ""
    first = "" if limit is None else f"At this point the largest stable rate is {few(limit)}{bend}."
    if not down:
        return first
    names = " and ".join(felt.named(k) for k in down[:3])
    return f"{first} Along {names} the loss bends down here: no rate settles along it, a descent moves away.".strip()


def one_step(ray: Ray) -> str:
    """The ray in a sentence."""
    if ray.limit == 0:
        return "No rate lowers the loss in the next step" + (": the gradient is zero to rounding." if ray.flat else ".")
    best = f"In one step η={few(ray.best)} lowers the loss most, to {few(ray.best_loss)}"
    if ray.limit is None:
        return f"{best}; no rate was found that raises it."
    return f"{best}; every η up to {few(ray.limit)} lowers it."


def no_minimum(minimum: Minimum, loss: float) -> str:
    """A point without slope that is no minimum."""
    return f"This is no minimum: the loss can fall from {few(loss)} to {few(minimum.loss)}. Start it elsewhere."


def to_go(minimum: Minimum, loss: float) -> str:
    """What is still to go, and what stays."""
    if minimum.gap <= 1e-12 * abs(loss):
        if minimum.only or minimum.exact:
            return f"The loss {few(loss)} is at its minimum: the model cannot do better."
        return f"The loss {few(loss)} is at a minimum: nothing near it is lower."
    if minimum.exact:
        return f"All of the loss {few(loss)} is still to go: the model can meet the data exactly."
    left = "is what the model cannot remove" if minimum.only else "is left at the minimum near"
    return f"Of the loss {few(loss)}, {few(minimum.gap)} is still to go; {few(minimum.misfit)} {left}."
