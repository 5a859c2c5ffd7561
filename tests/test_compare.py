"""The list of methods, their LaTeX, and methods beside each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest as st
from steepest.cli.main import main
from steepest.descent.comparison import GRID, Comparison
from steepest.descent.interrupt import INTERRUPTED
from steepest.engines import table
from steepest.errors import EngineError, OptionError
from steepest.methods.code.table import CODE
from steepest.methods.equations import Method, read_method
from steepest.methods.options import read_options
from steepest.methods.schedules import SCHEDULES
from steepest.methods.table import EQUATIONS
from steepest.show.comparison import MOST_POINTS, comparison_html, line
from steepest.show.methods import limit, methods_dict, methods_text

X = np.linspace(-2, 2, 40)
HOSTILE = "<i>$x^2$\x1b[31m"


def problem(name: str = "x", **options: Any) -> st.Problem:
    data = {name: X, "y": 1.3 * np.exp(-0.7 * X) + 0.1 * np.sin(5 * X)}
    return st.Problem(f"y ~ a*exp(-b*`{name}`) + c", data, start={"a": 0.8, "b": 0.3, "c": 0.1}, **options)


# --- the list ---

LIMITS = {"gd": 2, "momentum": 3.8, "averaged-momentum": 38, "nesterov": 3.8 / 2.8, "adam": 38, "adamw": 38, "signsgd": None}


def test_the_list_holds_every_method_and_schedule() -> None:
    found = methods_dict()
    assert list(found["methods"]) == [*EQUATIONS, *CODE] and list(found["schedules"]) == list(SCHEDULES)
    text = methods_text()
    for name, row in found["methods"].items():
        assert f"\n{name}\n" in text and row["source"].split(";")[0].split(",")[0] in text
    assert max(len(line) for line in text.splitlines()) <= 80


@pytest.mark.parametrize("name", LIMITS)
def test_limits_are_multiples_of_the_inverse_curvature(name: str) -> None:
    found, right = limit(EQUATIONS[name]), LIMITS[name]
    assert found is None if right is None else found == pytest.approx(right, rel=1e-5)


def test_the_list_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods"]) == 0
    out = capsys.readouterr().out
    assert "stable below 3.8/λ; --lr auto takes 1.9/λ" in out
    assert "stable below 38/λ while s = 1; usual rate 0.001" in out
    assert "no limit: its steps do not shrink with the gradient; usual rate 0.001" in out
    assert "w = eta at first" in out and "gamma**floor((t - 1)/every)" in out
    assert main(["methods", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["methods"]["momentum"]["latex"] == EQUATIONS["momentum"].latex()
    assert found["methods"]["signsgd"]["limit"] is None


# --- LaTeX ---

MOMENTUM = r"""
\begin{aligned}
v_{t} &= \mu v_{t-1} + g_{t} \\
\theta_{t} &= \theta_{t-1} - \eta v_{t}
\end{aligned}
""".strip()

LATEX = {  # equations of a user → the right sides
    "theta = theta - eta*g": r"\theta_{t} = \theta_{t-1} - \eta g_{t}",
    "theta = theta - eta*g/sqrt(t)": r"\theta_{t} = \theta_{t-1} - \frac{\eta g_{t}}{\sqrt{t}}",
    "theta = theta - eta*g/norm(g)": r"\theta_{t} = \theta_{t-1} - \frac{\eta g_{t}}{\left\| g_{t} \right\|}",
    "theta = theta - eta*(1 - 0.9**t)*sign(g)": (
        r"\theta_{t} = \theta_{t-1} - \eta \left(1 - \left(\frac{9}{10}\right)^{t}\right) \operatorname{sign}\left(g_{t}\right)"
    ),
}


@pytest.mark.parametrize("text", LATEX)
def test_latex_of_one_equation(text: str) -> None:
    assert read_method(text).latex() == LATEX[text]


def test_latex_of_several_equations() -> None:
    assert EQUATIONS["momentum"].latex() == MOMENTUM
    assert read_method("v_1 = 0.5*v_1 + g; theta = theta - eta*v_1").latex().count(r"v_{1, t-1}") == 1
    twice = EQUATIONS["adamw"].latex()
    assert r"\theta_{t}' &= \theta_{t-1} - \eta \lambda \theta_{t-1}" in twice and r"\theta_{t} &= \theta_{t}' - " in twice
    assert r"\left(1 - \beta_{1}\right) g_{t}" in twice and r"s_{t-1}" in twice and r"\epsilon" in twice


def test_latex_of_clipping_and_decay() -> None:
    method, _ = read_options("gd", clip_value=1, clip_norm=2, weight_decay=0.1)
    assert [line.split(" &= ")[0] for line in method.latex().splitlines()[1:-1]] == [
        "g_{t}'", "g_{t}''", "g_{t}'''", r"\theta_{t}",
    ]  # fmt: skip
    assert method.latex().splitlines()[-2] == r"\theta_{t} &= \theta_{t-1} - \eta g_{t}'''"


@pytest.mark.parametrize("name", EQUATIONS)
def test_latex_is_balanced(name: str) -> None:
    text = EQUATIONS[name].latex()
    assert text.count("{") == text.count("}") and text.count(r"\left") == text.count(r"\right")
    assert text.count(r"\begin") == text.count(r"\end")


def test_matplotlib_draws_single_equations() -> None:
    from matplotlib.mathtext import MathTextParser

    for method in (*EQUATIONS.values(), Method("theta = theta - eta*g/norm(g)", "")):
        body = method.latex().replace(r"\begin{aligned}", "").replace(r"\end{aligned}", "")
        for equation in body.split(r"\\" + "\n"):
            if "cases" not in equation:
                MathTextParser("path").parse(f"${equation.replace('&', '').strip()}$")


# --- comparisons ---


@pytest.fixture(scope="module")
def found() -> Comparison:
    return problem().compare(["gd", "adam", "lbfgs", "scipy:trf"], ["numpy", "compiled"], "grid", steps=60)


def test_every_method_runs_on_every_engine(found: Comparison) -> None:
    wanted = [(m, e) for m in ("gd", "adam", "lbfgs", "scipy:trf") for e in ("numpy", "compiled")]
    assert [(run.method, run.engine) for run in found.runs] == wanted
    best = problem().fit().loss
    assert found.best == pytest.approx(best, rel=1e-9)
    for a, b in zip(found.runs[::2], found.runs[1::2], strict=True):
        assert a.lr == b.lr and a.loss == pytest.approx(b.loss, rel=1e-6)
        assert a.chosen == b.chosen


def test_the_grid_is_tried_and_the_best_taken(found: Comparison) -> None:
    assert found.grid == GRID and len(GRID) == 19
    assert GRID[0] == pytest.approx(1e-5) and GRID[-1] == pytest.approx(10) and GRID[1] / GRID[0] == pytest.approx(10 ** (1 / 3))
    for run in found.runs[:4:2]:
        losses = []
        for rate in GRID:
            trace = problem().descend(run.method, rate, 60, engine="numpy")
            losses.append(np.inf if trace.outcome in ("diverged", "nonfinite") else trace.loss[-1])
        assert list(run.chosen.losses) == losses
        assert run.lr == GRID[int(np.argmin(losses))] and run.loss == min(losses)
        assert run.chosen.why == "the best of the grid"
    for run in found.runs[4:]:
        assert run.lr is None and run.chosen.why == "found by the method, step by step" and not run.chosen.losses


def test_rates_of_ones_own_and_the_edge() -> None:
    mine = problem().compare(["gd"], ["numpy"], [1e-4, 1e-3], steps=20)
    assert mine.grid == (1e-4, 1e-3) and mine.runs[0].lr == 1e-3
    assert mine.runs[0].chosen.why == "the best of the grid, at its edge"
    given = problem().compare(["gd", "bfgs"], ["numpy"], 0.01, steps=20)
    assert [run.chosen.why for run in given.runs] == ["given", "found by the method, step by step"] and given.grid == ()
    auto = problem().compare(["gd", "adam"], ["numpy"], steps=20)
    assert auto.runs[1].lr == 0.001 and auto.runs[0].chosen.why.startswith("1/|λ|max at the start")


def test_the_table_and_the_recipe(found: Comparison) -> None:
    text = found.text()
    assert text.splitlines()[0] == "y ~ a*exp(-b*`x`) + c"
    head, *rows = text.split("\n\n")[1].splitlines()
    assert head.split() == ["method", "engine", "lr", "steps", "evaluations", "seconds", "final", "loss", "gap", "outcome"]
    assert len(rows) == 8 and rows[0].split()[:3] == ["gd", "numpy", f"{found.runs[0].lr:.3g}"]
    assert rows[-1].split()[2] == "own" and rows[-1].split()[-1] == "converged" and rows[-1].split()[-2] == "0"
    flat = " ".join(text.split())
    assert "Start a = 0.8, b = 0.3, c = 0.1; all rows a step; at most 60 steps." in flat
    assert "lr of gd, adam: the best of the grid." in flat
    assert "The grid: 1e-05, 2.15e-05, 4.64e-05, 0.0001," in flat


def test_evaluations_are_counted(found: Comparison) -> None:
    counts = {run.method: run.evaluations for run in found.runs if run.engine == "numpy"}
    assert counts["gd"] == counts["adam"] == 61
    trf = next(run for run in found.runs if run.method == "scipy:trf")
    assert trf.trace.evaluations is not None and counts["scipy:trf"] == trf.trace.evaluations[-1] >= len(trf.trace) - 1


def test_batches_clipping_and_seed_are_told() -> None:
    said = problem().compare(["gd", "adam"], ["numpy"], 0.01, batch=8, epochs=3, seed=5, clip_norm=1.0, schedule="cosine").text()
    assert "batches of 8, seed 5; at most 15 steps; schedule cosine; clip_norm 1.0." in " ".join(said.split())


def test_a_run_that_fails_is_no_best() -> None:
    broken = problem().compare(["gd", "bfgs"], ["numpy"], 50.0, steps=30)
    assert broken.runs[0].trace.outcome in ("diverged", "nonfinite")
    assert broken.best == broken.runs[1].loss
    assert broken.text().split("\n\n")[1].splitlines()[1].split()[-2] == "-"
    figure = broken.plot()
    low, high = figure.axes[0].get_ylim()
    assert broken.best * 0.1 < low < broken.best and high < 100 * broken.runs[1].trace.loss[0]


def test_as_plain_values(found: Comparison) -> None:
    plain = found.to_dict()
    text = json.dumps(plain, default=float)
    again = json.loads(text)
    assert len(again["runs"]) == 8 and again["grid"] == list(GRID) and again["missing"] == {}
    first = again["runs"][0]
    assert first["gap"] == first["loss"] - again["best"] and len(first["grid_losses"]) == 19
    assert set(first["parameters"]) == {"a", "b", "c"} and first["recipe"]["method"] == "gd"


def test_a_missing_engine_is_told_and_the_others_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(table.ENGINES, "torch", table.ENGINES["torch"]._replace(needs="no_such_library"))
    found = problem().compare(["gd", "adam"], ["torch", "numpy"], 0.01, steps=5)
    assert [run.engine for run in found.runs] == ["numpy", "numpy"]
    assert list(found.missing) == ["gd, torch", "adam, torch"]
    assert "gd, torch was left out: engine 'torch' needs no_such_library" in " ".join(found.text().split())
    with pytest.raises(EngineError, match="nothing could run: engine 'torch' needs"):
        problem().compare(["gd"], ["torch"], 0.01)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"methods": []}, "methods is []: give a list of names"),
    ({"methods": "gd"}, "methods is 'gd': give a list of names"),
    ({"engines": [1]}, "engines is [1]: give a list of names"),
    ({"methods": ["gd", "adm"]}, "did you mean 'adam'"),
    ({"engines": ["nmpy"]}, "did you mean 'numpy'"),
    ({"lr": "gird"}, "lr is 'gird': give 'auto', 'grid', a positive number"),
    ({"lr": [0.1, -1]}, "has positive numbers"),
    ({"lr": []}, "has positive numbers"),
    ({"lr": -1.0}, "lr is -1.0"),
]


@pytest.mark.parametrize(("options", "sentence"), WRONG)
def test_wrong_words_are_told(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(OptionError) as told:
        problem().compare(**{"methods": ["gd"], "steps": 3, **options})
    assert sentence in str(told.value)


def test_ctrl_c_ends_the_comparison() -> None:
    def stop(progress: Any) -> None:
        raise KeyboardInterrupt

    assert problem().descend(steps=5, callback=stop).reason == INTERRUPTED
    with pytest.raises(KeyboardInterrupt):
        problem().compare(["gd", "adam"], ["numpy"], steps=5, callback=stop)


# --- pictures ---


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_picture_has_three_axes_and_the_recipe(found: Comparison, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"compared{suffix}"
    figure = found.plot(path)
    assert [ax.get_xlabel() for ax in figure.axes] == ["steps", "evaluations", "seconds"]
    assert figure.axes[0].get_ylabel() == "loss (mse)" and figure.axes[0].get_yscale() == "log"
    said = " ".join(" ".join(text.get_text().split()) for text in figure.texts)
    assert "at most 60 steps" in said and "lr of gd, adam: the best of the grid." in said and "The grid: 1e−05," in said
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()][-1] == "scipy:trf, compiled"
    assert path.stat().st_size > 10_000


def test_lines_show_what_was_spent(found: Comparison) -> None:
    gd, lbfgs = found.runs[0], found.runs[4]
    steps, losses = line(gd, "steps")
    np.testing.assert_array_equal(steps, gd.trace.step)
    np.testing.assert_array_equal(losses, gd.trace.loss)
    evaluations, _ = line(lbfgs, "evaluations")
    assert evaluations[-1] == lbfgs.evaluations > len(evaluations)
    seconds, _ = line(lbfgs, "seconds")
    assert seconds[-1] == pytest.approx(lbfgs.trace.seconds) and (np.diff(seconds) > 0).all()
    long = problem().compare(["gd"], ["numpy"], 1e-3, steps=5000).runs[0]
    steps, _ = line(long, "steps")
    assert len(steps) <= MOST_POINTS and steps[0] == 0 and steps[-1] == 5000
    batches = problem().compare(["gd"], ["numpy"], 1e-3, epochs=4, batch=7).runs[0]
    assert line(batches, "steps")[0].tolist() == [0, 6, 12, 18, 24]


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    found = problem(HOSTILE).compare(["gd", "theta = theta - eta*g*(1 + 0*norm(g))"], ["numpy"], steps=3)
    page = comparison_html(found)
    assert "<i>" not in page and "&lt;i&gt;" in page and "\x1b" not in page and "\x1b" not in found.text()
    found.plot(tmp_path / "hostile.svg")
    assert found._repr_html_() == page


def test_more_methods_than_colours() -> None:
    many = [name for name in EQUATIONS if name != "adadelta"][:9]
    figure = problem().compare(many, ["numpy"], 1e-3, steps=3).plot()
    styles = {(line.get_color(), line.get_marker()) for line in figure.axes[0].get_lines()[:9]}
    assert len(styles) == 9


# --- the command ---


def write_data(folder: Path) -> str:
    path = folder / "data.csv"
    rows = [f"{x!r},{y!r}" for x, y in zip(X.tolist(), (2 * X + 1).tolist(), strict=True)]
    path.write_text("\n".join(["x,y", *rows]) + "\n", encoding="utf-8")
    return str(path)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, picture = write_data(tmp_path), tmp_path / "compared.svg"
    words = ["compare", "y ~ a + b*x", data, "--start", "a=0,b=0", "--steps", "40", "--engines", "numpy"]
    own = "v = 0.5*v + g; theta = theta - eta*clip(v, -1, 1)"
    assert main([*words, "--methods", f"gd,{own},bfgs", "--lr", "0.01,1/10", "--plot", str(picture)]) == 0
    out = capsys.readouterr().out
    assert out.count("numpy") == 3 and "The grid: 0.01, 0.1." in out and "wrote" in out and picture.exists()
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [run["method"] for run in found["runs"]] == ["gd", "momentum", "adam", "lbfgs"]
    assert found["runs"][3]["parameters"] == pytest.approx({"a": 1, "b": 2})
    assert main([*words, "--batch", "8", "--seed", "3", "--clip-norm", "1", "--methods", "gd", "--lr", "0.1"]) == 0
    assert "batches of 8, seed 3; at most 40 steps; clip_norm 1.0." in " ".join(capsys.readouterr().out.split())
    assert main([*words, "--lr", "gird"]) == 2
    assert "--lr is 'gird'" in capsys.readouterr().err
    assert main([*words, "--methods", "gd,adm"]) == 2
    assert "did you mean 'adam'" in capsys.readouterr().err
