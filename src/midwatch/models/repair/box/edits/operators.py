"""Operators exchanged: comparisons, and/or, not, arithmetic, augmented assignments."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .contract import Draft
from .kinds import TRUTH, kind_of
from .precedence import spelling, strength
from .site import shorten, spaced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .site import Site

# The negation and the boundary first: these are the slips that people make.
_COMPARE = {
    "<": (("<=", 0.0), (">", 0.5), (">=", 0.4), ("!=", 1.3), ("==", 1.5)),
    "<=": (("<", 0.0), (">=", 0.5), (">", 0.4), ("==", 1.4), ("!=", 1.5)),
    ">": ((">=", 0.0), ("<", 0.5), ("<=", 0.4), ("!=", 1.3), ("==", 1.5)),
    ">=": ((">", 0.0), ("<=", 0.5), ("<", 0.4), ("==", 1.4), ("!=", 1.5)),
    "==": (("!=", 0.0), ("is", 1.6), (">=", 1.0), ("<=", 1.0), (">", 1.3), ("<", 1.3), ("in", 1.2)),
    "!=": (("==", 0.0), ("is not", 1.6), ("<", 1.1), (">", 1.1), ("<=", 1.4), (">=", 1.4), ("not in", 1.4)),
    "is": (("is not", 0.0), ("==", 0.8), ("in", 2.5), ("!=", 1.8)),
    "is not": (("is", 0.0), ("!=", 0.8), ("==", 1.8), ("not in", 2.5)),
    "in": (("not in", 0.0), ("==", 1.3), ("is", 2.5)),
    "not in": (("in", 0.0), ("!=", 1.3), ("is not", 2.5)),
}
_ARITHMETIC = {
    "+": (("-", 0.0), ("*", 0.7), ("|", 1.8), ("%", 2.0), ("//", 2.0), ("/", 2.0), ("^", 2.5)),
    "-": (("+", 0.0), ("*", 1.2), ("//", 1.8), ("/", 1.5), ("%", 1.5), ("&", 2.2)),
    "*": (("/", 0.4), ("+", 0.5), ("**", 0.9), ("//", 0.7), ("-", 1.5), ("%", 1.6)),
    "/": (("*", 0.2), ("//", 0.2), ("%", 1.3), ("-", 1.7), ("+", 1.7)),
    "//": (("/", 0.2), ("%", 0.5), ("*", 0.6), ("+", 1.8), ("-", 1.8), (">>", 2.0)),
    "%": (("//", 0.3), ("/", 0.6), ("*", 0.9), ("+", 1.5), ("-", 1.5), ("&", 1.7)),
    "**": (("*", 0.2), ("^", 1.5), ("//", 2.0), ("+", 1.8)),
    "&": (("|", 0.0), ("^", 0.3), ("-", 1.3), ("and", 1.8), ("+", 2.0), ("<<", 2.2), (">>", 2.2)),
    "|": (("&", 0.0), ("^", 0.3), ("or", 1.8), ("+", 1.6), ("-", 1.6)),
    "^": (("&", 0.2), ("|", 0.2), ("**", 0.9), ("+", 1.6), ("-", 1.6)),
    "<<": ((">>", 0.0), ("*", 1.5), ("<", 1.8), ("+", 2.0)),
    ">>": (("<<", 0.0), ("//", 1.5), (">", 1.8), ("-", 2.0)),
    "@": (("*", 0.5),),
}
_TIGHT = {"*": 11, "/": 11, "//": 11, "%": 11, "**": 13, "+": 10, "-": 10, "<<": 9, ">>": 9, "&": 8, "^": 7, "|": 6}


def comparisons(site: Site) -> Iterator[Draft]:
    """Another comparison operator, each one of a chain by itself."""
    for node in site.exprs:
        if isinstance(node, ast.Compare):
            left: ast.expr = node.left
            for index, operator in enumerate(node.ops):
                right = node.comparators[index]
                where = site.operator(left, right)
                left = right
                if where is not None:
                    old = spelling(operator)
                    for new, extra in _COMPARE[old]:
                        yield _exchanged(site, where, old, new, "compare-operator", 1.0 + extra)


def booleans(site: Site) -> Iterator[Draft]:
    """`and` for `or` and back: one of them, then all of a row."""
    for node in site.exprs:
        if not isinstance(node, ast.BoolOp):
            continue
        old = spelling(node.op)
        new = "or" if old == "and" else "and"
        row = []
        for left, right in pairs(node.values):
            where = site.operator(left, right)
            if where is not None:
                row.append(where)
                yield _exchanged(site, where, old, new, "boolean-operator", 1.1)
        if len(row) > 1:
            start, end = site.module.span(node)
            text, last = "", start
            for one in row:
                text += site.module.slice(last, one[0]) + new
                last = one[1]
            text += site.module.slice(last, end)
            yield site.swap_in(node, text, 2 if new == "or" else 3, "boolean-operator", 1.9)
        elif row and new == "or":
            text = site.module.slice(site.module.span(node)[0], row[0][0]) + new
            text += site.module.slice(row[0][1], site.module.span(node)[1])
            yield site.swap_in(node, text, 2, "boolean-operator", 1.2)


def negations(site: Site) -> Iterator[Draft]:
    """`not` taken away, or put before a condition."""
    for node in site.exprs:
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            what = f"the `not` before `{shorten(site.module.code(node.operand))}` goes"
            start, end = site.module.span(node)[0], site.module.span(node.operand)[0]
            keep = "".join(token for _, token in site.module.gap(start, end) if token == "(")
            yield Draft(start, end, spaced(site.module.text, start, end, keep), "not-removed", 1.0, what)
            yield site.swap_in(node, site.code(node.operand), strength(node.operand), "not-removed", 1.4, what)
        elif _is_condition(site, node):
            text = site.code(node, 5)
            what = f"a `not` comes before `{shorten(text)}`"
            cost = 1.9 if isinstance(node, ast.Compare) else 1.0
            if isinstance(site.parent(node), ast.Return):
                cost = max(cost, 1.3 if kind_of(node, site.scope.tags) == TRUTH else 1.9)
            yield site.swap_in(node, f"not {text}", 4, "not-added", cost, what)


def arithmetic(site: Site) -> Iterator[Draft]:
    """Another arithmetic or bit operator, and the operands of one that is not commutative swapped."""
    for node in site.exprs:
        if not isinstance(node, ast.BinOp):
            continue
        where = site.operator(node.left, node.right)
        if where is None:
            continue
        old = spelling(node.op)
        text = isinstance(node.left, (ast.JoinedStr, ast.Constant)) and isinstance(getattr(node.left, "value", ""), str)
        for new, extra in _ARITHMETIC.get(old, ()):
            cost = 1.0 + extra + (1.5 if text else 0.0)
            yield _exchanged(site, where, old, new, "arithmetic-operator", cost)
            if _TIGHT.get(new, 0) > _TIGHT[old]:
                grouped = f"{site.code(node.left, _TIGHT[new])} {new} {site.code(node.right, _TIGHT[new] + 1)}"
                yield site.swap_in(node, grouped, _TIGHT[new], "arithmetic-operator", cost + 0.4)
        if old in ("-", "/", "//", "%", "**", "<<", ">>", "@") or (old == "+" and not _numeric(node)):
            what = f"the two sides of `{shorten(site.module.code(node))}` swap places"
            draft = site.exchange(node.left, node.right, "operands-swapped", 1.5 if old != "+" else 2.2, what)
            if draft is not None:
                yield draft


def assignments(site: Site) -> Iterator[Draft]:
    """Another augmented assignment, or a plain one, and a plain one made augmented."""
    node, module = site.node, site.module
    if isinstance(node, ast.AugAssign):
        where = site.between(module.span(node.target)[1], module.span(node.value)[0])
        if where is None:
            return
        old = spelling(node.op) + "="
        at = (where[0], where[0] + len(old))
        for new, extra in _ARITHMETIC.get(old[:-1], ()):
            if new not in ("and", "or", "<", ">"):
                yield _exchanged(site, at, old, new + "=", "augmented-assignment", 1.0 + extra)
        yield _exchanged(site, at, old, "=", "augmented-assignment", 1.5)
    elif isinstance(node, ast.Assign) and len(node.targets) == 1 and not isinstance(node.targets[0], ast.Tuple):
        where = site.between(module.span(node.targets[0])[1], module.span(node.value)[0])
        if where is not None:
            for new, cost in (("+=", 1.9), ("-=", 2.4), ("|=", 3.2), ("*=", 3.2), ("&=", 3.4)):
                yield _exchanged(site, (where[0], where[0] + 1), "=", new, "augmented-assignment", cost)


def signs(site: Site) -> Iterator[Draft]:
    """A minus or a tilde taken away, or put before a name or a number."""
    for node in site.exprs:
        if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
            cost = 1.1 if isinstance(node.op, (ast.USub, ast.Invert)) else 2.5
            yield site.swap_in(node, site.code(node.operand), strength(node.operand), "sign", cost)
        elif isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call)):
            parent = site.parent(node)
            wanted = isinstance(
                parent, (ast.Return, ast.Subscript, ast.Slice, ast.BinOp, ast.Compare, ast.Call, ast.Assign)
            )
            held = node in (getattr(parent, "func", None), getattr(parent, "value", None)) and not isinstance(
                parent, ast.Return
            )
            if wanted and not held and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
                yield site.swap_in(node, "-" + site.code(node, 12), 12, "sign", 2.9)


def pairs(values: list[ast.expr]) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Each two neighbours."""
    for index in range(len(values) - 1):
        yield values[index], values[index + 1]


def _numeric(node: ast.BinOp) -> bool:
    """Whether one side is a number, so that the order cannot matter."""
    return any(isinstance(one, ast.Constant) and isinstance(one.value, (int, float)) for one in (node.left, node.right))


def _is_condition(site: Site, node: ast.expr) -> bool:
    """Whether an expression is read as true or false, as far as one can see."""
    parent = site.parent(node)
    if isinstance(node, ast.Constant):
        return False
    if isinstance(parent, (ast.If, ast.While, ast.IfExp, ast.Assert)):
        return parent.test is node
    if isinstance(parent, ast.comprehension):
        return node in parent.ifs
    if isinstance(parent, ast.Return):
        return kind_of(node, site.scope.tags) == TRUTH or isinstance(node, (ast.Name, ast.Attribute, ast.Call))
    named = isinstance(parent, ast.keyword) and isinstance(node, (ast.Name, ast.Attribute))
    return isinstance(parent, ast.BoolOp) or named


def _exchanged(site: Site, where: tuple[int, int], old: str, new: str, kind: str, cost: float) -> Draft:
    text = spaced(site.module.text, where[0], where[1], new)
    return Draft(where[0], where[1], text, kind, cost, f"`{old}` becomes `{new}`")
