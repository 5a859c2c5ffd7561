"""The methods and schedules of the house as a list: equations, limits, usual rates, sources."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

from steepest.methods.code.table import CODE
from steepest.methods.equations import Method
from steepest.methods.limit import largest_rate
from steepest.methods.schedules import SCHEDULES
from steepest.methods.table import EQUATIONS

WIDTH = 80
CURVED = 1e6  # a curvature beside which a method's own decay of theta is nothing
HEAD = (
    "A method is its equations: theta the parameters, g the gradient, eta the learning rate, t the step from 1. λ is the largest "
    "curvature, the largest eigenvalue of the Hessian; a limit while a state is held is that of steps with this value of it."
)
CODE_HEAD = "Methods that look at more than one gradient a step, and find the length of their steps:"
SCHEDULES_HEAD = "Schedules multiply the learning rate at step t of T (--schedule), or an expression of your own:"
FOREIGN = (
    "Others run through their libraries: torch:Adam and every class of torch.optim, optax:adam and its like, scipy:trf, lm, dogbox "
    "and every method of scipy.optimize.minimize."
)


def methods_dict() -> dict[str, Any]:
    """Everything as plain values: `methods` and `schedules`, by name. `limit` is a multiple of 1/λ, None where there is none."""
    return {
        "methods": {name: _equations(method) for name, method in EQUATIONS.items()}
        | {
            name: {"kind": "code", "equations": method.text, "constants": dict(method.defaults), "lr": method.lr,
                   "source": method.source}
            for name, method in CODE.items()
        },
        "schedules": {
            name: {"factor": row.text, "constants": dict(row.defaults), "source": row.source} for name, row in SCHEDULES.items()
        },
    }  # fmt: skip


def limit(method: Method) -> float | None:
    """The largest stable rate on a quadratic, times λ.

    >>> round(limit(EQUATIONS["momentum"]), 6)
    3.8
    """
    rate = largest_rate(method, np.array([[CURVED]]))
    return None if rate is None else rate * CURVED


def methods_text() -> str:
    """The list for a terminal."""
    found = methods_dict()
    methods, schedules = found["methods"], found["schedules"]
    parts = [_filled(HEAD, "")]
    parts += [_entry(name, row) for name, row in methods.items() if row["kind"] == "equations"]
    parts += [_filled(CODE_HEAD, "")]
    parts += [_entry(name, row) for name, row in methods.items() if row["kind"] == "code"]
    parts += [_filled(SCHEDULES_HEAD, "")]
    parts += [
        "\n".join([name, _filled(row["factor"]), *_constants(row), _filled(row["source"])]) for name, row in schedules.items()
    ]
    return "\n\n".join([*parts, _filled(FOREIGN, "")])


def _equations(method: Method) -> dict[str, Any]:
    return {
        "kind": "equations",
        "equations": method.text,
        "latex": method.latex(),
        "state": method.state,
        "constants": dict(method.defaults),
        "limit": limit(method),
        "held": dict(method.freeze),
        "usual_rate": method.usual,
        "source": method.source,
    }


def _entry(name: str, row: dict[str, Any]) -> str:
    if row["kind"] == "code":
        return "\n".join([name, _filled(row["equations"]), *_constants(row), _filled(f"lr: {row['lr']}"), _filled(row["source"])])
    equations = (_filled(line.strip()) for line in row["equations"].split(";"))
    return "\n".join([name, *equations, *_constants(row), _filled(f"{_stable(row)}; {_auto(row)}"), _filled(row["source"])])


def _constants(row: dict[str, Any]) -> list[str]:
    """Constants, and the states that do not start at 0."""
    shown = [f"{name} = {value if isinstance(value, str) else f'{value:g}'}" for name, value in row["constants"].items()]
    starts = [start.strip() for start in row.get("state", "").split(";") if start.strip()]
    shown += [f"{start} at first" for start in starts if not start.endswith("= 0")]
    return [_filled(", ".join(shown))] if shown else []


def _stable(row: dict[str, Any]) -> str:
    if row["limit"] is None:
        return "no limit: its steps do not shrink with the gradient"
    held = ", ".join(f"{name} = {value:g}" for name, value in row["held"].items())
    return f"stable below {row['limit']:.4g}/λ{f' while {held}' if held else ''}"


def _auto(row: dict[str, Any]) -> str:
    usual = row["usual_rate"]
    return f"usual rate {usual:g}" if usual is not None else f"--lr auto takes {row['limit'] / 2:.4g}/λ"


def _filled(text: str, indent: str = "    ") -> str:
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent and f"{indent}  ", break_on_hyphens=False)
