r"""A method's equations as LaTeX, step t from step t - 1."""

from __future__ import annotations

from collections import Counter

from steepest.calculus import tex
from steepest.calculus.latex import applied
from steepest.calculus.tex import Form, Kind
from steepest.language.names import latex_name
from steepest.language.parser import parse_assignments
from steepest.language.program import Node, Program
from steepest.methods.equations import Method

WORDS = {"eps": "epsilon", "lam": "lambda"}  # constants that have a letter


def latex(method: Method) -> str:
    r"""The equations, aligned if there is more than one: a value of this step has the index t, one of the step before t - 1.

    Where a name is assigned more than once in a step, primes count: θ′ is on the way to θ, and g′ comes from g.

    >>> print(latex(Method("v = mu*v + g;  theta = theta - eta*v", "", state="v = 0", defaults={"mu": "0.9"})))
    \begin{aligned}
    v_{t} &= \mu v_{t-1} + g_{t} \\
    \theta_{t} &= \theta_{t-1} - \eta v_{t}
    \end{aligned}
    """
    equations = parse_assignments(method.text)
    total = Counter(target for target, _ in equations)
    seen: Counter[str] = Counter()
    moving = {"theta", "g", *method.states, *total}
    lines = []
    for target, program in equations:
        right = _right(program, {name: _now(name, seen[name], total[name]) for name in moving})
        seen[target] += 1
        lines.append((_now(target, seen[target], total[target]), right))
    if len(lines) == 1:
        return " = ".join(lines[0])
    body = " \\\\\n".join(f"{left} &= {right}" for left, right in lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def _now(name: str, seen: int, total: int) -> str:
    """A name after `seen` of its assignments in a step; before the first it has the value of the step before."""
    head, _, index = latex_name(WORDS.get(name, name)).partition("_{")
    given = name == "g"
    when = "t" if seen or given else "t-1"
    primes = "'" * seen if given or seen < total else ""
    return f"{head}_{{{index.removesuffix('}')}{', ' if index else ''}{when}}}{primes}"


def _right(program: Program, moving: dict[str, str]) -> str:
    forms: list[Form] = []
    for node in program.nodes:
        args = [forms[a] for a in node.args]
        forms.append(_leaf(node.value, moving) if node.op == "name" else _operation(node, args, program))
    return tex.sum_text(forms[program.outputs["value"]])


def _leaf(name: str, moving: dict[str, str]) -> Form:
    if name in moving:
        return tex.factor(moving[name], Kind.CALL, True)  # after sums, as in (1 - β) g
    return tex.factor(latex_name(WORDS.get(name, name)), Kind.SYMBOL, False)


def _operation(node: Node, args: list[Form], program: Program) -> Form:
    if node.op == "norm":
        return tex.factor(rf"\left\| {tex.sum_text(args[0])} \right\|", Kind.CALL, False)
    return applied(node, args, program.nodes)
