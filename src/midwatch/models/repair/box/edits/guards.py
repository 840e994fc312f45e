"""A guard or a base case put before a statement: `if <something odd>: return <default>`, continue, raise."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .kinds import MANY, NUMBER, TEXT
from .layout import before
from .site import shorten
from .source import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .contract import Draft
    from .site import Site

MOST = 140


def guards(site: Site) -> Iterator[Draft]:
    """Guards before the statement: every odd value of a parameter or a variable, with every likely way out."""
    statement = site.statement
    if statement.function is None or isinstance(site.node, (*FUNCTIONS, ast.ClassDef)):
        return
    body = statement.function.body
    first = statement.body is body and statement.index == (1 if _documented(body) and len(body) > 1 else 0)
    exits = list(_exits(site))
    found = []
    for rank, (test, extra) in enumerate(_oddities(site)):
        for place, (leave, more) in enumerate(exits):
            base = 2.3 if first else 2.9
            found.append((base + extra + more + 0.015 * rank + 0.03 * place, test, leave))
    found.sort(key=lambda item: item[0])
    step = _step(site)
    for cost, test, leave in found[:MOST]:
        what = f"add a guard `if {test}: {leave}` before `{shorten(site.module.code(site.node), 40)}`"
        draft = before(site, f"if {test}:\n{step}{leave}", "guard-added", cost, what)
        if draft is not None:
            yield draft


def _documented(body: list[ast.stmt]) -> bool:
    first = body[0]
    return isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str)


def _step(site: Site) -> str:
    """One level of indentation as this file writes it."""
    function = site.statement.function
    if function is not None:
        outer, inner = site.module.indent(function), site.module.indent(function.body[0])
        if outer is not None and inner is not None and inner.startswith(outer) and inner != outer:
            return inner[len(outer) :]
    return "    "


def _oddities(site: Site) -> Iterator[tuple[str, float]]:
    """Conditions of a value that code tends to forget."""
    scope, line = site.scope, site.node.lineno
    read = {one.id for one in site.exprs if isinstance(one, ast.Name)}
    names = [name for name in scope.variables(line) if name not in ("self", "cls")]
    names.sort(key=lambda name: (name not in read, name not in scope.params))
    recursive = _recursive(site)
    for rank, name in enumerate(names[:8]):
        kind = scope.tags.get(name, "")
        extra = 0.08 * rank + (0.0 if name in read else 0.2)
        yield f"not {name}", 0.0 + extra + (0.2 if kind == NUMBER else 0.0)
        yield f"{name} is None", 0.1 + extra + (0.5 if kind in (NUMBER, MANY) else 0.0)
        if kind in (NUMBER, ""):
            soon = 0.2 if recursive else 0.5
            for text, more in (("== 0", 0.0), ("<= 1", 0.1), ("<= 0", 0.1), ("< 0", 0.2), ("== 1", 0.2), ("< 2", 0.3)):
                yield f"{name} {text}", soon + more + extra + (0.3 if not kind else 0.0)
        if kind in (MANY, TEXT, ""):
            soon = 0.3 if recursive else 0.6
            yield f"len({name}) <= 1", soon + extra + (0.3 if not kind else 0.0)
            yield f"len({name}) == 1", soon + 0.1 + extra + (0.3 if not kind else 0.0)
    for known in scope.conditions.values():
        if scope.visible(known.names, line):
            yield known.text, 0.5
            yield (f"not {known.text}" if known.level >= 4 else f"not ({known.text})"), 0.5
    for one in names[:5]:
        for two in names[:5]:
            kinds = scope.tags.get(one, ""), scope.tags.get(two, "")
            if kinds[1] == MANY and kinds[0] != MANY and one != two:
                yield f"{one} in {two}", 0.4
                yield f"{one} not in {two}", 0.5
            elif one < two and kinds[0] == kinds[1]:
                for operator in ("==", "<", ">"):
                    yield f"{one} {operator} {two}", 0.7


def _recursive(site: Site) -> bool:
    name = getattr(site.scope.function, "name", "")
    return name in site.scope.called or name in site.scope.methods


def _exits(site: Site) -> Iterator[tuple[str, float]]:
    """Ways to leave, those that the function has already first."""
    scope, line = site.scope, site.node.lineno
    if site.statement.loop is not None:
        yield "continue", 0.0
        yield "break", 0.2
    nested = 0.3 if site.statement.loop is not None else 0.0
    seen: set[str] = set()
    options: list[tuple[str, float]] = []
    for rank, known in enumerate(scope.returns.values()):
        if scope.visible(known.names, line) and len(known.text) < 30:
            options.append((known.text, 0.1 + 0.1 * rank))
    returning = bool(scope.returns)
    if not returning:
        yield "return", 0.0 + nested
    rank = 0
    for name in scope.params:
        if name not in ("self", "cls") and returning:
            options.append((name, 0.3 + 0.1 * rank))
            rank += 1
    kinds = {known.kind for known in scope.returns.values()}
    for text, kind in (("False", "truth"), ("True", "truth"), ("[]", MANY), ("0", NUMBER), ("1", NUMBER), ("None", ""),
                       ("''", TEXT), ("{}", MANY), ("-1", NUMBER), ("[[]]", MANY), ("()", MANY)):  # fmt: skip
        options.append((text, (0.1 if kind in kinds else 0.5) + 0.04 * len(options)))
    for text, extra in sorted(options, key=lambda item: item[1]):
        if text not in seen and returning:
            seen.add(text)
            yield f"return {text}", extra + nested
    for rank, text in enumerate(dict.fromkeys(scope.raises)):
        if "\n" not in text and len(text) < 90:
            yield f"raise {text}", 0.6 + 0.2 * rank
