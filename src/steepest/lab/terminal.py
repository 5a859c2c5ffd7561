"""A session driven by lines of text: it works at a prompt, through a pipe, and for a screen reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from steepest.errors import OptionError, SteepestError, unknown
from steepest.lab.chart import chart
from steepest.lab.session import BROKEN, Lab
from steepest.lab.words import FEW, WIDTH, ascii_only, lines, named, number, some
from steepest.language.names import printable
from steepest.show.picture import SUFFIXES

KEYS = "[Enter] step · 10 steps · lr 0.02 · *2 /2 · b back · why · maths · plot · ? · q"
BARE = ("why", "plot", "maths", "reset", "?")
LEAVE = ("q", "quit", "exit", "break")
DIGITS = 400  # characters of a number


class Command(NamedTuple):
    """How it is written, what it does, and the function of the session and of what stands behind the word."""

    usage: str
    meaning: str
    act: Callable[[Lab, str, bool], list[str]]


def conversation(lab: Lab, replies: Iterable[str], ascii: bool = False) -> Iterator[str]:
    """What is printed, block by block, before each line is read from `replies`; it ends with them, or with q.

    `ascii`: characters of ASCII alone.
    """
    shown = ascii_only if ascii else str
    yield shown("\n".join([*_head(lab), *_state(lab), KEYS]))
    for line in replies:
        word = line.strip()
        if word.lower() in LEAVE:
            break
        try:
            said = _answer(lab, word, ascii)
        except SteepestError as error:
            said = [part for line in str(error).split("\n") for part in lines("", line)]
        yield shown("\n".join(said))
    yield shown("\n".join(lines("", _ending(lab))))


def _answer(lab: Lab, word: str, ascii: bool) -> list[str]:
    if not word:
        return _after(lab.step())
    if word.replace(",", "").replace("_", "").isdecimal():
        return _after(lab.step(_whole(word)))
    if word[0] in "*/" and len(word) > 1:
        factor = _number(word[1:])
        if not factor > 0:
            raise OptionError(f"{word} is no change of the rate: write *2 or /2")
        return _answered(lab.set_lr(lab.settings.lr * factor if word[0] == "*" else lab.settings.lr / factor))
    name, _, rest = word.partition(" ")
    if name not in COMMANDS:
        raise OptionError(unknown("command", printable(name, 40), [*COMMANDS, "q"]))
    if rest and name in BARE:
        raise OptionError(f"{name} stands alone: leave {printable(rest.strip(), 40)!r} out")
    return COMMANDS[name].act(lab, rest.strip(), ascii)


def _after(lab: Lab) -> list[str]:
    return [*lines("", lab.say), *_state(lab)]


def _answered(lab: Lab) -> list[str]:
    """Another rate moves nothing: what the next step will do is all that is new."""
    return [*lines("", lab.say), *_next(lab)]


def _back(lab: Lab, rest: str, ascii: bool) -> list[str]:
    return _after(lab.back(_whole(rest) if rest else 1))


def _rate(lab: Lab, rest: str, ascii: bool) -> list[str]:
    if not rest:
        raise OptionError("lr needs a number: write lr 0.02")
    return _answered(lab.set_lr(rest if rest == "auto" else _number(rest)))


def _method(lab: Lab, rest: str, ascii: bool) -> list[str]:
    return _after(lab.set_method(rest))


def _batch(lab: Lab, rest: str, ascii: bool) -> list[str]:
    return _after(lab.set_batch("full" if rest in ("", "full") else _whole(rest)))


def _reset(lab: Lab, rest: str, ascii: bool) -> list[str]:
    return _after(lab.reset())


def _why(lab: Lab, rest: str, ascii: bool) -> list[str]:
    known = lab.why()
    if known is None:
        return [f"{lab.settings.method} finds its own steps: take some, and ask again"]
    return [line for sentence in known.sentences for line in lines("", ascii_only(sentence) if ascii else sentence)]


def _plot(lab: Lab, rest: str, ascii: bool) -> list[str]:
    return chart(lab.trace.step, lab.trace.full_loss, ascii)


def _maths(lab: Lab, rest: str, ascii: bool) -> list[str]:
    rate = lab.settings.lr
    return lab.problem.steps(at=lab.theta, lr=rate if np.isfinite(rate) else None).text(ascii, WIDTH).split("\n")


def _save(lab: Lab, rest: str, ascii: bool) -> list[str]:
    if not rest:
        raise OptionError("save needs a file: write save run.parquet, or save run.png")
    (lab.plot if rest.lower().endswith(SUFFIXES) else lab.trace.save)(rest)
    return [f"wrote {printable(rest, 70)}"]


def _help(lab: Lab, rest: str, ascii: bool) -> list[str]:
    known = [
        ("Enter", "one step"),
        ("10", "so many steps"),
        ("*2  /2", "the rate, times or divided by so much"),
    ]
    rows = [*known, *((command.usage, command.meaning) for command in COMMANDS.values()), (" ".join(LEAVE), "leave")]
    return [part for usage, meaning in rows for part in lines(f"  {usage:<22}", meaning)]


COMMANDS = {
    "lr": Command("lr 0.02", "another rate, which is answered with what the next step will do", _rate),
    "b": Command("b   b 5", "one step back, or so many", _back),
    "why": Command("why", "why it went as it did, and which rates would hold", _why),
    "plot": Command("plot", "the loss against the step", _plot),
    "maths": Command("maths", "the derivation, with the numbers of this point", _maths),
    "method": Command("method adam", "another method from here on", _method),
    "batch": Command("batch 32   batch full", "the rows of a step", _batch),
    "reset": Command("reset", "back to the start", _reset),
    "save": Command("save run.parquet", "write all steps; .png, .svg or .pdf is a picture", _save),
    "?": Command("?", "this list", _help),
}


def _head(lab: Lab) -> list[str]:
    rows = lab.problem.columns.rows
    about = f"loss {lab.problem.derivation.criterion.name}, {rows:,} row{'' if rows == 1 else 's'} of {lab.problem.columns.source}"
    return [*lines("", printable(lab.problem.formula.text, 2_000)), *lines("", printable(about, 200))]


def _state(lab: Lab) -> list[str]:
    """Where it stands, and what the next step will do."""
    now, names = lab.settings, lab.problem.parameters
    batch = "" if now.batch == "full" else f", {now.batch:,} rows a step"
    said = [
        *lines(f"step {lab.number:,}   ", f"loss {number(lab.loss)}   {now.method}{_limit(lab)}{batch}"),
        *lines("  parameters  ", named(names, lab.theta.values())),
        *lines("  gradient    ", named(names, lab.gradient.values())),
    ]
    if lab.problem.columns.rows <= FEW:
        y, yhat = lab.problem.objective().rows("value", np.array(list(lab.theta.values()), dtype=float))[:2]
        said += [*lines("  true        ", some(y)), *lines("  predicted   ", some(yhat))]
    return [*said, *_next(lab)]


def _next(lab: Lab) -> list[str]:
    """What the next step will do."""
    ahead = lab.predict()
    if lab.outcome == "converged":
        return ["  next        nothing: it has converged"]
    if lab.outcome in BROKEN or not np.isfinite(ahead.loss):
        return lines("  next        ", ahead.sentence)
    moves = named(lab.problem.parameters, ahead.change, 4, "+")
    return lines("  next        ", f"{moves}  → loss {number(ahead.loss)}")


def _limit(lab: Lab) -> str:
    rate = lab.settings.lr
    if not np.isfinite(rate):
        return ", which finds its own steps"
    known = lab.explain()
    frozen = known is not None and known.modes is not None and known.modes.method.freeze  # a limit of its first step alone
    limit = "" if known is None or known.limit is None or frozen else f" (limit here {number(known.limit, 4)})"
    return f"   η {number(rate)}{limit}"


def _ending(lab: Lab) -> str:
    steps = f"{lab.number:,} step{'' if lab.number == 1 else 's'}"
    return f"Ended after {steps}: the loss is {number(lab.loss)}, at {named(lab.problem.parameters, lab.theta.values())}."


def _whole(text: str) -> int:
    word = text.replace(",", "").replace("_", "")
    if not word.isdecimal() or len(word) > DIGITS:
        raise OptionError(f"{printable(text, 40)} is no number of steps: write 10")
    return int(word)


def _number(text: str) -> float:
    """A decimal number, or a fraction as 1/3."""
    try:
        top, slash, bottom = text[:DIGITS].partition("/")
        return float(top) / float(bottom) if slash else float(top)
    except (ValueError, ZeroDivisionError):
        raise OptionError(f"{printable(text, 40)} is no number: write 0.02, 1e-6 or 1/3") from None
