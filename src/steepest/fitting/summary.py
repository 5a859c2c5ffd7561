"""A fit as a table: R's columns for a fit by nls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from steepest.fitting.by_set import set_rows
from steepest.language.names import printable

if TYPE_CHECKING:
    from steepest.fitting.result import Fit


MOST = 100  # parameters that a table shows


def summary(fit: Fit) -> str:
    """The formula, the table of parameters, how good the fit is and how it ended."""
    head = f"{printable(fit.problem['formula'], 2_000)}   ({fit.problem['loss']}, {fit.rows:,} rows)"
    sets = [columns(set_rows(fit.sets)), ""] if fit.sets else []
    return "\n".join([head, "", columns(summary_rows(fit)), "", *sets, *quality(fit), f"{fit.outcome}: {fit.reason}"])


def summary_rows(fit: Fit) -> list[tuple[str, ...]]:
    """R's columns: estimate, standard error, their ratio, and the chance of a larger ratio if the parameter were 0."""
    letter = "t" if fit.is_quadratic and not fit.known_errors else "z"
    header = ("", "Estimate", "Std. Error", f"{letter} value", f"Pr(>|{letter}|)")
    shown = list(fit.parameters)
    if len(shown) > MOST:
        shown = [*shown[: MOST // 2], *shown[-MOST // 2 :]]
    lines = [parameter_line(fit, name) for name in shown]
    if len(shown) < len(fit.parameters):
        lines.insert(MOST // 2, (f"… {len(fit.parameters) - MOST:,} more", "", "", "", ""))
    return [header, *lines, *tie_lines(fit)]


def quality(fit: Fit) -> list[str]:
    """The residual standard error, R² and the information criteria, where the loss gives them a meaning."""
    spread = [] if math.isnan(fit.s) else [f"Residual standard error: {fit.s:.4g} on {fit.dof} degrees of freedom"]
    spread = [chi_line(fit)] if fit.known_errors and fit.dof > 0 else spread
    shown = {"Loss": fit.loss, "R-squared": fit.r_squared, "AIC": fit.aic, "BIC": fit.bic}
    return [*spread, ", ".join(f"{name}: {value:.7g}" for name, value in shown.items() if name == "Loss" or math.isfinite(value))]


def chi_line(fit: Fit) -> str:
    """χ², and the chance that right errors and a right model give a larger one."""
    from scipy.special import chdtrc

    likely = float(chdtrc(fit.dof, fit.chi_squared))
    return f"Chi-squared: {fit.chi_squared:.5g} on {fit.dof} degrees of freedom, Pr(>chi²): {likely:.2g}"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Cells under their headers, names to the left and numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.rjust(w) if k else cell.ljust(w) for k, (cell, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def tie_lines(fit: Fit) -> list[tuple[str, ...]]:
    """Of the parameters that are tied to others."""
    found = ((f"{name} = {text}", fit.quantity(text)) for name, text in fit.ties.items())
    return [line(fit, printable(shown, 40), *estimate) for shown, estimate in found]


def parameter_line(fit: Fit, name: str) -> tuple[str, ...]:
    value, shown = fit.parameters[name], printable(name, 40)
    if held := fit.held(name):
        return shown, f"{value:.7g}", held, "", ""
    return line(fit, shown, value, fit.std_errors[name])


def line(fit: Fit, shown: str, value: float, error: float) -> tuple[str, ...]:
    if not error > 0:
        return shown, f"{value:.7g}", "unknown" if math.isnan(error) else f"{error:.4g}", "", ""
    ratio = value / error
    likely = chance(ratio, fit)
    return (
        shown,
        f"{value:.7g}",
        f"{error:.4g}",
        f"{ratio:.3f}" if abs(ratio) < 1e6 else f"{ratio:.3e}",
        "<2e-16" if likely < 2e-16 else f"{likely:.2g}",
    )


def chance(ratio: float, fit: Fit) -> float:
    """Two-sided, by Student's t for quadratic losses, by the normal distribution for others and for errors that are known."""
    if not fit.is_quadratic or fit.known_errors:
        return math.erfc(abs(ratio) / math.sqrt(2))
    from scipy.special import stdtr

    return float(2 * stdtr(fit.dof, -abs(ratio)))
