"""The language: what a text means, what is refused and where, and the function table against mpmath."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp

from steepest.errors import FormulaError
from steepest.language.evaluate import evaluate, gegenbauer, sinc
from steepest.language.expand import definition, expand
from steepest.language.formula import parse_formula
from steepest.language.functions import FUNCTIONS, USER_FUNCTIONS
from steepest.language.losses import LOSSES, parse_loss
from steepest.language.losses import program as loss_program
from steepest.language.names import latex_name, printable
from steepest.language.parser import define, parse_assignments, parse_expression
from steepest.language.program import Builder, Program
from steepest.language.text import to_text

EPS = float(np.finfo(float).eps)


def value(text: str | Program, constants: Any = None, **names: Any) -> Any:
    program = parse_expression(text, constants) if isinstance(text, str) else text
    return evaluate(program, names=names)[program.outputs["value"]]


@pytest.fixture
def fresh_functions() -> Iterator[None]:
    before = dict(USER_FUNCTIONS)
    yield
    USER_FUNCTIONS.clear()
    USER_FUNCTIONS.update(before)


# Meaning


@pytest.mark.parametrize(
    "text",
    [
        "1 + 2*3 - 4/5",
        "-2**2",
        "(-2)**2",
        "2**-1",
        "2**3**2",
        "-2**-2",
        "2*-3",
        "2 - -3",
        "--3",
        "+-+2",
        "1 - 2 - 3",
        "8/4/2",
        "2/3*4",
        "-3*2**2/4",
        "(1 + 2)*(3 - 4)**3",
        "1.5e3 + .5 + 1.",
        "1e-3*2E+2",
        "-(2)",
        "2**0.5",
    ],
)
def test_precedence_is_pythons(text: str) -> None:
    assert value(text) == eval(text)


@pytest.mark.parametrize("comparison", ["<", "<=", ">", ">=", "==", "!="])
@pytest.mark.parametrize("x", [-1.0, 0.0, 1.0])
def test_where_chooses_a_branch(comparison: str, x: float) -> None:
    assert value(f"where(x {comparison} 0, 10, 20)", x=x) == (10 if eval(f"{x} {comparison} 0") else 20)


@pytest.mark.parametrize(
    ("text", "exact"),
    [("0.1", Fraction(1, 10)), ("1e-3", Fraction(1, 1000)), (".5", Fraction(1, 2)), ("3.", Fraction(3)), ("0", 0)],
)
def test_literals_are_exact(text: str, exact: Fraction) -> None:
    (node,) = parse_expression(text).nodes
    assert node.value == exact


def test_equal_expressions_are_one_node() -> None:
    program = parse_expression("exp(x*y) + exp(x*y)**2")
    assert [node.op for node in program.nodes].count("exp") == 1


@pytest.mark.parametrize("name", ["α", "β_1", "θ_0", "Ω", "λ", "x_α2", "_hidden", "a" * 64, "P", "T", "P01", "e", "E"])
def test_names(name: str) -> None:
    assert parse_expression(f"2*{name}").names() == (name,)


def test_pi_is_a_constant_in_either_spelling() -> None:
    assert value("pi") == value("π") == np.pi


@pytest.mark.parametrize(
    ("given", "exact"),
    [(3, Fraction(3)), (0.1, Fraction(0.1)), (Fraction(1, 3), Fraction(1, 3)), (Decimal("0.1"), Fraction(1, 10))],
)
def test_constants_keep_their_exact_value(given: Any, exact: Fraction) -> None:
    (node,) = parse_expression("g", {"g": given}).nodes
    assert node.value == exact


@pytest.mark.parametrize(("kind", "given"), [(np.float64, 0.1), (np.float32, 0.5), (np.int64, 3)])
def test_numpy_scalars_are_constants(kind: Any, given: Any) -> None:
    assert parse_expression("g", {"g": kind(given)}).nodes[0].value == Fraction(given)


def test_poly_names_its_coefficients() -> None:
    program = parse_expression("poly(x, 3, w)")
    assert program.names() == ("x", "w0", "w1", "w2", "w3")
    assert value(program, x=2.0, w0=1.0, w1=10.0, w2=100.0, w3=1000.0) == 1 + 20 + 400 + 8000
    assert parse_expression("poly(x, 0, w)").names() == ("w0",)


@pytest.mark.parametrize("text", ["+".join(f"a{k}" for k in range(1000)), "(" * 100 + "x" + ")" * 100, "-" * 100 + "x"])
def test_what_the_limits_allow(text: str) -> None:
    assert parse_expression(text).outputs


# Errors


@pytest.mark.parametrize(
    ("text", "match", "position"),
    [
        ("", r"expected a number, a name or '\('", 0),
        ("   ", "expected a number", 3),
        ("a +", "expected a number", 3),
        ("a + )", r"found '\)'", 4),
        ("a * * b", r"found '\*'", 4),
        ("(a", r"expected '\)', found the end", 2),
        ("a)", r"this '\)' has no '\('", 1),
        ("a, b", "only between a function's arguments", 1),
        ("2x", r"an operator is missing: for a product write '2\*x'", 1),
        ("2(x)", r"write '2\*\(…'", 1),
        ("(a)(b)", r"write '…\)\*\(…'", 3),
        ("a b", r"write 'a\*b'", 2),
        ("1.2.3", "an operator is missing", 3),
        ("a^2", r"write '\*\*' for a power", 1),
        ("a − b", "minus sign is not the plain one: write '-'", 2),
        ("a – b", "minus sign", 2),
        ("a×b", r"write '\*'", 1),
        ("x²", r"write '\*\*2'", 1),
        ("²", r"write '\*\*2'", 0),
        ("a ≤ b", "write '<='", 2),
        ("a // b", r"found '/'", 3),
        ("a % b", "'%' is not an operator", 2),
        ("a & b", "nest where", 2),
        ("a | b", "abs", 2),
        ("!a", "'!=' compares", 0),
        ("a @ b", "'@'", 2),
        ("a.b", "no attributes", 1),
        ("a[0]", "no indexing", 1),
        ("{a}", "'{' has no meaning", 0),
        ("'a'", "no strings", 0),
        ('"a"', "no strings", 0),
        ("`a", "back-quote is not closed", 0),
        ("``", "back-quotes is empty", 0),
        ("a # b", "no comments", 2),
        ("a:b", "':' is not an operator", 1),
        ("a\u00a0+ b", "not a plain space", 1),
        ("a \\ b", "has no meaning here", 2),
        ("a\x00", "has no meaning here", 1),
        ("a = b", "'==' compares", 2),
        ("a ~ b", "'~' has no meaning inside an expression", 2),
        ("a; b", "';' has no meaning", 1),
        ("a < b", "first argument of where", 2),
        ("where(a, 1, 2)", "needs a comparison first", 7),
        ("where((a > 1), 1, 2)", "first argument of where", 9),
        ("where(0 < a < 1, 1, 2)", "do not chain", 12),
        ("where(a > 0, 1)", "expected ','", 14),
        ("where(a > 0, 1, 2, 3)", r"expected '\)'", 17),
        ("1 + exp(a, b)", r"exp\(u\) takes 1 argument, got 2", 4),
        ("max(a)", r"max\(u, v\) takes 2 arguments, got 1", 0),
        ("exp()", "got 0", 0),
        ("exq(a)", "unknown function 'exq': did you mean 'exp'", 0),
        ("a(b + c)", r"For a product write 'a\*\(…\)'", 0),
        ("norm(a)", "unknown function 'norm'", 0),
        ("log", "'log' is a function", 0),
        ("clip(x, 0, inf)", "numbers are finite", 11),
        ("2*sin + 1", "'sin' is a function", 2),
        ("P201(x)", "order is at most 200", 0),
        ("T999999999(x)", "order is at most 200", 0),
        ("P3(x, y)", "takes 1 argument", 0),
        ("poly(x, 201, w)", "whole number from 0 to 200", 8),
        ("poly(x, n, w)", "whole number", 8),
        ("poly(x, 2.0, w)", "whole number", 8),
        ("poly(x, 2, 3)", "bare name", 11),
        ("poly(x, 2, P)", "polynomial", 11),
        ("poly(x, 2, log)", "function of the language", 11),
        ("poly(x, 2)", "expected ','", 9),
        ("1e400", "too large or too small", 0),
        ("1 + 1e-310", "too large or too small", 4),
        ("1e999999999", "too long or too large", 0),
        ("1e-999999999", "too long or too large", 0),
        ("9" * 801, "too long or too large", 0),
        ("9**9**9", "exponent is at most 1,000", 1),
        ("4000000**3999999", "exponent is at most 1,000", 7),
        ("x**1001", "exponent is at most 1,000", 1),
        ("10**1000", "not a finite number", 2),
        ("((1/2)**500)**3", "too small for float64", 12),
        ("(1.0000001**1000)**1000", "too large to be written exactly", 17),
        ("T200(T200(T200(0.3)))", "too large to be written exactly", 0),
        ("1/0", "not a finite number", 1),
        ("0**-1", "not a finite number", 1),
        ("1 + log(-1)", r"log\(u\) needs u > 0", 4),
        ("sqrt(0 - 1)", "needs u >= 0", 0),
        ("exp(1000)", "not a finite number", 0),
        ("a" * 65, "at most 64 characters", 0),
        ("a__b", "no two '_'", 0),
        ("__class__", "no two '_'", 0),
        ("é", "ASCII and Greek", 0),
        ("х", "ASCII and Greek", 0),  # a Cyrillic letter that looks like x
        ("𝐜", "ASCII and Greek", 0),
        ("ﬁ", "ASCII and Greek", 0),
        ("µ", "ASCII and Greek", 0),  # the micro sign, not the Greek letter
        ("x٣", "ASCII and Greek", 0),
        ("a + lambda", "word of Python", 4),
        ("True", "word of Python", 0),
        ("a and b", "word of Python", 2),
        ("(" * 101 + "x" + ")" * 101, "deeper than 100", 100),
        ("-" * 101 + "x", "deeper than 100", 100),
        ("**".join("a" * 102), "deeper than 100", 301),
        ("+".join("a" * 10_001), "at most 20,000 tokens", 20_000),
        ("a" + " " * 100_000, "at most 100,000", 100_000),
    ],
)
def test_refused_with_a_sentence_and_a_place(text: str, match: str, position: int) -> None:
    with pytest.raises(FormulaError, match=match) as caught:
        parse_expression(text)
    assert caught.value.position == position
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("text", [None, 3, b"x", ["x"]])
@pytest.mark.parametrize("parse", [parse_expression, parse_assignments, parse_loss, lambda t: parse_formula(t, ["x"])])
def test_only_text_is_read(parse: Callable[[Any], Any], text: Any) -> None:
    with pytest.raises(FormulaError, match="expected text"):
        parse(text)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("g", np.inf),
        ("g", np.nan),
        ("g", 10**400),
        ("g", Decimal("1e999999999")),
        ("g", Decimal("1e-999999999")),
        ("g", Decimal("NaN")),
        ("g", 5e-324),
        ("g", "9.81"),
        ("g", True),
        ("g", None),
        ("g", np.ones(3)),
        ("g", 1j),
        ("pi", 3),
        ("log", 3),
        ("P3", 3),
        ("a b", 3),
        ("__g", 3),
        (7, 3),
    ],
)
def test_constants_that_are_refused(name: Any, given: Any) -> None:
    with pytest.raises(FormulaError, match="constant"):
        parse_expression("x", {name: given})


# Back to text


@pytest.mark.parametrize(
    "text",
    [
        "a + b*P3(c + d*x)",
        "a - (b - c) - d",
        "a/(b*c)/d",
        "(a + b)*c",
        "-x**2",
        "(-x)**2",
        "x**-2",
        "(a**b)**c",
        "a**b**c",
        "-(a + b)",
        "where(x <= 0.5, max(x, 1), T5(pi))",
        "exp(-x)/3",
        "`my col`*0.1",
        "1e-300*x",
        "2*-x",
        "P3 + sinc(x)",
        "`log` + log(x)",
    ],
)
def test_text_comes_back_as_written(text: str) -> None:
    program = parse_expression(text)
    assert to_text(program, program.outputs["value"]) == text


@st.composite
def programs(draw: st.DrawFn) -> Program:
    builder = Builder()
    places = [builder.add("name", value=name) for name in "abx"] + [builder.add("pi")]
    places += [
        builder.number(Fraction(n, d)) for n, d in draw(st.lists(st.tuples(st.integers(-99, 99), st.integers(1, 8)), max_size=4))
    ]
    one = [row.name for row in FUNCTIONS.values() if len(row.arguments) == 1 and row.name != "sinc"]
    for _ in range(draw(st.integers(1, 15))):
        u, v, w = (draw(st.sampled_from(places)) for _ in range(3))
        kind = draw(st.sampled_from(["+", "-", "*", "/", "**", "neg", "one", "max", "where", "polynomial"]))
        if kind == "where":
            condition = builder.add(draw(st.sampled_from(["<", "<=", "==", "!="])), u, v)
            places.append(builder.add("where", condition, v, w))
        elif kind == "polynomial":
            order = (draw(st.integers(0, 6)), draw(st.sampled_from([Fraction(0), Fraction(1, 2)])))
            places.append(builder.add("gegenbauer", u, value=order))
        elif kind == "one":
            places.append(builder.add(draw(st.sampled_from(one)), u))
        elif kind == "neg":
            places.append(builder.add("neg", u))
        else:
            places.append(builder.add(kind, u, v))
    return builder.program(value=places[-1])


@given(programs())
def test_text_means_the_same_when_read_again(program: Program) -> None:
    names = {"a": np.array([0.3, -1.7]), "b": np.array([2.0, 0.0]), "x": np.array([-0.6, 1.1])}
    text = to_text(program, program.outputs["value"])
    if text.endswith("…"):
        assert len(text) == 2000
        return
    try:
        again = parse_expression(text)
    except FormulaError as refused:  # a constant or a depth that the parser does not let in
        assert re.search("constant|deeper|tokens", refused.sentence)
        return
    np.testing.assert_array_equal(value(again, **names), value(program, **names))


def test_long_texts_are_cut() -> None:
    builder = Builder()
    place = builder.add("name", value="x")
    for _ in range(60):
        place = builder.add("+", place, place)
    text = to_text(builder.program(value=place), place)
    assert len(text) == 2000
    assert text.endswith("…")


# The function table, against mpmath

WIDE = [-700.0, -36.0, -3.0, -1.0, -0.3, -1e-8, -1e-300, 0.0, 1e-300, 1e-8, 0.3, 0.999, 1.0, 1.001, 3.0, 36.0, 700.0]
SMALL = [u for u in WIDE if abs(u) <= 1]
POSITIVE = [u for u in WIDE if u > 0]

REFERENCE: dict[str, tuple[Callable[..., Any], list[float]]] = {
    "exp": (mp.exp, WIDE),
    "expm1": (mp.expm1, WIDE),
    "log": (mp.log, POSITIVE),
    "log1p": (mp.log1p, [u for u in WIDE if u > -1]),
    "log10": (mp.log10, POSITIVE),
    "log2": (lambda u: mp.log(u, 2), POSITIVE),
    "sqrt": (mp.sqrt, POSITIVE),
    "cbrt": (lambda u: mp.sign(u) * mp.cbrt(abs(u)), WIDE),
    "abs": (abs, WIDE),
    "sign": (mp.sign, WIDE),
    "sin": (mp.sin, WIDE),
    "cos": (mp.cos, WIDE),
    "tan": (mp.tan, WIDE),
    "asin": (mp.asin, SMALL),
    "acos": (mp.acos, SMALL),
    "atan": (mp.atan, WIDE),
    "sinh": (mp.sinh, WIDE),
    "cosh": (mp.cosh, WIDE),
    "tanh": (mp.tanh, WIDE),
    "sinc": (mp.sincpi, WIDE),
    "erf": (mp.erf, WIDE),
    "sigmoid": (lambda u: 1 / (1 + mp.exp(-u)), WIDE),
    "softplus": (lambda u: mp.log1p(mp.exp(u)), WIDE),
    "relu": (lambda u: max(u, mp.mpf(0)), WIDE),
    "logcosh": (lambda u: mp.log(mp.cosh(u)), WIDE),
    "sqrt1pm1": (lambda u: mp.sqrt(1 + u) - 1, SMALL),
    "min": (min, WIDE),
    "max": (max, WIDE),
    "clip": (lambda u, low, high: min(max(u, low), high), WIDE),
}
FIXED = {"v": 0.4, "low": -0.5, "high": 0.7}
LIBM = {name for name, row in FUNCTIONS.items() if row.libm}


def call(name: str) -> Program:
    arguments = FUNCTIONS[name].arguments
    return parse_expression(f"{name}({', '.join(arguments)})")


def reference(name: str, u: Any) -> Any:
    function, _ = REFERENCE[name]
    return function(mp.mpf(u), *(mp.mpf(FIXED[argument]) for argument in FUNCTIONS[name].arguments[1:]))


def ulps(name: str, found: float, exact: Any) -> float:
    size = 1.0 if name == "sinc" else abs(float(exact))  # near its zeros, sinc is exact relative to its maximum
    return float(abs(mp.mpf(float(found)) - exact) / mp.mpf(float(np.spacing(size))))


def test_every_function_has_a_reference() -> None:
    assert set(REFERENCE) | {"where"} == set(FUNCTIONS)


@pytest.mark.parametrize("name", REFERENCE)
@pytest.mark.parametrize("form", ["numpy", "compiled"])
def test_functions_are_exact_to_a_few_ulps(name: str, form: str) -> None:
    program = call(name)
    if form == "compiled":
        program = expand(program, keep=LIBM)
    _, points = REFERENCE[name]
    with mp.workdps(700):
        worst = max((ulps(name, value(program, u=u, **FIXED), reference(name, u)), u) for u in points)
    # SciPy's erf and NumPy's vectorised functions are within 4; a definition is a few operations on top.
    assert worst[0] <= 6


@pytest.mark.parametrize("name", [name for name in REFERENCE if name != "sinc"])
def test_partials_are_the_derivatives(name: str) -> None:
    _, points = REFERENCE[name]
    partial = parse_expression(FUNCTIONS[name].partials[0])
    ties = {"abs": [0.0], "sign": [0.0], "relu": [0.0], "cbrt": [0.0], "asin": [-1.0, 1.0], "acos": [-1.0, 1.0], "sqrt1pm1": [-1.0]}
    for u in set(points) - set(ties.get(name, [])):
        with mp.workdps(400):
            step = mp.mpf(10) ** -340
            exact = (reference(name, mp.mpf(u) + step) - reference(name, mp.mpf(u) - step)) / (2 * step)
            found = mp.mpf(float(value(partial, u=u, **FIXED)))
            if abs(exact) > mp.mpf(1e300):
                continue
            # Relative to the terms that are subtracted: 1 - tanh(u)**2 is exact relative to 1.
            assert abs(found - exact) <= 16 * EPS * max(abs(exact), 1), u


@pytest.mark.parametrize("name", ["min", "max", "clip"])
@pytest.mark.parametrize("names", [{"u": 0.1}, {"u": 0.9}, {"u": -2.0}, {"u": 0.1, "low": 0.8}, {"u": 2.0, "low": 1.5}])
def test_partials_of_several_arguments(name: str, names: dict[str, float]) -> None:
    row = FUNCTIONS[name]
    at = {"v": 0.4, "low": -0.5, "high": 0.7, **names}
    h = 1e-6
    for argument, partial in zip(row.arguments, row.partials, strict=True):
        up = value(call(name), **{**at, argument: at[argument] + h})
        down = value(call(name), **{**at, argument: at[argument] - h})
        assert value(partial, **at) == pytest.approx((up - down) / (2 * h), abs=1e-8)


@pytest.mark.parametrize(
    ("name", "index", "at", "subgradient"),
    [
        ("abs", 0, {"u": 0.0}, 0),
        ("relu", 0, {"u": 0.0}, 0),
        ("sign", 0, {"u": 0.0}, 0),
        ("max", 0, {"u": 1.0, "v": 1.0}, 0.5),
        ("max", 1, {"u": 1.0, "v": 1.0}, 0.5),
        ("min", 0, {"u": 1.0, "v": 1.0}, 0.5),
        ("min", 1, {"u": 1.0, "v": 1.0}, 0.5),
        ("clip", 0, {"u": 1.0, "low": 0.0, "high": 1.0}, 1),
        ("clip", 0, {"u": 0.0, "low": 0.0, "high": 1.0}, 1),
    ],
)
def test_subgradients_at_ties(name: str, index: int, at: dict[str, float], subgradient: float) -> None:
    assert value(FUNCTIONS[name].partials[index], **at) == subgradient


@pytest.mark.parametrize("name", REFERENCE)
@pytest.mark.parametrize("form", ["numpy", "compiled"])
def test_nan_in_nan_out(name: str, form: str) -> None:
    program = call(name) if form == "numpy" else expand(call(name), keep=LIBM)
    for missing in FUNCTIONS[name].arguments:
        assert np.isnan(value(program, **{"u": 0.2, **FIXED, missing: np.nan})), missing


@pytest.mark.parametrize("name", [name for name, row in FUNCTIONS.items() if row.definition])
def test_definitions_mean_the_same_as_the_function(name: str) -> None:
    for u in [-0.7, -0.2, 0.1, 0.6, 0.9]:
        found, named = value(definition(name), u=u, **FIXED), value(call(name), u=u, **FIXED)
        assert found == pytest.approx(named, rel=1e-14, nan_ok=True)


def test_expand_keeps_what_it_is_told() -> None:
    program = parse_expression("clip(relu(x), a, b) + sinc(x)")
    assert {n.op for n in expand(program, keep={"max", "min", "sinc"}).nodes} == {
        "name", "number", "max", "min", "sinc", "+",
    }  # fmt: skip
    assert "where" in {n.op for n in expand(program, keep=lambda name: name == "sinc").nodes}


def gegenbauer_as_a_sum(n: int, alpha: Fraction, u: float) -> Any:
    """Abramowitz and Stegun 1964, 22.3.4: mpmath's own function fails at some zeros."""
    a, x = mp.mpf(float(alpha)), 2 * mp.mpf(float(u))
    terms = ((-1) ** k * mp.rf(a, n - k) * x ** (n - 2 * k) / mp.fac(k) / mp.fac(n - 2 * k) for k in range(n // 2 + 1))
    return mp.fsum(terms)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 20])
