"""Several data sets, several responses, own parameters of groups: against lmfit and SciPy written out by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest as st
from steepest.cli.main import main
from steepest.errors import DataError, FormulaError, OptionError
from steepest.fitting.result import Fit

Array = np.ndarray[Any, Any]
T = np.linspace(0, 6, 40)


def gaussian(x: Array, height: float, center: float, width: float) -> Array:
    return height * np.exp(-((x - center) ** 2) / (2 * width**2))


# Each: what is fitted, and the residuals of all rows as a function of the parameters in the order of the fit.
def two_gaussians() -> tuple[Fit, Callable[[Array], Array]]:
    rng = np.random.default_rng(7)
    x = np.linspace(0, 10, 60)
    ys = [gaussian(x, 3, 4, 0.8) + 0.05 * rng.normal(size=60), gaussian(x, 5, 6.5, 0.8) + 0.05 * rng.normal(size=60)]
    fit = st.fit(
        "y ~ h*exp(-(x - m)**2/(2*s**2))",
        {"x": np.tile(x, 2), "y": np.concatenate(ys), "peak": ["left"] * 60 + ["right"] * 60},
        own={"h": "peak", "m": "peak"},
        start={"h": 4, "m_left": 4, "m_right": 6, "s": 1},
    )
    return fit, lambda p: np.concatenate([gaussian(x, p[0], p[2], p[4]) - ys[0], gaussian(x, p[1], p[3], p[4]) - ys[1]])


def three_decays() -> tuple[Fit, Callable[[Array], Array]]:
    rng = np.random.default_rng(7)
    xs = [T, T[:25], T[5:]]
    ys = [a * np.exp(-0.7 * x) + c + 0.02 * rng.normal(size=len(x)) for x, a, c in zip(xs, (1, 2, 4), (0, 0.5, 1), strict=True)]
    data = [{"x": x, "y": y} for x, y in zip(xs, ys, strict=True)]
    fit = st.fit("y ~ a*exp(-b*x) + c", data, own=["a", "c"], start={"a": 1, "b": 1, "c": 0})
    return fit, lambda p: np.concatenate([p[k] * np.exp(-p[3] * xs[k]) + p[4 + k] - ys[k] for k in range(3)])


def reaction() -> tuple[Fit, Callable[[Array], Array]]:
    rng = np.random.default_rng(7)
    u, v = (f + 0.01 * rng.normal(size=40) for f in (2 * np.exp(-0.6 * T), 1.5 * (1 - np.exp(-0.6 * T))))
    fit = st.fit(["u ~ a*exp(-k*t)", "v ~ c*(1 - exp(-k*t))"], {"t": T, "u": u, "v": v}, start={"a": 1, "k": 1, "c": 1})
    return fit, lambda p: np.concatenate([p[0] * np.exp(-p[1] * T) - u, p[2] * (1 - np.exp(-p[1] * T)) - v])


def weighted_reaction() -> tuple[Fit, Callable[[Array], Array]]:
    rng = np.random.default_rng(7)
    u, v = (f + 0.01 * rng.normal(size=40) for f in (200 * np.exp(-0.6 * T), 1.5 * (1 - np.exp(-0.6 * T))))
    w = rng.uniform(1, 2, 40)
    fit = st.fit(
        ["u ~ a*exp(-k*t)", "v ~ c*(1 - exp(-k*t))"],
        {"t": T, "u": u, "v": v, "w": w},
        start={"a": 100, "k": 1, "c": 1},
        weights=[1e-4, "w"],
    )
    return fit, lambda p: np.concatenate([1e-2 * (p[0] * np.exp(-p[1] * T) - u), np.sqrt(w) * (p[2] * (1 - np.exp(-p[1] * T)) - v)])


def logarithm_beside_plain() -> tuple[Fit, Callable[[Array], Array]]:
    rng = np.random.default_rng(7)
    u, v = 2 * np.exp(-0.6 * T) * np.exp(0.01 * rng.normal(size=40)), 1.5 * (1 - np.exp(-0.6 * T)) + 0.01 * rng.normal(size=40)
    fit = st.fit(
        ["log(u) ~ log(a) - k*t", "v ~ c*(1 - exp(-k*t))"],
        [{"t": T, "u": u}, {"t": T, "v": v}],
        start={"a": 1, "k": 1, "c": 1},
    )
    return fit, lambda p: np.concatenate([np.log(p[0]) - p[1] * T - np.log(u), p[2] * (1 - np.exp(-p[1] * T)) - v])


def fifty_groups() -> tuple[Fit, Callable[[Array], Array]]:
    rng = np.random.default_rng(7)
    x, a = np.linspace(0, 4, 12), rng.uniform(1, 3, 50)
    y = a[:, None] * np.exp(-0.7 * x) + 0.02 * rng.normal(size=(50, 12))
    data = {"x": np.tile(x, 50), "y": y.ravel(), "run": np.repeat(np.arange(50), 12)}
    fit = st.fit("y ~ a*exp(-b*x)", data, own={"a": "run"}, start={"a": 2, "b": 1})
    return fit, lambda p: (p[:50, None] * np.exp(-p[50] * x) - y).ravel()


def two_columns_of_groups() -> tuple[Fit, Callable[[Array], Array]]:
    rng = np.random.default_rng(7)
    x, dose, day = np.tile(T, 6), np.repeat([0.5, 0.5, 2, 2, 8, 8], 40), np.tile(np.repeat(["mon", "tue"], 40), 3)
    a = {0.5: 1.0, 2.0: 2.0, 8.0: 5.0}
    y = np.array([a[d] for d in dose]) * np.exp(-0.5 * x) + np.where(day == "mon", 0.1, 0.4) + 0.01 * rng.normal(size=240)
    data = {"x": x, "y": y, "dose": dose, "day": day}
    fit = st.fit("y ~ a*exp(-b*x) + c", data, own={"a": "dose", "c": "day"}, start={"a": 1, "b": 1, "c": 0})
    which, monday = np.searchsorted([0.5, 2, 8], dose), day == "mon"
    return fit, lambda p: p[which] * np.exp(-p[3] * x) + np.where(monday, p[4], p[5]) - y


PROBLEMS = [
    two_gaussians, three_decays, reaction, weighted_reaction, logarithm_beside_plain, fifty_groups, two_columns_of_groups,
]  # fmt: skip


@pytest.mark.parametrize("make", PROBLEMS)
def test_the_same_as_scipy_on_the_residuals_one_after_the_other(make: Callable[[], tuple[Fit, Callable[[Array], Array]]]) -> None:
    from scipy.optimize import least_squares

    fit, residuals = make()
    assert fit.outcome == "converged"
    theirs = least_squares(residuals, fit.theta * 1.05, method="trf", jac="3-point", ftol=1e-15, xtol=1e-15, gtol=1e-15)
    np.testing.assert_allclose(fit.theta, theirs.x, rtol=1e-8)
    np.testing.assert_allclose(fit.rss, 2 * theirs.cost, rtol=1e-10)
    np.testing.assert_allclose(np.sum(residuals(fit.theta) ** 2), fit.rss, rtol=1e-12)
    spread = 2 * theirs.cost / (len(theirs.fun) - len(theirs.x))
    covariance = spread * np.linalg.inv(theirs.jac.T @ theirs.jac)
    np.testing.assert_allclose(list(fit.std_errors.values()), np.sqrt(np.diag(covariance)), rtol=1e-6)
    for column in {line.column for line in fit.sets}:
        assert sum(line.rows for line in fit.sets if line.column == column) == fit.rows
        np.testing.assert_allclose(sum(line.rss for line in fit.sets if line.column == column), fit.rss, rtol=1e-12)


@pytest.mark.parametrize("make", [two_gaussians, three_decays, reaction])
def test_the_same_as_lmfit_with_its_parameters_by_name(make: Callable[[], tuple[Fit, Callable[[Array], Array]]]) -> None:
    lmfit = pytest.importorskip("lmfit")
    fit, residuals = make()
    parameters = lmfit.Parameters()
    for name, value in fit.parameters.items():
        parameters.add(name, value=value * 1.03)
    theirs = lmfit.minimize(
        lambda p: residuals(np.array(list(p.valuesdict().values()))), parameters, ftol=1e-15, xtol=1e-15, gtol=1e-15, epsfcn=1e-13
    )
    for name, value in fit.parameters.items():
        assert theirs.params[name].value == pytest.approx(value, rel=1e-8, abs=1e-6 * fit.std_errors[name])
        assert theirs.params[name].stderr == pytest.approx(fit.std_errors[name], rel=1e-4)


def grouped(**options: Any) -> st.Problem:
    data = {"x": [0.0, 1, 2, 0, 1, 2], "y": [2.0, 1.1, 0.7, 3.1, 1.7, 1], "run": ["control"] * 3 + ["treated"] * 3}
    return st.Problem("y ~ a*exp(-b*x)", data, own={"a": "run"}, **{"start": {"a": 2, "b": 0.5}, **options})


def test_engines_agree_and_the_doctor_examines() -> None:
    problem = grouped()
    assert problem.check(["numpy", "compiled", "torch", "torch-autograd", "jax", "finite-difference"]).ok

    def gradient(theta: Array, columns: dict[str, Array]) -> Array:
        control = columns["run_code"] == 1
        wave = np.exp(-theta[2] * columns["x"])
        a = np.where(control, theta[0], theta[1])
        error = a * wave - columns["y"]
        slopes = [error * wave * control, error * wave * ~control, -error * a * wave * columns["x"]]
        return 2 * np.mean(slopes, axis=1)

    assert st.check_gradient(gradient, problem).correct
    report = st.check_gradient(lambda theta, columns: gradient(theta, columns) * len(columns["x"]), problem)
    assert report.cause == "missing-1/n"


def test_a_descent_and_its_trace(tmp_path: Path) -> None:
    trace = grouped().descend(lr=0.05, steps=50)
    assert trace.outcome == "steps" and list(trace.final) == ["a_control", "a_treated", "b"]
    trace.save(tmp_path / "run.parquet")
    assert grouped().load(tmp_path / "run.parquet").final == trace.final
    with pytest.raises(OptionError, match="does not say which data"):
        st.rerun(tmp_path / "run.parquet")


NAMED: list[tuple[Any, dict[str, float]]] = [
    ({"a": 2, "b": 1}, {"a_control": 2, "a_treated": 2, "b": 1}),
    ({"a": 2, "a_treated": 3, "b": 1}, {"a_control": 2, "a_treated": 3, "b": 1}),
    ({"a_control": 2, "a_treated": 3, "b": 1}, {"a_control": 2, "a_treated": 3, "b": 1}),
    ([4, 5, 6], {"a_control": 4, "a_treated": 5, "b": 6}),
]


@pytest.mark.parametrize(("start", "expected"), NAMED)
def test_starts_by_the_name_of_all_or_of_one(start: Any, expected: dict[str, float]) -> None:
    problem = grouped(start=start)
    assert problem.start == expected
    assert grouped().with_start(start).start == expected
    assert problem.loss_at(start) == problem.loss_at(expected) == problem.loss_at(list(expected.values()))


def test_all_or_one_can_be_fixed() -> None:
    everyone = grouped(start={"a": {"value": 2, "fixed": True}, "b": 1}).fit()
    assert (everyone["a_control"], everyone["a_treated"]) == (2, 2) and everyone.std_errors["a_treated"] == 0
    one = grouped(start={"a": 2, "a_control": {"value": 1.9, "fixed": True}, "b": 1}).fit()
    assert one["a_control"] == 1.9 and one.std_errors["a_treated"] > 0


def test_a_start_is_found_in_the_data() -> None:
    with pytest.warns(st.SteepestWarning, match="no start given"):
        fit = grouped(start=None).fit()
    assert fit.theta == pytest.approx(grouped().fit().theta)


def test_ready_models_start_in_each_group() -> None:
    rng, x = np.random.default_rng(3), np.linspace(0, 20, 80)
    peaks = [(3, 4, 0.8), (5, 12, 0.8), (1, 16, 0.8)]
    data = [{"x": x, "y": gaussian(x, *peak) + 0.02 * rng.normal(size=80)} for peak in peaks]
    problem = st.Problem(st.models.gaussian("y", "x"), data, own=["height", "center"])
    assert [problem.start[f"center_{k}"] for k in (1, 2, 3)] == pytest.approx([4, 12, 16], abs=0.5)
    fit = problem.fit()
    assert fit.outcome == "converged"
    assert fit.theta == pytest.approx([3, 5, 1, 4, 12, 16, 0.8], abs=0.05)


@pytest.mark.parametrize(
    ("labels", "names", "shown"),
    [
        ([3, 1, 2], ["a_1", "a_2", "a_3"], ("1", "2", "3")),
        ([3.0, -1.0, 0.5], ["a_m1", "a_0_5", "a_3"], ("-1", "0.5", "3")),
        (["b", "a", " c "], ["a_b", "a_a", "a_c"], ("b", "a", "c")),
        (["10", "9", "x"], ["a_10", "a_9", "a_x"], ("10", "9", "x")),
        (["10", "9", "8"], ["a_8", "a_9", "a_10"], ("8", "9", "10")),
        (["dose (mg)", "été", "β"], ["a_dose_mg", "a_ete", "a_β"], ("dose (mg)", "été", "β")),
        (["+", "-", "0"], ["a_1", "a_2", "a_0"], ("+", "-", "0")),
        ([True, False, True], ["a_True", "a_False"], ("True", "False")),
    ],
)
def test_labels_and_the_names_they_make(labels: list[Any], names: list[str], shown: tuple[str, ...]) -> None:
    import pandas
    import polars

    plain = {"x": [1.0, 2, 3], "y": [1.0, 2, 4]}
    for data in (
        {**plain, "run": labels},
        {**plain, "run": np.array(labels)},
        pandas.DataFrame({**plain, "run": labels}),
        polars.DataFrame({**plain, "run": labels}),
        pandas.DataFrame({**plain, "run": labels}).astype({"run": "category"}),
    ):
        problem = st.Problem("y ~ a*x", data, own={"a": "run"}, start={"a": 1})
        assert sorted(problem.parameters) == sorted(names)
        assert sorted(problem.recipe()["sets"]["groups"][0]["labels"]) == sorted(shown)
    assert list(problem.parameters) == names


def files(folder: Path) -> list[str]:
    (folder / "one.csv").write_text("x,y,run\n0,2,control\n1,1.1,control\n2,0.7,treated\n3,0.5,treated\n", encoding="utf-8")
    (folder / "two.csv").write_text("x,y,run\n0,3.1,treated\n1,1.7,treated\n2,1,control\n", encoding="utf-8")
    return [str(folder / "one.csv"), str(folder / "two.csv")]


def test_files_frames_and_mappings_together(tmp_path: Path) -> None:
    import pandas
    import polars

    one, two = files(tmp_path)
    pandas.read_csv(two).to_parquet(tmp_path / "two.parquet")
    expected = st.Problem("y ~ a*x + b", [one, two], own=["b"], start={"a": 1, "b": 1})
    assert [column.tolist() for column in expected.columns.arrays] == [
        [2, 1.1, 0.7, 0.5, 3.1, 1.7, 1], [0, 1, 2, 3, 0, 1, 2], [1, 1, 1, 1, 2, 2, 2],
    ]  # fmt: skip
    for second in (str(tmp_path / "two.parquet"), pandas.read_csv(two), polars.read_csv(two), {"x": [0, 1, 2], "y": [3.1, 1.7, 1]}):
        problem = st.Problem("y ~ a*x + b", [one, second], own=["b"], start={"a": 1, "b": 1})
        assert problem.columns.fingerprint == expected.columns.fingerprint
    by_run = st.Problem("y ~ a*x + b", [one, str(tmp_path / "two.parquet")], own={"a": "run", "b": "set"}, start={"a": 1, "b": 1})
    assert by_run.parameters == ("a_control", "a_treated", "b_1", "b_2")
    assert by_run.columns.arrays[by_run.columns.names.index("run_code")].tolist() == [1, 1, 2, 2, 2, 2, 1]


def test_a_recipe_of_files_runs_again(tmp_path: Path) -> None:
    one, two = files(tmp_path)
    for k, problem in enumerate([
        st.Problem("y ~ a*x + b", one, own={"b": "run"}, start={"a": 1, "b": 1}),
        st.Problem("y ~ a*x + b", [one, two], own=["b"], start={"a": 1, "b": 1}, weights=[1, "x"]),
        st.Problem(["y ~ a*x + b", "x ~ b*y + c"], one, start={"a": 1, "b": 1, "c": 1}),
    ]):  # fmt: skip
        trace = problem.descend(lr=0.01, steps=20)
        trace.save(tmp_path / f"{k}.parquet")
        assert np.array_equal(st.rerun(tmp_path / f"{k}.parquet").theta, trace.theta)
    weighted = st.Problem("y ~ a*x", [one, two], start={"a": 1}, weights=[np.ones(4), 2])
    weighted.descend(lr=0.01, steps=2).save(tmp_path / "weighted.parquet")
    with pytest.raises(OptionError, match="weights of this descent were given as numbers"):
        st.rerun(tmp_path / "weighted.parquet")


def test_a_saved_fit_reads_labels_without_its_data(tmp_path: Path) -> None:
    problem = grouped()
    fit = problem.fit()
    fit.save(tmp_path / "fit.json")
    for again in (st.load(tmp_path / "fit.json"), st.load(tmp_path / "fit.json", problem)):
        assert again.sets == fit.sets and again.summary() == fit.summary()
        assert again.predict({"x": [1]}, set="treated") == fit.predict({"x": [1], "run": ["treated"]})
        assert again.band({"x": [1], "run": ["control"]}).upper == fit.band({"x": [1], "run": ["control"]}).upper
    held = json.loads((tmp_path / "fit.json").read_text(encoding="utf-8"))
    for damage in (
        {"groups": 3},
        {"groups": [{"column": 1}]},
        {"text": None},
        {"own": []},
        {"formulas": "y"},
        {"formulas": ["y ~ a*x", "z ~ a*x"]},
    ):
        recipe = {**held["recipe"], "sets": {**held["recipe"]["sets"], **damage}}
        (tmp_path / "damaged.json").write_text(json.dumps({**held, "recipe": recipe}), encoding="utf-8")
        with pytest.raises(DataError, match="damaged"):
            st.load(tmp_path / "damaged.json")
    for lines in (3, [[1]], [["run", "control", "many", 1, 1]], [["run", "control", 3, "1", 1]]):
        (tmp_path / "damaged.json").write_text(json.dumps({**fit.to_dict(), "sets": lines}), encoding="utf-8")
        with pytest.raises(DataError, match="damaged"):
            st.load(tmp_path / "damaged.json")


def test_predictions_on_new_rows() -> None:
    fit = grouped().fit()
    expected = [fit["a_treated"], fit["a_control"] * np.exp(-fit["b"])]
    assert fit.predict({"x": [0, 1], "run": ["treated", "control"]}) == pytest.approx(expected)
    assert fit.predict({"x": [0.0]}, set="treated") == pytest.approx(expected[:1])
    assert grouped().predict(fit.parameters, {"x": [0.0]}, set="treated") == pytest.approx(expected[:1])
    np.testing.assert_array_equal(fit.predict(), fit.predict({"x": [0.0, 1, 2, 0, 1, 2], "run": ["control"] * 3 + ["treated"] * 3}))


def test_predictions_of_one_response_need_its_columns_alone() -> None:
    data = {"s": [1.0, 2, 3], "t": [1.0, 2, 4], "u": [2.0, 4, 6.1], "v": [3.0, 6, 12.1]}
    fit = st.fit(["u ~ a*s + c", "v ~ b*t + c"], data)
    assert fit.predict({"s": [1.0]}, set="u") == pytest.approx([fit["a"] + fit["c"]])
    assert fit.predict({"t": [1.0], "set": ["v"]}) == pytest.approx([fit["b"] + fit["c"]])
    with pytest.raises(DataError, match="no column 't'"):
        fit.predict({"s": [1.0]}, set="v")


def test_what_one_response_lacks_is_never_seen_by_another() -> None:
    """log and 1/x of another set's rows, and gaps there: nothing of it reaches a value or a gradient."""
    one = {"x": [1.0, 2, 3], "u": [0.5, 0.2, 0.1]}
    two = {"z": [-1.0, -2, -3, -5], "v": [1.0, 2, 3, 5]}
    both = st.Problem(["log(u) ~ log(a*x) - b/x", "v ~ sqrt(-z)*c + a"], [one, two], "sse", start={"a": 1, "b": 1, "c": 1})
    alone = [
        st.Problem("log(u) ~ log(a*x) - b/x", one, "sse", start={"a": 1, "b": 1}),
        st.Problem("v ~ sqrt(-z)*c + a", two, "sse", start={"c": 1, "a": 1}),
    ]
    theta = {"a": 1.3, "b": 0.4, "c": 0.9}
    parts = [dict(zip(p.parameters, p.gradient_at({name: theta[name] for name in p.parameters}), strict=True)) for p in alone]
    expected = [sum(part.get(name, 0) for part in parts) for name in both.parameters]
    for engine in ("numpy", "compiled", "torch", "torch-autograd", "torch-function", "jax"):
        np.testing.assert_allclose(both.gradient_at(theta, engine=engine), expected, rtol=1e-13)
    np.testing.assert_allclose(both.loss_at(theta), sum(p.loss_at({n: theta[n] for n in p.parameters}) for p in alone), rtol=1e-14)


