"""What a function can see: its names and what they seem to hold, the expressions and conditions that it uses."""

from __future__ import annotations

import ast
import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from .analogies import OPPOSITES, opposite, renamed, renamings
from .kinds import kind_of, tag_names
from .precedence import strength
from .source import FUNCTIONS, LOOPS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .source import Module

LONGEST = 48
_FIELD = re.compile(rb"self\.([a-z_]\w*) *(?::[^=\n]+)?=[^=]")


class Known(NamedTuple):
    """An expression that stands in the function, ready to be used again."""

    text: str
    level: int
    kind: str
    names: frozenset[str]
    line: int


class Signature(NamedTuple):
    """What a function of the file takes; `most` is None for any number."""

    name: str
    least: int
    most: int | None
    params: tuple[str, ...]
    method: bool


class Surroundings:
    """What the whole file defines: functions, classes with their attributes, imports and constants."""

    def __init__(self, module: Module, others: Mapping[str, bytes]) -> None:
        self.module = module
        self._others = others
        self._fields: list[str] | None = None
        self._short: list[tuple[str, frozenset[str], ast.AST]] | None = None
        self.functions: dict[str, Signature] = {}
        self.methods: dict[str, dict[str, Signature]] = {}
        self.globals: list[str] = []
        self.owner: dict[ast.AST, ast.ClassDef] = {}
        self.within: dict[ast.AST, ast.AST | None] = {}
        self._attributes: dict[ast.AST, Counter[str]] = {}
        for statement in module.statements:
            node = statement.node
            if isinstance(node, FUNCTIONS):
                self.within[node] = statement.function
                method = isinstance(statement.holder, ast.ClassDef)
                signature = _signature(node, method)
                if isinstance(statement.holder, ast.ClassDef):
                    self.owner[node] = statement.holder
                    self.methods.setdefault(statement.holder.name, {})[node.name] = signature
                else:
                    self.functions[node.name] = signature
            if statement.function is None and not isinstance(statement.holder, ast.ClassDef):
                self.globals.extend(name for name in bound_by(node) if name not in self.globals)

    def fields(self) -> list[str]:
        """Names of attributes that the file's objects have, the most used first; then those of other files."""
        if self._fields is None:
            own: Counter[bytes] = Counter(_FIELD.findall(self.module.text[:400_000]))
            far: Counter[bytes] = Counter()
            for text in list(self._others.values())[:40]:
                far.update(_FIELD.findall(text[:100_000]))
            names = [word.decode("utf-8", "ignore") for word, _ in (*own.most_common(12), *far.most_common(12))]
            self._fields = list(dict.fromkeys(names))
        return self._fields

    def short_statements(self) -> list[tuple[str, frozenset[str], ast.AST]]:
        """(text, names read, function) of the one-line calls and assignments of all functions."""
        if self._short is None:
            self._short = []
            for statement in self.module.statements[:4000]:
                node = statement.node
                if statement.function is not None and isinstance(node, (ast.Expr, ast.Assign, ast.AugAssign)):
                    text = self.module.code(node)
                    if len(text) < 70 and "\n" not in text and text[:1] not in "\"'":
                        self._short.append((text, _read(node), statement.function))
        return self._short

    def attributes(self, owner: ast.ClassDef) -> Counter[str]:
        """How often each `self.x` is used in a class that is not a call of a method."""
        known = self._attributes.get(owner)
        if known is None:
            known = Counter()
            called = {id(node.func) for node in ast.walk(owner) if isinstance(node, ast.Call)}
            for node in ast.walk(owner):
                if (
                    isinstance(node, ast.Attribute)
                    and isinstance(node.value, ast.Name)
                    and node.value.id in ("self", "cls")
                ):
                    known[node.attr] += id(node) not in called
            self._attributes[owner] = known = +known
        return known


