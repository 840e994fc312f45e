"""Larger shapes: comprehensions, pairs and their order, exceptions, decorators, sort keys, literals of many."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .conditions import atoms
from .contract import Draft
from .operators import pairs
from .precedence import strength
from .site import shorten
from .source import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .site import Site

_ERRORS = (
    "ValueError TypeError", "KeyError IndexError LookupError AttributeError", "IndexError KeyError StopIteration",
    "OSError IOError FileNotFoundError PermissionError", "NotImplementedError RuntimeError",
    "AttributeError TypeError KeyError", "StopIteration StopAsyncIteration IndexError",
    "ZeroDivisionError ArithmeticError ValueError OverflowError", "ImportError ModuleNotFoundError",
    "UnicodeDecodeError UnicodeEncodeError UnicodeError ValueError", "TypeError ValueError AttributeError",
    "RuntimeError ValueError", "Exception BaseException", "LookupError KeyError IndexError",
    "AssertionError ValueError",
)  # fmt: skip


def orders(site: Site) -> Iterator[Draft]:
    """Neighbours of a tuple, list or dict entry swapped, on either side of an assignment."""
    for node in site.exprs:
        if isinstance(node, (ast.Tuple, ast.List)) and 2 <= len(node.elts) <= 8:
            two = len(node.elts) == 2
            for left, right in pairs(node.elts):
                what = (
                    f"`{shorten(site.module.code(left), 25)}` and `{shorten(site.module.code(right), 25)}` swap places"
                )
                draft = site.exchange(left, right, "order-swapped", 1.7 if two else 2.0, what)
                if draft is not None:
                    yield draft
            yield from _element_dropped(site, node)
        elif isinstance(node, ast.DictComp):
            draft = site.exchange(node.key, node.value, "order-swapped", 1.7, "key and value swap places")
            if draft is not None:
                yield draft
        elif isinstance(node, ast.Dict):
            for key, value in list(zip(node.keys, node.values))[:30]:  # noqa: B905 - Python 3.8
                if key is not None:
                    what = f"`{shorten(site.module.code(key), 25)}` and its value swap places"
                    draft = site.exchange(key, value, "order-swapped", 2.6, what)
                    if draft is not None:
                        yield draft
            for left, right in pairs(node.values[:30]):
                draft = site.exchange(left, right, "order-swapped", 2.6, "two neighbouring values swap places")
                if draft is not None and "\n" not in draft.new:
                    yield draft


def _element_dropped(site: Site, node: ast.Tuple | ast.List) -> Iterator[Draft]:
    if isinstance(node.ctx, ast.Load):
        for index, element in enumerate(node.elts):
            what = f"the element `{shorten(site.module.code(element), 30)}` goes"
            start, end = site.module.span(element)
            if index + 1 < len(node.elts):
                end = site.module.span(node.elts[index + 1])[0]
            elif index:
                start = site.module.span(node.elts[index - 1])[1]
            yield Draft(start, end, "", "element-dropped", 2.4, what)


def comprehensions(site: Site) -> Iterator[Draft]:
    """A condition of a comprehension dropped or added; the element or the source exchanged."""
    for node in site.exprs:
        if not isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
            continue
        for generator in node.generators:
            previous: ast.AST = generator.iter
            for test in generator.ifs:
                start, end = site.module.span(previous)[1], site.module.span(test)[1]
                closing = "".join(
                    token for _, token in site.module.gap(start, site.module.span(test)[0]) if token in ")"
                )
                what = f"the condition `{shorten(site.module.code(test), 40)}` goes"
                yield Draft(start, end, closing, "filter-dropped", 1.9, what)
                previous = test
            if not generator.ifs:
                yield from _filter(site, generator)
        start, end = site.module.span(node)
        text = site.module.slice(start, end)
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp)) and text[:1] in "[{(":
            for left, right in ("[]", "{}", "()"):
                if left != text[0]:
                    what = f"`{shorten(text, 40)}` gets `{left}{right}` around it"
                    yield Draft(start, end, left + text[1:-1] + right, "comprehension-form", 2.7, what)


def _filter(site: Site, generator: ast.comprehension) -> Iterator[Draft]:
    names = {one.id for one in ast.walk(generator.target) if isinstance(one, ast.Name)}
    at = site.module.span(generator.iter)[1]
    after = site.module.text[at : at + 1]
    if after == b")" and site.bracketed(generator.iter):
        return
    for text, level, extra in atoms(site, names, "")[:50]:
        if any(name in text for name in names):
            new = f" if {text if level >= 2 else f'({text})'}"
            yield Draft(at, at, new, "filter-added", 2.5 + extra, f"the condition `{shorten(text)}` is added")


def exceptions(site: Site) -> Iterator[Draft]:
    """Another exception raised or caught."""
    node, module = site.node, site.module
    handlers = getattr(node, "handlers", [])
    named = [
        one for one in site.exprs if isinstance(one, ast.Name) and one.id.endswith(("Error", "Exception", "Iteration"))
    ]
    for handler in handlers:
        if handler.type is not None:
            named += [one for one in ast.walk(handler.type) if isinstance(one, ast.Name)]
    for one in named:
        start, end = module.span(one)
        choices: dict[str, float] = {}
        for row in _ERRORS:
            words = row.split()
            if one.id in words:
                for other in words:
                    choices.setdefault(other, 1.9 + 0.1 * len(choices))
        for other in (*site.scope.around.globals, *site.scope.uses):
            if other.endswith(("Error", "Exception")):
                choices.setdefault(other, 2.2)
        for other in ("Exception", "ValueError", "TypeError", "KeyError", "IndexError", "AttributeError"):
            choices.setdefault(other, 2.6)
        choices.pop(one.id, None)
        for other, cost in choices.items():
            yield Draft(start, end, other, "exception", cost, f"`{one.id}` becomes `{other}`")


def decorators(site: Site) -> Iterator[Draft]:
    """A decorator taken away, or one of the usual ones added."""
    node, module = site.node, site.module
    if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return
    for one in node.decorator_list:
        start = module.line_start(module.span(one)[0])
        stop = module.line_end(module.span(one)[1])
        end = stop + len(module.newline) if stop < len(module.text) else stop
        yield Draft(start, end, "", "decorator", 2.5, f"the decorator `@{shorten(module.code(one), 40)}` goes")
    indent = module.indent(node)
    if isinstance(site.statement.holder, ast.ClassDef) and indent is not None and not node.decorator_list:
        params = [arg.arg for arg in node.args.args] if isinstance(node, FUNCTIONS) else []
        likely = {"self": "property", "cls": "classmethod"}.get(params[0] if params else "", "staticmethod")
        for name in ("property", "classmethod", "staticmethod"):
            at = module.first(node)
            cost = 2.4 if name == likely and (name != "property" or len(params) == 1) else 3.2
            yield Draft(
                at, at, f"@{name}{module.newline}{indent}", "decorator", cost, f"the decorator `@{name}` is added"
            )


def sorting(site: Site) -> Iterator[Draft]:
    """`reverse` given to a sort, or its key changed."""
    for node in site.exprs:
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name not in ("sorted", "sort", "min", "max"):
            continue
        given = {keyword.arg for keyword in node.keywords}
        parts = [*node.args, *(keyword.value for keyword in node.keywords)]
        at = max((site.module.span(part)[1] for part in parts), default=site.module.span(node)[1] - 1)
        comma = ", " if parts else ""
        if len(parts) == 1 and isinstance(parts[0], ast.GeneratorExp):
            continue
        if "reverse" not in given and name in ("sorted", "sort"):
            yield Draft(at, at, f"{comma}reverse=True", "sort", 2.2, "the order is reversed")
        if "key" not in given:
            for rank, key in enumerate(
                ("len", "str", "abs", "lambda item: item[1]", "lambda item: item[0]", "str.lower")
            ):
                yield Draft(at, at, f"{comma}key={key}", "sort", 2.7 + 0.08 * rank, f"sorted by `{key}`")
        if "default" not in given and name in ("min", "max") and len(node.args) == 1:
            for value in ("None", "0"):
                yield Draft(at, at, f"{comma}default={value}", "sort", 2.6, f"`{name}` of nothing is {value}")


def collections(site: Site) -> Iterator[Draft]:
    """An empty collection of another kind; a one-element list for an element."""
    for node in site.exprs:
        text = site.module.code(node) if isinstance(node, (ast.List, ast.Dict, ast.Call, ast.Tuple)) else ""
        if text in ("[]", "{}", "set()", "()", "dict()", "list()"):
            for other, cost in (
                ("[]", 2.2),
                ("{}", 2.3),
                ("set()", 2.2),
                ("()", 2.5),
                ("None", 2.4),
                ("[[]]", 2.2),
                ("[0]", 2.6),
            ):
                if other != text:
                    yield site.swap_in(node, other, 15, "collection", cost)
        elif isinstance(node, ast.List) and len(node.elts) == 1 and isinstance(node.ctx, ast.Load):
            yield site.swap_in(node, site.code(node.elts[0]), strength(node.elts[0]), "collection", 2.4)
            yield site.swap_in(node.elts[0], f"*{site.code(node.elts[0], 6)}", 15, "star-added", 2.6)
        elif isinstance(node, (ast.Name, ast.Call)) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            parent = site.parent(node)
            if isinstance(parent, (ast.Return, ast.BinOp)) or (
                isinstance(parent, ast.Call) and parent.func is not node
            ):
                yield site.swap_in(node, f"[{site.code(node)}]", 15, "collection", 2.8)


def returned(site: Site) -> Iterator[Draft]:
    """Another value returned: a constant, a variable of the scope, or what another `return` gives."""
    node = site.node
    if not isinstance(node, ast.Return):
        return
    if node.value is None:
        start, end = site.module.span(node)
        for rank, text in enumerate(_values(site)):
            yield Draft(
                start, end, f"return {text}", "return-value", 2.2 + 0.07 * rank, f"`return` becomes `return {text}`"
            )
        return
    start, end = site.module.span(node.value)
    for rank, text in enumerate(_values(site)):
        yield site.swap_in(node.value, text, 0, "return-value", 2.0 + 0.07 * rank)
    start, end = site.module.span(node)
    yield Draft(start, end, "return", "return-value", 2.6, "nothing is returned")


def _values(site: Site) -> list[str]:
    scope, line = site.scope, site.node.lineno
    found = [known.text for known in scope.returns.values() if scope.visible(known.names, line)]
    found += [name for name in scope.variables(line)[:8] if name != "self"]
    found += [
        "True",
        "False",
        "None",
        "[]",
        "0",
        "1",
        '""',
        "{}",
        "()",
        "-1",
        "self" if "self" in scope.params else "[[]]",
    ]
    return list(dict.fromkeys(found))
