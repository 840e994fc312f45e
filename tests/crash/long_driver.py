"""Works on a task with a model at an endpoint, with the real sandbox, git and store, and kills itself when told.

    python -m tests.crash.long_driver STATE REPO TASK_FILE BASE_URL PROVIDER/MODEL WINDOW [N]

dies by SIGKILL after the N-th append of this process.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from midwatch.domain.ids import branch_name, new_task_id
from midwatch.domain.limits import Limits
from midwatch.domain.observer import Silent
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.engine.store.sql import SqlStore
from midwatch.forges.local import LocalForge
from midwatch.models.base import Model
from midwatch.models.config import build, load_models
from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.tools.toolset import default_tools
from midwatch.workflows.plan import Means
from midwatch.workflows.solve import Parts, solve
from midwatch.workspace.repository import Repository
from tests.crash.driver import DeadlyStore

PROMPT = "Write the numbers from 0 to 199 into steps.txt, one for each command, and remember the word zebrafish."


async def _task(store: SqlStore, repository: Repository, path: Path, model: str) -> Task:
    if path.exists():
        return (await store.find(path.read_text())).task
    name = new_task_id()
    base = await repository.resolve(None)
    branch = branch_name(name, PROMPT)
    limits = Limits(turns=None, seconds=None)
    task = Task(name, PROMPT, repository.location, base, branch, model, ("test -e steps.txt",), "option", limits)
    await store.create(task)
    path.write_text(name)
    return task


def _model(base_url: str, name: str, window: int) -> Model:
    fields = {"base_url": base_url, "window": window, "retry_seconds": 0}
    return build(name, load_models({"providers": {name.partition("/")[0]: fields}}, {"MIDWATCH_API_KEY": "k" * 20}))


async def main(state: Path, location: str, task_file: Path, model: Model, fatal: int) -> None:
    """Work on the task until it is done or this process is dead."""
    store = DeadlyStore(state, fatal, "after")
    repository = await Repository.open(state, location)
    task = await _task(store, repository, task_file, model.name)
    parts = Parts(
        state=state,
        store=store,
        blobs=Blobs(state / "blobs"),
        repository=repository,
        sandbox=Bubblewrap(),
        model=model,
        tools=default_tools(),
        forge=LocalForge(state),
        observer=Silent(),
        support=None,
        harness="crash driver",
        means=Means(state),
    )
    await solve(task, parts)
    await model.close()
    await store.close()


if __name__ == "__main__":
    where, repo, file, url, chosen, tokens, *kill = sys.argv[1:]
    made = _model(url, chosen, int(tokens))
    asyncio.run(main(Path(where), repo, Path(file), made, int(kill[0]) if kill else 0))
