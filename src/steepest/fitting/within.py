"""The valley of a sum of squares within bounds: SciPy's trf on the rows, or on the few that stand for many."""

from __future__ import annotations

import numpy as np

from steepest.descent.objective import Array
from steepest.fitting.free_loss import FreeLoss

TIGHT = 1e-12  # the last digits are the polish's


def trust_region_within(loss: FreeLoss, start: Array, most: int) -> tuple[Array, bool]:
    """Where trf ends (Branch, Coleman and Li 1999), and whether it ran out of evaluations.

    Rows and parameters are brought to size 1 first: its tests are relative to the norm of all parameters together. It takes a trial
    with an infinite row as a rejected step and makes the next one shorter.
    """
    from scipy.optimize import least_squares

    assert loss.box is not None
    rows, jacobian = loss.tangent(start)
    size = float(np.linalg.norm(rows)) or 1.0
    norms = np.linalg.norm(jacobian, axis=0) / size
    scale = np.where((norms > 1e-150) & (norms < 1e150), norms, 1.0)

    def residual(z: Array) -> Array:
        rows, jacobian = loss.tangent(z / scale)
        fine = np.isfinite(jacobian).all() and np.abs(rows).max() < 1e150 * size
        return rows / size if fine else np.full_like(rows, np.inf)

    def slopes(z: Array) -> Array:
        return loss.tangent(z / scale)[1] / scale / size

    result = least_squares(
        residual, start * scale, slopes, method="trf", x_scale="jac", ftol=TIGHT, xtol=TIGHT, gtol=None, max_nfev=4 * most,
        bounds=(loss.box.low * scale, loss.box.high * scale),
    )  # fmt: skip
    return loss.inside(result.x / scale), result.status == 0
