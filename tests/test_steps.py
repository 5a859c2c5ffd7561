"""The derivation in steps: right at every step, for every formula and loss, and written as a person writes it."""

from __future__ import annotations

import html.parser
import json
import math
import re
import warnings
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import steepest as st
from generated import Drawn, problems
from steepest.calculus.derivation import Derivation
from steepest.calculus.steps.check import StepFault, check, evaluated, values
from steepest.calculus.steps.exactly import as_written
from steepest.calculus.steps.plain import plain
from steepest.calculus.steps.rules import coefficients_of
from steepest.calculus.steps.tree import tree
from steepest.engines.table import why_not
from steepest.errors import OptionError, SteepestWarning
from steepest.language.evaluate import evaluate, gegenbauer
from steepest.language.formula import parse_formula
from steepest.language.losses import LOSSES, parse_loss
from steepest.language.parser import parse_expression
from steepest.language.program import Program
from steepest.problem import Problem
from test_views import MODELS, derive

EVERY_LOSS = [*LOSSES, "abs(yhat - y)**1.5", "yhat"]
P3 = "a + b*P3(c + d*x)"


def texts(derivation: Derivation, part: str, ascii: bool = False) -> list[str]:
    steps = derivation.steps()
    return [steps.line(step, ascii) for step in steps if step.part == part]


# Every formula, every loss


@pytest.mark.parametrize("loss", EVERY_LOSS)
@pytest.mark.parametrize("model", MODELS)
def test_the_steps_of_every_model_and_loss_are_written(model: str, loss: str) -> None:
    derivation = derive(model, loss)
    steps = derivation.steps()
    for ascii in (False, True):
        text = steps.text(ascii)
        assert max(map(len, text.splitlines())) <= 100 or "where(" in text or "if " in text
        assert not re.search(r"\\|None|··|\*\*\*|--|\+ -|∂d/|\bd/dd|(?<![\w.])\+ \+", text.partition("\n")[2])
    assert steps.text(ascii=True).isascii()
    latex = steps.latex()
    assert latex.count("{") == latex.count("}") and len(re.findall(r"\\left(?!arrow)", latex)) == latex.count(r"\right")
    assert not re.search(r"\\frac\{d\}|\{d d\}", latex)
    json.dumps(steps.to_dict(), allow_nan=False)
    assert {step.part for step in steps} == {"names", "slopes", "chain", "sum", "update"}
    assert all(step.rule for step in steps if step.part == "slopes")


@pytest.mark.parametrize("loss", EVERY_LOSS)
@pytest.mark.parametrize("model", MODELS)
def test_what_is_shown_evaluates_to_the_gradient(model: str, loss: str) -> None:
    """The text itself, read by our own parser: what stands after the last '=' of each step by a parameter."""
    if "P200" in model:
        pytest.skip("its derivatives have no name in the language")
    derivation = derive(model, loss)
    names, checked = known_values(derivation), 0
    program = derivation.program("gradient")
    formula = derivation.formula
    theta, columns = [names[p] for p in formula.parameters], [names[c] for c in formula.columns]
    expected = evaluate(program, theta, columns)
    total = derivation.steps()
    for k, parameter in enumerate(formula.parameters):
        step = next((s for s in total if s.part == "chain" and s.name.endswith(f"/{parameter}")), None)
        if step is None:  # a member of a family
            continue
        text = plain(step.right[-1], total.names, ascii=True)
        if re.search(r"'|sinc\*\*|C2|dloss|`|my column|inf", text):
            continue
        parsed = parse_expression(text)
        mine = evaluate(parsed, names=names)[parsed.outputs["value"]]
        truth = float(derivation.criterion.scale) * expected[program.outputs[f"gradient_{k}"]]
        np.testing.assert_allclose(*np.broadcast_arrays(mine, truth), rtol=1e-9, atol=1e-12)
        checked += 1
    assert checked or re.search(r"[PT]\d|poly|sinc|n \+ i", model)


def known_values(derivation: Derivation) -> dict[str, Any]:
    """Numbers for every name that a text may hold: the user's and those of the parts."""
    draw = np.random.default_rng(1)
    formula = derivation.formula
    theta, columns = draw.uniform(0.2, 0.8, len(formula.parameters)), draw.uniform(0.2, 0.8, (len(formula.columns), 4))
    notation = derivation.steps().names
    found = dict(zip((*formula.parameters, *formula.columns), (*theta, *columns), strict=True))
    found |= values(derivation.plan, theta, columns)
    for unicode, ascii in notation.values():
        if unicode in found:
            found[ascii] = found[unicode]
    return found


