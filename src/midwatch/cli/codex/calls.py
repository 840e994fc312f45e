"""Tool calls as Codex's clients see them: which kind of item a call is, and what it holds."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from midwatch.cli.codex.quoting import quoted
from midwatch.domain.conversation import ToolCall
from midwatch.domain.events import ToolFinished, ToolStarted
from midwatch.sandbox.base import WORKDIR
from midwatch.tools.names import KNOWN_AS

Fields = dict[str, Any]
"""An item without its id."""

ITEMS = frozenset({"command_execution", "file_change", "mcp_tool_call", "collab_tool_call"})
"""The types of items that a call can be."""

COMMANDS = frozenset({"shell", "session"} | {name for name, tool in KNOWN_AS.items() if tool == "shell"})
SESSION = "session"
PATCHES = frozenset({"apply_patch"} | {name for name, tool in KNOWN_AS.items() if tool == "apply_patch"})
DELEGATES = "delegate"
REFUSED = ("refused by a rule", "refused by a hook")
"""How calls end that a person, or who decides for them, does not want."""
MCP = re.compile(r"mcp__(?P<server>.+?)__(?P<tool>.+)", re.DOTALL)

_KINDS = {"Add": "add", "Update": "update", "Delete": "delete"}
_HEADING = re.compile(r"^[ \t]*\*\*\* (Add|Update|Delete) File:[ \t]*(.+?)[ \t\r]*$", re.MULTILINE)
_BEGIN = "*** Begin Patch"
_FOLDER = re.compile(r"""\s*cd\s+("[^"]+"|'[^']+'|[^\s"';&]+)\s*(?:&&|;)\s*apply_?patch\b""")


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the paths of a call are in the person's folder."""

    top: str
    """Of the repository: absolute."""
    folder: str
    """Where the agent's relative paths start; relative to `top`."""
    thread: str
    """The conversation's id."""

    def absolute(self, path: str, below: str = "") -> str:
        """The path in the person's folder."""
        if path == WORKDIR or path.startswith(WORKDIR + "/"):
            path, below = path[len(WORKDIR) + 1 :], ""
        return posixpath.normpath(posixpath.join(self.top, below, path))


def begun(call: ToolCall, event: ToolStarted, ground: Ground) -> Fields | None:
    """The item of a call that begins; None where there is none to show yet."""
    values = _arguments(call)
    if event.tool in PATCHES or (event.tool in COMMANDS and event.summary.startswith("apply_patch:")):
        changes = _changes(values, ground)
        return {"type": "file_change", "changes": changes, "status": "in_progress"} if changes else None
    if event.tool in COMMANDS:
        if event.tool == SESSION:
            return _running(event.summary)
        return _running(shell_words(command)) if (command := _command(values)) else None
    if match := MCP.fullmatch(event.tool):
        return {
            "type": "mcp_tool_call", "server": match["server"], "tool": match["tool"], "arguments": values,
            "result": None, "error": None, "status": "in_progress",
        }  # fmt: skip
    if event.tool == DELEGATES:
        prompt = values.get("prompt") if isinstance(values, Mapping) else None
        return {
            "type": "collab_tool_call", "tool": "spawn_agent", "sender_thread_id": ground.thread,
            "receiver_thread_ids": [], "prompt": prompt, "agents_states": {}, "status": "in_progress",
        }  # fmt: skip
    return None


def _running(command: str) -> Fields:
    fields: Fields = {"type": "command_execution", "command": command, "aggregated_output": ""}
    return fields | {"exit_code": None, "status": "in_progress"}


def ended(item: Fields | None, event: ToolFinished, ground: Ground, output: str) -> Fields | None:
    """The same item at its end; None where there is nothing to show. `output` is what a command printed."""
    if item is None:
        # Also what could not be begun leaves a trace: an unknown tool, arguments that say nothing, a bad patch.
        named = event.output if event.output.startswith(event.tool) else f"{event.tool}: {event.output}"
        return None if event.ok else {"type": "error", "message": named}
    status = "completed" if event.ok else "failed"
    if item["type"] == "file_change":
        files = event.detail.get("files")
        changes = _told(files, ground) if files and event.ok else item["changes"]
        return {**item, "changes": changes, "status": status}
    if item["type"] == "mcp_tool_call":
        return {**item, **_answered(event), "status": status}
    if item["type"] == "collab_tool_call":
        child = str(event.detail.get("task") or "")
        state = {"status": "completed" if event.ok else "errored", "message": event.output}
        states = {child: state} if child else {}
        return {**item, "receiver_thread_ids": list(states), "agents_states": states, "status": status}
    if event.ended in REFUSED:
        status = "declined"
    printed = output if event.digest or event.ok else event.output
    return {**item, "aggregated_output": printed, "exit_code": event.exit_code, "status": status}


def broken_off(item: Fields, printed: str) -> Fields:
    """The item of a call that something ended before it had."""
    if item["type"] == "command_execution":
        return {**item, "aggregated_output": printed, "status": "failed"}
    if item["type"] == "mcp_tool_call":
        return {**item, "error": {"message": "interrupted"}, "status": "failed"}
    return {**item, "status": "failed"}


def _answered(event: ToolFinished) -> Fields:
    """What an MCP server answered, or why it did not."""
    detail = event.detail
    if not event.ok:
        return {"result": None, "error": {"message": str(detail.get("error") or event.output)}}
    content = detail.get("content") or [{"type": "text", "text": event.output}]
    return {"result": {"content": content, "structured_content": detail.get("structured")}, "error": None}


def shell_words(command: str) -> str:
    """`/bin/bash -lc '…'`, quoted as Codex quotes it."""
    return f"/bin/bash -lc {quoted(command)}"


def _arguments(call: ToolCall) -> Any:
    try:
        return json.loads(call.arguments, strict=False)
    except (ValueError, RecursionError):
        return call.arguments


def _command(values: Any) -> str:
    """The command line in the forms in which models write it; empty where there is none."""
    command = values.get("command", values.get("cmd")) if isinstance(values, Mapping) else None
    if isinstance(command, list) and command and all(isinstance(part, str) for part in command):
        if len(command) == 3 and command[1] in ("-c", "-lc", "-cl"):
            return str(command[2])
        return " ".join(map(quoted, command))
    return command.strip() if isinstance(command, str) else ""


def _texts(values: Any) -> Iterator[str]:
    """Every string in arguments."""
    if isinstance(values, str):
        yield values
    elif isinstance(values, Mapping | list):
        for value in values.values() if isinstance(values, Mapping) else values:
            yield from _texts(value)


def _changes(values: Any, ground: Ground) -> list[Fields]:
    """The files that a patch names, by path."""
    text = next((text for text in _texts(values) if _BEGIN in text), "")
    start = _FOLDER.match(text)
    below = posixpath.join(ground.folder, start[1].strip("\"'") if start else "")
    found = {ground.absolute(path, below): _KINDS[kind] for kind, path in _HEADING.findall(text)}
    return [{"path": path, "kind": kind} for path, kind in sorted(found.items())]


def _told(files: Any, ground: Ground) -> list[Fields]:
    """The files that a patch has changed, as the tool says."""
    found = {ground.absolute(str(file["path"])): str(file["kind"]) for file in files}
    return [{"path": path, "kind": kind} for path, kind in sorted(found.items())]
