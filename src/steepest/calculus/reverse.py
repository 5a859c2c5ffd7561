"""Reverse-mode differentiation of a program, node by node.

The adjoint of a node is the derivative of the output with respect to it. Where an adjoint enters a branch of `where` it
carries the condition along as a guard, and the guard is applied where paths meet: a product 0·inf of the branch that is
not taken never leaves it.
"""

from __future__ import annotations

from collections.abc import Sequence

from steepest.calculus.algebra import Algebra
from steepest.calculus.rules import Guard, contributions

Guards = tuple[Guard, ...]


def gradient(a: Algebra, output: int, wrt: Sequence[int]) -> list[int]:
    """Nodes for the derivative of `output` with respect to each node of `wrt`, added to the same algebra.

    A node that is not met has the derivative 0. Work is proportional to the number of nodes of `output`.
    """
    active = _active(a, output, wrt)
    wanted = set(wrt)
    found: dict[int, int] = {}
    pending: dict[int, list[tuple[int, Guards]]] = {output: [(a.number(1), ())]}
    for index in range(output, -1, -1):
        if index not in pending or not active[index]:
            continue
        adjoint, guards = merge(a, pending.pop(index))
        if index in wanted:
            found[index] = guarded(a, adjoint, guards)
            continue
        for arg, amount, guard in contributions(a, index, adjoint):
            if active[arg] and a.value(amount) != 0:
                pending.setdefault(arg, []).append((amount, (*guards, guard) if guard else guards))
    return [found[node] if node in found else a.number(0) for node in wrt]


def _active(a: Algebra, output: int, wrt: Sequence[int]) -> list[bool]:
    """Which nodes depend on one of `wrt`; conditions of `where` have no derivative."""
    wanted = set(wrt)
    flags: list[bool] = []
    for index in range(output + 1):
        op, args, _ = a.nodes[index]
        flags.append(index in wanted or any(flags[arg] for arg in (args[1:] if op == "where" else args)))
    return flags


def merge(a: Algebra, arrived: list[tuple[int, Guards]]) -> tuple[int, Guards]:
    """The sum of what arrived at a node, each part guarded by the conditions that the others do not share."""
    shared = arrived[0][1]
    for _, guards in arrived[1:]:
        length = next((i for i, (s, g) in enumerate(zip(shared, guards, strict=False)) if s != g), None)
        shared = shared[: min(len(shared), len(guards)) if length is None else length]
    total = a.number(0)
    for amount, guards in arrived:
        total = a.plus(total, guarded(a, amount, guards[len(shared) :]))
    return total, shared


def guarded(a: Algebra, amount: int, guards: Guards) -> int:
    zero = a.number(0)
    for condition, taken in reversed(guards):
        amount = a.where(condition, amount, zero) if taken else a.where(condition, zero, amount)
    return amount
