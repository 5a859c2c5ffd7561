"""What holds for every test: the same window, no chance, and no string that reaches SymPy's evaluator."""

from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import pytest

os.environ["MPLBACKEND"] = "Agg"
os.environ["COLUMNS"] = "120"  # the width that tables are laid out for
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the tests already run one process per core

hypothesis.settings.register_profile("steepest", derandomize=True, deadline=None, database=None, max_examples=50)
hypothesis.settings.load_profile("steepest")


@pytest.fixture(autouse=True, scope="session")
def no_string_reaches_sympy() -> Iterator[None]:
    """`sympify`, `S` and every constructor that is given a string end in `parse_expr`, which is `eval`."""
    from sympy.parsing import sympy_parser

    def refuse(text: str, *args: object, **options: object) -> None:
        raise AssertionError(f"a string reached SymPy: {text!r}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sympy_parser, "parse_expr", refuse)
        yield
