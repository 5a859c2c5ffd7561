"""Every export is run in a process of its own, without steepest, and lands where the descent did."""

from __future__ import annotations

import ast
import csv
import io
import json
import subprocess
import sys
import tokenize
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest as st
from problems import weights
from steepest.cli.main import main
from steepest.descent.trace import Trace
from steepest.engines.numpy_engine import NumpyKernels
from steepest.errors import OptionError
from steepest.show.export import WHAT
from steepest.show.scripts import SCRIPTS

LIBRARY = {"numpy": "numpy", "jax": "jax", "compiled": "numba", "notebook": "numpy"}
# Runs scripts one after the other in one process, as importing a library takes long, and steepest cannot be imported there.
RUNNER = """
import runpy, sys
sys.modules['steepest'] = None
count = int(sys.argv.pop(1))
for k in range(count):
    runpy.run_path(f'script{k}.py', run_name='__main__')
    print('=' * 20)
"""


def needed(what: str) -> Any:
    library = LIBRARY.get(what, "torch")
    try:
        __import__(library)
    except (ImportError, OSError):
        return pytest.param(what, marks=pytest.mark.skip(reason=f"{library} is not installed"))
    return what


EVERY = [needed(what) for what in WHAT]


def python(text: str) -> str:
    """The code of a script or of a notebook."""
    if not text.startswith("{"):
        return text
    return "\n\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code")


