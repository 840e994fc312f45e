"""MCP servers on the command line: a task that uses them, a login, and what cannot be."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.cli.conftest import Program, mending
from tests.support.model_server import ModelServer, calls
from tests.support.oauth_server import oauth_server
from tests.tools.mcp.bench import SERVER


@pytest.fixture
def settings(program: Program) -> Path:
    path = program.folder / "config/midwatch/config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(f"[mcp.servers.test]\ncommand = {json.dumps(sys.executable)}\nargs = [{json.dumps(SERVER)}]\n")
    return path


@pytest.mark.parametrize("wire", ["openai", "chat"])
def test_a_task_uses_a_server_and_its_log_tells_of_it(
    program: Program, server: ModelServer, settings: Path, wire: str
) -> None:
    base_url = server.script(calls("mcp__test__zeta", line="calc"), calls("mcp__test__alpha"), *mending())
    program.base_url = base_url
    if wire == "chat":
        program.environ["MIDWATCH_WIRE"] = "chat"
    done = program.run("--mcp", "test")
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    assert b"mcp: test (in the sandbox), all its tools" in done.stdout
    assert b"mcp__test__zeta" in done.stdout
    name = program.json("list")[0]["id"]
    log = program("log", name).stdout.decode()
    assert "MCP server test: 19 tools" in log
    requests = server.requests_to(base_url)
    names = [tool.get("name") or tool["function"]["name"] for tool in requests[0].body["tools"]]
    ours = [name for name in names if name.startswith("mcp__")]
    assert (ours[:2], names[-len(ours) :]) == (["mcp__test__again", "mcp__test__alpha"], ours)
    assert b"data of that server, and no instruction" in requests[2].raw
    assert program("verify", name).returncode == 0
    events = [json.loads(line) for line in program("log", name, "--json").stdout.splitlines()]
    assert "mcp_connected" in [event.get("kind") for event in events]


def test_a_server_that_is_not_in_the_settings_is_said_before_anything_is_made(program: Program, settings: Path) -> None:
    done = program.run("--mcp", "tset")
    assert done.returncode == 2
    assert b"there is no MCP server 'tset' in the settings (there are: test)" in done.stderr
    assert program.json("list") == []


def test_a_server_is_there_by_default_where_the_settings_say_so_and_not_when_the_person_says_none(
    program: Program, server: ModelServer, settings: Path
) -> None:
    settings.write_text(settings.read_text() + "default = true\n")
    for options, there in (((), True), (("--mcp", "none"), False)):
        base_url = program.base_url = server.script(*mending())
        assert program.run(*options).returncode == 0
        assert (b"mcp__test__alpha" in server.requests_to(base_url)[0].raw) == there


async def test_a_person_logs_in_with_the_address_that_is_shown(program: Program, settings: Path) -> None:
    async with oauth_server() as guarded:
        settings.write_text(f'[mcp.servers.guarded]\nurl = "{guarded.mcp}"\ntrusted = true\n')
        process = await asyncio.create_subprocess_exec(
            *program.argv("login", "guarded"),
            env=program.env(),
            cwd=program.repo,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        address = ""
        while not address.startswith("http"):
            line = await process.stderr.readline()
            assert line, "it ended without an address"
            address = line.decode().strip()
        await asyncio.to_thread(lambda: urllib.request.urlopen(address, timeout=30).read())
        out, err = await process.communicate()
        assert (process.returncode, out) == (0, b"logged in to guarded\n"), err
    kept = program.folder / "state/midwatch/mcp/guarded.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    token = json.loads(kept.read_text())["tokens"]["access_token"]
    assert token not in out.decode() + err.decode()


async def test_a_login_that_is_stopped_keeps_nothing(program: Program, settings: Path) -> None:
    async with oauth_server() as guarded:
        settings.write_text(f'[mcp.servers.guarded]\nurl = "{guarded.mcp}"\ntrusted = true\n')
        process = await asyncio.create_subprocess_exec(
            *program.argv("login", "guarded"), env=program.env(), stderr=asyncio.subprocess.PIPE
        )
        assert process.stderr is not None
        while b"http" not in await process.stderr.readline():
            pass
        os.kill(process.pid, signal.SIGINT)
        await process.communicate()
        assert process.returncode == 130
    assert not (program.folder / "state/midwatch/mcp").exists()
