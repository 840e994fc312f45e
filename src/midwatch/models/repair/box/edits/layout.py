"""Whole lines put in or shifted: the indentation and line endings of new statements."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from .contract import Draft
from .site import shorten
from .source import bodies_of

if TYPE_CHECKING:
    from .site import Site
    from .source import Module

_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def before(site: Site, text: str, kind: str, cost: float, what: str = "") -> Draft | None:
    """New lines before the statement; later lines of `text` are relative to the first. None in a shared line."""
    module = site.module
    indent = module.indent(site.node)
    at = module.first(site.node)
    if isinstance(site.node, ast.Pass) and indent is not None:
        new = (module.newline + indent).join(text.split("\n"))
        return Draft(at, at + 4, new, kind, cost, what or f"`pass` becomes `{shorten(text)}`")
    if indent is None or module.code(site.node).startswith("elif"):
        return None
    new = "".join(line + module.newline + indent for line in text.split("\n"))
    return Draft(
        at, at, new, kind, cost, what or f"`{shorten(text)}` comes before `{shorten(module.code(site.node), 40)}`"
    )


def after(site: Site, text: str, kind: str, cost: float, what: str = "") -> Draft | None:
    """New lines after the statement, at its own level; None in a shared line."""
    module = site.module
    indent, lines = module.indent(site.node), module.whole_lines(site.node)
    if indent is None or lines is None or module.code(site.node).startswith("elif"):
        return None
    at = module.line_end(module.span(site.node)[1])
    new = "".join(module.newline + indent + line for line in text.split("\n"))
    return Draft(
        at, at, new, kind, cost, what or f"`{shorten(text)}` comes after `{shorten(module.code(site.node), 40)}`"
    )


def inner_indent(module: Module, block: ast.stmt) -> str | None:
    """The indentation of the statements inside a block; None when they stand on its own line."""
    for body in bodies_of(block):
        return module.indent(body[0])
    return None


def reindented(module: Module, start: int, end: int, indent: str) -> str | None:
    """The lines from `start` to `end` with the first one's indentation exchanged for `indent`.

    None when a line stands further left than the first, as the inside of a long string may.
    """
    lines = _LINES.findall(module.slice(start, end))
    if not lines:
        return None
    old = lines[0][: len(lines[0]) - len(lines[0].lstrip(" \t\f"))]
    out = []
    for line in lines:
        if not line.strip():
            out.append(line)
        elif line.startswith(old):
            out.append(indent + line[len(old) :])
        elif line.lstrip().startswith("#"):
            out.append(indent + line.lstrip())
        else:
            return None
    if '"""' in "".join(lines) or "'''" in "".join(lines):
        return None
    text = "".join(out)
    return text if text.endswith(("\n", "\r")) else text + module.newline
