"""What the workflows of a task work with, and what each of them begins with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from midwatch.agent import instructions
from midwatch.agent.log import Log
from midwatch.domain.events import Message, TaskStarted
from midwatch.domain.observer import Observer
from midwatch.domain.purse import Purse
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.engine.store.base import Store
from midwatch.forges.base import Forge
from midwatch.models.base import Model
from midwatch.sandbox.base import Protections, Sandbox
from midwatch.sandbox.slotted import SlottedSandbox
from midwatch.tools.approval import Approver, Nobody
from midwatch.tools.mcp.config import McpSettings
from midwatch.tools.toolset import ToolSet
from midwatch.workflows.plan import Means
from midwatch.workflows.servers import ServerParts
from midwatch.workflows.site import SiteParts
from midwatch.workspace import objects
from midwatch.workspace.authorship import OURS, Authorship
from midwatch.workspace.repository import Repository

Inbox = Callable[[str], Sequence[Message]]
"""Takes what a person has said meanwhile to the attempt of that id, for its next model call."""


def _nothing_said(_: str) -> Sequence[Message]:
    return ()


@dataclass(frozen=True, slots=True)
class Parts:
    """What a workflow works with; picked by wiring."""

    state: Path
    store: Store
    blobs: Blobs
    repository: Repository
    sandbox: Sandbox
    model: Model
    tools: ToolSet
    forge: Forge
    observer: Observer
    support: Path | None
    """Programs of the model that its boxes may read."""
    harness: str
    """Name and version of this program."""
    means: Means
    """What the settings and the machine give to environments."""
    personal: bytes = b""
    """The person's own instructions for every agent."""
    mcp: McpSettings = field(default_factory=McpSettings)
    """The MCP servers that a task may name."""
    approver: Approver = field(default_factory=Nobody)
    """Who is asked where a person must decide."""
    purse: Purse | None = None
    """The budgets that the task shares with others; None: there are none."""
    inbox: Inbox = _nothing_said
    authorship: Authorship = OURS
    """Whose the commit is that is offered."""

    @property
    def late(self) -> bool:
        """Whether workspaces and boxes are made at their first use: where many attempts share slots, most of them wait
        for something else."""
        return isinstance(self.sandbox, SlottedSandbox)

    @property
    def site(self) -> SiteParts:
        """What making boxes takes."""
        return SiteParts(self.repository, self.sandbox, self.means, self.blobs, self.observer)

    @property
    def servers(self) -> ServerParts:
        """What opening MCP servers takes."""
        return ServerParts(self.state, self.observer, self.mcp, self.means.environ)


async def begun(task: Task, logs: Sequence[Log], parts: Parts) -> Protections:
    """Try the sandbox, and write down with what the attempts begin that have not begun. Raises as `Sandbox.probe`."""
    parts.observer.phase("trying the sandbox")
    protections = await parts.sandbox.probe()
    for number, log in enumerate(logs, 1):
        if log.task is None:
            await log.append(TaskStarted(task, number, parts.sandbox.name, protections.words, parts.harness))
    return protections


async def told_instructions(task: Task, parts: Parts) -> str:
    """What the person and the repository tell every agent, as of the base commit."""
    git = parts.repository.git
    there = await objects.files(git, task.base.commit, *instructions.places(task.folder))
    contents = await objects.read_files(git, task.base.commit, instructions.wanted(there, task.folder), follow=True)
    return instructions.told(parts.personal, contents, task.folder)
