"""What a stream must be, whatever happened in it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

ENDS = ("turn.completed", "turn.failed")
ITEMS = {
    "agent_message": {"text"},
    "reasoning": {"text"},
    "command_execution": {"command", "aggregated_output", "exit_code", "status"},
    "file_change": {"changes", "status"},
    "mcp_tool_call": {"server", "tool", "arguments", "result", "error", "status"},
    "collab_tool_call": {
        "tool", "sender_thread_id", "receiver_thread_ids", "prompt", "agents_states", "status",
    },
    "todo_list": {"items"},
    "error": {"message"},
}  # fmt: skip
"""The fields of each type of item, beside `id` and `type`."""


def read(output: bytes) -> list[dict[str, Any]]:
    """The events of a stream, after a look at what holds for all of them."""
    events = [json.loads(line) for line in output.decode().splitlines()]
    assert events[-1]["type"] in ENDS
    assert [e["type"] for e in events if e["type"] in ENDS] == [events[-1]["type"]]
    if events[-1]["type"] == "turn.failed":
        assert events[-2]["type"] == "error"
        assert events[-2]["message"] == events[-1]["error"]["message"]
    opened: dict[str, str] = {}
    closed: set[str] = set()
    for event in events:
        if not event["type"].startswith("item."):
            continue
        item = event["item"]
        assert item.keys() == {"id", "type"} | ITEMS[item["type"]]
        if event["type"] == "item.started":
            assert item["id"] not in opened
            opened[item["id"]] = item["type"]
        elif event["type"] == "item.completed":
            assert item["id"] not in closed
            declined = ("declined",) if item["type"] == "command_execution" else ()
            assert item.get("status") in (None, "completed", "failed", *declined)
            closed.add(item["id"])
    assert opened.keys() <= closed
    assert closed == {f"item_{number}" for number in range(len(closed))}
    return events


def shape(events: Sequence[dict[str, Any]]) -> list[str]:
    """Types in order, of items with theirs."""
    return [e["type"] + (f" {e['item']['type']}" if "item" in e else "") for e in events]


def items(events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items as they ended."""
    return [event["item"] for event in events if event["type"] == "item.completed"]


def of(done: subprocess.CompletedProcess[bytes], code: int = 0) -> list[dict[str, Any]]:
    """The events of a program that has ended so."""
    assert done.returncode == code, done.stdout.decode() + done.stderr.decode()
    return read(done.stdout)
