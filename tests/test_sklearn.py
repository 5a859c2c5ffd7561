"""The estimators: what scikit-learn demands of one, and what a formula adds."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import steepest as st
from steepest.sklearn import FormulaClassifier, FormulaRegressor

ESTIMATORS = {"FormulaRegressor": FormulaRegressor, "FormulaClassifier": FormulaClassifier}
CHECKS = """
import json, sys
from sklearn.utils.estimator_checks import check_estimator
from steepest import sklearn
found = check_estimator(getattr(sklearn, sys.argv[1])(), on_skip=None, on_fail=None)
json.dump([[one["check_name"], one["status"], str(one["exception"])] for one in found], sys.stdout)
"""


@pytest.mark.parametrize("name", ESTIMATORS)
def test_check_estimator_passes_and_skips_nothing(name: str) -> None:
    """In a process of its own, since SCIPY_ARRAY_API, without which one check is skipped, is read when SciPy is imported."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHECKS, name],
        capture_output=True, text=True, env=os.environ | {"SCIPY_ARRAY_API": "1"}, timeout=300, check=True,
    )  # fmt: skip
    found = json.loads(run.stdout)
    assert len(found) > 55
    assert [one for one in found if one[1] != "passed"] == []


rng = np.random.default_rng(0)
AGE = rng.uniform(0, 10, 200)
FRAME = pd.DataFrame({"age": AGE, "body mass": rng.uniform(20, 30, 200)})
PRICE = 5 * np.exp(-0.4 * AGE) + 1 + rng.normal(0, 0.05, 200)
DECAY = FormulaRegressor("price ~ a*exp(-b*age) + c", start={"a": 1, "b": 1, "c": 0})


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_a_formula_uses_the_names_of_a_frame(make: Any) -> None:
    frame = make({name: FRAME[name].to_numpy() for name in FRAME})
    model = clone(DECAY).fit(frame, PRICE)
    fit = st.fit(DECAY.formula, {"age": AGE, "price": PRICE}, start=DECAY.start)
    assert model.parameters_ == fit.parameters and model.std_errors_ == fit.std_errors
    assert model.feature_names_in_.tolist() == ["age", "body mass"] and model.n_features_in_ == 2
    np.testing.assert_array_equal(model.predict(frame), fit.predict())


def test_without_a_formula_it_is_linear_in_every_feature() -> None:
    frame = FRAME.rename(columns={"age": "w0"})
    model, other = FormulaRegressor().fit(frame, PRICE), LinearRegression().fit(frame, PRICE)
    assert model.formula_ == "y ~ b + w_0*w0 + w_1*`body mass`"
    assert list(model.parameters_.values()) == pytest.approx([other.intercept_, *other.coef_], rel=1e-10)


def test_in_a_pipeline_with_named_output() -> None:
    pipe = make_pipeline(StandardScaler(), FormulaRegressor("y ~ a*exp(-b*age) + c", start={"a": 1, "b": 1, "c": 0}))
    pipe.set_output(transform="pandas")
    assert pipe.fit(FRAME, PRICE).score(FRAME, PRICE) > 0.99
    assert pipe[-1].feature_names_in_.tolist() == ["age", "body mass"]


def test_grid_search_over_formulas_and_methods() -> None:
    grid = {"formula": ["y ~ a + b*age", "y ~ a*exp(-b*age) + c"], "loss": ["mse", "huber"]}
    search = GridSearchCV(FormulaRegressor(start={"a": 1, "b": 1}), grid, cv=3, error_score="raise")
    with pytest.warns(st.SteepestWarning, match="no start given for c"):
        search.fit(FRAME, PRICE)
    assert search.best_params_["formula"] == "y ~ a*exp(-b*age) + c"
    assert cross_val_score(DECAY, FRAME, PRICE, cv=3).min() > 0.98


def test_a_ready_model_brings_its_start() -> None:
    model = clone(FormulaRegressor(st.models.exponential("price", "age"))).fit(FRAME, PRICE)
    twin = pickle.loads(pickle.dumps(model))
    assert model.parameters_["rate"] == pytest.approx(0.4, abs=0.02)
    np.testing.assert_array_equal(twin.predict(FRAME), model.predict(FRAME))


def test_a_poisson_model_predicts_means() -> None:
    X = rng.uniform(0, 2, (300, 2))
    y = rng.poisson(np.exp(0.5 + X @ [0.8, -0.3])).astype(float)
    ours = FormulaRegressor(loss="poisson").fit(X, y)
    theirs = PoissonRegressor(alpha=0, tol=1e-12, max_iter=10_000).fit(X, y)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6)


