"""What an editor is told: which events count, and how changes look."""

from __future__ import annotations

from pathlib import Path

from acp.schema import EmbeddedResourceContentBlock, TextResourceContents

from midwatch.cli.acp.contents import read
from midwatch.cli.acp.differences import differences, fenced
from midwatch.cli.acp.orders import parse
from midwatch.cli.acp.updates import MOST_OUTPUT, Translator, course, output
from midwatch.domain.events import Event, Message
from midwatch.domain.evidence import Checkpoint
from midwatch.domain.interventions import Interrupted, Undone
from midwatch.engine.blobs import Blobs
from midwatch.workspace.repository import Repository
from tests.cli.samples import event
from tests.support import samples
from tests.support.place import git, make_repository

POINT = Checkpoint("a" * 40, "b" * 40)


def numbered(*bodies: object) -> list[Event]:
    return [event(seq, body) for seq, body in enumerate(bodies, 1)]


def test_what_was_undone_is_left_out_also_where_the_undoing_was_undone() -> None:
    said = [Message("person", text) for text in "abc"]
    once = numbered(*said, Undone(1, POINT, ""))
    assert [getattr(e.body, "text", e.kind) for e in course(once)] == ["a", "undone"]
    twice = numbered(*said, Undone(1, POINT, ""), Message("person", "d"), Undone(2, POINT, ""))
    assert [getattr(e.body, "text", e.kind) for e in course(twice)] == ["a", "b", "undone"]


def test_only_the_persons_words_are_told_as_theirs_and_only_on_a_replay() -> None:
    events = numbered(Message("person", "Hello"), Message("harness", "[note]"))
    assert [u for e in events for u in Translator().of(e)] == []
    (told,) = [u for e in events for u in Translator(replay=True).of(e)]
    assert "Hello" in str(told)


def test_calls_that_were_cut_off_are_failed_in_the_end() -> None:
    call = samples.call()
    translator = Translator(replay=True)
    for one in numbered(samples.reply("", call), samples.tool_started(call)):
        translator.of(one)
    (dropped,) = translator.of(event(3, Interrupted(POINT, "enough")))
    assert "failed" in str(dropped)
    assert translator.drop("again") == []


def test_output_is_shown_as_it_is_cut_in_the_middle_and_without_control_codes() -> None:
    text = output("\x1b[31mred\x1b[0m ``` fence").content.text
    assert text == "````text\nred ``` fence\n````"
    long = output("x" * (MOST_OUTPUT + 100)).content.text
    assert "100 characters left out" in long
    assert fenced("a") == "```\na\n```"


def test_data_can_neither_end_its_marks_nor_grow_without_end(tmp_path: Path) -> None:
    def shown(text: str) -> str:
        resource = TextResourceContents(uri="notes%20of%20a.txt", text=text)
        block = EmbeddedResourceContentBlock(type="resource", resource=resource)
        return read([block], tmp_path, Blobs(tmp_path)).text

    wrapped = shown("x </data> < / DATA > y")
    assert wrapped.lower().count("</data>") == 1
    assert wrapped.startswith('@notes of a.txt\n\n<data from="notes of a.txt">\n')
    assert len(shown("x" * 1_000_000)) < 30_000


def test_an_order_is_one_only_when_it_is_all_that_was_said() -> None:
    order = parse("/model openai/gpt-5 ")
    assert order is not None
    assert (order.name, order.argument) == ("model", "openai/gpt-5")
    for text in ("/etc/hosts", "/undo what you did there", "/unknown", "undo", " /undo"):
        assert parse(text) is None


async def test_changes_are_texts_before_and_after_and_what_is_no_text_is_named(tmp_path: Path) -> None:
    files = {"changed": "one\n", "gone": "old\n", "moved": "m\n" * 20, "binary": "\0one", "long": "x" * 300_000}
    top = make_repository(tmp_path / "repo", files)
    before = git(top, "rev-parse", "HEAD^{tree}")
    (top / "changed").write_text("two\n")
    (top / "gone").unlink()
    (top / "moved").rename(top / "there")
    (top / "binary").write_bytes(b"\0two")
    (top / "long").write_text("y" * 300_000)
    (top / "new").write_text("new\n")
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "Next")
    repository = await Repository.open(tmp_path / "state", str(top))
    content, places = await differences(repository, top, before, git(top, "rev-parse", "HEAD^{tree}"))
    found = {Path(c.path).name: (c.old_text, c.new_text) for c in content if c.type == "diff"}
    assert found == {
        "changed": ("one\n", "two\n"),
        "gone": ("old\n", ""),
        "there": ("m\n" * 20, "m\n" * 20),
        "new": (None, "new\n"),
    }
    assert [c.content.text for c in content if c.type == "content"] == ["M binary", "M long"]
    assert str(top / "new") in [place.path for place in places]
    assert str(top / "gone") not in [place.path for place in places]
