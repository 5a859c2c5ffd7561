"""`steepest descend`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import numpy as np
import typer

from steepest.cli import options
from steepest.cli.options import number, option, real, whole
from steepest.cli.output import report, say_json, write
from steepest.cli.progress import progress
from steepest.descent.interrupt import INTERRUPTED
from steepest.descent.rates import automatic
from steepest.descent.trace import Recorder, Trace
from steepest.engines.table import ENGINES
from steepest.errors import OptionError
from steepest.show.picture import SUFFIXES
from steepest.show.tables import trace_rows

Rate = Annotated[str, option("--lr", "auto|0.01|1/10", "The learning rate; auto (the default) is found from the curvature.")]
Steps = Annotated[str | None, option("--steps", "N", "How many steps: 1000 unless given.")]
Epochs = Annotated[str | None, option("--epochs", "N", "The same, counted in passes over the data.")]
Engine = Annotated[
    str, option("--engine", "ENGINE", f"auto (the default), condensed, {', '.join(ENGINES)}; sympy for exact fractions.")
]
Method = Annotated[
    str,
    option("--method", "METHOD", "gd (the default), a name that `steepest methods` lists, or equations."),
]
Schedule = Annotated[str, option("--schedule", "SCHEDULE", "By what the rate is multiplied at step t: a name, or '1/sqrt(t)'.")]
Hyper = Annotated[str, option("--hyper", "mu=0.8", "Constants of the method or the schedule, by name.")]
Decay = Annotated[str | None, option("--weight-decay", "L", "Add L·theta to the gradient.")]
ClipValue = Annotated[str | None, option("--clip-value", "C", "Cut every coordinate of the gradient to [-C, C].")]
ClipNorm = Annotated[str | None, option("--clip-norm", "C", "Shorten a gradient that is longer than C.")]
Batch = Annotated[str, option("--batch", "full|N", "Rows a step: full (the default), or so many, in a new order each epoch.")]
Validation = Annotated[str, option("--validation", "0.25|DATA", "Hold out a share of the rows, or take data of their own.")]
Replacement = Annotated[bool, options.switch("--replacement", "Draw the rows of a batch independently.")]
FullLoss = Annotated[
    str | None, option("--full-loss", "K", "On batches: the loss of all rows at every K-th step, else each epoch.")
]
UntilLoss = Annotated[str | None, option("--until-loss", "L", "Stop when the loss is at most L.")]
UntilGap = Annotated[str | None, option("--until-gap", "L", "Stop when the loss is at most L above its minimum.")]
UntilGradient = Annotated[str | None, option("--until-gradient", "G", "Stop when the norm of the gradient is at most G.")]
UntilChange = Annotated[str | None, option("--until-change", "C", "Stop when a step changes the loss by at most C of itself.")]
Seconds = Annotated[str | None, option("--seconds", "S", "Stop after S seconds.")]
Every = Annotated[str | None, option("--every", "K", "Keep every K-th point of the trace.")]
Random = Annotated[str, option("--random", "normal|uniform", "Draw the start at random.")]
Seed = Annotated[str | None, option("--seed", "N", "The seed of --random and of the batches: 0 unless given.")]
TraceFile = Annotated[str, option("--trace", "FILE", "Write every kept point and the recipe: .parquet.")]

EXIT_CODES = {"converged": 0, "steps": 0, "time": 0, "stopped": 1, "diverged": 3, "nonfinite": 3}
INTERRUPT_CODE = 130


def descend(
    formula: options.FormulaText,
    data: options.DataText,
    loss: options.Loss = "mse",
    lr: Rate = "auto",
    steps: Steps = None,
    epochs: Epochs = None,
    engine: Engine = "auto",
    method: Method = "gd",
    schedule: Schedule = "constant",
    hyper: Hyper = "",
    weight_decay: Decay = None,
    clip_value: ClipValue = None,
    clip_norm: ClipNorm = None,
    batch: Batch = "full",
    replacement: Replacement = False,
    full_loss: FullLoss = None,
    validation: Validation = "",
    until_loss: UntilLoss = None,
    until_gap: UntilGap = None,
    until_gradient: UntilGradient = None,
    until_change: UntilChange = None,
    seconds: Seconds = None,
    every: Every = None,
    start: options.Start = "",
    random: Random = "",
    seed: Seed = None,
    fix: options.Fix = "",
    weights: options.Weights = "",
    constants: options.Constants = "",
    missing: options.Missing = "refuse",
    group: options.Group = [],  # noqa: B006
    penalty: options.Penalty = "",
    plot: options.Plot = "",
    trace: TraceFile = "",
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Descend from a start, and record every step. Ctrl-C ends it, and keeps what was done.

    Example: steepest descend "y ~ a + b*x" data.csv --lr auto --steps 2000 --plot run.png

    Exit code: 0 converged, or the steps or seconds asked for are done; 1 an error, or stopped before that;
    2 wrong usage; 3 diverged or nonfinite; 130 interrupted.
    """
    options.check_target(plot, "--plot", SUFFIXES)
    options.check_target(trace, "--trace", (".parquet",))
    number_of, exact = _seed(seed, random, batch), engine == "sympy"
    draw = (random, number_of or 0) if random else None
    words = (formula, data, loss, start, fix, weights, constants, missing)
    problem = options.make_problem(*words, group=group, penalty=penalty, draw=draw, exact=exact)
    stops = {"until_loss": until_loss, "until_gap": until_gap, "until_gradient": until_gradient, "until_change": until_change}
    counts = {"steps": steps, "epochs": epochs, "every": every, "full_loss": full_loss}
    sizes = {"clip_value": clip_value, "clip_norm": clip_norm, "seconds": seconds, **stops}
    numbers: dict[str, Any] = {name: whole(text, flag(name)) for name, text in counts.items()}
    numbers |= {name: real(text, flag(name)) for name, text in sizes.items()}
    with _terminable(), progress(quiet) as callback:
        result = problem.descend(
            method, _rate(lr, exact), batch="full" if batch == "full" else whole(batch, "--batch"), engine=engine,
            schedule=schedule, hyper=options.reals(hyper, "--hyper"), weight_decay=real(weight_decay, "--weight-decay") or 0.0,
            validation=_held(validation), replacement=replacement, seed=number_of or 0, callback=callback,
            **numbers,
        )  # fmt: skip
    print_trace(result, as_json, quiet)
    write(trace, result.save, as_json or quiet)
    write(plot, result.plot, as_json or quiet)
    raise typer.Exit(INTERRUPT_CODE if result.reason == INTERRUPTED else EXIT_CODES[result.outcome])


