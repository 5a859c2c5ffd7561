"""What people see of a derivation: LaTeX that is drawn, text that is evaluated, SymPy expressions that are compared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.mathtext import MathTextParser
from mpmath import mp

import steepest
from steepest.calculus.derivation import Derivation
from steepest.calculus.latex import equations
from steepest.calculus.worked import Fresh
from steepest.data.examples import EXAMPLES
from steepest.engines.numpy_engine import NumpyKernels
from steepest.errors import FormulaError, OptionError
from steepest.language.evaluate import evaluate
from steepest.language.formula import parse_formula
from steepest.language.losses import LOSSES, parse_loss
from steepest.language.parser import parse_expression
from steepest.problem import Problem

EPS = float(np.finfo(float).eps)
COLUMNS = ["x", "z", "y", "x_1", "my column", "λ", "P3"]
EVERYTHING = ("model", "loss", "gradient", "hessian")

MODELS = [
    "a",
    "a + b*x",
    "a + b*P3(c + d*x)",
    "a*T4(b*x)*P2(c*x) + T1(d*z)",
    "poly(x, 7, w)",
    "exp(-b1*x)/(b2 + b3*x)",
    "b1*(1 - exp(-b2*x))",
    "theta_0 + theta_1*x_1 + α*`my column` + `λ`",
    "a*sinc(b*x) + log10(c + x**2)",
    "a*tanh(b*tanh(c*x + d))**2",
    "a*x**b - (x + c)**-2 + 2**(d*x)*3",
    "sqrt(a + x**2)/cbrt(b) - abs(c*z)*erf(d*x)",
    "sigmoid(a*x) + softplus(b*z)*logcosh(c*x)",
    "min(a*x, max(b, z)) + clip(c*x, 0.1, 1e-9)",
    "where(a*x > b, sin(a*x)**2, cos(x)/tan(b))",
    "a*x/3 - (b - 2*x)/7 + 1.345*c - 9.81*pi*d + 123456789012345678901*x",
    "a/(b/(c/(d + x)))",
    "(a + b)*(a - b)/(x - (z - a)) - -c",
    "e*x + u*z + L*n + i",
    "P3*x + T0 + P200(T200(a*x)/3)",
]


def derive(model: str, loss: str = "mse", response: str = "y") -> Derivation:
    return Derivation(parse_formula(f"{response} ~ {model}", COLUMNS), parse_loss(loss))


def data(names: Sequence[str]) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {name: rng.uniform(0.2, 0.9, 5) for name in names}


# LaTeX

BY_D = r"\frac{\partial L}{\partial d} = "


def drawn(latex: str) -> None:
    MathTextParser("path").parse(f"${latex}$")


def check_drawn(derivation: Derivation, parts: Sequence[str] = EVERYTHING) -> int:
    """Every equation is drawn by matplotlib, but those with `where`: it has no cases."""
    count = 0
    for left, right in equations(derivation, parts if derivation.size < 5 else EVERYTHING[:-1]):
        if "cases" not in right:
            drawn(f"{left} = {right}")
            count += 1
    return count


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_latex_of_an_example_is_drawn(name: str) -> None:
    example = EXAMPLES[name]
    derivation = Derivation(parse_formula(example.formula, example.columns), parse_loss(example.loss))
    assert check_drawn(derivation) > derivation.size + 2


@pytest.mark.parametrize("model", MODELS)
def test_the_latex_is_drawn(model: str) -> None:
    assert check_drawn(derive(model, "mse", "log(y)"))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("model", MODELS)
def test_the_latex_has_good_form(model: str, loss: str) -> None:
    latex = derive(model, loss).latex()
    assert not re.search(
        r"\b1\.0\b|\^\{1\}|\+ -|- -|\+ 0\b|\\cdot 1\b|(?<![\d.{^])1 (?!\\\\)[a-z\\]|\de[-+]?\d|\bnan\b|None", latex
    )
    assert latex.count("{") == latex.count("}") and latex.count(r"\left") == latex.count(r"\right")
    assert not re.search(r"\\frac\{d\}|\{d d\}", latex)


@pytest.mark.parametrize(
    ("model", "latex"),
    [
        ("a + b*P3(c + d*x)", r"a + b P_{3}\left(c + d x_{i}\right)"),
        ("theta_0 + theta_1*x_1", r"\theta_{0} + \theta_{1} x_{1, i}"),
        ("7*a/3 - b*-2", r"\frac{7 a}{3} + 2 b"),
        ("1.345*a + 0.5*b - 0.05", r"1.345 a + \frac{b}{2} - 0.05"),
        ("a*(1/3) + 2*3*b", r"\frac{a}{3} + 6 b"),
        ("-(a - b) - (c + x)", r"-\left(a - b\right) - \left(c + x_{i}\right)"),
        ("a**2*a/(b*x)", r"\frac{a^{3}}{b x_{i}}"),
        ("(a + b)/(a - b)", r"\frac{a + b}{a - b}"),
        ("sin(a*x)**2 + exp(a)**2 + a**0.5", r"\sin^{2}\left(a x_{i}\right) + \left(\exp\left(a\right)\right)^{2} + a^{1/2}"),
        ("2**x*3*a", r"3 a \cdot 2^{x_{i}}"),
        ("a*1e-7 + 2.5e30", r"10^{-7} a + 2.5 \cdot 10^{30}"),
        ("(-2)**x + a/x", r"\left(-2\right)^{x_{i}} + \frac{a}{x_{i}}"),
        ("a*`my column`", r"a \mathrm{my\ column}_{i}"),
        ("T5(a)*a - P0(x)", r"a T_{5}\left(a\right) - P_{0}\left(x_{i}\right)"),
    ],
)  # fmt: skip
def test_how_a_model_is_written(model: str, latex: str) -> None:
    left, right = derive(model).latex("model").split(" = ")
    assert (left.removesuffix("_{i}"), right) == (r"\hat{y}", latex)


@pytest.mark.parametrize(
    ("model", "loss", "equation"),
    [
        ("a*x + d", "mse", r"L = \frac{1}{n} \sum_{i=1}^{n} e_{i}^{2}"),
        ("a*x + d", "mse", r"\frac{\partial L}{\partial d} = \frac{2}{n} \sum_{i=1}^{n} e_{i}"),
        ("a*x + d", "half-mse", r"L = \frac{1}{2 n} \sum_{i=1}^{n} e_{i}^{2}"),
        ("a*x + d", "half-mse", r"\frac{\partial L}{\partial a} = \frac{1}{n} \sum_{i=1}^{n} e_{i} x_{i}"),
        ("a*x + d", "sse", r"\frac{\partial L}{\partial a} = 2 \sum_{i=1}^{n} e_{i} x_{i}"),
        ("a*x + d", "sse", r"\frac{\partial^{2} L}{\partial d^{2}} = 2 n"),
        ("a*x + d", "mse", r"\frac{\partial^{2} L}{\partial d \, \partial a} = \frac{2}{n} \sum_{i=1}^{n} x_{i}"),
        ("a*x + d", "mae", r"\frac{\partial^{2} L}{\partial d^{2}} = 0"),
        ("b*P3(d*x)", "mse", BY_D + r"\frac{2 b}{n} \sum_{i=1}^{n} e_{i} x_{i} P_{3}'\left(d x_{i}\right)"),
        ("T4(d*x)", "mse", BY_D + r"\frac{2}{n} \sum_{i=1}^{n} e_{i} x_{i} T_{4}'\left(d x_{i}\right)"),
        ("sinc(d*x)", "sse", BY_D + r"2 \sum_{i=1}^{n} e_{i} x_{i} \operatorname{sinc}'\left(d x_{i}\right)"),
        ("a + b*P3(c + d*x)", "mse", r"u_{i} = c + d x_{i}"),
        ("e*x + u", "mse", r"residual_{i} = \hat{y}_{i} - y_{i}"),
        ("i*x + n*L", "mse", r"J = \frac{1}{N} \sum_{j=1}^{N} e_{j}^{2}"),
    ],
)  # fmt: skip
def test_how_a_derivation_is_written(model: str, loss: str, equation: str) -> None:
    parts = ("hessian",) if "^{2} L" in equation else ("loss", "gradient")
    found = [" = ".join(pair) for pair in equations(derive(model, loss), parts)]
    assert equation.replace("residual", r"\mathrm{residual}") in found


def test_second_derivatives_of_polynomials_keep_a_name() -> None:
    latex = derive("P5(a*x) + T5(b*x)").latex("hessian")
    assert r"C_{3}^{\left(5/2\right)}\left(a x_{i}\right)" in latex
    assert r"C_{3}^{\left(2\right)}\left(b x_{i}\right)" in latex


def test_the_prediction_wears_the_hat_of_the_response() -> None:
    assert derive("a*x", response="x_1").latex("model").startswith(r"\hat{x}_{1, i} = ")
    assert derive("a*x", response="`my column`").latex("model").startswith(r"\widehat{\mathrm{my\ column}}_{i} = ")
    lines = equations(derive("a*x", response="log(y)"), ["loss"])
    assert (r"z_{i}", r"\ln\left(y_{i}\right)") in lines and (r"\hat{z}_{i}", r"a x_{i}") in lines


@pytest.mark.parametrize(
    "name",
    [r"$x$", r"\input{/etc/passwd}", "a}_{b", "100 % & #", "^^41", "x\n\x1b[31m", "_{", "end{aligned}", "~", "中"],
)
def test_hostile_columns_are_harmless(name: str) -> None:
    columns = parse_formula("y ~ a*x + b", ["x", "y"])
    formula = type(columns)(columns.text, columns.program, columns.parameters, ("y", name), "y", "a*x + b")
    derivation = Derivation(formula, parse_loss("mse"))
    for left, right in equations(derivation, EVERYTHING):
        bare = re.sub(r"\\[{}$%#&_ ]", "", left + right)
        assert not re.search(r"[$%#&~\n\x1b]|\\input|\\end", bare) and bare.count("{") == bare.count("}")
    if not re.search(r"[&#]|[^ -~]", name):  # matplotlib draws no \& and no \#
        assert check_drawn(derivation)
    assert "\x1b" not in derivation.text()
    assert all(symbol.name.isidentifier() for symbol in derivation.loss.free_symbols)


def test_an_unknown_part_is_an_error() -> None:
    with pytest.raises(OptionError, match="unknown part of a derivation 'gradiant': did you mean 'gradient'"):
        derive("a*x").latex("gradiant")


def test_how_a_derivation_shows_itself() -> None:
    derivation = derive("a*x", "huber")
    assert repr(derivation) == "Derivation('y ~ a*x', loss='huber')"
    shown = derivation._repr_latex_()
    assert shown.startswith(r"$\displaystyle \begin{aligned}") and shown.endswith(r"\end{aligned}$")
    assert r"\partial^{2}" not in shown


# Generated formulas

EXPRESSIONS = st.recursive(
    st.sampled_from(["a", "b", "theta_1", "x", "z", "2", "3.5", "0.1", "1/7", "pi"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" + ", " - ", "*", "/"]), inner).map(lambda t: f"({t[0]}{t[1]}{t[2]})"),
        st.tuples(st.sampled_from(["sin", "exp", "tanh", "sinc", "P3", "T4", "abs", "-", "sqrt", "atan"]), inner).map(
            lambda t: f"{t[0]}({t[1]})"
        ),
        st.tuples(inner, st.sampled_from(["2", "3", "-1", "0.5"])).map(lambda t: f"({t[0]})**{t[1]}"),
        inner.map(lambda t: f"(2 + abs({t}))**b"),
        st.tuples(inner, inner).map(lambda t: f"max({t[0]}, {t[1]})"),
    ),
    max_leaves=8,
)


@given(EXPRESSIONS)
def test_generated_formulas_are_drawn_and_listed(model: str) -> None:
    try:
        derivation = derive(f"a*b + {model}")
    except FormulaError:  # a constant that is not finite
        return
    check_drawn(derivation, ("loss", "gradient"))
    check_listing(derivation)


# Text


def listed(text: str, names: dict[str, Any]) -> list[tuple[Any, Any]]:
    """The loss and its derivatives, each with the sum of its terms' sizes: every line is parsed as our own language."""
    values: dict[str, Any] = {}
    names = dict(names)
    n = len(next(iter(names.values())))
    for line in text.splitlines():
        left, right = line.split(" = ", 1)
        reduction = re.fullmatch(r"(mean|sum)\((.*)\)", right)
        program = parse_expression(reduction[2] if reduction else right)
        value = evaluate(program, names=names)[program.outputs["value"]]
        assert left not in names and left not in values
        if reduction:
            terms = np.broadcast_to(value, n)
            values[left] = terms.mean() if reduction[1] == "mean" else terms.sum(), np.sum(np.abs(terms))
        else:
            names[left] = value
    return list(values.values())


