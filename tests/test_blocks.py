"""dot(w, X), groups of columns and penalties: what is read, what is refused, and every engine on them against NumPy by hand."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import steepest as st
from steepest.engines.table import ENGINES, why_not
from steepest.errors import DataError, EngineError, FormulaError, OptionError
from steepest.language.blocks import Matrix
from steepest.language.formula import parse_formula
from steepest.language.penalty import parse_penalty

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(0)
ROWS = 90
X, Z = RNG.normal(size=(ROWS, 4)), RNG.normal(size=(ROWS, 3))
x = RNG.normal(size=ROWS)
COUNTS = RNG.poisson(np.exp(0.3 * X[:, 0])).astype(float)
DATA = {"y": COUNTS, "X": X, "Z": Z, "x": x, "yes": np.minimum(COUNTS, 1), "weight": RNG.uniform(0.5, 2, ROWS)}
V = ["v0", "v1", "v2"]
W = ["w0", "w1", "w2", "w3"]

# ---- formulas with blocks, and the same with every parameter written out

CASES = {
    "linear": ("y ~ dot(w, X) + b", "mse", ["w"]),
    "logistic": ("yes ~ dot(w, X) + b*x", "logistic", ["w"]),
    "poisson": ("y ~ dot(w, X) + dot(v, Z)", "poisson", ["w", "v"]),
    "two blocks, nonlinear": ("y ~ a*exp(dot(w, X)) + dot(v, Z)**2 + b", "half-mse", ["w", "v"]),
    "twice": ("y ~ dot(w, X)*(b + tanh(dot(w, X)))", "huber", ["w"]),
    "sum": ("log(1 + y) ~ dot(w, X)*x + b", "sse", ["w"]),
}
PENALTIES = {"none": None, "l2": "l2(w, 0.3)", "l1": "l1(w, 0.2) + l2(w, 0.1) + 0.5*b**2"}


def written_out(formula: str) -> str:
    for name, matrix, size in (("w", "X", 4), ("v", "Z", 3)):
        formula = formula.replace(f"dot({name}, {matrix})", f"({' + '.join(f'{name}{k}*{matrix}{k}' for k in range(size))})")
    return formula


def scalar_data() -> dict[str, Array]:
    return {**DATA, **{f"X{k}": X[:, k] for k in range(4)}, **{f"Z{k}": Z[:, k] for k in range(3)}}


def penalty_out(penalty: str | None) -> str | None:
    if penalty is None:
        return None
    for kind in ("l1(w, 0.2)", "l2(w, 0.1)", "l2(w, 0.3)"):
        penalty = penalty.replace(kind, " + ".join(kind.replace("w", name) for name in W))
    return penalty


def pair(case: str, penalty: str, weights: str | None = None) -> tuple[st.Problem, st.Problem, Array]:
    formula, loss, _ = CASES[case]
    text = PENALTIES[penalty]
    if "b" not in formula.replace("tanh", "") and text:
        text = text.replace(" + 0.5*b**2", "")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", st.SteepestWarning)
        blocks = st.Problem(formula, DATA, loss, weights=weights, penalty=text)
        scalars = st.Problem(written_out(formula), scalar_data(), loss, weights=weights, penalty=penalty_out(text))
    theta = dict(zip(scalars.parameters, np.random.default_rng(1).normal(size=len(scalars.parameters)) / 3, strict=True))
    assert set(theta) == set(blocks.parameters)
    return blocks, scalars, np.array([theta[name] for name in blocks.parameters])


def by_name(problem: st.Problem, theta: Array) -> dict[str, float]:
    return dict(zip(problem.parameters, theta.tolist(), strict=True))


@pytest.mark.parametrize("weights", [None, "weight"])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "sympy"])
def test_every_engine_has_the_derivatives_of_the_formula_written_out(
    engine: str, case: str, penalty: str, weights: str | None
) -> None:
    if reason := why_not(engine):
        pytest.skip(reason)
    blocks, scalars, theta = pair(case, penalty, weights)
    at = by_name(blocks, theta)
    digits = 1e-7 if engine == "finite-difference" else 1e-12
    expected = dict(zip(scalars.parameters, scalars.gradient_at(at).tolist(), strict=True))
    found = blocks.gradient_at(at, engine=engine)
    size = max(map(abs, expected.values()))
    assert blocks.loss_at(at, engine=engine) == pytest.approx(scalars.loss_at(at), rel=1e-12)
    assert_allclose(found, [expected[name] for name in blocks.parameters], rtol=digits, atol=digits * size)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("case", CASES)
def test_second_derivatives(case: str, penalty: str) -> None:
    blocks, scalars, theta = pair(case, penalty)
    order = [scalars.parameters.index(name) for name in blocks.parameters]
    at = by_name(blocks, theta)
    expected = scalars.hessian_at(at)[np.ix_(order, order)]
    found = blocks.hessian_at(at)
    assert_allclose(found, expected, atol=1e-12 * np.max(np.abs(expected)))
    normal, same = (p.objective().curved("normal", p.objective().kernels.vector(t))[1] for p, t in (
        (blocks, theta), (scalars, [at[name] for name in scalars.parameters])))  # fmt: skip
    assert_allclose(normal, same[np.ix_(order, order)], atol=1e-12 * np.max(np.abs(same)))
    kernels: Any = blocks.objective().kernels
    bends = kernels.bends(theta, blocks.columns.arrays, None)
    total = float(ROWS)
    divisor = float(blocks.objective().divisor)
    direction = np.random.default_rng(2).normal(size=len(theta))
    product = kernels.product(bends, direction, blocks.columns.arrays, total) / divisor
    assert_allclose(product, expected @ direction, atol=1e-12 * np.max(np.abs(expected)))
    assert_allclose(kernels.diagonal(bends, blocks.columns.arrays, total) / divisor, np.diag(expected), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("numbers", [1, 100, 2**20])
def test_chunks_change_nothing_but_rounding(numbers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from steepest.engines import blocks as engine

    blocks, _, theta = pair("two blocks, nonlinear", "l2", "weight")
    gradient, hessian = blocks.gradient_at(theta), blocks.hessian_at(theta)
    for name in ("CHUNK", "LARGE"):
        monkeypatch.setattr(engine, name, numbers)
    assert_allclose(blocks.gradient_at(theta), gradient, rtol=1e-12, atol=1e-13)
    assert_allclose(blocks.hessian_at(theta), hessian, rtol=1e-12, atol=1e-13)


def test_exact_numbers() -> None:
    data = {"y": [1, 2, 4], "X": np.array([[1.0, 2.0], [0.5, 1.0], [3.0, -1.0]])}
    problem = st.Problem("y ~ dot(w, X) + b", data, penalty="l2(w, 2)")
    assert [str(value) for value in problem.gradient_at([1, 2, 0], engine="sympy")] == ["5/6", "47/3", "1"]


def test_the_first_numbers_by_hand() -> None:
    w, b = np.array([0.1, -0.2, 0.3, 0.4]), 0.5
    problem = st.Problem("y ~ dot(w, X) + b", DATA, "half-mse", penalty="l2(w, 0.1)")
    e = X @ w + b - COUNTS
    assert problem.loss_at({"w": w, "b": b}) == pytest.approx(np.mean(e**2) / 2 + 0.1 * np.sum(w**2), rel=1e-14)
    assert_allclose(problem.gradient_at({"w": w, "b": b}), [*(X.T @ e / ROWS + 0.2 * w), e.mean()], rtol=1e-12)
    assert_allclose(problem.predict({"w": w, "b": b}, {"X": X[:3]}), X[:3] @ w + b)


# ---- names, groups, starts


def test_names() -> None:
    formula = parse_formula(
        "y ~ a + dot(w, X) + dot(v, Z)", ["y", "X", "Z"], matrices={"X": Matrix(2, ("age", "size (m)")), "Z": Matrix(2)}
    )
    assert formula.parameters == ("a", "w_age", "w_size_m", "v0", "v1")
    assert formula.columns == ("y", "X", "Z")
    assert [(b.name, b.first, b.size) for b in formula.blocks] == [("w", 1, 2), ("v", 3, 2)]


@pytest.mark.parametrize("groups", [{"G": "X?"}, {"G": ["X0", "X1", "X2", "X3"]}])
@pytest.mark.parametrize("kind", ["mapping", "pandas", "polars", "csv", "parquet"])
def test_groups(groups: dict[str, Any], kind: str, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    plain = {name: values for name, values in scalar_data().items() if values.ndim == 1}
    frame = pandas.DataFrame(plain)
    data: Any = plain if kind == "mapping" else frame
    if kind == "polars":
        data = pytest.importorskip("polars").DataFrame(plain)
    elif kind in ("csv", "parquet"):
        data = str(tmp_path / f"rows.{kind}")
        frame.to_csv(data, index=False) if kind == "csv" else frame.to_parquet(data)
    fit = st.fit("y ~ dot(w, G) + b", data, groups=groups)
    other = st.fit("y ~ dot(w, X) + b", DATA)
    assert_allclose(fit.theta, other.theta, rtol=1e-12)
    assert list(fit.parameters)[:2] == ["w_X0", "w_X1"]
    assert_allclose(fit.predict({name: plain[name][:5] for name in ("X0", "X1", "X2", "X3")}), other.predict()[:5])
    assert_allclose(fit.predict({"G": X[:5]}), other.predict()[:5])


def test_a_frame_in_a_mapping_gives_its_names() -> None:
    pandas = pytest.importorskip("pandas")
    problem = st.Problem("y ~ dot(w, X)", {"y": COUNTS, "X": pandas.DataFrame(X, columns=["p", "q", "r", "s"])})
    assert problem.parameters == ("w_p", "w_q", "w_r", "w_s")


def test_starts() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(st.Problem("y ~ dot(w, X) + b", DATA).start.values()) == {0}
        problem = st.Problem("y ~ dot(w, X) + b", DATA, start={"w": [1, 2, 3, 4], "w2": 9} | {"b": 1})
    assert problem.start == {"w0": 1, "w1": 2, "w2": 3, "w3": 4, "b": 1}
    held = st.fit("y ~ dot(w, X) + b", DATA, start={"w": {"value": 0.25, "fixed": True}, "b": 0})
    assert [held[name] for name in W] == [0.25] * 4 and held["b"] == pytest.approx(np.mean(COUNTS - X @ np.full(4, 0.25)))
    nonlinear = st.Problem("y ~ a*exp(dot(w, X))", DATA)
    with pytest.warns(st.SteepestWarning, match="no start given for a: it starts at 1"):
        nonlinear.descend(steps=1)


WRONG_FORMULAS = {
    "y ~ dot(w, x)": r"'x' is a single column: write w\*x",
    "y ~ dot(w, Q)": r"unknown matrix 'Q'. Known: X, Z; a matrix is a 2-D array, or columns in groups",
    "y ~ dot(x, X)": "'x' is a column: dot",
    "y ~ dot(w, X) + X": "the matrix 'X' can stand only in dot",
    "y ~ X": "the matrix 'X' can stand only in dot",
    "X ~ a + x": "the matrix 'X' can stand only in dot",
    "y ~ dot(w, X) + w": "'w', the parameters of dot, can stand only in dot",
    "y ~ dot(w, X) + dot(w, Z)": "'w' already stands for the parameters of another matrix",
    "y ~ dot(w, X) + w1": "cannot make the parameter 'w1'|that name is taken",
    "y ~ dot(2, X)": "takes a bare name",
    "y ~ dot(w)": "expected ','",
    "dot(w, X) ~ a": "has no column 'w'|unknown column 'w'|dot",
    "y ~ dot + x": "'dot' is a function",
    "y ~ dot(pi, X)": "it is the constant pi",
}


def test_a_column_vector_is_told_what_to_do() -> None:
    with pytest.raises(FormulaError, match=r"the matrix 'y' can stand only in dot\(w, X\); it has one column: use .ravel\(\)"):
        st.Problem("y ~ a*x", {"y": COUNTS.reshape(-1, 1), "x": x})


@pytest.mark.parametrize(("formula", "said"), WRONG_FORMULAS.items())
def test_wrong_formulas(formula: str, said: str) -> None:
    with pytest.raises(FormulaError, match=said):
        st.Problem(formula, DATA)


def test_dot_is_no_word_of_losses_methods_and_penalties() -> None:
    for call in (
        lambda: st.Problem("y ~ a*x", DATA, "dot(yhat, y)"),
        lambda: st.Problem("y ~ a*x", DATA, start={"a": 1}).descend("theta = theta - eta*dot(g, g)", lr=0.1),
        lambda: st.define("f", "u, v", "dot(u, v)"),
    ):
        with pytest.raises(FormulaError, match="dot"):
            call()


WRONG_GROUPS = {
    "an empty pattern": ({"G": "q_*"}, DataError, "no column of the pattern 'q_\\*'"),
    "a column that is not there": ({"G": ["x", "u"]}, DataError, "no single column 'u'"),
    "a column twice": ({"G": ["x", "x"]}, OptionError, "each once"),
    "the name of a column": ({"x": ["y"]}, OptionError, "is the name of a column"),
    "no mapping": (["x"], OptionError, "groups is a mapping"),
    "a matrix in a group": ({"G": ["X"]}, DataError, "no single column 'X'"),
}


@pytest.mark.parametrize("case", WRONG_GROUPS)
def test_wrong_groups(case: str) -> None:
    groups, error, said = WRONG_GROUPS[case]
    with pytest.raises(error, match=said):
        st.Problem("y ~ dot(w, G)", DATA, groups=groups)


def test_wrong_matrices() -> None:
    holes = X.copy()
    holes[3, 2] = np.nan
    with pytest.raises(DataError, match=r"1 missing.*row index 3"):
        st.Problem("y ~ dot(w, X)", {"y": COUNTS, "X": holes})
    with pytest.warns(st.SteepestWarning, match="1 of 90 rows dropped"):
        assert st.Problem("y ~ dot(w, X)", {"y": COUNTS, "X": holes}, missing="drop").columns.rows == ROWS - 1
    with pytest.raises(DataError, match="text"):
        st.Problem("y ~ dot(w, X)", {"y": COUNTS, "X": np.full((ROWS, 2), "a")})
    with pytest.raises(DataError, match="different length"):
        st.Problem("y ~ dot(w, X)", {"y": COUNTS, "X": X[:5]})
    fit = st.fit("y ~ dot(w, X)", DATA)
    with pytest.raises(DataError, match="has 3 columns, and was fitted with 4"):
        fit.predict({"X": X[:, :3]})
    same = parse_formula("y ~ dot(w, X)", ["y", "X"], matrices={"X": Matrix(2, ("a", "b"))})
    assert same.parameters == ("w_a", "w_b")
    with pytest.raises(FormulaError, match="that name is taken"):
        parse_formula("y ~ dot(w, X)", ["y", "X"], matrices={"X": Matrix(2, ("a b", "a_b"))})


WRONG_PENALTIES = {
    "l2(q, 1)": "unknown parameter 'q'",
    "l2(w, -1)": "takes a number, 0 or more",
    "l2(w, b)": "takes a number, 0 or more",
    "2*l2(w, 1)": "stand alone or in a sum",
    "w**2": "'w' is a block of parameters",
    "l2(w)": "takes 2 arguments",
    "l3(w, 1)": "unknown function 'l3'",
    "x": "unknown parameter 'x'",
}


@pytest.mark.parametrize(("penalty", "said"), WRONG_PENALTIES.items())
def test_wrong_penalties(penalty: str, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        st.Problem("y ~ dot(w, X) + b", DATA, penalty=penalty)


def test_penalties_are_read() -> None:
    penalty = parse_penalty("l1(w, k) + l2(a, 0.5) + l1(w, 1) + exp(a) - a", ["a"], ["w"], {"k": 2})
    assert penalty.factors("l1") == {"w": 3} and penalty.factors("l2") == {"a": 0.5}
    assert penalty.rest is not None and penalty.rest.names() == ("a",)


# ---- descents


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
@pytest.mark.parametrize("batch", ["full", 20])
@pytest.mark.parametrize("method", ["gd", "momentum", "adam"])
def test_descents_are_those_of_the_formula_written_out(method: str, batch: Any, engine: str) -> None:
    blocks, scalars, _ = pair("linear", "l2")
    options: Any = {"method": method, "lr": 0.05, "steps": 30, "batch": batch, "engine": engine}
    one = blocks.with_start(dict.fromkeys(blocks.parameters, 0.1)).descend(**options)
    other = scalars.with_start(dict.fromkeys(scalars.parameters, 0.1)).descend(**options)
    for name in blocks.parameters:
        assert_allclose(one[name], other[name], rtol=1e-10, atol=1e-12)
    assert_allclose(one.loss, other.loss, rtol=1e-10)


def test_the_recipe_says_how_blocks_go() -> None:
    trace = st.Problem("y ~ dot(w, X) + b", DATA).descend(steps=5)
    assert "one step at a time" in trace.recipe["engine_why"]
    with pytest.raises(EngineError, match="has no dot"):
        st.Problem("y ~ dot(w, X) + b", DATA).descend(steps=5, engine="condensed")


@pytest.mark.parametrize("method", ["proximal-gradient", "fista"])
@pytest.mark.parametrize("formula", ["y ~ dot(w, X) + b", written_out("y ~ dot(w, X) + b")])
def test_proximal_methods_end_at_the_fit(method: str, formula: str) -> None:
    penalty = "l1(w, 0.15)" if "dot" in formula else " + ".join(f"l1({name}, 0.15)" for name in W)
    problem = st.Problem(formula, scalar_data(), start=dict.fromkeys([*W, "b"], 0.5), penalty=penalty)
    fit = problem.fit()
    trace = problem.descend(method, steps=2_000)
    assert fit.outcome == "converged" and trace.outcome == "converged", (fit.reason, trace.reason)
    assert 0 < np.sum(fit.theta == 0) < 4
    assert np.array_equal(trace.theta[-1] == 0, fit.theta == 0)
    assert_allclose(trace.theta[-1], fit.theta, rtol=1e-7)
    assert np.all(trace.gradient[-1][fit.theta == 0] == 0)
    assert np.all(np.diff(trace.loss) <= 1e-15 + 1e-14 * trace.loss[:-1])


def test_without_l1_a_proximal_step_is_a_gradient_step() -> None:
    problem = st.Problem("y ~ a*x + b", DATA, start={"a": 0, "b": 0})
    trace = problem.descend("proximal-gradient", 0.01, steps=1)
    assert_allclose(trace.theta[1], -0.01 * problem.gradient_at([0, 0]), rtol=1e-14)


def test_the_gradient_at_a_zero_is_the_shortest_slope() -> None:
    problem = st.Problem("y ~ a*x + b", DATA, start={"a": 0, "b": 0}, penalty="l1(a, 0.01) + l1(b, 100)")
    plain = st.Problem("y ~ a*x + b", DATA, start={"a": 0, "b": 0})
    slopes = plain.gradient_at([0, 0])
    assert abs(slopes[0]) > 0.01
    assert_allclose(problem.gradient_at([0, 0]), [slopes[0] - 0.01 * np.sign(slopes[0]), 0], rtol=1e-13)


@pytest.mark.parametrize("loss", ["mse", "half-mse", "sse"])
@pytest.mark.parametrize("weights", [None, "weight"])
def test_a_penalty_is_added_once(loss: str, weights: str | None) -> None:
    at = {"a": 1.5, "b": -0.5}
    plain = st.Problem("y ~ a*x + b", DATA, loss, at, weights=weights)
    other = st.Problem("y ~ a*x + b", DATA, loss, at, weights=weights, penalty="l2(a, 2) + l1(b, 3) + a*b")
    assert other.loss_at(at) - plain.loss_at(at) == pytest.approx(2 * 1.5**2 + 3 * 0.5 - 0.75, rel=1e-10)
    assert_allclose(other.gradient_at(at) - plain.gradient_at(at), [4 * 1.5 - 0.5, -3 + 1.5], rtol=1e-9)


def test_every_engine_has_a_penalty_of_scalars() -> None:
    agreement = st.Problem("y ~ a*x + b", DATA, start={"a": 1, "b": 2}, penalty="l2(a, 0.3) + exp(b)").check()
    assert agreement.ok, agreement.text()


# ---- what is shown, kept and refused


def test_views() -> None:
    derivation = st.Problem("yes ~ dot(w, X) + b", DATA, "logistic", penalty="l2(b, 0.1)").derivation
    assert "dot(w, X) is a sum over 4 columns" in derivation.text()
    assert "dL/dw = mean(u*X)" in derivation.text()
    assert r"\hat{yes}_{i} = w^{\top} X_{i} + b" in derivation.latex("model").replace("mathrm", "").replace("widehat", "hat") or (
        r"w^{\top} X_{i} + b" in derivation.latex("model")
    )


REFUSED = {
    "steps": lambda p: p.steps(),
    "formulae": lambda p: p.formulae(),
    "loss_expression": lambda p: p.loss_expression(),
    "loss": lambda p: p.derivation.loss,
    "gradient": lambda p: p.derivation.gradient,
    "hessian": lambda p: p.derivation.latex("hessian"),
    "check": lambda p: p.check(),
    "doctor": lambda p: st.check_gradient(lambda theta, columns: theta, p),
    "trajectory": lambda p: st.check_trajectory(np.zeros((3, 5)), p),
    "export": lambda p: p.fit().export(),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_goes_parameter_by_parameter_is_refused_in_a_sentence(what: str) -> None:
    with pytest.raises(OptionError, match="goes parameter by parameter"):
        REFUSED[what](st.Problem("y ~ dot(w, X) + b", DATA))


def test_bands_and_tests_of_residuals_are_those_of_the_formula_written_out() -> None:
    formula = CASES["linear"][0]
    one, other = (st.Problem(f, scalar_data(), start=dict.fromkeys([*W, "b"], 0)).fit() for f in (formula, written_out(formula)))
    assert_allclose(one.band().lower, other.band().lower, rtol=1e-10)
    assert_allclose(one.band({"X": X[:4]}).upper, other.band().upper[:4], rtol=1e-10)
    assert [t.value for t in one.tests.tests][1:] == pytest.approx([t.value for t in other.tests.tests][1:])
    assert one.rank == 5 and one.r_squared == pytest.approx(other.r_squared)
    assert one.intervals(kind="profile").by_name["b"] == pytest.approx(other.intervals(kind="profile").by_name["b"], rel=1e-6)


@pytest.mark.parametrize("groups", [None, {"G": ["X0", "X1"]}])
def test_files(groups: Any, tmp_path: Path) -> None:
    formula = "y ~ dot(w, G) + b" if groups else "y ~ dot(w, X) + b"
    data = scalar_data()
    problem = st.Problem(formula, data, groups=groups, penalty="l2(w, 0.1) + b**2/10")
    fit = problem.fit()
    fit.save(tmp_path / "fit.json")
    new = {"X0": x[:3], "X1": x[:3]} if groups else {"X": X[:3]}
    for again in (st.load(tmp_path / "fit.json"), st.load(tmp_path / "fit.json", problem)):
        assert_allclose(again.predict(new), fit.predict(new))
        assert again.summary() == fit.summary()
    with pytest.raises(OptionError, match="its penalty is"):
        st.load(tmp_path / "fit.json", st.Problem(formula, data, groups=groups))
    trace = problem.descend(lr=0.1, steps=5)
    trace.save(tmp_path / "run.parquet")
    assert_allclose(st.rerun(tmp_path / "run.parquet", data).theta, trace.theta)


def test_pictures_and_tables() -> None:
    pytest.importorskip("matplotlib")
    fit = st.Problem("y ~ dot(w, X) + b", DATA).fit()
    assert "predicted" in [ax.get_xlabel() for ax in fit.plot().axes]
    wide = RNG.normal(size=(300, 250))
    lines = st.fit("y ~ dot(w, X)", {"y": wide[:, 0], "X": wide}).summary().splitlines()
    assert len(lines) < 120 and any("150 more" in line for line in lines)


def test_penalised_fits_say_why_they_have_no_errors() -> None:
    fit = st.fit("y ~ a*x + b", DATA, start={"a": 1, "b": 1}, penalty="l2(a, 0.1)")
    assert fit.outcome == "converged" and "no standard errors" in fit.reason
    assert np.isnan(list(fit.std_errors.values())).all()


def test_kinks_of_the_loss_are_seen_under_a_penalty() -> None:
    fit = st.fit("y ~ a*x + b", DATA, "mae", {"a": 1, "b": 1}, penalty="l2(a, 0.1)")
    assert fit.outcome == "stopped" and "kinks" in fit.reason


# ---- the command line


def test_commands(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from steepest.cli.main import app

    pandas = pytest.importorskip("pandas")
    path = tmp_path / "rows.csv"
    pandas.DataFrame({"y": COUNTS, **{f"x_{k}": X[:, k] for k in range(4)}}).to_csv(path, index=False)
    words = ["y ~ dot(w, X) + b", str(path), "--group", "X=x_*", "--penalty", "l2(w, 0.1)"]
    for command, said in (("fit", "w_x_0"), ("descend", "w_x_0"), ("derive", "dL/dw = mean(0.2*w + 2*e*X)"), ("explain", "stable")):
        done = CliRunner().invoke(app, [command, *words])
        assert done.exit_code == 0 and said in done.stdout, (command, done.output)
    for wrong, reason in ((["--group", "X"], "write --group X=x_*"), (["--group", "X=x_*", "--group", "X=y"], "twice")):
        done = CliRunner().invoke(app, ["fit", *words[:2], *wrong])
        assert done.exit_code != 0 and reason in str(done.exception), done.output
