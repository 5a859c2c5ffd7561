"""`problem.check()`: engines against each other; a wrong one is called wrong, and a difference has its cause named."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import steepest as st
from steepest.check.agreement.compare import Agreement, compare
from steepest.check.agreement.differences import notes
from steepest.check.agreement.exact import exact_sums
from steepest.check.agreement.measure import At
from steepest.check.agreement.samples import samples
from steepest.check.agreement.written import lost_digits
from steepest.cli.main import main
from steepest.data.examples import EXAMPLES
from steepest.descent.objective import Objective
from steepest.engines.numpy_engine import NumpyKernels
from steepest.engines.table import ENGINES, kernels, why_not

Array = np.ndarray[Any, Any]
AT_HAND = ["numpy", "compiled", "sympy", "finite-difference"]  # what every installation has


def problem(formula: str, data: dict[str, Sequence[float]], loss: str = "mse", **start: float) -> st.Problem:
    return st.Problem(formula, data, loss, start)


def against(made: st.Problem, engine: Any) -> Agreement:
    """An engine that is no row of the table, at the start."""
    plain = made.objective("numpy", every=True)

    def through(name: str) -> Objective:
        return plain if name == "numpy" else Objective(engine, made.columns, made.weights)

    return compare(through, ["mine"], [np.array(list(made.start.values()))], {})


class Wrong(NumpyKernels):
    """The engine `numpy` with its sums spoiled."""

    def __init__(self, derivation: Any, spoil: Any) -> None:
        super().__init__(derivation)
        self.spoil = spoil

    def sums(self, kind: str, theta: Array, columns: Sequence[Array], weights: Array | None, total: float) -> Array:
        return self.spoil(super().sums(kind, theta, columns, weights, total))


def changed(place: int, factor: float) -> Any:
    def spoil(values: Array) -> Array:
        values = values.copy()
        values[place] *= factor
        return values

    return spoil


LINE = problem("y ~ a + b*x", {"x": [0.5, 1.0, 2.0, 3.5], "y": [1.0, 2.5, 3.0, 5.5]}, a=0.3, b=0.7)


# Agreement


@pytest.mark.parametrize("name", EXAMPLES)
def test_shipped_examples_agree(name: str) -> None:
    example = EXAMPLES[name]
    found = st.Problem(example.formula, f"@{name}", example.loss).check(AT_HAND, points=3)
    assert found.ok, found.text()
    assert {verdict.verdict for verdict in found.verdicts} == {"agree"}, found.text()


@pytest.mark.parametrize("engine", [name for name in ENGINES if name not in AT_HAND])
@pytest.mark.parametrize("formula", ["y ~ a + b*P3(c*x)", "y ~ a*exp(-b*x) + c", "y ~ where(x < c, a*x, a*c + b*(x - c))"])
def test_every_other_engine_agrees(formula: str, engine: str) -> None:
    reason = why_not(engine)
    if reason:
        pytest.skip(reason)
    x = np.linspace(0.1, 2.0, 40)
    found = problem(formula, {"x": x, "y": np.cos(x)}, a=1.2, b=0.4, c=0.7).check([engine], points=3)
    assert found.ok and found.verdicts[0].verdict == "agree", found.text()


def test_all_engines_of_the_table_are_run_or_left_out_with_a_sentence() -> None:
    found = LINE.check(points=1)
    assert {verdict.engine for verdict in found.verdicts} | set(found.missing) == {*ENGINES, "as written"}
    assert found.reference == ("exact, 50 digits",)


def test_a_missing_engine_is_listed_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "jax", ENGINES["jax"]._replace(needs="no_such_library"))
    found = LINE.check(["numpy", "jax"])
    assert found.ok and "no_such_library" in found.missing["jax"]
    assert [verdict.engine for verdict in found.verdicts] == ["numpy", "as written"]
    assert "jax was left out" in found.text()
    with pytest.raises(st.EngineError, match="no_such_library"):
        LINE.check(["jax"])


def test_the_exact_reference_is_exact() -> None:
    exact = kernels("sympy", LINE.derivation)
    theta = np.array([0.3, 0.7])
    truth = exact.sums("gradient", exact.vector(theta), LINE.columns.arrays, None, exact.number(4))
    found = exact_sums(LINE.derivation, theta, LINE.columns.arrays, None)
    assert found is not None and found.tolist() == [float(value) for value in truth]


def test_exact_sums_know_infinities_and_branches_that_are_not_taken() -> None:
    x = np.array([0.0, 0.5])
    made = problem("y ~ a*where(x != 0, sin(x)/x, 1)", {"x": x, "y": 0 * x}, a=2.0)
    found = exact_sums(made.derivation, np.array([2.0]), made.columns.arrays, None)
    assert found == pytest.approx([4 + 4 * np.sinc(0.5 / np.pi) ** 2, 4 + 4 * np.sinc(0.5 / np.pi) ** 2], rel=1e-15)
    made = problem("y ~ a*exp(log(x))", {"x": x, "y": 0 * x}, a=2.0)
    found = exact_sums(made.derivation, np.array([2.0]), made.columns.arrays, None)
    assert found == pytest.approx([1.0, 1.0], rel=1e-15)


@pytest.mark.parametrize(
    "model",
    ["a*exp(exp(exp(x)))", "a*sqrt(-x)", "a/(x - x)", "a + log(a - a)", "a*asin(x)", "exp(a)**x**7", "sin(exp(a*exp(x)))"],
)
def test_without_exact_sums_numpy_is_the_reference(model: str) -> None:
    made = problem(f"y ~ {model}", {"x": [30.0], "y": [1.0]}, a=1e3)
    assert exact_sums(made.derivation, np.array([1e3]), made.columns.arrays, None) is None
    assert made.check(["numpy"], points=1).reference == ("engine numpy",)


# What SymPy would not end with, or could not compare, is left out, or has no value

LONG = r"^its exact numbers would come to more than 500,000 digits in [\d,]+ rows$"


@pytest.mark.parametrize(
    ("model", "at", "said"),
    [
        ("T31(exp(c)) + a*erf(exp(c))", {"c": 0.006, "a": 0.3}, LONG),
        ("c + a*P20(exp(c*x))", {"c": 0.3, "a": 1.0}, LONG),
        ("a*(x**2)**c", {"a": 1.1, "c": 0.3}, "^engine 'sympy': a power of 0.3 is an exact number only as a root of order 100"),
        ("c*x + where(1/(a - a) > 0, a, 2)", {"a": 0.3, "c": 1.0}, "divided by 0 is compared"),
        ("where((1 + sqrt(2))**2 > 3 + 2*sqrt(2), a, 2*a)*x", {"a": 0.3}, "compared agree in 100 digits"),
    ],
)
def test_the_cost_of_exact_numbers_is_known_beforehand(model: str, at: dict[str, float], said: str) -> None:
    made = problem(f"y ~ {model}", {"x": [0.5, 1.1, 2.0], "y": [1.0, 2.0, 3.0]}, **at)
    found = made.check(["numpy", "sympy"], points=1)
    assert found.ok and re.search(said, found.missing["sympy"])
    assert "sympy was left out" in found.text()


@pytest.mark.parametrize(
    "model",
    [
        "where(exp(c) >= log(a), log(a), exp(c))", "min(sqrt(a - 1), c)", "abs(c + (a - 1)**0.5)", "sign(log(a - 1)) + c",
        "max(log(a), c)", "clip(log(a - 1), c, 2)", "where(a > c, 1/a, c)",
        "where(a > c, sin(1/a), cos(log(a)) + c)", "(sqrt(a - 1)*sqrt(a - 1)) + c", "c + 2**(a - 1)",
    ],
)  # fmt: skip
def test_numbers_that_are_not_real_are_compared_as_nan(model: str) -> None:
    made = problem(f"y ~ x*({model})", {"x": [0.5, 1.1], "y": [1.0, 2.0]}, a=0.0, c=0.5)
    found = made.check(["numpy", "sympy", "finite-difference"], points=1)
    assert found.ok and not found.missing, found.text()


def test_a_slow_engine_is_run_at_some_points_only() -> None:
    x = np.linspace(0.1, 2, 40)
    found = problem("y ~ a*exp(-((x - b)/c)**2)", {"x": x, "y": x}, a=1.2, b=0.4, c=0.7).check(["sympy"])
    count = len({line.point for line in found.lines if line.engine == "sympy"})
    assert 0 < count < 5 and f"Note: sympy is slow here, and was run at {count} points only" in found.text()


# A wrong engine is found


@pytest.mark.parametrize("place", [0, 1, 2], ids=["loss", "dL/da", "dL/db"])
@pytest.mark.parametrize("factor", [2.0, -1.0, 0.0, 1 + 1e-12, np.nan, np.inf])
def test_a_wrong_engine_differs(place: int, factor: float) -> None:
    found = against(LINE, Wrong(LINE.derivation, changed(place, factor)))
    wrong = [line for line in found.lines if line.verdict == "differ"]
    assert not found.ok
    assert [(line.engine, line.what) for line in wrong] == [("mine", ("loss", "a", "b")[place])]
    assert "mine differs" in found.text()


def test_rounding_is_no_difference() -> None:
    found = against(LINE, Wrong(LINE.derivation, changed(1, 1 + 2.0**-52)))
    assert found.ok and found.verdicts[0].ulps >= 1


# Causes


def test_float32_parameters_on_float64_data() -> None:
    """Notebook 002: the 5e-8 between a mean of single gradients and the gradient is float32."""
    reason = why_not("torch")
    if reason:
        pytest.skip(reason)
    made = st.Problem("y ~ theta_1*x + theta_0", "@noisy-line", start={"theta_1": 0.1, "theta_0": 1.1})
    found = against(made, kernels("torch", made.derivation, dtype="float32", data_dtype="float64"))
    assert found.ok and found.verdicts[0].verdict == "differ, cause known"
    assert "float32 rounding: the parameters have 24 bits" in found.text()


def test_a_wrong_float32_engine_is_not_excused() -> None:
    made = Wrong(LINE.derivation, lambda values: (values * (1 + 1e-5)).astype(np.float32))
    found = against(LINE, made)
    assert not found.ok


@pytest.mark.parametrize("engine", ["torch-autograd", "jax"])
def test_both_branches_of_a_where(engine: str) -> None:
    reason = why_not(engine)
    if reason:
        pytest.skip(reason)
    made = problem("y ~ where(x < 5, a*x, a*(x*x)) + b", {"x": [0.0, -1e200], "y": [1.0, -1e200]}, "huber", a=1.7, b=0.2)
    found = made.check([engine], points=1)
    assert found.ok
    assert found.verdicts[0].causes == (
        "both branches of a where are differentiated: a*(x*x), not taken in row 1, has no finite slope there",
    )


def test_a_kink_is_named_with_its_row() -> None:
    made = problem("y ~ a*abs(x - b)", {"x": [0.5, 0.25, 2.0], "y": [2.0, 2.0, 2.0]}, a=1.0, b=0.25)
    x = made.columns.names.index("x")

    class Right(NumpyKernels):
        """abs'(0) = 1, which is a slope, too."""

        def sums(self, kind: str, theta: Array, columns: Sequence[Array], weights: Array | None, total: float) -> Array:
            values = super().sums(kind, theta, columns, weights, total)
            return values + np.array([0, 0, 4.0]) * np.count_nonzero(columns[x] == theta[1])

    found = against(made, Right(made.derivation))
    assert found.ok and found.verdicts[0].causes[0].startswith("kink: in row 1 ")


