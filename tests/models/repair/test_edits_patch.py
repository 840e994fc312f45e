"""The patch of an edit: read and applied by Midwatch's own patch tool, it gives the edited file."""

from __future__ import annotations

import itertools

import pytest

from midwatch.models.repair.box.edits import Context, apply, enumerate_edits, patch_text
from midwatch.tools.patch.apply import updated
from midwatch.tools.patch.grammar import Update
from midwatch.tools.patch.parse import parse

REPEATED = "".join(f"def f{number}(a, b):\n    if a < b:\n        return a\n    return b\n\n\n" for number in range(6))
SAME = "class A:\n" + "    def f(self, a):\n        return a + 1\n\n" * 5
SOURCES = {
    "repeated": REPEATED.encode(),
    "all the same": SAME.encode(),
    "crlf": REPEATED.replace("\n", "\r\n").encode(),
    "bom": b"\xef\xbb\xbf" + REPEATED.encode(),
    "latin": b"# coding: latin-1\ndef f(a):\n    return a + '\xe9\x85' # \xfc\n",
    "not ascii": "def größe(a):\n    return a + 1  # – 漢字\n".encode(),
    "no end": b"def f(a):\n    if a:\n        return 1\n    return a + 2",
    "form feed": b"def f(a):\n    b = 1\x0c\n    return a + b\n",
}


def patched(path: str, source: bytes, text: str) -> bytes:
    """What the patch tool makes of the source."""
    (operation,) = parse(text)
    assert isinstance(operation, Update)
    assert operation.path == path
    return updated(path, source, operation.chunks)


@pytest.mark.parametrize("name", SOURCES)
def test_the_patch_of_every_edit_gives_the_edited_file(name: str) -> None:
    source = SOURCES[name]
    lines = dict.fromkeys(range(1, source.count(b"\n") + 2), 1.0)
    found = list(itertools.islice(enumerate_edits("a b.py", source, lines, Context()), 700))
    assert len(found) > 30
    for edit in found[::3]:
        edited = apply(source, edit)
        result = patched("a b.py", source, patch_text("a b.py", source, edited))
        if source.endswith(b"\n"):
            assert result == edited, edit
        else:
            assert result.rstrip(b"\n") == edited.rstrip(b"\n"), edit


def test_the_patch_of_two_edits_has_both() -> None:
    source = REPEATED.encode()
    edited = source.replace(b"def f0(a, b)", b"def f0(a, c)").replace(b"def f5(a, b)", b"def f5(a, c)")
    text = patch_text("m.py", source, edited)
    assert text.count("@@") == 2
    assert patched("m.py", source, text) == edited


def test_context_is_small_where_lines_are_told_apart_and_grows_where_they_are_not() -> None:
    plain = "".join(f"x{number} = {number}\n" for number in range(40)).encode()
    text = patch_text("m.py", plain, plain.replace(b"x20 = 20", b"x20 = 21"))
    assert [line for line in text.split("\n") if line.startswith(" ")] == [
        f" x{n} = {n}" for n in (17, 18, 19, 21, 22, 23)
    ]
    same = SAME.encode()
    middle = same.find(b"+ 1", len(same) // 2)
    edited = same[:middle] + b"- 1" + same[middle + 3 :]
    text = patch_text("m.py", same, edited)
    assert text.count("\n") > 12
    assert patched("m.py", same, text) == edited


def test_no_difference_gives_no_patch() -> None:
    assert patch_text("m.py", b"x = 1\n", b"x = 1\n") == ""
