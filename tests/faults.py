"""Seeded faults: every kind of wrong gradient that the doctor must name, made from a right one, and problems for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from steepest.language.losses import LOSSES
from steepest.problem import Problem

Array = np.ndarray[Any, Any]
Gradient = Callable[[Array, dict[str, Array]], Any]


class Place(NamedTuple):
    """What a fault is made from: `good` is the right gradient of `problem` for any theta and rows."""

    problem: Problem
    good: Gradient
    rng: np.random.Generator

    @property
    def p(self) -> int:
        return len(self.problem.parameters)

    @property
    def mean(self) -> bool:
        return self.problem.derivation.criterion.mean


class Fault(NamedTuple):
    """`make` gives the faulty gradient, or None where this problem cannot have the fault."""

    name: str
    cause: str
    make: Callable[[Place], Any]


def right(problem: Problem, loss: str = "", kernels: Any = None) -> Gradient:
    """The gradient of the problem (or of the same with another loss) on any rows, by NumPy or the kernels of another engine."""
    from steepest.calculus.derivation import Derivation
    from steepest.engines.numpy_engine import NumpyKernels

    criterion = LOSSES[loss] if loss else problem.derivation.criterion
    kernels = kernels or NumpyKernels(Derivation(problem.formula, criterion))

    def good(theta: Array, rows: dict[str, Array]) -> Array:
        columns = [rows[name] for name in problem.columns.names]
        weights = rows["weights"] if problem.weights is not None else None
        total = float(len(columns[0]) if weights is None else weights.sum())
        divisor = (total if criterion.mean else 1.0) / float(criterion.scale)
        return kernels.sums("gradient", theta, columns, weights, total)[1:] / np.asarray(divisor, dtype=np.asarray(theta).dtype)

    return good


def value(problem: Problem) -> Callable[[Array, dict[str, Array]], float]:
    """The loss of the problem on any rows."""
    kernels = problem.objective("numpy").kernels
    criterion = problem.derivation.criterion

    def loss(theta: Array, rows: dict[str, Array]) -> float:
        lines = kernels.rows("value", theta, [rows[name] for name in problem.columns.names])[2]
        weights = rows["weights"] if problem.weights is not None else np.ones(len(lines))
        return float(criterion.scale) * float(weights @ lines) / (float(weights.sum()) if criterion.mean else 1.0)

    return loss


def _times(factor: Callable[[int], float]) -> Callable[[Place], Gradient]:
    return lambda at: lambda theta, rows: at.good(theta, rows) * factor(len(rows["y"]))


def _total(rows: dict[str, Array]) -> float:
    return float(rows["weights"].sum()) if "weights" in rows else float(len(rows["y"]))


def _missing_mean(at: Place) -> Gradient | None:
    return (lambda theta, rows: at.good(theta, rows) * _total(rows)) if at.mean else None


def _fixed_count(at: Place) -> Gradient | None:
    if not at.mean or at.problem.weights is not None:
        return None
    number = len(at.problem.columns.arrays[0])
    return lambda theta, rows: at.good(theta, rows) * len(rows["y"]) / number


def _mean_of_sum(at: Place) -> Gradient | None:
    return None if at.mean else (lambda theta, rows: at.good(theta, rows) / _total(rows))


def _with_mean(number: float) -> Callable[[Place], Any]:
    return lambda at: (lambda theta, rows: at.good(theta, rows) * number * _total(rows)) if at.mean else None


def _odd_factor(at: Place) -> Gradient:
    number = float(at.rng.uniform(0.05, 0.95))
    return lambda theta, rows: number * at.good(theta, rows)


def _accumulated(memory: float, share: float = 1.0) -> Callable[[Place], Gradient]:
    def make(at: Place) -> Gradient:
        total = np.zeros(at.p)

        def gradient(theta: Array, rows: dict[str, Array]) -> Array:
            nonlocal total
            total = memory * total + share * at.good(theta, rows)
            return total

        return gradient

    return make


def _stale(keep: str) -> Callable[[Place], Gradient]:
    def make(at: Place) -> Gradient:
        before: list[tuple[Array, dict[str, Array]]] = []

        def gradient(theta: Array, rows: dict[str, Array]) -> Array:
            old = before[-1] if before else (theta, rows)
            before[:] = [(theta.copy(), {k: v.copy() for k, v in rows.items()})]
            return at.good(old[0] if "theta" in keep else theta, old[1] if "rows" in keep else rows)

        return gradient

    return make


def _memoised(at: Place) -> Gradient:
    first: list[Array] = []

    def gradient(theta: Array, rows: dict[str, Array]) -> Array:
        if not first:
            first.append(at.good(theta, rows))
        return first[0]

    return gradient


def _globals(rows_too: bool) -> Callable[[Place], Gradient]:
    def make(at: Place) -> Gradient:
        start = np.array([float(value) for value in at.problem.start.values()])
        whole = _columns(at.problem)
        return lambda theta, rows: at.good(start, whole if rows_too else rows)

    return make


def _places(count: int) -> Callable[[Place], Any]:
    def make(at: Place) -> Gradient | None:
        if at.p < count:
            return None
        moved = at.rng.permutation(at.p)[:count]
        order = np.arange(at.p)
        order[moved] = np.roll(moved, 1)
        return lambda theta, rows: at.good(theta, rows)[order]

    return make


def _transposed(at: Place) -> Gradient | None:
    if at.p < 6 or at.p % 2:
        return None
    return lambda theta, rows: at.good(theta, rows).reshape(2, -1).T.ravel()


def _coordinate(change: Callable[[Array, int, Array, dict[str, Array]], float]) -> Callable[[Place], Any]:
    def make(at: Place) -> Gradient | None:
        if at.p < 2:
            return None
        k = int(at.rng.integers(at.p))

        def gradient(theta: Array, rows: dict[str, Array]) -> Array:
            g = at.good(theta, rows)
            g[k] = change(g.copy(), k, theta, rows)
            return g

        return gradient

    return make


def _chosen(pick: Callable[[int], Any]) -> Callable[[Place], Gradient]:
    """Some rows alone, but divided by n all the same (their own count, where the loss is a mean of fewer)."""

    def make(at: Place) -> Gradient:
        def gradient(theta: Array, rows: dict[str, Array]) -> Array:
            keep = np.arange(len(rows["y"]))[pick(len(rows["y"]))]
            if not len(keep):
                return np.zeros(at.p)
            part = {name: column[keep] for name, column in rows.items()}
            share = _total(part) / _total(rows) if at.mean else 1.0
            return at.good(theta, part) * share

        return gradient

    return make


def _ordered(order: Callable[[Array], Array]) -> Callable[[Place], Gradient]:
    return lambda at: lambda theta, rows: at.good(theta, {**rows, "y": order(rows["y"])})


def _pairs(at: Place) -> Gradient:
    def gradient(theta: Array, rows: dict[str, Array]) -> Array:
        n = len(rows["y"])
        return at.good(theta, {k: np.tile(v, n) if k == "y" else np.repeat(v, n) for k, v in rows.items()})

    return gradient


def _columns(problem: Problem) -> dict[str, Array]:
    data = dict(zip(problem.columns.names, problem.columns.arrays, strict=True))
    return data if problem.weights is None else {**data, "weights": problem.weights}


def _whole(at: Place) -> Gradient:
    data = _columns(at.problem)
    return lambda theta, rows: at.good(theta, data)


def _unweighted(at: Place) -> Gradient | None:
    if at.problem.weights is None:
        return None
    return lambda theta, rows: at.good(theta, {**rows, "weights": np.ones(len(rows["y"]))})


def _single(at: Place) -> Gradient:
    return lambda theta, rows: at.good(theta, rows).astype(np.float32).astype(np.float64)


def _forward_difference(at: Place) -> Gradient:
    loss = value(at.problem)

    def gradient(theta: Array, rows: dict[str, Array]) -> Array:
        h = 1e-7 * np.maximum(abs(theta), 0.1)
        here = np.float64(loss(theta.astype(np.float64), rows))
        steps = [theta.astype(np.float64) + np.where(np.arange(at.p) == k, h, 0.0) for k in range(at.p)]
        return np.array([(loss(step, rows) - here) / (step - theta)[k] for k, step in enumerate(steps)], dtype=np.float64)

    return gradient


def _noise(at: Place) -> Gradient:
    return lambda theta, rows: at.good(theta, rows) * (1 + 1e-3 * at.rng.standard_normal(at.p))


def _dropout(at: Place) -> Gradient:
    return lambda theta, rows: at.good(theta, {k: v[:] for k, v in rows.items()}) * at.rng.integers(0, 2, at.p)


def _broken(answer: Callable[[Array], Any]) -> Callable[[Place], Gradient]:
    return lambda at: lambda theta, rows: answer(at.good(theta, rows))


def _writes_theta(at: Place) -> Gradient:
    def gradient(theta: Array, rows: dict[str, Array]) -> Array:
        g = at.good(theta, rows)
        theta -= 0.1 * g
        return g

    return gradient


def _writes_rows(at: Place) -> Gradient:
    def gradient(theta: Array, rows: dict[str, Array]) -> Array:
        g = at.good(theta, rows)
        rows["y"] -= 1
        return g

    return gradient


def _raises(at: Place) -> Gradient:
    return lambda theta, rows: at.good(theta[:-1], rows)


def _with_loss(change: Callable[[float, dict[str, Array]], float]) -> Callable[[Place], Gradient]:
    def make(at: Place) -> Gradient:
        loss = value(at.problem)
        return lambda theta, rows: (change(loss(theta, rows), rows), at.good(theta, rows))

    return make


def _penalty(at: Place) -> Gradient | None:
    return None if at.p < 2 else (lambda theta, rows: at.good(theta, rows) + 0.1 * theta)


def _other_loss(at: Place) -> Gradient:
    other = "log-cosh" if at.problem.derivation.criterion.quadratic else "mse"
    return right(at.problem, other)


def _normalised(at: Place) -> Gradient | None:
    if at.p < 2:
        return None

    def gradient(theta: Array, rows: dict[str, Array]) -> Array:
        g = at.good(theta, rows)
        return g / np.linalg.norm(g)

    return gradient


def _shared_node(at: Place) -> Gradient | None:
    """The prediction with which the slope of the loss is taken is 1.5 times too large: no ratio is constant."""
    program = at.problem.derivation.program("jacobian")
    if at.p < 2 or not at.problem.derivation.criterion.quadratic:
        return None
    from steepest.language.evaluate import evaluate

    scale = 2 * float(at.problem.derivation.criterion.scale)

    def gradient(theta: Array, rows: dict[str, Array]) -> Array:
        columns = [rows[name] for name in at.problem.columns.names]
        values = evaluate(program, list(theta), columns)
        e = values[program.outputs["residual"]]
        weights = rows.get("weights", np.ones(len(rows["y"])))
        slope = scale * (e + 0.5 * rows["y"]) * weights / (_total(rows) if at.mean else 1.0)
        return np.array([np.sum(slope * values[program.outputs[f"jacobian_{k}"]]) for k in range(at.p)])

    return gradient


def _both(*makers: Callable[[Place], Any]) -> Callable[[Place], Any]:
    def make(at: Place) -> Gradient | None:
        good = at.good
        for maker in makers:
            made = maker(at._replace(good=good))
            if made is None:
                return None
            good = made
        return good

    return make


FAULTS: tuple[Fault, ...] = (
    Fault("the 1/n is missing", "missing-1/n", _missing_mean),
    Fault("a fixed number for n", "missing-1/n", _fixed_count),
    Fault("a mean where the loss is a sum", "factor", _mean_of_sum),
    Fault("minus", "sign", _times(lambda n: -1.0)),
    Fault("twice", "factor", _times(lambda n: 2.0)),
    Fault("half", "factor", _times(lambda n: 0.5)),
    Fault("minus three times", "factor", _times(lambda n: -3.0)),
    Fault("some factor", "factor", _odd_factor),
    Fault("divided by n once more", "factor", _times(lambda n: 1 / n)),
    Fault("n - 1 for n", "factor", _times(lambda n: n / (n - 1) if n > 1 else np.inf)),
    Fault("root of n", "factor", _times(lambda n: n**-0.5)),
    Fault("normalised", "factor", _normalised),
    Fault("minus and no 1/n", "two-faults", _with_mean(-1.0)),
    Fault("twice and no 1/n", "two-faults", _with_mean(2.0)),
    Fault("never zeroed", "accumulated", _accumulated(1.0)),
    Fault("momentum", "accumulated", _accumulated(0.9)),
    Fault("moving average", "accumulated", _accumulated(0.9, 0.1)),
    Fault("point of the call before", "stale", _stale("theta")),
    Fault("rows of the call before", "stale", _stale("rows")),
    Fault("call before", "stale", _stale("theta rows")),
    Fault("reads the start for theta", "stale", _globals(False)),
    Fault("reads nothing that it is given", "stale", _globals(True)),
    Fault("remembers its first call", "stale", _memoised),
    Fault("two places swapped", "transposed", _places(2)),
    Fault("three places turned", "transposed", _places(3)),
    Fault("transposed", "transposed", _transposed),
    Fault("a coordinate is 0", "coordinate", _coordinate(lambda g, k, theta, rows: 0.0)),
    Fault("a coordinate has the wrong sign", "coordinate", _coordinate(lambda g, k, theta, rows: -g[k])),
    Fault("a coordinate is twice", "coordinate", _coordinate(lambda g, k, theta, rows: 2 * g[k])),
    Fault("a coordinate is a sum", "coordinate", _coordinate(lambda g, k, theta, rows: g[k] * len(rows["y"]))),
    Fault("a coordinate is another's", "coordinate", _coordinate(lambda g, k, theta, rows: g[k - 1])),
    Fault("a coordinate with a constant", "coordinate", _coordinate(lambda g, k, theta, rows: g[k] + 0.7)),
    Fault("a coordinate times its parameter", "coordinate", _coordinate(lambda g, k, theta, rows: g[k] * theta[k])),
    Fault("a penalty on one coordinate", "coordinate", _coordinate(lambda g, k, theta, rows: g[k] + 0.3 * theta[k])),
    Fault("a coordinate is something else", "coordinate", _coordinate(lambda g, k, theta, rows: np.sin(7 * g[k]) + 2)),
    Fault("last batch of 5 dropped", "rows", _chosen(lambda n: slice(0, n // 5 * 5))),
    Fault("last row dropped", "rows", _chosen(lambda n: slice(0, n - 1) if n > 1 else slice(0, 1))),
    Fault("first row dropped", "rows", _chosen(lambda n: slice(1, n) if n > 1 else slice(0, 1))),
    Fault("every second row", "rows", _chosen(lambda n: slice(0, n, 2))),
    Fault("a row twice", "rows", _chosen(lambda n: [0, *range(n)])),
    Fault("y in reverse", "rows", _ordered(lambda y: y[::-1].copy())),
    Fault("y one row late", "rows", _ordered(lambda y: np.roll(y, 1))),
    Fault("(n, 1) against (n,)", "rows", _pairs),
    Fault("whole data", "rows", _whole),
    Fault("weights left out", "rows", _unweighted),
    Fault("single precision inside", "precision", _single),
    Fault("forward differences", "precision", _forward_difference),
    Fault("noise", "random", _noise),
    Fault("dropout", "random", _dropout),
    Fault("None", "form", _broken(lambda g: None)),
    Fault("a column of numbers", "form", _broken(lambda g: g[:, None])),
    Fault("one number too few", "form", _broken(lambda g: g[:-1])),
    Fault("not finite", "form", _broken(lambda g: g * np.where(np.arange(len(g)) == 0, np.nan, 1.0))),
    Fault("whole numbers", "form", _broken(lambda g: np.round(g).astype(int))),
    Fault("words", "form", _broken(str)),
    Fault("writes into theta", "form", _writes_theta),
    Fault("writes into a column", "form", _writes_rows),
    Fault("raises", "form", _raises),
    Fault("the loss is doubled", "loss-differs", _with_loss(lambda loss, rows: 2 * loss)),
    Fault("the loss is a sum", "loss-differs", _with_loss(lambda loss, rows: loss * len(rows["y"]))),
    Fault("a penalty", "loss-differs", _penalty),
    Fault("another loss", "loss-differs", _other_loss),
    Fault("a wrong residual", "node", _shared_node),
    Fault("no 1/n, and a coordinate is 0", "two-faults", _both(_missing_mean, _coordinate(lambda g, k, theta, rows: 0.0))),
    Fault("minus, and two places swapped", "two-faults", _both(_times(lambda n: -1.0), _places(2))),
    Fault("minus, and last batch dropped", "two-faults", _both(_times(lambda n: -1.0), _chosen(lambda n: slice(0, n // 5 * 5)))),
    Fault("twice, and never zeroed", "two-faults", _both(_times(lambda n: 2.0), _accumulated(1.0))),
)  # fmt: skip


class Setting(NamedTuple):
    formula: str
    loss: str
    start: dict[str, float]
    response: str = "real"
    weighted: bool = False


SETTINGS: tuple[Setting, ...] = (
    Setting("y ~ a + b*P3(c + d*x)", "mse", {"a": 0, "b": -1, "c": 0, "d": 0.3}),
    Setting("y ~ exp(-b1*z)/(b2 + b3*z)", "half-mse", {"b1": 0.2, "b2": 0.6, "b3": 0.5}),
    Setting("y ~ a + b*x + c*x*z", "logistic", {"a": 0.2, "b": 1.4, "c": -0.5}, "binary"),
    Setting("y ~ poly(x, 5, w)", "sse", {f"w{k}": 0.3 + 0.1 * k for k in range(6)}),
    Setting("y ~ a*exp(-((x - m)/s)**2/2)", "mse", {"a": 1.5, "m": 0.2, "s": 0.7}),
    Setting("y ~ a + b*x + c*z", "poisson", {"a": 0.4, "b": 0.6, "c": -0.2}, "count"),
    Setting("y ~ a*sin(w*x + p) + c*cos(w*x)", "mse", {"a": 1.2, "w": 2.5, "p": 0.4, "c": -0.6}, weighted=True),
    Setting("y ~ a + b*x", "mse", {"a": 0.3, "b": -1.2}),
)


def problem(setting: Setting, seed: int = 0, rows: int = 150) -> Problem:
    rng = np.random.default_rng([seed, 77])
    data = {"x": rng.uniform(-2, 2, rows), "z": rng.uniform(0.1, 3, rows)}
    data["y"] = {
        "real": rng.normal(0.3, 1.5, rows),
        "binary": rng.integers(0, 2, rows).astype(float),
        "count": rng.poisson(2, rows).astype(float),
    }[setting.response]
    weights = rng.uniform(0.2, 2, rows) if setting.weighted else None
    return Problem(setting.formula, data, setting.loss, setting.start, weights=weights)


def faulty(fault: Fault, place: Problem, seed: int) -> Any:
    """The faulty gradient of the problem, or None where there is no such fault in it."""
    return fault.make(Place(place, right(place), np.random.default_rng([seed, 5])))


def visits(seeds: int, settings: tuple[Setting, ...] = SETTINGS) -> Iterator[tuple[Fault, Setting, int, Problem, Any]]:
    """Every fault in every problem, for so many seeds."""
    for seed in range(seeds):
        for setting in settings:
            place = problem(setting, seed)
            for fault in FAULTS:
                user = faulty(fault, place, seed)
                if user is not None:
                    yield fault, setting, seed, place, user
