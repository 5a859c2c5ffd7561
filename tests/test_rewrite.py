"""A formula rewritten by its tokens."""

from __future__ import annotations

import numpy as np
import pytest

from steepest.errors import FormulaError
from steepest.language.evaluate import evaluate
from steepest.language.formula import parse_formula
from steepest.language.parser import parse_expression
from steepest.language.rewrite import substituted

WRITTEN = [
    ("y ~ a*x + b", {"b": "2*a"}, "y ~ a*x + (2*a)"),
    ("y ~ a*x + b", {"b": "c"}, "y ~ a*x + c"),
    ("y ~ a*x + b", {"b": " c "}, "y ~ a*x + c"),
    ("y ~ a**b", {"a": "-2", "b": "b1"}, "y ~ (-2)**b1"),
    ("y ~ a**b", {"a": "exp(k)"}, "y ~ exp(k)**b"),
    ("y ~ a**b", {"a": "exp(k)*exp(l)"}, "y ~ (exp(k)*exp(l))**b"),
    ("y ~ a*x", {"a": "(b) + (c)"}, "y ~ ((b) + (c))*x"),
    ("y ~ a*x + b", {"a": "b", "b": "a"}, "y ~ b*x + a"),
    ("a ~ a*x", {"a": "b"}, "a ~ b*x"),
    ("y ~ exp*exp(exp)", {}, "y ~ exp*exp(exp)"),
    ("y ~ a*a1*`a`*aa + a", {"a": "q"}, "y ~ q*a1*`a`*aa + q"),
    ("y ~ 1e5*e5", {"e5": "u"}, "y ~ 1e5*u"),
    ("y ~ P3*P3(x)", {"P3": "u"}, "y ~ u*P3(x)"),
    ("y ~ poly(a*x, 2, w) + a", {"a": "b"}, "y ~ poly(b*x, 2, w) + b"),
    ("y ~ poly(x, 2, w) + wide", {"wide": "b"}, "y ~ poly(x, 2, w) + b"),
    ("a*x  +  b ", {"b": "2"}, "a*x  +  2 "),
]


@pytest.mark.parametrize(("text", "replacements", "expected"), WRITTEN)
def test_written(text: str, replacements: dict[str, str], expected: str) -> None:
    assert substituted(text, replacements) == expected


@pytest.mark.parametrize(
    ("text", "replacements", "sentence"),
    [
        ("y ~ a*x", {"a": "b +"}, "expected a number"),
        ("y ~ a*x", {"a": "b) + (c"}, "this '\\)' has no '\\('"),
        ("y ~ a*x", {"a": "b ~ c"}, "'~' has no meaning"),
        ("y ~ a*x", {"a": ""}, "expected a number"),
        ("y ~ a*x", {"exp": "b"}, "'exp' cannot be replaced"),
        ("y ~ a*x", {"a b": "b"}, "'a b' cannot be replaced"),
        ("y ~ poly(x, 2, w)", {"w1": "b"}, "'w1' is made by poly"),
        ("y ~ poly(x, 2, w)", {"w": "b"}, "'w' is made by poly"),
        ("y ~ dot(w, X) + b", {"w": "b"}, "'w' is made by dot"),
        ("y ~ a*x $", {"a": "b"}, "has no meaning here"),
    ],
)
def test_refused(text: str, replacements: dict[str, str], sentence: str) -> None:
    with pytest.raises(FormulaError, match=sentence):
        substituted(text, replacements)


@pytest.mark.parametrize("replacement", ["-b", "b + c", "b*c", "b**c", "where(b < c, b, c)", "-b**2", "1/b", "log(b)*2", "+b"])
@pytest.mark.parametrize(
    "text", ["y ~ a", "y ~ -a**2", "y ~ 2**a", "y ~ x - a", "y ~ x/a/a", "y ~ exp(a)*a", "y ~ where(a < x, a, x*a)"]
)
def test_means_the_same_as_putting_the_value_in(text: str, replacement: str) -> None:
    names = {"b": 1.25, "c": 0.75, "x": 0.5}
    value = parse_expression(replacement)
    a = evaluate(value, names=names)[value.outputs["value"]]
    plain = parse_formula(text, ["x", "y"])
    rewritten = parse_formula(substituted(text, {"a": replacement}), ["x", "y"])
    results = []
    for formula, known in ((plain, {"a": a}), (rewritten, names)):
        columns = [np.float64({"x": 0.5, "y": 0.0}[name]) for name in formula.columns]
        values = evaluate(formula.program, [known[name] for name in formula.parameters], columns)
        results.append(float(values[formula.program.outputs["yhat"]]))
    assert results[0] == results[1]
