"""Logistic regression on many features: ours, and scikit-learn's LogisticRegression(solver="lbfgs"), with the same penalty.

    python benchmarks/features.py [--rows 100000] [--features 1000] [--repeat 3] [--write benchmarks/results.md]

Each contestant gets the same array and gives back its parameters; time is all that it takes, reading and checking the array
included. How far the loss is above the lowest that any of them found is computed with one function, written here. scikit-learn
stops where the largest slope is below `tol`; it is run with several, 1e-4 being its default. Runs are interleaved, figures are of
one run on one machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

import steepest as st

Array = np.ndarray[Any, Any]
C = 1.0  # scikit-learn's default: its loss is Σℓ + |w|²/(2C)
TOLERANCES = (1e-4, 1e-6, 1e-8, 1e-10)


def data(rows: int, features: int, correlation: float) -> tuple[Array, Array]:
    """Normal features, each correlated so much with the one before it, and labels drawn from the model."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, features))
    for k in range(1, features if correlation else 0):
        X[:, k] = correlation * X[:, k - 1] + np.sqrt(1 - correlation**2) * X[:, k]
    line = X @ rng.normal(size=features)
    line *= 2 / np.std(line)
    return X, (line + 0.3 + rng.logistic(size=rows) > 0).astype(float)


def ours(X: Array, y: Array) -> tuple[Array, str]:
    fit = st.fit("y ~ dot(w, X) + b", {"X": X, "y": y}, "logistic", penalty=f"l2(w, {1 / (2 * C * len(y))!r})")
    return fit.theta, f"{fit.outcome}, {fit.evaluations} passes"


def theirs(tol: float) -> Callable[[Array, Array], tuple[Array, str]]:
    def run(X: Array, y: Array) -> tuple[Array, str]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the line search stops at rounding
            model = LogisticRegression(C=C, tol=tol, max_iter=10_000).fit(X, y)
        return np.append(model.coef_[0], model.intercept_), f"{model.n_iter_[0]} steps"

    return run


def loss(X: Array, y: Array, theta: Array) -> float:
    line = X @ theta[:-1] + theta[-1]
    return float(np.mean(np.logaddexp(0, line) - y * line) + theta[:-1] @ theta[:-1] / (2 * C * len(y)))


def table(rows: int, features: int, correlation: float, repeat: int) -> str:
    X, y = data(rows, features, correlation)
    runs: dict[str, Callable[[Array, Array], tuple[Array, str]]] = {"steepest, fit": ours}
    runs |= {f"scikit-learn, tol={tol:g}": theirs(tol) for tol in TOLERANCES}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    ends: dict[str, tuple[float, str]] = {}
    for _ in range(repeat):
        for name, run in runs.items():
            began = time.perf_counter()
            theta, said = run(X, y)
            seconds[name].append(time.perf_counter() - began)
            ends[name] = loss(X, y, theta), said
    lowest = min(end[0] for end in ends.values())
    own = statistics.median(seconds["steepest, fit"])
    lines = ["| | median | min – max | ratio to ours | loss above the lowest, relative | |", "|---|---:|---:|---:|---:|---|"]
    for name, times in seconds.items():
        end, said = ends[name]
        middle = statistics.median(times)
        spread = f"{middle:.2f} s | {min(times):.2f} – {max(times):.2f}"
        lines.append(f"| {name} | {spread} | {middle / own:.2f} | {(end - lowest) / lowest:.1e} | {said} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=1_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    ours(*data(2_000, 100, 0.0))  # imports, and compilation
    theirs(1e-4)(*data(2_000, 100, 0.0))
    size = f"{asked.rows:,} rows × {asked.features:,} features"
    text = ["# Many features", ""]
    text += [f"Logistic regression, {size}, l2 of C = {C:g}; {platform.system()}, {os.cpu_count()} cores."]
    for name, correlation in (("independent features", 0.0), ("features correlated by 0.9 with the next", 0.9)):
        text += ["", f"## {name}", "", table(asked.rows, asked.features, correlation, asked.repeat)]
    result = "\n".join(text) + "\n"
    print(result)
    if asked.write:
        with asked.write.open("a", encoding="utf-8") as file:
            file.write("\n" + result)


if __name__ == "__main__":
    main()
