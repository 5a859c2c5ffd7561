from __future__ import annotations

import itertools
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import steepest as st
from steepest.descent.trace import Trace
from steepest.errors import OptionError
from steepest.fitting.result import Fit
from steepest.show.picture import SUFFIXES
from steepest.show.plots import plot_fit, plot_trace
from steepest.show.rows import MOST_POINTS, plot_data, plot_residuals, sample
from steepest.show.steps import plot_loss, plot_parameters, spread
from steepest.show.tables import estimate, fit_html, fit_rows, number, text_table, trace_html

HOSTILE = "<img src=x onerror=alert(1)> $x_{1}\\undefined$ & \x1b[31m日本]]>--"
X = np.linspace(0, 4, 9)


@pytest.fixture
def fit() -> Fit:
    return st.Problem("y ~ a*exp(-b*x)", {"x": X, "y": 2 * np.exp(-X) + 0.01 * X}, start={"a": 1, "b": 1}).fit()


@pytest.fixture
def trace() -> Trace:
    return st.Problem("y ~ w*x", "@triples").descend(lr=0.005, steps=50)


def hostile_problem() -> st.Problem:
    data = {HOSTILE: X, "y": 2 * X + np.sin(X)}
    return st.Problem(f"y ~ a + b*`{HOSTILE}`", data, start={"a": 0, "b": 1})


def axes() -> Axes:
    return Figure().subplots()


def descended(formula: str, data: Any, loss: str = "mse", start: Any = None, **options: Any) -> Trace:
    return st.Problem(formula, data, loss, start).descend(**options)


def read_back(path: Path) -> tuple[bytes, str]:
    """The first bytes of a picture, and its description."""
    content = path.read_bytes()
    if path.suffix == ".svg":
        root = xml.etree.ElementTree.fromstring(content)
        (said,) = (node.text for node in root.iter("{http://purl.org/dc/elements/1.1/}description"))
        return content[:5], said or ""
    if path.suffix == ".png":
        from PIL import Image

        with Image.open(path) as image:
            return content[:8], str(image.info["Description"])
    return content[:5], content.decode("latin-1")


