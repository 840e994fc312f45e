"""The parts of the interface that need no terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from midwatch.cli.tui import colours, patches, pictures, slash
from midwatch.cli.tui.entries import Answer, Edit, Note, Run, Said
from midwatch.cli.tui.transcript import Transcript, thoughts
from midwatch.domain.conversation import ToolCall, Usage
from midwatch.domain.errors import InputError
from midwatch.domain.events import Event, Message, ModelReplied, TaskStarted, ToolStarted
from midwatch.domain.evidence import Checkpoint
from midwatch.domain.interventions import Interrupted, Undone
from midwatch.engine.blobs import Blobs
from tests.cli.samples import command, event, task

PATCH = "*** Begin Patch\n*** Update File: a.py\n@@ def f():\n-    x\n+    y\n z\n*** End Patch"


def replied(text: str = "", *calls: ToolCall) -> ModelReplied:
    return ModelReplied("m", "chat", text, calls, (), Usage(10, 0, 0, 5, 0), 0, 10, "end")


def shell(call_id: str, line: str) -> ToolCall:
    return ToolCall(call_id, "shell", json.dumps({"command": line}))


def log(*bodies: Any) -> list[Event]:
    return [event(seq, body) for seq, body in enumerate((TaskStarted(task(), 1, "x", (), "h"), *bodies), 1)]


def test_a_call_is_one_entry_from_its_start_to_its_end() -> None:
    grown = Transcript(log(Message("person", "go"), replied("Look.", shell("call_1", "grep -n range calc.py"))))
    (started,) = grown.fold(event(4, ToolStarted("call_1", "shell", "grep"))) or ()
    assert started == Run("call_1", "grep -n range calc.py")
    (ended,) = grown.fold(event(5, command())) or ()
    assert isinstance(ended, Run)
    assert (ended.ok, ended.number, ended.ended, ended.lines) == (True, 1, "exit 0", 3)
    assert [type(entry) for entry in grown.entries.values()] == [Said, Answer, Run]


def test_words_of_the_harness_and_of_the_repository_are_not_shown() -> None:
    assert Transcript(log(Message("repository", "AGENTS"), Message("harness", "here"))).entries == {}


@pytest.mark.parametrize("tool", ["apply_patch", "shell"])
def test_a_patch_is_an_edit_also_as_a_here_document(tool: str) -> None:
    value = {"input": PATCH} if tool == "apply_patch" else {"command": f"apply_patch <<'EOF'\n{PATCH}\nEOF"}
    call = ToolCall("c", tool, json.dumps(value))
    grown = Transcript(log(replied("", call), ToolStarted("c", tool, "apply_patch: M a.py")))
    assert grown.entries["c"] == Edit("c", "apply_patch: M a.py", PATCH)


@pytest.mark.parametrize("arguments", ["", "{", "[]", '"x"', '{"command": 3}', '{"input": null}'])
def test_whatever_a_model_gives_a_tool_is_shown(arguments: str) -> None:
    for tool in ("shell", "apply_patch", "nothing"):
        grown = Transcript(log(replied("", ToolCall("c", tool, arguments)), ToolStarted("c", tool, "summary")))
        assert "c" in grown.entries


def test_an_interruption_closes_what_was_open() -> None:
    bodies = [replied("", shell("c", "sleep 9")), ToolStarted("c", "shell", "sleep 9"), Interrupted(None, "x")]
    run = Transcript(log(*bodies)).entries["c"]
    assert isinstance(run, Run)
    assert (run.ok, run.ended) == (False, "interrupted")


def test_undoing_takes_entries_away_and_steps_lead_back_to_before_what_was_said() -> None:
    grown = Transcript(log(Message("person", "one"), replied("First."), Message("person", "two"), replied("Second.")))
    assert [(step.to, step.words) for step in grown.steps()] == [(3, "two"), (1, "one")]
    assert grown.fold(event(6, Undone(3, Checkpoint("t", "c"), "undo"))) is None
    assert [type(entry) for entry in grown.entries.values()] == [Said, Answer, Note]
    assert [step.words for step in grown.steps()] == ["one"]


def test_thoughts_are_read_in_the_form_of_every_wire() -> None:
    responses = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}], "encrypted_content": "x"}
    assert thoughts([responses, {"type": "message"}]) == "a"
    assert thoughts([{"role": "assistant", "reasoning_content": "b"}]) == "b"
    assert thoughts([{"type": "thinking", "thinking": "c", "signature": "s"}]) == "c"
    assert thoughts([{"type": "reasoning", "summary": None}]) == ""


def test_lines_of_a_patch_and_of_a_diff_say_what_they_are_and_are_harmless() -> None:
    kinds = [line.kind for line in patches.of_patch(PATCH)]
    assert kinds == ["file", "place", "removed", "added", "plain"]
    diff = b"diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n--- was\n+++ \x1b[31mis\n same\n"
    lines = patches.of_diff(diff)
    assert [(line.kind, line.text) for line in lines] == [
        ("file", "x"), ("place", "@@ -1,2 +1,2 @@"), ("removed", "--- was"), ("added", "+++ is"), ("plain", " same"),
    ]  # fmt: skip
    assert patches.counts(lines) == (1, 1)


@pytest.mark.parametrize(
    "text", ["see {}", "see '{}' there", 'see "{}".', "file://{}, please", "{}"], ids=lambda text: text
)
def test_a_picture_is_found_in_a_message(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a b.png"
    path.write_bytes(b"x")
    shown = str(path) if "'" in text or '"' in text else str(path).replace(" ", "\\ ")
    assert pictures.named_in(text.format(shown), Path("/")) == [path]


def test_what_does_not_exist_or_has_no_pictures_ending_stays_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    assert pictures.named_in(f"{tmp_path}/a.txt and {tmp_path}/none.png and ~nobody/x.png", tmp_path) == []


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b"\xff\xd8\xff\xe0", "image/jpeg"), (b"GIF89a", "image/gif"), (b"RIFF1234WEBP", "image/webp"), (b"<svg", "")],
)
def test_the_kind_of_a_picture_is_in_its_bytes(tmp_path: Path, data: bytes, kind: str) -> None:
    (tmp_path / "x.png").write_bytes(data)
    if kind:
        assert pictures.load(tmp_path / "x.png", Blobs(tmp_path / "blobs")).image.media_type == kind
    else:
        with pytest.raises(InputError, match="no picture"):
            pictures.load(tmp_path / "x.png", Blobs(tmp_path / "blobs"))


def test_a_picture_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "x.png").open("wb") as file:
        file.truncate(pictures.MOST_BYTES + 1)
    with pytest.raises(InputError, match="larger than"):
        pictures.load(tmp_path / "x.png", Blobs(tmp_path / "blobs"))


def test_a_path_is_a_message_and_an_unknown_command_has_near_names() -> None:
    assert slash.parse("/etc/hosts is wrong") is None
    assert slash.parse("/") is None
    command_found = slash.parse("/LOG 3")
    assert command_found is not None
    assert (command_found[0].name, command_found[1]) == ("log", "3")
    with pytest.raises(InputError) as caught:
        slash.parse("/dif")
    assert "/diff" in caught.value.mend


@pytest.mark.parametrize(
    ("answer", "light"),
    [(b"\x1b]11;rgb:ffff/ffff/f0f0\x07", True), (b"\x1b]11;rgb:12/16/1b\x1b\\", False), (b"\x1b[?62c", None)],
)
def test_the_terminal_says_whether_it_is_light(answer: bytes, light: bool | None) -> None:
    assert colours.is_light(answer) is light
