"""Every write of the project: into a temporary file beside the target, flushed to the disk, then moved into place.

A reader, a crash or a full disk therefore meets the whole old file or the whole new one, never a part.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from steepest.errors import DataError, OptionError

Target = str | os.PathLike[str]


def check_suffix(path: Target, suffixes: Sequence[str]) -> None:
    """Refuses a name that does not say the format that would be written: its end must be one of `suffixes`, as ".json".

    >>> check_suffix("run.csv", [".parquet"])
    Traceback (most recent call last):
    steepest.errors.OptionError: cannot write 'run.csv': the name of this file must end in .parquet
    """
    if Path(path).suffix.lower() not in suffixes:
        raise OptionError(f"cannot write {str(path)!r}: the name of this file must end in {' or '.join(suffixes)}")


def check_writable(path: Target) -> None:
    """Refuses a path that could not be written, before a long run is spent on it.

    Raises `OptionError` when the folder is missing or closed to us, or `path` is no ordinary file that we may replace.

    >>> check_writable(".")
    Traceback (most recent call last):
    steepest.errors.OptionError: cannot write '.': it is a folder. Give the name of a file.
    """
    target = Path(path)
    folder = _real(target).parent
    if target.is_dir():
        reason = "it is a folder. Give the name of a file."
    elif target.exists() and not target.is_file():
        reason = "it is no ordinary file. Give the name of a file."
    elif not folder.is_dir():
        reason = f"there is no folder {str(folder)!r}. Create it first."
    elif not os.access(folder, os.W_OK | os.X_OK):
        reason = f"the folder {str(folder)!r} cannot be written. Choose another one."
    elif target.exists() and not os.access(target, os.W_OK):
        reason = "the file is write-protected. Choose another name."
    else:
        return
    raise OptionError(f"cannot write {str(path)!r}: {reason}")


@contextlib.contextmanager
def replacing(path: Target) -> Iterator[Path]:
    """Gives the path of an empty temporary file beside `path`, which takes the place of `path` when the block ends.

    It has the suffix of `path`, since writers choose the format by it, and the permissions of the file it replaces.
    When the block fails it is removed and the old file is untouched. Raises `OptionError` as `check_writable` does, and
    `DataError` when the system refuses (disk full, no permission).
    """
    check_writable(path)
    target = _real(Path(path))
    temporary = target.with_name(f".steepest-{secrets.token_hex(8)}{target.suffix}")
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        if target.exists():
            os.chmod(temporary, target.stat().st_mode & 0o777)
        yield temporary
        _flush(temporary, os.O_RDWR)
        os.replace(temporary, target)
    except OSError as error:
        raise DataError(f"cannot write {str(path)!r}: {error.strerror or error}. The old file, if any, is kept.") from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
    # Some file systems, and Windows, cannot flush a folder; the new file is whole and in place all the same.
    with contextlib.suppress(OSError):
        _flush(target.parent, os.O_RDONLY)


def write_bytes(path: Target, data: bytes) -> None:
    """Writes `data` to `path`, wholly or not at all. Raises what `replacing` raises."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(data)


def write_text(path: Target, text: str) -> None:
    """Writes `text` to `path` as UTF-8, its line ends as they are. Raises what `replacing` raises."""
    write_bytes(path, text.encode("utf-8"))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # through symbolic links: the file is replaced, not the link to it


def _flush(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
