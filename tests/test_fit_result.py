"""What a Fit says of itself, against lmfit, statsmodels, SciPy, R and closed forms; saved and loaded; exported and run."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

import steepest as st
from steepest.fitting.result import Fit

# Puromycin, treated cells (Bates and Watts 1988, table A1.3).
CONC = np.array([0.02, 0.02, 0.06, 0.06, 0.11, 0.11, 0.22, 0.22, 0.56, 0.56, 1.1, 1.1])
RATE = np.array([76.0, 47, 97, 107, 123, 139, 159, 152, 191, 201, 207, 200])
W = np.array([1, 2, 1, 3, 0.5, 1, 2, 1, 1, 4, 1, 0.25])
YES = np.array([0.0, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1])
COUNTS = np.array([1.0, 0, 2, 1, 3, 2, 2, 4, 5, 9, 14, 12])
DATA = {"conc": CONC, "rate": RATE, "yes": YES, "counts": COUNTS, "w": W}
PARABOLA = np.column_stack([np.ones(12), CONC, CONC**2])

PROBLEMS: dict[str, tuple[str, dict[str, Any]]] = {
    "enzyme": ("rate ~ Vm*conc/(K + conc)", {"start": {"Vm": 200, "K": 0.05}}),
    "parabola": ("rate ~ a + b*conc + c*conc**2", {}),
    "weighted": ("rate ~ a + b*conc + c*conc**2", {"weights": "w"}),
    "logistic": ("yes ~ a + b*conc", {"loss": "logistic", "start": {"a": 0, "b": 0}}),
    "poisson": ("counts ~ a + b*conc", {"loss": "poisson", "start": {"a": 0, "b": 0}}),
    "huber": ("rate ~ a + b*conc", {"loss": "huber", "start": {"a": 100, "b": 100}}),
    "fixed": ("rate ~ Vm*conc/(K + conc)", {"start": {"Vm": 200, "K": {"value": 0.06, "fixed": True}}}),
}


def made(name: str) -> st.Problem:
    formula, options = PROBLEMS[name]
    return st.Problem(formula, DATA, **options)


def fitted(name: str) -> Fit:
    return made(name).fit()


def ends(intervals: Any) -> np.ndarray[Any, Any]:
    return np.array([list(pair) for pair in intervals.by_name.values()])


# ---- the likelihood, AIC and BIC

# statsmodels 0.15.0: OLS, WLS, GLM(Binomial), GLM(Poisson): llf, aic, bic (bic_llf), rsquared.
STATSMODELS = {
    "weighted": (-51.87679438248285, 109.75358876496571, 111.2083087143297, 0.9078607910105021),
    "logistic": (-7.250815696184864, 18.501631392369728, 19.471444691945727, np.nan),
    "poisson": (-21.49187172110819, 46.98374344221638, 47.95355674179238, np.nan),
}


@pytest.mark.parametrize("name", STATSMODELS)
def test_likelihood_and_criteria_are_those_of_statsmodels(name: str) -> None:
    fit = fitted(name)
    found = (fit.log_likelihood, fit.aic, fit.bic, fit.r_squared)
    np.testing.assert_allclose(found, STATSMODELS[name], rtol=1e-12)


def test_the_same_against_statsmodels_itself() -> None:
    sm = pytest.importorskip("statsmodels.api")
    for name, weights in (("parabola", np.ones(12)), ("weighted", W)):
        right, fit = sm.WLS(RATE, PARABOLA, weights=weights).fit(), fitted(name)
        found = (fit.log_likelihood, fit.aic, fit.bic, fit.r_squared, fit.rss, fit.dof)
        np.testing.assert_allclose(found, (right.llf, right.aic, right.bic, right.rsquared, right.ssr, right.df_resid), rtol=1e-12)
    counts, fit = sm.GLM(COUNTS, PARABOLA[:, :2], family=sm.families.Poisson()).fit(tol=1e-14), fitted("poisson")
    np.testing.assert_allclose((fit.log_likelihood, fit.aic, fit.bic), (counts.llf, counts.aic, counts.bic_llf), rtol=1e-12)


def test_criteria_of_lmfit_leave_out_a_constant() -> None:
    fit = fitted("enzyme")
    constant = 12 * (1 + np.log(2 * np.pi))
    # lmfit 1.3.4: chisqr, aic, bic, rsquared.
    right = (1195.4488144395, 59.21644385203, 60.18625715161, 0.961260830140)
    np.testing.assert_allclose((fit.rss, fit.aic - constant, fit.bic - constant, fit.r_squared), right, rtol=1e-12)


def test_a_loss_without_likelihood_has_no_criteria() -> None:
    fit = fitted("huber")
    assert np.isnan([fit.log_likelihood, fit.aic, fit.bic, fit.r_squared]).all()
    assert "AIC" not in fit.summary() and "Loss" in fit.summary()


def test_correlation() -> None:
    fit = fitted("enzyme")
    assert fit.correlation[0, 1] == pytest.approx(0.7650845906, rel=2e-6)  # lmfit 1.3.4, by differences
    assert fit.correlation.diagonal().tolist() == [1, 1]
    assert np.isnan(fitted("fixed").correlation).tolist() == [[False, True], [True, True]]


# ---- errors from the full Hessian


def test_hessian_errors_are_those_of_the_hessian_by_hand() -> None:
    fit = fitted("enzyme")
    v, k = fit.theta
    r = v * CONC / (k + CONC) - RATE
    by_v, by_k = CONC / (k + CONC), -v * CONC / (k + CONC) ** 2
    twice = {"vk": -CONC / (k + CONC) ** 2, "kk": 2 * v * CONC / (k + CONC) ** 3}
    mixed = np.sum(by_v * by_k + r * twice["vk"])
    hessian = 2 * np.array([[np.sum(by_v**2), mixed], [mixed, np.sum(by_k**2 + r * twice["kk"])]])
    right = np.sqrt(np.diag(2 * fit.rss / 10 * np.linalg.inv(hessian)))
    np.testing.assert_allclose(list(fit.hessian_errors.values()), right, rtol=1e-10)
    assert abs(fit.hessian_errors["K"] / fit.std_errors["K"] - 1) > 1e-3  # and they are other ones


@pytest.mark.parametrize("name", ["parabola", "weighted", "logistic", "huber"])
def test_hessian_errors_are_the_standard_errors_where_they_must_be(name: str) -> None:
    fit = fitted(name)
    np.testing.assert_allclose(list(fit.hessian_errors.values()), list(fit.std_errors.values()), rtol=1e-9)


def test_hessian_errors_of_a_fixed_parameter_and_away_from_a_minimum() -> None:
    assert fitted("fixed").hessian_errors["K"] == 0
    stuck = st.fit("y ~ a*b*x", {"x": CONC, "y": RATE}, start={"a": 1, "b": 1})
    assert np.isnan(list(stuck.hessian_errors.values())).all()


# ---- rank, and parameters that never moved


@pytest.mark.parametrize(
    ("formula", "rank", "matters"),
    [
        ("rate ~ a*b*conc", 1, "only a*b matters"),
        ("rate ~ a + b + c*conc", 2, "only a + b matters"),
        ("rate ~ a*exp(b*conc)", 2, ""),
    ],
)
def test_identifiability(formula: str, rank: int, matters: str) -> None:
    names = st.Problem(formula, DATA, start=None if "a +" in formula else {"a": 1, "b": 1}).parameters
    fit = st.fit(formula, DATA, start=dict.fromkeys(names, 1))
    assert (fit.rank, fit.matters, fit.identifiable) == (rank, matters, not matters)


@pytest.mark.parametrize("loss", ["mse", "huber", "poisson"])
@pytest.mark.parametrize(
    ("model", "start", "rank", "matters"),
    [
        ("a*b*conc", [1, 1], 1, "only a*b matters"),
        ("a + b + c*conc", [1, 1, 1], 2, "only a + b matters"),
        ("exp(a + b)*conc", [1, 1], 1, "only a + b matters"),
        ("a + 3*b + c*conc", [1, 1, 1], 2, "only a + 3*b matters"),
    ],
)
def test_what_alone_matters_is_in_the_reason_and_on_every_page(
    model: str, start: list[float], rank: int, matters: str, loss: str
) -> None:
    count = {"rate": [1, 3, 2, 5, 4, 8], "conc": [0.1, 0.3, 0.5, 0.8, 0.9, 1.2]}
    fit = st.fit(f"rate ~ {model}", count, loss, start)
    said = f"the data tell only {rank} of {len(start)} parameters apart: a and b are not determined, {matters}"
    assert (fit.rank, fit.matters, fit.identifiable) == (rank, matters, False)
    for text in (fit.reason, fit.summary(), fit._repr_html_()):
        assert said in text
    assert math.isnan(fit.std_errors["a"])
    straight = loss == "mse" and "*b*" not in model and "exp" not in model
    assert fit.outcome == ("converged" if straight else "stopped")
    assert ("the one of least norm" if straight else "fix one of them") in fit.reason


def test_a_rank_that_is_short_at_one_point_only() -> None:
    fit = st.fit("rate ~ 5 + a*(b - conc)**2 - b*b*conc", {"conc": [-1.0, 0, 1, 2], "rate": [5.0, 5, 5, 5]}, start={"a": 0, "b": 0})
    assert fit.outcome == "stopped" and "no longer depends on b here; start it elsewhere" in fit.reason


def test_a_name_that_is_no_column_is_said() -> None:
    with pytest.warns(st.SteepestWarning, match="no start given"):
        fit = st.fit("y ~ a + b*xx", {"x": [1, 2, 3], "y": [1, 2, 4]})
    assert "none of the model's names is a column of the data" in fit.reason


def test_of_many_parameters_a_few_are_named() -> None:
    x = np.linspace(-1, 1, 12)
    with pytest.warns(st.SteepestWarning, match="12 rows for 21 parameters"):
        fit = st.fit("y ~ poly(x, 20, w)", {"x": x, "y": np.exp(x)})
    assert "w5 and 15 more are not determined" in fit.reason and len(fit.reason) < 200


def test_a_parameter_that_never_moved_is_named() -> None:
    fit = st.fit("rate ~ a*conc + relu(b - 5)", DATA, start={"a": 1, "b": 1})
    assert fit["b"] == 1 and fit.outcome == "stopped"
    assert "b stayed at its start, where its derivative is zero" in fit.reason
    assert "b stayed at its start" in fit.summary()
    assert "stayed" not in st.fit("rate ~ a*conc", DATA, start={"a": fit["a"]}).reason  # at the minimum from the start


# ---- intervals

# statsmodels 0.15.0: conf_int(0.1) of WLS; conf_int(0.05) of GLM.
CONF_INT = {
    "weighted": (0.9, [[58.09767527, 91.60919591], [267.27374771, 457.57572071], [-320.38838731, -133.06208628]]),
    "logistic": (0.95, [[-1.38730603, 1.80397796], [-2.3626517, 5.59242305]]),
    "poisson": (0.95, [[0.03812287, 1.03356572], [1.31542132, 2.52013838]]),
}


@pytest.mark.parametrize("name", CONF_INT)
def test_t_intervals_are_those_of_statsmodels(name: str) -> None:
    level, right = CONF_INT[name]
    np.testing.assert_allclose(ends(fitted(name).intervals(level)), right, atol=6e-9)


@pytest.mark.parametrize("name", ["parabola", "weighted"])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_the_profile_of_a_linear_model_is_its_t_interval(name: str, level: float) -> None:
    fit = fitted(name)
    np.testing.assert_allclose(ends(fit.intervals(level, "profile")), ends(fit.intervals(level)), rtol=1e-8)


def test_profile_intervals_are_those_of_lmfit_and_r() -> None:
    fit = fitted("enzyme")
    # lmfit 1.3.4, conf_interval: its roots are sought to 5e-5. R's confint(nls) interpolates the profile.
    lmfit = {
        0.95: [[197.30189948, 229.28905550], [0.046920342034, 0.086156913427]],
        0.68: [[205.32102360, 220.31513177], [0.055514139428, 0.073788306837]],
    }
    for level, right in lmfit.items():
        np.testing.assert_allclose(ends(fit.intervals(level, "profile")), right, rtol=5e-7)
    np.testing.assert_allclose(ends(fit.intervals(kind="profile")), [[197.30213, 229.29006], [0.04692517, 0.08615995]], rtol=2e-4)
    decay = st.fit("y ~ exp(-b1*x)/(b2 + b3*x)", "@chwirut1")
    right = [[0.148589612, 0.236564950], [0.00544758416, 0.00679209695], [0.00897333071, 0.01210028025]]
    np.testing.assert_allclose(ends(decay.intervals(kind="profile")), right, rtol=1e-6)


def test_profile_intervals_against_lmfit_itself() -> None:
    lmfit = pytest.importorskip("lmfit")
    x, y = np.linspace(0, 5, 40), 3 * np.exp(-0.7 * np.linspace(0, 5, 40)) + 1 + 0.2 * np.sin(37 * np.arange(40) ** 2)
    fit = st.fit("y ~ a*exp(-b*x) + c", {"x": x, "y": y}, start={"a": 1, "b": 1, "c": 1})
    tight = {"ftol": 1e-15, "xtol": 1e-15}
    right = lmfit.Model(lambda x, a, b, c: a * np.exp(-b * x) + c).fit(y, x=x, a=1, b=1, c=1, fit_kws=tight)
    found = right.conf_interval(sigmas=[0.95])
    np.testing.assert_allclose(ends(fit.intervals(kind="profile")), [[found[n][0][1], found[n][2][1]] for n in "abc"], rtol=2e-5)


def test_the_profile_against_brute_force() -> None:
    """Of K alone Vm is known in closed form, of Vm alone K is found by SciPy."""
    fit = fitted("enzyme")
    limit = fit.rss * (1 + stats.t.ppf(0.975, 10) ** 2 / 10)

    def squares_of_k(k: float) -> float:
        column = CONC / (k + CONC)
        return float(np.sum((RATE - column * (column @ RATE) / (column @ column)) ** 2)) - limit

    def squares_of_v(v: float) -> float:
        squares = lambda k: float(np.sum((RATE - v * CONC / (k + CONC)) ** 2))  # noqa: E731
        return float(optimize.minimize_scalar(squares, bounds=(1e-3, 0.5), method="bounded", options={"xatol": 1e-12}).fun) - limit

    right = [
        [optimize.brentq(squares_of_v, a, b, xtol=1e-12) for a, b in ((150, fit["Vm"]), (fit["Vm"], 300))],
        [optimize.brentq(squares_of_k, a, b, xtol=1e-14) for a, b in ((0.01, fit["K"]), (fit["K"], 0.3))],
    ]
    np.testing.assert_allclose(ends(fit.intervals(kind="profile")), right, rtol=1e-9)


@pytest.mark.parametrize("name", ["logistic", "poisson"])
def test_the_profile_of_a_likelihood_against_brute_force(name: str) -> None:
    fit = fitted(name)
    response, z = (YES, 1) if name == "logistic" else (COUNTS, 1), stats.norm.ppf(0.975)
    y = response[0]

    def loss(a: float, b: float) -> float:
        u = a + b * CONC
        return float(np.sum((np.logaddexp(0, u) if name == "logistic" else np.exp(u)) - y * u))

    least = loss(*fit.theta)

    def risen(b: float) -> float:
        inner = optimize.minimize_scalar(lambda a: loss(a, b), bounds=(-20, 20), method="bounded", options={"xatol": 1e-11})
        return float(inner.fun) - least - z**2 / 2

    b = fit["b"]
    right = [optimize.brentq(risen, b - 10, b, xtol=1e-12), optimize.brentq(risen, b, b + 10, xtol=1e-12)]
    np.testing.assert_allclose(fit.intervals(kind="profile")["b"], right, rtol=1e-8)


def test_a_side_without_limit_is_infinite_and_says_so() -> None:
    """The data fall at once: any faster decay fits them about as well."""
    data = {"x": [0.0, 1, 2, 3, 4, 5], "y": [5.0, 0.4, 0.1, -0.2, 0.15, -0.1]}
    found = st.fit("y ~ a*exp(-b*x)", data, start={"a": 5, "b": 2}).intervals(0.99, "profile")
    assert found["b"].high == np.inf and np.isfinite(found["b"].low) and np.isfinite(found["a"]).all()
    (note,) = found.notes
    assert note.startswith("b has no upper limit: even at ")
    assert note in found.text() and "inf" in found.text()


def test_a_limit_at_the_edge_of_the_domain() -> None:
    """log(a - x) ends at a = 4, the largest x."""
    x = np.array([0.0, 1, 2, 3, 4])
    fit = st.fit(
        "y ~ log(a - x) + b", {"x": x, "y": np.log(4.05 - x) + np.array([0.3, -0.2, 0.2, -0.3, 0.1])}, start={"a": 4.5, "b": 0}
    )
    low, high = fit.intervals(0.95, "profile")["a"]
    assert 4 < low < fit["a"] < high


def test_a_lower_minimum_on_the_way_is_reported() -> None:
    x = np.linspace(0, 10, 40)
    data = {"x": x, "y": np.sin(2 * x) + 0.05 * np.cos(31 * x)}
    fit = st.fit("y ~ a*sin(w*x)", data, start={"a": 0.1, "w": 2.75})
    assert fit.rss > 5  # a local minimum
    notes = fit.intervals(0.999999, "profile").notes
    assert any("a lower loss was found at w" in note for note in notes)


def test_fixed_and_unknown_parameters_have_no_width() -> None:
    for kind in ("t", "profile"):
        assert fitted("fixed").intervals(kind=kind)["K"] == (0.06, 0.06)
        stuck = st.fit("rate ~ a*b*conc", DATA, start={"a": 1, "b": 1}).intervals(kind=kind)
        assert np.isnan(ends(stuck)).all() and "not known for a, b: stopped" in stuck.notes[0]


@pytest.mark.parametrize("level", [0, 1, 95, -0.5, float("nan"), "0.95", None, True])
def test_a_level_that_is_no_share_is_refused(level: Any) -> None:
    for ask in (fitted("parabola").intervals, lambda level: fitted("parabola").band(level=level)):
        with pytest.raises(st.OptionError, match="give a share between 0 and 1"):
            ask(level)


def test_wrong_words_are_refused() -> None:
    fit, huber = fitted("parabola"), fitted("huber")
    with pytest.raises(st.OptionError, match="did you mean 'profile'"):
        fit.intervals(kind="profil")
    with pytest.raises(st.OptionError, match="did you mean 'prediction'"):
        fit.band(kind="predict")
    with pytest.raises(st.OptionError, match="unknown parameter 'd'"):
        fit.intervals()["d"]
    with pytest.raises(st.OptionError, match="loss huber is none"):
        huber.intervals(kind="profile")
    with pytest.raises(st.OptionError, match="needs a quadratic loss, and this is huber"):
        huber.band(kind="prediction")
    with pytest.raises(st.OptionError, match="quadratic loss, and this is huber"):
        huber.tests  # noqa: B018
    with pytest.raises(st.OptionError, match="did you mean 'runs'"):
        fit.tests["run"]
    with pytest.raises(st.OptionError, match="did you mean 'numpy'"):
        fit.export("numpi")


# ---- bands

NEW = np.array([0.3, 2.0])


@pytest.mark.parametrize("weights", [np.ones(12), W])
def test_bands_of_a_linear_model_in_closed_form(weights: np.ndarray[Any, Any]) -> None:
    fit = st.fit("rate ~ a + b*conc + c*conc**2", {**DATA, "own": weights}, weights="own")
    inverse = np.linalg.inv(PARABOLA.T @ (weights[:, None] * PARABOLA))
    theta = inverse @ PARABOLA.T @ (weights * RATE)
    s2 = np.sum(weights * (RATE - PARABOLA @ theta) ** 2) / 9
    t = stats.t.ppf(0.95, 9)
    there = np.column_stack([[1, 1], NEW, NEW**2])
    for new, rows, own in ((None, PARABOLA, weights), ({"conc": NEW, "own": [4, 0.5]}, there, np.array([4, 0.5]))):
        for kind, more in (("confidence", 0), ("prediction", s2 / own)):
            half = t * np.sqrt(np.sum(rows @ (s2 * inverse) * rows, axis=1) + more)
            found = fit.band(new, 0.9, kind)
            np.testing.assert_allclose(found.yhat, rows @ theta, rtol=1e-11)
            np.testing.assert_allclose(found.upper - found.yhat, half, rtol=1e-9)
            np.testing.assert_allclose(found.yhat - found.lower, half, rtol=1e-9)


def test_predictions_need_the_weights_of_new_rows() -> None:
    fit = st.fit("rate ~ a + b*conc + c*conc**2", DATA, weights=W)
    with pytest.raises(st.OptionError, match="weights of new observations are not known: give weights= as the name of a column"):
        fit.band({"conc": NEW}, kind="prediction")
    with pytest.raises(st.DataError, match="no column 'w'"):
        fitted("weighted").band({"conc": NEW}, kind="prediction")


def test_bands_against_statsmodels() -> None:
    fit = fitted("weighted")
    # statsmodels 0.15.0: WLS(...).get_prediction(new).summary_frame(0.05).
    found = [fit.band({"conc": NEW}), fit.band({"conc": NEW, "w": [1, 1]}, kind="prediction")]
    right = [
        [146.76959794, -369.40296102],
        [179.58157115, 155.00687466],
        [109.25479031, -374.38658072],
        [217.09637877, 159.99049436],
    ]
    np.testing.assert_allclose([end for band in found for end in (band.lower, band.upper)], right, rtol=1e-9)
    sm = pytest.importorskip("statsmodels.api")
    frame = sm.WLS(RATE, PARABOLA, weights=W).fit().get_prediction().summary_frame(0.05)
    for kind, word in (("confidence", "mean_ci"), ("prediction", "obs_ci")):
        np.testing.assert_allclose(fit.band(kind=kind).lower, frame[f"{word}_lower"], rtol=1e-10)
        np.testing.assert_allclose(fit.band(kind=kind).upper, frame[f"{word}_upper"], rtol=1e-10)


def test_the_band_of_a_nonlinear_model_is_the_delta_method() -> None:
    fit = fitted("enzyme")
    v, k = fit.theta
    rows = np.column_stack([NEW / (k + NEW), -v * NEW / (k + NEW) ** 2])
    half = stats.t.ppf(0.975, 10) * np.sqrt(np.sum(rows @ fit.covariance * rows, axis=1))
    band = fit.band({"conc": NEW})
    np.testing.assert_allclose((band.upper - band.lower) / 2, half, rtol=1e-12)
    assert band.to_dict().keys() == {"lower", "yhat", "upper"}
    fixed = fitted("fixed")
    right = stats.t.ppf(0.975, 11) * fixed.std_errors["Vm"] * NEW / (0.06 + NEW)
    np.testing.assert_allclose(fixed.band({"conc": NEW}).upper - fixed.band({"conc": NEW}).yhat, right, rtol=1e-12)


def test_the_band_against_lmfit_itself() -> None:
    lmfit = pytest.importorskip("lmfit")
    right = lmfit.Model(lambda conc, Vm, K: Vm * conc / (K + conc)).fit(RATE, conc=CONC, Vm=200, K=0.05, fit_kws={"xtol": 1e-15})
    band = fitted("enzyme").band()
    # Its covariance and its Jacobian are by differences; SciPy's covariance has the exact Jacobian.
    np.testing.assert_allclose(band.upper - band.yhat, right.eval_uncertainty(sigma=0.95, dscale=1e-4), rtol=5e-5)


def test_the_band_against_scipy() -> None:
    def slopes(conc: Any, v: float, k: float) -> Any:
        return np.column_stack([conc / (k + conc), -v * conc / (k + conc) ** 2])

    tight: Any = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15}
    theta, covariance = optimize.curve_fit(lambda c, v, k: v * c / (k + c), CONC, RATE, [200, 0.05], jac=slopes, **tight)
    rows = slopes(CONC, *theta)
    half = stats.t.ppf(0.95, 10) * np.sqrt(np.sum(rows @ covariance * rows, axis=1) + fitted("enzyme").rss / 10)
    band = fitted("enzyme").band(level=0.9, kind="prediction")
    np.testing.assert_allclose(band.upper, rows @ [theta[0], 0] + half, rtol=1e-8)


def test_the_band_of_log_odds() -> None:
    fit = fitted("logistic")
    rows = np.column_stack([[1, 1], NEW])
    half = stats.norm.ppf(0.975) * np.sqrt(np.sum(rows @ fit.covariance * rows, axis=1))
    np.testing.assert_allclose(fit.band({"conc": NEW}).upper, rows @ fit.theta + half, rtol=1e-12)


def test_a_band_in_slices() -> None:
    fit = fitted("enzyme")
    large = np.linspace(0.01, 2, 70_000)
    some = [0, 32_767, 32_768, 69_999]
    np.testing.assert_array_equal(fit.band({"conc": large}).upper[some], fit.band({"conc": large[some]}).upper)


# ---- residuals


def test_residual_tests_against_statsmodels_and_scipy() -> None:
    fit = fitted("parabola")
    # statsmodels 0.15.0: runstest_1samp(cutoff=0, correction=False), durbin_watson, OLSInfluence; SciPy 1.17.1: shapiro.
    assert fit.tests["runs"].value == 5 and fit.tests["runs"].chance == pytest.approx(0.22587235588913823, rel=1e-12)
    assert fit.tests["durbin-watson"].value == pytest.approx(1.2572971816867018, rel=1e-10)
    assert fit.tests["shapiro"][1:3] == pytest.approx((0.9432570637912074, 0.5413821752448009), rel=1e-8)
    assert fit.tests["leverage"].value == pytest.approx(0.4955185153055616, rel=1e-10)
    assert fit.tests["cook"].value == pytest.approx(0.49841191792192097, rel=1e-9)
    assert "row index 1:" in fit.tests["cook"].sentence and "row index 10:" in fit.tests["leverage"].sentence


def test_leverage_and_cook_by_leaving_out_each_row() -> None:
    """(θ - θ₋ᵢ)ᵀ(XᵀWX)(θ - θ₋ᵢ)/(k·s²), and 1 - r₋ᵢ's part: hᵢ = 1 - rᵢ/(yᵢ - ŷ₋ᵢ)."""
    fit = fitted("weighted")
    normal = PARABOLA.T @ (W[:, None] * PARABOLA)
    cooks, leverages = [], []
    for i in range(12):
        kept = np.arange(12) != i
        without = np.linalg.lstsq(np.sqrt(W[kept])[:, None] * PARABOLA[kept], np.sqrt(W[kept]) * RATE[kept])[0]
        moved = fit.theta - without
        cooks.append(moved @ normal @ moved / (3 * fit.s**2))
        leverages.append(1 - fit.residuals[i] / (RATE[i] - PARABOLA[i] @ without))
    assert fit.tests["cook"].value == pytest.approx(max(cooks), rel=1e-9)
    assert fit.tests["leverage"].value == pytest.approx(max(leverages), rel=1e-9)
    assert f"row index {np.argmax(cooks)}:" in fit.tests["cook"].sentence


