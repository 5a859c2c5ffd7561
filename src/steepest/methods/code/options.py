"""From the words of a user to a method written as code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steepest.errors import OptionError
from steepest.methods.code.method import CodeMethod
from steepest.methods.code.table import CODE
from steepest.methods.schedules import SCHEDULES, Schedule


def read_code(
    method: str,
    schedule: str = "constant",
    hyper: Mapping[str, Any] | None = None,
    weight_decay: float = 0.0,
    clip_value: float | None = None,
    clip_norm: float | None = None,
) -> tuple[CodeMethod, Schedule]:
    """The method with its constants; the options that change a gradient or a rate belong to methods written as equations."""
    given = {"schedule": schedule != "constant", "weight_decay": bool(weight_decay)}
    given |= {"clip_value": clip_value is not None, "clip_norm": clip_norm is not None}
    for option, is_given in given.items():
        if is_given:
            raise OptionError(
                f"method '{method}' chooses its own steps: leave {option}= out, or take a method written as equations"
            )
    return CODE[method].with_constants(hyper or {}), SCHEDULES["constant"]
