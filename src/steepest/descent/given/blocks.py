"""What a problem with blocks of parameters, or with a penalty, has besides: its derivation, and its start by coordinate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from steepest.calculus.blocks import BlockDerivation
from steepest.calculus.derivation import Derivation
from steepest.descent.given.parameters import shown
from steepest.errors import FormulaError, OptionError
from steepest.language.formula import Formula
from steepest.language.losses import Loss
from steepest.language.names import listed, printable
from steepest.language.penalty import NAMED, parse_penalty
from steepest.language.rewrite import repeated
from steepest.language.tokens import tokenize


def derived(formula: Formula, loss: Loss, penalty: str | None, constants: Mapping[str, Any], rows: int, weights: Any) -> Derivation:
    """The derivation, with the share of the penalty that belongs to a row. Raises OptionError for a penalty that cannot be read."""
    make = BlockDerivation if formula.blocks else Derivation
    if penalty is None:
        return make(formula, loss)
    if not isinstance(penalty, str):
        raise OptionError(f"penalty is {shown(penalty)}: give a text, as 'l2(w, 0.1)' or '0.1*a**2'")
    inside = {k for block in formula.blocks for k in range(block.first, block.first + block.size)}
    singles = [name for k, name in enumerate(formula.parameters) if k not in inside]
    try:
        parsed = parse_penalty(penalty, singles, [block.name for block in formula.blocks], constants)
    except FormulaError as error:
        raise OptionError(f"penalty: {error}") from None
    # The loss of the rows is multiplied by the scale, and a sum is not divided by their weight.
    total = Fraction(1) if loss.mean else Fraction(rows if weights is None else float(np.sum(weights)))
    return make(formula, loss, parsed, 1 / (loss.scale * total))


def spelled(penalty: Any, own: Mapping[str, Sequence[str]], ties: Mapping[str, str]) -> Any:
    """A penalty in parameters of the formula: l1 and l2 of an own parameter are those of each that it became.

    Raises OptionError for a parameter that is tied, and for an own one elsewhere.
    """
    if not isinstance(penalty, str):
        return penalty
    try:
        text = repeated(penalty, NAMED, own)
        tokens = tokenize(text)
    except FormulaError as error:
        raise OptionError(f"penalty: {error}") from None
    for name in (token.text for token in tokens if token.kind == "name"):
        if name in ties:
            raise OptionError(f"penalty: '{name}' is tied to '{printable(ties[name])}': penalise the parameters in that")
        if own.get(name):
            raise OptionError(f"penalty: '{name}' became {listed(own[name])}: write these, or l2({name}, 0.1), which takes all")
    return text


def zeros(derivation: Derivation) -> dict[str, int]:
    """Blocks start at 0, and where the model is linear in them and all others, these as well."""
    formula = derivation.formula
    if formula.blocks and derivation.is_linear:
        return dict.fromkeys(formula.parameters, 0)
    return {formula.parameters[k]: 0 for block in formula.blocks for k in range(block.first, block.first + block.size)}


def by_coordinate(given: Any, formula: Formula, what: str = "start") -> Any:
    """A mapping in which a block may have its own name, with one number or one a coordinate, by the names of the parameters."""
    if not isinstance(given, Mapping) or not any(block.name in given for block in formula.blocks):
        return given
    found = dict(given)
    for block in formula.blocks:
        if block.name not in found:
            continue
        entry = found.pop(block.name)
        value = entry.get("value", 0) if isinstance(entry, Mapping) else entry
        try:
            values = np.broadcast_to(np.asarray(value, dtype=float), (block.size,)).tolist()
        except (TypeError, ValueError):
            raise OptionError(f"{what} of '{block.name}' is {shown(value)}: give a number, or {block.size:,} numbers") from None
        for name, number in zip(formula.parameters[block.part], values, strict=True):
            found[name] = {**entry, "value": number} if isinstance(entry, Mapping) else number
    return found
