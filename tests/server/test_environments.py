"""Environments of a server: recipes that it keeps, builds and terminals on a worker, in real boxes."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from midwatch import wiring, working
from midwatch.engine.fake import FakeEngine
from midwatch.engine.workers import Terms
from midwatch.sandbox.slots import Slots
from tests.support.api import Api, messages
from tests.support.place import make_repository
from tests.support.repositories import git

RECIPE = """\
checks = ["test -e build/made"]
setup = [
  "mkdir -p build; echo made > build/made",
  # the next one may fail
  "echo seen by who looks on; test ! -e {fails}",
]
"""
HOSTS = '[network]\nsetup = ["preset:common"]\nagent = ["docs.example.org read-only"]\n'


@asynccontextmanager
async def worker(api: Api) -> AsyncIterator[Callable[[], None]]:
    """A worker of this process; call what is given to have it stop."""
    stop = asyncio.Event()
    async with wiring.home(dict(api.home.environ)) as home:
        options = working.Options(4, Slots(2), Terms(lease=4.0, beat=0.2))
        doing = asyncio.create_task(working.work(home, FakeEngine(api.hub), options, stop))
        try:
            yield stop.set
        finally:
            stop.set()
            await doing


async def until(client: httpx2.AsyncClient, path: str, true: Callable[[Any], bool]) -> Any:
    """What is answered once it is so."""
    async with asyncio.timeout(60):
        while True:
            found = (await client.get(path)).json()
            if true(found):
                return found
            await asyncio.sleep(0.05)


async def said(client: httpx2.AsyncClient, path: str, wanted: bytes) -> bytes:
    """All output of it once that is in there."""
    found, after = b"", 0
    async with asyncio.timeout(60):
        while wanted not in found:
            page = (await client.get(f"{path}/output", params={"after": after})).json()
            found += b"".join(base64.b64decode(piece["data"]) for piece in page["pieces"])
            after = page["next"]
            assert not page["state"]["over"] or page["pieces"] or wanted in found, (found, page)
            await asyncio.sleep(0.05)
    return found


async def test_a_recipe_is_kept_here_by_maintainers_with_its_versions_and_counts_for_new_tasks(
    api: Api, tmp_path: Path
) -> None:
    place = make_repository(tmp_path / "one", {"a.txt": "a\n", ".midwatch/environment.toml": 'checks = ["false"]\n'})
    one = await api.registered("one", place)
    path = f"/repositories/{one}/recipe"
    async with (
        api.as_user("mai", {one: "maintainer"}) as mai,
        api.as_user("mem", {one: "member"}) as mem,
        api.as_user("vie", {one: "viewer"}) as vie,
    ):
        own = (await vie.get(path)).json()
        assert (own["source"], own["form"]["checks"], own["version"]) == ("repository", ["false"], 0)
        kept = {"text": RECIPE + HOSTS, "version": 0}
        assert [(await who.put(path, json=kept)).status_code for who in (vie, mem)] == [403, 403]
        wrong = await mai.put(path, json={"text": RECIPE + "colour = 1\n"})
        assert (wrong.status_code, "line 7" in wrong.json()["detail"], "colour" in wrong.json()["detail"]) == (
            422, True, True,
        )  # fmt: skip
        made = await mai.put(path, json=kept)
        assert made.status_code == 200, made.text
        assert (made.json()["source"], made.json()["version"]) == ("server", 1)
        assert made.json()["wishes"][0].startswith("hosts for setup")
        assert (await mai.put(path, json=kept)).json()["version"] == 1  # its answer was lost
        late = await mai.put(path, json={"text": "", "version": 0})
        assert (late.status_code, late.json()["mend"]) == (409, "look at the new one, then set yours again")

        task = await mem.post("/tasks", json={"prompt": "look", "repository": one})  # a maintainer trusts the hosts
        assert task.status_code == 201, task.text
        assert (task.json()["checks"], task.json()["checks_from"]) == (
            ["test -e build/made"], "the recipe of the server",
        )  # fmt: skip
        told = f"/tasks/{task.json()['id']}/messages"
        assert (await mem.post(told, json={"text": "go on"})).status_code == 202
        assert (await mai.put(path, json={"text": 'checks = ["true"]\n'})).json()["version"] == 2
        assert (await mem.post(told, json={"text": "go on"})).status_code == 403  # hosts that are no member's any more

        assert [(await who.delete(path)).status_code for who in (vie, mem, mai, mai)] == [403, 403, 204, 204]
        last = (await vie.get(path)).json()
        assert (last["source"], last["text"], last["version"]) == ("repository", 'checks = ["false"]\n', 3)
        assert [(v["version"], v["by"], v["removed"]) for v in last["versions"]] == [
            (3, "mai", True), (2, "mai", False), (1, "mai", False),
        ]  # fmt: skip
        suggested = (await mem.post(f"{path}/suggest")).json()
        assert "checks" in suggested["text"]
        async with api.as_user("root", admin=True) as root:
            deeds = [entry["action"] for entry in (await root.get("/audit")).json()["entries"]]
            assert [deed for deed in deeds if deed.startswith("recipe.")] == [
                "recipe.remove",
                "recipe.set",
                "recipe.set",
            ]


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


async def test_a_build_is_followed_to_its_layers_or_to_the_line_that_fails(api: Api, tmp_path: Path) -> None:
    files = {"a.txt": "a\n", "package-lock.json": "{}\n"}
    place = make_repository(tmp_path / "one", files)
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
        key = {"Idempotency-Key": "once"}
        made = await mem.post(f"{top}/builds", json={}, headers=key)
        assert made.status_code == 201, made.text
        assert (await mem.post(f"{top}/builds", json={}, headers=key)).json()["id"] == made.json()["id"]
        path = f"{top}/builds/{made.json()['id']}"
        async with vie.stream("GET", f"{path}/output", headers={"Accept": "text/event-stream"}) as stream:
            told = await messages(stream)
        lines = b"".join(base64.b64decode(data["data"]) for name, _, data in told if name == "piece")
        assert b"$ echo seen by who looks on; test ! -e a.txt\nseen by who looks on\n# exit 1" in lines
        end = told[-1][2]
        failing = {"list": "setup", "number": 2, "line": 5, "ended": "exit 1", "first": 3}
        assert (told[-1][0], end["state"]) == ("end", "failed")
        assert end["failing"] == failing | {"around": RECIPE.format(fails="a.txt").splitlines()[2:]}
        assert end["tail"] == "seen by who looks on"

        await mai.put(f"/repositories/{one}/recipe", json={"text": RECIPE.format(fails="b.txt")})
        before = (await vie.get(top)).json()
        assert (before["source"], before["cached"], before["rebuild"]) == ("server", None, ["nothing was built yet"])
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
        line = (await vie.get("/environments/repositories")).json()["environments"][0]
        assert (line["name"], line["kept"], line["build"]["state"]) == ("one", 1, "kept")
        assert (await mem.delete(f"{top}/cache")).status_code == 403
        assert (await mai.delete(f"{top}/cache")).status_code == 204
        assert (await vie.get(top)).json()["kept"] == []
        assert (await vie.get("/tasks")).json()["tasks"] == []  # they are listed here, and are no tasks
        assert len((await vie.get(f"{top}/builds")).json()["builds"]) == 3
        assert (await mem.post(f"/tasks/{built['id']}/retry")).status_code == 409


async def test_a_terminal_is_typed_into_from_anywhere_by_its_opener_alone_and_leaves_nothing(
    api: Api, tmp_path: Path
) -> None:
    one = await api.registered("one", make_repository(tmp_path / "one", {"a.txt": "from the commit\n"}))
    top = f"/repositories/{one}/environment/terminals"
    async with (
        api.as_user("mem", {one: "member"}) as mem,
        api.as_user("other", {one: "maintainer"}) as other,
        api.as_user("vie", {one: "viewer"}) as vie,
        api.as_user("root", admin=True) as root,
    ):
        async with worker(api) as stop:
            assert (await vie.post(top, json={})).status_code == 403
            made = await mem.post(top, json={"rows": 30, "columns": 100})
            assert made.status_code == 201, made.text
            path = f"{top}/{made.json()['id']}"
            keys = {"data": "stty size; cat a.txt; echo $((40+2))\r"}
            assert (await mem.post(f"{path}/input", json=keys)).status_code == 202
            assert b"30 100\r\nfrom the commit\r\n42\r\n" in await said(mem, path, b"42\r\n")
            for refused in (other, vie):
                answers = [await refused.get(path), await refused.get(f"{path}/output"), await refused.delete(path),
                           await refused.post(f"{path}/input", json=keys)]  # fmt: skip
                assert {answer.status_code for answer in answers} <= {403, 404}, answers
            assert (await root.get(path)).status_code == 200
            resized = {"rows": 40, "columns": 90, "data": "sleep 0.5; stty size; echo not $((1+1)) > left; sleep 99\r"}
            await mem.post(f"{path}/input", json=resized)
            await said(mem, path, b"40 90\r\n")
            await mem.post(f"{path}/input", json={"data": "\x03echo $((50+5))\r"})  # Ctrl-C
            await said(mem, path, b"55\r\n")
            open_now = (await mem.get(f"/repositories/{one}/environment")).json()["terminals"]
            assert [terminal["id"] for terminal in open_now] == [made.json()["id"]]
            assert (await other.get(f"/repositories/{one}/environment")).json()["terminals"] == []
            await mem.post(f"{path}/input", json={"data": "exit 3\r"})
            ended = await until(mem, path, lambda found: found["over"])
            assert (ended["state"], ended["text"]) == ("closed", "the shell has ended (exit 3)")
            assert (await mem.post(f"{path}/input", json=keys)).status_code == 409

            path = f"{top}/{(await mem.post(top, json={})).json()['id']}"
            await said(mem, path, b"$ ")
            assert (await mem.delete(path)).status_code == 204
            assert (await until(mem, path, lambda found: found["over"]))["state"] == "cancelled"
            path = f"{top}/{(await mem.post(top, json={})).json()['id']}"
            await said(mem, path, b"$ ")
            stop()
            stopped = await until(mem, path, lambda found: found["over"])
            assert stopped["text"] == "the worker that has its box is being stopped"
        count = await api.database.read(lambda db: db.execute("SELECT count(*) FROM piece").fetchone()[0])
        assert count < 20  # the last words of the one that was cancelled, for a minute
        assert not [*(api.home.state / "shells").iterdir()]
        assert not (tmp_path / "one" / "left").exists()
        assert [(await mem.post(top, json={})).status_code for _ in range(4)] == [201, 201, 201, 429]