def test_a_pattern_that_is_left_is_seen() -> None:
    x = np.linspace(0, 6, 80)[np.random.default_rng(0).permutation(80)]
    noise = np.random.default_rng(1).normal(size=80)
    wrong = st.fit("y ~ a + b*x", {"x": x, "y": np.sin(x) + 0.1 * noise}).tests
    assert wrong["runs"].chance < 1e-6 and "a pattern is left" in wrong["runs"].sentence
    assert "not independent" in wrong["durbin-watson"].sentence
    right = st.fit("y ~ a + b*sin(x)", {"x": x, "y": np.sin(x) + 0.1 * noise}).tests
    assert right["runs"].chance > 0.05 and "no pattern" in right["runs"].sentence
    heavy = st.fit("y ~ a + b*x", {"x": x, "y": noise**5}).tests
    assert heavy["shapiro"].chance < 1e-6 and "are not normal" in heavy["shapiro"].sentence


def test_a_row_that_carries_the_fit_is_named() -> None:
    x = np.append(np.arange(10.0), 100)
    y = np.append([0.1, -0.2, 0.3, 0, -0.1, 0.2, -0.3, 0.1, 0, 0.2], 5.0)
    tests = st.fit("y ~ a + b*x", {"x": x, "y": y}).tests
    assert "row index 10: above" in tests["leverage"].sentence
    assert "row index 10: without it the fit would be another" in tests["cook"].sentence


