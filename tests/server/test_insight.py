"""What the server tells in figures and tables: of what one may see, from what really happened."""

from __future__ import annotations

import csv
import io
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.counting import count
from midwatch.engine.insight.outcomes import Due, Outcome, Outcomes, plain
from midwatch.forges.changes import Changes
from tests.support.api import Api
from tests.support.place import make_repository

FILES = {"add.py": "def add(a, b):\n    return a - b\n", "test_add.py": "import add\nassert add.add(1, 2) == 3\n"}
PLAIN = Outcome(
    task="", repository="", person="ada", model="repair", created=1_772_445_600, queued=3, ended=1, status="done",
    cause="", detail="", verdict="passed", cost=2_000_000, state="merged", proposed=1_772_445_700,
    settled=1_772_449_300,
)  # fmt: skip
"""Of 2 March 2026, 10:00 UTC."""
MARCH = {"from": "2026-03-01", "to": "2026-03-31"}
WRONG = ("zone=Mars/Base", "by=moon", "from=2026-03-02&to=2026-03-01", "x=1", "to=0001-01-01", "from=9999-01-02")


@pytest.fixture
async def calc(api: Api, tmp_path: Path) -> str:
    return await api.registered("calc", make_repository(tmp_path / "calc", FILES))


async def rows(api: Api, tmp_path: Path) -> None:
    """Four tasks of one repository, one of another, and one of none that is registered."""
    here = plain(str(tmp_path / "calc"))
    made = [
        replace(PLAIN, task="a", repository=here),
        replace(PLAIN, task="b", repository=here, person="=cmd|' /C calc'!A0", cost=1_000_000),
        replace(PLAIN, task="c", repository=here, state="closed", model="@SUM(1+1); =2"),
        replace(PLAIN, task="d", repository=here, state="", proposed=None, settled=None, cause="error", detail="-1+1"),
        replace(PLAIN, task="e", repository=plain(str(tmp_path / "other"))),
        replace(PLAIN, task="f", repository=plain("https://me:secret@forge.example/o/r")),
    ]
    for row in made:
        await Outcomes(api.database).keep(Due(row.task, 0), row, ["+label"] if row.task == "e" else [])


async def test_figures_are_of_what_one_may_see_and_tables_hold_no_formula(api: Api, calc: str, tmp_path: Path) -> None:
    other = await api.registered("other", make_repository(tmp_path / "other", FILES))
    await rows(api, tmp_path)
    async with (
        api.as_user("root", admin=True) as root,
        api.as_user("ada", {calc: "viewer"}) as ada,
        api.as_user("eve") as eve,
    ):
        mine = (await ada.get("/insight", params=MARCH)).json()
        assert [(one["id"], one["name"], one["tasks"]) for one in mine["groups"]] == [(calc, "calc", 4)]
        total = mine["total"]
        assert (total["opened"], total["merged"], total["closed"], total["merge_rate"]) == (3, 2, 1, 0.6667)
        assert (total["cost_microusd"], total["cost_per_merged_microusd"]) == (7_000_000, 3_500_000)
        assert mine["to_merge"] == {"count": 2, "median": 3600, "p90": 3600}
        assert [day for day in mine["days"] if day["opened"]] == [
            {"day": "2026-03-02", "opened": 3, "merged": 2, "closed": 1}
        ]
        everything = (await root.get("/insight", params=MARCH)).json()
        assert {one["name"]: one["id"] for one in everything["groups"]} == {
            "calc": calc, "other": other, "https://forge.example/o/r": ""
        }  # fmt: skip
        nothing = (await eve.get("/insight", params=MARCH)).json()
        assert (nothing["total"]["tasks"], nothing["groups"], nothing["causes"]) == (0, [], [])
        assert nothing["total"]["merge_rate"] is nothing["total"]["cost_per_merged_microusd"] is None
        assert (await eve.get("/insight/choices")).json() == {"models": [], "people": [], "labels": []}
        assert (await ada.get("/insight/choices")).json()["labels"] == []
        for repository, status in ((calc, 404), ("calc", 404)):
            assert (await eve.get("/insight", params={"repository": repository})).status_code == status
        assert (await ada.get("/insight", params={"repository": other})).status_code == 404
        for wrong in WRONG:
            assert (await ada.get(f"/insight?{wrong}")).status_code == 422, wrong

        for by, cell in (("person", "'=cmd|' /C calc'!A0"), ("model", "'@SUM(1+1); '=2")):
            answer = await ada.get("/insight.csv", params={**MARCH, "by": by, "table": "groups"})
            assert answer.headers["content-type"].startswith("text/csv")
            assert answer.headers["content-disposition"].startswith("attachment")
            lines = list(csv.reader(io.StringIO(answer.text)))
            assert lines[0][:2] == [by, "tasks"]
            assert cell in [line[0] for line in lines], "a spreadsheet would take it for a formula"
        causes = (await ada.get("/insight.csv", params={**MARCH, "table": "causes"})).text
        assert causes.splitlines()[1] == "error,1,'-1+1"
        assert (await eve.get("/insight.csv", params={**MARCH, "table": "days"})).text.count("\n") == 32
        times = (await eve.get("/insight.csv", params={**MARCH, "table": "times"})).text.splitlines()
        assert times[1] == "queue,0,,"


