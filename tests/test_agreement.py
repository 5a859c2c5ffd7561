"""Engines that run one derivation agree to the digits that rounding allows, and the bound can find a fault."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from agreement import Agreement, Pair
from generated import Drawn, problems
from problems import CASES, LOSSES, Array, Case, columns, weights
from steepest.calculus.derivation import Derivation
from steepest.calculus.kernel import Kernel, sums_kernel
from steepest.check.rounding import EPS, rows_bound, sums_bound
from steepest.data.examples import EXAMPLES
from steepest.engines.compiled import PRINTED
from steepest.engines.numpy_engine import run
from steepest.engines.source import sums_source
from steepest.engines.table import kernels
from steepest.engines.words import NUMPY
from steepest.language.expand import expand
from steepest.language.formula import parse_formula
from steepest.language.losses import parse_loss
from steepest.language.program import Program
from steepest.problem import Problem

KINDS = ("value", "gradient", "jacobian", "hessian", "normal")
SECOND_ORDER = ("hessian", "normal")
SAME_ROWS = ("half-mse", "sse")  # mse to a kernel: they differ in what the sums are divided by
PAIRS = [(case, loss) for case in CASES for loss in LOSSES[case.response] if loss not in SAME_ROWS]


def derived(case: Case, loss: str, rows: int = 60) -> tuple[Derivation, list[Array]]:
    data = columns(case, rows)
    formula = parse_formula(case.formula, list(data))
    return Derivation(formula, parse_loss(loss)), [data[name] for name in formula.columns]


def assert_agree(found: Agreement) -> None:
    assert not found.wrong
    assert not found.causes


# NumPy against compiled code


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_shipped_examples(name: str, kind: str) -> None:
    problem = Problem(EXAMPLES[name].formula, f"@{name}", EXAMPLES[name].loss)
    start = np.array(list(problem.start.values()))
    pair = Pair(problem.derivation, problem.columns.arrays)
    rng = np.random.default_rng(3)
    for theta in (start, *(start * (1 + 0.1 * rng.normal(size=start.shape)) for _ in range(3))):
        assert_agree(pair.sums(kind, theta))
    assert_agree(pair.rows(kind, start))


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(("case", "loss"), PAIRS)
def test_every_loss(case: Case, loss: str, weighted: bool) -> None:
    derivation, data = derived(case, loss)
    assert_agree(Pair(derivation, data, weights(60) if weighted else None).sums("gradient", np.array(case.theta)))


@pytest.mark.parametrize("case", CASES)
def test_second_order_and_rows(case: Case) -> None:
    derivation, data = derived(case, LOSSES[case.response][0])
    pair = Pair(derivation, data)
    for kind in SECOND_ORDER:
        assert_agree(pair.sums(kind, np.array(case.theta)))
    for kind in ("value", "jacobian"):
        assert_agree(pair.rows(kind, np.array(case.theta)))


def on_generated(drawn: Drawn) -> list[Agreement]:
    """What the suite and scripts/nightly ask of a generated problem."""
    derivation, data = drawn.derivation(), drawn.columns()
    theta = np.array(drawn.theta[: derivation.size])
    pair = Pair(
        derivation,
        [data[name] for name in derivation.formula.columns],
        weights(drawn.rows) if drawn.weighted else None,
    )
    return [pair.sums("hessian", theta), pair.rows("gradient", theta)]


@settings(suppress_health_check=list(HealthCheck))
@given(problems())
def test_generated_formulas(drawn: Drawn) -> None:
    assert not [line for agreement in on_generated(drawn) for line in agreement.wrong]


# Against exact numbers

RATIONAL = frozenset(
    {"+", "-", "*", "/", "neg", "where", "<", "<=", ">", ">=", "==", "!=", "number", "parameter", "column"}
    | {"gegenbauer", "abs", "sign", "Min", "Max"}
)


def is_rational(program: Program) -> bool:
    """Only operations that keep rationals rational, powers by whole numbers included."""
    whole = {i for i, n in enumerate(program.nodes) if n.op == "number" and n.value.denominator == 1}
    return all(n.op in RATIONAL or (n.op == "**" and n.args[1] in whole) for n in program.nodes)


def rational_pairs() -> Iterator[tuple[Case, str]]:
    for case, loss in PAIRS:
        program = derived(case, loss, 1)[0].program("hessian")
        if is_rational(expand(program, lambda name: name in RATIONAL)) and "P40" not in case.formula:
            yield case, loss


def assert_within(computed: Array, exact: Array, kappa: Array) -> None:
    for value, truth, size in zip(computed.ravel(), exact.ravel(), kappa.ravel(), strict=True):
        assert abs(Fraction(float(value)) - Fraction(int(truth.p), int(truth.q))) <= Fraction(EPS * float(size))


@pytest.mark.parametrize(("case", "loss"), list(rational_pairs()))
def test_against_exact_numbers(case: Case, loss: str) -> None:
    derivation, data = derived(case, loss, rows=4)
    theta, weight = np.array(case.theta), np.array([0.5, 1.25, 0.0, 3.0])
    pair, exact = Pair(derivation, data, weight), kernels("sympy", derivation)
    for kind in ("gradient", "jacobian", "normal"):
        truth = pair.sums_of(exact, kind, exact.vector(theta))
        for engine in (pair.numpy, pair.compiled):
            kappa = sums_bound(derivation, kind, theta, data, weight, engine.name).kappa
            assert_within(pair.sums_of(engine, kind, theta), truth, kappa)
    kappa = rows_bound(derivation, "hessian", theta, data).kappa
    truth = exact.rows("hessian", exact.vector(theta), data)
    for engine in (pair.numpy, pair.compiled):
        assert_within(engine.rows("hessian", theta, data), truth, kappa)


def test_a_loop_of_high_order_against_exact_numbers() -> None:
    case = Case("y ~ a*P40(b*x/2) + a*T25(x/2)", (0.5, 0.9))
    derivation, data = derived(case, "mse", rows=20)
    truth = kernels("sympy", derivation).rows("jacobian", kernels("sympy", derivation).vector(case.theta), data)
    kappa = rows_bound(derivation, "jacobian", case.theta, data).kappa
    for engine in ("numpy", "compiled"):
        assert_within(kernels(engine, derivation).rows("jacobian", np.array(case.theta), data), truth, kappa)
    size = np.abs(truth.astype(float))
    assert np.median(kappa / size) < 10_000  # absolute values along the recurrence would give (1 + √2)**40, 2e15


# The bound can fail

WELL_CONDITIONED = (
    Case("y ~ 1.25*a + b*exp(c*z)", (0.3, 1.2, 0.4)),
    Case("y ~ a*sin(0.7*x + b) + 3", (1.2, 0.3)),
    Case("y ~ a/(1 + 0.3*z**2) + b*tanh(x)", (1.1, 0.6)),
    Case("y ~ a*sigmoid(b*x) + 0.2*log(c + z)", (1.8, -2.0, 0.5)),
)
ROWS = 20


def changed_constants(kernel: Kernel) -> Iterator[tuple[str, Kernel]]:
    """The kernel with one of its numbers changed in the 12th digit."""
    for i, node in enumerate(kernel.nodes):
        if node.op == "number" and node.value:
            digit = Fraction(10) ** (math.floor(math.log10(abs(node.value))) - 11)
            nodes = (*kernel.nodes[:i], node._replace(value=node.value + digit), *kernel.nodes[i + 1 :])
            yield f"{node.value} changed", replace(kernel, nodes=nodes)


def dropped_terms(kernel: Kernel) -> Iterator[tuple[str, Kernel]]:
    """The kernel with one of its additions or subtractions cut to its first term."""
    for i, node in enumerate(kernel.nodes):
        if node.op in ("+", "-"):
            place = {i: node.args[0]}
            nodes = tuple(n._replace(args=tuple(place.get(a, a) for a in n.args)) for n in kernel.nodes)
            sums = tuple(
                replace(s, outer=place.get(s.outer, s.outer), inner=None if s.inner is None else place.get(s.inner, s.inner))
                for s in kernel.sums
            )
            yield f"the second term of node {i} dropped", replace(kernel, nodes=nodes, sums=sums)


@pytest.mark.parametrize("faults", [changed_constants, dropped_terms])
@pytest.mark.parametrize("case", WELL_CONDITIONED)
def test_a_wrong_kernel_is_caught(case: Case, faults: Any) -> None:
    derivation, data = derived(case, "mse", ROWS)
    theta = np.array(case.theta)
    kernel = sums_kernel(derivation, "gradient", PRINTED)
    right = kernels("compiled", derivation).sums("gradient", theta, data, None, ROWS)
    kappas = [sums_bound(derivation, "gradient", theta, data, engine=engine).kappa for engine in ("numpy", "compiled")]
    missed = []
    for what, wrong in faults(kernel):
        values = run(sums_source(wrong, NUMPY, weighted=False), "sums")(theta, ROWS, None, *data)
        if (np.abs(values - right) <= EPS * sum(kappas)).all():
            missed.append(what)
    assert not missed


def test_the_bound_is_not_vacuous() -> None:
    """Somewhere rounding uses a good part of what it is allowed, and nothing is allowed without end."""
    ratios = []
    for case in WELL_CONDITIONED:
        derivation, data = derived(case, "mse", 1000)
        ratios.append(Pair(derivation, data).rows("hessian", np.array(case.theta)).ratio)
    ratio = np.concatenate(ratios)
    assert 0.05 < ratio.max() <= 1


# Kinks


@pytest.mark.parametrize(
    ("formula", "theta", "undecided"),
    [
        ("y ~ a*abs(x - b)", (1.0, 0.3), [1]),  # exactly at the kink: both engines see 0, but an error could turn it
        ("y ~ a*max(b*x, 0.09)", (1.0, 0.3), [1]),
        ("y ~ a*where(b*x < 0.09, 1, 2)", (1.0, 0.3), [1]),
        ("y ~ a*where(b*x < 0.09, 1, cos(0))", (1.0, 0.3), []),  # no jump
        ("y ~ where(x < 0.5, a, 2*a + b)", (1.0, 0.3), []),  # x and 0.5 are exact
        ("y ~ a*abs(x - b)", (1.0, 0.31), []),
    ],
)
def test_rows_near_a_kink_are_named(formula: str, theta: tuple[float, ...], undecided: list[int]) -> None:
    data = {"x": np.array([0.1, 0.3, 0.5]), "y": np.array([2.0, 2.0, 2.0])}
    f = parse_formula(formula, list(data))
    derivation = Derivation(f, parse_loss("mse"))
    found = sums_bound(derivation, "gradient", theta, [data[name] for name in f.columns])
    assert found.undecided.tolist() == undecided


def test_a_jump_is_in_the_bound() -> None:
    derivation, _ = derived(Case("y ~ a*where(b*x < 0.09, 1, 2)", (1.0, 0.3)), "mse", 1)
    data = [np.array([2.0]), np.array([0.3])]
    kappa = rows_bound(derivation, "value", (1.0, 0.3), data).kappa[1, 0]
    assert kappa * EPS == pytest.approx(1.0)


@pytest.mark.parametrize("loss", ["abs(yhat - y)**1.5", "(yhat - y)**4", "abs(yhat - y)**(7/2)"])
def test_a_power_of_what_is_zero_but_for_rounding(loss: str) -> None:
    """(1 + a) - 1 is 0 in one order and a in another: the slope of the power at 0 says nothing of that."""
    derivation, _ = derived(Case("y ~ exp(x) + a*exp(x)", (2e-30,)), loss, 1)
    found = Pair(derivation, [np.ones(3), np.zeros(3)]).rows("gradient", np.array([2e-30]))
    assert not found.wrong
