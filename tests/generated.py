"""Formulas, losses, points and data that Hypothesis draws from the grammar of the language."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import hypothesis.strategies as st
import numpy as np
from hypothesis import reject

from problems import Array, weights
from steepest.calculus.derivation import Derivation
from steepest.errors import FormulaError, SteepestWarning
from steepest.language.formula import parse_formula
from steepest.language.losses import LOSSES, parse_loss
from steepest.problem import Problem

UNARY = (
    "-({})", "exp({})", "log({})", "sqrt({})", "sin({})", "cos({})", "tanh({})", "atan({})", "abs({})", "erf({})",
    "cbrt({})", "log1p({})", "expm1({})", "sigmoid({})", "softplus({})", "relu({})", "sinc({})", "logcosh({})",
    "sign({})", "tan({})", "asin({})", "cosh({})", "({})**2", "({})**3", "({})**-1", "({})**0.5", "({})**(1/3)",
    "P2({})", "P7({})", "T4({})", "P20({})", "T31({})",
)  # fmt: skip
BINARY = (
    "({} + {})", "({} - {})", "({})*({})", "({})/({})", "({})**({})", "min({}, {})", "max({}, {})", "clip({}, {}, 2)",
    "where({} < {}, a*x, 1/3)", "where({0} >= {1}, {1}, {0})",
)  # fmt: skip
LEAVES = ("a", "b", "c", "x", "z", "x", "a", "2", "0.5", "0.1", "3", "pi")


class Drawn(NamedTuple):
    formula: str
    loss: str
    theta: tuple[float, ...]
    rows: int
    seed: int
    weighted: bool

    def derivation(self) -> Derivation:
        """The derivative of the drawn formula; a constant that cannot be held makes Hypothesis draw another."""
        try:
            return Derivation(parse_formula(self.formula, ("x", "z", "y")), parse_loss(self.loss))
        except FormulaError:
            reject()

    def columns(self) -> dict[str, Array]:
        """Some values are whole numbers, so that comparisons meet ties."""
        rng = np.random.default_rng(self.seed)
        x = rng.uniform(-3, 3, self.rows)
        x[::5] = np.round(x[::5])
        y = rng.integers(0, 2, self.rows).astype(float) if self.seed % 2 else rng.normal(0, 2, self.rows)
        return {"x": x, "z": rng.uniform(0.1, 3, self.rows), "y": y}

    def problem(self) -> Problem:
        """The same for a user, with responses that the loss allows. The sum of the weights is exact in any order."""
        data = self.columns()
        data["y"] = np.clip(data["y"], *parse_loss(self.loss).responses)
        weight = np.round(weights(self.rows) * 8) / 8 if self.weighted else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SteepestWarning)
            return Problem(self.formula, data, self.loss, list(self.theta[: self.derivation().size]), weights=weight)


def _inside(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    one = st.builds(str.format, st.sampled_from(UNARY), inner)
    return one | st.builds(str.format, st.sampled_from(BINARY), inner, inner)


def problems() -> st.SearchStrategy[Drawn]:
    """A sum of two expressions of up to six leaves each, with a parameter in it, and every loss."""
    expression = st.recursive(st.sampled_from(LEAVES), _inside, max_leaves=6)
    value = st.integers(-2000, 2000).map(lambda thousandths: thousandths / 1000) | st.floats(-2, 2)
    return st.builds(
        Drawn,
        formula=st.builds("y ~ {} + a*({})".format, expression, expression),
        loss=st.sampled_from([*LOSSES, "abs(yhat - y)**1.5"]),
        theta=st.tuples(value, value, value),
        rows=st.sampled_from([1, 3, 40, 1100]),
        seed=st.integers(0, 99),
        weighted=st.booleans(),
    )
