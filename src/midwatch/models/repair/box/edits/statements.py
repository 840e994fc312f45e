"""Statements deleted, repeated, moved, taken into a block or out of it, exchanged for others."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .analogies import renamed
from .contract import Draft
from .layout import after, before, inner_indent, reindented
from .site import shorten
from .source import FUNCTIONS, LOOPS, bodies_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .site import Site

_FIXED = (*FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal)


def deleted(site: Site) -> Iterator[Draft]:
    """The statement goes; `pass` stands in for the last one of a block."""
    node, module = site.node, site.module
    if isinstance(node, (*_FIXED, ast.Pass)) or _is_docstring(site):
        return
    start, end = module.first(node), module.span(node)[1]
    compound = any(True for _ in bodies_of(node))
    what = f"the statement `{shorten(module.code(node), 50)}` goes"
    cost = 2.7 if compound else 2.0
    lines = module.whole_lines(node)
    if len(site.statement.body) > 1 and lines is not None:
        yield Draft(lines[0], lines[1], "", "statement-deleted", cost, what)
    elif not module.code(node).startswith("elif"):
        yield Draft(start, end, "pass", "statement-deleted", cost, what)
    if compound and not isinstance(node, ast.Try):
        yield from _unwrapped(site)


def _unwrapped(site: Site) -> Iterator[Draft]:
    """The body of a compound statement alone, or a branch of it dropped."""
    node, module = site.node, site.module
    body = getattr(node, "body", [])
    orelse = getattr(node, "orelse", [])
    indent, lines = module.indent(node), module.whole_lines(node)
    if indent is None or lines is None or not body:
        return
    for name, part in (("body", body), ("else branch", orelse)):
        first, last = (module.whole_lines(part[0]), module.whole_lines(part[-1])) if part else (None, None)
        if first is not None and last is not None:
            text = reindented(module, first[0], last[1], indent)
            if text is not None:
                what = f"only the {name} of `{shorten(module.slice(*site.head), 40)}` stays"
                yield Draft(lines[0], lines[1], text, "block-unwrapped", 2.4, what)
    if orelse and not isinstance(orelse[0], ast.If):
        last = module.whole_lines(body[-1])
        if last is not None:
            what = f"the else branch of `{shorten(module.slice(*site.head), 40)}` goes"
            yield Draft(last[1], lines[1], "", "else-dropped", 2.5, what)
            first = module.whole_lines(orelse[0])
            if first is not None:
                text = reindented(module, first[0], lines[1], indent)
                if text is not None:
                    what = f"the else branch of `{shorten(module.slice(*site.head), 40)}` runs always"
                    yield Draft(last[1], lines[1], text, "else-dropped", 2.2, what)


def exchanged(site: Site) -> Iterator[Draft]:
    """`break`, `continue`, `pass` and `return` for each other; `yield` for `yield from`; `return` for a bare value."""
    node, module = site.node, site.module
    start, end = module.span(node)
    if isinstance(node, (ast.Break, ast.Continue, ast.Pass)):
        old = module.code(node)
        for new, cost in (("break", 1.4), ("continue", 1.4), ("return", 2.2), ("pass", 1.7), ("return True", 2.5),
                          ("return False", 2.5), ("return None", 3.0)):  # fmt: skip
            if new != old and (site.statement.loop is not None or new not in ("break", "continue")):
                yield Draft(start, end, new, "jump", cost, f"`{old}` becomes `{new}`")
    elif isinstance(node, (ast.Return, ast.Expr)) and node.value is not None and not _is_docstring(site):
        text = site.code(node.value)
        if isinstance(node, ast.Return):
            forms = ((text, 2.5), (f"yield {text}", 2.9), (f"yield from {text}", 3.0))
        else:
            forms = ((f"return {text}", 2.0), (f"yield {text}", 2.9), (f"yield from {text}", 2.4))
        for new, cost in forms:
            yield Draft(
                start, end, new, "return-form", cost, f"`{shorten(module.code(node), 50)}` becomes `{shorten(new, 50)}`"
            )
    for one in site.exprs:
        if isinstance(one, (ast.Yield, ast.YieldFrom)) and one.value is not None:
            text = site.code(one.value)
            new = f"yield {text}" if isinstance(one, ast.YieldFrom) else f"yield from {text}"
            yield site.swap_in(one, new, 0, "yield-form", 1.7)
            if isinstance(site.node, ast.Expr):
                yield site.swap_in(one, f"return {text}", 0, "yield-form", 2.4)


def moved(site: Site) -> Iterator[Draft]:
    """The statement changes places with a later one of its block."""
    node, module, body = site.node, site.module, site.statement.body
    if isinstance(node, _FIXED) or _is_docstring(site):
        return
    mine = module.whole_lines(node)
    if mine is None:
        return
    text = module.slice(*mine)
    for step in range(1, 6):
        if site.statement.index + step >= len(body):
            break
        other = body[site.statement.index + step]
        theirs = module.whole_lines(other)
        if theirs is None or isinstance(other, _FIXED):
            break
        names = f"`{shorten(module.code(node), 40)}`", f"`{shorten(module.code(other), 40)}`"
        what = f"{names[0]} moves below {names[1]}"
        new = module.slice(mine[1], theirs[1])
        if new and not new.endswith(("\n", "\r")):
            new += module.newline
        yield Draft(mine[0], theirs[1], new + text, "statement-moved", 1.9 + 0.3 * step, what)
        if step > 1:
            first = module.slice(*theirs)
            if not first.endswith(("\n", "\r")):
                first += module.newline
            what = f"{names[1]} moves above {names[0]}"
            yield Draft(
                mine[0], theirs[1], first + module.slice(mine[0], theirs[0]), "statement-moved", 2.0 + 0.3 * step, what
            )


def levelled(site: Site) -> Iterator[Draft]:
    """The last statement of a block leaves it; the statement after a block becomes its last one, and so on."""
    node, module, statement = site.node, site.module, site.statement
    if isinstance(node, _FIXED) or _is_docstring(site):
        return
    mine = module.whole_lines(node)
    if mine is None:
        return
    holder = statement.holder
    outer = module.indent(holder) if isinstance(holder, (ast.If, ast.With, *LOOPS)) else None
    last = statement.index == len(statement.body) - 1
    if outer is not None and len(statement.body) > 1 and isinstance(holder, ast.stmt):
        whole = module.whole_lines(holder)
        text = reindented(module, mine[0], mine[1], outer)
        what = f"`{shorten(module.code(node), 40)}` moves out of `{shorten(module.code(holder), 30)}`"
        if whole is not None and text is not None and last:
            rest = module.slice(mine[1], whole[1])
            yield Draft(mine[0], whole[1], _joined(module.newline, rest, text), "dedent", 2.0, what)
        elif whole is not None and text is not None:
            yield Draft(
                mine[0], whole[1], _joined(module.newline, module.slice(mine[1], whole[1]), text), "dedent", 2.7, what
            )
        if whole is not None and text is not None:
            rest = module.slice(whole[0], mine[0]) + module.slice(mine[1], whole[1])
            yield Draft(whole[0], whole[1], text + rest, "dedent", 2.5, what + ", before it")
    if statement.index > 0:
        yield from _indented(site, statement.body[statement.index - 1], mine)
    if statement.index + 1 < len(statement.body):
        yield from _pushed_down(site, statement.body[statement.index + 1], mine)


def _joined(newline: str, rest: str, text: str) -> str:
    return rest + ("" if not rest or rest.endswith(("\n", "\r")) else newline) + text


def _indented(site: Site, block: ast.stmt, mine: tuple[int, int]) -> Iterator[Draft]:
    """The statement moves to the end of a branch of the block before it, or of a block inside that."""
    module = site.module
    for depth in range(3):
        branches = list(bodies_of(block))
        if not branches or isinstance(block, _FIXED):
            return
        indent = inner_indent(module, block)
        if indent is None:
            return
        text = reindented(module, mine[0], mine[1], indent)
        last = module.whole_lines(branches[-1][-1])
        if text is not None and last is not None and last[1] <= mine[0]:
            what = f"`{shorten(module.code(site.node), 40)}` moves into `{shorten(module.code(block), 30)}`"
            yield Draft(mine[0], mine[1], text, "indent", 2.1 + 0.3 * depth, what)
            first = module.whole_lines(branches[0][-1])
            if len(branches) > 1 and first is not None:
                new = text + module.slice(first[1], mine[0])
                yield Draft(first[1], mine[1], new, "indent", 2.5 + 0.3 * depth, what)
        block = branches[-1][-1]


def _pushed_down(site: Site, block: ast.stmt, mine: tuple[int, int]) -> Iterator[Draft]:
    """The statement moves to the start of the block after it."""
    module = site.module
    branches = list(bodies_of(block))
    indent = inner_indent(module, block)
    if not branches or isinstance(block, _FIXED) or indent is None:
        return
    text, first = reindented(module, mine[0], mine[1], indent), module.whole_lines(branches[0][0])
    if text is not None and first is not None:
        what = f"`{shorten(module.code(site.node), 40)}` moves into `{shorten(module.code(block), 30)}`"
        yield Draft(mine[0], first[0], module.slice(mine[1], first[0]) + text, "indent", 2.4, what)
        if not isinstance(block, ast.If) or len(branches) == 1:
            last = module.whole_lines(branches[0][-1])
            if last is not None:
                new = _joined(module.newline, module.slice(mine[1], last[1]), text)
                yield Draft(mine[0], last[1], new, "indent", 2.6, what + ", at its end")


def jumps(site: Site) -> Iterator[Draft]:
    """A `break`, `continue` or `return` after the statement; those of the function first."""
    if isinstance(site.node, (ast.Return, ast.Raise, ast.Break, ast.Continue, *_FIXED)) or site.scope.function is None:
        return
    options = [("break", 2.6), ("continue", 2.7)] if site.statement.loop is not None else []
    falls = (
        0.7
        if site.statement.body is site.scope.body and site.node is site.scope.body[-1] and site.scope.returns
        else 0.0
    )
    options += [(f"return {text}", 2.8 + 0.1 * rank - falls) for rank, text in enumerate(list(site.scope.returns)[:3])]
    if falls:
        texts = ("None", "0", "False", "True", "[]", "1", "-1", '""', "{}")
        options += [(f"return {text}", 2.3 + 0.1 * rank) for rank, text in enumerate(texts)]
    options += [("return", 3.0)]
    names = [name for name in site.scope.variables(site.node.lineno) if name not in ("self", "cls")]
    options += [(f"return {name}", 3.0 - falls + 0.08 * rank) for rank, name in enumerate(names[:5])]
    for text, cost in options:
        draft = after(site, text, "jump-added", cost)
        if draft is not None:
            yield draft


def copied(site: Site) -> Iterator[Draft]:
    """A copy of another statement of the function before or after this one, or in its place, also with other names."""
    if site.scope.function is None or isinstance(site.node, _FIXED) or _is_docstring(site):
        return
    start, end = site.module.span(site.node)
    compound = any(True for _ in bodies_of(site.node))
    for rank, (text, jump) in enumerate(_copies(site)):
        extra = 0.02 * rank
        if not jump:
            for place in (before, after):
                draft = place(site, text, "statement-copied", 2.9 + extra)
                if draft is not None:
                    yield draft
        if not compound and "\n" not in text:
            what = f"`{shorten(site.module.code(site.node), 40)}` becomes `{shorten(text, 40)}`"
            yield Draft(start, end, text, "statement-replaced", 2.8 + extra, what)


def _copies(site: Site) -> list[tuple[str, bool]]:
    """(text, whether it leaves the block) of short statements elsewhere in the function, then renamed."""
    module, scope = site.module, site.scope
    found: dict[str, bool] = {}
    for other in module.statements:
        if other.function is not scope.function or other.node is site.node:
            continue
        if not isinstance(other.node, (ast.Assign, ast.AugAssign, ast.Expr, ast.Return, ast.Raise, ast.If)):
            continue
        text = module.code(other.node)
        if len(text) > 160 or text.count("\n") > 3 or (text[:1] in "\"'" and isinstance(other.node, ast.Expr)):
            continue
        if "\n" in text:
            lines = module.whole_lines(other.node)
            whole = reindented(module, lines[0], lines[1], "") if lines is not None else None
            if whole is None or text.startswith("elif"):
                continue
            text = whole.replace("\r\n", "\n").rstrip("\n")
        found.setdefault(text, isinstance(other.node, (ast.Return, ast.Raise)))
    for text, jump in list(found.items()):
        for mapping in scope.renamings[:6]:
            new = renamed(text, mapping)
            if new is not None:
                found.setdefault(new, jump)
    return list(found.items())[:60]


def _is_docstring(site: Site) -> bool:
    node = site.node
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
