"""Makes the notebooks of docs/notebooks, each from the script beside it, and runs them: see scripts/notebooks.

A script has its cells in the percent format: `# %%` begins code, `# %% [markdown]` text. What stands before is the script's own.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "docs" / "notebooks"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def cells(script: str) -> list[tuple[str, str]]:
    """The cells of a script: ("code" or "markdown", text)."""
    _, *marked = re.split(r"^# %%(.*)\n", script, flags=re.MULTILINE)
    found = []
    for mark, text in zip(marked[::2], marked[1::2], strict=True):
        if mark.strip() == "[markdown]":
            found.append(("markdown", re.sub(r"^# ?", "", text.strip(), flags=re.MULTILINE)))
        else:
            found.append(("code", text.strip()))
    return found


def unrun(script: str) -> Any:
    """The notebook of a script, without outputs."""
    from nbformat import v4

    made = {"code": v4.new_code_cell, "markdown": v4.new_markdown_cell}
    parts = [made[kind](text, id=f"cell-{k}") for k, (kind, text) in enumerate(cells(script))]
    return v4.new_notebook(cells=parts, metadata=METADATA)


def run(notebook: Any) -> None:
    """Runs it from top to bottom; its outputs are in it then."""
    from nbclient import NotebookClient

    where = {"metadata": {"path": str(FOLDER)}}
    NotebookClient(notebook, timeout=120, record_timing=False, coalesce_streams=True, resources=where).execute()


def main(names: list[str]) -> None:
    import nbformat

    for path in sorted(FOLDER.glob("*_*.py")):
        if names and path.stem not in names:
            continue
        notebook = unrun(path.read_text(encoding="utf-8"))
        run(notebook)
        notebook.metadata = METADATA  # the kernel has added its versions
        nbformat.write(notebook, path.with_suffix(".ipynb"))
        sys.stdout.write(f"{path.with_suffix('.ipynb').name}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
