from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

import steepest as st
from steepest.cli import descend as descend_module
from steepest.cli import fit as fit_module
from steepest.cli.main import main
from steepest.cli.options import number
from steepest.cli.output import in_shell
from steepest.errors import OptionError

LINE = "y ~ a + b*x"
DECAY = "y ~ exp(-b1*x)/(b2 + b3*x)"
WORDS = ["--start", "w=0"]
KEYS = {"parameters", "std_errors", "loss", "outcome", "sentence", "recipe"}
posix = pytest.mark.skipif(os.name != "posix", reason="needs pseudo-terminals and POSIX signals")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(words)
    out, err = capsys.readouterr()
    return code, out, err


def child(*words: str, **options: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "steepest", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def strict(text: str) -> Any:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


CODES = [
    (0, ("fit", "y ~ w*x", "@triples")),
    (0, ("descend", "y ~ w*x", "@triples", "--lr", "0.005", "--steps", "3")),
    (0, ("descend", "y ~ w*x", "@triples", "--steps", "0")),
    (0, ("descend", "y ~ w*x", "@triples", "--until-loss", "1")),
    (0, ("descend", "y ~ w*x", "@triples", "--until-gap", "1e-3")),
    (0, ("descend", "y ~ w*x", "@triples", "--until-gradient", "1")),
    (0, ("descend", "y ~ w*x", "@triples", "--until-change", "1/100", "--lr", "0.001")),
    (0, ("descend", "y ~ w*x", "@triples", "--lr", "1e-9", "--steps", "1000000000", "--seconds", "0")),
    (0, ("derive", LINE)),
    (0, ("explain", "y ~ w*x", "@triples", "--lr", "0.05")),
    (0, ("explain", "y ~ w*x", "@triples", "--method", "lbfgs")),
    (0, ("examples",)),
    (0, ("--version",)),
    (0, ("--help",)),
    (1, ("fit", "y ~ w*", "@triples")),
    (1, ("fit", "y ~ w*x", "no-such-file.csv")),
    (
        1,
        ("descend", "y ~ w**2*x", "@triples", "--start", "w=2/3", "--lr", "1/10000", "--engine", "sympy"),
    ),  # too many digits
    (2, ()),
    (2, ("explain", "y ~ w*x", "@triples", "--lr", "0")),
    (2, ("explain", "y ~ w*x", "@triples", "--at", "v=1")),
    (2, ("explain", "y ~ w*x", "@triples", "--batch", "6")),
    (2, ("fit", "y ~ w*x")),
    (2, ("fit", "y ~ w*x", "@triples", "--start", "v=1")),
    (3, ("descend", "y ~ w*x", "@triples", "--lr", "1")),
    (3, ("descend", "y ~ w*x", "@triples", "--lr", "1e300")),
    (3, ("fit", "y ~ log(w)*x", "@triples", "--start", "w=-1")),
]


@pytest.mark.parametrize(("code", "words"), CODES, ids=[" ".join(words) for _, words in CODES])
def test_exit_codes(code: int, words: tuple[str, ...], capsys: Any) -> None:
    assert run(capsys, *words)[0] == code


def test_every_outcome_has_an_exit_code() -> None:
    assert descend_module.EXIT_CODES.keys() == {"converged", "steps", "time", "stopped", "diverged", "nonfinite"}
    assert fit_module.EXIT_CODES.keys() == {"converged", "stopped", "steps", "nonfinite"}


WRONG = [
    (2, "--lr", "descend", "--lr", "-1"),
    (2, "--lr", "descend", "--lr", "0"),
    (2, "--lr is 'fast'", "descend", "--lr", "fast"),
    (2, "--lr is 'nan'", "descend", "--lr", "nan"),
    (2, "--lr is '1/0'", "descend", "--lr", "1/0"),
    (2, "--lr is '__import__(\"os\")'", "descend", "--lr", '__import__("os")'),
    (2, "--lr is '1e99999999999'", "descend", "--lr", "1e99999999999"),
    (2, "--lr 1/10", "descend", "--engine", "sympy"),
    (2, "--steps", "descend", "--steps", "-1"),
    (2, "--steps", "descend", "--steps", "many"),
    (2, "--steps 1 and --epochs 2 are both given", "descend", "--steps", "1", "--epochs", "2"),
    (2, "--epochs", "descend", "--epochs", "-2"),
    (2, "--every", "descend", "--every", "0"),
    (2, "--seconds", "descend", "--seconds", "-1"),
    (2, "--until-loss is 'x'", "descend", "--until-loss", "x"),
    (2, "--until-gap", "descend", "--until-gap", "-1"),
    (2, "--until-gradient", "descend", "--until-gradient", "-1"),
    (2, "--until-change", "descend", "--until-change", "-1"),
    (2, "--until-loss and --until-gap", "descend", "--until-loss", "1", "--until-gap", "1"),
    (2, "unknown method 'dg'. Known: gd", "descend", "--method", "dg"),
    (2, "unknown engine 'nump': did you mean 'numpy'?", "descend", "--engine", "nump"),
    (2, "did you mean 'normal'?", "descend", "--random", "norml"),
    (2, "--random", "descend", "--random", "normal", "--start", "w=1"),
    (2, "--seed", "descend", "--seed", "1"),
    (2, "--trace: cannot write 'run.csv': the name of this file must end in .parquet", "descend", "--trace", "run.csv"),
    (2, "--loss: unknown loss 'msee': did you mean 'mse'?", "fit", "--loss", "msee"),
    (2, "--start: unknown parameter 'v'", "fit", "--start", "v=1"),
    (2, "--start: 'w' is no name=number", "fit", "--start", "w"),
    (2, "--start: 'w' is 'one'", "fit", "--start", "w=one"),
    (2, "--start names 'w' twice", "fit", "--start", "w=1,w=2"),
    (2, "--fix: unknown parameter 'v'. Known: w", "fit", "--fix", "v"),
    (2, "--fix w=0.7: write --start w=0.7 --fix w", "fit", "--fix", "w=0.7"),
    (2, "--steps is '1.5': give a whole number", "descend", "--steps", "1.5"),
    (2, "--every is '1/2': give a whole number", "descend", "--every", "1/2"),
    (2, "--seed is '-1'", "descend", "--random", "normal", "--seed", "-1"),
    (2, "unknown loss 'MSE': did you mean 'mse'?", "fit", "--loss", "MSE"),
    (2, "--lr belongs to descend", "fit", "--lr", "0.1"),
    (2, "--save belongs to fit", "descend", "--save", "a.json"),
    (2, "--plot is given twice", "fit", "--plot", "a.png", "--plot=b.png"),
    (2, "--fix", "fit", "--fix", ","),
    (2, "every parameter is fixed", "fit", "--fix", "w", "--start", "w=1"),
    (1, "no column 'm'", "fit", "--weights", "m"),
    (2, "--constants", "fit", "--constants", "g"),
    (1, "both a constant and a column", "fit", "--constants", "x=1"),
    (2, "'dorp': did you mean 'drop'?", "fit", "--missing", "dorp"),
    (2, "--plot: cannot write 'fit.jpg': the name of this file must end in .svg or .png or .pdf", "fit", "--plot", "fit.jpg"),
    (2, "--save: cannot write 'fit.txt'", "fit", "--save", "fit.txt"),
    (2, "there is no folder", "fit", "--save", "no-such-folder/fit.json"),
    (2, "--colour", "fit", "--colour"),
]


@pytest.mark.parametrize(("code", "said", "command", "words"), [(c, s, w[0], w[1:]) for c, s, *w in WRONG])
def test_wrong_options_are_named_in_a_short_sentence(
    code: int, said: str, command: str, words: tuple[str, ...], capsys: Any
) -> None:
    start = ["--start", "w=0"] if not {"--start", "--random", "--fix"} & {*words} else []
    got, out, err = run(capsys, command, "y ~ w*x", "@triples", *start, *words)
    assert got == code
    assert out == ""
    assert err.startswith("steepest: error: ")
    assert said in err
    assert len(err.splitlines()) <= 3
    assert "Traceback" not in err


def test_an_unknown_command_gets_the_nearest(capsys: Any) -> None:
    code, out, err = run(capsys, "desc")
    assert (code, out) == (2, "")
    assert "descend" in err


@pytest.mark.parametrize("words", [("--latex", "--text"), ("@triples", "--columns", "x,y"), ("--columns", "x,,y")])
def test_derive_refuses_what_contradicts_itself(words: tuple[str, ...], capsys: Any) -> None:
    code, out, err = run(capsys, "derive", LINE, *words)
    assert (code, out) == (2, "")
    assert words[-2] in err or "--columns" in err


@pytest.mark.parametrize(
    ("code", "said", "words"),
    [
        (2, "formula and data are swapped", ("fit", "data.csv", LINE)),
        (2, "formula and data are swapped", ("derive", "@triples", LINE)),
        (2, '@triples ships with "y ~ w*x"', ("descend", "@triples")),
        (1, "Accepted: a file ending in .csv, .tsv, .parquet, or '@name' of a shipped example.", ("fit", LINE, "a.xlsx")),
    ],
)
def test_a_slip_of_the_arguments_is_named(code: int, said: str, words: tuple[str, ...], capsys: Any) -> None:
    got, out, err = run(capsys, *words)
    assert (got, out) == (code, "")
    assert said in err and len(err.splitlines()) <= 3


@pytest.mark.parametrize("words", [("-h",), ("fit", "-h")])
def test_h_is_help(words: tuple[str, ...], capsys: Any) -> None:
    assert run(capsys, *words) == run(capsys, *words[:-1], "--help")


def test_whole_numbers_may_have_an_exponent(capsys: Any) -> None:
    out = run(capsys, "descend", "y ~ w*x", "@triples", "--steps", "1e1", "--lr", "1e-4", "--json")[1]
    assert strict(out)["recipe"]["steps"] == 10


@pytest.mark.parametrize(("rate", "rose"), [("1/20", False), ("auto", False), ("0.095", True), ("1", True), ("1e300", False)])
def test_a_descent_whose_loss_rose_says_what_to_do(rate: str, rose: bool, capsys: Any) -> None:
    _, out, _ = run(capsys, "descend", "y ~ w*x", "@triples", "--lr", rate, "--steps", "50")
    assert ("The loss rose: take a smaller --lr, or --lr auto, which would begin at 0.04545." in out) == rose
    assert ("--lr auto" in out) == (rose or rate == "1e300")


def test_a_descent_prints_its_last_gradient_and_what_it_kept(capsys: Any) -> None:
    words = ("descend", LINE, "@noisy-line", "--start", "a=0,b=0", "--lr", "0.1", "--steps", "31")
    expected = st.Problem(LINE, "@noisy-line", start={"a": 0, "b": 0}).descend(lr=0.1, steps=31)
    _, out, _ = run(capsys, *words)
    a, b = expected.gradient[-1].tolist()
    assert f"gradient norm {(a * a + b * b) ** 0.5:.6g} at the end" in out and "points kept" not in out
    assert "6 points kept, every 7 steps (--every K chooses)" in run(capsys, *words, "--every", "7")[1]


def test_a_fit_that_found_nothing_shows_no_values(capsys: Any) -> None:
    code, out, _ = run(capsys, "fit", "y ~ log(w)*x", "@triples", "--start", "w=-1")
    assert code == 3
    assert "start" in out and "std error" not in out and "loss nan" not in out and "log(w) is nan" in out


def test_debug_shows_the_traceback(capsys: Any) -> None:
    code, _, err = run(capsys, "fit", "y ~ w*", "@triples", "--debug")
    assert code == 1
    assert "Traceback" in err and "FormulaError" in err


def test_an_interrupt_is_said(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: st.Problem, starts: int, seed: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(st.Problem, "fit", interrupted)
    assert run(capsys, "fit", "y ~ w*x", "@triples") == (130, "", "steepest: interrupted\n")


def test_several_starts(capsys: Any) -> None:
    command = ("fit", "y ~ exp(-b1*x)/(b2 + b3*x)", "@chwirut1")
    code, out, _ = run(capsys, *command, "--starts", "6", "--seed", "3")
    assert code == 0 and "of 6 starts" in " ".join(out.split()) and "of 6 starts" not in run(capsys, *command)[1]
    assert run(capsys, *command, "--starts", "0") == (2, "", "steepest: error: starts is 0: give a whole number, 1 or more\n")


def test_a_defect_is_a_sentence_too(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st.Problem, "fit", lambda self, starts, seed: {}["a\x1b[31m"])
    code, _, err = run(capsys, "fit", "y ~ w*x", "@triples")
    assert code == 1
    assert "defect" in err and "KeyError" in err and "--debug" in err and "\x1b" not in err


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", "1"), ("-.5", "-1/2"), ("+2.", "2"), ("1e-3", "1/1000"), ("13/24", "13/24"), (" 0.1 ", "1/10")],
)
def test_numbers_are_exact(text: str, value: str) -> None:
    assert str(number(text, "--lr")) == value


@pytest.mark.parametrize(
    "text", ["", "1_000", "0x10", "1e400", "inf", "nan", "1/0", "1//2", "1+1", "1.5/2", "１", "1" * 500, "--1"]
)
def test_other_numbers_are_refused(text: str) -> None:
    with pytest.raises(OptionError, match="--lr is"):
        number(text, "--lr")


def test_a_fit_prints_what_the_library_finds(capsys: Any, tmp_path: Path) -> None:
    expected = st.fit(DECAY, "@chwirut1", start={"b1": 0.15, "b2": 0.008, "b3": 0.01})
    picture, file = tmp_path / "fit.svg", tmp_path / "fit.json"
    words = ("--start", "b1=0.15,b2=0.008,b3=0.01", "--plot", str(picture), "--save", str(file))
    code, out, err = run(capsys, "fit", DECAY, "@chwirut1", *words)
    assert (code, err) == (0, "")
    for name, value in expected.parameters.items():
        (line,) = (line for line in out.splitlines() if line.startswith(f"{name} "))
        shown, error = line.split()[1:]
        assert abs(float(shown) - value) <= 1e-6 * expected.std_errors[name]
        assert len(shown.strip("0.").replace(".", "")) <= 10 and error == f"{expected.std_errors[name]:.4g}"
    assert " ".join(expected.sentence.split()) in " ".join(out.split())
    assert max(len(line) for line in out.splitlines() if str(tmp_path) not in line) <= 80
    assert picture.read_text(encoding="utf-8").startswith("<?xml")
    assert strict(file.read_text(encoding="utf-8"))["parameters"] == expected.parameters


def test_a_descent_prints_what_the_library_finds(capsys: Any, tmp_path: Path) -> None:
    expected = st.Problem(LINE, "@noisy-line", start={"a": 0, "b": 0}).descend(steps=7)
    picture, file = tmp_path / "run.pdf", tmp_path / "run.parquet"
    words = ("--start", "a=0,b=0", "--steps", "7", "--plot", str(picture), "--trace", str(file))
    code, out, err = run(capsys, "descend", LINE, "@noisy-line", *words)
    assert (code, err) == (0, "")
    for name, value in expected.final.items():
        assert [name, "0", f"{value:.10g}"] in [line.split() for line in out.splitlines()]
    assert expected.sentence in " ".join(out.split())
    assert picture.read_bytes().startswith(b"%PDF-")
    assert pyarrow.parquet.read_table(file)["a"].to_pylist() == expected["a"].tolist()


def test_json_of_a_fit(capsys: Any) -> None:
    code, out, err = run(capsys, "fit", "y ~ w*x", "@triples", "--json")
    result = strict(out)
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert result.keys() == KEYS
    assert result["parameters"] == {"w": pytest.approx(3, rel=1e-14)}
    assert result["recipe"]["formula"] == "y ~ w*x"


def test_json_of_a_descent(capsys: Any) -> None:
    code, out, _ = run(capsys, "descend", "y ~ w*x", "@triples", "--lr", "1/200", "--steps", "1", "--json")
    result = strict(out)
    assert code == 0
    assert result.keys() == KEYS
    assert result["std_errors"] is None
    assert result["parameters"] == {"w": 0.33}


def test_json_has_null_where_a_number_is_unknown(capsys: Any) -> None:
    _, out, _ = run(capsys, "fit", "y ~ w*x", "@triples", "--loss", "mae", "--start", "w=1", "--json")
    assert strict(out)["std_errors"] == {"w": None}


@pytest.mark.parametrize("engine", ["sympy", "numpy", "compiled"])
def test_exact_numbers_where_the_engine_is_exact(engine: str, capsys: Any) -> None:
    words = ("--lr", "1/200", "--steps", "2", "--engine", engine, "--start", "w=1/3")
    _, out, _ = run(capsys, "descend", "y ~ w*x", "@triples", *words)
    (line,) = (line for line in out.splitlines() if line.startswith("w "))
    value = line.split()[2]
    assert (value == "3329/3750") == (engine == "sympy")  # 3 + (1 - 22/200)**2 * (1/3 - 3)
    assert float(number(value, "w")) == pytest.approx(3329 / 3750, rel=1e-9)


def test_json_is_numbers_for_the_exact_engine_too(capsys: Any) -> None:
    words = ("--lr", "1/200", "--steps", "1", "--engine", "sympy", "--json")
    assert strict(run(capsys, "descend", "y ~ w*x", "@triples", *words)[1])["parameters"] == {"w": 0.33}


def test_a_random_start_is_the_same_for_the_same_seed(capsys: Any) -> None:
    def go(*words: str) -> Any:
        out = run(capsys, "descend", LINE, "@noisy-line", "--steps", "0", "--random", "normal", "--json", *words)[1]
        return strict(out)["parameters"]

    assert go() == go("--seed", "0") != go("--seed", "1")


def test_a_fixed_parameter_stays_at_the_shipped_start(capsys: Any) -> None:
    result = strict(run(capsys, "fit", DECAY, "@chwirut1", "--fix", "b1", "--json")[1])
    assert result["parameters"]["b1"] == 0.1
    assert result["recipe"]["fixed"] == ["b1"]


def test_weights_constants_and_missing_reach_the_problem(capsys: Any, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("x,y,m\n1,9.81,1\n2,19.62,1\n3,,1\n4,1000,0\n")
    words = ("--weights", "m", "--constants", "g=9.81", "--missing", "drop")
    code, out, err = run(capsys, "fit", "y ~ a*g*x", str(path), "--json", *words)
    assert code == 0
    assert strict(out)["parameters"]["a"] == pytest.approx(1, rel=1e-14)
    assert "1 of 4 rows dropped" in err
    code, _, err = run(capsys, "fit", "y ~ a*g*x", str(path), "--constants", "g=9.81")
    assert code == 1
    assert "--missing drop" in err and len(err.splitlines()) <= 3


def test_notes_go_to_stderr_and_quiet_silences_them(capsys: Any) -> None:
    words = ("descend", LINE, "@triples", "--steps", "1")
    code, out, err = run(capsys, *words)
    assert code == 0 and "note" not in out
    assert err == "steepest: note: no start given for a, b: they start at 1; give --start name=value\n"
    assert run(capsys, *words, "--quiet") == (0, "", "")
    code, out, err = run(capsys, *words, "--quiet", "--json")
    assert (code, err) == (0, "") and strict(out)["outcome"] == "steps"
    assert run(capsys, *words, "--quiet", "--lr", "-1")[2].startswith("steepest: error: ")


def test_derive_says_which_names_are_columns(capsys: Any) -> None:
    code, out, err = run(capsys, "derive", "log(z) ~ a + b*x")
    assert code == 0
    assert "z and x are columns" in err and "dL/db" in out and "dL/dx" not in out
    code, out, err = run(capsys, "derive", "z ~ a + b*t", "--columns", "z,t")
    assert (code, err) == (0, "") and "dL/dt" not in out
    code, out, err = run(capsys, "derive", "y ~ a + b*x", "@triples", "--latex")
    assert (code, err) == (0, "") and r"\partial" in out
    assert run(capsys, "derive", "y ~ a + b*x", "--quiet")[2] == ""


def test_the_examples_run_as_they_are_listed(capsys: Any) -> None:
    listing = run(capsys, "examples")[1]
    assert max(map(len, listing.splitlines())) <= 80
    assert "@chwirut1" in listing and DECAY in listing


def test_files_are_checked_before_the_run(capsys: Any, tmp_path: Path) -> None:
    endless = ("descend", "y ~ w*x", "@triples", "--lr", "1e-12", "--steps", str(10**15))
    for flag, name in (("--plot", "run.svgz"), ("--plot", "none/run.svg"), ("--trace", "run.csv")):
        assert run(capsys, *endless, flag, str(tmp_path / name))[0] == 2
    assert not list(tmp_path.iterdir())


HEADERS = [
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "\x1b[31mred",
    "$\\input{/etc/passwd}$",
    "__import__('os')",
]


@pytest.mark.parametrize("header", HEADERS)
def test_hostile_headers_are_only_names(header: str, capsys: Any, tmp_path: Path) -> None:
    path, picture = tmp_path / "data.csv", tmp_path / "fit.svg"
    path.write_text(f'"{header}",y\n1,2\n2,4\n3,7\n')
    code, out, err = run(capsys, "fit", f"y ~ a*`{header}`", str(path), "--plot", str(picture), "--start", "a=1")
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    assert "<script" not in picture.read_text(encoding="utf-8")
    code, _, err = run(capsys, "fit", "y ~ a*`other`", str(path))
    assert code == 1 and "\x1b" not in err
    _, out, _ = run(capsys, "derive", f"y ~ a*`{header}`", str(path), "--latex")
    assert "\\input" not in out and "\x1b" not in out


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("lr is nan: give a number", "--lr is nan: give a number"),
        ("start: unknown parameter 'q'", "--start: unknown parameter 'q'"),
        ("leave out such rows with missing='drop'.", "leave out such rows with --missing drop."),
        ("keep fewer points with every=", "keep fewer points with --every"),
        ("starts every day", "starts every day"),
        ("the restart=3 column", "the restart=3 column"),
    ],
)
def test_the_words_of_the_library_become_those_of_a_shell(message: str, words: str) -> None:
    assert in_shell(message) == words


