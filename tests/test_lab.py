"""The session, and the terminal over it: every action, every command, and every wrong word to them."""

from __future__ import annotations

import math
import os
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest as st
from steepest.errors import OptionError
from steepest.lab.chart import chart
from steepest.lab.session import Lab
from steepest.lab.terminal import COMMANDS, LEAVE, conversation
from steepest.lab.words import ascii_only

P3 = "y ~ a + b*P3(c + d*x)"


def problem(name: str = "p3") -> st.Problem:
    if name == "p3":
        return st.Problem(P3, "@sine2000")
    if name == "classes":
        x = np.linspace(-2, 2, 30)
        return st.Problem("y ~ a + b*x", {"x": x, "y": (np.sin(7 * x) + x > 0) * 1.0}, "logistic", {"a": 0.3, "b": -0.2})
    return st.Problem("y ~ w*x", "@triples")


SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("p3", {"lr": 0.01}),
    ("p3", {"lr": 0.01, "method": "adam"}),
    ("p3", {"lr": 0.005, "method": "momentum", "hyper": {"mu": 0.5}}),
    ("p3", {"method": "lbfgs"}),
    ("p3", {"lr": 0.01, "batch": 7, "seed": 3}),
    ("classes", {"method": "rmsprop", "lr": 0.01, "batch": 11}),
    ("triples", {"lr": 0.003}),
]


@pytest.mark.parametrize(("name", "words"), SETTINGS)
def test_steps_together_are_steps_one_by_one_and_a_descent(name: str, words: dict[str, Any]) -> None:
    together, single = problem(name).lab(**words), problem(name).lab(**words)
    together.step(12)
    for _ in range(12):
        single.step()
    plain = {**words, "lr": words.get("lr", "auto" if words.get("method") == "lbfgs" else together.settings.lr)}
    trace = problem(name).descend(steps=12, engine=together.trace.recipe["engine"], **plain)
    assert together.theta == single.theta == trace.final
    assert together.number == single.number == len(trace) - 1
    for column in ("step", "theta", "lr"):
        assert np.array_equal(getattr(together.trace, column), getattr(single.trace, column), equal_nan=True)
        assert np.array_equal(getattr(together.trace, column), getattr(trace, column), equal_nan=True)


@pytest.mark.parametrize(("name", "words"), SETTINGS)
@pytest.mark.parametrize(("parts", "back"), [((5, 5), 1), ((5, 5), 5), ((5, 5), 7), ((1, 1, 1), 2), ((4,), 9)])
def test_back_is_where_it_was(name: str, words: dict[str, Any], parts: tuple[int, ...], back: int) -> None:
    lab, fresh = problem(name).lab(**words), problem(name).lab(**words)
    for part in parts:
        lab.step(part)
    lab.back(back)
    target = max(0, sum(parts) - back)
    if target:
        fresh.step(target)
    assert (lab.number, lab.theta, lab.loss) == (target, fresh.theta, fresh.loss)
    assert lab.step(2).theta == fresh.step(2).theta


@pytest.mark.parametrize(("name", "words"), SETTINGS)
def test_what_is_predicted_happens(name: str, words: dict[str, Any]) -> None:
    lab = problem(name).lab(**words)
    for _ in range(3):
        ahead, before = lab.predict(), lab.theta
        lab.step()
        assert lab.loss == ahead.loss
        assert list(lab.theta.values()) == ahead.there.tolist()
        assert np.allclose(np.array(list(before.values())) + ahead.change, ahead.there, rtol=1e-15)


def test_another_rate_is_answered_with_what_it_will_do() -> None:
    lab = problem().lab(lr=0.01)
    assert "With η = 0.05, step 1 raises the loss from 0.230951 to 0.239191." in lab.set_lr(0.05).say
    assert "Along this gradient anything above 0.04791 does." in lab.say
    assert "lowers the loss from 0.230951 to 0.1538" in lab.set_lr(0.02).say
    assert "above 0.01982, the largest stable rate here" in lab.say
    assert "above" not in lab.set_lr(0.015).say
    assert lab.number == 0


