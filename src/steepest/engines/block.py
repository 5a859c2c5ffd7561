"""Prints a whole block of a descent as LLVM IR: evaluate, record, step, again, without leaving compiled code.

The step is printed from the method's equations without the flags that let sums be reordered, so that it gives the bits that NumPy
gives. `state` holds the states of the method one after the other, each as long as theta.
"""

from __future__ import annotations

from collections.abc import Sequence

from steepest.engines.printing import Printer
from steepest.language.program import Node, Program

COORDINATES = ("theta", "g")


def block(step: Program, states: Sequence[str], parameters: int) -> tuple[str, dict[str, int]]:
    """`block(theta, state, rates, columns, n, chunks, weight, divisor, steps, first, free, …trace…, partial, out)`.

    Each of the `steps` rounds evaluates the sums at theta, divides them by `divisor`, writes theta, loss and gradient to the trace,
    and takes one step with its own rate in the `free` coordinates. Step numbers count from `first`.
    """
    p = Printer(flags="")
    p.label("entry")
    varying = step.depends_on_names((*COORDINATES, *states))
    shared = [i for i, flag in enumerate(varying) if not flag]
    each = [i for i, flag in enumerate(varying) if flag]

    def one_step(k: str) -> None:
        row = p.let(f"mul i64 {k}, {parameters}")
        theta_row, gradient_row = p.at("%thetas", row), p.at("%gradients", row)
        p.do("call void @chunk_sums(ptr %theta, ptr %columns, i64 %n, i64 0, i64 %chunks, ptr %partial)")
        p.do("call void @merge(ptr %theta, ptr %partial, i64 %chunks, double %weight, ptr %out)")
        p.store(p.let(f"fdiv double {p.load('%out', '0')}, %divisor"), "%losses", k)

        def record(j: str) -> None:
            p.store(p.load("%theta", j), theta_row, j)
            p.store(p.let(f"fdiv double {p.load('%out', p.let(f'add i64 {j}, 1'))}, %divisor"), gradient_row, j)

        p.loop("record", str(parameters), record)
        values: dict[int, str] = {}
        number = p.let(f"sitofp i64 {p.let(f'add i64 {k}, %first')} to double")
        scalars = {"eta": p.load("%rates", k), "t": number}
        p.nodes(step.nodes, shared, values, lambda node: scalars[node.value])

        def update(f: str) -> None:
            j = p.load("%free", f, "i64")
            places = {"theta": ("%theta", j), "g": (gradient_row, j)}
            for s, name in enumerate(states):
                places[name] = ("%state", p.let(f"add i64 {j}, {s * parameters}"))
            read: dict[str, str] = {}

            def leaf(node: Node) -> str:
                if node.value not in read:
                    read[node.value] = p.load(*places[node.value])
                return read[node.value]

            inside = dict(values)
            p.nodes(step.nodes, each, inside, leaf)
            for name in ("theta", *states):
                p.store(inside[step.outputs[name]], *places[name])

        p.loop("update", "%free_count", update)

    p.loop("step", "%steps", one_step)
    p.do("ret void")
    head = (
        "define void @block(ptr noalias %theta, ptr noalias %state, ptr noalias %rates, ptr noalias %columns, i64 %n, i64 %chunks, "
        "double %weight, double %divisor, i64 %steps, i64 %first, ptr noalias %free, i64 %free_count, ptr noalias %thetas, "
        "ptr noalias %losses, ptr noalias %gradients, ptr noalias %partial, ptr noalias %out)"
    )
    return f"{head} {{\n" + "\n".join(p.lines) + "\n}\n", p.called
