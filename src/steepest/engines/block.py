"""Prints a whole block of a descent as LLVM IR: gather, evaluate, record, step, again, without leaving compiled code.

The step is printed from the method's equations without the flags that let sums be reordered, so that it gives the bits that NumPy
gives. What depends on no coordinate (powers of a decay rate, a schedule) is not computed here: it comes in as a number a step.
`state` holds the states of the method one after the other, each as long as theta.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from steepest.calculus.kernel import Kernel
from steepest.engines.printing import FAST, Printer
from steepest.language.program import COMPARISONS, LEAVES, Builder, Node, Program

COORDINATES = ("theta", "g")
ALL, BATCH, SINGLE = "all", "batch", "single"
GIVEN = ("eta", "total", "divisor")  # the first numbers of a step; the shared ones follow


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


Evaluate = Callable[[Printer, str, str], None]  # prints the sums of round k, whose rows weigh so much, into %out


def block(step: Program, states: Sequence[str], parameters: int, sums: Evaluate) -> tuple[str, dict[str, int]]:
    """`block(theta, state, scalars, columns, buffers, order, edges, n, chunk, steps, free, …trace…, partial, out)`.

    Each of the `steps` rounds evaluates the `sums` at theta, divides them by its divisor, writes theta, loss and gradient to the
    trace, and takes one step in the `free` coordinates. `step` is the part of a split step that coordinates enter. `scalars` has a
    row a round: eta, the weight of the rows in use, the divisor, the shared numbers.
    """
    p = Printer(flags="")
    p.label("entry")
    shared = sorted(
        {n.value for n in step.nodes if n.op == "name" and n.value.startswith("shared")}, key=lambda name: int(name[6:])
    )
    width = len(GIVEN) + len(shared)

    def one_step(k: str) -> None:
        row = p.let(f"mul i64 {k}, {parameters}")
        theta_row, gradient_row = p.at("%thetas", row), p.at("%gradients", row)
        numbers = p.at("%scalars", p.let(f"mul i64 {k}, {width}"))
        scalars = {name: p.load(numbers, str(j)) for j, name in enumerate((*GIVEN, *shared))}
        sums(p, k, scalars["total"])
        divisor = scalars["divisor"]
        p.store(p.let(f"fdiv double {p.load('%out', '0')}, {divisor}"), "%losses", k)

        def record(j: str) -> None:
            p.store(p.load("%theta", j), theta_row, j)
            p.store(p.let(f"fdiv double {p.load('%out', p.let(f'add i64 {j}, 1'))}, {divisor}"), gradient_row, j)

        p.loop("record", str(parameters), record)
        _update(p, step, states, parameters, scalars, gradient_row)

    p.loop("step", "%steps", one_step)
    p.do("ret void")
    head = (
        "define void @block(ptr noalias %theta, ptr noalias %state, ptr noalias %scalars, ptr noalias %columns, "
        "ptr noalias %buffers, ptr noalias %order, ptr noalias %edges, i64 %n, i64 %chunk, i64 %steps, "
        "ptr noalias %free, i64 %free_count, "
        "ptr noalias %thetas, ptr noalias %losses, ptr noalias %gradients, ptr noalias %partial, ptr noalias %out)"
    )
    return f"{head} {{\n" + "\n".join(p.lines) + "\n}\n", p.called


def sums_of(kernel: Kernel, weighted: bool, rows: str) -> Evaluate:
    """The sums of a kernel. `rows`: ALL; BATCH, where round k runs on order[edges[k]] … order[edges[k + 1] - 1], copied from
    `columns` to `buffers`; or SINGLE, on the row order[k].
    """
    if rows == SINGLE:
        return lambda p, k, total: _single_row(p, kernel, weighted, k, total)
    return lambda p, k, total: _sums(p, kernel, weighted, k, total, rows)


def _sums(p: Printer, kernel: Kernel, weighted: bool, k: str, total: str, rows: str) -> None:
    """The sums over all rows, or over those of round k, into %out."""
    count, source = _gather(p, k, columns_read(kernel, weighted)) if rows == BATCH else ("%n", "%columns")
    more = p.let(f"add i64 {count}, {p.let('sub i64 %chunk, 1')}")
    chunks = p.let(f"sdiv i64 {more}, %chunk")
    p.do(f"call void @chunk_sums(ptr %theta, ptr {source}, i64 {count}, i64 0, i64 {chunks}, ptr %partial)")
    p.do(f"call void @merge(ptr %theta, ptr %partial, i64 {chunks}, double {total}, ptr %out)")


def _single_row(p: Printer, kernel: Kernel, weighted: bool, k: str, total: str) -> None:
    """The same for one row, without loops and buffers."""
    place = p.load("%order", k, "i64")
    column = {j: p.load(p.load("%columns", str(j), "ptr"), place) for j in columns_read(kernel, weighted)}
    values: dict[int, str] = {}
    p.flags = FAST
    p.nodes(kernel.nodes, kernel.once, values, lambda node: p.load("%theta", str(node.value)))
    p.nodes(kernel.nodes, kernel.rows, values, lambda node: column[node.value])
    for j, s in enumerate(kernel.sums):
        term = total
        if s.inner is not None:
            term = values[s.inner]
            if weighted:
                term = p.let(f"fmul {FAST} double {term}, {column[kernel.columns]}")
        p.store(p.let(f"fmul double {values[s.outer]}, {term}"), "%out", str(j))
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


def _update(p: Printer, step: Program, states: Sequence[str], parameters: int, scalars: dict[str, str], gradient: str) -> None:
    """One step of every free coordinate. A norm is a loop of its own, before the loop that moves."""
    varying = _varying(step, (*COORDINATES, *states))
    known: dict[int, str] = {}

    def one_coordinate(f: str, which: list[int], here: dict[int, str]) -> dict[str, tuple[str, str]]:
        j = p.load("%free", f, "i64")
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
            known[i] = _norm(p, i, node.args[0], step, varying, known, one_coordinate)
        else:
            p.nodes(step.nodes, [i], known, lambda leaf: scalars[leaf.value])

    def update(f: str) -> None:
        here = dict(known)
        places = one_coordinate(f, [i for i, flag in enumerate(varying) if flag], here)
        for name in ("theta", *states):
            p.store(here[step.outputs[name]], *places[name])

    p.loop("update", "%free_count", update)


def _norm(p: Printer, number: int, inside: int, step: Program, varying: list[bool], known: dict[int, str], one: Any) -> str:
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

    p.loop(f"norm{number}", "%free_count", add)
    p.called["llvm.sqrt.f64"] = 1
    return p.let(f"call double @llvm.sqrt.f64(double {p.load(total, '0')})")


def _varying(step: Program, names: Sequence[str]) -> list[bool]:
    """Which nodes differ from coordinate to coordinate: a norm does not."""
    flags: list[bool] = []
    for node in step.nodes:
        flags.append((node.op == "name" and node.value in names) or (node.op != "norm" and any(flags[a] for a in node.args)))
    return flags
