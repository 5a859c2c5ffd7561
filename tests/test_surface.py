"""The loss over two parameters: values against `loss_at`, ranges, refusals, and the picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

import steepest as st
from steepest.descent.condensed.objective import EPS, CondensedObjective
from steepest.descent.surface import Surface
from steepest.errors import EngineError, OptionError
from steepest.language.evaluate import evaluate
from steepest.show.surface import CURVES, curves, draw_surface

Array = np.ndarray[Any, Any]
LONG = np.longdouble

FORMULAS = {  # and whether condensed rows apply
    "y ~ a + b*x": True,
    "y ~ poly(x, 3, a) + b*x/(1 + x**2)": True,
    "y ~ a + b*P3(c + d*x)": True,
    "y ~ T12(b*x) + a": True,
    "y ~ a*exp(b*x)": False,
    "y ~ a/(1 + b*x**2) + c": False,
}
LOSSES = ("mse", "sse", "huber")


def problem(formula: str, loss: str = "mse", weighted: bool = False) -> st.Problem:
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, 80)
    data = {"x": x, "y": np.sin(2 * x) + rng.normal(0, 0.1, 80)}
    weights = rng.uniform(0, 2, 80) if weighted else None
    names = st.Problem(formula, data, start=st.random("normal")).parameters
    return st.Problem(formula, data, loss, dict.fromkeys(names, 0.5), weights=weights)


def pair(it: st.Problem) -> tuple[str, str]:
    return it.parameters[-1], it.parameters[0]


def truth(it: st.Problem, theta: Array) -> Any:
    """The loss in long double; squared losses only."""
    program = it.derivation.program("jacobian")
    values = evaluate(program, list(theta.astype(LONG)), [column.astype(LONG) for column in it.columns.arrays])
    residual = np.broadcast_to(values[program.outputs["residual"]], it.columns.rows)
    weights = np.ones(len(residual), LONG) if it.weights is None else it.weights.astype(LONG)
    return np.sum(weights * residual**2) / LONG(it.objective().divisor)


def points(found: Surface, it: st.Problem, count: int = 12) -> list[tuple[Array, float]]:
    """Some points of the grid, each with its value."""
    rng = np.random.default_rng(2)
    places = [it.parameters.index(name) for name in found.names]
    chosen = []
    for i, j in rng.integers(0, len(found.axes[0]), (count, 2)):
        theta = np.array([found.at[name] for name in it.parameters])
        theta[places] = found.axes[0][i], found.axes[1][j]
        chosen.append((theta, float(found.values[i, j])))
    return chosen


@pytest.mark.skipif(np.finfo(LONG).eps >= EPS, reason="long double is no longer than double here")
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("loss", ["mse", "half-mse", "sse"])
@pytest.mark.parametrize("formula", [formula for formula, applies in FORMULAS.items() if applies])
def test_on_condensed_rows_it_is_within_the_bound(formula: str, loss: str, weighted: bool) -> None:
    it = problem(formula, loss, weighted)
    few, plain = it.objective("condensed", every=True), it.objective()
    assert isinstance(few, CondensedObjective)
    found = it.surface(pair(it), points=40)
    assert found.recipe["engine"] == "condensed"
    lost = 0
    for theta, value in points(found, it):
        if np.isnan(few.losses(theta[None])[0]):
            assert value == plain.loss(theta)
            lost += 1
        else:
            assert abs(value - truth(it, theta)) <= few.bound(theta)
    assert ("could lose digits" in found.recipe["engine_why"]) == bool(lost) == formula.startswith("y ~ T12")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("engine", ["auto", "numpy", "compiled"])
@pytest.mark.parametrize("formula", FORMULAS)
def test_every_engine_gives_the_loss(formula: str, engine: str, loss: str) -> None:
    it = problem(formula, loss)
    found = it.surface(pair(it), points=15, engine=engine)
    applies = FORMULAS[formula] and loss != "huber"
    assert found.recipe["engine"] == (engine if engine != "auto" else "condensed" if applies else "numpy")
    for theta, value in points(found, it):
        right = it.loss_at(theta)
        assert value == pytest.approx(right, rel=1e-9)
        assert found.recipe["engine"] != "numpy" or value == right


def test_the_others_are_held_where_at_says() -> None:
    it = problem("y ~ a + b*P3(c + d*x)")
    for at in (None, {"b": -1.5}, [1, -1, 0.25, 0.75]):
        found = it.surface(("c", "d"), at=at, points=5)
        held = it.start if at is None else {**it.start, **at} if isinstance(at, dict) else dict(zip("abcd", at, strict=True))
        assert found.at == held
        for theta, value in points(found, it, 4):
            assert value == pytest.approx(it.loss_at(theta), rel=1e-12)
        for name, axis in zip(("c", "d"), found.axes, strict=True):
            around = 1 + abs(held[name])
            assert (axis[0], axis[-1], len(axis)) == (held[name] - around, held[name] + around, 5)


def test_ranges_are_as_given_or_cover_the_way_of_a_trace() -> None:
    it = problem("y ~ a + b*P3(c + d*x)")
    trace = it.descend(lr=0.01, steps=200)
    found = it.surface(("b", "d"), at=trace, ranges={"b": (-3, 4)}, points=3)
    assert found.axes[0].tolist() == [-3, 0.5, 4]
    assert found.axes[1][0] < trace["d"].min() and found.axes[1][-1] > trace["d"].max()
    assert found.at == trace.final


@pytest.mark.parametrize(("words", "message"), [
    ({"names": ("a", "q")}, "unknown parameter 'q'"), ({"names": ("a", "a")}, r"names is \('a', 'a'\): give two parameters"),
    ({"names": "ab"}, "names is 'ab': give two parameters, as"), ({"names": ("a", "b", "c")}, "give two parameters"),
    ({"ranges": {"c": (0, 1)}}, "ranges: unknown parameter of the surface 'c'"), ({"ranges": (0, 1)}, "give them by name"),
    ({"ranges": {"a": (1, 1)}}, "the range of 'a' is \\(1, 1\\): give two finite numbers"),
    ({"ranges": {"a": 3}}, "range of 'a' is 3"),
    ({"ranges": {"b": (0, np.inf)}}, "range of 'b'"), ({"ranges": {"b": ("0", "1")}}, "range of 'b'"),
    ({"points": 1}, "points is 1: give a whole number, 2 or more"), ({"points": 2.5}, "points is 2.5"),
    ({"points": 10**6}, "points is 1,000,000: give"), ({"at": {"q": 1}}, "unknown parameter 'q'"),
    ({"engine": "no"}, "unknown engine"),
])  # fmt: skip
def test_refusals_say_what_is_allowed(words: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        problem("y ~ a + b*P3(c + d*x)").surface(**{"names": ("a", "b"), **words})


def test_condensed_rows_that_cannot_serve_are_refused() -> None:
    with pytest.raises(EngineError, match="engine 'condensed'"):
        problem("y ~ a*exp(b*x)").surface(("a", "b"), engine="condensed")


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_the_picture_has_the_curves_and_the_ways(tmp_path: Path, suffix: str) -> None:
    it = problem("y ~ a + b*P3(c + d*x)")
    ways = {name: it.descend(name, lr=0.01, steps=30) for name in ("gd", "adam")}
    found = it.surface(("a", "b"), at=ways["gd"])
    path = tmp_path / f"it.{suffix}"
    (ax,) = found.plot(ways, path).axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a", "b")
    for name, line in zip(ways, ax.get_lines()[::2], strict=True):
        assert (line.get_xdata() == ways[name]["a"]).all() and (line.get_ydata() == ways[name]["b"]).all()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["gd", "adam"]
    assert path.stat().st_size > 1_000
    if suffix == "svg":
        assert "gd ends at a = " in path.read_text(encoding="utf-8")


def test_levels_grow_by_one_factor_from_the_lowest() -> None:
    found = problem("y ~ a + b*x").surface(("a", "b"))
    levels = curves(found.values.ravel())
    assert len(levels) == CURVES and (levels > found.values.min()).all()
    above = levels - found.values.min()
    assert above[1:] / above[:-1] == pytest.approx(np.full(CURVES - 1, above[1] / above[0]))


@pytest.mark.parametrize("values", [np.full((4, 4), 2.0), np.full((4, 4), np.nan), np.where(np.eye(4), np.inf, 1.0)])
def test_what_has_no_curves_is_drawn_without(values: Array) -> None:
    axis = np.linspace(0, 1, 4)
    flat = Surface(("a", "b"), (axis, axis), values, {"a": 0.0, "b": 0.0}, problem("y ~ a + b*x").recipe())
    with matplotlib.rc_context({"text.usetex": False}):
        assert not draw_surface(flat, Figure().subplots()).collections
        flat.plot()


def test_a_trace_without_the_parameters_is_refused() -> None:
    other = problem("y ~ a*exp(k*x)").descend(lr=0.01, steps=3)
    with pytest.raises(OptionError, match="unknown parameter 'b'"):
        problem("y ~ a + b*x").surface(("a", "b")).plot(other)
