"""Marking: whatever a file does, it gets a row with a plain cause, and the others go on. The budget of a visit. The causes."""

from __future__ import annotations

import ast
import csv
import json
import re
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest as st
from loop_kinds import KINDS
from steepest.check import report, user
from steepest.check.gradient.doctor import check_gradient
from steepest.check.marking import Mark, write_marks
from steepest.check.program.instrument import instrument
from steepest.cli.main import main

PROBLEM = ["y ~ a + b*x", "@noisy-line", "--start", "a=0.3,b=-1.2"]
RIGHT = """import numpy as np
def gradient(theta, columns):
    a, b = theta
    x, y = columns["x"], columns["y"]
    e = a + b*x - y
    return np.array([2*e.mean(), 2*(e*x).mean()])
"""
WRONG = RIGHT.replace("2*(e*x)", "3*(e*x)")
LIE = '{"correct": true, "cause": null, "line": null, "sentence": "Correct."}'
FORGED = f"""import os
print({LIE!r})
for descriptor in range(1, 64):
    try:
        os.write(descriptor, {LIE.encode()!r})
    except OSError:
        pass
{WRONG}"""

# name → its text, and the cause, the line and a part of the sentence that its row must have
FILES: dict[str, tuple[str, str, str, str]] = {
    "=1+1.py": (RIGHT, "", "", "Correct"),
    "wrong.py": (WRONG, "coordinate", "6", "line 6: the number 3 should be 2"),
    "forged.py": (FORGED, "coordinate", str(FORGED.splitlines().index("import numpy as np") + 6), "the number 3 should be 2"),
    "hog.py": ("import numpy as np\ndef gradient(t, c):\n    return np.ones(10**9)", "form", "3", "MemoryError"),
    "exits.py": ("import sys\nsys.exit(0)", "load", "2", "raised SystemExit"),
    "ends.py": (f"{RIGHT}import os\nos._exit(0)", "exit", "", "with exit code 0"),
    "breaks.py": (f"import os\nos.kill(os.getpid(), 9)\n{RIGHT}", "exit", "", "SIGKILL"),
    "syntax.py": ("def gradient(t, c:\n    return t", "load", "1", "SyntaxError"),
    "missing.py": ("def slope(t, c):\n    return t", "load", "", "Known: slope"),
    "deleted.py": (f"{RIGHT}import os\nos.unlink(__file__)", "", "", "Correct"),
    "lasting.py": (f"{RIGHT}import threading, time\nthreading.Thread(target=time.sleep, args=[99]).start()", "", "", "Correct"),
}  # fmt: skip

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory, and signals, are those of Linux")