def check_listing(derivation: Derivation, theta: Sequence[float] | None = None) -> None:
    formula, criterion = derivation.formula, derivation.criterion
    point = np.linspace(0.4, 0.8, derivation.size) if theta is None else np.array(theta)
    columns = data(formula.columns)
    sums = NumpyKernels(derivation).sums("gradient", point, list(columns.values()), None, 5.0)
    truth = sums * float(criterion.scale) / (5 if criterion.mean else 1)
    values = listed(derivation.text(), columns | dict(zip(formula.parameters, point, strict=True)))
    for (value, mass), expected in zip(values, truth, strict=True):
        if np.isfinite(expected) and abs(expected) < 1e100:
            assert value == pytest.approx(expected, rel=1e-9, abs=2**14 * EPS * (1 + mass + values[0][1]))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("model", MODELS)
def test_every_line_of_the_text_evaluates_to_the_gradient(model: str, loss: str) -> None:
    check_listing(derive(f"sigmoid({model})" if loss == "cross-entropy" else model, loss))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_text_of_an_example(name: str) -> None:
    example = EXAMPLES[name]
    derivation = Derivation(parse_formula(example.formula, example.columns), parse_loss(example.loss))
    check_listing(derivation, [example.start[name] for name in derivation.formula.parameters])
    assert max(map(len, derivation.text().splitlines())) <= 80


