"""The doctor without a formula: every fault of a custom backward is named, in PyTorch and in JAX; right functions pass."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import numpy as np
import pytest

import function_faults as faults
import function_rights as rights
import steepest as st
from steepest.check.function import doctor, points
from steepest.check.function.exam import Exam
from steepest.check.gradient.exam import FITTED
from steepest.check.report import GRADIENT_CAUSES, Diagnosis, Report
from steepest.engines.differences import HALVINGS
from steepest.errors import OptionError
from steepest.testing import assert_gradient

Array = np.ndarray[Any, Any]
FACTS = {"form", "random", "precision", "non-smooth", "loss-differs", "unknown"}  # observed, not repaired
IN_JAX = {"gate", "product"}
SEEDS = 10


def needs(library: str) -> Any:
    return pytest.mark.skipif(importlib.util.find_spec(library) is None, reason=f"{library} is not installed")


def on(library: str, *parts: Any, name: str) -> Any:
    return pytest.param(library, *parts, marks=needs(library), id=f"{library}: {name}")


def examined(user: Any, reference: Any, inputs: Any) -> Report:
    report = st.check_gradient(user, reference=reference, inputs=inputs)
    assert report.cause in (None, *GRADIENT_CAUSES)
    assert report.correct == (report.cause is None)
    json.dumps(report.to_dict(), allow_nan=False)
    assert report.sentence in " ".join(report.text().split()) and report._repr_html_().endswith("</div>")
    return report


# --- seeded faults -----------------------------------------------------------------------------------------------------

SEEDED = [
    on(library, fault, name=fault.name)
    for library in faults.LIBRARIES
    for fault in faults.FAULTS
    if library in fault.libraries and (library == "torch" or fault.function in IN_JAX)
]


@pytest.mark.parametrize(("library", "fault"), SEEDED)
def test_every_fault_is_named(library: str, fault: faults.Fault) -> None:
    report = examined(*faults.patient(fault, library))
    assert report.cause == fault.cause, report.text()
    if report.cause not in FACTS:
        assert report.proof is not None
        assert report.proof.points >= 5 and report.proof.worst <= FITTED


def test_there_are_enough_kinds() -> None:
    for library in faults.LIBRARIES:
        assert len([parameter for parameter in SEEDED if parameter.values[0] == library]) >= 12
    assert {fault.cause for fault in faults.FAULTS} == set(GRADIENT_CAUSES)


SENTENCES = {
    "grad_output forgotten": "backward does not multiply by grad_output",
    "missing 1/n": "the 1/n of the mean is missing",
    "one coordinate 0": "is 0 at i1[2, 1] only",
    "mean instead of sum": "The gradient by i2 is 1/n times the right one; i0 and i1 are right.",
    "last batch dropped": "The gradients by i1 and i2 leave out the last rows (3 of 7 and 3 of 11)",
    "chain factor left out": "The gradient by i1 is without its factor i0",
    "inputs of the latest forward": "ctx.save_for_backward",
    "None": "backward gives None for i1",
    "writes into its input": "writes into i0",
    "forward twice": "2 times the reference everywhere",
    "inputs swapped": "the gradient by i0 is that by i1",
}


@needs("torch")
@pytest.mark.parametrize("name", SENTENCES)
def test_the_sentence_says_what_is_wrong(name: str) -> None:
    fault = next(fault for fault in faults.FAULTS if fault.name == name)
    report = examined(*faults.patient(fault, "torch", seed=1))
    assert SENTENCES[name].lower() in report.sentence.lower()


@needs("torch")
def test_what_is_not_known_is_shown_to_be_redone_by_hand() -> None:
    fault = next(fault for fault in faults.FAULTS if fault.name == "another derivative of the gate")
    function, reference, inputs = faults.patient(fault, "torch")
    report = examined(function, reference, inputs)
    assert report.proof is None and "By hand: at i0 = [[" in report.text()
    assert report.details["wrong"] == ["i0", "i1"]
    assert all(row["yours"] != row["ours"] for row in report.details["coordinates"])


@pytest.mark.parametrize("library", [on(library, name="raises") for library in faults.LIBRARIES])
def test_the_line_that_raises_is_named(library: str) -> None:
    fault = next(fault for fault in faults.FAULTS if fault.name == "raises")
    report = examined(*faults.patient(fault, library))
    with open(faults.__file__, encoding="utf-8") as file:
        assert "not written yet" in file.read().splitlines()[(report.line or 0) - 1]


# --- without a reference -----------------------------------------------------------------------------------------------

ALONE = ("sign", "grad_output forgotten, of a tensor", "chain factor left out", "cancellation")


@needs("torch")
@pytest.mark.parametrize("name", ALONE)
def test_differences_of_its_own_forward_are_enough(name: str) -> None:
    fault = next(fault for fault in faults.FAULTS if fault.name == name)
    function, _, inputs = faults.patient(fault, "torch")
    report = examined(function, None, {name: value[:2, :2] for name, value in inputs.items()})
    assert report.cause == fault.cause, report.text()


@pytest.mark.parametrize("library", [on(library, name="cube") for library in faults.LIBRARIES])
def test_a_right_function_agrees_with_its_own_differences(library: str) -> None:
    function, _, inputs = faults.healthy(faults.FUNCTIONS["cube"], library)
    assert "differences of its own forward" in examined(function, None, inputs).sentence


def wave(torch: Any, wrong: int | None = None) -> Any:
    """sin(x)·w, elementwise; the derivative by coordinate `wrong` of x is 0."""

    class Wave(torch.autograd.Function):
        forwards = 0

        @staticmethod
        def forward(ctx: Any, x: Any, w: Any) -> Any:
            Wave.forwards += 1
            ctx.save_for_backward(x, w)
            return torch.sin(x) * w

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            x, w = ctx.saved_tensors
            by_x = grad_output * w * torch.sin(x + np.pi / 2)
            if wrong is not None and x.numel() > wrong:
                by_x.reshape(-1)[wrong] = 0
            return by_x, grad_output * torch.sin(x)

    return Wave


def waves(torch: Any, size: int, dtype: str) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return tuple(torch.tensor(rng.standard_normal((size, 2)), dtype=getattr(torch, dtype)) for _ in range(2))  # type: ignore[return-value]


@needs("torch")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("referred", [True, False])
def test_one_of_very_many_coordinates_is_found(dtype: str, referred: bool) -> None:
    torch = pytest.importorskip("torch")
    function = wave(torch, wrong=1234)
    report = examined(function, (lambda x, w: torch.sin(x) * w) if referred else None, waves(torch, 1000, dtype))
    assert report.cause == "coordinate" and report.proof, report.text()
    assert "is 0 at x[617, 0] only; the other 1,999 of its coordinates are right; w is right" in report.sentence


@needs("torch")
@pytest.mark.parametrize(("dtype", "referred"), [("float64", True), ("float32", True), ("float32", False)])
def test_a_hundred_thousand_right_coordinates(dtype: str, referred: bool) -> None:
    torch = pytest.importorskip("torch")
    assert examined(wave(torch), (lambda x, w: torch.sin(x) * w) if referred else None, waves(torch, 25_000, dtype)).correct


@needs("torch")
def test_bisection_takes_the_logarithm_of_the_number_of_coordinates() -> None:
    torch = pytest.importorskip("torch")
    calls = {}
    for size in (100, 3200):
        function = wave(torch, wrong=77)
        examined(function, None, waves(torch, size, "float64"))
        calls[size] = function.forwards
    one = 2 * HALVINGS + 1
    assert 4 <= (calls[3200] - calls[100]) / one <= 6  # log2(3200 / 100) = 5


# --- right functions ---------------------------------------------------------------------------------------------------

RIGHT = [
    on(library, name, dtype, name=f"{name}, {dtype}")
    for library in faults.LIBRARIES
    for name in (faults.FUNCTIONS if library == "torch" else ("times", "product"))
    for dtype in ("float64", "float32")
]


@pytest.mark.parametrize(("library", "name", "dtype"), RIGHT)
def test_right_functions_pass(library: str, name: str, dtype: str) -> None:
    report = examined(*faults.healthy(faults.FUNCTIONS[name], library, dtype=dtype))
    assert report.correct, report.text()


@needs("torch")
def test_no_false_alarm_in_200_random_right_functions() -> None:
    torch = pytest.importorskip("torch")
    count = 0
    for name in rights.families(torch):
        for seed in range(SEEDS):
            function, forward, inputs = rights.drawn(torch, name, seed)
            report = st.check_gradient(function, reference=forward, inputs=inputs)
            assert report.correct, f"{name}, seed {seed}: {report.text()}"
            count += 1
    assert count >= 200


@needs("torch")
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    function, reference, inputs = faults.healthy(faults.FUNCTIONS["layer"], "torch")
    short = {name: value.to(getattr(torch, dtype)) for name, value in inputs.items()}
    assert examined(function, reference, short).correct
    wrong, _, _ = faults.patient(next(fault for fault in faults.FAULTS if fault.name == "another derivative"), "torch")
    assert examined(wrong, reference, short).cause == "unknown"


@needs("torch")
def test_a_function_that_knows_float32_only() -> None:
    torch = pytest.importorskip("torch")

    def narrow(x: Any, w: Any) -> Any:
        if x.dtype != torch.float32:
            raise TypeError("float32 only")
        return wave(torch).apply(x, w)

    inputs = waves(torch, 5, "float32")
    assert examined(narrow, lambda x, w: torch.sin(x) * w, inputs).correct
    assert examined(narrow, lambda x, w: 1.001 * torch.sin(x) * w, inputs).cause == "loss-differs"
    with pytest.raises(OptionError, match="does not run in float64"):
        st.check_gradient(narrow, inputs=inputs)


@needs("torch")
def test_a_forward_in_float32_is_not_differenced() -> None:
    torch = pytest.importorskip("torch")

    def inside(x: Any, w: Any) -> Any:
        return (torch.sin(x.float()) * w.float()).to(x)

    inputs = waves(torch, 5, "float32")
    assert "Inside it computes in float32" in examined(inside, lambda x, w: torch.sin(x) * w, inputs).sentence
    with pytest.raises(OptionError, match="does not feel x change in its tenth digit"):
        st.check_gradient(inside, inputs=inputs)


# --- every check can fail ----------------------------------------------------------------------------------------------


@needs("torch")
def test_a_repair_that_does_not_repair_is_no_proof() -> None:
    pytest.importorskip("torch")
    seen: list[Exam] = []

    def spy(exam: Exam) -> list[Diagnosis]:
        seen.append(exam)
        return []

    fault = next(fault for fault in faults.FAULTS if fault.name == "factor 2")
    function, reference, inputs = faults.patient(fault, "torch")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "SIMPLE", (spy,))
        patch.setattr(doctor, "FIRST_OF_TWO", ())
        assert st.check_gradient(function, reference=reference, inputs=inputs).cause == "unknown"
    (exam, *_) = seen

    def repair(scale: float) -> Diagnosis:
        return Diagnosis("factor", "", lambda user, point: scale * user(point), "")

    assert exam.prove(repair(0.5))
    for scale in (1.0, -0.5, 0.5 + 1e-9, np.nan):
        assert not exam.prove(repair(scale))


@needs("torch")
@pytest.mark.parametrize("step", range(3))
def test_no_step_can_be_left_out(step: int) -> None:
    """Without one of them, the faults that it names are unknown, and never another cause."""
    pytest.importorskip("torch")
    name = ("factor 2", "transposed", "last batch dropped")[step]
    fault = next(fault for fault in faults.FAULTS if fault.name == name)
    function, reference, inputs = faults.patient(fault, "torch")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "SIMPLE", tuple(one for k, one in enumerate(doctor.SIMPLE) if k != step))
        found = st.check_gradient(function, reference=reference, inputs=inputs)
    assert found.cause == "unknown" or (step == 0 and found.cause == "coordinate")


# --- inputs and errors -------------------------------------------------------------------------------------------------


@needs("torch")
def test_inputs_by_name_order_and_kind() -> None:
    torch = pytest.importorskip("torch")
    x, w = waves(torch, 4, "float64")
    plain = lambda x, w, power: torch.sin(x) * w**power  # noqa: E731

    def wrong(x: Any, w: Any, power: int) -> Any:
        return wave(torch, wrong=3).apply(x, w**power)

    for inputs in ((x, w, 2), {"w": w, "x": x, "power": 2}):
        assert "x[1, 1]" in examined(wrong, plain, inputs).sentence
    assert examined(wrong, plain, (x, w.clone().requires_grad_(), 2)).correct  # only w is judged
    assert examined(torch.nn.functional.embedding, None, (torch.tensor([1, 0, 1]), x)).correct
    assert examined(torch.sin, None, x).correct


@needs("torch")
def test_points_keep_what_a_function_may_rely_on() -> None:
    lower, moved = np.tril(np.ones((3, 3))), np.arange(1.0, 10).reshape(3, 3)
    assert (points.in_structure(lower, moved) == np.tril(moved)).all()
    symmetric = points.in_structure(np.ones((3, 3)), moved)
    assert (symmetric == symmetric.T).all()
    assert (points.in_structure(moved, moved + 1) == moved + 1).all()


@needs("torch")
def test_wrong_use_is_an_error_of_one_sentence() -> None:
    torch = pytest.importorskip("torch")
    x, w = waves(torch, 3, "float64")
    problem = st.Problem("y ~ w*x", "@triples")
    plain = lambda x, w: torch.sin(x) * w  # noqa: E731
    cases: list[tuple[str, dict[str, Any]]] = [
        ("nothing to compare with", {}),
        ("nothing to compare with", {"reference": plain}),
        ("both given", {"problem": problem, "reference": plain}),
        ("both given", {"problem": problem, "inputs": (x, w)}),
        ("no array of floating point", {"inputs": torch.tensor([1, 2])}),
        ("unknown input 'W': did you mean 'w'", {"inputs": {"x": x, "W": w}}),
        ("answers otherwise at each call", {"inputs": (x, w), "reference": lambda x, w: torch.rand(3, 2)}),
        ("the reference cannot be used", {"inputs": (x, w), "reference": lambda x: x}),
        ("not finite at the inputs", {"inputs": (x / 0, w), "reference": plain}),
    ]
    for sentence, given in cases:
        with pytest.raises(OptionError, match=sentence) as error:
            st.check_gradient(plain if "unknown" in sentence else wave(torch), **given)
        assert "\n" not in str(error.value)
    with pytest.raises(OptionError, match="no tensor of PyTorch"):
        st.check_gradient(lambda x: x, inputs=np.ones(3))


@needs("torch")
def test_one_line_in_a_test() -> None:
    torch = pytest.importorskip("torch")
    inputs = waves(torch, 3, "float32")
    assert_gradient(wave(torch), reference=lambda x, w: torch.sin(x) * w, inputs=inputs)
    assert_gradient(wave(torch), inputs=inputs)
    with pytest.raises(AssertionError, match=r"The gradient by x is 0 at x\[0, 1\] only") as error:
        assert_gradient(wave(torch, wrong=1), inputs=inputs)
    assert "Proof: " in str(error.value)


def test_one_line_in_a_test_with_a_problem() -> None:
    problem = st.Problem("y ~ w*x", "@triples")

    def mine(theta: Array, columns: dict[str, Array]) -> Array:
        x, y = columns["x"], columns["y"]
        return np.array([2 * np.sum((theta[0] * x - y) * x)])

    assert_gradient(lambda theta, columns: mine(theta, columns) / len(columns["x"]), problem)
    with pytest.raises(AssertionError, match="1/n"):
        assert_gradient(mine, problem)
