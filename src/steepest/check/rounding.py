"""How far rounding can carry what an engine computes from what is exact: a running error bound, node by node.

Errors are counted in units of ε = 2**-52, to first order: 1 for each operation, 2 for each call of a function, 0 where
a result is exact. An engine may add and multiply in any order, divide through a reciprocal and fuse a product with a
sum, so an operation is charged with the *mass* of its result: its absolute value with every cancellation undone.

Source: running error analysis, Wilkinson 1963; Higham 2002, Accuracy and Stability of Numerical Algorithms, 3.3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import log2
from typing import Any, NamedTuple

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.calculus.kernel import Kernel, rows_kernel, sums_kernel
from steepest.calculus.rules import partial
from steepest.engines.compiled import PRINTED
from steepest.engines.llvm import chunk_rows
from steepest.engines.numpy_engine import SLICE
from steepest.language.evaluate import evaluate, gegenbauer
from steepest.language.functions import FUNCTIONS
from steepest.language.program import COMPARISONS, Node, Program

Array = np.ndarray[Any, Any]
EPS = float(np.finfo(np.float64).eps)
TINY = float(np.finfo(np.float64).tiny)  # what underflow can add, the smallest subnormal number, in units of ε
PART = 4096  # rows at a time: every node has its values in memory


class Bound(NamedTuple):
    """|computed - exact| <= ε·kappa for each name: (outputs,) for sums, (outputs, rows) for rows.

    `undecided` are the rows in which rounding can turn a comparison between branches that differ: a kink. The jump is
    in kappa. A kappa that is not finite says that nothing is known: a value or a mass overflows, a slope is infinite.
    """

    names: tuple[str, ...]
    kappa: Array
    undecided: Array


class Measure(NamedTuple):
    """The mass and the error of a node; `parts` is the error of its `terms` before they were added to each other."""

    mass: Any
    error: Any
    parts: Any
    terms: int = 1


@lru_cache(maxsize=16)  # a doctor asks for the same one a hundred times
def _plan(derivation: Derivation, kind: str) -> Kernel:
    return sums_kernel(derivation, kind, PRINTED)


@np.errstate(all="ignore")
def sums_bound(
    derivation: Derivation,
    kind: str,
    theta: Sequence[float],
    columns: Sequence[Array],
    weights: Array | None = None,
    engine: str = "compiled",
) -> Bound:
    """The bound for the sums over rows of the program `kind` by the engine "numpy" or "compiled".

    Two engines agree within ε times the sum of their kappas. `columns` (rows,) each, `weights` (rows,) or None.

    >>> from steepest.language.formula import parse_formula
    >>> from steepest.language.losses import parse_loss
    >>> line = Derivation(parse_formula("y ~ a*x", ["x", "y"]), parse_loss("mse"))
    >>> x = np.array([1.0, 2.0])
    >>> float(sums_bound(line, "value", [3.0], [x, x], engine="numpy").kappa[1])
    27.0
    """
    kernel = _plan(derivation, kind)
    rows = len(columns[0])
    inner = [Measure(0.0, 0.0, 0.0) for _ in kernel.sums]
    undecided = []
    for part in _parts(rows):
        weight = None if weights is None else weights[part]
        run = _Running(kernel, theta, [column[part] for column in columns])
        count = len(columns[0][part])
        for k, s in enumerate(kernel.sums):
            term = _exactly(np.ones(count)) if s.inner is None else run.chain(s.inner)
            inner[k] = _added(inner[k], term, weight, count)
        undecided.append(run.undecided() + part.start)
    kappa = []
    for s, term in zip(kernel.sums, inner, strict=True):
        total = _exactly(term.mass) if s.inner is None else _summed(term, engine, kernel, rows)
        kappa.append(_product(run.of[s.outer], total, rounds=not _scales(kernel.nodes[s.outer])).error)
    return Bound(tuple(s.name for s in kernel.sums), np.array(kappa, dtype=float), np.concatenate(undecided))


@np.errstate(all="ignore")
def rows_bound(derivation: Derivation, kind: str, theta: Sequence[float], columns: Sequence[Array]) -> Bound:
    """The bound for the outputs of the program `kind`, row by row, by any engine."""
    kernel = rows_kernel(derivation, kind, PRINTED)
    kappa = np.empty((len(kernel.sums), len(columns[0])))
    undecided = []
    for part in _parts(len(columns[0])):
        run = _Running(kernel, theta, [column[part] for column in columns])
        for line, s in zip(kappa, kernel.sums, strict=True):
            line[part] = run.of[s.outer].error
        undecided.append(run.undecided() + part.start)
    return Bound(tuple(s.name for s in kernel.sums), kappa, np.concatenate(undecided))


def measures(kernel: Kernel, theta: Sequence[float], columns: Sequence[Array]) -> list[Measure]:
    """The mass and the error of every node of a kernel, row by row."""
    return _Running(kernel, theta, columns).of


class _Running:
    """The measure of every node of a kernel on some rows."""

    def __init__(self, kernel: Kernel, theta: Sequence[float], columns: Sequence[Array]) -> None:
        self.nodes = kernel.nodes
        self.values = evaluate(Program(kernel.nodes, {}), theta, columns)
        self.uses = Counter(arg for node in kernel.nodes for arg in node.args)
        self.uses.update(i for s in kernel.sums for i in {s.outer, s.inner} if i is not None)
        self.of: list[Measure] = []
        self.unsure: dict[int, Any] = {}  # for each comparison, where rounding can turn it
        self.kinks = np.zeros(len(columns[0]), dtype=bool)
        for i, node in enumerate(kernel.nodes):
            self.of.append(self._measure(i, node))

    def undecided(self) -> Array:
        return np.flatnonzero(self.kinks)

    def chain(self, i: int) -> Measure:
        """A node as an operand of an addition: its own additions can be mixed with that one if nothing else uses it."""
        return self.of[i] if self.uses[i] == 1 else self.of[i]._replace(parts=self.of[i].error, terms=1)

    def _measure(self, i: int, node: Node) -> Measure:
        op, args, value = node
        here = self.values[i]
        if op in ("parameter", "column"):
            return _exactly(here)
        if op in ("number", "pi"):
            return _closed(abs(here), 0.0 if op == "number" and value == float(here) else abs(here))
        if op in ("+", "-"):
            return _sum(self.chain(args[0]), self.chain(args[1]))
        if op == "neg":
            return self.chain(args[0])
        if op == "*":
            return _product(self.of[args[0]], self.of[args[1]], not any(_scales(self.nodes[a]) for a in args))
        if op == "/":
            return _quotient(self.of[args[0]], self.of[args[1]], self.values[args[1]])
        if op in COMPARISONS:
            return self._comparison(i, *args)
        if op == "where":
            return self._where(*args)
        if op == "abs":
            return _closed(self.of[args[0]].mass, self.of[args[0]].error)
        return _closed(abs(here), self._called(i, node))

    def _called(self, i: int, node: Node) -> Any:
        """The error of a function's value: its own, and what comes in with its arguments."""
        op, args, value = node
        error = 2 * abs(self.values[i]) + TINY
        if op == "gegenbauer":
            error = gegenbauer_error(value[0], value[1], self.values[args[0]])
        for slope, arg in zip(self._slopes(i, node), args, strict=True):
            error = error + _carried(slope, self.of[arg].error)
        return error

    def _slopes(self, i: int, node: Node) -> list[Any]:
        op, args, value = node
        here = [self.values[a] for a in args]
        if op == "gegenbauer":
            n, alpha = value
            return [2 * float(alpha) * gegenbauer(n - 1, alpha + 1, here[0]) if alpha else n * gegenbauer(n - 1, 1, here[0])]
        if op == "**":
            base, exponent = here
            power = self.values[i]
            # A base that is zero but for rounding has a slope all the same: the steepest one that its error allows.
            base = np.where(exponent > 1, abs(base) + EPS * self.of[args[0]].error, base)
            return [exponent * np.power(base, exponent - 1), np.where(power == 0, 0.0, power * np.log(abs(base)))]
        names = dict(zip(FUNCTIONS[op].arguments, here, strict=True))
        programs = [partial(op, k) for k in range(len(args))]
        return [evaluate(program, names=names)[program.outputs["value"]] for program in programs]

    def _comparison(self, i: int, a: int, b: int) -> Measure:
        error = self.of[a].error + self.of[b].error
        self.unsure[i] = (error > 0) & (abs(self.values[a] - self.values[b]) <= EPS * error)
        return _exactly(0.0)

    def _where(self, condition: int, a: int, b: int) -> Measure:
        taken, unsure = self.values[condition], self.unsure[condition]
        left, right = self.of[a], self.of[b]
        jump = abs(self.values[a] - self.values[b])
        jump = np.where(np.isnan(jump), np.inf, jump)
        self.kinks |= unsure & (jump > EPS * (left.error + right.error))
        mass, error = (np.where(taken, x, y) for x, y in ((left.mass, right.mass), (left.error, right.error)))
        either = np.maximum(left.error, right.error) + jump / EPS
        return _closed(np.where(unsure, np.maximum(left.mass, right.mass), mass), np.where(unsure, either, error))


