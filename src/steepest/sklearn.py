"""Estimators of scikit-learn whose model is a formula.

A formula uses the names of the columns when X is a frame, as in "y ~ a*exp(-b*age)", else x0, x1, …; its left side is what y is
called. Without a formula the model is linear in all features.

>>> import numpy as np
>>> X = np.linspace(0, 4, 9).reshape(-1, 1)
>>> model = FormulaRegressor("y ~ a*exp(-b*x0)", start={"a": 1, "b": 1}).fit(X, 3*np.exp(-0.5*X.ravel()))
>>> {name: round(value, 6) for name, value in model.parameters_.items()}
{'a': 3.0, 'b': 0.5}
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from steepest.data.table import Array
from steepest.descent.trace import Trace
from steepest.errors import OptionError
from steepest.fitting.result import Fit
from steepest.language.evaluate import evaluate
from steepest.language.formula import parse_formula
from steepest.language.parser import parse_expression
from steepest.language.text import written
from steepest.language.tokens import name_fault
from steepest.problem import Problem

__all__ = ["FormulaClassifier", "FormulaRegressor"]

STREAMED = "gd"  # what partial_fit does where method="fit", which needs all rows at once


class _Estimator(BaseEstimator):
    formula: str | None
    start: Mapping[str, Any] | None
    method: str
    lr: Any
    batch: Any
    epochs: int
    seed: int
    _position: tuple[Array, Array, int] | None  # where the method of a stream stands

    def _fit(self, X: Array, y: Array, weights: Any, loss: str) -> None:
        problem = self._problem(X, y, weights, loss, self.start)
        self._position = None
        if self.method == "fit":
            self._keep(problem.fit())
        else:
            self._keep(problem.descend(self.method, self.lr, batch=self._batch(problem), epochs=self.epochs, seed=self.seed))

    def _stream(self, X: Array, y: Array, weights: Any, loss: str) -> None:
        position = getattr(self, "_position", None)
        known = getattr(self, "parameters_", {})
        held = {name: entry for name, entry in (self.start or {}).items() if isinstance(entry, Mapping)}  # they may be fixed
        problem = self._problem(X, y, weights, loss, {**known, **held} if known else self.start)
        method, batch = STREAMED if self.method == "fit" else self.method, self._batch(problem)
        before = None
        if position is None:
            self._lr = self.lr
        else:
            theta, states, steps = position
            each = 1 if batch == "full" else -(-problem.columns.rows // batch)
            # Each call is an epoch of its own: its order begins where an epoch does.
            here = problem.descend(method, self._lr, batch=batch, steps=0, seed=self.seed)
            before = replace(here, position=(theta, states, -(-steps // each) * each))
        trace = problem.descend(method, self._lr, batch=batch, epochs=1, seed=self.seed, start=before)
        self._lr = trace.recipe["first_lr"] if self._lr == "auto" else self._lr
        self._position = trace.position
        self._keep(trace)

    def _problem(self, X: Array, y: Array, weights: Any, loss: str, start: Mapping[str, Any] | None) -> Problem:
        names = self._names()
        if self.formula is None:
            self.formula_, zeros = _linear(names)
            start = {**zeros, **(start or {})}
        else:
            self.formula_ = self.formula
        target = _target(self.formula_)
        if target in names:
            raise OptionError(f"the left side of the formula, '{target}', is a column of X: call the response something else")
        if weights is not None:
            weights = _check_sample_weight(weights, X, dtype=np.float64)
        return Problem(self.formula_, {**dict(zip(names, X.T, strict=True)), target: y}, loss, start, weights=weights)

    def _keep(self, result: Fit | Trace) -> None:
        self.result_ = result
        if isinstance(result, Fit):
            self.parameters_, self.std_errors_ = dict(result.parameters), dict(result.std_errors)
            ended = result.outcome == "converged"
        else:
            self.parameters_ = {name: float(value) for name, value in result.final.items()}
            ended = result.outcome in ("converged", "steps")
        if not ended:
            warnings.warn(f"{result.outcome}: {result.reason}", ConvergenceWarning, stacklevel=4)

    def _yhat(self, X: Any) -> Array:
        check_is_fitted(self, "parameters_")
        X = validate_data(self, X, reset=False, dtype=np.float64)
        names, target = self._names(), _target(self.formula_)
        formula = parse_formula(self.formula_, [*names, target])
        columns = [X[:, names.index(name)] if name in names else 0.0 for name in formula.columns]
        theta = [self.parameters_[name] for name in formula.parameters]
        yhat = evaluate(formula.program, theta, columns)[formula.program.outputs["yhat"]]
        return np.array(np.broadcast_to(yhat, len(X)))

    def _names(self) -> list[str]:
        given = getattr(self, "feature_names_in_", None)
        return [f"x{k}" for k in range(self.n_features_in_)] if given is None else [str(name) for name in given]

    def _batch(self, problem: Problem) -> Any:
        return self.batch if isinstance(self.batch, str) else min(self.batch, problem.columns.rows)

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: all but `result_`, which holds compiled code and the data."""
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "result_"}


