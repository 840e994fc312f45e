"""Logging in, and what is kept of it, against a real authorization server on loopback."""

from __future__ import annotations

import asyncio
import json
import stat
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError, OperationError
from midwatch.tools.base import Bench
from midwatch.tools.mcp.config import ServerSettings
from midwatch.tools.mcp.oauth import log_in
from tests.support.oauth_server import OAuthServer, oauth_server
from tests.tools.mcp.bench import opened


def _browser(visits: list[asyncio.Future[bytes]]) -> Callable[[str], None]:
    """Opens what it is shown, and goes where it is sent."""

    def show(address: str) -> None:
        loop = asyncio.get_running_loop()
        visits.append(loop.run_in_executor(None, lambda: urllib.request.urlopen(address, timeout=30).read()))

    return show


async def _log_in(server: OAuthServer, state: Path, settings: ServerSettings | None = None) -> None:
    visits: list[asyncio.Future[bytes]] = []
    wanted = settings or ServerSettings(url=server.mcp, trusted=True)
    assert await log_in("guarded", wanted, state, _browser(visits))
    (page,) = await asyncio.gather(*visits)
    assert b"You are logged in" in page


async def test_a_login_is_kept_for_its_owner_alone_and_used_by_calls(table: Bench) -> None:
    state = Path(table.box.workdir).parent / "state"
    async with oauth_server() as server:
        await _log_in(server, state)
        path = state / "mcp/guarded.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert [p.name for p in path.parent.iterdir()] == ["guarded.json"]
        async with opened(table, {"guarded": ServerSettings(url=server.mcp, trusted=True)}) as servers:
            result = await servers.call("mcp__guarded__who")
        assert (result.ok, "you" in result.output) == (True, True)
        assert server.renewed == 0
        token = json.loads(path.read_text())["tokens"]["access_token"]
        assert set(server.tokens_seen) == {token}
        assert token not in repr(result) + repr(servers.new)


async def test_a_token_that_has_ended_is_renewed_where_the_server_said(table: Bench) -> None:
    state = Path(table.box.workdir).parent / "state"
    async with oauth_server() as server:
        await _log_in(server, state)
        path = state / "mcp/guarded.json"
        values = json.loads(path.read_text())
        path.write_text(json.dumps({**values, "expires": 1.0}))
        server.access.clear()
        settings = {"guarded": ServerSettings(url=server.mcp, trusted=True)}
        async with opened(table, settings) as servers:
            assert (await servers.call("mcp__guarded__who")).ok
        assert server.renewed == 1
        renewed = json.loads(path.read_text())
        assert renewed["tokens"]["access_token"] != values["tokens"]["access_token"]
        assert renewed["metadata"] == values["metadata"]
        async with opened(table, settings) as servers:
            assert (await servers.call("mcp__guarded__who")).ok
        assert server.renewed == 1


async def test_without_a_login_and_with_one_that_is_refused_the_person_is_told_what_to_do(table: Bench) -> None:
    state = Path(table.box.workdir).parent / "state"
    async with oauth_server() as server:
        settings = {"guarded": ServerSettings(url=server.mcp, trusted=True)}
        async with opened(table, settings) as servers:
            assert "HTTP 401" in servers.new[0].error
            assert "`midwatch login guarded`" in servers.new[0].error
        await _log_in(server, state)
        server.access.clear()
        server.refresh.clear()
        async with opened(table, settings) as servers:
            assert "`midwatch login guarded`" in servers.new[0].error


async def test_a_token_goes_to_no_other_address_than_its_own(table: Bench) -> None:
    state = Path(table.box.workdir).parent / "state"
    async with oauth_server() as first, oauth_server() as second:
        await _log_in(first, state)
        second.access |= first.access
        async with opened(table, {"guarded": ServerSettings(url=second.mcp, trusted=True)}) as servers:
            assert "HTTP 401" in servers.new[0].error
        assert second.tokens_seen == []


async def test_a_server_that_registers_nobody_takes_the_client_of_the_settings(tmp_path: Path) -> None:
    async with oauth_server(registers=False) as server:
        settings = ServerSettings(url=server.mcp, trusted=True, oauth_client_id="known")
        await _log_in(server, tmp_path, settings)
        with pytest.raises(OperationError, match="logging in to the MCP server guarded failed"):
            await log_in("guarded", ServerSettings(url=server.mcp, trusted=True), tmp_path / "other", print)
        assert not (tmp_path / "other").exists()


async def test_a_server_that_asks_for_none_and_one_that_is_a_program_need_no_login(tmp_path: Path) -> None:
    async with oauth_server() as server:
        server.access.add("fixed")
        settings = ServerSettings(url=server.mcp, trusted=True, headers={"Authorization": "Bearer fixed"})
        assert not await log_in("guarded", settings, tmp_path, print)
    with pytest.raises(InputError, match="is a program"):
        await log_in("guarded", ServerSettings(command="x"), tmp_path, print)