def _closed(mass: Any, error: Any) -> Measure:
    return Measure(mass, error, error)


def _exactly(value: Any) -> Measure:
    return _closed(abs(value), 0.0 * abs(value))


def _carried(slope: Any, error: Any) -> Any:
    """An argument's error times the slope. An exact argument carries none, however steep the function is."""
    return np.where(error == 0, 0.0, abs(slope) * error)


def _sum(a: Measure, b: Measure) -> Measure:
    """Any order of adding k terms makes at most k - 1 roundings of at most their mass each."""
    mass, parts, terms = a.mass + b.mass, a.parts + b.parts, a.terms + b.terms
    return Measure(mass, parts + (terms - 1) * mass, parts, terms)


def _product(a: Measure, b: Measure, rounds: bool = True) -> Measure:
    mass = a.mass * b.mass
    own = np.where((a.mass == 0) | (b.mass == 0), 0.0, rounds * mass + TINY)
    return _closed(mass, b.mass * a.error + a.mass * b.error + own)


def _quotient(a: Measure, b: Measure, divisor: Any) -> Measure:
    """Through the reciprocal: a division and a product. The reciprocal can underflow; where it overflows nothing is known."""
    mass = a.mass / abs(divisor)
    own = np.where(a.mass == 0, 0.0, 2 * mass + TINY * (1 + a.mass))
    own = np.where(np.isinf(1 / abs(divisor)), np.inf, own)
    return _closed(mass, a.error / abs(divisor) + mass * (b.error / abs(divisor)) + own)