def test_another_method_begins_afresh_where_it_stands() -> None:
    lab = problem().lab(lr=0.01).step(3)
    here = lab.theta
    lab.set_method("adam").step(4)
    engine = lab.trace.recipe["engine"]
    assert lab.theta == problem().with_start(here).descend("adam", 0.01, 4, engine=engine).final
    assert lab.back(4).settings.method == "adam"
    assert lab.back(1).settings.method == "gd"
    assert lab.set_method("lbfgs").settings.lr is not lab.settings.lr or math.isnan(lab.settings.lr)
    assert lab.step(30).outcome in ("converged", "steps")


def test_other_batches_from_here_on() -> None:
    lab = problem().lab(lr=0.01).step(3).set_batch(5)
    full = problem().gradient_at(lab.theta)
    assert not np.allclose(list(lab.gradient.values()), full, rtol=1e-3)
    lab.step(2).set_batch("full")
    assert np.allclose(list(lab.gradient.values()), problem().gradient_at(lab.theta), rtol=1e-12, atol=1e-15)
    assert [leg["batch"] for leg in lab.step().trace.recipe["by_hand"]] == ["full", 5, "full"]


def test_a_fork_is_a_session_of_its_own() -> None:
    lab = problem().lab(lr=0.01).step(3)
    other = lab.fork().set_lr(0.02).step(2)
    assert (lab.number, other.number, lab.settings.lr) == (3, 5, 0.01)
    assert lab.step(2).theta != other.theta
    assert lab.reset().number == 0
    assert other.number == 5


def test_it_stops_before_the_numbers_overflow_and_says_where_to_go_back() -> None:
    lab = problem().lab(lr=0.05).step(2000)
    assert lab.outcome in ("diverged", "nonfinite")
    assert "Stopped at step" in lab.say and np.isfinite(lab.loss)
    away = int(lab.say.split("go ")[1].split(" back")[0])
    assert lab.back(away).loss == min(lab.trace.loss)
    assert lab.set_lr(0.01).step(50).outcome == "steps"


@pytest.mark.parametrize(
    ("start", "words", "steps"), [({"w": 3.0}, {"lr": 0.01}, 0), ({"w": 0.0}, {"lr": 0.04, "until_loss": 1e-3}, 3)]
)
def test_it_stops_at_convergence(start: dict[str, float], words: dict[str, Any], steps: int) -> None:
    lab = st.Problem("y ~ w*x", "@triples", start=start).lab(**words).step(100)
    assert (lab.outcome, lab.number) == ("converged", steps)
    assert "Converged:" in lab.say
    assert lab.step().number == steps


def test_all_legs_are_one_trace(tmp_path: Path) -> None:
    lab = problem().lab(lr=0.01).step(5).set_lr(0.02).step(4).set_batch(50).step(3).back(1)
    trace = lab.trace
    assert trace.step.tolist() == list(range(12))
    assert trace.lr.tolist() == [0.01] * 5 + [0.02] * 7
    assert trace.final == lab.theta
    assert np.isfinite(trace.full_loss[[0, 5, 9, 11]]).all()
    trace.save(tmp_path / "run.parquet")
    with pytest.raises(OptionError, match="stepped by hand"):
        st.rerun(tmp_path / "run.parquet")
    alike = problem().lab(lr=0.01).step(5).step(4).trace
    alike.save(tmp_path / "alike.parquet")
    assert np.array_equal(st.rerun(tmp_path / "alike.parquet").theta, alike.theta)


WRONG: list[tuple[str, Any]] = [(action, value) for action in ("step", "back") for value in (0, -1, 1.5, "x", True, None, math.nan)]
WRONG += [("set_lr", value) for value in (0, -1.0, math.nan, math.inf, "x", None, True)]
WRONG += [
    ("set_method", "adm"),
    ("set_method", "v = g"),
    ("set_batch", 0),
    ("set_batch", 9999),
    ("set_batch", "x"),
    ("set_batch", 1.5),
]