@pytest.mark.parametrize("alpha", [Fraction(0), Fraction(1, 2), Fraction(1), Fraction(5, 2)])
def test_gegenbauer(n: int, alpha: Fraction) -> None:
    points = np.array([-1.0, -0.83, -0.2, 0.0, 0.45, 1.0, 1.3])
    exact = [mp.chebyt(n, u) if alpha == 0 else gegenbauer_as_a_sum(n, alpha, u) for u in points]
    largest = max(1.0, *(abs(float(e)) for e in exact))
    np.testing.assert_allclose(gegenbauer(n, alpha, points), [float(e) for e in exact], atol=4 * (n + 1) * EPS * largest)


@pytest.mark.parametrize(("text", "function"), [("P5(u)", mp.legendre), ("T5(u)", mp.chebyt)])
def test_polynomials(text: str, function: Callable[..., Any]) -> None:
    assert value(text, u=0.37) == pytest.approx(float(function(5, 0.37)), rel=1e-14)


@pytest.mark.parametrize("n", [0, 1, 2, 5, 12])
def test_derivatives_of_sinc(n: int) -> None:
    points = np.array([-4.2, -1.0, -1e-3, 0.0, 1e-300, 0.1, 0.5, n / np.pi, 1.0, 2.7, 10.25])
    with mp.workdps(30):
        exact = [
            float(mp.quad(lambda t, u=u: (mp.pi * t) ** n * mp.cos(mp.pi * u * t + n * mp.pi / 2), mp.linspace(0, 1, 9)))
            for u in points
        ]
    np.testing.assert_allclose(sinc(n, points), exact, rtol=0, atol=8 * EPS * np.pi**n / (n + 1))


