"""Statements in another form: a result kept, a value put in front, `elif` to `else`; statements of other functions."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING

from .conditions import atoms
from .contract import Draft
from .layout import after, before
from .precedence import spelling, strength
from .site import shorten
from .source import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .site import Site

_BUILTIN = frozenset(dir(builtins))


def kept_results(site: Site) -> Iterator[Draft]:
    """A call whose result is lost is assigned: to what it was given first, then to names of the scope."""
    node = site.node
    if not (isinstance(node, ast.Expr) and isinstance(node.value, (ast.Call, ast.Await))):
        return
    start = site.module.span(node)[0]
    call = node.value.value if isinstance(node.value, ast.Await) else node.value
    targets: dict[str, float] = {}
    if isinstance(call, ast.Call):
        parts = [*call.args, *([call.func.value] if isinstance(call.func, ast.Attribute) else [])]
        for part in parts:
            if isinstance(part, (ast.Name, ast.Attribute, ast.Subscript)):
                targets.setdefault(site.code(part), 1.9 + 0.1 * len(targets))
    for name in site.scope.variables(site.node.lineno)[:6]:
        if name not in ("self", "cls"):
            targets.setdefault(name, 2.4 + 0.1 * len(targets))
    for text, cost in targets.items():
        what = f"the result of `{shorten(site.code(node.value), 40)}` is kept in `{text}`"
        yield Draft(start, start, f"{text} = ", "result-kept", cost, what)
        yield Draft(start, start, f"{text} += ", "result-kept", cost + 0.5, what)


def put_in_front(site: Site) -> Iterator[Draft]:
    """`x += y` becomes `x = y + x`; `x.append(y)` becomes `x.insert(0, y)`."""
    node, module = site.node, site.module
    start, end = module.span(node)
    if isinstance(node, ast.AugAssign):
        target, word = site.code(node.target), spelling(node.op)
        text = f"{target} = {site.code(node.value, 11)} {word} {target}"
        what = f"`{shorten(module.code(node), 40)}` becomes `{shorten(text, 40)}`"
        yield Draft(start, end, text, "put-in-front", 2.1, what)
    for one in site.exprs:
        if (
            isinstance(one, ast.Call)
            and isinstance(one.func, ast.Attribute)
            and one.func.attr == "append"
            and len(one.args) == 1
        ):
            text = f"{site.code(one.func.value, 15)}.insert(0, {site.code(one.args[0], 1)})"
            yield site.swap_in(one, text, 15, "put-in-front", 2.4)


def branches(site: Site) -> Iterator[Draft]:
    """The last `elif` becomes `else`, an `else` gets a condition, an `if` after a block becomes its `elif`."""
    node, module = site.node, site.module
    if not isinstance(node, ast.If):
        return
    start = module.first(node)
    if module.slice(start, start + 4) == "elif" and not node.orelse:
        colon = [at for at, token in module.gap(module.span(node.test)[1], site.head[1]) if token == ":"]
        if colon:
            yield Draft(
                start, colon[0], "else", "branch", 2.3, f"`elif {shorten(site.code(node.test), 40)}` becomes `else`"
            )
    if node.orelse and not (isinstance(node.orelse[0], ast.If) and module.code(node.orelse[0]).startswith("elif")):
        last = module.span(node.body[-1])[1]
        found = [at for at, token in module.gap(last, module.first(node.orelse[0])) if token == "else"]
        if found:
            names = {one.id for one in ast.walk(node.test) if isinstance(one, ast.Name)}
            for text, _, extra in atoms(site, names, site.code(node.test))[:60]:
                yield Draft(
                    found[0], found[0] + 4, f"elif {text}", "branch", 2.7 + extra, f"`else` becomes `elif {text}`"
                )


def borrowed(site: Site) -> Iterator[Draft]:
    """Short statements of the file's other functions, those of the same class first, whose names are known here."""
    scope, module = site.scope, site.module
    if scope.function is None or isinstance(site.node, (*FUNCTIONS, ast.ClassDef)):
        return
    owner = scope.around.owner.get(scope.function)
    known = {*scope.stores, *scope.outer, *scope.around.globals, *_BUILTIN}
    found: dict[str, float] = {}
    for text, names, home in scope.around.short_statements():
        if home is not scope.function and names <= known and text not in scope.source:
            same = owner is not None and scope.around.owner.get(home) is owner
            if same or len(found) < 40:
                found.setdefault(text, 0.0 if same else 0.6)
    ordered = sorted(found.items(), key=lambda item: item[1])[:40]
    last = site.statement.index == len(site.statement.body) - 1
    for rank, (text, extra) in enumerate(ordered):
        what = f"`{shorten(text, 50)}`, as elsewhere in {shorten(module.path, 40)}"
        draft = before(site, text, "statement-borrowed", 3.0 + extra + 0.02 * rank, what)
        if draft is not None:
            yield draft
        if last and not isinstance(site.node, (ast.Return, ast.Raise, ast.Break, ast.Continue)):
            draft = after(site, text, "statement-borrowed", 3.1 + extra + 0.02 * rank, what)
            if draft is not None:
                yield draft


def answers(site: Site) -> Iterator[Draft]:
    """A question asked instead of a fixed True or False, where one is returned or assigned."""
    node = site.node
    value = getattr(node, "value", None)
    if not (
        isinstance(node, (ast.Return, ast.Assign)) and isinstance(value, ast.Constant) and isinstance(value.value, bool)
    ):
        return
    for text, level, extra in atoms(site, set(), "")[:80]:
        yield site.swap_in(value, text, level, "answer", 2.3 + extra)


def plain_values(site: Site) -> Iterator[Draft]:
    """A plain value in the place of a variable or of a call."""
    for node in site.exprs:
        parent = site.parent(node)
        if not isinstance(node, (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.BinOp)):
            continue
        if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load) or getattr(parent, "func", None) is node:
            continue
        if isinstance(
            parent, (ast.Call, ast.keyword, ast.BinOp, ast.Compare, ast.Assign, ast.Subscript, ast.IfExp, ast.Slice)
        ):
            if isinstance(parent, ast.Subscript) and parent.value is node:
                continue
            options = (
                ("1", 2.7),
                ("0", 2.6),
                ("None", 2.8),
                ("True", 2.9),
                ("False", 2.9),
                ("-1", 2.9),
                ("[]", 3.1),
                ('""', 3.1),
            )
            loose = 0.0 if strength(node) == 15 else 0.3
            for text, cost in options:
                yield site.swap_in(node, text, 12 if text == "-1" else 15, "plain-value", cost + loose)
