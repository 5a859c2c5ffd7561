"""The command `steepest`: its commands, its errors, its exit codes."""

from __future__ import annotations

import os
import re
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from steepest._version import __version__
from steepest.cli.check import check
from steepest.cli.compare import compare
from steepest.cli.derive import derive
from steepest.cli.descend import INTERRUPT_CODE, descend
from steepest.cli.doctor import doctor
from steepest.cli.examples import examples
from steepest.cli.explain import explain
from steepest.cli.export import export
from steepest.cli.fit import fit
from steepest.cli.methods import methods
from steepest.cli.models import models
from steepest.cli.output import in_shell, notes, say
from steepest.cli.rerun import rerun
from steepest.cli.step import step
from steepest.data.examples import example
from steepest.data.examples import names as shipped
from steepest.errors import FormulaError, OptionError, SteepestError
from steepest.language.names import printable

ERROR, USAGE = 1, 2
REPEATABLE = ("--group",)

app = typer.Typer(
    name="steepest",
    help="A gradient-descent workbench: write the mathematics once; it is derived, compiled, descended and explained.",
    epilog="'steepest COMMAND --help' shows the options of a command.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,  # plain help: it needs no import of rich, and reads the same through a pipe
)
for command in (fit, descend, step, explain, compare, rerun, derive, check, doctor, export, methods, models, examples):
    app.command()(command)


def _version(asked: bool) -> None:
    if asked:
        say(f"steepest {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)] = False,
) -> None:
    pass


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and gives its exit code. Whatever goes wrong is a sentence on stderr."""
    words = list(sys.argv[1:] if argv is None else argv)
    if argv is None:
        _settle_process()
    try:
        _check_repeats(words)
        with notes(silent="--quiet" in words):
            code = app(words or ["--help"], prog_name="steepest", standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPT_CODE:  # typer has turned Ctrl-C into it
            raise KeyboardInterrupt
        return int(code or 0) if words else USAGE
    except BrokenPipeError:  # `| head` has read enough
        _close_stdout()
        return ERROR
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("steepest: interrupted\n")
        return INTERRUPT_CODE
    except Exception as error:
        sentence, code = _explained(error)
        if "--debug" in words:
            traceback.print_exc()
        else:
            sys.stderr.write(f"steepest: error: {sentence}\n")
        return code


def _check_repeats(words: Sequence[str]) -> None:
    """Of an option given twice the parser would silently take the last."""
    flags = [word.partition("=")[0] for word in words if re.match("--[a-z-]+(=|$)", word)]
    for flag in flags:
        if flags.count(flag) > 1 and flag not in REPEATABLE:
            raise OptionError(f"{flag} is given twice: give it once")


def _explained(error: Exception) -> tuple[str, int]:
    """The sentence, of three lines at most, and the exit code."""
    usage = getattr(error, "format_message", None)  # typer's own errors, which are all of usage
    if usage is not None:
        return f"{_known_slip(error) or usage()}\n'steepest COMMAND --help' shows what can be given.", USAGE
    if isinstance(error, FormulaError):
        return str(error), ERROR
    if isinstance(error, SteepestError):
        return in_shell(str(error)), USAGE if isinstance(error, OptionError) else ERROR
    what = f"{type(error).__name__}: {printable(str(error), 200)}"
    return f"a defect of steepest: {what}\n--debug shows where; please report it.", ERROR


def _known_slip(error: Any) -> str:
    """What is better said of an option of another command, and of an example without its formula."""
    flag, context = getattr(error, "option_name", ""), getattr(error, "ctx", None)
    commands: dict[str, Any] = getattr(typer.main.get_command(app), "commands", {})
    owners = [name for name, command in commands.items() if any(flag in param.opts for param in command.params)]
    formula = context.params.get("formula") if context else None
    if owners:
        return f"{flag} belongs to {' and '.join(owners)}"
    if formula in shipped():
        return f'the formula is missing: {formula} ships with "{example(formula).formula}"'
    return ""


def _settle_process() -> None:
    """What a locale cannot print becomes '?'; being terminated is being interrupted: what was done is kept."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _close_stdout() -> None:
    """Python flushes stdout once more at its end: into nothing, then."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
