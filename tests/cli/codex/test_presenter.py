"""Events of a log as lines of the stream, without a program around them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.cli.codex.calls import Ground
from midwatch.cli.codex.presenter import Line, Presenter
from midwatch.cli.codex.quoting import quoted
from midwatch.cli.codex.stream import JsonStream
from midwatch.domain.conversation import Delta, ToolCall, Usage
from midwatch.domain.events import Event, ModelReplied, ToolFinished, ToolStarted
from midwatch.domain.evidence import Checkpoint

HERE = Checkpoint("tree", "commit")


class Turn:
    """A turn whose events are made by hand."""

    def __init__(self, folder: str = "") -> None:
        self.presenter = Presenter(Ground("/home/ada/repo", folder, "thread"), lambda event: "printed")
        self.lines: list[Line] = self.presenter.started("before")
        self._seq = 0

    def add(self, *bodies: Any) -> Turn:
        for body in bodies:
            self._seq += 1
            self.lines += self.presenter.event(Event("a.1", self._seq, "", 1, body, "", ""))
        return self

    def call(self, tool: str, summary: str = "", **arguments: Any) -> Turn:
        call = ToolCall(f"c{self._seq}", tool, json.dumps(arguments))
        self._call = call
        return self.add(replied(calls=(call,)), ToolStarted(call.id, tool, summary))

    def end(self, *, ok: bool = True, detail: Mapping[str, Any] | None = None, **more: Any) -> Turn:
        body = ToolFinished(
            self._call.id, self._call.name, ok, "the output", "ended", 7, HERE, detail=detail or {}, **more
        )
        return self.add(body)

    @property
    def items(self) -> list[tuple[str, Any]]:
        return [(line.type.partition(".")[2], line.fields["item"]) for line in self.lines if "item" in line.fields]


def replied(text: str = "", wire: str = "responses", **more: Any) -> ModelReplied:
    known: dict[str, Any] = {"calls": (), "items": (), "usage": Usage(), "cost_microusd": 0, **more}
    return ModelReplied("m", wire, text, latency_ms=1, stop="end", **known)


def test_a_call_of_an_mcp_server_is_an_item_with_what_it_answered() -> None:
    content = [{"type": "text", "text": "hi"}]
    turn = Turn().call("mcp__files__read__all", path="a").end(detail={"content": content, "structured": {"n": 1}})
    begun, ended = turn.items
    assert begun == (
        "started",
        {
            "id": "item_0", "type": "mcp_tool_call", "server": "files", "tool": "read__all", "arguments": {"path": "a"},
            "result": None, "error": None, "status": "in_progress",
        },
    )  # fmt: skip
    assert ended[1]["result"] == {"content": content, "structured_content": {"n": 1}}
    assert (ended[1]["status"], ended[1]["error"]) == ("completed", None)
    failed = Turn().call("mcp__files__read").end(ok=False, detail={"error": "no such file"}).items[1][1]
    assert (failed["status"], failed["error"], failed["result"]) == ("failed", {"message": "no such file"}, None)


def test_a_subtask_is_a_collaboration_with_its_state() -> None:
    turn = Turn().call("delegate", prompt="look").end(detail={"task": "child", "status": "done"})
    (_, begun), (_, ended) = turn.items
    assert (begun["tool"], begun["prompt"], begun["sender_thread_id"]) == ("spawn_agent", "look", "thread")
    assert ended["receiver_thread_ids"] == ["child"]
    assert ended["agents_states"] == {"child": {"status": "completed", "message": "the output"}}


def test_what_is_open_at_the_end_is_completed_once_with_what_it_had_printed() -> None:
    turn = Turn().call("shell", "sleep 9", command=["bash", "-lc", "sleep 9"])
    turn.presenter.printed(b"half")
    lines = turn.presenter.close()
    (item,) = (line.fields["item"] for line in lines)
    assert (item["command"], item["aggregated_output"]) == ("/bin/bash -lc 'sleep 9'", "half")
    assert (item["status"], item["exit_code"]) == ("failed", None)
    assert turn.presenter.close() == []


def test_paths_of_a_patch_are_absolute_in_the_persons_folder_and_in_order() -> None:
    patch = "*** Begin Patch\n*** Update File: z.py\n@@\n-a\n+b\n*** Add File: /workspace/a.py\n+x\n*** End Patch"
    (_, begun), *_ = Turn("sub").call("apply_patch", "apply_patch: M z.py", patch=patch).items
    paths = [(change["path"], change["kind"]) for change in begun["changes"]]
    assert paths == [("/home/ada/repo/a.py", "add"), ("/home/ada/repo/sub/z.py", "update")]
    heredoc = f"cd lib && apply_patch <<'EOF'\n{patch}\nEOF"
    turn = Turn().call("shell", "apply_patch: M z.py", command=heredoc)
    assert turn.items[0][1]["changes"][1]["path"] == "/home/ada/repo/lib/z.py"
    turn.end(detail={"files": [{"path": "lib/z.py", "kind": "update", "move_path": "lib/y.py"}]})
    assert turn.items[1][1]["changes"] == [{"path": "/home/ada/repo/lib/z.py", "kind": "update"}]
    assert turn.lines[-1].trees == ("before", "tree")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (replied("plain", wire="chat"), ["agent_message plain"]),
        (
            replied(
                "x", wire="messages", items=({"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "x"})
            ),
            ["reasoning hm", "agent_message x"],
        ),
        (
            replied("x", wire="chat", items=({"role": "assistant", "content": "x", "reasoning_content": "hm"},)),
            ["reasoning hm", "agent_message x"],
        ),
        (
            replied(
                "x",
                items=(
                    {"type": "reasoning", "summary": [{"text": "one"}, {"text": "two"}]},
                    {"type": "reasoning", "summary": []},
                    {"type": "message", "content": [{"type": "output_text", "text": "x"}]},
                ),
            ),
            ["reasoning one\ntwo", "agent_message x"],
        ),
    ],
)
def test_what_a_model_says_over_each_wire_is_reasoning_and_messages(reply: ModelReplied, said: list[str]) -> None:
    turn = Turn().add(reply)
    assert [f"{item['type']} {item['text']}" for _, item in turn.items] == said


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40))
def test_a_quoted_word_is_that_word_for_a_shell(text: str) -> None:
    printed = subprocess.run(["sh", "-c", f"printf %s {quoted(text)}"], capture_output=True, check=True).stdout
    assert printed == text.encode()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("false", "false"),
        ("", "''"),
        ("echo a", "'echo a'"),
        ("it's", '"it\'s"'),
        ("echo 'a' $HOME", "\"echo 'a' \"'$HOME'"),
        ("a\\b", '"a\\\\b"'),
        ("a^b", "a'^b'"),
    ],
)
def test_words_are_quoted_as_codex_quotes_them(text: str, word: str) -> None:
    assert quoted(text) == word


async def test_what_a_call_changed_is_told_only_when_the_agent_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    stream, call = JsonStream(extra="none"), ToolCall("c", "shell", '{"command": "true"}')

    async def differ(old: str, new: str) -> str:
        return ""

    stream.turn(Presenter(Ground("/r", "", "t"), lambda event: "out"), differ, "", 5)
    finished = ToolFinished("c", "shell", True, "", "exit 0", 1, HERE, number=1, digest="d", exit_code=0)
    for seq, body in enumerate((replied(calls=(call,)), ToolStarted("c", "shell", "true"), finished), 1):
        stream.event(Event("a.1", seq, "", 1, body, "", ""))
    await stream.settled()
    assert "item.completed" not in (before := capfd.readouterr().out)
    assert "item.started" in before
    stream.phase("asking m")
    stream.delta(Delta("notice", "it broke; trying again in 1 s"))
    await stream.settled()
    told = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line["type"] for line in told] == ["item.completed", "error"]
    assert told[1]["message"] == "Reconnecting... 1/5 (it broke)"
    await stream.failed("over")
    await stream.failed("again")
    assert [json.loads(line)["type"] for line in capfd.readouterr().out.splitlines()] == ["error", "turn.failed"]


async def test_a_fault_in_printing_is_raised_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str) -> None:
        raise RuntimeError(text)

    monkeypatch.setattr("midwatch.cli.codex.stream._print", broken)
    stream = JsonStream(extra="none")
    stream.thread("a")
    with pytest.raises(RuntimeError, match=r"thread\.started"):
        await stream.failed("over")
