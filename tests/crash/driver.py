"""Works on a scripted task with the real sandbox, git, store and forge, and kills itself when told.

    python -m tests.crash.driver STATE REPO TASK_FILE [SCRIPT [N before|after]]

makes the task (once), works on it, and dies by SIGKILL before or after the N-th append of this process. The model's
commands add to files, so that a step done twice, or half of one kept, changes the final tree. MIDWATCH_DATABASE_URL
names the database; without it, it is the file in STATE.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from midwatch.domain.conversation import Delta, Replied, Reply, ToolCall, ToolSpec, Usage, View
from midwatch.domain.events import Event
from midwatch.domain.guard import Guard, Hook
from midwatch.domain.ids import branch_name, new_task_id
from midwatch.domain.observer import Silent
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.engine.database.address import VARIABLE, opened
from midwatch.engine.store.sql import SqlStore
from midwatch.forges.local import LocalForge
from midwatch.models.base import Model
from midwatch.sandbox import drivers
from midwatch.tools.toolset import default_tools
from midwatch.workflows.plan import Means
from midwatch.workflows.solve import Parts, solve
from midwatch.workspace.repository import Repository

T = TypeVar("T")

PATCH = """*** Begin Patch
*** Update File: count.txt
@@
 zero
+patched
*** Add File: new/file.txt
+hello
*** End Patch"""


def shell(number: int, command: str, **more: object) -> ToolCall:
    return ToolCall(f"call_{number}", "shell", json.dumps({"command": command, **more}))


Script = tuple[tuple[str, tuple[ToolCall, ...]], ...]
STEPS: Script = (
    ("Look.", (shell(1, "cat count.txt; echo one >> count.txt; echo $(wc -l < count.txt) lines"),)),
    ("Patch.", (ToolCall("call_2", "apply_patch", json.dumps({"patch": PATCH})), shell(3, "echo two >> count.txt"))),
    ("Fail.", (shell(4, "echo three >> count.txt; rm keep.txt; false"),)),
    ("Plan.", (ToolCall("call_5", "update_plan", '{"plan": [{"step": "count", "status": "completed"}]}'),)),
    ("Read.", (shell(6, "cat count.txt new/file.txt; test -e keep.txt && echo still here"),)),
    ("Count further\n\nAdded lines.", ()),
)
_LOOK = json.dumps({"session": 1, "input": "asked\n", "wait_seconds": 0.2})
BESIDE: Script = (
    ("Begin.", (shell(1, 'while read -r line; do echo "$line"; done', background=True, wait_seconds=0),)),
    (
        "Look at all.",
        (
            shell(2, "cat count.txt"),
            shell(3, "grep -c zero count.txt"),
            shell(4, "ls | wc -l"),
            shell(5, "echo three >> count.txt"),
            shell(6, "tail -n 1 count.txt"),
        ),
    ),
    ("Ask the session.", (ToolCall("call_7", "session", _LOOK), shell(8, "cat keep.txt"))),
    ("Count further\n\nAdded a line.", ()),
)
"""A session goes on, and calls of one reply run beside each other."""
SCRIPTS = {"steps": STEPS, "beside": BESIDE, "hooks": (*STEPS, STEPS[-1]), "read-only": STEPS}
"""The last two are played with HOOKS, and in that mode."""


class ScriptedModel:
    """Plays a script by the number of replies in the view."""

    name = wire = "scripted"
    window, max_output = 1_000_000, 1000

    def __init__(self, script: Script) -> None:
        self._script = script

    async def reply(
        self, view: View, tools: Sequence[ToolSpec], *, max_output: int | None = None
    ) -> AsyncGenerator[Delta | Reply]:
        """The next reply of the script."""
        turn = sum(isinstance(item, Replied) for item in view.items)
        text, calls = self._script[turn]
        yield Delta("text", text)
        yield Reply(self.name, self.wire, text, calls, (), Usage(10, 0, 0, 5, 0), "calls" if calls else "end")

    def cost(self, usage: Usage) -> int | None:
        """Nothing."""
        return 0

    async def close(self) -> None:
        """Nothing."""


class DeadlyStore(SqlStore):
    """That of a state folder, or of the database that is named; kills its process before or after the N-th append."""

    def __init__(self, state: Path, fatal: int, when: str) -> None:
        super().__init__(opened(os.environ.get(VARIABLE, ""), state))
        self._fatal, self._when, self._count = fatal, when, 0

    async def create(self, task: Task, begun: Sequence[Any] = ()) -> None:
        """See `Store.create`; counts when it brings events."""
        await self._counting(lambda: SqlStore.create(self, task, begun), counts=bool(begun))

    async def append(self, attempt: str, epoch: int, bodies: Sequence[Any]) -> Sequence[Event]:
        """See `Store.append`."""
        return await self._counting(lambda: SqlStore.append(self, attempt, epoch, bodies))

    async def _counting(self, write: Callable[[], Awaitable[T]], *, counts: bool = True) -> T:
        self._count += counts
        if counts and (self._count, self._when) == (self._fatal, "before"):
            os.kill(os.getpid(), signal.SIGKILL)
        done = await write()
        if counts and (self._count, self._when) == (self._fatal, "after"):
            os.kill(os.getpid(), signal.SIGKILL)
        return done


HOOKS = (
    Hook("after_tool", "echo hooked >> hooks.txt"),
    Hook("before_finish", "echo finish >> hooks.txt; test $(grep -c finish hooks.txt) -gt 1 || { echo more; exit 2; }"),
)
"""They add to a file too; the first finish is refused."""


async def _task(store: SqlStore, repository: Repository, path: Path, played: str) -> Task:
    if path.exists():
        return (await store.find(path.read_text())).task
    name, prompt = new_task_id(), "Count further"
    base = await repository.resolve(None)
    checks = ("grep -q three count.txt",)
    task = Task(name, prompt, repository.location, base, branch_name(name, prompt), "scripted", checks, "option")
    if played == "read-only":
        task = replace(task, mode=played)
    elif played == "hooks":
        task = replace(task, guard=Guard(hooks=HOOKS))
    await store.create(task)
    path.write_text(name)
    return task


async def main(arguments: Sequence[str], model: Model | None = None, sandbox: str = "bubblewrap") -> None:
    """Work on the task until it is done or this process is dead. `model` instead of one that plays a script."""
    state, location, task_file = Path(arguments[0]), arguments[1], Path(arguments[2])
    played = arguments[3] if len(arguments) > 3 else "steps"
    store = DeadlyStore(state, *death(arguments))
    repository = await Repository.open(state, location)
    task = await _task(store, repository, task_file, played)
    parts = Parts(
        state=state,
        store=store,
        blobs=Blobs(state / "blobs"),
        repository=repository,
        sandbox=drivers.make(sandbox),
        model=model or ScriptedModel(SCRIPTS[played]),
        tools=default_tools(),
        forge=LocalForge(state),
        observer=Silent(),
        support=None,
        harness="crash driver",
        means=Means(state),
    )
    await solve(task, parts)
    print(f"appends {store._count}")
    await store.close()


def death(arguments: Sequence[str]) -> tuple[int, str]:
    """At which append to die, and when."""
    return (int(arguments[4]), arguments[5]) if len(arguments) > 4 else (0, "")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
