"""Tokens → program, by a Pratt parser with Python's precedence.

    expression = number | name | `column` | - expression | + expression | ( expression )
               | expression (+ - * / **) expression | function(expression, ...) | P3(expression) | T3(expression)
               | where(expression (< <= > >= == !=) expression, expression, expression) | poly(expression, 3, name)
               | dot(name, column)

It is an allow-list: nothing else can be said. Nodes go straight into the builder; there is no tree, and only nesting
recurses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, NoReturn

from steepest import errors
from steepest.errors import FormulaError
from steepest.language.constants import WatchedBuilder, constant_values
from steepest.language.functions import ELSEWHERE, FUNCTIONS, HIGHEST_ORDER, USER_FUNCTIONS, UserFunction, polynomial, reserved
from steepest.language.names import printable
from steepest.language.program import COMPARISONS, Program
from steepest.language.tokens import Token, name_fault, number, split, tokenize

MAX_TOKENS = 20_000
MAX_DEPTH = 100

_STRENGTH = {"+": 10, "-": 10, "*": 20, "/": 20, "**": 40}
_UNARY = 30  # weaker than a power: -x**2 is -(x**2)
_OPERANDS = frozenset({"number", "name", "quoted"})
OTHERS = {"l1": ("w", "k"), "l2": ("w", "k")}  # arguments of functions beside the table's; those not named take u


class Parser:
    """Reads the expressions of one text into one builder. `names` are the free names and where each was first seen."""

    def __init__(self, text: str, constants: Mapping[str, Fraction] | None = None, functions: Iterable[str] = ()) -> None:
        self.text = text
        self.builder = WatchedBuilder(text)
        self.names: dict[str, int] = {}
        self.made: dict[str, int] = {}  # names that poly(…) made
        self.dots: dict[str, tuple[str, int]] = {}  # of each dot(w, X) the matrix, and where it stands
        self.warnings: dict[str, None] = {}
        self._constants = constants or {}
        self._functions = frozenset(functions)  # of one argument, beside the table's
        self._tokens: list[Token] = []
        self._index = 0
        self._depth = 0

    def read(self, tokens: list[Token]) -> int:
        """The node of the one expression that these tokens, `end` last, spell."""
        if len(tokens) > MAX_TOKENS + 1:
            self.fail(f"an expression has at most {MAX_TOKENS:,} tokens", tokens[MAX_TOKENS])
        self._tokens, self._index, self._depth = tokens, 0, 0
        place = self._expression(0)
        self._expect("end")
        return place

    def fail(self, sentence: str, token: Token) -> NoReturn:
        raise FormulaError(sentence, self.text, token.position)

    def _next(self) -> Token:
        token = self._tokens[self._index]
        self._index = min(self._index + 1, len(self._tokens) - 1)
        return token

    def _expect(self, kind: str) -> Token:
        token = self._tokens[self._index]
        if token.kind != kind:
            self.fail(self._surprise(kind, token), token)
        return self._next()

    def _add(self, token: Token, op: str, *args: int, value: Any = None) -> int:
        self.builder.position = token.position
        return self.builder.add(op, *args, value=value)

    def _expression(self, weakest: int) -> int:
        waiting: list[tuple[Token, int]] = []  # operators whose right side is not complete, each with its left side
        place = self._prefix()
        while True:
            token = self._tokens[self._index]
            strength = _STRENGTH.get(token.kind, -1)
            while waiting and _STRENGTH[waiting[-1][0].kind] >= strength:
                operator, left = waiting.pop()
                place = self._add(operator, operator.kind, left, place)
            if strength < weakest:
                return place
            self._next()
            if token.kind == "**":
                place = self._add(token, "**", place, self._nested(_UNARY, token))
            else:
                waiting.append((token, place))
                place = self._prefix()

    def _nested(self, weakest: int, token: Token) -> int:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self.fail(f"nested deeper than {MAX_DEPTH} levels", token)
        place = self._expression(weakest)
        self._depth -= 1
        return place

    def _prefix(self) -> int:
        token = self._next()
        if token.kind == "number":
            return self.builder.number(number(token, self.text))
        if token.kind == "name":
            return self._call(token) if self._tokens[self._index].kind == "(" else self._name(token, token.text)
        if token.kind == "quoted":
            return self._free(token, token.text)
        if token.kind == "(":
            place = self._nested(0, token)
            self._expect(")")
            return place
        if token.kind == "-":
            place = self._nested(_UNARY, token)
            node = self.builder.nodes[place]
            return self.builder.number(-node.value) if node.op == "number" else self._add(token, "neg", place)
        if token.kind == "+":
            return self._nested(_UNARY, token)
        found = "" if token.kind == "end" else f", found '{token.text}'"
        self.fail(f"expected a number, a name or '('{found}", token)

    def _name(self, token: Token, name: str) -> int:
        if name in ("pi", "π"):
            return self.builder.add("pi")
        if name in self._constants:
            return self.builder.number(self._constants[name])
        if name in FUNCTIONS or name in USER_FUNCTIONS or name in self._functions or name in ("poly", "dot"):
            self.fail(f"'{name}' is a function: write {name}(…), or `{name}` for a column of that name", token)
        if name in ("inf", "nan"):
            self.fail(f"'{name}' is not in the language: numbers are finite", token)
        if polynomial(name):
            self.warnings[f"'{name}' is read as a name here; the polynomial is {name}(…)"] = None
        return self._free(token, name)

    def _free(self, token: Token, name: str) -> int:
        self.names.setdefault(name, token.position)
        return self.builder.add("name", value=name)

    def _call(self, token: Token) -> int:
        name = token.text
        self._next()
        if name == "where":
            return self._where(token)
        if name == "poly":
            return self._poly(token)
        if name == "dot":
            return self._dot(token)
        if value := polynomial(name):
            if value[0] > HIGHEST_ORDER:
                self.fail(f"'{name}': the order is at most {HIGHEST_ORDER}", token)
            return self._add(token, "gegenbauer", *self._arguments(token, ("u",)), value=value)
        if name in FUNCTIONS or name in self._functions:
            wanted = FUNCTIONS[name].arguments if name in FUNCTIONS else OTHERS.get(name, ("u",))
            return self._add(token, name, *self._arguments(token, wanted), value=0 if name == "sinc" else None)
        if function := USER_FUNCTIONS.get(name):
            places = self._arguments(token, function.arguments)
            self.builder.position = token.position
            return self.builder.inline(function.program, dict(zip(function.arguments, places, strict=True)))["value"]
        if name in ELSEWHERE:
            self.fail(f"unknown function '{name}': write {ELSEWHERE[name]}", token)
        known = dict.fromkeys([*FUNCTIONS, "poly", "dot", *USER_FUNCTIONS, *self._functions, "P0…P200", "T0…T200"])
        self.fail(f"{errors.unknown('function', name, known)}. For a product write '{name}*(…)'", token)

    def _arguments(self, token: Token, wanted: tuple[str, ...]) -> list[int]:
        places: list[int] = []
        if self._tokens[self._index].kind != ")":
            places.append(self._nested(0, token))
            while self._tokens[self._index].kind == ",":
                self._next()
                places.append(self._nested(0, token))
        self._expect(")")
        if len(places) != len(wanted):
            plural = "" if len(wanted) == 1 else "s"
            self.fail(f"{token.text}({', '.join(wanted)}) takes {len(wanted)} argument{plural}, got {len(places)}", token)
        return places

    def _where(self, token: Token) -> int:
        left = self._nested(0, token)
        comparison = self._next()
        if comparison.kind not in COMPARISONS:
            self.fail("where needs a comparison first: where(x > 0, a, b)", comparison)
        right = self._nested(0, token)
        if self._tokens[self._index].kind in COMPARISONS:
            self.fail("comparisons do not chain: nest where(…)", self._tokens[self._index])
        condition = self._add(comparison, comparison.kind, left, right)
        self._expect(",")
        branch = self._nested(0, token)
        self._expect(",")
        otherwise = self._nested(0, token)
        self._expect(")")
        return self._add(token, "where", condition, branch, otherwise)

    def _poly(self, token: Token) -> int:
        x = self._nested(0, token)
        self._expect(",")
        degree = self._next()
        if not degree.text.isdecimal() or number(degree, self.text) > HIGHEST_ORDER:
            self.fail(f"the degree in poly(x, 7, w) is a whole number from 0 to {HIGHEST_ORDER}", degree)
        self._expect(",")
        base = self._next()
        if base.kind != "name":
            self.fail("the third argument of poly(x, 7, w) is a bare name, for w0, w1, …", base)
        self._expect(")")
        total = self._made(base, 0)
        for k in range(1, int(degree.text) + 1):
            weight = self._made(base, k)
            power = x if k == 1 else self._add(token, "**", x, self.builder.number(k))
            total = self._add(token, "+", total, self._add(token, "*", weight, power))
        return total

    def _dot(self, token: Token) -> int:
        if "dot" not in self._functions:
            self.fail("dot(w, X) stands only right of '~' in a formula", token)
        name = self._next()
        self._expect(",")
        matrix = self._next()
        if name.kind != "name" or matrix.kind not in ("name", "quoted"):
            self.fail("dot(w, X) takes a bare name for its parameters, and the name of a matrix", token)
        self._expect(")")
        fault = reserved(name.text) or (reserved(matrix.text) if matrix.kind == "name" else None)
        if fault or name.text in self._constants:
            self.fail(f"dot cannot make parameters of the name '{name.text}': {fault or 'it is a constant'}", name)
        if self.dots.setdefault(name.text, (matrix.text, name.position))[0] != matrix.text:
            self.fail(f"'{name.text}' already stands for the parameters of another matrix: take another name", name)
        return self._add(token, "dot", self._free(name, name.text), self._free(matrix, matrix.text))

    def _made(self, base: Token, k: int) -> int:
        name = f"{base.text}{k}"
        fault = name_fault(name) or reserved(name)
        if fault or name in self._constants:
            self.fail(f"poly cannot make the name '{name}': {fault or 'it is a constant'}", base)
        self.made.setdefault(name, base.position)
        return self._free(base, name)

    def _surprise(self, wanted: str, token: Token) -> str:
        previous = self._tokens[self._index - 1] if self._index else token
        if token.kind in COMPARISONS:
            return "a comparison stands only as the first argument of where, without parentheses of its own"
        if token.kind == "=":
            return "'=' has no meaning inside an expression: '==' compares"
        if token.kind in ("~", ";"):
            return f"'{token.kind}' has no meaning inside an expression"
        if token.kind in _OPERANDS or token.kind == "(":
            left = previous.text if previous.kind in _OPERANDS else "…)"
            right = token.text if token.kind in _OPERANDS else "(…"
            return f"an operator is missing: for a product write '{printable(left)}*{printable(right)}'"
        if wanted == "end" and token.kind == ")":
            return "this ')' has no '('"
        if wanted == "end":
            return f"'{token.text}' stands only between a function's arguments"
        found = "the end" if token.kind == "end" else f"'{token.text}'"
        return f"expected '{wanted}', found {found}"


def parse_expression(text: str, constants: Mapping[str, Any] | None = None, functions: Iterable[str] = ()) -> Program:
    """An expression as a program with the output `value`, over free names. It may call `functions`, beside the table's.

    Constants become numbers: int, Fraction and Decimal exactly, a float by its binary value. Raises FormulaError.

    >>> parse_expression("a + g*x", constants={"g": 9.81}).names()
    ('a', 'x')
    """
    tokens = tokenize(text)
    parser = Parser(text, constant_values(constants, text), functions)
    return parser.builder.program(value=parser.read(tokens))


def parse_assignments(text: str) -> list[tuple[str, Program]]:
    """A method's equations, separated by `;`, as (name, program with the output `value`). They may call `norm`.

    >>> [(name, program.names()) for name, program in parse_assignments("v = mu*v + g;  theta = theta - eta*v")]
    [('v', ('mu', 'v', 'g')), ('theta', ('theta', 'eta', 'v'))]
    """
    assignments: list[tuple[str, Program]] = []
    for statement in split(tokenize(text), ";"):
        parser = Parser(text, functions=("norm",))
        if statement[0].kind == "end":
            continue
        target = statement[0]
        if target.kind != "name" or len(statement) < 3 or statement[1].kind != "=":
            parser.fail("expected an assignment: name = expression", target)
        if fault := reserved(target.text):
            parser.fail(f"'{target.text}' cannot be assigned: {fault}", target)
        place = parser.read(statement[2:])
        assignments.append((target.text, parser.builder.program(value=place)))
    return assignments


def define(name: str, arguments: str, text: str) -> None:
    """Adds a function of your own to the language; it is written out wherever it is called.

    `arguments` are names, separated by commas; `text` is an expression in these names alone, and may call functions
    defined before. A second definition replaces the first, for formulas read later. Raises FormulaError.

    >>> define("Q", "u", "(5*u**3 - 3*u)/2")
    >>> parse_expression("Q(2*x)").names()
    ('x',)
    >>> del USER_FUNCTIONS["Q"]
    """
    head = f"{name}({arguments})"
    if not isinstance(name, str) or not isinstance(arguments, str):
        raise FormulaError("a function needs a name and its arguments as text", head, 0)
    names = tuple(argument.strip() for argument in arguments.split(","))
    for word in (name, *names):
        if fault := name_fault(word) or reserved(word):
            raise FormulaError(f"'{printable(word)}' cannot be used in a definition: {fault}", head, 0)
    if len(set(names)) < len(names):
        raise FormulaError("two arguments have the same name", head, 0)
    parser = Parser(text)
    place = parser.read(tokenize(text))
    for used, position in parser.names.items():
        if used not in names:
            raise FormulaError(errors.unknown("name", printable(used), names), text, position)
    USER_FUNCTIONS[name] = UserFunction(names, parser.builder.program(value=place))
