"""Where a gradient is tried: points near the start, a few rows each, and the right answer there with its rounding.

Row counts are 7, 11 and 13, so that a factor of 2, n, n - 1 or a batch can be told from each other. All numbers are
exact in float32: a gradient computed in float32 starts from the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple, Protocol

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.check.rounding import sums_bound
from steepest.data.table import Columns
from steepest.errors import OptionError
from steepest.language.evaluate import evaluate

Array = np.ndarray[Any, Any]
COUNTS = (7, 11, 13)
ONES = 8
FULL = 4096  # rows of the user's own data at most
SPREAD = 0.3  # of a point around the start, relative; absolute where the start is 0
ATTEMPTS = 60


class Subject(Protocol):
    """What is needed of a problem."""

    @property
    def derivation(self) -> Derivation: ...
    @property
    def columns(self) -> Columns: ...
    @property
    def weights(self) -> Array | None: ...
    @property
    def parameters(self) -> tuple[str, ...]: ...
    @property
    def start(self) -> dict[str, Any]: ...
    def objective(self, engine: str = "numpy", every: bool = False) -> Any: ...


class Case(NamedTuple):
    """A point, (p,), and rows: every column by its name, (n,); "weights" among them where the problem has weights."""

    theta: Array
    rows: dict[str, Array]

    @property
    def n(self) -> int:
        return len(next(iter(self.rows.values())))


class Reference(NamedTuple):
    """The right answer: `each` is what every row adds to the gradient, (n, p); errors of two right computations stay
    below ε times the sum of their kappas."""

    loss: float
    gradient: Array
    each: Array
    kappa: Array  # (p,)
    kappa_loss: float
    undecided: Array  # rows at a kink


class Answers:
    """The right answer at a case, worked out once."""

    def __init__(self, problem: Subject) -> None:
        self.problem = problem
        self._known: dict[int, tuple[Case, Reference]] = {}

    def __call__(self, case: Case) -> Reference:
        known = self._known.get(id(case))
        if known is None:  # the case is kept, so that its id stays its own
            known = self._known[id(case)] = (case, reference(self.problem, case.theta, case.rows))
        return known[1]


class Cases(NamedTuple):
    """`many` have 7, 11 and 13 rows, `ones` have one; `held` are other points and rows, for proofs; `full` is the start.
    `right` gives the right answer at each of them."""

    many: tuple[Case, ...]
    ones: tuple[Case, ...]
    held: tuple[Case, ...]
    full: Case
    right: Answers


def cases(problem: Subject, seed: int = 0) -> Cases:
    """Cases drawn from the problem's own rows. Raises OptionError where nothing is finite around the start."""
    rng = np.random.default_rng([seed, 20_011])
    data = _data(problem)
    sizes = [*COUNTS, *COUNTS]
    table = _Rows(data, rng, 2 * sum(sizes) + ONES)
    right = Answers(problem)
    many = [_case(right, table, n, rng) for n in sizes]
    ones = [_short(right, data, _case(right, table, 1, rng)) for _ in range(2 * ONES)]
    ones.sort(key=lambda case: int(np.count_nonzero(right(case).gradient == 0)))
    held = [_case(right, table, n, rng) for n in sizes]
    start = _start(problem)
    full = Case(start, {name: column[:FULL] for name, column in data.items()})
    return Cases(tuple(many), tuple(ones[:ONES]), tuple(held), full, right)


@np.errstate(all="ignore")
def reference(problem: Subject, theta: Array, rows: Mapping[str, Array]) -> Reference:
    """Loss and gradient of the problem's loss on these rows, from the derivation."""
    derivation = problem.derivation
    columns = [rows[name] for name in problem.columns.names]
    weights = weights_of(problem, rows)
    lines = problem.objective("numpy").kernels.rows("gradient", theta, columns)
    share = shares(problem, rows)
    each = lines[1:].T * share[:, None]
    bound = sums_bound(derivation, "gradient", list(theta), columns, weights)
    total = float(len(columns[0]) if weights is None else np.sum(weights))
    factor = float(derivation.criterion.scale) / (total if derivation.criterion.mean else 1.0)
    kappa = bound.kappa * abs(factor)
    gradient = np.sum(each.astype(np.longdouble), axis=0).astype(np.float64)
    loss = float(np.sum((lines[0] * share).astype(np.longdouble)))
    return Reference(loss, gradient, each, kappa[1:] + 2 * abs(gradient), float(kappa[0] + 2 * abs(loss)), bound.undecided)


