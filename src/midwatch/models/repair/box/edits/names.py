"""Names exchanged: variables of the scope, attributes, methods and functions that are taken for each other."""

from __future__ import annotations

import ast
import difflib
import functools
from typing import TYPE_CHECKING

from .contract import Draft
from .kinds import clash, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .site import Site

_PAIRS = (
    "min max", "any all", "append extend", "append add", "append appendleft", "pop popleft", "startswith endswith",
    "lstrip rstrip strip", "sorted reversed list", "lower upper", "find rfind index", "split rsplit",
    "keys values items", "int float str", "list tuple set", "dict set", "floor ceil round", "isalpha isdigit isalnum",
    "islower isupper", "islice takewhile dropwhile", "getattr hasattr", "update setdefault",
    "read readline readlines", "sum len max min", "remove discard pop", "union intersection difference",
    "issubset issuperset", "enter exit", "add remove discard", "get pop setdefault", "partition rpartition",
    "ljust rjust center", "encode decode", "first last", "map filter", "isinstance issubclass", "ord chr",
    "heappush heappop", "extend extendleft update", "prev next", "left right", "add update", "abs round",
    "bisect_left bisect_right bisect", "zip zip_longest", "match search fullmatch", "loads dumps", "load dump",
    "setattr getattr delattr", "range enumerate", "exp log", "sin cos tan", "combinations permutations",
    "start stop end", "insert append", "str repr", "get set", "iter next", "title capitalize", "abs int", "push pop",
)  # fmt: skip
PARTNERS: dict[str, list[str]] = {}
for _row in _PAIRS:
    for _word in _row.split():
        PARTNERS.setdefault(_word, []).extend(other for other in _row.split() if other != _word)


def variables(site: Site) -> Iterator[Draft]:
    """Another variable of the scope for one that is read."""
    scope = site.scope
    for node in site.exprs:
        if not isinstance(node, ast.Name):
            continue
        parent = site.parent(node)
        if getattr(parent, "func", None) is node and node.id not in scope.stores:
            continue
        store = not isinstance(node.ctx, ast.Load)
        kind = scope.tags.get(node.id, "")
        base = 2.3 if store else 1.7
        others = [name for name in (scope.stores if store else scope.variables(site.node.lineno)) if name != node.id]
        choices = [(clash(kind, scope.tags.get(name, "")) - 0.4 * alike(name, node.id), name) for name in others]
        if not store:
            late = [name for name in scope.stores if scope.stores[name] > site.node.lineno]
            choices.extend((1.0 + clash(kind, scope.tags.get(name, "")), name) for name in late)
            choices.extend((0.7 + clash(kind, ""), name) for name in scope.outer[:12])
        for rank, (extra, name) in enumerate(sorted(choices)):
            extra += 1.5 if name in ("self", "cls") or node.id in ("self", "cls") else 0.0
            yield site.swap_in(node, name, 15, "variable", base + extra + 0.06 * min(rank, 20))
        if not store and getattr(parent, "func", None) is not node:
            yield from _globals(site, node)


def _globals(site: Site, node: ast.Name) -> Iterator[Draft]:
    """Another constant or class of the module for one of them, the most alike first."""
    around = site.scope.around
    if node.id in site.scope.stores or node.id not in around.globals:
        return
    upper = node.id.isupper()
    others = [name for name in around.globals if name != node.id and name.isupper() == upper]
    others.sort(key=lambda name: -alike(name, node.id))
    for rank, name in enumerate(others[:8]):
        yield site.swap_in(node, name, 15, "variable", 2.2 + 0.15 * rank - 0.4 * alike(name, node.id))


def attributes(site: Site) -> Iterator[Draft]:
    """Another attribute of the same object, or another method."""
    scope = site.scope
    owner = scope.around.owner.get(scope.function) if scope.function is not None else None
    for node in site.exprs:
        if not isinstance(node, ast.Attribute):
            continue
        end = site.module.span(node)[1]
        start = end - len(node.attr.encode("utf-8"))
        if site.module.slice(start, end) != node.attr:
            continue
        called = getattr(site.parent(node), "func", None) is node
        choices: dict[str, float] = {}
        for other in PARTNERS.get(node.attr, ()):
            choices.setdefault(other, 1.4 + (0.1 * len(choices)))
        base = node.value.id if isinstance(node.value, ast.Name) else ""
        if owner is not None and base in ("self", "cls"):
            for other, cost in _of_class(site, owner, node.attr, called):
                choices[other] = min(cost, choices.get(other, 9.0))
        for other in scope.attributes.get(base, ()):
            choices.setdefault(other, 2.3 - 0.4 * alike(other, node.attr))
        if called:
            for other in scope.methods:
                choices.setdefault(other, 2.9)
        else:
            for names in scope.attributes.values():
                for other in names:
                    choices.setdefault(other, 2.6 - 0.4 * alike(other, node.attr))
        choices.pop(node.attr, None)
        for other, cost in choices.items():
            what = f"`.{node.attr}` becomes `.{other}`"
            yield Draft(start, end, other, "method" if called else "attribute", cost, what)


