"""Signing in to a server, and where its token goes and does not go."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from midwatch.cli.remote import address, credentials
from midwatch.domain.errors import InputError
from tests.cli.remote.conftest import Shell, World
from tests.support.api import PASSWORD

TOKEN = "mw_do-not-show-this"


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


async def test_a_password_is_exchanged_for_a_token_that_only_one_can_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.api.as_user("grace", admin=True):
        pass
    file, url = world.config / "servers.json", world.api.url
    typed(monkeypatch, "wrong\n")
    wrong = await world.run("login", "--server", url, "--user", "grace", MIDWATCH_TOKEN="")
    assert (wrong.code, "the name or the password is wrong" in wrong.err, file.exists()) == (2, True, False)
    typed(monkeypatch, f"{PASSWORD}\n")
    done = await world.run("login", "--server", url, "--user", "grace", MIDWATCH_TOKEN="")
    assert (done.code, "as grace" in done.out) == (0, True), done.err
    token = json.loads(file.read_text())["tokens"][url]
    assert file.stat().st_mode & 0o777 == 0o600
    assert token not in done.out + done.err
    assert (await world.run("list", MIDWATCH_TOKEN="")).code == 0
    assert (await world.run("login", "--server", url, "--forget")).code == 0
    without = await world.run("list", MIDWATCH_TOKEN="")
    assert (without.code, "sign in" in without.err, "does not take" in without.err) == (2, True, False)


async def test_a_token_is_kept_when_the_server_takes_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, f"{TOKEN}\n")
    refused = await world.run("login", "--server", world.api.url)
    assert (refused.code, TOKEN in refused.err, world.config.exists()) == (2, False, False)
    typed(monkeypatch, f"{world.token}\n")
    done = await world.run("login", "--json")
    assert (done.code, done.lines[0]["user"]) == (0, "ada")
    assert world.token not in done.out + done.err
    assert (await world.run("list", MIDWATCH_TOKEN="")).code == 0


def test_a_token_goes_to_its_own_server_alone(tmp_path: Path) -> None:
    here, there = address.Address("https://here.example"), address.Address("https://there.example")
    around = {"MIDWATCH_TOKEN": TOKEN, "MIDWATCH_SERVER": "https://here.example/"}
    assert credentials.find(here, tmp_path, around).value == TOKEN
    assert credentials.find(there, tmp_path, around) == credentials.Token()  # none, so none is said to be refused
    assert credentials.find(there, tmp_path, {"MIDWATCH_TOKEN": TOKEN}).value == TOKEN
    credentials.keep(there, "mw_there", tmp_path)
    assert credentials.find(there, tmp_path, around).value == "mw_there"
    assert TOKEN not in repr(credentials.find(here, tmp_path, around))


@pytest.mark.parametrize("text", ["not json", "[]", '{"tokens": []}', '{"tokens": {"https://a": 5}, "x"'])
def test_a_file_of_tokens_that_cannot_be_trusted_is_said(tmp_path: Path, text: str) -> None:
    file = tmp_path / "servers.json"
    file.write_text(text)
    file.chmod(0o640)
    with pytest.raises(InputError, match="may be read by others"):
        credentials.find(address.Address("https://a"), tmp_path, {})
    file.chmod(0o600)
    with pytest.raises(InputError, match="cannot be understood"):
        credentials.find(address.Address("https://a"), tmp_path, {})


@pytest.mark.parametrize("token", ["", "two words", "line\nline", "ä", "x" * 5000])
def test_what_is_no_token_is_refused_without_being_repeated(token: str) -> None:
    with pytest.raises(InputError) as refused:
        credentials.checked(token, "the token")
    assert not token or token not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://Host.example/", "https://host.example"),
        ("https://host.example:443", "https://host.example"),
        ("https://host.example:8443/midwatch/", "https://host.example:8443/midwatch"),
        ("https://host.example/api/v1", "https://host.example"),
        ("http://127.0.0.1:8765", "http://127.0.0.1:8765"),
        ("http://[::1]:8765", "http://[::1]:8765"),
        ("http://inside.example:80", "http://inside.example"),
    ],
)
def test_an_address_is_known_however_it_is_written(given: str, url: str) -> None:
    assert address.read(given, {"MIDWATCH_PLAIN_HTTP": "other, inside.example"}).url == url


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("host.example", "no address of a server"),
        ("ftp://host.example", "no address of a server"),
        ("https://", "no address of a server"),
        ("https://host.example/?a=b", "no address of a server"),
        ("https://host.example:x", "is no address"),
        ("https://me:secret@host.example", "holds a user or a password"),
        ("http://host.example", "is not encrypted"),
        ("http://127.0.0.1.host.example", "is not encrypted"),
        ("http://localhost@host.example", "holds a user or a password"),
    ],
)
def test_an_address_that_will_not_do_is_refused(given: str, text: str) -> None:
    with pytest.raises(InputError, match=text) as refused:
        address.read(given, {})
    assert "secret" not in refused.value.message + refused.value.mend


async def test_a_server_and_an_mcp_server_are_told_apart(shell: Shell) -> None:
    both = await shell("login", "search", "--server", "https://host.example")
    assert (both.code, "leave one of them out" in both.err) == (2, True)
    none = await shell("login")
    assert (none.code, "midwatch login NAME" in none.err) == (2, True)
