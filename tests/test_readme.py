"""What the README and the pages for newcomers show is what the commands print; their Python is run as doctests."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("coming_from_*.md"))}
FEATURES = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
TEXT = "\n".join([README, FEATURES, *PAGES.values()])
BLOCKS = [block.strip().partition("\n")[::2] for block in re.findall(r"```console\n\$ (.*?)```", TEXT, re.DOTALL)]
FILES = dict(re.findall(r"```python\n(?=# (\w+\.py)\n)(.*?)```", README, re.DOTALL))  # a block that begins with a file's name
LEFT_OUT = re.compile(r"^…$", re.MULTILINE)
VARYING = re.compile(r"^\S+ m?s, .* steps/s$|(?<=error )[\d.e-]+", re.MULTILINE)  # seconds, and the last bits of a rounding error


@pytest.mark.parametrize(("command", "shown"), BLOCKS, ids=[command for command, _ in BLOCKS])
def test_a_command_prints_what_the_readme_shows(command: str, shown: str, tmp_path: Path) -> None:
    printed, _, command = command.rpartition(" | ")
    words = [a or b for a, b in re.findall(r'"([^"]*)"|(\S+)', command)]
    assert words[0] == "steepest" and printed[:8] in ("", 'printf "')
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "steepest", *words[1:]],
        input=printed[8:-1].replace("\\n", "\n"),
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    output, *parts = (" ".join(VARYING.sub("", text).split()) for text in (done.stdout + done.stderr, *LEFT_OUT.split(shown)))
    assert re.fullmatch(".*".join(map(re.escape, parts)), output), output


@pytest.mark.parametrize("name", FILES)
def test_the_file_that_the_demo_examines_is_the_one_shown(name: str) -> None:
    assert (Path(__file__).parent.parent / "docs" / name).read_text(encoding="utf-8") == FILES[name]


@pytest.mark.parametrize("page", ["lmfit", "r", "scipy", "sklearn"])
def test_a_page_for_newcomers_is_linked_and_has_lines_that_are_run(page: str) -> None:
    text = PAGES[f"coming_from_{page}.md"]
    assert f"(docs/coming_from_{page}.md)" in README
    assert text.count("\n>>> ") >= 5
