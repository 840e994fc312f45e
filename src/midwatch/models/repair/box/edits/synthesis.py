"""Statements that are missing: assembled from the names, methods and calls of the function."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from .contract import Draft
from .kinds import MANY, NUMBER, TEXT, TRUTH, clash
from .layout import after, before
from .site import shorten
from .source import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .site import Site

MOST = 130
_WORD = re.compile(r"\w+")
_FEEDING = ("append", "add", "extend", "update", "remove", "discard", "pop", "insert", "push", "appendleft", "put")


def missing(site: Site) -> Iterator[Draft]:
    """A new simple statement before the statement, after it, or as the last of its block."""
    statement = site.statement
    if statement.function is None or isinstance(site.node, (*FUNCTIONS, ast.ClassDef)):
        return
    found: dict[str, float] = {}
    near = _near(site)
    for text, extra in _texts(site):
        extra += 0.0 if near & set(_WORD.findall(text)) else 0.4
        found[text] = min(extra, found.get(text, 9.0))
    ordered = sorted(found.items(), key=lambda item: item[1])[:MOST]
    last = statement.index == len(statement.body) - 1
    leaves = isinstance(site.node, (ast.Return, ast.Raise, ast.Break, ast.Continue))
    for rank, (text, extra) in enumerate(ordered):
        cost = 2.5 + extra + 0.008 * rank
        draft = before(site, text, "statement-added", cost)
        if draft is not None:
            yield draft
        if last and not leaves:
            draft = after(site, text, "statement-added", cost + 0.1)
            if draft is not None:
                yield draft


def _near(site: Site) -> set[str]:
    """The names of the statement, of the one before it, and of the head of the block that holds it."""
    parts: list[ast.AST] = [site.node]
    if site.statement.index:
        parts.append(site.statement.body[site.statement.index - 1])
    elif isinstance(site.statement.holder, (ast.If, ast.While)):
        parts.append(site.statement.holder.test)
    elif isinstance(site.statement.holder, (ast.For, ast.AsyncFor)):
        parts.append(site.statement.holder.target)
    found = {one.id for part in parts for one in ast.walk(part) if isinstance(one, ast.Name)}
    return found - {"self", "cls"}


def _texts(site: Site) -> Iterator[tuple[str, float]]:
    yield from _assignments(site)
    yield from _feeding(site)
    yield from _of_self(site)
    yield from _calls(site)


def _names(site: Site) -> list[str]:
    return [name for name in site.scope.variables(site.node.lineno) if name not in ("self", "cls")]


def _assignments(site: Site) -> Iterator[tuple[str, float]]:
    """`i += 1`, `x = y`, `x = x.next`, `x = []`."""
    scope = site.scope
    names = _names(site)[:9]
    looped = (
        {one.id for one in ast.walk(site.statement.loop) if isinstance(one, ast.Name)} if site.statement.loop else set()
    )
    for rank, one in enumerate(names):
        kind = scope.tags.get(one, "")
        extra = 0.05 * rank + (0.0 if one in looped or not looped else 0.2)
        if kind in (NUMBER, ""):
            more = extra + (0.0 if kind else 0.4)
            yield f"{one} += 1", more
            yield f"{one} -= 1", 0.1 + more
            yield f"{one} = 0", 0.5 + more
        for two in names:
            if two != one:
                pairing = clash(kind, scope.tags.get(two, ""))
                param = 0.3 if one in scope.params and kind == MANY else 0.0
                yield f"{one} = {two}", 0.2 + extra + pairing + param
                if kind == NUMBER == scope.tags.get(two, ""):
                    yield f"{one} += {two}", 0.4 + extra
                    yield f"{one} -= {two}", 0.6 + extra
        for attr in scope.attributes.get(one, ()):
            yield f"{one} = {one}.{attr}", 0.5 + extra
        if kind in ("", TRUTH):
            for place, attr in enumerate(scope.around.fields()[:8]):
                yield f"{one} = {one}.{attr}", 0.8 + extra + 0.05 * place
        if kind in (MANY, ""):
            for method in ("sort", "reverse"):
                yield f"{one}.{method}()", 0.6 + extra + (0.0 if kind else 0.3)
        for two in names:
            if one < two and clash(kind, scope.tags.get(two, "")) < 0.5:
                yield f"{one}, {two} = {two}, {one}", 0.9 + extra
        for empty in {MANY: ("[]", "{}", "set()"), TEXT: ('""',), TRUTH: ("True", "False")}.get(kind, ("None",)):
            yield f"{one} = {empty}", 0.8 + extra
    for known in list(scope.pool.values())[:12]:
        for rank, one in enumerate(names[:6]):
            if scope.visible(known.names, site.node.lineno) and one != known.text:
                related = 0.0 if one in known.names else 0.3
                if known.text.endswith("]") and ":" not in known.text and one not in known.names:
                    yield f"{known.text} = {one}", 0.5 + 0.05 * rank + clash(known.kind, scope.tags.get(one, ""))
                yield f"{one} = {known.text}", 0.8 + related + 0.05 * rank + clash(known.kind, scope.tags.get(one, ""))


def _feeding(site: Site) -> Iterator[tuple[str, float]]:
    """`seen.add(x)`, `out.append(x)`, `todo.pop()`: methods of the function on its containers."""
    scope = site.scope
    names = _names(site)[:10]
    used = dict.fromkeys(method for _, method, _ in scope.method_uses if method in _FEEDING)
    receivers = [
        name for name in scope.stores if scope.tags.get(name) == MANY and scope.stores[name] <= site.node.lineno
    ]
    receivers += [receiver for receiver, method, _ in scope.method_uses if method in _FEEDING]
    for place, receiver in enumerate(dict.fromkeys(receivers)):
        setlike = _setlike(site, receiver)
        own = {method for who, method, _ in scope.method_uses if who == receiver}
        usual = ("add", "append") if setlike is None else ("add",) if setlike else ("append",)
        for rank, method in enumerate(dict.fromkeys([*used, *usual])):
            if method in ("add", "discard") and not setlike and method not in own and setlike is not None:
                continue
            extra = 0.05 * rank + 0.05 * place + (0.0 if method in own or setlike else 0.2)
            if method == "pop":
                yield f"{receiver}.pop()", 0.4 + extra
            for index, name in enumerate(names):
                if name != receiver:
                    yield (
                        f"{receiver}.{method}({name})",
                        extra + 0.06 * index + (0.3 if scope.tags.get(name) == MANY else 0.0),
                    )
        for index, name in enumerate(names[:5]):
            if name != receiver and setlike is None:
                yield f"{receiver}[{name}] = {names[0]}", 0.9 + 0.1 * index
            for known in list(scope.pool.values())[:5]:
                if scope.visible(known.names, site.node.lineno) and receiver not in known.names and index == 0:
                    method = "add" if setlike else "append"
                    yield f"{receiver}.{method}({known.text})", 0.7 + 0.01 * len(known.text)


def _setlike(site: Site, receiver: str) -> bool | None:
    """Whether a name was made as a set; None when nothing is known."""
    for text in (f"{receiver} = set(", f"{receiver} = {{"):
        if text in site.scope.source:
            return True
    for text in (f"{receiver} = []", f"{receiver} = [", f"{receiver} = list("):
        if text in site.scope.source:
            return False
    return None


def _of_self(site: Site) -> Iterator[tuple[str, float]]:
    """`self.x = x` in a constructor, `self.count += 1`, `self._method()`."""
    scope = site.scope
    if not scope.params or scope.params[0] not in ("self", "cls") or scope.function is None:
        return
    owner = scope.around.owner.get(scope.function)
    me = scope.params[0]
    found = scope.around.attributes(owner) if owner is not None else {}
    for param in scope.params[1:]:
        yield f"{me}.{param} = {param}", 0.2
        for attr in found:
            if param in attr:
                yield f"{me}.{attr} = {param}", 0.5
    for rank, attr in enumerate(list(found)[:12]):
        kind = scope.tags.get(f"{me}.{attr}", "")
        if kind in (NUMBER, ""):
            yield f"{me}.{attr} += 1", 0.5 + 0.05 * rank + (0.0 if kind else 0.4)
            yield f"{me}.{attr} -= 1", 0.6 + 0.05 * rank + (0.0 if kind else 0.4)
        for index, name in enumerate(_names(site)[:4]):
            yield f"{me}.{attr} = {name}", 0.9 + 0.06 * rank + 0.05 * index
        yield f"{me}.{attr} = None", 1.0 + 0.05 * rank
    methods = scope.around.methods.get(owner.name, {}) if owner is not None else {}
    for rank, signature in enumerate(methods.values()):
        if signature.least == 0 and not signature.name.startswith("__"):
            yield f"{me}.{signature.name}()", 0.6 + 0.06 * rank


def _calls(site: Site) -> Iterator[tuple[str, float]]:
    """A call that the function makes elsewhere, as a statement, as `yield from`, or with another variable."""
    scope, line = site.scope, site.node.lineno
    generator = any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in ast.walk(scope.root))
    names = _names(site)[:6]
    for rank, known in enumerate(scope.pool.values()):
        if known.text.endswith(")") and scope.visible(known.names, line):
            yield known.text, 0.9 + 0.04 * rank
            if generator:
                yield f"yield from {known.text}", 0.8 + 0.04 * rank
                yield f"yield {known.text}", 1.0 + 0.04 * rank
    own = getattr(scope.function, "name", "")
    for rank, name in enumerate(names):
        if generator:
            yield f"yield {name}", 0.5 + 0.1 * rank
            yield f"yield from {name}", 0.9 + 0.1 * rank
            if own:
                yield f"yield from {own}({name})", 0.7 + 0.1 * rank
        elif own in scope.called and len(scope.params) == 1:
            yield f"{own}({name})", 0.7 + 0.1 * rank


def else_branches(site: Site) -> Iterator[Draft]:
    """An `else` for an `if` that has none, with a likely statement in it."""
    node, module = site.node, site.module
    if not isinstance(node, ast.If) or node.orelse or site.scope.function is None:
        return
    indent, inner = module.indent(node), module.indent(node.body[0])
    head = module.code(node)
    if inner is None or (indent is None and not head.startswith("elif")):
        return
    if head.startswith("elif"):
        indent = module.slice(module.line_start(module.first(node)), module.first(node))
    options: list[tuple[str, float]] = [("continue", 0.2), ("break", 0.2)] if site.statement.loop is not None else []
    options += [(f"return {text}", 0.1 + 0.1 * rank) for rank, text in enumerate(list(site.scope.returns)[:4])]
    options += list(_assignments(site)) + list(_feeding(site))
    for text, extra in sorted(dict(options).items(), key=lambda item: item[1])[:40]:
        step = inner[len(indent or "") :]
        new = f"else:\n{step}{text}"
        lines = module.whole_lines(node.body[-1])
        if lines is not None:
            at = module.line_end(module.span(node.body[-1])[1])
            body = "".join(module.newline + (indent or "") + line for line in new.split("\n"))
            what = f"an `else: {text}` for `{shorten(head, 40)}`"
            yield Draft(at, at, body, "else-added", 3.0 + extra, what)
