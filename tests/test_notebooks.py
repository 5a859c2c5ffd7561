"""Every notebook is its script, runs from top to bottom, and prints what it shows; and the script runs without PyTorch and JAX."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from notebooks import FOLDER, cells, run
from steepest.engines.table import ENGINES, why_not

SCRIPTS = sorted(FOLDER.glob("*_*.py"))
LEFT_OUT = {  # what says so where neither PyTorch nor JAX is installed
    "000_three_steps_in_fractions": 3,
    "001_one_sine_six_ways": 5,
    "002_full_mini_single": 0,
    "003_the_ladder": 5,
    "004_fill_the_blanks": 1,
    "a_fit_to_trust": 0,
    "first_minute": 0,
}
ALONE = """
import runpy, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "jax"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
runpy.run_path(sys.argv[1], run_name="__main__")
"""
each_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)


def read(script: Path) -> Any:
    nbformat = pytest.importorskip("nbformat", reason="notebooks are read where the extra 'notebook' is installed")
    return nbformat.read(script.with_suffix(".ipynb"), as_version=4)


def printed(notebook: Any) -> list[str]:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return ["".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stdout") for cell in code]


def test_all_are_here() -> None:
    assert [path.stem for path in SCRIPTS] == [*LEFT_OUT]
    assert {path.with_suffix(".ipynb") for path in SCRIPTS} == set(FOLDER.glob("*.ipynb"))


def test_cells_of_a_script() -> None:
    script = '"""Its own."""\n\n# %% [markdown]\n# # Title\n#\n# Text.\n\n# %%\nx = 1  # %% no\n\n\n# %%\nx\n'
    assert cells(script) == [("markdown", "# Title\n\nText."), ("code", "x = 1  # %% no"), ("code", "x")]


@each_script
def test_a_notebook_has_the_cells_of_its_script_and_shows_no_warning(script: Path) -> None:
    shown = read(script)
    assert [(cell.cell_type, cell.source) for cell in shown.cells] == cells(script.read_text(encoding="utf-8")), (
        "run scripts/notebooks"
    )
    outputs = [o for cell in shown.cells if cell.cell_type == "code" for o in cell.outputs]
    assert {o.get("name") for o in outputs if o.output_type == "stream"} <= {"stdout"}
    assert any("image/png" in o.get("data", {}) for o in outputs)
    assert "left out: " not in "".join(printed(shown))


@pytest.mark.filterwarnings("default")  # those of the notebook's own process are not ours
@each_script
def test_a_notebook_runs_and_prints_what_it_shows(script: Path) -> None:
    pytest.importorskip("nbclient", reason="notebooks run where the extra 'notebook' is installed")
    shown, again = read(script), read(script)
    run(again)
    missing = [name for name in ENGINES if why_not(name)]
    if not missing or script.stem == "first_minute":
        assert printed(again) == printed(shown)


@each_script
def test_a_script_runs_without_pytorch_and_jax_and_says_so(script: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(script)],
        env={**os.environ, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("left out: ") == LEFT_OUT[script.stem]
