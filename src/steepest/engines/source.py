"""Prints the plan of a kernel as a Python function, and runs generated source.

The text that an engine runs is the text that a user can read. It holds positional names and numbers only: `p0` is the first
parameter, `x0` the first column, `t0` an intermediate value. No name or string of a user or of a file enters it.
"""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from steepest.calculus.kernel import Kernel
from steepest.errors import EngineError
from steepest.language.functions import FUNCTIONS
from steepest.language.program import Node, Program, float64

ATOM, POWER, NEGATIVE, PRODUCT, SUM, COMPARISON = 6, 5, 4, 3, 2, 1
LEVELS = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT}
LONGEST = 90  # characters of an expression beyond which it gets a name of its own

Text = tuple[str, int]


def number(value: Fraction) -> Text:
    """A number as Python writes its float64."""
    exact = int(value) if value.denominator == 1 and abs(value) < 10**15 else float64(value)
    if math.isinf(exact):
        return ("np.inf", ATOM) if value > 0 else ("-np.inf", NEGATIVE)
    text = f"{exact}.0" if isinstance(exact, int) else repr(exact)
    return text, ATOM if value >= 0 else NEGATIVE


def call(function: str, *args: Text) -> Text:
    return f"{function}({', '.join(text for text, _ in args)})", ATOM


def operation(node: Node, args: Sequence[Text]) -> Text:
    """One node in NumPy's words."""
    op = node.op
    if op in LEVELS:
        level = LEVELS[op]
        right = args[1][0] if args[1][1] > level else f"({args[1][0]})"
        left = args[0][0] if args[0][1] >= level else f"({args[0][0]})"
        return f"{left} {op} {right}" if level == SUM else f"{left}{op}{right}", level
    if op == "neg":
        return f"-{args[0][0] if args[0][1] > NEGATIVE else f'({args[0][0]})'}", NEGATIVE
    if op in ("<", "<=", ">", ">=", "==", "!="):
        left, right = (text if level > COMPARISON else f"({text})" for text, level in args)
        return f"{left} {op} {right}", COMPARISON
    if op == "**":
        return call("np.power", *args)
    if op == "where":
        return call("np.where", *args)
    if op == "gegenbauer":
        n, alpha = node.value
        return call("gegenbauer", (str(n), ATOM), number(alpha), *args)
    return call(FUNCTIONS[op].numpy, *args)


class Lines:
    """Prints nodes as assignments; a value that is used once stays inside the expression that uses it."""

    def __init__(self, nodes: Sequence[Node], leaves: Mapping[int, str], kept: Iterable[int]) -> None:
        self.nodes = nodes
        self.leaves = leaves
        self.lines: list[str] = []
        self.texts: dict[int, Text] = {}
        self.uses = Counter(arg for node in nodes for arg in node.args)
        self.uses.update(kept)

    def print(self, which: Iterable[int]) -> None:
        for i in which:
            node = self.nodes[i]
            if node.op == "number":
                self.texts[i] = number(node.value)
            elif node.op == "pi":
                self.texts[i] = ("np.pi", ATOM)
            elif i in self.leaves:
                self.texts[i] = (self.leaves[i], ATOM)
            else:
                text = operation(node, [self.texts[arg] for arg in node.args])
                self.texts[i] = self.named(text) if self.uses[i] > 1 or len(text[0]) > LONGEST else text

    def named(self, text: Text) -> Text:
        name = f"t{len(self.lines)}"
        self.lines.append(f"{name} = {text[0]}")
        return name, ATOM


def leaves(nodes: Sequence[Node]) -> dict[int, str]:
    letters = {"parameter": "p", "column": "x"}
    return {i: f"{letters[node.op]}{node.value}" for i, node in enumerate(nodes) if node.op in letters}


