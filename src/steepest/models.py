"""Ready models: formulas by the names that their fields have for them, with a start that is found in the data.

Each function takes the names of the response and of the predictor, and gives the text of a formula that also knows where a fit
starts. A start that is given always wins. Models add: `gaussian("y", "x") + line("y", "x")` is a peak on a straight background;
names that two parts share are numbered, and the sum has one constant. `prefix` stands before each parameter's name, for data in
which a column has the same. `steepest models` lists them.

>>> gaussian("y", "x") + line("y", "x")
'y ~ height*exp(-(x - center)**2/(2*sigma**2)) + intercept + slope*x'
"""

from __future__ import annotations

from steepest.ready.model import Model, Part, whole_degree

__all__ = [
    "damped_oscillator",
    "exponential",
    "gaussian",
    "hill",
    "line",
    "logistic_growth",
    "lorentzian",
    "michaelis_menten",
    "polynomial",
    "power",
    "pseudo_voigt",
    "sinusoid",
]


def line(y: str, x: str, *, prefix: str = "") -> Model:
    """A straight line: y = intercept + slope·x. The start is the answer, by least squares (Legendre 1805).

    >>> line("y", "x")
    'y ~ intercept + slope*x'
    """
    return Model(y, x, [Part("line", prefix)])


def polynomial(y: str, x: str, degree: int, *, prefix: str = "") -> Model:
    """A polynomial: y = c0 + c1·x + c2·x² + …, of degree 0 (a constant) to 20. The start is the answer, by least squares.

    Raises OptionError for another degree.

    >>> polynomial("y", "x", 3)
    'y ~ c0 + c1*x + c2*x**2 + c3*x**3'
    """
    return Model(y, x, [Part("polynomial", prefix, whole_degree(degree))])


def exponential(y: str, x: str, *, prefix: str = "") -> Model:
    """Decay to an offset, or growth from it: y = offset + amplitude·exp(-rate·x); growth has a negative rate.

    The start is the best of 80 rates, amplitude and offset by least squares (separable models: Prony 1795).

    >>> exponential("y", "x").start({"x": [0, 1, 2, 3], "y": [9, 5, 3, 2]})["rate"] > 0
    True
    """
    return Model(y, x, [Part("exponential", prefix)])


def power(y: str, x: str, *, prefix: str = "") -> Model:
    """A power law: y = scale·x**exponent, for x > 0. The start is the best of 121 exponents (Pareto 1896).

    >>> start = power("y", "x").start({"x": [1, 2, 3, 4], "y": [3, 12, 27, 48]})
    >>> round(start["scale"], 6), round(start["exponent"], 6)
    (3.0, 2.0)
    """
    return Model(y, x, [Part("power", prefix)])


def gaussian(y: str, x: str, *, prefix: str = "") -> Model:
    """A peak: y = height·exp(-(x - center)²/(2·sigma²)); a dip has a negative height (Gauss 1809).

    The full width at half maximum is 2.3548·sigma, the area height·sigma·√(2π).

    >>> gaussian("y", "x").parameters
    ('height', 'center', 'sigma')
    """
    return Model(y, x, [Part("gaussian", prefix)])


def lorentzian(y: str, x: str, *, prefix: str = "") -> Model:
    """A peak with wide flanks: y = height/(1 + ((x - center)/gamma)²); gamma is half the width at half maximum (Lorentz 1906).

    >>> lorentzian("y", "x")
    'y ~ height/(1 + ((x - center)/gamma)**2)'
    """
    return Model(y, x, [Part("lorentzian", prefix)])


def pseudo_voigt(y: str, x: str, *, prefix: str = "") -> Model:
    """A peak between the two: fraction·lorentzian + (1 - fraction)·gaussian, of one height and full width at half maximum, fwhm.

    It stands for Voigt's profile (Wertheim, Butler, West and Buchanan 1974, Rev. Sci. Instrum. 45, 1369).

    >>> pseudo_voigt("y", "x").parameters
    ('height', 'fraction', 'center', 'fwhm')
    """
    return Model(y, x, [Part("pseudo_voigt", prefix)])


def logistic_growth(y: str, x: str, *, prefix: str = "") -> Model:
    """Growth to a capacity: y = capacity/(1 + exp(-rate·(x - midpoint))), half of it at the midpoint (Verhulst 1845).

    >>> logistic_growth("y", "x")
    'y ~ capacity*sigmoid(rate*(x - midpoint))'
    """
    return Model(y, x, [Part("logistic_growth", prefix)])


def michaelis_menten(y: str, x: str, *, prefix: str = "") -> Model:
    """The velocity of a reaction by the concentration x ≥ 0: y = Vmax·x/(Km + x), half of Vmax at Km (Michaelis and Menten 1913).

    >>> michaelis_menten("v", "S")
    'v ~ Vmax*S/(Km + S)'
    """
    return Model(y, x, [Part("michaelis_menten", prefix)])


def hill(y: str, x: str, *, prefix: str = "") -> Model:
    """A response by the dose x ≥ 0: y = Emax·xⁿ/(EC50ⁿ + xⁿ), half of Emax at EC50, n the Hill coefficient (Hill 1910).

    >>> hill("effect", "dose")
    'effect ~ Emax*dose**n/(EC50**n + dose**n)'
    """
    return Model(y, x, [Part("hill", prefix)])


def sinusoid(y: str, x: str, *, prefix: str = "") -> Model:
    """A wave: y = offset + amplitude·sin(2π·frequency·x + phase); rows need not be even, but close enough for the frequency.

    The start is the best frequency near the peaks of the periodogram, the rest by least squares (Lomb 1976).

    >>> sinusoid("y", "x").parameters
    ('offset', 'amplitude', 'frequency', 'phase')
    """
    return Model(y, x, [Part("sinusoid", prefix)])


def damped_oscillator(y: str, x: str, *, prefix: str = "") -> Model:
    """A wave that fades: y = offset + amplitude·exp(-damping·x)·sin(2π·frequency·x + phase) (Rayleigh 1877).

    >>> damped_oscillator("y", "x").parameters
    ('offset', 'amplitude', 'damping', 'frequency', 'phase')
    """
    return Model(y, x, [Part("damped_oscillator", prefix)])
