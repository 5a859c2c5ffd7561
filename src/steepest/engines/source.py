"""Prints the plan of a kernel as Python functions in the words of a library, and runs generated source.

The text that an engine runs is the text that a user can read. It holds positional names and numbers only: `p0` is the first
parameter, `x0` the first column, `t0` an intermediate value. No name or string of a user or of a file enters it, except that
comments may call parameters and columns by those of their names that are identifiers.
"""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from steepest.calculus.kernel import Kernel
from steepest.engines.words import NUMPY, WITH_A_NUMBER, Words
from steepest.errors import EngineError
from steepest.language.evaluate import evaluate
from steepest.language.program import COMPARISONS, Node, Program, float64

ATOM, POWER, NEGATIVE, PRODUCT, SUM, COMPARISON = 6, 5, 4, 3, 2, 1
LEVELS = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT}
PLAIN = frozenset({"+", "-", "*", "neg"}) | COMPARISONS  # Python does these with numbers as NumPy does
LONGEST = 90  # characters of an expression beyond which it gets a name of its own
LINE = 120  # characters of a line beyond which it has no comment

Text = tuple[str, int]
Names = Mapping[str, str]  # what comments call p0, x0, …


def number(value: Fraction) -> Text:
    """A number as Python writes its float64."""
    exact = int(value) if value.denominator == 1 and abs(value) < 10**15 else float64(value)
    if math.isinf(exact):
        return ("np.inf", ATOM) if value > 0 else ("-np.inf", NEGATIVE)
    text = f"{exact}.0" if isinstance(exact, int) else repr(exact)
    return text, ATOM if value >= 0 else NEGATIVE


def call(template: str, *args: Text) -> Text:
    return template.format(*(text for text, _ in args)), ATOM


class Lines:
    """Prints nodes as assignments; a value that is used once stays inside the expression that uses it."""

    def __init__(self, nodes: Sequence[Node], leaves: Mapping[int, str], kept: Iterable[int], words: Words = NUMPY) -> None:
        self.nodes = nodes
        self.leaves = leaves
        self.words = words
        self.lines: list[str] = []
        self.texts: dict[int, Text] = {}
        self.uses = Counter(arg for node in nodes for arg in node.args)
        self.uses.update(kept)
        self.fixed = [not flag for flag in Program(tuple(nodes), {}).depends_on("parameter", "column", "name")]

    def print(self, which: Iterable[int]) -> None:
        for i in which:
            node = self.nodes[i]
            if node.op == "number":
                self.texts[i] = number(node.value)
            elif node.op == "pi":
                self.texts[i] = (self.words.pi, ATOM)
            elif i in self.leaves:
                self.texts[i] = (self.leaves[i], ATOM)
            elif self.fixed[i] and node.op not in PLAIN and (self.words.tensors or self._is_by_zero(node)):
                self.texts[i] = self._constant(i)
            else:
                text = self._operation(node, [self.texts[arg] for arg in node.args])
                self.texts[i] = self._named(text) if self.uses[i] > 1 or len(text[0]) > LONGEST else text

    def _is_by_zero(self, node: Node) -> bool:
        """A division by 0, which Python refuses where no value is one of the library's own."""
        divisor = {"/": 1, "**": 0}.get(node.op)
        return divisor is not None and self.nodes[node.args[divisor]] == ("number", (), 0)

    def tensor(self, i: int, text: str) -> str:
        """A text that computes from plain numbers only, as one of the library's own values."""
        return f"theta.new_tensor({text})" if self.words.tensors and self.fixed[i] else text

    def _named(self, text: Text) -> Text:
        name = f"t{len(self.lines)}"
        self.lines.append(f"{name} = {text[0]}")
        return name, ATOM

    def _constant(self, i: int) -> Text:
        """The value of a node without leaves, for a library whose functions take no plain numbers."""
        program = Program(tuple(self.nodes), {"it": i}).pruned()
        value = float(evaluate(program)[program.outputs["it"]])
        if math.isnan(value):
            return self.words.nan, ATOM
        if math.isinf(value):
            return (self.words.inf, ATOM) if value > 0 else (f"-{self.words.inf}", NEGATIVE)
        return number(Fraction(value))

    def _operation(self, node: Node, args: Sequence[Text]) -> Text:
        op = node.op
        if op in LEVELS:
            level = LEVELS[op]
            right = args[1][0] if args[1][1] > level else f"({args[1][0]})"
            left = args[0][0] if args[0][1] >= level else f"({args[0][0]})"
            return f"{left} {op} {right}" if level == SUM else f"{left}{op}{right}", level
        if op == "neg":
            return f"-{args[0][0] if args[0][1] > NEGATIVE else f'({args[0][0]})'}", NEGATIVE
        if op in COMPARISONS:
            left, right = (text if level > COMPARISON else f"({text})" for text, level in args)
            both = self.fixed[node.args[0]] and self.fixed[node.args[1]]
            return f"{self.tensor(node.args[0], left) if both else left} {op} {right}", COMPARISON
        if op == "**":
            return self._power(node, args)
        if op == "where":
            return self._where(node, args)
        if op == "norm":
            return call("np.sqrt(np.sum(np.square({})))", *args)
        if op == "gegenbauer":
            n, alpha = node.value
            return call("gegenbauer({}, {}, {})", (str(n), ATOM), number(alpha), *args)
        if op == "abs" and self.words.absolute:
            ((text, level),) = args
            return self.words.absolute.format(text if level > POWER else f"({text})"), PRODUCT
        if self.words.tensors and op in WITH_A_NUMBER and any(self.fixed[a] for a in node.args):
            return call(f"{WITH_A_NUMBER[op]}({{}}, {{}})", *(args if self.fixed[node.args[1]] else reversed(args)))
        return call(f"{self.words.function(op)}({', '.join(['{}'] * len(args))})", *args)

    def _power(self, node: Node, args: Sequence[Text]) -> Text:
        exponent = self.nodes[node.args[1]]
        if exponent.op == "number" and exponent.value.denominator == 1:
            base = args[0][0] if args[0][1] > POWER else f"({args[0][0]})"
            return f"{base}**{exponent.value.numerator}", POWER
        return call(self.words.power, *args)

    def _where(self, node: Node, args: Sequence[Text]) -> Text:
        _, a, b = node.args
        if self.fixed[a] and self.fixed[b]:
            return call(self.words.where, args[0], (self.tensor(a, args[1][0]), ATOM), args[2])
        return call(self.words.where, *args)