def test_sinc_of_a_large_argument_is_reduced_first() -> None:
    assert abs(sinc(0, 1e15 + 0.5) * np.pi * (1e15 + 0.5)) == pytest.approx(1, rel=1e-15)


# Formulas


def test_a_formula_names_its_parts() -> None:
    formula = parse_formula("log(y) ~ a + b*P3(c + d*x) + z", ["x", "y", "z", "unused"])
    assert formula.parameters == ("a", "b", "c", "d")
    assert formula.columns == ("y", "x", "z")
    assert (formula.response, formula.model) == ("log(y)", "a + b*P3(c + d*x) + z")
    assert formula.warnings == ()
    assert set(formula.program.outputs) == {"y", "yhat"}
    assert formula.program.names() == ()
    y, x, z = np.array([1.0, 2.0]), np.array([0.1, 0.2]), np.array([5.0, 6.0])
    values = evaluate(formula.program, [1.0, 2.0, 3.0, 4.0], [y, x, z])
    u = 3 + 4 * x
    np.testing.assert_allclose(values[formula.program.outputs["y"]], np.log(y), rtol=1e-15)
    np.testing.assert_allclose(values[formula.program.outputs["yhat"]], 1 + 2 * (5 * u**3 - 3 * u) / 2 + z, rtol=8 * EPS)


