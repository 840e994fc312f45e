"""Items of tools that are no shell and no patch, each really run: an MCP server in the box, a subtask, a session, a
picture; and what a rule or a hook refuses. All that a turn of such a conversation leaves in the record is looked at."""

from __future__ import annotations

import base64
import json
import shutil
from typing import Any

import pytest

from tests.cli.codex import streams
from tests.cli.codex.streams import items, shape
from tests.cli.conftest import Program
from tests.support.model_server import ModelServer, Step, calls, calls_all, says
from tests.tools.mcp.bench import SERVER

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WRITE = ("--sandbox", "workspace-write")


@pytest.fixture
def equipped(program: Program) -> Program:
    """A program with an MCP server, rules and a hook in its settings, and instructions below the top."""
    folder = program.folder / "config/midwatch"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(
        '[mcp.servers.test]\ncommand = "python3"\nargs = ["tools/server.py"]\ndefault = true\n'
        '[[hooks]]\nevent = "before_tool"\ntools = ["shell"]\n'
        "command = \"if grep -q hooked; then echo 'not that'; exit 2; fi\"\n"
        '[[hooks]]\nevent = "before_finish"\ncommand = "true"\n'
    )
    (folder / "rules.toml").write_text(
        '[[rule]]\nprefix = ["touch"]\ndecision = "forbid"\nreason = "no touching"\n'
        '[[rule]]\nprefix = ["mv"]\ndecision = "ask"\n'
    )
    (program.repo / "tools").mkdir()
    shutil.copy(SERVER, program.repo / "tools/server.py")
    (program.repo / "below").mkdir()
    (program.repo / "below/AGENTS.md").write_text("Be kind below.\n")
    (program.repo / "below/one.txt").write_text("one\n")
    (program.repo / "count.txt").write_text("zero\n")
    (program.repo / "dot.png").write_bytes(PNG)
    program.git("add", "--all")
    program.git("commit", "--quiet", "--message=More")
    return program


def turn(program: Program, server: ModelServer, *steps: Step, child: Step | None = None) -> list[dict[str, Any]]:
    """A turn of this script; a subtask's first step is `child`."""
    program.base_url = server.script(*steps, asides={"<environment>": child} if child else None)
    return streams.of(program("exec", "--experimental-json", *WRITE, "Do it"))


def thread(events: list[dict[str, Any]]) -> str:
    return str(events[0]["thread_id"])


def test_a_call_of_an_mcp_server_is_an_item_with_its_result(equipped: Program, server: ModelServer) -> None:
    steps = calls("mcp__test__zeta", line="one"), calls("mcp__test__wrong"), says("Done.")
    events = turn(equipped, server, *steps)
    assert shape(events)[2:6] == [
        "item.started mcp_tool_call", "item.completed mcp_tool_call",
        "item.started mcp_tool_call", "item.completed mcp_tool_call",
    ]  # fmt: skip
    begun = events[2]["item"]
    assert (begun["server"], begun["tool"], begun["arguments"]) == ("test", "zeta", {"line": "one"})
    assert (begun["result"], begun["error"], begun["status"]) == (None, None, "in_progress")
    good, bad, _ = items(events)
    assert (good["status"], good["error"]) == ("completed", None)
    assert good["result"].keys() == {"content", "structured_content"}
    assert good["result"]["content"][0]["type"] == "text"
    assert (bad["status"], bad["result"]) == ("failed", None)
    assert bad["error"]["message"]
    assert (equipped.repo / "count.txt").read_text() == "zero\none\n"
    assert equipped("verify", thread(events)).returncode == 0


def test_a_server_that_cannot_be_opened_is_told(equipped: Program, server: ModelServer) -> None:
    (equipped.repo / "tools/server.py").write_text("raise SystemExit(3)\n")
    events = turn(equipped, server, says("Done."))
    told, _ = items(events)
    assert told["type"] == "error"
    assert told["message"].startswith("the MCP server test cannot be used: ")
    assert "✗ MCP server test cannot be used: " in equipped("log", thread(events)).stdout.decode()


