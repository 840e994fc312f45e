"""Small edits of Python source, likeliest first: the candidates of an offline program repair.

    for edit in enumerate_edits("pkg/mod.py", source, {12: 1.0, 13: 0.5}, Context(messages=("IndexError: ...",))):
        candidate = apply(source, edit)

Standard library only, Python 3.8 and later: it runs inside the sandbox, with whatever Python is there.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .contract import Context, Edit
from .patch import patch_text
from .ranking import Search
from .source import Module
from .syntax import mended

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Context", "Edit", "apply", "enumerate_edits", "patch_text", "same_meaning"]


def enumerate_edits(path: str, source: bytes, suspicion: Mapping[int, float], context: Context) -> Iterator[Edit]:
    """Edits of one file in non-decreasing `priority`, made lazily; each compiles and no two give the same program.

    `suspicion` maps 1-based lines to 0..1; statements without a line in it are left alone, apart from the defaults,
    constants and signatures that suspicious code depends on. Never raises for odd source: it yields less.
    """
    try:
        module = Module(path, source)
    except SyntaxError as error:
        yield from mended(path, source, error)
        return
    except (ValueError, RecursionError):
        return
    yield from Search(module, suspicion, context).edits()


def apply(source: bytes, *edits: Edit) -> bytes:
    """The source with all the edits made; raises ValueError when two of them overlap or lie outside."""
    last = len(source)
    for edit in sorted(edits, key=lambda one: (one.start, one.end), reverse=True):
        if not 0 <= edit.start <= edit.end <= last:
            raise ValueError(f"edits of {edit.path} overlap or lie outside the file, near byte {edit.start}")
        source = source[: edit.start] + edit.new + source[edit.end :]
        last = edit.start
    return source


def same_meaning(a: bytes, b: bytes) -> bool:
    """Whether two sources are the same program: equal trees, whatever their layout and docstrings look like."""
    if a == b:
        return True
    try:
        return _meaning(a) == _meaning(b)
    except (SyntaxError, ValueError, RecursionError):
        return False


def _meaning(source: bytes) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        ):
            first = body[0]
            if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
                first.value.value = " ".join(first.value.value.split())  # type: ignore[attr-defined]
    return ast.dump(tree)
