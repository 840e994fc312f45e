"""A parsed file: where every node, statement and operator stands in its bytes."""

from __future__ import annotations

import ast
import bisect
import io
import re
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEWLINE = re.compile(rb"\r\n|\r|\n")
_GAP = re.compile(rb"#[^\r\n]*|\\\r?\n|\s+|[A-Za-z_]+|[<>!=]=|<<|>>|//|\*\*|:=|.", re.DOTALL)
BOM = b"\xef\xbb\xbf"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
LOOPS = (ast.For, ast.AsyncFor, ast.While)
BODIES = ("body", "orelse", "finalbody")


@dataclass(frozen=True, eq=False)
class Statement:
    """A statement with its place: the list that holds it, and what encloses it."""

    node: ast.stmt
    body: list[ast.stmt]
    index: int
    function: ast.FunctionDef | ast.AsyncFunctionDef | None
    loop: ast.stmt | None
    """The innermost loop of the same function around the statement."""
    holder: ast.AST
    """The compound statement, handler, case or module whose list this is."""
    outer: ast.FunctionDef | ast.AsyncFunctionDef | None
    """The outermost function around the statement, or itself."""


class Module:
    """One file: text, tree and positions. Building it parses once; raises SyntaxError or UnicodeDecodeError."""

    def __init__(self, path: str, raw: bytes) -> None:
        self.path = path
        self.raw = raw
        self.encoding = declared_encoding(raw)
        self.bom = 3 if raw.startswith(BOM) else 0
        if self.encoding in ("utf-8", "utf-8-sig"):
            self.text = raw[self.bom :]
            self.text.decode("utf-8")
        else:
            self.text = raw.decode(self.encoding).encode("utf-8")
        self.tree = ast.parse(raw)
        self.starts = [0] + [match.end() for match in _NEWLINE.finditer(self.text)]
        self.newline = "\r\n" if b"\r\n" in self.text else "\n"
        self.statements: list[Statement] = []
        self._collect(self.tree, None, None, None)
        self.statements.sort(key=lambda statement: statement.node.lineno)
        self._parents: dict[ast.AST, ast.AST] = {}
        self._sound: dict[ast.AST, bool] = {}

    def _collect(
        self,
        holder: ast.AST,
        function: ast.FunctionDef | ast.AsyncFunctionDef | None,
        loop: ast.stmt | None,
        outer: ast.FunctionDef | ast.AsyncFunctionDef | None,
    ) -> None:
        """Record the statements of every list inside `holder`; expressions hold none, so they are passed by."""
        for part in (*getattr(holder, "handlers", ()), *getattr(holder, "cases", ())):
            self._collect(part, function, loop, outer)
        for body in bodies_of(holder):
            for index, node in enumerate(body):
                own = node if isinstance(node, FUNCTIONS) else None
                self.statements.append(Statement(node, body, index, function, loop, holder, outer or own))
                if own is not None:
                    self._collect(own, own, None, outer or own)
                else:
                    inner = None if isinstance(node, ast.ClassDef) else node if isinstance(node, LOOPS) else loop
                    self._collect(node, function, inner, outer)

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node that holds an expression of a statement whose `expressions` were asked for."""
        return self._parents.get(node)

    def expressions(self, node: ast.stmt) -> list[ast.expr]:
        """The expressions of a statement itself, outermost first, not those of statements inside it."""
        found: list[ast.expr] = []
        stack: list[ast.AST] = [node]
        while stack:
            holder = stack.pop()
            if isinstance(holder, ast.expr):
                found.append(holder)
            for child in reversed(list(ast.iter_child_nodes(holder))):
                if isinstance(child, (ast.stmt, ast.ExceptHandler)) or type(child).__name__ == "match_case":
                    continue
                self._parents[child] = holder
                stack.append(child)
        return [one for one in found if self._trustworthy(one)]

    def _trustworthy(self, node: ast.expr) -> bool:
        """Whether a node's position can be believed: inside an f-string it is wrong in older Pythons."""
        known = self._sound.get(node)
        if known is None:
            holder = self._parents.get(node)
            known = True
            if isinstance(node, (ast.FormattedValue, ast.JoinedStr)):
                known = isinstance(node, ast.JoinedStr) and not isinstance(holder, (ast.FormattedValue, ast.JoinedStr))
            elif isinstance(holder, ast.JoinedStr):
                known = False
            elif isinstance(holder, ast.FormattedValue):
                known = self._reads_back(node)
            elif isinstance(holder, ast.expr) and not isinstance(holder, ast.JoinedStr):
                known = self._sound.get(holder, True)
            self._sound[node] = known
        return known

    def _reads_back(self, node: ast.expr) -> bool:
        """Whether the text at a node's position is that node."""
        try:
            return ast.dump(ast.parse("(" + self.code(node) + ")", mode="eval").body) == ast.dump(node)
        except (SyntaxError, ValueError, IndexError):
            return False

    def at(self, line: int, column: int) -> int:
        """The offset in `text` of a 1-based line and a UTF-8 column."""
        return self.starts[line - 1] + column

    def line_of(self, offset: int) -> int:
        """The 1-based line of an offset in `text`."""
        return bisect.bisect_right(self.starts, offset)

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Start and end of a node in `text`; decorators are not part of a function's span."""
        place: ast.expr = node  # type: ignore[assignment]  # everything but the module and contexts has a position
        if place.end_lineno is None or place.end_col_offset is None:
            raise ValueError(f"{type(node).__name__} has no position")
        return self.at(place.lineno, place.col_offset), self.at(place.end_lineno, place.end_col_offset)

    def code(self, node: ast.AST) -> str:
        """The source text of a node."""
        start, end = self.span(node)
        return self.text[start:end].decode("utf-8", "replace")

    def slice(self, start: int, end: int) -> str:
        """The source text between two offsets."""
        return self.text[start:end].decode("utf-8")

    def gap(self, start: int, end: int) -> Iterator[tuple[int, str]]:
        """(offset, token) of everything between two nodes but white space and comments."""
        for match in _GAP.finditer(self.text, start, end):
            token = match.group()
            if not token.isspace() and not token.startswith((b"#", b"\\")):
                yield match.start(), token.decode("utf-8", "replace")

    def line_start(self, offset: int) -> int:
        """Where the line of an offset begins."""
        return self.starts[self.line_of(offset) - 1]

    def line_end(self, offset: int) -> int:
        """Where the line of an offset ends, its line break not included."""
        match = _NEWLINE.search(self.text, offset)
        return match.start() if match else len(self.text)

    def indent(self, node: ast.stmt) -> str | None:
        """The white space before a statement, or None when something else stands before it on its line."""
        start = self.first(node)
        before = self.text[self.line_start(start) : start]
        return before.decode("utf-8") if not before.strip(b" \t\f") else None

    def first(self, node: ast.stmt) -> int:
        """Where a statement begins, its decorators included."""
        decorators = getattr(node, "decorator_list", None)
        if decorators:
            start = self.span(decorators[0])[0]
            return self.text.rfind(b"@", 0, start)
        return self.span(node)[0]

    def whole_lines(self, node: ast.stmt) -> tuple[int, int] | None:
        """The lines of a statement, the last line break included; None when it shares them with another."""
        if self.indent(node) is None:
            return None
        start, end = self.line_start(self.first(node)), self.span(node)[1]
        stop = self.line_end(end)
        rest = self.text[end:stop].strip()
        if rest and not rest.startswith(b"#"):
            return None
        match = _NEWLINE.match(self.text, stop)
        return start, match.end() if match else stop

    def raw_offset(self, offset: int) -> int:
        """The offset in the file's own bytes of an offset in `text`."""
        if self.encoding in ("utf-8", "utf-8-sig"):
            return offset + self.bom
        return len(self.text[:offset].decode("utf-8").encode(self.encoding))

    def to_raw(self, new: str) -> bytes:
        """Text in the file's encoding; raises UnicodeEncodeError when it does not fit."""
        return new.encode("utf-8" if self.bom else self.encoding)


def declared_encoding(raw: bytes) -> str:
    """The encoding that Python reads the file with; raises SyntaxError for one that nobody knows."""
    return tokenize.detect_encoding(io.BytesIO(raw).readline)[0]


def bodies_of(holder: ast.AST) -> Iterator[list[ast.stmt]]:
    """The statement lists that hang directly on a node."""
    for name in BODIES:
        body = getattr(holder, name, None)
        if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
            yield body


def header_end(module: Module, node: ast.stmt) -> int:
    """Where the statement's own part ends: before the first statement inside it, else its end."""
    first = [module.first(body[0]) for body in bodies_of(node)]
    handlers = [module.span(handler)[0] for handler in getattr(node, "handlers", [])]
    cases = [module.span(case.pattern)[0] for case in getattr(node, "cases", [])]
    return min([*first, *handlers, *cases, module.span(node)[1]])
