"""Parameters in which the model is linear while the others are held: they follow from these by linear least squares.

To search in the others alone is variable projection (Golub and Pereyra 1973, SIAM J. Numer. Anal. 10, 413-432).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steepest.calculus.derivation import Derivation
from steepest.descent.objective import Array
from steepest.fitting.free_loss import FreeLoss
from steepest.fitting.tangent import lengths
from steepest.language.program import COMPARISONS, Program

ALIKE = 1e-10  # smallest singular value of columns of length 1 that counts


def linear_together(derivation: Derivation, among: Sequence[int]) -> list[int]:
    """Positions of parameters in which yhat is linear at once: ∂²yhat/∂p∂q = 0 for each pair of them, p = q included.

    Of a product a*b only one is; the one that fewest others multiply goes first.
    """
    jacobian, value = derivation.program("jacobian"), derivation.program("value")
    moved = parameters_of(jacobian)
    slopes = [moved[jacobian.outputs[f"jacobian_{k}"]] for k in range(derivation.size)]
    model = value.pruned({"yhat": value.outputs["yhat"]})
    jumps = [moved for moved, node in zip(parameters_of(model), model.nodes, strict=True) if node.op in COMPARISONS | {"sign"}]
    chosen: list[int] = []
    for k in sorted(among, key=lambda k: len(slopes[k])):
        if k not in slopes[k] and not any(k in jump for jump in jumps) and not slopes[k].intersection(chosen):
            chosen.append(k)
    return sorted(chosen)


def parameters_of(program: Program) -> list[frozenset[int]]:
    """For each node: the positions of the parameters that it depends on."""
    sets: list[frozenset[int]] = []
    for node in program.nodes:
        own = frozenset([node.value]) if node.op == "parameter" else frozenset[int]()
        sets.append(own.union(*(sets[a] for a in node.args)))
    return sets


def solved(loss: FreeLoss, x: Array, linear: Sequence[int]) -> tuple[Array, float] | None:
    """x with its `linear` places set by linear least squares, and its sum of squares; None where that is not finite."""
    x = x.copy()
    x[list(linear)] = 0
    residual, jacobian = loss.tangent(x)
    columns = jacobian[:, list(linear)]
    if not (np.isfinite(residual).all() and np.isfinite(columns).all()):
        return None
    scale = lengths(columns)
    step = np.linalg.lstsq(columns / scale, -residual, rcond=ALIKE)[0]
    x[list(linear)] = step / scale
    left = residual + (columns / scale) @ step
    squares = float(left @ left)
    return (x, squares) if np.isfinite(squares) and np.isfinite(x).all() else None
