"""The gradient doctor: every seeded fault is named, real bugs too; right gradients pass; no user code can hurt it."""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import faults
import problems
import steepest as st
import writings
from steepest.check.cases import COUNTS, cases, reference
from steepest.check.gradient import exam
from steepest.check.gradient.doctor import check_gradient as visit
from steepest.check.gradient.factors import MEASURES
from steepest.check.gradient.row_weights import PAIRINGS
from steepest.check.report import GRADIENT_CAUSES, Report
from steepest.check.user import UserGradient
from steepest.cli.main import main
from steepest.errors import SteepestWarning

Array = np.ndarray[Any, Any]
LINE = faults.problem(faults.Setting("y ~ a + b*x", "mse", {"a": 0.3, "b": -1.2}))
GOOD = faults.right(LINE)
FACTS = {"form", "random", "precision", "non-smooth", "unknown"}  # observed, not repaired


@pytest.fixture(autouse=True)
def starts_may_be_assumed() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SteepestWarning)
        yield


def examined(user: Any, problem: st.Problem) -> Report:
    report = st.check_gradient(user, problem)
    assert report.cause in (None, *GRADIENT_CAUSES)
    assert report.correct == (report.cause is None)
    json.dumps(report.to_dict(), allow_nan=False)
    assert report.sentence in " ".join(report.text().split()) and report._repr_html_().endswith("</div>")
    return report


# --- seeded faults -----------------------------------------------------------------------------------------------------


def seeded() -> Iterator[tuple[faults.Fault, faults.Setting]]:
    """Every fault in two problems, in turn, or in one where no other can have it. (benchmarks/doctor.py: all, 20 seeds.)"""
    for k, fault in enumerate(faults.FAULTS):
        found = 0
        for j in range(len(faults.SETTINGS)):
            setting = faults.SETTINGS[(j + k) % len(faults.SETTINGS)]
            if found < 2 and faults.faulty(fault, faults.problem(setting), 0) is not None:
                found += 1
                yield fault, setting


@pytest.mark.parametrize(("fault", "setting"), list(seeded()), ids=lambda part: getattr(part, "name", getattr(part, "loss", "")))
def test_every_seeded_fault_is_named(fault: faults.Fault, setting: faults.Setting) -> None:
    problem = faults.problem(setting)
    report = examined(partial(faults.faulty(fault, problem, 0)), problem)  # partial: the source is this suite's, not a user's
    assert report.cause == fault.cause, report.text()
    if report.cause not in FACTS:
        assert report.proof is not None
        assert report.proof.points >= 5 and report.proof.worst <= exam.FITTED


# What the doctor's tables hold, written down again.
FACTORS: dict[str, Callable[[Array, Array], Any]] = {
    "1": lambda w, theta: 3.0,
    "n": lambda w, theta: len(w),
    "1/n": lambda w, theta: 1 / len(w),
    "Σw": lambda w, theta: w.sum(),
    "1/Σw": lambda w, theta: 1 / w.sum(),
    "n/Σw": lambda w, theta: 1 / w.mean(),
    "n/(n - 1)": lambda w, theta: len(w) / (len(w) - 1) if len(w) > 1 else 1,
    "n/(n + 1)": lambda w, theta: len(w) / (len(w) + 1),
    "n - 1": lambda w, theta: len(w) - 1,
    "1/(n - 1)": lambda w, theta: 1 / (len(w) - 1) if len(w) > 1 else 1,
    "n**2": lambda w, theta: len(w) ** 2,
    "1/n**2": lambda w, theta: len(w) ** -2.0,
    "sqrt(n)": lambda w, theta: np.sqrt(len(w)),
    "1/sqrt(n)": lambda w, theta: 1 / np.sqrt(len(w)),
    "its parameter": lambda w, theta: theta,
    "1/its parameter": lambda w, theta: 1 / theta,
}
PAIRED: dict[str, Callable[[Array], Array]] = {
    "reverse": lambda y: y[::-1],
    "late": lambda y: np.concatenate([y[-1:], y[:-1]]),
    "early": lambda y: np.concatenate([y[1:], y[:1]]),
    "sorted": lambda y: np.array(sorted(y)),
    "its mean": lambda y: y * 0 + y.mean(),
    "first row": lambda y: y * 0 + y[0],
}


