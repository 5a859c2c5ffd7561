"""The reference interpreter: a program node by node in NumPy. For samples, diagnosis and rounding bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from steepest.language.constants import OPERATORS
from steepest.language.expand import definition
from steepest.language.functions import FUNCTIONS, numpy_function
from steepest.language.program import Node, Program, float64


def evaluate(
    program: Program,
    parameters: Sequence[Any] = (),
    columns: Sequence[Any] = (),
    names: Mapping[str, Any] | None = None,
) -> list[Any]:
    """The value of every node. Shapes broadcast; what is not finite stays so, without a warning.

    `parameters` and `columns` are taken by position, unresolved names from `names`.

    >>> from steepest.language.parser import parse_expression
    >>> program = parse_expression("2*x + 1")
    >>> evaluate(program, names={"x": [0.0, 3.0]})[program.outputs["value"]]
    array([1., 7.])
    """
    leaves: dict[str, Any] = {"parameter": parameters, "column": columns, "name": names or {}}
    values: list[Any] = []
    with np.errstate(all="ignore"):
        for node in program.nodes:
            if node.op in leaves:
                values.append(_floats(leaves[node.op][node.value]))
            elif node.op == "dot":
                values.append(_dot(program, node, parameters, values))
            else:
                values.append(_apply(node, [values[a] for a in node.args]))
    return values


def _floats(value: Any) -> Any:
    array = np.asarray(value)
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _dot(program: Program, node: Node, parameters: Sequence[Any], values: list[Any]) -> Any:
    first, matrix = program.nodes[node.args[0]].value, values[node.args[1]]
    return matrix @ _floats(parameters[first : first + matrix.shape[-1]])


def _apply(node: Node, args: list[Any]) -> Any:
    if node.op == "number":
        return np.float64(float64(node.value))
    if node.op == "pi":
        return np.float64(np.pi)
    if node.op == "gegenbauer":
        order, alpha = node.value
        return gegenbauer(order, alpha, args[0])
    if node.op == "sinc":
        return sinc(node.value, args[0])
    if node.op == "floor":
        return np.floor(args[0])
    if node.op == "norm":
        return np.sqrt(np.sum(args[0] * args[0]))
    if node.op in OPERATORS:
        return OPERATORS[node.op](*args)
    function = numpy_function(node.op)
    if function is not None:
        return function(*args)
    program = definition(node.op)
    inner = dict(zip(FUNCTIONS[node.op].arguments, args, strict=True))
    return evaluate(program, names=inner)[program.outputs["value"]]


def gegenbauer(n: int, alpha: Fraction | float, u: Any) -> Any:
    """The polynomial C_n^(α)(u), by its recurrence in n; α = 0 stands for Chebyshev's T_n, and order n < 0 for 0.

    k C_k = 2u (k + α - 1) C_{k-1} - (k + 2α - 2) C_{k-2}   (Abramowitz and Stegun 1964, 22.7.3)

    >>> float(gegenbauer(3, Fraction(1, 2), 2.0)), float(gegenbauer(3, Fraction(0), 2.0))
    (17.0, 26.0)
    """
    u = _floats(u)
    a = float(alpha)
    before, value = np.zeros_like(u), np.ones_like(u)
    if n < 0:
        return before
    for k in range(1, n + 1):
        if a == 0:
            before, value = value, u * value if k == 1 else 2 * u * value - before
        else:
            before, value = value, (2 * (k + a - 1) * u * value - (k + 2 * a - 2) * before) / k
    return value


def sinc(n: int, u: Any) -> Any:
    """The n-th derivative of sin(πu)/(πu), in error by a few ε of its maximum π^n/(n+1).

    With x = πu, r_k = s_k/π^k obeys x r_k + k r_{k-1} = sin(x + kπ/2). Errors shrink upwards in k where |x| > n, and
    downwards where |x| < n, from any start far enough above (Miller's method; Olver 1967).

    >>> float(sinc(0, 0.5)), float(sinc(1, 0.0))
    (0.6366197723675814, 0.0)
    """
    u = _floats(u)
    x = np.pi * u
    turn = np.pi * (u - 2 * np.round(u / 2))  # the same angle, reduced before it is rounded
    sine, cosine = np.sin(turn), np.cos(turn)
    waves = (sine, cosine, -sine, -cosine)
    with np.errstate(all="ignore"):
        up = np.where(x == 0, 1.0, sine / x)
        for k in range(1, n + 1):
            up = (waves[k % 4] - k * up) / x
    if n == 0:
        return up
    near = np.where(np.abs(x) <= n, x, 0.0)
    down = np.zeros_like(x)
    for k in range(_start(n), n, -1):
        down = (waves[k % 4] - near * down) / k
    return np.where(np.abs(x) <= n, down, up) * np.pi**n


def _start(n: int) -> int:
    """The order from which an error of 1 shrinks below ε on the way down to n, for |x| <= n."""
    order, left = n, 1.0
    while left > 1e-18:
        order += 1
        left *= n / order
    return order
