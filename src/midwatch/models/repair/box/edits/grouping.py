"""The same parts put together otherwise: operators and names that change places, other parentheses."""

from __future__ import annotations

import ast
import itertools
from typing import TYPE_CHECKING

from .contract import Draft
from .precedence import binding, demanded, spelling, strength
from .site import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .site import Site


def regrouped(site: Site) -> Iterator[Draft]:
    """`a + b % c` becomes `(a + b) % c` and back; the same for `and` with `or`, and for `not`."""
    for node in site.exprs:
        if isinstance(node, ast.BinOp):
            for left in (True, False):
                inner = node.left if left else node.right
                if isinstance(inner, ast.BinOp):
                    one, two, three = (
                        (inner.left, inner.right, node.right) if left else (node.left, inner.left, inner.right)
                    )
                    first, second = (inner.op, node.op) if left else (node.op, inner.op)
                    yield from _turned(site, node, (one, two, three), (first, second), left)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.BinOp):
            inner = node.operand
            head = spelling(node.op) + site.code(inner.left, 12)
            text = f"{head} {spelling(inner.op)} {site.code(inner.right, binding(inner.op) + 1)}"
            yield site.swap_in(node, text, binding(inner.op), "regrouped", 1.9)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not) and isinstance(node.operand, ast.BoolOp):
            head = f"not {site.code(node.operand.values[0], 4)}"
            word = " and " if isinstance(node.operand.op, ast.And) else " or "
            own = strength(node.operand)
            text = word.join([head, *(site.code(one, own + 1) for one in node.operand.values[1:])])
            yield site.swap_in(node, text, own, "regrouped", 2.0)
        elif isinstance(node, ast.BoolOp):
            yield from _clauses(site, node)


def _turned(
    site: Site,
    node: ast.BinOp,
    parts: tuple[ast.expr, ast.expr, ast.expr],
    operators: tuple[ast.operator, ast.operator],
    left: bool,
) -> Iterator[Draft]:
    """The three parts grouped from the other side, and with their two operators exchanged."""
    first, second = operators
    one, two, three = parts
    if left:
        level = binding(second)
        group = f"{site.code(two, level)} {spelling(second)} {site.code(three, level + 1)}"
        loose = level <= binding(first)
        text = f"{site.code(one, binding(first))} {spelling(first)} {f'({group})' if loose else group}"
        yield site.swap_in(node, text, binding(first), "regrouped", 1.8)
    else:
        level = binding(first)
        group = f"{site.code(one, level)} {spelling(first)} {site.code(two, level + 1)}"
        loose = level < binding(second)
        text = f"{f'({group})' if loose else group} {spelling(second)} {site.code(three, binding(second) + 1)}"
        yield site.swap_in(node, text, binding(second), "regrouped", 1.8)
    if type(first) is not type(second):
        weak = min(binding(first), binding(second))
        head = f"{site.code(one, binding(second))} {spelling(second)} {site.code(two, 12)}"
        text = f"{head} {spelling(first)} {site.code(three, 12)}"
        yield site.swap_in(node, text, weak, "operators-swapped", 1.9)


def _clauses(site: Site, node: ast.BoolOp) -> Iterator[Draft]:
    """`a and (b or c)` becomes `a and b or c`, and the like."""
    own, word = strength(node), "and" if isinstance(node.op, ast.And) else "or"
    if len(node.values) != 2:
        return
    one, two = node.values
    other = "or" if word == "and" else "and"
    if isinstance(two, ast.BoolOp) and len(two.values) == 2:
        head = f"{site.code(one, own)} {word} {site.code(two.values[0], own)}"
        text = (
            f"({head}) {other} {site.code(two.values[1], 4)}"
            if word == "or"
            else f"{head} {other} {site.code(two.values[1], 3)}"
        )
        yield site.swap_in(node, text, 3 if word == "or" else 2, "regrouped", 1.9)
    if isinstance(one, ast.BoolOp) and len(one.values) == 2:
        tail = f"{site.code(one.values[1], own)} {word} {site.code(two, own)}"
        text = (
            f"{site.code(one.values[0], 4)} {other} ({tail})"
            if word == "or"
            else f"{site.code(one.values[0], 3)} {other} {tail}"
        )
        yield site.swap_in(node, text, 3 if word == "or" else 2, "regrouped", 1.9)


def names_swapped(site: Site) -> Iterator[Draft]:
    """Two names of a statement change places everywhere in it, or two parts of it change places once."""
    places: dict[str, list[ast.Name]] = {}
    for node in site.exprs:
        if isinstance(node, ast.Name) and getattr(site.parent(node), "func", None) is not node:
            places.setdefault(node.id, []).append(node)
    local = [name for name in places if name in site.scope.stores and name not in ("self", "cls")]
    for one, two in itertools.combinations(local[:8], 2):
        if len(places[one]) + len(places[two]) > 6:
            continue
        spots = sorted((site.module.span(node), two if node.id == one else one) for node in places[one] + places[two])
        text, last = "", spots[0][0][0]
        for (start, end), name in spots:
            text += site.module.slice(last, start) + name
            last = end
        what = f"`{one}` and `{two}` change places in `{shorten(site.module.slice(*site.head), 50)}`"
        yield Draft(spots[0][0][0], last, text, "names-swapped", 1.9, what)
    yield from _parts_swapped(site)


def _parts_swapped(site: Site) -> Iterator[Draft]:
    """The sides of a sum, a comparison or an assignment that could stand in each other's place."""
    node = site.node
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target, value = node.targets[0], node.value
        if isinstance(value, (ast.Name, ast.Attribute, ast.Subscript)):
            draft = site.exchange(
                target, value, "assignment-turned", 1.9, "the two sides of the assignment swap places"
            )
            if draft is not None:
                yield draft
    simple = [
        one for one in site.exprs if isinstance(one, (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.Call))
    ]
    simple = [one for one in simple if isinstance(getattr(one, "ctx", ast.Load()), ast.Load) and not _held(site, one)]
    for one, two in itertools.combinations(simple[:9], 2):
        first, second = site.module.span(one), site.module.span(two)
        if first[1] <= second[0] and site.parent(one) is not site.parent(two) and site.code(one) != site.code(two):
            what = f"`{shorten(site.code(one), 25)}` and `{shorten(site.code(two), 25)}` swap places"
            if demanded(site.parent(one), one) <= 15:
                draft = site.exchange(one, two, "parts-swapped", 2.5, what)
                if draft is not None:
                    yield draft


def _held(site: Site, node: ast.expr) -> bool:
    parent = site.parent(node)
    return isinstance(parent, ast.Attribute) or getattr(parent, "func", None) is node
