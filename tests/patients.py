"""A small panel for the gradient doctor: what each patient suffers from, in numbers of few rows and parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import faults
import steepest as st
import writings
from steepest.check.cases import cases

Array = np.ndarray[Any, Any]
Rows = dict[str, Array]

LINE = faults.problem(faults.Setting("y ~ a + b*x", "mse", {"a": 0.3, "b": -1.2}))
WAVE = faults.problem(faults.Setting("y ~ a*sin(w*x + p) + c*cos(w*x)", "mse", {"a": 1.2, "w": 2.5, "p": 0.4, "c": -0.6}))
MADE = cases(LINE)
GOOD, WAVES, LOSS = faults.right(LINE), faults.right(WAVE), faults.value(LINE)


class Patient(NamedTuple):
    """`make` gives the gradient anew, `cause` what it must be called, `says` a part of the sentence."""

    name: str
    problem: st.Problem
    make: Callable[[], Any]
    cause: str | None
    says: str = ""
    line: int | None = None
    seed: int = 0


NEEDED = {
    "whole data", "weights left out", "(n, 1) against (n,)", "a penalty", "another loss", "minus, and two places swapped",
    "minus, and last batch dropped", "writes into theta", "whole numbers", "remembers its first call", "reads the start for theta",
}  # fmt: skip


def seeded() -> Iterator[Patient]:
    """Two seeded faults of every cause, and the rows that are paired wrongly."""
    settings = [faults.SETTINGS[k] for k in (7, 1, 0, 3, 6)]
    causes = [fault.cause for fault in faults.FAULTS]
    for fault in (f for k, f in enumerate(faults.FAULTS) if causes[:k].count(f.cause) < 2 or f.name in NEEDED):
        setting = next(s for s in settings if faults.faulty(fault, faults.problem(s), 0) is not None)
        problem = faults.problem(setting)
        yield Patient(
            fault.name, problem, lambda fault=fault, problem=problem: partial(faults.faulty(fault, problem, 0)), fault.cause
        )


# --- with source -------------------------------------------------------------------------------------------------------


def wrong_slope(theta: Array, rows: Rows) -> Array:
    a, w, p, c = theta
    x = rows["x"]
    u = w * x + p
    e = 2 * (a * np.sin(u) + c * np.cos(w * x) - rows["y"]) / len(x)
    slope = a * np.sin(u)
    by_w = e * (slope * x - c * np.sin(w * x) * x)
    return np.array([np.sum(e * np.sin(u)), np.sum(by_w), np.sum(e * slope), np.sum(e * np.cos(w * x))])


def one_wrong_term(theta: Array, rows: Rows) -> Array:
    a, w, p, c = theta
    x = rows["x"]
    e = 2 * (a * np.sin(w * x + p) + c * np.cos(w * x) - rows["y"]) / len(x)
    by_w = e * (a * np.cos(w * x + p) * x - c * np.cos(w * x) * x)
    return np.array([np.sum(e * np.sin(w * x + p)), np.sum(by_w), np.sum(e * a * np.cos(w * x + p)), np.sum(e * np.cos(w * x))])


def second_use_only(theta: Array, rows: Rows) -> Array:
    a, w, p, c = theta
    x = rows["x"]
    e = 2 * (a * np.sin(w * x + p) + c * np.cos(w * x) - rows["y"])
    by = [np.sin(w * x + p), (a * np.cos(w * x + p) - c * np.sin(w * x)), a * np.cos(w * x + p), np.cos(w * x)]
    return np.array([np.mean(e * part) for part in by])


def line_of(function: Callable[..., Any], text: str) -> int:
    import inspect

    lines, first = inspect.getsourcelines(function)
    return first + next(k for k, each in enumerate(lines) if text in each)


# --- rounding and kinks ------------------------------------------------------------------------------------------------


def cancelling(first: Callable[[Any], Any]) -> Callable[..., Array]:
    """1 - cos(u) for 2·sin(u/2)**2 loses digits where u is small."""

    def gradient(theta: Array, rows: Rows) -> Array:
        a, b = first(theta)
        x, y = first(rows["x"]), first(rows["y"])
        square = (1 - np.cos(2 * b * x)) / 2
        e = 2 * (a * square - y)
        return np.array([np.mean(e * square), np.mean(e * a * np.sin(2 * b * x) * x)])

    return gradient


def small(size: float) -> st.Problem:
    rng = np.random.default_rng(0)
    return st.Problem(
        "y ~ a*sin(b*x)**2", {"x": rng.uniform(size, 2 * size, 50), "y": rng.normal(size=50)}, start={"a": 1.5, "b": 0.7}
    )


def in_float64(values: Any) -> Array:
    return np.asarray(values, dtype=np.float64)


X = np.arange(1.0, 9.0)
KINKED = st.Problem("y ~ a*x", {"x": X, "y": 2 * X + np.array([0, 1, -1, 0, 2, 1, -2, 1])}, "mae", {"a": 2})


def kinked(slope: Callable[[Array], Array]) -> Callable[..., Array]:
    return lambda theta, rows: np.array([np.mean(slope(theta[0] * rows["x"] - rows["y"]) * rows["x"])])


# --- others ------------------------------------------------------------------------------------------------------------


def where_it_is_found(theta: Array, rows: Rows) -> Array:
    """Twice the right one at the points where that is found, three times at those that are held out."""
    return GOOD(theta, rows) * (2 if any((theta == case.theta).all() for case in (*MADE.many, *MADE.ones)) else 3)


def limited(theta: Array, rows: Rows) -> Array:
    g = GOOD(theta, rows)
    return g * min(1.0, 1.5 / float(np.linalg.norm(g)))


def overflows(theta: Array, rows: Rows) -> Array:
    """At the last of the held-out points alone."""
    return GOOD(theta, rows) * (np.inf if (theta == MADE.held[-1].theta).all() else 1)


def penalised(theta: Array, rows: Rows) -> tuple[float, Array]:
    return LOSS(theta, rows) + float(theta @ theta), GOOD(theta, rows)


def differences(theta: Array, rows: Rows) -> Array:
    """Off by a sixth of the third derivative times the square of the step."""
    loss, h = faults.value(WAVE), 0.003
    return np.array([(loss(theta + step, rows) - loss(theta - step, rows)) / (2 * h) for step in h * np.eye(4)])


def adds_up_noise() -> Any:
    """Each call adds something in a fixed direction to what it gave before, and then noise."""
    rng, total = np.random.default_rng(3), np.zeros(2)
    calls = 0

    def gradient(theta: Array, rows: Rows) -> Array:
        nonlocal total, calls
        calls += 1
        total = total + GOOD(theta, rows) * (1 if calls < 12 else 1 + 0.1 * rng.standard_normal())
        return total

    return partial(gradient)


def _steep() -> Any:
    fault = next(fault for fault in faults.FAULTS if fault.name == "forward differences")
    return partial(faults.faulty(fault, faults.problem(faults.SETTINGS[3], 5), 5))


def _dropout() -> Any:
    fault = next(fault for fault in faults.FAULTS if fault.name == "dropout")
    return partial(faults.faulty(fault, faults.problem(faults.SETTINGS[1], 2), 2))


def blind(gradient: Callable[..., Any]) -> Callable[[], Any]:
    """Without source, as compiled code would be."""
    return lambda: partial(gradient)


PANEL: tuple[Patient, ...] = (
    *seeded(),
    Patient("right", LINE, blind(GOOD), None, "Correct"),
    Patient("right in float32", LINE, blind(writings.in_single(GOOD)), None, "Correct"),
    Patient("right, and a loss with a constant more", LINE, blind(lambda t, r: (LOSS(t, r) + sum(r["y"]), GOOD(t, r))), None),
    Patient("right, with cancellation", small(1e-4), lambda: cancelling(np.asarray), None, "shrinks"),
    Patient("right, with cancellation in float64", small(1e-2), lambda: cancelling(in_float64), None, "another sign"),
    Patient("half the digits left in float64", small(1e-4), lambda: cancelling(in_float64), "precision", "small difference"),
    Patient("no digit left", small(1e-7), lambda: cancelling(np.asarray), "precision", "cancel"),
    Patient("a billionth too much", LINE, blind(lambda t, r: GOOD(t, r) * (1 + 1e-9)), "precision", "digits only"),
    Patient("a millionth too much in one", LINE, blind(lambda t, r: GOOD(t, r) * [1, 1 + 1e-6]), "coordinate"),
    Patient("differences of a steep loss", faults.problem(faults.SETTINGS[3], 5), _steep, "precision", seed=5),
    Patient("0.37 times", LINE, blind(lambda t, r: 0.37 * GOOD(t, r)), "factor", "is 0.37 times"),
    Patient("clipped", LINE, blind(limited), "factor", "clipped"),
    Patient("clipped in each", LINE, blind(lambda t, r: np.clip(GOOD(t, r), -1, 1)), "factor", "±1"),
    Patient("signs", LINE, blind(lambda t, r: np.sign(GOOD(t, r))), "factor", "the right signs"),
    Patient("by logarithms", LINE, blind(lambda t, r: GOOD(t, r) * t), "factor", "its own parameter"),
    Patient("a valid subgradient", KINKED, lambda: kinked(np.sign), None, "kink"),
    Patient("no subgradient", KINKED, lambda: kinked(lambda e: np.where(e == 0, 5.0, np.sign(e))), "non-smooth", "between"),
    Patient("0/0 at a kink", KINKED, lambda: kinked(lambda e: e / np.abs(e)), "non-smooth"),
    Patient("overflows late", LINE, blind(overflows), "form", "not finite"),
    Patient("another loss, right", LINE, blind(penalised), "loss-differs", "no simple multiple"),
    Patient("the loss of another", LINE, blind(lambda t, r: (np.mean(abs(t[0] + t[1] * r["x"] - r["y"])), GOOD(t, r))),
            "loss-differs", "it is mae"),
    Patient("a factor is missing", WAVE, blind(lambda t, r: WAVES(t, r) / [1, 1, t[0], 1]), "coordinate", "without its factor a"),
    Patient("x is missing", WAVE, lambda: second_use_only, "coordinate", "without its factor x"),
    Patient("a wrong line", WAVE, lambda: wrong_slope, "node", "cos", line_of(wrong_slope, "slope = ")),
    Patient("a wrong line in one coordinate", WAVE, lambda: one_wrong_term, "coordinate", "", line_of(one_wrong_term, "by_w = ")),
    Patient("held-out points refuse", LINE, blind(where_it_is_found), "unknown"),
    Patient("something else", LINE, blind(lambda t, r: np.sin(7 * GOOD(t, r)) + t[::-1] ** 3), "unknown", "not found."),
    Patient("something else besides", LINE, blind(lambda t, r: 2 * GOOD(t, r) + 1e-3 * len(r["y"])), "unknown"),
    Patient("another's, by name", LINE, blind(lambda t, r: GOOD(t, r)[[0, 0]]), "coordinate", "by b is that by a"),
    Patient("the loss doubled, by name", LINE, blind(lambda t, r: (2 * LOSS(t, r), GOOD(t, r))), "loss-differs", "2 times the mse"),
    Patient("differences of a wide step", WAVE, blind(differences), "precision", "digits only"),
    Patient("adds up, and is random", LINE, adds_up_noise, "random"),
    Patient("another point", LINE, blind(lambda t, r: GOOD(np.array([0.1, 0.2]), r)), "node", "a + b*x is wrong"),
    Patient("chance three times alike", faults.problem(faults.SETTINGS[1], 2), _dropout, "random", seed=2),
)  # fmt: skip
