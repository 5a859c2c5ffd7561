"""The rules of differentiation by name, as they stand in textbooks, and which of them a slope uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from steepest.language.functions import FUNCTIONS
from steepest.language.program import Node, Program

SUM, FACTOR, PRODUCT, QUOTIENT = "sum rule", "constant factor", "product rule", "quotient rule"
POWER, EXPONENTIAL, BOTH, CHAIN, BRANCH = "power rule", "exponential rule", "power rule with logarithm", "chain rule", "branches"

SENTENCES = {
    SUM: "terms without {m} have slope 0",
    FACTOR: "what does not depend on {m} stays as a factor",
    PRODUCT: "(f·g)′ = f′·g + f·g′",
    QUOTIENT: "(f/g)′ = (f′·g − f·g′)/g²",
    POWER: "the slope of f^n is n·f^(n−1)",
    EXPONENTIAL: "the slope of c^f in f is c^f·ln c",
    BOTH: "f^g has the slope g·f^(g−1) in f and f^g·ln f in g",
    CHAIN: "outer slope times inner slope",
    BRANCH: "each row follows the branch that its condition takes",
}
KINKS = {
    "abs": "|f| has a kink at f = 0; there the slope is taken as 0",
    "relu": "a kink at f = 0; there the slope is taken as 0",
    "sign": "flat, with a jump at 0",
    "min": "a kink where both are equal; there each counts half",
    "max": "a kink where both are equal; there each counts half",
    "clip": "flat outside the limits; on a limit the slope is taken as inside",
}
WRITTEN_OUT = 6  # the highest order of a polynomial that is written out


def rules(program: Program, leaf: int) -> list[tuple[str, str]]:
    """The rules that lead from a definition down to one of its leaves, with what each says."""
    holds = [False] * len(program.nodes)
    for i, node in enumerate(program.nodes):
        holds[i] = i == leaf or any(holds[arg] for arg in (node.args[1:] if node.op == "where" else node.args))
    found: dict[str, str] = {}
    for i in range(program.outputs["it"], -1, -1):
        node = program.nodes[i]
        if holds[i] and node.args:
            found |= dict(_of_node(node, [holds[arg] for arg in node.args]))
            inside = [arg for arg in node.args if holds[arg]]
            if _is_curved(node, holds) and any(program.nodes[arg].args for arg in inside):
                found[CHAIN] = SENTENCES[CHAIN]
    return list(found.items())


def _is_curved(node: Node, holds: list[bool]) -> bool:
    return node.op not in ("+", "-", "neg", "*", "where") and not (node.op == "/" and not holds[node.args[1]])


def _of_node(node: Node, inside: list[bool]) -> Iterator[tuple[str, str]]:
    op = node.op
    if op in ("+", "-"):
        yield SUM, SENTENCES[SUM]
    elif op == "neg":
        yield FACTOR, SENTENCES[FACTOR]
    elif op == "*":
        rule = PRODUCT if all(inside) else FACTOR
        yield rule, SENTENCES[rule]
    elif op == "/":
        rule = QUOTIENT if inside[1] else FACTOR
        yield rule, SENTENCES[rule]
    elif op == "**":
        rule = BOTH if all(inside) else POWER if inside[0] else EXPONENTIAL
        yield rule, SENTENCES[rule]
    elif op == "where":
        yield BRANCH, SENTENCES[BRANCH]
    elif op == "gegenbauer":
        yield _of_polynomial(*node.value)
    elif op in FUNCTIONS:
        yield f"derivative of {op}", KINKS.get(op) or _of_function(op)


def _of_function(name: str) -> str:
    partial = FUNCTIONS[name].partials[0] if FUNCTIONS[name].partials else ""
    spelled = re.sub(r"\bu\b", "f", partial).replace("**", "^").replace("*", "·")
    return f"{name}′(f) = {spelled}" if partial else ""


def _of_polynomial(n: int, alpha: Fraction) -> tuple[str, str]:
    family = "P" if alpha else "T"
    name = f"{family}_{n}"
    if n > WRITTEN_OUT:
        kind = "Legendre" if alpha else "Chebyshev"
        return f"derivative of {name}", f"the slope of the {kind} polynomial {name}, kept by its name {name}′"
    coefficients = coefficients_of(n, alpha)
    slopes = [k * c for k, c in enumerate(coefficients)][1:] or [Fraction(0)]
    return f"derivative of {name}", f"{name}(f) = {_spelled(coefficients)}, so {name}′(f) = {_spelled(slopes)}"


def coefficients_of(n: int, alpha: Fraction) -> list[Fraction]:
    """Of P_n (alpha 1/2) or T_n (alpha 0), lowest power first, by the recurrence in n.

    >>> [str(c) for c in coefficients_of(3, Fraction(1, 2))]
    ['0', '-3/2', '0', '5/2']
    """
    before, last = [Fraction(1)], [Fraction(0), Fraction(1)]
    if n == 0:
        return before
    for k in range(2, n + 1):
        up, down = (Fraction(2 * k - 1, k), Fraction(k - 1, k)) if alpha else (Fraction(2), Fraction(1))
        shifted = [Fraction(0), *(up * c for c in last)]
        before, last = last, [c - down * b for c, b in zip(shifted, [*before, Fraction(0), Fraction(0)], strict=True)]
    return last


def _spelled(coefficients: list[Fraction]) -> str:
    """(5·f^3 − 3·f)/2, highest power first."""
    below = max(c.denominator for c in coefficients)
    terms = ""
    for k in range(len(coefficients) - 1, -1, -1):
        c = coefficients[k] * below
        if c:
            power = "" if k == 0 else "f" if k == 1 else f"f^{k}"
            size = str(abs(c)) if abs(c) != 1 or not power else ""
            term = "·".join(part for part in (size, power) if part)
            terms += (f" {'−' if c < 0 else '+'} " if terms else "−" if c < 0 else "") + term
    terms = terms or "0"
    return f"({terms})/{below}" if below > 1 and " " in terms else f"{terms}/{below}" if below > 1 else terms
