"""The calculus against mpmath: gradient, Jacobian, Hessian and Gauss-Newton matrix of every row, and where it is delicate."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from mpmath import mp

from steepest.calculus import rules
from steepest.calculus.derivation import Derivation
from steepest.calculus.kernel import rows_kernel, sums_kernel
from steepest.calculus.lower import lower
from steepest.engines.numpy_engine import PRINTED, NumpyKernels
from steepest.errors import FormulaError
from steepest.language.evaluate import evaluate
from steepest.language.formula import parse_formula
from steepest.language.functions import FUNCTIONS
from steepest.language.losses import parse_loss

EPS = float(np.finfo(float).eps)
X = np.array([0.3, 0.85, 1.9])
Z = np.array([1.1, -0.4, 0.7])


class Case(NamedTuple):
    """A model, the same in mpmath, and where it is looked at."""

    model: str
    value: Callable[..., Any]  # of the parameters, then x and z
    theta: tuple[float, ...]


def sinc(u: Any) -> Any:
    return mp.sin(mp.pi * u) / (mp.pi * u) if u else mp.mpf(1)


CASES = [
    Case("a + b*x + c*z", lambda a, b, c, x, z: a + b * x + c * z, (0.4, -1.2, 0.7)),
    Case("poly(x, 3, w)", lambda p, q, r, s, x, z: p + q * x + r * x**2 + s * x**3, (0.1, 0.5, -0.3, 0.2)),
    Case("a + b*P3(c + d*x)", lambda a, b, c, d, x, z: a + b * mp.legendre(3, c + d * x), (0.2, -0.7, 0.1, 0.4)),
    Case("a*T5(b*x - z/4)", lambda a, b, x, z: a * mp.chebyt(5, b * x - z / 4), (0.8, 0.45)),
    Case("a*P2(T3(b*x))", lambda a, b, x, z: a * mp.legendre(2, mp.chebyt(3, b * x)), (0.6, 0.35)),
    Case("exp(-a*x)/(b + c*x)", lambda a, b, c, x, z: mp.exp(-a * x) / (b + c * x), (0.6, 1.3, 0.4)),
    Case("a*(1 - exp(-b*x))", lambda a, b, x, z: a * (1 - mp.exp(-b * x)), (1.4, 0.55)),
    Case("a*x**b + z**2*c", lambda a, b, c, x, z: a * x**b + z**2 * c, (1.2, 0.7, -0.4)),
    Case("(a*x)**(b*x)", lambda a, b, x, z: (a * x) ** (b * x), (1.3, 0.6)),
    Case("2**(a*x) - (b + x)**-3", lambda a, b, x, z: 2 ** (a * x) - (b + x) ** -3, (0.7, 1.2)),
    Case("sqrt(a + x**2) - cbrt(b*x)", lambda a, b, x, z: mp.sqrt(a + x**2) - mp.cbrt(b * x), (0.5, 1.7)),
    Case("a*log(b + x) + log1p(c*x)", lambda a, b, c, x, z: a * mp.log(b + x) + mp.log1p(c * x), (0.8, 1.1, 0.3)),
    Case("log10(a*x) - log2(b*x)", lambda a, b, x, z: mp.log10(a * x) - mp.log(b * x, 2), (1.4, 0.9)),
    Case("expm1(a*x)*sin(b*z + c)", lambda a, b, c, x, z: mp.expm1(a * x) * mp.sin(b * z + c), (0.3, 1.2, 0.2)),
    Case("a*cos(b*x)/tan(c + x/9)", lambda a, b, c, x, z: a * mp.cos(b * x) / mp.tan(c + x / 9), (0.7, 1.1, 0.9)),
    Case("asin(a*z/2) + acos(b*x/3)", lambda a, b, x, z: mp.asin(a * z / 2) + mp.acos(b * x / 3), (0.8, 0.9)),
    Case("a*atan(b*x) + sinh(c*z)", lambda a, b, c, x, z: a * mp.atan(b * x) + mp.sinh(c * z), (0.9, 1.6, 0.5)),
    Case("cosh(a*z)*tanh(b*x + c)", lambda a, b, c, x, z: mp.cosh(a * z) * mp.tanh(b * x + c), (0.6, 0.8, -0.3)),
    Case("a*sinc(b*x) + sinc(c*z)", lambda a, b, c, x, z: a * sinc(b * x) + sinc(c * z), (0.9, 0.7, 0.4)),
    Case("erf(a*x) - sigmoid(b*z)", lambda a, b, x, z: mp.erf(a * x) - 1 / (1 + mp.exp(-b * z)), (0.7, 1.5)),
    Case("a*softplus(b*x - c)", lambda a, b, c, x, z: a * mp.log1p(mp.exp(b * x - c)), (0.8, 1.1, 0.6)),
    Case("relu(a*x - 1/2) + b*abs(z + c)", lambda a, b, c, x, z: max(a * x - 0.5, 0) + b * abs(z + c), (0.9, 0.7, 0.1)),
    Case("min(a*x, b) + max(c*z, a)", lambda a, b, c, x, z: min(a * x, b) + max(c * z, a), (0.8, 0.9, 1.5)),
    Case("clip(a*x, b, c)**2 + a*z", lambda a, b, c, x, z: min(max(a * x, b), c) ** 2 + a * z, (0.9, 0.5, 1.2)),
    Case("where(x > 1, a*x, b*x**2)", lambda a, b, x, z: a * x if x > 1 else b * x**2, (0.5, 0.7)),
    Case("where(a*x < b, exp(a*z), b/x)", lambda a, b, x, z: mp.exp(a * z) if a * x < b else b / x, (0.6, 0.7)),
    Case("a*tanh(b*tanh(c*x + z))", lambda a, b, c, x, z: a * mp.tanh(b * mp.tanh(c * x + z)), (0.7, 1.2, 0.5)),
    Case("1/(a + 1/(b + 1/(c + x)))", lambda a, b, c, x, z: 1 / (a + 1 / (b + 1 / (c + x))), (0.6, 0.9, 1.4)),
]  # fmt: skip


def huber(r: Any, k: Any) -> Any:
    return r * r / 2 if abs(r) <= k else k * (abs(r) - k / 2)


LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "mse": lambda y, m: (m - y) ** 2,
    "half-mse": lambda y, m: (m - y) ** 2,  # its half is applied to the sum
    "sse": lambda y, m: (m - y) ** 2,
    "mae": lambda y, m: abs(m - y),
    "huber": lambda y, m: huber(m - y, mp.mpf("1.345")),
    "huber(0.5)": lambda y, m: huber(m - y, mp.mpf("0.5")),
    "log-cosh": lambda y, m: mp.log(mp.cosh(m - y)),
    "soft-l1": lambda y, m: 2 * (mp.sqrt(1 + (m - y) ** 2) - 1),
    "soft-l1(0.5)": lambda y, m: (mp.sqrt(1 + 4 * (m - y) ** 2) - 1) / 2,
    "cauchy": lambda y, m: mp.log(1 + (m - y) ** 2),
    "cauchy(2)": lambda y, m: 4 * mp.log(1 + (m - y) ** 2 / 4),
    "logistic": lambda y, m: mp.log1p(mp.exp(m)) - y * m,
    "cross-entropy": lambda y, m: -y * mp.log(m) - (1 - y) * mp.log(1 - m),
    "poisson": lambda y, m: mp.exp(m) - y * m,
    "abs(yhat - y)**1.5": lambda y, m: abs(m - y) ** mp.mpf("1.5"),
    "log1p((yhat - y)**2)": lambda y, m: mp.log1p((m - y) ** 2),
}
Y = {"logistic": [0.0, 1.0, 1.0], "cross-entropy": [1.0, 0.0, 0.25], "poisson": [2.0, 0.0, 3.0]}


def derive(model: str, loss: str = "mse") -> Derivation:
    return Derivation(parse_formula(f"y ~ {model}", ["x", "z", "y"]), parse_loss(loss))


def rows(derivation: Derivation, kind: str, theta: Sequence[float], **columns: Any) -> dict[str, Any]:
    """The outputs of a program through the numpy engine, by name."""
    arrays = [np.asarray(columns[name], dtype=float) for name in derivation.formula.columns]
    values = NumpyKernels(derivation).rows(kind, np.array(theta, dtype=float), arrays)
    return dict(zip(derivation.program(kind).outputs, values, strict=True))


def expected(case: Case, loss: str, squash: bool) -> Iterator[tuple[int, str, str, Any]]:
    """(row, program, output, value): model derivatives from mpmath, and the chain rule for the loss by hand."""
    size = len(case.theta)
    theta = tuple(mp.mpf(value) for value in case.theta)
    for row, (x, z, y) in enumerate(zip(X, Z, Y.get(loss, [0.8, 2.4, -0.3]), strict=True)):
        x, z, y = mp.mpf(x), mp.mpf(z), mp.mpf(y)

        def model(*p: Any, x: Any = x, z: Any = z) -> Any:
            value = case.value(*p, x, z)
            return 1 / (1 + mp.exp(-value)) if squash else value

        def of_yhat(m: Any, y: Any = y) -> Any:
            return LOSSES[loss](y, m)

        m = model(*theta)
        slope, bend = mp.diff(of_yhat, m), mp.diff(of_yhat, m, 2)
        unit = np.eye(size, dtype=int).tolist()
        first = [mp.diff(model, theta, tuple(unit[i])) for i in range(size)]
        yield row, "value", "loss", of_yhat(m)
        for i in range(size):
            yield row, "gradient", f"gradient_{i}", slope * first[i]
            yield row, "jacobian", f"jacobian_{i}", first[i]
            for j in range(i + 1):
                second = mp.diff(model, theta, tuple(map(sum, zip(unit[i], unit[j], strict=True))))
                yield row, "hessian", f"hessian_{i}_{j}", bend * first[i] * first[j] + slope * second
                yield row, "normal", f"normal_{i}_{j}", bend * first[i] * first[j]


def disagreements(case: Case, loss: str) -> list[tuple[Any, ...]]:
    squash = loss == "cross-entropy"  # whose yhat is a probability
    derivation = derive(f"1/(1 + exp(-({case.model})))" if squash else case.model, loss)
    y = Y.get(loss, [0.8, 2.4, -0.3])
    found = {kind: rows(derivation, kind, case.theta, x=X, z=Z, y=y) for kind in KINDS}
    with mp.workdps(40):
        truth = list(expected(case, loss, squash))
    size = {kind: max(1.0, *(abs(float(t[3])) for t in truth if t[1] == kind)) for kind in KINDS}
    return [
        (row, kind, name, found[kind][name][row], float(value))
        for row, kind, name, value in truth
        if not abs(found[kind][name][row] - float(value)) <= 256 * EPS * size[kind]
    ]


KINDS = ("value", "gradient", "jacobian", "hessian", "normal")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.model)
def test_derivatives_are_those_of_mpmath(case: Case, loss: str) -> None:
    assert not disagreements(case, loss)


@pytest.mark.parametrize(
    ("function", "wrong", "model"),
    [
        ("tanh", "1 - tanh(u)", "cosh(a*z)*tanh(b*x + c)"),
        ("erf", "exp(-u**2)/sqrt(pi)", "erf(a*x) - sigmoid(b*z)"),
        ("sin", "-cos(u)", "expm1(a*x)*sin(b*z + c)"),
        ("log1p", "1/u", "a*log(b + x) + log1p(c*x)"),
    ],
)
def test_a_wrong_rule_is_noticed(function: str, wrong: str, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (case,) = (case for case in CASES if case.model == model)
    monkeypatch.setitem(FUNCTIONS, function, FUNCTIONS[function]._replace(partials=(wrong,)))
    rules.partial.cache_clear()
    try:
        found = {entry[1] for entry in disagreements(case, "mse")}
    finally:
        rules.partial.cache_clear()
    assert {"gradient", "jacobian", "hessian"} <= found


@pytest.mark.parametrize("functions", [PRINTED, frozenset(), frozenset({"where", "exp", "log", "max"})], ids=len)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.model)
def test_the_lowered_program_has_the_value_of_the_worked_one(case: Case, functions: frozenset[str]) -> None:
    derivation = derive(case.model, "log-cosh")
    leaves = {"x": X, "z": Z, "y": np.array([0.8, 2.4, -0.3])}
    columns = [leaves[name] for name in derivation.formula.columns]
    for kind in KINDS:
        worked = derivation.program(kind)
        lowered = lower(worked, functions)
        values = [evaluate(program, case.theta, columns) for program in (worked, lowered)]
        for name, index in worked.outputs.items():
            truth = np.broadcast_to(values[0][index], 3)
            size = max(1.0, np.max(np.abs(truth)))
            assert np.allclose(values[1][lowered.outputs[name]], truth, rtol=0, atol=512 * EPS * size), (kind, name)


# Polynomials


@pytest.mark.parametrize("n", [1, 2, 3, 16, 17, 50, 200])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_polynomials_at_the_ends(n: int, sign: float) -> None:
    ends = {
        f"P{n}": (1, n * (n + 1) / 2, (n - 1) * n * (n + 1) * (n + 2) / 8),
        f"T{n}": (1, n**2, n**2 * (n**2 - 1) / 3),
    }
    for name, values in ends.items():
        # At theta = ±1, x = 1 and y = 0, derivatives by theta of yhat itself as the loss.
        found = rows(derive(f"{name}(a*x)", "yhat + 0*y"), "hessian", [sign], x=[1.0], y=[0.0])
        for k, (value, output) in enumerate(zip(values, ("loss", "gradient_0", "hessian_0_0"), strict=True)):
            assert found[output][0] == pytest.approx(value * sign ** (n + k), rel=4 * n * n * EPS)


@pytest.mark.parametrize("n", [4, 16, 17, 60, 200])
@pytest.mark.parametrize("u", [-0.95, -0.3, 0.0, 0.123, 0.7, 1.02])
def test_polynomials_inside_are_those_of_mpmath(n: int, u: float) -> None:
    for name, truth in (("P", mp.legendre), ("T", mp.chebyt)):
        found = rows(derive(f"{name}{n}(a*x)", "yhat + 0*y"), "hessian", [u], x=[1.0], y=[0.0])
        with mp.workdps(60):
            values = [float(mp.diff(lambda t, f=truth: f(n, t), mp.mpf(u), k)) for k in range(3)]
        scale = [1.0, n, n**3]  # the sizes inside: T_n' is of order n, T_n'' of order n^2, both more towards the ends
        for k, output in enumerate(("loss", "gradient_0", "hessian_0_0")):
            atol = 64 * n * EPS * max(scale[k], abs(values[k]))
            assert found[output][0] == pytest.approx(values[k], rel=0, abs=atol), (name, k)


# sinc


@pytest.mark.parametrize(
    "u",
    [0.0, 1e-300, 1e-160, -1e-9, 3e-4, 0.49999999, 0.5, 0.50000001, -0.5, 0.75, 1.0, -2.0, 3.7, 40.25],
)
def test_sinc_and_its_derivatives(u: float) -> None:
    found = rows(derive("sinc(a*x)", "yhat + 0*y"), "hessian", [u], x=[1.0], y=[0.0])
    with mp.workdps(60):
        t = mp.mpf(u)
        values = [float(mp.quad(lambda s, k=k: s**k * mp.cos(mp.pi * t * s + k * mp.pi / 2) * mp.pi**k, [0, 1]))
                  if abs(u) < 5 else float(mp.diff(sinc, t, k)) for k in range(3)]  # fmt: skip
    for k, output in enumerate(("loss", "gradient_0", "hessian_0_0")):
        assert found[output][0] == pytest.approx(values[k], rel=0, abs=32 * EPS * np.pi**k * max(1, abs(u))), k


# Branches


@pytest.mark.parametrize(
    ("model", "theta", "gradient", "hessian"),
    [
        ("where(a*x > 0, sqrt(a*x), 0)", [1.0], [0.0], [0.0]),
        ("where(a*x > 0, log(a*x), a)", [2.0], [1.0], [0.0]),
        ("where(x == 0, a, sin(a*x)/x)", [0.5], [1.0], [0.0]),
        ("a*where(x > 0, exp(1/x), 0)", [3.0], [0.0], [0.0]),
        ("where(x > 0, where(a*x > 0, 1/(a*x), 0), a**2)", [3.0], [6.0], [2.0]),
        ("where(x > 0, log(a*x), 0)*where(x > 0, 1/(a*x), a)", [3.0], [0.0], [0.0]),
        ("exp(where(x > 0, log(a*x), a))", [0.0], [1.0], [1.0]),
        ("b + a*x**b", [2.0, 1.5], [0.0, 1.0], [0.0, 0.0, 0.0]),
        ("b + 0*a + x**(a*b)", [2.0, 1.5], [0.0, 1.0], [0.0, 0.0, 0.0]),
    ],
)
def test_a_branch_that_is_not_taken_gives_no_nan(model: str, theta: Any, gradient: Any, hessian: Any) -> None:
    derivation = derive(model, "yhat + 0*y")
    found = rows(derivation, "hessian", [dict(zip("ab", theta, strict=False))[n] for n in derivation.formula.parameters],
                 x=[0.0], y=[0.0])  # fmt: skip
    order = sorted(range(derivation.size), key=derivation.formula.parameters.__getitem__)
    assert [found[f"gradient_{k}"][0] for k in order] == gradient
    assert [v[0] for name, v in found.items() if name.startswith("hessian")] == hessian


@pytest.mark.parametrize(("y", "bias", "slope"), [(0.0, 0.0, 1.0), (1.0, 1.0, -1.0)])
def test_cross_entropy_at_certainty(y: float, bias: float, slope: float) -> None:
    found = rows(derive("a + 0*x", "cross-entropy"), "gradient", [bias], x=[1.0], y=[y])
    assert found["loss"][0] == 0
    assert found["gradient_0"][0] == slope


@pytest.mark.parametrize(
    ("model", "theta", "gradient"),
    [
        ("max(a*x, b)", [1.0, 2.0], [1.0, 0.5]),  # x = 2: a tie; half for each
        ("min(a*x, b)", [1.0, 2.0], [1.0, 0.5]),
        ("max(a*x, a*x) + b", [1.0, 0.0], [2.0, 1.0]),
        ("abs(a*x - b)", [1.0, 2.0], [0.0, 0.0]),
        ("sign(a*x - b)", [1.0, 2.0], [0.0, 0.0]),
        ("relu(a*x - b)", [1.0, 2.0], [0.0, 0.0]),
        ("clip(a*x, b, 9)", [1.0, 2.0], [2.0, 0.0]),
        ("clip(a*x, -9, b)", [1.0, 2.0], [2.0, 0.0]),
        ("where(a*x >= b, a*x, b)", [1.0, 2.0], [2.0, 0.0]),
        ("where(a*x > b, a*x, b)", [1.0, 2.0], [0.0, 1.0]),
    ],
)
def test_ties_have_the_subgradient_of_the_table(model: str, theta: Any, gradient: Any) -> None:
    found = rows(derive(model, "yhat + 0*y"), "gradient", theta, x=[2.0], y=[0.0])
    assert [found["gradient_0"][0], found["gradient_1"][0]] == gradient


@pytest.mark.parametrize(("loss", "residual", "slope"), [
    ("mae", 0.0, 0.0), ("mae", -1.0, -1.0), ("huber(0.5)", 0.5, 0.5), ("huber(0.5)", -0.75, -0.5),
    ("log-cosh", 800.0, 1.0), ("log-cosh", -800.0, -1.0),
])  # fmt: skip
def test_losses_at_their_kinks_and_far_out(loss: str, residual: float, slope: float) -> None:
    found = rows(derive("a + 0*x", loss), "gradient", [residual], x=[1.0], y=[0.0])
    assert found["gradient_0"][0] == slope


# What is derived, and what is refused


@pytest.mark.parametrize(("model", "linear"), [
    ("a + b*x", True), ("poly(x, 5, w)", True), ("a*sin(x) + log(z)*b", True), ("where(x > 0, a, b*z)", True),
    ("a*b*x", False), ("exp(a)*x", False), ("where(a > 0, x, z)*b", False), ("a**2*x", False),
])  # fmt: skip
def test_linear_models_are_known(model: str, linear: bool) -> None:
    assert derive(model).is_linear == linear


def test_a_program_is_derived_once_and_shares_its_nodes() -> None:
    derivation = derive("a*exp(b*x) + c*exp(b*x)")
    ops = [node.op for node in derivation.program("hessian").nodes]
    assert ops.count("exp") == 1


@pytest.mark.parametrize(("model", "kind"), [
    ("+".join(f"a{k}*exp(b{k}*x)" for k in range(150)), "hessian"),
    ("/".join(f"(a{k} + x)" for k in range(300)), "normal"),
    ("+".join(f"poly(x, 200, {name})" for name in "abcdefgh"), "hessian"),
])  # fmt: skip
def test_too_many_operations_are_refused_and_the_gradient_is_not(model: str, kind: str) -> None:
    derivation = derive(model)
    assert len(derivation.program("gradient").outputs) == derivation.size + 1
    with pytest.raises(FormulaError, match=re.escape(f"the {kind} of this formula needs more than 50,000 operations")):
        derivation.program(kind)


def test_a_kernel_that_is_too_large_is_refused() -> None:
    from steepest.language.functions import USER_FUNCTIONS
    from steepest.language.parser import define

    define("S", "u", " + ".join(f"P16(u/{k})" for k in range(1, 240)))
    try:
        derivation = derive("+".join(f"S(a{k}*x)" for k in range(9)))
    finally:
        del USER_FUNCTIONS["S"]
    for plan in (sums_kernel, rows_kernel):
        with pytest.raises(FormulaError, match="the gradient of this formula needs more than 50,000 operations"):
            plan(derivation, "gradient", PRINTED)
