"""Writes LLVM IR line by line: values, loops, and the operations of the language."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from steepest.engines.elementary import WRITTEN_OUT, constant
from steepest.language.functions import FUNCTIONS
from steepest.language.program import Node

FAST = "reassoc nsz arcp contract"
ARITHMETIC = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}
COMPARISON = {"<": "olt", "<=": "ole", ">": "ogt", ">=": "oge", "==": "oeq", "!=": "une"}


class Printer:
    """Collects the lines of one function. `leaf` says where a parameter, a column or a name is found."""

    def __init__(self, flags: str = FAST) -> None:
        self.flags = flags
        self.lines: list[str] = []
        self.called: dict[str, int] = {}
        self._count = 0

    def fresh(self, stem: str = "t") -> str:
        self._count += 1
        return f"%{stem}{self._count}"

    def let(self, text: str, stem: str = "t") -> str:
        name = self.fresh(stem)
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")

    def load(self, pointer: str, index: str, kind: str = "double") -> str:
        return self.let(f"load {kind}, ptr {self.at(pointer, index, kind)}")

    def store(self, value: str, pointer: str, index: str) -> None:
        self.do(f"store double {value}, ptr {self.at(pointer, index)}")

    def at(self, pointer: str, index: str, kind: str = "double") -> str:
        return self.let(f"getelementptr inbounds {kind}, ptr {pointer}, i64 {index}")

    def loop(self, name: str, count: str, body: Callable[[str], None]) -> None:
        """for i in 0 … count-1: body(i)."""
        before = self.fresh("before")[1:]
        self.do(f"br label %{before}")
        self.label(before)
        self.do(f"br label %{name}")
        self.label(name)
        self.do(f"%{name}.i = phi i64 [ 0, %{before} ], [ %{name}.next, %{name}.latch ]")
        self.do(f"%{name}.go = icmp slt i64 %{name}.i, {count}")
        self.do(f"br i1 %{name}.go, label %{name}.body, label %{name}.done")
        self.label(f"{name}.body")
        body(f"%{name}.i")
        self.do(f"br label %{name}.latch")
        self.label(f"{name}.latch")
        self.do(f"%{name}.next = add nsw i64 %{name}.i, 1")
        self.do(f"br label %{name}")
        self.label(f"{name}.done")

    def node(self, node: Node, args: Sequence[str]) -> str:
        """The value of one node that is no leaf."""
        op = node.op
        if op in ARITHMETIC:
            return self.let(f"{ARITHMETIC[op]} {self.flags} double {args[0]}, {args[1]}")
        if op == "neg":
            return self.let(f"fneg {self.flags} double {args[0]}")
        if op in COMPARISON:
            return self.let(f"fcmp {COMPARISON[op]} double {args[0]}, {args[1]}")
        if op == "where":
            return self.let(f"select i1 {args[0]}, double {args[1]}, double {args[2]}")
        if op == "gegenbauer":
            n, alpha = node.value
            self.called["steepest_gegenbauer"] = 0
            return self.let(f"call double @steepest_gegenbauer(i64 {n}, double {constant(alpha)}, double {args[0]})")
        symbol = "pow" if op == "**" else FUNCTIONS[op].libm
        self.called[symbol] = len(args)
        name = f"steepest_{symbol}" if symbol in WRITTEN_OUT else symbol
        return self.let(f"call double @{name}({', '.join(f'double {a}' for a in args)})")

    def nodes(self, nodes: Sequence[Node], which: Iterable[int], values: dict[int, str], leaf: Callable[[Node], str]) -> None:
        """Prints those nodes in order; `values` maps node to SSA name and is filled."""
        for i in which:
            node = nodes[i]
            if node.op == "number":
                values[i] = constant(node.value)
            elif node.op == "pi":
                values[i] = constant(math.pi)
            elif node.op in ("parameter", "column", "name"):
                values[i] = leaf(node)
            else:
                values[i] = self.node(node, [values[arg] for arg in node.args])
