"""The doctor's repair of the user's own program: the wrong line, by the value that would mend it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import mutants as blind
from steepest.check.cases import Cases, cases, reference
from steepest.check.program.instrument import instrument
from steepest.check.program.repair import repair
from steepest.check.report import Diagnosis
from steepest.problem import Problem

PROBLEMS = {name: blind.problem(name) for name in blind.SETTINGS}
CASES = {name: cases(problem) for name, problem in PROBLEMS.items()}

# style, problem, what is replaced (once), by what, and words of the sentence
FAULTS = (
    ("straight", "sine", "(15 * u**2 - 3) / 2", "(15 * u**2 + 3) / 2", "the number 3 should be -3"),
    ("straight", "sine", "(15 * u**2 - 3) / 2", "10 * u**2", "P3'(c + d*x), where P3'(u) = (15*u**2 - 3)/2"),
    ("straight", "growth", "q = np.exp(-z)", "q = np.exp(z)", "exp(-(x - m)/s)"),
    ("straight", "counts", "db = np.mean(e * np.log(z))", "db = np.mean(e * z)", "log(z)"),
    ("shared", "damped", "es = env * np.sin(angle)", "es = env * np.cos(angle)", "has sin(w*x + p)"),
    ("shared", "peak", "i2 = 1 / s**2", "i2 = 1 / s**3", ""),
    ("shared", "sine", "half = 2.5 * u2", "half = 1.5 * u2", "5/2"),
    ("matrix", "ratio", "np.stack([x, x**2], axis=1)", "np.stack([x, x**3], axis=1)", "the number 3 should be 2"),
    ("matrix", "classes", "X.T @ (p - y) / len(y)", "X.T @ (p + y) / len(y)", "y"),
    ("matrix", "damped", "J[:, 2] = x * J[:, 3]", "J[:, 2] = w * J[:, 3]", "x"),
    ("loops", "ratio", "gc = -ga * top / bottom * x[i]", "gc = ga * top / bottom * x[i]", ""),
    ("loops", "cubic", "e = yhat - y[i]", "e = yhat + y[i]", "y"),
    ("helpers", "growth", "return h * (1 - h)", "return h * (1 + h)", ""),
    ("helpers", "damped", "return np.exp(-b * x)", "return np.exp(b * x)", "exp(-b*x)"),
)  # fmt: skip


def changed(text: str, before: str, after: str) -> tuple[str, int]:
    """The text with its first such part replaced, and the line of it."""
    assert before in text
    return text.replace(before, after, 1), text[: text.index(before)].count("\n") + 1


def found(text: str, name: str, function: str | None = None) -> list[Diagnosis]:
    problem = PROBLEMS[name]
    return repair(blind.user(text, function or name, problem), problem, CASES[name])


def is_proved(diagnosis: Diagnosis, user: Any, problem: Problem, tried: Cases) -> bool:
    for case in tried.held:
        right = reference(problem, case.theta, case.rows)
        mass = abs(right.each).sum(axis=0) + np.finfo(float).eps * right.kappa
        if not (abs(diagnosis.repair(user, case) - right.gradient) <= 1e-11 * mass).all():
            return False
    return True


@pytest.mark.parametrize(("style", "name", "before", "after", "words"), FAULTS)
def test_the_line_is_named_and_the_repair_proved(style: str, name: str, before: str, after: str, words: str) -> None:
    broken, line = changed(blind.original(style), before, after)
    best = found(broken, name)[0]
    assert best.cause == "node"
    assert best.line == line, best.sentence
    assert words in best.sentence
    assert best.sentence.startswith(f"line {line}: ")
    assert is_proved(best, blind.user(broken, name, PROBLEMS[name]), PROBLEMS[name], CASES[name])


@pytest.mark.parametrize("style", blind.STYLES)
@pytest.mark.parametrize("name", list(blind.SETTINGS))
def test_a_right_gradient_has_nothing_to_repair(style: str, name: str) -> None:
    problem = PROBLEMS[name]
    user = blind.user(blind.original(style), name, problem)
    for case in (*CASES[name].many, *CASES[name].ones):
        right = reference(problem, case.theta, case.rows)
        assert (abs(user(case.theta, case.rows).gradient - right.gradient) <= np.finfo(float).eps * right.kappa).all()
    assert repair(user, problem, CASES[name]) == []


@pytest.mark.parametrize("style", blind.STYLES)
def test_the_instrumented_program_computes_the_same(style: str) -> None:
    for name, problem in PROBLEMS.items():
        user = blind.user(blind.original(style), name, problem)
        program = instrument(user)
        assert program is not None
        for case in CASES[name].many:
            assert np.array_equal(program.run(case.theta, case.rows), user(case.theta, case.rows).gradient)


def test_blind_mutants() -> None:
    """A sample of what benchmarks/mutants.py runs in full."""
    right = wrong = seen = 0
    for k, name in enumerate(blind.SETTINGS):
        for style in blind.STYLES:
            mutants = [m for m in list(blind.mutants(name, style))[5 * k :: 60] if blind.is_equivalent(m) is False]
            for mutant in mutants:
                best = next(iter(found(mutant.text, name)), None)
                lines = [] if best is None else [best.line] if best.line else best.details["lines"]
                right += lines == [mutant.line]
                wrong += bool(lines) and mutant.line not in lines
                seen += 1
    assert seen >= 50
    assert right >= 0.88 * seen
    assert wrong <= 0.02 * seen


# style, problem, what is replaced (once), by what, the lines that mend it equally well, the first words
TOSSES = (
    ("straight", "growth", "yhat = a / (1 + q)", "yhat = 1 + q", [41, 42], "Line 41 or line 42: the numbers cannot tell which"),
    ("shared", "damped", "ars = a * r * es", "ars = r * es", [27, 30], "Line 27 or line 30: the numbers cannot tell which"),
    ("loops", "cubic", "theta[k] * x[i] ** k", "theta[k]", [119, 120, 121, 122], "Line 122 or the loop of lines 119-121:"),
    ("helpers", "cubic", "value * x + w[k]", "value + x + w[k]", [132, 133, 134], "The loop of lines 132-134: the rounds"),
)  # fmt: skip


@pytest.mark.parametrize(("style", "name", "before", "after", "lines", "words"), TOSSES)
def test_what_the_numbers_cannot_tell_is_not_guessed(
    style: str, name: str, before: str, after: str, lines: list[int], words: str
) -> None:
    broken, line = changed(blind.original(style), before, after)
    (best,) = found(broken, name)
    assert best.line is None
    assert best.details["lines"] == lines
    assert line in lines
    assert best.sentence.startswith(words)
    assert is_proved(best, blind.user(broken, name, PROBLEMS[name]), PROBLEMS[name], CASES[name])


# As FAULTS: a slip on one line is likelier than new code on another
SLIPS = (
    ("shared", "sine", "u2 = u * u", "u2 = u + u", "your u2 is u + u"),
    ("loops", "damped", "da / n,", "da / e,", "'e' should be n"),
    ("loops", "peak", "dm, ds, db = 0.0, 0.0", "dm, ds, db = 0.0, -1.0", "the number 1.0 should be 0"),
    ("helpers", "damped", "phase(w, p, x)\n    e", "phase(w, c, x)\n    e", "'c' should be p"),
    ("helpers", "sine", "legendre_slope(3, u)", "legendre_slope(4, u)", "the number 4 should be 3"),
    ("loops", "cubic", "range(4):\n            yhat", "range(3):\n            yhat", "the number 3 should be 4"),
)  # fmt: skip


@pytest.mark.parametrize(("style", "name", "before", "after", "words"), SLIPS)
def test_the_smallest_change_of_the_text_is_named(style: str, name: str, before: str, after: str, words: str) -> None:
    broken, line = changed(blind.original(style), before, after)
    best = found(broken, name)[0]
    assert best.line == line, best.sentence
    assert words in best.sentence


def test_equivalent_mutants_are_recognised() -> None:
    text = blind.original("straight")
    same, line = changed(text, "2 * np.sum(e * p) / n", "np.sum(e * p) / n * 2")
    mutant = blind.Mutant("sine", "straight", "operator", line, "", "", same)
    assert blind.is_equivalent(mutant) is True
    other, _ = changed(text, "2 * np.sum(e * p) / n", "2 * np.sum(e * p) / n + 1e-9")
    assert blind.is_equivalent(mutant._replace(text=other)) is False
    assert blind.is_equivalent(mutant._replace(text=text.replace("u = c + d * x", "u = None"))) is None


MUTATING = """
import numpy as np

