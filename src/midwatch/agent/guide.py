"""Instructions of folders below the working folder, told when something there has been touched."""

from __future__ import annotations

from collections.abc import Iterable

from midwatch.agent import instructions
from midwatch.agent.log import History
from midwatch.domain.events import Message
from midwatch.domain.task import Task
from midwatch.tools.touched import touched
from midwatch.workspace import objects
from midwatch.workspace.git import Git

MOST = 500
"""Folders that one reply can ask about."""


class Guide:
    """Of one attempt. What has been told is in the log; here is only kept what the base commit holds."""

    def __init__(self, git: Git, task: Task) -> None:
        self._git = git
        self._task = task
        self._chain = frozenset(instructions.chain(task.folder))
        self._known: dict[str, tuple[str, bytes] | None] = {}
        """By folder: its file and what that says."""

    async def due(self, log: History, workdir: str) -> Message | None:
        """What must be told before the next request: the files of the folders that the calls of the last reply touched,
        unless they are in the conversation already. Raises GitError."""
        if log.last_reply is None or not log.last_reply.calls:
            return None
        paths = [path for call in log.last_reply.calls for path in touched(call, workdir, self._task.folder)]
        folders = self._below(paths)
        await self._read(folders)
        before = {source for message in log.told for source in message.sources}
        used = sum(instructions.counted(message.text) for message in log.told)
        texts, sources = [], []
        for folder in folders:
            known = self._known[folder]
            if known is None or known[0] in before:
                continue
            if text := instructions.nested(*known, used):
                texts.append(text)
                sources.append(known[0])
                used += len(text.encode())
        return Message("repository", "\n\n".join(texts), sources=tuple(sources)) if texts else None

    def _below(self, paths: Iterable[str]) -> list[str]:
        """The folders on the way down to these paths that are not on the way to the working folder, the upper ones
        first. A path may be a folder itself."""
        found = {folder: None for path in paths for folder in instructions.chain(path) if folder not in self._chain}
        return sorted(list(found)[:MOST], key=lambda folder: (folder.count("/"), folder))

    async def _read(self, folders: Iterable[str]) -> None:
        new = [folder for folder in folders if folder not in self._known]
        wanted = [f"{folder}/{name}" for folder in new for name in instructions.NAMES]
        contents = await objects.read_files(self._git, self._task.base.commit, wanted, follow=True)
        for folder in new:
            path = instructions.nearest(folder, contents)
            self._known[folder] = (path, contents[path]) if path else None
