"""Backtracking: the first trial that is low enough, each half as long as the one before (Armijo 1966)."""

from __future__ import annotations

from steepest.methods.code.line import Line
from steepest.methods.code.method import Trial


def backtracking(line: Line, length: float) -> Trial | None:
    """The accepted trial, or None where the trials have come back to the start."""
    while line.slope < 0 and line.moves(length):
        trial = line.at(length)
        if line.lower(trial):
            return trial
        length /= 2
    return None
