"""Marking: a gradient in a file, examined in a process of its own, so that nothing the file does can stop the others.

The parent starts the child with limits of time and memory, and ends its whole process group. The child points its standard
streams at nothing before the file's code runs, and answers on a descriptor of its own, each line behind a nonce. This holds
off accidents and idle cheating. It is no sandbox: the code has the user's rights.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from steepest.check.cases import Subject
from steepest.check.gradient.doctor import check_gradient
from steepest.check.load import load
from steepest.errors import DataError, SteepestError
from steepest.io import Target, write_text
from steepest.language.names import printable

LONGEST = 2000  # characters of a sentence
ANSWER = 2**20  # bytes read of what a child answers
FILES = 2**26  # bytes of any file that a child writes
Words = Sequence[str]


class Limits(NamedTuple):
    """What one file may use: seconds of the clock, and of the processor; megabytes of memory."""

    seconds: float = 30.0
    memory: int = 2048


class Mark(NamedTuple):
    """The verdict on one file. `cause` is one of report.CAUSES, `line` one of the file; `seconds` is the time it took."""

    file: str
    correct: bool
    cause: str | None
    line: int | None
    sentence: str
    seconds: float


def mark(file: str, problem: Words, limits: Limits, command: Sequence[str]) -> Mark:
    """The mark of "homework/anna.py:gradient". `command` starts a process that calls `answer`; `problem` is what it is given.

    Raises DataError where the doctor cannot begin, for tight limits or data that are gone: that is no fault of the file.
    """
    nonce = secrets.token_hex(16)
    job = {"nonce": nonce, "file": file, "memory": limits.memory, "seconds": limits.seconds, "problem": list(problem)}
    began = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        code = _ended(command, json.dumps(job).encode(), output, limits.seconds)
        output.seek(0)
        lines = output.read(ANSWER).split(b"\n")
    seconds = time.perf_counter() - began
    said = [json.loads(line.removeprefix(nonce.encode())) for line in lines if line.startswith(nonce.encode())]
    if not said:
        raise DataError(f"the doctor cannot begin within {limits.seconds:g} seconds and {limits.memory} MB: allow it more")
    if "error" in said[0]:
        raise DataError(said[0]["error"])
    found = said[1] if len(said) > 1 else _verdict(*_without_verdict(code, limits))
    return Mark(file, found["correct"], found["cause"], found["line"], found["sentence"], seconds)


def _ended(command: Sequence[str], job: bytes, output: Any, seconds: float) -> int | None:
    """The exit code of the process; None where its time ran out. Nothing of its group is left."""
    # One thread: a BLAS thread for every core costs address space and spends the processor's seconds.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.DEVNULL, env=environment, start_new_session=True
    ) as process:  # fmt: skip
        try:
            process.communicate(job, timeout=seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _kill(process)
    return process.returncode


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):  # nobody is left
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _without_verdict(code: int | None, limits: Limits) -> tuple[str, str]:
    """Cause and sentence for a process that gave no verdict."""
    name = "" if code is None or code >= 0 else _signal(-code)
    if code is None or name == "SIGXCPU":
        return "time", f"No verdict within {limits.seconds:g} seconds: it was stopped."
    if name:
        return "exit", f"It broke down, without a verdict: the process was ended by {name}."
    return "exit", f"It ended the process, with exit code {code}, as os._exit does: no verdict."


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def answer(make: Callable[[Words], Subject]) -> NoReturn:
    """What the child does: reads its job, answers, and ends at once, whatever threads the file's code has left behind."""
    job = json.loads(sys.stdin.buffer.read())
    channel = os.dup(1)
    for descriptor in (0, 1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
    sys.dont_write_bytecode = True  # no litter among the files

    def say(what: Mapping[str, Any]) -> None:
        os.write(channel, f"\n{job['nonce']}{json.dumps(what)}\n".encode())

    _limit(job["memory"], job["seconds"])
    try:
        problem = make(job["problem"])
    except SteepestError as error:
        say({"error": str(error)})
    else:
        say({"begun": True})
        say(_examined(job["file"], problem))
    os._exit(0)


def _limit(memory: int, seconds: float) -> None:
    """Where the system has such limits."""
    try:
        import resource
    except ImportError:
        return
    # RLIMIT_DATA counts what is written; RLIMIT_AS also the gigabytes that JAX and CUDA only reserve.
    limits = {
        resource.RLIMIT_DATA: memory * 2**20,
        resource.RLIMIT_CPU: math.ceil(seconds) + 1,
        resource.RLIMIT_FSIZE: FILES,
        resource.RLIMIT_CORE: 0,
    }
    for what, most in limits.items():
        hard = resource.getrlimit(what)[1]
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _examined(file: str, problem: Subject) -> dict[str, Any]:
    try:
        report = check_gradient(load(file), problem)
        return _verdict(report.cause, report.sentence, report.line, report.correct)
    except SteepestError as error:
        return _verdict("load", f"It cannot be loaded: {error}", getattr(error, "line", None))
    except MemoryError:
        return _verdict("memory", "It uses more memory than is allowed.")
    except Exception as error:
        return _verdict("unknown", f"A defect of steepest, judge by hand: {type(error).__name__}: {error}")
    except BaseException as error:
        return _verdict("exit", f"It ended the process, by {type(error).__name__}: no verdict.")


def _verdict(cause: str | None, sentence: str, line: int | None = None, correct: bool = False) -> dict[str, Any]:
    text = printable(" ".join(sentence.split()), LONGEST)
    return {"correct": correct, "cause": cause, "line": line, "sentence": text}


def write_marks(path: Target, marks: Sequence[Mark]) -> None:
    """A CSV file: file, correct, cause, line, sentence, seconds. Text in which a spreadsheet would see a formula begins with '."""
    text = io.StringIO()
    table = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    table.writerow(Mark._fields)
    for m in marks:
        words = (_cell(m.file), "yes" if m.correct else "no", m.cause or "")
        table.writerow((*words, m.line, _cell(m.sentence), round(m.seconds, 3)))
    write_text(path, text.getvalue())


def _cell(text: str) -> str:
    """The text as a cell that no spreadsheet computes.

    >>> _cell("=1+1"), _cell("a=1")
    ("'=1+1", 'a=1')
    """
    shown = printable(text, LONGEST)
    # Spreadsheets skip spaces, and some read full-width signs as the plain ones.
    first = unicodedata.normalize("NFKC", shown).lstrip()[:1]
    return f"'{shown}" if first in ("=", "+", "-", "@") else shown