def _seed(text: str | None, random: str, batch: str) -> int | None:
    seed = whole(text, "--seed")
    if seed is not None and not random and batch == "full":
        raise OptionError("--seed belongs to --random and to --batch: give one of them")
    return seed


def _held(text: str) -> Any:
    """A share as a number; else data."""
    if not text:
        return None
    return real(text, "--validation") if text.replace(".", "").replace("/", "").isdigit() else text


def flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


@contextmanager
def _terminable() -> Iterator[None]:
    """A request to terminate is answered as Ctrl-C is: what was done is kept."""
    before = signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _rate(text: str, exact: bool) -> Any:
    if text == "auto":
        return text
    value = number(text, "--lr")
    return value if exact else float(value)


def print_trace(result: Trace, as_json: bool, quiet: bool) -> None:
    if as_json:
        values = {"parameters": result.final, "std_errors": None, "loss": result.full_loss[-1]}
        say_json(values | {"outcome": result.outcome, "sentence": result.sentence, "recipe": result.recipe})
    elif not quiet:
        recipe, steps = result.recipe, int(result.step[-1])
        sentence = result.sentence.replace(f"stopped: {INTERRUPTED}", INTERRUPTED)
        where = "at the end" if recipe["batch"] == "full" else "of the last batch"
        norm = f"gradient norm {float(np.linalg.norm(result.gradient[-1].astype(float))):.6g} {where}"
        first = "" if recipe["first_lr"] is None else f"{recipe['first_lr']:.6g}, "
        rate = f"lr {recipe['lr']}" + (f": {first}{recipe['lr_why']}" if recipe["lr"] == "auto" else "")
        speed = f"{result.seconds:.3g} s" + (f", {steps / result.seconds:,.0f} steps/s" if steps else "")
        engine = f"engine {recipe['engine']}: {recipe['engine_why']}"
        quiet_lines = [norm, rate, engine, speed, *_thinned(result)]
        report(recipe, trace_rows(result), [sentence, *_advice(result), *(f"·{line}" for line in quiet_lines)])


def _advice(result: Trace) -> list[str]:
    """What to do when the rate was too large."""
    first, last = float(result.full_loss[0]), float(result.full_loss[-1])
    failed = result.outcome in ("diverged", "nonfinite") and np.isfinite(first)
    if result.recipe["lr"] == "auto" or not (failed or last > first):
        return []
    with np.errstate(all="ignore"):
        begin, _ = automatic(result.objective, result.objective.at(result.theta[0]))
    rose = "The loss rose: take" if last > first else "Take"
    return [f"{rose} a smaller --lr, or --lr auto, which would begin at {begin:.4g}."]


def _thinned(result: Trace) -> list[str]:
    """Where points of the trace were left out."""
    every = result.recipe["every"]
    if every == 1 or len(result) < 2:
        return []
    dense = f" after the first {Recorder.first:,}" if int(result.step[1]) < every else ""
    return [f"{len(result):,} points kept, every {every:,} steps{dense} (--every K chooses)"]
