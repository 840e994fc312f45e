"""Where the fault may be: lines of the tree with a suspicion in 0..1, by what failing and passing tests ran."""

from __future__ import annotations

import ast
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .session import Outcome, Session


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_TEST_FILE = re.compile(r"(^|/)(test_[^/]*|[^/]*_tests?|tests?|conftest)\.py$|(^|/)tests?/")


@dataclass
class Suspicion:
    """The answer. `lines` is {path: {line: score}}; the rest is for explaining it."""

    lines: dict[str, dict[int, float]] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    frames: tuple[tuple[str, int], ...] = ()
    failing: tuple[str, ...] = ()
    counts: dict[str, dict[int, tuple[int, int]]] = field(default_factory=dict)
    """{path: {line: (failing tests that ran it, passing tests that ran it)}}."""
    yardsticks: set[tuple[str, int]] = field(default_factory=set)
    """(path, line) of code that assertions themselves compare with."""
    totals: tuple[int, int] = (0, 0)
    """Failing and passing tests that were watched."""

    def rank(self, path: str, line: int) -> tuple[int, int]:
        """(place of the line among the suspicious ones, how many there are); equal scores share the best place."""
        scores = [score for found in self.lines.values() for score in found.values()]
        mine = self.lines.get(path, {}).get(line, 0.0)
        return 1 + sum(score > mine for score in scores), len(scores)


def locate(sessions: list[Session], sources: Mapping[str, bytes]) -> Suspicion:
    """Rank the lines of `sources` (path to bytes, the files of the tree that the sessions import)."""
    result = Suspicion()
    failing = [(k, o) for s in sessions for k, o in s.outcomes.items() if not o.ok]
    passing = [o for s in sessions for o in s.outcomes.values() if o.ok and o.traced]
    result.failing = tuple(key for key, _ in failing)
    result.messages = tuple(dict.fromkeys(o.failure["message"] for _, o in failing if o.failure))[:12]
    tests = {path for path in sources if is_test(path) or path in _homes(sessions, sources)}
    files = {path for path in sources if path not in tests}
    outcomes = [outcome for _, outcome in failing]
    _score(result, outcomes, passing, files)
    _blame_frames(result, outcomes, files)
    if not result.lines:
        _blame_imports(result, sessions, files)
    if not result.lines:  # program and tests in one file: what is no test in it
        files = set(sources)
        _score(result, outcomes, passing, files)
        _blame_frames(result, outcomes, files)
        result.lines = {path: _without_tests(sources[path], found) for path, found in result.lines.items()}
    _spread(result, sources, files)
    top = max((score for found in result.lines.values() for score in found.values()), default=1.0) or 1.0
    result.lines = {
        path: {line: score / top for line, score in found.items() if score / top > 0.02}
        for path, found in result.lines.items()
    }
    return result


def is_test(path: str) -> bool:
    """Whether a file holds tests by the usual names."""
    return bool(_TEST_FILE.search(path))


def _homes(sessions: list[Session], sources: Mapping[str, bytes]) -> set[str]:
    """Files that hold tests by what the sessions say, whatever their names."""
    homes: set[str] = set()
    for session in sessions:
        if session.kind == "script":
            homes.add(session.main)
        for key in session.outcomes:
            if session.kind == "unittest":
                words = key.split(".")
                homes.update("/".join(words[:n]) + ".py" for n in range(1, len(words)))
            else:
                path = key.replace("collect:", "").split("::")[0]
                if b"def test" in sources.get(path, b""):  # else its doctests are meant
                    homes.add(path)
    return homes


def _without_tests(source: bytes, found: Mapping[int, float]) -> dict[int, float]:
    try:
        parsed = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return dict(found)
    left_out: set[int] = set()
    for node in ast.walk(parsed):
        named = isinstance(node, (*_FUNCTIONS, ast.ClassDef)) and node.name.lower().startswith("test")
        derived = isinstance(node, ast.ClassDef) and any("TestCase" in ast.dump(base) for base in node.bases)
        if named or derived or isinstance(node, ast.Assert):
            left_out.update(_range(node))  # type: ignore[arg-type]
    return {line: score for line, score in found.items() if line not in left_out}


