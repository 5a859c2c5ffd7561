"""Every kind of data gives the same columns, and every bad one is refused with its place and a remedy."""

from __future__ import annotations

import copy
import datetime
import decimal
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as some

from steepest.data import csv_file, examples
from steepest.data.read import read_table
from steepest.data.sample import sample
from steepest.data.table import Columns
from steepest.errors import DataError, FormulaError, OptionError
from steepest.language.formula import parse_formula
from steepest.language.losses import LOSSES as LOSS_TABLE

X, Y = [0.1, -2.0, 1e-300], [3, 4, 2**53]


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def parquet(path: Path, **options: Any) -> Path:
    pq.write_table(pa.table({"x": X, "y": Y}), path, write_page_checksum=True, **options)
    return path


SOURCES: dict[str, Callable[[Path], Any]] = {
    "mapping": lambda _: {"x": X, "y": Y},
    "mapping of arrays": lambda _: {"y": np.array(Y), "x": np.array(X)[::-1].copy()[::-1]},
    "mapping of series": lambda _: {"x": pd.Series(X), "y": pl.Series(Y)},
    "mapping of arrow": lambda _: {"x": pa.array(X), "y": pa.chunked_array([Y])},
    "pandas frame": lambda _: pd.DataFrame({"y": Y, "x": X}, index=[7, 7, 7]),
    "pandas nullable": lambda _: pd.DataFrame({"x": X, "y": pd.array(Y, dtype="Int64")}),
    "polars frame": lambda _: pl.DataFrame({"x": X, "y": Y}),
    "pyarrow frame": lambda _: pa.table({"x": X, "y": Y}),
    "csv": lambda d: written(d / "a.csv", "x,y\n0.1,3\n-2.0,4\n1e-300,9007199254740992\n"),
    "csv text path": lambda d: str(written(d / "a.CSV", 'y,"x",z\r\n3,+.1,a\r\n\r\n4,"-2.",b\r\n9007199254740992,1E-300,c')),
    "csv with BOM": lambda d: written(d / "a.csv", b"\xef\xbb\xbfx,y\n0.1,3\n -2 ,4\n1e-300,9007199254740992"),
    "tsv": lambda d: written(d / "a.tsv", "x\ty\r0.1\t3\r-2\t4\r1e-300\t9007199254740992\r"),
    "parquet": lambda d: parquet(d / "a.parquet"),
    "parquet in row groups": lambda d: parquet(d / "a.parquet", row_group_size=2, compression="zstd"),
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_the_same_columns(source: str, tmp_path: Path) -> None:
    table = read_table(SOURCES[source](tmp_path))
    columns = table.columns(["x", "y"])
    assert columns.names == ("x", "y") and columns.rows == 3 and columns.dropped == 0 and columns.warnings == ()
    assert columns.fingerprint == read_table({"x": X, "y": Y}).columns(["x", "y"]).fingerprint
    for array, expected in zip(columns.arrays, (X, Y), strict=True):
        assert array.dtype == np.float64 and array.flags.c_contiguous and not array.flags.writeable
        np.testing.assert_array_equal(array, np.array(expected, dtype=np.float64))
    assert {"x", "y"} <= set(table.names) and read_table(table) is table


@pytest.mark.parametrize("source", ["mapping of arrays", "pandas frame", "mapping of series"])
def test_later_changes_do_nothing(source: str, tmp_path: Path) -> None:
    data = SOURCES[source](tmp_path)
    columns = read_table(data).columns(["x"])
    if isinstance(data, pd.DataFrame):
        data.loc[:, "x"] = 5.0
    elif source == "mapping of arrays":
        data["x"][:] = 5.0
    else:
        data["x"].iloc[:] = 5.0
    assert columns.arrays[0].tolist() == X


def test_the_fingerprint_is_of_names_values_and_order() -> None:
    def of(names: list[str], **data: list[float]) -> str:
        return read_table(data).columns(names).fingerprint

    base = of(["x", "y"], x=[1, 2], y=[3, 4])
    assert base == of(["x", "y"], y=[3.0, 4.0], x=[1.0, 2.0], z=[0.0])
    others = [
        of(["y", "x"], x=[1, 2], y=[3, 4]),
        of(["x", "z"], x=[1, 2], z=[3, 4]),
        of(["x", "y"], x=[1, 3], y=[2, 4]),
        of(["x", "y"], x=[1, 2, 3], y=[4, 5, 6]),
        of(["x"], x=[1, 2, 3, 4]),
    ]
    assert len({base, *others}) == 6


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, False], [1, 0]),
        (np.array([1, 255], dtype=np.uint8), [1, 255]),
        (np.array([1.5, 2.5], dtype=np.float16), [1.5, 2.5]),
        (np.array([1.5, 2.5], dtype=">f4"), [1.5, 2.5]),
        (np.arange(6.0).reshape(3, 2)[:, 1], [1, 3, 5]),
        (range(3), [0, 1, 2]),
        (pd.Series([True, False], dtype="boolean"), [1, 0]),
        (pl.Series([1, 2], dtype=pl.Int8), [1, 2]),
        ((1, 2.5), [1, 2.5]),
    ],
    ids=str,
)
def test_types_that_are_numbers(values: Any, expected: list[float]) -> None:
    (array,) = read_table({"x": values}).columns(["x"]).arrays
    assert array.tolist() == expected


