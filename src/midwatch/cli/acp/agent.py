"""The agent as an editor sees it: sessions, prompts, modes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from acp.exceptions import RequestError
from acp.interfaces import Client
from acp.meta import PROTOCOL_VERSION
from acp.schema import (
    AcpMcpServer,
    AgentCapabilities,
    ClientCapabilities,
    CloseSessionResponse,
    HttpMcpServer,
    Implementation,
    InitializeResponse,
    ListSessionsResponse,
    LoadSessionResponse,
    McpServerStdio,
    NewSessionResponse,
    PromptCapabilities,
    PromptResponse,
    ResumeSessionResponse,
    SessionCapabilities,
    SessionCloseCapabilities,
    SessionInfo,
    SessionListCapabilities,
    SessionMode,
    SessionModeState,
    SessionResumeCapabilities,
    SetSessionModeResponse,
    SseMcpServer,
)

from midwatch import __version__, wiring
from midwatch.agent.log import History
from midwatch.cli import words
from midwatch.cli.acp import orders
from midwatch.cli.acp.contents import Block
from midwatch.cli.acp.session import Session, Wishes, title_of
from midwatch.domain.errors import InputError, MidwatchError
from midwatch.domain.ids import new_task_id
from midwatch.domain.task import Task
from midwatch.workspace.repository import Repository

McpServer = HttpMcpServer | SseMcpServer | AcpMcpServer | McpServerStdio

MODES: Mapping[str, tuple[str, str]] = {
    "read-only": ("Read only", "Looks and runs commands in its sandbox. Nothing in your folder changes."),
    "workspace": ("Workspace", "Changes the files of your folder. Commands run in a sandbox without network."),
    "full": ("Full access", "No sandbox: commands run as you, on this machine, with its network."),
}
LISTED = 100
"""Conversations in a list, the newest."""
INVALID, FAILED, MISSING = -32602, -32603, -32002
"""JSON-RPC codes: the request, the machine, a session that there is not."""


@asynccontextmanager
async def answering() -> AsyncIterator[None]:
    """Turn our errors into the protocol's, with our sentences."""
    try:
        yield
    except MidwatchError as error:
        code = INVALID if isinstance(error, InputError) else FAILED
        message = f"{error.message}\n→ {error.mend}" if error.mend else error.message
        data = {"message": error.message, "mend": error.mend, "exit_code": error.exit_code}
        raise RequestError(
            code, message, data | ({"detail": words.clean(error.detail)} if error.detail else {})
        ) from None


