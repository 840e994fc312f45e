"""How operators are written and how tightly expressions hold together: where parentheses are needed."""

from __future__ import annotations

import ast

ATOM = 15
_BINARY = {
    ast.BitOr: 6, ast.BitXor: 7, ast.BitAnd: 8, ast.LShift: 9, ast.RShift: 9, ast.Add: 10, ast.Sub: 10,
    ast.Mult: 11, ast.Div: 11, ast.FloorDiv: 11, ast.Mod: 11, ast.MatMult: 11, ast.Pow: 13,
}  # fmt: skip
_SPELLING = {
    ast.BitOr: "|", ast.BitXor: "^", ast.BitAnd: "&", ast.LShift: "<<", ast.RShift: ">>", ast.Add: "+", ast.Sub: "-",
    ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.MatMult: "@", ast.Pow: "**",
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is",
    ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in", ast.And: "and", ast.Or: "or", ast.Not: "not",
    ast.USub: "-", ast.UAdd: "+", ast.Invert: "~",
}  # fmt: skip


def spelling(operator: ast.AST) -> str:
    """How an operator is written."""
    return _SPELLING[type(operator)]


def binding(operator: ast.AST) -> int:
    """How tightly a binary operator binds."""
    return _BINARY[type(operator)]  # type: ignore[index]


def strength(node: ast.AST) -> int:
    """How tightly an expression holds together: 15 for what never needs parentheses."""
    if isinstance(node, ast.BinOp):
        return binding(node.op)
    if isinstance(node, ast.BoolOp):
        return 2 if isinstance(node.op, ast.Or) else 3
    if isinstance(node, ast.UnaryOp):
        return 4 if isinstance(node.op, ast.Not) else 12
    for kinds, level in _STRENGTHS:
        if isinstance(node, kinds):
            return level
    return ATOM


_STRENGTHS: tuple[tuple[tuple[type, ...], int], ...] = (
    ((ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.Starred, ast.Slice), 0),
    ((ast.Lambda, ast.IfExp), 1),
    ((ast.Compare,), 5),
    ((ast.Await,), 14),
)


def demanded(parent: ast.AST | None, node: ast.AST) -> int:
    """How tightly an expression in the place of `node` must hold together to need no parentheses."""
    if isinstance(parent, ast.BinOp):
        right = parent.right is node
        return binding(parent.op) + (right != isinstance(parent.op, ast.Pow))
    if isinstance(parent, (ast.BoolOp, ast.UnaryOp)):
        return strength(parent) + isinstance(parent, ast.BoolOp)
    if isinstance(parent, ast.Attribute) or getattr(parent, "func", None) is node:
        return ATOM
    if isinstance(parent, ast.Subscript):
        return ATOM if parent.value is node else 0
    if isinstance(parent, ast.IfExp):
        return 1 if parent.orelse is node else 2
    for kinds, level in _DEMANDS:
        if isinstance(parent, kinds):
            return level
    return 1


_DEMANDS: tuple[tuple[tuple[type, ...], int], ...] = (
    ((ast.Compare, ast.Starred), 6),
    ((ast.Await, ast.FormattedValue), ATOM),
    ((ast.comprehension,), 2),
    ((ast.Return, ast.Assign, ast.Expr), 0),
)
