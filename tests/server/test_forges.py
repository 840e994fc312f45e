"""Connections to forges, secrets and variables over HTTP: who may have them, and that no secret is ever answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.engine import sealed
from midwatch.engine.vault import Vault, is_sealed
from tests.server.test_tasks import FILES
from tests.support.api import Api
from tests.support.place import make_repository

HUB = {"name": "hub", "kind": "github", "token": "ghp_tiger", "webhook_secret": "tiger-" * 4}


@pytest.fixture
async def calc(api: Api, tmp_path: Path) -> str:
    return await api.registered("calc", make_repository(tmp_path / "calc", FILES))


async def test_an_administrator_connects_a_forge_and_nothing_ever_answers_its_secrets(api: Api) -> None:
    async with api.as_user("root", admin=True) as root, api.as_user("ada") as ada:
        made = await root.post("/forges", json=HUB)
        assert made.status_code == 201, made.text
        one = made.json()
        assert (one["web"], one["api"]) == ("https://github.com", "https://api.github.com")
        assert (one["auth"], one["webhooks"], one["hook_path"]) == ("token", True, "/hooks/hub")
        assert (await root.get("/forges/hub")).json() == (await root.get(f"/forges/{one['id']}")).json() == one
        assert (await ada.get("/forges")).status_code == 404
        assert (await ada.post("/forges", json=HUB)).status_code == 404
        again = await root.post("/forges", json={**HUB, "name": "other"})
        assert (again.status_code, again.json()["detail"]) == (422, "there is a connection to that address already")
        moved = await root.patch("/forges/hub", json={"web": "https://hub.example"})
        assert moved.status_code == 422, "the token would go to another address"
        moved = await root.patch("/forges/hub", json={"web": "https://hub.example", "token": "ghp_puma"})
        assert moved.json()["api"] == "https://hub.example/api/v3"
        shown = [await root.get(path) for path in ("/forges", "/forges/hub", "/audit")]
        for answer in (made, again, moved, *shown):
            assert "tiger" not in answer.text
            assert "puma" not in answer.text
        assert {"forge.create", "forge.change"} <= {entry["action"] for entry in shown[2].json()["entries"]}
        assert (await root.delete("/forges/hub")).status_code == 204
        assert (await root.get("/forges")).json() == {"forges": []}


WRONG: list[tuple[dict[str, object], str]] = [
    ({"token": None}, "needs a token"),
    ({"app_id": "1", "private_key": "-----BEGIN"}, "both a token and an App"),
    ({"kind": "forgejo"}, "needs the forge's address"),
    ({"web": "https://user:tiger@hub.example"}, "no web address"),
    ({"web": "https://hub.example", "api": "https://elsewhere.example"}, "another host"),
    ({"web": "https://hub.example", "api": "http://hub.example"}, "not encrypted"),
    ({"web": "http://hub.example"}, "in the clear"),
    ({"web": "http://10.0.0.1:3000"}, "in the clear"),
    ({"name": "a/b"}, "letters, digits"),
    ({"webhook_secret": "short"}, "webhook_secret"),
]


async def test_what_cannot_be_connected_is_refused_in_words_that_repeat_no_secret(api: Api) -> None:
    async with api.as_user("root", admin=True) as root:
        for wrong, words in WRONG:
            answer = await root.post("/forges", json={**HUB, **wrong})
            assert answer.status_code == 422, answer.text
            assert words in answer.json()["detail"]
            assert "tiger" not in answer.text
        plain = {**HUB, "web": "http://hub.example", "insecure": True}
        assert (await root.post("/forges", json=plain)).json()["api"] == "http://hub.example/api/v3"
        assert (await root.patch("/forges/hub", json={"name": "hub2"})).status_code == 200
        moved = await root.patch("/forges/hub2", json={"web": "http://hub3.example", "token": "ghp_tiger"})
        assert (moved.status_code, "in the clear" in moved.text) == (422, True)
        here = {**HUB, "name": "here", "web": "http://127.0.0.1:3000"}
        assert (await root.post("/forges", json=here)).status_code == 201


async def test_maintainers_keep_secrets_and_variables_of_a_repository(api: Api, calc: str, tmp_path: Path) -> None:
    top = f"/repositories/{calc}"
    async with api.as_user("ada", {calc: "maintainer"}) as ada, api.as_user("mem", {calc: "member"}) as mem:
        put = await ada.put(f"{top}/secrets/NPM_TOKEN", json={"value": "tiger"})
        assert (put.status_code, put.json()["changed_by"], "tiger" in put.text) == (200, "ada", False)
        assert [one["name"] for one in (await ada.get(f"{top}/secrets")).json()["secrets"]] == ["NPM_TOKEN"]
        assert "tiger" not in (await ada.get(f"{top}/secrets/NPM_TOKEN")).text
        for method, path, body in (
            ("GET", "secrets", None),
            ("PUT", "secrets/NPM_TOKEN", {"value": "x"}),
            ("PUT", "variables/LEVEL", {"value": "x"}),
            ("DELETE", "secrets/NPM_TOKEN", None),
            ("PUT", "forge", {}),
        ):
            assert (await mem.request(method, f"{top}/{path}", json=body)).status_code == 403, path
        assert (await ada.put(f"{top}/variables/LEVEL", json={"value": "high"})).json()["value"] == "high"
        assert (await mem.get(f"{top}/variables")).json()["variables"][0]["value"] == "high"
        for path, value in (("secrets/A", "a\nb"), ("variables/PATH", "x"), ("variables/MIDWATCH_X", "x")):
            assert (await ada.put(f"{top}/{path}", json={"value": value})).status_code == 422, path
        location = str(tmp_path / "calc")
        assert await api.home.connected.beside.values_at(location) == {"NPM_TOKEN": "tiger"}
        kept = await api.database.read(lambda db: db.execute("SELECT value FROM secret").fetchone()[0])
        assert is_sealed(kept)
        assert "tiger" not in (await ada.get("/audit")).text
        assert (await ada.delete(f"{top}/secrets/NPM_TOKEN")).status_code == 204
        assert (await ada.delete(f"{top}/secrets/NPM_TOKEN")).status_code == 404
        rules = {"labels": ["bot"], "reviewers": ["team:core"], "write_may_start": True, "fix_runs": 0}
        told = (await ada.put(f"{top}/forge", json=rules)).json()
        assert (await mem.get(f"{top}/forge")).json() == told
        assert told == {**told, **rules, "mention": "midwatch", "connection": ""}
        assert (await api.home.connected.beside.forge(calc)).reviewers == ("team:core",)


async def test_a_secret_that_was_moved_to_another_place_of_the_database_opens_nothing_there(
    api: Api, calc: str
) -> None:
    async with api.as_user("root", admin=True) as root:
        await root.put(f"/repositories/{calc}/secrets/A", json={"value": "tiger"})
        await api.database.write(lambda db: db.execute("UPDATE secret SET name = 'B'").rowcount)
        vault = Vault(api.home.state, {})
        (lost,) = (await sealed.state(api.database, vault)).lost
        assert lost == f"the secret of the repository {calc} B cannot be opened: it was sealed for another place"


async def test_variables_are_in_the_box_from_the_setup_on_as_they_were_when_the_task_was_made(
    api: Api, tmp_path: Path
) -> None:
    recipe = 'setup = ["echo setup $LEVEL $OWN > seen"]\nchecks = ["true"]\n[variables]\nOWN = "recipe"\n'
    location = make_repository(tmp_path / "boxed", {**FILES, ".midwatch/environment.toml": recipe})
    name = await api.registered("boxed", location)
    async with api.as_user("ada", {name: "maintainer"}) as ada:
        for variable in ("LEVEL", "OWN"):
            await ada.put(f"/repositories/{name}/variables/{variable}", json={"value": "server"})
        asked = {"prompt": "look", "repository": "boxed"}
        task = (await ada.post("/tasks", json=asked)).json()["id"]
        found = (await api.home.store.find(task)).task
        assert dict(found.environment)["LEVEL"] == "server"
        assert dict(found.environment)["OWN"] == "recipe"
        await ada.put(f"/repositories/{name}/variables/LEVEL", json={"value": "later"})
        await api.work(task)
        (log,) = (tmp_path / "state/midwatch").glob("**/*seen")
        assert log.read_text() == "setup server recipe\n"
        other = (await ada.post("/tasks", json=asked)).json()["id"]
        assert (await api.home.store.find(other)).task.terms.layers != found.terms.layers
