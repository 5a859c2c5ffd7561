"""Bugs that people made are named: 22 of public threads, and every gradient or loop bug of five notebooks."""

from __future__ import annotations

import re

import pytest

import bugs
import steepest as st

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("name", [*bugs.THREADS, *bugs.NOTEBOOKS])
def test_the_gradient_doctor_names_it(name: str) -> None:
    bug = {**bugs.THREADS, **bugs.NOTEBOOKS}[name]
    if any(word in str(bug.make.__code__.co_names) for word in ("function", "torch_line", "keeps_its_leaf")) or name == "B43":
        pytest.importorskip("torch")
    report = st.check_gradient(bug.make(), bug.problem())
    assert report.cause == bug.cause, report.text()
    assert bug.says in report.sentence


@pytest.mark.parametrize("name", bugs.LOOPS)
def test_the_loop_doctor_names_it(name: str) -> None:
    bug = bugs.LOOPS[name]
    if name == "B34":
        pytest.importorskip("torch")
    report = st.check_trajectory(bug.run(), bug.problem(), bug.lr)
    assert report.cause == bug.cause, report.text()


def test_every_bug_of_the_notebooks_has_its_place() -> None:
    run = {name[:3] for name in (*bugs.NOTEBOOKS, *bugs.LOOPS)}
    assert run | set(bugs.ELSEWHERE) == {f"B{k:02}" for k in range(1, 49)}
    assert not run & set(bugs.ELSEWHERE)


def test_there_are_enough_public_ones() -> None:
    assert len({found for name in bugs.THREADS for found in re.findall(r"\S+#\d+", name)}) >= 15
