"""The SDK on an endpoint that sends no more than a client must read: the shortest events of the Responses API."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.cli.codex.conftest import Drive
from tests.cli.codex.streams import ITEMS, shape
from tests.cli.codex.test_exec import PNG
from tests.cli.conftest import PATCH, Program
from tests.support.model_server import ModelServer, Step, calls, calls_all, raw, says

USED = {"input_tokens": 42, "cached_input_tokens": 12, "output_tokens": 5}


def sent(*items: dict[str, Any], usage: bool = True) -> Step:
    """An answer of which the last event repeats nothing, with null where a number may be."""
    counts = {
        "input_tokens": 42, "input_tokens_details": {"cached_tokens": 12}, "output_tokens": 5,
        "output_tokens_details": None, "total_tokens": 47,
    }  # fmt: skip
    done = {"id": "resp_1", "usage": counts} if usage else {"id": "resp_1"}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {"id": "resp_1"}},
        *({"type": "response.output_item.done", "item": item} for item in items),
        {"type": "response.completed", "response": done},
    ]
    return raw("".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events))


def words(text: str) -> dict[str, Any]:
    return {
        "type": "message", "role": "assistant", "id": "msg_1", "content": [{"type": "output_text", "text": text}],
    }  # fmt: skip


def command(line: str) -> dict[str, Any]:
    arguments = json.dumps({"command": ["bash", "-lc", line], "timeout_ms": 10_000})
    return {"type": "function_call", "call_id": "call_1", "name": "shell", "arguments": arguments}


def bodies(server: ModelServer, program: Program) -> list[Any]:
    return [request.body for request in server.requests_to(program.base_url)]


def said(body: Any) -> list[str]:
    """The words of the model in a request."""
    spoken = [item for item in body["input"] if item.get("role") == "assistant"]
    return [part["text"] for item in spoken for part in item["content"] if part["type"] == "output_text"]


def heard(body: Any) -> str:
    """The newest words of the person in a request."""
    text: str = [item for item in body["input"] if item.get("role") == "user"][-1]["content"][0]["text"]
    return text


def test_a_run_a_second_one_and_one_of_a_resumed_thread(drive: Drive, program: Program, server: ModelServer) -> None:
    program.base_url = server.script(sent(words("First")), sent(words("Second")), sent(words("Third")))
    first, second, third = drive({"start": {}, "input": "1"}, {"input": "2"}, {"resume": 0, "input": "3"})
    assert [run["finalResponse"] for run in (first, second, third)] == ["First", "Second", "Third"]
    assert first["usage"] == {**USED, "cache_write_input_tokens": 0, "reasoning_output_tokens": 0}
    assert len({run["id"] for run in (first, second, third)}) == 1
    assert [said(body) for body in bodies(server, program)] == [[], ["First"], ["First", "Second"]]


def test_streamed_runs_go_on_as_well_and_the_first_is_codexs_to_the_letter(
    drive: Drive, program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(sent(words("First")), sent(words("Second")), sent(words("Third")))
    runs = drive(
        {"start": {}, "input": "1", "streamed": True},
        {"input": "2", "streamed": True},
        {"resume": 0, "input": "3", "streamed": True},
    )
    usage = {**USED, "cache_write_input_tokens": 0, "reasoning_output_tokens": 0}
    assert runs[0]["events"] == [
        {"type": "thread.started", "thread_id": runs[0]["id"]},
        {"type": "turn.started"},
        {"type": "item.completed", "item": {"id": "item_0", "type": "agent_message", "text": "First"}},
        {"type": "turn.completed", "usage": usage},
    ]
    for number, run in enumerate(runs[1:], 2):
        assert run["events"][0]["thread_id"] == runs[0]["id"]
        assert run["events"][2] == {
            "type": "item.completed",
            "item": {"id": "item_0", "type": "agent_message", "text": ["First", "Second", "Third"][number - 1]},
        }
        totals = {name: number * count for name, count in usage.items()}
        assert run["events"][-1] == {"type": "turn.completed", "usage": totals, "turn_usage": usage}
    assert [said(body) for body in bodies(server, program)] == [[], ["First"], ["First", "Second"]]


def test_events_of_calls_have_what_codex_lacks_beside_an_item_that_has_its_fields_alone(
    drive: Drive, program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(calls("shell", command="echo a"), calls("apply_patch", patch=PATCH), says("Done."))
    (run,) = drive({"start": {"sandboxMode": "workspace-write"}, "input": "go", "streamed": True})
    assert all(e["item"].keys() == {"id", "type"} | ITEMS[e["item"]["type"]] for e in run["events"] if "item" in e)
    began, ended, patching, patched, answer = run["events"][2:-1]
    assert began.keys() == patching.keys() == {"type", "item", "timestamp", "seq"}
    assert ended.keys() == {"type", "item", "timestamp", "seq", "duration_ms", "citation"}
    assert "+    for i in range(len(values)):" in patched["diff"]
    assert patched.keys() == {"type", "item", "timestamp", "seq", "duration_ms", "diff"}
    assert answer.keys() == {"type", "item"}
    assert run["events"][-1].keys() == {"type", "usage"}


def test_a_command_as_an_older_codex_had_it_is_run(drive: Drive, program: Program, server: ModelServer) -> None:
    program.base_url = server.script(sent(command("echo 'Hello, world!'")), sent(words("ok")))
    (run,) = drive({"start": {}, "input": "go"})
    assert run["items"] == [
        {
            "id": "item_0", "type": "command_execution", "command": run["items"][0]["command"],
            "aggregated_output": "Hello, world!\n", "exit_code": 0, "status": "completed",
        },
        {"id": "item_1", "type": "agent_message", "text": "ok"},
    ]  # fmt: skip


def test_an_answer_without_a_count_of_tokens_is_one(drive: Drive, program: Program, server: ModelServer) -> None:
    program.base_url = server.script(sent(words("ok"), usage=False))
    (run,) = drive({"start": {}, "input": "go"})
    assert run["finalResponse"] == "ok", run


@pytest.mark.parametrize("streamed", [False, True])
def test_a_model_that_calls_the_same_for_ever_is_stopped_by_the_signal(
    streamed: bool, drive: Drive, program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(sent(command("echo again")))
    job: dict[str, Any] = {"start": {}, "input": "go", "streamed": streamed}
    by_event = {"abortAt": "item.completed"} if streamed else {"abortAfter": 1500}
    (run,) = drive({**job, **by_event})
    assert run["error"], run


def test_parts_of_text_are_one_message_and_pictures_follow_in_order(
    drive: Drive, program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(sent(words("ok")))
    for name in ("first.png", "second one.png"):
        (program.folder / name).write_bytes(PNG)
    paths = [str(program.folder / name) for name in ("first.png", "second one.png")]
    parts = [{"type": "local_image", "path": paths[0]}, {"type": "text", "text": "Describe"}]
    parts += [{"type": "text", "text": "both ü"}, {"type": "local_image", "path": paths[1]}]
    drive({"start": {"model": "a-model"}, "input": parts})
    content = bodies(server, program)[0]["input"][-1]["content"]
    assert [part["type"] for part in content] == ["input_text", "input_image", "input_image"]
    assert content[0]["text"] == "Describe\n\nboth ü"


def test_pictures_that_are_none_do_not_end_the_run(drive: Drive, program: Program, server: ModelServer) -> None:
    program.base_url = server.script(sent(words("ok")))
    (program.folder / "first.png").write_text("image-1")
    parts = [{"type": "text", "text": "see"}, {"type": "local_image", "path": str(program.folder / "first.png")}]
    (run,) = drive({"start": {}, "input": parts})
    assert run["finalResponse"] == "ok"


@pytest.mark.parametrize("streamed", [False, True])
def test_a_schema_goes_to_the_model_and_its_file_is_gone_afterwards(
    streamed: bool, drive: Drive, program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(sent(words('{"answer": "42"}')))
    temporary = program.folder / "tmp"
    temporary.mkdir()
    schema = {
        "type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"],
        "additionalProperties": False,
    }  # fmt: skip
    turn = {"outputSchema": schema}
    program.environ["TMPDIR"] = str(temporary)
    (run,) = drive({"start": {}, "input": "go", "turn": turn, "streamed": streamed})
    assert "error" not in run, run
    form = {"type": "json_schema", "name": "codex_output_schema", "strict": True, "schema": schema}
    assert bodies(server, program)[0]["text"]["format"] == form
    assert list(temporary.iterdir()) == []


def test_a_folder_is_worked_in_where_it_is_a_repository_or_may_be_none(
    drive: Drive, program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(sent(command("pwd; ls")), sent(words("ok")))
    folder = program.folder / "with blanks ü"
    folder.mkdir()
    (folder / "there.txt").write_text("x")
    refused, allowed = drive(
        {"start": {"workingDirectory": str(folder)}, "input": "go"},
        {"start": {"workingDirectory": str(folder), "skipGitRepoCheck": True}, "input": "go"},
    )
    assert "Not inside a trusted directory" in refused["error"]
    assert "there.txt" in allowed["items"][0]["aggregated_output"]
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    (trusted,) = drive({"start": {"workingDirectory": str(folder)}, "input": "go"})
    assert trusted["finalResponse"] == "ok", trusted


def test_threads_run_side_by_side_in_one_folder(drive: Drive, program: Program, server: ModelServer) -> None:
    program.base_url = server.script(sent(words("one")))
    (run,) = drive({"sideBySide": 3, "start": {}, "input": "go"})
    assert [run["finalResponse"] for run in run["runs"]] == ["one"] * 3
    assert len({run["id"] for run in run["runs"]}) == 3


def test_a_whole_turn_is_streamed_in_order(drive: Drive, program: Program, server: ModelServer) -> None:
    plan = {"plan": [{"step": "a", "status": "in_progress"}, {"step": "b", "status": "pending"}]}
    over = {"plan": [{"step": "a", "status": "completed"}, {"step": "b", "status": "completed"}]}
    program.base_url = server.script(
        calls_all(("update_plan", plan), ("shell", {"command": "exit 3"}), reasoning="Hm."),
        calls_all(("update_plan", over), say="So."),
        says("Done."),
    )
    (run,) = drive({"start": {}, "input": "go", "streamed": True})
    assert shape(run["events"]) == [
        "thread.started", "turn.started", "item.completed reasoning", "item.started todo_list",
        "item.started command_execution", "item.completed command_execution", "item.completed agent_message",
        "item.updated todo_list", "item.completed agent_message", "item.completed todo_list", "turn.completed",
    ]  # fmt: skip
    assert run["events"][-2]["item"]["items"] == [{"text": name, "completed": True} for name in "ab"]
