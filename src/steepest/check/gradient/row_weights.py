"""Step 9: how much does each row count? A dropped batch, a row that counts twice, y beside another row's x.

Where one block of rows is replaced by others, a gradient that adds up rows changes by the block's weight times the right
change. Blocks are halved until each has one weight: a few calls find the rows, however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from steepest.check.cases import COUNTS, Case, reference
from steepest.check.gradient.exam import FITTED, Exam, explained, fits, gap, listed, unit
from steepest.check.gradient.factors import nice, shown
from steepest.check.report import Diagnosis
from steepest.check.user import Unusable

Array = np.ndarray[Any, Any]
MOST_CALLS = 400


def rows(exam: Exam) -> Iterator[Diagnosis]:
    """Rows that count wrongly, or belong to each other wrongly."""
    found = [*_whole_data(exam), *_unweighted(exam), *_pairings(exam)]
    yield from found or _weighted(exam)


def _weighted(exam: Exam) -> Iterator[Diagnosis]:
    weights = {}
    for case, other in zip(exam.cases.many[:3], exam.cases.many[3:6], strict=True):
        found = row_weights(exam, case, other)
        if found is None:
            return
        weights[case.n] = found
    if all(np.ptp(w) == 0 for w in weights.values()) or not all(_is_mean(w) for w in weights.values()):
        return

    def repair(user: Any, case: Case) -> Array:
        missing = 1 - weights[case.n]
        answer: Array = user(case.theta, case.rows).gradient + missing @ exam.right(case).each
        return answer

    details = {"weights": {str(n): w for n, w in weights.items()}}
    yield Diagnosis("rows", _sentence(weights), repair, "With every row counted once", details=details)


def _is_mean(weights: Array) -> bool:
    """Most rows count once, or the mean is over the rows that are used. Otherwise there is another fault besides."""
    return bool(np.median(weights) == 1 or abs(weights.sum() - len(weights)) < 1e-6)


def row_weights(exam: Exam, case: Case, other: Case) -> Array | None:
    """The weight of each row in the user's gradient, 1 where it is right; None where rows do not just add up."""
    calls = 0
    weights = np.zeros(case.n)
    before = exam.read(case)
    stack = [(0, case.n)]
    while stack:
        low, high = stack.pop()
        calls += 1
        if calls > MOST_CALLS:
            return None
        changed = {name: column.copy() for name, column in case.rows.items()}
        for name, column in changed.items():
            if name != "weights":
                column[low:high] = other.rows[name][low:high]
        try:
            u = exam.user(case.theta, changed).gradient
        except Unusable:
            return None
        right = reference(exam.problem, case.theta, changed)
        wanted, got = right.gradient - before.g, u - before.u
        weight = float(got @ wanted / (wanted @ wanted)) if wanted.any() else np.nan
        units = unit(right.kappa + before.right.kappa, before.answer.dtype) * max(1.0, abs(weight))
        if np.max(gap(got, weight * wanted, units)) <= FITTED:
            error = float(FITTED * np.max(units) / np.max(abs(wanted)))
            weights[low:high] = 0.0 if abs(weight) <= 4 * error else nice(weight, 4 * error)
        elif high - low == 1:
            return None
        else:
            middle = (low + high) // 2
            stack += [(low, middle), (middle, high)]
    return weights


def _sentence(weights: dict[int, Array]) -> str:
    dropped = {n: int(np.sum(w == 0)) for n, w in weights.items()}
    tail = all((w[n - dropped[n] :] == 0).all() for n, w in weights.items()) and any(dropped.values())
    if tail:
        words = listed([f"{dropped[n]} of {n}" for n in weights])
        batches = [b for b in range(2, 65) if all(n % b == dropped[n] for n in weights)]
        if set(dropped.values()) == {1}:
            return "Your gradient leaves out the last row of each call: a range ends too early, or a batch of 2 is not filled."
        why = f", those that do not fill a batch of {batches[0]}" if batches else ""
        return f"Your gradient leaves out the last rows ({words}{why})."
    n = max(weights)
    usual = float(np.median(weights[n]))
    parts = [
        _counts([int(i) + 1 for i in np.flatnonzero(weights[n] == value)], float(value))
        for value in np.unique(weights[n])
        if value != (1.0 if usual == 1.0 else usual)
    ]
    rest = "" if usual == 1.0 else f"; all others count {shown(usual)} times"
    return f"Of {n} rows, {listed(parts[:4])}{rest}." if parts else f"Every row counts {shown(usual)} times."


