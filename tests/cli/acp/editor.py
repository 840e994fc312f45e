"""An editor: the protocol's own client library, driving the real `midwatch acp`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from acp.client.connection import ClientSideConnection
from acp.schema import (
    AllowedOutcome,
    ClientCapabilities,
    DeniedOutcome,
    PermissionOption,
    RequestPermissionResponse,
    TextContentBlock,
    ToolCallUpdate,
)
from acp.stdio import spawn_agent_process

from tests.cli.conftest import Program


@dataclass
class Editor:
    """The client's side: keeps what it is told, and answers questions with the option of that kind, or
    `never`."""

    answer: str = "allow_once"
    updates: list[tuple[str, Any]] = field(default_factory=list)
    """Session and update, as they came."""
    asked: list[tuple[ToolCallUpdate, list[PermissionOption]]] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    def on_connect(self, conn: Any) -> None:
        """Nothing."""

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        """Keep it."""
        async with self.news:
            self.updates.append((session_id, update))
            self.news.notify_all()

    async def request_permission(
        self, session_id: str, tool_call: ToolCallUpdate, options: list[PermissionOption], **_: Any
    ) -> RequestPermissionResponse:
        """Answer as was set."""
        async with self.news:
            self.asked.append((tool_call, options))
            self.news.notify_all()
        if self.answer == "never":
            await asyncio.Event().wait()
        chosen = next((option for option in options if option.kind == self.answer), None)
        if chosen is None:
            return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
        return RequestPermissionResponse(outcome=AllowedOutcome(outcome="selected", option_id=chosen.option_id))

    def of(self, kind: str, session: str = "") -> list[Any]:
        """The updates of a kind, of one session where it is named."""
        return [u for s, u in self.updates if u.session_update == kind and session in ("", s)]

    def text(self, kind: str = "agent_message_chunk", session: str = "") -> str:
        """Their texts together."""
        return "".join(update.content.text for update in self.of(kind, session))

    def calls(self, session: str = "") -> dict[str, dict[str, Any]]:
        """Tool calls by id, each as an editor shows it in the end: later updates replace what earlier ones said."""
        found: dict[str, dict[str, Any]] = {}
        for s, update in self.updates:
            if session in ("", s) and update.session_update in ("tool_call", "tool_call_update"):
                values = {k: v for k, v in update if v is not None and k not in ("session_update", "field_meta")}
                found.setdefault(update.tool_call_id, {}).update(values)
        return found

    async def until(self, wanted: Any) -> None:
        """Wait until `wanted()` is true of what has been told."""
        async with self.news:
            await asyncio.wait_for(self.news.wait_for(wanted), 60)


@dataclass
class Running:
    """An editor, its connection, and the agent's process."""

    editor: Editor
    agent: ClientSideConnection
    process: asyncio.subprocess.Process

    async def say(self, session: str, *blocks: Any) -> Any:
        """A prompt of texts and other blocks; its answer."""
        made = [TextContentBlock(type="text", text=block) if isinstance(block, str) else block for block in blocks]
        return await self.agent.prompt(session_id=session, prompt=made)


@asynccontextmanager
async def editing(program: Program, *options: str, env: Mapping[str, str] | None = None) -> AsyncIterator[Running]:
    """`midwatch acp` with an editor that has been introduced to it."""
    editor = Editor()
    argv = program.argv("acp", "--model", "openai/scripted", *options)
    async with spawn_agent_process(
        editor,  # type: ignore[arg-type]  # no files and no terminals: we never ask for them
        *argv,
        env=program.env(env),
        cwd=program.folder,
        transport_kwargs={"shutdown_timeout": 60.0, "limit": 1 << 26},
        use_unstable_protocol=True,
    ) as (agent, process):
        await agent.initialize(protocol_version=1, client_capabilities=ClientCapabilities())
        yield Running(editor, agent, process)
