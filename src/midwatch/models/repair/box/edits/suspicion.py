"""How suspicious each statement is: from the lines that the tests ran to statements, and on to what they depend on."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .source import FUNCTIONS, Module, header_end

if TYPE_CHECKING:
    from collections.abc import Mapping

INHERITED = 0.45
"""The share of suspicion that a signature or a constant takes over from the code that uses it."""


def spread(module: Module, suspicion: Mapping[int, float]) -> dict[int, float]:
    """Suspicion by the id of each statement's node, 1 at most; only those above 0."""
    lines = {line: min(1.0, float(value)) for line, value in suspicion.items() if value > 0}
    if not lines:
        return {}
    found: dict[int, float] = {}
    for statement in module.statements:
        own = _own(module, statement.node, lines)
        if own > 0:
            found[id(statement.node)] = own
    _to_signatures(module, found)
    _to_definitions(module, found)
    return found


def _own(module: Module, node: ast.stmt, lines: Mapping[int, float]) -> float:
    """The highest of a statement's own lines; what is inside it counts for itself."""
    first = module.line_of(module.first(node))
    return max((lines.get(line, 0.0) for line in range(first, head_line(module, node) + 1)), default=0.0)


def head_line(module: Module, node: ast.stmt) -> int:
    """The last line of a statement's own part, before what stands inside it."""
    last = module.line_of(max(0, header_end(module, node) - 1))
    if isinstance(node, (ast.If, ast.While, ast.For, ast.AsyncFor, ast.With, ast.AsyncWith)):
        last = min(last, max(module.line_of(module.span(one)[1]) for one in _head(node)))
    return last


def _head(node: ast.stmt) -> list[ast.expr]:
    if isinstance(node, (ast.If, ast.While)):
        return [node.test]
    if isinstance(node, (ast.For, ast.AsyncFor)):
        return [node.target, node.iter]
    items = node.items if isinstance(node, (ast.With, ast.AsyncWith)) else []
    return [item.optional_vars or item.context_expr for item in items]


def _to_signatures(module: Module, found: dict[int, float]) -> None:
    """A signature takes a share from the body: defaults and decorators run before any test does."""
    highest: dict[int, float] = {}
    for statement in module.statements:
        function = statement.function
        if function is not None:
            highest[id(function)] = max(highest.get(id(function), 0.0), found.get(id(statement.node), 0.0))
    for statement in module.statements:
        if isinstance(statement.node, FUNCTIONS):
            key = id(statement.node)
            share = INHERITED * highest.get(key, 0.0)
            if share > found.get(key, 0.0):
                found[key] = share


def _to_definitions(module: Module, found: dict[int, float]) -> None:
    """A constant or table takes a share from the code that names it."""
    named: dict[str, float] = {}
    for statement in module.statements:
        value = found.get(id(statement.node), 0.0)
        if value > 0:
            for one in module.expressions(statement.node):
                word = one.id if isinstance(one, ast.Name) else one.attr if isinstance(one, ast.Attribute) else ""
                if word and value > named.get(word, 0.0):
                    named[word] = value
    for statement in module.statements:
        node = statement.node
        if statement.function is None and isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            words = [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
            share = INHERITED * max((named.get(word, 0.0) for word in words), default=0.0)
            if share > found.get(id(node), 0.0):
                found[id(node)] = share
