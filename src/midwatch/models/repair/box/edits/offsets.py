"""One too many or one too few: expressions, ranges, indexes and slices shifted by one; indexes swapped."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .contract import Draft
from .kinds import MANY, NUMBER, TEXT, TRUTH, kind_of
from .operators import pairs
from .precedence import strength
from .site import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .site import Site


def shifted(site: Site) -> Iterator[Draft]:
    """`x` becomes `x + 1` or `x - 1` where a number is wanted; an operand of a sum goes."""
    for node in site.exprs:
        if isinstance(node, ast.BinOp):
            yield from _operand_dropped(site, node)
        cost = _cost(site, node)
        if cost is None:
            continue
        text = site.code(node, 10)
        for sign in "+-":
            yield site.swap_in(node, f"{text} {sign} 1", 10, "off-by-one", cost)


def _cost(site: Site, node: ast.expr) -> float | None:
    """How likely an expression is one off; None when it is no number."""
    if not isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.BinOp)):
        return None
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return None
    kind, parent = kind_of(node, site.scope.tags), site.parent(node)
    if kind in (TEXT, MANY, TRUTH):
        return None
    sure = 0.0 if kind == NUMBER else 0.4
    if (
        isinstance(parent, ast.Slice)
        or (isinstance(parent, ast.Subscript) and parent.slice is node)
        or _is_range(parent, node)
    ):
        return 1.5 + sure / 2
    if isinstance(parent, ast.Compare):
        return 1.9 + sure
    if isinstance(parent, ast.BinOp):
        return 2.1 + sure
    if isinstance(parent, ast.Call) and parent.func is not node:
        return 2.2 + sure
    if isinstance(parent, (ast.Return, ast.Assign, ast.AugAssign)):
        return 2.0 + sure
    return 2.6 + sure if isinstance(parent, (ast.Tuple, ast.List, ast.IfExp)) else None


def _operand_dropped(site: Site, node: ast.BinOp) -> Iterator[Draft]:
    """`a + b` becomes `a`, or `b`; a number that is added or taken away is the likeliest to be too much."""
    for keep, goes in ((node.left, node.right), (node.right, node.left)):
        number = isinstance(goes, ast.Constant) and isinstance(goes.value, (int, float))
        what = f"only `{shorten(site.module.code(keep), 40)}` of `{shorten(site.module.code(node), 40)}` stays"
        cost = 1.4 if number and goes is node.right else 2.0
        yield site.swap_in(node, site.code(keep), strength(keep), "operand-dropped", cost, what)


def _is_range(parent: ast.AST | None, node: ast.expr) -> bool:
    return isinstance(parent, ast.Call) and parent.func is not node and getattr(parent.func, "id", "") == "range"


def ranges(site: Site) -> Iterator[Draft]:
    """The start or the step of a `range` or an `enumerate` given or taken away."""
    for node in site.exprs:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
            continue
        first = site.module.span(node.args[0])[0]
        end = site.module.span(node.args[-1])[1]
        if node.func.id == "range":
            if len(node.args) == 1:
                for start, cost in (("1", 1.7), ("2", 2.6), ("-1", 3.0)):
                    yield Draft(first, first, f"{start}, ", "range-bound", cost, f"the range starts at {start}")
                for rank, name in enumerate(site.scope.variables(site.node.lineno)[:8]):
                    if site.scope.tags.get(name) in (NUMBER, None):
                        what = f"the range starts at `{name}`"
                        yield Draft(first, first, f"{name}, ", "range-bound", 2.3 + 0.05 * rank, what)
                        what = f"the range starts at `{name} + 1`"
                        yield Draft(first, first, f"{name} + 1, ", "range-bound", 2.5 + 0.05 * rank, what)
            elif len(node.args) == 2:
                for step, cost in (("-1", 2.2), ("2", 2.5)):
                    yield Draft(end, end, f", {step}", "range-bound", cost, f"the range goes in steps of {step}")
            if len(node.args) < 3:
                text = f"reversed({site.module.code(node)})"
                yield site.swap_in(node, text, 15, "range-bound", 2.5)
        elif node.func.id == "enumerate" and len(node.args) == 1:
            for start in ("1", "2"):
                yield Draft(end, end, f", {start}", "range-bound", 1.9, f"the count starts at {start}")


def subscripts(site: Site) -> Iterator[Draft]:
    """Indexes swapped, slice bounds added and taken away, an index from the other end."""
    for node in site.exprs:
        if not isinstance(node, ast.Subscript):
            continue
        index: ast.AST = node.slice
        if type(index).__name__ in ("Index", "ExtSlice"):
            index = getattr(index, "value", index)
        if isinstance(node.value, ast.Subscript) and not isinstance(index, ast.Slice):
            inner: ast.AST = node.value.slice
            inner = getattr(inner, "value", inner) if type(inner).__name__ == "Index" else inner
            if isinstance(inner, ast.expr) and not isinstance(inner, ast.Slice) and isinstance(index, ast.expr):
                what = f"the indexes of `{shorten(site.module.code(node))}` swap places"
                draft = site.exchange(inner, index, "index-swapped", 1.3, what)
                if draft is not None:
                    yield draft
        if isinstance(index, ast.Slice):
            yield from _slice(site, node, index)
        elif isinstance(index, ast.expr) and isinstance(node.ctx, ast.Load):
            start, end = site.module.span(index)
            for new, cost in ((":", 2.9), ("0", 2.2), ("-1", 2.2)):
                if site.module.slice(start, end) != new:
                    what = f"the index `{shorten(site.module.slice(start, end), 30)}` becomes `{new}`"
                    yield Draft(start, end, new, "index", cost, what)
            text = site.module.slice(start, end)
            if not isinstance(index, ast.Tuple):
                for new, cost in ((f"{text}:", 2.3), (f":{text}", 2.3), (f"-{text}", 2.5)):
                    yield Draft(
                        start, end, new, "index", cost, f"the index `{shorten(text, 30)}` becomes `{shorten(new, 30)}`"
                    )
            what = f"the index of `{shorten(site.module.code(node))}` goes"
            yield site.swap_in(node, site.code(node.value, 15), 15, "index-dropped", 2.3, what)


def _slice(site: Site, node: ast.Subscript, index: ast.Slice) -> Iterator[Draft]:
    """Edits of `x[a:b:c]`: each bound by itself."""
    open_at = site.module.span(node.value)[1]
    start = next((at for at, token in site.module.gap(open_at, site.module.span(node)[1]) if token == "["), open_at) + 1
    end = site.module.span(node)[1] - 1
    lower, upper, step = (
        site.module.code(one) if one is not None else "" for one in (index.lower, index.upper, index.step)
    )
    tail = f":{step}" if step else ""
    if "\n" in lower + upper + step or (lower + upper + step).count("#"):
        return
    names = [name for name in site.scope.variables(site.node.lineno) if site.scope.tags.get(name) in (NUMBER, None)][:6]
    options: list[tuple[str, str, str, float]] = []
    if lower:
        options += [("", upper, tail, 1.8), (upper, lower, tail, 2.2)]
    else:
        options += [("1", upper, tail, 2.0)] + [(name, upper, tail, 2.6) for name in names]
    if upper:
        options += [(lower, "", tail, 1.8)]
    else:
        options += [(lower, "-1", tail, 2.0)] + [(lower, name, tail, 2.6) for name in names]
    if bool(lower) != bool(upper):
        options += [(upper, lower, tail, 1.7)]
    if step:
        options += [(lower, upper, "", 1.7), (lower, upper, f":-{step}", 2.2)]
    else:
        options += [(lower, upper, ":-1", 2.3), (lower, upper, ":2", 2.8)]
    if not lower and not upper and not step:
        options += [("", "", ":-1", 1.9)]
    old = site.module.slice(start, end)
    for low, high, by, cost in options:
        new = f"{low}:{high}{by}"
        if new != old:
            yield Draft(start, end, new, "slice-bound", cost, f"the slice `[{shorten(old, 30)}]` becomes `[{new}]`")


def cut(site: Site) -> Iterator[Draft]:
    """A slice of a sequence in place of the whole: without its first or last, or the other way round."""
    for node in site.exprs:
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
            parent = site.parent(node)
            usual = isinstance(parent, (ast.Call, ast.For, ast.comprehension, ast.Return, ast.Assign, ast.BinOp))
            if not usual or getattr(parent, "func", None) is node or kind_of(node, site.scope.tags) in (NUMBER, TRUTH):
                continue
            many = kind_of(node, site.scope.tags) in (MANY, TEXT)
            text = site.module.code(node)
            for bounds, cost in (("1:", 2.4), (":-1", 2.4), ("::-1", 2.6), (":", 2.7), ("0", 2.8), ("-1", 2.9)):
                yield site.swap_in(node, f"{text}[{bounds}]", 15, "slice-added", cost + (0.0 if many else 0.6))


def comparison_chain(site: Site) -> Iterator[Draft]:
    """The two sides of a comparison swapped, and one link of a chain dropped."""
    for node in site.exprs:
        if not isinstance(node, ast.Compare):
            continue
        parts = [node.left, *node.comparators]
        if len(parts) > 2:
            head = f"{site.module.slice(site.module.span(parts[1])[0], site.module.span(parts[-1])[1])}"
            yield site.swap_in(node, head, 5, "chain-shortened", 1.9)
            head = f"{site.module.slice(site.module.span(parts[0])[0], site.module.span(parts[-2])[1])}"
            yield site.swap_in(node, head, 5, "chain-shortened", 1.9)
        for left, right in pairs(parts):
            if isinstance(node.ops[0], (ast.In, ast.NotIn)):
                draft = site.exchange(left, right, "sides-swapped", 2.0, "the two sides of the comparison swap places")
                if draft is not None:
                    yield draft
