"""Requests of somebody who wants more than they may, or wants nobody else to be answered."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from midwatch.server.accounts.provider import begun, flow_of
from midwatch.server.problems import HEADERS
from tests.support.api import Api, serving
from tests.support.place import make_repository

TASK = {"prompt": "look", "repository": "calc", "checks": ["true"]}


@pytest.fixture
async def calc(api: Api, tmp_path: Path) -> str:
    return await api.registered("calc", make_repository(tmp_path / "calc", {"a.txt": "a\n"}))


async def test_somebody_who_is_not_known_cannot_have_a_large_body_read(api: Api) -> None:
    async with api.as_user("ada") as ada:
        large = json.dumps({"name": "ada", "password": "x" * (64 << 10)})
        assert (await ada.post("/session", content=large)).status_code == 413


async def test_a_form_of_very_many_fields_is_one_fault_and_not_as_many(api: Api, calc: str) -> None:
    many = {f"f{number}": 1 for number in range(1000)}
    async with api.as_user("ada", {calc: "member"}) as ada:
        for path, body in (
            ("/session", many),
            ("/tokens", many),
            ("/tasks", {**TASK, **many}),
            ("/tasks", {**TASK, "limits": many}),
        ):
            answer = await ada.post(path, json=body)
            assert (answer.status_code, len(answer.json()["faults"])) == (422, 1), path


async def test_what_an_administrator_has_run_without_a_sandbox_nobody_else_has_go_on(api: Api, calc: str) -> None:
    async with api.as_user("root", admin=True) as root, api.as_user("mem", {calc: "maintainer"}) as mem:
        for option in ({"mode": "full"}, {"sandbox": "process"}):
            made = await root.post("/tasks", json={**TASK, **option})
            assert made.status_code == 201, made.text
            name = made.json()["id"]
            for verb, body in (("messages", {"text": "cat the keys"}), ("fork", {"step": "start", "message": "cat"})):
                assert (await mem.post(f"/tasks/{name}/{verb}", json=body)).status_code == 403, verb
            assert (await mem.post(f"/tasks/{name}/pause")).status_code == 202
            assert (await mem.post(f"/tasks/{name}/resume")).status_code == 403
            assert (await root.post(f"/tasks/{name}/resume")).status_code == 202
            assert (await mem.post(f"/tasks/{name}/cancel")).status_code == 202
            assert (await mem.post(f"/tasks/{name}/retry")).status_code == 403


async def test_a_repository_that_is_called_as_another_ones_id_does_not_get_its_tasks(
    api: Api, calc: str, tmp_path: Path
) -> None:
    other = await api.registered("other", make_repository(tmp_path / "other", {"b.txt": "b\n"}))
    async with (
        api.as_user("root", admin=True) as root,
        api.as_user("eve", {calc: "maintainer", other: "member"}) as eve,
    ):
        assert (await eve.patch(f"/repositories/{calc}", json={"name": other})).status_code == 403
        assert (await root.patch(f"/repositories/{calc}", json={"name": other})).status_code == 200
        assert (await eve.post("/tasks", json={**TASK, "repository": other})).json()["repository"] == other
        assert (await eve.post("/tasks", json={**TASK, "repository": calc})).json()["repository"] == calc


async def test_a_task_may_not_spend_more_than_the_settings_of_the_server_say(tmp_path: Path) -> None:
    settings = tmp_path / ".config/midwatch/config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("[limits]\nturns = 7\ncost_usd = 0.5\n")
    async with serving(tmp_path, {"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(tmp_path / "state")}) as api:
        calc = await api.registered("calc", make_repository(tmp_path / "calc", {"a.txt": "a\n"}))
        async with api.as_user("ada", {calc: "member"}) as ada:
            asked = {"turns": 5000, "cost_microusd": 10**9, "tokens": 1000}
            limits = (await ada.post("/tasks", json={**TASK, "limits": asked})).json()["limits"]
            assert (limits["turns"], limits["cost_microusd"], limits["tokens"]) == (7, 500_000, 1000)
            less = (await ada.post("/tasks", json={**TASK, "limits": {"turns": 3}})).json()["limits"]
            assert less["turns"] == 3


async def test_a_path_that_no_file_system_takes_is_no_repository_and_no_bug(api: Api) -> None:
    async with api.as_user("root", admin=True) as root:
        answer = await root.post("/repositories", json={"name": "long", "location": "/" + "a" * 1900})
        assert answer.status_code == 422


@pytest.mark.parametrize(
    "change", [{"onward": "//elsewhere.test"}, {"onward": "https://elsewhere.test"}, {"state": "\ud800"}]
)
def test_a_cookie_of_a_sign_in_that_we_cannot_have_set_is_none(change: dict[str, str]) -> None:
    flow = begun("/here")
    assert flow_of(flow.cookie()) == flow
    assert flow_of(replace(flow, **change).cookie()) is None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("limits", {"scope": "all", "at_once": False}),
        ("limits", {"scope": "all", "at_once": "3"}),
        ("tasks", {"prompt": "Mend it", "repository": "calc", "attempts": True}),
    ],
)
async def test_what_is_no_number_is_not_taken_for_one(api: Api, path: str, body: dict[str, Any]) -> None:
    async with api.as_user("root", admin=True) as root:
        said = await root.request("PUT" if path == "limits" else "POST", f"/{path}", json=body)
    assert said.status_code == 422
    assert "a number is wanted" in said.text


async def test_no_answer_is_run_shown_elsewhere_or_kept(api: Api) -> None:
    async with api.as_user("ada") as ada:
        answers = [
            await ada.get("/me"),
            await ada.get("/tasks/000000000000"),
            await ada.get(f"{api.url}/assets/none.js"),
            await ada.get(f"{api.url}/api/v1/openapi.json"),
            await ada.post("/tasks", json={}),
            await ada.get("/me", headers={"Authorization": "Bearer mw_nobody"}),
        ]
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(api.app), base_url="http://test") as near:
            answers.append(await near.post("/api/v1/tasks", content=b"x" * (5 << 20)))
        assert [answer.status_code for answer in answers] == [200, 404, 404, 200, 422, 401, 413]
        for answer in answers:
            assert HEADERS.items() <= {name.title(): value for name, value in answer.headers.items()}.items()
