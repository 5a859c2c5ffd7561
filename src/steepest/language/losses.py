"""The losses of one row, as text in `y` and `yhat`, and how rows are brought together."""

from __future__ import annotations

import re
from fractions import Fraction
from math import inf
from typing import NamedTuple

from steepest import errors
from steepest.errors import FormulaError
from steepest.language.names import printable
from steepest.language.parser import Parser, parse_expression
from steepest.language.program import Program
from steepest.language.tokens import number, tokenize


class Loss(NamedTuple):
    """The loss is scale·Σwℓ/Σw if `mean`, else scale·Σwℓ, with ℓ the text. Quadratic ones have ℓ = (yhat - y)**2."""

    name: str
    text: str
    scale: Fraction = Fraction(1)
    mean: bool = True
    quadratic: bool = False
    source: str = ""
    responses: tuple[float, float] = (-inf, inf)  # the lowest and the highest that make sense


_SQUARE = "(yhat - y)**2"


def _huber(k: str) -> str:
    return f"where(abs(yhat - y) <= {k}, (yhat - y)**2/2, {k}*(abs(yhat - y) - {k}/2))"


def _soft_l1(k: str) -> str:
    return f"2*{k}**2*sqrt1pm1(((yhat - y)/{k})**2)"


def _cauchy(k: str) -> str:
    return f"{k}**2*log1p(((yhat - y)/{k})**2)"


SCALED = {"huber": _huber, "soft-l1": _soft_l1, "cauchy": _cauchy}  # by the size of an error from which on it counts less

_ROWS = (
    Loss("mse", _SQUARE, quadratic=True, source="Legendre 1805; the mean of squares"),
    Loss("half-mse", _SQUARE, scale=Fraction(1, 2), quadratic=True, source="half the mean of squares"),
    Loss("sse", _SQUARE, mean=False, quadratic=True, source="the sum of squares"),
    Loss("mae", "abs(yhat - y)", source="Laplace 1774"),
    Loss("huber", _huber("1.345"), source="Huber 1964; k = 1.345: Holland and Welsch 1977"),
    Loss("log-cosh", "logcosh(yhat - y)", source="Green 1990"),
    Loss("soft-l1", "2*sqrt1pm1((yhat - y)**2)", source="Charbonnier et al. 1994"),
    Loss("cauchy", "log1p((yhat - y)**2)", source="Dennis and Welsch 1978"),
    Loss("logistic", "softplus(yhat) - y*yhat", source="Cox 1958; yhat is the log-odds of y = 1", responses=(0, 1)),
    # The guards make 0·log(0) zero, as its limit is.
    Loss(
        "cross-entropy",
        "-where(y > 0, y*log(yhat), 0) - where(y < 1, (1 - y)*log1p(-yhat), 0)",
        source="Good 1952; yhat is the probability of y = 1",
        responses=(0, 1),
    ),
    Loss("poisson", "exp(yhat) - y*yhat", source="Nelder and Wedderburn 1972; yhat is the log of the mean", responses=(0, inf)),
)

LOSSES: dict[str, Loss] = {row.name: row for row in _ROWS}


def parse_loss(text: str) -> Loss:
    """A loss by its name, as `huber(0.5)`, or an expression in `y` and `yhat`, which is averaged. Raises FormulaError.

    >>> parse_loss("half-mse").scale, parse_loss("abs(yhat - y)**1.5").name
    (Fraction(1, 2), 'abs(yhat - y)**1.5')
    """
    tokens = tokenize(text)
    name = text.strip()
    if not name:
        raise FormulaError(f"the loss is empty: give one of {', '.join(LOSSES)}, or an expression in y and yhat", text, 0)
    if name in LOSSES:
        return LOSSES[name]
    start, word = tokens[0].position, name.partition("(")[0].strip()
    if word in SCALED and [t.kind for t in tokens[-4:]] == ["(", "number", ")", "end"]:
        if number(tokens[-3], text) == 0:
            raise FormulaError(f"{word}(k) needs k > 0", text, tokens[-3].position)
        return LOSSES[word]._replace(name=name, text=SCALED[word](tokens[-3].text))
    # A word that is no loss, but no formula either: 'rmse', 'log-loss', 'huber(-1)'.
    if word in LOSSES:
        raise FormulaError(f"'{word}' takes no argument like that: write huber(1.345), or a loss by its name", text, start)
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_ -]*", name) and name not in ("y", "yhat"):
        raise FormulaError(f"{errors.unknown('loss', printable(name), LOSSES)}, or an expression in y and yhat", text, start)
    _check_names(text)
    return Loss(name, name)


def program(loss: Loss) -> Program:
    """The row's loss as a program with the output `loss`, over the names `y` and `yhat`."""
    parsed = parse_expression(loss.text)
    return Program(parsed.nodes, {"loss": parsed.outputs["value"]})


def _check_names(text: str) -> None:
    parser = Parser(text)
    parser.read(tokenize(text))
    for name, position in parser.names.items():
        if name not in ("y", "yhat"):
            raise FormulaError(errors.unknown("name in a loss", printable(name), ("y", "yhat")), text, position)
    if "yhat" not in parser.names:
        raise FormulaError("a loss must depend on yhat, the prediction", text, 0)
