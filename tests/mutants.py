"""Blind faults: every single mutation of gradients written by hand, and which of them change nothing.

Eight problems in five styles (tests/handmade). A mutation replaces one operator, changes one constant by 1, drops one
operand or reads another variable; it is made in the text, so every line keeps its number. A mutant is *equivalent* if it
agrees with the original in long double at 20 random points with 1 to 9 rows.
"""

from __future__ import annotations

import ast
import importlib
import linecache
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from steepest.check.user import UserGradient
from steepest.problem import Problem

Array = np.ndarray[Any, Any]
STYLES = ("straight", "shared", "matrix", "loops", "helpers")
POINTS = 20


class Setting(NamedTuple):
    """A problem that all styles solve."""

    formula: str
    loss: str
    start: dict[str, float]
    response: str = "real"


SETTINGS = {
    "sine": Setting("y ~ a + b*P3(c + d*x)", "mse", {"a": 0.2, "b": -1.1, "c": 0.15, "d": 0.6}),
    "damped": Setting("y ~ a*exp(-b*x)*cos(w*x + p) + c", "half-mse", {"a": 1.3, "b": 0.4, "w": 1.7, "p": 0.3, "c": -0.2}),
    "growth": Setting("y ~ a/(1 + exp(-(x - m)/s))", "mse", {"a": 2.0, "m": 0.3, "s": 0.7}),
    "classes": Setting("y ~ a + b*x + c*z", "logistic", {"a": 0.2, "b": 1.1, "c": -0.6}, "binary"),
    "peak": Setting("y ~ a*exp(-((x - m)/s)**2/2) + b", "sse", {"a": 1.5, "m": 0.3, "s": 0.8, "b": 0.2}),
    "ratio": Setting("y ~ (a + b*x)/(1 + c*x + d*x**2)", "mse", {"a": 1.0, "b": 0.5, "c": 0.3, "d": 0.7}),
    "counts": Setting("y ~ a + b*log(z) + k*x", "poisson", {"a": 0.3, "b": 0.5, "k": 0.2}, "count"),
    "cubic": Setting("y ~ poly(x, 3, w)", "mse", {"w0": 0.4, "w1": 0.5, "w2": -0.6, "w3": 0.3}),
}

OPERATORS: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult,),
    ast.Pow: (ast.Mult,),
}
SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}


class Mutant(NamedTuple):
    """`text` is the whole file, `line` the line of the mutated node in it."""

    problem: str
    style: str
    kind: str  # operator, constant, dropped, variable
    line: int
    before: str
    after: str
    text: str


def problem(name: str) -> Problem:
    setting = SETTINGS[name]
    rng = np.random.default_rng(3)
    x, z = rng.uniform(-2, 2, 60), rng.uniform(0.2, 3, 60)
    y = {"real": rng.normal(0, 1.5, 60), "binary": rng.integers(0, 2, 60).astype(float), "count": rng.poisson(2, 60).astype(float)}
    return Problem(setting.formula, {"x": x, "z": z, "y": y[setting.response]}, loss=setting.loss, start=setting.start)


def original(style: str) -> str:
    path = importlib.import_module(f"handmade.{style}").__file__
    return Path(str(path)).read_text(encoding="utf-8")


def function(text: str, name: str, path: str = "mutant.py", **instead: Any) -> Callable[..., Any]:
    """The function of a file's text; `instead` replaces what it imported."""
    module = types.ModuleType("mutant")
    exec(compile(text, path, "exec"), vars(module))
    vars(module).update(instead)
    found: Callable[..., Any] = getattr(module, name)
    return found


def user(text: str, name: str, setting: Problem, path: str = "mutant.py") -> UserGradient:
    """The function of a file's text, with its source."""
    linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
    return UserGradient(function(text, name, path), setting.parameters, setting.columns.names)


