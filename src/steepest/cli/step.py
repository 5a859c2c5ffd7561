"""`steepest step`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from steepest.cli import options
from steepest.cli.descend import Batch, Hyper, Method, Rate
from steepest.cli.options import number, option, real, switch, whole
from steepest.cli.output import say
from steepest.lab.session import BROKEN, Lab
from steepest.lab.terminal import conversation

Ascii = Annotated[bool, switch("--ascii", "Characters of ASCII alone.")]
Seed = Annotated[str, option("--seed", "N", "The order of the rows in batches: 0 unless given.")]
UntilLoss = Annotated[str | None, option("--until-loss", "L", "Stop where the loss is at most so much.")]


def step(
    formula: options.FormulaText,
    data: options.DataText,
    lr: Rate = "auto",
    method: Method = "gd",
    batch: Batch = "full",
    hyper: Hyper = "",
    loss: options.Loss = "mse",
    start: options.Start = "",
    fix: options.Fix = "",
    seed: Seed = "0",
    until_loss: UntilLoss = None,
    weights: options.Weights = "",
    constants: options.Constants = "",
    missing: options.Missing = "refuse",
    group: options.Group = [],  # noqa: B006
    penalty: options.Penalty = "",
    ascii: Ascii = False,
    debug: options.Debug = False,
) -> None:
    """Take a descent step by step: Enter is one step, ? lists what can be said.

    It reads lines from a prompt or a pipe, and ends with them.

    Example: steepest step "y ~ a + b*x" data.csv --lr 0.01

    Exit code: 0; 1 an error; 2 wrong usage; 3 it stands where the descent has diverged.
    """
    problem = options.make_problem(formula, data, loss, start, fix, weights, constants, missing, group=group, penalty=penalty)
    lab = Lab(
        problem, method, lr if lr == "auto" else float(number(lr, "--lr")),
        "full" if batch == "full" else whole(batch, "--batch"),
        hyper=options.reals(hyper, "--hyper"), seed=whole(seed, "--seed") or 0, until_loss=real(until_loss, "--until-loss"),
    )  # fmt: skip
    for block in conversation(lab, _replies(), ascii):
        say(block)
    raise typer.Exit(3 if lab.outcome in BROKEN else 0)


def _replies() -> Iterator[str]:
    """Lines as they come; through a pipe each is shown again, so that the answers can be told apart."""
    prompts = sys.stdin.isatty()
    while True:
        sys.stdout.write("> ")
        sys.stdout.flush()
        line = sys.stdin.readline()
        if not line or not prompts:
            say(line.rstrip("\r\n"))
        if not line:
            return
        yield line
