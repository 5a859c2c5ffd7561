"""The five notebooks' figures, from their own starts: exactly, in float64, and in float32 with PyTorch and JAX.

Those of 000 in float32, and the averages of 002, are in test_torch_jax.py.
"""

from __future__ import annotations

from fractions import Fraction as F

import numpy as np
import pytest

import steepest as st
from steepest.engines.table import kernels, why_not

ENGINES = ["numpy", "compiled"]
SINGLE = float(np.finfo(np.float32).eps)


def needs(*engines):
    """Those engines, each skipped where its library is missing."""
    return [pytest.param(name, marks=pytest.mark.skipif(bool(why_not(name)), reason=f"no {name}")) for name in engines]


BY_HAND, AUTOGRAD, FUNCTION, JAX = needs("torch", "torch-autograd", "torch-function", "jax")

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
# the same in float32: from the NumPy start by hand and by autograd, and from the start of torch.manual_seed(0) by autograd
BY_HAND_LOSSES = """98.42237854003906 84.37257385253906 72.51805877685547 62.5097541809082 54.05412292480469 46.90461730957031
    40.8539924621582 35.728023529052734 31.380281448364258 27.68773651123047 24.546932220458984 21.870853424072266
    19.586408615112305 17.63212776184082 15.956324577331543 14.515541076660156 13.273235321044922 12.198644638061523
    11.265905380249023 10.453277587890625"""
AUTOGRAD_LOSSES = """98.42237854003906 84.37257385253906 72.51805877685547 62.5097541809082 54.05412292480469 46.90460968017578
    40.8539924621582 35.72801971435547 31.38027572631836 27.687732696533203 24.54693031311035 21.870853424072266
    19.586406707763672 17.632123947143555 15.956320762634277 14.51553726196289 13.27323055267334 12.198638916015625
    11.265902519226074 10.453275680541992"""
TORCH_START = """1.5409960746765137 -0.293428897857666 -2.1787893772125244 0.5684312582015991 -1.0845223665237427
    -1.3985954523086548 0.40334683656692505 0.8380263447761536"""
TORCH_LOSSES = """411.6053771972656 358.30487060546875 313.1458740234375 274.83892822265625 242.30120849609375 214.621337890625
    191.0341033935547 170.89553833007812 153.6644744873047 138.885986328125 126.17723846435547 115.21656036376953
    105.73318481445312 97.49944305419922 90.32373809814453 84.04484558105469 78.52696228027344 73.65589141845703
    69.33552551269531 65.48461151123047"""
TORCH_LOSSES_IN_DOUBLE = """411.60509953515816 358.30453869166035 313.1454525336805 274.8387812225702 242.3009974123302
    214.62129185454518 191.03399931592574 170.895427914311 153.66438863475958 138.8858340976687 126.17711002468207
    115.21640215001311 105.73302796179561 97.49927865281477 90.32356371208803 84.04465012643556 78.52682138450392
    73.65580939310497 69.3353758745981 65.48443952641696"""
TORCH_GRADIENT = """57.39840729881098 1404.0602867078496 479.00360349097417 11486.973287536273 4054.3074448558464
    96728.1186816109 34834.58718986516 832225.2864906229"""
TORCH_WEIGHTS = """1.574484790055293 -0.2215021414294935 -2.0531101457713077 0.8622816447610312 -0.7163591722754213
    -0.44714604699398175 0.11318801324171167 0.04078081440600488"""
LEGENDRE_SINGLE = """209.95834350585938 144.66018676757812 100.70249938964844 71.03519439697266 50.978511810302734
    37.403133392333984 28.206867218017578 21.97318458557129 17.7457275390625 14.877889633178711 12.93176555633545
    11.610918045043945 10.71425724029541 10.10548210144043 9.692105293273926 9.411375999450684 9.220745086669922
    9.091285705566406 9.003361701965332 8.943641662597656"""