def test_a_gap_drops_the_row_of_its_response_alone() -> None:
    gaps = {"t": [0.0, 1, 2, 3], "u": [1.0, np.nan, 3, 4], "v": [2.0, 2, np.nan, np.nan], "w": [1.0, 2, 3, np.nan]}
    formulas = ["u ~ a + b*t", "v ~ a + c*t"]
    start = {"a": 1, "b": 1, "c": 1}
    with pytest.raises(DataError, match=r"column 'u': 1 missing .*the first at set u, row index 1; so has 'v'"):
        st.Problem(formulas, gaps, start=start)
    with pytest.warns(st.SteepestWarning, match="3 of 8 rows dropped"):
        problem = st.Problem(formulas, gaps, start=start, missing="drop")
    held = dict(zip(problem.columns.names, problem.columns.arrays, strict=True))
    assert held["set"].tolist() == [1, 1, 1, 2, 2] and held["t"].tolist() == [0, 2, 3, 0, 1]
    with pytest.warns(st.SteepestWarning, match="4 of 8 rows dropped"):
        weighted = st.Problem(formulas, gaps, start=start, missing="drop", weights=["w", [1, 2, 3, 4]])
    assert weighted.weights is not None and weighted.weights.tolist() == [1, 3, 1, 2]
    options: dict[str, Any] = {"own": {"a": "run"}, "start": {"a": 1, "b": 1}, "missing": "drop"}
    with pytest.warns(st.SteepestWarning):
        by_run = st.Problem("u ~ a + b*t", {**gaps, "run": ["i", "i", "k", None]}, **options)
    assert by_run.columns.rows == 2
    with pytest.raises(DataError, match="none of the 2 rows that are left has 'run' 'k'"):
        st.Problem("v ~ a + b*t", {**gaps, "run": ["i", "i", "k", "k"]}, **options)


