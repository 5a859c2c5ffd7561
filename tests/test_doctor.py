"""The gradient doctor: every seeded fault is named, real bugs too; right gradients pass; no user code can hurt it."""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import faults
import problems
import steepest as st
from steepest.check.cases import COUNTS, cases, reference
from steepest.check.gradient import doctor as tree
from steepest.check.gradient import exam, factors, verdict
from steepest.check.gradient.exam import Exam
from steepest.check.report import CAUSES, Proof, Report
from steepest.check.user import UserGradient
from steepest.cli.main import main
from steepest.errors import SteepestWarning

Array = np.ndarray[Any, Any]
FACTS = {"form", "random", "precision", "non-smooth", "unknown"}  # observed, not repaired


@pytest.fixture(autouse=True)
def starts_may_be_assumed() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SteepestWarning)
        yield


def examined(user: Any, problem: st.Problem) -> Report:
    report = st.check_gradient(user, problem)
    assert report.cause in (None, *CAUSES)
    assert report.correct == (report.cause is None)
    json.dumps(report.to_dict(), allow_nan=False)
    assert report.sentence in " ".join(report.text().split()) and "<div>" in report._repr_html_()
    return report


# --- seeded faults -----------------------------------------------------------------------------------------------------


def seeded() -> Iterator[tuple[faults.Fault, faults.Setting]]:
    """Every fault in two problems, in turn, or in all that can have it where these are few."""
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
    report = examined(faults.faulty(fault, problem, 0), problem)
    assert report.cause == fault.cause, report.text()
    if report.cause not in FACTS:
        assert report.proof is not None
        assert report.proof.points >= 5 and report.proof.worst <= exam.FITTED


def test_there_are_enough_kinds() -> None:
    assert len(faults.FAULTS) >= 30 and len(faults.SETTINGS) >= 6
    assert {fault.cause for fault in faults.FAULTS} == set(CAUSES) - {"non-smooth", "unknown"}


# --- right gradients ---------------------------------------------------------------------------------------------------


def in_single(gradient: Callable[..., Any]) -> Callable[..., Any]:
    def single(theta: Array, rows: dict[str, Array]) -> Array:
        answer: Array = gradient(theta.astype(np.float32), {name: column.astype(np.float32) for name, column in rows.items()})
        return answer.astype(np.float32)

    return single


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("number", "case"), list(enumerate(problems.CASES)), ids=lambda part: getattr(part, "formula", ""))
def test_no_false_alarm(number: int, case: problems.Case, dtype: str) -> None:
    data = problems.columns(case)
    losses = problems.LOSSES[case.response]
    names = st.Problem(case.formula, data).parameters
    for loss in {losses[0], losses[number % len(losses)]}:
        problem = st.Problem(case.formula, data, loss, dict(zip(names, case.theta, strict=True)))
        good = faults.right(problem)
        report = examined(good if dtype == "float64" else in_single(good), problem)
        assert report.correct, f"{loss}: {report.text()}"


def linear(p: int, rows: int = 60) -> st.Problem:
    rng = np.random.default_rng(p)
    data = {f"x{k}": rng.normal(size=rows) for k in range(p)} | {"y": rng.normal(size=rows)}
    return st.Problem("y ~ " + " + ".join(f"w{k}*x{k}" for k in range(p)), data, start={f"w{k}": rng.normal() for k in range(p)})


def by_hand(theta: Array, rows: dict[str, Array]) -> Array:
    """Of `linear`: another order of operations than the derivation's."""
    x = np.stack([rows[f"x{k}"] for k in range(len(theta))])
    answer: Array = 2 * (x @ (x.T @ theta - rows["y"])) / np.float32(x.shape[1])
    return answer


@pytest.mark.parametrize("p", [2, 3, 20, 200])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_no_false_alarm_in_many_coordinates(p: int, dtype: str) -> None:
    problem = linear(p)
    assert examined(by_hand if dtype == "float64" else in_single(by_hand), problem).correct


def test_one_wrong_coordinate_among_two_hundred() -> None:
    problem = linear(200)
    report = examined(lambda theta, rows: by_hand(theta, rows) * (np.arange(200) != 17), problem)
    assert report.cause == "coordinate" and "by w17 is 0" in report.sentence


def test_a_loss_that_differs_by_a_constant_is_no_fault() -> None:
    problem = faults.problem(faults.SETTINGS[0])
    loss, good = faults.value(problem), faults.right(problem)
    assert examined(lambda theta, rows: (loss(theta, rows) + np.sum(rows["y"]), good(theta, rows)), problem).correct