def test_many_rows_are_tested_by_jarque_and_bera() -> None:
    data = {"y": np.random.default_rng(0).laplace(size=6_000)}
    test = st.fit("y ~ a", data).tests["jarque-bera"]
    right = stats.jarque_bera(data["y"])
    assert test.value == pytest.approx(right.statistic, rel=1e-10) and test.chance == pytest.approx(right.pvalue, abs=1e-12)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_rows_and_perfect_fits_are_no_error(rows: int) -> None:
    fit = st.fit("y ~ a + b*x" if rows > 1 else "y ~ a", {"x": np.arange(rows), "y": 2.0 * np.arange(rows) + 1})
    assert {test.name for test in fit.tests.tests} == {"runs", "durbin-watson", "shapiro", "leverage", "cook"}
    assert fit.tests.text() and fit.summary() and fit.band().yhat.shape == (rows,)
    assert fit.intervals().text() and fit.intervals(kind="profile").text()


# ---- the tables


def test_summary_and_html_have_the_columns_of_r() -> None:
    fit = fitted("enzyme")
    lines = fit.summary().splitlines()
    # R 4: summary(nls(rate ~ Vm*conc/(K + conc), Puromycin, state == "treated")).
    assert lines[3].split() == ["Vm", "212.6837", "6.947", "30.615", "3.2e-11"]
    assert lines[4].split()[0] == "K" and lines[4].split()[2:] == ["0.008281", "7.743", "1.6e-05"]
    assert "Residual standard error: 10.93 on 10 degrees of freedom" in lines
    page = fit._repr_html_()
    for word in ("Estimate", "Std. Error", "t value", "Pr(&gt;|t|)", "212.6837", "6.947"):
        assert word in page
    for shown in (fit.intervals()._repr_html_(), fit.tests._repr_html_()):
        assert shown.startswith("<div><table>")