def test_the_module_is_the_command_and_any_locale_will_do() -> None:
    with child("descend", "y ~ α*x", "@triples", "--start", "α=0", env={**os.environ, "PYTHONIOENCODING": "ascii"}) as run:
        out, err = run.communicate()
    assert (run.returncode, err) == (0, b"")
    assert b"y ~ ?*x" in out


@posix
def test_a_closed_pipe_ends_quietly() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "steepest", "examples"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


ENDLESS = ("descend", "y ~ poly(x, 7, w)", "@sine", "--lr", "1e-6", "--steps", str(10**12))


@posix
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_progress_is_shown_and_an_interrupt_keeps_what_was_done(end: int, tmp_path: Path) -> None:
    file, picture = tmp_path / "run.parquet", tmp_path / "run.png"
    ours, theirs = os.openpty()
    words = [*ENDLESS, "--trace", str(file), "--plot", str(picture), "--json"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    command = [sys.executable, "-m", "steepest", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = read_until(ours, b"steps/s")  # only a long run shows it
        process.send_signal(end)
        shown += read_until(ours, None)
        out = process.communicate()[0]
    os.close(ours)
    result = strict(out.decode())
    assert process.returncode == 130
    assert (result["outcome"], "interrupted" in result["sentence"]) == ("stopped", True)
    assert b"loss" in shown and b"\x1b[2K" in shown  # transient: the line is erased
    table = pyarrow.parquet.read_table(file)
    assert table["step"][0].as_py() == 0
    assert table["w3"][-1].as_py() == result["parameters"]["w3"]
    assert picture.read_bytes().startswith(b"\x89PNG")


@posix
@pytest.mark.parametrize("colour", [True, False])
def test_colour_is_for_terminals_whose_user_wants_it(colour: bool) -> None:
    ours, theirs = os.openpty()
    environment = {**os.environ, "TERM": "xterm"} | ({} if colour else {"NO_COLOR": "1"})
    command = [sys.executable, "-m", "steepest", "fit", "y ~ w*x", "@triples"]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment):
        os.close(theirs)
        shown = read_until(ours, None)
    os.close(ours)
    assert b"parameter" in shown
    assert (b"\x1b[" in shown) == colour


def read_until(terminal: int, word: bytes | None) -> bytes:
    """What a terminal shows until `word` comes, or until its last writer is gone."""
    shown = b""
    while word is None or word not in shown:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # Linux: nobody holds the other side any more
            break
        if not part:
            break
        shown += part
    return shown


def test_a_file_that_cannot_be_written_at_the_end_does_not_take_the_result(capsys: Any, monkeypatch: Any) -> None:
    def full(self: Any, path: str) -> None:
        raise st.DataError(f"cannot write '{path}': No space left on device")

    monkeypatch.setattr(st.Trace, "save", full)
    code, out, err = run(capsys, "descend", "y ~ w*x", "@triples", "--trace", "run.parquet")
    assert code == 1
    assert "parameter" in out and "wrote" not in out
    assert "No space left" in err


def test_explain_says_what_a_rate_will_do(capsys):
    words = ("explain", "y ~ a + b*P3(c + d*x)", "@sine2000", "--loss", "mse", "--lr", "0.02")
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "")
    told = " ".join(out.split())
    assert "η=0.02 lowers the loss now, from 0.231 to 0.1538, but it is 1.18 times the largest stable rate" in told
    assert "largest stable at the minimum 0.01697144937" in told
    assert max(map(len, out.splitlines())) <= 80
    code, out, _ = run(capsys, *words, "--json")
    found = strict(out)
    assert code == 0 and found["limit_at_minimum"] == pytest.approx(0.016971449367) and found["sentence"] == found["sentences"][0]
    assert run(capsys, *words, "--quiet") == (0, "", "")


