"""Conditions made weaker or stronger, replaced, dropped; `if` and `while`, branches exchanged."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .contract import Draft
from .kinds import MANY, NUMBER, TEXT, TRUTH
from .precedence import demanded, strength
from .site import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .site import Site


def tests_of(site: Site) -> Iterator[ast.expr]:
    """The conditions that a statement reads."""
    if isinstance(site.node, (ast.If, ast.While, ast.Assert)):
        yield site.node.test
    for node in site.exprs:
        if isinstance(node, ast.IfExp):
            yield node.test
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
            for generator in node.generators:
                yield from generator.ifs


def clauses(site: Site) -> Iterator[Draft]:
    """One clause of an `and` or `or` dropped, or negated; two grouped otherwise."""
    for node in site.exprs:
        if not isinstance(node, ast.BoolOp):
            continue
        word = " and " if isinstance(node.op, ast.And) else " or "
        for index, value in enumerate(node.values):
            others = [one for at, one in enumerate(node.values) if at != index]
            what = f"the clause `{shorten(site.module.code(value), 50)}` goes"
            if len(others) == 1:
                yield site.swap_in(node, site.code(others[0]), strength(others[0]), "clause-dropped", 1.5, what)
                continue
            text = word.join(site.code(one, strength(node) + 1) for one in others)
            yield site.swap_in(node, text, strength(node), "clause-dropped", 1.6, what)
        if len(node.values) == 2:
            draft = site.exchange(node.values[0], node.values[1], "clauses-swapped", 2.2, "the two clauses swap places")
            if draft is not None:
                yield draft


def changed(site: Site) -> Iterator[Draft]:
    """A condition with one more clause, from those of the function first, then from names in scope."""
    for test in tests_of(site):
        old = site.module.code(test)
        if len(old) > 160:
            continue
        names = {one.id for one in ast.walk(test) if isinstance(one, ast.Name)}
        for text, level, extra in atoms(site, names, old):
            for word, own in (("and", 3), ("or", 2)):
                new = f"{site.code(test, own)} {word} {_fit(text, level, own)}"
                yield site.swap_in(test, new, own, "clause-added", 2.3 + extra)
                new = f"{_fit(text, level, own)} {word} {site.code(test, own)}"
                yield site.swap_in(test, new, own, "clause-added", 2.4 + extra)
            yield site.swap_in(test, text, level, "condition-replaced", 2.2 + extra)
        for word, cost in (("True", 2.3), ("False", 2.3)):
            yield site.swap_in(test, word, 15, "condition-replaced", cost)


def _fit(text: str, level: int, wanted: int) -> str:
    return text if level >= wanted else f"({text})"


def atoms(site: Site, near: set[str], without: str) -> list[tuple[str, int, float]]:
    """(text, level, extra cost) of small conditions that can be asked at a statement, likeliest first."""
    scope, line = site.scope, site.node.lineno
    found: dict[str, tuple[int, float]] = {}

    def add(text: str, level: int, extra: float) -> None:
        if text != without and (text not in found or found[text][1] > extra):
            found[text] = (level, extra)

    for known in scope.conditions.values():
        if scope.visible(known.names, line):
            extra = 0.0 if near & known.names else 0.4
            add(known.text, known.level, 0.2 + extra)
            add(f"not {_fit(known.text, known.level, 4)}", 4, 0.5 + extra)
    names = [name for name in scope.variables(line) if name not in ("self", "cls")][:12]
    for rank, name in enumerate(names):
        extra = (0.0 if name in near else 0.3) + 0.05 * rank
        add(name, 15, 0.3 + extra)
        add(f"not {name}", 4, 0.3 + extra)
        add(f"{name} is None", 5, 0.5 + extra)
        add(f"{name} is not None", 5, 0.5 + extra)
        kind = scope.tags.get(name, "")
        if kind == NUMBER:
            for text in (f"{name} == 0", f"{name} > 0", f"{name} < 0", f"{name} >= 0", f"{name} > 1", f"{name} <= 1"):
                add(text, 5, 0.7 + extra)
        if kind in (MANY, TEXT):
            add(f"len({name}) == 1", 5, 0.8 + extra)
            add(f"len({name}) > 1", 5, 0.8 + extra)
    _pairs(site, names[:8], near, add)
    for known in scope.pool.values():
        if known.kind in (TRUTH, "") and scope.visible(known.names, line):
            extra = 0.0 if near & known.names else 0.4
            add(known.text, known.level, 0.6 + extra)
            add(f"not {_fit(known.text, known.level, 4)}", 4, 0.7 + extra)
    few = [
        one
        for one in scope.pool.values()
        if one.level == 15 and one.kind in (NUMBER, "") and scope.visible(one.names, line)
    ]
    for known in [one for one in few if near & one.names][:6]:
        for name in [name for name in names if name not in known.names and scope.tags.get(name) in (NUMBER, None)][:5]:
            for operator in ("<", ">", "==", ">=", "<=", "!="):
                extra = (0.7 if known.names <= near else 1.1) + 0.015 * len(known.text)
                add(f"{known.text} {operator} {name}", 5, extra)
    ordered = sorted(((text, level, extra) for text, (level, extra) in found.items()), key=lambda item: item[2])
    return [(text, level, extra + 0.007 * rank) for rank, (text, level, extra) in enumerate(ordered[:160])]


def _pairs(site: Site, names: list[str], near: set[str], add: object) -> None:
    """Comparisons of two names of one kind, and membership of one in the other."""
    put: _Add = add  # type: ignore[assignment]
    for one in names:
        for two in names:
            if one == two:
                continue
            kinds = site.scope.tags.get(one, ""), site.scope.tags.get(two, "")
            extra = 0.9 + (0.0 if {one, two} & near else 0.4)
            if kinds[0] == kinds[1] and kinds[0] not in (MANY, TRUTH) and one < two:
                for operator in ("==", "<", ">", "!=", "<=", ">="):
                    put(f"{one} {operator} {two}", 5, extra + (0.0 if operator in ("==", "<", ">") else 0.2))
            elif kinds[1] in (MANY, TEXT) and kinds[0] not in (MANY, TRUTH):
                put(f"{one} in {two}", 5, extra - 0.2)
                put(f"{one} not in {two}", 5, extra - 0.2)
                if kinds[0] != TEXT:
                    for operator in ("<", ">=", "=="):
                        put(f"{one} {operator} len({two})", 5, extra - (0.3 if kinds[0] == NUMBER else -0.2))
            elif kinds[0] != NUMBER and kinds[1] in (NUMBER, ""):
                for operator in (">", "<", "==", ">="):
                    put(f"len({one}) {operator} {two}", 5, extra + 0.4)


class _Add:
    """The shape of `add`, for the type checker."""

    def __call__(self, text: str, level: int, extra: float) -> None: ...


def ternaries(site: Site) -> Iterator[Draft]:
    """The branches of `a if c else b` swapped, or one of them alone."""
    for node in site.exprs:
        if isinstance(node, ast.IfExp):
            one, two = site.code(node.orelse, 2), site.code(node.body, 1)
            test = site.code(node.test, 2)
            what = f"the branches of `{shorten(site.module.code(node))}` swap places"
            yield site.swap_in(node, f"{one} if {test} else {two}", 1, "branches-swapped", 1.4, what)
            for keep in (node.body, node.orelse):
                yield site.swap_in(node, site.code(keep), strength(keep), "branch-only", 2.1)


def keywords(site: Site) -> Iterator[Draft]:
    """`if` for `while` and back, `elif` for `if`."""
    node, module = site.node, site.module
    if not isinstance(node, (ast.If, ast.While)):
        return
    start = module.first(node)
    old = module.slice(start, start + 5).split()[0].rstrip("(")
    if old == "if":
        yield Draft(start, start + 2, "while", "keyword", 2.0, "`if` becomes `while`")
        yield Draft(start, start + 2, "elif", "keyword", 2.3, "`if` becomes `elif`")
    elif old == "elif":
        yield Draft(start, start + 4, "if", "keyword", 2.0, "`elif` becomes `if`")
    elif old == "while":
        yield Draft(start, start + 5, "if", "keyword", 2.2, "`while` becomes `if`")


def defaults(site: Site) -> Iterator[Draft]:
    """`x` becomes `x or y`, and `x or y` becomes `x`, where a value is wanted."""
    for node in site.exprs:
        if not isinstance(node, (ast.Name, ast.Attribute, ast.Call, ast.Subscript)):
            continue
        parent = site.parent(node)
        wanted = (
            isinstance(parent, (ast.Return, ast.Assign, ast.Call, ast.keyword))
            and getattr(parent, "func", None) is not node
        )
        if not wanted or not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            continue
        kind = site.scope.tags.get(site.module.code(node), "")
        choices = {MANY: ("[]", "{}", "()"), TEXT: ('""',), NUMBER: ("0", "1"), TRUTH: ()}.get(
            kind, ("[]", "{}", '""', "0", "None")
        )
        level = demanded(parent, node)
        for rank, other in enumerate((*choices, *site.scope.variables(site.node.lineno)[:4])):
            if other != site.module.code(node):
                yield site.swap_in(
                    node, f"{site.code(node, max(2, level))} or {other}", 2, "default-added", 3.0 + 0.08 * rank
                )
