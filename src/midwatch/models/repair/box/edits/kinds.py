"""A guess at what a name or an expression holds, from how it is used: number, text, many, truth."""

from __future__ import annotations

import ast

NUMBER, TEXT, MANY, TRUTH, UNKNOWN = "number", "text", "many", "truth", ""

_CALLS = {
    **dict.fromkeys(("len", "int", "float", "abs", "sum", "round", "ord", "hash", "id", "pow", "divmod"), NUMBER),
    **dict.fromkeys(("str", "repr", "chr", "format", "input", "hex", "bin"), TEXT),
    **dict.fromkeys(("list", "dict", "set", "tuple", "sorted", "reversed", "range", "zip", "map", "filter"), MANY),
    **dict.fromkeys(("enumerate", "frozenset", "deque", "defaultdict", "Counter", "OrderedDict", "bytearray"), MANY),
    **dict.fromkeys(("bool", "isinstance", "issubclass", "callable", "any", "all", "hasattr"), TRUTH),
}
_METHODS = {
    **dict.fromkeys(("lower", "upper", "strip", "lstrip", "rstrip", "join", "replace", "format", "title"), TEXT),
    **dict.fromkeys(("split", "keys", "values", "items", "copy", "splitlines", "rsplit"), MANY),
    **dict.fromkeys(("count", "index", "find", "rfind", "bit_length"), NUMBER),
    **dict.fromkeys(("startswith", "endswith", "isdigit", "isalpha", "isspace", "isupper", "islower"), TRUTH),
}
_OF_MANY = frozenset(
    [
        "append",
        "extend",
        "insert",
        "pop",
        "remove",
        "add",
        "discard",
        "update",
        "appendleft",
        "popleft",
        "keys",
        "values",
        "items",
        "sort",
        "setdefault",
    ]
)
_OF_TEXT = frozenset(
    [
        "lower",
        "upper",
        "strip",
        "lstrip",
        "rstrip",
        "split",
        "startswith",
        "endswith",
        "join",
        "replace",
        "encode",
        "format",
    ]
)
_ARITHMETIC = (
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.FloorDiv,
    ast.Mod,
    ast.Pow,
    ast.BitAnd,
    ast.BitXor,
    ast.LShift,
    ast.RShift,
)
_HINTS = {
    "int": NUMBER,
    "float": NUMBER,
    "str": TEXT,
    "bool": TRUTH,
    "list": MANY,
    "dict": MANY,
    "set": MANY,
    "tuple": MANY,
}
_HINTS.update(dict.fromkeys(("List", "Dict", "Set", "Tuple", "Sequence", "Iterable", "Iterator", "Mapping"), MANY))


