"""What holds for every edit: it compiles, changes the program, touches its own bytes only; the best come first."""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from midwatch.models.repair.box import edits as package
from midwatch.models.repair.box.edits import Context, Edit, apply, enumerate_edits, same_meaning
from midwatch.models.repair.box.edits.ranking import FAMILIES
from midwatch.models.repair.box.edits.scopes import Scope, Surroundings
from midwatch.models.repair.box.edits.site import Site
from midwatch.models.repair.box.edits.source import Module

ODD = '''#!/usr/bin/env python
"""Module of oddities."""
import functools
TABLE = {
    "a": 1,  # first
    "b": 2,
}
größe = "Ünïcode – 漢字"; klein = 3

class Thing(object):
    size: int = 3
    def __init__(self, width, height=2, *rest, deep=None, **more) -> None:
        self.width, self.height = width, height; self.deep = deep
    @property
    @functools.lru_cache(maxsize=None)
    def area(self): return self.width * (  # why not
        self.height
        - 1)
    async def fetch(self, url: str = "x" "y") -> bytes:
        async with self.open(url) as page, self.other():
            return await page.read(10) or b"\\x00"
    def walk(self):
        for größe_ in self.rest:
            yield from größe_.walk()
        else:
            yield self

def f(a, b=(1, 2), /, c=3, *, d: "int | None" = None):
    """Docs."""
    global klein
    total = a \\
        + b[0] if (n := len(b)) > 1 and not c else -1
    if a < b[0] <= n: return total
    elif (a and
          b):  # a note
        pass
    else: klein += 1
    try:
        x = [i * j for i in range(a) if i for j in b if j > i]
    except (ValueError, TypeError) as error:
        raise RuntimeError(f"{a!r:>{n}} {b[0]} {TABLE['a']} {{}}") from error
    finally:
        del c
    with open(größe) as one: print(one, end="")
    while n:
        n -= 1
        if n % 2: continue
        break
    return lambda y, z=1: (y, *b, z)[a:n:2], {**TABLE, "k": a if b else n}, {x for x in b}, `'''.replace(
    "`", "not a is b"
)

MATCH = """
def g(command, store):
    match command:
        case ["go", place] if place in store:
            return store[place]
        case {"kind": "x", **rest} | [rest]:
            return len(rest)
        case _:
            return None
"""
TABS = (
    "class A:\n\tdef f(self, x):\n\t\tif x:\n\t\t\treturn x + 1\n\t\tfor i in x:\n\t\t\tself.y = i\n\t\treturn None\n"
)
SOURCES = {
    "odd": ODD.encode(),
    "crlf": ODD.replace("\n", "\r\n").encode(),
    "match": MATCH.encode(),
    "tabs": TABS.encode(),
    "bom": b"\xef\xbb\xbf" + TABS.encode(),
    "latin": ("# -*- coding: latin-1 -*-\n" + TABS.replace("x", "größe") + "s = 'é' + 'ü'\n").encode("latin-1"),
    "no end": b"def f(a):\n    return a < 1",
    "one line": b"def f(a, b): return a + b; pass\nif 1: x = 2; y = x\n",
    "form feed": b"x = 1\n\x0c\ndef f(a):\n    return a - 1\n",
}


def every_line(source: bytes) -> dict[int, float]:
    return dict.fromkeys(range(1, source.count(b"\n") + 2), 1.0)


def first(source: bytes, most: int, **known: object) -> list[Edit]:
    context = Context(**known)  # type: ignore[arg-type]
    return list(itertools.islice(enumerate_edits("m.py", source, every_line(source), context), most))


def check_all(source: bytes, edits: list[Edit]) -> None:
    before, seen, last = ast.dump(ast.parse(source)), set(), float("-inf")
    for edit in edits:
        after = apply(source, edit)
        assert after[: edit.start] == source[: edit.start]
        assert after[edit.start + len(edit.new) :] == source[edit.end :]
        compile(after, "m.py", "exec", dont_inherit=True)
        assert ast.dump(ast.parse(after)) != before, edit
        assert after not in seen, edit
        seen.add(after)
        assert edit.priority >= last
        last = edit.priority
        assert edit.line == 1 + len(re.findall(rb"\r\n|\r|\n", source[: edit.start]))
        assert edit.what
        assert "\n" not in edit.what


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize("name", SOURCES)
def test_every_edit_compiles_and_changes_the_program_and_comes_once(name: str) -> None:
    source = SOURCES[name]
    found = first(source, 600)
    assert len(found) > 25
    check_all(source, found)


def test_line_endings_are_kept() -> None:
    source = SOURCES["crlf"]
    for edit in first(source, 1500):
        after = apply(source, edit)
        assert after.count(b"\n") == after.count(b"\r\n"), edit


def test_other_encodings_are_kept() -> None:
    for edit in first(SOURCES["latin"], 300):
        ast.parse(apply(SOURCES["latin"], edit))
        apply(SOURCES["latin"], edit).decode("latin-1").encode("latin-1")


NAMES = st.sampled_from(["a", "b", "count", "größe"])


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> str:
    if depth == 0:
        return draw(st.one_of(NAMES, st.sampled_from(["0", "1", "'s'", "None", "True", "[]", "a.b", "b[0]"])))
    one, two = draw(expressions(depth - 1)), draw(expressions(depth - 1))
    forms = ["{0} + {1}", "({0}) * ({1})", "{0} < {1}", "({0}) and {1}", "not ({0})", "f({0}, {1})", "[{0}, ({1})]"]
    forms += ["({0} if {1} else 2)", "(lambda x: {0})", "[y for y in ({0}) if {1}]", "f'{{({0})}}'", "b[({0}):({1})]"]
    return draw(st.sampled_from(forms)).format(one, two)


