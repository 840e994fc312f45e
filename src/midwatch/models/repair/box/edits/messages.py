"""What the failing tests' messages tell: which kinds of edit to try earlier, and names to mend at once."""

from __future__ import annotations

import ast
import builtins
import re
from typing import TYPE_CHECKING

from .contract import Draft
from .names import alike

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .site import Site

_LEANINGS: tuple[tuple[str, Mapping[str, float]], ...] = (
    (
        r"RecursionError|maximum recursion",
        {"guard-added": 0.9, "off-by-one": 0.4, "argument": 0.3, "jump": 0.3, "variable": 0.2},
    ),
    (
        r"IndexError|out of range",
        {
            "off-by-one": 0.4,
            "compare-operator": 0.3,
            "range-bound": 0.4,
            "guard-added": 0.3,
            "clause-added": 0.4,
            "index": 0.3,
            "slice-bound": 0.2,
        },
    ),
    (r"KeyError", {"guard-added": 0.3, "clause-added": 0.2, "string": 0.2, "compare-operator": 0.1, "index": 0.2}),
    (r"ZeroDivisionError", {"guard-added": 0.7, "off-by-one": 0.3, "clause-added": 0.4, "variable": 0.2}),
    (
        r"NameError|UnboundLocalError",
        {"variable": 0.5, "statement-added": 0.4, "statement-moved": 0.3, "attribute-added": 0.3},
    ),
    (
        r"AttributeError",
        {"attribute": 0.5, "method": 0.5, "guard-added": 0.4, "call": 0.3, "variable": 0.2, "clause-added": 0.3},
    ),
    (r"TypeError.*argument|missing \d+ required", {"argument": 0.7, "function": 0.3, "parameters": 0.4}),
    (
        r"TypeError",
        {"variable": 0.2, "call": 0.4, "argument": 0.3, "guard-added": 0.3, "return": 0.2, "collection": 0.2},
    ),
    (
        r"[Tt]ime-?\s?d?\s?out|Timeout|timed out|hang",
        {
            "augmented": 0.4,
            "statement-added": 0.4,
            "compare-operator": 0.3,
            "off-by-one": 0.4,
            "jump": 0.4,
            "arithmetic": 0.3,
            "keyword": 0.3,
            "clause": 0.2,
        },
    ),
    (r"StopIteration", {"guard-added": 0.4, "argument-added": 0.2, "range-bound": 0.2}),
    (
        r"DID NOT RAISE",
        {"exception": 0.6, "compare-operator": 0.3, "negat": 0.3, "not-": 0.3, "guard-added": 0.2, "clause": 0.3},
    ),
    (r"changed size during iteration", {"call-wrapped": 0.6}),
    (
        r"is not (iterable|subscriptable|callable)|NoneType",
        {"return": 0.4, "statement-added": 0.2, "guard-added": 0.3, "call": 0.2},
    ),
    (r"UnicodeDecodeError|UnicodeEncodeError", {"string": 0.3, "method": 0.3}),
)
_NAME = re.compile(
    r"(?:name|variable) '(\w+)' (?:is not defined|referenced before|where it is not)|local variable '(\w+)'"
)
_ATTRIBUTE = re.compile(r"(?:object|module '[\w.]+'|class '[\w.]+') has no attribute '(\w+)'")
_UNEXPECTED = re.compile(r"unexpected keyword argument '(\w+)'")
_SUGGESTED = re.compile(r"Did you mean:? '(?:self\.)?(\w+)'")
_IMPORT = re.compile(r"cannot import name '(\w+)'")


class Hints:
    """The messages of the failing tests, read once."""

    def __init__(self, messages: tuple[str, ...]) -> None:
        text = "\n".join(message[-4000:] for message in messages[:20])
        self.leanings: dict[str, float] = {}
        for pattern, row in _LEANINGS:
            if re.search(pattern, text):
                for kind, bonus in row.items():
                    self.leanings[kind] = max(bonus, self.leanings.get(kind, 0.0))
        self.most = max(self.leanings.values(), default=0.0)
        self.undefined = {one or two for one, two in _NAME.findall(text)}
        self.unknown = set(_ATTRIBUTE.findall(text)) | set(_IMPORT.findall(text))
        self.unexpected = set(_UNEXPECTED.findall(text))
        self.suggested = set(_SUGGESTED.findall(text))
        self._cache: dict[str, float] = {}

    def bonus(self, kind: str) -> float:
        """How much cheaper a kind of edit is in the light of the messages."""
        known = self._cache.get(kind)
        if known is None:
            known = max((bonus for word, bonus in self.leanings.items() if kind.startswith(word)), default=0.0)
            self._cache[kind] = known
        return known

    def mends(self, site: Site) -> Iterator[Draft]:
        """The names that the messages complain of, exchanged for the nearest that exist."""
        if not (self.undefined or self.unknown or self.unexpected):
            return
        for node in site.exprs:
            if isinstance(node, ast.Name) and node.id in self.undefined:
                yield from self._undefined(site, node)
            elif isinstance(node, ast.Attribute) and node.attr in self.unknown:
                end = site.module.span(node)[1]
                start = end - len(node.attr.encode("utf-8"))
                for name, cost in self._nearest(node.attr, _attributes(site)):
                    yield Draft(start, end, name, "attribute", cost, f"`.{node.attr}` becomes `.{name}`")
            elif isinstance(node, ast.Call):
                for keyword in node.keywords:
                    if keyword.arg is not None and keyword.arg in self.unexpected and hasattr(keyword, "lineno"):
                        start = site.module.span(keyword)[0]
                        end = start + len(keyword.arg.encode("utf-8"))
                        for name, cost in self._nearest(keyword.arg, _parameters(site)):
                            what = f"the keyword `{keyword.arg}` becomes `{name}`"
                            yield Draft(start, end, name, "keyword-argument", cost, what)

    def _undefined(self, site: Site, node: ast.Name) -> Iterator[Draft]:
        scope = site.scope
        names = [*scope.stores, *scope.outer, *scope.around.globals, *dir(builtins)]
        for name, cost in self._nearest(node.id, names):
            yield site.swap_in(node, name, 15, "variable", cost)
        if scope.params and scope.params[0] in ("self", "cls"):
            yield site.swap_in(node, f"{scope.params[0]}.{node.id}", 15, "attribute-added", 0.3)
        for base, names_of in scope.attributes.items():
            if node.id in names_of:
                yield site.swap_in(node, f"{base}.{node.id}", 15, "attribute-added", 0.6)

    def _nearest(self, word: str, names: list[str]) -> Iterator[tuple[str, float]]:
        unique = [name for name in dict.fromkeys(names) if name != word and (not name.startswith("__"))]
        unique.sort(key=lambda name: (name not in self.suggested, -alike(name, word)))
        for rank, name in enumerate(unique[:6]):
            yield name, 0.1 + 0.1 * rank + (1.0 - alike(name, word))


def _attributes(site: Site) -> list[str]:
    around = site.scope.around
    names = [name for methods in around.methods.values() for name in methods]
    names += [name for found in site.scope.attributes.values() for name in found]
    for owner in {id(one): one for one in around.owner.values()}.values():
        names += list(around.attributes(owner))
    return names + list(around.functions)


def _parameters(site: Site) -> list[str]:
    around = site.scope.around
    rows = [*around.functions.values(), *(one for methods in around.methods.values() for one in methods.values())]
    return [name for row in rows for name in row.params]
