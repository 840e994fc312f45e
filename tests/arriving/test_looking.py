"""Where no webhook can reach: what a look at a forge finds, on all of them, and that it is the same as what is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from midwatch.arriving import looking, taking
from midwatch.domain.task import Task
from midwatch.engine.forges.arrivals import Arrivals
from tests.support.model_server import ModelServer, calls, says
from tests.support.model_server import serving as serving_model
from tests.support.town import BOT, Town, town


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with serving_model() as running:
        yield running


KINDS = ("github", "gitlab", "forgejo")


@pytest.fixture
def kind() -> str:
    """Of the forge; a test that is for all of them says so."""
    return "github"


@pytest.fixture
async def place(kind: str, tmp_path: Path, model: ModelServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    script = model.script(calls("shell", command="echo mended >> a.txt"), says("Mend\n\nDone."))
    async with town(tmp_path, script, monkeypatch, at_work=False, kind=kind) as made:
        await made.user("ada", "ann")
        yield made


async def looked(place: Town) -> list[tuple[str, str]]:
    """What a look finds, and what was done about it."""
    before = {row.id for row in await place.arrivals()}
    found = await looking.look(place.api.home, quiet=0)
    await taking.gather(place.api.home)
    rows = [(row.event, row.outcome) for row in await place.arrivals() if row.id not in before]
    with_reviews = [one for one in rows if one == ("remark", "told with its review")]
    assert len(rows) - len(with_reviews) == found
    return [one for one in rows if one not in with_reviews]


async def told_again(place: Town) -> None:
    """Webhooks tell all of it too: nothing is done twice."""
    keys, tasks = await known(place), len(await place.tasks())
    letters = await place.api.database.read(lambda db: db.execute("SELECT count(*) FROM message").fetchone()[0])
    await place.deliver()
    await taking.gather(place.api.home)
    assert (await known(place), len(await place.tasks())) == (keys, tasks)
    query = "SELECT count(*) FROM message"
    assert await place.api.database.read(lambda db: db.execute(query).fetchone()[0]) == letters


async def known(place: Town) -> set[str]:
    """What was done, by its keys."""
    return {row.key for row in await place.arrivals() if row.key}


async def asked_when_idle(place: Town) -> list[str]:
    """The paths that a look asks for when it has nothing to read."""
    for _ in range(2):
        await looked(place)
    before = len(place.server.requests)
    assert await looked(place) == []
    return [one.path for one in place.server.requests[before:]]


async def ours(place: Town) -> Task:
    """A task whose pull request is open."""
    issue = place.server.forge.open(place.hosted, "ann", "Short", "@midwatch mend it")
    assert await looked(place) == [("mentioned", "started")]
    assert issue.state == "open"
    (task,) = await place.tasks()
    await place.api.work(task.id)
    return task


@pytest.mark.parametrize("kind", KINDS)
async def test_issues_with_our_label_given_to_us_or_calling_us_are_found_once_and_old_ones_are_left_alone(
    place: Town,
) -> None:
    forge, hosted = place.server.forge, place.hosted
    forge.began -= timedelta(days=30)
    old = forge.open(hosted, "ann", "Old", "@midwatch mend it", labels=("midwatch",))
    forge.say(hosted, old, "ann", "@midwatch mend it")
    forge.began += timedelta(days=30)
    forge.happened.clear()  # nobody was there to be told
    assert await looked(place) == []
    forge.say(hosted, old, "carl", "Is it still so?")  # it has changed, and nobody has asked anew
    assert await looked(place) == []

    issues = [forge.open(hosted, "carl", title, "me@midwatch.example") for title in ("One", "Two", "Three")]
    forge.label(hosted, issues[0], "midwatch", "ann")
    forge.assign(hosted, issues[1], BOT, "ann")
    forge.label(hosted, issues[0], "bug", "ann")
    forge.label(hosted, issues[2], "midwatch", "eve")
    forge.open(hosted, "ann", "Four", "@midwatch mend it", labels=("midwatch",))
    found = await looked(place)
    assert sorted(found) == [
        ("assigned", "started"), ("labelled", "by somebody who may not"), ("labelled", "started"),
        ("labelled", "there is a task for it already"), ("mentioned", "started"),
    ]  # fmt: skip
    origins = [await place.origin(task.id) for task in await place.tasks()]
    assert {one.login for one in origins} == {"ann"}
    assert len(await asked_when_idle(place)) == {"github": 1, "gitlab": 2, "forgejo": 1}[place.kind]
    await told_again(place)
    forge.label(hosted, old, "other", "ann")
    issues[2].labels.remove("midwatch")
    forge.label(hosted, issues[2], "midwatch", "dora")  # who may not, and a delivery says so first
    await place.deliver()
    await taking.gather(place.api.home)
    assert await looked(place) == []
    issues[2].labels.remove("midwatch")
    forge.label(hosted, issues[2], "midwatch", "ann")
    assert await looked(place) == [("labelled", "started")]


@pytest.mark.parametrize("kind", KINDS)
async def test_failed_runs_and_reviews_of_ours_are_found_and_a_delivery_of_them_is_the_same(place: Town) -> None:
    forge, hosted = place.server.forge, place.hosted
    await place.rules(fix_runs=1)
    task = await ours(place)
    (pull,) = place.pulls
    forge.ran(hosted, pull.head_commit, "lint", failed=False)
    forge.ran(hosted, pull.head_commit, "midwatch", failed=True)
    forge.ran(hosted, hosted.tip("main"), "other", failed=True)
    forge.ran(hosted, pull.head_commit, "unit", failed=True)
    expected = [("run", "it passed"), ("run", "told")]
    gitlab = place.kind == "gitlab"
    found = await looked(place)
    assert [one for one in found if one != ("run", "it is our own")] == expected
    if not gitlab:  # where a review is its notes
        forge.judge(hosted, pull, "ann", "Not yet.", [("a.txt", 4, "say it better")], "CHANGES_REQUESTED")
        forge.judge(hosted, pull, "ann", "Nice.", [])
        assert await looked(place) == [("review", "told")]
    forge.say(hosted, pull, "ann", "@midwatch and a test")
    assert await looked(place) == [("remark", "told")]
    forge.ran(hosted, pull.head_commit, "more", failed=True)
    assert await looked(place) == [("run", "enough runs were taken up")]
    few = {"github": 1 + 2, "gitlab": 2 + 1, "forgejo": 1 + 1}[place.kind]
    assert len(await asked_when_idle(place)) == few
    if place.kind == "github":
        assert {answer.status for _, answer in place.server.exchanges[-few:]} == {304}
    await told_again(place)
    query = "SELECT author, text FROM message ORDER BY number"
    letters = await place.api.database.read(lambda db: db.execute(query).fetchall())
    assert [author for author, _ in letters] == (["ci", "ada"] if gitlab else ["ci", "ada", "ada"])
    assert '<data from="CI run unit">' in letters[0][1]
    assert gitlab or letters[1][1] == "Not yet.\n\nOn a.txt, line 4:\nsay it better"
    forge.settle(hosted, pull, "merged", "ann")
    ((event, outcome),) = await looked(place)
    assert (event, outcome.split(";")[0]) == ("changed", "it was open and is merged")
    request = await place.api.home.forge.of_task(task.id)
    assert request is not None
    assert request.state == "merged"


@pytest.mark.parametrize("kind", KINDS)
async def test_pull_requests_of_people_are_found_once_they_are_opened_or_ready(place: Town) -> None:
    forge, hosted, home = place.server.forge, place.hosted, place.api.home
    await place.rules(auto_review=True)
    assert await looked(place) == []
    for branch in ("topic", "draft"):
        forge.write(hosted, branch, {"a.txt": f"{branch}\n"})
    pull = forge.open(hosted, "carl", "Other", head="topic", base="main")
    draft = forge.open(hosted, "carl", "WIP: Later", head="draft", base="main", draft=True)
    first = pull.head_commit
    assert await looking.look(home, quiet=0) == 1
    await place.deliver()
    if place.kind == "github":
        await taking.gather(home)
    forge.write(hosted, "topic", {"a.txt": "better\n"})  # a push is neither
    assert await looking.look(home, quiet=0) == 0
    draft.title, draft.draft, draft.updated = "Later", False, forge.now()
    assert await looking.look(home, quiet=0) == 1
    assert await looking.look(home, quiet=0) == 0
    keys = [(row.event, row.key) for row in await place.arrivals()]
    assert keys == [
        ("opened", f"opened ann/shelf#1 {first}"), ("ready", f"opened ann/shelf#2 {draft.head_commit}"),
    ]  # fmt: skip
    if place.kind == "github":
        await Arrivals(place.api.database).take()
        forge.tell("opened", hosted, pull, sender="carl")  # told late, with the commit of now
        await place.deliver()
        await taking.gather(home)
        opened = [row.outcome for row in await place.arrivals() if row.event == "opened"]
        assert opened == ["review started", "it was told already"]


async def test_what_cannot_be_read_is_read_at_the_next_look_and_one_worker_looks_at_a_time(place: Town) -> None:
    forge, hosted = place.server.forge, place.hosted
    issue = forge.open(hosted, "carl", "Short")
    await looked(place)
    forge.say(hosted, issue, "ann", "@midwatch mend it")
    place.server.fail("GET", r"/comments$|/notes$", 401, times=1)
    assert await looked(place) == []
    assert await looking.look(place.api.home, quiet=3600) == 1  # and holds the next one back
    forge.say(hosted, issue, "ann", "@midwatch and this")
    assert await looking.look(place.api.home, quiet=3600) == 0
    await place.api.database.write(lambda db: db.execute("UPDATE look SET due = 0").rowcount)
    place.server.fail("GET", r"/events$|_events$|/timeline$", 404, times=1)
    forge.label(hosted, issue, "midwatch", "ann")  # whoever has put it there is not told: the rest is heard
    assert await looking.look(place.api.home, quiet=0) == 1
