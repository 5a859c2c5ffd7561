"""What a value that would mend the gradient is: a number, a step of the derivation, a variable, a change of what is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from steepest.check.program.candidates import RELATIVE, Library, fraction, is_constant

Array = np.ndarray[Any, Any]
Key = tuple[int, int]  # site and occurrence
At = Callable[[Array, Mapping[Key, Array], float], float]  # (the steps' values, the run's values, what stands there) → the value
PLAIN, BUILT, CHANGED, NUMBER = 0, 1, 2, 3  # how far-fetched


class Meaning(NamedTuple):
    """`kind`: number, step, variable, product; or times, plus, minus, over: V = B·w, B + w, w - B, w/B."""

    kind: str
    text: str
    at: At
    cost: int = PLAIN
    leaf: bool = False  # a parameter, a column or a variable, as it is


class Variable(NamedTuple):
    """A value of the user's run that has a name in one function, or an entry of it. `place` is when it was computed."""

    name: str
    function: str
    key: Key
    place: int
    profile: Array
    entry: int = 0


class Reader:
    """Reads profiles: one number for each one-row case."""

    def __init__(self, library: Library, variables: Sequence[Variable]) -> None:
        self.library, self.variables = library, variables

    def read(self, value: Array, here: Array, function: str, before: int, name: bool) -> Meaning | None:
        """What `value` is where `here` stands now; variables count that this function has computed before that place."""
        scope = self.scope(function, before)
        number = _number(value)
        if number is not None:
            same = (v for v in scope if name and v.name.isidentifier() and _is_equal(v.profile[: len(value)], value))
            count = next(same, None)
            return number if count is None else Meaning("variable", count.name, _read(count), leaf=True)
        if np.max(abs(value)) <= RELATIVE * np.max(abs(here)):
            return Meaning("number", "0", _always(0.0))
        found = self._plain(value, scope)
        if found is not None:
            return found
        with np.errstate(all="ignore"):
            changes = {"times": value / here, "plus": value - here, "minus": value + here, "over": value * here}
        for kind, other in changes.items():
            if np.isfinite(other).all():
                part = self._plain(other, scope, exact=True)
                if part is not None:
                    return Meaning(kind, part.text, _changed(kind, part.at), CHANGED)
        return Meaning("number", f"{value[0]:.9g}", _always(float(value[0])), NUMBER) if is_constant(value) else None

    def scope(self, function: str, before: int) -> list[Variable]:
        return [variable for variable in self.variables if variable.function == function and variable.place < before]

    def _plain(self, value: Array, scope: Sequence[Variable], exact: bool = False) -> Meaning | None:
        if exact and (number := _number(value)) is not None:
            return number
        known = self.library.find(value)
        if known is not None and known.level == 0:
            return self._step(known)
        for variable in scope:
            if _is_equal(variable.profile[: len(value)], value):
                return Meaning("variable", variable.name, _read(variable), leaf=True)
        return None if known is None else self._step(known)

    def _step(self, known: Any) -> Meaning:
        library = self.library
        kind, cost = ("step", PLAIN) if known.level == 0 else ("product", BUILT)
        return Meaning(
            kind, library.text(known), lambda steps, run, here: library.value(known, steps), cost, library.is_leaf(known)
        )


def _is_equal(profile: Array, value: Array) -> bool:
    return bool((abs(value - profile) <= RELATIVE * abs(value)).all())


def _number(value: Array) -> Meaning | None:
    near = fraction(float(value[0])) if is_constant(value) else None
    return None if near is None else Meaning("number", str(near), _always(float(near)))


def _always(number: float) -> At:
    return lambda steps, run, here: number


def _read(variable: Variable) -> At:
    return lambda steps, run, here: float(run[variable.key][variable.entry])


def _changed(kind: str, other: At) -> At:
    def at(steps: Array, run: Mapping[Key, Array], here: float) -> float:
        w = other(steps, run, here)
        return {"times": here * w, "plus": here + w, "minus": w - here, "over": w / here if here else np.nan}[kind]

    return at
