"""What a descent did, read off its trace: four verdicts, their periods and their sentences, whatever the order of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steepest as st
from test_insight import legendre

ORDERS = [None, 1, 2, 3]
STEPS = 8_000


def why(rate: float, seed: int | None, steps: int = STEPS, **options: Any) -> tuple[st.Trace, Any]:
    trace = legendre(seed).descend(lr=rate, steps=steps, **options)
    return trace, trace.why()


@pytest.mark.parametrize("seed", ORDERS)
@pytest.mark.parametrize("rate", [0.005, 0.01, 0.0165, 0.0169])
def test_it_converges_below_the_limit(rate, seed):
    trace, told = why(rate, seed)
    assert (trace.verdict, trace.period) == ("converges", None) == (told.verdict, told.period)
    assert told.sentence == f"It converges: in 8,000 steps the loss fell from 0.231 to {trace.loss[-1]:.4g}."
    percent = f"{100 * rate / told.limit:.{6 if rate > 0.0166 else 2}g}"
    assert f"η={rate} is {percent} % of the largest stable rate at the minimum (0.01697)." in str(told)
    assert told.limit == pytest.approx(0.016971, abs=5e-7)


@pytest.mark.parametrize("seed", ORDERS)
@pytest.mark.parametrize(
    ("rate", "period", "losses"),
    [(0.0172, 2, (0.00527, 0.00546)), (0.02, 2, (0.0117, 0.0193)), (0.03, 3, (0.0251, 0.0987))],
)
def test_it_cycles_above_the_limit(rate, period, losses, seed):
    trace, told = why(rate, seed, 20_000)
    assert (trace.verdict, trace.period) == ("cycles", period)
    low, high = sorted(trace.loss[-period:])[0], sorted(trace.loss[-period:])[-1]
    assert (low, high) == pytest.approx(losses, rel=5e-3)
    assert told.sentence == (
        f"It cycles: it repeats every {period} steps, at losses between {low:.4g} and {high:.4g}, read after step {told.since:,}."
    )
    assert "The minimum 0.004409 needs η < 0.01697: try η=0.01." in told.sentences
    assert "The gradient of a and c is nothing but rounding: the start is symmetric, and only rounding can break that." in str(told)


@pytest.mark.parametrize("seed", ORDERS)
def test_it_wanders_long_before_it_finds_a_cycle(seed):
    """At 0.04 the last state is a cycle of 5 steps; how long it takes to get there is up to rounding."""
    trace, told = why(0.04, seed, 50_000)
    assert (trace.verdict, trace.period) in (("cycles", 5), ("wanders", None))
    assert 0.004 < told.lowest < 0.02 and np.max(trace.loss[1000:]) < 1


@pytest.mark.parametrize("seed", ORDERS)
def test_the_edge_of_stability_is_passed_on_the_way(seed):
    """λmax grows from 22 to 2/η = 100, and is passed some hundred steps after the loss was lowest."""
    _, told = why(0.02, seed)
    step = told.sharpness.passed
    assert 200 < step < 1000
    said = (
        f"Since step ~{step:,} the curvature along d is above 100, all that η=0.02 allows: each step overshoots to the other side."
    )
    assert said in told.sentences


@pytest.mark.parametrize("seed", ORDERS)
def test_it_wanders(seed):
    trace, told = why(0.025, seed)
    assert (trace.verdict, trace.period) == ("wanders", None)
    low, high = np.min(trace.loss[4000:]), np.max(trace.loss[4000:])
    assert told.sentence.startswith("It wanders: after step ") and 0.0045 < low < 0.006 and 0.05 < high < 0.08
    assert told.sentence.endswith("; it neither settles nor repeats.")
    assert "another order of the rows" in str(told)


@pytest.mark.parametrize("seed", ORDERS)
@pytest.mark.parametrize(("rate", "floor"), [(0.045, 0.011), (0.048, 0.015), (0.05, 0.019), (0.06, None)])
def test_it_blows_up_after_falling_first(rate, floor, seed):
    trace, told = why(rate, seed)
    assert (trace.verdict, trace.period) == ("blows-up", None)
    if floor:
        assert told.lowest == pytest.approx(floor, rel=0.2)
        assert f"the loss first fell to {told.lowest:.4g} at step {told.at_step:,}, then rose" in told.sentence
    assert np.isfinite(trace.loss).all() and "stopped at the last finite point" in told.sentence
    assert f"Rewind to step {told.at_step:,} and try η=0.01." in str(told)
    factor = 1 - rate * 117.845
    assert f"each step multiplies the error along d by 1 - ηλ = {factor:.3g}, below -1." in str(told)


@pytest.mark.parametrize("seed", ORDERS)
@pytest.mark.parametrize("rate", [0.017, 0.0172, 0.02])
def test_it_falls_now_and_will_fail_later(rate, seed):
    trace, told = why(rate, seed, 300)
    assert trace.verdict == "converges" and trace.loss[-1] < 0.03
    assert f"But it falls now and will not settle: η={rate} is {rate / 0.0169714494:.3g}"[:60] in str(told)
    assert "sooner or later it will cycle, wander or blow up" in str(told)


@pytest.mark.parametrize("every", [2, 6, 7])
@pytest.mark.parametrize(("rate", "verdict"), [(0.01, ("converges", None)), (0.02, ("cycles", 2)), (0.03, ("cycles", 3))])
def test_a_trace_that_kept_few_points_is_read_alike(rate, verdict, every):
    trace = legendre().descend(lr=rate, steps=6_000, every=every)
    assert (trace.verdict, trace.period) == verdict


def line() -> st.Problem:
    x = np.linspace(-3, 3, 40)
    return st.Problem("y ~ a + b*x", {"x": x, "y": x + np.sin(7 * x)}, start={"a": 3, "b": 3})


@pytest.mark.parametrize("method", ["gd", "momentum", "nesterov", "averaged-momentum"])
@pytest.mark.parametrize(("share", "verdict"), [(0.1, "converges"), (0.999, "converges"), (1.0, "cycles"), (1.01, "blows-up")])
def test_a_quadratic_loss_has_three_verdicts(method, share, verdict):
    limit = line().explain(method, lr=0.1).limit_at_minimum
    assert line().descend(method, lr=share * limit, steps=5_000).verdict == verdict


def test_equal_losses_on_both_sides_are_a_cycle_too():
    """w**4 cycles between w and -w, where the loss is the same."""
    problem = st.Problem("y ~ w**2", {"y": [0.0]}, start={"w": 0.5})
    trace = problem.descend(lr=2.0, steps=400)
    assert (trace.verdict, trace.period) == ("cycles", 2) and "at loss 0.0625" in trace.why().sentence


@pytest.mark.parametrize(("method", "verdict"), [("signsgd", "cycles"), ("rmsprop", "cycles"), ("lbfgs", "converges")])
def test_other_methods(method, verdict):
    trace = line().descend(method, steps=3_000, **({} if method == "lbfgs" else {"lr": 0.02}))
    assert trace.verdict == verdict
    assert trace.why().sentence.startswith("It ")


def test_batches_hover_or_blow_up():
    trace = line().descend(lr=0.1, batch=1, epochs=200)
    assert trace.verdict == "wanders" and "With batches of 1 the loss hovers about" in str(trace.why())
    assert line().descend(lr=0.4, batch=5, epochs=200).verdict == "blows-up"
    assert line().descend(lr=0.001, batch=5, epochs=20).verdict == "converges"


def test_small_traces():
    still = line().descend(lr=0.1, steps=0)
    assert still.verdict == "converges" and still.why().sentence == "No step was taken."
    assert line().descend(lr=0.1, steps=1).verdict == "converges"


def test_why_is_text_html_and_plain_values():
    told = legendre().descend(lr=0.02, steps=2000).why()
    assert str(told) == " ".join(told.sentences)
    assert max(map(len, told.text().splitlines())) <= 80
    assert "<p>It cycles" in told._repr_html_()
    assert told.to_dict()["period"] == 2 and told.to_dict()["try_lr"] == 0.01
