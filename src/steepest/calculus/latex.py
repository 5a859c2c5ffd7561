r"""The worked program as LaTeX: the model, the loss over the rows, its partial derivatives and the Hessian.

Each equation alone is within the LaTeX that matplotlib draws, except for the cases of `where`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from steepest.calculus import tex
from steepest.calculus.tex import Factor, Form, Kind, Product
from steepest.calculus.worked import Fresh, Worked, combined, outputs_of, worked
from steepest.language.functions import FUNCTIONS
from steepest.language.names import latex_name
from steepest.language.program import Node

if TYPE_CHECKING:
    from steepest.calculus.derivation import Derivation

Equation = tuple[str, str]
_SIGNS = {"<": "<", "<=": r"\leq", ">": ">", ">=": r"\geq", "==": "=", "!=": r"\neq"}


def latex(derivation: Derivation, parts: Sequence[str]) -> str:
    r"""The equations of these parts, aligned if there is more than one.

    >>> from steepest.calculus.derivation import Derivation
    >>> from steepest.language.formula import parse_formula
    >>> from steepest.language.losses import LOSSES
    >>> print(latex(Derivation(parse_formula("y ~ a*x + d", ["x", "y"]), LOSSES["mse"]), ["loss", "gradient"]))
    \begin{aligned}
    \hat{y}_{i} &= a x_{i} + d \\
    e_{i} &= \hat{y}_{i} - y_{i} \\
    L &= \frac{1}{n} \sum_{i=1}^{n} e_{i}^{2} \\
    \frac{\partial L}{\partial a} &= \frac{2}{n} \sum_{i=1}^{n} e_{i} x_{i} \\
    \frac{\partial L}{\partial d} &= \frac{2}{n} \sum_{i=1}^{n} e_{i}
    \end{aligned}
    """
    lines = equations(derivation, parts)
    if len(lines) == 1:
        return " = ".join(lines[0])
    body = " \\\\\n".join(f"{left} &= {right}" for left, right in lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def equations(derivation: Derivation, parts: Sequence[str]) -> list[Equation]:
    """Left and right sides: intermediate values where they are first needed, and an equation for each output."""
    outputs = outputs_of(parts, derivation.size)
    plan = worked(combined(derivation, parts), outputs, derivation.formula)
    rows = _Rows(derivation, plan)
    forms, definitions = _forms(plan, rows)
    found = []
    for name, node in plan.lines:
        if not name:
            found.append((tex.sum_text(forms[node]), tex.sum_text(definitions[node])))
        elif name == "yhat":
            found.append((rows.named(node, "yhat"), tex.sum_text(forms[node])))
        else:
            found.append((rows.derivative(name), rows.total(forms[node])))
    return found


class _Rows:
    """What stands for rows: the index of columns and values, the hat of the prediction, the sum over the data."""

    def __init__(self, derivation: Derivation, plan: Worked) -> None:
        formula, self.loss = derivation.formula, derivation.criterion
        fresh = Fresh([*formula.parameters, *formula.columns, *plan.names.values()])
        self.index = fresh("i", "j", "k", "l", "m")
        self.n = fresh("n", "N", "M")
        self.sum = fresh("L", "J", "E")
        self.parameters = [latex_name(name) for name in formula.parameters]
        self.columns = [latex_name(name) for name in formula.columns]
        self.varying = plan.program.depends_on("column")
        y, self.yhat = plan.program.outputs["y"], plan.program.outputs["yhat"]
        response = plan.program.nodes[y]
        self.response = self.columns[response.value] if response.op == "column" else latex_name(plan.names.get(y, "y"))

    def indexed(self, name: str) -> str:
        head, _, subscript = name.partition("_{")
        return f"{head}_{{{subscript.removesuffix('}')}{', ' if subscript else ''}{self.index}}}"

    def named(self, node: int, name: str) -> str:
        """The name of an intermediate value."""
        text = latex_name(name)
        if node == self.yhat:
            head, underscore, subscript = self.response.partition("_{")
            text = rf"\{'widehat' if 'mathrm' in head else 'hat'}{{{head}}}{underscore}{subscript}"
        return self.indexed(text) if self.varying[node] else text

    def derivative(self, output: str) -> str:
        """The left side of an output's equation."""
        kind, *places = output.split("_")
        if kind == "loss":
            return self.sum
        below = [rf"\partial {self.parameters[int(k)]}" for k in places]
        if len(below) == 2 and below[0] == below[1]:
            below = [f"{below[0]}^{{2}}"]
        order = "^{2}" if kind == "hessian" else ""
        variables = r" \, ".join(below)
        return rf"\frac{{\partial{order} {self.sum}}}{{{variables}}}"

    def total(self, form: Form) -> str:
        """The sum or mean over the rows of one row's form."""
        return total(form, self.loss.scale, self.index, self.n, self.loss.mean)


