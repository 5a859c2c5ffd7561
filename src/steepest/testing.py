"""For anybody's tests: a gradient that is wrong fails them, with the doctor's report.

from steepest.testing import assert_gradient


def test_my_function():
    assert_gradient(MyFunction, reference=forward, inputs=(x, w))
"""

from __future__ import annotations

from typing import Any

from steepest.problem import Problem
from steepest.workbench import check_gradient


def assert_gradient(user: Any, problem: Problem | None = None, *, reference: Any = None, inputs: Any = None) -> None:
    """Raises AssertionError, its text the report, unless the gradient is right. The arguments are those of `st.check_gradient`.

    >>> problem = Problem("y ~ w*x", "@triples")
    >>> assert_gradient(lambda theta, columns: sum(2*(theta*columns["x"] - columns["y"])*columns["x"], 0*theta), problem)
    Traceback (most recent call last):
    AssertionError: Your gradient is 7, 11 and 13 times the right one on 7, 11 and 13 rows: the 1/n of the mean is missing.
    ...
    """
    __tracebackhide__ = True
    report = check_gradient(user, problem, reference=reference, inputs=inputs)
    if not report.correct:
        raise AssertionError(report.text())
