"""What a maintainer has let into a task's sandbox is not a member's to steer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.api import Api
from tests.support.place import make_repository
from tests.support.repositories import git

ASKED = {"prompt": "Mend the sum", "checks": ["true"], "sandbox": "bubblewrap"}
RECIPES = {
    "hosts": '[network]\nagent = ["registry.test"]\n',
    "for setup": '[network]\nsetup = ["registry.test"]\n',
    "nothing": 'checks = ["true"]\n',
}
STEERING: tuple[tuple[str, object], ...] = (
    ("messages", {"text": "Print what you have"}),
    ("resume", None),
    ("retry", None),
    ("fork", {}),
)


@pytest.mark.parametrize("recipe", RECIPES)
async def test_a_member_steers_no_task_that_they_could_not_have_submitted(
    api: Api, tmp_path: Path, recipe: str
) -> None:
    files = {"a.txt": "a\n", ".midwatch/environment.toml": RECIPES[recipe]}
    one = await api.registered("one", make_repository(tmp_path / "one", files))
    async with api.as_user("mai", {one: "maintainer"}) as mai, api.as_user("mem", {one: "member"}) as mem:
        made = await mai.post("/tasks", json={**ASKED, "repository": one, "trust_recipe": True})
        assert made.status_code == 201, made.text
        task = f"/tasks/{made.json()['id']}"
        own = await mem.post("/tasks", json={**ASKED, "repository": one})
        for verb, body in STEERING:
            answer = await mem.post(f"{task}/{verb}", json=body)
            if own.status_code == 201:
                assert answer.status_code != 403, (verb, answer.text)
            else:
                assert (answer.status_code, "registry.test" in answer.json()["detail"]) == (403, True), verb
        assert own.status_code == (201 if recipe == "nothing" else 422)
        assert (await mai.post(f"{task}/messages", json=STEERING[0][1])).status_code == 202
        assert (await mem.get(task)).status_code == 200
        assert (await mem.post(f"{task}/cancel")).status_code == 202  # a member ends any


async def test_a_member_steers_no_task_on_files_that_are_not_committed(api: Api, tmp_path: Path) -> None:
    place = make_repository(tmp_path / "one", {"a.txt": "a\n"})
    one = await api.registered("one", place)
    (place / "b.txt").write_text("not for everybody\n")
    assert "b.txt" in git(place, "status", "--porcelain")
    async with api.as_user("mai", {one: "maintainer"}) as mai, api.as_user("mem", {one: "member"}) as mem:
        made = await mai.post("/tasks", json={**ASKED, "repository": one, "include_uncommitted": True})
        answer = await mem.post(f"/tasks/{made.json()['id']}/messages", json=STEERING[0][1])
        assert (answer.status_code, "uncommitted files" in answer.json()["detail"]) == (403, True)


async def test_a_state_that_no_task_has_is_refused_with_those_that_there_are(api: Api, tmp_path: Path) -> None:
    one = await api.registered("one", make_repository(tmp_path / "one", {"a.txt": "a\n"}))
    async with api.as_user("ada", {one: "member"}) as ada:
        task = (await ada.post("/tasks", json={**ASKED, "repository": one})).json()["id"]
        for status, found in (("waiting", [task]), ("no change", []), ("done", [])):
            answer = await ada.get("/tasks", params={"status": status})
            assert [line["id"] for line in answer.json()["tasks"]] == found
        wrong = await ada.get("/tasks", params={"status": "nonsense"})
        assert wrong.status_code == 422
        for word in ("query.status", "'waiting'", "'no change'", "'failed'"):
            assert word in wrong.json()["detail"]