def shares(problem: Subject, rows: Mapping[str, Array]) -> Array:
    """What each row's own loss is multiplied by: 1/n for a mean."""
    criterion, weights = problem.derivation.criterion, weights_of(problem, rows)
    each = np.ones(len(next(iter(rows.values())))) if weights is None else weights
    share: Array = each * float(criterion.scale) / (float(np.sum(each)) if criterion.mean else 1.0)
    return share


def weights_of(problem: Subject, rows: Mapping[str, Array]) -> Array | None:
    """A column of that name counts only where the problem has weights."""
    return rows["weights"] if problem.weights is not None else None


def long_gradient(problem: Subject, theta: Array, rows: Mapping[str, Array]) -> Array | None:
    """The gradient in long double, or None where that is no wider here or a function has none."""
    if np.finfo(np.longdouble).eps >= np.finfo(np.float64).eps:
        return None
    program = problem.derivation.program("gradient")
    columns = [rows[name].astype(np.longdouble) for name in problem.columns.names]
    n = len(columns[0])
    try:
        values = evaluate(program, list(theta.astype(np.longdouble)), columns)
    except TypeError:
        return None
    share = shares(problem, rows)
    picked = (program.outputs[f"gradient_{k}"] for k in range(len(theta)))
    return np.array([np.sum(np.broadcast_to(values[i], n) * share) for i in picked], dtype=np.longdouble)


def _start(problem: Subject) -> Array:
    values = problem.start
    return np.array([float(Fraction(values[name])) for name in problem.parameters])


def _data(problem: Subject) -> dict[str, Array]:
    data = dict(zip(problem.columns.names, problem.columns.arrays, strict=True))
    return data if problem.weights is None else {**data, "weights": problem.weights}


class _Rows:
    """Hands out rows: first distinct ones of the data, then others with their numbers moved a little."""

    def __init__(self, data: Mapping[str, Array], rng: np.random.Generator, wanted: int) -> None:
        self.data, self.rng = data, rng
        self.n = len(next(iter(data.values())))
        self.moved = self.n < wanted
        self.order = rng.permutation(self.n)
        self.next = 0

    def __call__(self, n: int) -> dict[str, Array]:
        picked = np.array([self.order[(self.next + k) % self.n] for k in range(n)])
        self.next += n
        return {name: single(self._jittered(column, column[picked])) for name, column in self.data.items()}

    def _jittered(self, column: Array, values: Array) -> Array:
        labels = len(np.unique(column[:1000])) <= 2  # 0 and 1, -1 and 1, or a constant
        if not self.moved or labels:
            return values
        width = float(np.ptp(column)) or 1.0
        moved = values * (1 + 0.1 * self.rng.standard_normal(len(values)))
        zero = values == 0
        moved[zero] = 0.05 * width * self.rng.uniform(0, 1, int(zero.sum()))
        return moved


def single(values: Array) -> Array:
    """The nearest numbers that float32 holds exactly, as float64; those that it does not hold stay."""
    with np.errstate(all="ignore"):
        near = values.astype(np.float32).astype(np.float64)
    lost = ~np.isfinite(near) | ((near == 0) & (values != 0))
    return np.where(lost, values, near)


def _case(right: Answers, table: _Rows, n: int, rng: np.random.Generator) -> Case:
    problem = right.problem
    start = _start(problem)
    spread = SPREAD
    for _ in range(ATTEMPTS):
        case = Case(near(start, spread, rng), table(n))
        if _is_generic(right(case)):
            return case
        spread *= 0.9
    raise OptionError("the gradient is not finite around the start: give another start")


def _is_generic(right: Reference) -> bool:
    return bool(np.isfinite(right.gradient).all() and np.isfinite(right.kappa).all() and not right.undecided.size)


def _short(right: Answers, data: Mapping[str, Array], case: Case) -> Case:
    """The same case in numbers that a person can type: few binary digits, so that their decimals end soon, too."""
    widths = {name: float(np.std(column)) for name, column in data.items()}
    rows = {name: _rounded(column, np.full(1, widths[name] or 1.0)) for name, column in case.rows.items()}
    short = Case(_rounded(case.theta, abs(case.theta)), rows)
    return short if _is_generic(right(short)) else case


def _rounded(values: Array, sizes: Array) -> Array:
    step = 2.0 ** (np.floor(np.log2(sizes)) - 4)
    near: Array = np.round(values / step) * step
    return np.where((near == 0) | (values == np.round(values)), values, near)


def near(start: Array, spread: float, rng: np.random.Generator) -> Array:
    """A point around another one: no coordinate is 0, none changes its sign."""
    z = rng.standard_normal(len(start))
    z = np.where(abs(z) < 0.1, 0.5, z)
    return single(np.where(start == 0, spread * z, start * np.exp(spread * z)))