def kind_of(node: ast.AST, tags: dict[str, str]) -> str:
    """What an expression seems to give, `UNKNOWN` when nothing is known."""
    if isinstance(node, (ast.Name, ast.Attribute)):
        return tags.get(_key(node), UNKNOWN)
    if isinstance(node, ast.Constant):
        return _of_constant(node.value)
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name):
            return _CALLS.get(node.func.id, UNKNOWN)
        return _METHODS.get(getattr(node.func, "attr", ""), UNKNOWN)
    if isinstance(node, ast.BinOp):
        left, right = kind_of(node.left, tags), kind_of(node.right, tags)
        if TEXT in (left, right) and isinstance(node.op, (ast.Add, ast.Mod, ast.Mult)):
            return TEXT
        return MANY if MANY in (left, right) else NUMBER if NUMBER in (left, right) else UNKNOWN
    if isinstance(node, ast.BoolOp):
        return next((kind for kind in (kind_of(one, tags) for one in reversed(node.values)) if kind), UNKNOWN)
    if isinstance(node, ast.Compare) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
        return TRUTH
    if isinstance(node, ast.UnaryOp):
        return NUMBER
    if isinstance(
        node, (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    ):
        return MANY
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        return kind_of(node.value, tags) or MANY
    return TEXT if isinstance(node, ast.JoinedStr) else UNKNOWN


def clash(one: str, two: str) -> float:
    """What it costs to put one kind in the place of another."""
    if one == two:
        return 0.0 if one else 0.2
    return 0.4 if UNKNOWN in (one, two) else 1.0


def tag_names(root: ast.AST) -> dict[str, str]:
    """The kind of each name and `self.x` inside a function, where its uses tell."""
    votes: dict[str, dict[str, float]] = {}

    def vote(node: ast.AST | None, kind: str, weight: float = 1.0) -> None:
        key = _key(node)
        if key and kind:
            counts = votes.setdefault(key, {})
            counts[kind] = counts.get(kind, 0.0) + weight

    nodes = list(ast.walk(root))
    for node in nodes:
        _vote_for(node, vote)
    tags = {name: max(counts, key=lambda kind: counts[kind]) for name, counts in votes.items()}
    for node in nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            tags.setdefault(_key(node.targets[0]), kind_of(node.value, tags))
            if tags.get(_key(node.targets[0])) and _key(node.value):
                tags.setdefault(_key(node.value), tags[_key(node.targets[0])])
        elif isinstance(node, ast.Compare) and not isinstance(node.ops[0], (ast.In, ast.NotIn)):
            for one, two in ((node.left, node.comparators[0]), (node.comparators[0], node.left)):
                kind = kind_of(two, tags)
                if kind and _key(one):
                    tags.setdefault(_key(one), kind)
    return {name: kind for name, kind in tags.items() if kind and name}


def _vote_for(node: ast.AST, vote: object) -> None:
    """Let one node say what it tells of the names in it."""
    say: _Vote = vote  # type: ignore[assignment]
    if isinstance(node, ast.BinOp):
        _vote_binary(node, say)
    elif isinstance(node, ast.AugAssign):
        say(node.target, kind_of(node.value, {}))
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            say(target, kind_of(node.value, {}))
    elif isinstance(node, ast.Subscript):
        say(node.value, MANY)
        say(
            getattr(node.slice, "value", node.slice) if type(node.slice).__name__ == "Index" else node.slice,
            NUMBER,
            0.5,
        )
        if isinstance(node.slice, ast.Slice):
            say(node.slice.lower, NUMBER)
            say(node.slice.upper, NUMBER)
    elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
        say(node.iter, MANY)
        if isinstance(node.iter, ast.Call) and getattr(node.iter.func, "id", "") == "range":
            say(node.target, NUMBER)
        if isinstance(node.iter, ast.Call) and getattr(node.iter.func, "id", "") == "enumerate":
            say((getattr(node.target, "elts", None) or [None])[0], NUMBER)
    elif isinstance(node, ast.Compare):
        _vote_compare(node, say)
    elif isinstance(node, ast.Call):
        _vote_call(node, say)
    elif isinstance(node, ast.arg) and node.annotation is not None:
        hint = getattr(node.annotation, "value", node.annotation)
        say(ast.Name(node.arg, ast.Load()), _HINTS.get(getattr(hint, "id", ""), UNKNOWN), 5.0)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        say(node.operand, TRUTH, 0.2)


class _Vote:
    """The shape of `vote`, for the type checker."""

    def __call__(self, node: ast.AST | None, kind: str, weight: float = 1.0) -> None: ...


def _vote_binary(node: ast.BinOp, say: _Vote) -> None:
    kinds = kind_of(node.left, {}), kind_of(node.right, {})
    for one, other in ((node.left, kinds[1]), (node.right, kinds[0])):
        if isinstance(node.op, _ARITHMETIC) and TEXT not in kinds and MANY not in kinds:
            say(one, NUMBER)
        elif isinstance(node.op, ast.Add):
            say(one, other)


def _vote_compare(node: ast.Compare, say: _Vote) -> None:
    right = node.comparators[0]
    if isinstance(node.ops[0], (ast.In, ast.NotIn)):
        say(right, MANY)
        return
    say(node.left, kind_of(right, {}))
    say(right, kind_of(node.left, {}))


def _vote_call(node: ast.Call, say: _Vote) -> None:
    if isinstance(node.func, ast.Attribute):
        if node.func.attr in _OF_MANY:
            say(node.func.value, MANY)
        elif node.func.attr in _OF_TEXT:
            say(node.func.value, TEXT)
    elif isinstance(node.func, ast.Name) and node.args:
        if node.func.id in ("len", "sum", "sorted", "enumerate", "reversed", "set", "any", "all", "iter"):
            say(node.args[0], MANY)
        elif node.func.id in ("range", "chr", "abs"):
            for arg in node.args:
                say(arg, NUMBER)


def _of_constant(value: object) -> str:
    if isinstance(value, bool):
        return TRUTH
    if isinstance(value, (int, float)):
        return NUMBER
    return TEXT if isinstance(value, (str, bytes)) else UNKNOWN


def _key(node: ast.AST | None) -> str:
    """The word that a name or `self.x` is known by here."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return ""