def _counts(numbers: list[int], weight: float) -> str:
    """ "rows 2 and 4 are left out"."""
    several = len(numbers) > 1
    who = f"{'rows' if several else 'row'} {listed(numbers[:8])}" + (f" and {len(numbers) - 8} more" if len(numbers) > 8 else "")
    if weight == 0:
        return f"{who} {'are' if several else 'is'} left out"
    return f"{who} {'count' if several else 'counts'} {'twice' if weight == 2 else f'{shown(weight)} times'}"


def _whole_data(exam: Exam) -> Iterator[Diagnosis]:
    """It looks at all rows of the problem, whatever rows it is given."""
    full = exam.cases.full.rows

    def predict(_: Any, case: Case) -> Array:
        return reference(exam.problem, case.theta, full).gradient

    if fits(exam.many, lambda r: predict(None, r.case), _far):
        n = exam.cases.full.n
        sentence = (
            f"Your gradient is that of all {n:,} rows of the problem, whatever rows it is given: use the columns of the call."
        )
        yield Diagnosis("rows", sentence, explained(predict, exam), "Taken as the gradient of all rows")


def _far(reading: Any) -> float:
    return 1e3


def _unweighted(exam: Exam) -> Iterator[Diagnosis]:
    if exam.problem.weights is None:
        return

    def predict(_: Any, case: Case) -> Array:
        ones = {**case.rows, "weights": np.ones(case.n)}
        return reference(exam.problem, case.theta, ones).gradient

    if fits(exam.many, lambda r: predict(None, r.case), _few):
        sentence = "Your gradient counts every row alike: the problem's weights (columns['weights']) are left out."
        yield Diagnosis("rows", sentence, explained(predict, exam), "Taken as the gradient without weights")


def _few(reading: Any) -> float:
    return 4.0


Pairing = Callable[[dict[str, Array], str], dict[str, Array]]


def _other_order(order: Callable[[Array], Array]) -> Pairing:
    return lambda data, name: {**data, name: order(data[name])}


def _all_pairs(data: dict[str, Array], name: str) -> dict[str, Array]:
    """Every value of the column beside every row: what (n, 1) against (n,) makes."""
    n = len(data[name])
    return {key: np.repeat(column, n) if key != name else np.tile(column, n) for key, column in data.items()}


PAIRINGS: dict[str, Pairing] = {
    "stands in reverse order": _other_order(lambda v: v[::-1].copy()),
    "is one row late": _other_order(lambda v: np.roll(v, 1)),
    "is one row early": _other_order(lambda v: np.roll(v, -1)),
    "is sorted by itself": _other_order(np.sort),
    "is paired with every row of the others: somewhere an (n, 1) array meets an (n,) one, and .ravel() is missing": _all_pairs,
    "is replaced by its mean": _other_order(lambda v: np.full_like(v, np.mean(v))),
    "is replaced by its first row": _other_order(lambda v: np.full_like(v, v[0])),
}


def _pairings(exam: Exam) -> Iterator[Diagnosis]:
    """A column whose rows are not beside those of the others. The first sum may also lack its 1/n."""
    for name in exam.problem.columns.names:
        for words, pairing in PAIRINGS.items():
            for power in (0, 1, -1) if pairing is _all_pairs else (0,):

                def predict(_: Any, case: Case, name: str = name, pairing: Pairing = pairing, power: int = power) -> Array:
                    paired = pairing(case.rows, name)
                    return reference(exam.problem, case.theta, paired).gradient * float(case.n) ** power

                if fits(exam.many, lambda r, predict=predict: predict(None, r.case), lambda r: 4.0 * r.case.n):  # type: ignore[misc]
                    sentence = f"Rows are mixed up: the column {name} {words}."
                    yield Diagnosis(
                        "rows", sentence, explained(predict, exam), "With that undone", details={"column": name, "counts": COUNTS}
                    )
                    return