def test_constants_are_no_parameters() -> None:
    formula = parse_formula("y ~ g*a*x", ["x", "y"], constants={"g": 9.81})
    assert formula.parameters == ("a",)


def test_a_quoted_column_may_have_any_name() -> None:
    formula = parse_formula("`y (m/s)` ~ a*`log` + b*log(`x`)", ["log", "x", "y (m/s)"])
    assert formula.columns == ("y (m/s)", "log", "x")


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("y ~ a*temp + P3", "'P3' is read as a name here"),
        ("y ~ a*Temp", "'Temp' is a parameter; did you mean the column 'temp'"),
        ("y ~ a*temo", "did you mean the column 'temp'"),
        ("y ~ a*tem", "did you mean the column 'temp'"),
        ("y ~ a*tempo", "did you mean the column 'temp'"),
        ("y ~ a*Y", "did you mean the column 'y'"),
    ],
)
def test_warnings(text: str, warning: str) -> None:
    (found,) = parse_formula(text, ["y", "temp"]).warnings
    assert warning in found


@pytest.mark.parametrize("text", ["y ~ a*x + b*x1", "y ~ beta1*x + beta3*beta2", "y ~ a + b"])
def test_no_warning_without_need(text: str) -> None:
    assert parse_formula(text, ["x", "y", "beta2"]).warnings == ()


