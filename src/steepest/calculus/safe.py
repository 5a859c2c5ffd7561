"""The value as it is written, for a library that differentiates it itself: no slope leaks from a branch that is not taken.

Such a library differentiates both branches of `where` and multiplies the slope of the other one by 0, but 0·inf is no number.
So the argument of a function that may have no finite slope is 1 (or 0) wherever no branch with this function is taken.
"""

from __future__ import annotations

from collections.abc import Sequence

from steepest.language.program import Builder, Program

# Which argument of a function is made safe, and the value it then has.
SAFE = {"/": (1, 1), "**": (0, 1)}
SAFE |= {name: (0, 1) for name in ("log", "log10", "log2", "sqrt", "cbrt")}
SAFE |= {name: (0, 0) for name in ("log1p", "asin", "acos", "exp", "expm1", "sinh", "cosh")}
MOST = 16  # ways to a node that are told apart

Way = frozenset[tuple[int, bool]]  # conditions, and whether each holds
EVERYWHERE: Way = frozenset()


def safe(program: Program) -> Program:
    """The same values. Conditions have no slope, and stay as they are."""
    if not any(node.op == "where" for node in program.nodes):
        return program
    builder, ways = Builder(), ways_to(program)
    plain: list[int] = []
    for node in program.nodes:
        plain.append(builder.add(node.op, *(plain[arg] for arg in node.args), value=node.value))
    made: list[int] = []
    for i, node in enumerate(program.nodes):
        args = [made[arg] for arg in node.args]
        if node.op == "where":
            args[0] = plain[node.args[0]]
        elif node.op in SAFE and ways[i] and program.nodes[node.args[SAFE[node.op][0]]].op != "number":
            which, value = SAFE[node.op]
            args[which] = guarded(builder, plain, ways[i], args[which], builder.number(value))
        made.append(builder.add(node.op, *args, value=node.value))
    return builder.program(**{name: made[i] for name, i in program.outputs.items()})


def ways_to(program: Program) -> list[frozenset[Way]]:
    """For each node, the branches in which it has a part in an output."""
    ways: list[set[Way]] = [set() for _ in program.nodes]
    for i in program.outputs.values():
        ways[i].add(EVERYWHERE)
    for i in range(len(ways) - 1, -1, -1):
        ways[i] = shortened(ways[i])
        op, args, _ = program.nodes[i]
        if op != "where":
            for arg in args:
                ways[arg] |= ways[i]
            continue
        for arg, holds in ((args[1], True), (args[2], False)):
            ways[arg] |= {way | {(args[0], holds)} for way in ways[i] if (args[0], not holds) not in way}
    return [frozenset(found) for found in ways]


def shortened(ways: set[Way]) -> set[Way]:
    """Without a condition that makes no difference; too many ways become the one that they share."""
    found = set(ways)
    while pair := next(((way, one) for way in found for one in way if (way - {one}) | {(one[0], not one[1])} in found), None):
        way, one = pair
        found -= {way, (way - {one}) | {(one[0], not one[1])}}
        found.add(way - {one})
    if EVERYWHERE in found:
        return {EVERYWHERE}
    return found if len(found) <= MOST else {frozenset.intersection(*found)}


def guarded(builder: Builder, plain: Sequence[int], ways: frozenset[Way], argument: int, instead: int) -> int:
    """The argument where one of the ways is taken."""
    if not ways or EVERYWHERE in ways:
        return argument if ways else instead
    condition = min(one[0] for way in ways for one in way)
    sides = []
    for holds in (True, False):
        left = frozenset(way - {(condition, holds)} for way in ways if (condition, not holds) not in way)
        sides.append(guarded(builder, plain, left, argument, instead))
    return sides[0] if sides[0] == sides[1] else builder.add("where", plain[condition], *sides)
