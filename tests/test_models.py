"""Ready models: from the start that each finds by itself, a fit reaches what a fit from the truth reaches."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steepest as st
from steepest import models
from steepest.cli.main import main
from steepest.descent.objective import Array
from steepest.ready.kinds import KINDS
from steepest.ready.model import Model

Draw = Callable[[np.random.Generator], dict[str, float]]
SETS, SETS_OF_SUMS = 50, 20
NOISE = 0.05  # of the range of y


def _between(**ranges: tuple[float, float]) -> Draw:
    return lambda rng: {name: float(rng.uniform(*ends)) for name, ends in ranges.items()}


def _signed(draw: Draw, *names: str) -> Draw:
    """The same, each of these with either sign."""
    return lambda rng: {k: v * (rng.choice([-1, 1]) if k in names else 1) for k, v in draw(rng).items()}


UNEVEN = np.sort(np.random.default_rng(0).uniform(0, 10, 120))
TEN, POSITIVE = np.linspace(0, 10, 120), np.linspace(0.2, 10, 80)
peak = {"height": (1, 20), "center": (2, 8)}
wave = {"amplitude": (1, 20), "frequency": (0.15, 4), "phase": (-3, 3), "offset": (-20, 20)}
line = {"intercept": (-5, 5), "slope": (-1, 1)}

CASES: dict[str, tuple[Model, Array, Draw]] = {
    "line": (models.line("y", "x"), TEN, _between(intercept=(-9, 9), slope=(-9, 9))),
    "polynomial": (models.polynomial("y", "x", 4), TEN - 5, _between(**{f"c{k}": (-3, 3) for k in range(5)})),
    "exponential": (
        models.exponential("y", "x"), TEN,
        _signed(_between(amplitude=(1, 20), rate=(0.2, 3), offset=(-5, 5)), "amplitude"),
    ),
    "growth": (models.exponential("y", "x"), TEN, _between(amplitude=(0.1, 2), rate=(-0.6, -0.2), offset=(-5, 5))),
    "power": (models.power("y", "x"), POSITIVE, _signed(_between(scale=(0.1, 9), exponent=(-3, 3)), "scale")),
    "gaussian": (models.gaussian("y", "x"), TEN, _signed(_between(sigma=(0.15, 3), **peak), "height")),
    "lorentzian": (models.lorentzian("y", "x"), TEN, _signed(_between(gamma=(0.15, 3), **peak), "height")),
    "pseudo_voigt": (models.pseudo_voigt("y", "x"), TEN, _between(fraction=(0, 1), fwhm=(0.5, 4), **peak)),
    "logistic_growth": (
        models.logistic_growth("y", "x"), TEN,
        _signed(_between(capacity=(1, 99), rate=(0.5, 5), midpoint=(1, 9)), "rate"),
    ),
    "michaelis_menten": (models.michaelis_menten("y", "x"), TEN, _between(Vmax=(1, 99), Km=(0.1, 10))),
    "hill": (models.hill("y", "x"), TEN, _between(Emax=(1, 99), EC50=(1, 8), n=(0.7, 6))),
    "sinusoid": (models.sinusoid("y", "x"), TEN, _between(**wave)),
    "damped_oscillator": (models.damped_oscillator("y", "x"), TEN, _between(damping=(0.05, 0.8), **wave)),
    "uneven rows": (models.damped_oscillator("y", "x"), UNEVEN, _between(damping=(0.05, 0.8), **wave)),
    "peak on a line": (
        models.gaussian("y", "x") + models.line("y", "x"), TEN,
        _between(sigma=(0.2, 1.2), **{**peak, "height": (4, 20)}, **line),
    ),
    "two peaks on a line": (
        models.gaussian("y", "x") + models.gaussian("y", "x") + models.line("y", "x"), TEN,
        _between(height_1=(8, 20), center_1=(2, 4), sigma_1=(0.3, 0.8), height_2=(8, 20), center_2=(6, 8), sigma_2=(0.3, 0.8),
                 **line),
    ),
    "peak on a decay": (
        models.lorentzian("y", "x") + models.exponential("y", "x"), TEN,
        _between(gamma=(0.2, 0.8), height=(4, 20), center=(4, 8), amplitude=(5, 20), rate=(0.3, 1), offset=(-5, 5)),
    ),
    "wave on a line": (
        models.sinusoid("y", "x") + models.line("y", "x"), TEN,
        _between(**{k: v for k, v in wave.items() if k != "offset"}, **line),
    ),
    "two waves": (
        models.sinusoid("y", "x") + models.sinusoid("y", "x"), TEN,
        _between(amplitude_1=(5, 20), frequency_1=(0.2, 1), phase_1=(-3, 3), amplitude_2=(5, 20), frequency_2=(1.3, 4),
                 phase_2=(-3, 3), offset=(-20, 20)),
    ),
}  # fmt: skip


def _data(name: str, seed: int) -> tuple[Model, dict[str, Array], dict[str, float]]:
    model, x, draw = CASES[name]
    rng = np.random.default_rng([seed, *name.encode()])
    truth = draw(rng)
    clean = st.Problem(model, {"x": x, "y": 0 * x}).predict(truth)
    return model, {"x": x, "y": clean + rng.normal(0, NOISE * np.ptp(clean), len(x))}, truth


@pytest.mark.parametrize("name", CASES)
def test_its_own_start_reaches_what_the_truth_reaches(name: str) -> None:
    worst = []
    for seed in range(SETS_OF_SUMS if len(CASES[name][0].parts) > 1 else SETS):
        model, data, truth = _data(name, seed)
        own, best = st.fit(model, data), st.fit(model, data, start=truth)
        far = max(abs(best[k] - truth[k]) / best.std_errors[k] for k in truth) if best.outcome == "converged" else np.nan
        if not (own.outcome == "converged" and own.loss <= best.loss * (1 + 1e-9)) or far > 5:
            worst.append((seed, own.outcome, own.loss / best.loss, best.outcome, far))
    assert not worst


def _model(name: str, **options: Any) -> Model:
    degree = (2,) if name == "polynomial" else ()
    made: Model = getattr(models, name)("y", "x", *degree, **options)
    return made


@pytest.mark.parametrize("name", KINDS)
def test_every_row_of_the_table_is_a_model_and_a_formula(name: str) -> None:
    model = _model(name, prefix="m_")
    problem = st.Problem(model, {"x": [1.0, 2, 3, 4, 5, 6], "y": [1.0, 3, 2, 5, 4, 6]})
    assert set(problem.parameters) == set(model.parameters) == {f"m_{name}" for name in _model(name).parameters}
    assert name in models.__all__ and len(models.__all__) == len(KINDS)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin == model and twin.parts == model.parts and twin.parameters == model.parameters


@pytest.mark.parametrize("name", sorted(set(KINDS) - {"line", "polynomial"}))
def test_from_a_start_found_with_wild_rows_the_others_are_fitted_well(name: str) -> None:
    for seed in range(8):
        model, data, _ = _data(name, seed)
        wild = data["y"].copy()
        wild[[20, 47, 70]] += 10 * np.ptp(wild)
        found = st.fit(model, data, start=model.start(data | {"y": wild}))
        assert found.outcome == "converged" and found.loss <= st.fit(model, data).loss * (1 + 1e-9)


def test_the_order_of_the_rows_does_not_matter() -> None:
    model, data, _ = _data("sinusoid", 0)
    order = np.random.default_rng(0).permutation(len(data["x"]))
    assert model.start(data) == pytest.approx(model.start({k: v[order] for k, v in data.items()}), rel=1e-12)


def test_a_hundred_thousand_rows() -> None:
    x = np.linspace(0, 100, 100_000)
    y = 3 + 2 * np.sin(2 * np.pi * 1.7 * x + 0.5) + np.random.default_rng(0).normal(0, 1, len(x))
    assert st.fit(models.sinusoid("y", "x"), {"x": x, "y": y})["frequency"] == pytest.approx(1.7, abs=1e-4)


def test_a_given_start_wins_and_the_rest_is_found() -> None:
    model, data, _ = _data("gaussian", 0)
    own = st.Problem(model, data).start
    assert st.Problem(model, data, start={"sigma": 7.5}).start == own | {"sigma": 7.5}
    assert st.Problem(model, data, start=[1, 2, 3]).start == {"height": 1, "center": 2, "sigma": 3}


def test_rows_of_weight_zero_have_no_say() -> None:
    model, data, _ = _data("line", 0)
    y = data["y"].copy()
    y[60:] = 1e6
    weights = np.ones(len(y))
    weights[60:] = 0
    some = st.Problem(model, data | {"y": y}, weights=weights).start
    assert some == pytest.approx(model.start({k: v[:60] for k, v in data.items()}), rel=1e-12)


@pytest.mark.parametrize("data", [{"x": [1.0, 1, 1, 1], "y": [1.0, 2, 3, 4]}, {"x": [1.0, 2], "y": [1.0, 2]}])
def test_data_that_cannot_tell_give_no_start_and_it_is_said(data: dict[str, list[float]]) -> None:
    model = models.gaussian("y", "x")
    assert model.start(data) == {}
    with pytest.warns(st.SteepestWarning, match="no start given for height, center, sigma: they start at 1"):
        st.Problem(model, data).descend(lr=1e-9, steps=1)


def test_names_of_a_sum() -> None:
    peaks = models.gaussian("y", "x") + (models.gaussian("y", "x") + models.gaussian("y", "x", prefix="b_"))
    assert peaks.parameters == (
        "height_1", "center_1", "sigma_1", "height_2", "center_2", "sigma_2", "b_height", "b_center", "b_sigma",
    )  # fmt: skip
    assert models.exponential("y", "x") + models.line("y", "x") == "y ~ amplitude*exp(-rate*x) + intercept + slope*x"
    assert models.gaussian("y", "x") + models.polynomial("y", "x", 0) == "y ~ height*exp(-(x - center)**2/(2*sigma**2)) + c0"


def test_any_column_can_be_meant() -> None:
    data = {"time (s)": np.arange(9.0), "exp": 2 + 3 * np.arange(9.0)}
    model = models.line("exp", "time (s)")
    assert model == "`exp` ~ intercept + slope*`time (s)`"
    assert st.fit(model, data)["slope"] == pytest.approx(3, rel=1e-12)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: models.line("y", "x") + "c", "a ready model can be added to a ready model only"),
        (lambda: models.line("y", "x") + models.line("y", "z"), "a sum has one response and one predictor"),
        (lambda: models.line("y", "x") + models.polynomial("y", "x", 2), "a sum of two polynomials is a polynomial"),
        (lambda: models.polynomial("y", "x", 21), "degree is 21: give a whole number from 0 to 20"),
        (lambda: models.polynomial("y", "x", 1.5), "degree is 1.5: give a whole number"),  # type: ignore[arg-type]
        (lambda: models.line("y", "slope"), "'slope' is both a column and a parameter"),
        (lambda: models.line("y", "x", prefix="2"), "the parameter '2intercept' cannot be called so"),
        (
            lambda: st.Problem(models.line("y", "x"), {"x": [1, 2, 3], "y": [1, 2, 3], "slope": [1, 2, 3]}),
            "'slope' is both a parameter of this model and a column: give the model prefix='m_'",
        ),
    ],
)
def test_wrong_use_is_a_sentence(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(st.OptionError, match=sentence):
        make()


def test_the_command_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert list(listed) == list(KINDS)
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    for name, row in listed.items():
        assert row["formula"] == _model(name) and row["parameters"] == list(_model(name).parameters)
        assert " ".join(row["formula"].split()) in " ".join(shown.split()) and row["source"] in shown