def test_a_subtask_is_an_item_that_names_it_and_its_steps_are_its_own(equipped: Program, server: ModelServer) -> None:
    events = turn(
        equipped,
        server,
        calls("delegate", prompt="Add a line"),
        says("I added it."),
        child=calls("shell", command="echo two >> count.txt"),
    )
    assert shape(events)[2:] == [
        "item.started collab_tool_call", "item.completed collab_tool_call", "item.completed agent_message",
        "turn.completed",
    ]  # fmt: skip
    begun, (ended, _) = events[2]["item"], items(events)
    assert (begun["tool"], begun["prompt"], begun["status"]) == ("spawn_agent", "Add a line", "in_progress")
    assert (begun["receiver_thread_ids"], begun["agents_states"]) == ([], {})
    assert begun["sender_thread_id"] == thread(events)
    (child,) = ended["receiver_thread_ids"]
    assert ended["agents_states"][child]["status"] == "completed"
    assert "I added it." in ended["agents_states"][child]["message"]
    assert (equipped.repo / "count.txt").read_text() == "zero\ntwo\n"
    assert "[1] $ echo two >> count.txt" in equipped("log", child).stdout.decode()
    assert f"subtask {child}" in equipped("log", thread(events)).stdout.decode()
    verified = equipped.json("verify", thread(events))
    assert {head[0].partition(".")[0] for head in verified["heads"]} == {thread(events), child}


def test_what_a_rule_or_a_hook_refuses_is_declined(equipped: Program, server: ModelServer) -> None:
    events = turn(
        equipped,
        server,
        calls("shell", command="touch x"),
        calls("shell", command="mv calc.py x"),
        calls("shell", command="echo hooked"),
        calls("shell", command="bash", background=True),
        calls("session", session=1, input="touch x\n"),
        says("No."),
    )
    commands = [item for item in items(events) if item["type"] == "command_execution"]
    assert [item["status"] for item in commands] == ["declined"] * 3 + ["completed", "declined"]
    assert all(item["exit_code"] is None for item in commands)
    forbidden, asked, hooked, _, typed = (item["aggregated_output"] for item in commands)
    assert "forbidden by the rule on `touch`: no touching" in forbidden
    assert "nobody can be asked" in asked
    assert "not that" in hooked
    assert "Nothing was written" in typed
    assert sorted(path.name for path in equipped.repo.iterdir()) == [
        ".git", "below", "calc.py", "count.txt", "dot.png", "tools",
    ]  # fmt: skip


def test_looks_at_a_session_are_items_and_looks_at_pictures_and_logs_are_none(
    equipped: Program, server: ModelServer
) -> None:
    events = turn(
        equipped,
        server,
        calls("shell", command="cat", background=True, wait_seconds=0),
        calls("session", session=1, input="hello\n", wait_seconds=0.3),
        calls_all(("view_image", {"path": "dot.png"}), ("shell", {"command": "cat below/one.txt"})),
        says("Done."),
    )
    found = [(item["type"], item.get("status")) for item in items(events)]
    assert found == [*[("command_execution", "completed")] * 3, ("agent_message", None)]
    requests = [json.dumps(request.body) for request in server.requests_to(equipped.base_url)]
    assert "Be kind below." not in requests[2]
    assert "Be kind below." in requests[3]
    assert "data:image/png" in requests[3]
    log = equipped("log", thread(events)).stdout.decode()
    assert "session 1 $ cat" in log
    assert "ended with the turn" in log
    (listed,) = equipped.json("list")
    assert listed["status"] == "answered"


def test_the_record_of_such_a_conversation_can_be_read_forked_and_checked(
    equipped: Program, server: ModelServer
) -> None:
    events = turn(
        equipped,
        server,
        calls("mcp__test__zeta", line="one"),
        calls("delegate", prompt="Look", read_only=True),
        calls("shell", command="cat", background=True),
        says("Done."),
        child=says("Looked."),
    )
    name = thread(events)
    log = equipped("log", name).stdout.decode()
    for told in ("MCP server test: 19 tools", "mcp__test__zeta", "delegate: Look", "hook before_finish", "$ cat"):
        assert told in log
    lines = [json.loads(line) for line in equipped("log", name, "--json").stdout.splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert {"mcp_connected", "hook_ran", "delegated", "session_ended"} <= {line["kind"] for line in lines}
    assert equipped("undo", name, "--to", "start").returncode == 0
    assert (equipped.repo / "count.txt").read_text() == "zero\n"
    assert equipped.json("list")[0]["status"] == "interrupted"  # its first turn can be gone on with
    fork = equipped("fork", name, "--from", "start")
    assert fork.returncode == 0, fork.stderr.decode()
    statuses = {entry["id"]: entry["status"] for entry in equipped.json("list")}
    assert len(statuses) == 2
    for one in statuses:
        checked = equipped("verify", one)
        assert checked.returncode == 0, checked.stdout.decode()
        assert equipped("show", one).returncode == 0
