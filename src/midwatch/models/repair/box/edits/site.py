"""One statement under suspicion: its expressions, and how to put something in their place."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .contract import Draft
from .precedence import ATOM, demanded, strength
from .source import header_end

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .scopes import Scope
    from .source import Module, Statement


class Site:
    """A statement, what stands in it, and the scope it stands in."""

    def __init__(self, module: Module, statement: Statement, scope: Scope) -> None:
        self.module = module
        self.statement = statement
        self.node = statement.node
        self.scope = scope
        self.exprs: Sequence[ast.expr] = module.expressions(statement.node)
        self.head = (module.first(self.node), header_end(module, self.node))

    def parent(self, node: ast.AST) -> ast.AST | None:
        """What holds an expression of this statement."""
        return self.module.parent(node)

    def code(self, node: ast.AST, level: int = 0) -> str:
        """The text of an expression, in parentheses when it holds together less tightly than `level`."""
        text = self.module.code(node)
        loose = strength(node) < level or (isinstance(node, ast.Tuple) and level > 0 and not closed(text))
        if loose or ("\n" in text and strength(node) < ATOM):
            return f"({text})"
        return text

    def bracketed(self, node: ast.AST) -> bool:
        """Whether an expression already stands in parentheses of its own, or of a call's."""
        start, end = self.module.span(node)
        before = (
            self.module.text[:start].rstrip() if start < 1 else self.module.text[max(0, start - 200) : start].rstrip()
        )
        after = self.module.text[end : end + 200].lstrip()
        return before.endswith(b"(") and after.startswith(b")")

    def swap_in(self, node: ast.AST, new: str, level: int, kind: str, cost: float, what: str = "") -> Draft:
        """Put `new`, which holds together as tightly as `level`, in the place of an expression."""
        start, end = self.module.span(node)
        if level < demanded(self.parent(node), node) and not self.bracketed(node):
            new = f"({new})"
        if not what:
            what = f"`{shorten(self.module.code(node))}` becomes `{shorten(new)}`"
        return Draft(start, end, spaced(self.module.text, start, end, new), kind, cost, what)

    def operator(self, left: ast.AST, right: ast.AST) -> tuple[int, int] | None:
        """Where the operator between two neighbouring expressions stands."""
        return self.between(self.module.span(left)[1], self.module.span(right)[0])

    def between(self, start: int, end: int) -> tuple[int, int] | None:
        """Where the one operator in a stretch without expressions stands."""
        tokens = [(at, token) for at, token in self.module.gap(start, end) if token not in "()"]
        if not tokens:
            return None
        return tokens[0][0], tokens[-1][0] + len(tokens[-1][1])

    def exchange(self, first: ast.AST, second: ast.AST, kind: str, cost: float, what: str) -> Draft | None:
        """Let two expressions swap places; what stands between them stays."""
        (start, mid), (mid2, end) = self.module.span(first), self.module.span(second)
        if mid > mid2:
            return None
        between = self.module.slice(mid, mid2)
        one = self.code(second, demanded(self.parent(first), first))
        two = self.code(first, demanded(self.parent(second), second))
        return Draft(start, end, one + between + two, kind, cost, what)


def closed(text: str) -> bool:
    """Whether a tuple's text has its own parentheses."""
    if not (text.startswith("(") and text.endswith(")")):
        return False
    try:
        ast.parse("(" + text[1:-1] + "\n)", mode="eval")
    except SyntaxError:
        return False
    return True


def spaced(text: bytes, start: int, end: int, new: str) -> str:
    """`new` with the blanks that keep it apart from words next to it."""
    before, after = text[start - 1 : start].decode("latin-1"), text[end : end + 1].decode("latin-1")
    if new and wordy(before) and wordy(new[0]):
        new = " " + new
    if new and wordy(after) and wordy(new[-1]):
        new += " "
    return new


def wordy(char: str) -> bool:
    """Whether a character may not touch a word."""
    return char.isalnum() or char in "_'\"" or char > "\x7f" if char else False


def shorten(text: str, limit: int = 60) -> str:
    """Text on one line, cut where it is long."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
