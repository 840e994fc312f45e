"""Calls changed: arguments swapped, dropped, doubled, named otherwise."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .contract import Draft
from .site import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .site import Site


def arguments(site: Site) -> Iterator[Draft]:
    """Positional arguments swapped, then dropped, then repeated."""
    for node in site.exprs:
        if not isinstance(node, ast.Call):
            continue
        args = node.args
        if any(isinstance(arg, (ast.Starred, ast.GeneratorExp)) for arg in args):
            continue
        for one in range(len(args)):
            for two in range(one + 1, len(args)):
                names = f"{shorten(site.module.code(args[one]), 25)}, {shorten(site.module.code(args[two]), 25)}"
                what = f"the arguments `{names}` swap places"
                cost = 1.0 + 0.5 * (two - one - 1)
                draft = site.exchange(args[one], args[two], "arguments-swapped", cost, what)
                if draft is not None:
                    yield draft
        yield from _dropped(site, node)


def _dropped(site: Site, node: ast.Call) -> Iterator[Draft]:
    parts: list[ast.expr] = [*node.args, *(keyword.value for keyword in node.keywords)]
    spans = [site.module.span(part) for part in node.args]
    for keyword in node.keywords:
        if not hasattr(keyword, "lineno"):
            return
        spans.append(site.module.span(keyword))
    for index, (start, end) in enumerate(spans):
        what = f"the argument `{shorten(site.module.slice(start, end), 40)}` goes"
        if len(parts) == 1:
            yield Draft(start, end, "", "argument-dropped", 2.2, what)
        elif index + 1 < len(parts):
            yield Draft(start, spans[index + 1][0], "", "argument-dropped", 2.0, what)
        else:
            yield Draft(spans[index - 1][1], end, "", "argument-dropped", 1.8, what)
