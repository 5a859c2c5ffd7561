"""The model of a fit, with its numbers, as a text that needs nothing of steepest: NumPy, PyTorch, SymPy or LaTeX.

Names are hostile: one that is not a plain identifier, or that the text itself needs, is replaced, and stands in a comment.
"""

from __future__ import annotations

import builtins
import keyword
import re
import textwrap
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from steepest._version import __version__
from steepest.calculus.derivation import Derivation
from steepest.calculus.kernel import written_kernel
from steepest.engines.loops import gegenbauer
from steepest.engines.source import Lines, leaves
from steepest.engines.words import NUMPY, TORCH, Words
from steepest.errors import OptionError, unknown
from steepest.language.functions import FUNCTIONS
from steepest.language.losses import LOSSES
from steepest.language.names import latex_name, printable
from steepest.show.scripts import polynomials
from steepest.show.tables import error_of, estimate, found_something

if TYPE_CHECKING:
    from steepest.fitting.result import Fit

TAKEN = {*dir(builtins), "np", "special", "math", "torch", "model", "Model", "self", "gegenbauer"}
SYMPY = {row.sympy for row in FUNCTIONS.values()} | {"Symbol", "S", "E", "I", "pi", "oo", "nan", "zoo", "Piecewise", "Eq", "Ne"}
SYMPY |= {"legendre", "chebyshevt", "gegenbauer", "sinc"}


def export(fit: Fit, what: str) -> str:
    """The text. Raises OptionError for another word, and where nothing was fitted."""
    if what not in EXPORTS:
        raise OptionError(unknown("export", str(what), EXPORTS))
    if not found_something(fit):
        raise OptionError(f"nothing was fitted, and there is no model to export: {fit.reason}")
    fit.objective.derivation.by_parameter("an export")
    return EXPORTS[what](fit)


class Naming(NamedTuple):
    """What the parameters and columns are called in the text; `used` are the places of the columns that the model needs."""

    parameters: tuple[str, ...]
    columns: tuple[str, ...]
    used: tuple[int, ...]

    @property
    def arguments(self) -> list[str]:
        return [self.columns[k] for k in self.used]


def naming(derivation: Derivation, taken: set[str]) -> Naming:
    formula = derivation.formula
    free = [name for name in (*formula.parameters, *formula.columns) if is_plain(name, taken)]
    renamed: dict[str, str] = {name: name for name in free}
    for kind, names in (("parameter", formula.parameters), ("column", formula.columns)):
        for k, name in enumerate(names):
            fresh = f"{kind}{k}"
            while name not in renamed and fresh in renamed.values():
                fresh += "_"
            renamed.setdefault(name, fresh)
    model = formula.program.pruned({"yhat": formula.program.outputs["yhat"]})
    used = tuple(sorted(node.value for node in model.nodes if node.op == "column"))
    return Naming(tuple(renamed[n] for n in formula.parameters), tuple(renamed[n] for n in formula.columns), used)


def is_plain(name: str, taken: set[str]) -> bool:
    """Can it stand in the text as it is? Python takes names that differ as one where their normal forms are alike."""
    plain = name.isidentifier() and not keyword.iskeyword(name) and unicodedata.normalize("NFKC", name) == name and len(name) <= 40
    return plain and not name.startswith("_") and name not in taken and not re.fullmatch("t[0-9]+", name)


def about(fit: Fit, named: Naming) -> list[str]:
    """Comments: the formula, how the fit ended, and names that were replaced."""
    formula = fit.objective.derivation.formula
    pairs = zip((*formula.parameters, *formula.columns), (*named.parameters, *named.columns), strict=True)
    other = [f"{new} stands for {printable(old)}" for old, new in pairs if old != new]
    codes = [
        f"{printable(group.code)} is {', '.join(f'{k} for {printable(label)}' for k, label in enumerate(group.labels, 1))}"
        for group in (fit.together.groups if fit.together else ())
    ]
    said = (fit.sentence, *other, *codes, f"Written by steepest {__version__}.")
    return [f"# {line}" for text in said for line in textwrap.wrap(printable(text, 2_000), 100)]


def assigned(fit: Fit, named: Naming) -> list[str]:
    """A line a parameter, its standard error beside it."""
    values = zip(fit.parameters.items(), named.parameters, strict=True)
    return [f"{new} = {value!r}  # {known(fit, name)}" for (name, value), new in values]


def known(fit: Fit, name: str) -> str:
    error = error_of(fit, name)
    return error if error == "fixed" else f"standard error {error}"


def body(derivation: Derivation, words: Words, named: Naming) -> tuple[list[str], list[str]]:
    """The lines that compute yhat, and those of the functions that they call."""
    kernel = written_kernel(derivation, "yhat", words.printed)
    names = {"parameter": named.parameters, "column": named.columns}
    places = {i: names[kernel.nodes[i].op][kernel.nodes[i].value] for i in leaves(kernel.nodes)}
    lines = Lines(kernel.nodes, places, [s.outer for s in kernel.sums], words)
    lines.print(range(len(kernel.nodes)))
    return [*lines.lines, f"return {lines.texts[kernel.sums[0].outer][0]}"], polynomials(kernel, gegenbauer)