DAY = datetime.date(2024, 5, 1)
MEMORY: dict[str, tuple[Any, tuple[str, ...]]] = {
    "NaN": ([1, np.nan, np.nan], ("2 missing (or NaN) of 3 values", "row index 1", "missing='drop'")),
    "inf": ([np.inf, 1, 2], ("1 infinite of 3 values", "row index 0")),
    "both": ([1, -np.inf, np.nan], ("1 missing (or NaN) and 1 infinite of 3 values", "row index 1")),
    "masked": (np.ma.array([1, 2, 3], mask=[0, 0, 1]), ("1 missing", "row index 2")),
    "null": (pl.Series([1, None, 3]), ("1 missing", "row index 1")),
    "pandas NA": (pd.Series([1, None, 3], dtype="Int64"), ("1 missing", "row index 1")),
    "length": ([1, 2], ("different length", "'x' has 2 rows", "'y' has 3")),
    "no rows": ([], ("different length", "'x' has 0 rows")),
    "None": ([1, None, 3], ("holds objects", "'None' of type NoneType at row index 1", "NaN")),
    "huge integer": ([2**70, 1, 2], ("holds objects", "Python numbers", "floats")),
    "decimal object": ([decimal.Decimal(1)] * 3, ("holds objects", "type Decimal", "floats")),
    "text": (["1", "2", "3"], ("holds text", "<U1", "0 and 1")),
    "mixed text": ([1, "a", 2], ("holds text",)),
    "dates": (np.array(["2024-01-01"] * 3, dtype="M8[D]"), ("holds dates or times", "datetime64[D]", "days")),
    "durations": (np.array([1, 2, 3], dtype="m8[s]"), ("holds dates or times",)),
    "complex": ([1j, 2, 3], ("holds complex numbers", "complex128", "real and the imaginary")),
    "records": (np.zeros(3, dtype=[("a", float)]), ("holds values of another type",)),
    "polars text": (pl.Series(["a", "b", "c"]), ("holds text (String)",)),
    "pandas text": (pd.Series(["a", "b", "c"]), ("holds text",)),
    "categories": (pd.Series([1, 2, 1], dtype="category"), ("holds categories", "one for each category")),
    "polars date": (pl.Series([DAY] * 3), ("holds dates or times (Date)",)),
    "pandas date": (pd.to_datetime(pd.Series(["2024-01-01"] * 3)), ("holds dates or times",)),
    "decimals": (pl.Series([decimal.Decimal("1.5")] * 3), ("holds decimals",)),
    "lists": (pl.Series([[1], [2], [3]]), ("holds values of another type (List",)),
    "ragged": ([[1], [1, 2]], ("is no array",)),
    "three dimensions": (np.ones((3, 2, 2)), ("has the shape (3, 2, 2)", "a name of its own")),
    "scalar": (10.0, ("is a single number", "[10.0]")),
    "word": ("abc", ("is no array but one value of type str",)),
    "set": ({1, 2, 3}, ("one value of type set", "list or an array")),
}  # fmt: skip
if np.finfo(np.longdouble).max > np.finfo(np.float64).max:
    MEMORY["long double"] = (np.array([1, 2, np.longdouble("1e400")]), ("row index 2", "beyond the largest float64"))


