"""What the residuals say of the model: is a pattern left, are the errors normal, does one row carry the fit?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from steepest.descent.objective import Array
from steepest.errors import OptionError, unknown
from steepest.fitting.bands import variances
from steepest.fitting.statistics import weights_of
from steepest.fitting.summary import columns

if TYPE_CHECKING:
    from steepest.fitting.result import Fit

DOUBT = 0.05  # a chance below it is called a doubt
MOST_SHAPIRO = 5_000  # rows up to which its chance is right


class Test(NamedTuple):
    """A statistic, the chance of one as extreme if the model were right (nan where there is none), and what it says."""

    name: str
    value: float
    chance: float
    sentence: str


@dataclass(frozen=True)
class ResidualTests:
    """The tests by name: runs, durbin-watson, shapiro (jarque-bera for many rows), leverage, cook."""

    tests: tuple[Test, ...]

    def __getitem__(self, name: str) -> Test:
        for test in self.tests:
            if test.name == name:
                return test
        raise OptionError(unknown("test", str(name), [test.name for test in self.tests]))

    def rows(self) -> list[tuple[str, ...]]:
        """A header, and a row a test."""
        lines = [(test.name, f"{test.value:.4g}", "" if math.isnan(test.chance) else f"{test.chance:.2g}") for test in self.tests]
        return [("test", "value", "chance"), *lines]

    def text(self) -> str:
        """A table, and what each test says."""
        return "\n".join([columns(self.rows()), "", *(test.sentence for test in self.tests)])

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        from steepest.show.tables import table_html

        return table_html(self.rows(), [test.sentence for test in self.tests])

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {test.name: {"value": test.value, "chance": test.chance, "sentence": test.sentence} for test in self.tests}


def residual_tests(fit: Fit) -> ResidualTests:
    """Of a least-squares fit, on √w·(y - yhat), rows of weight 0 left out. Raises OptionError for other losses."""
    if not fit.is_quadratic:
        raise OptionError(f"tests of residuals need a quadratic loss, and this is {fit.problem['loss']}")
    weights = weights_of(fit.objective)
    counted = np.flatnonzero(weights > 0)
    residuals = (np.sqrt(weights) * fit.residuals)[counted]
    ordered, along = in_order(fit, residuals, counted)
    return ResidualTests(
        (runs(ordered, along), durbin_watson(ordered, along), normality(residuals), *influence(fit, residuals, counted))
    )


def in_order(fit: Fit, residuals: Array, counted: Array) -> tuple[Array, str]:
    """The residuals in the order of the one predictor, or else of the rows."""
    program = fit.objective.derivation.formula.program
    model = program.pruned({"yhat": program.outputs["yhat"]})
    places = [node.value for node in model.nodes if node.op == "column"]
    if len(places) != 1 or fit.objective.columns.arrays[places[0]].ndim > 1:
        return residuals, "from row to row"
    return residuals[np.argsort(fit.objective.columns.arrays[places[0]][counted], kind="stable")], "along the predictor"


def runs(residuals: Array, along: str) -> Test:
    """Wald and Wolfowitz 1940: runs of one sign, by their normal approximation; 0 counts as positive."""
    signs = residuals >= 0
    above, below = int(np.sum(signs)), int(np.sum(~signs))
    count = 1 + int(np.sum(signs[1:] != signs[:-1]))
    if not (above and below):
        return Test("runs", float(count), math.nan, "runs: all residuals have one sign.")
    n = above + below
    mean = 2 * above * below / n + 1
    variance = (mean - 1) * (mean - 2) / (n - 1)
    chance = math.erfc(abs(count - mean) / math.sqrt(2 * variance)) if variance > 0 else math.nan
    said = f"runs: the sign of the residuals changes {count - 1} times {along}, where {mean - 1:.4g} would be chance: "
    doubt = "a pattern is left, the model misses something." if count < mean else "more often than chance: neighbours are opposed."
    return Test("runs", float(count), chance, said + (doubt if chance < DOUBT else "no pattern."))


def durbin_watson(residuals: Array, along: str) -> Test:
    """Durbin and Watson 1950: Σ(eᵢ - eᵢ₋₁)²/Σeᵢ², near 2 for independent errors; 1 - half of it has the variance 1/n."""
    squares = float(residuals @ residuals)
    if not squares > 0:
        return Test("durbin-watson", math.nan, math.nan, "durbin-watson: no residual is left.")
    value = float(np.sum(np.diff(residuals) ** 2)) / squares
    alike = 1 - value / 2
    chance = math.erfc(abs(alike) * math.sqrt(len(residuals) / 2))
    said = "errors are not independent, and standard errors are wrong." if chance < DOUBT else "no more than chance."
    return Test("durbin-watson", value, chance, f"durbin-watson: neighbours {along} have the correlation {alike:.2f}: {said}")


def normality(residuals: Array) -> Test:
    """Shapiro and Wilk 1965; beyond 5,000 rows Jarque and Bera 1980."""
    n = len(residuals)
    centred = residuals - residuals.mean()
    spread = float(np.mean(centred**2))
    if n < 3 or not spread > 0:
        return Test("shapiro", math.nan, math.nan, "shapiro: too few residuals that differ.")
    if n <= MOST_SHAPIRO:
        from scipy.stats import shapiro

        name, (value, chance) = "shapiro", (float(number) for number in shapiro(residuals))
    else:
        skewness, kurtosis = np.mean(centred**3) / spread**1.5, np.mean(centred**4) / spread**2
        value = float(n / 6 * (skewness**2 + (kurtosis - 3) ** 2 / 4))
        name, chance = "jarque-bera", math.exp(-value / 2)
    said = "are not normal: look for outliers, or take a robust loss." if chance < DOUBT else "may well be normal."
    return Test(name, value, chance, f"{name}: the residuals {said}")


def influence(fit: Fit, residuals: Array, counted: Array) -> tuple[Test, Test]:
    """The row of the largest leverage, hᵢ = wᵢJᵢ(JᵀWJ)⁻¹Jᵢᵀ, and that of the largest distance of Cook 1977."""
    size = len(fit.objective.free)
    with np.errstate(all="ignore"):
        leverage = (weights_of(fit.objective) * variances(fit, fit.objective.columns))[counted] / fit.variance
        cook = residuals**2 * leverage / (size * fit.variance * (1 - leverage) ** 2)
    if not (np.isfinite(leverage).all() and len(leverage)):
        return tuple(Test(name, math.nan, math.nan, f"{name}: not known here.") for name in ("leverage", "cook"))  # type: ignore[return-value]
    high, far = int(np.argmax(leverage)), int(np.nanargmax(np.where(np.isnan(cook), -1, cook)))
    limit = 2 * size / len(residuals)
    said = f"above {limit:.2g}, twice the mean" if leverage[high] > limit else "no row stands alone"
    moved = "without it the fit would be another" if cook[far] > 1 else "no row carries the fit"
    return (
        Test("leverage", float(leverage[high]), math.nan, f"leverage: the largest is at row index {counted[high]}: {said}."),
        Test("cook", float(cook[far]), math.nan, f"cook: the largest distance is at row index {counted[far]}: {moved}."),
    )
