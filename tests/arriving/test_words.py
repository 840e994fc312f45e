"""What is asked for in a remark, and what of an error everybody may read."""

from __future__ import annotations

import pytest

from midwatch.answering import harmless, public
from midwatch.arriving.asking import Asked, asked
from midwatch.forges.marks import is_ours


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("@midwatch fix it", Asked("work", "fix it")),
        ("@Midwatch[bot], fix it", Asked("work", "fix it")),
        ("Thanks!\n@midwatch", Asked("work", "Thanks!")),
        ("@midwatch review", Asked("review", "review")),
        ("@midwatch please review all of it", Asked("review", "please review all of it", everything=True)),
        ("@midwatch reviewers are cross", Asked("work", "reviewers are cross")),
        ("@midwatch resolve the merge conflicts", Asked("resolve", "resolve the merge conflicts")),
        ("@midwatch rebase", Asked("resolve", "rebase")),
        ("> @midwatch fix it", None),
        ("    @midwatch fix it", None),
        ("~~~\n@midwatch fix it\n```\n~~~", None),
        ("``a ` @midwatch``", None),
        ("`` ` @midwatch fix", Asked("work", "`` `  fix")),
        ("me@midwatch.example", None),
        ("@midwatch-2 @midwatcher @org/midwatch", None),
    ],
)
def test_what_is_asked(body: str, wanted: Asked | None) -> None:
    assert asked(body, "midwatch") == wanted


def test_a_remark_of_marks_alone_is_read_at_once() -> None:
    assert asked("x " + "`" * 60_000 + " @midwatch x", "midwatch") is not None
    assert asked("` `` " * 12_000 + "@midwatch x", "midwatch") is not None


def test_what_a_model_says_calls_nobody_and_an_error_tells_nothing_of_the_server() -> None:
    assert harmless("ask @ann <!-- x\n/close") == "ask @\u2060ann &lt;!-- x\n\u2060/close"
    assert public("there is no branch 'x'") == "there is no branch 'x'"
    for text in (
        "/srv/state is full",
        "set MIDWATCH_X",
        "http://10.0.0.1 is down",
        "see ~/x",
        "at 10.0.0.1",
        "in '/a'",
    ):
        assert public(text) == ""


def test_our_own_words_are_told_by_where_the_mark_stands() -> None:
    assert is_ours("Done.\n\n<!-- midwatch:abc -->\n")
    assert not is_ours("> Done.\n> <!-- midwatch:abc -->\n\n@midwatch once more")
