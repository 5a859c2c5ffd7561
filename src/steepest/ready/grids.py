"""The values of a model's nonlinear parameters that are worth a try: x (n,) is sorted, r (n,) what is not yet explained."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from steepest.data.table import Array

Grid = Callable[[Array, Array], dict[str, Array]]

CENTERS, TALLEST, WIDTHS = 48, 16, 12
PEAKS = 3  # of a periodogram
FINER = 4  # so many times finer than one wave in the whole range are its frequencies


def crossed(**axes: Array) -> dict[str, Array]:
    """Every combination.

    >>> crossed(a=np.array([1.0, 2.0]), b=np.array([5.0, 6.0]))["b"].tolist()
    [5.0, 6.0, 5.0, 6.0]
    """
    mesh = np.meshgrid(*axes.values(), indexing="ij")
    return {name: values.ravel() for name, values in zip(axes, mesh, strict=True)}


def peaks(width: str, factor: float) -> Grid:
    """Centers, even and where r is largest; widths from the distance of two rows to the whole range."""

    def grid(x: Array, r: Array) -> dict[str, Array]:
        span = np.ptp(x)
        tallest = x[np.argsort(-np.abs(r))[:TALLEST]]
        centers = np.concatenate([np.linspace(x[0], x[-1], CENTERS), tallest])
        return crossed(**{"center": centers, width: factor * np.geomspace(span / len(x), span, WIDTHS)})

    return grid


def rates(x: Array, r: Array) -> dict[str, Array]:
    """Rates of both signs, from almost straight to gone within a fiftieth of the range."""
    each = np.geomspace(0.05, 50, 40) / np.ptp(x)
    return {"rate": np.concatenate([each, -each])}


def exponents(x: Array, r: Array) -> dict[str, Array]:
    """Exponents from -6 to 6."""
    return {"exponent": np.linspace(-6, 6, 121)}


def rises(x: Array, r: Array) -> dict[str, Array]:
    """Midpoints within the range and half of it beyond; rates of both signs."""
    span = np.ptp(x)
    each = np.geomspace(0.5, 200, 16) / span
    return crossed(midpoint=np.linspace(x[0] - span / 2, x[-1] + span / 2, 41), rate=np.concatenate([each, -each]))


def halves(x: Array, r: Array) -> dict[str, Array]:
    """Michaelis constants from a thousandth to a hundredfold of the largest x."""
    return {"Km": np.geomspace(1e-3, 1e2, 51) * np.max(np.abs(x))}


def doses(x: Array, r: Array) -> dict[str, Array]:
    """Half doses as for Michaelis constants, Hill coefficients from 0.3 to 12."""
    return crossed(EC50=np.geomspace(1e-3, 1e2, 41) * np.max(np.abs(x)), n=np.geomspace(0.3, 12, 14))


def frequencies(x: Array, r: Array) -> dict[str, Array]:
    """Around the largest peaks of the periodogram, up to a frequency of one wave in two rows, and slow ones that it blurs."""
    span = np.ptp(x)
    turn = np.exp(-2j * np.pi * (x - x[0]) / (FINER * span))
    wave, power = np.ones_like(turn), np.zeros(FINER * len(x) // 2)
    for k in range(1, len(power)):  # an FFT would need even steps
        wave = wave * turn
        power[k] = np.abs(wave @ r)
    inner = 1 + np.flatnonzero((power[1:-1] >= power[:-2]) & (power[1:-1] >= power[2:]))
    highest = inner[np.argsort(-power[inner])[:PEAKS]] / (FINER * span)
    near = np.linspace(-0.5, 0.5, 11) / span
    found = np.concatenate([(highest[:, None] + near).ravel(), np.linspace(0.25, 2, 8) / span])
    return {"frequency": found[found > 0]}


def damped(x: Array, r: Array) -> dict[str, Array]:
    """Frequencies by the periodogram, and dampings from almost none to gone within a fiftieth of the range."""
    return crossed(**frequencies(x, r), damping=np.geomspace(0.05, 50, 14) / np.ptp(x))
