"""What differs between two checkpoints, as an editor shows it: a file before and after."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from acp.schema import ContentToolCallContent, FileEditToolCallContent, TextContentBlock, ToolCallLocation

from midwatch.cli import words
from midwatch.domain.evidence import FileChange
from midwatch.workspace import objects
from midwatch.workspace.repository import Repository

MOST_FILES = 30
MOST_CHARACTERS = 256 << 10
"""Of one file; a larger one is only named."""

Content = ContentToolCallContent | FileEditToolCallContent


async def differences(
    repository: Repository, top: Path, before: str, after: str
) -> tuple[list[Content], list[ToolCallLocation]]:
    """The changes from one tree to another and where they are, with the paths of the person's folder `top`."""
    changes = await repository.stat(before, after)
    shown = changes[:MOST_FILES]
    old = await objects.read_files(repository.git, before, [c.old_path or c.path for c in shown if c.status != "A"])
    new = await objects.read_files(repository.git, after, [c.path for c in shown if c.status != "D"])
    content: list[Content] = [
        _shown(change, top, old.get(change.old_path or change.path), new.get(change.path)) for change in shown
    ]
    if left := len(changes) - len(shown):
        content.append(text_content(f"… and {words.count(left, 'more file')}"))
    locations = [ToolCallLocation(path=_path(top, c.path)) for c in shown if c.status != "D"]
    return content, locations


def _shown(change: FileChange, top: Path, old: bytes | None, new: bytes | None) -> Content:
    before, after = _text(old), _text(new)
    unread = (old is None and change.status != "A") or (new is None and change.status != "D")
    if unread or before is None or after is None or max(len(before), len(after)) > MOST_CHARACTERS:
        return text_content(f"{change.status} {words.name(change.path)}")
    earlier = None if change.status == "A" else before
    return FileEditToolCallContent(type="diff", path=_path(top, change.path), old_text=earlier, new_text=after)


def _text(data: bytes | None) -> str | None:
    """None for what is no text."""
    if data is None:
        return ""
    try:
        return None if b"\0" in data else data.decode()
    except UnicodeDecodeError:
        return None


def _path(top: Path, path: str) -> str:
    return os.fsencode(top / path).decode("utf-8", "replace")


def text_content(text: str) -> ContentToolCallContent:
    """A text as the content of a tool call."""
    return ContentToolCallContent(type="content", content=TextContentBlock(type="text", text=text))


def fenced(text: str, language: str = "") -> str:
    """A block of Markdown that shows the text as it is."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def named(changes: Sequence[FileChange]) -> str:
    """Changed files in a line."""
    names = ", ".join(words.name(change.path) for change in changes[:MOST_FILES])
    left = len(changes) - MOST_FILES
    return names + (f" and {left} more" if left > 0 else "") if changes else "no file"