MAGIC = {".svg": b"<?xml", ".png": b"\x89PNG\r\n\x1a\n", ".pdf": b"%PDF-"}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("what", ["fit", "trace"])
def test_every_format_is_written_with_its_description(suffix: str, what: str, tmp_path: Path, request: Any) -> None:
    result = request.getfixturevalue(what)
    path = tmp_path / f"picture{suffix}"
    figure = result.plot(path)
    assert isinstance(figure, Figure)
    magic, description = read_back(path)
    assert magic == MAGIC[suffix]
    said = {"fit": "Data with the fitted model", "trace": "Loss, parameters and data of a descent"}[what]
    assert said in description
    assert [other.name for other in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_picture_is_the_same_file(suffix: str, fit: Fit, tmp_path: Path) -> None:
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    fit.plot(first)
    fit.plot(second)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("name", ["picture.jpg", "picture", "picture.svg.gz", "no-such-folder/picture.png"])
def test_a_path_that_cannot_be_a_picture_is_refused(name: str, fit: Fit, tmp_path: Path) -> None:
    with pytest.raises(OptionError) as caught:
        fit.plot(tmp_path / name)
    said = str(caught.value)
    assert "no folder" in said or all(suffix in said for suffix in SUFFIXES)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_hostile_names_are_plain_text(suffix: str, tmp_path: Path) -> None:
    problem = hostile_problem()
    for name, result in (("fit", problem.fit()), ("trace", problem.descend(lr=0.01, steps=3))):
        path = tmp_path / f"{name}{suffix}"
        result.plot(path)
        assert read_back(path)[0] == MAGIC[suffix]
        if suffix == ".svg":
            assert b"<img" not in path.read_bytes()
            assert "<img" in (xml.etree.ElementTree.parse(path).findtext(".//{*}title") or "")


@pytest.mark.parametrize("what", ["fit", "trace"])
def test_html_escapes_everything(what: str) -> None:
    problem = hostile_problem()
    page = fit_html(problem.fit()) if what == "fit" else trace_html(problem.descend(lr=0.01, steps=3))
    assert "<img" not in page and "\x1b" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    root = xml.etree.ElementTree.fromstring(page.replace("<br>", "<br/>"))
    assert [row[0].text for row in root.iter("tr")][1:] == ["a", "b"]


def test_notebooks_get_a_table_and_a_picture(fit: Fit, trace: Trace) -> None:
    assert fit._repr_html_() == fit_html(fit)
    assert trace._repr_html_() == trace_html(trace)
    for figure in (fit.plot(), trace.plot()):
        assert figure._repr_png_().startswith(MAGIC[".png"])


def test_the_users_matplotlib_is_left_alone(fit: Fit, trace: Trace) -> None:
    strange = {"font.size": 31.0, "axes.facecolor": "#123456", "lines.linewidth": 9.0}
    with matplotlib.rc_context(strange):
        before = dict(matplotlib.rcParams)
        figure = fit.plot()
        trace.plot()._repr_png_()
        assert dict(matplotlib.rcParams) == before
        assert figure.axes[0].get_facecolor() == (1, 1, 1, 1)


def test_pyplot_is_never_imported() -> None:
    code = (
        "import sys, steepest as st; st.Problem('y ~ w*x', '@triples').fit().plot()._repr_png_();"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_axes_come_back(fit: Fit, trace: Trace) -> None:
    given = [axes() for _ in range(4)]
    drawn = [
        plot_loss(trace, given[0]),
        plot_parameters(trace, given[1]),
        plot_data(fit.objective, fit.theta, given[2]),
        plot_residuals(fit.objective, fit.theta, given[3]),
    ]
    assert drawn == given
    for ax in given:
        assert ax.get_xlabel() and ax.get_ylabel()


def test_what_is_drawn_is_the_data_the_model_and_what_is_left(fit: Fit) -> None:
    a, b = fit.parameters.values()
    y = 2 * np.exp(-X) + 0.01 * X
    points, curve = plot_data(fit.objective, fit.theta, axes()).lines
    np.testing.assert_array_equal(points.get_xydata(), np.column_stack([X, y]))
    x = np.asarray(curve.get_xdata())
    assert len(x) > 500 and set(X) <= set(x)
    np.testing.assert_allclose(curve.get_ydata(), a * np.exp(-b * x), rtol=1e-13)
    _, left = plot_residuals(fit.objective, fit.theta, axes()).lines
    np.testing.assert_allclose(left.get_ydata(), y - a * np.exp(-b * X), atol=1e-15)


def test_with_two_predictors_observed_stands_against_predicted() -> None:
    problem = st.Problem("H_0 ~ theta_0 + theta_1*x_1 + theta_2*x_2", "@instances")
    theta = [0.1, 0.2, 0.3]
    ax = plot_data(problem.objective(), theta, axes())
    np.testing.assert_allclose(ax.lines[0].get_xdata(), problem.predict(theta), rtol=1e-15)
    assert ax.get_xlabel() == "predicted" and ax.get_ylabel() == "observed H_0"


def test_without_predictors_the_abscissa_is_the_row() -> None:
    problem = st.Problem("y ~ a", {"y": [3.0, 4.0, 8.0]}, start={"a": 1})
    ax = plot_data(problem.objective(), [5], axes())
    assert np.asarray(ax.lines[0].get_xdata()).tolist() == [1, 2, 3]
    assert np.asarray(ax.lines[1].get_ydata()).tolist() == [5, 5, 5]


@pytest.mark.parametrize(("loss", "mean"), [("logistic", lambda u: 1 / (1 + np.exp(-u))), ("poisson", np.exp)])
def test_losses_with_a_transformed_mean_are_drawn_in_the_units_of_y(loss: str, mean: Any) -> None:
    problem = st.Problem("y ~ a + b*x", {"x": X, "y": (X > 2).astype(float)}, loss, {"a": -1, "b": 0.5})
    curve = plot_data(problem.objective(), [-1, 0.5], axes()).lines[1]
    np.testing.assert_allclose(curve.get_ydata(), mean(-1 + 0.5 * np.asarray(curve.get_xdata())), rtol=1e-12)


def test_all_data_are_in_the_window_however_wild_the_curve() -> None:
    problem = st.Problem("y ~ a + b/(x - 2.0001)", {"x": X, "y": X}, start={"a": 1, "b": 1})
    low, high = plot_data(problem.objective(), [1, 1], axes()).get_ylim()
    assert low < X.min() and X.max() < high
    assert high - low < 4 * np.ptp(X)


def test_many_rows_are_thinned_and_it_is_said() -> None:
    x = np.linspace(0, 1, 4_000_000)
    problem = st.Problem("y ~ a*x", {"x": x, "y": x}, start={"a": 1})
    ax = plot_data(problem.objective(), [1], axes())
    assert len(np.asarray(ax.lines[0].get_xdata())) == MOST_POINTS
    legend = ax.get_legend()
    assert legend is not None
    assert legend.get_texts()[0].get_text() == "data, 5,000 of 4,000,000 rows"


@pytest.mark.parametrize("rows", [1, 5, MOST_POINTS, MOST_POINTS + 1, 4_000_000])
def test_the_sample_is_always_the_same_rows_each_once(rows: int) -> None:
    index = sample(rows)
    assert len(index) == min(rows, MOST_POINTS)
    assert (np.diff(index) > 0).all() and index[0] >= 0 and index[-1] < rows
    np.testing.assert_array_equal(index, sample(rows))


@pytest.mark.parametrize("count", [1, 2, 6, 12, 13, 40])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_any_number_of_parameters(count: int, suffix: str, tmp_path: Path) -> None:
    start = dict.fromkeys([f"w{k}" for k in range(count)], 0.5)
    trace = descended(f"y ~ poly(x, {count - 1}, w)", "@noisy-line", start=start, lr=0.1, steps=20)
    plot_trace(trace, tmp_path / f"many{suffix}")
    ax = plot_parameters(trace, axes())
    labels = [text.get_text() for text in ax.texts]
    assert [label.split(" = ")[0] for label in labels] == (list(trace.parameters) if count <= 12 else [])
    heights = sorted(text.get_position()[1] for text in ax.texts)
    assert all(np.diff(heights) > 0.08)


def test_the_labels_say_the_last_values(trace: Trace) -> None:
    (label,) = plot_parameters(trace, axes()).texts
    assert label.get_text() == f"w = {trace['w'][-1]:.4g}"


def test_parameters_of_different_size_have_their_own_scales_and_rounding_has_none() -> None:
    unlike = descended("y ~ b1*(1 - exp(-b2*x))", "@misra1a", steps=50)
    ax = plot_parameters(unlike, axes())
    assert "own scale" in ax.get_ylabel()
    for name, line in zip(unlike.parameters, ax.lines, strict=False):
        drawn, values = np.asarray(line.get_ydata()), unlike[name]
        assert drawn.min() == 0 and drawn.max() == 1
        assert drawn.argmin() == values.argmin() and drawn.argmax() == values.argmax()
    noise = descended("y ~ a + b*P3(c + d*x)", "@sine2000", lr=1e-6, steps=50)
    assert noise["a"].any() and np.abs(noise["a"]).max() < 1e-15  # it is zero, but for rounding
    assert plot_parameters(noise, axes()).get_ylabel() == "parameters"


@pytest.mark.parametrize(
    ("trace", "scale"),
    [
        (("y ~ w*x", "@triples", "mse", {"w": 0}, {"lr": 0.005, "steps": 50}), "log"),
        (("y ~ w*x", "@triples", "mse", {"w": 0}, {"lr": 0.005, "steps": 1}), "linear"),  # less than a decade
        (("y ~ w*x", "@triples", "mse", {"w": 0}, {"lr": 1 / 32, "steps": 500}), "symlog"),  # ends at 0
        (("y ~ w*x", "@triples", "yhat - 20*y + yhat**2", {"w": 0}, {"lr": 0.005, "steps": 50}), "linear"),  # below 0
        (("y ~ w*x", "@triples", "mse", {"w": 3}, {"lr": 0.005, "steps": 5}), "linear"),  # nothing moves
    ],
)
def test_the_scale_of_the_loss(trace: Any, scale: str, tmp_path: Path) -> None:
    *problem, options = trace
    done = descended(*problem, **options)
    if scale == "symlog":
        assert done.loss[-1] == 0
    assert plot_loss(done, axes()).get_yscale() == scale
    plot_trace(done, tmp_path / "loss.svg")


@pytest.mark.parametrize("formula", ["`the y` ~ log(w)*x", "log(`the y`) ~ log(w)*x*z", "`the y` ~ log(w)"])
def test_where_nothing_was_fitted_the_data_are_drawn_and_the_reason_is_said(formula: str, tmp_path: Path) -> None:
    failed = st.fit(formula, {"x": X, "the y": X + 1, "z": X**2}, start={"w": -1})
    figure = failed.plot(tmp_path / "failed.svg")
    (ax,) = figure.axes
    (points,) = ax.lines
    y = np.log(X + 1) if formula.startswith("log") else X + 1
    np.testing.assert_allclose(points.get_ydata(), y, rtol=1e-15)
    assert ax.get_ylabel() == ("log(the y)" if formula.startswith("log") else "the y")
    said = " ".join(text.get_text().replace("\n", " ") for text in figure.texts)
    assert "Nothing was fitted; nonfinite: log(w) is nan" in said and "±" not in said
    assert fit_rows(failed) == [("parameter", "start"), ("w", "-1")]


@pytest.mark.parametrize("what", ["fit", "trace"])
def test_the_title_says_an_expected_end_once(what: str, request: Any) -> None:
    result = request.getfixturevalue(what)
    said = " ".join(text.get_text().replace("\n", " ") for text in result.plot().texts)
    assert result.reason not in said
    assert said.endswith("; converged." if what == "fit" else f"to {result.loss[-1]:.6g}.")


def test_a_descent_that_failed_says_why_in_its_title() -> None:
    trace = descended("y ~ w*x", "@triples", lr=1.0)
    assert trace.reason in " ".join(text.get_text().replace("\n", " ") for text in trace.plot().texts)


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (0.19027818370123, 0.0219, "0.19027818"),
        (-1234567.0123456, 0.5, "-1234567.012"),  # 10 digits
        (1234567.0123456, 2e14, "0"),
        (3e-17, 0.1, "0"),
        (1 / 3, 0.0, "0.3333333333"),
        (1 / 3, float("nan"), "0.3333333333"),
        (1.7976931348623157e308, 1e300, "1.797693135e+308"),
    ],
)
def test_digits_follow_the_standard_error(value: float, error: float, shown: str) -> None:
    assert estimate(value, error) == shown


