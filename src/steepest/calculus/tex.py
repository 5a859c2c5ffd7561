r"""LaTeX of sums of products: numbers, signs, fractions and powers where a person writes them. Nothing is expanded.

A form is a sum of products; a product is an exact number with factors above and below the line; a factor is a piece of
LaTeX with an exponent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from fractions import Fraction
from typing import NamedTuple

SMALL = 12  # denominators up to this are fractions, larger ones decimals where these are exact
DIGITS = 17


class Kind(IntEnum):
    """What a factor is; the order in which factors are written."""

    NUMBER = 0
    SYMBOL = 1
    COLUMN = 2
    SUM = 3
    CALL = 4
    FUNCTION = 5  # in parentheses where it has an exponent
    NAMED = 6  # a function whose exponent stands at its name, as in sin^2(x)
    POWER = 7
    CASES = 8


class Factor(NamedTuple):
    """`varying`: does it differ from row to row?"""

    text: str
    kind: Kind
    varying: bool
    exponent: Fraction = Fraction(1)


class Product(NamedTuple):
    """`number` times the factors of `top`, over those of `bottom`."""

    number: Fraction
    top: tuple[Factor, ...] = ()
    bottom: tuple[Factor, ...] = ()


Form = tuple[Product, ...]


def numeral(value: Fraction | int) -> Form:
    return (Product(Fraction(value)),)


def factor(text: str, kind: Kind, varying: bool) -> Form:
    return (Product(Fraction(1), (Factor(text, kind, varying),)),)


def single(form: Form) -> Product:
    """The form as one product; a longer sum becomes a factor in parentheses."""
    if len(form) == 1:
        return form[0]
    return Product(Fraction(1), (Factor(sum_text(form), Kind.SUM, varies(form)),))


def varies(form: Form) -> bool:
    return any(f.varying for product in form for f in product.top + product.bottom)


def plus(a: Form, b: Form) -> Form:
    return a + b


def minus(a: Form, b: Form) -> Form:
    return a + negative(b)


def negative(a: Form) -> Form:
    product = single(a)
    return (product._replace(number=-product.number),)


def times(a: Form, b: Form) -> Form:
    return (_times(single(a), single(b)),)


def over(a: Form, b: Form) -> Form:
    number, top, bottom = single(b)
    if number == 0:
        return (_times(single(a), Product(Fraction(1), (), (Factor("0", Kind.NUMBER, False),))),)
    return (_times(single(a), Product(1 / number, bottom, top)),)


def power(base: Form, exponent: Form, constant: Fraction | None) -> Form:
    """`constant` is the exponent where it is a number."""
    product = single(base)
    lone = product.top[0] if product.number == 1 and len(product.top) == 1 and not product.bottom else None
    if lone is None or lone.exponent != 1:
        whole = not product.top and not product.bottom and product.number >= 0 and product.number.denominator == 1
        lone = Factor(sum_text(base), Kind.NUMBER if whole else Kind.SUM, varies(base))
    if constant is not None:
        return (Product(Fraction(1), (lone._replace(exponent=constant),)),)
    text = _raised(lone, sum_text(exponent))
    return factor(text, Kind.POWER, lone.varying or varies(exponent))


def _times(a: Product, b: Product) -> Product:
    return Product(a.number * b.number, _merged(a.top + b.top), _merged(a.bottom + b.bottom))


def _merged(factors: Iterable[Factor]) -> tuple[Factor, ...]:
    """Equal factors become a power."""
    found: dict[tuple[str, bool], Factor] = {}
    for f in factors:
        key = (f.text, f.exponent > 0)  # x/x is not cancelled
        before = found.get(key)
        found[key] = f if before is None else f._replace(exponent=before.exponent + f.exponent)
    return tuple(found.values())


def sum_text(form: Form) -> str:
    """The sum without parentheses."""
    parts: list[str] = []
    for product in form:
        text = product_text(product._replace(number=abs(product.number)), alone=len(form) == 1 and product.number > 0)
        sign = "-" if product.number < 0 else "+"
        parts.append(f" {sign} {text}" if parts else text if sign == "+" else f"-{text}")
    return "".join(parts)


def product_text(product: Product, alone: bool = False) -> str:
    """A product whose number is not negative; a lone sum is without parentheses if `alone`."""
    above, below = number_text(product.number)
    if not product.bottom and not below:
        return _row(above, product.top, alone)
    return rf"\frac{{{_row(above, product.top, True)}}}{{{_row(below, product.bottom, True)}}}"


def number_text(value: Fraction) -> tuple[str, str]:
    """A number that is not negative, above and below the line: exact, as a decimal where that is shorter."""
    if value.denominator <= SMALL and value < 10**DIGITS:
        return str(value.numerator), "" if value.denominator == 1 else str(value.denominator)
    decimal = _decimal(value)
    return (decimal, "") if decimal else (str(value.numerator), str(value.denominator) if value.denominator > 1 else "")


def _decimal(value: Fraction) -> str:
    """The exact decimal of at most 17 digits, or nothing."""
    digits, places = value.denominator, 0
    for prime in (2, 5):
        count = 0
        while digits % prime == 0:
            digits //= prime
            count += 1
        places = max(places, count)
    if digits != 1:
        return ""
    mantissa = str(value.numerator * 10**places // value.denominator)
    significant = mantissa.rstrip("0")
    if len(significant) > DIGITS:
        return ""
    exponent = len(mantissa) - 1 - places
    if -5 <= exponent < DIGITS:
        whole = mantissa.rjust(places + 1, "0")
        return f"{whole[:-places]}.{whole[-places:]}" if places else whole
    if significant == "1":
        return f"10^{{{exponent}}}"
    point = "." if len(significant) > 1 else ""
    return rf"{significant[0]}{point}{significant[1:]} \cdot 10^{{{exponent}}}"


def _row(number: str, factors: Sequence[Factor], alone: bool) -> str:
    """Factors side by side, symbols before sums before functions."""
    ordered = sorted(factors, key=lambda f: (f.kind, f.varying))
    shown = [] if number in ("", "1") and ordered else [number or "1"]
    if not shown and alone and len(ordered) == 1 and ordered[0].exponent == 1:
        return ordered[0].text
    for f in ordered:
        text = _factor_text(f)
        shown.append(rf"\cdot {text}" if shown and text[0].isdigit() else text)
    return " ".join(shown)


def _factor_text(f: Factor) -> str:
    if f.exponent != 1:
        above, below = number_text(abs(f.exponent))
        sign = "-" if f.exponent < 0 else ""
        return _raised(f, f"{sign}{above}/{below}" if below else f"{sign}{above}")
    return rf"\left({f.text}\right)" if f.kind == Kind.SUM else f.text


def _raised(f: Factor, exponent: str) -> str:
    if f.kind == Kind.NAMED and exponent.isdigit():
        name, _, rest = f.text.partition(r"\left(")
        return rf"{name}^{{{exponent}}}\left({rest}"
    plain = f.kind in (Kind.NUMBER, Kind.SYMBOL, Kind.COLUMN, Kind.CALL)
    return f"{f.text}^{{{exponent}}}" if plain else rf"\left({f.text}\right)^{{{exponent}}}"
