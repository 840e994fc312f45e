"""Two users who share nothing: whatever belongs to one is not there for the other."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2

from midwatch.engine.effects.base import Wanted
from midwatch.engine.effects.ledger import want
from tests.support.api import Api
from tests.support.place import make_repository
from tests.support.routes import routes
from tests.support.site import Site

BODIES: dict[tuple[str, str], object] = {
    ("PATCH", "/users/{user_id}"): {"disabled": True},
    ("PATCH", "/repositories/{repository_id}"): {"name": "taken"},
    ("PUT", "/roles/{user_id}"): {"role": "admin"},
    ("PUT", "/repositories/{repository_id}/roles/{user_id}"): {"role": "admin"},
    ("PATCH", "/organisations/{organisation_id}"): {"name": "taken"},
    ("PUT", "/organisations/{organisation_id}/roles/{user_id}"): {"role": "admin"},
    ("POST", "/tasks/{task}/messages"): {"text": "stop"},
    ("POST", "/tasks/{task}/cancel"): None,
    ("POST", "/tasks/{task}/pause"): None,
    ("POST", "/tasks/{task}/resume"): None,
    ("POST", "/tasks/{task}/retry"): None,
    ("POST", "/tasks/{task}/fork"): {},
    ("POST", "/tasks/{task}/choose"): {"attempt": 1},
    ("POST", "/tasks/{task}/undo"): {"step": "start"},
    ("POST", "/tasks/{task}/pull-request/merge"): None,
    ("POST", "/tasks/{task}/pull-request/close"): None,
    ("POST", "/tasks/{task}/archive"): None,
    ("POST", "/tasks/{task}/unarchive"): None,
    ("POST", "/tasks/{task}/effects/{effect}/retry"): None,
    ("PATCH", "/webhooks/{webhook_id}"): {"active": False},
    ("POST", "/webhooks/{webhook_id}/ping"): None,
    ("PATCH", "/forges/{forge_id}"): {"name": "taken"},
    ("POST", "/forges/{forge_id}/check"): None,
    ("PUT", "/repositories/{repository_id}/forge"): {},
    ("PUT", "/repositories/{repository_id}/secrets/{name}"): {"value": "taken"},
    ("PUT", "/repositories/{repository_id}/variables/{name}"): {"value": "taken"},
    ("POST", "/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver"): None,
    ("PUT", "/repositories/{repository_id}/recipe"): {"text": ""},
    ("POST", "/repositories/{repository_id}/recipe/check"): {"text": ""},
    ("POST", "/repositories/{repository_id}/recipe/edit"): {"text": "", "changes": [{"place": ["base"], "value": "x"}]},
    ("POST", "/repositories/{repository_id}/recipe/suggest"): None,
    ("POST", "/repositories/{repository_id}/environment/builds"): {},
    ("POST", "/repositories/{repository_id}/environment/terminals"): {},
    ("POST", "/repositories/{repository_id}/environment/terminals/{terminal}/input"): {"data": "x"},
}
"""What a route takes that changes something. A new route with an id in it fails here until it is in this table."""
ABSENT = {
    "task": "0" * 12, "attempt": "0" * 12 + ".1", "number": "1", "digest": "0" * 64, "build": "0" * 12,
    "terminal": "0" * 12, "name": "NONE",
}  # fmt: skip
NONE_YET = {"/tasks/{task}/pull-request", "/attempts/{attempt}/logs/{number}", "/attempts/{attempt}/outputs/{digest}"}
NONE_YET.add("/forges/{forge_id}")
"""What its owner has not either, because no work has been done, or it is for administrators."""


async def effects(api: Api, ada: httpx2.AsyncClient, repository: str, task: str) -> dict[str, str]:
    """A webhook of hers, a delivery, and what is done for her task outside."""
    asked = {"url": "https://hooks.example/", "repository": repository}
    webhook = (await ada.post("/api/v1/webhooks", json=asked)).json()["id"]
    delivery = (await ada.post(f"/api/v1/webhooks/{webhook}/ping")).json()["id"]
    effect = Wanted("k", "comment", "summary", "{}", task=task)
    await api.database.write(lambda db: want(db, effect))
    return {"webhook_id": webhook, "delivery_id": delivery, "effect": effect.id}


async def sittings(ada: httpx2.AsyncClient, repository: str) -> dict[str, str]:
    """A build of hers, and a terminal."""
    top = f"/api/v1/repositories/{repository}/environment"
    return {kind: (await ada.post(f"{top}/{kind}s", json={})).json()["id"] for kind in ("build", "terminal")}


async def beside(root: httpx2.AsyncClient, ada: httpx2.AsyncClient, repository: str) -> dict[str, str]:
    """A connection to a forge, and a secret and a variable of hers."""
    asked = {"name": "hub", "kind": "github", "token": "ghp_x"}
    forge = (await root.post("/api/v1/forges", json=asked)).json()["id"]
    for kind in ("secrets", "variables"):
        await ada.put(f"/api/v1/repositories/{repository}/{kind}/TIGER", json={"value": "stripes"})
    return {"forge_id": forge, "name": "TIGER"}


async def test_every_object_of_one_is_404_for_the_other_on_every_route_with_an_id_in_it(
    api: Api, tmp_path: Path
) -> None:
    site, top = Site(api.app, api.desk), "/api/v1"
    location = str(make_repository(tmp_path / "one", {"a.txt": "a\n"}))
    async with site.signed_in("root", admin=True) as root, site.signed_in("ada") as ada, site.signed_in("bob") as bob:
        repository = (await root.post(f"{top}/repositories", json={"name": "one", "location": location})).json()["id"]
        await root.put(f"{top}/repositories/{repository}/roles/ada", json={"role": "admin"})
        works = (await root.post(f"{top}/organisations", json={"name": "works"})).json()["id"]
        await root.put(f"{top}/organisations/{works}/roles/ada", json={"role": "admin"})
        token = (await ada.post(f"{top}/tokens", json={"name": "hers"})).json()["id"]
        user = (await ada.get(f"{top}/me")).json()["id"]
        made = await ada.post(f"{top}/tasks", json={"prompt": "look", "repository": repository})
        assert made.status_code == 201, made.text
        task = made.json()["id"]
        hers = {"user_id": user, "token_id": token, "repository_id": repository, "organisation_id": works}
        hers |= await beside(root, ada, repository)
        hers |= {"task": task, "attempt": f"{task}.1", "number": "1", "digest": "0" * 64}
        hers |= (outside := await effects(api, ada, repository, task) | await sittings(ada, repository))

        walked = []
        inside = [one for one in routes(api.app) if one[1].startswith(top)]  # hooks are opened by signatures
        for method, path in ((method, path.removeprefix(top)) for method, path in inside):
            names = re.findall(r"\{(\w+)(?::\w+)?\}", path)
            unknown = [name for name in names if name not in hers]
            assert unknown == [], f"{path}: say in this test what {unknown} of another user is"
            if not names:
                continue
            known = method in ("GET", "DELETE") or (method, path) in BODIES
            assert known, f"{method} {path}: say in this test what it takes"
            body = BODIES.get((method, path))
            answer = await bob.request(method, top + path.format(**hers), json=body)
            assert answer.status_code == 404, (method, path, answer.text)
            nothing = path.format(**{name: ABSENT.get(name, "0" * 20) for name in names})
            absent = await bob.request(method, top + nothing, json=body)
            assert absent.text == answer.text, "the words must not tell what there is from what there is not"
            if method == "GET" and path not in NONE_YET:
                assert (await ada.get(top + path.format(**hers))).status_code != 404, path
            walked.append((method, path))
        assert len(walked) > 20

        secret = {user, token, repository, task, works, *outside.values()}
        for method, path in routes(api.app):  # and no list has any of it
            if method == "GET" and "{" not in path and not path.startswith(f"{top}/session"):
                shown = (await bob.get(path)).text
                assert not secret & set(re.findall(r"\w{12,}", shown)), path
        assert (await ada.get(f"{top}/tokens/{token}")).status_code == 200  # all is still there
        assert (await ada.get(f"{top}/repositories/{repository}")).json()["name"] == "one"
        assert (await ada.get(f"{top}/organisations/{works}")).json()["name"] == "works"
        assert (await ada.get(f"{top}/tasks/{task}")).json()["status"] == "waiting"
