"""Tasks over HTTP: submitted, listed, read, steered; each to those alone who may."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from midwatch.engine.turns import BATCH
from midwatch.server.accounts import repeating
from tests.support.api import Api, messages, numbers, serving
from tests.support.place import git, make_repository

FILES = {
    "calc.py": "def add(a, b):\n    return a - b\n",
    "test_calc.py": "import unittest\nimport calc\n\n\nclass T(unittest.TestCase):\n"
    "    def test_add(self):\n        self.assertEqual(calc.add(2, 3), 5)\n",
}
CHECK = "python3 -m unittest -q"
SUBMITTED = {"prompt": "add() subtracts; mend it", "repository": "calc", "checks": [CHECK]}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    environ = {"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(tmp_path / "state")}
    async with serving(tmp_path, environ) as found:
        yield found


@pytest.fixture
async def calc(api: Api, tmp_path: Path) -> str:
    """The id of a registered repository with a fault in it."""
    return await api.registered("calc", make_repository(tmp_path / "calc", FILES))


async def test_a_task_is_submitted_followed_and_read_to_its_pull_request(api: Api, calc: str, tmp_path: Path) -> None:
    async with api.as_user("ada", {calc: "maintainer"}) as ada:
        made = await ada.post("/tasks", json=SUBMITTED)
        assert made.status_code == 201, made.text
        task = made.json()
        name = task["id"]
        assert (task["status"], task["by"], task["repository"]) == ("waiting", "ada", calc)
        assert made.headers["location"] == f"/api/v1/tasks/{name}"
        assert list(api.hub.runs) == [f"{name}:1/1"]

        await api.work(name)

        async with ada.stream("GET", f"/attempts/{name}.1/events", headers={"Accept": "text/event-stream"}) as answer:
            told = await messages(answer)
        page = (await ada.get(f"/attempts/{name}.1/events?limit=1000")).json()
        assert numbers(told) == [event["seq"] for event in page["events"]] == list(range(1, page["next"] + 1))
        assert [data for kind, _, data in told if kind == "event"] == page["events"]
        assert told[-1] == ("end", page["next"], {"attempt": f"{name}.1", "status": "done"})
        diff = await ada.get(f"/tasks/{name}/diff")
        assert diff.headers["content-type"] == "text/x-diff"
        assert "+    return a + b\n" in diff.text
        evidence = (await ada.get(f"/tasks/{name}/evidence")).json()
        assert (evidence["verdict"], evidence["checks"][0]["command"]) == ("passed", CHECK)
        log = (await ada.get(f"/attempts/{name}.1/logs/1?of=check&from=1&to=2")).json()
        assert len(log["lines"]) == 2
        assert log["more"] == (log["total_lines"] > 2)
        attempt = (await ada.get(f"/attempts/{name}.1")).json()
        assert (attempt["status"], attempt["commit"]) == ("done", evidence["commit"])
        request = (await ada.get(f"/tasks/{name}/pull-request")).json()
        assert (await ada.get("/pull-requests?repository=calc")).json()["pull_requests"] == [request]
        assert (await ada.get(f"/tasks/{name}")).json()["pull_request"] == request["number"]
        merged = (await ada.post(f"/tasks/{name}/pull-request/merge")).json()
        assert merged["state"] == "merged"
        assert git(tmp_path / "calc", "rev-parse", "main") == merged["merge_commit"] or merged["commit"]


async def submitted(client: httpx2.AsyncClient, **more: object) -> str:
    """The id of a new task."""
    made = await client.post("/tasks", json={**SUBMITTED, **more})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def test_what_belongs_to_one_user_is_not_there_for_another_on_any_route(api: Api, calc: str) -> None:
    async with api.as_user("ada", {calc: "maintainer"}) as ada, api.as_user("eve") as eve:
        name = await submitted(ada)
        walked = 0
        for path, operations in api.app.openapi()["paths"].items():
            if "{task}" not in path and "{attempt}" not in path:
                continue
            ids = {"task": name, "attempt": f"{name}.1", "number": 1, "effect": "0" * 20, "digest": "0" * 64}
            url = path.removeprefix("/api/v1").format_map(ids)
            for method in operations:
                body = BODIES.get(path.rpartition("/")[2], {}) if method == "post" else None
                other = await eve.request(method, url, json=body)
                assert other.status_code == 404, (method, path, other.text)
                assert other.headers["content-type"] == "application/problem+json"
                assert name not in other.text
                walked += 1
        assert walked >= 15
        assert (await eve.get("/tasks")).json() == {"tasks": [], "next": None}
        assert (await eve.get("/pull-requests")).json() == {"pull_requests": []}
        assert (await eve.get("/environments")).json() == {"environments": []}
        assert (await eve.get("/tasks?repository=calc")).status_code == 404
        assert (await eve.post("/tasks", json=SUBMITTED)).status_code == 404
        assert (await eve.get("/workers")).status_code == 404
        assert (await ada.get(f"/tasks/{name}")).json()["turn"]["state"] == "queued"


BODIES = {"messages": {"text": "further"}, "fork": {}, "choose": {"attempt": 1}, "undo": {"step": "start"}}


async def test_nothing_but_health_answers_whoever_is_not_known(api: Api) -> None:
    async with httpx2.AsyncClient(base_url=api.url) as nobody:
        assert (await nobody.get("/healthz")).json()["status"] == "ok"
        assert (await nobody.get("/readyz")).json()["status"] == "ok"
        for path, operations in api.app.openapi()["paths"].items():
            if path in ("/healthz", "/readyz") or path.startswith("/api/v1/session"):
                continue
            for method in operations:
                answer = await nobody.request(method, path)
                assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json"), path
        assert (await nobody.get("/api/v1/openapi.json")).status_code == 401


async def test_who_only_looks_cannot_submit_and_who_submits_cannot_say_what_is_trusted(api: Api, calc: str) -> None:
    async with api.as_user("vi", {calc: "viewer"}) as vi, api.as_user("mem", {calc: "member"}) as mem:
        assert (await vi.post("/tasks", json=SUBMITTED)).status_code == 403
        for trusted in ("trust_project", "trust_recipe", "include_uncommitted"):
            assert (await mem.post("/tasks", json={**SUBMITTED, trusted: True})).status_code == 403
        for option, value in (("mode", "full"), ("sandbox", "process")):
            assert (await mem.post("/tasks", json={**SUBMITTED, option: value})).status_code == 403
        name = await submitted(mem)
        assert (await vi.get(f"/tasks/{name}")).status_code == 200
        assert (await vi.post(f"/tasks/{name}/cancel")).status_code == 403
        assert (await mem.post(f"/tasks/{name}/pull-request/merge")).status_code == 403


async def test_steering_changes_how_the_newest_turn_stands_and_is_written_down(api: Api, calc: str) -> None:
    async with api.as_user("ada", {calc: "maintainer"}) as ada:
        name = await submitted(ada)

        async def steered(verb: str, **body: str) -> tuple[int, str, str]:
            answer = await ada.post(f"/tasks/{name}/{verb}", json=body or None)
            turn = answer.json().get("turn") or {}
            return answer.status_code, turn.get("id", ""), turn.get("state", "")

        assert await steered("pause") == (202, f"{name}:1", "paused")
        assert (await ada.get(f"/tasks/{name}")).json()["status"] == "paused"
        assert await steered("pause") == (409, "", "")
        assert await steered("messages", text="while it is paused") == (202, f"{name}:1", "paused")
        assert await steered("resume") == (202, f"{name}:1", "queued")
        assert await steered("resume") == (409, "", "")
        assert await steered("cancel") == (202, f"{name}:1", "cancelled")
        assert await steered("cancel") == (409, "", "")
        assert await steered("resume") == (409, "", "")
        assert await steered("messages", text="after all") == (202, f"{name}:2", "queued")
        await api.ended(name, "failed")
        assert await steered("retry") == (202, f"{name}:3", "queued")
        assert list(api.hub.runs) == [f"{name}:1/1", f"{name}:1/2", f"{name}:2/1", f"{name}:3/1"]
        query = "SELECT action FROM audit WHERE object = ? ORDER BY time, id"
        written = await api.database.read(lambda db: [row[0] for row in db.execute(query, (name,))])
        verbs = ("submit", "pause", "message", "resume", "cancel", "message", "retry")
        assert sorted(written) == sorted(f"task.{verb}" for verb in verbs)


async def test_a_page_of_tasks_goes_on_where_the_one_before_ended(api: Api, calc: str, tmp_path: Path) -> None:
    other = await api.registered("other", make_repository(tmp_path / "other", FILES))
    async with api.as_user("ada", {calc: "member", other: "member"}) as ada:
        names = [await submitted(ada) for _ in range(3)]
        elsewhere = await submitted(ada, repository="other")
        await api.ended(names[1], "failed")
        first = (await ada.get("/tasks?limit=2")).json()
        second = (await ada.get(f"/tasks?limit=2&before={first['next']}")).json()
        third = (await ada.get(f"/tasks?limit=2&before={second['next']}")).json() if second["next"] else {"tasks": []}
        seen = [task["id"] for page in (first, second, third) for task in page["tasks"]]
        assert seen == sorted([*names, elsewhere], reverse=True)
        only = (await ada.get("/tasks?repository=other")).json()
        assert [task["id"] for task in only["tasks"]] == [elsewhere]
        failed = (await ada.get("/tasks?status=failed")).json()
        assert [task["id"] for task in failed["tasks"]] == [names[1]]


async def test_lines_that_cannot_be_imported_do_not_hold_back_the_others(api: Api, calc: str) -> None:
    lines = [json.dumps(SUBMITTED), "", "{", json.dumps({**SUBMITTED, "attempts": 99}), json.dumps(SUBMITTED)]
    lines += [json.dumps({**SUBMITTED, "repository": "nowhere"}), json.dumps({**SUBMITTED, "base": "no-such-branch"})]
    async with api.as_user("ada", {calc: "member"}) as ada:
        kind = {"Content-Type": "application/x-ndjson"}
        answer = (await ada.post("/tasks/import", content="\n".join(lines), headers=kind)).json()
        assert (answer["made"], answer["refused"]) == (2, 4)
        assert [one["line"] for one in answer["tasks"] if one["id"]] == [1, 5]
        assert all(one["detail"] for one in answer["tasks"] if not one["id"])
        assert {run.order.priority for run in api.hub.runs.values()} == {BATCH}


async def test_the_same_submission_with_the_same_key_makes_one_task(api: Api, calc: str) -> None:
    async with api.as_user("ada", {calc: "member"}) as ada:
        key = {"Idempotency-Key": "night-shift-7"}
        first = await ada.post("/tasks", json=SUBMITTED, headers=key)
        second = await ada.post("/tasks", json=SUBMITTED, headers=key)
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == second.json()
        assert len((await ada.get("/tasks")).json()["tasks"]) == 1


async def test_a_task_whose_id_another_one_has_is_refused_and_not_taken_for_it(
    api: Api, calc: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeating, "task_id_at", lambda seconds, chance: "0" * 12)
    async with api.as_user("ada", {calc: "member"}) as ada:
        await submitted(ada)
        other = await ada.post("/tasks", json={**SUBMITTED, "prompt": "Something else"})
        assert (other.status_code, other.json()["mend"]) == (503, "send it again")
        assert [task["prompt"] for task in (await ada.get("/tasks")).json()["tasks"]] == [SUBMITTED["prompt"]]


async def test_what_is_wrong_with_a_request_is_said_in_one_shape(api: Api, calc: str) -> None:
    async with api.as_user("ada", {calc: "member"}) as ada:
        wrong = {
            422: await ada.post("/tasks", json={**SUBMITTED, "attempts": 0, "surprise": 1}),
            404: await ada.get("/nothing/here"),
            405: await ada.delete("/tasks"),
        }
        for status, answer in wrong.items():
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
            assert (answer.json()["status"], bool(answer.json()["detail"])) == (status, True)
        assert {fault["place"] for fault in wrong[422].json()["faults"]} == {"body.attempts", "body.surprise"}

        broken = await ada.post("/tasks", content=b'{"prompt":', headers={"Content-Type": "application/json"})
        assert broken.json()["detail"].startswith("body: it is no JSON")
        assert "it has not the form" in (await ada.get("/tasks/no-id")).json()["detail"]
        refused = await ada.post("/tasks", json={**SUBMITTED, "base": "no-such-branch"})
        assert refused.status_code == 422
        assert refused.json()["mend"]


async def test_no_more_of_a_body_that_is_too_large_is_read(api: Api) -> None:
    pieces = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal pieces
        while True:
            pieces += 1
            yield b" " * 65536

    def announced() -> tuple[int, str]:
        connection = http.client.HTTPConnection(api.url.removeprefix("http://"), timeout=30)
        connection.putrequest("POST", "/api/v1/tasks")
        connection.putheader("Content-Length", str(5 << 20))
        connection.endheaders()
        answer = connection.getresponse()
        connection.close()
        return answer.status, answer.getheader("Content-Type", "")

    assert await asyncio.to_thread(announced) == (413, "application/problem+json")
    async with api.as_user("ada") as ada:
        with suppress(httpx2.TransportError):  # the connection is closed while the client is still sending
            cut = await ada.post("/tasks", content=endless(), headers={"Content-Type": "application/json"})
            assert cut.status_code == 413
    assert pieces < 2000
