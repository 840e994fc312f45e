"""`midwatch exec` as a program: its stream, its options, and the person's folder."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.codex import streams
from tests.cli.codex.streams import items, shape
from tests.cli.conftest import PATCH, PLAN, Program
from tests.cli.test_signals import wait_until
from tests.support.model_server import ModelServer, calls, calls_all, cut_after, fails, hangs, raw, says

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WRITE = ("--sandbox", "workspace-write")


def exec_(program: Program, *arguments: str, code: int = 0, **more: Any) -> list[dict[str, Any]]:
    """A turn with Codex's own fields alone."""
    return streams.of(program("exec", "--experimental-json", *arguments, **more), code)


def asked(server: ModelServer, program: Program) -> list[Any]:
    return [request.body for request in server.requests_to(program.base_url)]


def test_an_answer_is_four_events_and_nothing_else_is_on_standard_output(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(says("Hi!", usage={"input": 42, "cached": 12, "output": 5}))
    events = exec_(program, stdin=b"Hello, world!")
    usage = {
        "input_tokens": 42, "cached_input_tokens": 12, "cache_write_input_tokens": 0, "output_tokens": 5,
        "reasoning_output_tokens": 0,
    }  # fmt: skip
    assert events == [
        {"type": "thread.started", "thread_id": events[0]["thread_id"]},
        {"type": "turn.started"},
        {"type": "item.completed", "item": {"id": "item_0", "type": "agent_message", "text": "Hi!"}},
        {"type": "turn.completed", "usage": usage},
    ]
    (body,) = asked(server, program)
    assert body["model"] == "gpt-5.5"
    assert body["input"][-1]["content"] == [{"type": "input_text", "text": "Hello, world!"}]


def test_commands_patches_plans_and_reasoning_are_items_with_a_beginning_and_an_end(
    program: Program, server: ModelServer
) -> None:
    heredoc = f"apply_patch <<'EOF'\n{PATCH}EOF\n"
    add = "*** Begin Patch\n*** Add File: z.txt\n+z\n*** Add File: b/a.txt\n+a\n*** End Patch\n"
    program.base_url = server.script(
        calls_all(("update_plan", PLAN), ("shell", {"command": "echo 'out'; echo err >&2; exit 3"}), reasoning="Hm."),
        calls("exec_command", cmd=heredoc, yield_time_ms=1000),
        calls_all(("update_plan", {"plan": []}), ("apply_patch", {"patch": add}), say="On it."),
        says("Done."),
    )
    events = exec_(program, *WRITE, "Mend it")
    assert shape(events) == [
        "thread.started", "turn.started", "item.completed reasoning", "item.started todo_list",
        "item.started command_execution", "item.completed command_execution",
        "item.started file_change", "item.completed file_change",
        "item.completed agent_message", "item.updated todo_list",
        "item.started file_change", "item.completed file_change",
        "item.completed agent_message", "item.completed todo_list", "turn.completed",
    ]  # fmt: skip
    command = next(item for item in items(events) if item["type"] == "command_execution")
    assert command["command"] == "/bin/bash -lc \"echo 'out'; echo err >&2; exit 3\""
    assert (command["aggregated_output"], command["exit_code"], command["status"]) == ("out\nerr\n", 3, "failed")
    patched, added = (item for item in items(events) if item["type"] == "file_change")
    assert patched["changes"] == [{"path": str(program.repo / "calc.py"), "kind": "update"}]
    assert [change["path"] for change in added["changes"]] == [str(program.repo / n) for n in ("b/a.txt", "z.txt")]
    assert (program.repo / "b/a.txt").read_text() == "a\n"
    assert "range(len(values)):" in (program.repo / "calc.py").read_text()
    assert program.git("log", "--oneline").count("\n") == 1


def test_what_the_model_did_wrong_leaves_an_item_each(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(
        calls("apply_patch", patch=PATCH.replace("len(values) - 1", "nothing like it")),
        calls("apply_patch", patch="no patch at all"),
        calls("no_such_tool", a=1),
        calls("shell", command=7),
        says("I give up."),
    )
    events = exec_(program, *WRITE, "Mend it")
    found = [(item["type"], item.get("status")) for item in items(events)]
    assert found == [("file_change", "failed"), *[("error", None)] * 2, found[3], ("agent_message", None)]
    assert found[3] in (("error", None), ("command_execution", "failed"))
    assert "no_such_tool" in items(events)[2]["message"]


def test_json_has_times_durations_differences_and_citations_beside_the_items(
    program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(calls("shell", command="true"), calls("apply_patch", patch=PATCH), says("Done."))
    events = streams.of(program("exec", "--json", *WRITE, "Mend it"))
    assert all(event["timestamp"].endswith("Z") for event in events)
    numbers = [event["seq"] for event in events if "seq" in event]
    assert numbers == sorted(numbers)
    command, patch, answer = (event for event in events if event["type"] == "item.completed")
    assert command["citation"] == {"attempt": f"{events[0]['thread_id']}.1", "command": 1}
    assert command["duration_ms"] >= 0
    assert "+    for i in range(len(values)):" in patch["diff"]
    assert answer["item"]["text"] == "Done."
    assert events[-1]["turn_usage"] == events[-1]["usage"]
    assert {"duration_ms", "cost_microusd"} <= events[-1].keys()
    logged = program("log", events[0]["thread_id"], "--cmd", "1")
    assert logged.returncode == 0


def test_a_conversation_goes_on_by_its_id_and_usage_is_the_whole_threads(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(says("First."), says("Second."), says("Third."))
    first = exec_(program, "one")
    thread = first[0]["thread_id"]
    second = exec_(program, "--model", "gpt-test-1", "resume", thread, "--skip-git-repo-check", "two")
    third = exec_(program, "resume", "--last", stdin=b"three")
    assert [events[0]["thread_id"] for events in (first, second, third)] == [thread] * 3
    assert [items(events)[-1]["text"] for events in (first, second, third)] == ["First.", "Second.", "Third."]
    totals = [events[-1]["usage"]["output_tokens"] for events in (first, second, third)]
    assert totals == [40, 80, 120]
    bodies = asked(server, program)
    assert [body["model"] for body in bodies] == ["gpt-5.5", "gpt-test-1", "gpt-test-1"]
    assert [body["input"][-1]["content"][0]["text"] for body in bodies] == ["one", "two", "three"]
    assert [item["content"][0]["text"] for item in bodies[2]["input"] if item.get("role") == "assistant"] == [
        "First.", "Second.",
    ]  # fmt: skip
    (listed,) = program.json("list")
    assert (listed["id"], listed["status"]) == (thread, "answered")
    resumed = program("resume", thread)
    assert resumed.returncode == 2
    assert f"midwatch exec resume {thread}".encode() in resumed.stderr


def test_resuming_what_is_not_there_ends_in_a_failed_turn(program: Program) -> None:
    events = exec_(program, "resume", "zzzz", "go on", code=1)
    assert shape(events) == ["error", "turn.failed"]
    assert shape(exec_(program, "resume", "--last", "go on", code=1)) == ["error", "turn.failed"]


def test_the_sandbox_decides_whether_the_folder_changes_and_a_later_turn_may_be_given_more(
    program: Program, server: ModelServer
) -> None:
    write = [calls("shell", command=f"echo {name} > {name}.txt") for name in "xy"]
    program.base_url = server.script(write[0], says("1"), write[1], says("2"))
    thread = exec_(program, "one")[0]["thread_id"]
    assert not (program.repo / "x.txt").exists()
    exec_(program, *WRITE, "resume", thread, "two")
    assert (program.repo / "y.txt").read_text() == "y\n"


def test_full_access_is_without_a_sandbox(program: Program, server: ModelServer) -> None:
    outside = program.folder / "outside.txt"
    program.base_url = server.script(calls("shell", command=f"echo x > {outside}"), says("1"))
    exec_(program, "--yolo", "one")
    assert outside.read_text() == "x\n"


def test_a_folder_without_git_needs_the_persons_word(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(calls("shell", command="echo x > x.txt"), says("Done."))
    folder = program.folder / "plain"
    folder.mkdir()
    refused = program("exec", "--json", "--cd", str(folder), "go")
    assert (refused.returncode, refused.stdout) == (1, b"")
    words = b"Not inside a trusted directory and --skip-git-repo-check was not specified."
    assert words in refused.stderr
    exec_(program, *WRITE, "-C", str(folder), "--skip-git-repo-check", "go")
    assert (folder / "x.txt").read_text() == "x\n"


def test_a_repository_without_a_commit_is_a_folder_like_any_other(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(calls("shell", command="cat a.txt; echo b >> a.txt"), says("Done."))
    folder = program.folder / "young"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (folder / "a.txt").write_text("a\n")
    events = exec_(program, *WRITE, "-C", str(folder), "go")
    assert items(events)[0]["aggregated_output"] == "a\n"
    assert (folder / "a.txt").read_text() == "a\nb\n"


def test_the_answer_alone_is_on_standard_output_and_in_the_file_that_was_asked_for(
    program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(calls("shell", command="echo noise"), says("The answer.\n"))
    done = program("exec", "-o", str(program.folder / "answer.txt"), "go")
    assert (done.returncode, done.stdout) == (0, b"The answer.\n")
    assert b"echo noise" in done.stderr
    assert (program.folder / "answer.txt").read_text() == "The answer.\n"


def test_standard_input_is_a_block_beside_a_prompt(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(says("ok"))
    exec_(program, "explain", stdin=b"a log\n")
    (body,) = asked(server, program)
    assert body["input"][-1]["content"][0]["text"] == "explain\n\n<stdin>\na log\n</stdin>"


def test_an_idle_pipe_beside_a_prompt_is_not_waited_for(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(says("ok"))
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            program.argv("exec", "--experimental-json", "go"), cwd=program.repo, env=program.env(), stdin=reading,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        output, _ = process.communicate(timeout=120)
    finally:
        os.close(reading)
        os.close(writing)
    assert shape(streams.read(output))[-1] == "turn.completed"
    assert asked(server, program)[0]["input"][-1]["content"][0]["text"] == "go"


def test_pictures_follow_the_prompt_and_what_is_none_does_not_end_the_turn(
    program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(says("ok"))
    (program.folder / "a,b.png").write_bytes(PNG)
    (program.folder / "c.png").write_bytes(PNG)
    (program.folder / "d.jpg").write_bytes(b"image-1")
    names = [str(program.folder / name) for name in ("a,b.png", "c.png", "d.jpg")]
    exec_(program, "-m", "some-model", "--image", names[0], "-i", f"{names[1]},{names[2]}", "look")
    content = asked(server, program)[0]["input"][-1]["content"]
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert [part["type"] for part in content] == ["input_text", "input_image", "input_image"]
    assert (content[0]["text"], content[1]["image_url"], content[2]["image_url"]) == ("look", url, url)


def test_the_schema_of_the_answer_goes_to_the_model(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(says('{"answer": "42"}'))
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
    (program.folder / "schema.json").write_text(json.dumps(schema))
    events = exec_(program, "--output-schema", str(program.folder / "schema.json"), "go")
    form = asked(server, program)[0]["text"]["format"]
    assert form == {"type": "json_schema", "name": "codex_output_schema", "strict": True, "schema": schema}
    assert items(events)[-1]["text"] == '{"answer": "42"}'
    (program.folder / "schema.json").write_text("[]")
    assert shape(exec_(program, "--output-schema", str(program.folder / "schema.json"), "go", code=2))[-1] == (
        "turn.failed"
    )


@pytest.mark.parametrize(
    ("fault", "beginning", "retries"),
    [
        (fails(401, "no"), "unexpected status 401 Unauthorized: ", 0),
        (fails(500, "boom", times=-1), "exceeded retry limit, last status: 500 Internal Server Error: ", 2),
        (cut_after(1, times=-1), "stream disconnected before completion: ", 2),
        (
            raw('event: error\ndata: {"type":"error","error":{"code":"rate_limit_exceeded","message":"slow"}}\n\n'),
            "stream disconnected before completion: ",
            2,
        ),
    ],
)
def test_a_dead_model_is_told_in_the_words_that_clients_know(
    fault: Any, beginning: str, retries: int, program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(fault, says("never"))
    at = "model_providers.mock"
    values = [f'{at}.base_url="{program.base_url}"', f'{at}.wire_api="responses"', f"{at}.stream_max_retries=2"]
    options = [part for value in ("model_provider=mock", *values) for part in ("-c", value)]
    events = exec_(program, *options, "go", code=1)
    assert shape(events) == ["thread.started", "turn.started", *["error"] * (retries + 1), "turn.failed"]
    assert events[-1]["error"]["message"].startswith(beginning)
    told = [event["message"].partition(" (")[0] for event in events[2 : 2 + retries]]
    assert told == [f"Reconnecting... {n}/{retries}" for n in range(1, retries + 1)]


def test_settings_of_codex_are_taken_and_the_unknown_ones_are_told(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(says("ok"))
    given = [
        'model_reasoning_effort="high"', 'web_search="cached"', 'approval_policy="on-request"', "retry_budget=3",
        'tool_rules.allow=["git status"]', "sandbox_workspace_write.network_access=true", "model=gpt-5",
    ]  # fmt: skip
    options = [part for value in given for part in ("--config", value)]
    more = ("--thread-source", "x", "--add-dir", str(program.folder), "--color", "never", "--full-auto", "-p", "x")
    done = program("exec", "--experimental-json", *options, *more, "go")
    streams.of(done)
    assert b"retry_budget" in done.stderr
    assert b"web_search" not in done.stderr
    (body,) = asked(server, program)
    assert (body["model"], body["reasoning"]) == ("gpt-5", {"effort": "high"})


def test_nothing_is_kept_of_an_ephemeral_conversation(program: Program, server: ModelServer) -> None:
    program.base_url = server.script(says("ok"))
    temporary = program.folder / "tmp"
    temporary.mkdir()
    exec_(program, "--ephemeral", "go", env={"TMPDIR": str(temporary)})
    assert list(temporary.iterdir()) == []
    assert program.json("list") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_stream_with_the_command_that_ran_and_a_failed_turn(
    number: signal.Signals, program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(calls("shell", command="echo half; echo x > x.txt; sleep 600"), says("after"))
    lines = program.folder / "lines"
    with lines.open("wb") as output:
        process = subprocess.Popen(
            program.argv("exec", "--json", *WRITE, "go"), cwd=program.repo, env=program.env(),
            stdin=subprocess.DEVNULL, stdout=output,
        )  # fmt: skip
        wait_until(lambda: b"item.started" in lines.read_bytes() or process.poll() is not None)
        wait_until(lambda: any(Path(p).read_text() for p in program.folder.glob("state/**/x.txt")))
        process.send_signal(number)
        assert process.wait(timeout=60) == 128 + number
    events = streams.read(lines.read_bytes())
    assert shape(events)[2:] == [
        "item.started command_execution", "item.completed command_execution", "error", "turn.failed",
    ]  # fmt: skip
    assert items(events)[0]["aggregated_output"] == "half\n"
    assert events[-1]["error"]["message"] == f"interrupted by {number.name}"
    assert (program.repo / "x.txt").read_text() == "x\n"
    assert items(exec_(program, "resume", events[0]["thread_id"], "go on"))[-1]["text"] == "after"


def test_a_signal_while_the_model_is_asked_or_the_prompt_is_read_ends_it_too(
    program: Program, server: ModelServer
) -> None:
    program.base_url = server.script(hangs(), says("never"))
    process = subprocess.Popen(
        program.argv("exec", "--json", "go"), cwd=program.repo, env=program.env(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    wait_until(lambda: bool(server.requests_to(program.base_url)))
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert shape(streams.read(output)) == ["thread.started", "turn.started", "error", "turn.failed"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("resume",),
        ("--last", "go"),
        ("-c", "=3", "go"),
        ("one", "two"),
        ("--cd", "/nowhere/at/all", "go"),
        ("review", "x"),
    ],
)
def test_what_cannot_be_read_is_said_and_the_stream_still_has_an_end(
    arguments: tuple[str, ...], program: Program
) -> None:
    assert shape(exec_(program, *arguments, code=2)) == ["error", "turn.failed"]
