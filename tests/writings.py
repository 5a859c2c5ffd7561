"""Right gradients, written in many ways: other orders of the same operations, other sums, other libraries, float32.

A writing turns a problem without weights into a gradient of any theta and rows. What is written by hand, and the WIDE, share no
code with the library.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

import faults
import mutants
from steepest.engines.table import kernels
from steepest.problem import Problem

Array = np.ndarray[Any, Any]
Gradient = Callable[[Array, dict[str, Array]], Array]


def count(rows: dict[str, Array]) -> int:
    return len(next(iter(rows.values())))


def in_single(gradient: Gradient) -> Gradient:
    """The same in float32 throughout."""

    def single(theta: Array, rows: dict[str, Array]) -> Array:
        rows = {name: column.astype(np.float32) for name, column in rows.items()}
        return gradient(theta.astype(np.float32), rows).astype(np.float32)

    return single


def _by_rows(add: Callable[[Array], Any]) -> Callable[[Problem], Gradient]:
    """Each row by itself, (n, p), of a problem without weights; `add` adds them up."""

    def writing(problem: Problem) -> Gradient:
        one = faults.right(problem)

        def gradient(theta: Array, rows: dict[str, Array]) -> Array:
            each = np.array([one(theta, {k: v[i : i + 1] for k, v in rows.items()}) for i in range(count(rows))])
            total = len(each) if problem.derivation.criterion.mean else 1
            return np.asarray(add(each)) / np.asarray(total, dtype=each.dtype)

        return gradient

    return writing


def _in_order(each: Array) -> Array:
    total = np.zeros_like(each[0])
    for row in each:
        total = total + row
    return total


def _blocks(problem: Problem) -> Gradient:
    """Shuffled, in blocks of three rows, each block's mean weighted by its size."""
    good = faults.right(problem)

    def gradient(theta: Array, rows: dict[str, Array]) -> Array:
        n = count(rows)
        order = np.random.default_rng(n).permutation(n)
        parts = [{k: v[order[i : i + 3]] for k, v in rows.items()} for i in range(0, n, 3)]
        sizes = [count(part) for part in parts]
        shares = [size / sum(sizes) if problem.derivation.criterion.mean else 1.0 for size in sizes]
        return np.asarray(sum(good(theta, part) * share for part, share in zip(parts, shares, strict=True)))

    return gradient


def _engine(name: str) -> Callable[[Problem], Gradient]:
    return lambda problem: faults.right(problem, kernels=kernels(name, problem.derivation))


def _autograd_in_single(problem: Problem) -> Gradient:
    good = faults.right(problem, kernels=kernels("torch-autograd", problem.derivation, dtype="float32"))
    return lambda theta, rows: good(theta, rows).astype(np.float32)  # an engine answers in float64


WRITINGS: dict[str, Callable[[Problem], Gradient]] = {
    "NumPy": faults.right,
    "NumPy in float32": lambda problem: in_single(faults.right(problem)),
    "blocks of shuffled rows": _blocks,
    "blocks in float32": lambda problem: in_single(_blocks(problem)),
    "a loop over the rows": _by_rows(_in_order),
    "a loop, backwards": _by_rows(lambda each: _in_order(each[::-1])),
    "a loop in float32": lambda problem: in_single(_by_rows(_in_order)(problem)),
    "einsum": _by_rows(lambda each: np.einsum("ij,i->j", each, np.ones(len(each), dtype=each.dtype))),
    "einsum in float32": lambda problem: in_single(_by_rows(lambda e: np.einsum("ij->j", e))(problem)),
    "fsum": _by_rows(lambda each: [math.fsum(column) for column in each.T]),
    "a matrix product": _by_rows(lambda each: np.ones(len(each), dtype=each.dtype) @ each),
    "machine code": _engine("compiled"),
    "autograd": _engine("torch-autograd"),
    "autograd in float32": _autograd_in_single,
}


@functools.cache
def by_hand() -> dict[str, tuple[Problem, Gradient]]:
    """The forty of tests/handmade, in float64 and in float32."""
    found: dict[str, tuple[Problem, Gradient]] = {}
    for name in mutants.SETTINGS:
        problem = mutants.problem(name)
        for style in mutants.STYLES:
            function = mutants.function(mutants.original(style), name)
            found[f"{name}, {style}"] = (problem, function)
            found[f"{name}, {style}, in float32"] = (problem, in_single(function))
    return found


# --- many coordinates --------------------------------------------------------------------------------------------------


def wide(size: int, seed: int = 0, rows: int = 60) -> Problem:
    """Linear in `size` parameters: polynomials of a few columns, since a formula has at most 2,000 tokens."""
    rng = np.random.default_rng([size, seed])
    sizes = [len(part) for part in np.array_split(np.arange(size), math.ceil(size / 20))]
    terms = [f"poly(x{k}, {p - 1}, w{k}_)" if p > 1 else f"w{k}_0" for k, p in enumerate(sizes)]
    data = {f"x{k}": rng.uniform(-1, 1, rows) for k in range(len(sizes))} | {"y": rng.normal(size=rows)}
    problem = Problem("y ~ " + " + ".join(terms), data, start={})
    return Problem(problem.formula.text, data, start={name: rng.normal() for name in problem.parameters})


def _design(theta: Array, rows: dict[str, Array]) -> Array:
    """(n, p)"""
    sizes = [len(part) for part in np.array_split(np.arange(len(theta)), math.ceil(len(theta) / 20))]
    return np.concatenate([np.vander(rows[f"x{k}"], p, increasing=True) for k, p in enumerate(sizes)], axis=1)


def _matrix(theta: Array, rows: dict[str, Array]) -> Array:
    design = _design(theta, rows)
    answer: Array = 2 * (design.T @ (design @ theta - rows["y"])) / np.float32(len(design))
    return answer


def _einsum(theta: Array, rows: dict[str, Array]) -> Array:
    design = _design(theta, rows)
    e = np.einsum("ij,j->i", design, theta) - rows["y"]
    answer: Array = np.einsum("i,ij->j", e, design) * (2 / design.dtype.type(len(design)))
    return answer


def _loop(theta: Array, rows: dict[str, Array]) -> Array:
    total = np.zeros_like(theta)
    for row, y in zip(_design(theta, rows), rows["y"], strict=True):
        prediction = theta.dtype.type(0)
        for value, weight in zip(row, theta, strict=True):
            prediction = prediction + value * weight
        total = total + 2 * (prediction - y) * row
    return total / theta.dtype.type(len(rows["y"]))


WIDE: dict[str, Gradient] = {
    "matrix": _matrix,
    "matrix in float32": in_single(_matrix),
    "einsum": _einsum,
    "einsum in float32": in_single(_einsum),
    "loops": _loop,
    "loops in float32": in_single(_loop),
}
