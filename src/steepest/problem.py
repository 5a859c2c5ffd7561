"""Problem: a formula, a loss and data, brought together. Each of its methods unwraps its arguments and calls one room."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.data.table import Columns
from steepest.descent.descend import Callback
from steepest.descent.given.parameters import RandomStart
from steepest.descent.given.posed import Posed
from steepest.descent.objective import Array, Objective
from steepest.descent.run import Options, run
from steepest.descent.trace import Trace
from steepest.descent.validation import held_out
from steepest.engines.table import choose
from steepest.errors import SteepestWarning
from steepest.fitting.gap import loss_at_gap
from steepest.language.formula import Formula

if TYPE_CHECKING:
    from steepest.calculus.steps.formulae import Formulae
    from steepest.calculus.steps.step import Steps
    from steepest.check.agreement.compare import Agreement
    from steepest.descent.comparison import Comparison
    from steepest.descent.surface import Surface
    from steepest.fitting.result import Fit
    from steepest.insight.explain import Explanation
    from steepest.lab.session import Lab

EVALUATIONS = 100  # what a fit may take, for the choice of its engine


class Problem:
    """A formula, a loss and data: min over theta of the loss of `yhat(theta, row)` against `y(row)` over all rows.

    `formula`: "response ~ model"; names that are columns are predictors, all others are parameters. Or one of `steepest.models`.
    `data`: a mapping of names to arrays, a frame, the path of a .csv or .parquet file, "@name" of a shipped example, `sample(…)`.
    `loss`: mse, half-mse, sse, mae, huber, log-cosh, soft-l1, cauchy, logistic, cross-entropy, poisson, or an expression in `y` and
    `yhat`. `start`: a mapping by name, a vector, or `random(…)`; a parameter without one starts at 1 (in a fit: where the data
    suggest), with a warning. In a mapping stand a number, {"value": 1, "fixed": True}, {"value": 1, "min": 0, "max": 5} with one
    bound or both, or a tie to other parameters, "2*a". `weights`: one non-negative number a row, or the name of a column: relative,
    their unit does not matter. `sigma`: the standard errors of the responses, likewise, or one number for all; they are absolute:
    from them come the errors of a fit, whatever its residuals are. `constants`: named numbers. `missing`: "refuse" or "drop" rows
    with missing values.

    `formula` and `data` may be lists, for several responses and several sets of rows that share parameters; then `weights` and
    `sigma` may be lists, too. `own`: a parameter → the column whose labels have one each, or with several sets the names of
    parameters. See docs/several.md. `groups`: columns that are one matrix for `dot(w, X)`, as {"X": "x_*"}. `penalty`: what is
    added to the loss, as "l2(w, 0.1)", "l1(w, 0.1)" or "0.1*a**2".

    `.derivation` holds the mathematics: `.text()`, `.latex()`; `.loss`, `.gradient`, `.hessian` are SymPy expressions of one row.

    Raises FormulaError, DataError, OptionError.

    >>> problem = Problem("y ~ a + b*x", {"x": [0, 1, 2], "y": [1, 3, 5]}, start={"a": 0, "b": 0})
    >>> problem.parameters, problem.loss_at([1, 2])
    (('a', 'b'), 0.0)
    """

    def __init__(
        self,
        formula: str | Sequence[str],
        data: Any,
        loss: str = "mse",
        start: Mapping[str, Any] | Sequence[float] | RandomStart | None = None,
        *,
        weights: Sequence[Any] | str | None = None,
        sigma: Sequence[Any] | float | str | None = None,
        constants: Mapping[str, float] | None = None,
        missing: str = "refuse",
        own: Mapping[str, str] | Sequence[str] | None = None,
        groups: Mapping[str, Sequence[str] | str] | None = None,
        penalty: str | None = None,
    ) -> None:
        self._posed = Posed(formula, data, loss, start, weights, sigma, constants, missing, own, groups, penalty)
        self._say(self._posed.warnings)

    @property
    def formula(self) -> Formula:
        """The formula, read."""
        return self._posed.formula

    @property
    def derivation(self) -> Derivation:
        """The mathematics: `.text()`, `.latex()`; `.loss`, `.gradient`, `.hessian` are SymPy expressions of one row."""
        return self._posed.derivation

    @property
    def columns(self) -> Columns:
        """The columns of the data that the formula names."""
        return self._posed.columns

    @property
    def weights(self) -> Array | None:
        """One number a row, (n,), or None."""
        return self._posed.weights

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters, in order of first appearance in the formula: the order of theta."""
        return self.formula.parameters

    @property
    def start(self) -> dict[str, Any]:
        """Where a descent or a fit starts, by name."""
        return self._posed.started_at

    def with_start(self, start: Any) -> Problem:
        """The same problem from another start; what is derived and compiled is shared, and fixed parameters stay fixed.

        >>> Problem("y ~ w*x", "@triples").with_start({"w": 2}).start
        {'w': 2}
        """
        other = copy(self)
        other._posed = self._posed.started(start)
        return other

    def loss_at(self, theta: Any, engine: str = "numpy", **place: Any) -> Any:
        """The loss over all rows. `theta`: a mapping by name, or a vector in the order of `.parameters`.

        `place`: device=, dtype= and data_dtype= of the engines torch and jax; see `steepest.engines.table.kernels`.
        """
        objective = self.objective(engine, **place)
        loss = objective.loss(objective.kernels.vector(self._posed.theta(theta)))
        return loss.item() if isinstance(loss, np.generic) else loss

    def gradient_at(self, theta: Any, engine: str = "numpy", **place: Any) -> Array:
        """The gradient of the loss, (p,), in the order of `.parameters`; engine="sympy" gives exact rationals."""
        objective = self.objective(engine, every=True, **place)
        return objective.at(objective.kernels.vector(self._posed.theta(theta))).gradient

    def hessian_at(self, theta: Any, engine: str = "numpy", **place: Any) -> Array:
        """The matrix of second derivatives of the loss, (p, p)."""
        objective = self.objective(engine, **place)
        return objective.hessian(objective.kernels.vector(self._posed.theta(theta)))

    def steps(self, at: Any = None, lr: Any = None, row: int = 0) -> Steps:
        """The derivation step by step with its numbers, from one row's parts to the new parameters.

        `at`: a vector, or a mapping by name over the start; else the start. `lr`: the learning rate of the update. `row`: the row,
        counted from 0, whose parts and slopes are given. The answer is iterable, and has `.text()`, `.latex()`, `.html()`,
        `.to_dict()`. Numbers stay exact where start, data and operations are. Raises OptionError.

        >>> problem = Problem("y ~ m*x + c", {"x": [1, 2], "y": [2, 4]}, "half-mse", start={"m": 1, "c": 0})
        >>> steps = problem.steps(lr=0.1)
        >>> steps.line(steps["m"])
        'm ← 1 − 0.1·(−2.5) = 1.25'
        """
        from steepest.calculus.steps.build import steps
        from steepest.calculus.steps.numbers import Point

        if at is None:
            self._announce_start()
        point = Point(self._posed.point(at), self.columns.arrays, self.weights, row, lr, self._posed.start.free)
        return steps(self.derivation, self.weights is not None, point)

    def formulae(self) -> Formulae:
        """The model H, the loss J with the data put in, and ∂J/∂θ for every parameter: numbered (1), (2), (3) …. At most 20 rows.

        The answer has `.text()`, `.latex()`, `.html()`, `.to_dict()`. A number that prints as a short decimal is that decimal.

        >>> print(Problem("y ~ w*x", {"x": [1, 2], "y": [3, 0.5]}, start={"w": 0}).formulae().text())
        (1) H = w·x
        (2) J = (w − 3)²/2 + (2·w − 1/2)²/2
        (3) ∂J/∂w = 5·w − 4
        """
        from steepest.calculus.steps.formulae import formulae

        return formulae(self.derivation, self.columns.arrays, self.weights)

    def loss_expression(self) -> Any:
        """The loss over all rows as a SymPy expression in the parameters, with the data put in exactly. At most 1,000 rows.

        A float is the binary fraction that it is: 0.5 is 1/2, and 0.1 is 3602879701896397/36028797018963968.

        >>> Problem("y ~ w*x", {"x": [1, 2], "y": [3, 5]}, start={"w": 0}).loss_expression()
        (w - 3)**2/2 + (2*w - 5)**2/2
        """
        from steepest.calculus.symbolic import over_rows

        return over_rows(self.derivation, self.columns.arrays, self.weights)

    def predict(self, theta: Any, new: Any = None, set: Any = None) -> Array:
        """The model's values yhat, (rows,), on the problem's data or on `new` data, which need no response.

        `set`: of several sets or groups, the label of the one that all `new` rows are of, where no column says it.

        For `logistic` these are log-odds, for `poisson` logs of the mean: what the formula says.
        """
        from steepest.fitting.predict import predict

        return predict(self.derivation, self._posed.vector(theta), self.columns if new is None else self._posed.opened(new, set))

    def descend(
        self, method: str = "gd", lr: Any = "auto", steps: int | None = None, batch: Any = "full", engine: str = "auto", *,
        start: Trace | None = None, schedule: str = "constant", hyper: Mapping[str, float] | None = None,
        weight_decay: float = 0.0, clip_value: float | None = None, clip_norm: float | None = None,
        replacement: bool = False, seed: int = 0, full_loss: int | None = None, validation: Any = None,
        epochs: int | None = None, until_loss: float | None = None, until_gap: float | None = None,
        until_gradient: float | None = None, until_change: float | None = None, seconds: float | None = None,
        every: int | None = None, callback: Callback | None = None, **place: Any,
    ) -> Trace:  # fmt: skip
        """Descends from the start, and records every step.

        `method`: a name of the table of methods, or equations, as "v = 0.9*v + g; theta = theta - eta*v"; `hyper` are its constants
        by name. `lr`: a number, or "auto": 1/|λ|max of the Hessian at the start, halved whenever a step would raise the loss (other
        methods: half their largest stable rate, or their usual one). `schedule`: a name, or an expression in t, that multiplies lr.
        The gradient is clipped (`clip_value`, then `clip_norm`), then `weight_decay`·theta is added, as in torch.
        `batch`: "full", or so many rows a step, each epoch in a new order drawn from `seed`, or with `replacement`; `full_loss=k`
        computes the loss of all rows at every k-th step, else once an epoch. `validation`: a share of the rows that is held out, or
        data of their own, for `trace.validation_loss`. `start=trace` goes on where a trace ended.
        `steps` (1,000 unless given) or `epochs`. `until_…` end it earlier: the loss is at most so much
        (`until_gap`: above its minimum), the norm of the gradient is, or the relative change of the loss in one step is; `seconds`
        is a limit of time. `every=k` keeps every k-th point. `callback(progress)` is called at least ten times a second; it may
        return True to stop. `engine`: auto, numpy, compiled, sympy for exact rational numbers, or another of the table of engines;
        torch and jax take device=, dtype= and data_dtype= (`place`).

        >>> problem = Problem("y ~ w*x", "@triples")
        >>> trace = problem.descend(lr=0.005, steps=3)
        >>> [round(w, 6) for w in trace["w"].tolist()]
        [0.0, 0.33, 0.6237, 0.885093]
        """
        self._announce_start()
        if until_gap is not None:
            until_loss = loss_at_gap(until_gap, until_loss, self.fit)
        options = Options(
            method, lr, steps, batch, engine, schedule, hyper, weight_decay, clip_value, clip_norm, replacement, seed, full_loss,
            epochs, until_loss, until_gradient, until_change, seconds, every, callback, place,
        )  # fmt: skip
        if validation is None:
            return run(self.objective, self._posed.start, options, self.recipe(), start)
        held_rows = validation if isinstance(validation, float) else self._posed.opened(validation)
        through, held = held_out(held_rows, seed, self.objective)
        recipe = self.recipe() | {"validation": validation if isinstance(validation, float) else "data"}
        return replace(run(through, self._posed.start, options, recipe, start), held=held)

    def load(self, path: str | Path) -> Trace:
        """The trace in a file that `trace.save` wrote, for this problem: to look at, or to go on from.

        Raises DataError for a file that cannot be read, OptionError where it belongs to another formula, loss, start or data.
        """
        from steepest.descent.files import load

        return load(path, self.recipe(), self.objective)

    def compare(
        self, methods: Sequence[str], engines: Sequence[str] = ("auto",), lr: Any = "auto", **options: Any
    ) -> Comparison:  # fmt: skip
        """Descends by every method on every engine, from the same start, and puts them beside each other.

        `lr`: "auto", a number for all, "grid" for the best of 10⁻⁵ … 10¹ by thirds of decades, or a list of rates to choose from;
        methods that find their own steps do so. `options` are those of `descend`. The answer has `.runs` (with their traces),
        `.text()`, `.to_dict()` and `.plot()`: the loss against steps, evaluations and seconds.

        >>> found = Problem("y ~ w*x", "@triples").compare(["gd", "lbfgs"], ["numpy"], steps=50)
        >>> [(run.method, round(run.trace.final["w"], 6)) for run in found.runs]
        [('gd', 3.0), ('lbfgs', 3.0)]
        """
        from steepest.descent.comparison import compare

        self._announce_start()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SteepestWarning)  # said once
            return compare(self.descend, methods, engines, lr, options)

    def surface(
        self, names: Sequence[str], at: Any = None, ranges: Mapping[str, Sequence[float]] | None = None, points: int = 101,
        engine: str = "auto",
    ) -> Surface:  # fmt: skip
        """The loss over two parameters, at `points` values of each, the others held as in `at`.

        `at`: a mapping by name over the start, a vector, or a trace: then the others are as in its last row, and the ranges cover
        its way. `ranges`: (low, high) by name; else 1 + |value| on either side of `at`. The answer has `.axes` (m,), `.values`
        (m, m), and `.plot(traces)`: curves of equal loss, with the ways of descents; `.draw(ax, traces)` draws into axes of yours.
        Raises OptionError, EngineError.

        >>> problem = Problem("y ~ a + b*x", {"x": [0, 1, 2], "y": [1, 3, 5]}, start={"a": 0, "b": 0})
        >>> found = problem.surface(("a", "b"), ranges={"a": (0, 2), "b": (1, 3)}, points=3)
        >>> found.axes[0].tolist(), found.values[1].round(6).tolist()
        ([0.0, 1.0, 2.0], [1.666667, 0.0, 1.666667])
        """
        from steepest.descent.surface import surface

        theta = self._posed.point_vector(at)
        return surface(self.objective, names, theta, ranges, at, points, engine, self.recipe())

    def fit(self, starts: int = 1, seed: int = 0) -> Fit:
        """The best path to the minimum: parameters with standard errors, and an outcome that is checked.

        A start not given is chosen from the data, and said. `starts`: so many around the start, drawn from `seed`; see `.reason`.

        >>> fit = Problem("y ~ a + b*x", {"x": [0, 1, 2, 3], "y": [1, 3, 5, 8]}, start={"a": 0, "b": 0}).fit()
        >>> {name: round(value, 6) for name, value in fit.parameters.items()}
        {'a': 0.8, 'b': 2.3}
        """
        from steepest.fitting.fit import fit
        from steepest.fitting.start import chosen

        theta, said = chosen(self.objective(), self._posed.start)
        self._say(said)
        engine, _ = choose(self.derivation, self.columns.rows, EVALUATIONS)
        return fit(self.objective(engine), theta, self._posed.made_of(), self._posed.start.box, starts, seed)

    def lab(self, method: str = "gd", lr: Any = "auto", batch: Any = "full", **options: Any) -> Lab:
        """A session that is stepped by hand, forth and back: see `steepest.lab.session.Lab`, whose `options` these are.

        >>> Problem("y ~ w*x", "@triples").lab(lr=0.01).step(2).say
        'Steps 1 to 2 lowered the loss from 99 to 36.6449.'
        """
        from steepest.lab.session import Lab

        self._posed.refuse_bounds("a session looks")
        return Lab(self, method, lr, batch, **options)

    def check(self, engines: Sequence[str] | None = None, at: Any = None, points: int = 5, seed: int = 0) -> Agreement:
        """Compares the loss and the gradient of every engine, at `at` (else the start) and at other points around it.

        Two right computations differ by ε·κ at most, κ the running error bound. `engines`: names, else all that can be used here.
        `at`: a vector, or a mapping by name over the start. The answer has `.ok`, `.verdicts`, `.lines`, `.missing`, `.notes`,
        `.samples`, `.text()`, `.to_dict()`.

        >>> Problem("y ~ w*x", "@triples").check(["numpy"]).ok
        True
        """
        from steepest.check.agreement.compare import check

        first = self._posed.point_vector(at)
        return check(lambda name: self.objective(name, every=True), engines, first, points, seed)

    def explain(
        self, method: str = "gd", lr: Any = "auto", at: Any = None, batch: Any = "full", hyper: Mapping[str, float] | None = None
    ) -> Explanation:  # fmt: skip
        """What this method will do at this rate, and why: the largest stable rates, the next step, the long run, in sentences.

        `at`: where the method begins, a vector or a mapping by name over the start; the start unless given. `method`, `lr`, `batch`
        and `hyper` are those of `descend`. The answer has `.limit` (here), `.limit_at_minimum`, `.one_step_limit`, `.best_rate`,
        `.eigenvalues`, `.directions`, `.condition`, `.half_lives`, `.steps_to(tolerance)`, `.minimum`, `.noise`, `.identifiable`,
        `.cures`, `.sentence`, `.sentences`, `.text()`, `.to_dict()`. Raises OptionError.

        >>> Problem("y ~ w*x", "@triples").explain(lr=0.005).sentence
        "η=0.005 is 6 % of the largest stable rate at the minimum (0.09091). There w's error halves every 6 steps."
        """
        from steepest.insight.explain import explain

        self._posed.refuse_bounds("explain looks")
        theta = self._posed.point_vector(at)
        engine, _ = choose(self.derivation, self.columns.rows, EVALUATIONS)
        return explain(self.objective(engine), theta, method, lr, batch, hyper)

    def objective(self, engine: str = "numpy", every: bool = False, **place: Any) -> Objective:
        """The loss as a function of theta, through one engine; with `every`, fixed parameters have a gradient too."""
        return self._posed.objective(engine, every, **place)

    def recipe(self) -> dict[str, Any]:
        """What this problem is made of, as plain values, with the fingerprint of the data."""
        return self._posed.recipe()

    def __repr__(self) -> str:
        loss = self.derivation.criterion.name
        return f"Problem({self.formula.text!r}, {self.columns.source}, {self.columns.rows:,} rows, loss={loss!r})"

    def _announce_start(self) -> None:
        self._say(self._posed.start.said)

    @staticmethod
    def _say(sentences: Sequence[str]) -> None:
        for sentence in sentences:
            warnings.warn(sentence, SteepestWarning, stacklevel=4)