@pytest.mark.parametrize("model", [m for m in MODELS if "P200" not in m])
@pytest.mark.parametrize("loss", ["mse", "huber", "cross-entropy"])
def test_lines_are_short(model: str, loss: str) -> None:
    longest = max(derive(model, loss).text().splitlines(), key=len)
    assert len(longest) <= 92, longest


@pytest.mark.parametrize("n", [1, 2, 3, 7, 40, 200])
def test_the_text_of_a_polynomials_derivative_is_exact(n: int) -> None:
    check_listing(derive(f"P{n}(a*x) + T{n}(b*x)"), [0.6, 0.5])


def test_a_wrong_line_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = derive("a*tanh(b*x)").text()
    monkeypatch.setattr(Derivation, "text", lambda self: right.replace("1 - ", "1 + "))
    with pytest.raises(AssertionError):
        check_listing(derive("a*tanh(b*x)"))


def test_new_names_look_unlike_those_in_use() -> None:
    fresh = Fresh(["u", "v_", "w", "e", "u_1", "q"])
    assert [fresh("e", "residual"), *(fresh() for _ in range(7))] == ["residual", "v", "p", "r", "s", "z", "u2", "u3"]


# SymPy


def valued(expression: Any, point: dict[str, float]) -> Any:
    return sympy.lambdify([sympy.Symbol(name) for name in point], expression, "mpmath")(*map(mp.mpf, point.values()))


