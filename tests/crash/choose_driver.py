"""Works on a task of two attempts that pass, compared by reviews, or chooses one of them, and kills itself when told.

python -m tests.crash.choose_driver STATE REPO TASK_FILE solve|1|2 [N before|after]
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from midwatch.domain.conversation import Delta, Replied, Reply, Said, ToolCall, ToolSpec, Usage, View
from midwatch.domain.ids import branch_name, new_task_id
from midwatch.domain.observer import Silent
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.engine.store.sql import SqlStore
from midwatch.forges.local import LocalForge
from midwatch.models.base import Model
from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.tools.toolset import default_tools
from midwatch.workflows.choosing import choose
from midwatch.workflows.parts import Parts
from midwatch.workflows.plan import Means
from midwatch.workflows.reopening import Shelf
from midwatch.workflows.solve import solve
from midwatch.workspace.repository import Repository
from tests.crash.driver import DeadlyStore, ScriptedModel, death, shell

_WORK = ("Work.", (shell(1, "echo three >> count.txt; head -c 8 /dev/urandom | od -An -tx1 > other.txt"),))
_VERDICT = json.dumps({"findings": [], "verdict": "correct", "explanation": "fine"})
_LOOK: tuple[str, tuple[ToolCall, ...]] = ("Look.", (shell(1, "git show --stat HEAD"),))


class Reviewer(ScriptedModel):
    """Changes something else in each attempt, and finds every change correct."""

    async def reply(
        self, view: View, tools: Sequence[ToolSpec], *, max_output: int | None = None
    ) -> AsyncGenerator[Delta | Reply]:
        """By the number of replies in the view."""
        turn = sum(isinstance(item, Replied) for item in view.items)
        first = view.items[0]
        reviews = isinstance(first, Said) and "Review one of several" in first.text
        script = (_LOOK, (_VERDICT, ())) if reviews else (_WORK, ("Done.", ()))
        text, calls = script[turn]
        yield Reply(self.name, self.wire, text, calls, (), Usage(10, 0, 0, 5, 0), "calls" if calls else "end")


async def _task(store: SqlStore, repository: Repository, path: Path) -> Task:
    if path.exists():
        return (await store.find(path.read_text())).task
    name, prompt = new_task_id(), "Count further"
    base, checks = await repository.resolve(None), ("grep -q three count.txt",)
    task = Task(
        name, prompt, repository.location, base, branch_name(name, prompt), "scripted", checks, "option",
        attempts=2, select="review",
    )  # fmt: skip
    await store.create(task)
    path.write_text(name)
    return task


async def main(arguments: Sequence[str], model: Model | None = None) -> None:
    """Do it until it is done or this process is dead."""
    state, wish = Path(arguments[0]), arguments[3]
    store = DeadlyStore(state, *death(arguments))
    repository, forge = await Repository.open(state, arguments[1]), LocalForge(state)
    task = await _task(store, repository, Path(arguments[2]))
    if wish != "solve":
        await choose(Shelf(state, store, forge), f"{task.id}.{wish}")
    parts = Parts(
        state=state,
        store=store,
        blobs=Blobs(state / "blobs"),
        repository=repository,
        sandbox=Bubblewrap(),
        model=model or Reviewer(()),
        tools=default_tools(),
        forge=forge,
        observer=Silent(),
        support=None,
        harness="crash driver",
        means=Means(state),
    )
    await solve(task, parts)
    print(f"appends {store._count}")
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