@pytest.mark.parametrize(
    ("text", "match", "position"),
    [
        ("y = a*x", "needs '~'", 2),
        ("a*x", "needs '~'", 3),
        ("y ~ a ~ b", "one '~' only", 6),
        ("~ a", "left side of '~' is empty", 0),
        ("y ~ ", "right side of '~' is empty", 4),
        ("z ~ a*x", "unknown column 'z'", 0),
        ("y + xx ~ a", "unknown column 'xx': did you mean 'x'", 4),
        ("2*pi ~ a", "left side has no column. The columns are: x, y", 0),
        ("y ~ x", "no parameters", 3),
        ("y ~ a*`q`", "unknown column 'q'", 6),
        ("y ~ a = b", "'==' compares", 6),
        ("y ~ a*x; b", "';' has no meaning", 7),
        ("y ~ poly(x, 2, w)", "a column has that name", 15),
        ("y ~ a*(x", r"expected '\)'", 8),
        ("y < 1 ~ a", "first argument of where", 2),
    ],
)
def test_formulas_that_are_refused(text: str, match: str, position: int) -> None:
    with pytest.raises(FormulaError, match=match) as caught:
        parse_formula(text, ["x", "y", "w2"])
    assert caught.value.position == position


def test_a_constant_is_not_a_column() -> None:
    with pytest.raises(FormulaError, match="both a constant and a column"):
        parse_formula("y ~ a*x", ["x", "y"], constants={"x": 1})


