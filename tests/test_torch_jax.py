"""PyTorch, JAX and differences: every engine on every problem within the rounding bound, and each exception has a named cause."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from generated import Drawn, problems
from problems import CASES, LOSSES, Array, Case, columns, weights
from steepest.calculus.derivation import Derivation
from steepest.check.rounding import EPS, rows_bound, sums_bound
from steepest.data.examples import EXAMPLES
from steepest.engines.table import ENGINES, kernels, why_not
from steepest.engines.words import JAX, NUMPY, TORCH
from steepest.errors import EngineError, OptionError
from steepest.language.formula import parse_formula
from steepest.language.functions import FUNCTIONS
from steepest.language.losses import parse_loss
from steepest.problem import Problem

TENSORS = [name for name, row in ENGINES.items() if row.places]


def needs(engine: str) -> Any:
    reason = why_not(engine)
    return pytest.param(engine, marks=pytest.mark.skip(reason=reason)) if reason else engine


ON_TENSORS = [needs(name) for name in TENSORS]
PYTORCH = [needs(name) for name in TENSORS if name != "jax"]

# Why an engine may differ from the derived gradient in a problem: the formula → the engines, the kinds and the cause.
CAUSES = {
    "y ~ where(a*x > 0, sqrt(a*x), 0) + b": "both branches of where are differentiated, and sqrt has no slope at 0",
    "y ~ a*erf(b*x) + c*sinc(d*x)": "cancellation: the library's slope of sinc is (cos πu - sinc u)/u near 0",
}


def known(case: Case, engine: str, kind: str) -> str | None:
    """PyTorch differentiates the derived gradient of `torch-function` itself, for the Hessian; no value has such differences."""
    if engine == "torch-function":
        return CAUSES.get(case.formula) if kind == "hessian" and "where" in case.formula else None
    by_library = engine in ("torch-autograd", "jax") and kind != "value" and "where" not in case.formula
    return CAUSES.get(case.formula) if by_library else None


def derived(case: Case, loss: str, rows: int = 60) -> tuple[Derivation, list[Array]]:
    data = columns(case, rows)
    formula = parse_formula(case.formula, list(data))
    return Derivation(formula, parse_loss(loss)), [data[name] for name in formula.columns]


def eighths(rows: int) -> Array:
    """Weights whose sum is exact in any order: engines that follow a value add them up themselves."""
    return np.round(weights(rows) * 8) / 8


def outside(values: Array, right: Array, kappa: Array) -> Array:
    """Where two engines differ by more than rounding allows."""
    with np.errstate(all="ignore"):
        fine = (abs(values - right) <= 2 * EPS * kappa) | (values == right) | (~np.isfinite(right) & ~np.isfinite(values))
    return ~fine & np.isfinite(kappa)


def assert_agree(engine: str, case: Case, loss: str, kind: str, weighted: bool) -> None:
    derivation, data = derived(case, loss)
    theta = np.array(case.theta)
    plain, other = kernels("numpy", derivation), kernels(engine, derivation)
    w = eighths(60) if weighted else None
    total = 60.0 if w is None else float(w.sum())
    right, values = (k.sums(kind, theta, data, w, total) for k in (plain, other))
    wrong = [outside(values, right, sums_bound(derivation, kind, theta, data, w).kappa)]
    lines, found = (k.rows(kind, theta, data) for k in (plain, other))
    wrong.append(outside(found, lines, rows_bound(derivation, kind, theta, data).kappa))
    cause = known(case, engine, kind)
    if cause is None:
        assert not wrong[0].any() and not wrong[1].any()
    else:
        assert wrong[0].any() or wrong[1].any(), f"no longer true: {cause}"


def test_the_comparison_can_fail() -> None:
    derivation, data = derived(CASES[5], "mse")
    theta = np.array(CASES[5].theta)
    right, kappa = (
        kernels("numpy", derivation).sums("gradient", theta, data, None, 60.0),
        sums_bound(derivation, "gradient", theta, data).kappa,
    )
    assert outside(right * (1 + 1e-11), right, kappa).all()
    assert outside(right * np.nan, right, kappa).all()


# Engines × problems. JAX compiles 0.2 s a formula, so it has fewer.


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("engine", PYTORCH)
def test_first_order(engine: str, case: Case) -> None:
    for k, loss in enumerate(LOSSES[case.response]):
        assert_agree(engine, case, loss, "gradient", weighted=bool(k % 2))


@pytest.mark.parametrize("kind", ["value", "jacobian", "hessian"])
@pytest.mark.parametrize("case", CASES[::2])
@pytest.mark.parametrize("engine", PYTORCH)
def test_other_kinds(engine: str, case: Case, kind: str) -> None:
    assert_agree(engine, case, LOSSES[case.response][0], kind, weighted=True)


@pytest.mark.parametrize("case", CASES[::2])
@pytest.mark.parametrize("engine", [needs("jax")])
def test_jax(engine: str, case: Case) -> None:
    assert_agree(engine, case, LOSSES[case.response][0], "gradient", weighted=False)


@pytest.mark.parametrize(("kind", "case"), [("value", CASES[22]), ("jacobian", CASES[2]), ("hessian", CASES[5])])
@pytest.mark.parametrize("engine", [needs("jax")])
def test_jax_in_other_kinds(engine: str, kind: str, case: Case) -> None:
    assert_agree(engine, case, "mse", kind, weighted=True)


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("engine", ON_TENSORS)
def test_shipped_examples(engine: str, name: str) -> None:
    example = EXAMPLES[name]
    problem = Problem(example.formula, f"@{name}", example.loss)
    theta, data = np.array(list(problem.start.values())), problem.columns.arrays
    right, values = (kernels(k, problem.derivation).sums("gradient", theta, data, None, len(data[0])) for k in ("numpy", engine))
    kappa = sums_bound(problem.derivation, "gradient", theta, data).kappa
    assert not outside(values, right, kappa).any()


@pytest.mark.parametrize("engine", ON_TENSORS)
def test_a_gauss_newton_matrix_is_for_engines_that_derive(engine: str) -> None:
    derivation, data = derived(CASES[0], "mse")
    made = kernels(engine, derivation)
    if engine == "torch":
        assert len(made.sums("normal", np.array(CASES[0].theta), data, None, 60.0)) == 6
    else:
        with pytest.raises(EngineError, match=f"engine '{engine}' has no 'normal'"):
            made.sums("normal", np.array(CASES[0].theta), data, None, 60.0)


# Generated formulas


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(problems())
def test_generated_formulas(drawn: Drawn) -> None:
    """As many as it takes to trust this: scripts/nightly."""
    found = drawn.problem().check(points=1)
    assert found.ok, f"{drawn}\n{found}"


# Differences


@pytest.mark.parametrize("case", CASES)
def test_differences_know_how_good_they_are(case: Case) -> None:
    for weight in (None, weights(60)):
        derivation, data = derived(case, LOSSES[case.response][0])
        theta = np.array(case.theta)
        right = kernels("numpy", derivation).sums("gradient", theta, data, weight, 60.0)
        witness: Any = kernels("finite-difference", derivation)
        value, error = witness.slopes("gradient", theta, data, weight)
        sizes = abs(kernels("numpy", derivation).rows("gradient", theta, data)[1:]).sum(axis=1)
        assert (abs(value - right[1:]) <= error).all()
        assert (error <= 1e-7 * sizes).all()
        assert witness.sums("gradient", theta, data, weight, 60.0) == pytest.approx([right[0], *value], rel=1e-12)


def test_differences_row_by_row() -> None:
    derivation, data = derived(CASES[5], "mse")
    theta = np.array(CASES[5].theta)
    for kind in ("value", "gradient", "jacobian"):
        right, found = (kernels(name, derivation).rows(kind, theta, data) for name in ("numpy", "finite-difference"))
        assert found == pytest.approx(right, rel=1e-8, abs=1e-10)


def test_differences_see_a_wrong_slope() -> None:
    derivation, data = derived(CASES[5], "mse")
    witness: Any = kernels("finite-difference", derivation)
    theta = np.array(CASES[5].theta)
    value, error = witness.slopes("gradient", theta, data, None)
    right = kernels("numpy", derivation).sums("gradient", theta, data, None, 60.0)[1:]
    assert (abs(value - right * (1 + 1e-8)) > error).all()


def test_differences_have_no_second_order() -> None:
    derivation, data = derived(CASES[0], "mse")
    with pytest.raises(EngineError, match="has no 'hessian': differences of differences keep too few digits"):
        kernels("finite-difference", derivation).sums("hessian", np.array(CASES[0].theta), data, None, 60.0)


def test_at_a_point_without_a_slope_the_error_says_so() -> None:
    derivation = Derivation(parse_formula("y ~ sqrt(a)*x", ["x", "y"]), parse_loss("mse"))
    witness: Any = kernels("finite-difference", derivation)
    _, error = witness.slopes("gradient", np.array([0.0]), [np.ones(3), np.ones(3)], None)
    assert error[0] == np.inf


# The notebooks

INSTANCES = "H_0 ~ theta_0 + theta_1*x_1 + theta_2*x_2"
SINGLE = float(np.finfo(np.float32).eps)


@pytest.mark.parametrize("engine", ON_TENSORS)
def test_000_in_float32_and_again(engine: str) -> None:
    problem = Problem(INSTANCES, "@instances")
    for _ in range(2):  # the notebook's own function can be called once only
        trace = problem.descend(lr=1, steps=1, engine=engine, dtype="float32")
        assert trace.loss[0].item() == 0.5416666865348816
        assert trace.gradient[0] == pytest.approx([1.3333333730697632, 1.75, 0.4166666865348816], rel=SINGLE)
        assert trace.theta[1] == pytest.approx([-0.8333333730697632, -1.25, 0.08333331346511841], abs=SINGLE / 2)
        assert trace.loss[1] == pytest.approx(9.466435432434082, rel=4 * SINGLE)
        assert trace.theta.dtype == trace.gradient.dtype == trace.loss.dtype == np.float32
        assert trace.recipe["dtype"] == "float32"


@pytest.mark.parametrize("engine", ON_TENSORS)
@pytest.mark.parametrize(
    ("dtype", "full", "difference"),
    [
        ("float32", (-5.447053909301758, -1.1946825981140137), (4.9918890354661016e-08, 1.527369031251169e-08)),
        ("float64", (-5.44705392009792533, -1.19468260985620939), None),
    ],
)
def test_002_parameters_of_another_type_than_the_data(engine: str, dtype: str, full: Any, difference: Any) -> None:
    formula, at = "y ~ theta_1*x + theta_0", {"theta_0": 1.0, "theta_1": 0.0}
    problem = Problem(formula, "@noisy-line")
    order = [problem.parameters.index(name) for name in at]
    data = dict(zip(problem.columns.names, problem.columns.arrays, strict=True))

    def gradient(rows: slice) -> list[float]:
        part = Problem(formula, {name: column[rows] for name, column in data.items()}, start=at)
        found: list[float] = part.gradient_at(at, engine, dtype=dtype, data_dtype="float64")[order].tolist()
        return found

    whole = gradient(slice(None))
    singles = [gradient(slice(i, i + 1)) for i in range(0, 40, 1 if engine != "jax" else 20)]
    if dtype == "float32":
        assert whole == list(full)
    assert whole == pytest.approx(full, rel=1e-14 if dtype == "float64" else SINGLE)
    if engine == "jax":
        return  # 40 compilations for the same figure
    gap = [abs(a - sum(single[k] for single in singles) / 40) for k, a in enumerate(whole)]
    if dtype == "float32":
        assert gap == list(difference)
    else:
        assert max(gap) < 1e-14


@pytest.mark.parametrize("engine", ON_TENSORS)
@pytest.mark.parametrize(("dtype", "data_dtype"), [("float64", "float32"), ("float32", "float64"), ("float32", None)])
def test_only_what_is_asked_for_is_rounded(engine: str, dtype: str, data_dtype: str | None) -> None:
    theta, x = 0.1, np.array([0.3, 0.7])
    w, r = np.dtype(dtype).type(theta), x.astype(data_dtype or dtype)
    problem = Problem("y ~ w*x", {"x": x, "y": x}, loss="yhat", start=[1])
    loss = problem.loss_at([theta], engine, dtype=dtype, data_dtype=data_dtype)
    eps = np.finfo(np.promote_types(dtype, data_dtype or dtype)).eps
    assert loss == pytest.approx(float(w) * float(r.astype(float).mean()), rel=4 * float(eps))
    assert problem.gradient_at([theta], engine, dtype=dtype, data_dtype=data_dtype).dtype == dtype


@pytest.mark.parametrize("engine", ON_TENSORS)
def test_001_legendre_float64(engine: str) -> None:
    problem = Problem("y ~ a + b*P3(c + d*x)", "@sine2000", loss="sse")
    trace = problem.descend(lr=5e-6, steps=100, engine=engine)
    assert trace.loss[99] == pytest.approx(209.95838531757312, rel=1e-12)


@pytest.mark.parametrize("engine", PYTORCH[2:])
def test_001_the_custom_operation_passes_gradcheck_and_gradgradcheck(engine: str) -> None:
    import torch

    derivation, data = derived(CASES[2], "mse", 7)
    made: Any = kernels(engine, derivation)
    rows = made.value("loss")
    theta = torch.tensor(CASES[2].theta, dtype=torch.float64, requires_grad=True)
    tensors = [torch.tensor(column) for column in data]
    assert torch.autograd.gradcheck(lambda t: rows(t, *tensors), [theta])
    assert torch.autograd.gradgradcheck(lambda t: rows(t, *tensors), [theta])


@pytest.mark.parametrize("engine", ON_TENSORS)
def test_lr_auto(engine: str) -> None:
    problem = Problem("y ~ a*exp(-b*x) + c", {"x": np.arange(6.0), "y": np.exp(-np.arange(6.0))}, start=[1, 0.5, 0.1])
    assert problem.descend(steps=30, engine=engine).loss[-1] == pytest.approx(problem.descend(steps=30).loss[-1], rel=1e-9)


def test_lr_auto_without_second_derivatives() -> None:
    problem = Problem("y ~ w*x", "@triples")
    assert problem.descend(steps=3, engine="finite-difference").final["w"] == pytest.approx(3.0)


# Number types and devices


@pytest.mark.parametrize("engine", ON_TENSORS)
def test_a_missing_gpu_is_a_sentence(engine: str) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    problem = Problem("y ~ w*x", "@triples")
    with pytest.raises(EngineError, match=r"device 'cuda': (PyTorch|JAX) finds no GPU here; use device='cpu', or 'cuda-or-cpu'"):
        problem.gradient_at([1.0], engine, device="cuda")
    assert problem.gradient_at([1.0], engine, device="cuda-or-cpu") == pytest.approx(problem.gradient_at([1.0]))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"device": "gpu"}, "unknown device 'gpu'.* Known: cpu, cuda, cuda-or-cpu"),
        ({"dtype": "float16"}, "unknown dtype 'float16': did you mean 'float64'"),
        ({"data_dtype": "double"}, "unknown data_dtype 'double'"),
        ({"dtype": "float32"}, "engine 'numpy' computes in float64 on the CPU only: device= and dtype= belong to torch, "),
    ],
)
def test_wrong_places(options: dict[str, str], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        Problem("y ~ w*x", "@triples").loss_at([1.0], **options)


@pytest.mark.parametrize("engine", ON_TENSORS)
def test_arrays_that_change_are_read_again(engine: str) -> None:
    derivation = Derivation(parse_formula("y ~ a*x", ["x", "y"]), parse_loss("mse"))
    made, data = kernels(engine, derivation), [np.zeros(2), np.ones(2)]
    assert made.sums("value", np.ones(1), data, None, 2.0)[2] == 2
    data[1][:] = 3
    assert made.sums("value", np.ones(1), data, None, 2.0)[2] == 18


@pytest.mark.parametrize("engine", [needs("jax")])
def test_the_users_jax_stays_as_it_is(engine: str) -> None:
    import jax
    import jax.numpy as jnp

    Problem("y ~ w*x", "@triples").gradient_at([1.0], engine)
    assert not jax.config.jax_enable_x64
    assert jnp.ones(1).dtype == jnp.float32


# Constants, of which PyTorch's functions take none


@pytest.mark.parametrize("engine", ON_TENSORS)
@pytest.mark.parametrize(
    "model",
    [
        "a*exp(2)", "a + max(2, 3)", "max(a, 0) + max(0.5, x)", "min(3, a*x) + clip(2, a, x)", "where(1 < 2, a, x)",
        "where(x < 1, 1/3, 2/3)*a", "a*where(1 > 2, 1/3, 0.1)", "a**2**0.5 + 2**a", "a", "a*P3(2)", "a*sign(x)*abs(-2)",
        "P200(a/9)",
    ],
)  # fmt: skip
def test_constants(engine: str, model: str) -> None:
    formula = parse_formula(f"y ~ {model}", ["x", "y"])
    derivation = Derivation(formula, parse_loss("mse"))
    given = {"x": np.array([0.5, 1.5, 2.5]), "y": np.array([1.0, 2.0, 3.0])}
    data = [given[name] for name in formula.columns]
    theta = np.array([0.7])
    for kind in ("gradient", "value"):
        right, values = (kernels(name, derivation).rows(kind, theta, data) for name in ("numpy", engine))
        assert values == pytest.approx(right, rel=1e-11)


# Functions


@pytest.mark.parametrize("words", [NUMPY, TORCH, JAX], ids=lambda words: words.column)
def test_what_a_library_lacks_is_written_out(words: Any) -> None:
    for name, row in FUNCTIONS.items():
        assert words.function(name) or row.definition


# A missing or broken library


@pytest.mark.parametrize(("engine", "library"), [(name, ENGINES[name].needs) for name in TENSORS])
@pytest.mark.parametrize(
    "error", [ImportError("No module named"), OSError("libcudnn.so.9: cannot open")], ids=lambda e: type(e).__name__
)
def test_without_a_library(engine: str, library: str, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    real = importlib.import_module

    def refuse(name: str, package: str | None = None) -> Any:
        if name == library:
            raise error
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(EngineError, match=rf"engine '{engine}' needs {library}, .*: pip install \"steepest\[{library}\]\""):
        Problem("y ~ w*x", "@triples").gradient_at([1.0], engine)


def test_torch_and_jax_are_imported_when_they_are_asked_for() -> None:
    script = (
        "import sys, steepest as st; p = st.Problem('y ~ w*x', '@triples'); p.descend(steps=3); p.fit();"
        "p.gradient_at([1.0], 'finite-difference'); p.descend(lr=0.01, steps=3).export('torch');"
        "sys.exit(len({'torch', 'jax', 'numba'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", script]).returncode == 0