# Against other ways to the same gradient


def agrees(drawn: Drawn) -> None:
    """The assembled slopes by the parameters, summed over the rows, against two engines: NumPy's and PyTorch's autograd."""
    problem = drawn.problem()
    derivation, theta = problem.derivation, list(drawn.theta[: problem.derivation.size])
    with np.errstate(all="ignore"):
        known = values(derivation.plan, theta, problem.columns.arrays)
        rows = [evaluated(row, theta, problem.columns.arrays, known) for row in derivation.plan.rows]
        slopes = np.array([np.broadcast_to(row, (problem.columns.rows,)) for row in rows])
        weights = np.ones(problem.columns.rows) if problem.weights is None else problem.weights
        mine = (slopes * weights).sum(axis=1) / (weights.sum() if derivation.criterion.mean else 1)
        mass = (np.abs(slopes) * weights).sum(axis=1) / (weights.sum() if derivation.criterion.mean else 1)
        for engine in ("numpy", *([] if why_not("torch") else ["torch"])):
            expected = problem.gradient_at(theta, engine=engine)
            both = np.isfinite(expected) & np.isfinite(mine)
            if engine == "numpy" and all(np.isfinite(value).all() for value in known.values()):  # nothing overflows
                assert (np.isfinite(mine) | ~np.isfinite(expected)).all(), drawn
            allowed = 1e-6 * mass + 1e-9
            assert (np.abs(mine - expected) <= allowed)[both].all(), (drawn.formula, drawn.loss, mine, expected)
    steps = problem.steps(theta, lr=0.01)
    steps.html(), steps.latex(), steps.text(), steps.text(ascii=True)


