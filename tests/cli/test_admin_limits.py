"""`midwatch admin limits`: the real program on a server's database."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.engine.database.sqlite import SqliteDatabase
from midwatch.engine.limits import Limit, Limits, Starts
from tests.cli.conftest import Program
from tests.support.site import site_of


async def test_limits_are_set_shown_and_taken_away_on_the_servers_machine(program: Program, tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "server.db")
    where = ("--database-url", f"sqlite://{tmp_path}/server.db")
    async with site_of(database).signed_in("ada"):
        assert b"nothing is limited" in program("admin", "limits", *where).stdout
        program("admin", "limits", "--user", "each", "--at-once", "4", *where)
        shown = program("admin", "limits", "--user", "Ada", "--at-once", "9", "--starts", "100/24h", *where).stdout
        assert shown == b"user each: 4 at a time\nuser ada: 9 at a time, 100/1d begin\n"
        assert await Limits(database).all() == [Limit("user", "", 4), Limit("user", "ada", 9, Starts(100, 86400))]
        left = program.json("admin", "limits", "--user", "each", "--remove", *where)
        assert left == [{"scope": "user", "name": "ada", "at_once": 9, "starts": "100/1d"}]
    await database.close()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--at-once", "4"), "whose limit is it?"),
        (("--all",), "what is to be done?"),
        (("--repository", "calc", "--unlimited"), "no repository calc is registered"),
        (("--all", "--starts", "many"), "write 30/1h"),
    ],
)
def test_what_is_no_limit_is_refused(program: Program, given: tuple[str, ...], said: str) -> None:
    refused = program("admin", "limits", *given)
    assert refused.returncode == 2
    assert said in refused.stderr.decode()