def test_results_are_plain_values() -> None:
    fit = fitted("enzyme")
    read = json.loads(json.dumps(fit.intervals(0.9).to_dict()))
    assert read["level"] == 0.9 and read["intervals"]["K"] == list(fit.intervals(0.9)["K"])
    assert json.loads(json.dumps(fit.tests.to_dict()))["runs"]["value"] == fit.tests["runs"].value
    assert str(fit.tests) == fit.tests.text() and str(fit.intervals()) == fit.intervals().text()


def test_a_plot_with_a_band(tmp_path: Path) -> None:
    for name in ("enzyme", "logistic", "poisson"):
        figure = fitted(name).plot(tmp_path / "band.svg", band=0.95)
        (shade,) = figure.axes[0].collections
        low, high = shade.get_paths()[0].vertices[:, 1].min(), shade.get_paths()[0].vertices[:, 1].max()
        band = fitted(name).band({"conc": np.linspace(CONC.min(), CONC.max(), 1_000)})
        back = {"logistic": lambda u: 1 / (1 + np.exp(-u)), "poisson": np.exp}.get(name, lambda u: u)
        assert (low, high) == pytest.approx((back(band.lower).min(), back(band.upper).max()), rel=1e-9)
        assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["data", "model", "95 % confidence"]
    assert not fitted("enzyme").plot().axes[0].collections
    with pytest.raises(st.OptionError, match="needs one predictor, and this model has 2"):
        st.fit("rate ~ a*conc + b*w", DATA).plot(band=0.95)


