"""Fits that other libraries can do as well: a formula, and the same model as a Python function of columns and parameters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import steepest as st

Array = np.ndarray[Any, Any]
NIST = {row["name"]: row for row in json.loads(Path(__file__).with_name("nist.json").read_text(encoding="utf-8"))}


class Peer(NamedTuple):
    """`model(columns, *parameters)`, with the parameters in the order of `start`, which is that of the formula.

    `columns` are the predictors, one a row; `y` is the response as the model has it; `weights` one number a row, or None.
    """

    formula: str
    model: Callable[..., Array]
    data: dict[str, Array]
    start: dict[str, float]
    predictors: tuple[str, ...]
    y: Array
    weights: Array | None

    @property
    def columns(self) -> Array:
        return np.array([self.data[name] for name in self.predictors])

    @property
    def root(self) -> Array:
        """√w, one a row."""
        return np.ones(len(self.y)) if self.weights is None else np.sqrt(self.weights)

    def problem(self, **options: Any) -> st.Problem:
        """Ours."""
        return st.Problem(self.formula, self.data, "sse", self.start, weights=self.weights, **options)

    def slopes(self, theta: Any) -> Array:
        """The Jacobian of the model by complex steps, (rows, p): exact but for rounding (Squire and Trapp 1998)."""
        steps = np.eye(len(theta)) * 1e-40j
        return np.array([self.model(self.columns, *(np.asarray(theta) + step)).imag / 1e-40 for step in steps]).T


def certified(name: str, model: Callable[..., Array], log: bool = False) -> Peer:
    row = NIST[name]
    data = {column: np.array(values, dtype=float) for column, values in row["data"].items()}
    start = dict(zip(row["parameters"], row["start2"], strict=True))
    predictors = tuple(column for column in data if column != "y")
    return Peer(row["formula"], model, data, start, predictors, np.log(data["y"]) if log else data["y"], None)


def made(
    formula: str, model: Callable[..., Array], right: dict[str, float], *columns: Array, noise: float, weighted: bool = False
) -> Peer:
    """Data from the model at `right`, with noise; with weights, its variance is 1/w of that. The start is 20 % off."""
    rng = np.random.default_rng(len(formula))
    weights = rng.uniform(0.2, 5, len(columns[0])) if weighted else None
    scale = noise if weights is None else noise / np.sqrt(weights)
    y = model(np.array(columns), *right.values()) + scale * rng.normal(size=len(columns[0]))
    names = ("x",) if len(columns) == 1 else tuple(f"x{k + 1}" for k in range(len(columns)))
    start = {name: 1.2 * value for name, value in right.items()}
    return Peer(formula, model, {**dict(zip(names, columns, strict=True)), "y": y}, start, names, y, weights)


X = np.linspace(0.1, 6, 50)
Z = np.random.default_rng(7).normal(size=(3, 60))

PEERS = {
    "line": made("y ~ a + b*x", lambda c, a, b: a + b * c[0], {"a": 1, "b": -2}, X, noise=0.3),
    "weighted line": made("y ~ a + b*x", lambda c, a, b: a + b * c[0], {"a": 1, "b": -2}, X, noise=0.3, weighted=True),
    "three predictors": made(
        "y ~ a + b*x1 + c*x2 + d*x1*x3", lambda c, *p: p[0] + p[1] * c[0] + p[2] * c[1] + p[3] * c[0] * c[2],
        {"a": 2, "b": 1, "c": -3, "d": 0.5}, *Z, noise=0.5,
    ),
    "weighted parabola": made(
        "y ~ a + b*x + c*x**2", lambda c, *p: p[0] + p[1] * c[0] + p[2] * c[0] ** 2, {"a": 2, "b": 1, "c": -3}, X, noise=1.0,
        weighted=True,
    ),
    "decay": made(
        "y ~ a*exp(-b*x) + c", lambda c, *p: p[0] * np.exp(-p[1] * c[0]) + p[2], {"a": 3, "b": 0.8, "c": 1}, X, noise=0.05
    ),
    "weighted decay": made(
        "y ~ a*exp(-b*x) + c", lambda c, *p: p[0] * np.exp(-p[1] * c[0]) + p[2], {"a": 3, "b": 0.8, "c": 1}, X, noise=0.05,
        weighted=True,
    ),
    "peak": made(
        "y ~ h*exp(-((x - m)/s)**2/2) + c", lambda c, *p: p[0] * np.exp(-(((c[0] - p[1]) / p[2]) ** 2) / 2) + p[3],
        {"h": 5, "m": 3, "s": 0.7, "c": 0.5}, X, noise=0.1,
    ),
    "wave": made(
        "y ~ a*sin(w*x + p) + c", lambda c, *p: p[0] * np.sin(p[1] * c[0] + p[2]) + p[3],
        {"a": 2, "w": 1.9, "p": 0.5, "c": 1}, X, noise=0.1,
    ),
    "growth": made(
        "y ~ k/(1 + exp(-r*(x - t)))", lambda c, *p: p[0] / (1 + np.exp(-p[1] * (c[0] - p[2]))), {"k": 10, "r": 1.5, "t": 2.5}, X,
        noise=0.2,
    ),
    "weighted enzyme": made(
        "y ~ v*x/(k + x)", lambda c, v, k: v * c[0] / (k + c[0]), {"v": 4, "k": 0.9}, X, noise=0.1, weighted=True
    ),
    "Misra1a": certified("Misra1a", lambda c, a, b: a * (1 - np.exp(-b * c[0]))),
    "Chwirut2": certified("Chwirut2", lambda c, *p: np.exp(-p[0] * c[0]) / (p[1] + p[2] * c[0])),
    "DanWood": certified("DanWood", lambda c, a, b: a * c[0] ** b),
    "Kirby2": certified("Kirby2", lambda c, *p: (p[0] + p[1] * c[0] + p[2] * c[0] ** 2) / (1 + p[3] * c[0] + p[4] * c[0] ** 2)),
    "Roszman1": certified("Roszman1", lambda c, *p: p[0] - p[1] * c[0] - np.arctan(p[2] / (c[0] - p[3])) / np.pi),
    "Nelson": certified("Nelson", lambda c, *p: p[0] - p[1] * c[0] * np.exp(-p[2] * c[1]), log=True),
}  # fmt: skip