def test_cancellation_is_not_wrong_mathematics() -> None:
    """1 - cos(u) loses digits where u is small; in long double they come back."""
    rng = np.random.default_rng(0)
    data = {"x": rng.uniform(1e-4, 2e-4, 50), "y": rng.normal(size=50)}
    problem = st.Problem("y ~ a*sin(b*x)**2", data, start={"a": 1.5, "b": 0.7})

    def gradient(theta: Array, rows: dict[str, Array]) -> Array:
        a, b = theta
        x = rows["x"]
        square = (1 - np.cos(2 * b * x)) / 2
        e = 2 * (a * square - rows["y"])
        return np.array([np.mean(e * square), np.mean(e * a * np.sin(2 * b * x) * x)])

    report = examined(gradient, problem)
    assert report.correct or report.cause == "precision"
    assert "round" in report.sentence


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


# --- real bugs (threads of public projects) ----------------------------------------------------------------------------

LINE = faults.problem(faults.Setting("y ~ a + b*x", "mse", {"a": 0.3, "b": -1.2}))
WAVE = faults.problem(faults.Setting("y ~ a*sin(w*x + p) + c*cos(w*x)", "mse", {"a": 1.2, "w": 2.5, "p": 0.4, "c": -0.6}))
GOOD = faults.right(LINE)


def line(sum_a: Callable[[Array], Any] = np.mean, sum_b: Callable[[Array], Any] = np.mean) -> Callable[..., Array]:
    def gradient(theta: Array, rows: dict[str, Array]) -> Array:
        e = theta[0] + theta[1] * rows["x"] - rows["y"]
        return np.array([sum_a(2 * e), sum_b(2 * e * rows["x"])])

    return gradient


def mean_of_means(theta: Array, rows: dict[str, Array]) -> Array:
    n = len(rows["y"])
    parts = [GOOD(theta, {k: v[i : i + 4] for k, v in rows.items()}) for i in range(0, n, 4)]
    return np.mean(parts, axis=0)


def column_against_row(theta: Array, rows: dict[str, Array]) -> Array:
    e = (theta[0] + theta[1] * rows["x"])[:, None] - rows["y"][None, :]
    return np.array([np.mean(2 * e), np.mean(2 * e * rows["x"][:, None])])


def second_use_only(theta: Array, rows: dict[str, Array]) -> Array:
    a, w, p, c = theta
    x = rows["x"]
    e = 2 * (a * np.sin(w * x + p) + c * np.cos(w * x) - rows["y"])
    by = [np.sin(w * x + p), -c * np.sin(w * x) * x, a * np.cos(w * x + p), np.cos(w * x)]
    return np.array([np.mean(e * part) for part in by])


def unselected_branch(theta: Array, rows: dict[str, Array]) -> Array:
    guarded = np.where(rows["x"] > 0, 0.0, 1.0) * np.sqrt(-rows["x"])  # 0·nan
    return GOOD(theta, rows) + 0 * guarded.sum()


def norm_at_zero(theta: Array, rows: dict[str, Array]) -> Array:
    apart = rows["x"] - rows["x"]
    return GOOD(theta, rows) + np.sum(apart / np.sqrt(apart**2))


class Accumulating:
    grad = np.zeros(2)

    def __call__(self, theta: Array, rows: dict[str, Array]) -> Array:
        self.grad += GOOD(theta, rows)
        return self.grad


class OldPoint:
    saved: Array | None = None

    def __call__(self, theta: Array, rows: dict[str, Array]) -> Array:
        before, self.saved = self.saved, theta.copy()
        return GOOD(theta if before is None else before, rows)


def in_half(theta: Array, rows: dict[str, Array]) -> Array:
    return GOOD(theta.astype(np.float32), {k: v.astype(np.float32) for k, v in rows.items()}).astype(float)


def with_dropout(theta: Array, rows: dict[str, Array]) -> Array:
    keep = np.random.random(len(rows["y"])) > 0.5
    return GOOD(theta, {**rows, "y": rows["y"] * keep})


REAL = {
    "DeepLearningZeroToAll#173, mxnet#2427, mistnet#33": (LINE, line(np.sum, np.sum), "missing-1/n"),
    "d2l-en#1000": (LINE, lambda t, r: GOOD(t, r) / len(r["y"]), "factor"),
    "kvfrans/notes#5": (LINE, line(np.mean, np.sum), "coordinate"),
    "NeMo Automodel#3830": (LINE, lambda t, r: 8 * GOOD(t, r), "factor"),
    "fairscale#1062": (LINE, lambda t, r: GOOD(t, r) / 4, "factor"),
    "ms-swift#10165": (LINE, mean_of_means, "rows"),
    "Godoy, p. 87": (LINE, Accumulating(), "accumulated"),
    "CoursIA#926, pytorch#16045": (LINE, column_against_row, "rows"),
    "convnetjs#17": (WAVE, second_use_only, "coordinate"),
    "pytorch#197887": (LINE, OldPoint(), "stale"),
    "PyBNF#535": (LINE, lambda t, r: GOOD(t, r) * np.array([1, 0]), "coordinate"),
    "pytorch#68425": (LINE, unselected_branch, "form"),
    "pytorch#2421, #89543": (LINE, norm_at_zero, "form"),
    "DCNv2#13": (LINE, in_half, "precision"),
    "CS231n: dropout on": (LINE, with_dropout, "random"),
    "pytorch#2710: a column": (LINE, lambda t, r: GOOD(t, r)[:, None], "form"),
}


