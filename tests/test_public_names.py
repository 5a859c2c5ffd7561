"""What `import steepest` offers is exactly this list."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

import steepest

PUBLIC = {
    "DataError",
    "EngineError",
    "Fit",
    "FormulaError",
    "OptionError",
    "Problem",
    "SteepestError",
    "SteepestWarning",
    "Trace",
    "__version__",
    "check_gradient",
    "check_trajectory",
    "define",
    "fit",
    "load",
    "models",
    "random",
    "rerun",
    "sample",
}


def test_the_list_is_what_is_there() -> None:
    present = {name for name in dir(steepest) if not name.startswith("_") and name != "annotations"}
    present -= {name for name in present if isinstance(getattr(steepest, name), ModuleType)}
    assert set(steepest.__all__) == PUBLIC == present | {"__version__", "models"}
    assert len(steepest.__all__) == len(PUBLIC)


@pytest.mark.parametrize("name", sorted(PUBLIC - {"__version__"}))
def test_every_public_name_says_what_it_is(name: str) -> None:
    assert (getattr(steepest, name).__doc__ or "").strip()


def test_the_changelog_is_about_this_version() -> None:
    changelog = Path(__file__).parent.parent / "CHANGELOG.md"
    newest = re.search(r"^## \[(.+?)\]", changelog.read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == steepest.__version__
