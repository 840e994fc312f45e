"""A task's change from a server, made on the same commit in a repository of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from midwatch.cli.remote import looking, tasks
from midwatch.cli.remote.session import Session
from midwatch.domain.errors import InputError, OperationError
from midwatch.domain.evidence import FileChange
from midwatch.workspace.foreign import Grafted, grafted


@asynccontextmanager
async def graft(session: Session, task_id: str, folder: str) -> AsyncIterator[Grafted]:
    """The change of the attempt that is (or would be) offered. Raises InputError for a task that has changed nothing,
    and as `foreign.grafted`; OperationError when the diff does not make the tree that the server names."""
    client = session.client
    answer = await client.get(tasks.path("tasks", task_id))
    patch = await looking.diff(session, task_id)
    if not patch:
        raise InputError(f"task {task_id} has changed no file", f"`midwatch show {task_id}{session.at}` says why")
    evidence = await client.get(tasks.path("tasks", task_id, "evidence"))
    attempt = await client.get(tasks.path("attempts", str(evidence["attempt"])))
    async with grafted(folder, str(answer["base"]["commit"]), patch) as found:
        if found.tree != attempt["tree"]:
            raise OperationError(
                f"the diff that {client.address.url} gives makes the tree {found.tree[:12]}, and the attempt has "
                f"{str(attempt['tree'])[:12]}",
                "try again when nobody works on the task; `midwatch verify` looks into what the server has",
            )
        yield found


async def apply(session: Session, name: str, folder: str) -> tuple[str, tuple[FileChange, ...]]:
    """Put a task's change into the files of a folder, all or none; the task's id, and what was changed."""
    task_id, attempt = await tasks.named(session.client, name)
    if attempt:
        raise InputError(
            f"{name} is an attempt, and a server gives the diff of the task alone",
            f"name the task: {task_id}; `midwatch choose {name}{session.at}` has this attempt offered",
        )
    async with graft(session, task_id, folder) as found:
        return task_id, await found.apply()