def message(call: Callable[[], Any], error: type[Exception] = DataError) -> str:
    with pytest.raises(error) as caught:
        call()
    said = str(caught.value)
    assert len(said.splitlines()) <= 3 and max(map(len, said.splitlines())) < 400
    return said


@pytest.mark.parametrize("case", MEMORY)
def test_bad_values_in_memory(case: str) -> None:
    values, words = MEMORY[case]
    said = message(lambda: read_table({"x": values, "y": [1, 2, 3]}).columns(["x", "y"]))
    assert said.startswith("mapping") and "'x'" in said
    for word in words:
        assert word in said
    assert read_table({"x": values, "y": [1, 2, 3]}).columns(["y"]).rows == 3  # only what is asked for is checked


def test_several_bad_columns_are_named_together() -> None:
    said = message(lambda: read_table({"x": [np.nan], "y": [1], "z": [np.inf]}).columns(["x", "y", "z"]))
    assert "column 'x'" in said and "so has 'z'" in said and "'y'" not in said


NUL = b"x,y\n1,2\n3,\0\n"
FILES: dict[str, tuple[str | bytes, tuple[str, ...]]] = {
    "empty cell": ("x,y\n1,2\n\n3,\n5,NA\n", ("column 'y'", "2 missing (or NaN) of 3 values", "at line 4", "'drop'")),
    "infinite": ("x,y\n1,2\n3,-inf\n", ("column 'y'", "1 infinite of 2 values", "line 3")),
    "text": ("x,y\n1,2\n3,abc\n4,none\n", ("column 'y', line 3: 'abc' is not a number", "2 such cells", "-1.5e3", "NA")),
    "date": ("x,y\n1,2024-01-01\n", ("line 2: '2024-01-01' is not a number",)),
    "decimal comma": ('x,y\n1,"2,5"\n', ("line 2: '2,5' is not a number",)),
    "thousands": ("x,y\n1,1_000\n", ("line 2: '1_000' is not a number",)),
    "hexadecimal": ("x,y\n1,0x10\n", ("line 2: '0x10' is not a number",)),
    "long text": ("x,y\n1," + "z" * 500 + "\n", ("zzz…'", "is not a number")),
    "overflow": ("x,y\n1,2\n1,1e400\n", ("column 'y', line 3: '1e400' is beyond the largest float64", "unit")),
    "mixed booleans": ("x,y\n1,2\n3,True\n", ("line 3: 'True' among numbers", "1 for true")),
    "long row": ("x,y\n1,2\n3,4,5\n", ("line 3: 3 cells, but the header has 2", "Mend")),
    "short row": ("x,y\n1,2\n3\n", ("line 3: 1 cell, but the header has 2",)),
    "open quote": ('x,y\n1,2\n"3,4\n5,6\n', ("line 3: a quote is opened and not closed",)),
    "stray quote": ('x,y\n1,2\n3,"4"5\n', ("line 3:",)),
    "stray quote elsewhere": ('x,y,z\n1,2,"4"5\n', ("line 2:", "expected after")),
    "NUL": (NUL, ("line 3: a NUL byte", "UTF-8")),
    "Latin-1": ("x,y\n1,2\n3,é\n".encode("latin-1"), ("line 3: the byte 0xe9 is not UTF-8", "Save")),
    "cut character": ("x,y\n1,2\n3,é".encode()[:-1], ("line 3: the file ends within a character",)),
    "UTF-16": ("x,y\n1,2\n".encode("utf-16"), ("line 1:", "UTF-8")),
    "empty": ("", ("is empty",)),
    "blank": ("\n\n", ("has no header",)),
    "no rows": ("x,y\n", ("has no rows",)),
    "no header": ("1,2\n3,4\n", ("line 1: '1' is a number", "name the columns")),
    "twice": ("x,y,x\n1,2,3\n", ("line 1: two columns are named 'x'", "Rename")),
    "semicolon": ("x;y\n1;2\n", ("line 1: no ',', but ';': is that the separator?", "Save the file as .csv, with commas")),
    "tabs": ("x\ty\n1\t2\n", ("line 1: no ',', but '\\t'", "Save the file as .tsv")),
    "blanks": ("x  y\n1  2\n", ("line 1: no ',', but ' ': is that the separator?",)),
    "separator without rows": ("x;y\n", ("but ';'",)),
    "comment": ("# measured in May\nx,y\n1,2\n", ("line 1: a comment", "Remove")),
    "late comment": ("\n# measured in May\nx,y\n1,2\n", ("line 2: a comment",)),
    "twice but for blanks": ("x,y, x\n1,2,3\n", ("line 1: two columns are named 'x'",)),
    "near": ("x,yy\n1,2\n", ("has no column 'y': did you mean 'yy'?", "Its columns: 'x', 'yy'")),
    "many": (",".join(f"c{i}" for i in range(50)) + "\n", ("has no column 'x'", "and 30 more")),
    "hostile name": ("x\x1b[2J,'\n1,2\n", ("has no column 'x'", "\\x1b[2J")),
}  # fmt: skip


