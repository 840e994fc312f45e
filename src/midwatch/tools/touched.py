"""Which files and folders of the workspace a call of the model is about, as far as its arguments say."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from midwatch.domain.conversation import ToolCall
from midwatch.tools import arguments as given

MOST = 200
"""Paths of one call that are looked at."""
_LONGEST = 100_000
_DEEPEST = 50
_BETWEEN_WORDS = re.compile(r"""[\s;|&<>()'"`=,:]+""")
_PATCHED = re.compile(r"^[ \t]*\*\*\* (?:(?:Add|Update|Delete) File|Move to):(.*)$", re.MULTILINE)


def touched(call: ToolCall, workdir: str, folder: str = "") -> list[str]:
    """Paths relative to the workspace, as they stand in the call: whether there is anything at them is not known.
    `workdir` is the workspace as the model sees it, `folder` where its relative paths start. Does not raise."""
    found: dict[str, None] = {}
    for start, word in _named(call):
        path = posixpath.normpath(posixpath.join(workdir, folder, start, word))
        if path.startswith(f"{workdir.rstrip('/')}/") and _can_be(path):
            found[path[len(workdir.rstrip("/")) + 1 :]] = None
        if len(found) >= MOST:
            break
    return list(found)


def _can_be(path: str) -> bool:
    try:
        path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return "\0" not in path and path.count("/") <= _DEEPEST


def _named(call: ToolCall) -> Iterator[tuple[str, str]]:
    """Folder and path of each."""
    text = call.arguments[:_LONGEST]
    try:
        values = given.read(call.arguments)
    except given.BadArguments:
        values = {}
    if call.name == "view_image":
        yield "", str(values.get("path", ""))
    elif call.name == "apply_patch":
        patch = next((value for name in ("patch", "input") if isinstance(value := values.get(name), str)), text)
        yield from (("", path.strip()) for path in _PATCHED.findall(patch[:_LONGEST]))
    elif call.name == "shell":
        start, command = values.get("workdir"), values.get("command")
        start = start if isinstance(start, str) else ""
        line = " ".join(map(str, command)) if isinstance(command, list) else str(command or "")
        yield start, "."
        yield from ((start, word) for word in _BETWEEN_WORDS.split(line[:_LONGEST]) if word and word[0] != "-")
