"""Texts exchanged: other strings of the file, blanks and letters more or less, pattern and format characters."""

from __future__ import annotations

import ast
import re
from collections import Counter
from typing import TYPE_CHECKING

from .contract import Draft
from .names import alike
from .site import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .site import Site

_PLAIN = re.compile(r"^([rRbBuU]{0,2})(\"\"\"|'''|\"|')(.*)\2$", re.DOTALL)
_SWAPS = (
    ("+", "*"),
    ("*", "+"),
    ("?", "*"),
    (r"\d", r"\D"),
    (r"\w", r"\W"),
    (r"\s", r"\S"),
    (r"\S", r"\s"),
    (r"\D", r"\d"),
    (r"\W", r"\w"),
    (r"\w", r"\s"),
    (r"\b", r"\B"),
    ("$", ""),
    ("^", ""),
    ("[^", "["),
    ("[", "[^"),
    ("*?", "*"),
    ("+?", "+"),
    ("%d", "%s"),
    ("%s", "%r"),
    ("%s", "%d"),
    ("%r", "%s"),
    ("%i", "%d"),
    ("<", ">"),
    (">", "<"),
    (".2f", ".3f"),
    ("-", "_"),
    ("_", "-"),
    (",", ";"),
    (".", ","),
    ("/", "\\\\"),
    (r"\n", ""),
    (r"\n", r"\r\n"),
    (r"\t", " "),
    ("{0", "{1"),
    ("{1", "{0"),
    ("a-z", "A-Z"),
    ("0-9", "1-9"),
    ("%m", "%M"),
    ("%M", "%m"),
    ("%H", "%I"),
    ("%y", "%Y"),
    ("%Y", "%y"),
    (".", r"\."),
    (r"\.", "."),
)


def strings(site: Site) -> Iterator[Draft]:
    """Another string for each one of the statement."""
    for node in site.exprs:
        if not (isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))):
            continue
        if isinstance(site.node, ast.Expr) and site.node.value is node:
            continue
        match = _PLAIN.match(site.module.code(node))
        if match is None:
            continue
        prefix, quote, body = match.groups()
        parent = site.parent(node)
        key = isinstance(
            parent, (ast.Subscript, ast.Dict, ast.Compare, ast.Call, ast.keyword, ast.List, ast.Tuple, ast.Set)
        )
        weight = 0.0 if key else 0.3
        for text, cost in _variants(site, body, isinstance(node.value, bytes)):
            if text != body and quote not in text and not (text.endswith("\\") and not text.endswith("\\\\")):
                new = f"{prefix}{quote}{text}{quote}"
                yield site.swap_in(node, new, 15, "string", cost + weight)
        if len(quote) == 1 and len(body) == 1 and not prefix:
            yield site.swap_in(node, "None", 15, "string", 3.4)


def _variants(site: Site, body: str, raw: bool) -> Iterator[tuple[str, float]]:
    """(text, cost) of what could stand between the quotes."""
    if body:
        yield "", 2.2
    for old, new in _SWAPS:
        start = 0
        for _ in range(4):
            at = body.find(old, start)
            if at < 0:
                break
            yield body[:at] + new + body[at + len(old) :], 2.3
            start = at + len(old)
    if not raw:
        others: Counter[str] = Counter(site.scope.strings)
        ranked = sorted(others, key=lambda text: -alike(text, body))[:14]
        for rank, text in enumerate(ranked):
            if _tame(text):
                yield text, 2.0 + 0.07 * rank - 0.4 * alike(text, body)
    if len(body) <= 24:
        yield from _letters(body)
    for other in (" ", ",", ", ", "0", "1", ".", r"\n", "-", "_", "/", ":"):
        if len(body) <= 2:
            yield other, 2.9
    for more in ("^" + body, body + "$", body + "+", body + "*", body + "?"):
        if re.search(r"[\\\[(*+]", body):
            yield more, 2.6


def _letters(body: str) -> Iterator[tuple[str, float]]:
    """Blanks at the ends, one character less, two exchanged, other case."""
    yield body.strip(), 2.3
    if body and body.isprintable():
        yield body + " ", 2.6
        yield " " + body, 2.6
        if body.lower() != body.upper():
            yield body.lower(), 2.4
            yield body.upper(), 2.4
            yield body[:1].swapcase() + body[1:], 2.5
        for rank, at in enumerate(dict.fromkeys((len(body) - 1, 0, *range(1, min(len(body), 12))))):
            if body[at] != "\\" and (at == 0 or body[at - 1] != "\\"):
                yield body[:at] + body[at + 1 :], 2.4 + 0.05 * rank
        for at in range(min(len(body) - 1, 10)):
            if "\\" not in body[at : at + 2] and (at == 0 or body[at - 1] != "\\"):
                yield body[:at] + body[at + 1] + body[at] + body[at + 2 :], 2.6 + 0.03 * at
        yield body + body[-1], 2.9


def _tame(text: str) -> bool:
    return text.isprintable() and "\\" not in text and '"' not in text and "'" not in text


def interpolations(site: Site) -> Iterator[Draft]:
    """Format text of an f-string, and the names in it where their place is known."""
    for node in site.exprs:
        if isinstance(node, ast.JoinedStr):
            start, end = site.module.span(node)
            text = site.module.slice(start, end)
            for found in re.finditer(r"\{(\w+)(![rsa])?(:[^{}]*)?\}", text):
                name, convert, spec = found.groups()
                for other in site.scope.variables(site.node.lineno)[:8]:
                    if other != name:
                        yield _part(site, node, text, found.span(1), other, 2.2)
                if spec:
                    yield _part(site, node, text, found.span(3), "", 2.4)
                if convert:
                    yield _part(site, node, text, found.span(2), "", 2.4)
                else:
                    at = found.end(1)
                    yield _part(site, node, text, (at, at), "!r", 2.5)


def _part(site: Site, node: ast.JoinedStr, text: str, where: tuple[int, int], new: str, cost: float) -> Draft:
    start = site.module.span(node)[0]
    first = start + len(text[: where[0]].encode("utf-8"))
    last = start + len(text[: where[1]].encode("utf-8"))
    what = f"in the text `{shorten(text, 40)}`, `{text[where[0] : where[1]]}` becomes `{new}`"
    return Draft(first, last, new, "format", cost, what)
