"""The function table: a function enters the language in one row, with derivatives, LaTeX and names in the libraries.

At ties the table chooses a subgradient: 1/2 for each argument of `min` and `max`, 0 for `abs` and `relu` at 0, and for
`clip` 1 on the closed interval. A NaN argument gives NaN. `where` has no partials: its condition is flat, and its
branches are guarded by calculus.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from steepest.language.program import Program


class Function(NamedTuple):
    """One row. An engine uses its own column; where that is empty, it expands the definition."""

    name: str
    arguments: tuple[str, ...]
    partials: tuple[str, ...]  # in our own language, one for each argument
    latex: str  # a template with {0}, {1}, ...
    numpy: str = ""
    torch: str = ""
    jax: str = ""
    libm: str = ""  # the symbol in C, or an LLVM intrinsic
    sympy: str = ""
    definition: str = ""
    domain: str = ""  # a comparison that must hold


def _row(name: str, partial: str, latex: str, **columns: str) -> Function:
    return Function(name, ("u",), (partial,), latex, **columns)


def _call(command: str) -> str:
    return command + r"\left({0}\right)"


_ROWS = (
    _row("exp", "exp(u)", _call(r"\exp"), numpy="np.exp", torch="torch.exp", jax="jnp.exp", libm="exp", sympy="exp"),
    _row(
        "expm1",
        "exp(u)",
        _call(r"\operatorname{{expm1}}"),
        numpy="np.expm1",
        torch="torch.expm1",
        jax="jnp.expm1",
        libm="expm1",
        definition="exp(u) - 1",
    ),
    _row("log", "1/u", _call(r"\ln"), numpy="np.log", torch="torch.log", jax="jnp.log", libm="log", sympy="log", domain="u > 0"),
    _row(
        "log1p",
        "1/(1 + u)",
        _call(r"\operatorname{{log1p}}"),
        numpy="np.log1p",
        torch="torch.log1p",
        jax="jnp.log1p",
        libm="log1p",
        definition="log(1 + u)",
        domain="u > -1",
    ),
    _row(
        "log10",
        "1/(log(10)*u)",
        _call(r"\log_{{10}}"),
        numpy="np.log10",
        torch="torch.log10",
        jax="jnp.log10",
        libm="log10",
        definition="log(u)/log(10)",
        domain="u > 0",
    ),
    _row(
        "log2",
        "1/(log(2)*u)",
        _call(r"\log_{{2}}"),
        numpy="np.log2",
        torch="torch.log2",
        jax="jnp.log2",
        libm="log2",
        definition="log(u)/log(2)",
        domain="u > 0",
    ),
    _row(
        "sqrt",
        "1/(2*sqrt(u))",
        r"\sqrt{{{0}}}",
        numpy="np.sqrt",
        torch="torch.sqrt",
        jax="jnp.sqrt",
        libm="llvm.sqrt.f64",
        sympy="sqrt",
        domain="u >= 0",
    ),
    _row(
        "cbrt",
        "1/(3*cbrt(u)**2)",
        r"\sqrt[3]{{{0}}}",
        numpy="np.cbrt",
        jax="jnp.cbrt",
        libm="cbrt",
        definition="sign(u)*abs(u)**(1/3)",
    ),
    _row(
        "abs", "sign(u)", r"\left|{0}\right|", numpy="np.abs", torch="torch.abs", jax="jnp.abs", libm="llvm.fabs.f64", sympy="Abs"
    ),
    _row(
        "sign",
        "0",
        _call(r"\operatorname{{sign}}"),
        numpy="np.sign",
        jax="jnp.sign",
        sympy="sign",
        definition="where(u > 0, 1, where(u < 0, -1, u))",
    ),
    _row("sin", "cos(u)", _call(r"\sin"), numpy="np.sin", torch="torch.sin", jax="jnp.sin", libm="sin", sympy="sin"),
    _row("cos", "-sin(u)", _call(r"\cos"), numpy="np.cos", torch="torch.cos", jax="jnp.cos", libm="cos", sympy="cos"),
    _row("tan", "1 + tan(u)**2", _call(r"\tan"), numpy="np.tan", torch="torch.tan", jax="jnp.tan", libm="tan", sympy="tan"),
    _row(
        "asin",
        "1/sqrt((1 - u)*(1 + u))",
        _call(r"\arcsin"),
        numpy="np.arcsin",
        torch="torch.asin",
        jax="jnp.arcsin",
        libm="asin",
        sympy="asin",
        domain="abs(u) <= 1",
    ),
    _row(
        "acos",
        "-1/sqrt((1 - u)*(1 + u))",
        _call(r"\arccos"),
        numpy="np.arccos",
        torch="torch.acos",
        jax="jnp.arccos",
        libm="acos",
        sympy="acos",
        domain="abs(u) <= 1",
    ),
    _row(
        "atan",
        "1/(1 + u**2)",
        _call(r"\arctan"),
        numpy="np.arctan",
        torch="torch.atan",
        jax="jnp.arctan",
        libm="atan",
        sympy="atan",
    ),
    _row("sinh", "cosh(u)", _call(r"\sinh"), numpy="np.sinh", torch="torch.sinh", jax="jnp.sinh", libm="sinh", sympy="sinh"),
    _row("cosh", "sinh(u)", _call(r"\cosh"), numpy="np.cosh", torch="torch.cosh", jax="jnp.cosh", libm="cosh", sympy="cosh"),
    _row("tanh", "1 - tanh(u)**2", _call(r"\tanh"), numpy="np.tanh", torch="torch.tanh", jax="jnp.tanh", libm="tanh", sympy="tanh"),
    # The derivatives of sinc are a family of their own, known to calculus: sinc with value n is the n-th derivative.
    _row(
        "sinc",
        "",
        _call(r"\operatorname{{sinc}}"),
        numpy="np.sinc",
        torch="torch.sinc",
        jax="jnp.sinc",
        definition="where(u == 0, 1, sin(pi*u)/(pi*u))",
    ),
    _row(
        "erf",
        "2*exp(-u**2)/sqrt(pi)",
        _call(r"\operatorname{{erf}}"),
        numpy="special.erf",
        torch="torch.erf",
        jax="special.erf",
        libm="erf",
        sympy="erf",
    ),
    _row(
        "sigmoid",
        "sigmoid(u)*(1 - sigmoid(u))",
        _call(r"\sigma"),
        torch="torch.sigmoid",
        jax="nn.sigmoid",
        definition="where(u >= 0, 1, exp(-abs(u)))/(1 + exp(-abs(u)))",
    ),
    _row(
        "softplus",
        "sigmoid(u)",
        _call(r"\operatorname{{softplus}}"),
        definition="max(u, 0) + log1p(exp(-abs(u)))",
    ),
    _row("relu", "where(u > 0, 1, 0)", _call(r"\operatorname{{relu}}"), torch="torch.relu", jax="nn.relu", definition="max(u, 0)"),
    _row(
        "logcosh",
        "tanh(u)",
        _call(r"\ln\cosh"),
        definition="where(abs(u) < 1, log1p(2*sinh(u/2)**2), abs(u) + log1p(exp(-2*abs(u))) - log(2))",
    ),
    _row(
        "sqrt1pm1",
        "1/(2*sqrt(1 + u))",
        r"\left(\sqrt{{1 + {0}}} - 1\right)",
        definition="where(u <= 1, u/(1 + sqrt(1 + u)), sqrt(1 + u) - 1)",
        domain="u >= -1",
    ),
    Function(
        "min",
        ("u", "v"),
        ("where(u == v, 1/2, where(u < v, 1, 0))", "where(u == v, 1/2, where(v < u, 1, 0))"),
        r"\min\left({0}, {1}\right)",
        numpy="np.minimum",
        torch="torch.minimum",
        jax="jnp.minimum",
        sympy="Min",
        definition="where(u <= v, u, where(v < u, v, u + v))",
    ),
    Function(
        "max",
        ("u", "v"),
        ("where(u == v, 1/2, where(u > v, 1, 0))", "where(u == v, 1/2, where(v > u, 1, 0))"),
        r"\max\left({0}, {1}\right)",
        numpy="np.maximum",
        torch="torch.maximum",
        jax="jnp.maximum",
        sympy="Max",
        definition="where(u >= v, u, where(v > u, v, u + v))",
    ),
    Function(
        "clip",
        ("u", "low", "high"),
        (
            "where(u >= low, where(u <= high, 1, 0), 0)",
            "where(u < low, where(low <= high, 1, 0), 0)",
            "where(max(u, low) > high, 1, 0)",
        ),
        r"\operatorname{{clip}}\left({0}, {1}, {2}\right)",
        numpy="np.clip",
        jax="jnp.clip",
        definition="min(max(u, low), high)",
    ),
    Function(
        "where",
        ("condition", "u", "v"),
        (),
        r"\begin{{cases}}{1} & \text{{if }} {0}\\{2} & \text{{otherwise}}\end{{cases}}",
        numpy="np.where",
        torch="torch.where",
        jax="jnp.where",
        sympy="Piecewise",
    ),
)

FUNCTIONS: dict[str, Function] = {row.name: row for row in _ROWS}

# What people write elsewhere, and what it is called here.
ELSEWHERE = {
    "ln": "log(u)",
    "pow": "u**v",
    "arcsin": "asin(u)",
    "arccos": "acos(u)",
    "arctan": "atan(u)",
    "tg": "tan(u)",
    "fabs": "abs(u)",
    "expit": "sigmoid(u)",
    "maximum": "max(u, v)",
    "minimum": "min(u, v)",
    "ifelse": "where(condition, u, v)",
    "legendre": "P3(u), with the order in the name",
    "chebyshev": "T3(u), with the order in the name",
}

HIGHEST_ORDER = 200
_POLYNOMIAL = re.compile(r"[PT](0|[1-9][0-9]{0,8})")


class UserFunction(NamedTuple):
    """A function made by `define`: a program over its arguments, inlined wherever it is called."""

    arguments: tuple[str, ...]
    program: Program


USER_FUNCTIONS: dict[str, UserFunction] = {}


def polynomial(name: str) -> tuple[int, Fraction] | None:
    """P3 → (3, 1/2), Legendre's; T5 → (5, 0), Chebyshev's: the order and α of a `gegenbauer` node.

    >>> polynomial("P3"), polynomial("T5"), polynomial("P")
    ((3, Fraction(1, 2)), (5, Fraction(0, 1)), None)
    """
    if not _POLYNOMIAL.fullmatch(name):
        return None
    return int(name[1:]), Fraction(1, 2) if name[0] == "P" else Fraction(0)


def reserved(name: str) -> str | None:
    """Why `name` cannot be given a meaning by a user, or None."""
    if name in FUNCTIONS or name in ("poly", "norm", "dot"):
        return "it is a function of the language"
    if name in ("pi", "π"):
        return "it is the constant pi"
    if name in ("inf", "nan"):
        return "it is no finite number"
    if polynomial(name):
        return "it is the name of a polynomial"
    return None


def numpy_function(name: str) -> Callable[..., Any] | None:
    """The NumPy (or SciPy) function of a row, or None where it must be expanded."""
    library, _, attribute = FUNCTIONS[name].numpy.partition(".")
    if library == "special":
        from scipy import special

        return getattr(special, attribute)  # type: ignore[no-any-return]
    return getattr(np, attribute) if attribute else None
