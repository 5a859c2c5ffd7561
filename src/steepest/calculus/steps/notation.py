r"""How parts, parameters and slopes are written: LaTeX, and what each piece of it is called in text."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

from steepest.calculus import tex
from steepest.calculus.latex import applied, total
from steepest.calculus.steps.plan import K, Plan
from steepest.calculus.tex import Form, Kind
from steepest.calculus.worked import Fresh
from steepest.language.names import latex_name, printable
from steepest.language.program import Node, Program

if TYPE_CHECKING:
    from steepest.calculus.derivation import Derivation

Leaf = Callable[[Node], Form]


class Notation:
    """Names that do not clash with the user's, and the forms of programs in them."""

    def __init__(self, derivation: Derivation, plan: Plan, weighted: bool) -> None:
        self.formula, self.criterion, self.plan = derivation.formula, derivation.criterion, plan
        self.parts = {line.name: line for line in plan.lines}
        fresh = Fresh([*self.formula.parameters, *self.formula.columns, *self.parts])
        self.index, self.n = fresh("i", "j", "l"), fresh("n", "N", "M")
        self.total, self.eta, self.k = fresh("L", "J", "E"), fresh("eta", "gamma", "lr"), fresh("k", "m", "q")
        self.matrix, self.vector = fresh("X", "A", "M"), fresh("theta", "beta", "w")
        self.weight = fresh("w", "omega", "h") if weighted else ""
        self.varying: dict[str, bool] = {}
        for line in plan.lines:
            self.varying[line.name] = _varies(line.definition, self.varying)
        self.names: dict[str, tuple[str, str]] = {}
        self._call_by_name()

    def part(self, name: str, indexed: bool = False) -> str:
        """The symbol of a named part."""
        line = self.parts[name]
        text = self._hat if line.kind == "prediction" else r"\ell" if line.kind == "loss" else latex_name(name)
        return self.at_row(text) if indexed and self.varying[name] else text

    def symbol(self, leaf: Node) -> str:
        """A parameter, a part, or the general member of a family."""
        if leaf.op == "parameter":
            return latex_name(self.formula.parameters[leaf.value])
        stem, colon, _ = leaf.value.partition(":")
        return latex_name(f"{stem}_{self.k}") if colon else self.part(leaf.value)

    def slope(self, above: str, below: Node) -> str:
        return rf"\frac{{\partial {self.part(above)}}}{{\partial {self.symbol(below)}}}"

    def total_slope(self, below: Node) -> str:
        return rf"\frac{{\partial {latex_name(self.total)}}}{{\partial {self.symbol(below)}}}"

    def at_row(self, name: str) -> str:
        head, _, subscript = name.partition("_{")
        return f"{head}_{{{subscript.removesuffix('}')}{', ' if subscript else ''}{self.index}}}"

    def form(self, program: Program, leaf: Leaf | None = None) -> Form:
        """The form of a program's result."""
        leaf = leaf or self.leaf
        forms: list[Form] = []
        for node in program.nodes:
            args = [forms[arg] for arg in node.args]
            forms.append(leaf(node) if node.op in ("name", "parameter", "column") else applied(node, args, program.nodes))
        return forms[program.outputs["it"]]

    def text(self, program: Program, leaf: Leaf | None = None) -> str:
        return tex.sum_text(self.form(program, leaf))

    def slope_text(self, program: Program, leaf: Leaf | None = None) -> str:
        """A slope does not begin with a minus sign where another term can stand first."""
        return tex.sum_text(self.form(_turned(program), leaf))

    def leaf(self, node: Node) -> Form:
        return self._leaf(node, False)

    def leaf_at_row(self, node: Node) -> Form:
        return self._leaf(node, True)

    def over_rows(self, program: Program) -> str:
        """The sum or mean over the rows."""
        weight = self.at_row(latex_name(self.weight)) if self.weight else ""
        return total(self.form(_turned(program), self.leaf_at_row), Fraction(1), self.index, self.n, self.criterion.mean, weight)

    def _leaf(self, node: Node, indexed: bool) -> Form:
        op, _, value = node
        if op == "parameter":
            return tex.factor(latex_name(self.formula.parameters[value]), Kind.SYMBOL, False)
        if op == "column":
            text = latex_name(self.formula.columns[value])
            return tex.factor(self.at_row(text) if indexed else text, Kind.COLUMN, True)
        if value == K:
            return tex.factor(latex_name(self.k), Kind.SYMBOL, False)
        if value.startswith("slope:"):
            part = value.removeprefix("slope:")
            slope = rf"\frac{{\partial {self.part(self.plan.lines[-1].name, indexed)}}}{{\partial {self.part(part, indexed)}}}"
            return tex.factor(slope, Kind.SYMBOL, True)
        return tex.factor(self.part(value, indexed), Kind.SYMBOL, self.varying[value])

    @property
    def response(self) -> str:
        y = self.formula.program.nodes[self.formula.program.outputs["y"]]
        named = next((part.name for part in self.plan.lines if part.kind == "response"), "y")
        return latex_name(self.formula.columns[y.value] if y.op == "column" else named)

    @property
    def _hat(self) -> str:
        head, underscore, subscript = self.response.partition("_{")
        return rf"\{'widehat' if 'mathrm' in head else 'hat'}{{{head}}}{underscore}{subscript}"

    def _call_by_name(self) -> None:
        """In text, names are as the user wrote them, with and without the index of the row; x-1 is `x-1`, as in a formula."""
        for name in (*self.formula.parameters, *self.formula.columns):
            quote = "" if name.isidentifier() else "`"
            self._call(latex_name(name), f"{quote}{printable(name)}{quote}", f"{quote}{_ascii(name)}{quote}")
        for line in self.plan.lines:
            hat = "ŷ" if line.name == "yhat" else line.name  # for every response, as in the text of a derivation
            self._call(self.part(line.name), {"prediction": hat, "loss": "ℓ"}.get(line.kind, line.name), line.name)
        for family in self.plan.families:
            name = f"{family.stem}_{self.k}"
            self._call(latex_name(name), printable(name), _ascii(name))
        if self.weight:
            self._call(latex_name(self.weight), self.weight, self.weight)

    def _call(self, latex: str, name: str, ascii: str) -> None:
        self.names[latex] = self.names[self.at_row(latex)] = (name, ascii)


def _turned(program: Program) -> Program:
    """-a + b as b - a."""
    nodes = program.nodes
    turned = (
        Node("+", (node.args[1], node.args[0])) if node.op == "+" and nodes[node.args[0]].op == "neg" else node for node in nodes
    )
    return Program(tuple(turned), program.outputs)


def _varies(program: Program, known: dict[str, bool]) -> bool:
    return any(node.op == "column" or (node.op == "name" and known.get(node.value, False)) for node in program.nodes)


def _ascii(name: str) -> str:
    """The name in ASCII: Greek letters are spelled."""
    if name.isascii():
        return printable(name)
    spelled = latex_name(name)
    for piece in (r"\mathrm", "{", "}", "\\"):
        spelled = spelled.replace(piece, "")
    return printable(spelled.encode("ascii", "replace").decode())
