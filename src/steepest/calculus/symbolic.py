"""The derivation as SymPy expressions: of one row, or of all rows with their exact numbers put in.

Expressions are built node by node from numbers, symbols and SymPy's functions. No text is parsed, nothing is solved.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cmp_to_key
from typing import TYPE_CHECKING, Any

from steepest.calculus.algebra import Algebra
from steepest.calculus.worked import Fresh
from steepest.errors import OptionError
from steepest.language.expand import expand
from steepest.language.functions import FUNCTIONS
from steepest.language.program import Node, Program
from steepest.language.tokens import name_fault

if TYPE_CHECKING:
    from steepest.calculus.derivation import Derivation

KNOWN = frozenset(name for name, row in FUNCTIONS.items() if row.sympy) | {"sinc"}
MOST_OPERATIONS = 20_000
MOST_ROWS = 1_000

Leaves = Mapping[str, Sequence[Any]]
Number = float | Fraction


def row_outputs(derivation: Derivation, kind: str) -> dict[str, Any]:
    """The outputs of one of the derivation's programs for one row, times the scale of the loss.

    The mean over the rows (for `sse` the sum) is the loss, its gradient, its Hessian.
    """
    derivation.by_parameter("a SymPy expression")
    program = expand(derivation.program(kind), KNOWN)
    _limit(len(program.nodes))
    return _expressions(_scaled(program, derivation.criterion.scale), derivation)


def over_rows(
    derivation: Derivation, columns: Sequence[Iterable[Number]], weights: Iterable[Number] | None, output: str = "loss"
) -> Any:
    """The loss, or another output of the gradient, over all rows, unexpanded; a float is the binary fraction that it is.

    Raises OptionError beyond 1,000 rows, or 20,000 operations.
    """
    derivation.by_parameter("a SymPy expression")
    rows = list(zip(*columns, strict=True))
    if len(rows) > MOST_ROWS:
        raise OptionError(
            f"the loss has a term for each of the {len(rows):,} rows: at most {MOST_ROWS:,} are written out.\n"
            "derivation.loss is the loss of one row"
        )
    loss = derivation.criterion
    counts = [Fraction(1)] * len(rows) if weights is None else [Fraction(w) for w in weights]
    divisor = sum(counts) / loss.scale if loss.mean else 1 / loss.scale
    program = expand(derivation.program("value" if output == "loss" else "gradient"), KNOWN)
    program = program.pruned({output: program.outputs[output]})
    _limit(len(program.nodes) * len(rows))
    a = Algebra()
    total = a.number(0)
    for row, count in zip(rows, counts, strict=True):
        total = a.plus(total, a.times(a.number(count / divisor), _on_row(a, program, row)))
    return _expressions(Program(tuple(a.nodes), {"loss": total}), derivation)["loss"]


def _on_row(a: Algebra, program: Program, row: Sequence[Number]) -> int:
    """The program's one output with a row's numbers in the places of the columns."""
    place: list[int] = []
    for op, args, value in program.nodes:
        if op == "column":
            place.append(a.number(Fraction(row[value])))
        else:
            place.append(a.emit(op, tuple(place[arg] for arg in args), value))
    (output,) = program.outputs.values()
    return place[output]


def _scaled(program: Program, scale: Fraction) -> Program:
    a = Algebra()
    outputs = {name: a.scaled(scale, index) for name, index in a.inline(program, {}).items()}
    return Program(tuple(a.nodes), outputs)


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
    "sqrt": lambda u: u ** _number(Fraction(1, 2)),
}
_RELATIONS = {"<": "Lt", "<=": "Le", ">": "Gt", ">=": "Ge", "==": "Eq", "!=": "Ne"}


def _expressions(program: Program, derivation: Derivation) -> dict[str, Any]:
    try:
        return _values(program, symbols(derivation))
    except RecursionError:
        raise OptionError(
            "functions are nested too deeply for SymPy here; latex() and text() of the derivation have no such limit"
        ) from None


def _values(program: Program, leaves: Leaves) -> dict[str, Any]:
    """The expression of every output.

    While sums, products and powers are built, a function is a placeholder: SymPy asks for the signs of what it multiplies,
    which takes exponential time in nested functions.
    """
    import sympy

    values: list[Any] = []
    free: list[bool] = []  # does it hold a symbol?
    filled = _Filled()
    for node in program.nodes:
        args = [values[arg] for arg in node.args]
        symbolic = any(free[arg] for arg in node.args)
        if node.op == "number":
            value = _number(node.value)
        elif node.op == "pi":
            value = sympy.pi
        elif node.op in leaves:
            value = leaves[node.op][node.value]
            symbolic = bool(value.is_Symbol)
        elif node.op in _ARITHMETIC:
            value = _ARITHMETIC[node.op](*args)
        elif node.op in _RELATIONS:
            value = getattr(sympy, _RELATIONS[node.op])(*map(filled, args), evaluate=not symbolic)
        else:
            function = _function(node, [filled(arg) for arg in args], symbolic)
            value = filled.placeholder(function) if symbolic else function
        values.append(value)
        free.append(symbolic)
    return {name: filled(values[index]) for name, index in program.outputs.items()}


class _Filled:
    """Puts functions in the places of their placeholders, without evaluating anything."""

    def __init__(self) -> None:
        self.known: dict[Any, Any] = {}

    def placeholder(self, function: Any) -> Any:
        import sympy

        place = sympy.Dummy()
        self.known[place] = function
        return place

    def __call__(self, expression: Any) -> Any:
        if expression not in self.known:
            args = tuple(self(arg) for arg in expression.args)
            self.known[expression] = expression if args == expression.args else self._rebuilt(expression, args)
        return self.known[expression]

    @staticmethod
    def _rebuilt(expression: Any, args: tuple[Any, ...]) -> Any:
        import sympy

        if expression.is_Pow:
            return sympy.Pow(*args, evaluate=False)
        ordered = sorted(args, key=cmp_to_key(sympy.Basic.compare))  # the order of an evaluated sum or product
        return type(expression)(*ordered, evaluate=False)


def _function(node: Node, args: list[Any], symbolic: bool) -> Any:
    import sympy

    if node.op == "where":
        condition, a, b = args
        if condition in (sympy.true, sympy.false):
            return a if condition == sympy.true else b
        return _piecewise(a, condition, b)
    if node.op == "gegenbauer":
        n, alpha = node.value
        return _gegenbauer(n, alpha, args[0], evaluate=not symbolic)
    if node.op == "sinc":
        return _sinc(node.value, args[0], evaluate=not symbolic)
    function = getattr(sympy, FUNCTIONS[node.op].sympy)
    if symbolic and node.op in ("min", "max"):
        return sympy.Expr.__new__(function, *args)  # which would sort them, by writing them out
    return function(*args, evaluate=not symbolic)


def _gegenbauer(n: int, alpha: Fraction, u: Any, evaluate: bool) -> Any:
    """C(n, alpha, u) under the name that SymPy has for it, not written out; alpha = 0 stands for T_n."""
    import sympy

    names = {Fraction(1, 2): sympy.legendre, Fraction(0): sympy.chebyshevt, Fraction(1): sympy.chebyshevu}
    function, order = (names[alpha], (n,)) if alpha in names else (sympy.gegenbauer, (n, _number(alpha)))
    return function(*order, u, evaluate=evaluate)


def _sinc(n: int, u: Any, evaluate: bool) -> Any:
    """The n-th derivative of sin(pi u)/(pi u), with its value at 0."""
    import sympy

    if n == 0:
        return sympy.sinc(sympy.pi * u, evaluate=evaluate)
    x = sympy.Dummy()
    z = sympy.pi * x
    slope = sympy.sinc(z)
    for k in range(1, n + 1):
        slope = (sympy.pi ** (k - 1) * sympy.sin(z + k * sympy.pi / 2) - k * slope) / x
    at_zero = sympy.Integer(0) if n % 2 else sympy.Integer(-1) ** (n // 2) * sympy.pi**n / (n + 1)
    if evaluate:
        return at_zero if u == 0 else slope.xreplace({x: u})
    return _piecewise(at_zero, sympy.Eq(u, 0, evaluate=False), slope.xreplace({x: u}))


def _piecewise(a: Any, condition: Any, b: Any) -> Any:
    """A Piecewise as it stands: SymPy's own constructor would unfold pieces inside the condition, and solve it."""
    import sympy
    from sympy.functions.elementary.piecewise import ExprCondPair

    pairs = [sympy.Tuple.__new__(ExprCondPair, *pair) for pair in ((a, condition), (b, sympy.true))]
    return sympy.Basic.__new__(sympy.Piecewise, *pairs)