@settings(max_examples=50, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(problems())
def test_generated_formulas_are_derived(drawn: Drawn) -> None:
    agrees(drawn)


# The check can fail


def wrong_slope(derivation: Derivation, place: int) -> Any:
    """The plan with one slope made larger by a hundred-thousandth."""
    plan = derivation.plan
    slope = plan.slopes[place]
    end = slope.value.outputs["it"]
    nodes = (*slope.value.nodes, replaced_number(), type(slope.value.nodes[0])("*", (end, len(slope.value.nodes))))
    value = Program(nodes, {"it": len(nodes) - 1})
    return replace(plan, slopes=(*plan.slopes[:place], slope._replace(value=value), *plan.slopes[place + 1 :]))


def replaced_number() -> Any:
    from steepest.language.program import Node

    return Node("number", (), Fraction(100_001, 100_000))


@pytest.mark.parametrize("place", range(8))
def test_a_wrong_slope_is_found(place: int) -> None:
    derivation = derive(P3)
    with pytest.raises(StepFault, match="but differences say"):
        check(derivation, wrong_slope(derivation, place))


@pytest.mark.parametrize(("row", "k"), [("sin", "cos(u)*1.001"), ("tanh", "1 - tanh(u)"), ("sqrt", "1/sqrt(u)"), ("abs", "1")])
def test_a_wrong_rule_of_the_table_is_found(row: str, k: str, monkeypatch: Any) -> None:
    from steepest.calculus import rules

    real = rules.partial
    wrong = parse_expression(k)
    monkeypatch.setattr(rules, "partial", lambda name, place: wrong if name == row else real(name, place))
    with pytest.raises(StepFault):
        derive(f"a + b*{row}(c*x + 0.5)").steps()


def test_a_wrong_assembly_is_found() -> None:
    derivation = derive(P3)
    rows = derivation.plan.rows
    with pytest.raises(StepFault, match="d loss/d a"):
        check(derivation, replace(derivation.plan, rows=(rows[1], *rows[1:])))


# How it is written


def test_the_exercise_of_notebook_004() -> None:
    derivation = Derivation(parse_formula("y ~ m*x + c", ["x", "y"]), parse_loss("half-mse"))
    assert derivation.steps().text().splitlines() == [
        "y ~ m*x + c, loss half-mse",
        "",
        "1. Names for the parts, for one row",
        "",
        "   ŷ = m·x + c   the prediction",
        "   e = ŷ − y     the error",
        "   ℓ = e²/2      the loss of one row",
        "",
        "2. The slope of each part, from the loss downwards, one rule at a time",
        "",
        "   ∂ℓ/∂e = e   constant factor, power rule: what does not depend on e stays as a factor; the slope",
        "               of f^n is n·f^(n−1)",
        "   ∂e/∂ŷ = 1   sum rule: terms without ŷ have slope 0",
        "   ∂ŷ/∂m = x   sum rule, constant factor",
        "   ∂ŷ/∂c = 1   sum rule",
        "",
        "3. The chain rule puts the slopes together",
        "",
        "   ∂ℓ/∂ŷ = ∂ℓ/∂e·∂e/∂ŷ = e                       chain rule: multiply the slopes along the way down",
        "                                                 from the loss",
        "   ∂ℓ/∂m = ∂ℓ/∂ŷ·∂ŷ/∂m = e·x = x·(m·x + c − y)",
        "   ∂ℓ/∂c = ∂ℓ/∂ŷ·∂ŷ/∂c = e = m·x + c − y",
        "",
        "4. All rows together",
        "",
        "   L = 1/n Σ ℓ = 1/(2·n) Σ e²   mean over the rows",
        "   ∂L/∂m = 1/n Σ e·x            sum rule: the slope of a mean is the mean of the slopes",
        "   ∂L/∂c = 1/n Σ e",
        "   X_i = (x, 1)                 row i of X",
        "   ∇L = 1/n·Xᵀ·(X·θ − y)        matrix form: all parameters at once: θ = (m, c)",
        "",
        "5. One step of gradient descent",
        "",
        "   m ← m − η·∂L/∂m   gradient descent: against the slope, by the learning rate times the slope",
        "   c ← c − η·∂L/∂c",
    ]


def test_legendre_stays_by_its_name() -> None:
    derivation = derive(P3)
    assert texts(derivation, "names") == ["u = c + d·x", "p = P₃(u)", "ŷ = a + b·p", "e = ŷ − y", "ℓ = e²"]
    assert texts(derivation, "slopes") == [
        "∂ℓ/∂e = 2·e", "∂e/∂ŷ = 1", "∂ŷ/∂a = 1", "∂ŷ/∂b = p", "∂ŷ/∂p = b", "∂p/∂u = P₃′(u)", "∂u/∂c = 1", "∂u/∂d = x",
    ]  # fmt: skip
    assert texts(derivation, "chain")[-1] == "∂ℓ/∂d = ∂ℓ/∂u·∂u/∂d = 2·b·e·x·P₃′(u)"
    assert texts(derivation, "sum")[-1] == "∂L/∂d = 2·b/n Σ e·x·P₃′(u)"
    assert texts(derivation, "update")[-1] == "d ← d − η·∂L/∂d"
    assert texts(derivation, "sum", ascii=True)[-1] == "dL/dd = 2*b/n sum e*x*P3'(u)"
    assert derivation.steps()["p/u"].rule == "derivative of P_3"
    assert "P₃(f) = (5·f³ − 3·f)/2, so P₃′(f) = (15·f² − 3)/2" in derivation.steps().text()
    sums = r"\frac{\partial L}{\partial d} = \frac{2 b}{n} \sum_{i=1}^{n} e_{i} x_{i} P_{3}'\left(u_{i}\right)"
    assert derivation.steps()["L/d"].latex == sums


@pytest.mark.parametrize(
    ("model", "loss", "part", "line"),
    [
        ("poly(x, 7, w)", "mse", "sum", "∂L/∂w_k = 2/n Σ e·x^k"),
        ("poly(x, 7, w)", "mse", "update", "w_k ← w_k − η·∂L/∂w_k"),
        ("poly(x, 2, w)", "mse", "sum", "X_i = (1, x, x²)"),
        ("w1 + w2*z + w3*z**2", "sse", "sum", "∂L/∂w_k = 2 Σ e·z^(k − 1)"),
        ("sin(poly(x, 3, w))", "sse", "sum", "∂L/∂w_k = 2 Σ e·cos(u)·x^k"),
        ("a*x + b", "mse", "sum", "∇L = 2/n·Xᵀ·(X·θ − y)"),
        ("a*x + b", "half-mse", "sum", "∇L = 1/n·Xᵀ·(X·θ − y)"),
        ("a*x + b + 3*z", "sse", "sum", "∇L = 2·Xᵀ·(X·θ + o − y)"),
        ("a + b*x", "logistic", "slopes", "∂ℓ/∂ŷ = σ(ŷ) − y"),
        ("a + b*x", "logistic", "sum", "∂L/∂b = 1/n Σ x·(σ(ŷ) − y)"),
        ("a + b*x", "mae", "slopes", "∂ℓ/∂e = sign(e)"),
        ("a + b*x", "huber", "slopes", "∂ℓ/∂e = {e if |e| ≤ 1.345, else 1.345·sign(e)}"),
        ("a*exp(-b*x)", "mse", "slopes", "∂p/∂u = p"),
        ("a*tanh(b*x)", "mse", "slopes", "∂p/∂u = 1 − p²"),
        ("a/(b + x)", "mse", "slopes", "∂ŷ/∂u = −a/u²"),
        ("(a + x)*(b + x)", "mse", "slopes", "∂ŷ/∂u = v"),
        ("max(a*x, b)", "mse", "slopes", "∂ŷ/∂u = {1/2 if u = b, 1 if u > b, else 0}"),
        ("where(a*x > 1, sin(a*x), b)", "mse", "slopes", "∂ŷ/∂p = {1 if u > 1, else 0}"),
        ("a*x + a**2", "mse", "chain", "∂ℓ/∂a = ∂ℓ/∂e·∂e/∂ŷ·∂ŷ/∂a = 2·e·(2·a + x) = 2·(a·x + a² − y)·(2·a + x)"),
        ("e*x + u", "mse", "sum", "∂L/∂e = 2/n Σ residual·x"),
        ("theta_0 + theta_1*x_1", "mse", "sum", "∂L/∂theta_1 = 2/n Σ e·x_1"),
    ],
)  # fmt: skip
def test_how_a_step_is_written(model: str, loss: str, part: str, line: str) -> None:
    assert line in texts(derive(model, loss), part)


@pytest.mark.parametrize(
    ("model", "step", "rule"),
    [
        ("a + b*x", "yhat/a", "sum rule"),
        ("b*x", "yhat/b", "constant factor"),
        ("b**3", "yhat/b", "power rule"),
        ("2**b", "yhat/b", "exponential rule"),
        ("b**b", "yhat/b", "power rule with logarithm"),
        ("b*sin(b)", "yhat/b", "product rule"),
        ("x/b", "yhat/b", "quotient rule"),
        ("sin(b)", "yhat/b", "derivative of sin"),
        ("abs(b)", "yhat/b", "derivative of abs"),
        ("where(x > 1, b, 0)", "yhat/b", "branches"),
        ("b", "yhat/b", "identity"),
        ("T4(b)", "yhat/b", "derivative of T_4"),
    ],
)
def test_rules_are_named(model: str, step: str, rule: str) -> None:
    assert rule in derive(model).steps()[step].rule.split(", ")


def test_a_long_formula_stays_readable() -> None:
    inner = "x"
    for k in range(40):
        inner = f"sin(a{k}*({inner}) + b)"
    derivation = derive(inner)
    text = derivation.steps().text()
    assert max(map(len, text.splitlines())) <= 100
    assert len(derivation.plan.lines) < 120


def test_a_parameter_without_a_slope_says_so() -> None:
    (step,) = (s for s in derive("b*x + sign(a)").steps() if s.part == "chain" and s.name == "loss/a")
    assert step.right == ("0",) and step.sentence == "nothing that has a slope depends on a"


@pytest.mark.parametrize("order", range(8))
@pytest.mark.parametrize("alpha", [Fraction(1, 2), Fraction(0)])
def test_polynomials_are_written_out(order: int, alpha: Fraction) -> None:
    coefficients = [float(c) for c in coefficients_of(order, alpha)]
    u = np.linspace(-1.5, 1.5, 7)
    np.testing.assert_allclose(np.polynomial.Polynomial(coefficients)(u), gegenbauer(order, alpha, u), rtol=1e-12, atol=1e-12)


# Numbers


def test_the_numbers_of_the_example() -> None:
    data = st.sample("sin(x)", x=(-math.pi, math.pi, 2000), noise=0, seed=0)
    problem = Problem(f"y ~ {P3}", data, start={"a": 0, "b": -1, "c": 0, "d": 0.3})
    steps = problem.steps(lr=0.01)
    assert steps.line(steps["d"]) == "d ← 0.300 − 0.010·3.410 = 0.266"
    assert steps["L/d"].value == pytest.approx(problem.gradient_at(problem.start)[3], rel=1e-12)
    row = problem.steps(row=1500)
    assert row["u"].value == pytest.approx(0.3 * problem.columns.arrays[1][1500], rel=1e-14)


def line_problem() -> Problem:
    """Notebook 000's data."""
    data = {"x_1": [0.5, 1, 2], "x_2": [1, 0, 0.5], "y": [1, 0, 1]}
    return Problem("y ~ theta_0 + theta_1*x_1 + theta_2*x_2", data, start={f"theta_{k}": 0.5 for k in range(3)})


def test_numbers_stay_exact_where_the_data_are() -> None:
    steps = line_problem().steps(lr=1)
    assert [steps[f"L/theta_{k}"].value for k in range(3)] == [Fraction(4, 3), Fraction(7, 4), Fraction(5, 12)]
    assert steps["L"].value == Fraction(13, 24)
    assert [steps.line(steps[f"theta_{k}"]) for k in range(3)] == [
        "theta_0 ← 0.5 − 1·4/3 = −5/6",
        "theta_1 ← 0.5 − 1·1.75 = −1.25",
        "theta_2 ← 0.5 − 1·5/12 = 1/12",
    ]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rows", [3, 300])
def test_the_numbers_are_those_of_the_problem(loss: str, weighted: bool, rows: int) -> None:
    rng = np.random.default_rng(2)
    data = {"x": rng.normal(size=rows), "y": rng.uniform(0.1, 0.9, rows)}
    weights = rng.uniform(0, 2, rows) if weighted else None
    problem = Problem("y ~ a + sigmoid(b*x)/3", data, loss, start={"a": 0.1, "b": 0.7}, weights=weights)
    steps = problem.steps(lr=0.1)
    gradient = problem.gradient_at(problem.start)
    total = "J" if "L" not in {step.name for step in steps} else "L"
    assert steps[total].value == pytest.approx(problem.loss_at(problem.start), rel=1e-12)
    assert [float(steps[f"{total}/{p}"].value) for p in "ab"] == pytest.approx(gradient, rel=1e-12)
    assert float(steps["b"].value) == pytest.approx(0.7 - 0.1 * gradient[1], rel=1e-12)


def test_symbols_do_not_clash_with_the_names_of_the_user() -> None:
    data = {"x": [0.5, 1.1], "y": [1, 0]}
    start = dict.fromkeys(["L", "n", "eta", "i", "w"], 1)
    steps = Problem("y ~ L*x + n + eta*i + w", data, start=start, weights=[1, 2]).steps()
    assert steps.line(steps["J/L"]).startswith("∂J/∂L = 2/(Σ omega) Σ omega·e·x")
    assert r"\sum_{j=1}^{N} \omega_{j} e_{j} x_{j}" in steps["J/L"].latex
    assert steps.line(steps["yhat"]) == "ŷ = L·x + n + eta·i + w = 1·0.5 + 1 + 1·1 + 1 = 3.5"
    assert steps.line(steps["L"]).startswith("L ← 1 − γ·")


def test_fixed_parameters_have_no_update() -> None:
    start = {"a": {"value": 1, "fixed": True}, "b": 2}
    steps = Problem("y ~ a + b*x", {"x": [1, 2], "y": [1, 3]}, start=start).steps(lr=0.1)
    assert [step.name for step in steps if step.part == "update"] == ["b"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"row": 3}, "row is 3: give the number of a row, from 0 to 2"),
        ({"row": -1}, "row is -1"),
        ({"row": True}, "row is True"),
        ({"row": 0.5}, "row is 0.5"),
        ({"lr": "auto"}, "lr is 'auto': give a finite number"),
        ({"lr": math.nan}, "lr is nan"),
        ({"at": [1]}, "theta"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(OptionError, match=re.escape(sentence)):
        line_problem().steps(**options)


def test_an_unknown_step_is_refused() -> None:
    with pytest.raises(OptionError, match="step"):
        derive(P3).steps()["v"]


def test_an_infinite_value_is_said() -> None:
    steps = Problem("y ~ a/x", {"x": [0.0, 1.0], "y": [1, 2]}, start={"a": 1}).steps(lr=0.1)
    assert "∞" in steps.text() and "inf" in steps.text(ascii=True)


@pytest.mark.parametrize("b", [0.0, 1e-320, -1e-200, 1e-160, 1e300])
def test_numbers_beyond_the_range_are_written(b: float) -> None:
    steps = Problem(
        "y ~ z + a*max(x - b, x/b)", {"x": [1.0, 0.5], "z": [1, 2], "y": [1, 2]}, "mae", start={"a": 0.5, "b": b}
    ).steps(lr=1)
    assert steps.text(ascii=True).isascii()
    json.dumps(steps.to_dict(), allow_nan=False)


@pytest.mark.parametrize(("value", "exact"), [(0.1, Fraction(1, 10)), (3, Fraction(3)), (1e-6, Fraction(1, 10**6)), (1 / 3, 1 / 3)])
def test_short_decimals_are_read_as_written(value: float, exact: Any) -> None:
    assert as_written(value) == exact and type(as_written(value)) is type(exact)


# The five formulae of notebook 000


def test_the_five_formulae() -> None:
    formulae = line_problem().formulae()
    squares = (
        r"\frac{\left(\theta_{0} + \theta_{1}\right)^{2}}{3} + \frac{\left(\theta_{0} + \frac{\theta_{1}}{2} + \theta_{2} - 1"
        r"\right)^{2}}{3} + \frac{\left(\theta_{0} + 2 \theta_{1} + \frac{\theta_{2}}{2} - 1\right)^{2}}{3}"
    )
    assert list(formulae) == [
        ("H", r"\theta_{0} + \theta_{1} x_{1} + \theta_{2} x_{2}"),
        ("J", squares),
        (r"\frac{\partial J}{\partial \theta_{0}}", r"2 \theta_{0} + \frac{7 \theta_{1}}{3} + \theta_{2} - \frac{4}{3}"),
        (r"\frac{\partial J}{\partial \theta_{1}}", r"\frac{7 \theta_{0}}{3} + \frac{7 \theta_{1}}{2} + \theta_{2} - \frac{5}{3}"),
        (r"\frac{\partial J}{\partial \theta_{2}}", r"\theta_{0} + \theta_{1} + \frac{5 \theta_{2}}{6} - 1"),
    ]
    assert formulae.text().splitlines()[2] == "(3) ∂J/∂theta_0 = 2·theta_0 + 7·theta_1/3 + theta_2 − 4/3"
    assert [int(n) for n in re.findall(r"&& \((\d)\)", formulae.latex())] == [1, 2, 3, 4, 5]
    assert formulae.to_dict()["formulae"][4]["number"] == 5
    well_formed(formulae.html())


@pytest.mark.parametrize(
    "model", ["a*exp(-e*x)", "a*P3(e*x)", "where(a > x, a, e*x)", "max(a*x, e) + abs(a)", "sinc(a*x) + erf(e)"]
)
def test_formulae_are_the_gradient(model: str) -> None:
    problem = Problem(f"y ~ {model}", {"x": [0.5, 1.1], "y": [1, 0]}, start={"a": 0.3, "e": 0.4})
    lines = problem.formulae().text(ascii=True).splitlines()
    assert lines[2].startswith("(3) dJ/da = ") and "\\" not in "".join(lines)
    if "P3" not in model:
        for line, slope in zip(lines[2:], problem.gradient_at(problem.start), strict=True):
            parsed = parse_expression(line.partition(" = ")[2])
            found = evaluate(parsed, names=problem.start)[parsed.outputs["value"]]
            assert float(found) == pytest.approx(slope, rel=1e-12)


def test_formulae_of_many_rows_are_refused() -> None:
    data = {"x": np.arange(21.0), "y": np.arange(21.0)}
    with pytest.raises(OptionError, match="at most 20"):
        Problem("y ~ a*x", data, start={"a": 1}).formulae()


# For browsers


class WellFormed(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert tag not in ("script", "img", "link", "iframe") and not any(name.startswith("on") for name, _ in attrs)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def well_formed(text: str) -> None:
    reader = WellFormed()
    reader.feed(text)
    assert not reader.open and "http" not in text


@pytest.mark.parametrize("loss", ["mse", "huber", "cross-entropy"])
@pytest.mark.parametrize("model", MODELS)
def test_the_html_is_well_formed_and_needs_no_network(model: str, loss: str) -> None:
    found = derive(model, loss).steps()._repr_html_()
    well_formed(found)
    assert "<mfrac>" in found and "\\" not in found


def test_hostile_names_are_escaped() -> None:
    name = "<script>x</script>"
    formula = parse_formula(f"y ~ a*`{name}`", ["y", name])
    steps = Derivation(formula, parse_loss("mse")).steps()
    well_formed(steps.html())
    assert name in steps.text()


@pytest.mark.parametrize(
    ("latex", "unicode", "ascii"),
    [
        (r"\frac{a + b}{c d}", "(a + b)/(c·d)", "(a + b)/(c*d)"),
        (r"-\frac{2 b}{n}", "−2·b/n", "-2*b/n"),
        (r"\sin^{2}\left(a x\right)", "sin²(a·x)", "sin(a*x)**2"),
        (r"\sqrt[3]{x} + \sqrt{y}", "∛(x) + √(y)", "cbrt(x) + sqrt(y)"),
        (r"x^{-1/2} \left|u\right|", "x^(−1/2)·|u|", "x**(-1/2)*abs(u)"),
        (r"2^{x} \cdot 3", "2^x·3", "2**x*3"),
        (r"T_{4}'\left(\pi x\right)", "T₄′(π·x)", "T4'(pi*x)"),
        (r"1.5 \cdot 10^{-7}", "1.5·10⁻⁷", "1.5*10**-7"),
        (r"\log_{10}\left(x\right) - \ln\left(y\right)", "log₁₀(x) − ln(y)", "log10(x) - log(y)"),
        (r"\mathrm{my\ column} + \mathrm{\$5\backslash }", "my column + $5\\", "my column + $5\\"),
    ],
)  # fmt: skip
def test_latex_as_text(latex: str, unicode: str, ascii: str) -> None:
    assert (plain(latex), plain(latex, ascii=True)) == (unicode, ascii)
    assert tree(latex).kind == "row"


# The command


def test_the_command_prints_the_steps(capsys: Any) -> None:
    from test_cli import run

    code, out, _ = run(capsys, "derive", "y ~ m*x + c", "--steps", "--loss", "half-mse", "--ascii")
    assert code == 0 and "dloss/dm = dloss/dyhat*dyhat/dm" in out and "= x*(m*x + c - y)" in out and out.isascii()
    code, out, _ = run(capsys, "derive", "y ~ w*x", "@triples", "--steps", "--lr", "0.005", "--start", "w=1", "--row", "2")
    assert code == 0 and "w ← 1 − 0.005·(−44) = 1.22" in out and "row 2 of 0 to 4" in out
    assert run(capsys, "derive", "y ~ w*x", "--steps", "--latex")[1].startswith(r"\begin{aligned}")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--lr", "0.1"), "--lr is given without --steps"),
        (("--ascii",), "--ascii is given without --steps"),
        (("--steps", "--start", "w=1"), "needs data"),
        (("@triples", "--steps", "--row", "9"), "row is 9"),
        (("@triples", "--steps", "--lr", "fast"), "--lr is 'fast'"),
    ],
)
def test_the_command_refuses(words: tuple[str, ...], sentence: str, capsys: Any) -> None:
    from test_cli import run

    code, _, err = run(capsys, "derive", "y ~ w*x", *words)
    assert code in (1, 2) and sentence in err


def test_a_start_that_is_assumed_is_said() -> None:
    problem = Problem("y ~ a*x", {"x": [1, 2], "y": [2, 4]})
    with pytest.warns(SteepestWarning, match="no start given for a"):
        problem.steps()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        problem.steps(at={"a": 2})


def test_a_name_that_reads_as_a_difference_is_in_back_quotes() -> None:
    data = {"x-1": [1.0, 2.0], "x y": [2.0, 1.0], "lambda": [1.0, 3.0], "y": [1.0, 2.0]}
    found = st.Problem("y ~ a*`x-1` + b*`x y` + c*`lambda`", data, start={"a": 1, "b": 1, "c": 1}).steps()
    assert "2·e·`x-1`" in found.text() and "2*e*`x y`" in found.text(True) and "2·e·lambda" in found.text()


def test_the_steps_on_the_command_line_fit_in_80_columns(capsys: Any) -> None:
    from test_cli import run

    _, out, _ = run(capsys, "derive", "y ~ a + b*P3(c + d*x)", "@sine2000", "--steps", "--lr", "0.01")
    assert max(map(len, out.split("\n"))) <= 80
