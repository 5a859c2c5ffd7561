"""The `sympy` engine: the program as written, on SymPy's exact numbers. Rationals in, rationals out.

A float is the binary fraction that it is: 0.1 becomes 3602879701896397/36028797018963968. Write Fraction(1, 10) for a tenth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from math import nan
from typing import Any

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.errors import EngineError
from steepest.language.constants import OPERATORS
from steepest.language.expand import expand
from steepest.language.functions import FUNCTIONS
from steepest.language.program import COMPARISONS, Node, Program

Array = np.ndarray[Any, Any]
MOST_DIGITS = 10_000
FINEST = 100  # denominator of an exponent
EXPRESSION = 100  # digits of a rational number that cost as much as an irrational one
PIECEWISE = ("sign", "min", "max")  # written out: SymPy's own compare numbers at any cost
PRINTED = frozenset(name for name, row in FUNCTIONS.items() if row.sympy and name not in PIECEWISE)


class TooManyDigits(ArithmeticError):
    """An exact number passed 10,000 digits."""

    def __init__(self) -> None:
        super().__init__(f"an exact number has more than {MOST_DIGITS:,} digits")


class ExactKernels:
    """Kernels of one derivation, evaluated node by node; slow, and right to the last digit."""

    name = "sympy"

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        self._program = cache(lambda kind: expand(derivation.program(kind), PRINTED))

    def sums(self, kind: str, theta: Array, columns: Sequence[Array], weights: Array | None, total: Any) -> Array:
        """Sums over the rows of every output of the program `kind`, times the weights, as SymPy numbers."""
        import sympy

        outputs = self.rows(kind, theta, columns)
        if weights is not None:
            outputs = outputs * np.array([exact(w) for w in weights], dtype=object)
        return np.array([checked(sympy.Add(*line)) for line in outputs], dtype=object)

    def rows(self, kind: str, theta: Array, columns: Sequence[Array]) -> Array:
        """Outputs × rows."""
        program = self._program(kind)
        out = np.empty((len(program.outputs), len(columns[0])), dtype=object)
        for i, row in enumerate(zip(*columns, strict=True)):
            leaves = {"parameter": [exact(v) for v in theta], "column": [exact(v) for v in row]}
            values = evaluate(program, lambda node, leaves=leaves: leaves[node.op][node.value])  # type: ignore[misc]
            out[:, i] = [values[index] for index in program.outputs.values()]
        return out

    def length(self, kind: str, theta: Array, columns: Sequence[Array]) -> int:
        """About how many digits and terms the numbers of all rows come to, at most. Their cost, known beforehand."""
        leaves = {
            "parameter": [digits(Fraction(value)) for value in theta],
            "column": [max(digits(Fraction(value)) for value in column) for column in columns],
        }
        return len(columns[0]) * length(self._program(kind), leaves)

    def vector(self, values: Sequence[Any]) -> Array:
        return np.array([exact(value) for value in values], dtype=object)

    def number(self, value: Any) -> Any:
        return exact(value)

    def stepper(self, step: Program, states: tuple[str, ...]) -> Callable[..., tuple[Array, ...]]:
        """One step of a method: theta, g and states in, theta and states out, coordinate by coordinate."""
        expanded = expand(step, PRINTED)

        def one(theta: Array, g: Array, eta: Any, t: int, *state: Array) -> tuple[Array, ...]:
            results = []
            for here in zip(theta, g, *state, strict=True):
                names = dict(zip(("theta", "g", *states), here, strict=True)) | {"eta": exact(eta), "t": exact(t)}
                values = evaluate(expanded, lambda node, names=names: names[node.value])  # type: ignore[misc]
                results.append([values[expanded.outputs[name]] for name in ("theta", *states)])
            return tuple(np.array(column, dtype=object) for column in zip(*results, strict=True))

        return one


def exact(value: Any) -> Any:
    """A SymPy number equal to this int, float, Fraction or SymPy number."""
    import sympy

    if isinstance(value, sympy.Basic):
        return value
    fraction = Fraction(value)
    return sympy.Rational(fraction.numerator, fraction.denominator)


def evaluate(program: Program, leaf: Callable[[Node], Any]) -> list[Any]:
    """The value of every node, for one row: NaN where it is not real. Branches of `where` that are not taken may be undefined."""
    import sympy

    values: list[Any] = []
    for node in program.nodes:
        args = [values[a] for a in node.args]
        if node.op == "number":
            values.append(exact(node.value))
        elif node.op == "pi":
            values.append(sympy.pi)
        elif node.op in ("parameter", "column", "name"):
            values.append(leaf(node))
        elif node.op == "gegenbauer":
            n, alpha = node.value
            values.append(gegenbauer(n, alpha, args[0]))
        elif node.op == "sinc":
            values.append(sinc(node.value, args[0]))
        elif node.op in COMPARISONS:
            values.append(OPERATORS[node.op](order(*args), 0))
        else:
            operation = OPERATIONS.get(node.op) or OPERATORS.get(node.op) or getattr(sympy, FUNCTIONS[node.op].sympy)
            values.append(checked(operation(*args)))
    return values


def order(a: Any, b: Any) -> float:
    """The sign of a - b, or NaN where one of them is not real. Raises EngineError where 100 digits do not tell."""
    import sympy

    if sympy.zoo in (a, b):
        raise EngineError("engine 'sympy': a number that was divided by 0 is compared, and may be positive or negative")
    gap = sympy.Integer(0) if a == b and a is not sympy.nan else a - b
    if not gap.is_Rational:
        gap = gap.evalf(15)
        if not gap.is_extended_real or gap is sympy.nan:
            return nan
        if gap.is_Float and gap._prec == 1:
            raise EngineError("engine 'sympy': two exact numbers that are compared agree in 100 digits, and may be equal or not")
    return int(bool(gap > 0)) - int(bool(gap < 0))


def magnitude(u: Any) -> Any:
    return -u if order(u, exact(0)) < 0 else u


def logarithm(u: Any) -> Any:
    import sympy

    return sympy.log(u) if u != 0 else -sympy.oo


def power(base: Any, exponent: Any) -> Any:
    if base.is_Rational and exponent.is_Integer and digits(base) * abs(int(exponent)) > MOST_DIGITS:
        raise TooManyDigits
    if exponent.is_Rational and exponent.q > FINEST:  # SymPy takes roots of integers to this power apart
        raise EngineError(
            f"engine 'sympy': a power of {float(exponent):.6g} is an exact number only as a root of order {FINEST} or less"
        )
    return base**exponent


def exponential(u: Any) -> Any:
    """exp(k*log(3)) is 3**k to SymPy, with as many digits as k says."""
    import sympy

    if u.has(sympy.log) and abs(u.evalf(15)) > MOST_DIGITS:
        raise TooManyDigits
    return sympy.exp(u)


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "exp": exponential, "**": power, "where": lambda condition, a, b: a if condition else b, "abs": magnitude, "log": logarithm
}  # fmt: skip


def digits(value: Any) -> int:
    return max(int(value.numerator).bit_length(), int(value.denominator).bit_length()) * 3 // 10


def checked(value: Any) -> Any:
    import sympy

    if getattr(value, "is_Rational", False) and digits(value) > MOST_DIGITS:
        raise TooManyDigits
    real = value.is_extended_real is not False or value is sympy.zoo
    return value if real and not isinstance(value, sympy.AccumBounds) else sympy.nan


def gegenbauer(n: int, alpha: Fraction, u: Any) -> Any:
    """C(n, alpha, u) by its three-term recurrence; alpha = 0 stands for T_n."""
    a = exact(alpha)
    before, value = exact(1), (2 * a * u if alpha else u)
    if n == 0:
        return before
    for k in range(2, n + 1):
        following = (2 * u * (k + a - 1) * value - (k + 2 * a - 2) * before) / k if alpha else 2 * u * value - before
        before, value = value, checked(following)
    return value


def sinc(n: int, u: Any) -> Any:
    """The n-th derivative of sin(pi u)/(pi u)."""
    import sympy

    if u == 0:
        return sympy.Integer(0) if n % 2 else sympy.Integer(-1) ** (n // 2) * sympy.pi**n / (n + 1)
    value = sympy.sin(sympy.pi * u) / (sympy.pi * u)
    for k in range(1, n + 1):
        wave = sympy.sin(sympy.pi * u + k * sympy.pi / 2)
        value = (sympy.pi ** (k - 1) * wave - k * value) / u
    return value


def length(program: Program, leaves: Mapping[str, Sequence[int]]) -> int:
    """Digits of all nodes together, at most; an irrational number is an expression, and its digits are those of its terms.

    Sums and products have those of both sides. A polynomial of an irrational number is an expression that doubles order by order.
    """
    sizes: list[int] = []
    rational: list[bool] = []
    for node in program.nodes:
        op, args, value = node
        sides = [sizes[a] for a in args]
        whole = all(rational[a] for a in args) and op != "pi" and (op not in FUNCTIONS or op in ("abs", "where"))
        size = sum(sides) + 1
        if op in leaves:
            size = leaves[op][value]
        elif op == "number":
            size = digits(value)
        elif op == "gegenbauer":
            size *= value[0] if whole else 2 ** value[0]
        elif op == "where":
            size = max(sides[1:])
        elif op == "**":
            exponent = program.nodes[args[1]]
            whole = whole and exponent.op == "number" and exponent.value.denominator == 1
            size = sides[0] * abs(int(exponent.value)) if whole else size
        sizes.append(size)
        rational.append(whole)
    return sum(sizes) + EXPRESSION * rational.count(False)
