"""The five notebooks' figures, from their own starts, in float64 or exactly."""

from __future__ import annotations

from fractions import Fraction as F

import numpy as np
import pytest

import steepest as st

ENGINES = ["numpy", "compiled"]

# 000: three instances, three parameters; exact rationals
INSTANCES = "H_0 ~ theta_0 + theta_1*x_1 + theta_2*x_2"
EXACT_TRACES = {
    F(1): (
        ["1/2 1/2 1/2", "-5/6 -5/4 1/12", "5 479/72 223/72", "-2407/108 -1427/48 -4379/432"],
        [
            "13/24",
            "8179/864",
            "6219955/31104",
            "4758416923/1119744",
            "3641018275555/40310784",
            "2786032219975147/1451188224",
        ],
    ),
    F(1, 10): (
        ["1/2 1/2 1/2", "11/30 13/40 11/24", "61/200 71/288 3247/7200", "29669/108000 10111/48000 197959/432000"],
        [
            "13/24",
            "15523/86400",
            "33107203/311040000",
            "19956435911/223948800000",
            "333688365482947/4031078400000000",
            "1143086514832813987/14511882240000000000",
        ],
    ),
}

# 001: losses before step 200, 400, …, 4000, and the weights at the end
POLYNOMIAL_LOSSES = """98.4222571391124 84.3724754030214 72.51798420515178 62.50964601457627 54.054038242204854 46.90455662027517
    40.85393937536411 35.72798528850249 31.380274973997018 27.687735159193966 24.546911334941797 21.87083564757913
    19.5863949705201 17.632119275330343 15.95632317939618 14.51554426711398 13.27323078934157 12.198638915079863
    11.265906069736054 10.453272238920517"""
POLYNOMIAL_WEIGHTS = """0.5319603102185427 0.674042260973121 0.5469865028758216 0.37067539002283245 0.2221828385272585
    -0.002043376109746086 -0.03574733098648533 -0.005919157897293921"""
LEGENDRE_LOSSES = """209.95838531757312 144.66035693877825 100.70256811844635 71.03527400172047 50.978558439246214 37.40310925073516
    28.20677251966847 21.973097412476342 17.74568361214103 14.877817647431229 12.93173333449587 11.610871669351726
    10.714214594447718 10.105443798702966 9.69208422239531 9.411385883746956 9.22075989276286 9.091295876877933
    9.003366070267948 8.943643355960496"""

# 004: five points, lr 0.01: loss before, then m and c after, steps 0 to 5, 10, 100
FIVE_POINTS = {
    "half-mse": {
        0: (14.581840304371113, 0.5157901437580585, 0.17742060229182244),
        1: (11.34158475070457, 0.6737306098759175, 0.22017269195616246),
        5: (4.15882645627318, 1.1397289399587467, 0.34528399958154826),
        10: (1.1994391230918608, 1.472761265958302, 0.43261273190852223),
        100: (0.01944985093351942, 1.8721644019815176, 0.4615094497704497),
    },
    "mse": {
        0: (29.163680608742226, 0.6948899212479591, 0.2260317972302437),
        1: (17.017547607519102, 0.9684522307395935, 0.29981776601076127),
        5: (2.0090774819182395, 1.55223946017891, 0.4536387829537429),
        10: (0.18246902093314268, 1.7763383772564694, 0.5060111442263253),
        100: (0.02771657997294253, 1.8922798226367785, 0.38890401969998506),
    },
}


def numbers(text: str) -> np.ndarray:
    return np.array([float(word) for word in text.split()])


def test_000_loss_and_gradient_are_the_fractions_of_the_notebook():
    problem = st.Problem(INSTANCES, "@instances")
    start = [F(1, 2)] * 3
    assert problem.loss_at(start, engine="sympy") == F(13, 24)
    assert list(problem.gradient_at(start, engine="sympy")) == [F(4, 3), F(7, 4), F(5, 12)]


@pytest.mark.parametrize("lr", EXACT_TRACES)
def test_000_exact_traces(lr):
    thetas, losses = EXACT_TRACES[lr]
    trace = st.Problem(INSTANCES, "@instances").descend(lr=lr, steps=5, engine="sympy")
    assert [F(int(v.p), int(v.q)) for v in trace.loss] == [F(text) for text in losses]
    for row, text in zip(trace.theta, thetas, strict=False):
        assert [F(int(v.p), int(v.q)) for v in row] == [F(word) for word in text.split()]