LEGENDRE_LOSSES = """209.95838531757312 144.66035693877825 100.70256811844635 71.03527400172047 50.978558439246214 37.40310925073516
    28.20677251966847 21.973097412476342 17.74568361214103 14.877817647431229 12.93173333449587 11.610871669351726
    10.714214594447718 10.105443798702966 9.69208422239531 9.411385883746956 9.22075989276286 9.091295876877933
    9.003366070267948 8.943643355960496"""

# 003: w after each of these epochs and the loss before it; float32 by the fivefold gradient, by autograd, and float64
FIVEFOLD = {
    0: (1.649999976158142, 99.0), 2: (2.7266249656677246, 4.059619903564453), 4: (2.944641590118408, 0.16646966338157654),
    6: (2.9887900352478027, 0.006826222874224186), 8: (2.997730016708374, 0.0002799142966978252),
    10: (2.999540328979492, 1.1475504834379535e-05), 18: (2.9999992847442627, 3.097966327914037e-11),
}  # fmt: skip
MEAN = {
    0: (0.32999998331069946, 99.0), 10: (2.167448043823242, 9.625768661499023), 20: (2.7403957843780518, 0.9359142184257507),
    30: (2.919050693511963, 0.09099949896335602), 50: (2.992129325866699, 0.0008602672023698688),
    70: (2.999234676361084, 8.135306416079402e-06), 90: (2.9999256134033203, 7.705081372932909e-08),
}  # fmt: skip
MEAN_IN_DOUBLE = {
    0: (0.33, 99.0), 10: (2.167448077869903, 9.625766612129416), 20: (2.740395991369843, 0.9359129582948021),
    30: (2.9190510051019793, 0.09099878490720549), 50: (2.9921293319962143, 0.0008602721412498363),
    70: (2.999234735219334, 8.132725703584129e-06), 90: (2.9999255933315636, 7.688407446734502e-08),
}  # fmt: skip

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
def test_001_polynomial_from_the_start_of_torch(engine):
    problem = st.Problem("y ~ poly(x, 7, w)", "@sine", start=numbers(TORCH_START))
    trace = problem.descend(lr=1e-6, steps=4000, engine=engine)
    assert trace.loss[0] == pytest.approx(288404.9828947945, rel=1e-13)
    assert trace.gradient[0] == pytest.approx(numbers(TORCH_GRADIENT), rel=1e-13)
    assert trace.loss[199:4000:200] == pytest.approx(numbers(TORCH_LOSSES_IN_DOUBLE), rel=1e-12)
    assert trace.theta[-1] == pytest.approx(numbers(TORCH_WEIGHTS), rel=1e-11)


@pytest.mark.parametrize(
    ("engine", "start", "losses"),
    [
        pytest.param(*BY_HAND.values, None, BY_HAND_LOSSES, marks=BY_HAND.marks),
        pytest.param(*AUTOGRAD.values, None, AUTOGRAD_LOSSES, marks=AUTOGRAD.marks),
        pytest.param(*AUTOGRAD.values, TORCH_START, TORCH_LOSSES, marks=AUTOGRAD.marks),
    ],
)
def test_001_polynomial_in_float32(engine, start, losses):
    problem = st.Problem("y ~ poly(x, 7, w)", "@sine", start=start and numbers(start))
    trace = problem.descend(lr=1e-6, steps=4000, engine=engine, dtype="float32")
    assert trace.loss[199:4000:200] == pytest.approx(numbers(losses), rel=32 * SINGLE)


@pytest.mark.parametrize("engine", [FUNCTION])
@pytest.mark.parametrize(
    ("dtype", "losses", "b", "d", "rel", "idle"),
    [
        ("float32", LEGENDRE_SINGLE, -2.208526849746704, 0.2554861009120941, 16 * SINGLE, 1e-7),
        ("float64", LEGENDRE_LOSSES, -2.20852641519011, 0.2554861125088658, 1e-11, 1e-14),
    ],
)
def test_001_legendre_by_an_operation_of_its_own(engine, dtype, losses, b, d, rel, idle):
    problem = st.Problem("y ~ a + b*P3(c + d*x)", "@sine2000", loss="sse")
    trace = problem.descend(lr=5e-6, steps=2000, engine=engine, dtype=dtype)
    assert trace.loss[0] == pytest.approx(461.9024651002728, rel=rel)
    assert trace.loss[99:2000:100] == pytest.approx(numbers(losses), rel=rel)
    assert [trace.final["b"], trace.final["d"]] == pytest.approx([b, d], rel=rel)
    assert abs(trace.final["a"]) < idle and abs(trace.final["c"]) < idle


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