@pytest.mark.parametrize("name", FACTORS)
def test_every_factor_of_the_table_is_named(name: str) -> None:
    assert set(FACTORS) == set(MEASURES)
    problem = faults.problem(faults.Setting("y ~ a + b*x", "mse", {"a": 0.3, "b": -1.2}, weighted=True))
    good = faults.right(problem)
    report = examined(partial(lambda theta, rows: good(theta, rows) * FACTORS[name](rows["weights"], theta)), problem)
    assert report.details["measure"] == name, report.text()


@pytest.mark.parametrize("name", PAIRED)
def test_every_wrong_pairing_of_the_table_is_named(name: str) -> None:
    assert len(PAIRED) + 1 == len(PAIRINGS)  # and (n, 1) against (n,)
    problem = faults.problem(faults.Setting("y ~ a + b*x", "log-cosh", {"a": 0.3, "b": -1.2}))
    good = faults.right(problem)  # not linear in y: all pairs are no mean
    report = examined(partial(lambda theta, rows: good(theta, {**rows, "y": PAIRED[name](rows["y"])})), problem)
    assert report.cause == "rows" and "column y" in report.sentence and name in report.sentence


def test_there_are_enough_kinds() -> None:
    assert len(faults.FAULTS) >= 30 and len(faults.SETTINGS) >= 6
    assert {fault.cause for fault in faults.FAULTS} == set(GRADIENT_CAUSES) - {"non-smooth", "unknown"}


