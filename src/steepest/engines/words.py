"""How each library writes what a plan needs, a literal row a library. Functions stand in its column of the function table."""

from __future__ import annotations

from typing import NamedTuple

from steepest.language.functions import FUNCTIONS


class Words(NamedTuple):
    """Templates of one library. `column` is its column in the function table; functions in `lacks` are written out all the same."""

    column: str
    pi: str
    inf: str
    nan: str
    power: str
    where: str
    sum: str
    array: str  # numbers that were computed, joined
    special: str = "special"  # where its error function is
    lacks: frozenset[str] = frozenset()
    tensors: bool = False  # functions take no plain numbers
    absolute: str = ""  # what is written instead of its abs

    def function(self, name: str) -> str:
        """What a function of the table is called here, or nothing where it must be written out."""
        written: str = "" if name in self.lacks else getattr(FUNCTIONS[name], self.column)
        return written.replace("special.", f"{self.special}.")

    @property
    def printed(self) -> frozenset[str]:
        """The functions that need not be written out."""
        return frozenset(name for name in FUNCTIONS if self.function(name))


NUMPY = Words(
    column="numpy",
    pi="np.pi",
    inf="np.inf",
    nan="np.nan",
    power="np.power({}, {})",
    where="np.where({}, {}, {})",
    sum="np.sum({})",
    array="np.array([{}])",
)
TORCH = Words(
    column="torch",
    pi="torch.pi",
    inf="torch.inf",
    nan="torch.nan",
    power="torch.pow({}, {})",
    where="torch.where({}, {}, {})",
    sum="torch.sum({})",
    array="torch.stack([{}])",
    tensors=True,
)
JAX = Words(
    column="jax",
    pi="jnp.pi",
    inf="jnp.inf",
    nan="jnp.nan",
    power="jnp.power({}, {})",
    where="jnp.where({}, {}, {})",
    sum="jnp.sum({})",
    array="jnp.array([{}])",
    absolute="jnp.sign({0})*{0}",  # JAX takes the slope of its own to be 1 at 0
)
# For functions of one row, compiled by Numba: these two have no version for a single number there.
NUMBA = NUMPY._replace(where="({1} if {0} else {2})", special="math", lacks=frozenset({"clip", "sinc"}))

# PyTorch's functions of two tensors refuse a number as one of them, and have other names for that.
WITH_A_NUMBER = {"max": "torch.clamp_min", "min": "torch.clamp_max"}
