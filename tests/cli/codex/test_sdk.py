"""`midwatch exec` driven by the published TypeScript SDK of Codex, in place of the program that it was made for."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.cli.codex.conftest import Drive
from tests.cli.codex.test_exec import PNG
from tests.cli.conftest import PATCH, Program
from tests.support.model_server import ModelServer, calls, fails, raw, says

USAGE = {"input": 42, "cached": 12, "output": 5}


def told(turns: int) -> dict[str, int]:
    """The usage of so many answers, as the SDK gives it."""
    return {
        "input_tokens": 42 * turns, "cached_input_tokens": 12 * turns, "cache_write_input_tokens": 0,
        "output_tokens": 5 * turns, "reasoning_output_tokens": 0,
    }  # fmt: skip


def requests(server: ModelServer, program: Program) -> list[Any]:
    return server.requests_to(program.base_url)


def test_run_gives_items_answer_and_usage_and_a_second_run_goes_on(
    drive: Drive, program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(says("First", usage=USAGE), says("Second", usage=USAGE))
    first, second = drive({"start": {}, "input": "one"}, {"input": "two"})
    assert first["items"] == [{"id": "item_0", "type": "agent_message", "text": "First"}]
    assert (first["finalResponse"], first["usage"], second["usage"]) == ("First", told(1), told(2))
    assert (second["finalResponse"], second["id"]) == ("Second", first["id"])
    entries = requests(server, program)[1].body["input"]
    (before,) = (entry for entry in entries if entry.get("role") == "assistant")
    assert [part["text"] for part in before["content"] if part["type"] == "output_text"] == ["First"]
    assert entries[-1]["content"][0]["text"] == "two"
    headers = requests(server, program)[0].headers
    assert (headers["originator"], headers["authorization"]) == ("codex_sdk_ts", "Bearer test")


def test_a_streamed_run_is_exactly_the_events_that_it_should_be(
    drive: Drive, program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(says("Hi!", usage=USAGE))
    (result,) = drive({"start": {}, "input": "Hello", "streamed": True})
    assert result["events"] == [
        {"type": "thread.started", "thread_id": result["id"]},
        {"type": "turn.started"},
        {"type": "item.completed", "item": {"id": "item_0", "type": "agent_message", "text": "Hi!"}},
        {"type": "turn.completed", "usage": told(1)},
    ]


def test_a_thread_is_resumed_by_its_id_with_other_options(drive: Drive, program: Program, server: ModelServer) -> None:
    program.base_url = server.script(says("First"), calls("apply_patch", patch=PATCH), says("Second"))
    more = {"model": "gpt-test-1", "sandboxMode": "workspace-write"}
    first, second = drive({"start": {}, "input": "one"}, {"resume": 0, "options": more, "input": "two"})
    assert (second["id"], second["finalResponse"]) == (first["id"], "Second")
    changes = [{"path": str(program.repo / "calc.py"), "kind": "update"}]
    assert second["items"][0] == {"id": "item_0", "type": "file_change", "changes": changes, "status": "completed"}
    assert "range(len(values)):" in (program.repo / "calc.py").read_text()
    assert requests(server, program)[1].body["model"] == "gpt-test-1"


def test_every_option_of_a_thread_is_taken(drive: Drive, program: Program, server: ModelServer) -> None:
    program.base_url = server.script(says("ok"))
    folder = program.folder / "elsewhere"
    folder.mkdir()
    thread = {
        "model": "gpt-5", "sandboxMode": "read-only", "workingDirectory": str(folder), "skipGitRepoCheck": True,
        "modelReasoningEffort": "low", "networkAccessEnabled": False, "webSearchMode": "disabled",
        "approvalPolicy": "never", "additionalDirectories": [str(program.repo)], "threadSource": "test",
    }  # fmt: skip
    config = {"sandbox_workspace_write": {"network_access": True}, "retry_budget": 3, "rules": {"allow": ["a b"]}}
    (result,) = drive(
        {"start": thread, "input": "go", "turn": {"cyberAccessProgram": "standard"}},
        config=config, configOverrides=["model_verbosity=low"],
    )  # fmt: skip
    assert result["finalResponse"] == "ok"
    (request,) = requests(server, program)
    assert (request.body["model"], request.body["reasoning"]["effort"]) == ("gpt-5", "low")


def test_a_provider_of_the_configuration_is_asked(drive: Drive, program: Program, server: ModelServer) -> None:
    program.base_url = server.script(says("ok"))
    mock = {"name": "Mock", "base_url": program.base_url, "wire_api": "responses", "supports_websockets": False}
    config = {"model_provider": "mock", "model_providers": {"mock": mock}}
    (result,) = drive({"start": {}, "input": "go"}, config=config, baseUrl="http://127.0.0.1:9/unused")
    assert result.get("finalResponse") == "ok", result


def test_input_in_parts_with_pictures_and_a_schema(drive: Drive, program: Program, server: ModelServer) -> None:
    program.base_url = server.script(says('{"n": 1}'))
    picture = program.folder / "a.png"
    picture.write_bytes(PNG)
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    parts = [{"type": "text", "text": "See"}, {"type": "text", "text": "this"}]
    parts.append({"type": "local_image", "path": str(picture)})
    (result,) = drive({"start": {}, "input": parts, "turn": {"outputSchema": schema}})
    assert result["finalResponse"] == '{"n": 1}'
    body = requests(server, program)[0].body
    text, image = body["input"][-1]["content"]
    assert (text["text"], image["type"]) == ("See\n\nthis", "input_image")
    assert image["image_url"] == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    form = {"type": "json_schema", "name": "codex_output_schema", "strict": True, "schema": schema}
    assert body["text"]["format"] == form


def test_the_environment_that_is_given_is_all_that_there_is(
    drive: Drive, program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(says("ok"))
    kept = {name: value for name, value in program.env().items() if name in ("PYTHONPATH", "XDG_STATE_HOME")}
    (result,) = drive({"start": {}, "input": "go"}, env={**kept, "CUSTOM": "yes"})
    assert result.get("finalResponse") == "ok", result


def test_what_fails_is_thrown(drive: Drive, program: Program, server: ModelServer) -> None:
    event = 'event: error\ndata: {"type":"error","error":{"code":"rate_limit_exceeded","message":"slow"}}\n\n'
    program.base_url = server.script(raw(event))
    quick = program.env()["PATH"]
    env = {**program.env(), "PATH": quick, "MIDWATCH_RETRY_SECONDS": "0.01"}
    (broken,) = drive({"start": {}, "input": "go"}, env=env)
    assert "stream disconnected before completion:" in broken["error"]
    program.base_url = server.script(fails(401, "no"), says("never"))
    (refused,) = drive({"start": {}, "input": "go"})
    assert "unexpected status 401" in refused["error"]
    plain = program.folder / "plain"
    plain.mkdir()
    (untrusted,) = drive({"start": {"workingDirectory": str(plain)}, "input": "go"})
    assert "Not inside a trusted directory" in untrusted["error"]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_turn_can_be_aborted_before_it_begins_and_while_it_goes_on(
    streamed: bool, drive: Drive, program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(calls("shell", command="sleep 600"), says("after"))
    before, during, after = drive(
        {"start": {}, "input": "go", "streamed": streamed, "aborted": True},
        {"start": {}, "input": "go", "streamed": True, "abortAt": "item.started"},
        {"input": "go on"},
    )
    assert before["id"] is None
    assert before["error"]
    assert during["error"]
    assert after.get("finalResponse") == "after", after
