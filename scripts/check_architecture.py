"""The house rules that no linter knows: sizes, import cycles, names, and what must not be in a file.

    python scripts/check_architecture.py [ROOT]

Prints each violation as `file:line: what is wrong` and exits 1 when there is one. There is no list of exceptions, and
no change that needs a limit raised may raise it.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "midwatch"
MODULE_LINES = 400
TEST_MODULE_LINES = 500
FUNCTION_LINES = 50
PARAMETERS = 6
BASE_LINES = 120
WIRING_LINES = 200
AGENTS_LINES = 120

VAGUE_NAMES = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "managers"}
MAY_PRINT = ("cli/", "models/repair/box/")
DATA = ("src/midwatch/example/files/", "tests/cases/", "tests/golden/")
TEXT = {".py", ".md", ".toml", ".yml", ".yaml", ".txt", ".sh", ".cfg", ""}
# Folders of one person's machine; tests may make homes up. /home/agent is the home inside a box.
MACHINE_PATH = re.compile(r"(?<![\w.{}<>~-])/(?:root|Users/\w+|home/(?!agent\b)\w+|tmp/lab|work)/(?=\w)")
MADE_UP = re.compile(r"/(?:root|Users|home)/")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, order=True)
class Violation:
    """One broken rule. `path` is relative to the root."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


def python_files(root: Path) -> Iterator[tuple[str, Path]]:
    """Our own Python files: (path relative to the root, path)."""
    for top in ("src", "tests", "scripts"):
        for path in sorted((root / top).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            if not name.startswith(DATA):
                yield name, path


def module_limit(name: str) -> int:
    """How many lines the file may have."""
    if name.startswith("tests/"):
        return TEST_MODULE_LINES
    if name == f"src/{PACKAGE}/wiring.py":
        return WIRING_LINES
    return BASE_LINES if name.startswith("src/") and name.endswith("/base.py") else MODULE_LINES


def check_sizes(name: str, text: str) -> Iterator[Violation]:
    """Lines of a module, and a name that says what is in it."""
    lines, limit = text.count("\n"), module_limit(name)
    if lines > limit:
        yield Violation(name, 1, f"the module has {lines} lines, at most {limit} are allowed")
    for part in Path(name).with_suffix("").parts:
        if part.lower() in VAGUE_NAMES:
            yield Violation(name, 1, f"the name {part!r} says nothing: name the module after what it holds")


def parameters(function: Function) -> int:
    """How many a caller may give; self and cls are not counted."""
    args = function.args
    names = [a.arg for a in (*args.posonlyargs, *args.args, *args.kwonlyargs)]
    names += [a.arg for a in (args.vararg, args.kwarg) if a]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def check_functions(name: str, tree: ast.AST) -> Iterator[Violation]:
    """Length and parameters of each function, and calls of print."""
    may_print = not name.startswith("src/") or name.removeprefix(f"src/{PACKAGE}/").startswith(MAY_PRINT)
    for node in ast.walk(tree):
        if isinstance(node, Function):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield Violation(
                    name, node.lineno, f"function {node.name} has {lines} lines, at most {FUNCTION_LINES} are allowed"
                )
            count = parameters(node)
            if count > PARAMETERS:
                yield Violation(
                    name, node.lineno, f"function {node.name} has {count} parameters, at most {PARAMETERS} are allowed"
                )
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "print" and not may_print:
            yield Violation(name, node.lineno, "print belongs in the command line: tell the observer instead")


def imports(module: str, is_package: bool, tree: ast.AST, modules: set[str]) -> Iterator[tuple[str, int]]:
    """The modules of ours that a module names in an import, type-only and function-local ones included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in modules:
                    yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                parents = module.split(".")
                above = parents[: len(parents) - node.level + (1 if is_package else 0)]
                source = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{source}.{alias.name}"
                if full in modules or source in modules:
                    yield (full if full in modules else source), node.lineno


def strong_components(graph: dict[str, dict[str, int]]) -> list[list[str]]:
    """Tarjan's: sets of modules that reach each other. Only those of two or more, or that import themselves."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for after in graph.get(node, {}):
            if after not in index:
                visit(after)
                low[node] = min(low[node], low[after])
            elif after in stack:
                low[node] = min(low[node], index[after])
        if low[node] == index[node]:
            at = stack.index(node)
            component = stack[at:]
            del stack[at:]
            if len(component) > 1 or node in graph.get(node, {}):
                found.append(component)

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def check_imports(root: Path, trees: dict[str, ast.AST]) -> Iterator[Violation]:
    """No cycles, and nobody below imports the command line."""
    files: dict[str, str] = {}
    for name in trees:
        if name.startswith(f"src/{PACKAGE}/"):
            dotted = name.removeprefix("src/").removesuffix(".py").replace("/", ".")
            files[dotted.removesuffix(".__init__")] = name
    graph: dict[str, dict[str, int]] = {module: {} for module in files}
    for module, name in files.items():
        for target, line in imports(module, name.endswith("/__init__.py"), trees[name], set(files)):
            graph[module].setdefault(target, line)
    top = f"{PACKAGE}.cli"
    for module, targets in graph.items():
        if module not in (f"{PACKAGE}.__main__", top) and not module.startswith(top + "."):
            for target, line in targets.items():
                if target == top or target.startswith(top + "."):
                    yield Violation(files[module], line, f"imports {target}: nothing below knows the command line")
    for component in strong_components(graph):
        start = min(component)
        line = next(line for target, line in graph[start].items() if target in component)
        yield Violation(files[start], line, f"import cycle of {', '.join(sorted(component))}")


def tracked(root: Path) -> Iterator[tuple[str, Path]]:
    """Text files of ours that may name a path: code, scripts, pages, settings."""
    for top in ("src", "tests", "scripts", "docs", "design", "examples", ".ci"):
        for path in sorted((root / top).rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.is_file() and path.suffix in TEXT and "__pycache__" not in name:
                yield name, path
    for path in sorted(root.glob("*")):
        if path.is_file() and path.suffix in TEXT - {""}:
            yield path.name, path


def check_texts(root: Path) -> Iterator[Violation]:
    """Paths of one machine, and the length of the agents' guide."""
    for name, path in tracked(root):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # a case with bytes in it
        for number, line in enumerate(lines, 1):
            found = MACHINE_PATH.search(line)
            if found and not (name.startswith("tests/") and MADE_UP.match(found.group())):
                yield Violation(name, number, f"{found.group()}… is a folder of one machine")
        if path.name == "AGENTS.md" and len(lines) > AGENTS_LINES:
            yield Violation(name, 1, f"the guide has {len(lines)} lines, at most {AGENTS_LINES} are allowed")


def check(root: Path) -> list[Violation]:
    """All violations under a root."""
    found: list[Violation] = []
    trees: dict[str, ast.AST] = {}
    for name, path in python_files(root):
        text = path.read_text(encoding="utf-8")
        found += check_sizes(name, text)
        try:
            trees[name] = ast.parse(text)
        except SyntaxError as error:
            found.append(Violation(name, error.lineno or 1, f"cannot be read: {error.msg}"))
            continue
        found += check_functions(name, trees[name])
    found += check_imports(root, trees)
    found += check_texts(root)
    return sorted(found)


def main(arguments: list[str]) -> int:
    """The exit code."""
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    violations = check(root)
    for violation in violations:
        print(violation)
    files = sum(1 for _ in python_files(root))
    print(f"architecture: {files} files, {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
