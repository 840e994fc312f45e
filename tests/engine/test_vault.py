"""Secrets at rest: sealed, bound to their place, and sealed anew without a moment at which one is lost."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError
from midwatch.engine import sealed
from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.accounts.repositories import Registered, Repositories
from midwatch.engine.database.base import Connection as Db
from midwatch.engine.database.base import Database
from midwatch.engine.forges import beside
from midwatch.engine.forges.connections import Connection, Connections, Secrets
from midwatch.engine.vault import VARIABLE, Sealed, Vault, key_of, new_key
from midwatch.webhooks.registered import Webhook, Webhooks

DEED = Deed(SERVER, "test", "")


async def filled(database: Database, vault: Vault) -> Connections:
    """A connection, a webhook, and a webhook of an earlier release, in clear."""
    kept = Connections(database, vault)
    wanted = Connection("1" * 20, "hub", "github", "https://hub.example", "https://hub.example/api/v3", "token")
    await kept.add(wanted, Secrets("tiger", "puma"), DEED)
    await Webhooks(database, vault).add(Webhook("2" * 20, "", "https://x/", "lynx", "", 1, "", None, 0.0), DEED)
    old = "INSERT INTO webhook (id, repository, url, secret, events, created) VALUES ('old', '', 'u', 'mwh_old', '', 0)"
    await database.write(lambda db: db.execute(old).rowcount)
    return kept


async def values(kept: Connections, database: Database, vault: Vault) -> list[str]:
    one = await kept.find("hub")
    assert one is not None
    hooks = Webhooks(database, vault)
    return [kept.credential(one), kept.webhook_secret(one), *[await hooks.secret(hook) for hook in await hooks.all()]]


def raw(db: Db) -> str:
    tables = ("forge", "webhook", "secret", "audit")
    return repr([list(db.execute(f"SELECT * FROM {table}")) for table in tables])


def test_the_first_key_is_one_however_many_need_it_at_once_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from midwatch.engine.vault import Vault; "
        "v = Vault(pathlib.Path(sys.argv[1]), {}); sys.stdin.read(); print(v.seal('x', 'p'))"
    )
    begun = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "state")], stdin=-1, stdout=-1, text=True)
        for _ in range(3)
    ]
    texts = [process.communicate("", timeout=120)[0].strip() for process in begun]
    vault = Vault(tmp_path / "state", {})
    assert [vault.open(text, "p", "it") for text in texts] == ["x"] * 3
    assert vault.file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["vault.keys"]
    vault.file.chmod(0o640)
    with pytest.raises(InputError, match="others may read it"):
        vault.all_keys()


def test_what_cannot_be_opened_is_named_with_its_mend_and_never_shown(tmp_path: Path) -> None:
    one, other = new_key(), new_key()
    text = Vault(tmp_path, {VARIABLE: one.text}).seal("tiger", "p")
    assert Vault(tmp_path, {VARIABLE: f"{other.text}, {one.text}"}).open(text, "p", "it") == "tiger"
    for environ, place, words in (
        ({VARIABLE: other.text}, "p", f"the token cannot be opened: the key {one.id} is not in the variable"),
        ({}, "p", f"the key {one.id} is not in {tmp_path / 'vault.keys'}"),
        ({VARIABLE: one.text}, "q", "it was sealed for another place"),
    ):
        with pytest.raises(Sealed, match=words) as caught:
            Vault(tmp_path, environ).open(text, place, "the token")
        assert caught.value.mend
    with pytest.raises(Sealed, match="has been changed"):
        Vault(tmp_path, {VARIABLE: one.text}).open(text[:-8] + "AAAAAAA=", "p", "the token")
    with pytest.raises(InputError, match="number 2 of the keys in the variable") as wrong:
        Vault(tmp_path, {VARIABLE: f"{one.text},tiger"}).all_keys()
    assert "tiger" not in str(wrong.value)


async def test_rotation_may_die_after_any_step_and_loses_nothing(database: Database, tmp_path: Path) -> None:
    vault = Vault(tmp_path, {})
    kept = await filled(database, vault)
    (first,) = vault.all_keys()
    assert "mwh_old" in await database.read(raw)
    expected = ["tiger", "puma", "lynx", "mwh_old"]
    vault.add_key()  # and here it dies; another process goes on
    again = Vault(tmp_path, {})
    assert await values(kept, database, again) == expected
    told = await database.read(raw)
    assert not any(word in told for word in expected), "the old one is sealed at its first use"
    with pytest.raises(InputError, match="sealed with an older key"):
        await sealed.drop_old(database, again)
    again.add_key()
    assert await sealed.seal_anew(database, again) == 4
    assert await sealed.seal_anew(database, again) == 0
    assert await values(kept, database, vault) == expected
    assert await sealed.drop_old(database, again) == 2
    (last,) = vault.all_keys()
    assert last.id != first.id
    assert (await sealed.state(database, vault)).by_key == {last.id: 4}
    assert await values(kept, database, vault) == expected


class _Hurried(Vault):
    """Another process adds a key just before this one drops the old ones."""

    def keep_newest(self, *newest: str) -> int:
        Vault(self.file.parent, {}).add_key()
        return super().keep_newest(*newest)


async def test_a_key_that_is_added_while_old_ones_are_dropped_is_not_the_only_one_left(
    database: Database, tmp_path: Path
) -> None:
    vault = _Hurried(tmp_path, {})
    kept = await filled(database, vault)
    vault.add_key()
    await sealed.seal_anew(database, vault)
    with pytest.raises(InputError, match="another process"):
        await sealed.drop_old(database, vault)
    assert (await values(kept, database, vault))[0] == "tiger"


async def test_two_who_connect_to_one_forge_at_once_get_one_connection(database: Database, tmp_path: Path) -> None:
    kept = Connections(database, Vault(tmp_path, {}))
    made = [Connection(str(n) * 20, f"hub{n}", "github", "https://a.b", "https://a.b/api", "token") for n in range(8)]
    found = await asyncio.gather(*(kept.add(m, Secrets("t"), DEED) for m in made), return_exceptions=True)
    assert len(await kept.all()) == 1
    others = [one for one in found if isinstance(one, BaseException)]
    assert [type(one) for one in others] == [InputError] * 7, others


async def test_what_is_sealed_while_keys_are_dropped_is_not_lost(database: Database, tmp_path: Path) -> None:
    vault, other = Vault(tmp_path, {}), Vault(tmp_path, {})
    kept = await filled(database, vault)
    one = await kept.find("hub")
    assert one is not None

    async def change() -> None:
        for number in range(12):
            await kept.change(one, Secrets(f"tiger {number}"), Deed(SERVER, "test", ""))

    async def rotate() -> None:
        for _ in range(4):
            other.add_key()
            await sealed.seal_anew(database, other)
            await sealed.drop_old(database, other)

    await asyncio.gather(change(), rotate())
    assert (await sealed.state(database, vault)).lost == []
    assert (await values(kept, database, vault))[0] == "tiger 11"
    found = await kept.find("hub")
    assert found is not None
    assert key_of(found.credential) in [key.id for key in vault.all_keys()]


async def test_a_key_that_is_lost_is_told_and_stops_the_rotation_before_it_changes_anything(
    database: Database, tmp_path: Path
) -> None:
    await filled(database, Vault(tmp_path, {VARIABLE: new_key().text}))
    vault, before = Vault(tmp_path, {VARIABLE: new_key().text}), await database.read(raw)
    assert len((await sealed.state(database, vault)).lost) == 3
    with pytest.raises(Sealed, match="the credential of the forge connection 1"):
        await sealed.seal_anew(database, vault)
    assert await database.read(raw) == before
    with pytest.raises(InputError, match="cannot be changed from here"):
        vault.add_key()


async def test_a_credential_goes_to_no_address_but_the_one_that_it_was_given_for(
    database: Database, tmp_path: Path
) -> None:
    kept = await filled(database, Vault(tmp_path, {}))
    before = await kept.find("hub")
    assert before is not None
    moved = replace(before, web="https://other.example", api="https://other.example/api/v3")
    await kept.change(moved, Secrets("lion"), DEED)
    with pytest.raises(InputError, match="would get the credential"):  # by whoever has still seen the first address
        await kept.change(replace(before, name="renamed"), Secrets(), DEED)
    await kept.add(before, Secrets("tiger"), Deed(SERVER, "test", ""))  # sent again: it is there already
    found = await kept.find("hub")
    assert found is not None
    assert (found.web, kept.credential(found)) == (moved.web, "lion")


async def test_of_those_who_set_the_last_variable_at_once_as_many_do_as_there_is_room_for(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "MOST", 2)
    await Repositories(database).register(Registered("1", "one", "/one", 0.0), DEED)
    kept = beside.Beside(database, Vault(tmp_path, {}))
    setting = [kept.put_variable("1", f"V{number}", "x", DEED) for number in range(6)]
    done = await asyncio.gather(*setting, return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["InputError"] * 4 + ["Kept"] * 2
    assert len(await kept.variables("1")) == 2