@pytest.mark.parametrize(("action", "value"), WRONG)
def test_wrong_use_is_an_error_and_changes_nothing(action: str, value: Any) -> None:
    lab = problem().lab(lr=0.01).step(2)
    before = (lab.number, lab.settings, lab.theta, lab.say)
    with pytest.raises(st.SteepestError):
        getattr(lab, action)(value)
    assert (lab.number, lab.settings, lab.theta, lab.say) == before


def talk(*words: str, lab: Lab | None = None, ascii: bool = False) -> list[str]:
    return list(conversation(lab or problem().lab(lr=0.01), words, ascii))


def test_the_first_minute() -> None:
    first, *_, after, ending = talk("")
    assert "loss 0.230951   gd   η 0.01 (limit here 0.01982)" in first
    assert "→ loss 0.161932" in first
    assert after.startswith("Step 1 lowered the loss from 0.230951 to 0.161932.")
    assert ending.startswith("Ended after 1 step: the loss is 0.161932")


SPOKEN: list[tuple[str, Callable[[Lab], bool]]] = [
    ("", lambda lab: lab.number == 4),
    ("10", lambda lab: lab.number == 13),
    ("1,000", lambda lab: lab.number == 1003),
    ("lr 0.02", lambda lab: lab.settings.lr == 0.02),
    ("lr 1/8", lambda lab: lab.settings.lr == 0.125),
    ("lr auto", lambda lab: lab.settings.lr not in (0.01, 0.02)),
    ("*2", lambda lab: lab.settings.lr == 0.02),
    ("/4", lambda lab: lab.settings.lr == 0.0025),
    ("b", lambda lab: lab.number == 2),
    ("b 2", lambda lab: lab.number == 1),
    ("b 99", lambda lab: lab.number == 0),
    ("method nesterov", lambda lab: lab.settings.method == "nesterov"),
    ("batch 10", lambda lab: lab.settings.batch == 10),
    ("batch full", lambda lab: lab.settings.batch == "full"),
    ("reset", lambda lab: lab.number == 0),
    ("why", lambda lab: lab.number == 3),
    ("maths", lambda lab: lab.number == 3),
    ("plot", lambda lab: lab.number == 3),
    ("?", lambda lab: lab.number == 3),
]


@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize(("word", "holds"), SPOKEN)
def test_every_command(word: str, holds: Callable[[Lab], bool], ascii: bool) -> None:
    lab = problem().lab(lr=0.01).step(3)
    blocks = talk(word, lab=lab, ascii=ascii)
    assert holds(lab)
    lines = [line for block in blocks for line in block.split("\n")]
    assert max(map(len, lines)) <= 80
    assert not ascii or "".join(lines).isascii()
    assert "\x1b" not in "".join(lines)


def test_every_command_is_tested_and_in_the_list() -> None:
    assert {word.partition(" ")[0] for word, _ in SPOKEN} >= {*COMMANDS} - {"save"}
    listed = talk("?")[1]
    assert all(command.usage.split()[0] in listed for command in COMMANDS.values())


@pytest.mark.parametrize(
    "word",
    ["foo", "lr", "lr x", "lr 0", "lr -1", "lr nan", "lr 1/0", "*", "*x", "/0", "*-2", "b x", "b 0", "0", "-3", "1.5",
     "batch x", "batch 0", "method", "method adm", "method adam now", "why not", "reset now",
     "plot 3", "maths 1", "? x", "save", "save a.txt", "save /nowhere/run.parquet", "9" * 500, "\x1b[2J",
     "lr " + "9" * 500, "é"],
)  # fmt: skip
def test_a_wrong_word_is_answered_and_nothing_is_lost(word: str) -> None:
    lab = problem().lab(lr=0.01).step(3)
    here = lab.theta
    answer = talk(word, lab=lab)[1]
    assert answer and "\x1b" not in answer
    assert (lab.number, lab.theta, lab.settings.lr) == (3, here, 0.01)
    assert "  " not in answer.split("\n")[0] and len(answer.split("\n")) <= 7  # a sentence, and not a state
    assert max(map(len, answer.split("\n"))) <= 80