@pytest.fixture(scope="module")
def homework(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("homework")
    for name, (text, *_) in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "loop.py").write_text("while True:\n    pass\n", encoding="utf-8")
    (folder / "named.py").write_text(RIGHT.replace("gradient", "slope"), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def rows(homework: Path) -> Iterator[dict[str, dict[str, str]]]:
    """What marks.csv says of each file, all marked by one command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(homework)
        assert main(["doctor", *PROBLEM, *FILES, "--csv", "marks.csv", "--memory", "512", "--quiet"]) == 4
    with open(homework / "marks.csv", encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    yield dict(zip(FILES, table, strict=True))


@pytest.mark.parametrize("name", FILES)
def test_every_file_has_a_row_with_a_plain_cause(name: str, rows: Mapping[str, Mapping[str, str]]) -> None:
    _, cause, line, said = FILES[name]
    row = rows[name]
    assert row["file"].removeprefix("'") == name
    assert (row["correct"], row["cause"], row["line"]) == ("no" if cause else "yes", cause, line)
    assert said in row["sentence"] and "Traceback" not in row["sentence"]
    assert float(row["seconds"]) > 0


def test_no_row_is_a_formula_of_a_spreadsheet(rows: Mapping[str, Mapping[str, str]]) -> None:
    assert rows["=1+1.py"]["file"] == "'=1+1.py"
    assert not [cell for row in rows.values() for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


def test_nothing_is_left_beside_the_files(homework: Path, rows: Mapping[str, Mapping[str, str]]) -> None:
    assert {path.name for path in homework.iterdir()} == {*FILES, "loop.py", "named.py", "marks.csv"} - {"deleted.py"}


def test_an_endless_file_is_stopped_and_the_next_is_marked(
    homework: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(homework)
    assert main(["doctor", *PROBLEM, "loop.py", "named.py:slope", "--seconds", "4", "--json"]) == 4
    endless, named = json.loads(capsys.readouterr().out)
    assert (endless["cause"], endless["sentence"]) == ("time", "No verdict within 4 seconds: it was stopped.")
    assert named["correct"] and named["cause"] is None


def test_the_table_and_the_exit_code(homework: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--csv marks one file, too; without it, a single file is examined as ever."""
    place = f"{homework / 'named.py'}:slope"
    target = homework / "one.csv"
    assert main(["doctor", *PROBLEM, place, "--csv", str(target)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"named\.py:slope +correct\n", out) and "1 of 1 correct" in out and f"wrote {target}" in out
    target.unlink()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a.py", "--seconds", "3"], "belong to marking"),
        (["a.py", "*.py"], "there is no file *.py"),
        (["a.py", "a.py", "--seconds", "0"], "--seconds is 0"),
        (["a.py", "a.py", "--memory", "10"], "at least 256 MB"),
        (["a.py", "--csv", "marks.txt"], "must end in .csv"),
        (["--trajectory", "run.csv", "--csv", "marks.csv"], "belong to marking"),
    ],
)
def test_wrong_words_are_refused_before_anything_runs(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").write_text("open('ran', 'w')", encoding="utf-8")
    assert main(["doctor", *PROBLEM, *words]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "ran").exists()


def test_the_data_are_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, mine = tmp_path / "data.csv", tmp_path / "a.py"
    data.write_text("x,y\n1,2\n3,4\n5,7\n", encoding="utf-8")
    mine.write_text(RIGHT, encoding="utf-8")
    assert main(["doctor", "y ~ a + b*x", str(data), str(mine), "--csv", str(data)]) == 2
    assert "--csv is the data" in capsys.readouterr().err


def test_too_little_time_to_begin_is_no_fault_of_the_file(homework: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", *PROBLEM, str(homework / "loop.py"), "--csv", str(homework / "x.csv"), "--seconds", "0.01"]) == 1
    assert "the doctor cannot begin within 0.01 seconds" in capsys.readouterr().err
    assert not (homework / "x.csv").exists()


def test_the_help_says_that_it_is_no_sandbox(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "RUNS THE CODE OF THE FILES" in out and "no sandbox" in out


@pytest.mark.parametrize("start", ["=", "+", "-", "@", " =", "\t=", "＝"])
@pytest.mark.parametrize("field", ["file", "sentence"])
def test_hostile_text_is_no_formula(start: str, field: str, tmp_path: Path) -> None:
    mark = Mark("a.py", False, "form", None, "", 1.0)._replace(**{field: f'{start}cmd|"/c calc";=1,\n=2\x1b\udcff'})
    write_marks(tmp_path / "marks.csv", [mark])
    with open(tmp_path / "marks.csv", encoding="utf-8", newline="") as file:
        header, row = csv.reader(file)
    assert header == ["file", "correct", "cause", "line", "sentence", "seconds"]
    cell = row[header.index(field)]
    assert cell[0] in "'?" and cell.isprintable()


# --- the budget of a visit ---------------------------------------------------------------------------------------------

LINE = st.Problem("y ~ a + b*x", "@noisy-line", start={"a": 0.3, "b": -1.2})


def right(theta: Any, columns: Any) -> Any:
    e = theta[0] + theta[1] * columns["x"] - columns["y"]
    return np.array([2 * e.mean(), 2 * (e * columns["x"]).mean()])


def test_a_slow_gradient_is_not_examined_for_ever() -> None:
    def slow(theta: Any, columns: Any) -> Any:
        time.sleep(0.02)
        return right(theta, columns)

    found = check_gradient(slow, LINE, budget=0.1)
    said = re.fullmatch(
        r"Your gradient is too slow to examine: (\d) calls took (.*) seconds, and 0\.1 are allowed\.", found.sentence
    )
    assert said and (found.correct, found.cause) == (False, "form")
    assert 1 <= int(said[1]) <= 6 and float(said[2]) > 0.1


def test_the_runs_of_a_repair_count() -> None:
    patient = user.UserGradient(right, LINE.parameters, LINE.columns.names, budget=0)
    program = instrument(patient)
    assert program is not None
    rows = dict(zip(LINE.columns.names, LINE.columns.arrays, strict=True))
    assert program.run(np.ones(2), rows) is not None
    assert patient.calls == 1 and patient.spent > 0
    with pytest.raises(user.TooSlow):
        program.run(np.ones(2), rows)


def slow_to_repair(theta: Any, columns: Any) -> Any:
    if "__steepest_hook__" in globals():
        time.sleep(0.7)
    return 2 * right(theta, columns)


def test_a_proved_cause_stays_when_its_line_takes_too_long() -> None:
    found = check_gradient(slow_to_repair, LINE, budget=0.6)
    assert found.cause == "factor" and found.proof is not None and found.line is None


# --- the causes --------------------------------------------------------------------------------------------------------

CHECK = Path(report.__file__).parent
PLACE = {"Report": 1, "Diagnosis": 0, "Guess": 0, "with_rate": 1, "_verdict": 0}  # of the cause among the arguments


def causes_in(tree: ast.AST) -> Iterator[str]:
    """Every literal that becomes a cause; what is no literal must be passed on from one."""
    for node in ast.walk(tree):
        given: list[ast.expr | None] = []
        if isinstance(node, ast.Call):
            place = PLACE.get(getattr(node.func, "id", ""), len(node.args))
            given = [*node.args[place : place + 1], *(word.value for word in node.keywords if word.arg == "cause")]
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "cause":
            given = [node.value]
        elif isinstance(node, ast.FunctionDef) and node.name in ("slug", "_without_verdict"):
            given = [inner.value for inner in ast.walk(node) if isinstance(inner, ast.Return)]
        for value in given:
            yield from literals(value)


def literals(value: ast.expr | None) -> Iterator[str]:
    if isinstance(value, ast.IfExp):
        yield from (*literals(value.body), *literals(value.orelse))
    elif isinstance(value, ast.Tuple):
        yield from literals(value.elts[0])
    elif isinstance(value, ast.Constant):
        yield from [value.value] if value.value is not None else []
    else:
        passed = value.value if isinstance(value, ast.Starred) else value
        last = ast.unparse(passed or ast.Constant(0)).split("(")[0].split(".")[-1]
        assert last in ("cause", "slug", "_without_verdict"), f"is {last} a cause? It should be written where it arises"


def test_every_cause_that_a_doctor_can_give_is_listed() -> None:
    found = {cause for path in CHECK.rglob("*.py") for cause in causes_in(ast.parse(path.read_text(encoding="utf-8")))}
    assert found == set(report.CAUSES)


def test_the_loop_doctor_has_its_causes() -> None:
    assert {kind.cause for kind in KINDS.values()} | {"unknown"} == set(report.LOOP_CAUSES)
