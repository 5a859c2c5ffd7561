"""The noise of batches: the spread of gradients, the largest stable rate of a batch, and how far a descent hovers.

A batch of B of n rows, drawn without replacement, has the gradient ḡ + ξ with Cov ξ = f·C, C the covariance of single rows'
gradients and f = (n - B)/((n - 1)B). Near a minimum plain descent moves the error x to (I - ηH_B)x - ηξ, H_B the batch's Hessian,
whose spread is f·K, K = Cov(H_i⊗H_i). In the mean of squares it is stable while the spectral radius of
(I - ηH)⊗(I - ηH) + η²fK is below 1. Exact for linear models and batches drawn independently.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from steepest.descent.objective import Array, Objective
from steepest.insight.curvature import spectrum

MOST_STEPS = 100_000  # of an epoch
MOST_ROWS = 20_000  # rows that are looked at one by one; of more, so many evenly spaced ones
ROUNDING = 1e-12  # of what the rows add up to
MOST = 12  # parameters up to which K is made


class Noise(NamedTuple):
    """`ratio` is tr C/‖ḡ‖², `signal` ‖ḡ‖²/tr Cov ξ of the batch; a batch of `even` rows has a gradient as large as its noise.

    `spread` (k, k) is Cov ξ. `limit_here` and `limit` are the batch's largest stable rates at the point and at the minimum; `hover`
    (k, k) the covariance of theta around the minimum at the rate in use, for batches drawn independently, and `excess` the loss
    above the minimum that it means; `shuffled` is the excess where each epoch goes through all rows, as here. None where they are
    not known: methods other than plain descent, no minimum, more than 12 parameters, a rate that is too large. `sampled`: how many
    rows were looked at.
    """

    batch: int | None
    ratio: float
    even: float
    signal: float
    spread: Array
    limit_here: float | None
    limit: float | None
    hover: Array | None
    excess: float | None
    shuffled: float | None
    sampled: int


class Rows(NamedTuple):
    """Gradients (n, k) and Hessians (n, k, k) of rows, so that their means are those of the batch's loss."""

    gradients: Array
    hessians: Array | None

    @property
    def covariance(self) -> Array:
        centred = self.gradients - np.mean(self.gradients, axis=0)
        return centred.T @ centred / len(centred)  # type: ignore[no-any-return]


def noise(
    objective: Objective, theta: Array, end: Array | None, batch: int | None, lr: float | None, plain: bool,
    replacement: bool = False,
) -> Noise:  # fmt: skip
    """At theta, and around `end`, the minimum. `plain`: is the method plain descent? `replacement`: are rows drawn one by one?"""
    n = len(weighed(objective))
    size = min(batch or n, n)
    factor = 1 / size if replacement else (n - size) / ((n - 1) * size) if n > 1 else 0.0
    exact = plain and batch is not None and len(objective.free) <= MOST
    some = evenly(weighed(objective))
    first = rows(objective, theta, size, some, exact)
    mean, covariance = np.mean(first.gradients, axis=0), first.covariance
    square, spread = float(mean @ mean), factor * covariance
    with np.errstate(all="ignore"):
        ratio, signal = float(np.divide(np.trace(covariance), square)), float(np.divide(square, np.trace(spread)))
        even = float(n * np.divide(1, 1 + (n - 1) / ratio)) if ratio else 0.0  # where f·tr C = ‖ḡ‖²
    none = Noise(batch, ratio, even, signal, spread, None, None, None, None, None, len(some))
    if not exact:
        return none
    near = None if end is None else rows(objective, end, size, some, True)
    here = stable(first, factor)
    if near is None:
        return none._replace(limit_here=here)
    limit = stable(near, factor)
    if limit is None or lr is None or lr >= limit:
        return none._replace(limit_here=here, limit=limit)
    hover = hovering(near, factor, lr)
    assert near.hessians is not None
    hessian = np.mean(near.hessians, axis=0)
    unit = 1.0 if objective.derivation.criterion.mean else n / size  # from the batch's loss to that of all rows
    excess = float(np.sum(hessian * hover)) / 2 * unit
    return none._replace(
        limit_here=here,
        limit=limit,
        hover=hover,
        excess=excess,
        shuffled=unit * in_epochs(near, hover, lr, n, size, objective.derivation.criterion.mean),
    )


def idle(objective: Objective, theta: Array) -> Array:
    """Which parts of the gradient are nothing but the rounding of what the rows add up to, (k,) of bool."""
    found = rows(objective, theta, len(weighed(objective)), evenly(weighed(objective)), False).gradients
    gradient = np.abs(objective.at(theta).gradient[objective.free].astype(float))
    with np.errstate(all="ignore"):
        small: Array = gradient <= ROUNDING * np.mean(np.abs(found), axis=0)
    return small


def weighed(objective: Objective) -> Array:
    """The rows that batches are drawn from: those with a weight."""
    return np.arange(objective.columns.rows) if objective.weights is None else np.flatnonzero(objective.weights)


def evenly(known: Array) -> Array:
    kept: Array = known[np.unique(np.linspace(0, len(known) - 1, min(len(known), MOST_ROWS)).astype(int))]
    return kept


