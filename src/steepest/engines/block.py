"""Prints a whole block of a descent as LLVM IR: gather, evaluate, record, step, again, without leaving compiled code.

The step is printed from the method's equations without the flags that let sums be reordered, so that it gives the bits that NumPy
gives. What depends on no coordinate (powers of a decay rate, a schedule) is not computed here: it comes in as a number a step.
`state` holds the states of the method one after the other, each as long as theta. The coordinates that move are written into the
text: loops over few of them are then unrolled, and theta stays in registers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from steepest.calculus.kernel import Kernel
from steepest.engines.printing import FAST, Printer
from steepest.language.program import COMPARISONS, LEAVES, Builder, Node, Program

COORDINATES = ("theta", "g")
ALL, BATCH, SINGLE = "all", "batch", "single"
AHEAD = 32  # rounds: how long before its use a single row is asked of the memory
PREFETCH = "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)\n"


class Split(NamedTuple):
    """A step in two programs: `shared` has what no coordinate enters, as outputs; `each` reads those as names."""

    shared: Program
    each: Program


def split(step: Program, states: Sequence[str]) -> Split:
    """The largest parts of a step that depend on eta and t alone, apart from the rest."""
    varying = step.depends_on_names((*COORDINATES, *states))
    wanted = [arg for i, node in enumerate(step.nodes) if varying[i] for arg in node.args] + list(step.outputs.values())
    for i in wanted:
        if not varying[i] and step.nodes[i].op in COMPARISONS:  # no number: its two sides are
            wanted += step.nodes[i].args
    given = {i for i, node in enumerate(step.nodes) if node.op in COMPARISONS or _is_given(node)}
    apart = [i for i in sorted(set(wanted) - given) if not varying[i]]
    builder = Builder()
    place: list[int] = []
    for i, node in enumerate(step.nodes):
        if i in apart:
            place.append(builder.add("name", value=f"shared{apart.index(i)}"))
        else:
            place.append(builder.add(node.op, *(place[a] for a in node.args), value=node.value))
    each = builder.program(**{name: place[i] for name, i in step.outputs.items()})
    return Split(step.pruned({f"shared{k}": i for k, i in enumerate(apart)}), each)


def _is_given(node: Node) -> bool:
    return node.op in LEAVES and not (node.op == "name" and node.value == "t")


class Round(NamedTuple):
    """Names in the text of a round: its number, the weight of its rows, the divisor of their sums, and where its gradient goes."""

    k: str
    total: str
    divisor: str
    gradient: str


Evaluate = Callable[[Printer, Round], None]  # prints what leaves loss and gradient at theta in the trace


def block(step: Program, states: Sequence[str], parameters: int, free: Sequence[int], sums: Evaluate) -> tuple[str, dict[str, int]]:
    """`block(theta, state, scalars, shares, share_step, columns, buffers, order, edges, n, chunk, steps, …trace…, partial, out)`.

    Each of the `steps` rounds evaluates the `sums` at theta, writes theta, loss and gradient to the trace, and takes one step in
    the `free` coordinates. `step` is the part of a split step that coordinates enter. `scalars` has a row a round: eta and the
    shared numbers. `shares` has the weight of the rows in use and the divisor of their sums: one such pair, or with a `share_step`
    of 2 one a round.
    """
    p = Printer(flags="")
    p.label("entry")
    shared = sorted(
        {n.value for n in step.nodes if n.op == "name" and n.value.startswith("shared")}, key=lambda name: int(name[6:])
    )
    width = 1 + len(shared)

    def one_step(k: str) -> None:
        row = p.let(f"mul i64 {k}, {parameters}")
        theta_row, gradient_row = p.at("%thetas", row), p.at("%gradients", row)
        share = p.at("%shares", p.let(f"mul i64 {k}, %share_step"))
        p.loop("record", str(parameters), lambda j: p.store(p.load("%theta", j), theta_row, j))
        sums(p, Round(k, p.load(share, "0"), p.load(share, "1"), gradient_row))
        numbers = p.at("%scalars", p.let(f"mul i64 {k}, {width}"))
        scalars = {name: p.load(numbers, str(j)) for j, name in enumerate(("eta", *shared))}
        _update(p, step, states, parameters, len(free), scalars, gradient_row)

    p.loop("step", "%steps", one_step)
    p.do("ret void")
    listed = f"@free = private constant [{len(free)} x i64] [{', '.join(f'i64 {j}' for j in free)}]\n"
    head = (
        "define void @block(ptr noalias %theta, ptr noalias %state, ptr noalias %scalars, ptr noalias %shares, i64 %share_step, "
        "ptr noalias %columns, ptr noalias %buffers, ptr noalias %order, ptr noalias %edges, i64 %n, i64 %chunk, i64 %steps, "
        "ptr noalias %thetas, ptr noalias %losses, ptr noalias %gradients, ptr noalias %partial, ptr noalias %out) "
        '"no-builtins"'  # a call that copies theta would wait until all of it is out of the registers
    )
    return f"{PREFETCH}{listed}{head} {{\n" + "\n".join(p.lines) + "\n}\n", p.called


def sums_of(kernel: Kernel, weighted: bool, rows: str) -> Evaluate:
    """Loss and gradient by a kernel's sums. `rows`: ALL; BATCH, where round k runs on order[edges[k]] … order[edges[k + 1] - 1],
    copied from `columns` to `buffers`; or SINGLE, on the row order[edges[k]].
    """
    if rows == SINGLE:
        return lambda p, at: _single_row(p, kernel, weighted, at)
    return lambda p, at: _sums(p, kernel, weighted, at, rows)


def _sums(p: Printer, kernel: Kernel, weighted: bool, at: Round, rows: str) -> None:
    """From all rows, or from those of the round."""
    count, source = _gather(p, at.k, columns_read(kernel, weighted)) if rows == BATCH else ("%n", "%columns")
    more = p.let(f"add i64 {count}, {p.let('sub i64 %chunk, 1')}")
    chunks = p.let(f"sdiv i64 {more}, %chunk")
    p.do(f"call void @chunk_sums(ptr %theta, ptr {source}, i64 {count}, i64 0, i64 {chunks}, ptr %partial)")
    p.do(f"call void @merge(ptr %theta, ptr %partial, i64 {chunks}, double {at.total}, ptr %out)")

    def divide(j: str) -> None:
        p.store(p.let(f"fdiv double {p.load('%out', p.let(f'add i64 {j}, 1'))}, {at.divisor}"), at.gradient, j)

    p.store(p.let(f"fdiv double {p.load('%out', '0')}, {at.divisor}"), "%losses", at.k)
    p.loop("divide", str(kernel.parameters), divide)


def _single_row(p: Printer, kernel: Kernel, weighted: bool, at: Round) -> None:
    """From one row, without loops and buffers. Rows come in any order, so those of later rounds are asked for in time."""
    used = columns_read(kernel, weighted)
    pointers = {j: p.load("%columns", str(j), "ptr") for j in used}
    later = p.let(f"add i64 {at.k}, {AHEAD}")
    later = p.let(f"select i1 {p.let(f'icmp slt i64 {later}, %steps')}, i64 {later}, i64 {at.k}")
    soon = p.load("%order", p.load("%edges", later, "i64"), "i64")
    for j in used:
        p.do(f"call void @llvm.prefetch.p0(ptr {p.at(pointers[j], soon)}, i32 0, i32 3, i32 1)")
    place = p.load("%order", p.load("%edges", at.k, "i64"), "i64")
    column = {j: p.load(pointers[j], place) for j in used}
    values: dict[int, str] = {}
    p.flags = FAST
    p.nodes(kernel.nodes, kernel.once, values, lambda node: p.load("%theta", str(node.value)))
    p.nodes(kernel.nodes, kernel.rows, values, lambda node: column[node.value])
    share = p.let(f"fdiv double 1.0, {at.divisor}")  # does not wait for theta, as a division of the sums would
    for j, s in enumerate(kernel.sums):
        term = at.total
        if s.inner is not None:
            term = values[s.inner]
            if weighted:
                term = p.let(f"fmul {FAST} double {term}, {column[kernel.columns]}")
        outer = p.let(f"fmul {FAST} double {values[s.outer]}, {share}")
        to = (at.gradient, str(j - 1)) if j else ("%losses", at.k)
        p.store(p.let(f"fmul {FAST} double {outer}, {term}"), *to)
    p.flags = ""


def columns_read(kernel: Kernel, weighted: bool) -> list[int]:
    """The columns that the sums read; the weights come after the formula's own."""
    used = sorted({node.value for node in kernel.nodes if node.op == "column"})
    return [*used, kernel.columns] if weighted else used


