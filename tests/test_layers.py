"""The rules of the house, read off the source: imports point down, libraries wait, budgets hold, no text is run."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "steepest"
FILES = [path.relative_to(SOURCE).as_posix() for path in sorted(SOURCE.rglob("*.py"))]
TREES = {file: ast.parse((SOURCE / file).read_text(encoding="utf-8")) for file in FILES}

# A room imports only from itself and from rooms before it.
ROOMS = (
    "_version", "errors", "io", "language", "data", "ready", "models", "calculus", "engines", "methods", "descent", "fitting",
    "insight", "check", "show", "problem", "workbench", "testing", "sklearn", "lab", "cli", "__main__", "__init__",
)  # fmt: skip

# The one-line methods that present or explain a result: inside a function, never at the top.
DEFERRED = {
    ("check/agreement/compare.py", "show"),
    ("descent/comparison.py", "show"),
    ("descent/trace.py", "insight"),
    ("descent/surface.py", "show"),
    ("descent/trace.py", "show"),
    ("fitting/intervals.py", "show"),
    ("fitting/residual_tests.py", "show"),
    ("fitting/result.py", "show"),
    ("problem.py", "lab"),
    ("insight/explain.py", "show"),
    ("insight/why.py", "show"),
}

# Every other library is imported inside the function that needs it.
AT_THE_TOP = {"numpy": ROOMS, "sklearn": ("sklearn",), "typer": ("cli",)}
HEAVY = {
    "jax", "llvmlite", "matplotlib", "narwhals", "numba", "optax", "pandas", "polars", "pyarrow", "rich", "scipy", "sklearn",
    "sympy", "torch", "typer",
}  # fmt: skip

# Names that execute text, and the only places where they may stand. (`print` is ruff's to find.)
FORBIDDEN = {
    "eval": (),
    # The source that our own printers wrote; the user's own gradient with hooks, which the doctor was asked to run.
    "exec": ("engines/source.py", "check/program/instrument.py"),
    "pickle": (),
    "dill": (),
    "cloudpickle": (),
    "joblib": (),
    "sympify": (),
    "parse_expr": (),
    "torch.load": (),
    "os.system": (),
}

CONTRACT_LINES, FILE_LINES, FUNCTION_LINES = 30, 300, 40  # the budget
MOST_FILE_LINES, MOST_FUNCTION_LINES = 400, 70


class Import(NamedTuple):
    module: str  # "steepest.language.program", "numpy.linalg"
    deferred: bool
    line: int


def room(file: str) -> str:
    return file.split("/")[0].removesuffix(".py")


def imports(file: str) -> list[Import]:
    functions = [n for n in ast.walk(TREES[file]) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)]
    # What stands under `if TYPE_CHECKING:` is read by type checkers only.
    typing = [n for n in ast.walk(TREES[file]) if isinstance(n, ast.If) and getattr(n.test, "id", "") == "TYPE_CHECKING"]
    inside = {id(inner) for block in (*functions, *typing) for inner in ast.walk(block)}
    found = []
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = imported_from(node, file)
        else:
            continue
        found += [Import(module, id(node) in inside, node.lineno) for module in modules]
    return found


def imported_from(node: ast.ImportFrom, file: str) -> list[str]:
    here = ["steepest", *file.split("/")]
    package = here[: -node.level] if node.level else []
    base = ".".join([*package, *([node.module] if node.module else [])])
    names = [f"{base}.{alias.name}" for alias in node.names]
    return [name if is_module(name) else base for name in names]


def is_module(name: str) -> bool:
    path = SOURCE.parent / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


def own(module: str) -> str | None:
    """The room that a module of steepest lies in; the root is `__init__`."""
    first, _, rest = module.partition(".")
    return (rest.split(".")[0] or "__init__") if first == "steepest" else None


def named(node: ast.AST) -> set[str]:
    """The names that a node uses: a variable, an attribute (alone and with its owner), what an import brings."""
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.Attribute):
        owner = node.value.id if isinstance(node.value, ast.Name) else ""
        return {node.attr, f"{owner}.{node.attr}"}
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        module = node.module or ""
        return {
            module.split(".")[0],
            *(alias.name for alias in node.names),
            *(f"{module}.{a.name}" for a in node.names),
        }
    return set()


@pytest.mark.parametrize("file", FILES)
def test_imports_point_down(file: str) -> None:
    assert room(file) in ROOMS, f"{file}: '{room(file)}' is no room; the rooms are {', '.join(ROOMS)}"
    allowed = ROOMS[: ROOMS.index(room(file)) + 1]
    wrong = [
        f"{file}:{line} imports {module}"
        for module, deferred, line in imports(file)
        if (other := own(module)) and other not in allowed and not (deferred and (file, other) in DEFERRED)
    ]
    assert not wrong, f"a room imports only from rooms before it: {wrong}"


def test_every_deferred_import_of_the_list_is_used() -> None:
    used = {(file, own(module)) for file in FILES for module, deferred, _ in imports(file) if deferred}
    stale = {entry for entry in DEFERRED if entry[0] in FILES} - used
    assert not stale


def test_modules_import_each_other_without_a_circle() -> None:
    names = {file: "steepest." + file.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for file in FILES}
    graph = {names[file]: {i.module for i in imports(file) if own(i.module) and not i.deferred} for file in FILES}
    graphlib.TopologicalSorter({module: wanted - {module} for module, wanted in graph.items()}).prepare()


@pytest.mark.parametrize("folder", sorted({file.rpartition("/")[0] for file in FILES} - {""}))
def test_every_folder_states_its_contract_and_no_more(folder: str) -> None:
    assert f"{folder}/__init__.py" in FILES
    (docstring,) = TREES[f"{folder}/__init__.py"].body
    assert isinstance(docstring, ast.Expr) and isinstance(docstring.value, ast.Constant)
    assert len(str(docstring.value.value).splitlines()) <= CONTRACT_LINES


@pytest.mark.parametrize("file", FILES)
def test_libraries_are_imported_inside_functions(file: str) -> None:
    wrong = [
        f"{file}:{line} imports {module}"
        for module, deferred, line in imports(file)
        if not deferred
        and (library := module.split(".")[0]) not in {"steepest", *sys.stdlib_module_names}
        and room(file) not in AT_THE_TOP.get(library, ())
    ]
    assert not wrong, f"import it inside the function that needs it: {wrong}"


def test_importing_the_package_loads_nothing_heavy() -> None:
    listing = "import sys, steepest; sys.stdout.write(' '.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in run.stdout.split()}
    assert "steepest" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("file", FILES)
def test_budgets(file: str) -> None:
    sizes = [(file, len((SOURCE / file).read_text(encoding="utf-8").splitlines()), FILE_LINES, MOST_FILE_LINES)]
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            sizes.append((f"{file}:{node.name}", lines, FUNCTION_LINES, MOST_FUNCTION_LINES))
    over = [f"{name} has {lines} lines, the budget is {budget}" for name, lines, budget, _ in sizes if lines > budget]
    assert not [name for name, lines, _, most in sizes if lines > most], f"split or delete, no golf: {over}"


@pytest.mark.parametrize("file", FILES)
def test_no_text_is_executed(file: str) -> None:
    wrong = [
        f"{file}:{getattr(node, 'lineno', '?')} uses {word}"
        for node in ast.walk(TREES[file])
        for word in named(node) & FORBIDDEN.keys()
        if not file.startswith(FORBIDDEN[word])
    ]
    wrong += [
        f"{file}:{node.value.lineno} says {node.arg}={ast.unparse(node.value)}"
        for node in ast.walk(TREES[file])
        if isinstance(node, ast.keyword) and node.arg in {"shell", "allow_pickle"}
        if ast.unparse(node.value) != "False"
    ]
    assert not wrong


@pytest.mark.parametrize("line", ["x.eval('1')", "import pickle", "from torch import load", "torch.load(f)", "S = sympify"])
def test_the_forbidden_names_are_seen(line: str) -> None:
    assert any(named(node) & FORBIDDEN.keys() for node in ast.walk(ast.parse(line)))


def test_no_string_reaches_sympy() -> None:
    import sympy

    with pytest.raises(AssertionError, match="a string reached SymPy: 'x'"):
        sympy.Integer(1) + sympy.sympify("x")
