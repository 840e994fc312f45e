"""Expressions wrapped in a call or taken out of one, sums with one more term."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .contract import Draft
from .kinds import MANY, NUMBER, TEXT, TRUTH, kind_of
from .names import PARTNERS
from .precedence import demanded, strength
from .site import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .site import Site

_BUILTINS = {
    NUMBER: ("abs", "int", "str", "float", "round", "range", "-"),
    TEXT: ("int", "len", "list", "set", "str", "float", "sorted", "repr"),
    MANY: (
        "list",
        "len",
        "sorted",
        "set",
        "tuple",
        "reversed",
        "sum",
        "max",
        "min",
        "dict",
        "enumerate",
        "iter",
        "next",
    ),
    TRUTH: ("not", "bool", "int"),
    "": ("list", "str", "int", "len", "abs", "set", "tuple", "sorted", "reversed", "bool", "iter", "type"),
}


def unwrapped(site: Site) -> Iterator[Draft]:
    """`f(x)` becomes `x`; `x.m()` and `x.a` become `x`."""
    for node in site.exprs:
        if isinstance(node, ast.Call):
            for arg in node.args:
                if not isinstance(arg, (ast.Starred, ast.GeneratorExp)):
                    cost = 1.9 if len(node.args) == 1 else 2.3
                    yield site.swap_in(node, site.code(arg, 1), strength(arg) or 1, "call-unwrapped", cost)
            if isinstance(node.func, ast.Attribute):
                cost = 2.1 if not node.args else 2.5
                text = site.code(node.func.value, 15)
                yield site.swap_in(node, text, 15, "call-unwrapped", cost)
            if not node.args and not node.keywords:
                what = f"`{shorten(site.module.code(node))}` is not called"
                yield site.swap_in(node, site.code(node.func, 15), 15, "call-unwrapped", 2.4, what)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            called = getattr(site.parent(node), "func", None) is node
            if not called:
                yield site.swap_in(node, site.code(node.value, 15), 15, "attribute-dropped", 2.4)
                what = f"`{shorten(site.module.code(node))}` is called"
                yield site.swap_in(node, site.code(node, 15) + "()", 15, "call-added", 2.7, what)
        elif isinstance(node, ast.Await):
            yield site.swap_in(node, site.code(node.value), strength(node.value), "await-dropped", 2.5)
        elif isinstance(node, ast.Starred) and isinstance(node.ctx, ast.Load):
            start, end = site.module.span(node)[0], site.module.span(node.value)[0]
            yield Draft(
                start, end, "", "star-dropped", 2.0, f"the star before `{shorten(site.module.code(node.value))}` goes"
            )


def wrapped(site: Site) -> Iterator[Draft]:
    """`x` becomes `f(x)`: functions of the scope, then built-in ones that suit its kind."""
    scope = site.scope
    for node in site.exprs:
        if not _is_value(site, node):
            continue
        text, kind = site.module.code(node), kind_of(node, scope.tags)
        if len(text) > 60 or "#" in text:
            continue
        inside = site.parent(node)
        already = inside.func.id if isinstance(inside, ast.Call) and isinstance(inside.func, ast.Name) else ""
        for rank, name in enumerate(_functions(site)):
            if name != already:
                yield site.swap_in(node, f"{name}({text})", 15, "call-wrapped", 2.4 + 0.1 * rank)
        for rank, name in enumerate(_BUILTINS[kind]):
            if name.isalpha() and name not in ("not", already):
                yield site.swap_in(
                    node, f"{name}({text})", 15, "call-wrapped", 2.7 + 0.07 * rank + (0.5 if not kind else 0.0)
                )
        yield from _methods(site, node, kind)


def _methods(site: Site, node: ast.expr, kind: str) -> Iterator[Draft]:
    """`x` becomes `x.m()`."""
    usual = {TEXT: ("lower", "strip", "upper"), MANY: ("copy", "items", "values", "keys"), "": ("copy",)}.get(kind, ())
    used = [method for _, method, count in site.scope.method_uses if count == 0]
    for rank, method in enumerate(dict.fromkeys([*used, *usual])):
        yield site.swap_in(node, f"{site.code(node, 15)}.{method}()", 15, "call-added", 2.8 + 0.08 * rank)
    base = node.id if isinstance(node, ast.Name) else ""
    for rank, attr in enumerate(site.scope.attributes.get(base, ())):
        yield site.swap_in(node, f"{site.code(node, 15)}.{attr}", 15, "attribute-added", 2.1 + 0.1 * rank)


def _functions(site: Site) -> list[str]:
    """Functions that take one argument: the function itself, those it calls, those of the file."""
    around = site.scope.around
    own = getattr(site.scope.function, "name", "")
    names = [own] if own in around.functions else []
    names += [name for name in site.scope.called if name not in PARTNERS]
    names += list(around.functions)
    fitting = []
    for name in dict.fromkeys(names):
        signature = around.functions.get(name)
        if signature is None or (signature.least <= 1 and (signature.most is None or signature.most >= 1)):
            fitting.append(name)
    return fitting[:6]


def combined(site: Site) -> Iterator[Draft]:
    """`x` becomes `x + y`, `max(x, y)` and the like, with names and calls of the function."""
    scope, line = site.scope, site.node.lineno
    for node in site.exprs:
        if not _is_value(site, node) or len(site.module.code(node)) > 60:
            continue
        kind, parent = kind_of(node, scope.tags), site.parent(node)
        if kind == TRUTH:
            continue
        likely = isinstance(parent, (ast.Return, ast.Assign, ast.Slice, ast.Subscript, ast.Compare))
        base = 2.5 if likely else 2.7
        names = [
            name for name in scope.variables(line) if name != site.module.code(node) and name not in ("self", "cls")
        ]
        others = [(name, 15, scope.tags.get(name, "")) for name in names[:8]]
        others += [(one.text, one.level, one.kind) for one in scope.pool.values() if scope.visible(one.names, line)]
        mixed = ({NUMBER, MANY}, {NUMBER, TEXT}, {TEXT, MANY})
        others = [one for one in others if one[0] != site.module.code(node) and {kind, one[2]} not in mixed]
        others.sort(key=lambda one: one[2] != kind)
        for rank, (text, level, other) in enumerate(others[:18]):
            extra = 0.06 * rank + (0.0 if kind and kind == other else 0.3)
            mine = site.code(node, 10)
            yield site.swap_in(node, f"{mine} + {_fit(text, level, 11)}", 10, "term-added", base + extra)
            if kind in (NUMBER, "") and other in (NUMBER, ""):
                yield site.swap_in(node, f"{mine} - {_fit(text, level, 11)}", 10, "term-added", base + 0.3 + extra)
                for function in ("max", "min"):
                    new = f"{function}({site.code(node, 1)}, {text})"
                    yield site.swap_in(node, new, 15, "call-wrapped", base + 0.4 + extra)
            if kind in (MANY, TEXT, ""):
                yield site.swap_in(
                    node, f"{_fit(text, level, 10)} + {site.code(node, 11)}", 10, "term-added", base + 0.3 + extra
                )
            if kind in (NUMBER, "") and other in (NUMBER, "") and rank <= 6:
                for operator in ("*", "//", "%"):
                    new = f"{site.code(node, 11)} {operator} {_fit(text, level, 12)}"
                    yield site.swap_in(node, new, 11, "term-added", base + 0.9 + extra)
        for name in (
            [name for name in names if scope.tags.get(name) in (MANY, TEXT)][:3] if kind in (NUMBER, "") else []
        ):
            for operator, at in (("%", 11), ("-", 10), ("+", 10)):
                new = f"{site.code(node, at)} {operator} len({name})"
                yield site.swap_in(node, new, at, "term-added", base + 0.5)


def kept(site: Site) -> Iterator[Draft]:
    """An assignment that forgets the old value: `x = y` becomes `x = max(x, y)`, `x = x + y` and so on."""
    node = site.node
    if not (isinstance(node, ast.Assign) and len(node.targets) == 1):
        return
    target, value = node.targets[0], node.value
    if not isinstance(target, (ast.Name, ast.Attribute, ast.Subscript)):
        return
    name, text = site.module.code(target), site.code(value, 1)
    if "\n" in text or name in text:
        return
    kind = kind_of(value, site.scope.tags)
    if kind not in (MANY, TEXT, TRUTH):
        for function in ("max", "min"):
            yield site.swap_in(value, f"{function}({name}, {text})", 15, "old-value-kept", 2.2)
    for operator, word in ((10, "+"), (2, "or"), (3, "and")):
        new = f"{name} {word} {_fit(text, strength(value), operator + 1)}"
        yield site.swap_in(value, new, operator, "old-value-kept", 2.5)


def _fit(text: str, level: int, wanted: int) -> str:
    return text if level >= wanted else f"({text})"


def _is_value(site: Site, node: ast.expr) -> bool:
    """Whether an expression is a value of its own that may be wrapped."""
    if not isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.BinOp)):
        return False
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return False
    parent = site.parent(node)
    if isinstance(parent, (ast.Attribute, ast.Expr)) or getattr(parent, "func", None) is node:
        return False
    if getattr(parent, "annotation", None) is node or demanded(parent, node) == 14:
        return False
    return not (isinstance(parent, ast.Subscript) and parent.value is node)
