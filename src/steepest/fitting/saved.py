"""A fit in a JSON file: what is written, and what is read back, every value checked. Nothing in a file is run."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.descent.given.blocks import derived
from steepest.descent.given.parameters import is_finite
from steepest.descent.given.sets import Sets
from steepest.descent.objective import Array, Objective, l1_factors
from steepest.engines.table import Kernels, kernels
from steepest.errors import DataError, FormulaError, OptionError
from steepest.fitting.by_set import SetLine
from steepest.fitting.statistics import Statistics
from steepest.language.blocks import Matrix
from steepest.language.formula import parse_formula
from steepest.language.losses import parse_loss
from steepest.language.names import listed, printable
from steepest.language.parser import parse_expression

if TYPE_CHECKING:
    from steepest.fitting.result import Fit

FORMAT = "steepest fit 1"
LARGEST = 200_000_000  # bytes
OUTCOMES = ("converged", "stopped", "steps", "nonfinite")
NUMBERS = ("loss", "rss", "s", "seconds")
TEXTS = ("outcome", "reason", "method")
COUNTS = ("dof", "rows", "evaluations")
RECIPE: dict[str, type] = {
    "formula": str, "loss": str, "data": str, "rows": int, "weighted": bool, "constants": dict, "start": dict, "fixed": list,
    "fingerprint": str,
}  # fmt: skip
COMPARED = ("formula", "loss", "penalty", "constants", "weighted", "sigma", "fingerprint")


class WithoutData(Objective):
    """The formula and the loss of a fit that was loaded without its data. Raises OptionError where data are asked for."""

    def __init__(self, made: Kernels, free: list[int], path: str) -> None:
        self.kernels, self.free, self.path = made, np.array(free, dtype=np.int64), path
        self.l1 = l1_factors(made.derivation)

    def __getattr__(self, name: str) -> NoReturn:
        if name in ("columns", "weights", "total", "divisor"):
            raise OptionError(
                f"this needs the data, which {self.path!r} does not hold: load it with its problem, st.load(path, problem)"
            )
        raise AttributeError(name)


def to_dict(fit: Fit) -> dict[str, Any]:
    """Everything as plain values for JSON; what is not a finite number is None. The checksum is over all the rest."""
    values = values_of(fit)
    return {**values, "checksum": checksum(values)}


def checksum(values: Mapping[str, Any]) -> str:
    """SHA-256 of everything else in a file."""
    rest = {name: value for name, value in values.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def values_of(fit: Fit) -> dict[str, Any]:
    """All but the checksum."""
    return {
        "format": FORMAT,
        "parameters": {name: plain(value) for name, value in fit.parameters.items()},
        "std_errors": {name: plain(value) for name, value in fit.std_errors.items()},
        "covariance": [[plain(value) for value in row] for row in fit.covariance.tolist()],
        **{name: plain(getattr(fit, name)) for name in (*NUMBERS, *COUNTS)},
        "statistics": {name: plain(value) for name, value in fit.statistics._asdict().items()},
        "outcome": fit.outcome,
        "reason": fit.reason,
        "sentence": fit.sentence,
        "method": fit.method,
        "sets": [[plain(value) if isinstance(value, float) else value for value in line] for line in fit.sets],
        "columns": list(fit.objective.derivation.formula.columns),
        "recipe": fit.recipe,
    }


def plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def load(path: str | Path, objective: Objective | None = None, recipe: Mapping[str, Any] | None = None) -> Fit:
    """The fit in a file that `fit.save` wrote. With the objective and recipe of a problem it has its data again.

    Raises DataError for a file that is no fit, or is damaged; OptionError where it is a fit of another problem.
    """
    from steepest.fitting.result import Fit

    held = Held(read(Path(path)), str(path))
    made_of = held.mapping("recipe")
    for name, kind in RECIPE.items():
        if not isinstance(made_of.get(name), kind):
            raise held.damaged(f"recipe, {name},", "is missing or of another kind")
    held.whole(made_of["rows"], "recipe, rows,", 1)
    if recipe is not None:
        compare(made_of, recipe, str(path))
    derivation = objective.derivation if objective else derivation_of(held, made_of)
    names = derivation.formula.parameters
    check_settings(held, made_of, names)
    parameters = {name: held.number(value, f"parameter {name}") for name, value in held.mapping("parameters").items()}
    if tuple(parameters) != names:
        raise held.damaged("parameters", f"are not those of the formula, {listed(names)}")
    fixed = held.texts(made_of["fixed"], "fixed")
    free = [k for k, name in enumerate(names) if name not in fixed]
    covariance = held.matrix(len(names))
    values: dict[str, Any] = {name: held.number(held.get(name), name) for name in NUMBERS}
    rows = held.whole(held.get("rows"), "rows", 1)
    values |= {"rows": rows, "evaluations": held.whole(held.get("evaluations"), "evaluations", 0)}
    values |= {"dof": held.whole(held.get("dof"), "dof", rows - len(names), rows)}
    values |= {name: held.text(name) for name in TEXTS}
    if objective is None:
        found: Objective = WithoutData(kernels("numpy", derivation), free, str(path))
    else:
        found = objective.freeing(free)
    errors = dict(zip(names, np.sqrt(np.diag(covariance)).tolist(), strict=True))
    problem = {name: value for name, value in made_of.items() if name != "fingerprint"}
    fit = Fit(parameters=parameters, std_errors=errors, covariance=covariance, problem=problem, objective=found, **values)
    if fit.outcome not in OUTCOMES:
        raise held.damaged("outcome", f"is none of {', '.join(OUTCOMES)}")
    for name, value in parameters.items():
        if math.isnan(value) and fit.outcome != "nonfinite":
            raise held.damaged(f"parameter {name}", "is no number")
    if held.values.get("checksum") != checksum(held.values):
        raise DataError(f"{str(path)!r} is damaged: its values are not those that were saved. Fit again, and save it.")
    known = held.mapping("statistics")
    numbers = {name: held.number(known.get(name), name) for name in Statistics._fields}
    vars(fit).update(recipe=dict(made_of), statistics=Statistics(**numbers), sets=lines_of(held))
    return fit


def check_settings(held: Held, made_of: Mapping[str, Any], names: Sequence[str]) -> None:
    """Of a recipe: what a file of an older version may lack."""
    if not isinstance(made_of.get("sigma"), str | bool | int | float | list | None):
        raise held.damaged("recipe, sigma,", "is of another kind")
    ties, bounds = made_of.get("ties", {}), made_of.get("bounds", {})
    if not (isinstance(ties, dict) and all(isinstance(tie, str) for tie in ties.values())):
        raise held.damaged("recipe, ties,", "are no expressions by name")
    for tie in ties.values():
        if not {*names_of(held, tie)} <= {*names, *made_of["constants"]}:
            raise held.damaged("recipe, ties,", "name what is no parameter")
    for name, pair in bounds.items() if isinstance(bounds, dict) else [("", None)]:
        if not (isinstance(pair, list) and len(pair) == 2 and all(end is None or is_finite(end) for end in pair)):
            raise held.damaged("recipe, bounds,", "are no pairs of numbers by name")
        if name not in names:
            raise held.damaged("recipe, bounds,", "are not those of parameters")


def names_of(held: Held, tie: str) -> tuple[str, ...]:
    try:
        return parse_expression(tie).names()
    except FormulaError as error:
        raise held.damaged("recipe, ties,", f"cannot be read: {error.sentence}") from None


def read(path: Path) -> dict[str, Any]:
    """The object in a file. Raises DataError where there is none."""
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(f"{str(path)!r} is larger than any saved fit ({LARGEST:,} bytes)")
        held = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except OSError as error:
        raise DataError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{str(path)!r} is no saved fit, or it is damaged: {printable(str(error), 100)}") from None
    if not isinstance(held, dict) or held.get("format") != FORMAT:
        raise DataError(f"{str(path)!r} is no fit that fit.save wrote: its \"format\" is not '{FORMAT}'")
    return held


def refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")


def compare(made_of: Mapping[str, Any], recipe: Mapping[str, Any], path: str) -> None:
    """Refuses a fit of another problem."""
    for name in COMPARED:
        if made_of.get(name) != recipe.get(name):
            if name == "fingerprint":
                raise OptionError(
                    f"{path!r} is a fit to other data: their fingerprint differs; load it without the problem, or fit again"
                )
            held, here = (printable(str(part.get(name)), 200) for part in (made_of, recipe))
            raise OptionError(f"{path!r} is a fit of another problem: its {name} is {held}, that of the problem is {here}")


def derivation_of(held: Held, made_of: Mapping[str, Any]) -> Derivation:
    """The formula, the loss and the penalty of a recipe. Raises DataError for what cannot be read."""
    try:
        return read_derivation(held, made_of)
    except (FormulaError, OptionError) as error:
        sentence = printable(str(error).partition("\n")[0], 200)
        raise held.damaged("recipe", f"cannot be read: {sentence}") from None


def read_derivation(held: Held, made_of: Mapping[str, Any]) -> Derivation:
    constants = {name: held.number(value, f"constant {name}") for name, value in made_of["constants"].items()}
    columns = held.texts(held.get("columns"), "columns")
    text = Sets.of(made_of["sets"]).text if made_of.get("sets") else made_of["formula"]
    matrices = matrices_of(held, made_of)
    if not {*matrices} <= {*columns}:
        raise held.damaged("columns", f"lack a matrix of {listed(matrices)}")
    formula = replace(parse_formula(text, columns, constants, matrices), text=made_of["formula"])
    penalty = held.texts([made_of["penalty"]], "penalty")[0] if made_of.get("penalty") else None
    return derived(formula, parse_loss(made_of["loss"]), penalty, constants, max(1, made_of["rows"]), None)


def lines_of(held: Held) -> tuple[SetLine, ...]:
    """How well each set was fitted."""
    lines = held.values.get("sets", [])
    if not isinstance(lines, list) or not all(isinstance(line, list) and len(line) == len(SetLine._fields) for line in lines):
        raise held.damaged("sets", "is no table")
    return tuple(
        SetLine(str(column), str(label), int(held.number(rows or 0, "sets")), *(held.number(value, "sets") for value in others))
        for column, label, rows, *others in lines
    )


def matrices_of(held: Held, made_of: Mapping[str, Any]) -> dict[str, Matrix]:
    """What the blocks of the formula are made of: a list of names, or a number of columns."""
    found: dict[str, Matrix] = {}
    given = made_of.get("matrices", {})
    if not isinstance(given, dict):
        raise held.damaged("recipe, matrices,", "are of another kind")
    for name, labels in given.items():
        is_count = isinstance(labels, int) and not isinstance(labels, bool)
        if is_count and not 0 < labels <= len(held.mapping("parameters")):  # before so many names are made
            raise held.damaged(f"recipe, matrix {name},", "has not as many columns as there are parameters for")
        texts = () if is_count else tuple(held.texts(labels, f"matrix {name}"))
        found[name] = Matrix(labels if is_count else len(texts), texts)
    return found


class Held:
    """What a file holds, taken out value by value. Raises DataError that names the value."""

    def __init__(self, values: Mapping[str, Any], path: str) -> None:
        self.values, self.path = values, path

    def damaged(self, name: str, how: str) -> DataError:
        return DataError(f"{self.path!r} is damaged: {printable(name)} {how}. Fit again, and save it.")

    def get(self, name: str) -> Any:
        if name not in self.values:
            raise self.damaged(name, "is missing")
        return self.values[name]

    def mapping(self, name: str) -> Mapping[str, Any]:
        if not isinstance(value := self.get(name), dict):
            raise self.damaged(name, "is no table")
        return value

    def text(self, name: str) -> str:
        if not isinstance(value := self.get(name), str):
            raise self.damaged(name, "is no text")
        return printable(value, 20_000)

    def texts(self, value: Any, name: str) -> list[str]:
        if not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
            raise self.damaged(name, "is no list of names")
        return value

    def number(self, value: Any, name: str) -> float:
        """A number, None for one that is not finite."""
        if value is None:
            return math.nan
        if isinstance(value, bool) or not isinstance(value, int | float) or not is_finite(value):
            raise self.damaged(name, "is no number")
        return float(value)

    def whole(self, value: Any, name: str, least: int, most: int = 2**63) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.damaged(name, "is no whole number")
        if not least <= value <= most:
            raise self.damaged(name, f"is not between {least:,} and {most:,}")
        return value

    def matrix(self, size: int) -> Array:
        rows = self.get("covariance")
        if not (isinstance(rows, list) and len(rows) == size and all(isinstance(row, list) and len(row) == size for row in rows)):
            raise self.damaged("covariance", f"is no table of {size} × {size} numbers")
        matrix = np.array([[self.number(value, "covariance") for value in row] for row in rows])
        diagonal = np.diag(matrix)
        if (diagonal < 0).any() or not np.allclose(matrix, matrix.T, rtol=1e-9, atol=0, equal_nan=True):
            raise self.damaged("covariance", "is not symmetric, with variances on its diagonal")
        return matrix
