"""The steps of a plan, written: names, slopes, the chain rule, the sum over the rows, the step downhill."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from steepest.calculus.steps.notation import Notation
from steepest.calculus.steps.plain import GREEK, plain
from steepest.calculus.steps.plan import Chain, Family, Plan
from steepest.calculus.steps.rules import CHAIN, FACTOR, SUM
from steepest.calculus.steps.step import Step
from steepest.language.names import latex_name
from steepest.language.program import Builder, Node, Program

if TYPE_CHECKING:
    from steepest.calculus.derivation import Derivation

SHORT = 40  # characters
KINDS = {
    "inner": "",
    "response": "the response",
    "prediction": "the prediction",
    "residual": "the error",
    "loss": "the loss of one row",
}


def written(derivation: Derivation, plan: Plan, notation: Notation) -> Iterator[Step]:
    """Every step in order."""
    yield from names(plan, notation)
    yield from slopes(plan, notation)
    yield from chains(plan, notation)
    yield from totals(derivation, plan, notation)
    yield from updates(plan, notation)


def names(plan: Plan, notation: Notation) -> Iterator[Step]:
    for line in plan.lines:
        said = KINDS[line.kind] if line.moves or line.kind != "inner" else "a number of the row, whatever the parameters"
        yield Step(
            "names",
            line.name,
            notation.part(line.name),
            (notation.text(line.definition),),
            "definition",
            said,
            expression=line.definition,
        )


def slopes(plan: Plan, notation: Notation) -> Iterator[Step]:
    said: set[str] = set()
    for slope in plan.slopes:
        family = _family(plan, slope.below)
        if family and slope.below.value != family.members[-1]:  # the rules of the last hold for all
            continue
        rules = tuple(name for name, _ in slope.rules) or ("identity",)
        usual = (SUM, FACTOR, CHAIN) if len(rules) > 2 else ()
        new = [(name, text) for name, text in slope.rules if text and name not in (*said, *usual)]
        sentences = [text.format(m=_name(notation, family.chain.below if family else slope.below)) for _, text in new]
        said.update(name for name, _ in new)
        if family:
            yield _member(family, notation, "slopes", ", ".join(rules), "; ".join(sentences))
            continue
        key = f"{slope.above}/{_key(slope.below, plan, notation)}"
        yield Step(
            "slopes", key, notation.slope(slope.above, slope.below), (notation.slope_text(slope.value),), ", ".join(rules),
            "; ".join(sentences), expression=slope.value,
        )  # fmt: skip


def chains(plan: Plan, notation: Notation) -> Iterator[Step]:
    loss = plan.lines[-1].name
    first = "multiply the slopes along the way down from the loss"
    for chain in plan.chains:
        family = _family(plan, chain.below)
        if family and chain.below.value != family.members[0]:
            continue
        chain = family.chain if family else chain
        if not chain.trails:
            said = f"nothing that has a slope depends on {_name(notation, chain.below)}"
        elif len(chain.trails) > 1:
            said = f"{len(chain.trails)} ways lead down to it: they are added"
        else:
            said = _range(family, notation) if family else first
        first = "" if chain.trails else first
        right: tuple[str, ...]
        products = [r" \cdot ".join(notation.slope(*pair) for pair in trail) for trail in chain.trails]
        right = (" + ".join(products), notation.slope_text(chain.value)) if products else (notation.text(chain.value),)
        right = right if len(chain.trails) != 1 or len(chain.trails[0]) > 1 else right[1:]
        right += _opened(plan, notation, chain)
        key = f"{loss}/{_key(chain.below, plan, notation)}"
        yield Step("chain", key, notation.slope(loss, chain.below), right, "chain rule", said, expression=chain.value)


def totals(derivation: Derivation, plan: Plan, notation: Notation) -> Iterator[Step]:
    loss = plan.lines[-1]
    name, total = latex_name(notation.total), notation.total
    mean = derivation.criterion.mean
    kind = f"{'weighted ' if notation.weight else ''}{'mean' if mean else 'sum'}"
    itself = Program((Node("name", (), loss.name),), {"it": 0})
    right = (notation.over_rows(itself), notation.over_rows(loss.definition))
    yield Step("sum", total, name, right, f"{kind} over the rows", "", expression=itself)
    said = f"the slope of a {kind} is the {kind} of the slopes"
    for k, row in enumerate(plan.rows):
        leaf = Node("parameter", (), k)
        family = _family(plan, leaf)
        if family and k != family.members[0]:
            continue
        below = family.chain.below if family else leaf
        value = family.chain.value if family else row
        key = f"{total}/{_key(below, plan, notation)}"
        yield Step("sum", key, notation.total_slope(below), (notation.over_rows(value),), "sum rule", said, expression=value)
        said = ""
    yield from matrix(derivation, plan, notation)


def matrix(derivation: Derivation, plan: Plan, notation: Notation) -> Iterator[Step]:
    """The gradient of a linear model as a product of matrices."""
    if not (derivation.criterion.quadratic and derivation.is_linear):
        return
    from steepest.calculus.steps.linear import gradient_of, offset_of, row_of

    big, theta = latex_name(notation.matrix), latex_name(notation.vector)
    yield Step(
        "sum",
        notation.matrix,
        notation.at_row(big),
        (row_of(derivation, notation),),
        "",
        f"row {notation.index} of {notation.matrix}",
    )
    offset = offset_of(derivation)
    if offset is not None:
        yield Step(
            "sum", "o", notation.at_row("o"), (notation.text(offset, notation.leaf_at_row),), "", "what no parameter multiplies"
        )
    left = rf"\nabla {latex_name(notation.total)}"
    said = f"all parameters at once: {GREEK.get(notation.vector, notation.vector)} = ({', '.join(derivation.formula.parameters)})"
    yield Step(
        "sum",
        f"grad {notation.total}",
        left,
        (gradient_of(derivation, notation, big, theta, offset is not None),),
        "matrix form",
        said,
    )


def updates(plan: Plan, notation: Notation) -> Iterator[Step]:
    said = "against the slope, by the learning rate times the slope"
    for k in range(len(plan.rows)):
        leaf = Node("parameter", (), k)
        family = _family(plan, leaf)
        if family and k != family.members[0]:
            continue
        below = family.chain.below if family else leaf
        name = notation.symbol(below)
        right = rf"{name} - {latex_name(notation.eta)} {notation.total_slope(below)}"
        yield Step("update", _key(below, plan, notation), name, (right,), "gradient descent", said, r"\leftarrow")
        said = ""


def _opened(plan: Plan, notation: Notation, chain: Chain) -> tuple[str, ...]:
    """With the error written out, where a short model has no other part: (m·x + c − y)·x."""
    kinds = {line.kind: line for line in plan.lines}
    if chain.below.op == "name" or not chain.trails or "residual" not in kinds or {"inner", "response"} & kinds.keys():
        return ()
    builder = Builder()
    prediction = builder.inline(kinds["prediction"].definition, {})["it"]
    error = builder.inline(kinds["residual"].definition, {kinds["prediction"].name: prediction})["it"]
    value = builder.inline(chain.value, {kinds["residual"].name: error, kinds["prediction"].name: prediction})["it"]
    text = notation.slope_text(builder.program(it=value))
    return (text,) if len(plain(text, notation.names)) <= SHORT else ()


def _member(family: Family, notation: Notation, part: str, rule: str, sentence: str) -> Step:
    below = family.chain.below
    said = "; ".join(text for text in (_range(family, notation), sentence) if text)
    key = f"{family.above}/{family.stem}_{notation.k}"
    return Step(part, key, notation.slope(family.above, below), (notation.text(family.slope),), rule, said)


def _range(family: Family, notation: Notation) -> str:
    last = family.first + len(family.members) - 1
    zero = " (power 0 is 1)" if family.first == family.offset else ""
    return f"for {notation.k} = {family.first}, …, {last}{zero}"


def _family(plan: Plan, leaf: Node) -> Family | None:
    return next((f for f in plan.families if leaf.op == "parameter" and leaf.value in f.members), None)


def _key(leaf: Node, plan: Plan, notation: Notation) -> str:
    if leaf.op == "parameter":
        return str(notation.formula.parameters[leaf.value])
    return f"{leaf.value}".replace(":k", f"_{notation.k}")


def _name(notation: Notation, leaf: Node) -> str:
    return notation.names.get(notation.symbol(leaf), (notation.symbol(leaf), ""))[0]