def test_negative_numbers_have_the_sign_of_the_axes() -> None:
    result = st.fit("y ~ a + b*x", {"x": X, "y": -2 * X - np.sin(9 * X)}, start={"a": 1, "b": 1})
    said = " ".join(text.get_text() for text in result.plot().texts)
    assert "b = −" in said and "-" not in said
    assert (
        "w = −"
        in plot_parameters(descended("y ~ w*x", {"x": X, "y": -X}, lr=0.01, steps=9, start={"w": 0}), axes()).texts[0].get_text()
    )


def test_rows_and_whole_numbers_have_whole_ticks() -> None:
    problem = st.Problem("y ~ a", {"y": [3.0, 4.0]}, start={"a": 1})
    for draw in (plot_data, plot_residuals):
        ticks = draw(problem.objective(), [1], axes()).get_xticks()
        np.testing.assert_array_equal(ticks, np.round(ticks))


def test_residuals_keep_off_the_frame(fit: Fit) -> None:
    ax = plot_residuals(fit.objective, fit.theta, axes())
    left = np.asarray(ax.lines[1].get_ydata())
    low, high = ax.get_ylim()
    assert min(left.min() - low, high - left.max()) > 0.08 * (high - low)


def test_lines_and_their_labels_look_alike() -> None:
    start = dict.fromkeys([f"w{k}" for k in range(8)], 0.5)
    ax = plot_parameters(descended("y ~ poly(x, 7, w)", "@noisy-line", start=start, lr=0.1, steps=20), axes())
    for line, leader in zip(ax.lines[:8], ax.lines[8:], strict=True):
        assert (line.get_color(), line.get_linestyle()) == (leader.get_color(), leader.get_linestyle())