def _score(result: Suspicion, failing: list[Outcome], passing: list[Outcome], files: set[str]) -> None:
    """Ochiai, a little sharpened for one fault: a line that all failing tests ran comes before one that some did."""
    watched = [outcome for outcome in failing if outcome.lines]
    result.totals = (len(watched), len(passing))
    counts: dict[str, dict[int, list[int]]] = {}
    for column, outcomes in ((0, watched), (1, passing)):
        for outcome in outcomes:
            for path, lines in outcome.lines.items():
                if path in files:
                    per_line = counts.setdefault(path, {})
                    for line in lines:
                        per_line.setdefault(line, [0, 0])[column] += 1
    for path, per_line in counts.items():
        result.counts[path] = {line: (f, p) for line, (f, p) in per_line.items()}
        for line, (f, p) in per_line.items():
            if f:
                ochiai = f / (len(watched) * (f + p)) ** 0.5
                result.lines.setdefault(path, {})[line] = ochiai * (0.5 + 0.5 * f / len(watched))


def _blame_frames(result: Suspicion, failing: list[Outcome], files: set[str]) -> None:
    """Lines of tracebacks gain: the innermost one most."""
    told = [outcome.failure for outcome in failing if outcome.failure]
    frames: list[tuple[str, int]] = []
    for failure in told:
        inside = [(path, line) for path, line, _ in failure["frames"] if path in files]
        frames.extend(inside[-6:])
        for depth, (path, line) in enumerate(reversed(inside[-6:])):
            found = result.lines.setdefault(path, {})
            found[line] = found.get(line, 0.3) + 0.4 * 0.6**depth / len(told)
    result.frames = tuple(dict.fromkeys(frames))


def _blame_imports(result: Suspicion, sessions: list[Session], files: set[str]) -> None:
    """Nothing better is known: everything that ran while modules were imported."""
    for session in sessions:
        if session.failing:
            for path, lines in session.imported.items():
                if path in files:
                    result.lines.setdefault(path, {}).update(dict.fromkeys(lines, 0.3))


def _spread(result: Suspicion, sources: Mapping[str, bytes], files: set[str]) -> None:
    """From lines to the whole of their statements, to the heads of their functions, and to what they read of the
    module: its constants, and the functions that filled those at import."""
    trees: dict[str, ast.Module] = {}
    wanted: dict[str, float] = {}
    for path in sorted(files):
        try:
            trees[path] = ast.parse(sources[path])
        except (SyntaxError, ValueError, RecursionError):
            continue
        if path in result.lines:
            bent: set[int] = set()
            _whole_statements(trees[path], result.lines[path], bent)
            result.yardsticks |= {(path, line) for line in bent}
            _names_read(trees[path], result.lines[path], wanted)
    for path, parsed in trees.items():
        scores = _module_level(parsed, result.lines.get(path, {}), wanted)
        if scores:
            found = result.lines.setdefault(path, {})
            for line, score in scores.items():
                found[line] = max(found.get(line, 0.0), score)


def _whole_statements(parsed: ast.Module, found: dict[int, float], yardsticks: set[int]) -> None:
    heads: list[tuple[range, float]] = []
    for node in ast.walk(parsed):
        if not isinstance(node, ast.stmt) or isinstance(node, ast.ClassDef):
            continue
        body = getattr(node, "body", None)
        last = (body[0].lineno - 1) if isinstance(body, list) and body else (node.end_lineno or node.lineno)
        lines = range(node.lineno, max(last, node.lineno) + 1)
        if isinstance(node, _FUNCTIONS):
            scores = [found.get(n, 0.0) for n in range(node.lineno, (node.end_lineno or node.lineno) + 1)]
            heads.append((lines, 0.6 * max(scores)))
            continue
        best = max(found.get(n, 0.0) for n in lines)
        if best:
            found.update(dict.fromkeys(lines, best))
    for node in ast.walk(parsed):
        if isinstance(node, _FUNCTIONS) and node.name in ("__eq__", "__ne__"):
            # the tests' own yardstick: bending it makes assertions pass that should not
            inside = [n for n in _range(node) if n in found]
            found.update({n: 0.6 * found[n] for n in inside})
            yardsticks.update(inside)
    for lines, best in heads:
        for n in lines:
            found.pop(n, None)
        if best:
            found.update(dict.fromkeys(lines, best))


