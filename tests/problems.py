"""The problems that tests share: a formula, a point, and data with a response that suits the loss."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Case(NamedTuple):
    """`response` says what y is, and so which losses make sense."""

    formula: str
    theta: tuple[float, ...]
    response: str = "real"


LOSSES = {
    "real": ("mse", "half-mse", "sse", "mae", "huber", "huber(0.3)", "log-cosh", "soft-l1", "cauchy", "abs(yhat - y)**1.5"),
    "binary": ("logistic", "mse"),
    "probability": ("cross-entropy", "mse"),
    "count": ("poisson", "mae"),
}

CASES = (
    Case("y ~ a + b*x", (0.3, -1.2)),
    Case("y ~ poly(x, 7, w)", (0.5, 0.7, 0.6, 0.5, 0.4, 0.6, 0.4, 0.9)),
    Case("y ~ a + b*P3(c + d*x)", (0.0, -1.0, 0.1, 0.3)),
    Case("y ~ (a + b*x + c*x**2)/(1 + d*x**2)", (1.0, 0.4, -0.3, 0.7)),
    Case("y ~ a*b*c*x/(a + b)/(c + z)**3", (1.1, 2.3, 0.4)),
    Case("y ~ a*exp(-b*z) + c", (2.0, 0.8, 0.1)),
    Case("y ~ a*exp(-((x - m)/s)**2/2)", (1.5, 0.2, 0.7)),
    Case("y ~ a/(1 + exp(-(x - m)/s))", (2.0, -0.3, 0.4)),
    Case("y ~ a*sin(w*x + p) + c*cos(w*x)", (1.2, 2.5, 0.4, -0.6)),
    Case("y ~ a*tan(b*x/3)", (0.9, 1.4)),
    Case("y ~ a*z**b", (1.3, -0.6)),
    Case("y ~ 2**(a*x) + 10**(b*x) + c*z**2.5 + z**(1/3)", (0.5, 0.2, 0.1)),
    Case("y ~ a*log(b + z**2) + c*log1p(d*z)", (0.8, 0.5, -0.4, 2.0)),
    Case("y ~ a*log2(z) + b*log10(c*z)", (0.3, 0.9, 1.7)),
    Case("y ~ a*sqrt(b + x**2) - a*x", (1.4, 1e-6)),
    Case("y ~ a*cbrt(z) + expm1(b*x)", (1.1, 0.3)),
    Case("y ~ a*tanh(b*x) + c*atan(d*x)", (0.9, 1.6, -0.5, 2.0)),
    Case("y ~ a*sinh(b*x) + c*cosh(d*x)", (0.6, 0.8, 0.4, -0.7)),
    Case("y ~ a*asin(b*x/3) + c*acos(x/3)", (0.9, 1.2, 0.3)),
    Case("y ~ a*sigmoid(b*x) + c*softplus(d*x)", (1.8, -2.0, 0.5, 3.0)),
    Case("y ~ a*erf(b*x) + c*sinc(d*x)", (1.1, 0.9, 0.7, 1.3)),
    Case("y ~ a*T5(b*x/3) + c*P16(x/2)", (0.5, 1.2, 0.3)),
    Case("y ~ a*P40(b*x/2) + c*T25(x/3)", (0.5, 0.9, 0.3)),
    Case("y ~ a*relu(x - b) + c*min(x, d)", (1.5, 0.25, 0.7, -0.4)),
    Case("y ~ a*max(b*x, c - x) + clip(d*x, -1, 1)", (0.8, 1.1, 0.35, 0.9)),
    Case("y ~ a*abs(x - b) + c*sign(x)", (1.2, 0.15, 0.5)),
    Case("y ~ where(x < c, a*x, a*c + b*(x - c))", (1.3, -0.4, 0.33)),
    Case("y ~ where(a*x > 0, sqrt(a*x), 0) + b", (1.7, 0.2)),
    Case("log(z) ~ a + b*x", (0.3, -0.2)),
    Case("y ~ a + b*x + c*x*z", (0.2, 1.4, -0.5), "binary"),
    Case("y ~ sigmoid(a + b*x)", (0.1, 1.2), "probability"),
    Case("y ~ a + b*x/z", (0.5, 0.01), "probability"),
    Case("y ~ a + b*x", (0.4, 0.6), "count"),
)


def columns(case: Case, rows: int = 60) -> dict[str, Array]:
    """x in (-2, 2), z in (0.1, 3), and y."""
    rng = np.random.default_rng(7)
    responses = {
        "real": rng.normal(0, 1.5, rows),
        "binary": rng.integers(0, 2, rows).astype(float),
        "probability": rng.uniform(0, 1, rows).round(),
        "count": rng.poisson(2, rows).astype(float),
    }
    return {"x": rng.uniform(-2, 2, rows), "z": rng.uniform(0.1, 3, rows), "y": responses[case.response]}


def weights(rows: int) -> Array:
    """Positive, not all alike, and some of them zero."""
    values = np.random.default_rng(11).uniform(0, 2, rows)
    values[::7] = 0
    values[0] = 1
    return values