def test_the_first_two_labels_of_a_long_descent_stand_apart() -> None:
    trace = descended("y ~ poly(x, 7, w)", "@sine", steps=200_000, every=10)
    figure = trace.plot()
    figure.canvas.draw()
    (ax,) = (ax for ax in figure.axes if ax.get_xlabel() == "step (logarithmic)")
    boxes = [label.get_window_extent() for label in ax.get_xticklabels() if label.get_text()]
    assert len(boxes) > 3 and all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


@pytest.mark.parametrize("lr", [1.0, 1e200])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_descent_that_blew_up_can_be_drawn(lr: float, suffix: str, tmp_path: Path) -> None:
    trace = descended("H_0 ~ theta_0 + theta_1*x_1 + theta_2*x_2", "@instances", lr=lr, steps=100)
    assert trace.outcome in ("diverged", "nonfinite")
    plot_trace(trace, tmp_path / f"blown{suffix}")


def test_exact_numbers_can_be_drawn_and_printed() -> None:
    from fractions import Fraction

    exact = descended("y ~ w*x", "@triples", lr=Fraction(1, 200), steps=3, engine="sympy")
    plot_trace(exact)
    assert "<td" in trace_html(exact)
    assert number(exact.final["w"]) == str(exact.final["w"])


@pytest.mark.parametrize(
    ("wanted", "gap"), [([0.5], 0.1), ([0.5, 0.5, 0.5], 0.1), ([1, 1, 0.99], 0.2), ([0, 0, 1], 0.1), ([0.2, 0.8], 0.1)]
)
def test_labels_are_spread_in_order_inside_the_axes(wanted: list[float], gap: float) -> None:
    heights = spread(np.array(wanted), gap)
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(heights[order]) >= gap - 1e-12).all()
    assert heights.min() >= -1e-12 and heights.max() <= 1 + 1e-12
    if len(wanted) < 3 and abs(np.diff(wanted)).min(initial=1) > gap:
        np.testing.assert_allclose(heights, wanted)


