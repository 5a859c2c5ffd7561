"""Fit: what a fit found, how well it is known, and how it ended."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from steepest.data.table import Table
from steepest.descent.given.parameters import Box
from steepest.descent.given.sets import Sets, opened
from steepest.descent.objective import Array, Objective
from steepest.errors import OptionError, unknown
from steepest.fitting import saved
from steepest.fitting.bands import Band, band
from steepest.fitting.by_set import SetLine, by_set
from steepest.fitting.derived import Estimate, quantity
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.intervals import Intervals, intervals
from steepest.fitting.predict import predict
from steepest.fitting.rank import Rank, rank
from steepest.fitting.residual_tests import ResidualTests, residual_tests
from steepest.fitting.statistics import Statistics, correlation, statistics
from steepest.fitting.uncertainty import by_hessian
from steepest.io import Target, write_text


@dataclass(frozen=True, eq=False)
class Fit:
    """The result of `Problem.fit`.

    `parameters` and `std_errors` are by name; `covariance` is (p, p) in the same order. For quadratic losses it is
    s²(JᵀJ)⁻¹, with n - k degrees of freedom for k free parameters, and (JᵀWJ)⁻¹, W = 1/σ², where `sigma` was given. For
    logistic, cross-entropy and poisson it is the inverse Hessian of the summed loss, a negative log-likelihood. For other smooth
    losses it is the sandwich H⁻¹(Σgᵢgᵢᵀ)H⁻¹·n/(n - k), gᵢ the gradient of row i (Huber 1967). It is 0 for a fixed parameter, and
    nan where it is not known: with no degree of freedom left, at a bound, for parameters that the data do not determine, and away
    from a minimum.

    `loss` is as the problem reduces it; `rss` is Σw(yhat - y)² and `s` the residual standard error, both nan for losses
    that are not quadratic. `rows` counts those with a weight above 0. `outcome` is one of converged, stopped, steps,
    nonfinite, and `reason` says it in words. `evaluations` counts passes over the data. `problem` is what the problem is made of;
    the `recipe` has the fingerprint of the data as well.
    """

    parameters: dict[str, float]
    std_errors: dict[str, float]
    covariance: Array = field(repr=False)
    loss: float
    rss: float
    dof: int
    s: float
    rows: int
    outcome: str
    reason: str
    method: str
    evaluations: int
    seconds: float
    problem: Mapping[str, Any] = field(repr=False)
    objective: Objective = field(repr=False)

    def __getitem__(self, parameter: str) -> float:
        """The value of one parameter, or of one that is tied."""
        if parameter in self.ties:
            return self.quantity(self.ties[parameter]).value
        if parameter not in self.parameters:
            raise OptionError(unknown("parameter", str(parameter), self.parameters))
        return self.parameters[parameter]

    def __str__(self) -> str:
        return self.summary()

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """What was fitted, and to which data: enough to do it again."""
        # Made when asked for: to read all data once more for their fingerprint can take as long as the fit.
        return {**self.problem, "fingerprint": self.objective.columns.fingerprint}

    @property
    def residuals(self) -> Array:
        """y - yhat, (rows,)."""
        y, yhat, _ = self.objective.rows("value", self.theta)
        difference: Array = y - yhat
        return difference

    @property
    def theta(self) -> Array:
        """All parameters as a vector, (p,)."""
        return np.array(list(self.parameters.values()))

    @property
    def sentence(self) -> str:
        """What was fitted, and how it ended."""
        count = f"{self.rows:,} row{'' if self.rows == 1 else 's'}"
        name, value = ("χ²", self.chi_squared) if self.known_errors else ("residual standard error", self.s)
        spread = "" if math.isnan(value) else f" with {name} {value:.4g} on {self.dof} degrees of freedom"
        return f"{self.problem['formula']}, fitted to {count} by {self.method}{spread}; {self.outcome}: {self.reason}."

    @property
    def is_quadratic(self) -> bool:
        """Is the loss a sum of squares?"""
        return self.objective.derivation.criterion.quadratic

    @property
    def ties(self) -> dict[str, str]:
        """The tied parameters by name: the expressions that stand for them in the formula."""
        return dict(self.problem.get("ties", {}))

    def quantity(self, expression: str) -> Estimate:
        """An expression in the parameters, as "log(2)/k": its value and its standard error, by the delta method.

        q(θ) ± √(∇q C ∇qᵀ), with the exact gradient and `covariance` C. Raises FormulaError.

        >>> import steepest as st
        >>> fit = st.fit("y ~ a + b*x", {"x": [0, 1, 2, 3], "y": [1, 3, 5, 8]})
        >>> [round(number, 4) for number in fit.quantity("-a/b")]
        [-0.3478, 0.1626]
        """
        return quantity(self, expression)

    @property
    def at_bounds(self) -> dict[str, str]:
        """The parameters that ended at a bound: "min" or "max", by name. They have no standard error."""
        ends = {name: dict(zip(("min", "max"), pair, strict=True)) for name, pair in self.problem.get("bounds", {}).items()}
        return {name: word for name, end in ends.items() for word, value in end.items() if self.parameters[name] == value}

    @property
    def box(self) -> Box | None:
        """The bounds of all parameters, or None."""
        return Box.read(self.problem.get("bounds", {}), list(self.parameters))

    def held(self, name: str) -> str:
        """Why a parameter does not move: "fixed", "at min", "at max"; else empty."""
        if name in self.problem["fixed"]:
            return "fixed"
        return f"at {self.at_bounds[name]}" if name in self.at_bounds else ""

    @property
    def known_errors(self) -> bool:
        """Were the standard errors of the responses given, as `sigma`? Those of the parameters then follow from them alone."""
        return self.problem.get("sigma") is not None

    @property
    def variance(self) -> float:
        """Of the response in a row of weight 1: s², or 1 where `sigma` was given."""
        return 1.0 if self.known_errors else self.s**2

    @property
    def chi_squared(self) -> float:
        """Σ(y - yhat)²/σ² where `sigma` was given, else nan: about `dof`, if model and errors are right."""
        return self.rss if self.known_errors else math.nan

    @cached_property
    def statistics(self) -> Statistics:
        """R² and the log-likelihood: what is read off all rows, once."""
        return statistics(self)

    @property
    def r_squared(self) -> float:
        """1 - Σw(y - yhat)²/Σw(y - ȳ)², ȳ the weighted mean; nan where the loss is not quadratic. As lmfit and statsmodels have it.

        For a model without a constant it can be negative. statsmodels then leaves ȳ out.
        """
        return self.statistics.r_squared

    @property
    def log_likelihood(self) -> float:
        """ln L at its largest, as statsmodels' `llf`: for a quadratic loss of normal errors with the variance σ²/w, σ² = rss/n; for
        logistic, cross-entropy and poisson of the data themselves; nan for other losses.
        """
        return self.statistics.log_likelihood

    @property
    def aic(self) -> float:
        """2k - 2 ln L, for k free parameters that are at no bound; lower is better (Akaike 1974).

        It is statsmodels' for OLS, WLS and GLM. R's counts σ too: 2 more. lmfit's n·ln(rss/n) + 2k leaves out n·(1 + ln 2π).
        """
        return 2 * (len(self.objective.free) - len(self.at_bounds)) - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """k ln n - 2 ln L, for n rows (Schwarz 1978)."""
        return float((len(self.objective.free) - len(self.at_bounds)) * np.log(self.rows) - 2 * self.log_likelihood)

    @property
    def correlation(self) -> Array:
        """Of the estimates, (p, p): C_ij/√(C_ii C_jj); nan for a parameter that is fixed or not known."""
        return correlation(self.covariance)

    @cached_property
    def hessian_errors(self) -> dict[str, float]:
        """Standard errors from the full Hessian H of the sum of squares, √diag(2s²H⁻¹), as symfit and iminuit have them, by name.

        `std_errors` leave out the curvature of the model; where the residuals are large the two differ. For losses that are not
        quadratic they are the same, since `covariance` is made of the full Hessian there.
        """
        if not self.is_quadratic or self.outcome != "converged":
            return dict(self.std_errors)
        loss = FreeLoss(self.objective, self.theta, self.box)
        errors = np.zeros(len(self.theta))
        errors[self.objective.free] = by_hessian(loss, loss.start, math.sqrt(self.variance))
        return dict(zip(self.parameters, errors.tolist(), strict=True))

    @property
    def rank(self) -> int:
        """How many of the free parameters the data tell apart here: the rank of the Jacobian."""
        return self._rank.rank

    @property
    def identifiable(self) -> bool:
        """Do the data tell all free parameters apart?"""
        return self._rank.full

    @property
    def matters(self) -> str:
        """What alone matters where they do not, as "only b*c matters"; else empty."""
        return self._rank.matters

    @cached_property
    def _rank(self) -> Rank:
        return rank(self.objective, self.theta)

    def intervals(self, level: float = 0.95, kind: str = "t") -> Intervals:
        """Confidence intervals by name: `fit.intervals()["b"]` is (low, high).

        `kind`: "t" is estimate ± q·std_error, q from Student's t with `dof` degrees of freedom (for losses that are not quadratic
        from the normal distribution). "profile" holds the parameter and fits all others again, until the F-test (for likelihoods
        χ²) refuses the value: it need not be symmetric, and a side without limit is infinite, which a note says.
        Raises OptionError.

        >>> import steepest as st
        >>> fit = st.fit("y ~ a + b*x", {"x": [0, 1, 2, 3], "y": [1, 3, 5, 8]})
        >>> [round(end, 4) for end in fit.intervals(0.9)["b"]], [round(end, 4) for end in fit.intervals(0.9, "profile")["b"]]
        ([1.7942, 2.8058], [1.7942, 2.8058])
        """
        return intervals(self, level, kind)

    def band(self, new: Any = None, level: float = 0.95, kind: str = "confidence", set: Any = None) -> Band:
        """How far the fitted curve may lie in each row, on the fitted data or on `new` ones: `.lower`, `.yhat`, `.upper`, (rows,).

        yhat ± q·√(J C Jᵀ) by the delta method, with the exact Jacobian J and `covariance` C, row by row; q as for `intervals`.
        `kind`: "confidence" is for the curve, "prediction" for a new observation: s² more under the root, s²/w with weights, σ²
        with `sigma`, on new rows from the column of that name. A parameter at a bound counts as held there. `set`: of which set
        new rows are. Raises OptionError.

        >>> import steepest as st
        >>> fit = st.fit("y ~ a + b*x", {"x": [0, 1, 2, 3], "y": [1, 3, 5, 8]})
        >>> band = fit.band({"x": [1.5]})
        >>> band.lower.round(3).tolist(), band.yhat.round(3).tolist(), band.upper.round(3).tolist()
        ([3.417], [4.25], [5.083])
        """
        return band(self, new, level, kind, set)

    @cached_property
    def tests(self) -> ResidualTests:
        """Of the residuals: runs, Durbin-Watson, Shapiro-Wilk, the largest leverage and Cook's distance, in plain words."""
        return residual_tests(self)

    def predict(self, new: Any = None, set: Any = None) -> Array:
        """The model's values yhat, (rows,), on the fitted data, or on `new` data with the model's predictors.

        `set`: of several sets or groups, the label of the one that all `new` rows are of, where no column says it.

        For `logistic` these are log-odds, for `poisson` logs of the mean: what the formula says.
        """
        data = self.objective.columns if new is None else self.opened(new, set)
        return predict(self.objective.derivation, self.theta, data)

    def opened(self, new: Any, set: Any = None) -> Table:
        """New data as the formula reads them."""
        return opened(new, self.together, set)

    @cached_property
    def together(self) -> Sets | None:
        """How several sets or groups of rows became one; None where there is no more than one."""
        plain = self.problem.get("sets")
        return Sets.of(plain) if plain else None

    @cached_property
    def sets(self) -> tuple[SetLine, ...]:
        """How well each set or group of rows is fitted: `.column`, `.label`, `.rows`, `.rss`, `.rms`; empty for one."""
        return by_set(self)

    def summary(self) -> str:
        """A table of the parameters, as R's `summary` of a fit has it, how good the fit is, and how it ended."""
        from steepest.fitting.summary import summary

        return summary(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values for JSON; what is not a finite number is None."""
        return saved.to_dict(self)

    def save(self, path: Target) -> None:
        """Writes the fit to a JSON file, every number with all its digits; `steepest.load` reads it."""
        write_text(path, json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")

    def plot(self, *args: Any, **options: Any) -> Any:
        """Draws the data and the fitted curve, with a confidence band where `band=0.95`; see `steepest.show.plots.plot_fit`."""
        from steepest.show.plots import plot_fit

        return plot_fit(self, *args, **options)

    def export(self, what: str = "numpy") -> str:
        """The fitted model as a text that needs nothing of steepest: "numpy", "torch", "sympy" or "latex".

        A function of the predictors, a torch module, an expression: `model`; LaTeX has the parameters with their errors.
        """
        from steepest.show.fitted import export

        return export(self, what)

    def _repr_html_(self) -> str:
        from steepest.show.tables import fit_html

        return fit_html(self)
