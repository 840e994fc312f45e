"""Tasks out of the lists and out of the database, from the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from midwatch.domain.events import Stopped
from midwatch.domain.ids import branch_name, task_id_at
from midwatch.engine.effects.base import Wanted
from midwatch.engine.effects.ledger import Effects, want
from tests.cli.remote.conftest import World
from tests.support import samples


async def listed(world: World, *more: str) -> list[str]:
    """In the order of their ids: those of one second have none of their own."""
    return sorted(str(one["id"]) for one in json.loads((await world.run("list", "--json", *more)).out))


async def test_an_ended_task_is_archived_and_comes_back_when_somebody_says_something_to_it(world: World) -> None:
    task, other = await world.submitted("--after", "2h"), await world.submitted("--after", "2h")
    early = await world.run("archive", task)
    assert (early.code, f"midwatch cancel {task}" in early.err) == (2, True)
    await world.run("cancel", task)
    assert "archived" in (await world.run("archive", task)).out
    assert (await listed(world), await listed(world, "--archived")) == ([other], [task])
    assert (await world.run("unarchive", task, "--json")).lines == [{"type": "unarchive", "id": task}]
    assert (await listed(world), await listed(world, "--archived")) == (sorted([other, task]), [])
    await world.run("archive", task)
    await world.run("tell", task, "go on after all")
    assert (await listed(world), await listed(world, "--archived")) == (sorted([other, task]), [])
    assert "no task is archived" in (await world.run("list", "--archived")).out


async def test_an_old_task_goes_into_a_file_and_comes_back_on_the_servers_machine(world: World) -> None:
    home, old = world.api.home, task_id_at(1_000_000_000, 7)
    task = replace(samples.task(), id=old, branch=branch_name(old, "x"))
    await home.store.create(task, [samples.started(task), Stopped("no_change", "nothing to do")])
    query = "UPDATE attempt SET updated = '2020-01-01T00:00:00.000Z' WHERE task = ?"
    await home.store.database.write(lambda db: db.execute(query, (old,)).rowcount)
    here = {"XDG_STATE_HOME": str(home.state.parent), "MIDWATCH_SERVER": "local"}
    never = await world.run("admin", "retention", **here)
    assert (never.code, "give --days N, or set retention.days" in never.err) == (2, True)
    dry = (await world.run("admin", "retention", "--days", "30", "--dry-run", **here)).out
    assert f"{old} would go to " in dry
    done = json.loads((await world.run("admin", "retention", "--days", "30", "--json", **here)).out)
    file = Path(done["tasks"][0]["file"])
    assert (done["tasks"][0]["task"], done["troubles"], file.stat().st_size) == (old, [], done["tasks"][0]["bytes"])
    gone = await world.run("show", old, **here)
    assert (gone.code, f"midwatch admin restore {file}" in gone.err) == (2, True)
    assert "no task has ended that long ago" in (await world.run("admin", "retention", "--days", "30", **here)).out
    back = await world.run("admin", "restore", str(file), **here)
    assert (back.code, f"{old} is back" in back.out) == (0, True)
    assert "could not be" in back.out  # its repository is not there
    shown = await world.run("show", old, **here)
    assert (shown.code, "Fix the sum" in shown.out) == (0, True)


async def test_what_could_not_be_done_outside_stands_on_the_tasks_page(world: World) -> None:
    task = await world.worked()
    wanted = Wanted("k", "comment", "summary", "{}", task=task)
    await world.api.database.write(lambda db: want(db, wanted))
    (taken,) = await Effects(world.api.database).take(["comment"], 1)
    await Effects(world.api.database).fail(taken, "it answered 500", "try it again", unsure=False)
    local = {"XDG_STATE_HOME": str(world.api.home.state.parent), "MIDWATCH_SERVER": "local"}
    for environ in ({}, local):
        shown = (await world.run("show", task, **environ)).out
        assert f"comment summary ({wanted.id}): it answered 500" in shown
        value = json.loads((await world.run("show", task, "--json", **environ)).out)
        assert [one["id"] for one in value["missed"]] == [wanted.id]