@pytest.mark.parametrize("factor", [1 / 4, 4])
def test_a_proof_does_not_hang_on_its_tolerance(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in sys.modules.items():
        if name.startswith("steepest.check.gradient") and hasattr(module, "FITTED"):
            monkeypatch.setattr(module, "FITTED", factor * exam.FITTED)
    for fault in {fault.cause: fault for fault in faults.FAULTS}.values():
        setting = next(s for s in faults.SETTINGS if faults.faulty(fault, faults.problem(s), 0) is not None)
        problem = faults.problem(setting)
        assert st.check_gradient(partial(faults.faulty(fault, problem, 0)), problem).cause == fault.cause


def test_the_same_answer_three_times_by_luck_is_chance() -> None:
    fault = next(fault for fault in faults.FAULTS if fault.name == "dropout")
    problem = faults.problem(faults.SETTINGS[1], 2)
    assert visit(partial(faults.faulty(fault, problem, 2)), problem, 2).cause == "random"


def test_a_limit_that_is_reached_once_is_no_limit() -> None:
    """The longest of a few gradients is always as long as the longest."""
    report = examined(partial(lambda t, r: GOOD(t, r) * (1 + (len(r["y"]) == 13) * (t[0] > 0.3))), LINE)
    assert "clipped" not in report.sentence


# --- right gradients ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "case"), list(enumerate(problems.CASES)), ids=lambda part: getattr(part, "formula", ""))
def test_no_false_alarm(number: int, case: problems.Case) -> None:
    """Every problem with two losses and two writings, one of them in float32, in turn."""
    data = problems.columns(case)
    losses = problems.LOSSES[case.response]
    names = st.Problem(case.formula, data).parameters
    kinds = [kind for kind in writings.WRITINGS if "autograd" not in kind]
    for loss, single in zip((losses[0], losses[number % len(losses)]), (False, True), strict=True):
        some = [kind for kind in kinds if ("float32" in kind) == single]
        problem = st.Problem(case.formula, data, loss, dict(zip(names, case.theta, strict=True)))
        kind = some[number % len(some)]
        report = examined(writings.WRITINGS[kind](problem), problem)
        assert report.correct, f"{loss}, {kind}: {report.text()}"


@pytest.mark.parametrize("name", list(writings.by_hand())[::3])
def test_no_false_alarm_on_what_is_written_by_hand(name: str) -> None:
    problem, gradient = writings.by_hand()[name]
    assert examined(gradient, problem).correct


@pytest.mark.parametrize(("p", "kind"), list(zip([2, 3, 20, 50, 70, 20], writings.WIDE, strict=True)))
def test_no_false_alarm_in_many_coordinates(p: int, kind: str) -> None:
    assert examined(writings.WIDE[kind], writings.wide(p)).correct


def test_autograd_is_right() -> None:
    pytest.importorskip("torch")
    problem = faults.problem(faults.SETTINGS[4])
    assert examined(writings.WRITINGS["autograd"](problem), problem).correct
    assert examined(writings.WRITINGS["autograd in float32"](problem), problem).correct


def test_one_wrong_coordinate_among_eighty() -> None:
    problem = writings.wide(80)
    report = examined(partial(lambda theta, rows: writings.WIDE["matrix"](theta, rows) * (np.arange(80) != 47)), problem)
    assert report.cause == "coordinate" and f"by {problem.parameters[47]} is 0" in report.sentence


def test_a_loss_that_differs_by_a_constant_is_no_fault() -> None:
    problem = faults.problem(faults.SETTINGS[0])
    loss, good = faults.value(problem), faults.right(problem)
    assert examined(lambda theta, rows: (loss(theta, rows) + np.sum(rows["y"]), good(theta, rows)), problem).correct


def cancelling(first: Callable[[Any], Any]) -> Callable[..., Array]:
    """1 - cos(u) for 2·sin(u/2)**2 loses digits where u is small."""

    def gradient(theta: Array, rows: dict[str, Array]) -> Array:
        a, b = first(theta)
        x, y = first(rows["x"]), first(rows["y"])
        square = (1 - np.cos(2 * b * x)) / 2
        e = 2 * (a * square - y)
        return np.array([np.mean(e * square), np.mean(e * a * np.sin(2 * b * x) * x)])

    return gradient


@pytest.mark.parametrize("first", [np.asarray, lambda values: np.asarray(values, dtype=np.float64)], ids=["rerun", "float64 only"])
@pytest.mark.parametrize(("size", "cause"), [(0.3, None), (1e-2, None), (1e-7, "precision")])
def test_cancellation_is_not_wrong_mathematics(first: Callable[[Any], Any], size: float, cause: str | None) -> None:
    """In long double the digits come back; where that cannot be tried, the difference has another sign at the next point."""
    rng = np.random.default_rng(0)
    data = {"x": rng.uniform(size, 2 * size, 50), "y": rng.normal(size=50)}
    report = examined(cancelling(first), st.Problem("y ~ a*sin(b*x)**2", data, start={"a": 1.5, "b": 0.7}))
    assert report.cause == cause, report.text()
    assert "round" in report.sentence


@pytest.mark.parametrize("error", [1e-9, 1e-7])
def test_a_smooth_error_is_no_rounding(error: float) -> None:
    assert not examined(partial(lambda t, r: GOOD(t, r) * (1 + error * np.array([1, 0]))), LINE).correct


@pytest.mark.parametrize("k", range(2))
def test_one_wrong_coordinate_does_not_hide_behind_the_rounding_of_another(k: int) -> None:
    rng = np.random.default_rng(0)
    problem = st.Problem(
        "y ~ a*sin(b*x)**2", {"x": rng.uniform(1e-4, 2e-4, 50), "y": rng.normal(size=50)}, start={"a": 1.5, "b": 0.7}
    )
    wrong = np.where(np.arange(2) == k, 1 + 1e-6, 1)
    assert not examined(partial(lambda t, r: cancelling(np.asarray)(t, r) * wrong), problem).correct


# --- kinks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slope", "cause"),
    [
        (lambda e: np.sign(e), None),
        (lambda e: np.where(e >= 0, 1.0, -1.0), None),  # another subgradient
        (lambda e: np.where(e == 0, 5.0, np.sign(e)), "non-smooth"),
        (lambda e: e / np.abs(e), "non-smooth"),  # 0/0, pytorch#2421
    ],
)
def test_at_a_kink_any_slope_between_the_two_is_right(slope: Callable[[Array], Array], cause: str | None) -> None:
    x = np.arange(1.0, 9.0)
    problem = st.Problem("y ~ a*x", {"x": x, "y": 2 * x + np.array([0, 1, -1, 0, 2, 1, -2, 1])}, "mae", {"a": 2})
    report = examined(lambda theta, rows: np.array([np.mean(slope(theta[0] * rows["x"] - rows["y"]) * rows["x"])]), problem)
    assert report.cause == cause, report.text()