class FormulaRegressor(RegressorMixin, _Estimator):
    """Regression on a formula: ŷ = model(features; parameters), the loss of all rows made least.

    `formula`: "y ~ model", or one of `steepest.models`; None is linear in all features,
    and starts at 0. Its left side is a name.
    `loss`: as in `Problem`. `start`: a mapping by name, as in `Problem`. `method`: "fit", the best path to the minimum, or a method
    of `Problem.descend`, which then runs with `lr`, `batch`, `epochs` and `seed`. `partial_fit` is one pass over the rows that it
    is given, and goes on from the last one, the method's state included; "fit" is gradient descent there, and the rate that
    lr="auto" finds on the first rows is kept.

    After fitting: `parameters_` and (method="fit") `std_errors_` by name, `formula_`, `result_` (a Fit or a Trace, which is not
    pickled), `n_features_in_`, `feature_names_in_`. For loss="poisson" the formula is the log of the mean, and `predict` gives the
    mean; for "logistic" it is the log-odds, and `predict` gives the probability.

    Raises FormulaError, OptionError, DataError (all are ValueError); warns with ConvergenceWarning where no minimum was reached.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"age": [0.0, 1.0, 2.0, 3.0]})
    >>> model = FormulaRegressor("height ~ a + b*age").fit(frame, [50.0, 75.0, 100.0, 125.0])
    >>> model.predict(frame[:2]).round(6).tolist(), round(model.score(frame, [50, 75, 100, 125]), 6)
    ([50.0, 75.0], 1.0)
    """

    def __init__(
        self, formula: str | None = None, loss: str = "mse", start: Mapping[str, Any] | None = None, method: str = "fit",
        lr: Any = "auto", batch: Any = "full", epochs: int = 1_000, seed: int = 0,
    ) -> None:  # fmt: skip
        self.formula = formula
        self.loss = loss
        self.start = start
        self.method = method
        self.lr = lr
        self.batch = batch
        self.epochs = epochs
        self.seed = seed

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> FormulaRegressor:
        """Finds the parameters. `X` (n, k), `y` (n,), `sample_weight` (n,) non-negative."""
        X, y = validate_data(self, X, y, y_numeric=True, dtype=np.float64)
        self._fit(X, y, sample_weight, self.loss)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> FormulaRegressor:
        """One pass over these rows, on from where the last one ended."""
        X, y = validate_data(self, X, y, y_numeric=True, dtype=np.float64, reset=not hasattr(self, "parameters_"))
        self._stream(X, y, sample_weight, self.loss)
        return self

    def predict(self, X: Any) -> Array:
        """ŷ (n,), in the unit of y."""
        return _in_units_of_y(self._yhat(X), self.loss)