SMOOTH = [
    "a + b*x",
    "a + b*P3(c + d*x)",
    "a*T4(b*x)*P2(c*x)",
    "poly(x, 4, w)",
    "exp(-b1*x)/(b2 + b3*x)",
    "a*sinc(b*x) + log10(c + x**2)",
    "a*tanh(b*tanh(c*x + d))**2",
    "a*x**b - (x + c)**-2",
    "sqrt(a + x**2)/asin(b) - erf(d*x)",
    "where(a*x > b, sin(a*x)**2, cos(x)/tan(b))",
    "P40(a*x)/4",
]


@pytest.mark.parametrize("loss", ["half-mse", "poisson"])  # SymPy derives Abs for complex numbers
@pytest.mark.parametrize("model", SMOOTH)
def test_the_expressions_are_what_sympy_derives(model: str, loss: str) -> None:
    derivation = derive(model, loss)
    parameters = [sympy.Symbol(name) for name in derivation.formula.parameters]
    value, gradient, hessian = derivation.loss, derivation.gradient, derivation.hessian
    names = [*derivation.formula.parameters, *derivation.formula.columns]
    point = {name: (k + 3) / 11 for k, name in enumerate(names)}
    assert {symbol.name for symbol in value.free_symbols} == point.keys()
    with mp.workdps(40):
        for k, parameter in enumerate(parameters):
            close(valued(gradient[k], point), valued(sympy.diff(value, parameter), point))
            for j, other in enumerate(parameters):
                close(valued(hessian[k, j], point), valued(sympy.diff(gradient[k], other), point))


def close(value: Any, truth: Any) -> None:
    assert mp.almosteq(value, truth, rel_eps=mp.mpf(10) ** -25, abs_eps=mp.mpf(10) ** -25)


