"""Fit: what a fit found, how well it is known, and how it ended."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from steepest.data.read import read_table
from steepest.descent.objective import Array, Objective
from steepest.errors import OptionError, unknown
from steepest.fitting.predict import predict
from steepest.io import Target, write_text


@dataclass(frozen=True, eq=False)
class Fit:
    """The result of `Problem.fit`.

    `parameters` and `std_errors` are by name; `covariance` is (p, p) in the same order. For quadratic losses it is
    s²(JᵀJ)⁻¹, with n - k degrees of freedom for k free parameters. For logistic, cross-entropy and poisson it is the
    inverse Hessian of the summed loss, a negative log-likelihood. For other smooth losses it is the sandwich
    H⁻¹(Σgᵢgᵢᵀ)H⁻¹·n/(n - k), gᵢ the gradient of row i (Huber 1967). It is 0 for a fixed parameter, and nan where it is
    not known: with no degree of freedom left, for parameters that the data do not determine, and away from a minimum.

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
        """The value of one parameter."""
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
        spread = f" with residual standard error {self.s:.4g} on {self.dof} degrees of freedom" if self.s == self.s else ""
        return f"{self.problem['formula']}, fitted to {count} by {self.method}{spread}; {self.outcome}: {self.reason}."

    def predict(self, new: Any = None) -> Array:
        """The model's values yhat, (rows,), on the fitted data, or on `new` data with the model's predictors.

        For `logistic` these are log-odds, for `poisson` logs of the mean: what the formula says.
        """
        data = self.objective.columns if new is None else read_table(new)
        return predict(self.objective.derivation, self.theta, data)

    def summary(self) -> str:
        """A table of the parameters, as R's `summary` of a fit has it, and the sentence."""
        from steepest.fitting.summary import summary

        return summary(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values for JSON; what is not a finite number is None."""
        numbers = {name: getattr(self, name) for name in ("loss", "rss", "dof", "s", "rows", "evaluations", "seconds")}
        return {
            "parameters": {name: _plain(value) for name, value in self.parameters.items()},
            "std_errors": {name: _plain(value) for name, value in self.std_errors.items()},
            "covariance": [[_plain(value) for value in row] for row in self.covariance.tolist()],
            **{name: _plain(value) for name, value in numbers.items()},
            "outcome": self.outcome,
            "reason": self.reason,
            "sentence": self.sentence,
            "method": self.method,
            "recipe": self.recipe,
        }

    def save(self, path: Target) -> None:
        """Writes the fit to a JSON file, every number with all its digits."""
        write_text(path, json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")

    def plot(self, *args: Any, **options: Any) -> Any:
        """Draws the data and the fitted curve; see `steepest.show.plots.plot_fit`."""
        from steepest.show.plots import plot_fit

        return plot_fit(self, *args, **options)

    def _repr_html_(self) -> str:
        from steepest.show.tables import fit_html

        return fit_html(self)


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
