"""Tasks over HTTP: submitted, listed, read, steered; each to those alone who may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

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
    async with api.as_user("ada", **{calc: "maintainer"}) as ada:
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