class EditorAgent:
    """See `acp.interfaces.Agent`, whose names and arguments these are. `close` ends what is open."""

    def __init__(self, home: wiring.Home, wishes: Wishes) -> None:
        self._home, self._wishes = home, wishes
        self._sessions: dict[str, Session] = {}
        self._client: Client | None = None
        self._later: set[asyncio.Task[None]] = set()

    def on_connect(self, conn: Client) -> None:
        """Keep the way back to the editor."""
        self._client = conn

    async def initialize(
        self,
        protocol_version: int,
        client_capabilities: ClientCapabilities | None = None,
        client_info: Implementation | None = None,
        **_: Any,
    ) -> InitializeResponse:
        """What we can do. The editor's files and terminals are not needed: the agent works on a copy."""
        return InitializeResponse(
            protocol_version=min(protocol_version, PROTOCOL_VERSION) or PROTOCOL_VERSION,
            agent_info=Implementation(name="midwatch", title="Midwatch", version=__version__),
            agent_capabilities=AgentCapabilities(
                load_session=True,
                prompt_capabilities=PromptCapabilities(image=True, audio=False, embedded_context=True),
                session_capabilities=SessionCapabilities(
                    list=SessionListCapabilities(), resume=SessionResumeCapabilities(), close=SessionCloseCapabilities()
                ),
            ),
            auth_methods=[],
        )

    async def new_session(
        self,
        cwd: str,
        additional_directories: Sequence[str] | None = None,
        mcp_servers: Sequence[McpServer] | None = None,
        **_: Any,
    ) -> NewSessionResponse:
        """A session without a conversation yet: that begins with the first prompt. What would stop it is said now."""
        async with answering():
            folder = _folder(cwd)
            _no_more_folders(additional_directories)
            await Repository.open(self._home.state, str(folder), plain=True)
            name = self._wishes.model or self._home.settings.models.model
            await (await wiring.named_model(self._home, name)).close()
            session = self._keep(Session(self._home, self._editor, folder, self._wishes, new_task_id()))
            session.notices += _unused(mcp_servers)
        self._introduce(session)
        return NewSessionResponse(session_id=session.id, modes=_modes(session))

    async def load_session(
        self,
        cwd: str,
        session_id: str,
        mcp_servers: Sequence[McpServer] | None = None,
        additional_directories: Sequence[str] | None = None,
        **_: Any,
    ) -> LoadSessionResponse:
        """Go on with a conversation; all of it is told first."""
        async with answering():
            session = await self._found(cwd, session_id, additional_directories, mcp_servers)
            await session.replay()
        self._introduce(session)
        return LoadSessionResponse(modes=_modes(session))

    async def resume_session(
        self,
        session_id: str,
        cwd: str,
        additional_directories: Sequence[str] | None = None,
        mcp_servers: Sequence[McpServer] | None = None,
        **_: Any,
    ) -> ResumeSessionResponse:
        """Go on with a conversation that the editor has kept."""
        async with answering():
            session = await self._found(cwd, session_id, additional_directories, mcp_servers)
        self._introduce(session)
        return ResumeSessionResponse(modes=_modes(session))

    async def list_sessions(self, cwd: str | None = None, cursor: str | None = None, **_: Any) -> ListSessionsResponse:
        """The newest conversations, in that folder where one is given."""
        wanted = _real(cwd) if cwd else None
        async with answering():
            rows = await self._home.store.recent(LISTED * 10)
        found = []
        for row in rows:
            place = str(_place(row.task))
            if row.task.kind == "conversation" and (wanted is None or _real(place) == wanted):
                updated = max((a.updated for a in row.attempts), default="") or row.task.created
                found.append(
                    SessionInfo(session_id=row.task.id, cwd=place, title=title_of(row.task), updated_at=updated)
                )
        return ListSessionsResponse(sessions=found[:LISTED])

    async def set_session_mode(self, session_id: str, mode_id: str, **_: Any) -> SetSessionModeResponse:
        """Work in that mode from the next prompt on."""
        async with answering():
            self._session(session_id).mode = orders.require_mode(mode_id)
        return SetSessionModeResponse()

    async def prompt(self, session_id: str, prompt: Sequence[Block], **_: Any) -> PromptResponse:
        """Say something, and answer when the turn has ended. All updates of it have been sent by then."""
        async with answering():
            return await self._session(session_id).prompt(prompt)

    async def cancel(self, session_id: str, **_: Any) -> None:
        """End the turn of a session; its prompt is answered with `cancelled`."""
        if session := self._sessions.get(session_id):
            session.cancel()

    async def close_session(self, session_id: str, **_: Any) -> CloseSessionResponse:
        """End what a session is doing, and its box. It can be loaded again."""
        async with answering():
            session = self._session(session_id)
        del self._sessions[session_id]
        await session.leave()
        return CloseSessionResponse()

    async def close(self) -> None:
        """End all sessions; what was being done is kept, and they can be loaded again."""
        sessions, self._sessions = list(self._sessions.values()), {}
        await asyncio.gather(*(session.leave() for session in sessions))

    @property
    def _editor(self) -> Client:
        assert self._client is not None
        return self._client

    def _keep(self, session: Session) -> Session:
        self._sessions[session.id] = session
        return session

    def _session(self, session_id: str) -> Session:
        if session_id not in self._sessions:
            raise RequestError(MISSING, f"there is no open session {session_id}\n→ load it first", {"uri": session_id})
        return self._sessions[session_id]

    async def _found(
        self,
        cwd: str,
        session_id: str,
        additional: Sequence[str] | None,
        servers: Sequence[McpServer] | None,
    ) -> Session:
        folder = _folder(cwd)
        _no_more_folders(additional)
        row = await self._home.store.find(session_id)
        task = row.task
        if task.kind != "conversation":
            raise InputError(f"{task.id} is no conversation", f"`midwatch show {task.id}` says what has come of it")
        if folder not in (_real(_place(task)), _real(task.repository)):
            raise InputError(f"the session {task.id} belongs to {_place(task)}", "open that folder")
        if task.id in self._sessions:
            await self._sessions.pop(task.id).leave()
        session = self._keep(Session(self._home, self._editor, folder, self._wishes, task))
        history = History(await self._home.store.read(row.attempts[0].attempt))
        session.mode = history.mode or task.mode
        session.notices += _unused(servers)
        return session

    def _introduce(self, session: Session) -> None:
        """Send the list of commands once the editor knows the session: our answer is on its way before a new task
        runs."""

        async def send() -> None:
            session.outbox.put(orders.available())

        later = asyncio.create_task(send())
        self._later.add(later)
        later.add_done_callback(self._later.discard)


def _folder(cwd: str) -> Path:
    if not Path(cwd).is_absolute():
        raise InputError(f"the folder {cwd!r} is not an absolute path", "give the whole path")
    return _real(cwd)


def _real(path: str | Path) -> Path:
    return Path(os.path.realpath(path))


def _no_more_folders(folders: Sequence[str] | None) -> None:
    if folders:
        raise InputError("a session has one folder; further ones cannot be added", "open a folder that holds them all")


def _place(task: Task) -> Path:
    return Path(task.repository) / task.folder


def _unused(servers: Sequence[McpServer] | None) -> list[str]:
    """What is said of MCP servers that an editor brings along."""
    if not servers:
        return []
    names = ", ".join(words.line(server.name) for server in servers)
    return [f"The editor's MCP servers are not used ({names}): they are commands that would run as you."]


def _modes(session: Session) -> SessionModeState:
    modes = [SessionMode(id=mode, name=name, description=text) for mode, (name, text) in MODES.items()]
    return SessionModeState(current_mode_id=session.mode, available_modes=modes)
