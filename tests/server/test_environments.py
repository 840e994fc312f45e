"""Environments of a server: recipes that it keeps, builds and terminals on a worker, in real boxes."""

from __future__ import annotations

import asyncio
import base64
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from midwatch import equipping
from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.accounts.repositories import Registered
from midwatch.engine.sittings import AGAIN, MOST_KEPT, Sitting, Sittings, add
from midwatch.server import sitting
from midwatch.server.environment_forms import sitting_of
from tests.support.api import Api, messages
from tests.support.place import make_repository
from tests.support.repositories import git
from tests.support.sittings import said, until, worker

RECIPE = """\
checks = ["test -e build/made"]
setup = [
  "mkdir -p build; echo made > build/made",
  # the next one may fail
  "echo seen by who looks on; test ! -e {fails}",
]
"""
HOSTS = '[network]\nsetup = ["preset:common"]\nagent = ["docs.example.org read-only"]\n'


async def with_own_recipe(api: Api, folder: Path) -> str:
    """A repository whose file has a check that fails."""
    files = {"a.txt": "a\n", ".midwatch/environment.toml": 'checks = ["false"]\n'}
    return await api.registered("one", make_repository(folder, files))


async def test_a_recipe_is_kept_here_by_maintainers_with_its_versions(stored: Api, tmp_path: Path) -> None:
    one = await with_own_recipe(stored, tmp_path / "one")
    path, kept = f"/repositories/{one}/recipe", {"text": RECIPE + HOSTS, "version": 0}
    async with (
        stored.as_user("mai", {one: "maintainer"}) as mai,
        stored.as_user("mem", {one: "member"}) as mem,
        stored.as_user("vie", {one: "viewer"}) as vie,
    ):
        own = (await vie.get(path)).json()
        assert (own["source"], own["form"]["checks"], own["version"]) == ("repository", ["false"], 0)
        assert [(await who.put(path, json=kept)).status_code for who in (vie, mem)] == [403, 403]
        for text, words in ((f"{RECIPE}colour = 1\n", "line 7: unknown key 'colour'"), (" \n", "the text is empty")):
            wrong = await mai.put(path, json={"text": text})
            assert (wrong.status_code, wrong.json()["detail"]) == (422, words)
        made = await mai.put(path, json=kept)
        assert made.status_code == 200, made.text
        assert (made.json()["source"], made.json()["version"]) == ("server", 1)
        assert made.json()["wishes"][0].startswith("hosts for setup")
        assert (await mai.put(path, json=kept)).json()["version"] == 1  # its answer was lost
        late = await mai.put(path, json={"text": "checks = []", "version": 0})
        assert (late.status_code, late.json()["mend"]) == (409, "look at the new one, then set yours again")
        assert [(await who.delete(path)).status_code for who in (vie, mem, mai, mai)] == [403, 403, 204, 204]
        last = (await vie.get(path)).json()
        assert (last["source"], last["text"], last["version"]) == ("repository", 'checks = ["false"]\n', 2)
        versions = [(version["version"], version["by"], version["removed"]) for version in last["versions"]]
        assert versions == [(2, "mai", True), (1, "mai", False)]
        assert "checks" in (await mem.post(f"{path}/suggest")).json()["text"]
        async with stored.as_user("root", admin=True) as root:
            deeds = [entry["action"] for entry in (await root.get("/audit")).json()["entries"]]
            assert [deed for deed in deeds if deed.startswith("recipe.")] == ["recipe.remove", "recipe.set"]