class Scope:
    """The names that one function, or the module's own code, can use at a place."""

    def __init__(self, around: Surroundings, function: ast.AST | None) -> None:
        self.around = around
        self.function = function
        self.root: ast.AST = around.module.tree if function is None else function
        self.params = params_of(function) if function is not None else []
        self.stores: dict[str, int] = {name: getattr(function, "lineno", 0) for name in self.params}
        self.uses: Counter[str] = Counter()
        self.called: Counter[str] = Counter()
        self.methods: Counter[str] = Counter()
        self.method_uses: list[tuple[str, str, int]] = []
        """(receiver text, method, number of arguments) of each call of a method, in order."""
        self.attributes: dict[str, Counter[str]] = {}
        self.pool: dict[str, Known] = {}
        self.conditions: dict[str, Known] = {}
        self.returns: dict[str, Known] = {}
        self.raises: list[str] = []
        self.strings: Counter[str] = Counter()
        self.tags = tag_names(self.root)
        for node in walk_own(self.root):
            self._note(node)
        self._extend()
        self._outer: list[str] | None = None
        self._source: str | None = None

    @property
    def outer(self) -> list[str]:
        """Names of the functions around this one."""
        if self._outer is None:
            self._outer = []
            above = self.around.within.get(self.function) if self.function is not None else None
            while above is not None:
                self._outer.extend(params_of(above))
                for node in walk_own(above):
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                        self._outer.append(node.id)
                above = self.around.within.get(above)
            self._outer = [name for name in dict.fromkeys(self._outer) if name not in self.stores]
        return self._outer

    @property
    def body(self) -> list[ast.stmt]:
        """The statements of the function, or of the module."""
        return self.root.body  # type: ignore[attr-defined,no-any-return]

    @property
    def source(self) -> str:
        """The text of the function; empty for the module."""
        if self._source is None:
            self._source = self.around.module.code(self.function) if self.function is not None else ""
        return self._source

    def _note(self, node: ast.AST) -> None:
        """Remember one node of the function."""
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store):
                self.stores.setdefault(node.id, node.lineno)
                self.stores[node.id] = min(self.stores[node.id], node.lineno)
            else:
                self.uses[node.id] += 1
        elif isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name):
                self.attributes.setdefault(node.value.id, Counter())[node.attr] += 1
        elif isinstance(node, ast.Call):
            self._note_call(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < LONGEST:
            self.strings[node.value] += 1
        elif isinstance(node, ast.Raise) and node.exc is not None:
            self.raises.append(self.around.module.code(node.exc))
        elif isinstance(node, ast.Return) and node.value is not None:
            self._keep(self.returns, node.value)
        if isinstance(node, (ast.If, ast.While, ast.IfExp, ast.Assert)):
            self._keep(self.conditions, node.test)
            for clause in node.test.values if isinstance(node.test, ast.BoolOp) else ():
                self._keep(self.conditions, clause)
        if isinstance(node, ast.comprehension):
            for test in node.ifs:
                self._keep(self.conditions, test)
        if isinstance(node, (ast.Call, ast.BinOp, ast.Subscript, ast.Attribute)):
            self._keep(self.pool, node)

    def _extend(self) -> None:
        """Add to the pool what its expressions would be with other names, where code was written twice."""
        known = list(self.pool.values())
        self.renamings = renamings([one.text for one in known])
        for mapping in (*self.renamings[:8], *OPPOSITES):
            for one in known[:40]:
                text = renamed(one.text, mapping) if mapping not in OPPOSITES else opposite(one.text, mapping)
                if text is not None and text not in self.pool and len(self.pool) < 90:
                    names = frozenset(mapping.get(name, name) for name in one.names)
                    self.pool[text] = one._replace(text=text, names=names)

    def _note_call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name):
            self.called[node.func.id] += 1
        elif isinstance(node.func, ast.Attribute):
            self.methods[node.func.attr] += 1
            receiver = self.around.module.code(node.func.value)
            if len(receiver) < LONGEST:
                self.method_uses.append((receiver, node.func.attr, len(node.args)))

    def _keep(self, where: dict[str, Known], node: ast.expr) -> None:
        text = self.around.module.code(node)
        if len(text) > LONGEST or "\n" in text or "#" in text or text in where:
            return
        names = frozenset(one.id for one in ast.walk(node) if isinstance(one, ast.Name))
        where[text] = Known(text, strength(node), kind_of(node, self.tags), names, node.lineno)

    def variables(self, line: int) -> list[str]:
        """Local names that may have a value at a line: parameters and what was bound before it, nearest first."""
        known = [name for name, first in self.stores.items() if first <= line]
        return sorted(known, key=lambda name: (name in ("self", "cls"), -self.stores[name]))

    def visible(self, names: frozenset[str], line: int) -> bool:
        """Whether none of the names is a local one that gets its value only after a line."""
        return all(self.stores.get(name, 0) <= line for name in names)


def walk_own(root: ast.AST) -> Iterator[ast.AST]:
    """Every node inside a function (or module), but not inside functions or classes within it."""
    stack = list(ast.iter_child_nodes(root))
    stack.reverse()
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            children = list(ast.iter_child_nodes(node))
            children.reverse()
            stack.extend(children)


def params_of(function: ast.AST) -> list[str]:
    """The names of a function's parameters in order."""
    spec = getattr(function, "args", None)
    if not isinstance(spec, ast.arguments):
        return []
    found = [*getattr(spec, "posonlyargs", []), *spec.args, *([spec.vararg] if spec.vararg else []), *spec.kwonlyargs]
    found += [spec.kwarg] if spec.kwarg else []
    return [arg.arg for arg in found]


def bound_by(node: ast.stmt) -> list[str]:
    """The names that a statement at module level gives a value."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [(alias.asname or alias.name).split(".")[0] for alias in node.names]
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.For, *LOOPS, ast.With)):
        return [one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)]
    return []


def _read(node: ast.AST) -> frozenset[str]:
    """The names that a statement reads."""
    return frozenset(one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load))


def _signature(node: ast.AST, method: bool) -> Signature:
    spec = node.args  # type: ignore[attr-defined]
    names = [arg.arg for arg in (*getattr(spec, "posonlyargs", []), *spec.args)]
    static = any(getattr(one, "id", "") == "staticmethod" for one in node.decorator_list)  # type: ignore[attr-defined]
    if method and not static:
        names = names[1:]
    least = max(0, len(names) - len(spec.defaults))
    return Signature(node.name, least, None if spec.vararg else len(names), tuple(names), method)  # type: ignore[attr-defined]