def _of_class(site: Site, owner: ast.ClassDef, attr: str, called: bool) -> Iterator[tuple[str, float]]:
    """Other attributes or methods of a class, with their costs."""
    scope = site.scope
    if called:
        methods = scope.around.methods.get(owner.name, {})
        own = methods.get(attr)
        for name, signature in methods.items():
            same = own is not None and own.least == signature.least
            dunder = 1.0 if name.startswith("__") else 0.0
            yield name, (2.0 if same else 2.8) - 0.4 * alike(name, attr) + dunder
        return
    kind = scope.tags.get(f"self.{attr}", "")
    found = scope.around.attributes(owner)
    for rank, name in enumerate(sorted(found, key=lambda name: -alike(name, attr))):
        cost = 1.9 + 0.5 * clash(kind, scope.tags.get(f"self.{name}", "")) - 0.4 * alike(name, attr) + 0.05 * rank
        yield name, cost


def callees(site: Site) -> Iterator[Draft]:
    """Another function called: a well-known partner, or one of the file that takes as many arguments."""
    scope = site.scope
    for node in site.exprs:
        if not (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)):
            continue
        parent = site.parent(node)
        call = parent if isinstance(parent, ast.Call) and parent.func is node else None
        choices: dict[str, float] = {}
        if node.id not in scope.stores:
            for other in PARTNERS.get(node.id, ()):
                choices.setdefault(other, 1.3 + 0.1 * len(choices))
        if call is not None:
            count = len(call.args) + len(call.keywords)
            for name, signature in scope.around.functions.items():
                fits = signature.least <= count and (signature.most is None or count <= signature.most)
                choices.setdefault(name, (2.0 if fits else 3.0) - 0.4 * alike(name, node.id))
            for name in scope.called:
                choices.setdefault(name, 2.5 - 0.4 * alike(name, node.id))
        choices.pop(node.id, None)
        for rank, (name, cost) in enumerate(sorted(choices.items(), key=lambda item: item[1])[:16]):
            yield site.swap_in(node, name, 15, "function", cost + 0.05 * rank)


def known_expressions(site: Site) -> Iterator[Draft]:
    """An expression that stands elsewhere in the function for one that stands here."""
    scope, line = site.scope, site.node.lineno
    for node in site.exprs:
        place = isinstance(
            node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.BinOp, ast.Constant, ast.Compare)
        )
        if not place or not isinstance(getattr(node, "ctx", ast.Load()), ast.Load) or _is_part(site, node):
            continue
        text = site.module.code(node)
        if len(text) > 60:
            continue
        kind = kind_of(node, scope.tags)
        names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
        constant = isinstance(node, ast.Constant)
        choices = []
        for known in scope.pool.values():
            if known.text != text and scope.visible(known.names, line):
                near = 0.0 if names & known.names else 0.4
                choices.append((clash(kind, known.kind) + near + 0.02 * len(known.text), known))
        choices.sort(key=lambda item: item[0])
        for rank, (extra, known) in enumerate(choices[:14]):
            cost = 2.2 + extra + 0.07 * rank + (0.5 if constant else 0.0)
            yield site.swap_in(node, known.text, known.level, "expression", cost)
        if not isinstance(node, (ast.Name, ast.Constant)):
            for rank, name in enumerate(scope.variables(line)[:10]):
                extra = clash(kind, scope.tags.get(name, "")) + (0.0 if name in names else 0.4)
                yield site.swap_in(node, name, 15, "expression", 2.0 + extra + 0.05 * rank)
        elif isinstance(node, ast.Constant) and not isinstance(node.value, str):
            for rank, name in enumerate(scope.variables(line)[:10]):
                extra = clash(kind, scope.tags.get(name, ""))
                yield site.swap_in(node, name, 15, "expression", 2.1 + extra + 0.05 * rank)


def _is_part(site: Site, node: ast.expr) -> bool:
    """Whether a node is what is called, or the object of an attribute: not a value of its own."""
    parent = site.parent(node)
    if isinstance(parent, ast.Attribute) or getattr(parent, "func", None) is node:
        return True
    return isinstance(parent, ast.Expr) or getattr(parent, "annotation", None) is node


@functools.lru_cache(maxsize=20_000)
def alike(one: str, two: str) -> float:
    """How alike two names are written, 0 to 1."""
    return difflib.SequenceMatcher(None, one, two).ratio()
