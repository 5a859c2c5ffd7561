"""Many files for `steepest doctor`: a row for each as soon as it is marked. Run as a module, it is the process that marks one."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from steepest.check.cases import cases
from steepest.check.marking import Limits, Mark, answer, mark, write_marks
from steepest.check.report import GRADIENT_CAUSES, MARKING_CAUSES
from steepest.cli import options
from steepest.cli.options import real, whole
from steepest.cli.output import WIDTH, say, write
from steepest.cli.output import quiet as faint
from steepest.errors import OptionError
from steepest.language.names import printable

# -P: no file beside the homework can stand in for a module.
COMMAND = (sys.executable, "-P", "-m", "steepest.cli.marking")
LEAST_MEMORY = 256  # megabytes: less than that is no fault of a file
VERDICT = max(map(len, (*GRADIENT_CAUSES, *MARKING_CAUSES)))
LONGEST = 48  # characters of a file's name in the table


def limits(seconds: str | None, memory: str | None) -> Limits:
    """What --seconds and --memory say."""
    usual = Limits()
    clock = usual.seconds if seconds is None else real(seconds, "--seconds")
    size = usual.memory if memory is None else whole(memory, "--memory")
    if clock is None or clock <= 0:
        raise OptionError(f"--seconds is {seconds}: give a positive number of seconds for each file")
    if size is None or size < LEAST_MEMORY:
        raise OptionError(f"--memory is {memory}: give at least {LEAST_MEMORY} MB for each file")
    return Limits(clock, size)


def mark_files(files: Sequence[str], problem: Sequence[str], most: Limits, target: str, as_json: bool, quiet: bool) -> list[Mark]:
    """The marks, in the order of the files; `problem` is given to options.make_problem. What is done is kept if it ends."""
    _check(files, problem, target)
    width = min(LONGEST, max(len("file"), *map(len, files)))
    shown = not (as_json or quiet)
    if shown:
        say(faint(f"{'file':<{width}}  {'verdict':<{VERDICT}}  line"))
    marks: list[Mark] = []
    try:
        for k, file in enumerate(files, start=1):
            with _progress(f"{k} of {len(files)}: {printable(file, LONGEST)}", quiet):
                marks.append(mark(file, problem, most, COMMAND))
            if shown:
                say(_row(marks[-1], width))
                sys.stdout.flush()
    finally:
        if as_json:
            say(json.dumps([m._asdict() for m in marks], allow_nan=False))
        elif shown:
            say(f"\n{sum(m.correct for m in marks)} of {len(marks)} correct")
        if marks:
            write(target, lambda path: write_marks(path, marks), not shown)
    return marks


def _check(files: Sequence[str], problem: Sequence[str], target: str) -> None:
    """What would otherwise come out once for every file, or be laid at its door."""
    options.check_target(target, "--csv", (".csv",))
    data = problem[1]
    if target and Path(target).exists() and Path(data).exists() and Path(target).samefile(data):
        raise OptionError("--csv is the data: give the name of another file")
    for file in files:
        if not any(Path(name).is_file() for name in (file, file.rpartition(":")[0])):
            raise OptionError(f"there is no file {printable(file, 200)}: give FILE.py or FILE.py:FUNCTION")
    cases(options.make_problem(*problem))


def _row(m: Mark, width: int) -> str:
    """A line of the table; below it, what is wrong."""
    verdict = "correct" if m.correct else str(m.cause)
    name = printable(m.file, len(m.file))
    name = name if len(name) <= width else f"…{name[1 - width :]}"
    row = f"{name:<{width}}  {verdict:<{VERDICT}}  {'' if m.line is None else m.line:>4}".rstrip()
    if m.correct:
        return row
    return f"{row}\n{faint(textwrap.indent(textwrap.fill(m.sentence, WIDTH - 4, break_on_hyphens=False), '    '))}"


@contextmanager
def _progress(text: str, silent: bool) -> Iterator[None]:
    """A line on stderr, where that is a terminal; it is gone at the end."""
    seen = not silent and sys.stderr.isatty()
    if seen:
        sys.stderr.write(text)
        sys.stderr.flush()
    try:
        yield
    finally:
        if seen:
            sys.stderr.write(f"\r{' ' * len(text)}\r")
            sys.stderr.flush()


if __name__ == "__main__":
    answer(lambda words: options.make_problem(*words))