def gradient(theta, data):
    x, y = data["x"], data["y"]
    theta *= 1.0
    y -= theta[0] + theta[1] * x
    y *= -3
    x *= y
    print("called")
    return np.array([np.mean(y), np.mean(x)])
"""

ENDLESS = """
import numpy as np

def gradient(theta, data):
    x, y = data["x"], data["y"]
    step = 1.0
    while step < 1000:
        step = step * 2
    e = theta[0] + theta[1] * x - y + 0 * step
    return np.array([np.mean(2 * e), np.mean(3 * e * x)])
"""


@pytest.mark.parametrize(("text", "words"), [(MUTATING, "line 8:"), (ENDLESS, "line 10: the number 3 should be 2")])
def test_programs_that_write_into_their_inputs_or_loop(text: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = {"x": np.linspace(-1, 2, 60), "y": np.cos(np.arange(60.0))}
    problem = Problem("y ~ a + b*x", data, start={"a": 0.4, "b": 1.2})
    best = repair(blind.user(text, "gradient", problem), problem, cases(problem))[0]
    assert best.sentence.startswith(words)
    assert capsys.readouterr().out == ""


def test_a_function_inside_a_function_keeps_what_it_closes_over() -> None:
    problem, scale = PROBLEMS["cubic"], 2.0

    def gradient(theta: Any, data: Any) -> Any:
        x, y = data["x"], data["y"]
        X = np.stack([x**0, x, x**2, x**4], axis=1)
        return scale * X.T @ (X @ theta - y) / len(y)

    from steepest.check.user import UserGradient

    best = repair(UserGradient(gradient, problem.parameters, problem.columns.names), problem, CASES["cubic"])[0]
    assert best.line == gradient.__code__.co_firstlineno + 2
    assert "the number 4 should be 3" in best.sentence


def test_without_source_nothing_is_claimed() -> None:
    problem = PROBLEMS["sine"]
    user = blind.user("def sine(theta, data):\n    return 0 * theta\n", "sine", problem).instead(
        blind.function("def sine(theta, data):\n    return 0 * theta\n", "sine", "<nowhere>")
    )
    assert repair(user, problem, CASES["sine"]) == []


def test_a_row_to_redo_by_hand() -> None:
    broken, _ = changed(blind.original("straight"), "(15 * u**2 - 3) / 2", "10 * u**2")
    best = found(broken, "sine")[0]
    row = best.details["row"]
    u = row["theta"][2] + row["theta"][3] * row["columns"]["x"][0]
    assert row["yours"] == pytest.approx(10 * u**2)
    assert row["right"] == pytest.approx((15 * u**2 - 3) / 2)
    assert re.search(r"By hand: at a = .*, '10 \* u\*\*2' is .*; .* mends every coordinate", best.details["smallest row"])


def test_two_faults_are_not_explained_by_one_line() -> None:
    broken, _ = changed(blind.original("straight"), "(15 * u**2 - 3) / 2", "10 * u**2")
    broken, _ = changed(broken, "2 * np.sum(e * p) / n", "2 * np.sum(e * u) / n")
    assert found(broken, "sine") == []


def test_the_two_of_a_square_and_the_half_of_the_loss_cancel() -> None:
    problem = Problem("y ~ a + b*x", {"x": [0.0, 1, 2, 4], "y": [1.0, 3, 2, 5]}, "half-mse", {"a": 0.3, "b": -1.2})
    text = """
import numpy as np

def gradient(theta, columns):
    error = theta[0] + theta[1] * columns["x"] - columns["y"]
    bent = error
    return np.array([error.mean(), bent.mean()])
"""
    (diagnosis, *_) = repair(blind.user(text, "gradient", problem), problem, cases(problem))
    assert diagnosis.sentence == "line 6: your bent is error; the derivation has (a + b*x - y)*x"