def _scales(node: Node) -> bool:
    """A power of two, which multiplies without rounding."""
    if node.op != "number":
        return False
    top, bottom = abs(node.value.numerator), node.value.denominator
    return bool(top & (top - 1) == 0 and bottom & (bottom - 1) == 0)


def _added(so_far: Measure, term: Measure, weight: Array | None, count: int) -> Measure:
    if weight is not None:
        term = _product(term, _exactly(weight))
    mass, error, parts = (float(np.sum(np.broadcast_to(part, count))) for part in term[:3])
    return Measure(so_far.mass + mass, so_far.error + error, so_far.parts + parts, term.terms)


def _summed(term: Measure, engine: str, kernel: Kernel, rows: int) -> Measure:
    """The sum over rows: pairwise in NumPy, in any order within a compiled chunk; beyond these it is compensated."""
    if engine == "numpy":
        return _closed(term.mass, term.error + (1 + log2(min(rows, SLICE)) + (rows > SLICE)) * term.mass)
    return _closed(term.mass, term.parts + term.terms * min(rows, chunk_rows(kernel)) * term.mass)


def gegenbauer_error(n: int, alpha: Any, u: Any) -> Any:
    """The error of the recurrence in the order: each step's own, times the slope of the last value in that step's.

    The slopes obey the recurrence backwards. Absolute values all the way would grow as (1 + √2)**n.
    """
    a = float(alpha)

    def ahead(k: int) -> Any:
        return 2 * u * (k + a - 1) / k if a else (1 if k == 1 else 2) * u

    def behind(k: int) -> Any:
        return -(k + 2 * a - 2) / k if a else -float(k > 1)

    # Roundings of the two terms of a step: their products, the difference and, except for Chebyshev's, the division.
    near, far = (4, 3) if a else (2, 1)
    values = [np.ones_like(u), ahead(1) + 0 * u]
    for k in range(2, n + 1):
        values.append(ahead(k) * values[-1] + behind(k) * values[-2])
    total, slope, later = 0 * u, np.ones_like(u), np.zeros_like(u)
    for k in range(n, 0, -1):
        before = values[k - 2] if k > 1 else np.zeros_like(u)
        total = total + abs(slope) * (near * abs(ahead(k) * values[k - 1]) + far * abs(behind(k) * before))
        slope, later = ahead(k) * slope + behind(k + 1) * later, slope
    return total + TINY


def _parts(rows: int) -> Iterator[slice]:
    return (slice(start, min(start + PART, rows)) for start in range(0, rows, PART))
