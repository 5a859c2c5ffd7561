"""yhat as Σ_j m_j(theta)·φ_j(row): the formula run on polynomials in the columns, whose coefficients are nodes in the parameters.

A value here is a polynomial: a coefficient for each monomial of atoms, that is of columns and of expressions without parameters.
Coefficients are never multiplied out in the parameters, so they stay as short as the formula is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from steepest.calculus.algebra import Algebra, TooLarge
from steepest.calculus.derivation import Derivation
from steepest.calculus.lower import UNROLLED, lower, monic, power
from steepest.calculus.reverse import gradient
from steepest.errors import EngineError
from steepest.language.functions import FUNCTIONS
from steepest.language.program import Node, Program
from steepest.language.text import to_text

MOST_TERMS = 400
SHOWN = 60  # characters of an expression in a message

Monomial = tuple[tuple[int, int], ...]  # (atom, power), in order of the atoms
Polynomial = dict[Monomial, int]


class Condensed(NamedTuple):
    """`derivation` has the same residual over columns that hold the φ_j and y, in the order of the outputs of `features`.

    `features` computes these from the data, `atoms` are what they are products of. `coefficients` has the m_j as outputs m0, …;
    `inside` has these too, and the gradient of the loss as gradient_0, …, from the sums s_j = Σ 2·(yhat - y)·φ_j, as names s0, ….
    """

    derivation: Derivation
    features: Program
    atoms: Program
    coefficients: Program
    inside: Program


def condense(derivation: Derivation, centres: Mapping[int, float] | None = None) -> Condensed:
    """Takes the residual apart. `centres` has a number for each atom, by its name in `atoms`, that is subtracted from it first.

    Raises EngineError where the loss is not quadratic, parameters and columns do not come apart, or there are more than 400 terms.

    >>> from steepest.language.formula import parse_formula
    >>> from steepest.language.losses import LOSSES
    >>> found = condense(Derivation(parse_formula("y ~ a + b*P3(c + d*x)", ["x", "y"]), LOSSES["mse"]))
    >>> found.derivation.formula.columns
    ('1', 'x', 'x**2', 'x**3', 'y')
    """
    if not derivation.criterion.quadratic:
        raise refused(f"needs a quadratic loss (mse, half-mse or sse), and this one is {derivation.criterion.name}")
    work = _Work(derivation, centres or {})
    try:
        return work.condensed(work.polynomial())
    except TooLarge:
        raise refused("needs too many operations for this formula") from None


def refused(why: str) -> EngineError:
    return EngineError(f"engine 'condensed' {why}: use engine='auto'")


class _TooManyTerms(Exception):
    pass


class Polynomials:
    """The arithmetic of polynomials, on coefficients of an algebra."""

    def __init__(self, a: Algebra) -> None:
        self.a = a

    def number(self, value: Fraction | int) -> Polynomial:
        return self.of([((), self.a.number(value))])

    def plus(self, p: Polynomial, q: Polynomial) -> Polynomial:
        return self.of([*p.items(), *q.items()])

    def minus(self, p: Polynomial, q: Polynomial) -> Polynomial:
        return self.plus(p, self.negate(q))

    def negate(self, p: Polynomial) -> Polynomial:
        return {monomial: self.a.negate(node) for monomial, node in p.items()}

    def times(self, p: Polynomial, q: Polynomial) -> Polynomial:
        return self.of((_joined(m, n), self.a.times(*sorted((u, v)))) for m, u in p.items() for n, v in q.items())

    def over(self, p: Polynomial, divisor: int) -> Polynomial:
        return {monomial: self.a.over(node, divisor) for monomial, node in p.items()}

    def of(self, terms: Iterable[tuple[Monomial, int]]) -> Polynomial:
        """The sum of some terms."""
        total: Polynomial = {}
        for monomial, node in terms:
            total[monomial] = self.a.plus(total[monomial], node) if monomial in total else node
            if len(total) > MOST_TERMS:
                raise _TooManyTerms
        return {monomial: node for monomial, node in total.items() if self.a.value(node) != 0}


def _joined(m: Monomial, n: Monomial) -> Monomial:
    powers = dict(m)
    for atom, exponent in n:
        powers[atom] = powers.get(atom, 0) + exponent
    return tuple(sorted(powers.items()))


class _Work:
    def __init__(self, derivation: Derivation, centres: Mapping[int, float]) -> None:
        self.formula, self.loss, self.centres = derivation.formula, derivation.criterion, centres
        self.program = derivation.formula.program
        self.moved, self.varying = (self.program.depends_on(leaf) for leaf in ("parameter", "column"))
        self.rows = Algebra(self.program.nodes)  # what is computed from the data
        self.a = Algebra()  # what is computed from the parameters
        self.ring = Polynomials(self.a)
        self.once: dict[int, int] = {}  # nodes of the program without columns, in `a`
        for i, (op, args, value) in enumerate(self.program.nodes):
            if not self.varying[i]:
                self.once[i] = self.a.emit(op, tuple(self.once[arg] for arg in args), value)

    def polynomial(self) -> Polynomial:
        """The model."""
        yhat = self.program.outputs["yhat"]
        needed, stack = {yhat}, [yhat]
        while stack:
            new = {arg for arg in self._factors(stack.pop())} - needed
            needed |= new
            stack.extend(new)
        made: dict[int, Polynomial] = {}
        for i in sorted(needed):
            try:
                made[i] = self._made(i, made)
            except _TooManyTerms:
                raise refused(f"has more than {MOST_TERMS} terms in {self._text(i)}") from None
        return made[yhat]

    def _factors(self, i: int) -> tuple[int, ...]:
        """The arguments that must be polynomials. What has no parameters is taken apart at products only: the rest are atoms."""
        op, args, value = self.program.nodes[i]
        if not self.varying[i]:
            return ()
        if op in ("*", "neg") or (op in ("+", "-") and self.moved[i]):
            return args
        if op == "**" and _whole(self.program.nodes[args[1]]):
            return args[:1]
        if op == "/" and not self.varying[args[1]]:
            return args[:1]
        if not self.moved[i]:
            return ()
        if op == "/" and not self.moved[args[1]]:
            return args[:1]
        if op == "gegenbauer" and value[0] <= UNROLLED:
            return args
        if op == "where" and not self.moved[args[0]]:
            return args[1:]
        raise refused(f"needs columns and parameters that come apart, and in {self._text(i)} they do not")

    def _made(self, i: int, made: Mapping[int, Polynomial]) -> Polynomial:
        op, args, value = self.program.nodes[i]
        ring = self.ring
        if not self.varying[i]:
            return ring.of([((), self.once[i])])
        p, q = ([made.get(arg, {}) for arg in args] + [{}, {}])[:2]
        if not self._factors(i):
            return self._atom(i)
        if op in ("+", "-", "*"):
            return {"+": ring.plus, "-": ring.minus, "*": ring.times}[op](p, q)
        if op == "neg":
            return ring.negate(p)
        if op == "**":
            return power(ring, p, int(self.program.nodes[args[1]].value))
        if op == "gegenbauer":
            return monic(ring, p, *value)
        if op == "where":
            yes, no = self.rows.number(1), self.rows.number(0)
            sides = ((yes, no, made[args[1]]), (no, yes, made[args[2]]))
            return ring.plus(*(ring.times(self._atom(self.rows.where(args[0], u, v)), side) for u, v, side in sides))
        if not self.varying[args[1]]:
            return ring.over(p, self.once[args[1]])
        return ring.times(p, self._atom(self.rows.over(self.rows.number(1), args[1])))

    def _atom(self, i: int) -> Polynomial:
        """An atom is its centre and the distance from it."""
        here: Polynomial = {((i, 1),): self.a.number(1)}
        if i not in self.centres:
            return here
        return self.ring.plus(here, self.ring.number(Fraction(self.centres[i])))

    def condensed(self, found: Polynomial) -> Condensed:
        terms = sorted(found, key=lambda monomial: (sum(exponent for _, exponent in monomial), monomial))
        columns = {f"phi{j}": self._feature(monomial) for j, monomial in enumerate(terms)} | {"y": self.program.outputs["y"]}
        features = Program(tuple(self.rows.nodes), columns)
        names = tuple(to_text(features, node, self.formula.parameters, self.formula.columns) for node in columns.values())
        atoms = {str(atom): atom for monomial in terms for atom, _ in monomial}
        a = self.a
        outputs = {f"m{j}": found[monomial] for j, monomial in enumerate(terms)}
        yhat, along = a.number(0), a.number(0)
        for j, (name, node) in enumerate(outputs.items()):
            yhat = a.plus(yhat, a.times(a.add("column", value=j), node))
            along = a.plus(along, a.times(a.add("name", value=f"s{name[1:]}"), node))
        theta = [a.add("parameter", value=k) for k in range(len(self.formula.parameters))]
        slopes = {f"gradient_{k}": node for k, node in enumerate(gradient(a, along, theta))}
        program = a.program(y=a.add("column", value=len(terms)), yhat=yhat)
        return Condensed(
            Derivation(replace(self.formula, program=program, columns=names), self.loss),
            lower(features.pruned(), FUNCTIONS),
            Program(tuple(self.rows.nodes), atoms).pruned(),
            a.program(**outputs),
            a.program(**outputs, **slopes),
        )

    def _feature(self, monomial: Monomial) -> int:
        r = self.rows
        product = r.number(1)
        for atom, exponent in monomial:
            away = r.minus(atom, r.number(Fraction(self.centres[atom]))) if atom in self.centres else atom
            product = r.times(product, r.power(away, exponent))
        return product

    def _text(self, i: int) -> str:
        text = to_text(self.program, i, self.formula.parameters, self.formula.columns)
        return f"'{text if len(text) <= SHOWN else text[: SHOWN - 1] + '…'}'"


def _whole(node: Node) -> bool:
    return node.op == "number" and node.value.denominator == 1 and node.value > 0
