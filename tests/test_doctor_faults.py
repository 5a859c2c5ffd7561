"""The doctor's own mutation test: whatever is broken in it, a patient of the panel is judged wrongly.

Every function of the gradient doctor is made to say nothing, one at a time: no diagnosis, no report, always true, always false. A
mutant is shown only those patients for whom the function had something else to say. Then tables that lose a row, and tolerances.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import numpy as np
import pytest

from patients import PANEL, Patient
from steepest.check.gradient import doctor as tree
from steepest.check.gradient import exam, factors, verdict
from steepest.check.gradient.exam import Exam
from steepest.check.report import Proof, Report

pytestmark = pytest.mark.filterwarnings("ignore")
ROOM = "steepest.check.gradient."
ARRAYS = (verdict.shrinks, verdict.flickers)
FREE = {
    "_mathematics": "adds words",
    "_first_row": "adds words",
    "_seeded": "adds words",
    "transposed_shape": "adds words",
    "_smallest": "adds words",
    "_columns": "the order of what a torch.autograd.Function takes",
}


def right(patient: Patient) -> bool:
    """Is the patient judged rightly?"""
    try:
        report = tree.check_gradient(patient.make(), patient.problem, patient.seed)
    except Exception:
        return False
    named = report.cause == patient.cause and patient.says in report.sentence and patient.line in (None, report.line)
    return named and (report.cause != "unknown" or bool(report.details["coordinates"]))


def functions() -> Iterator[tuple[str, FunctionType, Any]]:
    """Every function of the room that can say nothing, and what that is."""
    for name, module in sorted(sys.modules.items()):
        for function in vars(module).values() if name.startswith(ROOM) else ():
            if isinstance(function, FunctionType) and function.__module__ == name and function.__name__ not in FREE:
                for value in nothing(function):
                    yield f"{name.removeprefix(ROOM)}.{function.__name__}: {value!r}", function, value


def nothing(function: FunctionType) -> tuple[Any, ...]:
    kind = str(function.__annotations__.get("return"))
    if function in ARRAYS or kind == "bool":
        return (False, True)
    if kind.endswith("| None"):
        return (None,)
    return ((),) if kind.startswith("Iterator") else ([],) if kind.startswith("list") else ()


MUTANTS = {name: (function, value) for name, function, value in functions()}


def is_said(value: Any, instead: Any) -> bool:
    """Does what a function answered differ from saying nothing?"""
    if isinstance(instead, bool):
        return bool(np.any(np.asarray(value) != instead))
    return value is not None and not (isinstance(value, list) and not value)


def put(function: FunctionType, instead: Any, patch: pytest.MonkeyPatch) -> None:
    """Another function in its place, in every module of the room and in the doctor's list of steps."""
    for name, module in list(sys.modules.items()):
        for key, found in list(vars(module).items()) if name.startswith(ROOM) else ():
            if found is function:
                patch.setattr(module, key, instead)
            elif isinstance(found, tuple) and function in found:
                patch.setattr(module, key, tuple(instead if each is function else each for each in found))


def listening(function: FunctionType, names: list[str], heard: set[str]) -> Any:
    """The function, noting in `heard` the mutants that it would differ from."""

    def note(value: Any) -> Any:
        heard.update(name for name in names if is_said(value, MUTANTS[name][1]))
        return value

    if inspect.isgeneratorfunction(function):
        return lambda *args, **options: (note(each) for each in function(*args, **options))
    return lambda *args, **options: note(function(*args, **options))


@pytest.fixture(scope="module")
def said() -> dict[str, list[Patient]]:
    """For each mutant, the patients for whom its function has something else to say."""
    names: dict[FunctionType, list[str]] = {}
    for name, (function, _) in MUTANTS.items():
        names.setdefault(function, []).append(name)
    found: dict[str, list[Patient]] = {name: [] for name in MUTANTS}
    heard: set[str] = set()
    with pytest.MonkeyPatch.context() as patch:
        for function, those in names.items():
            put(function, listening(function, those, heard), patch)
        for patient in PANEL:
            heard.clear()
            assert right(patient), patient.name
            for name in heard:
                found[name].append(patient)
    return found


@pytest.mark.parametrize("name", MUTANTS)
def test_a_function_that_says_nothing_is_noticed(
    name: str, said: dict[str, list[Patient]], monkeypatch: pytest.MonkeyPatch
) -> None:
    function, value = MUTANTS[name]
    silent = (lambda exam, reading: np.full(len(reading.g), value)) if function in ARRAYS else (lambda *_, **__: value)
    put(function, silent, monkeypatch)
    assert said[name], "no patient reaches it"
    assert not all(right(patient) for patient in reversed(said[name]))  # those made for one step come last


# --- tolerances --------------------------------------------------------------------------------------------------------

SHARP = {
    "right", "right in float32", "a billionth too much", "0.37 times", "the 1/n is missing", "held-out points refuse",
    "something else", "something else besides",
}  # fmt: skip
BREAKS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "tolerance a million times too wide": lambda m: m.setattr(exam, "unit", lambda kappa, dtype: 1e-9 * kappa + 1e-300),
    "tolerance zero": lambda m: m.setattr(exam, "unit", lambda kappa, dtype: 0 * kappa + 1e-300),
    "float32 is as good as float64": lambda m: m.setattr(exam, "precision", lambda dtype: exam.EPS),
    "every number type is coarse": lambda m: m.setattr(exam, "precision", lambda dtype: 1e-3),
    "every proof holds": lambda m: m.setattr(Exam, "prove", lambda self, d: Proof(6, 62, 0.0, d.how)),
    "no proof holds": lambda m: m.setattr(Exam, "prove", lambda self, d: None),
    "held-out points are those of the search": lambda m: m.setattr(Exam, "error", partial_error),
    "everything agrees": lambda m: m.setattr(tree, "agreement", lambda e: Report(True, None, "Correct.")),
    "constants are rounded": lambda m: m.setattr(factors, "nice", lambda constant, error: float(round(constant))),
    "float32 is near enough": lambda m: m.setattr(verdict, "SINGLE", 0.0),
}


def partial_error(self: Exam, diagnosis: Any) -> float:
    cases, self.cases = self.cases, self.cases._replace(held=self.cases.many)
    try:
        return PROVES(self, diagnosis)
    finally:
        self.cases = cases


PROVES = Exam.error


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_tolerance_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BREAKS[name](monkeypatch)
    assert not all(right(patient) for patient in PANEL if patient.name in SHARP)


def test_the_sharp_ones_are_in_the_panel() -> None:
    assert {patient.name for patient in PANEL} >= SHARP
