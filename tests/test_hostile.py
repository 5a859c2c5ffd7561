"""Texts from strangers: no code runs, nothing hangs, and the only exception is FormulaError, with a place."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from steepest.errors import FormulaError
from steepest.language.evaluate import evaluate
from steepest.language.formula import Formula, parse_formula
from steepest.language.functions import FUNCTIONS, USER_FUNCTIONS
from steepest.language.losses import parse_loss
from steepest.language.parser import define, parse_assignments, parse_expression
from steepest.language.text import to_text

COLUMNS = ["x", "y", "my col", "__class__", "a\x1b[31mb", "<img src=x onerror=alert(1)>", "x;import os", "$x^2$", "`"]

# What Python does when it compiles or runs text, or reaches for the system.
RUNNING = frozenset({"compile", "exec", "import", "open", "os.system", "subprocess.Popen", "os.exec", "socket.connect"})
watching = False
seen: list[str] = []


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if watching and event in RUNNING:
        seen.append(event)


sys.addaudithook(_watch)  # a hook cannot be removed; it is asleep while `watching` is False


@contextmanager
def watched() -> Iterator[None]:
    global watching
    parse_expression("erf(1) + T3(2)")  # imports SciPy, once
    seen.clear()
    watching = True
    try:
        yield
    finally:
        watching = False


def attempt(text: str) -> Formula | None:
    """The formula or None; anything but a FormulaError with a place inside the text fails the test."""
    try:
        return parse_formula(text, COLUMNS)
    except FormulaError as error:
        assert 0 <= error.position <= len(text)
        lines = str(error).splitlines()
        assert len(lines) == 3
        assert all(line.isprintable() for line in lines)
        return None


CODE = [
    "__import__('os').system('id')",
    "__import__(os)",
    "().__class__.__bases__[0].__subclasses__()",
    "x.__class__.__mro__[1]",
    "__𝐜𝐥𝐚𝐬𝐬__",
    "x.__𝐜𝐥𝐚𝐬𝐬__",
    "ｅｘｅｃ(x)",
    "eval('1')",
    "eval(x)",
    "exec(x)",
    "open(x)",
    "compile(x)",
    "getattr(x, y)",
    "globals()",
    "lambda: 0",
    "(lambda x: x)(1)",
    "[x for x in y]",
    "{x: y}",
    "f'{x}'",
    "'a' 'b'",
    "'a' + 'b'",
    "x if y else a",
    "x := 3",
    "(x := 3)",
    "a = 3",
    "del x",
    "import os",
    "from os import system",
    "assert 0",
    "raise x",
    "yield x",
    "await x",
    "print(x)",
    "breakpoint()",
    "exit()",
    "help()",
    "np.load(x)",
    "x @ y",
    "x[0]",
    "x[::]",
    "*x",
    "**x",
    "exp(*x)",
    "exp(**x)",
    "exp(u=1)",
    "exp(x,)",
    "@x",
    "x->y",
    "x!",
    "x?y:a",
    "$(id)",
    "`id`",
    "`__class__`*a",
    "`x;import os`*a",
    "`<img src=x onerror=alert(1)>`*a",
    "`a\x1b[31mb`*a",
    "`not there\x1b[31m`*a",
    "${x}",
    "%(x)s",
    "{0}",
    "{x.__class__}",
    "\\write18{id}",
    "\\x",
    "x\\\ny",
    "#!/bin/sh",
    "x # y",
    "x; import os",
    "x\nimport os",
    "x\r\nimport os",
    "<script>alert(1)</script>",
    "x<!--",
    "' or 1=1 --",
    "../../etc/passwd",
    "None",
    "True",
    "...",
    "__debug__",
    "0x10",
    "0b1",
    "1_000",
    "1j",
    "1e5j",
    "1L",
    "1e",
    "1e+",
    "inf",
    "nan",
    "-inf",
    "١٢٣",
    "²x",
    "x\u200by",
    "x\u202ey",
    "\ufeffx",
    "\ud800",
    "x\x00y",
    "\x1b[31mx",
    "é",
    "х*a",
    "e\u0301",
    "a\u0308*x",
    "😀",
    "中*x",
    "a‿b",
]

BOMBS = [
    "9**9**9",
    "9**9**9**9",
    "10**10**8",
    "(9**9)**9**9",
    "4000000**3999999",
    "2**1000000*x",
    "a**999999999",
    "a**-999999999",
    "a**1e300",
    "((((((2**1000)**1000)**1000)**1000)**1000)**1000)",
    "(((1/2)**1000)**1000)",
    "((((1.0000001**1000)**1000)**1000)**1000)",
    "(1 + 1e-10)**1000**1000",
    "exp(exp(exp(exp(exp(exp(9))))))",
    "T200(T200(T200(T200(T200(0.3)))))*a",
    "P200(P200(P200(P200(P200(1.0000001)))))*a",
    "P200(T200(P200(T200(a*x))))",
    "P99999999999999999999(x)",
    "T" + "9" * 60 + "(x)",
    "factorial(10**7)",
    "gamma(10**6)",
    "binomial(10**7, 5*10**6)",
    "1e999999999",
    "1e-999999999",
    "1e" + "9" * 5000,
    "9" * 9999,
    "0." + "0" * 5000 + "1",
    "0" * 9000,
    "1e" + "0" * 5000 + "1",
    "(" * 5000,
    "(" * 4000 + "x" + ")" * 4000,
    "-" * 9990 + "x",
    "+" * 9990 + "x",
    "- " * 4990 + "x",
    "**".join(["2"] * 3000),
    "**".join(["x"] * 3000),
    "*".join(["x"] * 4000),
    "+".join(["x"] * 4000),
    "/".join(["9"] * 900) + "*a",
    "*".join(["1e300"] * 900),
    "exp(" * 1000 + "x" + ")" * 1000,
    "where(x<1," * 500 + "x",
    "where(x<1,0," * 99 + "a" + ")" * 99,
    "max(x," * 99 + "a" + ")" * 99,
    "poly(" * 99 + "x" + ",200,w)" * 99,
    "+".join(["poly(x*a, 200, w)"] * 100),
    "+".join(f"poly(x*a{k}, 200, w)" for k in range(200)),
    "poly(x, 999999999999, w)",
    "x" * 9990,
    "`" + "x" * 9980 + "`",
    "a" + "_" * 60,
    " " * 9990,
    "\n" * 9990,
    "," * 9000,
    "~" * 9000,
    ";" * 9000,
    "`" * 9000,
    "." * 9000,
    "<" * 9000,
    "x" + " " * 20_000,
    "x*" * 1_000_000,
]


@pytest.mark.parametrize("side", ["y ~ {}", "{} ~ a*x", "{}", "log(y) ~ a + b*exp({})"])
def test_hand_written(side: str) -> None:
    assert len(CODE) + len(BOMBS) >= 100
    slowest = 0.0
    with watched():
        for hostile in CODE + BOMBS:
            began = time.perf_counter()
            attempt(side.replace("{}", hostile))
            slowest = max(slowest, time.perf_counter() - began)
    assert seen == []
    assert slowest < 60  # what has no end would have taken minutes


@pytest.mark.parametrize("text", CODE + BOMBS)
def test_no_other_door_is_open(text: str) -> None:
    """The same texts as a loss, an expression, equations, and a function's name and meaning."""
    with watched():
        for read in (
            parse_loss,
            parse_expression,
            parse_assignments,
            lambda t: define(t, "u", "u"),
            lambda t: define("f", "u", t),
        ):
            try:
                read(text)
            except FormulaError as error:
                assert 0 <= error.position <= len(error.text)
                assert all(line.isprintable() for line in str(error).splitlines())
    USER_FUNCTIONS.clear()
    assert seen == []


