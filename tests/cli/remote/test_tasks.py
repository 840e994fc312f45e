"""Tasks at a server, from the command line."""

from __future__ import annotations

import asyncio

from tests.cli.remote.conftest import ASKED, World


async def test_a_task_is_submitted_and_followed_to_its_pull_request(world: World) -> None:
    following = asyncio.create_task(world.run("submit", *ASKED, "--follow"))
    while not world.api.hub.runs:
        await asyncio.sleep(0.02)
    task = next(iter(world.api.hub.runs)).partition(":")[0]
    await world.api.work(task)
    ran = await following
    assert ran.code == 0, ran.err
    for part in ("task ", "started in ", "[1] $ ", "pull request #1 is ready", f"midwatch log {task}"):
        assert part in ran.out, part
    assert "midwatch apply" not in ran.out
    assert ran.out.index("started in ") < ran.out.index("[1] $ ") < ran.out.index("#1 is ready")
