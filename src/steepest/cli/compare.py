"""`steepest compare`."""

from __future__ import annotations

from typing import Annotated, Any

from steepest.cli import options
from steepest.cli.descend import Batch, ClipNorm, ClipValue, Decay, Epochs, Schedule, Seconds, Steps, UntilGap, UntilLoss, flag
from steepest.cli.options import names, number, option, real, whole
from steepest.cli.output import say, say_json, write
from steepest.show.picture import SUFFIXES

Methods = Annotated[
    str,
    option("--methods", "gd,adam,lbfgs", "Names that `steepest methods` lists, or equations; gd,momentum,adam,lbfgs unless given."),
]
Engines = Annotated[str, option("--engines", "numpy,compiled", "Which engines; auto unless given.")]
Rates = Annotated[
    str,
    option("--lr", "auto|grid|0.01|0.01,0.1", "The learning rate, by a rule, or the best of a grid: of 1e-5 … 10, or of your own."),
]
Seed = Annotated[str | None, option("--seed", "N", "The seed of the batches: 0 unless given.")]


def compare(
    formula: options.FormulaText,
    data: options.DataText,
    methods: Methods = "gd,momentum,adam,lbfgs",
    engines: Engines = "auto",
    lr: Rates = "auto",
    loss: options.Loss = "mse",
    steps: Steps = None,
    epochs: Epochs = None,
    batch: Batch = "full",
    seed: Seed = None,
    schedule: Schedule = "constant",
    weight_decay: Decay = None,
    clip_value: ClipValue = None,
    clip_norm: ClipNorm = None,
    until_loss: UntilLoss = None,
    until_gap: UntilGap = None,
    seconds: Seconds = None,
    start: options.Start = "",
    fix: options.Fix = "",
    weights: options.Weights = "",
    constants: options.Constants = "",
    missing: options.Missing = "refuse",
    group: options.Group = [],  # noqa: B006
    penalty: options.Penalty = "",
    plot: options.Plot = "",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Descend by several methods from the same start, and put them beside each other.

    Example: steepest compare "y ~ a*exp(-b*x)" data.csv --methods gd,adam,lbfgs --lr grid --plot methods.png

    Exit code: 0 the table is printed; 1 an error; 2 wrong usage; 130 interrupted.
    """
    options.check_target(plot, "--plot", SUFFIXES)
    problem = options.make_problem(formula, data, loss, start, fix, weights, constants, missing, group=group, penalty=penalty)
    counts = {"steps": steps, "epochs": epochs, "seed": seed}
    sizes = {"clip_value": clip_value, "clip_norm": clip_norm, "until_loss": until_loss, "until_gap": until_gap, "seconds": seconds}
    given: dict[str, Any] = {name: whole(text, flag(name)) for name, text in counts.items() if text is not None}
    given |= {name: real(text, flag(name)) for name, text in sizes.items() if text is not None}
    found = problem.compare(
        listed(methods), names(engines, "--engines"), rates(lr), schedule=schedule,
        batch="full" if batch == "full" else whole(batch, "--batch"), weight_decay=real(weight_decay, "--weight-decay") or 0.0,
        **given,
    )  # fmt: skip
    if as_json:
        say_json(found.to_dict())
    elif not quiet:
        say(found.text())
    write(plot, found.plot, as_json or quiet)


def rates(text: str) -> Any:
    """`auto`, `grid`, a number, or several.

    >>> rates("grid"), rates("0.1"), rates("1/10,1")
    ('grid', 0.1, [0.1, 1.0])
    """
    if text in ("auto", "grid"):
        return text
    found = [float(number(part, "--lr")) for part in text.split(",")]
    return found if len(found) > 1 else found[0]


def listed(text: str) -> list[str]:
    """Methods with commas between them; those inside parentheses belong to equations.

    >>> listed("gd, theta = theta - eta*clip(g, -1, 1), adam")
    ['gd', 'theta = theta - eta*clip(g, -1, 1)', 'adam']
    """
    parts, depth = [""], 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]
