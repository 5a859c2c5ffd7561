"""The ready models as a list: formula, parameters, how the start is found, source."""

from __future__ import annotations

import textwrap
from typing import Any

from steepest.ready.kinds import KINDS
from steepest.ready.model import Model, Part

WIDTH = 80
DEGREE = 2  # of the polynomial that is shown
HEAD = (
    "Formulas with a start that is found in the data, for Python: st.fit(st.models.gaussian('y', 'x'), data). Models of the same "
    "columns add: st.models.gaussian('y', 'x') + st.models.line('y', 'x'). In a sum each part is chosen on what the others leave."
)


def models_dict() -> dict[str, Any]:
    """Everything as plain values, by name."""
    made = {name: Model("y", "x", [Part(name, "", DEGREE if name == "polynomial" else 0)]) for name in KINDS}
    return {
        name: {"formula": str(made[name]), "parameters": list(made[name].parameters), "start": row.how, "source": row.source}
        for name, row in KINDS.items()
    }


def models_text() -> str:
    """The list for a terminal.

    >>> print(models_text().split("\\n\\n")[1])
    line
        y ~ intercept + slope*x
        parameters: intercept, slope
        start: least squares
        Legendre 1805
    """
    return "\n\n".join([textwrap.fill(HEAD, WIDTH), *(_entry(name, row) for name, row in models_dict().items())])


def _entry(name: str, row: dict[str, Any]) -> str:
    lines = (row["formula"], f"parameters: {', '.join(row['parameters'])}", f"start: {row['start']}", row["source"])
    return "\n".join([f"{name} (of any degree)" if name == "polynomial" else name, *(_filled(line) for line in lines)])


def _filled(line: str) -> str:
    return textwrap.fill(line, WIDTH, initial_indent="    ", subsequent_indent="      ", break_on_hyphens=False)
