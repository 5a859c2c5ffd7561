"""Prints the plan of a kernel as LLVM IR: chunk sums, their merge, and row outputs.

Rows are added plainly inside a chunk, with flags that let the loop vectorise (reassoc, contract, nsz, arcp; infinities and NaN keep
their meaning). Chunk sums are added in order with the rounding error carried along, so the result does not depend on how many
workers computed the chunks.
"""

from __future__ import annotations

from collections.abc import Mapping

from steepest.calculus.kernel import CHEAP, Kernel
from steepest.engines.elementary import WRITTEN_OUT
from steepest.engines.printing import FAST, Printer

CHUNK = 1024
CHUNK_OF_CALLS = 32  # rows that call a function are not vectorised, and a plain sum of many of them would lose digits


def chunk_rows(kernel: Kernel) -> int:
    """How many rows are added plainly before their sum is added to the others."""
    return CHUNK if all(kernel.nodes[i].op in CHEAP or kernel.nodes[i].op in WRITTEN_OUT for i in kernel.rows) else CHUNK_OF_CALLS


def chunk_sums(kernel: Kernel, weighted: bool) -> tuple[str, dict[str, int]]:
    """`chunk_sums(theta, columns, n, first, last, partial)`: the plain sums of each chunk, one row of `partial` a chunk."""
    p = Printer()
    p.label("entry")
    values: dict[int, str] = {}
    p.nodes(kernel.nodes, kernel.once, values, lambda node: p.load("%theta", str(node.value)))
    used = sorted({kernel.nodes[i].value for i in kernel.rows if kernel.nodes[i].op == "column"})
    whole = {j: p.load("%columns", str(j), "ptr") for j in ([*used, kernel.columns] if weighted else used)}
    sums = [s for s in kernel.sums if s.inner is not None]
    size = chunk_rows(kernel)

    def one_chunk(chunk: str) -> None:
        index = p.let(f"add i64 {chunk}, %first")
        start = p.let(f"mul i64 {index}, {size}")
        left = p.let(f"sub i64 %n, {start}")
        short = p.let(f"icmp slt i64 {left}, {size}")
        rows = p.let(f"select i1 {short}, i64 {left}, i64 {size}")
        column = {j: p.at(pointer, start) for j, pointer in whole.items()}
        totals = _row_loop(p, kernel, values, column, rows, weighted)
        base = p.let(f"mul i64 {index}, {len(sums)}")
        out = p.at("%partial", base)
        for k, total in enumerate(totals):
            p.store(total, out, str(k))

    chunks = p.let("sub i64 %last, %first")
    p.loop("chunk", chunks, one_chunk)
    p.do("ret void")
    arguments = "ptr noalias %theta, ptr noalias %columns, i64 %n, i64 %first, i64 %last, ptr noalias %partial"
    head = f"define void @chunk_sums({arguments}) noinline"
    return f"{head} {{\n" + "\n".join(p.lines) + "\n}\n", p.called


def _row_loop(
    p: Printer, kernel: Kernel, once: Mapping[int, str], column: Mapping[int, str], rows: str, weighted: bool
) -> list[str]:
    """The loop over the rows of one chunk; returns the names of the sums."""
    sums = [s for s in kernel.sums if s.inner is not None]
    before = p.fresh("enter")[1:]
    p.do(f"br label %{before}")
    p.label(before)
    p.do("br label %row")
    p.label("row")
    p.do(f"%i = phi i64 [ 0, %{before} ], [ %i.next, %row ]")
    for k in range(len(sums)):
        p.do(f"%sum{k} = phi double [ 0.0, %{before} ], [ %sum{k}.next, %row ]")
    values = dict(once)
    p.nodes(kernel.nodes, kernel.rows, values, lambda node: p.load(column[node.value], "%i"))
    weight = p.load(column[kernel.columns], "%i") if weighted else ""
    for k, s in enumerate(sums):
        assert s.inner is not None
        term = values[s.inner]
        if weighted:
            term = p.let(f"fmul {FAST} double {term}, {weight}")
        p.do(f"%sum{k}.next = fadd {FAST} double %sum{k}, {term}")
    p.do("%i.next = add nsw i64 %i, 1")
    p.do(f"%again = icmp slt i64 %i.next, {rows}")
    p.do("br i1 %again, label %row, label %row.done")
    p.label("row.done")
    return [f"%sum{k}.next" for k in range(len(sums))]