def test_overflow_is_named_with_its_node() -> None:
    made = problem("y ~ a/(1 + exp(-b*x))", {"x": [-1.0, 2000.0, 3.0], "y": [1.0, 1.0, 1.0]}, a=1.0, b=-1.0)
    found = made.check(["numpy"], points=1)
    assert found.ok
    assert "overflow: exp(-b*x) is inf in row 1" in found.text()


def test_overflow_in_one_row_excuses_no_other() -> None:
    made = problem("y ~ a/(1 + exp(-b*x))", {"x": [-1.0, 2000.0, 3.0], "y": [1.0, 1.0, 1.0]}, a=1.0, b=-1.0)
    found = against(made, Wrong(made.derivation, changed(1, 2.0)))
    assert [line.what for line in found.lines if line.engine == "mine" and line.verdict == "differ"] == ["a"]


@pytest.mark.parametrize(
    ("size", "spoiled", "said"),
    [
        (1e200, np.inf, "overflow: x is 1e+200, and its square is infinite in row 1"),
        (1e-200, 3.0, "underflow: x is 1e-200, and its square is 0 in row 1"),
    ],
)
def test_products_in_another_order(size: float, spoiled: float, said: str) -> None:
    """An engine may multiply what comes to 1 in an order in which it overflows."""
    made = problem("y ~ a*x", {"x": [1.0, size], "y": [1.0, 1.0]}, loss="yhat", a=1.0)
    x = made.columns.names.index("x")

    class Reordered(NumpyKernels):
        def sums(self, kind: str, theta: Array, columns: Sequence[Array], weights: Array | None, total: float) -> Array:
            values = super().sums(kind, theta, columns, weights, total)
            return values + np.array([0.0, spoiled]) if size in columns[x] else values

    found = against(made, Reordered(made.derivation))
    assert found.ok and found.verdicts[0].causes == (said,)