@pytest.mark.parametrize("name", REAL)
def test_real_bugs(name: str) -> None:
    problem, gradient, cause = REAL[name]
    report = examined(gradient, problem)
    assert report.cause == cause, report.text()


def test_broadcast_and_mean_of_means_are_described() -> None:
    assert "(n, 1) against (n,)" in examined(column_against_row, LINE).sentence
    assert "is 8 times" in examined(lambda t, r: 8 * GOOD(t, r), LINE).sentence


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
    report = examined(lambda t, r: np.sin(7 * GOOD(t, r)) + t[::-1] ** 3, LINE)
    assert report.cause == "unknown" and report.proof is None and report.line is None
    row = report.details["coordinates"][0]
    assert {"name", "yours", "ours", "ratio"} == set(row)
    assert "To redo by hand" in report.text()


def test_the_row_to_redo_by_hand_is_right() -> None:
    """The numbers of the smallest row, read from the text and computed again."""
    report = examined(lambda t, r: np.sin(7 * GOOD(t, r)), LINE)
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
    assert examined(lambda t, r: faults.right(problem)(t, r) * len(r["x_1"]), problem).cause == "missing-1/n"


# --- the doctor's own mutation test: a broken doctor is noticed --------------------------------------------------------


def passes() -> bool:
    """A small set of patients, judged rightly."""
    try:
        return (
            st.check_gradient(GOOD, LINE).correct
            and st.check_gradient(lambda t, r: GOOD(t, r) * (1 + 1e-9), LINE).cause == "precision"
            and st.check_gradient(lambda t, r: GOOD(t, r) * len(r["y"]), LINE).cause == "missing-1/n"
            and st.check_gradient(lambda t, r: GOOD(t, r) * 0.37, LINE).cause == "factor"
            and st.check_gradient(lambda t, r: np.sin(7 * GOOD(t, r)) + t[::-1] ** 3, LINE).cause == "unknown"
            and st.check_gradient(lambda t, r: 2 * GOOD(t, r) + 1e-3 * len(r["y"]), LINE).cause != "factor"
            and st.check_gradient(in_half, LINE).cause == "precision"
        )
    except Exception:
        return False


def test_the_whole_doctor_passes() -> None:
    assert passes()


BREAKS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "tolerance a million times too wide": lambda m: m.setattr(exam, "unit", lambda kappa, dtype: 1e-9 * kappa + 1e-300),
    "tolerance zero": lambda m: m.setattr(exam, "unit", lambda kappa, dtype: 0 * kappa + 1e-300),
    "κ forgotten": lambda m: m.setattr(exam, "precision", lambda dtype: 1e-3),
    "every proof passes": lambda m: m.setattr(Exam, "prove", lambda self, d: Proof(6, 62, 0.0, d.how)),
    "no proof passes": lambda m: m.setattr(Exam, "prove", lambda self, d: None),
    "everything agrees": lambda m: m.setattr(tree, "agreement", lambda e: Report(True, None, "Correct.")),
    "nothing agrees": lambda m: m.setattr(tree, "agreement", lambda e: None),
    "single precision is good enough": lambda m: m.setattr(verdict, "OWN_WAY", 1e12),
    "no measure but 1": lambda m: m.setattr(factors, "MEASURES", {"1": factors.MEASURES["1"]}),
    "constants rounded to fractions": lambda m: m.setattr(factors, "nice", lambda constant, error: float(round(constant))),
}


@pytest.mark.parametrize("name", [name for name in BREAKS if name != "every proof passes"])
def test_a_broken_doctor_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BREAKS[name](monkeypatch)
    assert not passes()


def test_a_diagnosis_without_proof_is_never_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The right factor at the points where it is found, another one at those held out."""
    seen = {tuple(case.theta) for case in (*cases(LINE).many, *cases(LINE).ones)}
    report = examined(lambda t, r: GOOD(t, r) * (2 if tuple(t) in seen else 3), LINE)
    assert report.cause == "unknown"
    monkeypatch.setattr(Exam, "prove", lambda self, d: Proof(6, 62, 0.0, d.how))
    assert examined(lambda t, r: GOOD(t, r) * (2 if tuple(t) in seen else 3), LINE).cause == "factor"


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