async def test_rows_follow_what_becomes_of_a_task_and_of_its_pull_request(api: Api, calc: str, tmp_path: Path) -> None:
    async with api.as_user("ada", {calc: "maintainer"}) as ada:
        asked = {"prompt": "mend add", "repository": "calc", "checks": ["python3 test_add.py"]}
        name = (await ada.post("/tasks", json=asked)).json()["id"]
        assert await count(api.home) == 0, "nothing has come of it yet"
        assert Changes(api.home.state).feed() == ""
        await api.work(name)
        assert await count(api.home) == 1  # its pull request is there
        assert await count(api.home) == 0
        found = (await ada.get("/insight", params={"by": "model"})).json()
        (group,) = found["groups"]
        assert (group["name"], group["tasks"], group["opened"], group["merged"]) == ("repair", 1, 1, 0)
        assert (group["cost_microusd"], found["causes"]) == (0, [])
        assert found["days"][-1]["opened"] == 1

        number = (await ada.get(f"/tasks/{name}/pull-request")).json()["number"]
        assert (await ada.post(f"/tasks/{name}/pull-request/merge")).status_code == 200
        assert await count(api.home) == 1
        found = (await ada.get("/insight", params={"repository": "calc"})).json()
        assert (found["total"]["merged"], found["total"]["merge_rate"], found["days"][-1]["merged"]) == (1, 1.0, 1)
        assert (found["total"]["cost_per_merged_microusd"], found["to_merge"]["count"], number) == (0, 1, 1)

        with closing(sqlite3.connect(api.home.state / "forge.db", isolation_level=None)) as book:  # as another program
            book.execute("UPDATE pull_requests SET record = json_set(record, '$.updated', 'soon')")
        assert await count(api.home) == 1
        found = (await ada.get("/insight", params={"repository": "calc"})).json()
        assert (found["total"]["merged"], found["days"][-1]["merged"]) == (1, 1), "what is no time is not believed"

        await Outcomes(api.database).recount(everything=True)  # what was counted follows from logs alone
        assert await count(api.home) == 1
        assert (await ada.get("/insight", params={"repository": "calc"})).json() == found


async def test_the_audit_log_is_filtered_and_kept_as_a_table(api: Api, calc: str) -> None:
    async with api.as_user("root", admin=True) as root, api.as_user("eve") as eve:
        bob = (await root.post("/users", json={"name": "bob"})).json()["id"]
        await root.put(f"/repositories/{calc}/roles/bob", json={"role": "viewer"})
        await root.patch(f"/repositories/{calc}", json={"name": "calc2"})
        me = (await root.get("/me")).json()["id"]
        asked = {
            "action": "user.create", "user": me, "repository": calc, "about": bob,
            "since": "2020-01-01T00:00:00Z", "until": "2020-01-02T00:00:00Z",
        }  # fmt: skip
        found = {}
        for key, value in asked.items():
            answer = (await root.get("/audit", params={key: value})).json()["entries"]
            found[key] = {one["action"] for one in answer}
        assert found["action"] == {"user.create"}
        assert found["user"] == {"session.open", "user.create", "role.give", "repository.rename"}
        assert found["repository"] == {"role.give", "repository.rename"}
        assert found["about"] == {"user.create", "role.give"}
        assert "repository.rename" in found["since"]
        assert found["until"] == set()
        assert (await root.get("/audit", params={"until": "0.5"})).status_code == 422
        roles = (await root.get("/audit", params={"action": "role", "limit": 9})).json()["entries"]
        assert [one["action"] for one in roles] == ["role.give"]
        assert (await root.get("/audit", params={"action": "rol"})).json()["entries"] == []
        lines = list(csv.reader(io.StringIO((await root.get("/audit.csv", params={"about": calc})).text)))
        assert lines[0][:3] == ["id", "time", "user"]
        assert {line[6] for line in lines[1:]} == {"repository.register", "repository.rename"}
        other = list(csv.reader(io.StringIO((await eve.get("/audit.csv")).text)))
        assert {line[3] for line in other[1:]} <= {"eve"}


async def test_the_audit_log_as_a_table_has_every_entry_once_over_all_its_pages(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("midwatch.server.routes.audit._AT_ONCE", 2)
    async with api.as_user("root", admin=True) as root:
        for name in ("ada", "bob", "eve"):
            await root.post("/users", json={"name": name})
        listed = [one["id"] for one in (await root.get("/audit")).json()["entries"]]
        answer = await root.get("/audit.csv")
        assert answer.headers["content-type"].startswith("text/csv")
        assert [line[0] for line in csv.reader(io.StringIO(answer.text))] == ["id", *listed]
        monkeypatch.setattr("midwatch.server.routes.audit.MOST_LINES", 2)
        assert len((await root.get("/audit.csv")).text.splitlines()) == 3


async def test_what_the_server_runs_with_is_told_to_administrators_without_secrets(api: Api, tmp_path: Path) -> None:
    async with api.as_user("root", admin=True) as root, api.as_user("eve") as eve:
        assert (await eve.get("/server")).status_code == 404
        told = (await root.get("/server")).json()
        assert (told["database"], told["state"]) == ("SQLite", str(api.home.state))
        values = {one["key"]: (one["value"], one["own"]) for one in told["settings"]}
        assert values["server.session_hours"] == ("168", False)
        shown = (await root.get("/workers")).json()
        assert (shown["workers"], shown["waiting"]) == ([], [])


async def test_ones_own_sessions_are_listed_and_ended(api: Api) -> None:
    async with api.as_user("ada") as ada, api.as_user("eve") as eve:
        (mine,) = (await ada.get("/me/sessions")).json()["sessions"]
        assert mine["current"]
        assert (await eve.delete(f"/me/sessions/{mine['id']}")).status_code == 404
        (theirs,) = (await eve.get("/me/sessions")).json()["sessions"]
        assert theirs["id"] != mine["id"]
        assert (await ada.delete(f"/me/sessions/{mine['id']}")).status_code == 204
        assert (await ada.get("/me/sessions")).status_code == 401
        assert (await eve.get("/me")).status_code == 200
