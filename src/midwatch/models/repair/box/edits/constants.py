"""Literals exchanged: numbers, truth values, None and strings."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .contract import Draft
from .site import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .site import Site


def constants(site: Site) -> Iterator[Draft]:
    """Each literal of the statement, with the likeliest others in its place."""
    for node in site.exprs:
        if isinstance(node, ast.Constant) and not (isinstance(site.node, ast.Expr) and site.node.value is node):
            if isinstance(node.value, bool) or node.value is None:
                yield from _words(site, node)
            elif isinstance(node.value, (int, float)):
                yield from _numbers(site, node, node.value)


def _words(site: Site, node: ast.Constant) -> Iterator[Draft]:
    others = {
        "True": (("False", 1.0), ("None", 2.3)),
        "False": (("True", 1.0), ("None", 2.3)),
        "None": (("True", 2.6), ("False", 2.4), ("0", 2.4), ("[]", 2.4), ('""', 2.6), ("1", 2.9), ("{}", 2.8)),
    }[str(node.value)]
    for new, cost in others:
        yield site.swap_in(node, new, 15, "constant", cost)


def _numbers(site: Site, node: ast.Constant, value: float) -> Iterator[Draft]:
    seen = {repr(value)}
    candidates: list[tuple[float, float]]
    candidates = [(value + 1, 1.0), (value - 1, 1.0), (0, 1.5), (1, 1.5), (2, 2.0), (-value, 1.9), (-1, 2.2)]
    candidates += [(value * 2, 2.3), (value / 2 if isinstance(value, float) else value // 2, 2.4)]
    candidates += [(value + 2, 2.5), (value - 2, 2.6), (value * 10, 2.6), (10, 3.2)]
    if isinstance(value, float):
        candidates += [(value + 0.1, 2.5), (value * 10, 2.5), (value / 10, 2.5)]
    for new, cost in candidates:
        text = repr(new)
        if text not in seen and "inf" not in text and "nan" not in text:
            seen.add(text)
            yield site.swap_in(node, text, 12 if text.startswith("-") else 15, "constant", cost)
    if value in (0, 1) and isinstance(value, int):
        for word in ("False", "True"):
            yield site.swap_in(node, word, 15, "constant", 3.2)
    yield site.swap_in(node, "None", 15, "constant", 2.6 if value in (0, 1) else 3.4)


def note(text: str) -> str:
    """A literal shortened for people."""
    return shorten(text, 40)