def merge(kernel: Kernel) -> tuple[str, dict[str, int]]:
    """`merge(theta, partial, chunks, weight, out)`: chunk sums added in order by two-sum, then times their outer factors."""
    p = Printer()
    p.label("entry")
    inner = [k for k, s in enumerate(kernel.sums) if s.inner is not None]

    def one_sum(k: str) -> None:
        p.do("br label %add.enter")
        p.label("add.enter")
        p.do("br label %add")
        p.label("add")
        p.do("%c = phi i64 [ 0, %add.enter ], [ %c.next, %add ]")
        p.do("%high = phi double [ 0.0, %add.enter ], [ %high.next, %add ]")
        p.do("%low = phi double [ 0.0, %add.enter ], [ %low.next, %add ]")
        place = p.let(f"mul i64 %c, {len(inner)}")
        value = p.load("%partial", p.let(f"add i64 {place}, {k}"))
        p.do(f"%high.next = fadd double %high, {value}")
        part = p.let("fsub double %high.next, %high")
        rest = p.let(f"fsub double %high, {p.let(f'fsub double %high.next, {part}')}")
        error = p.let(f"fadd double {rest}, {p.let(f'fsub double {value}, {part}')}")
        p.do(f"%low.next = fadd double %low, {error}")
        p.do("%c.next = add nsw i64 %c, 1")
        p.do("%more = icmp slt i64 %c.next, %chunks")
        p.do("br i1 %more, label %add, label %added")
        p.label("added")
        total = p.let("fadd double %high.next, %low.next")
        # An overflow makes the carried error NaN where the plain sum is infinite.
        finite = p.let("fcmp ord double %low.next, 0.0")
        p.store(p.let(f"select i1 {finite}, double {total}, double %high.next"), "%raw", k)

    p.do(f"%raw = alloca double, i64 {max(1, len(inner))}")
    if inner:
        p.loop("sum", str(len(inner)), one_sum)
    values: dict[int, str] = {}
    p.nodes(kernel.nodes, kernel.once, values, lambda node: p.load("%theta", str(node.value)))
    place = {k: i for i, k in enumerate(inner)}
    for k, s in enumerate(kernel.sums):
        raw = p.load("%raw", str(place[k])) if k in place else "%weight"
        p.store(p.let(f"fmul double {values[s.outer]}, {raw}"), "%out", str(k))
    p.do("ret void")
    # For size: unrolled copies of the loop over chunks run no faster, and take as long to compile as all the rest.
    arguments = "ptr noalias %theta, ptr noalias %partial, i64 %chunks, double %weight, ptr noalias %out"
    head = f"define void @merge({arguments}) noinline optsize"
    return f"{head} {{\n" + "\n".join(p.lines) + "\n}\n", p.called


def row_outputs(kernel: Kernel) -> tuple[str, dict[str, int]]:
    """`row_outputs(theta, columns, n, out)`: output k of row i at out[k*n + i]."""
    p = Printer()
    p.label("entry")
    values: dict[int, str] = {}
    p.nodes(kernel.nodes, kernel.once, values, lambda node: p.load("%theta", str(node.value)))
    used = sorted({kernel.nodes[i].value for i in kernel.rows if kernel.nodes[i].op == "column"})
    column = {j: p.load("%columns", str(j), "ptr") for j in used}
    out = [p.at("%out", p.let(f"mul i64 %n, {k}")) for k in range(len(kernel.sums))]

    def one_row(i: str) -> None:
        inside = dict(values)
        p.nodes(kernel.nodes, kernel.rows, inside, lambda node: p.load(column[node.value], i))
        for k, s in enumerate(kernel.sums):
            p.store(inside[s.outer], out[k], i)

    p.loop("row", "%n", one_row)
    p.do("ret void")
    head = "define void @row_outputs(ptr noalias %theta, ptr noalias %columns, i64 %n, ptr noalias %out)"
    return f"{head} {{\n" + "\n".join(p.lines) + "\n}\n", p.called