def mutants(name: str, style: str, seed: int = 0) -> Iterator[Mutant]:
    """Every mutant of a gradient and of the functions that it calls."""
    text = original(style)
    rng = np.random.default_rng(seed)
    for part in _reached(ast.parse(text), name):
        for node, kind, after in _mutations(part, rng):
            before = str(ast.get_source_segment(text, node))
            yield Mutant(name, style, kind, node.lineno, before, after, _replaced(text, node, after))


def is_equivalent(mutant: Mutant) -> bool | None:
    """Does the mutant compute what the original does? None: it gives no finite gradient at all."""
    right = function(original(mutant.style), mutant.problem, math=np)
    wrong = function(mutant.text, mutant.problem, math=np)
    rng = np.random.default_rng(17)
    size = len(SETTINGS[mutant.problem].start)
    finite = 0
    for k in range(POINTS):
        n = 1 + k % 9
        theta = rng.uniform(0.2, 1.8, size).astype(np.longdouble)
        data = {c: rng.uniform(0.1, 2, n).astype(np.longdouble) for c in ("x", "z", "y")}
        try:
            with np.errstate(all="ignore"):
                g = np.asarray(wrong(theta.copy(), {c: v.copy() for c, v in data.items()}), dtype=np.longdouble)
        except Exception:
            return None
        if g.shape != (size,):
            return None
        true = right(theta, data)
        finite += bool(np.isfinite(g).all())
        if np.isfinite(g).all() and np.max(abs(g - true)) > 1e-13 * (1 + np.max(abs(true))):
            return False
    return True if finite == POINTS else None


def _reached(module: ast.Module, name: str) -> list[ast.FunctionDef]:
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    found, left = [], [name]
    while left:
        part = functions.get(left.pop())
        if part is not None and part not in found:
            found.append(part)
            left += [n.func.id for n in ast.walk(part) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    return sorted(found, key=lambda part: part.lineno)


def _mutations(part: ast.FunctionDef, rng: np.random.Generator) -> Iterator[tuple[Any, str, str]]:
    """(node, kind, its new text)."""
    callees = {id(n.func) for n in ast.walk(part) if isinstance(n, ast.Call)}
    owners = {id(n.value) for n in ast.walk(part) if isinstance(n, ast.Attribute)}
    for node in ast.walk(part):
        if isinstance(node, ast.BinOp):
            left, right = ast.unparse(node.left), ast.unparse(node.right)
            for other in OPERATORS.get(type(node.op), ()):
                yield node, "operator", f"(({left}) {SIGNS[other]} ({right}))"
            yield node, "dropped", f"({left})"
            yield node, "dropped", f"({right})"
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            yield node, "dropped", f"({ast.unparse(node.operand)})"
        elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub):
            sign = "-=" if isinstance(node.op, ast.Add) else "+="
            yield node, "operator", f"{ast.unparse(node.target)} {sign} {ast.unparse(node.value)}"
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield node, "constant", f"({node.value + 1})"
            yield node, "constant", f"({node.value - 1})"
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and id(node) not in callees | owners:
            others = [name for name in _known(part, node.lineno) if name != node.id]
            if node.id in _known(part, node.lineno):
                for k in rng.permutation(len(others))[:2]:
                    yield node, "variable", others[k]


def _known(part: ast.FunctionDef, line: int) -> list[str]:
    """Numbers that have a name before this line."""
    arguments = [a.arg for a in part.args.args if a.arg not in ("data", "theta")]
    stored = [n.id for n in ast.walk(part) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and n.lineno < line]
    return list(dict.fromkeys([*arguments, *stored]))


def _replaced(text: str, node: Any, after: str) -> str:
    lines = text.splitlines(keepends=True)
    first, last = node.lineno - 1, node.end_lineno - 1
    head = lines[first].encode()[: node.col_offset].decode()
    tail = lines[last].encode()[node.end_col_offset :].decode()
    return "".join([*lines[:first], head + after + tail, *lines[last + 1 :]])