def numpy_sums(kernel: Kernel, weighted: bool) -> str:
    """Source of `sums(theta, weight, …columns)`: an array with every sum of the kernel."""
    kept = [i for s in kernel.sums for i in (s.outer, s.inner) if i is not None]
    lines = Lines(kernel.nodes, leaves(kernel.nodes), kept)
    lines.print(kernel.once)
    split = len(lines.lines)
    lines.print(kernel.rows)
    columns = ", ".join(f"x{j}" for j in range(kernel.columns))
    totals = []
    for s in kernel.sums:
        outer, level = lines.texts[s.outer]
        if s.inner is None:
            total = "total"
        else:
            inner, inner_level = lines.texts[s.inner]
            total = f"np.sum(w*{inner if inner_level >= PRODUCT else f'({inner})'})" if weighted else f"np.sum({inner})"
        factor = outer if level >= PRODUCT else f"({outer})"
        totals.append(f"        {total if outer == '1.0' else f'{factor}*{total}'},  # {s.name}")
    return "\n".join(
        [
            f"def sums(theta, total, w{', ' if columns else ''}{columns}):",
            f"    {unpack(kernel.parameters)} = theta",
            *(f"    {line}" for line in lines.lines[:split]),
            *(f"    {line}" for line in lines.lines[split:]),
            "    return np.array([",
            *totals,
            "    ])",
            "",
        ]
    )


def numpy_rows(kernel: Kernel) -> str:
    """Source of `rows(theta, …columns)`: a tuple of values or arrays, one for each output."""
    lines = Lines(kernel.nodes, leaves(kernel.nodes), [s.outer for s in kernel.sums])
    lines.print(range(len(kernel.nodes)))
    columns = ", ".join(f"x{j}" for j in range(kernel.columns))
    return "\n".join(
        [
            f"def rows(theta{', ' if columns else ''}{columns}):",
            f"    {unpack(kernel.parameters)} = theta",
            *(f"    {line}" for line in lines.lines),
            "    return (",
            *(f"        {lines.texts[s.outer][0]},  # {s.name}" for s in kernel.sums),
            "    )",
            "",
        ]
    )


def numpy_step(step: Program, states: Sequence[str]) -> str:
    """Source of `step(theta, g, eta, t, …states)`: one step of a method, every coordinate at once."""
    names = {"theta": "p0", "g": "p1", "eta": "p2", "t": "p3"} | {name: f"s{k}" for k, name in enumerate(states)}
    outputs = [step.outputs[name] for name in ("theta", *states)]
    places = {i: names[node.value] for i, node in enumerate(step.nodes) if node.op == "name"}
    lines = Lines(step.nodes, places, outputs)
    lines.print(range(len(step.nodes)))
    return "\n".join(
        [
            f"def step({', '.join(names.values())}):",
            *(f"    {line}" for line in lines.lines),
            f"    return ({', '.join(lines.texts[i][0] for i in outputs)},)",
            "",
        ]
    )


def unpack(count: int) -> str:
    return ", ".join(f"p{k}" for k in range(count)) + ("," if count == 1 else "")


ALLOWED = (
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Assign, ast.Return, ast.Name, ast.Load, ast.Store, ast.Constant,
    ast.Tuple, ast.List, ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.UnaryOp, ast.USub, ast.Compare, ast.Lt, ast.LtE,
    ast.Gt, ast.GtE, ast.Eq, ast.NotEq, ast.Call, ast.Attribute,
)  # fmt: skip


def run_source(source: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """Defines the functions of a generated source. Anything beyond arithmetic on known names is refused."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        plain = isinstance(node, ALLOWED)
        if isinstance(node, ast.Attribute):
            plain = isinstance(node.value, ast.Name) and node.value.id in names and not node.attr.startswith("_")
        if isinstance(node, ast.Constant):
            plain = isinstance(node.value, int | float)
        if not plain:
            raise EngineError(f"generated source holds {type(node).__name__}, which no kernel needs: please report this")
    scope: dict[str, Any] = {"__builtins__": {}, **names}
    exec(compile(tree, "<steepest kernel>", "exec"), scope)
    return scope
