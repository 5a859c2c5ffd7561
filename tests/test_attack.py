"""What was found by attack: names in the way, files that lie, ties by the dozen, divisors that are 0."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from cProfile import Profile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest as st
from steepest.cli.main import main
from steepest.data.read import read_table
from steepest.descent.given.ties import tied
from steepest.fitting.saved import checksum

X = np.arange(6.0)
DATA = {"x": X.tolist(), "y": [1.0, 3.0, 5.0, 8.0, 9.5, 11.0]}


# ---- columns


def test_a_column_may_be_called_as_the_weights_of_sets_are() -> None:
    name, plain = "weight of the row", "z"
    sets = [{**DATA, name: X**2, plain: X**2}, {**DATA, name: 1 + X, plain: 1 + X}]
    hostile, harmless = (
        st.fit(f"y ~ a + b*`{column}`", sets, start={"a": 1, "b": 1}, weights=[1.0, 3.0]).parameters for column in (name, plain)
    )
    assert hostile == harmless


# ---- saved fits


BLOCK = {"X": np.column_stack([X, np.cos(X)]), "y": DATA["y"]}
FITS: dict[str, Callable[[], Any]] = {
    "line": lambda: st.fit("y ~ a*x + b", DATA, start={"a": 1, "b": 1}),
    "block": lambda: st.fit("y ~ dot(w, X) + b", BLOCK, start={"b": 1}, penalty="l1(w, 0.1)"),
}
LIES: list[tuple[str, tuple[str | int, ...], Any, str]] = [
    ("block", ("recipe", "matrices", "X"), 9_000_000, "not as many columns"),
    ("block", ("recipe", "matrices", "X"), 10**400, "not as many columns"),
    ("block", ("columns", 1), "\x1b[31m", "columns lack a matrix"),
    ("block", ("recipe", "penalty"), "l1(q, 1)", "unknown parameter 'q'"),
    *(("line", (name,), 10**400, f"{name} is not between") for name in ("dof", "rows", "evaluations")),
    ("line", ("dof",), -1, "dof is not between 4 and 6"),
    ("line", ("rows",), 0, "rows is not between"),
    ("line", ("evaluations",), -1, "evaluations is not between"),
    ("line", ("recipe", "rows"), 10**400, "recipe, rows, is not between"),
    ("line", ("recipe", "loss"), "zzz", "unknown loss 'zzz'"),
    ("line", ("recipe", "ties"), {"c": "2*c"}, "name what is no parameter"),
    ("line", ("recipe", "ties"), {"c": "2*"}, "ties, cannot be read"),
    ("line", ("recipe", "bounds"), {"q": [0, 1]}, "are not those of parameters"),
    ("line", ("parameters", "a"), None, "parameter a is no number"),
]


@pytest.mark.parametrize(("name", "place", "value", "said"), LIES, ids=[f"{k}: {lie[3]}" for k, lie in enumerate(LIES)])
def test_a_file_that_lies_is_refused_in_a_short_sentence(
    name: str, place: tuple[str | int, ...], value: Any, said: str, tmp_path: Path
) -> None:
    held = json.loads(json.dumps(FITS[name]().to_dict()))
    part = held
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    held["checksum"] = checksum(held)  # as who writes such a file would
    (tmp_path / "fit.json").write_text(json.dumps(held), encoding="utf-8")
    with pytest.raises(st.DataError) as caught:
        st.load(tmp_path / "fit.json")
    assert said in str(caught.value) and str(caught.value).isprintable() and len(str(caught.value)) < 1000


def test_a_long_list_of_names_is_cut(tmp_path: Path) -> None:
    held = json.loads(json.dumps(FITS["block"]().to_dict()))
    held["parameters"] = {f"q{k}": 0.0 for k in range(40)}
    held["recipe"]["matrices"]["X"] = 40
    held["checksum"] = checksum(held)
    (tmp_path / "fit.json").write_text(json.dumps(held), encoding="utf-8")
    with pytest.raises(st.DataError, match="w0, w1, w2, w3, w4, w5, w6, w7, w8, w9 and 31 more"):
        st.load(tmp_path / "fit.json")


# ---- ties


def test_a_long_chain_of_ties_is_followed() -> None:
    count = 80
    terms = " + ".join(f"b{k}*{k}" for k in range(1, count))
    ties = {f"b{k}": f"b{k - 1} + 1" for k in reversed(range(1, count))}
    fit = st.fit(f"y ~ b0*x + {terms}", DATA, start={"b0": 1, **ties})
    assert fit.ties == {name: fit.ties[name] for name in ties}
    assert fit.quantity("b79").value == pytest.approx(fit["b0"] + 79, rel=1e-12)


def test_the_work_for_ties_grows_as_their_number() -> None:
    def parses(count: int) -> int:
        terms = " + ".join(f"b{k}" for k in range(count))
        ties = {f"b{k}": f"b{k - 1} + 1" for k in reversed(range(1, count))}
        calls = Profile()
        calls.runcall(tied, [(f"y ~ x + {terms}", read_table(DATA))], ties, {}, ())
        return sum(entry.callcount for entry in calls.getstats() if getattr(entry.code, "co_name", "") == "parse_expression")

    few, many = parses(10), parses(40)
    assert few > 0 and many < 6 * few


# ---- divisors


@pytest.mark.parametrize("text", ["b/0", "b/(1-1)", "x/0", "b/(2*pi-2*pi)", "b/0.0*0", "b/sin(0)"])
def test_a_constant_divisor_that_is_0_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(st.FormulaError, match="divides by a constant that is 0") as caught:
        st.Problem(f"y ~ a*x + b + {text}", DATA, start={"a": 1})
    assert caught.value.position == len("y ~ a*x + b + ") + text.index("/")


@pytest.mark.parametrize("tie", ["a/0", "a/(1-1)"])
def test_a_tie_that_divides_by_0_is_refused(tie: str) -> None:
    with pytest.raises(st.SteepestError, match="divides by a constant that is 0"):
        st.Problem("y ~ a*x + b", DATA, start={"a": 1, "b": tie})


@pytest.mark.parametrize("text", ["b/(0*a)", "b*(0*a)**-1", "b*(0.1+0.2-0.3)**-1"])
def test_a_divisor_that_comes_out_as_0_is_an_outcome(text: str) -> None:
    problem = st.Problem(f"y ~ a*x + {text}", DATA, start={"a": 1, "b": 1})
    assert problem.descend(steps=2).outcome == "nonfinite"
    assert problem.fit().outcome == "nonfinite"


# ---- quantities


@pytest.mark.parametrize("text", ["log(-a)", "sqrt(-a)"])
def test_of_what_is_not_a_number_no_error_is_known(text: str) -> None:
    found = st.fit("y ~ a*x + b", DATA, start={"a": 1, "b": 1}).quantity(text)
    assert math.isnan(found.value) and math.isnan(found.std_error)


# ---- penalties


@pytest.mark.parametrize("penalty", ["l2(a, 0.1)", "0.1*b**2 + l1(a, (0.1 + 0.2)/3)"])
def test_a_penalty_on_an_own_parameter_is_one_on_each_that_it_became(penalty: str, tmp_path: Path) -> None:
    start, data, own = {"a": 1, "b": 1}, {**DATA, "g": ["u", "u", "u", "v", "v", "v"]}, {"a": "g"}
    kind, factor = penalty[penalty.index("a,") - 3 :][:2], penalty[penalty.index("a,") + 3 : -1]
    written = penalty.replace(f"{kind}(a, {factor})", f"{kind}(a_u, {factor}) + {kind}(a_v, {factor})")
    fit = st.fit("y ~ a*x + b", data, start=start, own=own, penalty=penalty)
    assert fit.parameters == st.fit("y ~ a*x + b", data, start=start, own=own, penalty=written).parameters
    fit.save(tmp_path / "fit.json")
    problem = st.Problem("y ~ a*x + b", data, start=start, own=own, penalty=penalty)
    assert st.load(tmp_path / "fit.json", problem).parameters == fit.parameters


@pytest.mark.parametrize(
    ("start", "penalty", "said"),
    [
        ({"a": 1}, "0.1*a**2", "penalty: 'a' became a_u, a_v"),
        ({"a": 1}, "l2(a, 0.1", "penalty: "),
        ({"a": 1, "b": "2*a"}, "l2(b, 0.1)", "penalty: 'b' is tied to '2\\*a'"),
        ({"a": 1, "b": "2*a"}, "b**2", "penalty: 'b' is tied to '2\\*a'"),
    ],
)
def test_a_penalty_that_no_parameter_has_is_refused_with_the_reason(start: dict[str, Any], penalty: str, said: str) -> None:
    with pytest.raises(st.OptionError, match=said):
        st.Problem("y ~ a*x + b", {**DATA, "g": ["u", "u", "u", "v", "v", "v"]}, start=start, own={"a": "g"}, penalty=penalty)


# ---- the command line


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--group", "X=x_*", "--group", "X=z_*"], 2, "--group names 'X' twice"),
        (["--group", "X=x_*", "--group", "Z=z_*"], 0, ""),
        (["--start", "b=1", "--start", "b=2"], 2, "--start is given twice"),
    ],
)
def test_a_flag_may_be_repeated_where_its_help_says_so(
    words: list[str], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["y,x_1,x_2,z_1,z_2", *(f"{y},{k},{k * k},{math.cos(k)},{math.sin(k)}" for k, y in enumerate(DATA["y"]))]
    (tmp_path / "rows.csv").write_text("\n".join(rows), encoding="utf-8")
    formula = "y ~ dot(w, X) + dot(v, Z)" if code == 0 else "y ~ dot(w, X) + b"
    assert main(["fit", formula, str(tmp_path / "rows.csv"), *words]) == code
    assert said in capsys.readouterr().err