def test_a_kink_between_the_points_of_the_differences() -> None:
    made = problem("y ~ where(a*x < 1, a*x, 2*a*x - 1)", {"x": [0.5, 1.0, 2.0], "y": [1.0, 2.0, 3.0]}, a=1 + 1e-11)
    found = made.check(["numpy", "finite-difference"], points=1)
    assert found.ok and found.verdicts[0].verdict == "agree"
    assert found.verdicts[1].causes == ("kink: a*x < 1 changes between the points of the differences in row 1",)


def test_jax_takes_subnormal_numbers_for_zero() -> None:
    if reason := why_not("jax"):
        pytest.skip(reason)
    made = problem("y ~ a*x + z*1e300", {"x": [1.0, 2.0], "z": [2e-309, 0.0], "y": [1.0, 2.0]}, a=0.5, loss="yhat")
    found = made.check(["numpy", "jax"], points=1)
    assert found.ok and found.verdicts[0].verdict == "agree"
    assert found.verdicts[1].causes == ("subnormal: z is 2e-309 in row 0",)


def test_what_is_not_finite_is_noted() -> None:
    made = problem("y ~ w*log(x - 1)", {"x": [0.5, 3.0], "y": [1.0, 2.0]}, w=1.0)
    (note,) = made.check(["numpy"], points=1).notes
    assert note == "not finite in float64: the loss, dL/dw. undefined: log(x - 1) has no value in row 0"