def test_the_classifier_is_logistic_regression() -> None:
    X = rng.normal(size=(300, 3))
    y = np.where(X @ [1.0, -2, 0.5] + rng.logistic(size=300) > 0, "yes", "no")
    weights = rng.uniform(0.5, 2, 300)
    ours = FormulaClassifier().fit(X, y, sample_weight=weights)
    theirs = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000).fit(X, y, sample_weight=weights)
    assert list(ours.parameters_.values()) == pytest.approx([*theirs.intercept_, *theirs.coef_[0]], rel=1e-6)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-6)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), rtol=1e-5, atol=1e-6)
    assert ours.classes_.tolist() == ["no", "yes"] and (ours.predict(X) == theirs.predict(X)).all()


@pytest.mark.parametrize(
    ("method", "lr", "sizes"), [("gd", "auto", [64, 64, 64]), ("adam", 0.05, [64, 150, 40]), ("momentum", 0.02, [50] * 6)]
)
def test_a_stream_goes_on_with_the_state_of_the_method(method: str, lr: Any, sizes: list[int]) -> None:
    """Full chunks, one step each: the same steps by hand, through Problem.descend and start=trace."""
    stream = FormulaRegressor("y ~ a + b*x0", start={"a": 0, "b": 0}, method=method, lr=lr)
    trace = None
    for size in sizes:
        X = rng.uniform(-1, 1, (size, 1))
        y = 1 + 2 * X[:, 0]
        stream.partial_fit(X, y)
        problem = st.Problem("y ~ a + b*x0", {"x0": X[:, 0], "y": y}, start={"a": 0, "b": 0})
        rate = lr if trace is None or lr != "auto" else trace.recipe["first_lr"]
        trace = problem.descend(method, rate, steps=1, start=trace)
        assert stream.parameters_ == trace.final
        stream = pickle.loads(pickle.dumps(stream))  # the state travels


def test_a_stream_in_batches_takes_every_row_once_and_arrives() -> None:
    stream = FormulaRegressor(
        "y ~ a + b*x0",
        start={
            "a": 0,
            "b": 0,
        },
        method="gd",
        lr=0.1,
        batch=16,
    )
    for size in [100, 37, 10, 64] * 10:
        X = rng.uniform(-1, 1, (size, 1))
        stream.partial_fit(X, 1 + 2 * X[:, 0])
        assert len(stream.result_) - 1 == -(-size // min(16, size))
        assert (np.diff(stream.result_.epoch) > 0).all()
        assert stream.result_.epoch[-1] - stream.result_.epoch[0] == pytest.approx(1)
    assert stream.parameters_ == pytest.approx({"a": 1, "b": 2}, abs=1e-3)


def test_a_streamed_classifier_is_told_both_classes() -> None:
    model = FormulaClassifier("y ~ a + b*x0", start={"a": 0, "b": 0}, lr=1.0, batch=20)
    with pytest.raises(st.OptionError, match="the first call of partial_fit needs classes="):
        model.partial_fit([[1.0]], ["no"])
    for _ in range(30):
        X = rng.normal(size=(100, 1))
        y = np.where(X[:, 0] + rng.logistic(size=100) / 4 > 0.5, "yes", "no")
        model.partial_fit(X, y, classes=["no", "yes"])
    assert model.predict([[-1.0], [2.0]]).tolist() == ["no", "yes"]
    with pytest.raises(st.OptionError, match="y has the class 'maybe'; the classes are"):
        model.partial_fit([[1.0]], ["maybe"])


def test_a_fixed_parameter_stays_in_a_stream() -> None:
    start = {"a": {"value": 3, "fixed": True}, "b": 0}
    stream = FormulaRegressor("y ~ a + b*x0", start=start, lr=0.1)
    for _ in range(5):
        stream.partial_fit([[0.0], [1.0], [2.0]], [1.0, 2.0, 3.0])
    assert stream.parameters_["a"] == 3 and stream.parameters_["b"] != 0


def test_a_stream_goes_on_from_a_fit() -> None:
    model = clone(DECAY).fit(FRAME, PRICE)
    before = dict(model.parameters_)
    model.partial_fit(FRAME, PRICE)
    assert model.parameters_ == pytest.approx(before, rel=1e-6)


def test_a_method_by_name_descends() -> None:
    model = clone(DECAY).set_params(method="lbfgs", epochs=200).fit(FRAME, PRICE)
    assert isinstance(model.result_, st.Trace) and not hasattr(model, "std_errors_")
    assert model.parameters_["b"] == pytest.approx(clone(DECAY).fit(FRAME, PRICE).parameters_["b"], rel=1e-5)


def test_classes_that_separate_are_said_to_have_no_minimum() -> None:
    with pytest.warns(ConvergenceWarning):
        model = FormulaClassifier().fit([[0.0], [1], [2], [3]], [0, 0, 1, 1])
    assert model.predict([[0.0], [3.0]]).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("formula", "sentence"),
    [
        ("log(price) ~ a*age", r"the left side of a formula is one name here, not 'log\(price\)'"),
        ("age ~ a*age", "the left side of the formula, 'age', is a column of X"),
        ("price", "a formula needs '~'"),
    ],
)
def test_wrong_use_is_a_sentence(formula: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        FormulaRegressor(formula).fit(FRAME, PRICE)