def assert_columns(trace, column, rows, rel, noise):
    """`noise`: what rounding leaves in w near its end, and so in the loss 11 (w - 3)²."""
    for epoch, (w, loss) in column.items():
        assert trace["w"][epoch + 1] == pytest.approx(w, rel=rel)
        assert trace.loss[epoch] / rows == pytest.approx(loss, rel=16 * rel, abs=22 * noise * np.sqrt(loss / 11) + 11 * noise**2)


@pytest.mark.parametrize("engine", [BY_HAND, AUTOGRAD, FUNCTION, JAX])
@pytest.mark.parametrize(
    ("loss", "rows", "column", "last"), [("sse", 5, FIVEFOLD, 2.999999761581421), ("mse", 1, MEAN, 2.999974012374878)]
)
def test_003_columns_in_float32(engine, loss, rows, column, last):
    trace = st.Problem("y ~ w*x", "@triples", loss=loss).descend(lr=0.005, steps=20 * len(column), engine=engine, dtype="float32")
    assert_columns(trace, column, rows, SINGLE, 4 * SINGLE)
    assert trace["w"][20 if loss == "sse" else 100] == pytest.approx(last, rel=SINGLE)


@pytest.mark.parametrize("engine", [BY_HAND, AUTOGRAD, FUNCTION])
def test_003_the_column_of_torch_optim(engine):
    """It adds with one rounding where a processor can: the last digits of step 2 and of the loss of epoch 10 are its own."""
    trace = st.Problem("y ~ w*x", "@triples").descend("torch:SGD", lr=0.005, steps=100, engine=engine, dtype="float32")
    assert_columns(trace, MEAN | {10: (MEAN[10][0], 9.625764846801758)}, 1, SINGLE, 4 * SINGLE)
    assert trace["w"][2] in (np.float32(0.623699963092804), np.float32(0.6237000226974487))
    assert trace["w"][100] == pytest.approx(2.999974012374878, rel=SINGLE)


@pytest.mark.parametrize("engine", [*ENGINES, BY_HAND, AUTOGRAD, FUNCTION, JAX])
def test_003_columns_in_float64(engine):
    trace = st.Problem("y ~ w*x", "@triples").descend(lr=0.005, steps=100, engine=engine)
    assert_columns(trace, MEAN_IN_DOUBLE, 1, 1e-14, 1e-14)
    assert trace["w"][100] == pytest.approx(2.9999739311472347, rel=1e-14)


def test_004_single_example_exactly():
    problem = st.Problem("y ~ m*x + c", "@point", loss="half-mse")
    start = problem.start
    assert problem.loss_at(start, engine="sympy") == F(10075262079116025, 9007199254740992)
    assert list(problem.gradient_at(start, engine="sympy")) == [F(501878025, 33554432), F(100375605, 67108864)]


@pytest.mark.parametrize("engine", [BY_HAND, AUTOGRAD, FUNCTION, JAX])
def test_004_single_example_in_float32(engine):
    problem = st.Problem("y ~ m*x + c", "@point", loss="half-mse")
    assert problem.loss_at(problem.start, engine, dtype="float32") == pytest.approx(1.1185790300369263, rel=4 * SINGLE)
    gradient = problem.gradient_at(problem.start, engine, dtype="float32")
    assert gradient == pytest.approx([14.957132339477539, 1.495713233947754], rel=4 * SINGLE)


