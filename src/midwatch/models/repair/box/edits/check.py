"""Whether an edit compiles and means something new: only the smallest unit around it is compiled."""

from __future__ import annotations
import __future__

import ast
import marshal
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import CodeType

    from .source import Module, Statement


class Checker:
    """Compiles edited units, and remembers what it has seen so that the same program comes once."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._by_line: dict[int, tuple[int, int]] = {}
        self._originals: dict[tuple[int, int], bytes | None] = {}
        self._seen: set[tuple[int, int, int]] = set()
        self._flags = _future_flags(module.tree)
        for statement in module.statements:
            self._claim(statement)

    def _claim(self, statement: Statement) -> None:
        """Give every line of a statement to the outermost function that holds it, or else to the statement."""
        node = statement.node
        if statement.function is not None or isinstance(node, ast.ClassDef) or self._module.code(node)[:4] == "elif":
            return
        module = self._module
        first = module.line_of(module.first(node))
        start, end = module.starts[first - 1], module.span(node)[1]
        last = module.line_of(end)
        stop = module.starts[last] if last < len(module.starts) else len(module.text)
        for line in range(first, last + 1):
            self._by_line[line] = (start, stop)

    def fresh(self, start: int, end: int, new: str) -> bool:
        """Whether the edit compiles and gives a program not seen before, the original included."""
        unit = self._unit(start, end)
        code = self._compile(unit, start, end, new)
        if code is None:
            return False
        if unit not in self._originals:
            self._originals[unit] = self._compile(unit, start, start, "")
        if code == self._originals[unit]:
            return False
        key = (*unit, hash(code))
        known = key in self._seen
        self._seen.add(key)
        return not known

    def _unit(self, start: int, end: int) -> tuple[int, int]:
        """The byte range that is compiled for an edit: lines that stand on their own."""
        module = self._module
        line = module.line_of(start)
        found = self._by_line.get(line)
        if found is None or start < found[0] or end > found[1]:
            return 0, len(module.text)
        return found

    def _compile(self, unit: tuple[int, int], start: int, end: int, new: str) -> bytes | None:
        """The byte code of a unit with the edit in it, without line numbers; None when it does not compile."""
        text = self._module.text
        body = text[unit[0] : start] + new.encode("utf-8") + text[end : unit[1]]
        if body[:1] in (b" ", b"\t"):
            body = b"if 1:\n" + body
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                code = compile(body, "unit", "exec", self._flags, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
            return None
        plain: Any = _stripped(code)
        return marshal.dumps(plain, 2)


def _stripped(code: CodeType) -> tuple[object, ...]:
    """What a code object does, without its lines."""
    consts = tuple(_stripped(one) if hasattr(one, "co_code") else _typed(one) for one in code.co_consts)
    handlers = getattr(code, "co_exceptiontable", b"")
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_name)
    counts = (code.co_argcount, code.co_kwonlyargcount, getattr(code, "co_posonlyargcount", 0), code.co_flags)
    return (code.co_code, consts, names, counts, handlers)


def _typed(value: object) -> object:
    """Constants with their types, since marshal keeps 1, 1.0 and True apart but a frozenset has no order."""
    if isinstance(value, tuple):
        return tuple(_typed(one) for one in value)
    if isinstance(value, frozenset):
        return ("frozenset", tuple(sorted(repr(one) for one in value)))
    if isinstance(value, (str, bytes, int, float, complex, type(None))):
        return value
    return repr(value)


def _future_flags(tree: ast.Module) -> int:
    """Compiler flags of the file's own `from __future__` lines."""
    flags = 0
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for name in node.names:
                flags |= getattr(getattr(__future__, name.name, None), "compiler_flag", 0)
    return flags