def rows(objective: Objective, theta: Array, batch: int, some: Array, with_hessians: bool) -> Rows:
    part, free, size = objective.on(some), objective.free, len(theta)
    loss = objective.derivation.criterion
    unit = float(loss.scale) * (1 if loss.mean else batch)
    weights = np.ones(len(some)) if part.weights is None else part.weights / (np.mean(part.weights) if loss.mean else 1.0)
    lines = part.rows("hessian" if with_hessians else "gradient", theta).astype(float) * (unit * weights)
    gradients = lines[1 : 1 + size][free].T
    if not with_hessians:
        return Rows(gradients, None)
    matrices = np.empty((len(some), size, size))
    below = np.tril_indices(size)
    matrices[:, below[0], below[1]] = matrices[:, below[1], below[0]] = lines[1 + size :].T
    return Rows(gradients, matrices[:, free][:, :, free])


def spread_of(hessians: Array) -> Array:
    """K, (k², k²)."""
    size = hessians.shape[1]
    centred = (hessians - np.mean(hessians, axis=0)).reshape(len(hessians), -1)
    pairs = (centred.T @ centred / len(centred)).reshape(size, size, size, size)  # [a, c, b, d]
    spread: Array = pairs.transpose(0, 2, 1, 3).reshape(size * size, size * size)
    return spread


def stable(found: Rows, factor: float) -> float | None:
    """The largest rate that is stable in the mean of squares.

    The radius is 1 where η(H⊕H) - η²(H⊗H + fK) is singular: 1/η is an eigenvalue of (H⊕H)⁻¹(H⊗H + fK). Level directions are left
    out; None where one bends down.
    """
    assert found.hessians is not None
    shape = spectrum(np.mean(found.hessians, axis=0), ("",) * found.hessians.shape[1])
    if not np.isfinite(shape.values).all() or shape.falling or not len(shape.rising):
        return None
    axes = shape.directions[:, shape.values > shape.zero]
    inner = axes.T @ found.hessians @ axes
    one, size = np.diag(shape.rising), len(shape.rising)
    pull = np.kron(one, np.eye(size)) + np.kron(np.eye(size), one)
    inverse = np.linalg.eigvals(np.linalg.solve(pull, np.kron(one, one) + factor * spread_of(inner)))
    return float(1 / np.max(inverse.real))


def hovering(found: Rows, factor: float, lr: float) -> Array:
    """The covariance of theta around the minimum, (k, k), where batches are drawn independently; 0 along level directions."""
    assert found.hessians is not None
    shape = spectrum(np.mean(found.hessians, axis=0), ("",) * found.hessians.shape[1])
    axes = shape.directions[:, shape.values > shape.zero]
    one, size = np.diag(shape.rising), len(shape.rising)
    step = np.eye(size) - lr * one
    kept = np.eye(size * size) - np.kron(step, step) - lr**2 * factor * spread_of(axes.T @ found.hessians @ axes)
    pushed = lr**2 * factor * (axes.T @ found.covariance @ axes)
    inner = np.linalg.solve(kept, pushed.ravel()).reshape(size, size)
    hover: Array = axes @ inner @ axes.T
    return hover


def in_epochs(found: Rows, hover: Array, lr: float, n: int, batch: int, mean: bool) -> float:
    """The excess of the loss where each epoch goes through all rows once, so that its batches' noise adds up to nothing.

    Two batches of an epoch have Cov(ξ, ξ') = -C/(n - 1). Along the directions of H, with a = 1 - ηλ, the covariance P of the error
    and Q of error and noise move as P → aPa - η(aQ + Qa) + η²fC and Q → aQ + ηC/(n - 1), Q = 0 at the start of an epoch; P is the
    same after one. The spread of the batches' Hessians adds to C what it does for independent batches. The last batch has the rows
    that are left; a sum over it (`mean` False) is a part of the others'.
    """
    assert found.hessians is not None
    shape = spectrum(np.mean(found.hessians, axis=0), ("",) * found.hessians.shape[1])
    axes = shape.directions
    bent = (spread_of(found.hessians) @ hover.ravel()).reshape(hover.shape)
    push = axes.T @ (found.covariance + bent) @ axes
    sizes = ([batch] * (n // batch) + [n % batch] * (n % batch > 0))[-MOST_STEPS:]
    error, noise_, total, along = np.zeros_like(push), np.zeros_like(push), np.zeros_like(push), []
    power = np.ones_like(push)
    for size in sizes:
        eta = lr if mean else lr * size / batch
        a = (1 - eta * shape.values)[:, None]
        along.append(float(shape.values @ np.diag(error)))
        total += power
        cross = a * noise_
        error = a * a.T * error - eta * (cross + cross.T) + eta**2 * (n - size) / ((n - 1) * size) * push
        noise_ = a * noise_ + eta * push / (n - 1)
        power = power * a * a.T
    with np.errstate(all="ignore"):
        begin = np.where(np.abs(1 - power) > 1e-300, error / (1 - power), 0.0)
    return (float(np.mean(along)) + float(shape.values @ np.diag(begin * total)) / len(sizes)) / 2
