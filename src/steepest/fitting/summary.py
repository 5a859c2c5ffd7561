"""A fit as a plain text table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steepest.fitting.result import Fit


def summary(fit: Fit) -> str:
    """R's columns: estimate, standard error, their ratio, and the chance of a larger ratio if the parameter were 0."""
    letter = "z" if math.isnan(fit.s) else "t"
    header = ["", "Estimate", "Std. Error", f"{letter} value", f"Pr(>|{letter}|)"]
    fixed = fit.problem["fixed"]
    lines = [header, *(parameter_line(fit, name, name in fixed) for name in fit.parameters)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(header))]
    table = [
        "  ".join([line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]) for line in lines
    ]
    spread = [] if math.isnan(fit.s) else [f"Residual standard error: {fit.s:.4g} on {fit.dof} degrees of freedom"]
    head = f"{fit.problem['formula']}   ({fit.problem['loss']}, {fit.rows:,} rows)"
    return "\n".join([head, "", *table, "", *spread, f"Loss: {fit.loss:.7g}", f"{fit.outcome}: {fit.reason}"])


def parameter_line(fit: Fit, name: str, fixed: bool) -> list[str]:
    value, error = fit.parameters[name], fit.std_errors[name]
    if fixed:
        return [name, f"{value:.7g}", "fixed", "", ""]
    if not error > 0:
        return [name, f"{value:.7g}", "unknown" if math.isnan(error) else f"{error:.4g}", "", ""]
    ratio = value / error
    return [
        name,
        f"{value:.7g}",
        f"{error:.4g}",
        f"{ratio:.3f}" if abs(ratio) < 1e6 else f"{ratio:.3e}",
        f"{chance(ratio, fit):.2g}",
    ]


def chance(ratio: float, fit: Fit) -> float:
    """Two-sided, by Student's t for quadratic losses and by the normal distribution for others."""
    if math.isnan(fit.s):
        return math.erfc(abs(ratio) / math.sqrt(2))
    from scipy.special import stdtr

    return float(2 * stdtr(fit.dof, -abs(ratio)))
