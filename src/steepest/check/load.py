"""A function out of a user's Python file. The file's code runs, as by `import`."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import sys
from pathlib import Path
from typing import Any

from steepest.errors import DataError, OptionError, unknown
from steepest.language.names import printable

NAME = "gradient"  # where none is given


class LoadError(DataError):
    """The file's own code raised, at this line of it."""

    def __init__(self, sentence: str, line: int | None) -> None:
        super().__init__(sentence)
        self.line = line


def load(place: str) -> Any:
    """The function of "mygrad.py:gradient"; without a name it is `gradient`. The file's folder can be imported from.

    Raises OptionError for a file or a name that is not there, LoadError where the file's code raises; what it prints is dropped.
    """
    path, name = _split(place)
    if not path.is_file():
        raise OptionError(f"there is no file {printable(str(path), 200)}: give FILE.py:FUNCTION")
    spec = importlib.util.spec_from_file_location(f"steepest_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise OptionError(f"{printable(str(path), 200)} is no Python file: give FILE.py:FUNCTION")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        line = _line(error, str(spec.origin))
        where = f", line {line}," if line else ""
        what = f"{type(error).__name__}: {printable(' '.join(str(error).split()), 200)}".removesuffix(": ")
        raise LoadError(f"{printable(path.name, 200)}{where} raised {what}", line) from None
    finally:
        sys.path.remove(str(path.parent.resolve()))
    if not hasattr(module, name):
        own = [
            key for key, value in vars(module).items() if callable(value) and getattr(value, "__module__", "") == module.__name__
        ]
        raise OptionError(unknown(f"function of {printable(path.name, 200)}", printable(name), own or ["none"]))
    return getattr(module, name)


def _split(place: str) -> tuple[Path, str]:
    path, colon, name = place.rpartition(":")
    return (Path(path), name) if colon and path.endswith(".py") else (Path(place), NAME)


def _line(error: BaseException, path: str) -> int | None:
    if isinstance(error, SyntaxError) and error.lineno:
        return error.lineno
    line, step = None, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == path:
            line = step.tb_lineno
        step = step.tb_next
    return line
