"""What a number in a right program may be: a step of the derivation, up to sign and a factor 2, or two of them multiplied.

Numbers are compared over several one-row cases at once: a *profile* is one number a case, (cases,). Two expressions that
agree on all of them are taken for equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.calculus.listing import spelled
from steepest.check.cases import Case, Subject
from steepest.check.nodes import halved, node_text
from steepest.language.evaluate import evaluate
from steepest.language.program import COMPARISONS, LEAVES, Builder, Program

Array = np.ndarray[Any, Any]
FACTORS = (1.0, -1.0, 2.0, -2.0, 0.5, -0.5)
RELATIVE = 1e-7  # profiles that differ by less are equal: solved values are known to about 1e-9
STEPS, PRODUCTS, UNKNOWN = 0, 1, 2


class Known(NamedTuple):
    """factor·step, factor·first·second or factor·first/second; `steps` are positions in the library's list of nodes."""

    factor: float
    steps: tuple[int, ...]
    over: bool = False

    @property
    def level(self) -> int:
        return len(self.steps) - 1


class Library:
    """The steps of a problem's derivation and their products, on some one-row cases."""

    def __init__(self, problem: Subject, ones: Sequence[Case]) -> None:
        self.derivation = problem.derivation
        self.names = problem.columns.names
        self.program = steps(problem.derivation)
        values = np.array([self.at(case) for case in ones]).T
        kept = [k for k, node in enumerate(self.program.nodes) if node.op not in COMPARISONS and np.isfinite(values[k]).all()]
        self._steps = _Shapes(values[kept])
        self._places = kept
        first, second, over, profiles = _pairs(values[kept])
        self._pairs = first, second, over
        self._products = _Shapes(profiles)
        self._levels: dict[bytes, int] = {}

    def at(self, case: Case) -> Array:
        """Every step's value on a one-row case, (steps,)."""
        columns = [case.rows[name] for name in self.names]
        found = evaluate(self.program, list(case.theta), columns)
        return np.array([float(np.ravel(value)[0]) for value in found])

    def find(self, profile: Array) -> Known | None:
        """The simplest expression with this profile. A profile of the first few cases is enough."""
        found = self._steps.find(profile)
        if found is not None:
            return Known(found[1], (self._places[found[0]],))
        found = self._products.find(profile)
        if found is not None:
            k, factor = found
            first, second, over = (int(part[k]) for part in self._pairs)
            return Known(factor, (self._places[first], self._places[second]), bool(over))
        return None

    def level(self, profile: Array) -> int:
        """STEPS (a step or a constant), PRODUCTS or UNKNOWN."""
        bits = profile.tobytes()
        if bits not in self._levels:
            found = None if is_constant(profile) else self.find(profile)
            self._levels[bits] = found.level if found is not None else STEPS if is_constant(profile) else UNKNOWN
        return self._levels[bits]

    def is_leaf(self, known: Known) -> bool:
        """A parameter or a column, as it is."""
        return known.factor == 1 and known.level == 0 and self.program.nodes[known.steps[0]].op in LEAVES

    def values(self, steps: Array) -> Array:
        """What a site may be worth trying with: every step, and small numbers."""
        found: Array = np.unique([*steps[self._places], 1.0, 2.0, -1.0, 0.5])
        return found

    def value(self, known: Known, steps: Array) -> float:
        """What it is where the steps have these values."""
        first, *rest = (float(steps[k]) for k in known.steps)
        with np.errstate(all="ignore"):
            for other in rest:
                first = float(np.divide(first, other) if known.over else first * other)
        return known.factor * first

    def text(self, known: Known) -> str:
        """As a person writes it."""
        b = Builder(self.program.nodes)
        node = known.steps[0]
        for other in known.steps[1:]:
            node = b.add("/" if known.over else "*", node, other)
        if abs(known.factor) == 2:
            node = b.add("*", b.number(2), node)
        elif abs(known.factor) == 0.5:
            node = halved(b, node)
        if known.factor < 0:
            node = b.add("neg", node)
        return node_text(Program(tuple(b.nodes), {}), node, self.derivation.formula)


def steps(derivation: Derivation) -> Program:
    """The model, the loss, the Jacobian and the gradient of a row in one program, in functions that have a name."""
    builder = Builder()
    outputs: dict[str, int] = {}
    for kind in ("value", "jacobian", "gradient"):
        program = derivation.program(kind)
        outputs |= builder.inline(program, {})
        outputs |= {f"spelled {name}": node for name, node in builder.inline(spelled(program), {}).items()}
    return Program(tuple(builder.nodes), outputs)


def is_constant(profile: Array) -> bool:
    return bool(np.max(abs(profile - profile[0])) <= RELATIVE * abs(profile[0]))


def fraction(value: float) -> Fraction | None:
    """The simple fraction that this number is meant to be."""
    near = Fraction(value).limit_denominator(12)
    return near if abs(float(near) - value) <= 1e-7 * max(abs(value), 1e-3) and abs(near) <= 1000 else None


def _pairs(values: Array) -> tuple[Array, Array, Array, Array]:
    """Products and quotients of two steps: their positions, whether it is a quotient, and the profiles."""
    varying = np.flatnonzero([not is_constant(line) for line in values])
    i, j = (varying[part] for part in np.triu_indices(len(varying)))
    a, b = (varying[part.ravel()] for part in np.indices((len(varying), len(varying))))
    a, b = a[a != b], b[a != b]
    with np.errstate(all="ignore"):
        profiles = np.concatenate([values[i] * values[j], values[a] / values[b]])
    over = np.repeat([False, True], [len(i), len(a)])
    finite = np.isfinite(profiles).all(axis=1)
    return np.concatenate([i, a])[finite], np.concatenate([j, b])[finite], over[finite], profiles[finite]


class _Shapes:
    """Profiles sorted by a number that a common factor does not change."""

    def __init__(self, profiles: Array) -> None:
        self.profiles = profiles
        rng = np.random.default_rng(5)
        self.cases = 4  # enough to sort by; the rest is compared
        self._weights = rng.uniform(1, 2, (2, self.cases)) * rng.choice([-1, 1], (2, self.cases))
        keys = self._key(profiles)
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]

    def _key(self, profiles: Array) -> Array:
        with np.errstate(all="ignore"):
            above, below = self._weights @ profiles[..., : self.cases].T
            key: Array = np.nan_to_num(above / below, nan=0.0, posinf=1e300, neginf=-1e300)
        return key

    def find(self, profile: Array) -> tuple[int, float] | None:
        """The first profile that is a factor of FACTORS away, and the factor."""
        if not profile.any():
            return None
        key = float(self._key(profile[None])[0])
        width = 1e-5 * abs(key)
        low, high = np.searchsorted(self._keys, [key - width, key + width])
        picked = np.sort(self._order[low:high])
        others = self.profiles[picked][:, : len(profile)]
        for factor in FACTORS:
            error = abs(profile - factor * others)
            close = (error <= RELATIVE * abs(profile) + 1e-12 * np.max(abs(profile))).all(axis=1)
            if close.any():
                return int(picked[np.argmax(close)]), factor
        return None