@pytest.mark.parametrize("engine", ENGINES)
def test_000_a_rate_of_1_ends_with_the_last_finite_state(engine):
    trace = st.Problem(INSTANCES, "@instances").descend(lr=1, steps=1000, engine=engine)
    assert trace.outcome in ("diverged", "nonfinite")
    assert np.isfinite(trace.theta).all() and np.isfinite(trace.loss).all()
    assert trace.loss[1] == pytest.approx(8179 / 864, rel=1e-14)
    assert trace.step[-1] < 1000


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("lr", "ten", "hundred"),
    [(0.01, 0.2339265826721245, 0.06451132429971666), (0.2, 0.0447735895114052, 0.0002393481041124552)],
)
def test_000_float64_losses(engine, lr, ten, hundred):
    trace = st.Problem(INSTANCES, "@instances").descend(lr=lr, steps=100, engine=engine)
    assert trace.loss[[10, 100]] == pytest.approx([ten, hundred], rel=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_001_polynomial(engine):
    trace = st.Problem("y ~ poly(x, 7, w)", "@sine").descend(lr=1e-6, steps=4000, engine=engine)
    assert trace.loss[0] == pytest.approx(599082.2424932776, rel=1e-13)
    assert trace.loss[199:4000:200] == pytest.approx(numbers(POLYNOMIAL_LOSSES), rel=1e-12)
    assert trace.theta[-1] == pytest.approx(numbers(POLYNOMIAL_WEIGHTS), rel=1e-12)
    assert trace.loss[-1] == pytest.approx(10.44947877517712, rel=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_001_legendre(engine):
    trace = st.Problem("y ~ a + b*P3(c + d*x)", "@sine2000", loss="sse").descend(lr=5e-6, steps=2000, engine=engine)
    assert trace.gradient[0][[1, 3]] == pytest.approx([320.3651498802774924, 6819.13613629577688], rel=1e-13)
    assert trace.loss[99:2000:100] == pytest.approx(numbers(LEGENDRE_LOSSES), rel=1e-11)
    assert [trace.final["b"], trace.final["d"]] == pytest.approx([-2.20852641519011, 0.2554861125088658], rel=1e-11)
    # The model is odd: a and c hold rounding noise only.
    assert abs(trace.final["a"]) < 1e-14 and abs(trace.final["c"]) < 1e-14


@pytest.mark.parametrize("engine", ENGINES)
def test_002_gradients_at_both_points(engine):
    problem = st.Problem("y ~ theta_1*x + theta_0", "@noisy-line")
    at = {name: dict(theta_0=value, theta_1=0) for name, value in (("one", 1), ("zero", 0))}
    order = [problem.parameters.index("theta_0"), problem.parameters.index("theta_1")]
    one = problem.gradient_at(at["one"], engine=engine)[order]
    zero = problem.gradient_at(at["zero"], engine=engine)[order]
    assert one == pytest.approx([-5.44705392009792533, -1.19468260985620939], rel=1e-14)
    assert zero == pytest.approx([-7.44705392009792533, -1.02530175323466304], rel=1e-14)
    assert problem.loss_at(at["one"], engine=engine) == pytest.approx(10.2344320831456957, rel=1e-14)


@pytest.mark.parametrize("engine", ENGINES)
def test_003_the_mean_contracts_by_089_and_a_five_times_gradient_by_045(engine):
    k = np.arange(21)
    problem = st.Problem("y ~ w*x", "@triples")
    assert problem.descend(lr=0.005, steps=20, engine=engine)["w"] == pytest.approx(3 * (1 - 0.89**k), rel=1e-13)
    # The notebook's own code sums where it says mean: its gradient is that of 5 rows' sum.
    fivefold = st.Problem("y ~ w*x", "@triples", loss="sse")
    assert fivefold.gradient_at([0]) == pytest.approx(5 * problem.gradient_at([0]), rel=1e-15)
    trace = fivefold.descend(lr=0.005, steps=20, engine=engine)
    assert trace["w"] == pytest.approx(3 * (1 - 0.45**k), rel=1e-13)
    assert trace.loss / 5 == pytest.approx(99 * 0.45 ** (2 * k), rel=1e-7)


def test_004_single_example_exactly():
    problem = st.Problem("y ~ m*x + c", "@point", loss="half-mse")
    start = problem.start
    assert problem.loss_at(start, engine="sympy") == F(10075262079116025, 9007199254740992)
    assert list(problem.gradient_at(start, engine="sympy")) == [F(501878025, 33554432), F(100375605, 67108864)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("lr", [0.001, 0.005, 0.01, 0.015])
def test_004_single_example_ends_on_the_nearest_point_of_the_line(engine, lr):
    trace = st.Problem("y ~ m*x + c", "@point", loss="half-mse").descend(lr=lr, steps=2000, engine=engine)
    assert trace.final["m"] == pytest.approx(0.1885999632943975, rel=1e-13)
    assert trace.final["c"] == pytest.approx(0.11400036705602513, rel=1e-13)
    assert 0 <= trace.loss[-1] < 1e-29


@pytest.mark.parametrize(("lr", "last"), [(0.0198, 0.5027707264018714), (0.01981, 28.47789321023284)])
def test_004_single_example_on_both_sides_of_the_limit(lr, last):
    trace = st.Problem("y ~ m*x + c", "@point", loss="half-mse").descend(lr=lr, steps=2000)
    assert trace.loss[1999] == pytest.approx(last, rel=1e-9)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("loss", FIVE_POINTS)
def test_004_five_points_in_both_conventions(engine, loss):
    trace = st.Problem("y ~ m*x + c", "@five-points", loss=loss).descend(lr=0.01, steps=101, engine=engine)
    for step, (value, m, c) in FIVE_POINTS[loss].items():
        assert trace.loss[step] == pytest.approx(value, rel=1e-13)
        assert trace["m"][step + 1] == pytest.approx(m, rel=1e-13)
        assert trace["c"][step + 1] == pytest.approx(c, rel=1e-13)


@pytest.mark.parametrize(("loss", "step", "last"), [("half-mse", 978, 0.0009968477347437345), ("mse", 591, 0.000996307580685344)])
def test_004_five_points_stop_when_the_loss_is_below_a_thousandth(loss, step, last):
    trace = st.Problem("y ~ m*x + c", "@five-points", loss=loss).descend(lr=0.01, steps=2000, until_loss=0.001)
    assert trace.outcome == "converged"
    assert trace.step[-1] == step
    assert trace.loss[-1] == pytest.approx(last, rel=1e-12)