def test_a_perfect_fit_has_no_note() -> None:
    made = problem("y ~ a*x", {"x": [1.0, 2.0], "y": [2.0, 4.0]}, a=2.0)
    assert not made.check(["numpy"], points=1).notes


def test_cancellation_is_named_with_its_node() -> None:
    x = np.linspace(100, 2000, 50)
    made = problem("y ~ sqrt(b + x**2) - x", {"x": x, "y": 0 * x}, b=1e-6)
    lost = lost_digits(made.derivation, np.array([1e-6]), made.columns.arrays)
    assert lost is not None and lost.node == "sqrt(b + x**2) - x"
    (note,) = [n for n in made.check(["numpy"], points=1).notes if "loss" in n]
    assert "sqrt(b + x**2) - x" in note


def test_rows_that_cancel_are_told() -> None:
    made = st.Problem("y ~ a + b*P3(c + d*x)", "@sine2000", "sse")
    told = made.check(["numpy"], points=1).notes
    assert told == tuple(f"dL/d{name} may keep no more than 0 digits: the rows cancel each other" for name in "ac")
    assert not notes(LINE.objective(), made_at(LINE))


def made_at(made: st.Problem) -> At:
    return At(np.array(list(made.start.values())), made.columns.arrays, made.weights)


# Single rows