def test_the_table_of_a_fit_says_what_is_fixed_and_what_is_not_known() -> None:
    data = {"x": [0.0, 1.0, 2.0], "y": [1.0, 3.0, 5.5]}
    fixed = st.Problem("y ~ a + b*x", data, start={"a": {"value": 1, "fixed": True}, "b": 1}).fit()
    assert [row[2] for row in fit_rows(fixed)][:2] == ["std error", "fixed"]
    unknown = st.Problem("y ~ a + b*x", data, loss="mae", start={"a": 0, "b": 1}).fit()
    assert [row[2] for row in fit_rows(unknown)] == ["std error", "unknown", "unknown"]
    plot_fit(unknown)


def test_long_tables_are_shortened() -> None:
    rows = [("parameter", "value"), *((f"w{k}", "1") for k in range(500))]
    lines = text_table(rows).splitlines()
    assert len(lines) == 62 and lines[31] == "…"
    assert lines[1].startswith("w0 ") and lines[-1].startswith("w499")


def test_on_batches_the_loss_of_all_rows_is_told_from_that_of_a_batch() -> None:
    data = {"x": np.arange(10.0), "y": np.arange(10.0) ** 1.5}
    trace = descended("y ~ a + b*x", data, start={"a": 0, "b": 0}, batch=2, epochs=4, lr=0.001)
    batch, every_row = plot_loss(trace, axes()).get_lines()
    assert [batch.get_label(), every_row.get_label()] == ["of the batch", "of all rows"]
    assert np.array_equal(batch.get_ydata(), trace.loss)
    assert every_row.get_xdata().tolist() == [0, 5, 10, 15, 20]