# --- other libraries ---------------------------------------------------------------------------------------------------


def test_torch_functions() -> None:
    torch = pytest.importorskip("torch")

    def function(factor: float, seeded: bool) -> Any:
        class Line(torch.autograd.Function):  # columns in the order of the formula: y, x
            @staticmethod
            def forward(ctx: Any, theta: Any, y: Any, x: Any) -> Any:
                e = theta[0] + theta[1] * x - y
                ctx.save_for_backward(e, x)
                return (e**2).mean()

            @staticmethod
            def backward(ctx: Any, grad_output: Any) -> Any:
                e, x = ctx.saved_tensors
                scale = (grad_output if seeded else 1) * factor
                return torch.stack([2 * e.mean(), 2 * (e * x).mean()]) * scale, None, None

        return Line

    assert examined(function(1, True), LINE).correct
    assert examined(function(2, True), LINE).cause == "factor"
    forgotten = examined(function(1, False), LINE)  # pytorch#4355
    assert forgotten.cause == "factor" and "grad_output" in forgotten.sentence


def test_jax_functions() -> None:
    jax = pytest.importorskip("jax")

    def function(factor: float) -> Any:
        def loss(theta: Any, rows: Any) -> Any:
            return jax.numpy.mean((theta[0] + theta[1] * rows["x"] - rows["y"]) ** 2)

        rule = jax.custom_vjp(loss)
        rule.defvjp(
            lambda theta, rows: (loss(theta, rows), (theta, rows)),
            lambda kept, seed: (seed * factor * jax.grad(loss)(*kept), jax.tree.map(jax.numpy.zeros_like, kept[1])),
        )
        return rule

    assert examined(function(1), LINE).correct
    assert examined(function(-1), LINE).cause == "sign"
    assert examined(lambda theta, rows: function(1)(theta, rows), LINE).correct  # a plain function around it


# --- harmless to the doctor --------------------------------------------------------------------------------------------


def recursing(theta: Array, rows: dict[str, Array]) -> Any:
    return recursing(theta, rows)