# ---- saved and loaded


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_loaded_fit_says_the_same(name: str, tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    fit, problem = fitted(name), made(name)
    fit.save(path)
    alone, whole = st.load(path), st.load(path, problem)
    new = {"conc": NEW}
    for again in (alone, whole):
        assert again.summary() == fit.summary() and again.parameters == fit.parameters and again.recipe == fit.recipe
        assert again.intervals().text() == fit.intervals().text()
        np.testing.assert_array_equal(again.predict(new), fit.predict(new))
        np.testing.assert_array_equal(again.band(new).upper, fit.band(new).upper)
        np.testing.assert_array_equal(again.correlation, fit.correlation)
        assert again.export("numpy") == fit.export("numpy") and again._repr_html_() == fit._repr_html_()
        again.save(tmp_path / "again.json")
        assert (tmp_path / "again.json").read_text(encoding="utf-8") == path.read_text(encoding="utf-8")
    np.testing.assert_array_equal(whole.residuals, fit.residuals)
    if name != "huber":
        assert whole.intervals(kind="profile").text() == fit.intervals(kind="profile").text()
    needing = [
        lambda: alone.residuals,
        lambda: alone.predict(),
        lambda: alone.band(),
        lambda: alone.hessian_errors,
        lambda: alone.plot(),
    ]
    for ask in needing[: 3 if name in ("logistic", "poisson", "huber") else None]:
        with pytest.raises(st.OptionError, match=r"this needs the data, .* st.load\(path, problem\)"):
            ask()


def test_a_fit_that_failed_is_saved_too(tmp_path: Path) -> None:
    fit = st.fit("rate ~ log(a*conc)", DATA, start={"a": -1})
    fit.save(tmp_path / "fit.json")
    again = st.load(tmp_path / "fit.json")
    assert (again.outcome, again.reason, again.parameters) == (fit.outcome, fit.reason, fit.parameters)
    assert np.isnan(again.loss) and np.isnan(again.std_errors["a"])
    with pytest.raises(st.OptionError, match="nothing was fitted"):
        again.export()


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (st.Problem("rate ~ Vm*conc/(Q + conc)", DATA, start={"Vm": 1, "Q": 1}), "its formula is rate ~ Vm"),
        (
            st.Problem("rate ~ Vm*conc/(K + conc)", DATA, "huber", start={"Vm": 1, "K": 1}),
            "its loss is mse, that of the problem is huber",
        ),
        (st.Problem("rate ~ Vm*conc/(K + conc)", DATA, start={"Vm": 1, "K": 1}, weights="w"), "its weighted is False"),
        (st.Problem("rate ~ Vm*conc/(K + conc)", {**DATA, "rate": RATE + 1}, start={"Vm": 1, "K": 1}), "a fit to other data"),
    ],
)
def test_a_fit_of_another_problem_is_refused(other: st.Problem, said: str, tmp_path: Path) -> None:
    fitted("enzyme").save(tmp_path / "fit.json")
    with pytest.raises(st.OptionError, match=said):
        st.load(tmp_path / "fit.json", other)


