"""Did a fit end at a kink of its penalty? No gradient tells a minimum there."""

from __future__ import annotations

from steepest.descent.objective import Array
from steepest.fitting.free_loss import FreeLoss
from steepest.language.evaluate import evaluate
from steepest.language.expand import expand
from steepest.language.program import COMPARISONS, Node, Program
from steepest.language.text import to_text

NEAR = 1e-9  # of the size that what is compared has at the start, or of 1 where that is 0


def kink(loss: FreeLoss, x: Array) -> str:
    """The sentence on a kink of the penalty at x, and what to do; empty where there is none."""
    penalty, names = loss.objective.derivation.penalty, loss.objective.derivation.formula.parameters
    if penalty is None or penalty.rest is None:
        return ""
    given = expand(penalty.rest, ())
    nodes = tuple(Node("parameter", (), names.index(n.value)) if n.op == "name" else n for n in given.nodes)
    program = Program(nodes, given.outputs)
    here, begun = (evaluate(program, loss.theta(point).tolist()) for point in (x, loss.start))
    for node, moves in zip(nodes, program.depends_on("parameter"), strict=True):
        if not moves or node.op not in COMPARISONS | {"abs", "sqrt"}:
            continue
        left, right = (here[node.args[0]], here[node.args[1]] if node.op in COMPARISONS else 0.0)
        parts = [part for arg in node.args for part in (nodes[arg].args if nodes[arg].op in ("+", "-") else (arg,))]
        size = max(abs(float(begun[part])) for part in parts) or 1.0
        if abs(left - right) <= (NEAR**2 if node.op == "sqrt" else NEAR) * size:  # sqrt(a*a) is |a|
            return sentence(program, node, names)
    return ""


def sentence(program: Program, node: Node, names: tuple[str, ...]) -> str:
    left = to_text(program, node.args[0], names, ())
    right = to_text(program, node.args[1], names, ()) if node.op in COMPARISONS else "0"
    text = f"the penalty has a kink here, at {left} = {right}, where no gradient can tell a minimum"
    if node.op == "abs" and program.nodes[node.args[0]].op == "parameter":
        return f"{text}; write c*abs({left}) as l1({left}, c)"
    return f"{text}; make the penalty smooth there"
