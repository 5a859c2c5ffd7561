"""CSV and TSV files.

Python's csv module has the last word on every value and every error. pyarrow reads large files, and only answers in the
plain case: no quotes in the rows, finite numbers in every cell, none of them a literal that may have been rounded.
"""

from __future__ import annotations

import codecs
import csv
import os
from array import array
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from steepest.data.csv_cells import LONG, MISSING, Cells, is_number
from steepest.data.table import Array, Reading, Table, counted, listed, quoted, reading, row_index
from steepest.errors import DataError

LARGE = 4_000_000  # bytes; below, importing pyarrow takes longer than reading
DELIMITERS = {".csv": ",", ".tsv": "\t"}


class _File(NamedTuple):
    path: Path
    source: str
    delimiter: str
    header: tuple[str, ...]  # without blanks around the names
    header_lines: int
    said: tuple[str, ...]  # warnings
    plain: bool  # no quotes below the header

    def fail(self, line: int, sentence: str) -> DataError:
        return DataError(f"{self.source}, line {line}: {sentence}")


def open_csv(path: Path, source: str) -> Table:
    """The table of a .csv or .tsv file, its header checked. Raises `DataError` with the line."""
    quotes = _scan(path, source)
    file = _File(path, source, DELIMITERS[path.suffix.lower()], (), 0, (), False)
    first = list(islice(_rows(file), 2))
    if not first:
        raise DataError(f"{source} has no header: its first line must name the columns")
    _check_dialect(file, first)
    written, lines = first[0]
    header = tuple(name.strip() for name in written)
    blanks = [name for name in written if name != name.strip()]
    said = (f"{source}: the blanks around names of columns are left out ({listed(blanks)})",) if blanks else ()
    with path.open(encoding="utf-8-sig", newline="") as text:
        quotes -= sum(row.count('"') for row in islice(text, lines))
    file = file._replace(header=header, header_lines=lines, said=said, plain=not quotes)
    _check_header(file)
    names = tuple(name for name in header if name)
    return Table(names, source, partial(_read, file), raw=partial(_raw, file))


def _check_header(file: _File) -> None:
    if all(is_number(name) for name in file.header):
        raise file.fail(
            file.header_lines,
            f"{quoted(file.header[0])} is a number, but the first line must name the columns.\nAdd such a line.",
        )
    for place, name in enumerate(file.header):
        if name and name in file.header[:place]:
            raise file.fail(file.header_lines, f"two columns are named {quoted(name)}.\nRename one of them.")


def _check_dialect(file: _File, first: list[tuple[list[str], int]]) -> None:
    """A first line without a delimiter may name one column; not if it is a comment, or another separator is in both rows."""
    rows, line = [cells for cells, _ in first], first[0][1]
    if len(rows[0]) > 1:
        return
    if rows[0][0].lstrip().startswith("#"):
        raise file.fail(line, "a comment, but the first line must name the columns.\nRemove the lines with '#' at the top.")
    for separator in ";\t,| ":
        if separator != file.delimiter and all(separator in file.delimiter.join(row).strip() for row in rows):
            ending = next((end for end, usual in DELIMITERS.items() if usual == separator), ".csv, with commas")
            raise file.fail(line, f"no {file.delimiter!r}, but {separator!r}: is that the separator?\nSave the file as {ending}.")


def _scan(path: Path, source: str) -> int:
    """Counts the quotes. Refuses an empty file, NUL bytes and what is not UTF-8, which neither parser says by line."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    quotes = offset = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 24):
            nul = chunk.find(b"\0")
            if nul >= 0:
                raise _bad_byte(path, source, offset + nul, "a NUL byte: the file is damaged, or no text in UTF-8")
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                held = len(error.object) - len(chunk)
                byte = error.object[error.start]
                raise _bad_byte(path, source, offset - held + error.start, f"the byte 0x{byte:02x} is not UTF-8") from None
            quotes += chunk.count(b'"')
            offset += len(chunk)
    if not offset:
        raise DataError(f"{source} is empty.\nWrite or fetch it again.")
    if decoder.getstate()[0]:
        raise _bad_byte(path, source, offset - 1, "the file ends within a character")
    return quotes


def _bad_byte(path: Path, source: str, offset: int, sentence: str) -> DataError:
    with path.open("rb") as file:
        line = len((file.read(offset) + b".").splitlines())
    return DataError(f"{source}, line {line}: {sentence}.\nSave the file again as UTF-8.")


def _read(file: _File, names: tuple[str, ...]) -> Reading:
    if file.plain and os.path.getsize(file.path) >= LARGE:
        arrays = _read_fast(file, names)
        if arrays is not None:
            return Reading(arrays, file.said, row_index)
    columns = {name: Cells(name) for name in names}
    places = [(file.header.index(name), columns[name].add) for name in names]
    lines = array("q")
    for cells, line in islice(_rows(file), 1, None):
        if len(cells) != len(file.header):
            raise file.fail(line, f"{counted(len(cells), 'cell')}, but the header has {len(file.header)}.\nMend that line.")
        lines.append(line)
        for place, add in places:
            add(cells[place], line)
    done = {name: column.finish(file.source) for name, column in columns.items()}
    read = reading(done, lambda row: f"line {lines[row]}")
    return read._replace(warnings=(*file.said, *read.warnings))


def _raw(file: _File, name: str) -> Array | list[str | None]:
    """The cells of one column: numbers where all are, else texts. None is a missing one."""
    place = file.header.index(name)
    cells = [row[place].strip() if len(row) == len(file.header) else "" for row, _ in islice(_rows(file), 1, None)]
    known = [None if cell in MISSING else cell for cell in cells]
    if all(cell is None or is_number(cell) for cell in known):
        return np.array([np.nan if cell is None else float(cell) for cell in known])
    return known


def _rows(file: _File) -> Iterator[tuple[list[str], int]]:
    """The rows that are not blank, each with the line where it ends."""
    with file.path.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text, delimiter=file.delimiter, strict=True)
        start = 1
        try:
            for cells in reader:
                if cells:
                    yield cells, reader.line_num
                start = reader.line_num + 1
        except csv.Error as error:
            reason = "a quote is opened and not closed" if "end of data" in str(error) else str(error)
            raise file.fail(start, f"{reason}.\nMend that line.") from None


def _read_fast(file: _File, names: tuple[str, ...]) -> dict[str, Array] | None:
    """Cells are read as text first: pyarrow alone says nothing about 1e400 (infinity) or a number of 30 digits."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv as pa_csv

    labels = [str(place) for place in range(len(file.header))]
    wanted = [labels[file.header.index(name)] for name in names]
    arrays = {}
    try:
        table = pa_csv.read_csv(
            file.path,
            read_options=pa_csv.ReadOptions(column_names=labels, skip_rows=file.header_lines),
            parse_options=pa_csv.ParseOptions(delimiter=file.delimiter, quote_char=False),
            convert_options=pa_csv.ConvertOptions(include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string())),
        )
        for name, label in zip(names, wanted, strict=True):
            cells = pc.ascii_trim_whitespace(table.column(label))
            if pc.any(pc.match_substring_regex(cells, LONG)).as_py():
                return None
            arrays[name] = np.array(cells.cast(pa.float64()), dtype=np.float64)
    except pa.ArrowException:
        return None
    return arrays if all(np.isfinite(values).all() for values in arrays.values()) else None