DAMAGE: dict[str, Any] = {
    "parameters is missing": lambda held: held.pop("parameters"),
    "parameters are not those of the formula, Vm, K": lambda held: held["parameters"].pop("K"),
    "parameter K is no number": lambda held: held["parameters"].update(K="0.06"),
    "covariance is no table of 2 × 2 numbers": lambda held: held["covariance"].pop(),
    "covariance is not symmetric": lambda held: held["covariance"][0].reverse(),
    "covariance is no number": lambda held: held["covariance"][0].__setitem__(0, []),
    "outcome is none of converged": lambda held: held.update(outcome="fine"),
    "outcome is no text": lambda held: held.update(outcome=3),
    "dof is no whole number": lambda held: held.update(dof=9.5),
    "loss is no number": lambda held: held.update(loss=True),
    "rss is no number": lambda held: held.update(rss=10**400),
    "recipe is no table": lambda held: held.update(recipe=[]),
    "recipe, loss, is missing or of another kind": lambda held: held["recipe"].pop("loss"),
    "recipe, rows, is missing or of another kind": lambda held: held["recipe"].update(rows="12"),
    "columns is no list of names": lambda held: held.update(columns=[1]),
    "fixed is no list of names": lambda held: held["recipe"].update(fixed=[1]),
    'its "format" is not': lambda held: held.update(format="steepest fit 99"),
}


