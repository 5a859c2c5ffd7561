"""Every notebook runs from top to bottom, and prints what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient", reason="notebooks run where the extra 'notebook' is installed")
nbformat = pytest.importorskip("nbformat", reason="notebooks run where the extra 'notebook' is installed")

NOTEBOOKS = sorted((Path(__file__).parent.parent / "docs" / "notebooks").glob("*.ipynb"))


def printed(notebook: object) -> list[str]:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]  # type: ignore[attr-defined]
    return ["".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stdout") for cell in cells]


@pytest.mark.filterwarnings("default")  # those of the notebook's own process are not ours
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_prints_what_it_shows(path: Path) -> None:
    shown = nbformat.read(path, as_version=4)
    run = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(run, timeout=120, resources={"metadata": {"path": str(path.parent)}}).execute()
    assert printed(run) == printed(shown)