def _gather(p: Printer, k: str, columns: Sequence[int]) -> tuple[str, str]:
    """Copies the rows of round k; returns their number and where they are now."""
    first = p.load("%edges", k, "i64")
    last = p.load("%edges", p.let(f"add i64 {k}, 1"), "i64")
    rows, picked = p.let(f"sub i64 {last}, {first}"), p.at("%order", first, "i64")
    pairs = [(p.load("%columns", str(j), "ptr"), p.load("%buffers", str(j), "ptr")) for j in columns]

    def copy(i: str) -> None:
        place = p.load(picked, i, "i64")
        for column, buffer in pairs:
            p.store(p.load(column, place), buffer, i)

    p.loop("gather", rows, copy)
    return rows, "%buffers"


def _update(
    p: Printer, step: Program, states: Sequence[str], parameters: int, moving: int, scalars: dict[str, str], gradient: str
) -> None:
    """One step of every free coordinate. A norm is a loop of its own, before the loop that moves."""
    varying = _varying(step, (*COORDINATES, *states))
    known: dict[int, str] = {}

    def one_coordinate(f: str, which: list[int], here: dict[int, str]) -> dict[str, tuple[str, str]]:
        j = f if moving == parameters else p.load("@free", f, "i64")
        places = {"theta": ("%theta", j), "g": (gradient, j)}
        for s, name in enumerate(states):
            places[name] = ("%state", p.let(f"add i64 {j}, {s * parameters}"))
        read: dict[str, str] = {}

        def leaf(node: Node) -> str:
            if node.value in scalars:
                return scalars[node.value]
            if node.value not in read:
                read[node.value] = p.load(*places[node.value])
            return read[node.value]

        p.nodes(step.nodes, which, here, leaf)
        return places

    for i, node in enumerate(step.nodes):
        if varying[i]:
            continue
        if node.op == "norm":
            known[i] = _norm(p, i, node.args[0], step, varying, known, one_coordinate, moving)
        else:
            p.nodes(step.nodes, [i], known, lambda leaf: scalars[leaf.value])

    def update(f: str) -> None:
        here = dict(known)
        places = one_coordinate(f, [i for i, flag in enumerate(varying) if flag], here)
        for name in ("theta", *states):
            p.store(here[step.outputs[name]], *places[name])

    p.loop("update", str(moving), update)