@pytest.mark.parametrize("large", [False, True], ids=["csv", "pyarrow"])
@pytest.mark.parametrize("case", FILES)
def test_bad_files(case: str, large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "LARGE", 0 if large else 10**9)
    content, words = FILES[case]
    path = written(tmp_path / "data.csv", content)
    said = message(lambda: read_table(path, "data.csv").columns(["x", "y"]))
    assert said.startswith("data.csv")
    for word in words:
        assert word in said


def outcome(path: Path, large: bool, missing: str) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_file, "LARGE", 0 if large else 10**9)
        try:
            columns = read_table(path).columns(["x", "y"], missing)
        except DataError as error:
            return str(error)
    return columns.fingerprint, columns.dropped, columns.warnings


LITERALS = (
    "0;-1.5; 2 ;1e5;.5;7.;+3;NA;;nan;inf;1e400;1e-400;4.9e-324;abc;1_0;True;é;1d5;1e23;0.12345678901234567;"
    '9007199254740993;3.14159265358979323846;123456789012345678901234567890;"5";"6'
)
FLOATS = some.floats(allow_nan=False, allow_infinity=False).map(repr)
# Few kinds of cells in one file, so that files without a fault come up too.
CELLS = some.lists(some.sampled_from(LITERALS.split(";")), max_size=2).map(lambda odd: some.sampled_from([*odd, "1"]))
ROWS = CELLS.flatmap(lambda cell: some.lists(some.tuples(cell | FLOATS, cell).map(",".join), min_size=1))
OTHER_ROWS = some.lists(some.sampled_from(["", " ", "1,2,3", "1"]), max_size=1)