@st.composite
def modules(draw: st.DrawFn) -> str:
    lines, indent = ["def f(a, b, count=0, größe=None):"], 1
    for _ in range(draw(st.integers(1, 7))):
        pad = "    " * indent
        text = draw(expressions())
        kind = draw(
            st.sampled_from(
                ["x = {}", "return {}", "if {}:", "for y in ({}):", "while {}:", "count += {}", "f({})", "with ({}):"]
            )
        )
        lines.append(pad + kind.format(text))
        if lines[-1].endswith(":"):
            indent += 1
        elif indent > 1 and draw(st.booleans()):
            indent -= 1
    if lines[-1].endswith(":"):
        lines.append("    " * indent + "pass")
    return "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n"]))


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(modules())
def test_edits_of_any_module_hold_to_the_rules(text: str) -> None:
    try:
        compile(text, "m.py", "exec")
    except SyntaxError:
        return
    check_all(text.encode(), first(text.encode(), 150))


@pytest.mark.parametrize(
    "source",
    [b"", b"\n", b"# nothing\n", b"def f(:\n", b"\xff\xfe\x00", b"x = '\x00'\n", b"# coding: nonsense\nx = 1\n"],
)
def test_a_source_with_nothing_to_edit_gives_nothing_and_raises_nothing(source: bytes) -> None:
    for edit in first(source, 50):
        compile(apply(source, edit), "m.py", "exec")


def test_lines_that_are_not_suspicious_stay_as_they_are() -> None:
    source = b"def f(a):\n    b = a + 1\n    return b * 2\ndef g(a):\n    return a - 1\n"
    lines = {edit.line for edit in enumerate_edits("m.py", source, {3: 1.0}, Context())}
    assert 3 in lines
    assert 5 not in lines


def test_the_more_suspicious_line_comes_first() -> None:
    source = b"def f(a):\n    b = a + 1\n    c = b - 1\n    return c\n"
    assert next(enumerate_edits("m.py", source, {2: 0.2, 3: 0.9}, Context())).line == 3
    assert next(enumerate_edits("m.py", source, {2: 0.9, 3: 0.2}, Context())).line == 2


def test_every_line_of_a_long_expression_can_be_edited() -> None:
    source = b"def f(a, b):\n    return (\n        a\n        + b\n    )\n"
    found = enumerate_edits("m.py", source, {2: 1.0}, Context())
    assert any(edit.what == "`+` becomes `-`" and edit.line == 4 for edit in found)


def test_nothing_comes_after_the_deadline() -> None:
    source = SOURCES["odd"]
    assert list(enumerate_edits("m.py", source, every_line(source), Context(deadline=time.monotonic() - 1))) == []


def test_edits_are_made_lazily() -> None:
    text = "def f{0}(a, b, c):\n    if a < b and not c:\n        return f{0}(b, a, c) + 1\n    return [a, b][c]\n\n"
    source = "".join(text.format(number) for number in range(600)).encode()
    edits = enumerate_edits("m.py", source, every_line(source), Context())
    assert len(list(itertools.islice(edits, 100))) == 100


def test_two_edits_are_applied_together_and_refused_when_they_overlap() -> None:
    source = b"x = f(1, 5)\n"
    found = {edit.what: edit for edit in first(source, 60)}
    one, two = found["`1` becomes `2`"], found["`5` becomes `6`"]
    assert apply(source, one, two) == apply(source, two, one) == b"x = f(2, 6)\n"
    assert apply(source) == source
    with pytest.raises(ValueError, match="overlap"):
        apply(source, one, found["`1` becomes `0`"])
    with pytest.raises(ValueError, match="outside"):
        apply(b"x", two)


def test_meaning_is_the_tree_without_layout() -> None:
    assert same_meaning(b"x = (1 +\n  2)  # note\n", b"x=1+2")
    assert same_meaning(b'def f():\n    """A  doc."""\n', b'def f():\n    """A\n    doc."""\n')
    assert not same_meaning(b"x = 1", b"x = 2")
    assert not same_meaning(b"x = 1", b"x = (")


@pytest.mark.parametrize("path", sorted(Path(package.__file__).parent.glob("*.py"))[::4], ids=lambda path: path.name)
def test_no_family_stumbles_over_real_code_or_gives_less_than_its_least(path: Path) -> None:
    module = Module(path.name, path.read_bytes())
    around, scopes = Surroundings(module, {}), dict[object, Scope]()
    for statement in module.statements[::5]:
        scope = scopes.setdefault(statement.function, Scope(around, statement.function))
        site = Site(module, statement, scope)
        for family in FAMILIES:
            for draft in family.drafts(site):
                assert draft.cost >= family.least - 1e-9
                assert 0 <= draft.start <= draft.end <= len(module.text)


def test_the_package_runs_alone_with_only_its_folder_on_the_path(tmp_path: Path) -> None:
    box = Path(package.__file__).parents[1]
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from edits import *;"
        "print(next(enumerate_edits('m.py', b'x = 1 < 2', {1: 1.0}, Context())).what);"
        "print(sorted(n for n in sys.modules if n.startswith('midwatch')))"
    )
    command = [sys.executable, "-I", "-c", program, str(box)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "`<` becomes `<=`\n[]\n"