@pytest.mark.parametrize("said", DAMAGE)
def test_a_damaged_file_is_refused_with_the_place(said: str, tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    fitted("enzyme").save(path)
    held = json.loads(path.read_text(encoding="utf-8"))
    DAMAGE[said](held)
    path.write_text(json.dumps(held), encoding="utf-8")
    with pytest.raises(st.DataError) as caught:
        st.load(path)
    assert said in str(caught.value) and len(str(caught.value).splitlines()) <= 3


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[1]", b"null", b"\xff\xfe", b'{"a": NaN}', b"[" * 100_000, b'{"format": "steepest fit 1"}']
)
def test_what_is_no_saved_fit_is_refused(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "fit.json").write_bytes(text)
    with pytest.raises(st.DataError):
        st.load(tmp_path / "fit.json")
    with pytest.raises(st.DataError, match="cannot read"):
        st.load(tmp_path / "no-such-file.json")


def test_every_cut_of_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    fitted("enzyme").save(path)
    whole = path.read_bytes()
    for size in range(0, len(whole) - 2, 97):
        path.write_bytes(whole[:size])
        with pytest.raises(st.DataError):
            st.load(path)


def test_a_file_runs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    fitted("enzyme").save(path)
    held = json.loads(path.read_text(encoding="utf-8"))
    held["recipe"]["formula"] = "rate ~ Vm*__import__('os').getcwd()/(K + conc)"
    path.write_text(json.dumps(held), encoding="utf-8")
    with pytest.raises(st.DataError, match="recipe cannot be read"):
        st.load(path)


# ---- exported

X = np.linspace(0.1, 2, 12)
EXPORTED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "decay": ("y ~ a*exp(-b*x) + c", {"x": X, "y": 2 * np.exp(-X) + 0.1 * np.sin(9 * X)}, {"a": 1, "b": 1, "c": 0}),
    "fixed": ("y ~ a*exp(-b*x)", {"x": X, "y": 2 * np.exp(-X)}, {"a": 1, "b": {"value": 0.9, "fixed": True}}),
    "legendre": ("y ~ a + b*P3(c + d*x)", {"x": X, "y": np.sin(X)}, {"a": 0, "b": -1, "c": 0, "d": 0.3}),
    "two": ("y ~ a*x**2 + b*z/3", {"x": X, "z": np.cos(X), "y": X + np.cos(X)}, {"a": 1, "b": 1}),
    "unused": ("log(y) ~ a", {"y": X + 1, "x": X}, {"a": 1}),
    "special": ("y ~ a*erf(x) + b*sinc(x) + where(x > 1, b, 0)*max(x, 1)", {"x": X, "y": X}, {"a": 1, "b": 1}),
    "names": (
        "y ~ np*`1 + __import__('os')` + self*`lambda` + E*t0 + theta*`range` + beta",
        {"1 + __import__('os')": X, "lambda": X**2, "t0": np.sin(5 * X), "range": np.exp(X), "y": np.cos(X)},
        {"np": 1, "self": 1, "E": 1, "theta": 1, "beta": 1},
    ),
    "constant": ("y ~ a*sqrt(2) + b*x*exp(1)*theta", {"theta": X, "x": X**2, "y": X}, {"a": 1, "b": 1}),
}