@given(
    rows=ROWS,
    others=OTHER_ROWS,
    end=some.sampled_from(["\n", "\r\n", "\r"]),
    missing=some.sampled_from(["refuse", "drop"]),
)
def test_both_parsers_agree(
    rows: list[str], others: list[str], end: str, missing: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = written(tmp_path_factory.mktemp("both") / "a.csv", end.join(["x,y", *rows, *others, "1,1"]))
    assert outcome(path, True, missing) == outcome(path, False, missing)


def test_pyarrow_reads_the_plain_case_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    x, y = random.standard_normal((2, 2000)) * 10.0 ** random.integers(-90, 90, (2, 2000))
    text = "".join(f"{a!r},text,{b!r}\n" for a, b in zip(x.tolist(), y.tolist(), strict=True))
    path = written(tmp_path / "a.csv", '"x",note,y\n' + text)
    assert path.stat().st_size < csv_file.LARGE
    small = read_table(path).columns(["y", "x"])
    monkeypatch.setattr(csv_file, "LARGE", 0)
    monkeypatch.setattr(csv_file, "Cells", None)  # the other parser would fail
    large = read_table(path).columns(["y", "x"])
    assert small.arrays[1].tolist() == x.tolist()
    assert large.fingerprint == small.fingerprint


def test_a_small_csv_file_imports_nothing_heavy(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "x,y\n1,2\n3,4\n")
    code = (
        "import sys; from steepest.data.read import read_table;"
        "read_table(sys.argv[1]).columns(['x']); read_table('@misra1a').columns(['x']);"
        "read_table({'x': [1.0]}).columns(['x']); sys.stdout.write(' '.join(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert not {"pyarrow", "narwhals", "pandas", "polars", "sympy", "scipy"} & set(run.stdout.split())


@pytest.mark.parametrize("source", ["mapping", "frame", "file"])
def test_rows_are_dropped_when_asked_for(source: str, tmp_path: Path) -> None:
    data: Any = {"x": [1.0, np.nan, 3.0, 4.0], "y": [np.nan, 6.0, np.inf, 8.0], "z": [np.nan] * 4}
    if source == "frame":
        data = pl.DataFrame(data)
    elif source == "file":
        data = written(tmp_path / "a.csv", "x,y,z\n1,,\n,6,\n3,inf,\n4,8,\n")
    columns = read_table(data, "data").columns(["x", "y"], missing="drop")
    assert [array.tolist() for array in columns.arrays] == [[4.0], [8.0]]
    assert columns.dropped == 3
    said = "data: 3 of 4 rows dropped for a missing value, 1 of them for an infinite one"
    assert columns.warnings == (said,)
    assert not any(array.flags.writeable for array in columns.arrays)
    assert "no row is left" in message(lambda: read_table(data, "data").columns(["x", "z"], missing="drop"))
    assert "'refuse'" in message(lambda: read_table(data).columns(["x"], missing="refused"), OptionError)


@pytest.mark.parametrize(
    ("values", "count"),
    [
        ([2**53, 2**53 + 2, -(2**53)], 0),
        ([2**53, 2**53 + 1, -(2**53) - 1], 2),
        ([2**63 - 1, -(2**63), 0], 1),
        (np.array([2**64 - 1, 2**63, 2**64 - 2048], dtype=np.uint64), 1),
        (pl.Series([2**53 + 1, 1, 1]), 1),
    ],
)
def test_rounded_integers_are_said(values: Any, count: int) -> None:
    warnings = read_table({"x": values}).columns(["x"]).warnings
    assert len(warnings) == (count > 0)
    for warning in warnings:
        assert warning.startswith(f"mapping, column 'x': {count} number") and "row index" in warning


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("9007199254740993", "'9007199254740993' became 9007199254740992.0"),
        ("3.14159265358979323846", "became 3.141592653589793"),
        ("123456789012345678901234567890", "rounded to float64, the first at line 2"),
        ("1e-400", "'1e-400' became 0.0"),
        ("0e-400", ""),
        ("1.000000000000000056e-01", ""),  # what numpy.savetxt writes for 0.1
        ("0.1000000000000000055511151231257827", ""),
        ("1700000000000000000", ""),
        ("0.30000000000000004", ""),
    ],
)
@pytest.mark.parametrize("large", [False, True], ids=["csv", "pyarrow"])
def test_rounded_literals_are_said(cell: str, said: str, large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "LARGE", 0 if large else 10**9)
    columns = read_table(written(tmp_path / "a.csv", f"x\n{cell}\n")).columns(["x"])
    assert columns.arrays[0].tolist() == [float(cell)]
    assert len(columns.warnings) == bool(said) and said in "".join(columns.warnings)