async def test_tasks_of_members_have_the_recipe_that_a_maintainer_keeps_as_it_was_then(
    api: Api, tmp_path: Path
) -> None:
    one = await with_own_recipe(api, tmp_path / "one")
    path, asked = f"/repositories/{one}/recipe", {"prompt": "look", "repository": one}
    async with api.as_user("mai", {one: "maintainer"}) as mai, api.as_user("mem", {one: "member"}) as mem:
        assert (await mai.put(path, json={"text": RECIPE + HOSTS})).status_code == 200
        task = (await mem.post("/tasks", json=asked)).json()  # the hosts are trusted
        assert (task["checks"], task["checks_from"]) == (["test -e build/made"], "the recipe of the server")
        told = f"/tasks/{task['id']}/messages"
        assert (await mem.post(told, json={"text": "go on"})).status_code == 202
        assert (await mai.put(path, json={"text": 'checks = ["true"]\n'})).json()["version"] == 2
        assert (await mem.post(told, json={"text": "go on"})).status_code == 403  # its hosts are no member's any more
        assert (await mai.post(told, json={"text": "go on"})).status_code == 202
        kept = (await api.home.store.find(task["id"])).task
        assert (kept.terms.recipe, kept.terms.hosts) == (RECIPE + HOSTS, ("docs.example.org read-only",))
        await mai.delete(path)
        assert (await mem.post("/tasks", json=asked)).json()["checks"] == ["false"]


async def test_faults_of_a_recipe_are_told_with_their_lines(api: Api, tmp_path: Path) -> None:
    one = await api.registered("one", make_repository(tmp_path / "one", {"a.txt": "a\n"}))
    cases = {
        'checks = ["true"]\nsetup = ["npm ci"\n': 2,
        'setup = [\n  "a",\n  7,\n]\n': 3,
        'setup = [\n  "a",\n\n  "",\n]\n': 4,
        '[variables]\nA = "1"\nPATH = "x"\n': 3,
        '[network]\nagent = [\n  "pypi.org",\n  "https://x.org/",\n]\n': 4,
        "[network]\nagnet = []\n": 2,
        '[limits]\nmemory_mib = "4"\n': 2,
        '# one\nchecks = ["true"]\nlock_files = ["/etc"]\n': 3,
        '[secrets]\nT = { host = "a.example" }\n': 2,
    }
    async with api.as_user("vie", {one: "viewer"}) as vie:
        for text, line in cases.items():
            answer = (await vie.post(f"/repositories/{one}/recipe/check", json={"text": text})).json()
            assert [fault["line"] for fault in answer["faults"]] == [line], (text, answer)
            assert answer["faults"][0]["mend"]
        presets = {one["name"]: one["hosts"] for one in (await vie.get("/environments/presets")).json()["presets"]}
        assert presets["common"] == sorted(presets["common"])
        assert {"pypi.org read-only", "registry.npmjs.org read-only"} < set(presets["common"])
        assert all(host.endswith(" read-only") for hosts in presets.values() for host in hosts)


async def failed_build(mem: httpx2.AsyncClient, vie: httpx2.AsyncClient, top: str) -> None:
    """Run the setup, which fails; asked for twice it is done once, and it is followed as a stream."""
    key = {"Idempotency-Key": "once"}
    made = await mem.post(f"{top}/builds", json={}, headers=key)
    assert made.status_code == 201, made.text
    assert (await mem.post(f"{top}/builds", json={}, headers=key)).json()["id"] == made.json()["id"]
    path = f"{top}/builds/{made.json()['id']}/output"
    async with vie.stream("GET", path, headers={"Accept": "text/event-stream"}) as stream:
        told = await messages(stream)
    lines = b"".join(base64.b64decode(data["data"]) for name, _, data in told if name == "piece")
    assert b"$ echo seen by who looks on; test ! -e a.txt\nseen by who looks on\n# exit 1" in lines
    end: dict[str, Any] = told[-1][2]
    failing = {"what": "setup", "number": 2, "line": 5, "ended": "exit 1", "first": 3}
    assert (told[-1][0], end["state"], end["tail"]) == ("end", "failed", "seen by who looks on")
    assert end["failing"] == failing | {"around": RECIPE.format(fails="a.txt").splitlines()[2:]}


