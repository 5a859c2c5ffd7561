"""A formula and its loss, differentiated once, whatever the number of rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from steepest.calculus.algebra import Algebra, TooLarge
from steepest.calculus.reverse import gradient
from steepest.errors import FormulaError
from steepest.language.formula import Formula
from steepest.language.losses import Loss
from steepest.language.losses import program as loss_program
from steepest.language.program import Program


class Derivation:
    """The loss of one row and its derivatives, as one straight-line program that grows on demand.

    Outputs of the programs, for p parameters and p(p+1)/2 pairs i >= j:

    - `value`: y, yhat, loss
    - `gradient`: loss, gradient_0 … gradient_{p-1}
    - `jacobian`: residual (yhat - y), jacobian_0 …
    - `hessian`: loss, gradient_…, hessian_i_j …
    - `normal`: loss, gradient_…, normal_i_j = (d2 loss/d yhat2) jacobian_i jacobian_j, the Gauss-Newton matrix

    All are rows: sums over the data and the mean of a loss are an engine's and an objective's business.
    Raises FormulaError where the derivative needs more than 50,000 nodes.
    """

    def __init__(self, formula: Formula, loss: Loss) -> None:
        self.formula = formula
        self.criterion = loss
        self._programs: dict[str, Program] = {}
        self._algebra = a = Algebra(formula.program.nodes)
        self._theta = [a.add("parameter", value=k) for k in range(len(formula.parameters))]
        self._y, self._yhat = (formula.program.outputs[name] for name in ("y", "yhat"))
        self._loss = a.inline(loss_program(loss), {"y": self._y, "yhat": self._yhat})["loss"]

    def program(self, kind: str) -> Program:
        """One of the programs named above, made once."""
        if kind not in self._programs:
            self._programs[kind] = self._made(kind)
        return self._programs[kind]

    def _made(self, kind: str) -> Program:
        programs: dict[str, Callable[[], dict[str, int]]] = {
            "value": self._value_outputs,
            "gradient": self._gradient_outputs,
            "jacobian": self._jacobian_outputs,
            "hessian": self._hessian_outputs,
            "normal": self._normal_outputs,
        }
        try:
            outputs = programs[kind]()
        except TooLarge:
            raise FormulaError(
                f"the {kind} of this formula needs more than {Algebra.limit:,} operations, which is the limit; "
                "use fewer parameters or a shorter formula",
                self.formula.text,
                0,
            ) from None
        return Program(tuple(self._algebra.nodes), outputs).pruned()

    @property
    def size(self) -> int:
        return len(self.formula.parameters)

    @cached_property
    def is_linear(self) -> bool:
        """Is the model linear in its parameters? Its Jacobian then has no parameter left."""
        jacobian = self.program("jacobian")
        free = jacobian.depends_on("parameter")
        return not any(free[jacobian.outputs[f"jacobian_{k}"]] for k in range(self.size))

    @cached_property
    def _gradient(self) -> list[int]:
        return gradient(self._algebra, self._loss, self._theta)

    @cached_property
    def _jacobian(self) -> list[int]:
        return gradient(self._algebra, self._yhat, self._theta)

    @cached_property
    def _hessian(self) -> dict[str, int]:
        rows = [gradient(self._algebra, g, self._theta[: i + 1]) for i, g in enumerate(self._gradient)]
        return {f"hessian_{i}_{j}": node for i, row in enumerate(rows) for j, node in enumerate(row)}

    @cached_property
    def _normal(self) -> dict[str, int]:
        a = self._algebra
        (slope,) = gradient(a, self._loss, [self._yhat])
        (bend,) = gradient(a, slope, [self._yhat])
        scaled = [a.times(bend, node) for node in self._jacobian]
        return {
            f"normal_{i}_{j}": a.times(scaled[i], self._jacobian[j]) for i in range(self.size) for j in range(i + 1)
        }

    def _value_outputs(self) -> dict[str, int]:
        return {"y": self._y, "yhat": self._yhat, "loss": self._loss}

    def _gradient_outputs(self) -> dict[str, int]:
        return {"loss": self._loss} | {f"gradient_{k}": node for k, node in enumerate(self._gradient)}

    def _jacobian_outputs(self) -> dict[str, int]:
        residual = self._algebra.minus(self._yhat, self._y)
        return {"residual": residual} | {f"jacobian_{k}": node for k, node in enumerate(self._jacobian)}

    def _hessian_outputs(self) -> dict[str, int]:
        return self._gradient_outputs() | self._hessian

    def _normal_outputs(self) -> dict[str, int]:
        return self._gradient_outputs() | self._normal
