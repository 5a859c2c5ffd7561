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


def load(place: str) -> Any:
    """The function of "mygrad.py:gradient"; without a name it is `gradient`. The file's folder can be imported from.

    Raises OptionError for a file or a name that is not there, DataError where the file's code raises; what it prints is dropped.
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
        where = _line(error, path)
        what = printable(" ".join(str(error).split()), 200)
        raise DataError(f"{printable(path.name, 200)}{where} raised {type(error).__name__}: {what}") from None
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


def _line(error: BaseException, path: Path) -> str:
    if isinstance(error, SyntaxError) and error.lineno:
        return f", line {error.lineno},"
    line, step = None, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == str(path):
            line = step.tb_lineno
        step = step.tb_next
    return f", line {line}," if line else ""