# ---- what a fit is asked for


@pytest.mark.parametrize("kind", ["t", "profile"])
def test_intervals_stand_beside_the_errors(capsys: Any, kind: str) -> None:
    right = st.fit(DECAY, "@chwirut1").intervals(0.9, kind)
    code, out, err = run(capsys, "fit", DECAY, "@chwirut1", "--intervals", kind, "--level", "0.9")
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines() if line.strip()]
    assert ["parameter", "value", "std", "error", "5", "%", "95", "%"] in lines
    shown = {line[0]: [float(word) for word in line[-2:]] for line in lines if line[0] in right.by_name}
    for name, interval in right.by_name.items():
        assert shown[name] == pytest.approx(list(interval), rel=1e-5)
    read = strict(run(capsys, "fit", DECAY, "@chwirut1", "--intervals", kind, "--level", "0.9", "--json")[1])
    assert read.keys() == KEYS | {"intervals"}
    assert read["intervals"]["intervals"]["b1"] == pytest.approx(list(right["b1"]), rel=1e-10)


def test_an_endless_interval_is_said(capsys: Any, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("x,y\n0,5\n1,0.4\n2,0.1\n3,-0.2\n4,0.15\n5,-0.1\n", encoding="utf-8")
    words = ("fit", "y ~ a*exp(-b*x)", str(path), "--start", "a=5,b=2", "--intervals", "profile", "--level", "0.99")
    code, out, _ = run(capsys, *words)
    assert code == 0 and "b has no upper limit" in out and " inf\n" in out
    assert strict(run(capsys, *words, "--json")[1])["intervals"]["intervals"]["b"][1] is None


def test_an_export_is_all_that_is_printed(capsys: Any) -> None:
    fit = st.fit(DECAY, "@chwirut1")
    for what in ("numpy", "torch", "sympy", "latex"):
        code, out, err = run(capsys, "fit", DECAY, "@chwirut1", "--export", what)
        assert (code, out, err) == (0, fit.export(what), "")
    read = strict(run(capsys, "fit", DECAY, "@chwirut1", "--export", "latex", "--json")[1])
    assert read.keys() == KEYS | {"export"} and read["export"] == fit.export("latex")
    code, out, _ = run(capsys, "fit", "y ~ log(w)*x", "@triples", "--start", "w=-1", "--export", "numpy", "--intervals", "t")
    assert code == 3 and "nonfinite" in out and "import numpy" not in out


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("--intervals: unknown kind of interval 'profil': did you mean 'profile'?", ("--intervals", "profil")),
        ("--level 0.9 is the level of intervals", ("--level", "0.9")),
        ("--level is 95: give a share between 0 and 1", ("--level", "95", "--intervals", "t")),
        ("--export: unknown export 'torhc': did you mean 'torch'?", ("--export", "torhc")),
    ],
)
def test_wrong_words_for_a_fit(capsys: Any, said: str, words: tuple[str, ...]) -> None:
    code, out, err = run(capsys, "fit", "y ~ w*x", "@triples", *words)
    assert (code, out) == (2, "") and said in err
