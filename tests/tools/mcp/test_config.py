"""The settings of servers, and what a task asks for of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError
from midwatch.domain.task import McpUse
from midwatch.settings import load
from midwatch.tools.mcp import choice
from midwatch.tools.mcp.choice import chosen, note
from midwatch.tools.mcp.config import McpSettings, ServerSettings


def _load(tmp_path: Path, text: str) -> McpSettings:
    (tmp_path / "midwatch").mkdir()
    (tmp_path / "midwatch/config.toml").write_text(text)
    return load({"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}).mcp


def test_a_server_is_read_with_its_defaults(tmp_path: Path) -> None:
    text = "[mcp.servers.time]\ncommand = 'mcp-server-time'\nargs = ['--local-timezone', 'UTC']\n"
    server = _load(tmp_path, text).server("time")
    assert (server.command, server.args, server.place) == ("mcp-server-time", ("--local-timezone", "UTC"), "box")
    assert (server.trusted, server.required, server.default, server.startup_seconds) == (False, False, False, 30)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("[mcp.servers.x]\n", "[mcp.servers.x]: it has neither command nor url"),
        ("[mcp.servers.x]\ncommand = 'a'\nurl = 'http://b/c'\n", "it has both"),
        ("[mcp.servers.x]\nurl = 'http://b/c'\n", "outside the sandbox"),
        ("[mcp.servers.x]\nurl = 'file:///c'\ntrusted = true\n", "url is no address"),
        ("[mcp.servers.x]\nurl = 'http://b/c'\ntrusted = true\nargs = ['a']\n", "args does not go with url"),
        ("[mcp.servers.x]\ncommand = 'a'\nheaders = {a = 'b'}\n", "headers does not go with command"),
        ("[mcp.servers.x]\ncommand = 'a'\nenv_from = ['TOKEN']\n", "env_from would hand your variables"),
        ("[mcp.servers.x]\ncommand = 'a'\nenv = {'A=B' = 'c'}\n", "no name of a variable"),
        ("[mcp.servers.x]\ncommand = 'a'\ncall_seconds = 0\n", "mcp.servers.x.call_seconds"),
        ("[mcp.servers.x]\ncommand = 'a'\nseconds = 1\n", "mcp.servers.x.seconds"),
        ("[mcp.servers.'a b']\ncommand = 'a'\n", "cannot be the name of a server"),
        ("[mcp.servers.none]\ncommand = 'a'\n", "cannot be the name of a server"),
        ("[mcp.servers.a_]\ncommand = 'a'\n", "cannot be the name of a server"),
        ("[mcp.servers.a__b]\ncommand = 'a'\n", "cannot be the name of a server"),
        ("[mcp]\nserver = 1\n", "mcp.server"),
    ],
)
def test_what_is_wrong_is_named_with_its_server_and_key(tmp_path: Path, table: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        _load(tmp_path, table)
    assert words in error.value.message
    assert "config.toml" in error.value.message
    assert error.value.mend


SETTINGS = McpSettings(
    {
        "time": ServerSettings(command="t", default=True),
        "issues": ServerSettings(url="https://u:p@mcp.example.com/mcp?key=secret", trusted=True, exclude=("drop",)),
    }
)


def test_a_task_has_the_servers_that_it_asks_for_or_those_that_are_there_by_default() -> None:
    assert chosen((), SETTINGS) == (McpUse("time"),)
    assert chosen(("none",), SETTINGS) == ()
    assert chosen(("issues:search,add_comment,search", "time"), SETTINGS) == (
        McpUse("issues", ("search", "add_comment")),
        McpUse("time"),
    )


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("other",), "there is no MCP server 'other' in the settings (there are: time, issues)"),
        (("time", "time:a"), "names 'time' twice"),
        (("time:",), "no tool is named"),
        (("issues:drop",), "do not let the tool 'drop' through"),
        (("none", "time"), "goes with no other server"),
    ],
)
def test_what_cannot_be_asked_for_is_said(asked: tuple[str, ...], words: str) -> None:
    with pytest.raises(InputError) as error:
        chosen(asked, SETTINGS)
    assert words in error.value.message


def test_without_the_library_a_person_who_asks_for_a_server_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choice, "find_spec", lambda name: None)
    assert chosen(("none",), SETTINGS) == ()
    with pytest.raises(InputError, match="not installed") as error:
        chosen(("time",), SETTINGS)
    assert error.value.mend == f"install it beside Midwatch: {sys.executable} -m pip install 'midwatch[mcp]'"


def test_the_note_for_a_person_says_where_a_server_runs_and_tells_no_secret() -> None:
    assert note(McpUse("time"), SETTINGS) == "mcp: time (in the sandbox), all its tools"
    assert note(McpUse("issues", ("search",)), SETTINGS) == "mcp: issues (https://mcp.example.com/mcp), search"
