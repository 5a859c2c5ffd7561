"""The pictures of the learning rate: the ray, the directions, the stability, and a session's page."""

from __future__ import annotations

import xml.etree.ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import steepest as st
from steepest.cli.main import main
from steepest.show.rates import plot_directions, plot_ray
from steepest.show.stability import plot_stability

X = np.linspace(-1, 2, 25)
PROBLEMS = {
    "p3": ("y ~ a + b*P3(c + d*x)", "@sine2000", "mse", None),
    "one": ("y ~ w*x", "@triples", "mse", None),
    "classes": ("y ~ a + b*x", {"x": X, "y": (X + np.sin(9 * X) > 0.4) * 1.0}, "logistic", {"a": 0, "b": 0}),
    "line of minima": ("y ~ a*b*x", {"x": X, "y": 2 * X}, "mse", {"a": 1, "b": 0.5}),
    "poly": ("y ~ poly(x, 12, w)", {"x": X, "y": np.exp(X)}, "mse", None),
    "hostile": ("y ~ a + b*`<b>$x_{`", {"<b>$x_{": X, "y": X**2}, "mse", {"a": 0, "b": 1}),
}
METHODS = [("gd", 0.01), ("momentum", 0.001), ("adam", 0.01), ("signsgd", 0.01), ("lbfgs", "auto"), ("gd", 1.0)]


def problem(name: str) -> st.Problem:
    formula, data, loss, start = PROBLEMS[name]
    return st.Problem(formula, data, loss, start)


def axes() -> Axes:
    return Figure().subplots()


@pytest.mark.filterwarnings("ignore::steepest.SteepestWarning")
@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize(("method", "lr"), METHODS)
def test_every_problem_and_method_is_drawn(name: str, method: str, lr: Any, tmp_path: Path) -> None:
    asked = problem(name)
    found = asked.explain(method, lr)
    found.plot(tmp_path / "ray.svg")
    text = " ".join(xml.etree.ElementTree.parse(tmp_path / "ray.svg").getroot().itertext())
    assert found.sentence in " ".join(text.split())
    lab = asked.lab(method, lr).step(3)
    lab.plot(tmp_path / "lab.svg")
    text = " ".join(xml.etree.ElementTree.parse(tmp_path / "lab.svg").getroot().itertext())
    assert " ".join(lab.say.split()) in " ".join(text.split())


def test_the_ray_is_the_loss_after_a_step() -> None:
    asked = problem("p3")
    start, gradient = np.array([0, -1, 0, 0.3]), asked.gradient_at(asked.start)
    line = plot_ray(asked.explain(lr=0.05), axes()).get_lines()[0]
    rates, losses = line.get_xdata(), line.get_ydata()
    for k in range(0, len(rates), 37):
        assert losses[k] == pytest.approx(asked.loss_at(start - rates[k] * gradient), rel=1e-12)
    assert rates[np.nanargmin(losses)] == pytest.approx(asked.explain(lr=0.05).best_on_ray, rel=0.01)


def test_rates_that_are_far_apart_are_on_a_logarithmic_scale() -> None:
    asked = problem("p3")
    assert plot_ray(asked.explain(lr=0.05), axes()).get_xscale() == "linear"
    assert plot_ray(asked.lab(lr=0.01).step(12).explain(), axes()).get_xscale() == "log"


def test_directions_stiffest_first() -> None:
    ax = plot_directions(problem("p3").explain(lr=0.01), axes())
    assert [label.get_text() for label in ax.get_yticklabels()] == ["d", "c", "a", "b"]
    assert [text.get_text().strip() for text in ax.texts][::3] == ["shrinks to 18 % each step", "halves every 359 steps"]


@pytest.mark.parametrize(("lr", "above"), [(0.01, False), (0.02, True)])
def test_stability_is_the_rate_against_its_limit(lr: float, above: bool) -> None:
    asked = problem("p3")
    trace = asked.descend(lr=lr, steps=1500)
    line = plot_stability(trace, axes()).get_lines()[1]
    for step, used in list(zip(line.get_xdata(), line.get_ydata(), strict=True))[::9]:
        largest = np.linalg.eigvalsh(asked.hessian_at(trace.theta[int(step)]))[-1]
        assert used == pytest.approx(lr * largest / 2, rel=1e-9)
    assert bool(line.get_ydata()[-1] > 1) == above


@pytest.mark.parametrize("method", ["adam", "signsgd", "lbfgs"])
def test_methods_without_a_limit_say_so(method: str) -> None:
    trace = problem("one").descend(method, "auto", 5)
    assert [text.get_text() for text in plot_stability(trace, axes()).texts] == [f"{method} has no largest stable rate of its own"]


@pytest.mark.filterwarnings("ignore::steepest.SteepestWarning")
def test_the_page_of_a_session_is_all_in_it() -> None:
    page = problem("hostile").lab(lr=0.1).step(2)._repr_html_()
    assert "<b>" not in page and "http" not in page
    assert "data:image/png;base64," in page and 'alt="Steps 1 to 2' in page


def test_the_command_draws_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "why.png"
    assert main(["explain", "y ~ w*x", "@triples", "--lr", "0.02", "--plot", str(path)]) == 0
    assert path.stat().st_size > 10_000 and "wrote" in capsys.readouterr().out
    assert main(["explain", "y ~ w*x", "@triples", "--plot", "why.txt"]) == 2