async def test_a_build_is_followed_to_its_layers_or_to_the_line_that_fails(api: Api, tmp_path: Path) -> None:
    place = make_repository(tmp_path / "one", {"a.txt": "a\n", "package-lock.json": "{}\n"})
    one = await api.registered("one", place)
    top = f"/repositories/{one}/environment"
    async with (
        worker(api),
        api.as_user("mai", {one: "maintainer"}) as mai,
        api.as_user("mem", {one: "member"}) as mem,
        api.as_user("vie", {one: "viewer"}) as vie,
    ):
        await mai.put(f"/repositories/{one}/recipe", json={"text": RECIPE.format(fails="a.txt")})
        assert (await vie.post(f"{top}/builds", json={})).status_code == 403
        assert (await mem.post(f"{top}/builds", json={"fresh": True})).status_code == 403
        await failed_build(mem, vie, top)
        await mai.put(f"/repositories/{one}/recipe", json={"text": RECIPE.format(fails="b.txt")})
        before = (await vie.get(top)).json()
        assert (before["source"], before["version"], before["cached"]) == ("server", 2, None)
        assert before["rebuild"] == ["nothing was built yet"]
        path = f"{top}/builds/{(await mem.post(f'{top}/builds', json={})).json()['id']}"
        built = await until(vie, path, lambda found: found["over"])
        assert (built["state"], built["files"], built["by"]) == ("built", 1, "mem"), built
        after = (await vie.get(top)).json()
        assert (after["cached"]["key"], after["key"], after["rebuild"]) == (built["key"], built["key"], [])
        again = f"{top}/builds/{(await mem.post(f'{top}/builds', json={})).json()['id']}"
        assert (await until(vie, again, lambda found: found["over"]))["state"] == "kept"

        (place / "package-lock.json").write_text('{"a": 1}\n')
        git(place, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qam", "lock")
        assert (await vie.get(top)).json()["rebuild"] == ["package-lock.json has changed"]
        git(place, "checkout", "-q", "--orphan", "anew")
        git(place, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "all in one")
        git(place, "branch", "-D", "main")
        git(place, "reflog", "expire", "--expire=now", "--all")
        git(place, "gc", "-q", "--prune=now")
        assert "cannot be read any more" in (await vie.get(top)).json()["rebuild"][0]
        line = (await vie.get("/environments/repositories")).json()["environments"][0]
        assert (line["name"], line["kept"], line["build"]["state"]) == ("one", 1, "kept")
        assert [(await who.delete(f"{top}/cache")).status_code for who in (mem, mai)] == [403, 204]
        assert (await vie.get(top)).json()["kept"] == []
        assert (await vie.get("/tasks")).json()["tasks"] == []  # they are listed here, and are no tasks
        assert len((await vie.get(f"{top}/builds")).json()["builds"]) == 3
        assert (await mem.post(f"/tasks/{built['id']}/retry")).status_code == 409


async def test_a_terminal_is_typed_into_from_anywhere_by_its_opener_alone(stored: Api, tmp_path: Path) -> None:
    one = await stored.registered("one", make_repository(tmp_path / "one", {"a.txt": "from the commit\n"}))
    top = f"/repositories/{one}/environment"
    async with (
        worker(stored),
        stored.as_user("mem", {one: "member"}) as mem,
        stored.as_user("other", {one: "maintainer"}) as other,
        stored.as_user("vie", {one: "viewer"}) as vie,
    ):
        assert (await vie.post(f"{top}/terminals", json={})).status_code == 403
        made = await mem.post(f"{top}/terminals", json={"rows": 30, "columns": 100})
        assert made.status_code == 201, made.text
        path = f"{top}/terminals/{made.json()['id']}"
        keys = {"data": "stty size; cat a.txt; echo $((40+2))\r"}
        assert (await mem.post(f"{path}/input", json=keys)).status_code == 202
        assert b"30 100\r\nfrom the commit\r\n42\r\n" in await said(mem, path, b"42\r\n")
        for refused, status in ((other, 404), (vie, 403)):
            asked = [refused.get(path), refused.get(f"{path}/output"), refused.delete(path),
                     refused.post(f"{path}/input", json=keys)]  # fmt: skip
            assert [(await one).status_code for one in asked] == [status] * 4
        async with stored.as_user("root", admin=True) as root:
            assert (await root.get(path)).status_code == 200
        resized = {"rows": 40, "columns": 90, "data": "sleep 0.5; stty size; sleep 99\r"}
        await mem.post(f"{path}/input", json=resized)
        await said(mem, path, b"40 90\r\n")
        await mem.post(f"{path}/input", json={"data": "\x03echo $((50+5))\r"})  # Ctrl-C
        await said(mem, path, b"55\r\n")
        seen = [(await who.get(top)).json()["terminals"] for who in (mem, other)]
        assert [[terminal["id"] for terminal in each] for each in seen] == [[made.json()["id"]], []]
        await mem.post(f"{path}/input", json={"data": "exit 3\r"})
        ended = await until(mem, path, lambda found: found["over"])
        assert (ended["state"], ended["text"]) == ("closed", "the shell has ended (exit 3)")
        assert (await mem.post(f"{path}/input", json=keys)).status_code == 409


async def test_nothing_is_left_of_terminals_however_they_end(api: Api, tmp_path: Path) -> None:
    one = await api.registered("one", make_repository(tmp_path / "one", {"a.txt": "a\n"}))
    top = f"/repositories/{one}/environment/terminals"

    async def opened(mem: httpx2.AsyncClient) -> str:
        path = f"{top}/{(await mem.post(top, json={})).json()['id']}"
        await mem.post(f"{path}/input", json={"data": "echo not $((1+1)) > left; cat left\r"})
        await said(mem, path, b"not 2\r\n")
        return path

    async with api.as_user("mem", {one: "member"}) as mem:
        async with worker(api) as stop:
            path = await opened(mem)
            assert (await mem.delete(path)).status_code == 204
            assert (await until(mem, path, lambda found: found["over"]))["state"] == "cancelled"
            path = await opened(mem)
            stop()
            stopped = await until(mem, path, lambda found: found["over"])
            assert stopped["text"] == "the worker that has its box is being stopped"
        count = await api.database.read(lambda db: db.execute("SELECT count(*) FROM piece").fetchone()[0])
        assert count == 0
        assert not [*(api.home.state / "shells").iterdir()]
        assert not (tmp_path / "one" / "left").exists()
        assert [(await mem.post(top, json={})).status_code for _ in range(4)] == [201, 201, 201, 429]


async def test_a_build_that_another_worker_takes_up_is_heard_by_who_has_followed_it(stored: Api) -> None:
    sittings, sitting = Sittings(stored.database), Sitting("0" * 12, "1", "build", "2", "mem")
    await stored.database.write(lambda db: add(db, sitting))
    assert not (await sittings.begin(sitting.task))[1]
    await sittings.put(sitting.task, "out", [b"1", b"2"])
    assert (await sittings.begin(sitting.task))[1]
    await sittings.put(sitting.task, "out", [b"1 again"])
    assert (await sittings.pieces(sitting.task, 2))[1] == [(3, AGAIN), (4, b"1 again")]
    assert len((await sittings.pieces(sitting.task, 0))[1]) == 2
    named = "no UTF-8: \udcff"  # a file's name
    await sittings.end(sitting.task, "failed", {"message": named, "mend": named, "tail": named, "notes": [named]})
    ended, _ = await sittings.pieces(sitting.task, 0)
    assert ended is not None
    assert "no UTF-8: \ufffd" in sitting_of(ended).model_dump_json()
    await stored.desk.repositories.register(Registered("1", "one", "/one", 0.0), Deed(SERVER, "a", "1"))
    await stored.desk.repositories.remove("1", Deed(SERVER, "b", "1"))
    assert not await sittings.put(sitting.task, "out", [b"too late"])
    left = "SELECT (SELECT count(*) FROM piece) + (SELECT count(*) FROM sitting)"
    assert await stored.database.read(lambda db: db.execute(left).fetchone()[0]) == 0


async def test_a_terminal_whose_program_takes_no_keys_is_closed_in_its_time(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(equipping, "STUCK", 0.2)
    one = await api.registered("one", make_repository(tmp_path / "one", {"a.txt": "a\n"}))
    top = f"/repositories/{one}/environment/terminals"
    async with worker(api), api.as_user("mem", {one: "member"}) as mem:
        path = f"{top}/{(await mem.post(top, json={})).json()['id']}"
        await mem.post(f"{path}/input", json={"data": "stty raw -echo; echo $((40+2)); sleep 99\r"})
        await said(mem, path, b"42\n")
        for _ in range(12):  # more than a pipe and a terminal hold
            await mem.post(f"{path}/input", json={"data": "\u20ac" * 8192})
        monkeypatch.setattr(equipping, "IDLE", 0.5)
        assert "nobody has typed" in (await until(mem, path, lambda found: found["over"]))["text"]


async def test_who_is_no_maintainer_any_more_types_nothing_into_what_only_one_could_open(
    api: Api, tmp_path: Path
) -> None:
    one = await with_own_recipe(api, tmp_path / "one")
    top = f"/repositories/{one}/environment/terminals"
    async with api.as_user("mai", {one: "maintainer"}) as mai:
        paths = [(await mai.post(top, json={"trust_recipe": trust})).headers["location"] for trust in (True, False)]
        keys = {"data": "curl"}
        assert [(await mai.post(f"{api.url}{path}/input", json=keys)).status_code for path in paths] == [202, 202]
        account = (await mai.get("/me")).json()["id"]
        await api.desk.repositories.give(account, one, "member", Deed(SERVER, "role.give", account))
        assert [(await mai.post(f"{api.url}{path}/input", json=keys)).status_code for path in paths] == [403, 202]


async def test_terminals_that_are_opened_at_once_are_no_more_than_a_user_may_have(stored: Api, tmp_path: Path) -> None:
    one = await with_own_recipe(stored, tmp_path / "one")
    path = f"/repositories/{one}/environment/terminals"
    async with stored.as_user("mem", {one: "member"}) as mem:
        answers = await asyncio.gather(*(mem.post(path, json={}) for _ in range(9)))
        assert sorted(answer.status_code for answer in answers) == [201] * 3 + [429] * 6


async def test_a_terminal_that_is_open_is_listed_however_many_were_closed_since(api: Api, tmp_path: Path) -> None:
    one = await with_own_recipe(api, tmp_path / "one")
    top = f"/repositories/{one}/environment"
    async with api.as_user("mem", {one: "member"}) as mem:
        made = (await mem.post(f"{top}/terminals", json={})).json()
        account = (await mem.get("/me")).json()["id"]
        for number in range(MOST_KEPT):
            closed = Sitting(f"{number:012}", one, "terminal", account, "mem")
            await api.database.write(partial(add, sitting=closed))
        assert [found["id"] for found in (await mem.get(top)).json()["terminals"]] == [made["id"]]


async def test_terminals_that_many_open_at_once_are_no_more_than_the_server_lets(
    stored: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sitting, "MOST_OPEN", 4)
    one = await with_own_recipe(stored, tmp_path / "one")
    path = f"/repositories/{one}/environment/terminals"
    async with AsyncExitStack() as stack:
        many = [await stack.enter_async_context(stored.as_user(f"mem{n}", {one: "member"})) for n in range(3)]
        answers = await asyncio.gather(*(who.post(path, json={}) for who in many for _ in range(3)))
        assert sorted(answer.status_code for answer in answers) == [201] * 4 + [429] * 5
