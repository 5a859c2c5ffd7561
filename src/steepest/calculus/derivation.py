"""A formula and its loss, differentiated once, whatever the number of rows."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

from steepest.calculus.algebra import Algebra, TooLarge
from steepest.calculus.penalty import penalty_node
from steepest.calculus.reverse import gradient
from steepest.errors import FormulaError
from steepest.language.formula import Formula
from steepest.language.losses import Loss
from steepest.language.losses import program as loss_program
from steepest.language.names import printable
from steepest.language.penalty import Penalty
from steepest.language.program import COMPARISONS, Program

if TYPE_CHECKING:
    from steepest.calculus.steps.plan import Plan
    from steepest.calculus.steps.step import Steps


class Derivation:
    """The loss of one row and its derivatives, as one straight-line program that grows on demand.

    Outputs of the programs, for p parameters and p(p+1)/2 pairs i >= j:

    - `value`: y, yhat, loss
    - `gradient`: loss, gradient_0 … gradient_{p-1}
    - `jacobian`: residual (yhat - y), jacobian_0 …
    - `hessian`: loss, gradient_…, hessian_i_j …
    - `normal`: loss, gradient_…, normal_i_j = (d2 loss/d yhat2) jacobian_i jacobian_j, the Gauss-Newton matrix (and a penalty's
      second derivatives)

    All are rows: sums over the data and the mean of a loss are an engine's and an objective's business. A penalty is part of the
    loss of every row, `share` of it, such that all rows together have it once.
    Raises FormulaError where the derivative needs more than 50,000 nodes.
    """

    def __init__(self, formula: Formula, loss: Loss, penalty: Penalty | None = None, share: Fraction = Fraction(1)) -> None:
        self.formula = formula
        self.criterion = loss
        self.penalty, self.share = penalty, share
        self._programs: dict[str, Program] = {}
        self._algebra = a = Algebra(formula.program.nodes)
        self._y, self._yhat = (formula.program.outputs[name] for name in ("y", "yhat"))
        self._loss = a.inline(loss_program(loss), {"y": self._y, "yhat": self._yhat})["loss"]
        self._extra = a.number(0)
        if penalty is not None:
            self.criterion = loss._replace(quadratic=False)  # no sum of squares of residuals any more
            names = {name: a.add("parameter", value=k) for k, name in enumerate(formula.parameters)}
            self._extra = a.times(a.number(share), penalty_node(a, penalty, names))
            self._loss = a.plus(self._loss, self._extra)

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
            raise self.refusal(kind) from None
        return Program(tuple(self._algebra.nodes), outputs).pruned()

    def refusal(self, kind: str) -> FormulaError:
        """The error that says that a program is too large."""
        return FormulaError(
            f"the {kind} of this formula needs more than {Algebra.limit:,} operations, which is the limit; "
            "use fewer parameters or a shorter formula",
            self.formula.text,
            0,
        )

    def latex(self, what: str = "all") -> str:
        r"""LaTeX of the "model", the "loss" over the rows, its "gradient" or "hessian"; "all": the last three.

        Raises OptionError for another word, FormulaError where the Hessian is refused.

        >>> from steepest.language.formula import parse_formula
        >>> from steepest.language.losses import LOSSES
        >>> print(Derivation(parse_formula("y ~ a*x + d", ["x", "y"]), LOSSES["mse"]).latex("model"))
        \hat{y}_{i} = a x_{i} + d
        """
        from steepest.calculus.latex import latex

        return latex(self, ("loss", "gradient", "hessian") if what == "all" else (what,))

    def text(self) -> str:
        """Model, loss and gradient as assignments in our own language, one a line, as they are worked out by hand."""
        from steepest.calculus.listing import text

        return text(self)

    def steps(self, weighted: bool = False) -> Steps:
        """The derivation as a person writes it, rule by rule; every slope is compared with differences before it is shown.

        `weighted`: the rows have weights. `Problem.steps` puts the numbers of a point in.

        >>> from steepest.language.formula import parse_formula
        >>> from steepest.language.losses import LOSSES
        >>> steps = Derivation(parse_formula("y ~ m*x + c", ["x", "y"]), LOSSES["half-mse"]).steps()
        >>> [steps.line(step) for step in steps if step.part == "sum"][:2]
        ['L = 1/n Σ ℓ = 1/(2·n) Σ e²', '∂L/∂m = 1/n Σ e·x']
        """
        from steepest.calculus.steps.build import steps

        return steps(self, weighted)

    @property
    def loss(self) -> Any:
        """The loss of one row as a SymPy expression: its mean over the rows (`sse`: its sum) is the loss."""
        from steepest.calculus.symbolic import row_outputs

        return row_outputs(self, "value")["loss"]

    @property
    def gradient(self) -> list[Any]:
        """The derivatives of `.loss` by each parameter, as SymPy expressions."""
        from steepest.calculus.symbolic import row_outputs

        outputs = row_outputs(self, "gradient")
        return [outputs[f"gradient_{k}"] for k in range(self.size)]

    @property
    def hessian(self) -> Any:
        """The second derivatives of `.loss`, a SymPy Matrix, (p, p)."""
        import sympy

        from steepest.calculus.symbolic import row_outputs

        outputs = row_outputs(self, "hessian")
        return sympy.Matrix(self.size, self.size, lambda i, j: outputs[f"hessian_{max(i, j)}_{min(i, j)}"])

    def __repr__(self) -> str:
        return f"Derivation({printable(self.formula.text)!r}, loss={printable(self.criterion.name)!r})"

    def _repr_latex_(self) -> str:
        from steepest.calculus.latex import latex

        return f"$\\displaystyle {latex(self, ('loss', 'gradient'))}$"

    @property
    def size(self) -> int:
        return len(self.formula.parameters)

    @property
    def core(self) -> Derivation:
        """What engines run: the derivation itself, unless its formula has blocks."""
        return self

    def by_parameter(self, what: str) -> Derivation:
        """The same, for `what`, which goes parameter by parameter. Raises OptionError where the formula has blocks."""
        return self

    @cached_property
    def unpenalised(self) -> Derivation:
        """The same without a penalty."""
        return self if self.penalty is None else Derivation(self.formula, self.criterion)

    @cached_property
    def _theta(self) -> list[int]:
        return [self._algebra.add("parameter", value=k) for k in range(self.size)]

    @cached_property
    def is_linear(self) -> bool:
        """Is the model linear in its parameters? Then no parameter is left in its Jacobian, and none moves a step or a jump."""
        jacobian = self.program("jacobian")
        free = jacobian.depends_on("parameter")
        if any(free[jacobian.outputs[f"jacobian_{k}"]] for k in range(self.size)):
            return False
        value = self.program("value")
        model = value.pruned({"yhat": value.outputs["yhat"]})
        moved = model.depends_on("parameter")
        return not any(moved[i] for i, node in enumerate(model.nodes) if node.op == "sign" or node.op in COMPARISONS)

    @cached_property
    def plan(self) -> Plan:
        """What `.steps()` writes, as programs; checked against differences. Raises StepFault, a fault of this library."""
        from steepest.calculus.steps.build import checked

        return checked(self)

    @cached_property
    def _gradient(self) -> list[int]:
        return gradient(self._algebra, self._loss, self._theta)

    @cached_property
    def _jacobian(self) -> list[int]:
        return gradient(self._algebra, self._yhat, self._theta)

    @cached_property
    def _hessian(self) -> dict[str, int]:
        self._check_pairs()
        rows = [gradient(self._algebra, g, self._theta[: i + 1]) for i, g in enumerate(self._gradient)]
        return {f"hessian_{i}_{j}": node for i, row in enumerate(rows) for j, node in enumerate(row)}

    @cached_property
    def _normal(self) -> dict[str, int]:
        self._check_pairs()
        a = self._algebra
        (slope,) = gradient(a, self._loss, [self._yhat])
        (bend,) = gradient(a, slope, [self._yhat])
        scaled = [a.times(bend, node) for node in self._jacobian]
        normal = {(i, j): a.times(scaled[i], self._jacobian[j]) for i in range(self.size) for j in range(i + 1)}
        if self.penalty is not None:  # all of its second derivatives
            for i, slope in enumerate(gradient(a, self._extra, self._theta)):
                for j, node in enumerate(gradient(a, slope, self._theta[: i + 1])):
                    normal[i, j] = a.plus(normal[i, j], node)
        return {f"normal_{i}_{j}": node for (i, j), node in normal.items()}

    def _check_pairs(self) -> None:
        if self.size * (self.size + 1) // 2 > Algebra.limit:
            raise TooLarge

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