def leaves(nodes: Sequence[Node], column: str = "x{}") -> dict[int, str]:
    written = {"parameter": "p{}", "column": column}
    return {i: written[node.op].format(node.value) for i, node in enumerate(nodes) if node.op in written}


def sums_source(kernel: Kernel, words: Words, weighted: bool, names: Names | None = None) -> str:
    """Source of `sums(theta, total, w, …columns)`: an array with every sum of the kernel."""
    lines = Lines(kernel.nodes, leaves(kernel.nodes), kept(kernel), words)
    lines.print(kernel.once)
    lines.print(kernel.rows)
    totals = []
    for s in kernel.sums:
        if s.inner is None:
            total = "total"
        else:
            inner, inner_level = lines.texts[s.inner]
            total = words.sum.format(f"w*{inner if inner_level >= PRODUCT else f'({inner})'}" if weighted else inner)
        text = times(lines.texts[s.outer], total)
        totals.append(f"        {lines.tensor(s.outer, text) if s.inner is None else text},  # {called(s.name, names)}")
    body = words.array.format("\n" + "\n".join(totals) + "\n    ")
    return function("sums", ("total", "w"), kernel, [*lines.lines, f"return {body}"], names)


def rows_source(kernel: Kernel, words: Words, name: str = "rows", names: Names | None = None) -> str:
    """Source of `rows(theta, …columns)`: a tuple of values or arrays, one for each output."""
    lines = Lines(kernel.nodes, leaves(kernel.nodes), [s.outer for s in kernel.sums], words)
    lines.print(range(len(kernel.nodes)))
    outputs = [f"        {lines.texts[s.outer][0]},  # {called(s.name, names)}" for s in kernel.sums]
    return function(name, (), kernel, [*lines.lines, "return (\n" + "\n".join(outputs) + "\n    )"], names)


def value_source(kernel: Kernel, words: Words, name: str, names: Names | None = None) -> str:
    """Source of a function of theta and columns whose result is the one output of the kernel, row by row."""
    (output,) = kernel.sums
    lines = Lines(kernel.nodes, leaves(kernel.nodes), [s.outer for s in kernel.sums], words)
    lines.print(range(len(kernel.nodes)))
    return function(name, (), kernel, [*lines.lines, f"return {lines.texts[output.outer][0]}"], names)