# User functions


@pytest.mark.usefixtures("fresh_functions")
def test_a_user_function_is_written_out() -> None:
    define("Q", "u", "(5*u**3 - 3*u)/2")
    define("hill", "u, k", "u/(u + k)")
    define("both", "u", "Q(hill(u, 2))")
    u = 0.7 / 2.7
    assert value("both(x)", x=0.7) == pytest.approx((5 * u**3 - 3 * u) / 2, rel=1e-15)
    assert parse_formula("y ~ Q(a*x)", ["x", "y"]).parameters == ("a",)
    with pytest.raises(FormulaError, match=r"hill\(u, k\) takes 2 arguments"):
        parse_expression("hill(x)")


@pytest.mark.usefixtures("fresh_functions")
def test_the_arguments_of_a_user_function_do_not_leak() -> None:
    define("twice", "u", "2*u")
    assert value("u + twice(v)", u=1.0, v=10.0) == 21.0


@pytest.mark.parametrize(
    ("name", "arguments", "text", "match"),
    [
        ("exp", "u", "u", "function of the language"),
        ("pi", "u", "u", "constant pi"),
        ("P4", "u", "u", "polynomial"),
        ("norm", "u", "u", "function of the language"),
        ("2f", "u", "u", "does not begin with a digit"),
        ("def", "u", "u", "word of Python"),
        ("f", "", "1", "cannot be used"),
        ("f", "u, u", "u", "same name"),
        ("f", "u v", "u", "cannot be used"),
        ("f", "u", "u + w", "unknown name 'w'"),
        ("f", "u", "f(u)", "unknown function 'f'"),
        ("f", "u", "u +", "expected a number"),
        ("f", 3, "u", "as text"),
    ],
)
@pytest.mark.usefixtures("fresh_functions")
def test_definitions_that_are_refused(name: str, arguments: Any, text: str, match: str) -> None:
    with pytest.raises(FormulaError, match=match):
        define(name, arguments, text)
    assert name not in USER_FUNCTIONS