class FormulaClassifier(ClassifierMixin, _Estimator):
    """Two classes by logistic regression on a formula: the log-odds of the second class are model(features; parameters).

    The parameters are those of `FormulaRegressor`, but for the loss, which is the log-loss (Cox 1958). The left side of the formula
    stands for 1 in the second of `classes_`, else 0. No penalty holds the parameters where a boundary separates the classes without
    an error: there is no minimum then, and a ConvergenceWarning says so.

    >>> X = [[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]]
    >>> model = FormulaClassifier("ill ~ a + b*x0").fit(X, ["no", "no", "yes", "no", "yes", "yes"])
    >>> model.predict([[0.5], [4.5]]).tolist(), model.predict_proba([[2.5]]).round(6).tolist()
    (['no', 'yes'], [[0.5, 0.5]])
    """

    def __init__(
        self, formula: str | None = None, start: Mapping[str, Any] | None = None, method: str = "fit",
        lr: Any = "auto", batch: Any = "full", epochs: int = 1_000, seed: int = 0,
    ) -> None:  # fmt: skip
        self.formula = formula
        self.start = start
        self.method = method
        self.lr = lr
        self.batch = batch
        self.epochs = epochs
        self.seed = seed

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> FormulaClassifier:
        """Finds the parameters. `X` (n, k), `y` (n,) of two classes, `sample_weight` (n,) non-negative."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        self.classes_ = _two_classes(y)
        self._fit(X, np.where(y == self.classes_[1], 1.0, 0.0), sample_weight, "logistic")
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> FormulaClassifier:
        """One pass over these rows, on from where the last one ended. The first call needs both `classes`."""
        first = not hasattr(self, "parameters_")
        X, y = validate_data(self, X, y, dtype=np.float64, reset=first)
        if first:
            if classes is None:
                raise OptionError("the first call of partial_fit needs classes=, both of them: one block of rows may hold only one")
            self.classes_ = _two_classes(np.asarray(classes))
        if unheard := set(np.unique(y)) - set(self.classes_):
            raise OptionError(f"y has the class {str(next(iter(unheard)))!r}; the classes are {self.classes_.tolist()}")
        self._stream(X, np.where(y == self.classes_[1], 1.0, 0.0), sample_weight, "logistic")
        return self

    def decision_function(self, X: Any) -> Array:
        """The log-odds of the second class, (n,)."""
        return self._yhat(X)

    def predict_proba(self, X: Any) -> Array:
        """The probabilities of both classes, (n, 2)."""
        odds = self._yhat(X)
        return np.column_stack([_in_units_of_y(-odds, "logistic"), _in_units_of_y(odds, "logistic")])

    def predict(self, X: Any) -> Any:
        """The more probable class, (n,)."""
        second = self._yhat(X) > 0
        return self.classes_[second.astype(int)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


def _in_units_of_y(yhat: Array, loss: str) -> Array:
    inverse = {"poisson": "exp(u)", "logistic": "sigmoid(u)"}.get(loss)
    if inverse is None:
        return yhat
    program = parse_expression(inverse)
    values: Array = evaluate(program, names={"u": yhat})[program.outputs["value"]]
    return values


def _two_classes(y: Any) -> Any:
    check_classification_targets(y)
    classes = np.unique(y)
    if len(classes) > 2:
        kind = type_of_target(y, input_name="y")
        raise OptionError(f"Only binary classification is supported. The type of the target is {kind}.")
    if len(classes) < 2:
        raise OptionError(f"y has one class only, {classes.tolist()}: give rows of two classes")
    return classes


def _target(formula: str) -> str:
    """The name left of '~'."""
    left = str(formula).partition("~")[0].strip()
    bare = left.strip("`") if len(left) > 2 and left[0] == left[-1] == "`" else left
    if "`" in bare or (bare == left and name_fault(left)):
        raise OptionError(
            f"the left side of a formula is one name here, not '{left}': transform y by sklearn.compose.TransformedTargetRegressor"
        )
    return bare


def _linear(names: list[str]) -> tuple[str, dict[str, float]]:
    """An intercept, and a weight for each feature; they start at 0, where linear models of every loss are tame."""
    target, intercept = (_free(name, names) for name in ("y", "b"))
    weight = _free("w", [name.rstrip("0123456789") for name in names])
    weights = [f"{weight}{k}" for k in range(len(names))]
    terms = [f"{one}*{written(name)}" for one, name in zip(weights, names, strict=True)]
    return f"{target} ~ {' + '.join([intercept, *terms])}", dict.fromkeys([intercept, *weights], 0.0)


def _free(name: str, taken: list[str]) -> str:
    while name in taken:
        name += "a_" if name.endswith("_") else "_"
    return name
