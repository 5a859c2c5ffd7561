"""The table of ready models: each is its text, the part of it that is linear, a grid for the rest, and its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import atan2, hypot, log, pi, sqrt
from typing import NamedTuple

from steepest.ready import grids
from steepest.ready.grids import Grid

Coefficients = Sequence[float]


class Kind(NamedTuple):
    """One model in x. Its value is Σ coefficient·core(x; basis, nonlinear), plus the constant if it has one.

    `core` is text in `x` and the parameters; `constant` the name of its constant term, or "". `bases` are values of the linear
    parameters at which the core is a column for least squares; `solved` makes parameters of the columns' coefficients. `grid`
    gives the nonlinear ones a choice; without it there are none.
    """

    core: str
    constant: str
    bases: tuple[Mapping[str, float], ...]
    solved: Callable[[Coefficients], dict[str, float]]
    grid: Grid | None
    how: str
    source: str

    @property
    def is_polynomial(self) -> bool:
        return self.grid is None


def _one(name: str) -> tuple[tuple[Mapping[str, float], ...], Callable[[Coefficients], dict[str, float]]]:
    return ({name: 1.0},), lambda c: {name: c[0]}


def _sine(c: Coefficients) -> dict[str, float]:
    """a·sin(u) + b·cos(u) = amplitude·sin(u + phase)."""
    return {"amplitude": hypot(*c), "phase": atan2(c[1], c[0])}


def _mixed(c: Coefficients) -> dict[str, float]:
    """The heights of the two shapes, as one height and a fraction; mixtures only, since outside of [0, 1] a tail turns negative."""
    height = sum(c)
    inside = height != 0 and 0 <= c[1] / height <= 1
    return {"height": height if inside else max(c, key=abs), "fraction": c[1] / height if inside else float(abs(c[1]) > abs(c[0]))}


SINE = ({"amplitude": 1.0, "phase": 0.0}, {"amplitude": 1.0, "phase": pi / 2})
STRAIGHT = "least squares"
PEAK = "the best of 768 centers and widths; height by least squares"
WAVE = "the best frequency near the peaks of the periodogram; amplitude, phase and offset by least squares"


def polynomial(degree: int, constant: str = "c0", names: Sequence[str] = ()) -> Kind:
    """A polynomial, whose coefficients are called c0, c1, c2, … unless `names` has those from the first power on.

    >>> polynomial(3).core
    'c1*x + c2*x**2 + c3*x**3'
    """
    names = names or [f"c{k}" for k in range(1, degree + 1)]
    core = " + ".join(f"{name}*x" if k == 1 else f"{name}*x**{k}" for k, name in enumerate(names, 1))
    bases = tuple({name: float(name == one) for name in names} for one in names)
    return Kind(core, constant, bases, lambda c: dict(zip(names, c, strict=True)), None, STRAIGHT, "Legendre 1805")


KINDS: dict[str, Kind] = {
    "line": polynomial(1, "intercept", ["slope"]),
    "polynomial": polynomial(2),
    "exponential": Kind(
        "amplitude*exp(-rate*x)", "offset", *_one("amplitude"), grids.rates,
        "the best of 80 rates of either sign; amplitude and offset by least squares", "Prony 1795",
    ),
    "power": Kind(
        "scale*x**exponent", "", *_one("scale"), grids.exponents,
        "the best of 121 exponents from -6 to 6; scale by least squares", "Pareto 1896",
    ),
    "gaussian": Kind(
        "height*exp(-(x - center)**2/(2*sigma**2))", "", *_one("height"), grids.peaks("sigma", 1.0), PEAK, "Gauss 1809",
    ),
    "lorentzian": Kind(
        "height/(1 + ((x - center)/gamma)**2)", "", *_one("height"), grids.peaks("gamma", 1.0), PEAK, "Lorentz 1906",
    ),
    "pseudo_voigt": Kind(
        "height*(fraction/(1 + 4*((x - center)/fwhm)**2) + (1 - fraction)*exp(-4*log(2)*((x - center)/fwhm)**2))", "",
        ({"height": 1.0, "fraction": 0.0}, {"height": 1.0, "fraction": 1.0}), _mixed,
        grids.peaks("fwhm", 2 * sqrt(2 * log(2))), "as gaussian; height and fraction by least squares",
        "Wertheim, Butler, West and Buchanan 1974",
    ),
    "logistic_growth": Kind(
        "capacity*sigmoid(rate*(x - midpoint))", "", *_one("capacity"), grids.rises,
        "the best of 1,312 midpoints and rates; capacity by least squares", "Verhulst 1845",
    ),
    "michaelis_menten": Kind(
        "Vmax*x/(Km + x)", "", *_one("Vmax"), grids.halves,
        "the best of 51 values of Km; Vmax by least squares", "Michaelis and Menten 1913",
    ),
    "hill": Kind(
        "Emax*x**n/(EC50**n + x**n)", "", *_one("Emax"), grids.doses,
        "the best of 574 values of EC50 and n; Emax by least squares", "Hill 1910",
    ),
    "sinusoid": Kind(
        "amplitude*sin(2*pi*frequency*x + phase)", "offset", SINE, _sine, grids.frequencies, WAVE, "Lomb 1976",
    ),
    "damped_oscillator": Kind(
        "amplitude*exp(-damping*x)*sin(2*pi*frequency*x + phase)", "offset", SINE, _sine, grids.damped,
        f"{WAVE.replace('; ', ', with the best of 14 dampings; ')}", "Rayleigh 1877",
    ),
}  # fmt: skip
