"""Arguments added: those that a function of the file asks for, names of the scope, keywords; and other keywords."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .contract import Draft
from .kinds import clash
from .names import alike
from .site import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .scopes import Signature
    from .site import Site


def arguments_added(site: Site) -> Iterator[Draft]:
    """One more positional or keyword argument for a call."""
    for node in site.exprs:
        if not isinstance(node, ast.Call):
            continue
        if len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp):
            continue
        signature = signature_of(site, node)
        given = {keyword.arg for keyword in node.keywords if keyword.arg}
        if signature is not None:
            yield from _asked_for(site, node, signature, given)
        yield from _positional(site, node, signature)


def _positional(site: Site, node: ast.Call, signature: Signature | None) -> Iterator[Draft]:
    count = len(node.args)
    if count > 4 or any(isinstance(arg, ast.Starred) for arg in node.args):
        return
    if signature is not None and signature.most is not None and count + len(node.keywords) >= signature.most:
        return
    lacking = signature is not None and count + len(node.keywords) < signature.least
    base = 1.0 if lacking else 3.0
    spots = [site.module.span(arg)[0] for arg in node.args]
    options = [(name, 15) for name in site.scope.variables(site.node.lineno)[:8]] + [("0", 15), ("1", 15), ("None", 15)]
    options += [(f"{name} {sign} 1", 15) for name in site.scope.variables(site.node.lineno)[:3] for sign in "+-"]
    for rank, (text, _) in enumerate(options):
        if text in ("self", "cls"):
            continue
        for spot in spots:
            what = f"`{shorten(site.module.code(node), 40)}` gets the argument `{text}`"
            yield Draft(spot, spot, f"{text}, ", "argument-added", base + 0.05 * rank + 0.1, what)
        at, comma = _end(site, node, node.args)
        what = f"`{shorten(site.module.code(node), 40)}` gets the argument `{text}`"
        tail = ", " if node.keywords and not node.args else ""
        yield Draft(at, at, comma + text + tail, "argument-added", base + 0.05 * rank, what)


def _asked_for(site: Site, node: ast.Call, signature: Signature, given: set[str]) -> Iterator[Draft]:
    """Parameters of a known function that the call does not give, by keyword."""
    parts: list[ast.expr] = [*node.args, *(keyword.value for keyword in node.keywords)]
    at, comma = _end(site, node, parts)
    scope, line = site.scope, site.node.lineno
    for param in signature.params[len(node.args) :]:
        if param in given:
            continue
        values = [name for name in scope.variables(line) if name == param]
        values += [name for name in (f"self.{param}",) if "self" in scope.params]
        values += ["True", "False", *[name for name in scope.variables(line)[:3] if name != param]]
        for rank, value in enumerate(values):
            same = value == param or value == f"self.{param}"
            what = f"`{shorten(site.module.code(node), 40)}` gets `{param}={value}`"
            cost = (1.9 if same else 2.6) + 0.08 * rank
            yield Draft(at, at, f"{comma}{param}={value}", "argument-added", cost, what)


def _end(site: Site, node: ast.Call, parts: list[ast.expr]) -> tuple[int, str]:
    """Where an argument at the end goes, and the comma that it needs."""
    if parts:
        return max(site.module.span(part)[1] for part in parts), ", "
    start = site.module.span(node.func)[1]
    for at, token in site.module.gap(start, site.module.span(node)[1]):
        if token == "(":
            return at + 1, ""
    return site.module.span(node)[1] - 1, ""


def signature_of(site: Site, node: ast.Call) -> Signature | None:
    """What a called function of this file takes, when its name tells."""
    around = site.scope.around
    if isinstance(node.func, ast.Name):
        found = around.functions.get(node.func.id)
        return found or around.methods.get(node.func.id, {}).get("__init__")
    if isinstance(node.func, ast.Attribute):
        owner = around.owner.get(site.scope.function) if site.scope.function is not None else None
        if owner is not None and getattr(node.func.value, "id", "") in ("self", "cls"):
            return around.methods.get(owner.name, {}).get(node.func.attr)
        rows = [methods[node.func.attr] for methods in around.methods.values() if node.func.attr in methods]
        return rows[0] if len(rows) == 1 else None
    return None


def keywords_changed(site: Site) -> Iterator[Draft]:
    """Another keyword for a value; two keywords' values swapped."""
    for node in site.exprs:
        if not isinstance(node, ast.Call) or not node.keywords:
            continue
        named = [keyword for keyword in node.keywords if keyword.arg and hasattr(keyword, "lineno")]
        signature = signature_of(site, node)
        taken = {keyword.arg for keyword in named}
        for keyword in named:
            start = site.module.span(keyword)[0]
            word = keyword.arg or ""
            for param in signature.params if signature is not None else ():
                if param not in taken:
                    what = f"the keyword `{word}` becomes `{param}`"
                    cost = 2.3 - 0.4 * alike(param, word)
                    yield Draft(start, start + len(word.encode("utf-8")), param, "keyword-argument", cost, what)
            name = word
            if name in site.scope.stores and site.module.code(keyword.value) != name:
                yield site.swap_in(keyword.value, name, 15, "keyword-argument", 1.6)
        for one in range(len(named)):
            for two in range(one + 1, min(len(named), one + 4)):
                first, second = named[one].value, named[two].value
                kinds = [site.scope.tags.get(site.module.code(part), "") for part in (first, second)]
                what = f"the values of `{named[one].arg}` and `{named[two].arg}` swap places"
                draft = site.exchange(first, second, "keywords-swapped", 1.8 + 0.3 * clash(*kinds), what)
                if draft is not None:
                    yield draft


def parameters(site: Site) -> Iterator[Draft]:
    """Two parameters of a signature swapped, a default taken away or given."""
    node = site.node
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return
    params = [*getattr(node.args, "posonlyargs", []), *node.args.args]
    for one, two in ((params[index], params[index + 1]) for index in range(len(params) - 1)):
        if one.arg in ("self", "cls"):
            continue
        first, second = site.module.span(one), site.module.span(two)
        gap = site.module.slice(first[1], second[0])
        if "=" not in gap:
            new = site.module.slice(*second) + gap + site.module.slice(*first)
            what = f"the parameters `{one.arg}` and `{two.arg}` swap places"
            yield Draft(first[0], second[1], new, "parameters-swapped", 2.2, what)
    for default in (*node.args.defaults, *(one for one in node.args.kw_defaults if one is not None)):
        for text, cost in (("None", 2.2), ("True", 2.4), ("False", 2.4), ("()", 2.7), ('""', 2.7), ("0", 2.7)):
            if text != site.module.code(default):
                yield site.swap_in(default, text, 15, "default-changed", cost)
