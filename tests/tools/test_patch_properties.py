"""For any two texts, a patch made from their difference gives exactly the second, or is refused as ambiguous."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.tools.patch.apply import updated
from midwatch.tools.patch.grammar import PatchError, Update
from midwatch.tools.patch.parse import parse

# Few letters, so that lines repeat; blanks and separators that other tools take for line ends.
LINE = st.text(alphabet="ab \t\x0b\x0c\x85\u2028é–*@+-", max_size=4)
FILE = st.lists(LINE, max_size=12)
ENDS = st.sampled_from(["\n", "\r\n"])


def patch_for(old: list[str], new: list[str], context: int) -> str:
    """A patch in our format with so many lines of context around each change."""
    rows = ["*** Begin Patch", "*** Update File: f"]
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for group in matcher.get_grouped_opcodes(context):
        rows.append("@@")
        for tag, a, b, c, d in group:
            if tag == "equal":
                rows += [f" {line}" for line in old[a:b]]
            else:
                rows += [f"-{line}" for line in old[a:b]] + [f"+{line}" for line in new[c:d]]
    return "\n".join([*rows, "*** End Patch", ""])


def applied(content: bytes, patch: str) -> bytes:
    (operation,) = parse(patch)
    assert isinstance(operation, Update)
    return updated("f", content, operation.chunks)


def joined(lines: list[str], end: str) -> bytes:
    """The lines as a file."""
    return "".join(line + end for line in lines).encode("utf-8", "surrogateescape")


@settings(max_examples=150, deadline=None, database=None)
@given(FILE, FILE, ENDS)
def test_a_patch_with_the_whole_file_gives_exactly_the_new_text(old: list[str], new: list[str], end: str) -> None:
    end = end if old else "\n"  # an empty file has no line ends to keep
    if old != new:
        assert applied(joined(old, end), patch_for(old, new, 1000)) == joined(new, end)


@settings(max_examples=300, deadline=None, database=None)
@given(FILE, FILE, st.integers(1, 3), ENDS)
def test_a_patch_with_some_context_gives_the_new_text_or_is_refused_as_ambiguous(
    old: list[str], new: list[str], context: int, end: str
) -> None:
    if old == new:
        return
    end = end if old else "\n"
    try:
        result = applied(joined(old, end), patch_for(old, new, context))
    except PatchError as error:
        assert "is ambiguous" in str(error)  # noqa: PT017 - both endings are right
    else:
        assert result == joined(new, end)


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(st.binary(max_size=6), min_size=1, max_size=6), st.integers(0, 5))
def test_bytes_around_a_change_stay_whatever_they_are(around: list[bytes], at: int) -> None:
    lines = [line.replace(b"\n", b"n") for line in around]
    lines = [
        line[:-1] + b"r" if line.endswith(b"\r") else line for line in lines
    ]  # with the line's end an end of its own
    at = min(at, len(lines))
    content = b"\n".join([*lines[:at], b"the only one", *lines[at:]])
    patch = "*** Begin Patch\n*** Update File: f\n@@\n-the only one\n+another\n*** End Patch"
    rest = lines[at:-1] if at < len(lines) and not lines[-1] else lines[at:]
    expected = b"\n".join([*lines[:at], b"another", *rest]) + b"\n"
    assert applied(content, patch) == expected


@settings(max_examples=200, deadline=None, database=None)
@given(st.text(alphabet="*@+- \n\rBeginPatchUdFl:f", max_size=80))
def test_any_text_is_parsed_or_refused_with_a_reason(text: str) -> None:
    try:
        parse(f"*** Begin Patch\n{text}\n*** End Patch")
    except PatchError as error:
        assert str(error).startswith("Invalid patch")  # noqa: PT017


def test_an_unchanged_line_that_matched_loosely_keeps_its_own_blanks() -> None:
    patch = "*** Begin Patch\n*** Update File: f\n@@\n context\n-old\n+new\n*** End Patch"
    assert applied(b"\tcontext  \nold\n", patch) == b"\tcontext  \nnew\n"


def test_a_large_file_with_many_equal_lines_is_refused_with_few_numbers() -> None:
    content = b"same\n" * 50_000
    with pytest.raises(PatchError, match=r"lines 1, 2, 3.*, …"):
        applied(content, "*** Begin Patch\n*** Update File: f\n-same\n+other\n*** End Patch")