def test_hostile_code_is_refused_and_not_only_harmless() -> None:
    legal = {
        "`__class__`*a",
        "`x;import os`*a",
        "`<img src=x onerror=alert(1)>`*a",
        "`a\x1b[31mb`*a",
    }
    accepted = {text for text in CODE if attempt("y ~ " + text) is not None}
    assert accepted == legal


GOOD = [
    "y ~ a + b*P3(c + d*x)",
    "log(y) ~ a*exp(-b*x) + c",
    "y ~ poly(x, 7, w)",
    "y ~ where(x > 0, a*x, b*x**2) - max(c, x)",
    "`my col` ~ a/(1 + (x/b)**c)",
    "y ~ -a**-2*T5(x) + sinc(pi*x)/1.5e-3",
    "y ~ θ_0 + θ_1*clip(x, 0, 1)",
]
SOUP = [
    *"+-*/(),<>~=;`.^&|!@#$%{}[]'\"\\ \n\t\x00éα²−",
    *["**", "<=", "==", "!=", "//", "x", "y", "a", "b", "`my col`", "`", "pi", "π", "P3", "T200", "P201", "poly", "w"],
    *["__class__", "lambda", "1", "0", "2", "1000", "1001", "1e308", "1e-308", ".5", "9**9", "where(x > 0, 1, 2)"],
    *[f"{name}(" for name in FUNCTIONS],
    *["y ~ ", "a + b", "(x)", "exp(x)", "poly(x, 3, w)"],
]