def _norm(
    p: Printer, number: int, inside: int, step: Program, varying: list[bool], known: dict[int, str], one: Any, moving: int
) -> str:
    """√Σ of the squares over the free coordinates, added in order."""
    needed = {inside}
    for i in range(inside, -1, -1):
        if i in needed:
            needed.update(step.nodes[i].args)
    total = p.fresh("norm")
    p.lines.insert(1, f"  {total} = alloca double")  # in the entry: one place for all rounds
    p.store("0.0", total, "0")

    def add(f: str) -> None:
        here = dict(known)
        one(f, [i for i in sorted(needed) if varying[i]], here)
        square = p.let(f"fmul double {here[inside]}, {here[inside]}")
        p.store(p.let(f"fadd double {p.load(total, '0')}, {square}"), total, "0")

    p.loop(f"norm{number}", str(moving), add)
    p.called["llvm.sqrt.f64"] = 1
    return p.let(f"call double @llvm.sqrt.f64(double {p.load(total, '0')})")


def _varying(step: Program, names: Sequence[str]) -> list[bool]:
    """Which nodes differ from coordinate to coordinate: a norm does not."""
    flags: list[bool] = []
    for node in step.nodes:
        flags.append((node.op == "name" and node.value in names) or (node.op != "norm" and any(flags[a] for a in node.args)))
    return flags