def run(texts: Sequence[str], folder: Path, *words: str) -> list[tuple[dict[int, float], dict[str, float]]]:
    """For each script the losses by step, and the parameters, that it prints."""
    for k, text in enumerate(texts):
        (folder / f"script{k}.py").write_text(python(text), encoding="utf-8")
    command = [sys.executable, "-W", "error", "-c", RUNNER, str(len(texts)), *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = []
    for printed in done.stdout.split("=" * 20)[:-1]:
        lines = [line.rpartition(" ") for line in printed.split("\n") if line]
        losses = {int(name): float(value) for name, _, value in lines if name.isdigit()}
        found.append((losses, {name: float(value) for name, _, value in lines if not name.isdigit()}))
    return found


def assert_land(traces: Sequence[Trace], texts: Sequence[str], folder: Path) -> None:
    for trace, (losses, parameters) in zip(traces, run(texts, folder), strict=True):
        assert {0, int(trace.step[-1])} <= losses.keys()
        for step, value in losses.items():
            assert value == pytest.approx(trace.loss[step], rel=1e-10, abs=1e-25)
        assert list(parameters) == list(trace.parameters)
        assert list(parameters.values()) == pytest.approx(trace.theta[-1], rel=1e-10, abs=1e-13)


def descended(formula: str, data: Any, loss: str = "mse", steps: int = 20, lr: Any = "auto", **options: Any) -> Trace:
    return st.Problem(formula, data, loss, **options).descend(lr=lr, steps=steps)


X = np.linspace(0.2, 2.0, 30)
SMALL = {"x": X, "y": np.sin(2 * X) + 0.1 * X**2, "z": X[::-1].copy()}

# One for each thing that a script can hold.
DESCENTS = {
    "a generated example": lambda: descended("y ~ a + b*P3(c + d*x)", "@sine2000", "sse", 60, 5e-6),
    "a shipped example": lambda: descended("y ~ exp(-b1*x)/(b2 + b3*x)", "@chwirut1", "half-mse", 30, 1e-9),
    "fixed, weighted, half": lambda: descended(
        "y ~ a*exp(-b*x) + c", SMALL, "half-mse", start={"a": 1, "b": {"value": 0.5, "fixed": True}, "c": 0.2}, weights=weights(30)
    ),
    "functions": lambda: descended(
        "y ~ a*sigmoid(b*x) + c*erf(x) + cbrt(a*z) + clip(c*z, 0.1, 1) + sinc(b*x)", SMALL, start={"a": 1, "b": 0.5, "c": 0.3}
    ),
    "choices": lambda: descended("y ~ where(x < 1, a*x, b) + max(a, 0)*min(x, 2) + log2(z + 3)", SMALL, start=[0.7, 0.2]),
    "a loop": lambda: descended("y ~ a*P20(b*x/3) + T17(x/3)", SMALL, lr=1e-3, start=[0.4, 0.9]),
    "one parameter, no column in the model": lambda: descended("y ~ a", SMALL, "abs(yhat - y)**1.5", lr=0.1, start=[0.5]),
    "no column in the loss": lambda: descended("y ~ a", SMALL, "yhat**2", lr=0.1, start=[0.5]),
}  # fmt: skip


@pytest.mark.parametrize("what", EVERY)
def test_every_library_does_every_descent(what: str, tmp_path: Path) -> None:
    traces = [descent() for descent in DESCENTS.values()]
    assert_land(traces, [trace.export(what) for trace in traces], tmp_path)


# It is the text that the engine runs


def test_the_script_holds_what_the_engine_runs() -> None:
    trace = DESCENTS["a generated example"]()
    text = trace.export("numpy")
    source = NumpyKernels(trace.objective.derivation).source("gradient")

    def code(text: str) -> list[str]:
        return [ast.dump(node) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]

    assert code(source)[0] in code(text)


def test_comments_say_what_lines_compute() -> None:
    text = DESCENTS["a generated example"]().export("numpy")
    assert "p0, p1, p2, p3 = theta  # a, b, c, d" in text
    assert "p2 + p3*x1  # c + d*x" in text
    assert "# its slope in d" in text
    assert "# y ~ a + b*P3(c + d*x)" in text


@pytest.mark.parametrize("what", SCRIPTS)
def test_a_script_imports_its_library_alone(what: str) -> None:
    tree = ast.parse(DESCENTS["functions"]().export(what))
    found = {alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    found |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    allowed = {"numpy": {"numpy", "scipy"}, "compiled": {"numba", "numpy", "math"}, "jax": {"jax"}}
    assert found <= allowed.get(what, {"torch"})


def test_a_notebook_is_one() -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    text = DESCENTS["a generated example"]().export("notebook")
    nbformat.validate(nbformat.reads(text, as_version=4))
    assert r"\frac{\partial L}{\partial d}" in text.replace("\\\\", "\\")


# Files


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_files_are_read(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas

    frame = pandas.DataFrame({"x (m)": X, "y": np.sin(X)})
    path = tmp_path / f"data{suffix}"
    if suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    monkeypatch.chdir(tmp_path)
    trace = descended("y ~ a*`x (m)` + b", path.name, start=[1, 1])
    text = trace.export("numpy")
    assert "'x (m)'" in text and repr(X.tolist()[1]) not in text
    assert_land([trace], [text], tmp_path)


def test_a_file_that_python_reads_otherwise_is_written_down(tmp_path: Path) -> None:
    path = tmp_path / "gaps.csv"
    path.write_text("x,y\n1,2\n2,\n3,5\n4,7\n", encoding="utf-8")
    with pytest.warns(st.SteepestWarning, match="dropped"):
        trace = descended("y ~ a*x + b", str(path), start=[1, 1], missing="drop")
    text = trace.export("numpy")
    assert "DictReader" not in text
    assert_land([trace], [text], tmp_path)


def test_too_many_rows_are_not_written_down() -> None:
    x = np.linspace(0, 1, 501)
    with pytest.raises(OptionError, match="the 501 rows of mapping cannot be read by a script"):
        descended("y ~ a*x", {"x": x, "y": x}, start=[0]).export("numpy")


# What a script cannot repeat


def test_a_rate_that_was_halved() -> None:
    trace = descended("y ~ a*exp(b*x)", {"x": X, "y": np.exp(2 * X)}, start=[0.1, 0.1], steps=200)
    assert len({*trace.lr.tolist()}) > 1
    with pytest.raises(OptionError, match=r"lr='auto' was halved on the way.*: give lr="):
        trace.export("numpy")


@pytest.mark.parametrize("option", ["dtype", "data_dtype"])
def test_a_descent_in_float32(option: str) -> None:
    pytest.importorskip("torch")
    trace = st.Problem("y ~ w*x", "@triples").descend(lr=0.005, steps=2, engine="torch", **{option: "float32"})
    with pytest.raises(OptionError, match=f"^{option} is 'float32': a script computes in float64"):
        trace.export("torch")


def test_an_unknown_library() -> None:
    with pytest.raises(OptionError, match="unknown export 'pytorch': did you mean 'torch'"):
        DESCENTS["choices"]().export("pytorch")


# Hostile names

HOSTILE = (
    'x"""\nimport os; os.abort()\n"""', "x'] + __import__('os').abort() + ['", "x\nraise SystemExit(7)", "# coding: utf-7",
    "\u202ex", "x\\", "{x}", "x\r\nraise SystemExit(7)",
)  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_are_data(hostile: str, tmp_path: Path) -> None:
    from steepest.calculus.derivation import Derivation
    from steepest.language.formula import Formula, parse_formula
    from steepest.language.losses import parse_loss
    from steepest.show.export import descent_on_a_file, export

    plain = parse_formula("y ~ a*x + b", ["y", "x"])
    formula = Formula(f"y ~ a*`{hostile}` + b", plain.program, plain.parameters, ("y", hostile), "y", "a*x + b")
    descent = descent_on_a_file(Derivation(formula, parse_loss("mse")), (1.0, 1.0), 0.1, 5)
    texts = {what: export(descent, what) for what in WHAT}
    for code in map(python, texts.values()):
        names = {token.string for token in tokenize.generate_tokens(io.StringIO(code).readline) if token.type == tokenize.NAME}
        assert not names & {"os", "abort", "SystemExit", "raise", "__import__"}
        assert tokenize.detect_encoding(io.BytesIO(code.encode()).readline)[0] == "utf-8"
    with (tmp_path / "data.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["y", hostile], *zip([1.0, 2.0, 4.0], [0.0, 1.0, 2.0], strict=True)])
    expected = descended("y ~ a*x + b", {"x": [0.0, 1.0, 2.0], "y": [1.0, 2.0, 4.0]}, lr=0.1, steps=5, start=[1, 1])
    for losses, _ in run([texts["numpy"], texts["notebook"]], tmp_path, "data.csv"):
        assert losses[5] == pytest.approx(expected.loss[-1], rel=1e-12)


@pytest.mark.parametrize("hostile", ["x' + __import__('os').abort() + '", "{x}", "x\u202e", "#"])
def test_hostile_headers_of_a_problem(hostile: str, tmp_path: Path) -> None:
    trace = descended(f"y ~ a*`{hostile}` + b", {hostile: [0.0, 1.0, 2.0], "y": [1.0, 2.0, 4.0]}, start=[1, 1])
    assert_land([trace], [trace.export("numpy")], tmp_path)


# The command


@pytest.mark.parametrize(("what", "suffix"), [("numpy", ".py"), ("notebook", ".ipynb")])
def test_the_command_writes_a_file(what: str, suffix: str, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / f"descent{suffix}"
    words = ["export", "y ~ w*x", "@triples", "--as", what, "--lr", "0.005", "--steps", "7", "-o", str(path)]
    assert main(words) == 0
    assert capsys.readouterr().out == f"wrote {path}\n"
    assert_land([descended("y ~ w*x", "@triples", lr=0.005, steps=7)], [path.read_text(encoding="utf-8")], tmp_path)


def test_the_command_prints(tmp_path: Path, capsys: Any) -> None:
    assert main(["export", "y ~ w*x", "@triples", "--lr", "0.005", "--steps", "7"]) == 0
    assert_land([descended("y ~ w*x", "@triples", lr=0.005, steps=7)], [capsys.readouterr().out], tmp_path)


def test_without_data_the_script_asks_for_a_file(tmp_path: Path, capsys: Any) -> None:
    assert main(["export", "y ~ w*x", "--lr", "0.005", "--steps", "7", "--start", "w=0"]) == 0
    (tmp_path / "five.csv").write_text("x,y\n1,3\n2,6\n3,9\n4,12\n5,15\n", encoding="utf-8")
    ((losses, _),) = run([capsys.readouterr().out], tmp_path, "five.csv")
    assert losses[7] == pytest.approx(descended("y ~ w*x", "@triples", lr=0.005, steps=7).loss[-1], rel=1e-12)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["@triples", "--as", "torch", "-o", "run.ipynb"], "the name of this file must end in .py"),
        (["@triples", "--as", "notebook", "-o", "run.py"], "must end in .ipynb"),
        (["@triples", "--as", "tensorflow"], "unknown export 'tensorflow'"),
        (["--as", "numpy"], "lr 'auto' needs data"),
        (["--lr", "0.1", "--fix", "w"], "--fix needs data"),
        (["@triples", "--lr", "-1"], "--lr is -1.0"),
    ],
)
def test_wrong_words(words: list[str], said: str, capsys: Any) -> None:
    assert main(["export", "y ~ w*x", *words]) == 2
    assert said in capsys.readouterr().err