def numpy_text(fit: Fit) -> str:
    derivation = fit.objective.derivation
    named = naming(derivation, TAKEN)
    lines, functions = body(derivation, NUMPY, named)
    special = ["from scipy import special"] if any("special." in line for line in lines) else []
    model = [f"def model({', '.join(named.arguments)}):", *(f"    {line}" for line in lines)]
    return joined(about(fit, named), ["import numpy as np", *special], assigned(fit, named), *functions, model)


def torch_text(fit: Fit) -> str:
    derivation = fit.objective.derivation
    named = naming(derivation, TAKEN)
    lines, functions = body(derivation, TORCH, named)
    moves = [name not in fit.problem["fixed"] for name in fit.parameters]
    values = list(zip(fit.parameters, fit.parameters.values(), moves, named.parameters, strict=True))
    free, fixed = ([(name, value, new) for name, value, moving, new in values if moving is wanted] for wanted in (True, False))
    made = [*tensor("self.theta = torch.nn.Parameter(", ")", fit, free)]
    unpacked = [unpack(free, "self.theta")]
    if fixed:
        made += tensor('self.register_buffer("fixed", ', ")", fit, fixed)
        unpacked.append(unpack(fixed, "self.fixed"))
    if "theta" not in (*named.parameters, *named.arguments) and any("theta." in line for line in lines):
        unpacked.append("theta = self.theta")
    start = ["    def __init__(self):", "        super().__init__()", *(f"        {line}" for line in made), ""]
    forward = [f"    def forward({', '.join(['self', *named.arguments])}):", *(f"        {line}" for line in (*unpacked, *lines))]
    model = ["class Model(torch.nn.Module):", *start, *forward]
    return joined(about(fit, named), ["import torch"], *functions, model, ["model = Model()"])


def unpack(values: Sequence[tuple[str, float, str]], of: str) -> str:
    names = [new for *_, new in values]
    return f"{', '.join(names)}{',' if len(names) == 1 else ''} = {of}"


def tensor(before: str, after: str, fit: Fit, values: Sequence[tuple[str, float, str]]) -> list[str]:
    rows = [f"    {value!r},  # {new}, {known(fit, name)}" for name, value, new in values]
    return [f"{before}torch.tensor([", *rows, f"], dtype=torch.float64){after}"]


def sympy_text(fit: Fit) -> str:
    from sympy.printing.str import StrPrinter

    from steepest.calculus.symbolic import row_outputs

    formula = fit.objective.derivation.formula
    named = naming(fit.objective.derivation, TAKEN | SYMPY)
    renamed = Derivation(replace(formula, parameters=named.parameters, columns=named.columns), LOSSES["sse"])
    expression = StrPrinter({"sympy_integers": True}).doprint(row_outputs(renamed, "value")["yhat"])
    words = {word for word in re.findall(r"[A-Za-z_]\w*", expression) if word not in (*named.parameters, *named.columns, "True")}
    symbols = [f'{name} = Symbol("{name}")' for name in named.arguments]
    imports = [f"from sympy import {', '.join(sorted({*words, *(['Symbol'] if symbols else [])}))}"] if words or symbols else []
    return joined(about(fit, named), imports, symbols, assigned(fit, named), [f"model = {expression}"])


def latex_text(fit: Fit) -> str:
    from steepest.calculus.latex import equations

    lines = [f"{left} &= {right}" for left, right in equations(fit.objective.derivation, ("model",))]
    for name, value in fit.parameters.items():
        error = error_of(fit, name, 2)
        after = {"fixed": r" \quad (\mathrm{fixed})", "unknown": ""}
        known_to = after[error] if error in after else rf" \pm {power_of_ten(error)}"
        lines.append(f"{latex_name(name)} &= {power_of_ten(estimate(value, fit.std_errors[name]))}{known_to}")
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}\n"


def power_of_ten(text: str) -> str:
    r"""A number in LaTeX.

    >>> power_of_ten("-1.5e-07")
    '-1.5 \\times 10^{-7}'
    """
    mantissa, e, exponent = text.partition("e")
    return rf"{mantissa} \times 10^{{{int(exponent)}}}" if e else text


def joined(*parts: Sequence[str] | str) -> str:
    texts = [part.strip("\n") if isinstance(part, str) else "\n".join(part) for part in parts if part]
    text = "\n\n".join(texts)
    spaced = re.sub(r"\n\n(?=def |class |model = Model)", "\n\n\n", text)
    return f"{spaced}\n"


EXPORTS: dict[str, Callable[[Fit], str]] = {"numpy": numpy_text, "torch": torch_text, "sympy": sympy_text, "latex": latex_text}