@pytest.mark.parametrize("word", LEAVE)
def test_every_way_to_leave(word: str) -> None:
    assert len(talk(word, "", "")) == 2


@pytest.mark.parametrize("name", ["run.parquet", "run.png", "run.svg"])
def test_save(name: str, tmp_path: Path) -> None:
    assert talk("3", f"save {tmp_path / name}")[2].startswith("wrote ")
    assert (tmp_path / name).stat().st_size > 1000


def test_rows_that_are_few_are_shown() -> None:
    state = talk(lab=problem("triples").lab(lr=0.01).step())[0]
    assert "  true        3  6  9  12  15\n  predicted   0.66  1.32  1.98  2.64  3.3\n" in state


def test_a_chart_has_its_ends_and_no_holes() -> None:
    drawn = chart(np.arange(3), np.array([100.0, 10.0, 1.0]), ascii=True)
    assert drawn[0].startswith("      100 |*") and drawn[9].startswith("        1 |")
    assert drawn[9].endswith("*") and "log scale" in drawn[-1]
    picture = [line[11:] for line in drawn[:10]]
    assert all("*" in line for line in picture)
    assert all(any(line[k : k + 1] == "*" for line in picture) for k in range(60))
    assert chart(np.arange(2), np.array([np.nan, np.inf])) == ["no finite value to draw"]
    assert len(chart(np.array([0]), np.array([2.0]))) == 12


def test_every_character_has_an_ascii_form() -> None:
    assert ascii_only("η→λ·κ≤ŷ") == "eta->lambda|kappa<=yhat"


COMMAND = [sys.executable, "-m", "steepest", "step", P3, "@sine2000", "--lr", "0.01"]


def test_through_a_pipe() -> None:
    ran = subprocess.run(
        COMMAND, input="\n10\nlr 0.05\n", capture_output=True, text=True, encoding="utf-8", timeout=120, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "> 10\nSteps 2 to 11 lowered the loss" in ran.stdout
    assert ran.stdout.rstrip().split("\n")[-2].startswith("Ended after 11 steps")


@pytest.mark.parametrize(("words", "code"), [("2000\n", 3), ("", 0), ("q\n", 0), ("foo\n", 0)])
def test_the_exit_code_says_how_it_ended(words: str, code: int) -> None:
    ran = subprocess.run(
        [*COMMAND[:-1], "0.05"], input=words, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False
    )
    assert ran.returncode == code


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_through_a_pseudo_terminal() -> None:
    import pty

    parent, child = pty.openpty()
    running = subprocess.Popen(
        COMMAND, stdin=child, stdout=child, stderr=child, close_fds=True, env={**os.environ, "NO_COLOR": "1"}
    )
    os.close(child)
    seen = ""

    def until(text: str) -> None:
        nonlocal seen
        while text not in seen:
            assert select.select([parent], [], [], 60)[0], seen
            seen += os.read(parent, 4096).decode("utf-8", "replace")

    until("> ")
    for word, answer in [
        ("", "Step 1 lowered"),
        ("10", "Steps 2 to 11"),
        ("*2", "With η = 0.02"),
        ("b", "Back at step 10"),
        ("q", "Ended after 10"),
    ]:
        os.write(parent, f"{word}\n".encode())
        until(answer)
    assert running.wait(timeout=60) == 0
    os.close(parent)
    assert "\x1b" not in seen


def test_going_back_says_which_settings_are_in_use_again() -> None:
    lab = problem().lab(lr=0.01).step(2).set_lr(0.02).step()
    assert "settings" not in lab.back().say and lab.settings.lr == 0.02  # with which it stood there last
    assert lab.back().say.endswith("The settings are those of then: gd, η = 0.01.")
    lab.set_batch(2).step().set_method("adam").step()
    assert lab.back(2).say.endswith("The settings are those of then: gd, η = 0.01, 2 rows a step.")


def test_the_list_of_commands_names_each_once() -> None:
    listed = talk("?")[1].split("\n")
    assert len([line for line in listed if line.startswith("  plot")]) == 1