@pytest.mark.parametrize("engine", [AUTOGRAD, FUNCTION])
@pytest.mark.parametrize(
    ("dtype", "once", "twice"),
    [
        ("float32", [14.957132339477539, 1.495713233947754], [29.914264678955078, 2.991426467895508]),
        ("float64", [14.957130700349808, 1.4957130700349808], [29.914261400699616, 2.9914261400699616]),
    ],
)
def test_004_a_second_backward_doubles_the_gradient_exactly(engine, dtype, once, twice):
    import torch

    problem = st.Problem("y ~ m*x + c", "@point", loss="half-mse")
    rows = kernels(engine, problem.derivation).value("loss")
    kind = getattr(torch, dtype)
    theta = torch.tensor(list(problem.start.values()), dtype=kind, requires_grad=True)
    for expected in (once, twice):
        loss = rows(theta, *(torch.tensor(column, dtype=kind) for column in problem.columns.arrays)).mean() / 2
        loss.backward()
        assert theta.grad.tolist() == expected


@pytest.mark.parametrize(
    ("loss", "value", "slopes"),
    [
        ("half-mse", F(131341541122283649, 9007199254740992), [F(-1201918261, 67108864), F(-326224207, 67108864)]),
        ("mse", F(131341541122283649, 4503599627370496), [F(-1201918261, 33554432), F(-326224207, 33554432)]),
    ],
)
def test_004_five_points_exactly(loss, value, slopes):
    problem = st.Problem("y ~ m*x + c", "@five-points", loss=loss)
    assert problem.loss_at(problem.start, engine="sympy") == value
    assert list(problem.gradient_at(problem.start, engine="sympy")) == slopes


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


ENDS = {  # batch: steps, theta, loss of all rows after 15 epochs at lr 0.01, shuffled by RandomState(0)
    "full": (15, (0.9751580626532244, 0.1590174249148606), 10.18904489671269),
    2: (300, (3.888630518563445, 2.1918956439649104), 0.670460807322001),
    1: (600, (3.949015282415708, 2.6121558463989367), 0.5972983790645285),
}


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
@pytest.mark.parametrize("batch", list(ENDS))
def test_002_ends_where_the_notebook_ends(batch, engine):
    steps, theta, loss = ENDS[batch]
    trace = notebook_002().descend(lr=0.01, batch=batch, epochs=15, engine=engine)
    assert trace.step[-1] == steps
    assert np.allclose(trace.theta[-1], theta, rtol=1e-12, atol=0)
    assert trace.full_loss[-1] == pytest.approx(loss, rel=1e-12)


@pytest.mark.parametrize(("batch", "updates"), [("full", 654.0), (2, 624.3), (1, 618.6)])
def test_002_updates_until_near_the_minimum(batch, updates):
    """In the mean of ten orders of the rows."""
    problem = notebook_002()
    runs = [problem.descend(lr=0.01, batch=batch, seed=k, full_loss=1, until_gap=0.001, steps=5000) for k in range(10)]
    assert np.mean([run.step[-1] for run in runs]) == pytest.approx(updates, abs=1e-9)


FLOORS = {("full", 0.01): 0.09747965377404712, (2, 0.01): 0.00043164409390047964, (2, 0.1): 0.028190270174373633,
          (1, 0.01): 0.0016105879630480555, (1, 0.1): 0.07349546994649225}  # fmt: skip


@pytest.mark.parametrize(("batch", "rate"), list(FLOORS))
def test_002_hovers_above_the_minimum(batch, rate):
    """The mean loss above the minimum from epoch 200 to 400."""
    problem = notebook_002()
    trace = problem.descend(lr=rate, batch=batch, epochs=400, full_loss=1)
    hover = np.mean(trace.full_loss[trace.epoch >= 200]) - problem.fit().loss
    assert hover == pytest.approx(FLOORS[batch, rate], rel=0.05)


def notebook_002():
    random = np.random.RandomState(45)
    x = random.uniform(-1, 1, 40)
    return st.Problem("y ~ a + b*x", {"x": x, "y": 3 * x + 4 + random.randn(40)}, start={"a": 0, "b": 0})
