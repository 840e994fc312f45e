"""The updates of one session on their way to the editor: in order, and never in the way of the work."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from acp.interfaces import Client
from acp.schema import ToolCallProgress

from midwatch.cli import words
from midwatch.cli.acp.differences import differences, fenced, text_content
from midwatch.cli.acp.updates import PLAN, Changed, Translator, Update, answered, thought
from midwatch.domain.conversation import Delta
from midwatch.domain.errors import MidwatchError
from midwatch.domain.events import Event
from midwatch.workspace.repository import Repository

LOOK_EVERY = 0.25
"""Seconds between two pictures of a command's output."""
TAIL = 8 << 10
"""Bytes of it that are shown while it runs."""
QUIET = ("trying the sandbox", "preparing the workspace")
"""Phases that pass at once."""


class Outbox:
    """An `Observer` that tells an editor. What has been put in is sent by a task of its own; `drain` waits for that."""

    def __init__(self, client: Client, session: str, top: Path) -> None:
        self._client, self._session = client, session
        self.top = top
        """The person's folder that the agent has a copy of."""
        self._queue: asyncio.Queue[Update | Changed] = asyncio.Queue()
        self._sender = asyncio.create_task(self._send())
        self._tail = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self.repository: Callable[[], Awaitable[Repository]] | None = None
        """Opens the store that holds the checkpoints."""
        self.translator = Translator()
        self.opening = True
        """What an open conversation is told first has been told before."""

    def put(self, update: Update | Changed) -> None:
        """Send it when what came before has been sent."""
        self._queue.put_nowait(update)

    def event(self, event: Event) -> None:
        """Tell of it."""
        updates = self.translator.of(event)
        if self.opening:
            return
        for update in updates:
            if isinstance(update, Changed) or update.session_update == "tool_call_update":
                self._forget_output()
            self.put(update)

    def delta(self, delta: Delta) -> None:
        """Send a piece of a reply."""
        if delta.kind == "text" and delta.text:
            self.translator.streamed = True
            self.put(answered(delta.text))
        elif delta.kind in ("reasoning", "notice") and delta.text:
            self.put(thought(delta.text if delta.kind == "reasoning" else f"{delta.text}\n"))

    def output(self, chunk: bytes) -> None:
        """Show the end of a command's output soon."""
        self._tail += chunk
        del self._tail[:-TAIL]
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY, self._show_output)

    def phase(self, text: str) -> None:
        """Say what takes time before the first words."""
        if self.opening and text not in QUIET:
            self.put(thought(f"{words.line(text)}\n"))

    def _show_output(self) -> None:
        self._timer = None
        running = [call_id for call_id, tool in self.translator.open.items() if tool != PLAN]
        if running:
            text = fenced(words.decode(bytes(self._tail)), "text")
            self.put(
                ToolCallProgress(
                    session_update="tool_call_update",
                    tool_call_id=running[-1],
                    status="in_progress",
                    content=[text_content(text)],
                )
            )

    def _forget_output(self) -> None:
        self._tail.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _send(self) -> None:
        while True:
            update = await self._queue.get()
            try:
                if isinstance(update, Changed):
                    update = await self._with_difference(update)
                with contextlib.suppress(ConnectionError):  # the editor has gone, which ends the session elsewhere
                    await self._client.session_update(self._session, update)
            finally:
                self._queue.task_done()

    async def _with_difference(self, changed: Changed) -> ToolCallProgress:
        update = changed.update
        if self.repository is None:
            return update
        try:
            repository = await self.repository()
            content, locations = await differences(repository, self.top, changed.before, changed.after)
        except MidwatchError as error:
            content, locations = [text_content(f"the change cannot be shown: {error.message}")], []
        return update.model_copy(update={"content": [*content, *(update.content or [])], "locations": locations})

    async def drain(self) -> None:
        """Wait until all is sent."""
        joined = asyncio.create_task(self._queue.join())
        try:
            await asyncio.wait({joined, self._sender}, return_when=asyncio.FIRST_COMPLETED)
            if self._sender.done() and not self._sender.cancelled():
                self._sender.result()
        finally:
            joined.cancel()

    async def close(self) -> None:
        """Send nothing more."""
        self._forget_output()
        self._sender.cancel()
        await asyncio.gather(self._sender, return_exceptions=True)
