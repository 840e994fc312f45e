"""Whole tasks with an environment, by every sandbox: what is in the log and in the pull request, however it goes on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from midwatch.agent.log import History
from midwatch.domain.conversation import Reply
from midwatch.domain.errors import ModelError, OperationError
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.engine.store.sqlite import SqliteStore
from midwatch.models.fake import FakeModel, calls, says
from midwatch.tools.toolset import default_tools
from midwatch.workflows.environment import IN_PLACE
from midwatch.workflows.solve import Parts, solve
from tests.support.drivers import DRIVERS, Driver
from tests.support.place import Place
from tests.workflows.test_environment import SETUP, Lab

WORK = [
    calls("shell", command="cat build/count ~/note >> app.txt && echo agent > build/agent"),
    says("Done."),
]
CHECKS = (
    "test -e build/count && test ! -e build/agent",
    'test "$(cat app.txt)" = "$(printf "app\\nrun\\nin the home")"',
)


@dataclass
class Run:
    """A task of a lab, worked on as often as is wanted."""

    lab: Lab
    task: Task

    @classmethod
    async def made(cls, lab: Lab, attempts: int = 1) -> Run:
        task = replace(await lab.task(), checks=CHECKS, attempts=attempts)
        store = SqliteStore(lab.root / "state" / "state.db")
        await store.create(task)
        await store.close()
        return cls(lab, task)

    async def solve(self, model: FakeModel) -> None:
        """To its end. Raises what stopped it."""
        store = SqliteStore(self.lab.root / "state" / "state.db")
        made_with = await self.lab.parts()
        parts = Parts(
            state=self.lab.root / "state",
            store=store,
            blobs=Blobs(self.lab.root / "state" / "blobs"),
            repository=made_with.repository,
            sandbox=self.lab.sandbox,
            model=model,
            tools=default_tools(),
            forge=Place(self.lab.root, self.lab.repo).forge,
            observer=self.lab.observer,
            support=None,
            harness="midwatch test",
            means=self.lab.means,
        )
        try:
            await solve(self.task, parts)
        finally:
            await store.close()

    async def history(self, number: int = 1) -> History:
        store = SqliteStore(self.lab.root / "state" / "state.db")
        try:
            return History(await store.read(f"{self.task.id}.{number}"))
        finally:
            await store.close()

    async def kinds(self, number: int = 1) -> list[str]:
        return [event.kind for event in (await self.history(number)).events]


@pytest.fixture(params=DRIVERS, ids=lambda driver: driver.name)
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Lab:
    driver: Driver = request.param
    lab = Lab(tmp_path, driver.required())
    lab.make(SETUP)
    return lab


async def _offered(run: Run, number: int = 1) -> dict[str, str]:
    """What the checked tree changes: status by path."""
    history = await run.history(number)
    assert history.checked is not None
    assert [check.ended for check in history.checked.evidence.checks] == ["exit 0", "exit 0"]
    repository = (await run.lab.parts()).repository
    changes = await repository.stat(run.task.base.tree, history.checked.evidence.tree)
    return {change.path: change.status for change in changes}


async def test_a_task_with_a_setup_offers_the_work_alone(lab: Lab) -> None:
    run = await Run.made(lab)
    await run.solve(FakeModel(WORK))
    assert await _offered(run) == {"app.txt": "M"}
    kinds = await run.kinds()
    ready = [] if lab.sandbox.name in IN_PLACE else ["environment_ready"]
    assert kinds == [
        "task_started", *ready, "message", "model_replied", "tool_started", "tool_finished", "model_replied", "checked",
        "proposing", "proposed",
    ]  # fmt: skip
    assert not list((lab.root / "state" / "attempts").iterdir())


async def test_a_task_that_goes_on_has_the_same_environment_though_the_cache_was_emptied(lab: Lab) -> None:
    run = await Run.made(lab)

    def down(view: object, tools: object) -> Reply:
        raise ModelError("the endpoint is down")

    with pytest.raises(ModelError):
        await run.solve(FakeModel([WORK[0], down]))
    await lab.cache.collect(0, 0)
    await run.solve(FakeModel(WORK))
    assert await _offered(run) == {"app.txt": "M"}
    kinds = await run.kinds()
    assert kinds.count("failed") == 1
    assert kinds.count("environment_ready") == (0 if lab.sandbox.name in IN_PLACE else 2)


async def test_three_attempts_share_one_setup_and_each_log_has_it(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.make(SETUP)
    run = await Run.made(lab, attempts=3)
    await run.solve(FakeModel(WORK))
    for number in (1, 2, 3):
        assert (await run.kinds(number))[:3] == ["task_started", "environment_ready", "message"]
        assert await _offered(run, number) == {"app.txt": "M"}
    assert lab.observer.phases.count("running the setup of the environment") == 1


async def test_a_setup_that_fails_is_said_once_in_each_log_and_is_tried_again(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.make("setup = ['exit 3']")
    run = await Run.made(lab, attempts=2)
    for times in (1, 2):
        with pytest.raises(OperationError, match="exit 3"):
            await run.solve(FakeModel(WORK))
        for number in (1, 2):
            assert await run.kinds(number) == ["task_started", *["failed"] * times]
