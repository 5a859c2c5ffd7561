"""The model, the loss with the data put in, and its partial derivatives, as numbered formulae."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.calculus.steps.exactly import as_written
from steepest.calculus.steps.mathml import mathml
from steepest.calculus.steps.plain import plain
from steepest.calculus.worked import Fresh
from steepest.errors import OptionError
from steepest.language.names import latex_name, printable

if TYPE_CHECKING:
    from steepest.calculus.derivation import Derivation

MOST_ROWS = 20

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Formulae:
    """Pairs of sides in LaTeX: (1) the model, (2) the loss, (3) … its derivative by each parameter."""

    sides: tuple[tuple[str, str], ...]
    names: Mapping[str, tuple[str, str]]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.sides)

    def __len__(self) -> int:
        return len(self.sides)

    def text(self, ascii: bool = False) -> str:
        """One formula a line, with its number before it."""
        lines = [plain(f"{left} = {right}", self.names, ascii) for left, right in self.sides]
        return "\n".join(f"({number}) {line}" for number, line in enumerate(lines, 1))

    def latex(self) -> str:
        """The formulae aligned, with their numbers."""
        body = " \\\\\n".join(f"{left} &= {right} && ({number})" for number, (left, right) in enumerate(self.sides, 1))
        return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"

    def html(self) -> str:
        """A table of MathML, which needs nothing from elsewhere."""
        left = 'style="text-align:left"'
        rows = "".join(
            f"<tr><td {left}><math>{mathml(f'{one} = {other}')}</math></td><td>({number})</td></tr>"
            for number, (one, other) in enumerate(self.sides, 1)
        )
        return f'<table class="steepest-formulae">{rows}</table>'

    def to_dict(self) -> dict[str, Any]:
        """The formulae as plain values."""
        lines = self.text().splitlines()
        return {
            "formulae": [
                {"number": k, "latex": f"{left} = {right}", "text": lines[k - 1].partition(" ")[2]}
                for k, (left, right) in enumerate(self.sides, 1)
            ]
        }

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.html()

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


def formulae(derivation: Derivation, columns: Sequence[Array], weights: Array | None) -> Formulae:
    """From a derivation and the data. A float that prints as a short decimal is that decimal."""
    from steepest.calculus.symbolic import over_rows, symbols

    derivation.by_parameter("a formula with the data put in")
    rows = len(columns[0])
    if rows > MOST_ROWS:
        raise OptionError(
            f"formulae with the data put in have a term for each of the {rows:,} rows: at most {MOST_ROWS} are written"
        )
    formula = derivation.formula
    exact = [[as_written(value) for value in column] for column in columns]
    heavy = None if weights is None else [as_written(weight) for weight in weights]
    fresh = Fresh([*formula.parameters, *formula.columns])
    model, total = fresh("H", "M", "prediction"), fresh("J", "L", "total")
    left_of = rf"\frac{{\partial {total}}}{{\partial "
    known = symbols(derivation)
    latex = {symbol: latex_name(name) for symbol, name in zip(known["parameter"], formula.parameters, strict=True)}
    sides = [(model, _model(derivation)), (total, _latex(over_rows(derivation, exact, heavy), latex))]
    for k, name in enumerate(formula.parameters):
        slope = over_rows(derivation, exact, heavy, f"gradient_{k}")
        sides.append((f"{left_of}{latex_name(name)}}}", _latex(_multiplied_out(slope), latex)))
    words = {latex_name(name): (printable(name), printable(name)) for name in (*formula.parameters, *formula.columns)}
    return Formulae(tuple(sides), words)


def _model(derivation: Derivation) -> str:
    from steepest.calculus.steps.notation import Notation

    program = derivation.program("value")
    return Notation(derivation, derivation.plan, False).text(program.pruned({"it": program.outputs["yhat"]}))


def _multiplied_out(slope: Any) -> Any:
    """Where it is a polynomial in the parameters."""
    return slope.expand() if slope.is_polynomial(*slope.free_symbols) else slope


def _latex(expression: Any, names: Mapping[Any, str]) -> str:
    import sympy
    from sympy.printing.latex import LatexPrinter

    class Printer(LatexPrinter):  # type: ignore[misc]
        def _print_ExpBase(self, expr: Any, exp: str | None = None) -> str:
            """e may be a parameter: the function is written exp."""
            return self._raised(rf"\exp\left({self._print(expr.args[0])}\right)", exp)

        def _print_sinc(self, expr: Any, exp: str | None = None) -> str:
            """Ours is sin(πu)/(πu), SymPy's sin(u)/u."""
            return self._raised(rf"\operatorname{{sinc}}\left({self._print(expr.args[0] / sympy.pi)}\right)", exp)

        def _print_Piecewise(self, expr: Any, exp: str | None = None) -> str:
            """SymPy's own takes no exponent."""
            return self._raised(str(super()._print_Piecewise(expr)), exp)

        @staticmethod
        def _raised(text: str, exp: str | None) -> str:
            return rf"\left({text}\right)^{{{exp}}}" if exp else text

    return str(Printer({"symbol_names": dict(names)}).doprint(expression))
