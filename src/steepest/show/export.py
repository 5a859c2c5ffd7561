"""A descent as a stand-alone script or notebook in one library: `export(descent, what)`.

Formula and names are hostile: the formula stands in comments, below the lines where Python looks for an encoding, with every
character that does not print replaced; a name stands in a comment if it is an identifier, else its position does.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from steepest._version import __version__
from steepest.calculus.derivation import Derivation
from steepest.errors import OptionError, unknown
from steepest.language.names import printable
from steepest.show.export_data import Data, csv_code, data_code
from steepest.show.scripts import SCRIPTS, SUMS, Script

if TYPE_CHECKING:
    from steepest.descent.trace import Trace

WHAT = (*SCRIPTS, "notebook")
PRINTED = 10  # losses


class Descent(NamedTuple):
    """What a script does: `steps` steps of plain gradient descent at one rate. `result` is a sentence on what it will print."""

    derivation: Derivation
    start: tuple[float, ...]
    free: tuple[int, ...]
    rate: float
    steps: int
    data: Data
    result: str = ""


def descent_of(trace: Trace) -> Descent:
    """The descent that a trace records. Raises OptionError where a script cannot repeat it."""
    recipe, objective = trace.recipe, trace.objective
    if recipe["method"] != "gd":
        raise OptionError(f"method is '{recipe['method']}': a script does plain gradient descent, 'gd'")
    for name in ("dtype", "data_dtype"):
        if recipe.get(name) not in (None, "float64"):
            raise OptionError(f"{name} is '{recipe[name]}': a script computes in float64; descend in that first")
    rates = np.unique(trace.lr.astype(float))
    if len(rates) > 1:
        raise OptionError(
            f"lr='auto' was halved on the way, which a script does not do: give lr={float(rates[0])!r}, its last value"
        )
    steps = int(trace.step[-1])
    return Descent(
        objective.derivation,
        tuple(float(value) for value in trace.theta[0]),
        tuple(int(k) for k in objective.free),
        float(rates[0]),
        steps,
        data_code(objective.columns, objective.weights),
        f"The last loss is {float(trace.loss[-1]):.10g}, after {steps:,} steps.",
    )


def descent_on_a_file(derivation: Derivation, start: tuple[float, ...], rate: float, steps: int) -> Descent:
    """A descent on data that are not here: the script takes the path of a CSV file on its command line."""
    data = csv_code("sys.argv[1]", derivation.formula.columns)
    data = data._replace(imports=(*data.imports, "import sys"))
    said = f"Give it the path of a CSV file with the columns {', '.join(ascii(name) for name in derivation.formula.columns)}."
    return Descent(derivation, start, tuple(range(derivation.size)), rate, steps, data, said)


def export(descent: Descent, what: str) -> str:
    """The text of a script in one library, or of a notebook. Raises OptionError for another word."""
    if what not in WHAT:
        raise OptionError(unknown("export", what, WHAT))
    if what == "notebook":
        return notebook(descent)
    script = SCRIPTS[what]
    title = f'"""Gradient descent in {script.library} alone, written by steepest {__version__}."""'
    about = "\n".join(f"# {line}" for line in said(descent))
    return "\n\n".join([title, about, *sections(descent, script)]) + "\n"


def said(descent: Descent) -> list[str]:
    """The formula, the loss and the outcome, for comments."""
    derivation = descent.derivation
    loss = derivation.criterion
    how = "the mean" if loss.mean else "the sum"
    scale = "" if loss.scale == 1 else f"{loss.scale} of "
    lines = [f"{derivation.formula.text}", f"The loss is {scale}{how} of {loss.text} over the rows.", descent.result]
    return [printable(line, 2_000) for line in lines if line]


def sections(descent: Descent, script: Script) -> list[str]:
    """Imports, data, functions and the loop."""
    derivation, data = descent.derivation, descent.data
    names = comment_names(derivation)
    weighted = data.weights is not None
    functions = script.functions(derivation, weighted, names)
    printed = "\n\n".join(functions)
    return [imports(script, data, printed), data_section(script, data, names), f"\n{printed}", loop(descent, script)]


def imports(script: Script, data: Data, text: str) -> str:
    """Only what the text uses."""
    plain = [*data.imports, *(["import math"] if "math." in text and "import math" not in data.imports else [])]
    special = {"numpy": "from scipy import special", "jax": "from jax.scipy import special"}
    library = list(script.imports)
    if "special." in text:
        library.append(special["jax" if script.library == "JAX" else "numpy"])
    if "nn." in text:
        library.append("from jax import nn")
    if script.library == "JAX":
        library += ["", 'jax.config.update("jax_enable_x64", True)  # float64, as everywhere']
    return "\n".join([*sorted(plain), *([""] if plain else []), *library])


def data_section(script: Script, data: Data, names: dict[str, str]) -> str:
    lines = list(data.lines)
    for j, column in enumerate(data.columns):
        name = names.get(f"x{j}")
        comment = f"# {name}" if name else ""
        lines += [comment] if comment and "\n" in column else []
        lines.append(f"x{j} = {script.array.format(column)}" + (f"  {comment}" if comment and "\n" not in column else ""))
    if data.weights is not None:
        lines.append(f"w = {script.array.format(data.weights)}")
    elif script.loss is SUMS:
        lines.append("w = None  # no weights")
    return "\n".join(lines)


def loop(descent: Descent, script: Script) -> str:
    """Everything after the functions."""
    derivation = descent.derivation
    loss, weighted = derivation.criterion, descent.data.weights is not None
    fixed = len(descent.free) < derivation.size
    total = "sum(w.tolist())" if weighted else "len(x0)"
    over = "total" if loss.mean else "1.0"
    scale = 1 / loss.scale
    words = {"x": ", ".join(f"x{j}" for j in range(len(derivation.formula.columns))), "rate": "rate*free" if fixed else "rate"}
    row = script.row.format(**words)
    by_rows = derivation.program("value").pruned({"loss": derivation.program("value").outputs["loss"]}).depends_on("column")[-1]
    alike = not by_rows and "value(" in row
    words["sum"] = f"total*{row}" if alike else script.sum.format(f"w*{row}" if weighted else row)
    words["masked"] = "theta.grad *= free" if fixed else ""
    numbers = [float(k in descent.free) for k in range(derivation.size)]
    lines = [
        f"total = {total}  # {'the sum of the weights' if weighted else 'rows'}",
        f"divisor = {over if scale == 1 else f'{float(scale)!r}*{over}'}",
        script.start.format(array=script.array.format(list(descent.start))),
        *([f"free = {script.array.format(numbers)}  # 0: this parameter stays"] if fixed else []),
        f"rate = {descent.rate!r}",
        f"steps = {descent.steps}",
        *(line.format(**words) for line in script.before),
        "",
        "for step in range(steps + 1):",
        *(f"    {line.format(**words)}" for line in script.loss),
        f"    if step % {max(1, descent.steps // PRINTED)} == 0 or step == steps:",
        "        print(step, loss.item())",
        "    if step < steps:",
        *(f"        {line.format(**words)}" for line in script.move if line.format(**words)),
        "",
        f"for name, number in zip({list(derivation.formula.parameters)!a}, theta.tolist()):",
        "    print(name, number)",
    ]
    return "\n".join(lines)


def comment_names(derivation: Derivation) -> dict[str, str]:
    """What comments call p0, x0, … and the sums."""
    formula = derivation.formula
    named = {f"p{k}": name for k, name in enumerate(formula.parameters)}
    named |= {f"x{j}": name for j, name in enumerate(formula.columns)}
    safe = {key: name for key, name in named.items() if name.isidentifier() and len(name) <= 40}
    slopes = {f"gradient_{k}": f"its slope in {safe.get(f'p{k}', f'p{k}')}" for k in range(derivation.size)}
    return {**safe, **slopes, "loss": "the loss"}


def notebook(descent: Descent) -> str:
    """An .ipynb with the NumPy version, section by section."""
    from steepest.calculus.latex import latex

    script = SCRIPTS["numpy"]
    head, data, functions, descend = sections(descent, script)
    about = "\n".join(f"    {line}" for line in said(descent))
    cells: list[tuple[str, str]] = [
        ("markdown", f"# Gradient descent, step by step\n\n{about}\n\nWritten by steepest {__version__}; it needs NumPy alone."),
        ("markdown", f"## The mathematics\n\n$$\n{latex(descent.derivation, ('loss', 'gradient'))}\n$$"),
        ("markdown", "## The data\n\nA column is an array with a number for each row."),
        ("code", f"{head}\n\n{data}"),
        ("markdown", "## Loss and gradient\n\nOne pass over the rows gives the loss and its slope in every parameter, as sums. "
         "What no column enters stands outside of the sums."),
        ("code", functions.strip()),
        ("markdown", "## The descent\n\nEach step goes against the gradient: $\\theta \\leftarrow \\theta - \\eta\\,\\nabla L$."),
        ("code", descend),
    ]  # fmt: skip
    whole = {"cells": [cell(k, *part) for k, part in enumerate(cells)], "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1)


METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def cell(number: int, kind: str, text: str) -> dict[str, Any]:
    made: dict[str, Any] = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": text.splitlines(keepends=True)}
    return {**made, "execution_count": None, "outputs": []} if kind == "code" else made
