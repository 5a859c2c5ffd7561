"""What the rewriting of a user's source asks of its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any


def last_name(node: ast.expr) -> str:
    """np.mean → "mean"."""
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def segment(lines: Sequence[bytes], node: Any) -> str:
    """The source of a node. That of `ast` splits the whole text at each call."""
    first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0)
    if not first or not last:
        return ""
    inside = list(lines[first - 1 : last])
    inside[-1] = inside[-1][: node.end_col_offset]
    inside[0] = inside[0][node.col_offset :]
    return b"".join(inside).decode()


def is_key(index: ast.expr) -> bool:
    """Is it the string of data["x"]?"""
    return isinstance(index, ast.Constant) and isinstance(index.value, str)


def is_plain(target: ast.expr) -> bool:
    """Can it be read again without harm? A name, or an element at names and numbers."""
    if isinstance(target, ast.Subscript):
        target_index = target.slice
        parts = target_index.elts if isinstance(target_index, ast.Tuple) else [target_index]
        return isinstance(target.value, ast.Name) and all(isinstance(p, ast.Name | ast.Constant | ast.Slice) for p in parts)
    return isinstance(target, ast.Name)


def names(target: ast.expr) -> list[ast.Name]:
    """The names that a loop binds."""
    return [node for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]


def loops(functions: Sequence[ast.FunctionDef]) -> list[range]:
    """The lines of every loop, the outer ones first."""
    found = [node for part in functions for node in ast.walk(part) if isinstance(node, ast.For | ast.While)]
    return [range(node.lineno, (node.end_lineno or node.lineno) + 1) for node in found]
