"""Step 6: is a coordinate the right one times something simple? Three row counts tell 2 from n from n - 1.

A law is constant·measure, the measure a power of the number of rows or of the parameter itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from steepest.check.cases import COUNTS, Case
from steepest.check.gradient.exam import FITTED, Exam, Reading, explained, fits, listed, precision
from steepest.check.report import Diagnosis
from steepest.check.user import TORCH_SEED

Array = np.ndarray[Any, Any]
SEEN = 1e3  # units from which a number says something about a ratio


def _weights(case: Case) -> float:
    return float(np.sum(case.rows["weights"])) if "weights" in case.rows else float(case.n)


# Of the case and the parameter's value, in the order in which they are tried.
MEASURES: dict[str, Callable[[Case, float], float]] = {
    "1": lambda case, value: 1.0,
    "n": lambda case, value: float(case.n),
    "1/n": lambda case, value: 1 / case.n,
    "Σw": lambda case, value: _weights(case),
    "1/Σw": lambda case, value: 1 / _weights(case),
    "n/Σw": lambda case, value: case.n / _weights(case),
    "n/(n - 1)": lambda case, value: case.n / (case.n - 1) if case.n > 1 else np.nan,
    "n/(n + 1)": lambda case, value: case.n / (case.n + 1),
    "n - 1": lambda case, value: case.n - 1.0,
    "1/(n - 1)": lambda case, value: 1 / (case.n - 1) if case.n > 1 else np.nan,
    "n**2": lambda case, value: float(case.n) ** 2,
    "1/n**2": lambda case, value: float(case.n) ** -2,
    "sqrt(n)": lambda case, value: case.n**0.5,
    "1/sqrt(n)": lambda case, value: case.n**-0.5,
    "its parameter": lambda case, value: value,
    "1/its parameter": lambda case, value: 1 / value,
}


class Law(NamedTuple):
    """A coordinate of the user's gradient is constant·measure times the right one."""

    constant: float
    measure: str

    def ratio(self, case: Case, k: int) -> float:
        return self.constant * MEASURES[self.measure](case, case.theta[k])

    @property
    def right(self) -> bool:
        return self.measure == "1" and self.constant == 1

    @property
    def slug(self) -> str:
        """The cause, if the whole gradient obeys this law."""
        if self.measure == "1":
            return "sign" if self.constant == -1 else "factor"
        if abs(self.constant) != 1 or self.constant < 0:
            return "two-faults"
        return "missing-1/n" if self.measure in ("n", "Σw") else "factor"

    def __str__(self) -> str:
        number = shown(self.constant)
        if self.measure == "1":
            return number
        return {"1": "", "-1": "-"}.get(number, f"{number}·") + self.measure


RIGHT = Law(1.0, "1")


def law(readings: list[Reading], k: int) -> Law | None:
    """The law of coordinate k, or None. A coordinate that is always 0 where it should be is right."""
    told = [r for r in readings if abs(r.g[k]) > SEEN * r.unit[k]]
    if not told:
        return RIGHT if all(r.gap[k] <= FITTED for r in readings) else None
    best = max(told, key=lambda r: abs(r.g[k]) / r.unit[k])
    for measure, function in MEASURES.items():
        value = function(best.case, best.case.theta[k])
        with np.errstate(all="ignore"):
            constant = best.u[k] / best.g[k] / value
        if not np.isfinite(constant):
            continue
        found = Law(nice(constant, 4 * FITTED * best.unit[k] / abs(best.g[k])), measure)
        if all(_obeys(found, r, k) for r in readings):
            return found
    return None


def _obeys(found: Law, reading: Reading, k: int) -> bool:
    ratio = found.ratio(reading.case, k)
    return bool(abs(reading.u[k] - ratio * reading.g[k]) <= 2 * FITTED * reading.unit[k] * abs(ratio))


def laws(exam: Exam) -> list[Law | None]:
    return [law(exam.many, k) for k in range(len(exam.problem.parameters))]


def factors(exam: Exam) -> Iterator[Diagnosis]:
    """The whole gradient times one law; or its length is not its own."""
    told = [k for k in range(len(exam.problem.parameters)) if any(abs(r.g[k]) > SEEN * r.unit[k] for r in exam.many)]
    best = max(told, key=lambda k: max(abs(r.g[k]) / r.unit[k] for r in exam.many), default=None)
    only = None if best is None else law(exam.many, best)
    if only is not None and not only.right and only.constant and all(_obeys(only, r, k) for r in exam.many for k in told):
        yield divided(exam, only)
        return
    yield from lengths(exam)


def divided(exam: Exam, law: Law) -> Diagnosis:
    """The diagnosis of a gradient that is everywhere `law` times the right one."""

    def repair(user: Any, case: Case) -> Array:
        ratios = np.array([law.ratio(case, k) for k in range(len(case.theta))])
        answer: Array = user(case.theta, case.rows).gradient / ratios
        return answer

    details = {"law": str(law), "constant": law.constant, "measure": law.measure}
    number = fixed_count(exam, law)
    if number:
        whose = ", the number of rows of the problem" if number == len(exam.problem.columns.arrays[0]) else ""
        sentence = f"Your gradient is divided by {number}{whose}, however many rows it is given: the 1/n of the mean is missing."
        return Diagnosis("missing-1/n", sentence, repair, f"Times {number}/n", details=details)
    return Diagnosis(law.slug, factor_sentence(exam, law), repair, f"Divided by {law}", details=details)