def exported(name: str) -> tuple[Fit, list[Any]]:
    formula, data, start = EXPORTED[name]
    fit = st.fit(formula, data, start=start)
    used = fit.objective.derivation.formula.columns[1:]
    return fit, [np.asarray(data[column], dtype=float) for column in used]


@pytest.mark.parametrize("name", EXPORTED)
def test_the_numpy_function_is_predict(name: str) -> None:
    fit, columns = exported(name)
    scope: dict[str, Any] = {}
    exec(compile(fit.export("numpy"), "exported", "exec"), scope)
    np.testing.assert_allclose(np.broadcast_to(scope["model"](*columns), 12), fit.predict(), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", EXPORTED)
def test_the_torch_module_is_predict_and_learns(name: str) -> None:
    torch = pytest.importorskip("torch")
    fit, columns = exported(name)
    scope: dict[str, Any] = {}
    exec(compile(fit.export("torch"), "exported", "exec"), scope)
    model = scope["model"]
    values = model(*map(torch.tensor, columns))
    np.testing.assert_allclose(np.broadcast_to(values.detach().numpy(), 12), fit.predict(), rtol=1e-13, atol=1e-14)
    values.sum().backward()
    (theta,) = model.parameters()
    rows = fit.objective.rows("jacobian", fit.theta)[1:][fit.objective.free]
    slopes = theta.grad.numpy() * (12 if values.ndim == 0 else 1)
    np.testing.assert_allclose(slopes, rows.sum(axis=1), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", EXPORTED)
def test_the_sympy_expression_is_predict(name: str) -> None:
    fit, columns = exported(name)
    scope: dict[str, Any] = {}
    exec(compile(fit.export("sympy"), "exported", "exec"), scope)
    words = fit.export("sympy").splitlines()
    symbols = [scope[line.split(" = ")[0]] for line in words if " = Symbol(" in line]
    expression = scope["model"]
    found = [float(expression.subs(dict(zip(symbols, row, strict=True)))) for row in zip(*columns, strict=True)] or float(
        expression
    )
    np.testing.assert_allclose(np.broadcast_to(found, 12), fit.predict(), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", EXPORTED)
def test_latex_has_the_numbers_and_their_errors(name: str) -> None:
    fit, _ = exported(name)
    head, *lines, tail = fit.export("latex").strip().splitlines()
    assert (head, tail) == (r"\begin{aligned}", r"\end{aligned}")
    shown = []
    for line, (parameter, error) in zip(lines[-len(fit.parameters) :], fit.std_errors.items(), strict=True):
        right = line.partition("&= ")[2].removesuffix(r" \\").replace(r" \times 10^{", "e").replace("}", "")
        value, _, spread = right.partition(r" \pm ")
        shown.append(float(value.partition(r" \quad")[0]))
        if error == 0:
            assert r"\mathrm{fixed" in right
        else:
            assert float(spread) == pytest.approx(error, rel=0.05)
            assert abs(shown[-1] - fit[parameter]) <= 1e-5 * error
    problem = st.Problem(EXPORTED[name][0], EXPORTED[name][1], start=EXPORTED[name][2])
    wide = fit.band().upper - fit.band().yhat
    assert (np.abs(problem.predict(shown) - fit.predict()) <= 1e-4 * wide + 1e-9).all()


def test_latex_is_drawn_by_matplotlib() -> None:
    from matplotlib.mathtext import MathTextParser

    parser = MathTextParser("path")
    for name in ("decay", "legendre", "two", "fixed", "names"):
        for line in exported(name)[0].export("latex").strip().splitlines()[1:-1]:
            parser.parse(f"${line.removesuffix(chr(92) * 2).replace('&', '')}$")


def test_the_numpy_text_needs_numpy_alone(tmp_path: Path) -> None:
    fit, columns = exported("decay")
    script = fit.export("numpy") + f"\nimport sys\nprint(model(np.array({columns[0].tolist()})).tolist(), *sys.modules)\n"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    shown, _, modules = done.stdout.partition("]")
    np.testing.assert_allclose(json.loads(shown + "]"), fit.predict(), rtol=1e-14)
    assert "steepest" not in modules.split()