HOSTILE: dict[str, Any] = {
    "no function": 3,
    "too many arguments": lambda a, b, c: a,
    "raises with a bad message": lambda t, r: (_ for _ in ()).throw(type("E", (Exception,), {"__str__": lambda self: 1 / 0})()),
    "exits": lambda t, r: sys.exit(3),
    "asks": lambda t, r: input("theta? "),
    "recursion": recursing,
    "empties the columns": lambda t, r: (r.clear(), GOOD(t, {"x": np.ones(2), "y": np.ones(2)}))[1],
    "dictionary": lambda t, r: dict(enumerate(t)),
    "ragged": lambda t, r: [[1, 2], [3]],
    "complex": lambda t, r: GOOD(t, r) + 1j,
    "strings": lambda t, r: np.array(["1", "2"]),
    "infinite": lambda t, r: np.full(2, np.inf),
    "fails on few rows": lambda t, r: GOOD(t, r) if len(r["y"]) > 20 else r["y"][20],
    "unknown column": lambda t, r: r["z"],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_unusable_answers_are_form(name: str) -> None:
    report = examined(HOSTILE[name], LINE)
    assert report.cause == "form", report.text()


BLANKS = {
    "a, b": [lambda theta, columns: ..., lambda theta, columns: (None, ...), lambda theta, columns: (1.0, [None, None])],
    "b": [lambda theta, columns: (1.0, ...), lambda theta, columns: np.array([np.mean(columns["x"]), None])],
}


@pytest.mark.parametrize(("names", "answer"), [(names, answer) for names, answers in BLANKS.items() for answer in answers])
def test_what_is_left_blank_is_named(names: str, answer: Callable[..., Any]) -> None:
    report = visit(answer, LINE)
    assert (report.cause, report.sentence) == ("form", f"Your gradient is not filled in: there is no number for {names} yet.")


def without_x(theta: Array, columns: dict[str, Array]) -> Array:
    error = theta[0] + theta[1] * columns["x"] - columns["y"]
    bent = error
    return np.array([error.mean(), bent.mean()])


TWOS = {"mse": 2, "half-mse": 1, "sse": 2}


@pytest.mark.parametrize("loss", TWOS)
def test_the_two_of_a_square_and_the_half_of_a_loss_cancel(loss: str) -> None:
    line = faults.problem(faults.Setting("y ~ a + b*x", loss, {"a": 0.3, "b": -1.2}))
    report = visit(lambda t, r: TWOS[loss] * without_x(t, r) * (len(r["x"]) if loss == "sse" else 1), line)
    words = f"{'sum' if loss == 'sse' else 'mean'} over the rows of {'2*' if TWOS[loss] == 2 else ''}(a + b*x - y)*x."
    assert f"It should be the {words}" in report.sentence


def test_an_endless_call_is_stopped() -> None:
    user = UserGradient(lambda theta, rows: time.sleep(60), ["a"], ["x"], seconds=0.1)
    with pytest.raises(Exception, match="took more than"):
        user(np.ones(1), {"x": np.ones(3)})


def test_what_the_user_prints_and_warns_is_not_seen(capsys: pytest.CaptureFixture[str]) -> None:
    def noisy(theta: Array, rows: dict[str, Array]) -> Array:
        print("step", theta)  # noqa: T201
        warnings.warn("look", stacklevel=1)
        return GOOD(theta, rows) + 0 * np.log(np.zeros(2) - 1)[0:0].sum()

    assert examined(noisy, LINE).correct
    assert capsys.readouterr() == ("", "")


def test_chance_of_others_is_left_alone() -> None:
    np.random.seed(1)
    state = np.random.get_state()[1].tolist()  # type: ignore[union-attr, index]
    examined(lambda t, r: GOOD(t, r) + 1e-3 * np.random.default_rng().normal(size=2), LINE)
    assert np.random.get_state()[1].tolist() == state  # type: ignore[union-attr, index]


def test_an_unknown_fault_claims_nothing_and_shows_a_row() -> None:
    report = examined(partial(lambda t, r: np.sin(7 * GOOD(t, r)) + t[::-1] ** 3), LINE)
    assert report.cause == "unknown" and report.proof is None and report.line is None
    row = report.details["coordinates"][0]
    assert {"name", "yours", "ours", "ratio"} == set(row)
    assert "To redo by hand" in report.text()


def test_the_row_to_redo_by_hand_is_right() -> None:
    """The numbers of the smallest row, read from the text and computed again."""
    report = examined(partial(lambda t, r: np.sin(7 * GOOD(t, r))), LINE)
    text = report.details["smallest row"]
    values = {part.split(" = ")[0].split()[-1]: float(part.split(" = ")[1]) for part in text.split("; there")[0].split(",")}
    e = values["a"] + values["b"] * values["x"] - values["y"]
    shown = {row["name"]: row["ours"] for row in report.details["coordinates"]}
    assert shown == pytest.approx({"a": 2 * e, "b": 2 * e * values["x"]}, rel=1e-12)


# --- the cases ---------------------------------------------------------------------------------------------------------


def test_cases_have_three_coprime_row_counts_and_hold_others_out() -> None:
    made = cases(LINE, 3)
    assert [case.n for case in made.many] == [*COUNTS, *COUNTS] == [case.n for case in made.held]
    assert {case.n for case in made.ones} == {1}
    seen = {tuple(case.theta) for case in (*made.many, *made.ones)}
    assert not seen & {tuple(case.theta) for case in made.held}
    for case in made.many:
        assert all((column.astype(np.float32) == column).all() for column in (case.theta, *case.rows.values()))


def test_the_reference_is_the_gradient_of_the_problem() -> None:
    for setting in faults.SETTINGS:
        problem = faults.problem(setting)
        data = dict(zip(problem.columns.names, problem.columns.arrays, strict=True)) | {"weights": problem.weights}
        theta = np.array([float(v) for v in problem.start.values()])
        right = reference(problem, theta, {k: v for k, v in data.items() if v is not None})
        bound = 2 * np.finfo(float).eps * right.kappa
        assert (abs(right.gradient - problem.gradient_at(theta)) <= bound).all()
        assert (abs(right.each.sum(axis=0) - right.gradient) <= bound).all()
        assert right.loss == pytest.approx(problem.loss_at(theta), rel=1e-13)


def test_a_column_called_weights_is_no_weight_of_an_unweighted_problem() -> None:
    rng = np.random.default_rng(1)
    data = {"weights": rng.uniform(1, 2, 40), "y": rng.normal(size=40)}
    problem = st.Problem("y ~ a*weights", data, start={"a": 0.5})
    assert examined(lambda t, r: np.array([np.mean(2 * (t[0] * r["weights"] - r["y"]) * r["weights"])]), problem).correct


def test_few_rows_are_enough() -> None:
    problem = st.Problem("H_0 ~ theta_0 + theta_1*x_1 + theta_2*x_2", "@instances")
    assert examined(faults.right(problem), problem).correct
    assert examined(partial(lambda t, r: faults.right(problem)(t, r) * len(r["x_1"])), problem).cause == "missing-1/n"


# --- the command -------------------------------------------------------------------------------------------------------

FILE = """import numpy as np


def gradient(theta, columns):
    a, b = theta
    x, y = columns["x"], columns["y"]
    e = a + b*x - y
    return np.array([2*e.{0}(), 2*(e*x).{0}()])


print("loaded")
"""


def run(tmp_path: Path, text: str, *words: str, name: str = "gradient") -> int:
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    return main(["doctor", "y ~ a + b*x", "@noisy-line", f"{path}:{name}", "--start", "a=0.3,b=-1.2", *words])


def test_the_command_names_the_fault_and_exits_with_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, FILE.format("mean")) == 0
    assert "Correct" in capsys.readouterr().out
    assert run(tmp_path, FILE.format("sum")) == 4
    out = " ".join(capsys.readouterr().out.split())
    assert "missing-1/n" in out and "7, 11 and 13 times the right one on 7, 11 and 13 rows" in out and "loaded" not in out


def test_the_command_prints_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, FILE.format("sum"), "--json") == 4
    printed = json.loads(capsys.readouterr().out)
    assert printed["cause"] == "missing-1/n" and not printed["correct"] and printed["proof"]["points"] >= 5


@pytest.mark.parametrize(
    ("text", "name", "code", "said"),
    [
        (FILE.format("sum"), "grad", 2, "did you mean 'gradient'"),
        ("def gradient(:", "gradient", 1, "line 1, raised SyntaxError"),
        ("1/0", "gradient", 1, "line 1, raised ZeroDivisionError"),
        ("import sys\nsys.exit(0)", "gradient", 1, "line 2, raised SystemExit"),
    ],
)
def test_a_file_that_cannot_be_used(
    text: str, name: str, code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, text, name=name) == code
    assert said in capsys.readouterr().err


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "y ~ a + b*x", "@noisy-line", "nowhere.py:gradient"]) == 2
    assert "there is no file nowhere.py" in capsys.readouterr().err


def test_the_help_says_that_it_runs_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--help"]) == 0
    assert "RUNS THE CODE" in " ".join(capsys.readouterr().out.split())