def test_a_label_left_empty_in_a_csv_file_is_a_missing_value(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("x,y,run\n0,2,i\n1,1,\n2,3,k\n", encoding="utf-8")
    with pytest.raises(DataError, match="column 'run_code': 1 missing"):
        st.Problem("y ~ a + x*b", str(tmp_path / "data.csv"), own={"a": "run"})


ONE = {"x": [1.0, 2, 3], "y": [1.0, 2, 4], "run": ["i", "k", "k"]}
WRONG: list[tuple[Any, Any, dict[str, Any], type[Exception], str]] = [
    ("y ~ a*x", ONE, {"own": {"b": "run"}}, OptionError, "own: unknown parameter 'b'. Known: a"),
    ("y ~ a*x", ONE, {"own": {"x": "run"}}, OptionError, "own: unknown parameter 'x'"),
    ("y ~ a*x", ONE, {"own": {"a": "runs"}}, DataError, "no column 'runs': did you mean 'run'"),
    ("y ~ a*x", ONE, {"own": {"a": 3}}, OptionError, "give the name of a column"),
    ("y ~ a*x", ONE, {"own": ["a"]}, OptionError, "own={'a': 'run'}"),
    ("y ~ a*x", ONE, {"own": "a"}, OptionError, "own={'a': 'run'}"),
    ("y ~ a*x + a_i", ONE, {"own": {"a": "run"}}, OptionError, "'a' for run 'i' would be the parameter 'a_i'"),
    ("y ~ a*x", {**ONE, "a_k": [1, 2, 3]}, {"own": {"a": "run"}}, OptionError, "'a' for run 'k' would be the parameter 'a_k'"),
    ("y ~ a*x", {**ONE, "run": ["A b", "A-b", "c"]}, {"own": {"a": "run"}}, OptionError, "so would be that of 'a' for 'A b'"),
    ("y ~ a*x", {**ONE, "run": ["q" * 70, "b", "c"]}, {"own": {"a": "run"}}, OptionError, "at most 64"),
    ("y ~ poly(x, 2, w)", ONE, {"own": {"w0": "run"}}, FormulaError, "'w0' is made by poly"),
    ("y ~ a*x", {**ONE, "run": [{}, {}, {}]}, {"own": {"a": "run"}}, DataError, "a dict is no label"),
    ("y ~ a*x", {**ONE, "run": [[1], [2], [3]]}, {"own": {"a": "run"}}, DataError, "one label a row"),
    ("y ~ a*x", {**ONE, "run": ["i", "k"]}, {"own": {"a": "run"}}, DataError, "columns of different length"),
    ("y ~ a*x", {**ONE, "run": [None, np.nan, " "]}, {"own": {"a": "run"}}, DataError, "no label in any row"),
    ("y ~ a*x", [], {}, OptionError, "1 formulas and 0 data sets"),
    ("y ~ a*x", [ONE, {"x": [1.0], "z": [2.0]}], {}, FormulaError, "unknown column 'y'"),
    ("y ~ a*x + b*z", [{**ONE, "z": [1, 2, 3]}, ONE], {}, DataError, "'z' is a column of set 1 .mapping., but set 2"),
    ("y ~ a*x", [ONE, ONE], {"own": ["a", "b"]}, OptionError, "unknown parameter 'b'"),
    ("y ~ a*x", [ONE, ONE], {"weights": [1]}, OptionError, "weights has 1 entries: give one for each of the 2 sets"),
    ("y ~ a*x", [ONE, ONE], {"weights": [1, None]}, OptionError, "weights of mapping is None"),
    ("y ~ a*x", [ONE, ONE], {"weights": [1, "w"]}, DataError, "no column 'w'"),
    ("y ~ a*x", [ONE, ONE], {"weights": [1, [1, 2]]}, DataError, "columns of different length"),
    ("y ~ a*x", [ONE, ONE], {"weights": [1, -1]}, OptionError, "not negative"),
    (["y ~ a*x", "x ~ b*y"], [ONE, ONE, ONE], {}, OptionError, "2 formulas and 3 data sets"),
    (["y ~ a*x", "x ~ b*"], ONE, {}, FormulaError, "expected a number"),
    (["y ~ a*x", 3], ONE, {}, FormulaError, "expected text"),
    ([], ONE, {}, OptionError, "0 formulas"),
]


@pytest.mark.parametrize(("formula", "data", "options", "error", "sentence"), WRONG)
def test_wrong_use_is_refused_with_what_to_do(formula: Any, data: Any, options: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence) as caught:
        st.Problem(formula, data, **options)
    assert len(str(caught.value).splitlines()) <= 3


NEW: list[tuple[Any, Any, str]] = [
    ({"x": [1]}, None, "no column 'run', one of control, treated in each row"),
    ({"x": [1], "run": ["contro"]}, None, "unknown label 'contro': did you mean 'control'\\? Known: control, treated"),
    ({"x": [1]}, "other", "unknown label 'other'. Known: control, treated"),
    ({"x": [1], "run": [None]}, None, "column 'run' has no label in any row"),
    ({"x": [1, 2], "run": ["control", None]}, None, "column 'run_code': 1 missing"),
    ({"run": ["control"]}, None, "no column 'x'"),
]


@pytest.mark.parametrize(("new", "label", "sentence"), NEW)
def test_new_rows_that_cannot_be_predicted(new: Any, label: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        grouped().fit().predict(new, label)


def test_a_label_of_new_rows_where_there_is_one_set_only() -> None:
    with pytest.raises(OptionError, match="one only: leave it out"):
        st.fit("y ~ a*x", ONE).predict({"x": [1]}, set="i")
    with pytest.raises(OptionError, match="one only: leave it out"):
        st.fit("y ~ a*x", {**ONE, "run": ["i"] * 3}, own={"a": "run"}).predict({"x": [1]}, set="i")
    with pytest.raises(OptionError, match="rows differ by run, day here"):
        twice = st.Problem("y ~ a*x + b", {**ONE, "day": [1, 2, 1]}, own={"a": "run", "b": "day"}, start={"a": 1, "b": 1})
        twice.predict(twice.start, {"x": [1]}, set=1)
    shared = st.fit("y ~ a*x", [ONE, ONE])
    assert shared.sets == () and shared.predict({"x": [1.0]}) == pytest.approx(st.fit("y ~ a*x", ONE).predict({"x": [1.0]}))


def test_a_column_called_set_is_not_taken_away() -> None:
    one = {"x": [1.0, 2, 3], "y": [1.0, 2, 4], "set": [1.0, 5, 7]}
    problem = st.Problem("y ~ a*x + b*set", [one, one], own=["a"], start={"a": 1, "b": 1})
    assert problem.parameters == ("a_1", "a_2", "b") and "set2" in problem.columns.names


def test_a_group_column_may_be_a_predictor_too() -> None:
    data = {"x": [1.0, 2, 1, 2, 1, 2], "T": [280, 280, 300, 300, 320, 320], "y": [1.0, 2, 2, 4, 3, 6.1]}
    fit = st.fit("y ~ a*x + b*(T - 300)*x", data, own={"a": "T"}, start={"a": 1, "b": {"value": 0.01, "fixed": True}})
    assert list(fit.parameters) == ["a_280", "a_300", "a_320", "b"]
    assert fit.predict({"x": [1.0], "T": [300]}) == pytest.approx([fit["a_300"]])


def test_the_summary_has_a_line_for_each_set() -> None:
    text = grouped().fit().summary()
    assert text.startswith("y ~ a*exp(-b*x), with a for each run   (mse, 6 rows)")
    assert [line.split()[:3] for line in text.splitlines() if line.startswith("run ")] == [
        ["run", "control", "3"],
        ["run", "treated", "3"],
    ]
    count = st.fit("y ~ a*x", [ONE, ONE], "mae", own=["a"], start={"a": 1})
    assert [line.rows for line in count.sets] == [3, 3] and np.isnan(count.sets[0].rss)


@pytest.mark.parametrize("loss", ["huber", "poisson", "half-mse", "cauchy(2)"])
def test_other_losses(loss: str) -> None:
    rng = np.random.default_rng(0)
    data = [{"x": np.arange(30.0), "y": rng.poisson(np.exp(0.05 * np.arange(30) + c)).astype(float)} for c in (0.3, 1.5)]
    fit = st.fit("y ~ a*x + b", data, loss, own=["b"], start={"a": 0.01, "b": 0.5})
    assert fit.outcome == "converged" and fit["b_2"] > fit["b_1"]


def test_many_groups_are_refused_and_many_are_fitted() -> None:
    rows = 1200
    data = {"x": np.arange(rows) % 4.0, "y": np.arange(rows) % 7.0, "run": np.arange(rows) // 4}
    problem = st.Problem("y ~ a + b*x + a*b*x**2/100", data, own={"a": "run"}, start={"a": 1, "b": 0.1})
    assert len(problem.parameters) == 301 and np.isfinite(problem.gradient_at(problem.start)).all()
    with pytest.raises(DataError, match="column 'x' has 1,200 different values: at most 500"):
        st.Problem("y ~ a + b*x", {**data, "x": np.arange(rows)}, own={"a": "x"})


def test_the_picture_has_a_curve_and_points_for_each_set(tmp_path: Path) -> None:
    from matplotlib.colors import to_hex

    figure = grouped().fit().plot(tmp_path / "fit.png", band=0.9)
    data, residuals = figure.axes
    curves = [line for line in data.lines if line.get_linestyle() == "-"]
    assert [line.get_label() for line in curves] == ["run control", "run treated"]
    assert len({to_hex(line.get_color()) for line in curves}) == 2 and len(data.collections) == 2
    assert [len(line.get_xdata()) for line in residuals.lines if line.get_marker() == "o"] == [3, 3]
    assert data.get_ylabel() == "y" and residuals.get_xlabel() == "x"
    assert (tmp_path / "fit.png").stat().st_size > 10_000


def test_the_picture_of_two_responses_and_of_two_predictors() -> None:
    two = st.fit(["u ~ a*t", "log(v) ~ a*t"], {"t": [1.0, 2, 3], "u": [2.0, 4, 6.1], "v": [3.0, 9, 30]}, start={"a": 1})
    assert two.plot(band=0.9).axes[0].get_ylabel() == "u, log(v)"
    more = st.fit("y ~ a*x + b*z", {**ONE, "z": [1.0, 5, 2], "x": [1.0, 2, 7]}, own={"b": "run"}, start={"a": 1, "b": 1})
    assert more.plot().axes[1].get_xlabel() == "predicted"


def test_html_and_the_exported_function_know_the_labels() -> None:
    fit = grouped().fit()
    assert "run treated" in fit._repr_html_()
    text = fit.export("numpy")
    assert "# run_code is 1 for control, 2 for treated" in text
    space: dict[str, Any] = {}
    exec(compile(text, "model", "exec"), space)
    np.testing.assert_allclose(
        space["model"](np.array([1.0, 2.0]), np.array([0.0, 1.0])), fit.predict({"x": [0, 1], "run": ["control", "treated"]})
    )
    for what in ("torch", "sympy", "latex"):
        assert fit.export(what)


def steepest(*words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "steepest", *words], capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_the_command_line(tmp_path: Path) -> None:
    one, two = files(tmp_path)
    code, said, _ = steepest("fit", "y ~ a*exp(-b*x)", one, "--own", "a=run", "--start", "a=2,b=0.5")
    assert code == 0 and "a_treated" in said and "run control     2" in said
    code, said, _ = steepest(
        "fit", "y ~ a*exp(-b*x) + c", one, two, "--own", "a, c", "--start", "a=2,b=0.5,c=0", "--fix", "c", "--json"
    )
    held = json.loads(said)
    assert code == 0 and list(held["parameters"]) == ["a_1", "a_2", "b", "c_1", "c_2"] and held["recipe"]["fixed"] == ["c_1", "c_2"]
    assert [line["rows"] for line in held["sets"]] == [4, 3]
    code, said, _ = steepest("fit", "y ~ a*x + c; x ~ b*y + c", one, "--json")
    assert code == 0 and list(json.loads(said)["parameters"]) == ["a", "c", "b"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--own", "a"], "--own a: say which column tells the groups of rows apart"),
        (["--own", "a=run,b"], "--own is 'a=run,b': give a column for each parameter"),
        (["--own", "a="], "--own is 'a='"),
        (["--own", "a=nobody"], "no column 'nobody'"),
        (["--own", "a=run", "--fix", "a_control"], "--fix a_control: say at which value"),
        (["--own", "a=run", "--fix", "c"], "--fix: unknown parameter 'c'"),
    ],
)
def test_the_command_line_refuses(words: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "y ~ a*exp(-b*x)", files(tmp_path)[0], *words]) in (1, 2)
    assert sentence in capsys.readouterr().err


def test_the_steps_name_the_column_of_a_condition() -> None:
    problem = grouped(start={"a": 2, "b": 0.5})
    assert "{a_control if run_code < 2, else a_treated}" in problem.formulae().text()
    sets = st.Problem("y ~ a*x", [ONE, ONE], own=["a"], start={"a": 1})
    assert "{a_1 if set < 2, else a_2}" in sets.formulae().text() and "a_1 if set < 2" in sets.steps(lr=0.1).text()


def test_a_constant_may_stand_in_one_formula_a_tie_or_the_penalty() -> None:
    table = {"x": np.arange(1.0, 9), "u": np.arange(1.0, 9), "v": np.arange(2.0, 10)}
    st.Problem(["u ~ a*x + g", "v ~ a*x + c"], table, start={"a": 1, "c": 0}, constants={"g": 1})
    st.Problem("u ~ a*x + c", table, start={"a": 1, "c": "a*g"}, constants={"g": 1})
    st.Problem("u ~ a*x", table, start={"a": 1}, constants={"g": 1}, penalty="g*a**2")
    with pytest.warns(st.SteepestWarning, match="the constant 'g' does not stand in the formula"):
        st.Problem("u ~ a*x", table, start={"a": 1}, constants={"g": 1})
