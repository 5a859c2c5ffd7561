"""The derivation as SymPy expressions: of one row, or of all rows with their exact numbers put in.

Expressions are built node by node from numbers, symbols and SymPy's functions. No text is parsed, nothing is solved.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from steepest.calculus.worked import Fresh
from steepest.errors import OptionError
from steepest.language.expand import expand
from steepest.language.functions import FUNCTIONS
from steepest.language.program import Node, Program
from steepest.language.tokens import name_fault

if TYPE_CHECKING:
    from steepest.calculus.derivation import Derivation

KNOWN = frozenset(name for name, row in FUNCTIONS.items() if row.sympy) | {"sinc"}
MOST_OPERATIONS = 50_000
MOST_ROWS = 1_000

Leaves = Mapping[str, Sequence[Any]]


def row_outputs(derivation: Derivation, kind: str) -> dict[str, Any]:
    """The outputs of one of the derivation's programs for one row, times the scale of the loss.

    The mean over the rows (for `sse` the sum) is the loss, its gradient, its Hessian.
    """
    program = expand(derivation.program(kind), KNOWN)
    _limit(len(program.nodes))
    values = _values(program, symbols(derivation))
    scale = _number(derivation.criterion.scale)
    return {name: scale * values[index] for name, index in program.outputs.items()}


def over_rows(derivation: Derivation, columns: Sequence[Iterable[float]], weights: Iterable[float] | None) -> Any:
    """The loss over all rows as an expression in the parameters, unexpanded; a float is the binary fraction that it is.

    Raises OptionError beyond 1,000 rows, or 50,000 operations.
    """
    import sympy

    rows = list(zip(*columns, strict=True))
    if len(rows) > MOST_ROWS:
        raise OptionError(
            f"the loss has a term for each of the {len(rows):,} rows: at most {MOST_ROWS:,} are written out.\n"
            "derivation.loss is the loss of one row"
        )
    loss = derivation.criterion
    program = expand(derivation.program("value"), KNOWN)
    program = program.pruned({"loss": program.outputs["loss"]})
    _limit(len(program.nodes) * len(rows))
    parameters = symbols(derivation)["parameter"]
    counts = [_number(1)] * len(rows) if weights is None else [_number(w) for w in weights]
    factor = _number(loss.scale) / (sympy.Add(*counts) if loss.mean else 1)
    terms = []
    for row, count in zip(rows, counts, strict=True):
        leaves = {"parameter": parameters, "column": [_number(value) for value in row]}
        terms.append(factor * count * _values(program, leaves)[program.outputs["loss"]])
    return sympy.Add(*terms)


def symbols(derivation: Derivation) -> dict[str, list[Any]]:
    """Symbols named as the parameters and columns; SymPy prints names as they are, so no other name is allowed."""
    import sympy

    formula = derivation.formula
    fresh = Fresh([*formula.parameters, *formula.columns])
    columns = [fresh(f"x{k}", f"column{k}") if name_fault(name) else name for k, name in enumerate(formula.columns)]
    return {
        "parameter": [sympy.Symbol(name) for name in formula.parameters],
        "column": [sympy.Symbol(name) for name in columns],
    }


def _limit(operations: int) -> None:
    if operations > MOST_OPERATIONS:
        raise OptionError(
            f"the expression has {operations:,} operations: SymPy is given at most {MOST_OPERATIONS:,}.\n"
            "latex() and text() of the derivation have no such limit"
        )


def _number(value: Any) -> Any:
    import sympy

    fraction = Fraction(value)
    return sympy.Rational(fraction.numerator, fraction.denominator)


_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "neg": operator.neg,
}
_RELATIONS = {"<": "Lt", "<=": "Le", ">": "Gt", ">=": "Ge", "==": "Eq", "!=": "Ne"}


def _values(program: Program, leaves: Leaves) -> list[Any]:
    import sympy

    values: list[Any] = []
    symbolic: list[bool] = []
    for node in program.nodes:
        args = [values[arg] for arg in node.args]
        free = any(symbolic[arg] for arg in node.args)
        if node.op == "number":
            values.append(_number(node.value))
        elif node.op == "pi":
            values.append(sympy.pi)
        elif node.op in leaves:
            values.append(leaves[node.op][node.value])
            free = bool(values[-1].is_Symbol)
        elif node.op == "**" and isinstance(args[0], sympy.Piecewise):
            values.append(sympy.Pow(*args, evaluate=False))
        elif node.op in _ARITHMETIC:
            values.append(_ARITHMETIC[node.op](*args))
        else:
            values.append(_function(node, args, free))
        symbolic.append(free)
    return values


def _function(node: Node, args: list[Any], free: bool) -> Any:
    import sympy

    if node.op == "where":
        condition, a, b = args
        if condition in (sympy.true, sympy.false):
            return a if condition == sympy.true else b
        return _piecewise(a, condition, b)
    if node.op == "gegenbauer":
        n, alpha = node.value
        return _gegenbauer(n, alpha, args[0], evaluate=not free)
    if node.op == "sinc":
        return _sinc(node.value, args[0])
    function = getattr(sympy, _RELATIONS.get(node.op) or FUNCTIONS[node.op].sympy)
    # SymPy would search for the sign and the period of an argument, which can take minutes.
    return function(*args, evaluate=False) if free else function(*args)


def _gegenbauer(n: int, alpha: Fraction, u: Any, evaluate: bool) -> Any:
    """C(n, alpha, u) under the name that SymPy has for it, not written out; alpha = 0 stands for T_n."""
    import sympy

    names = {Fraction(1, 2): sympy.legendre, Fraction(0): sympy.chebyshevt, Fraction(1): sympy.chebyshevu}
    function, order = (names[alpha], (n,)) if alpha in names else (sympy.gegenbauer, (n, _number(alpha)))
    return function(*order, u, evaluate=evaluate)


def _sinc(n: int, u: Any) -> Any:
    """The n-th derivative of sin(pi u)/(pi u), with its value at 0."""
    import sympy

    z = sympy.pi * u
    value = sympy.sinc(z)
    if n == 0:
        return value
    for k in range(1, n + 1):
        value = (sympy.pi ** (k - 1) * sympy.sin(z + k * sympy.pi / 2) - k * value) / u
    zero = sympy.Eq(u, 0, evaluate=False) if u.free_symbols else sympy.Eq(u, 0)
    at_zero = sympy.Integer(0) if n % 2 else sympy.Integer(-1) ** (n // 2) * sympy.pi**n / (n + 1)
    return at_zero if zero == sympy.true else value if zero == sympy.false else _piecewise(at_zero, zero, value)


def _piecewise(a: Any, condition: Any, b: Any) -> Any:
    """A Piecewise as it stands: SymPy's own constructor would unfold pieces inside the condition, and solve it."""
    import sympy
    from sympy.functions.elementary.piecewise import ExprCondPair

    pairs = [sympy.Tuple.__new__(ExprCondPair, *pair) for pair in ((a, condition), (b, sympy.true))]
    return sympy.Basic.__new__(sympy.Piecewise, *pairs)