def mutated(chance: random.Random) -> str:
    text = chance.choice(GOOD)
    for _ in range(chance.randint(1, 4)):
        first = chance.randint(0, len(text))
        last = min(len(text), first + chance.randint(0, 6))
        kind = chance.randrange(4)
        if kind == 0:
            text = text[:first] + text[last:]
        elif kind == 1:
            text = text[:first] + chance.choice(SOUP) + text[first:]
        elif kind == 2:
            text = text[:first] + text[first:last] * chance.randint(2, 30) + text[last:]
        else:
            text = text[:first] + chr(chance.choice([chance.randrange(128), chance.randrange(0x3000)])) + text[last:]
    return text


def soup(chance: random.Random) -> str:
    return "".join(chance.choices(SOUP, k=chance.randint(1, 25)))


def grown(chance: random.Random) -> str:
    """A legal formula, most of the time."""
    text = chance.choice(["a", "x", "2", "b*x"])
    for _ in range(chance.randint(1, 12)):
        shape = chance.choice(["{0} + a", "({0})**2", "exp({0})", "{0}*x", "-{0}", "where({0} < x, {0}, b)", "P3({0})", "1/({0})"])
        text = shape.format(text)
    return f"y ~ c*{text}"


@pytest.mark.parametrize("make", [mutated, soup, grown])
def test_generated(make: object, record_property: object) -> None:
    assert callable(make)
    assert callable(record_property)
    chance = random.Random(20)
    slowest, longest, legal = 0.0, "", 0
    with watched():
        for _ in range(7_000):
            text = make(chance)
            began = time.perf_counter()
            formula = attempt(text)
            took = time.perf_counter() - began
            if took > slowest:
                slowest, longest = took, text
            legal += formula is not None
    record_property("slowest", f"{slowest:.3f} s: {longest[:200]!r}")
    assert seen == []
    assert slowest < 60  # what has no end would have taken minutes
    assert legal >= {"mutated": 500, "soup": 0, "grown": 5_000}[make.__name__]  # the way to success is tested too


def test_what_is_accepted_can_be_evaluated_and_printed() -> None:
    chance = random.Random(21)
    for _ in range(500):
        formula = attempt(mutated(chance))
        if formula is None:
            continue
        values = evaluate(formula.program, np.full(len(formula.parameters), 0.5), [np.ones(3)] * len(formula.columns))
        place = formula.program.outputs["yhat"]
        assert np.broadcast_shapes(np.shape(values[place]), (3,)) == (3,)
        assert to_text(formula.program, place, formula.parameters, formula.columns).isprintable()