def loop_source(kernel: Kernel, words: Words, weighted: bool, names: Names | None = None) -> str:
    """Source of the same `sums` as one loop over the rows, for a compiler."""
    lines = Lines(kernel.nodes, leaves(kernel.nodes, "x{}[i]"), kept(kernel), words)
    lines.print(kernel.once)
    once = len(lines.lines)
    lines.print(kernel.rows)
    start, add, totals = [], [], []
    for k, s in enumerate(kernel.sums):
        if s.inner is not None:
            inner, level = lines.texts[s.inner]
            start.append(f"s{k} = 0.0")
            add.append(f"s{k} += {'w[i]*' if weighted else ''}{inner if level >= PRODUCT or not weighted else f'({inner})'}")
        total = times(lines.texts[s.outer], "total" if s.inner is None else f"s{k}")
        totals.append(f"        {total},  # {called(s.name, names)}")
    loop = ["for i in range(len(x0)):", *(f"    {line}" for line in (*lines.lines[once:], *add))] if add else []
    body = words.array.format("\n" + "\n".join(totals) + "\n    ")
    return function("sums", ("total", "w"), kernel, [*lines.lines[:once], *start, *loop, f"return {body}"], names)


def step_source(step: Program, states: Sequence[str]) -> str:
    """Source of `step(theta, g, eta, t, …states)` in NumPy's words: one step of a method, every coordinate at once."""
    names = {"theta": "p0", "g": "p1", "eta": "p2", "t": "p3"} | {name: f"s{k}" for k, name in enumerate(states)}
    outputs = [step.outputs[name] for name in ("theta", *states)]
    places = {i: names[node.value] for i, node in enumerate(step.nodes) if node.op == "name"}
    lines = Lines(step.nodes, places, outputs)
    lines.print(range(len(step.nodes)))
    results = f"return ({', '.join(lines.texts[i][0] for i in outputs)},)"
    return "\n".join([f"def step({', '.join(names.values())}):", *(f"    {line}" for line in (*lines.lines, results)), ""])


def kept(kernel: Kernel) -> list[int]:
    """The nodes that a result is read from."""
    return [i for s in kernel.sums for i in (s.outer, s.inner) if i is not None]


def times(factor: Text, total: str) -> str:
    text, level = factor
    return total if text == "1.0" else f"{text if level >= PRODUCT else f'({text})'}*{total}"


def function(name: str, more: Sequence[str], kernel: Kernel, body: Sequence[str], names: Names | None) -> str:
    """A function of theta, `more` and the columns; with `names`, a comment says what each line computes."""
    columns = [f"x{j}" for j in range(kernel.columns)]
    parameters = [f"p{k}" for k in range(kernel.parameters)]
    lines = [f"{', '.join(parameters)}{',' if len(parameters) == 1 else ''} = theta", *body]
    return "\n".join(
        [f"def {name}({', '.join(['theta', *more, *columns])}):", *(f"    {commented(line, names)}" for line in lines), ""]
    )


def called(name: str, names: Names | None) -> str:
    return name if names is None else names.get(name, name)


def commented(line: str, names: Names | None) -> str:
    """An assignment, and what it says in the names of a user."""
    target, equals, expression = line.partition(" = ")
    if not names or not equals:
        return line
    shown = re.sub(r"\b[px][0-9]+\b", lambda word: names.get(word[0], word[0]), target if expression == "theta" else expression)
    return f"{line}  # {shown.rstrip(',')}" if shown not in (expression, target) and len(line) + len(shown) < LINE else line


ALLOWED = (
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Assign, ast.Return, ast.Name, ast.Load, ast.Store, ast.Constant,
    ast.Tuple, ast.List, ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.UnaryOp, ast.USub, ast.Compare, ast.Lt,
    ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq, ast.Call, ast.Attribute,
)  # fmt: skip


def run_source(source: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """Defines the functions of a generated source. Anything beyond arithmetic on known names is refused."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        plain = isinstance(node, ALLOWED)
        if isinstance(node, ast.Attribute):
            known = isinstance(node.value, ast.Name) and (node.value.id in names or (node.value.id, node.attr) == NEW)
            plain = known and not node.attr.startswith("_")
        if isinstance(node, ast.Constant):
            plain = isinstance(node.value, int | float)
        if isinstance(node, ast.Name):
            plain = not node.id.startswith("_")
        if not plain:
            raise EngineError(f"generated source holds {type(node).__name__}, which no kernel needs: please report this")
    # Compiled functions of a library look for `__import__` where they are called from; the source itself cannot name it.
    scope: dict[str, Any] = {"__builtins__": {"__import__": __import__}, **names}
    exec(compile(tree, "<steepest kernel>", "exec"), scope)
    return scope


NEW = ("theta", "new_tensor")