@pytest.mark.parametrize("large", [False, True], ids=["csv", "pyarrow"])
def test_blanks_around_the_names_of_columns_are_left_out(large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "LARGE", 0 if large else 10**9)
    table = read_table(written(tmp_path / "a.csv", "x, y ,z\n1,2,3\n"), "a.csv")
    assert table.names == ("x", "y", "z")
    columns = table.columns(["y"])
    assert columns.arrays[0].tolist() == [2.0]
    assert columns.warnings == ("a.csv: the blanks around names of columns are left out (' y ')",)


@pytest.mark.parametrize("content", ["my col\n1\n2\n", "a;b\n1\n2\n", "my col\n\n 1 \n"])
def test_one_column_may_have_any_name(content: str, tmp_path: Path) -> None:
    table = read_table(written(tmp_path / "a.csv", content))
    assert table.columns(table.names).arrays[0][0] == 1.0


@pytest.mark.parametrize("cell", ["", "NA", "N/A", "n/a", "#N/A", "nan", "NaN", "null", " NA "])
def test_words_for_a_missing_value(cell: str, tmp_path: Path) -> None:
    columns = read_table(written(tmp_path / "a.csv", f"x,y\n1,{cell}\n2,3\n")).columns(["x", "y"], missing="drop")
    assert columns.dropped == 1 and columns.arrays[1].tolist() == [3.0]


