"""The user's own program with a hook at every number that it computes: values can be read, and forced.

The file's syntax tree is rewritten: each expression E in a function becomes `hook(site, E)`. Line numbers and the meaning stay.
Only functions of the user's file are run, with the names that they see there; this is the user's code, trusted as such.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Collection, Iterator, Mapping
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from steepest.check.program.syntax import is_key, is_plain, last_name, loops, names, segment
from steepest.check.user import TooLong, UserGradient, read

Array = np.ndarray[Any, Any]
Force = Callable[[int, Any], Any]  # (occurrence, the user's value) → the value instead

HOOK = "__steepest_hook__"
ROOM = frozenset({"empty", "zeros", "empty_like", "zeros_like"})  # what they give is written later
WHOLE = frozenset(
    {"len", "enumerate", "zip", "isinstance", "print", "slice", "list", "tuple", *ROOM}
)  # their arguments are no numbers
UNJIT = frozenset({"jit", "njit", "vectorize", "cache", "lru_cache"})
HOOKED = ast.Constant | ast.Name | ast.Subscript | ast.Attribute | ast.Call | ast.BinOp | ast.UnaryOp | ast.IfExp
SLACK = 50  # times as many hooks as in an ordinary run: a forced value keeps a `while` from ending


class Site(NamedTuple):
    """One expression. `statement` is the index of the site of the whole right side that it stands in.

    Kinds of our own: "Input": data["x"], "Own": a call of the file's functions, "Result": what `+=` leaves, "Bound": an
    argument or a loop's variable.
    """

    line: int
    text: str
    kind: str  # the class of its node, or one of the four below
    statement: int
    target: str  # what the statement assigns to; "return" for a return
    place: str  # what it is in: "whole" right side, "operand", "element", "argument", "own argument" of the file's functions
    function: str  # the one of the file that it stands in
    operands: tuple[int, ...] = ()  # the sites on the two sides of a "BinOp", or of the arguments of a "Call"


class Record(NamedTuple):
    """What a site gave: `value` is flat, (k,)."""

    site: int
    occurrence: int
    value: Array


class Instrumented:
    """`run(theta, rows)` is the user's gradient; `force` replaces what the one active site gives."""

    def __init__(self, user: UserGradient, sites: list[Site], tree: ast.Module, path: str, loops: list[range]) -> None:
        self.sites, self.loops = sites, loops
        self.parameters, self._limited = user.parameters, user.limited
        function = user.function
        names = {**function.__globals__, **_closure(function), HOOK: self._hook}
        exec(compile(tree, path, "exec"), names)
        self._function = names[function.__name__]
        self._active = -1
        self._force: Force | None = None
        self._log: list[Record] | None = None
        self._counts: dict[int, int] = {}
        self._left = self._usual = 100_000
        self.runs = 0

    def run(self, theta: Array, rows: Mapping[str, Array], site: int = -1, force: Force | None = None) -> Array | None:
        """The gradient, (p,); None where the program does not end in one."""
        self.runs += 1
        self._active, self._force, self._counts, self._left = site, force, {}, SLACK * self._usual
        try:
            with self._limited():
                value = self._function(np.array(theta), {name: np.array(column) for name, column in rows.items()})
            gradient = read(value, self.parameters).gradient
        except (Exception, SystemExit, TooLong):
            return None
        return gradient if np.isfinite(gradient).all() else None

    def trace(self, theta: Array, rows: Mapping[str, Array], site: int = -1, force: Force | None = None) -> list[Record]:
        """Every value of a run, in order."""
        self._log = []
        self.run(theta, rows, site, force)
        log, self._log = self._log, None
        self._usual = max(len(log), 1)
        return log

    def _hook(self, site: int, value: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise RuntimeError("a loop does not end")
        if site != self._active and self._log is None:
            return value
        if not _is_numeric(value):
            return value
        occurrence = self._counts.get(site, 0)
        self._counts[site] = occurrence + 1
        if site == self._active and self._force is not None:
            value = self._force(occurrence, value)
        if self._log is not None:
            self._log.append(Record(site, occurrence, np.array(value, dtype=float).ravel()))
        return value


def instrument(user: UserGradient) -> Instrumented | None:
    """None where there is no source, or it is no plain function of a file."""
    source = user.source
    if source is None or user.kind != "numpy" or not isinstance(user.function, FunctionType):
        return None
    try:
        module = ast.parse(source.text)
    except SyntaxError:
        return None
    found = _functions(module, user.function.__code__.co_firstlineno)
    hooks = _Hooks(source.text, [node.name for node in found])
    rounds = loops(found)
    for function in found:
        hooks.function(function)
    tree = ast.fix_missing_locations(ast.Module(body=list(found), type_ignores=[]))
    try:
        return Instrumented(user, hooks.sites, tree, source.path, rounds)
    except Exception:
        return None


def _functions(module: ast.Module, line: int) -> list[ast.FunctionDef]:
    """The file's functions; of those around a function that starts at this line, that one alone."""
    everywhere = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)]
    inner = [node for node in everywhere if _first_line(node) == line and node not in module.body]
    outer = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    return [node for node in outer if not any(part in inner for part in ast.walk(node))] + inner


def _first_line(node: ast.FunctionDef) -> int:
    return min([node.lineno, *(d.lineno for d in node.decorator_list)])


def _closure(function: Any) -> dict[str, Any]:
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {name: cell.cell_contents for name, cell in cells}