def test_notebook_002_the_mean_of_single_gradients() -> None:
    made = st.Problem("y ~ theta_1*x + theta_0", "@noisy-line")
    found = made.check(["numpy"], at={"theta_0": 1.0, "theta_1": 0.0}, points=1).samples
    gradient = dict(zip(made.parameters, found.gradient, strict=True))
    assert gradient == pytest.approx({"theta_0": -5.447053920097925, "theta_1": -1.1946826098562094}, rel=1e-14)
    assert np.abs(found.difference).max() <= 1e-14
    # The notebook's parameters are float32.
    assert found.spread == pytest.approx([3.960432497078723, 3.3566847257677144], rel=2.0**-24)


@pytest.mark.parametrize("loss", ["mse", "half-mse", "sse"])
def test_samples_estimate_the_gradient_with_weights_and_fixed_parameters(loss: str) -> None:
    data = {"x": [0.5, 1.0, 2.0, 3.5], "y": [1.0, 2.5, 3.0, 5.5], "w": [1.0, 0.0, 2.0, 0.5]}
    made = st.Problem("y ~ a + b*x", data, loss, {"a": 0.3, "b": {"value": 0.7, "fixed": True}}, weights="w")
    found = samples(made.objective("numpy", every=True), np.array([0.3, 0.7]))
    np.testing.assert_allclose(found.mean, made.gradient_at([0.3, 0.7]), rtol=1e-14)


def test_the_spread_of_a_batch_is_what_theory_says() -> None:
    found = LINE.check(["numpy"], points=1).samples
    assert found.batch == 2
    np.testing.assert_allclose(found.batch_spread, found.expected, rtol=0.15)  # 1,000 draws: 2 % each


# What is shown


def test_forms() -> None:
    found = LINE.check(["numpy", "compiled"], points=2)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["ok"] is True
    assert found._repr_html_().startswith("<div>") and "All agree, at 2 points" in found.text()
    assert all(len(line) <= 80 for line in found.text().splitlines())


def test_hostile_names_are_escaped() -> None:
    made = st.Problem("`<b>` ~ a*x", {"x": [1.0, 2.0], "<b>": [1.0, 2.0]}, start={"a": 1.0})
    assert "<b>" not in made.check(["numpy"], points=1)._repr_html_()


@pytest.mark.parametrize("points", [0, -1, True, 1.5])
def test_points_are_checked(points: Any) -> None:
    with pytest.raises(st.OptionError, match="points is"):
        LINE.check(["numpy"], points=points)


def test_an_unknown_engine_is_an_error() -> None:
    with pytest.raises(st.OptionError, match="did you mean 'numpy'"):
        LINE.check(["nump"])


def test_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["check", "y ~ w*x", "@triples", "--at", "w=1", "--engines", "numpy,compiled"]
    assert main(words) == 0
    assert "All agree" in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["points"][0] == {"w": 1.0}
    monkeypatch.setattr(NumpyKernels, "sums", lambda *args: np.zeros(2))
    assert main(words) == 4
    assert "Not all agree" in capsys.readouterr().out


def test_a_point_of_another_name_is_an_error_of_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "y ~ w*x", "@triples", "--at", "v=1"]) == 2
    assert "--at: unknown parameter 'v'" in capsys.readouterr().err


def test_an_exact_number_without_end_is_left_out_and_the_others_go_on() -> None:
    """exp(-2·|e|) of e = k·log(3) is 3**(-2k) to SymPy, and k is near 1e213 here."""
    problem = st.Problem("y ~ log1p(2)/a + a*sin(a)/2", {"y": [0.0, 1.0]}, "logcosh(yhat - y)", {"a": 1.3972622483305272e-214})
    found = problem.check(["numpy", "sympy"], points=1)
    assert found.ok and "digits" in found.missing["sympy"]
