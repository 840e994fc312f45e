"""What has come in from forges, over both databases."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.accounts.logins import Logins
from midwatch.engine.accounts.people import People
from midwatch.engine.database.base import Database
from midwatch.engine.database.further import Further
from midwatch.engine.effects.occasions import happened, note, occasions
from midwatch.engine.forges.arrivals import (
    LOOKED,
    TOLD,
    Arrivals,
    Delivery,
    End,
    Taken,
    claim,
    named,
    settle,
)
from midwatch.engine.forges.origins import Origin, Origins
from midwatch.engine.forges.origins import note as note_origin
from midwatch.engine.turns import Turns
from tests.support import samples


def delivery(name: str, key: str = "", connection: str = "hub") -> Delivery:
    return Delivery(connection, name, "remark", "ann/shelf", 3, key, "{}")


async def test_a_delivery_is_known_by_its_id_and_by_what_it_tells_of(database: Database) -> None:
    arrivals = Arrivals(database)
    assert not await arrivals.heard("hub", "ann/shelf", 60)
    assert await arrivals.keep(delivery("1", "remark 1"))
    assert not await arrivals.keep(delivery("1", "remark 2"))
    assert not await arrivals.keep(delivery(f"{LOOKED}remark 1", "remark 1"))
    assert await arrivals.keep(delivery("1", "remark 1", "lab"))
    assert await arrivals.keep(delivery("2"))
    assert await arrivals.keep(delivery("3"))
    assert await arrivals.heard("hub", "Ann/Shelf", 60)
    assert not await arrivals.heard("hub", "ann/other", 60)
    assert not await arrivals.heard("hub", "ann/shelf", 0)
    assert await arrivals.keep(delivery(f"{LOOKED}x", "x", "quiet"))
    assert not await arrivals.heard("quiet", "ann/shelf", 60)
    assert len(await arrivals.lately("hub", "remark", 3, 0.0)) == 3
    assert await arrivals.lately("hub", "remark", 3, 0.0, done=True) == []
    assert len(named("\0\ud83d" + "x" * 1000)) < 100


async def test_what_is_taken_is_settled_by_its_holder_alone_with_what_else_is_written(database: Database) -> None:
    arrivals, turns = Arrivals(database), Turns(database)
    await arrivals.keep(delivery("1", "remark 1"))
    await arrivals.keep(delivery("2", "remark 2"))
    assert await arrivals.waiting()
    (old,) = await arrivals.take(1)
    await database.write(lambda db: db.execute("UPDATE arrival SET held = 0").rowcount)
    new, other = await arrivals.take()
    assert (old.id, old.delivery, other.delivery) == (new.id, "1", "2")
    assert not await arrivals.waiting()
    task = samples.task()

    def end(db: object, _: object, arrival: object = old) -> None:
        settle(db, arrival, End("done", TOLD, task.id, f"{task.id}:1"))  # type: ignore[arg-type]

    with pytest.raises(Taken):
        await Turns(Further(database, end)).submit(task)
    assert await turns.newest(task.id) is None
    await Turns(Further(database, partial(end, arrival=new))).submit(task)
    assert await turns.newest(task.id) is not None
    assert [one.delivery for one in await arrivals.heard_by(f"{task.id}:1")] == ["1"]
    assert await arrivals.count(task.id, "remark", TOLD) == 1
    assert await arrivals.told("hub", "remark 1")
    await database.write(lambda db: settle(db, other, End("ignored", "by somebody who may not")))
    assert not await arrivals.told("hub", "remark 2")
    assert await arrivals.keep(delivery("4", "remark 2"))  # the same from somebody who may
    along = Delivery("hub", f"{LOOKED}along", "remark", "ann/shelf", 3, "remark 2", "{}", "done", "told")
    await database.write(lambda db: claim(db, along))
    assert await arrivals.told("hub", "remark 2")
    assert not await arrivals.waiting()
    assert len(await arrivals.meanings("hub", "remark", "ann/shelf")) == 3
    assert await arrivals.forget(-1) == 1
    assert not await arrivals.keep(delivery("5", "remark 1"))  # it is read again as long as it stands there
    assert [row.meaning for row in await arrivals.of("hub")] == ["{}", "{}"]
    query = "UPDATE arrival SET changed = changed - 366 * 86400"
    await database.write(lambda db: db.execute(query).rowcount)
    assert await arrivals.forget(-1) == 2


async def test_what_may_pass_is_tried_again_and_given_up_at_last(database: Database) -> None:
    arrivals, tries = Arrivals(database), 0
    await arrivals.keep(delivery("1"))
    while taken := await arrivals.take():
        tries += 1
        again = await arrivals.put_off(taken[0], "the forge is down")
        await database.write(lambda db: db.execute("UPDATE arrival SET due = 0").rowcount)
        assert again == (tries < 7)
    (row,) = await arrivals.of("hub")
    assert (row.state, row.tries, row.error) == ("failed", 7, "the forge is down")
    label = replace(delivery("2", "labelled ann/shelf#3 midwatch ann"), event="labelled")
    assert await arrivals.keep(label)
    assert not await arrivals.keep(replace(label, delivery="3", id=""))
    (taken_up,) = await arrivals.take()
    await database.write(lambda db: settle(db, taken_up, End("failed", "it cannot be done")))
    assert await arrivals.keep(replace(label, delivery="4", id="~"))  # put there again when that is mended


async def test_a_thing_becomes_one_task_and_a_login_is_one_users(database: Database) -> None:
    first = Origin("t1", "hub", "ann/shelf", 3, 0, "", "", "ann", "work", "hub ann/shelf#3")
    second = Origin("t2", "hub", "ann/shelf", 3, 0, "", "", "eve", "work", "hub ann/shelf#3")
    assert await database.write(lambda db: note_origin(db, first))
    assert await database.write(lambda db: note_origin(db, first))
    assert not await database.write(lambda db: note_origin(db, second))
    origins = Origins(database)
    assert await origins.of_task("t1") == await origins.of_key(first.key) == first
    assert await origins.of_thing("hub", "ann/shelf", 3) == await origins.of_repository("hub", "ann/shelf") == [first]
    people, logins = People(database), Logins(database)
    made = [
        await people.create(name, "", False, lambda account: Deed(SERVER, "user.create", account))
        for name in ("ada", "bob")
    ]
    told = [Deed(SERVER, "user.logins", one.id) for one in made]
    assert await logins.give(made[0].id, [("hub", "Ann"), ("lab", "a")], told[0]) == []
    assert await logins.give(made[1].id, [("hub", "ANN"), ("hub", "b")], told[1]) == ["ann"]
    assert await logins.of_account(made[1].id) == []
    seen = [await logins.find("hub", "aNN", identity) for identity in ("", "7", "8", "", "7")]
    assert [one is not None and one.same for one in seen] == [True, True, False, False, True]
    found = seen[-1]
    assert found is not None
    assert (found.name, found.admin, found.disabled, found.roles) == ("ada", False, False, {})


async def test_the_end_of_a_turn_is_told_where_the_repository_is_at_a_forge(database: Database) -> None:

    here, there = samples.task(), replace(samples.task(), id="0" * 12, repository="https://hub.example/ann/shelf")
    for task in (here, there):
        await Turns(database).submit(task)
        await database.write(partial(note, turn_id=f"{task.id}:1", what="done"))
        await database.write(partial(happened, turn_id=f"{task.id}:1", what="merged", name="a"))
    assert [one.task for one in await occasions(database)] == [there.id]
