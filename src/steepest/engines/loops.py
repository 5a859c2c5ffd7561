"""The polynomials of a plan, as loops that are never unrolled: for NumPy, PyTorch and Numba, and for JAX.

Engines run these functions, and exported scripts contain their text.
"""

from __future__ import annotations

from typing import Any


def gegenbauer(n: int, alpha: float, u: Any) -> Any:
    """The polynomial C(n, alpha, u) by its recurrence in n; alpha = 0 stands for Chebyshev's T_n, alpha = 1/2 is Legendre's P_n."""
    value = u**0
    before = 0 * value
    for k in range(1, n + 1):
        if alpha == 0:
            before, value = value, u * value if k == 1 else 2 * u * value - before
        else:
            before, value = value, (2 * (k + alpha - 1) * u * value - (k + 2 * alpha - 2) * before) / k
    return value


def gegenbauer_jax(n: int, alpha: float, u: Any) -> Any:
    """The same as one loop of XLA, of known length: `jax.grad` goes through it, and it is compiled once, not n times."""
    import jax
    import jax.numpy as jnp

    u = jnp.asarray(u, dtype=float)
    one = jnp.ones_like(u)
    if n < 2:
        return one if n == 0 else (2 * alpha if alpha else 1) * u

    def step(k: Any, pair: Any) -> Any:
        before, value = pair
        if alpha == 0:
            return value, 2 * u * value - before
        return value, (2 * (k + alpha - 1) * u * value - (k + 2 * alpha - 2) * before) / k

    return jax.lax.fori_loop(2, n + 1, step, (one, (2 * alpha if alpha else 1) * u))[1]
