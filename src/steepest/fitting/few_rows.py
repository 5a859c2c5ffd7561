"""k + 1 rows that stand for all rows of a least-squares problem at one point: the same sums of squares and products.

With J the Jacobian of the residual r, [J r] = QR, and R serves in place of [J r]. Where the columns of J are far from alike, R
comes from the sums over rows, RᵀR = [J r]ᵀ[J r], in one pass and without a row kept; that costs digits with the square of J's
condition number. Else it comes from QR, some rows at a time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.descent.free import Free
from steepest.descent.objective import Array
from steepest.descent.tsqr import slices, triangle

UNLIKE = 1e-6  # least eigenvalue of JᵀJ, its diagonal 1, from which sums lose fewer than six digits


def few_rows(free: Free, x: Array) -> tuple[Array, Array]:
    """√w·(yhat - y), (k + 1,), and its Jacobian, (k + 1, k)."""
    factor = by_sums(free, x)
    if factor is None:
        factor = triangle(blocks(free, x))
    return factor[:, -1], factor[:, :-1]


def by_sums(free: Free, x: Array) -> Array | None:
    """R from the sums, or None where they are not finite or the columns of J too much alike."""
    point, normal = free.curved("normal", x)
    half = float(free.objective.divisor) / 2  # the loss of a row is r²
    products, squares = normal * half, float(point.loss) * 2 * half
    lengths = np.sqrt(np.diag(products))
    if not (np.isfinite(products).all() and np.isfinite(squares) and (lengths > 0).all()):
        return None
    scaled = products / lengths[:, None] / lengths
    if not np.linalg.eigvalsh(scaled)[0] > UNLIKE:
        return None
    upper = np.linalg.cholesky(scaled).T
    along = np.linalg.solve(upper.T, point.gradient * half / lengths)
    size = len(x)
    factor = np.zeros((size + 1, size + 1))
    factor[:size, :size], factor[:size, size] = upper * lengths, along
    factor[size, size] = np.sqrt(max(0.0, squares - float(along @ along)))
    return factor


def blocks(free: Free, x: Array) -> Iterator[Array]:
    """[J r], some rows at a time."""
    objective, theta = free.objective, free.theta(x)
    order = [*(1 + free.positions), 0]
    free.evaluations += 1
    for part in slices(objective.columns.rows):
        columns = [column[part] for column in objective.columns.arrays]
        rows = objective.kernels.rows("jacobian", theta, columns)[order]
        yield (rows if objective.weights is None else rows * np.sqrt(objective.weights[part])).T