def _names_read(parsed: ast.Module, found: Mapping[int, float], wanted: dict[str, float]) -> None:
    """Names that suspicious lines take from outside their function: {name: best score}, added to `wanted`."""

    def visit(node: ast.AST, local: frozenset[str]) -> None:
        if isinstance(node, (*_FUNCTIONS, ast.Lambda)):
            local = local | _locals(node)
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None
        if name is not None and not (isinstance(node, ast.Name) and name in local):
            score = found.get(node.lineno, 0.0)  # type: ignore[attr-defined]
            if score > wanted.get(name, 0.0):
                wanted[name] = score
        for child in ast.iter_child_nodes(node):
            visit(child, local)

    visit(parsed, frozenset())


def _locals(function: ast.AST) -> set[str]:
    names = {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
    names |= {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return names - {n for g in ast.walk(function) if isinstance(g, ast.Global) for n in g.names}


def _module_level(parsed: ast.Module, found: Mapping[int, float], wanted: Mapping[str, float]) -> dict[int, float]:
    """Scores of statements that ran at import and that suspicious code depends on by name."""
    functions: dict[str, float] = {}
    scores: dict[int, float] = {}
    bound: set[str] = set()
    for node in parsed.body:
        if not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            bound |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for node in parsed.body:
        if isinstance(node, _FUNCTIONS) and not any(found.get(n) for n in _range(node)):
            read = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} & bound
            score = 0.6 * max((wanted.get(name, 0.0) for name in read), default=0.0)
            if score and node.name not in wanted:
                functions[node.name] = score
    for node in parsed.body:
        if isinstance(node, _FUNCTIONS) and node.name in functions:
            scores.update(dict.fromkeys(_range(node), functions[node.name]))
        for statement in node.body if isinstance(node, ast.ClassDef) else [node]:
            score = _depends(statement, wanted, functions)
            if score:
                scores.update(dict.fromkeys(_range(statement), score))
    return scores


def _depends(statement: ast.stmt, wanted: Mapping[str, float], functions: Mapping[str, float]) -> float:
    if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        names = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        return 0.7 * max((wanted.get(name, 0.0) for name in names), default=0.0)
    if isinstance(statement, (ast.Expr, ast.For, ast.With, ast.If, ast.Try)):
        if isinstance(statement, ast.Expr) and not isinstance(statement.value, ast.Call):
            return 0.0
        names = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
        called = max((functions.get(name, 0.0) for name in names), default=0.0)
        filled = 0.5 * max((wanted.get(name, 0.0) for name in names), default=0.0)
        return max(0.5 * called, filled)
    return 0.0


def _range(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


class Imports:
    """Which lines only a new import can change: outside functions, or in functions that ran at import."""

    def __init__(self, sources: Mapping[str, bytes], sessions: list[Session]) -> None:
        self._sources = sources
        self._entered = {(path, line, name) for s in sessions for path, line, name in s.entered}
        self._inside: dict[str, set[int]] = {}

    def needed(self, path: str, line: int) -> bool:
        """A guess for an edit of that line."""
        if path not in self._inside:
            self._inside[path] = self._lines(path)
        return line not in self._inside[path]

    def _lines(self, path: str) -> set[int]:
        try:
            parsed = ast.parse(self._sources[path])
        except (SyntaxError, ValueError, RecursionError):
            return set()
        inside: set[int] = set()
        for node in ast.walk(parsed):  # outer functions come before inner ones
            if isinstance(node, _FUNCTIONS):
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                body = range(max(node.body[0].lineno, node.lineno), (node.end_lineno or node.lineno) + 1)
                if (path, first, node.name) in self._entered:
                    inside.difference_update(body)
                else:
                    inside.update(body)
        return inside


def relevant(paths: Iterable[str], root: str) -> list[str]:
    """Python files among those imported, the ones of the tree itself."""
    ours = [path for path in sorted(set(paths)) if path.endswith(".py") and "site-packages" not in path]
    return [path for path in ours if os.path.isfile(os.path.join(root, path))]
