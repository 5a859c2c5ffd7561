"""Parquet files, with the checksums of their pages verified where they were written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from steepest.data.frames import read_frame
from steepest.data.table import Reading, Table, quoted
from steepest.errors import DataError


def open_parquet(path: Path, source: str) -> Table:
    """The table of a .parquet file, read from its footer. Raises `DataError` for a damaged or truncated file."""
    if not path.stat().st_size:
        raise DataError(f"{source} is empty.\nWrite or fetch it again.")
    with _opened(path, source) as file:
        names = tuple(file.schema_arrow.names)
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{source}: two columns are named {quoted(name)}.\nRename one of them.")
    return Table(names, source, partial(_read, path, source), raw=partial(_raw, path, source))


def _read(path: Path, source: str, names: tuple[str, ...]) -> Reading:
    with _opened(path, source) as file:
        table = file.read(columns=list(names))
    return read_frame(table, source, names)


def _raw(path: Path, source: str, name: str) -> Any:
    with _opened(path, source) as file:
        return file.read(columns=[name]).column(name)


@contextmanager
def _opened(path: Path, source: str) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        reason = (str(error).splitlines() or ["no reason given"])[0].rstrip(". ")
        raise DataError(f"{source} is no sound Parquet file: {reason[:200]}.\nWrite or fetch it again.") from error