def test_booleans_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    pd.DataFrame({"x": [True, False]}).to_csv(path, index=False)
    assert read_table(path).columns(["x"]).arrays[0].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("nothing.csv", ("nothing.csv does not exist: did you mean 'nothings.csv'?",)),
        ("nothing.tsv", ("did you mean 'nothings.csv'?",)),
        ("other.csv", ("other.csv does not exist\n",)),
        ("nowhere/a.csv", ("there is no folder 'nowhere'",)),
        ("folder.csv", ("is a folder",)),
        ("data.xlsx", ("'data.xlsx' cannot be read as data", "Accepted: a file ending in .csv, .tsv, .parquet, or '@name'")),
        ("", ("cannot be read as data",)),
        ("@chwirut", ("unknown example '@chwirut': did you mean '@chwirut1'?", "@misra1a")),
        (3, ("type int cannot be read", "mapping", "frame")),
        (None, ("type NoneType cannot be read",)),
        (np.ones((3, 2)), ("type ndarray cannot be read",)),
        (pl.LazyFrame({"x": [1]}), ("not lazy",)),
        ({1: [2]}, ("name of a column must be a str, not '1' (int)",)),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), ("frame cannot be used", "x")),
    ],
    ids=str,
)
def test_data_that_is_none(data: Any, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.csv").mkdir()
    Path("nothings.csv").write_text("x\n1\n")
    said = message(lambda: read_table(data).columns(["x"])) + "\n"
    for word in words:
        assert word in said


def test_a_file_that_vanishes(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "x\n1\n")
    table = read_table(path)
    path.unlink()
    assert "a.csv cannot be read: No such file" in message(lambda: table.columns(["x"]))


@pytest.mark.parametrize("names", [[], ["nowhere"], ["x", "nowhere"]])
def test_columns_that_are_not_there(names: list[str]) -> None:
    assert "column" in message(lambda: read_table({"x": [1.0]}).columns(names))


def test_damaged_parquet_files(tmp_path: Path) -> None:
    good = parquet(tmp_path / "a.parquet").read_bytes()
    expected = read_table(tmp_path / "a.parquet").columns(["x", "y"]).fingerprint
    refused = 0
    cuts = [good[:size] for size in range(0, len(good), 37)]
    flips = [good[:i] + bytes([good[i] ^ 1 << i % 8]) + good[i + 1 :] for i in range(4, len(good), 5)]
    for content in cuts + flips:
        path = written(tmp_path / "b.parquet", content)
        try:
            columns = read_table(path).columns(["x", "y"])
        except DataError as error:
            assert str(error).startswith(str(path)) and len(str(error).splitlines()) <= 3
            refused += 1
        else:
            assert columns.fingerprint == expected  # never a silently wrong value
    assert refused > len(cuts) + len(flips) // 3


def test_parquet_columns_are_chosen_and_refused_by_type(tmp_path: Path) -> None:
    table = pa.table({"x": [1.0, None], "s": ["a", "b"], "d": pa.array(["a", "a"]).dictionary_encode(), "x.y": [1, 2]})
    pq.write_table(table, tmp_path / "a.parquet")
    read = read_table(tmp_path / "a.parquet", "a.parquet")
    assert read.columns(["x.y"]).arrays[0].tolist() == [1.0, 2.0]
    assert "a.parquet, column 's' holds text (String)" in message(lambda: read.columns(["s"]))
    assert "column 'd' holds categories" in message(lambda: read.columns(["d"]))
    assert "1 missing (or NaN) of 2 values, the first at row index 1" in message(lambda: read.columns(["x"]))


# Examples: rows, the loss at the start as the notebooks have it, and the model.
LOSSES: dict[str, tuple[int, float, Callable[..., Any]]] = {
    "@sine": (4000, 599082.2424932776, lambda t, x: np.polyval(t[::-1], x)),
    "@sine2000": (2000, 461.9024651002728, lambda t, x: t[0] + t[1] * _p3(t[2] + t[3] * x)),
    "@instances": (3, 13 / 24, lambda t, x, z: t[0] + t[1] * x + t[2] * z),
    "@noisy-line": (40, 16.6814860032436213, lambda t, x: t[0] * x + t[1]),
    "@triples": (5, 99.0, lambda t, x: t[0] * x),
    "@point": (1, 1.1185787939367335, lambda t, x: t[0] * x + t[1]),
    "@five-points": (5, 14.581840304371113, lambda t, x: t[0] * x + t[1]),
}
DIVISORS = {"sse": lambda n: 1, "mse": lambda n: n, "half-mse": lambda n: 2 * n}


def _p3(u: Any) -> Any:
    return 0.5 * (5 * u**3 - 3 * u)


@pytest.mark.parametrize("name", LOSSES)
def test_examples_are_those_of_the_notebooks(name: str) -> None:
    rows, loss, model = LOSSES[name]
    table = read_table(name)
    *predictors, response = table.columns(table.names).arrays
    assert len(response) == rows and table.source == name and table.formula.startswith(table.names[-1] + " ~ ")
    residual = model(list(table.start.values()), *predictors) - response
    np.testing.assert_allclose(np.sum(residual**2) / DIVISORS[table.loss](rows), loss, rtol=1e-12)


@pytest.mark.parametrize(("name", "rows"), [("@chwirut1", 214), ("@misra1a", 14)])
def test_certified_examples_reach_their_sum_of_squares(name: str, rows: int) -> None:
    table, certificate = read_table(name), examples.certified(name)
    x, y = table.columns(["x", "y"]).arrays
    b = list(certificate["certified"].values())
    model = np.exp(-b[0] * x) / (b[1] + b[2] * x) if len(b) == 3 else b[0] * -np.expm1(-b[1] * x)
    assert len(x) == rows and certificate["dof"] == rows - len(b)
    np.testing.assert_allclose(np.sum((y - model) ** 2), certificate["rss"], rtol=1e-9)
    assert table.start == certificate["start1"] and certificate["start2"] != certificate["start1"]
    assert set(certificate["std_err"]) == set(table.start)


def test_the_list_of_examples() -> None:
    assert set(examples.names()) == {*LOSSES, "@chwirut1", "@misra1a"}
    assert all(text and "\n" not in text for text in examples.names().values())
    assert "unknown certified example '@sine'" in message(lambda: examples.certified("@sine"))
    first, second = read_table("@point"), read_table("@point")
    changed = copy.copy(first)
    changed.start["m"] = 0.0  # type: ignore[index]
    assert second.start["m"] == 5648727 / 16777216 and second.start["c"] == 8644253 / 67108864


@pytest.mark.parametrize("name", examples.names())
def test_the_start_of_an_example_is_for_its_formula(name: str) -> None:
    table = read_table(name)
    formula = parse_formula(table.formula, table.names)
    assert set(table.start) == set(formula.parameters) and set(formula.columns) == set(table.names)
    assert table.loss in LOSS_TABLE


def test_samples() -> None:
    grid = np.linspace(-np.pi, np.pi, 4000)
    table = sample("sin(x)", x=(-np.pi, np.pi, 4000), noise=0, seed=0)
    assert table.names == ("x", "y") and table.source == "sample 'sin(x)'"
    x, y = table.columns(["x", "y"]).arrays
    assert np.array_equal(x, grid) and np.array_equal(y, np.sin(grid))
    noisy = sample("sin(x)", x=grid, noise=0.25, seed=3).columns(["y"]).arrays[0]
    assert np.array_equal(noisy, np.sin(grid) + 0.25 * np.random.default_rng(3).standard_normal(4000))
    two = sample("a - b", a=[1, 2], b=(0, 1, 2)).columns(["y", "a", "b"])
    assert [array.tolist() for array in two.arrays] == [[1, 1], [1, 2], [0, 1]]
    assert sample("2", x=(0, 1, 3)).columns(["y"]).arrays[0].tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("expression", "options", "error", "words"),
    [
        ("sin(x", {"x": (0, 1, 3)}, FormulaError, ""),
        ("x + z", {"x": (0, 1, 3)}, OptionError, "unknown variable 'z'"),
        ("x", {}, OptionError, "unknown variable 'x'"),
        ("2", {}, OptionError, "no variable is given"),
        ("y", {"y": (0, 1, 3)}, OptionError, "y is the name of the result"),
        ("x", {"x": (0, 1)}, OptionError, "x=(0, 1) is no grid"),
        ("x", {"x": (0, 1, 0)}, OptionError, "whole number above 0"),
        ("x", {"x": (0, 1, 2.5)}, OptionError, "is no grid"),
        ("x", {"x": (0, np.inf, 3)}, OptionError, "is no grid"),
        ("x", {"x": 3}, DataError, "is a single number"),
        ("x", {"x": (0, 1, 3), "noise": -1}, OptionError, "standard deviation"),
        ("x", {"x": (0, 1, 3), "noise": np.nan}, OptionError, "standard deviation"),
        ("x + z", {"x": (0, 1, 3), "z": [1]}, DataError, "x has 3 rows, z has 1 row"),
        ("log(x)", {"x": (0, 1, 3)}, DataError, "column 'y': 1 infinite of 3 values, the first at row index 0"),
    ],
)
def test_samples_that_are_refused(expression: str, options: dict[str, Any], error: type[Exception], words: str) -> None:
    assert words in message(lambda: sample(expression, **options), error)


def test_columns_are_frozen() -> None:
    columns = read_table("@point").columns(["x"])
    with pytest.raises(AttributeError):
        columns.names = ("y",)  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        columns.arrays[0][0] = 1.0
    assert isinstance(columns, Columns) and json.dumps(columns.fingerprint) == f'"{columns.fingerprint}"'
