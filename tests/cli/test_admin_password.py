"""`midwatch admin password`: the real program on a server's database."""

from __future__ import annotations

from pathlib import Path

from midwatch.engine.database.sqlite import SqliteDatabase
from tests.cli.conftest import Program
from tests.support.site import PASSWORD, site_of


async def test_a_lost_password_is_given_anew_on_the_servers_machine(program: Program, tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "server.db")
    site = site_of(database)
    url = f"sqlite://{tmp_path}/server.db"
    async with site.signed_in("ada") as ada:
        made = program.json("admin", "password", "Ada", "--database-url", url)
        assert made["user"] == "ada"
        assert (await ada.get("/api/v1/me")).status_code == 401
        for password, status in ((PASSWORD, 401), (made["password"], 200)):
            answer = await ada.post("/api/v1/session", json={"name": "ada", "password": password})
            assert answer.status_code == status
        entry = (await ada.get("/api/v1/audit")).json()["entries"]
        assert made["password"] not in str(entry)
    await database.close()
    missing = program("admin", "password", "eve", "--database-url", url)
    assert missing.returncode == 2
    assert b"there is no user 'eve'" in missing.stderr
