"""The loop doctor: what a loop did, from theta step by step. The loops are in loop_kinds.py and share nothing with the library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest as st
from loop_kinds import KINDS, OTHERS, Loop, faulty, gradient, other, plain, recorded, right, setting
from steepest.check.loop.trajectory import read_trajectory
from steepest.cli.main import main

Array = np.ndarray[Any, Any]
SEEDS = range(3)  # benchmarks/loops.py runs 20


def visited(theta: Any, problem: st.Problem, lr: float | None = None) -> Any:
    report = st.check_trajectory(theta, problem, lr)
    json.dumps(report.to_dict(), allow_nan=False)
    assert report.correct == (report.cause is None)
    assert (report.proof is None) == (report.cause == "unknown")
    assert report.text() and report._repr_html_()
    return report


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", KINDS)
def test_the_fault_is_named(name: str, seed: int) -> None:
    run = faulty(KINDS[name], seed)
    report = visited(run.theta, run.setting.problem, run.lr)
    assert report.cause == KINDS[name].cause, report.text()
    assert report.proof.worst <= 1


@pytest.mark.parametrize("seed", range(30))
def test_no_false_alarm(seed: int) -> None:
    run = right(seed)
    report = visited(run.theta, run.setting.problem, run.lr)
    assert report.cause is None, report.text()


def test_numbers_are_found() -> None:
    run = faulty(KINDS["momentum 0.9"], 0)
    assert visited(run.theta, run.setting.problem).details["numbers"] == pytest.approx({"mu": 0.9, "eta": 0.5 * run.setting.lr})
    run = faulty(KINDS["rate 0.95**t"], 0)
    assert visited(run.theta, run.setting.problem).details["numbers"] == pytest.approx({"eta": run.setting.lr, "gamma": 0.95})
    run = faulty(KINDS["Nesterov 0.9"], 0)
    assert "Nesterov's momentum mu = 0.9 " in visited(run.theta, run.setting.problem).sentence


# The notebooks


def notebook_004(steps: int) -> list[tuple[Any, Any]]:
    """c.copy_(m - lr*m.grad) in float32, with m updated already."""
    x = np.arange(1, 6, dtype=np.float32)
    m, c, lr = np.float32(0.33669036626815796), np.float32(0.12880940735340118), np.float32(0.01)
    rows = [(m, c)]
    for _ in range(steps):
        slope = np.mean((m * x + c - 2 * x) * x)
        m = m - lr * slope
        c = m - lr * slope
        rows.append((m, c))
    return rows


@pytest.mark.parametrize("steps", [4, 5, 40])
def test_notebook_004_copies_the_other_parameter(steps: int) -> None:
    problem = st.Problem("y ~ m*x + c", "@five-points", "half-mse")
    rows = notebook_004(steps)
    assert [float(c) for _, c in rows[1:5]] == pytest.approx([0.69488990, 0.80062282, 0.90536368, 0.99547052], rel=1e-6)
    report = visited(np.array(rows, dtype=np.float32), problem)
    assert (report.cause, report.node) == ("other-parameter", "c")
    assert "c = m - eta*g_m, m updated already" in report.sentence


def test_notebook_003_factor_5_is_the_number_of_rows() -> None:
    problem = st.Problem("y ~ w*x", "@triples", start={"w": 0.0})
    run = problem.descend(lr=0.005, steps=20)
    report = visited(run, problem, lr=0.001)
    assert report.cause == "scaled" and "5, the number of rows" in report.sentence


def test_notebook_003_torch_that_is_not_zeroed() -> None:
    torch = pytest.importorskip("torch")
    problem = st.Problem("y ~ m*x + c", "@five-points", "half-mse")
    x = torch.arange(1.0, 6.0)
    theta = torch.tensor([0.3367, 0.1288], requires_grad=True)
    rows = []
    for _ in range(40):
        rows.append(theta.tolist())
        (torch.mean((theta[0] * x + theta[1] - 2 * x) ** 2) / 2).backward()
        with torch.no_grad():
            theta -= 0.002 * theta.grad
    assert visited(rows, problem, lr=0.002).cause == "not-zeroed"


@pytest.mark.parametrize("options", [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}, {"momentum": 0.5, "dampening": 0.3}])
def test_torch_optim_sgd(options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    problem = st.Problem("y ~ m*x + c", "@five-points", "half-mse")
    x = torch.arange(1.0, 6.0, dtype=torch.float64)
    theta = torch.tensor([0.3, 0.1], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([theta], lr=0.004, **options)
    rows = []
    for _ in range(40):
        rows.append(theta.tolist())
        optimiser.zero_grad()
        (torch.mean((theta[0] * x + theta[1] - 2 * x) ** 2) / 2).backward()
        optimiser.step()
    report = visited(rows, problem)
    assert report.cause == "momentum"
    assert report.details["numbers"]["mu"] == pytest.approx(options["momentum"])


# What cannot be known


def unknown(report: Any) -> bool:
    return report.cause == "unknown" and "oo little information" in report.sentence


def test_a_start_at_the_minimum() -> None:
    problem = st.Problem("y ~ m*x + c", "@five-points", start={"m": 2.0, "c": 0.0})
    assert unknown(visited(np.tile([2.0, 0.0], (30, 1)), problem))
    theta = np.array([2.0, 0.0]) + 1e-16 * np.random.default_rng(0).standard_normal((30, 2))
    assert unknown(visited(theta, problem))


@pytest.mark.parametrize("steps", [0, 1])
def test_too_short(steps: int) -> None:
    s = setting(0)._replace(steps=steps)
    assert unknown(visited(plain(s, gradient(s, "float64")), s.problem))


def test_noise_is_no_cause() -> None:
    s = setting(2)
    rng = np.random.default_rng(1)
    theta = plain(s, gradient(s, "float64"))
    report = visited(theta + 1e-4 * rng.standard_normal(theta.shape), s.problem)
    assert report.cause == "unknown" and report.details["coordinates"]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("loop", OTHERS)
def test_a_loop_that_no_cause_describes_is_unknown(loop: Loop, seed: int) -> None:
    run = other(loop, seed)
    assert visited(run.theta, run.setting.problem).cause == "unknown"


def test_what_is_named_is_the_case_with_fewest_free_numbers() -> None:
    """On a parabola, the gradient of one step ago is a momentum of eta*lambda, too."""
    problem = st.Problem("y ~ w*x", "@triples", start={"w": 0.0})
    w, before, rows = 0.0, 0.0, []
    for _ in range(30):
        rows.append([w])
        w, before = w - 0.002 * float(problem.gradient_at([before])[0]), w
    assert visited(rows, problem).cause == "stale"


# Ends, forms and errors


def test_a_run_is_cut_before_it_is_not_finite() -> None:
    problem = st.Problem("y ~ w*x", "@triples", start={"w": 0.0})
    rows, w = [], np.float64(0.0)
    with np.errstate(all="ignore"):
        for _ in range(400):
            rows.append([w])
            w = w - 100.0 * problem.gradient_at([w])[0] if np.isfinite(w) else w * np.nan
    report = visited(rows, problem)
    cut = report.details["first value that is not finite"]
    assert report.correct and not np.isfinite(rows[cut][0]) and np.isfinite(rows[cut - 1][0])
    assert report.details["steps"] == cut - 6


def test_a_symmetric_start_moves_two_parameters_only() -> None:
    problem = st.Problem("y ~ a + b*P3(c + d*x)", "@sine2000", "sse")
    assert visited(problem.descend(lr=1e-6, steps=50), problem, lr=1e-6).correct


def test_fixed_parameters_are_not_frozen() -> None:
    problem = st.Problem("y ~ m*x + c", "@five-points", start={"m": 0.5, "c": {"value": 0.3, "fixed": True}})
    assert visited(problem.descend(lr=0.005, steps=30), problem).correct


def test_frozen_names_the_parameter() -> None:
    free = st.Problem("y ~ m*x + c", "@five-points", start={"m": 0.5, "c": 0.3})
    fixed = st.Problem("y ~ m*x + c", "@five-points", start={"m": 0.5, "c": {"value": 0.3, "fixed": True}})
    report = visited(fixed.descend(lr=0.005, steps=30), free)
    assert (report.cause, report.node) == ("frozen", "c")


def test_nothing_moves() -> None:
    problem = st.Problem("y ~ m*x + c", "@five-points")
    theta = np.tile([0.5, 0.3], (20, 1))
    assert visited(theta, problem, lr=0.01).cause == "frozen"
    assert unknown(visited(theta, problem))


def test_forms_of_a_trajectory(tmp_path: Path) -> None:
    problem = st.Problem("y ~ m*x + c", "@five-points")
    trace = problem.descend(lr=0.01, steps=20)
    columns = {"c": trace["c"], "m": trace["m"], "loss": trace.loss}
    trace.save(tmp_path / "run.parquet")
    for given in (trace, trace.theta, trace.theta.tolist(), columns, trace.to_pandas(), str(tmp_path / "run.parquet")):
        assert visited(given, problem, lr=0.01).correct


@pytest.mark.parametrize(
    ("write", "recorded_as"),
    [("{:.6f}", "6 decimals"), ("{:.7g}", "7 digits"), ("{!r}", "float64"), ("{:.12g}", "12 digits"), ("{:.5e}", "6 digits")],
)
def test_the_number_of_digits_is_read_off(write: str, recorded_as: str) -> None:
    values = np.exp(np.random.default_rng(0).normal(0, 3, (200, 2)))
    printed = np.array([[float(write.format(float(v))) for v in row] for row in values])
    read = read_trajectory(printed, ["a", "b"])
    assert read.recorded == recorded_as
    assert (abs(printed - values) <= read.noise * (1 + 1e-9)).all()
    assert read_trajectory(values.astype(np.float32), ["a", "b"]).recorded == "float32"
    assert read_trajectory(values.astype(np.float32).tolist(), ["a", "b"]).recorded == "float32"
    assert recorded(values, "9 digits").shape == values.shape


@pytest.mark.parametrize(
    ("given", "match"),
    [
        (np.zeros((5, 3)), r"shape \(5, 3\).*2 columns"),
        (np.zeros(5), "shape"),
        ("words", "cannot be read"),
        ({"m": [1.0, 2.0]}, "unknown parameter 'c'"),
        ([["a", "b"]], "cannot be read as numbers"),
    ],
)
def test_wrong_use(given: Any, match: str) -> None:
    with pytest.raises(st.SteepestError, match=match):
        st.check_trajectory(given, st.Problem("y ~ m*x + c", "@five-points"))


@pytest.mark.parametrize("lr", [0, -1, float("nan"), "0.1", True])
def test_a_wrong_rate(lr: Any) -> None:
    with pytest.raises(st.OptionError, match="lr is"):
        st.check_trajectory(np.zeros((5, 2)), st.Problem("y ~ m*x + c", "@five-points"), lr)


def test_a_thinned_trace_is_refused() -> None:
    problem = st.Problem("y ~ m*x + c", "@five-points")
    with pytest.raises(st.OptionError, match="every one"):
        st.check_trajectory(problem.descend(lr=0.01, steps=20, every=3), problem)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.csv"
    path.write_text("m,c\n" + "\n".join(f"{m:.6f},{c:.6f}" for m, c in notebook_004(12)) + "\n")
    words = ["doctor", "y ~ m*x + c", "@five-points", "--loss", "half-mse", "--trajectory", str(path), "--lr", "0.01"]
    assert main(words) == 4
    assert "m updated already (rate 0.01)" in " ".join(capsys.readouterr().out.split())
    assert main([*words, "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["cause"] == "other-parameter"
    assert main(words[:5]) == 2