@pytest.mark.usefixtures("fresh_functions")
def test_functions_of_functions_cannot_fill_the_memory() -> None:
    define("f0", "u, v", "u*v + u")
    with pytest.raises(FormulaError, match="more than 10,000 operations"):
        for k in range(40):
            define(f"f{k + 1}", "u, v", f"f{k}(f{k}(u, v), f{k}(v, u))")


# Equations of methods


def test_assignments() -> None:
    text = "v = mu*v + g;  theta = theta - eta*v/norm(v);"
    (v, first), (theta, second) = parse_assignments(text)
    assert (v, theta) == ("v", "theta")
    assert first.names() == ("mu", "v", "g")
    step = value(second, theta=np.array([1.0, 2.0]), eta=0.5, v=np.array([3.0, 4.0]))
    np.testing.assert_allclose(step, [1 - 0.3, 2 - 0.4], rtol=4 * EPS)
    assert parse_assignments("") == parse_assignments(" ; ") == []


@pytest.mark.parametrize(
    ("text", "match", "position"),
    [
        ("v", "name = expression", 0),
        ("v + 1 = 2", "name = expression", 0),
        ("a = 1; b == 2", "name = expression", 7),
        ("a = 1; pi = 3", "cannot be assigned", 7),
        ("norm = 3", "cannot be assigned", 0),
        ("a = ", "expected a number", 4),
        ("a = b = c", "'==' compares", 6),
        ("a = 1; b = norm", "'norm' is a function", 11),
    ],
)
def test_assignments_that_are_refused(text: str, match: str, position: int) -> None:
    with pytest.raises(FormulaError, match=match) as caught:
        parse_assignments(text)
    assert caught.value.position == position


# Losses

Y, YHAT = np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.2, 0.7, 0.4, 0.9])
E = YHAT - Y