def test_expressions_hold_no_float_and_keep_the_names() -> None:
    derivation = derive("theta_0 + 0.1*α*P3(x)", "huber")
    a, b, x, y = sympy.symbols("theta_0 α x y")
    residual = a + b * sympy.legendre(3, x, evaluate=False) / 10 - y
    assert not derivation.loss.atoms(sympy.Float)
    assert derivation.loss.args[0].args[0] == residual**2 / 2
    assert derive("theta_0*exp(x*α)*x", "half-mse").gradient[0] == x * sympy.exp(b * x) * (a * x * sympy.exp(b * x) - y)


def test_a_column_whose_name_is_no_identifier_gets_one() -> None:
    names = {symbol.name for symbol in derive("x1*`my column` + x2", response="`P3`").loss.free_symbols}
    assert names == {"x1", "x2", "P3", "column1"}


def test_the_expression_of_notebook_000() -> None:
    loss = Problem("H_0 ~ theta_0 + theta_1*x_1 + theta_2*x_2", "@instances").loss_expression()
    assert sympy.latex(loss) == (
        r"\frac{\left(\theta_{0} + \theta_{1}\right)^{2}}{3}"
        r" + \frac{\left(\theta_{0} + \frac{\theta_{1}}{2} + \theta_{2} - 1\right)^{2}}{3}"
        r" + \frac{\left(\theta_{0} + 2 \theta_{1} + \frac{\theta_{2}}{2} - 1\right)^{2}}{3}"
    )
    assert str(loss.expand()) == (
        "theta_0**2 + 7*theta_0*theta_1/3 + theta_0*theta_2 - 4*theta_0/3 + 7*theta_1**2/4 + theta_1*theta_2"
        " - 5*theta_1/3 + 5*theta_2**2/12 - theta_2 + 2/3"
    )
    thetas = sympy.symbols("theta_0:3")
    assert [str(sympy.diff(loss, theta).expand()) for theta in thetas] == [
        "2*theta_0 + 7*theta_1/3 + theta_2 - 4/3",
        "7*theta_0/3 + 7*theta_1/2 + theta_2 - 5/3",
        "theta_0 + theta_1 + 5*theta_2/6 - 1",
    ]
    hessian = [[2, "7/3", 1], ["7/3", "7/2", 1], [1, 1, "5/6"]]
    assert sympy.hessian(loss, thetas).tolist() == [[sympy.Rational(Fraction(v)) for v in row] for row in hessian]


@pytest.mark.parametrize("loss", [*LOSSES, "abs(yhat - y)**1.5"])
def test_the_expression_over_rows_has_the_value_of_the_loss(loss: str) -> None:
    model = "sigmoid(a*x + b)" if loss == "cross-entropy" else "a*P3(x/2) + where(x > 1, b*x, exp(b*x))"
    columns = {"x": [0.3, 1.7, 2.5, -0.4], "y": [1, 0, 0.5, 1]}
    for weights in (None, [1, 0.5, 2, 0]):
        problem = Problem(f"y ~ {model}", columns, loss, start={"a": 0.7, "b": 0.3}, weights=weights)
        value = valued(problem.loss_expression(), problem.start)
        assert float(value) == pytest.approx(problem.loss_at(problem.start), rel=64 * EPS)


def test_sympy_views_are_refused_where_they_would_not_end() -> None:
    x = np.arange(1001.0)
    with pytest.raises(OptionError, match="a term for each of the 1,001 rows: at most 1,000 are written out"):
        Problem("y ~ a*x", {"x": x, "y": x}, start={"a": 1}).loss_expression()
    with pytest.raises(OptionError, match="SymPy is given at most 20,000"):
        _ = derive("poly(x, 200, w)").hessian
    deep = "a*x"
    for _ in range(90):
        deep = f"sigmoid({deep})"
    with pytest.raises(OptionError, match="nested too deeply for SymPy"):
        _ = derive(deep).hessian
    assert len(derive(deep).text()) > 1000


def test_nested_functions_do_not_take_for_ever() -> None:
    deep = "a*x"
    for _ in range(30):
        deep = f"tanh({deep})"
    derivation = derive(deep, "cross-entropy")
    assert derivation.hessian.shape == (1, 1) and len(derivation.gradient) == 1


def test_the_root_offers_these_views_through_a_problem() -> None:
    problem = steepest.Problem("y ~ w*x", "@triples")
    assert problem.derivation.text().splitlines()[-1] == "dL/dw = mean(2*e*x)"
    assert str(problem.loss_expression().expand()) == "11*w**2 - 66*w + 99"
