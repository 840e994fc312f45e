"""Ended tasks, out of the database into files and back: nothing is lost on the way, whatever happens."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from midwatch import reading, retaining, wiring
from midwatch.domain.conversation import Image
from midwatch.domain.errors import InputError, StoreError
from midwatch.domain.events import Stopped, ToolFinished
from midwatch.domain.interventions import Forked
from midwatch.domain.observer import Silent
from midwatch.domain.task import Task
from midwatch.engine import lease
from midwatch.engine.database.address import VARIABLE
from midwatch.engine.retention import archived, rows
from midwatch.engine.retention.ended import ended
from midwatch.engine.store.listing import Wanted
from midwatch.engine.turns import Asked, Turns
from midwatch.reconciling import reconcile
from midwatch.workflows.archives import commits
from midwatch.workspace.repository import Repository, store_of
from tests.support import samples
from tests.support.model_server import ModelServer, serving
from tests.support.office import Office, serving_counts
from tests.support.pictures import png
from tests.support.repositories import git


@dataclass
class Desk:
    home: wiring.Home
    task: Task

    async def retain(self, settled: float = retaining.SETTLED) -> retaining.Done:
        """Of everything that has ended."""
        return await retaining.retain(self.home, 0, settled=settled)

    async def refs(self) -> dict[str, str]:
        store = store_of(self.home.state, self.task.repository)
        return await commits.held(store, commits.refs(self.home.state, [f"{self.task.id}.1"]))

    def blobs(self) -> set[str]:
        return {path.name for path in (self.home.state / "blobs").glob("??/*")}

    def age_blobs(self) -> None:
        for path in (self.home.state / "blobs").glob("??/*"):
            os.utime(path, (0, 0))

    async def faults(self) -> tuple[str, ...]:
        return (await reading.verify(self.home, self.task.id)).faults


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with serving() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_server").database())
    return f"sqlite:///{tmp_path / 'state' / 'midwatch' / 'state.db'}"


@pytest.fixture
async def desk(url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """With one task that has ended, whose repository is not there."""
    environ = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), VARIABLE: url}
    environ["XDG_CONFIG_HOME"] = str(tmp_path / "config")
    async with wiring.home(environ) as home:
        await home.store.database.migrate()
        task, call = samples.task("Count, as task 1"), samples.call()
        blobs = [home.blobs.put(text.encode() * 9) for text in ("one\n", "two\n")]
        finished = [
            replace(samples.tool_finished(call, number), digest=blob.digest, bytes=blob.bytes, lines=blob.lines)
            for number, blob in enumerate(blobs, 1)
        ]
        events = [samples.started(task), samples.reply("", call), *finished, Stopped("no_change", "nothing to do")]
        await Turns(home.store.database).submit(task, events)
        await home.store.database.write(lambda db: db.execute("UPDATE turn SET status = 'done'").rowcount)
        yield Desk(home, task)


@pytest.fixture
async def worked(url: str, tmp_path: Path, server: ModelServer) -> AsyncIterator[Desk]:
    """With one that has its pull request."""
    office = Office(tmp_path, url, serving_counts(server, 2))
    await office.make()
    (task,) = await office.submit()
    async with office.home() as home:
        await wiring.run(home, task.id, Silent())
        await home.store.database.write(lambda db: db.execute("UPDATE turn SET status = 'done'").rowcount)
        yield Desk(home, task)


on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


async def test_a_task_goes_into_a_file_and_comes_back_as_it_was(worked: Desk) -> None:
    desk = worked
    home, name = desk.home, desk.task.id
    before = await reading.verify(home, name)
    repository = await Repository.open(home.state, desk.task.repository)
    for kept_as in (f"propose/{name}", f"before/{name}.1/9", f"offered/{name}.1/12", f"before/{name}.2/9"):
        await repository.keep(kept_as, desk.task.base.commit)
    diff, refs, blobs = await reading.diff(home, name), await desk.refs(), desk.blobs()
    assert (before.faults, bool(blobs), len(refs)) == ((), True, 4)
    done = await desk.retain()
    (kept,) = done.kept
    assert (kept.task, kept.path, done.troubles) == (name, home.state / "archive" / f"{name}.tar.gz", [])
    with pytest.raises(InputError, match="has ended long ago and lies in"):
        await home.store.find(name)
    request = await home.forge.of_task(name)
    assert request is not None
    with tarfile.open(kept.path) as tar:
        change = tar.extractfile("change.diff")
        assert change is not None
        assert change.read() == diff
    assert (desk.blobs(), await desk.refs()) == (blobs, refs)  # for a while: a fork may be being made
    desk.age_blobs()
    assert (await desk.retain(settled=0)).swept == 1
    assert (desk.blobs(), await desk.refs()) == (set(), {})
    assert (await desk.retain(settled=0)).swept == 0

    shutil.rmtree(home.state / "repos")
    git(Path(desk.task.repository), "update-ref", "-d", f"refs/heads/{desk.task.branch}")
    git(Path(desk.task.repository), "prune", "--expire=now")
    assert await retaining.restore(home, kept.path) == (name, "")
    assert await reading.verify(home, name) == before
    assert (await reading.diff(home, name), await desk.refs(), desk.blobs()) == (diff, refs, blobs)
    with pytest.raises(InputError, match="in the database already"):
        await retaining.restore(home, kept.path)
    again = await desk.retain()
    assert [one.task for one in again.kept] == [name]


async def test_a_picture_of_a_message_that_nobody_heard_goes_with_its_task_unless_another_has_it(desk: Desk) -> None:
    home, turns = desk.home, Turns(desk.home.store.database)
    both, own = (home.blobs.put(data).digest for data in (png(2, 2), png(3, 3)))
    other = replace(samples.task("Count, as task 2"), images=(Image("image/png", "", both, 1, 2, 2),))
    await turns.submit(other)
    images = tuple(Image("image/png", "", digest, 1, 2, 2) for digest in (both, own))
    await turns.say(desk.task, "And here?", "ada", Asked("ada", images=images))
    assert (await turns.wish(desk.task.id, "cancel", "ada")).status == "cancelled"
    desk.age_blobs()
    assert len((await desk.retain()).kept) == 1
    assert {both, own} <= desk.blobs()
    assert (await desk.retain(settled=0)).swept == 1
    assert desk.blobs() == {both}


async def test_what_comes_back_is_listed_where_it_was(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    store = desk.home.store
    review = replace(samples.task("Review"), kind="review", parent=f"{desk.task.id}.1", attempts=1)
    await store.create(review)
    among = Wanted(among=(desk.task.repository,))
    before = await store.listed(among, 9), await store.listed(Wanted(), 9)
    (kept,) = (await desk.retain()).kept
    assert (await store.listed(Wanted(), 9))[0] == []
    fetched, real = [], wiring.Home.repository

    async def repository(home: wiring.Home, location: str, *how: str, plain: bool = False) -> Repository:
        fetched.append(location)
        return await real(home, location, *how, plain=plain)

    monkeypatch.setattr(wiring.Home, "repository", repository)
    await retaining.restore(desk.home, kept.path)
    assert fetched == [desk.task.repository], "as when it was made: with what a connection lends"
    assert [row.task for row in before[0][0]] == [desk.task]
    assert (await store.listed(among, 9), await store.listed(Wanted(), 9)) == before


async def test_what_others_name_stays_and_so_does_a_task_that_is_not_over(desk: Desk) -> None:
    home = desk.home
    finished = [e.body for e in await home.store.read(f"{desk.task.id}.1") if isinstance(e.body, ToolFinished)]
    shared = next(body for body in finished if body.digest)
    other, forked, paused = samples.task(), samples.task(), samples.task()
    await home.store.create(other, [samples.started(other), shared])
    origin = await home.store.state(f"{desk.task.id}.1")
    fork = Forked(origin.attempt, origin.seq, origin.hash, 0)
    await home.store.create(forked, [samples.started(forked), fork])
    await Turns(home.store.database).submit(paused, [samples.started(paused)])
    assert await ended(home.store.database, 0) == []
    await home.store.database.write(lambda db: [db.execute(f"DELETE FROM {table} WHERE {column} = ?", (value,)).rowcount
        for table, column, value in (("event", "attempt", f"{forked.id}.1"), ("attempt", "task", forked.id),
                                     ("task", "id", forked.id))])  # fmt: skip
    assert await ended(home.store.database, 3600) == []
    assert await ended(home.store.database, 0) == [desk.task.id]
    dry = await retaining.retain(home, 0, dry_run=True)
    assert [one.task for one in dry.kept] == [desk.task.id]
    assert await desk.faults() == ()
    await desk.retain()
    desk.age_blobs()
    await desk.retain(settled=0)
    assert desk.blobs() == {shared.digest}
    await archived.archive(home.store.database, other.id, "")  # not ended, but nobody wants it any more
    assert await ended(home.store.database, 0) == [other.id]


async def test_a_task_that_somebody_takes_up_in_that_moment_stays(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    home, attempt = desk.home, f"{desk.task.id}.1"
    with lease.hold(home.state / "locks", attempt):
        (trouble,) = (await desk.retain()).troubles
    assert "is being worked on" in trouble
    delete = rows.delete

    async def later(*given: Any) -> bool:  # a worker of another machine, when the file is written already
        await home.store.take(attempt)
        return await delete(*given)

    monkeypatch.setattr(rows, "delete", later)
    done = await desk.retain()
    assert (done.kept, done.troubles) == ([], [])
    assert await desk.faults() == ()
    assert list((home.state / "archive").iterdir()) == []


@on_sqlite
async def test_cut_off_anywhere_it_is_done_by_the_next_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    home, name = desk.home, desk.task.id

    async def cut(*_: object) -> None:
        raise StoreError("the database is gone")

    with monkeypatch.context() as patch:
        patch.setattr(rows, "delete", cut)
        assert (await desk.retain()).kept == []
    assert await desk.faults() == ()
    (left,) = (home.state / "archive").iterdir()
    assert [one.path for one in (await desk.retain()).kept] == [left]
    desk.age_blobs()
    with monkeypatch.context() as patch:
        patch.setattr(rows, "swept", cut)
        assert (await desk.retain(settled=0)).swept == 0
    assert desk.blobs() == set()
    assert (await desk.retain(settled=0)).swept == 1
    with monkeypatch.context() as patch:
        patch.setattr(rows, "restore", cut)
        with pytest.raises(StoreError):
            await retaining.restore(home, left)
    with pytest.raises(InputError):
        await home.store.find(name)
    await retaining.restore(home, left)
    assert await desk.faults() == ()


@on_sqlite
async def test_a_task_that_is_damaged_already_stays_where_it_is(desk: Desk) -> None:
    (path, *_) = (desk.home.state / "blobs").glob("??/*")
    content = path.read_bytes()
    path.write_bytes(b"something else")
    (trouble,) = (await desk.retain()).troubles
    assert "it stays in the database, because" in trouble
    path.write_bytes(content)
    query = "UPDATE event SET body = replace(body, 'Count, as', 'Count, if') WHERE seq = 1"
    await desk.home.store.database.write(lambda db: db.execute(query).rowcount)
    (trouble,) = (await desk.retain()).troubles
    assert "does not match its hash" in trouble
    assert list((desk.home.state / "archive").iterdir()) == []
    assert (await desk.home.store.find(desk.task.id)).task.id == desk.task.id


@on_sqlite
async def test_what_was_written_again_meanwhile_is_not_deleted(desk: Desk) -> None:
    await desk.retain()
    desk.age_blobs()
    (path, *_) = (desk.home.state / "blobs").glob("??/*")
    desk.home.blobs.put(path.read_bytes())  # by an attempt whose event is not there yet
    await desk.retain(settled=0)
    assert desk.blobs() == {path.name}


@on_sqlite
async def test_a_worker_does_it_by_itself_where_the_settings_say_so(desk: Desk, tmp_path: Path) -> None:
    config = tmp_path / "config/midwatch/config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    folder = tmp_path / "kept"
    config.write_text(f'[retention]\ndays = 1e-9\nfolder = "{folder}"\n')
    async with wiring.home(desk.home.environ) as home:
        doing = asyncio.create_task(reconcile(home))
        file = folder / f"{desk.task.id}.tar.gz"
        async with asyncio.timeout(60):
            while not await rows.is_retired(home.store.database, desk.task.id):
                await asyncio.sleep(0.02)
        doing.cancel()
        assert file.stat().st_mode & 0o777 == 0o600


def changed(path: Path, name: str, old: bytes, new: bytes, *, hashes: bool) -> Path:
    """The archive with other words in one of its files; with `hashes` the manifest says so."""
    files: dict[str, bytes] = {}
    with tarfile.open(path) as tar:
        for member in tar:
            file = tar.extractfile(member)
            assert file is not None
            files[member.name] = file.read()
    assert old in files[name]
    files[name] = files[name].replace(old, new)
    if hashes:
        manifest = json.loads(files["manifest.json"])
        for entry in manifest["files"]:
            entry["sha256"] = hashlib.sha256(files[entry["name"]]).hexdigest()
        files["manifest.json"] = json.dumps(manifest).encode()
    out = path.with_name("other.tar.gz")
    with gzip.open(out, "wb") as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for member_name, content in files.items():
            info = tarfile.TarInfo(member_name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out


@on_sqlite
async def test_an_archive_that_was_changed_is_not_believed(desk: Desk) -> None:
    (kept,) = (await desk.retain()).kept
    for name, old, new, hashes, word in (
        ("events.jsonl", b"Count, as", b"Count, if", False, "events.jsonl is not as it was written"),
        ("events.jsonl", b"Count, as", b"Count, if", True, "does not match its hash"),
        ("turns.jsonl", b'"done"', b'"queued"', True, "do not belong together"),
        ("tasks.jsonl", desk.task.id.encode(), b"000000000000", True, "do not belong together"),
        ("manifest.json", b"midwatch-archive", b"another-thing", False, "is no archive that this Midwatch can read"),
    ):
        with pytest.raises(InputError, match=word):
            await retaining.restore(desk.home, changed(kept.path, name, old, new, hashes=hashes))
    short = kept.path.with_name("short.tar.gz")
    short.write_bytes(kept.path.read_bytes()[:-200])
    for path in (short, kept.path.with_name("none")):
        with pytest.raises(InputError):
            await retaining.restore(desk.home, path)
    with pytest.raises(InputError, match="lies in"):
        await desk.home.store.find(desk.task.id)
    assert (await retaining.restore(desk.home, kept.path))[0] == desk.task.id


def test_a_name_in_an_archive_stands_for_no_ref_but_those_of_its_task(tmp_path: Path) -> None:
    named = commits.refs(tmp_path, ["abc.1"])
    assert commits.place_of(named, "forks/abc.1") == "refs/midwatch/forks/abc.1"
    assert commits.place_of(named, "before/abc.1/17") == "refs/midwatch/before/abc.1/17"
    for name in ("before/abc.1/", "before/abc.1/../x", "before/abc.1/x", "before/abd.1/17", "heads/main", "/", ""):
        assert commits.place_of(named, name) == ""
