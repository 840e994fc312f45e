"""Pictures with tasks and messages: kept before anything names them, shown to the model, and to who sees the task."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from midwatch import reading
from midwatch.engine.retention.outputs import still_named
from tests.support.api import Api, serving
from tests.support.model_server import ModelServer, says
from tests.support.model_server import serving as serving_models
from tests.support.place import make_repository
from tests.support.sittings import until, worker

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
GIF = base64.b64decode("R0lGODlhAgABAIAAAAAAAP///ywAAAAAAgABAAACAgQKADs=")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>'
HUGE = b"GIF89a\xff\xff\x01\x00" + GIF[10:]
KEY = {"Idempotency-Key": "once"}
ASKED = {"prompt": "What is wrong here?", "repository": "one", "mode": "read-only", "model": "openai/gpt-5"}


@pytest.fixture(scope="module")
def models() -> Iterator[ModelServer]:
    with serving_models() as running:
        yield running


def sent(*pictures: bytes) -> dict[str, Any]:
    """The field that carries them."""
    return {"images": [{"data": base64.b64encode(one).decode()} for one in pictures]}


def blobs(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "state" / "midwatch" / "blobs").glob("??/*"))


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def shown(body: Any) -> list[str]:
    """The pictures of a request to a model, in their order."""
    parts = [part for item in body["input"] if isinstance(item.get("content"), list) for part in item["content"]]
    return [part["image_url"] for part in parts if part["type"] == "input_image"]


async def submitted(api: Api, one: str, tmp_path: Path) -> str:
    """The id of a task with a picture, after all that was refused; no worker has begun it."""
    async with api.as_user("ada", {one: "member"}) as ada, api.as_user("vic", {one: "viewer"}) as vic:
        for wrong in (SVG, HUGE, b"<html>" + PNG, b""):
            refused = await ada.post("/tasks", json={**ASKED, **sent(PNG, wrong)})
            assert refused.status_code == 422, refused.text
            assert refused.json()["faults"][0]["place"] == "body.images.1.data"
        for given in ([{"data": "%%"}], [{"data": 7}], [{"path": "/etc/passwd"}], sent(*[PNG] * 9)["images"]):
            assert (await ada.post("/tasks", json={**ASKED, "images": given})).status_code == 422
        assert (await vic.post("/tasks", json={**ASKED, **sent(PNG)})).status_code == 403
        assert blobs(tmp_path) == []

        made = [await ada.post("/tasks", json={**ASKED, **sent(PNG, PNG)}, headers=KEY) for _ in range(2)]
        assert [answer.status_code for answer in made] == [201, 201], made[0].text
        name = str(made[0].json()["id"])
        assert made[1].json()["id"] == name
        assert not any("picture" in note for note in made[0].json()["notes"])
        said = {"text": "And here?", **sent(GIF)}
        assert (await vic.post(f"/tasks/{name}/messages", json=said)).status_code == 403
        assert blobs(tmp_path) == [digest(PNG)]  # nothing has begun: only the task's row names it
        assert await still_named(api.database, {digest(PNG), digest(GIF)}) == {digest(PNG)}
        assert (await ada.get(f"/attempts/{name}.1/outputs/{digest(PNG)}")).status_code == 404
        return name


async def told(bob: httpx2.AsyncClient, name: str) -> None:
    """A message with a picture has been answered, and the log has the pictures of both."""
    await until(bob, f"/tasks/{name}", lambda task: task["status"] == "answered")
    for _ in range(2):
        answer = await bob.post(f"/tasks/{name}/messages", json={"text": "And here?", **sent(GIF)}, headers=KEY)
        assert answer.status_code == 202, answer.text
    await until(bob, f"/tasks/{name}", lambda task: task["turn"]["id"].endswith(":2") and task["status"] == "answered")
    page = (await bob.get(f"/attempts/{name}.1/events?limit=1000")).json()["events"]
    named = [event["body"]["images"] for event in page if event["kind"] == "message"]
    assert [[(one["media_type"], one["digest"], one["data"]) for one in images] for images in named] == [
        [("image/png", digest(PNG), "")],
        [("image/gif", digest(GIF), "")],
    ]


async def test_pictures_come_to_the_model_with_the_words_over_a_restart_and_to_nobody_else(
    environ: dict[str, str], models: ModelServer, tmp_path: Path
) -> None:
    environ["OPENAI_API_KEY"] = "sk-test"
    environ["OPENAI_BASE_URL"] = models.script(says("A dot."), says("Two dots."), says("No more."))
    async with serving(tmp_path, environ) as first:
        one = await first.registered("one", make_repository(tmp_path / "one", {"a.txt": "a\n"}))
        name = await submitted(first, one, tmp_path)

    async with serving(tmp_path, environ) as again, worker(again), again.as_user("bob", {one: "member"}) as bob:
        again.hub.runs.update(first.hub.runs)
        await told(bob, name)
        seen = [shown(request.body) for request in models.requests_to(environ["OPENAI_BASE_URL"])]
        kinds = [[one.partition(";")[0] for one in pictures] for pictures in seen]
        assert kinds == [["data:image/png"], ["data:image/png", "data:image/gif"]]
        assert base64.b64decode(seen[1][1].partition(",")[2]) == GIF

        whole = await bob.get(f"/attempts/{name}.1/outputs/{digest(PNG)}")
        assert whole.content == PNG
        heads = [whole.headers[one] for one in ("content-type", "x-content-type-options", "content-disposition")]
        assert heads == ["application/octet-stream", "nosniff", "attachment"]
        assert whole.headers["content-security-policy"].startswith("default-src 'none'")
        async with again.as_user("eve") as eve:
            assert (await eve.get(f"/attempts/{name}.1/outputs/{digest(PNG)}")).status_code == 404
        forked = (await bob.post(f"/tasks/{name}/fork", json={"message": "Go on."})).json()["id"]
        await until(bob, f"/tasks/{forked}", lambda task: task["status"] == "answered")
        assert len(shown(models.requests_to(environ["OPENAI_BASE_URL"])[-1].body)) == 2
        for task in (name, forked):
            assert (await reading.verify(again.home, task)).faults == ()
        assert await still_named(again.database, {digest(PNG), digest(GIF)}) == {digest(PNG), digest(GIF)}


async def test_who_sends_pictures_to_a_model_that_takes_none_is_told(models: ModelServer, tmp_path: Path) -> None:
    environ = {"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(tmp_path / "state"), "OPENAI_API_KEY": "sk-test"}
    environ["OPENAI_BASE_URL"] = models.script(says("I see none."))
    async with serving(tmp_path, environ) as api:
        one = await api.registered("one", make_repository(tmp_path / "one", {"a.txt": "a\n"}))
        async with api.as_user("ada", {one: "member"}) as ada:
            made = (await ada.post("/tasks", json={**ASKED, "model": "openai/words-1", **sent(PNG)})).json()
            assert any("not shown them" in note for note in made["notes"]), made
            await api.work(made["id"])
            (request,) = models.requests_to(environ["OPENAI_BASE_URL"])
            assert shown(request.body) == []
            assert "not known to take images" in request.raw.decode()