LOSS_VALUES = {
    "mse": E**2,
    "half-mse": E**2,
    "sse": E**2,
    "mae": np.abs(E),
    "huber": E**2 / 2,
    "huber(0.5)": np.where(np.abs(E) <= 0.5, E**2 / 2, 0.5 * np.abs(E) - 0.125),
    "log-cosh": np.log(np.cosh(E)),
    "soft-l1": 2 * (np.sqrt(1 + E**2) - 1),
    "cauchy": np.log(1 + E**2),
    "cauchy(0.5)": 0.25 * np.log(1 + 4 * E**2),
    "logistic": np.log(1 + np.exp(YHAT)) - Y * YHAT,
    "cross-entropy": -np.log(np.where(Y == 1, YHAT, 1 - YHAT)),
    "poisson": np.exp(YHAT) - Y * YHAT,
    "abs(yhat - y)**1.5": np.abs(E) ** 1.5,
    "yhat": YHAT,
}


@pytest.mark.parametrize("text", LOSS_VALUES)
def test_losses(text: str) -> None:
    program = loss_program(parse_loss(text))
    found = evaluate(program, names={"y": Y, "yhat": YHAT})[program.outputs["loss"]]
    np.testing.assert_allclose(found, LOSS_VALUES[text], rtol=16 * EPS)


def test_every_loss_of_the_table_is_tested_and_says_how_rows_are_reduced() -> None:
    assert set(LOSSES) <= set(LOSS_VALUES)
    assert [name for name, loss in LOSSES.items() if not loss.mean] == ["sse"]
    assert [name for name, loss in LOSSES.items() if loss.scale != 1] == ["half-mse"]
    assert all((loss.text == "(yhat - y)**2") == loss.quadratic for loss in LOSSES.values())


@pytest.mark.parametrize(("y", "yhat", "loss"), [(0.0, 0.0, 0.0), (1.0, 1.0, 0.0), (1.0, 0.0, np.inf), (0.0, 1.0, np.inf)])
def test_cross_entropy_at_the_ends(y: float, yhat: float, loss: float) -> None:
    program = loss_program(LOSSES["cross-entropy"])
    assert evaluate(program, names={"y": y, "yhat": yhat})[program.outputs["loss"]] == loss


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("rmse", "unknown loss 'rmse': did you mean 'mse'"),
        ("log-loss", "unknown loss 'log-loss': did you mean 'log-cosh'"),
        ("huber(-1)", "write huber"),
        ("huber(0)", "k > 0"),
        ("huber(0.5, 2)", "write huber"),
        ("cauchy(0)", "k > 0"),
        ("soft-l1(-1)", "write huber"),
        ("mse(2)", "write huber"),
        ("y**2", "must depend on yhat"),
        ("(yhat - z)**2", "unknown name in a loss 'z'"),
        ("y", "must depend on yhat"),
        ("", "the loss is empty: give one of mse"),
        ("yhat ~ y", "'~' has no meaning"),
    ],
)
def test_losses_that_are_refused(text: str, match: str) -> None:
    with pytest.raises(FormulaError, match=match):
        parse_loss(text)


# Names for people


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("a", "a"),
        ("b1", "b_{1}"),
        ("theta", r"\theta"),
        ("theta_0", r"\theta_{0}"),
        ("θ_0", r"\theta_{0}"),
        ("λ2", r"\lambda_{2}"),
        ("Ω", r"\Omega"),
        ("Α", r"\mathrm{A}"),
        ("ο", r"\mathrm{o}"),
        ("rate", r"\mathrm{rate}"),
        ("x_max", r"x_{\mathrm{max}}"),
        ("x1_max", r"x_{1, \mathrm{max}}"),
        ("k_alpha_2", r"k_{\alpha, 2}"),
        ("my col", r"\mathrm{my\ col}"),
        ("a$b", r"\mathrm{a\$b}"),
        ("_x", r"\mathrm{\_x}"),
        ("price €", r"\mathrm{price\ ?}"),
    ],
)
def test_latex_names(name: str, latex: str) -> None:
    assert latex_name(name) == latex


@given(st.text(min_size=1, max_size=30))
def test_no_name_acts_as_latex(name: str) -> None:
    allowed = r"\\(backslash|wedge|sim|langle|rangle|mathrm|[a-zA-Z]?[a-z]+|[{}$%#&_ ])|[_^]\{|[{}]"
    rest = re.sub(allowed, "", latex_name(name))
    assert not set(rest) & set("\\{}$%#&_^~<>\n\r")
    bare = re.sub(r"\\[{}]", "", latex_name(name))
    assert bare.count("{") == bare.count("}")


@given(st.text(max_size=200))
def test_printable_names_stay_on_one_line(name: str) -> None:
    assert printable(name).isprintable()
    assert len(printable(name)) <= 64