def fixed_count(exam: Exam, law: Law) -> int | None:
    """The number that stands where n should, if it is more than a factor 1/2."""
    if law.measure != "n" or not 0 < law.constant < 0.4 or not exam.problem.derivation.criterion.mean:
        return None
    number = round(1 / law.constant)
    error = FITTED * max(precision(reading.answer.dtype) for reading in exam.many)
    return number if abs(number * law.constant - 1) <= error else None


def factor_sentence(exam: Exam, law: Law) -> str:
    criterion = exam.problem.derivation.criterion
    if law.measure == "1":
        if law.constant == -1:
            return (
                "Your gradient is minus the right one, in every coordinate. Look for data minus prediction where the derivative "
                "has prediction minus data, or for a minus sign that belongs into the descent step."
            )
        why = ""
        if getattr(exam.user, "kind", "") == "torch" and nice(law.constant * TORCH_SEED, 1e-9) == 1:
            return (
                "backward does not use grad_output: what it returns must be multiplied by it, else whatever is computed from the "
                "loss has a wrong gradient."
            )
        if law.constant == 2 and criterion.scale == Fraction(1, 2):
            why = ": the ½ of the loss is missing"
        if law.constant == 0.5 and criterion.quadratic and criterion.scale == 1:
            why = ": the 2 of the derivative of the square is missing, or your loss has a ½ that ours has not"
        return f"Your gradient is {shown(law.constant)} times the right one, in every coordinate and for every number of rows{why}."
    counts = listed(COUNTS)
    if "its parameter" in law.measure:
        what = "its own parameter" if law.measure == "its parameter" else "1 over its own parameter"
        return f"Each derivative is the right one times {what}: it is that by the logarithm of the parameter, or undoes that."
    sizes = {case.n: law.ratio(case, 0) for case in exam.cases.many}
    ratios = listed([shown(sizes[n]) for n in COUNTS]) if "Σw" not in law.measure else str(law)
    if law.measure in ("n", "Σw") and criterion.mean:
        besides = "the sign is wrong" if law.constant == -1 else f"there is a factor {shown(law.constant)}"
        times = "" if law.constant == 1 else f", and besides {besides}"
        return f"Your gradient is {ratios} times the right one on {counts} rows: the 1/{law.measure} of the mean is missing{times}."
    why = {
        "1/n": "it is divided by n once more than the loss" if criterion.mean else "it is that of the mean, and the loss is a sum",
        "n/(n - 1)": "it is divided by n - 1 instead of n",
        "n/(n + 1)": "it is divided by n + 1 instead of n",
    }.get(law.measure, f"it is multiplied by {law}")
    return f"Your gradient is {ratios} times the right one on {counts} rows: {why}."


def lengths(exam: Exam) -> Iterator[Diagnosis]:
    """The right direction with a length that is cut, or the right numbers cut one by one."""
    if len(exam.problem.parameters) < 2:
        return
    norms = [float(np.linalg.norm(r.u)) for r in exam.many]
    largest = float(np.max([np.max(abs(r.u)) for r in exam.many]))
    norm = max(norms)
    if not (np.isfinite(norm) and norm > 0):
        return
    reached = sum(size >= norm * (1 - 1e-6) for size in norms)
    several = sum(np.max(abs(r.u)) >= largest * (1 - 1e-6) for r in exam.many) > 1
    always = reached == len(norms)

    def cut(g: Array) -> Array:
        size = float(np.linalg.norm(g))
        return g * (norm / size if always or size > norm else 1.0)

    kinds: list[tuple[bool, str, Callable[[Array], Array]]] = [  # a limit that one reading reaches is only the largest reading
        (reached > 1, f"has the right direction and always the length {shown(norm)}: it is normalised" if always else
         f"is cut to the length {shown(norm)} where it is longer: it is clipped", cut),
        (several, f"has the right signs and only the size {shown(largest)}", lambda g: largest * np.sign(g)),
        (several, f"is cut at ±{shown(largest)} in each coordinate: it is clipped", lambda g: np.clip(g, -largest, largest)),
    ]  # fmt: skip
    for possible, what, function in kinds:
        if possible and fits(exam.many, lambda r, function=function: function(r.g), _slack):  # type: ignore[misc]
            predict = explained(lambda user, case, function=function: function(exam.right(case).gradient), exam)  # type: ignore[misc]
            sentence = f"Your gradient {what}. Its length is part of the gradient: change it in the descent step, not here."
            yield Diagnosis("factor", sentence, predict, "With its own length")
            return


def _slack(reading: Reading) -> float:
    ratio = np.linalg.norm(reading.u) / (np.linalg.norm(reading.g) or 1.0)
    return 4.0 * max(1.0, float(ratio))


def nice(constant: float, error: float) -> float:
    """The simple fraction that the constant is to within its error, or the constant."""
    near = Fraction(float(constant)).limit_denominator(12)
    close = abs(constant - near) <= max(error, 1e-14) * max(abs(constant), abs(float(near)))
    return float(near) if near and close else float(constant)


def shown(value: float) -> str:
    """A number for a sentence: 2, 1/2, 0.37, 1/169, 0.277350."""
    near = Fraction(float(value)).limit_denominator(200)
    if near and abs(value - near) <= 1e-12 * abs(value) and (near.denominator <= 4 or value != float(f"{value:.3g}")):
        return str(near)
    return f"{value:.6g}"