def total(form: Form, scale: Fraction, index: str, n: str, mean: bool, weight: str = "") -> str:
    """The sum or mean over the rows of one row's form; factors that are the same in all rows stand before it."""
    count = rf"\sum_{{{index}=1}}^{{{n}}} {weight}" if weight else n
    whole = Factor(count, Kind.SYMBOL, False)
    if not tex.varies(form):
        scaled = form if scale == 1 else tex.times(tex.numeral(scale), form)
        return tex.sum_text(scaled if mean else tex.times(tex.factor(*whole[:3]), scaled))
    product = tex.single(tex.times(tex.factor(weight, Kind.SYMBOL, True), form) if weight else form)
    fixed = [tuple(f for f in part if not f.varying) for part in product[1:]]
    inner = Product(Fraction(1), *(tuple(f for f in part if f.varying) for part in product[1:]))
    below = (*fixed[1], whole) if mean else fixed[1]
    outer = tex.sum_text((Product(product.number * scale, fixed[0], below),))
    before = outer.removesuffix("1") if outer in ("1", "-1") else f"{outer} "
    return rf"{before}\sum_{{{index}=1}}^{{{n}}} {tex.product_text(inner)}"


def _forms(plan: Worked, rows: _Rows) -> tuple[dict[int, Form], dict[int, Form]]:
    """The form of every node that is needed, where named ones are their name; and the definitions of these."""
    forms: dict[int, Form] = {}
    definitions: dict[int, Form] = {}
    for index in plan.needed:
        node = plan.program.nodes[index]
        form = _form(node, [forms[arg] for arg in node.args], plan.program.nodes, rows)
        if index in plan.names:
            definitions[index] = form
            form = tex.factor(rows.named(index, plan.names[index]), Kind.SYMBOL, rows.varying[index])
        forms[index] = form
    return forms, definitions


def _form(node: Node, args: Sequence[Form], nodes: Sequence[Node], rows: _Rows) -> Form:
    if node.op == "parameter":
        return tex.factor(rows.parameters[node.value], Kind.SYMBOL, False)
    if node.op == "column":
        return tex.factor(rows.indexed(rows.columns[node.value]), Kind.COLUMN, True)
    return applied(node, args, nodes)


def applied(node: Node, args: Sequence[Form], nodes: Sequence[Node]) -> Form:
    """A number, or an operation or function of the language on its arguments; `nodes` are those of its program."""
    op, places, value = node
    if op == "number":
        return tex.numeral(value)
    if op == "pi":
        return tex.factor(r"\pi", Kind.SYMBOL, False)
    if op == "**":
        exponent = nodes[places[1]]
        return tex.power(args[0], args[1], exponent.value if exponent.op == "number" else None)
    if op in _OPERATIONS:
        return _OPERATIONS[op](*args)
    varying = any(tex.varies(arg) for arg in args)
    texts = [tex.sum_text(arg) for arg in args]
    if op in _SIGNS:
        return tex.factor(f"{texts[0]} {_SIGNS[op]} {texts[1]}", Kind.SYMBOL, varying)
    if op == "gegenbauer":
        n, alpha = value
        return _polynomial(n, alpha, texts[0], varying)
    if op == "dot":
        return tex.factor(rf"{texts[0]}^{{\top}} {texts[1]}", Kind.FUNCTION, varying)
    if op == "sinc" and value:
        order = "'" * value if value < 3 else rf"^{{\left({value}\right)}}"
        return tex.factor(rf"\operatorname{{sinc}}{order}\left({texts[0]}\right)", Kind.FUNCTION, varying)
    return tex.factor(FUNCTIONS[op].latex.format(*texts), _KINDS.get(op, Kind.FUNCTION), varying)


_OPERATIONS: dict[str, Callable[..., Form]] = {
    "+": tex.plus,
    "-": tex.minus,
    "*": tex.times,
    "/": tex.over,
    "neg": tex.negative,
}
_NAMED = dict.fromkeys(["sin", "cos", "tan", "sinh", "cosh", "tanh"], Kind.NAMED)
_KINDS = {"where": Kind.CASES, "abs": Kind.CALL, **_NAMED}


def _polynomial(n: int, alpha: Fraction, argument: str, varying: bool) -> Form:
    """P_n, T_n, their first derivatives P_n' = C(n-1, 3/2) and T_n' = n C(n-1, 1), and C(n, alpha) beyond."""
    names = {
        Fraction(1, 2): f"P_{{{n}}}",
        Fraction(3, 2): f"P_{{{n + 1}}}'",
        Fraction(0): f"T_{{{n}}}",
        Fraction(1): f"T_{{{n + 1}}}'",
    }
    name = names.get(alpha) or rf"C_{{{n}}}^{{\left({alpha}\right)}}"
    form = tex.factor(rf"{name}\left({argument}\right)", Kind.CALL, varying)
    return tex.over(form, tex.numeral(n + 1)) if alpha == 1 else form