def _is_numeric(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fi" and 0 < value.size <= 256
    return isinstance(value, float | int | np.floating | np.integer) and not isinstance(value, bool)


class _Hooks(ast.NodeTransformer):
    """Wraps expressions, innermost first."""

    def __init__(self, text: str, own: Collection[str]) -> None:
        self.lines = text.encode().splitlines(keepends=True)
        self.own = own
        self.sites: list[Site] = []
        self._target = ""
        self._place = "whole"
        self._function = ""

    def function(self, node: ast.FunctionDef) -> None:
        outer, self._function = self._function, node.name
        node.decorator_list = [d for d in node.decorator_list if last_name(d) not in UNJIT]
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        bound = [self._bound(each.arg, each) for each in arguments]
        node.body = [*bound, *(line for part in node.body for line in self._lines(part))]
        self._function = outer

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.function(node)
        return node

    def _lines(self, part: ast.stmt) -> Iterator[ast.stmt]:
        yield self.visit(part)
        if isinstance(part, ast.AugAssign) and is_plain(part.target):
            loaded = ast.parse(ast.unparse(part.target), mode="eval").body
            target = ast.parse(ast.unparse(part.target) + " = 0").body[0]
            assert isinstance(target, ast.Assign)
            target.value = self._hooked(loaded, part, "Result")
            yield ast.copy_location(target, part)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                setattr(node, name, [line for part in block for line in self._lines(part)])
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                setattr(node, name, self.visit(value))
            elif isinstance(value, list) and name not in ("body", "orelse", "finalbody"):
                setattr(node, name, [self.visit(v) if isinstance(v, ast.AST) else v for v in value])
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        bound = [self._bound(name.id, name) for name in names(node.target)]
        self.generic_visit(node)
        node.body = [*bound, *node.body]
        return node

    def _bound(self, name: str, node: ast.AST) -> ast.stmt:
        """name = hook(site, name)"""
        value = ast.copy_location(ast.Name(name, ast.Load()), node)
        target = ast.copy_location(ast.Name(name, ast.Store()), node)
        return ast.copy_location(ast.Assign([target], self._hooked(value, value, "Bound", "bound")), node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        return self._assigned(node, ", ".join(ast.unparse(target) for target in node.targets))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        return self._assigned(node, ast.unparse(node.target))

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        return self._assigned(node, ast.unparse(node.target) + " +")

    def visit_Return(self, node: ast.Return) -> ast.AST:
        return self._assigned(node, "return")

    def _assigned(self, node: Any, target: str) -> ast.AST:
        self._target = target
        if node.value is not None:
            node.value = self._right_side(node.value)
        self._target = ""
        return node  # type: ignore[no-any-return]

    def _right_side(self, value: ast.expr) -> ast.expr:
        """Each element of a tuple or list is a right side of its own."""
        if isinstance(value, ast.Tuple | ast.List):
            value.elts = [self._right_side(item) for item in value.elts]
            return value
        first = len(self.sites)
        done: ast.expr = self.visit(value)
        whole = len(self.sites) - 1
        for k in range(first, whole + 1):
            self.sites[k] = self.sites[k]._replace(statement=whole)
        return done

    def visit(self, node: ast.AST) -> Any:
        if not isinstance(node, ast.expr):
            return super().visit(node)
        loaded = isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
        if not loaded or (isinstance(node, ast.Constant) and type(node.value) not in (int, float)):
            return node
        if not isinstance(node, HOOKED):
            place = "element" if isinstance(node, ast.List | ast.Tuple) else "operand"
            return self._within(place, self.generic_visit, node)
        original, place = copy.deepcopy(node), self._place
        if isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Subscript | ast.Attribute):
            if not isinstance(node.value, ast.Name):
                node.value = self._within("operand", self.visit, node.value)
        else:
            self._within("operand", self.generic_visit, node)
        if isinstance(node, ast.Call) and last_name(node.func) in ROOM:
            return node
        kind = type(node).__name__
        if isinstance(node, ast.Subscript) and is_key(node.slice):
            kind = "Input"
        elif isinstance(node, ast.Call) and last_name(node.func) in self.own:
            kind = "Own"
        return self._hooked(node, original, kind, place)

    def _call(self, node: ast.Call) -> None:
        name = last_name(node.func)
        if isinstance(node.func, ast.Attribute) and not isinstance(node.func.value, ast.Name):
            node.func.value = self._within("operand", self.visit, node.func.value)
        if name not in WHOLE:
            place = "own argument" if name in self.own else "argument"
            node.args = [self._within(place, self.visit, argument) for argument in node.args]

    def _within(self, place: str, visit: Callable[[Any], Any], node: ast.AST) -> Any:
        before, self._place = self._place, place
        done = visit(node)
        self._place = before
        return done

    def _hooked(self, node: ast.expr, original: ast.AST, kind: str, place: str = "whole") -> ast.expr:
        line = getattr(original, "lineno", 0)
        text = " ".join((segment(self.lines, original) or ast.unparse(original)).split())
        parts = [node.left, node.right] if isinstance(node, ast.BinOp) else node.args if isinstance(node, ast.Call) else []
        operands = tuple(_site(part) for part in parts)
        self.sites.append(Site(line, text, kind, len(self.sites), self._target, place, self._function, operands))
        call = ast.Call(ast.Name(HOOK, ast.Load()), [ast.Constant(len(self.sites) - 1), node], [])
        return ast.copy_location(call, original)


def _site(node: ast.expr) -> int:
    """The site of an expression that has its hook; -1 where it has none."""
    hooked = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == HOOK
    return int(node.args[0].value) if hooked else -1  # type: ignore[attr-defined]
