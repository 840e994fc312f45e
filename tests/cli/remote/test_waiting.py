"""What a server's task waits for, on the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.cli.remote.conftest import World
from tests.support.leases import lives


async def test_a_task_says_when_it_begins_and_which_label_it_lacks_and_resume_begins_it_at_once(world: World) -> None:
    then = (datetime.now(UTC) + timedelta(days=2)).replace(second=0, microsecond=0)
    made = await world.run("submit", "Later", "--repo", "calc", "--at", then.isoformat(), "-l", "gpu", "--json")
    assert made.code == 0, made.err
    task = made.lines[0]["id"]
    begins = f"begins at {then.astimezone():%Y-%m-%d %H:%M}"
    assert begins in (await world.run("list")).out
    assert begins in (await world.run("show", task)).out
    resumed = await world.run("resume", task)
    assert (resumed.code, "goes on as soon as a worker has room" in resumed.out) == (0, True)
    assert "begins at" not in (await world.run("list")).out
    await lives(world.api.database, "one")
    assert "no worker with label gpu" in (await world.run("show", task)).out
