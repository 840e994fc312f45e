"""The settings file as a whole, and how it meets the command's options."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError
from midwatch.domain.guard import Hook
from midwatch.domain.limits import MIB, Limits
from midwatch.engine.budgets.purse import TaskPurse
from midwatch.engine.database.sqlite import SqliteDatabase
from midwatch.settings import Settings, load
from tests.support import samples


def _load(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "midwatch").mkdir()
    (tmp_path / "midwatch/config.toml").write_text(text)
    return load({"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)})


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    settings = load({"HOME": str(tmp_path)})
    assert settings.models.model == "repair"
    assert settings.sandbox.driver == "bubblewrap"
    assert settings.limits.fill({}) == Limits()


def test_the_file_fills_what_the_command_does_not_ask_for(tmp_path: Path) -> None:
    text = "[limits]\nturns = 7\ncost_usd = 1.5\noutput_mib = 2\n[sandbox]\nread_only = ['/opt/tool']\n"
    settings = _load(tmp_path, text)
    filled = settings.limits.fill({"turns": 3})
    assert (filled.turns, filled.cost_microusd, filled.output_bytes) == (3, 1_500_000, 2 * MIB)
    assert settings.sandbox.read_only == ("/opt/tool",)


def test_asking_for_the_default_wins_over_the_file(tmp_path: Path) -> None:
    assert _load(tmp_path, "[limits]\nturns = 7\n").limits.fill({"turns": 100}).turns == 100


def test_no_command_or_check_outlasts_the_time_of_the_whole_task(tmp_path: Path) -> None:
    filled = load({"HOME": str(tmp_path)}).limits.fill({"seconds": 60})
    assert (filled.command_seconds, filled.check_seconds) == (60, 60)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[limits]\nturn = 1\n", "limits.turn"),
        ("[limits]\nturns = 0\n", "limits.turns"),
        ("[limits]\nturns = 'x'\n", "limits.turns"),
        ("[sandbox]\ndriver = 'docker'\n", "sandbox.driver"),
        ("limits = 3\n", "limits"),
        ("[agent]\nmode = 'full'\n", "agent.mode"),
        ("[budgets]\nper_week_usd = 1\n", "budgets.per_week_usd"),
        ("[budgets]\nunknown_price = 'free'\n", "budgets.unknown_price"),
        ("[[hooks]]\nevent = 'before_tool'\n", "hooks.0.command"),
        ("hooks = 3\n", "hooks"),
        ("colour = 'blue'\n", "colour"),
        ("model = \n", "TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(InputError) as error:
        _load(tmp_path, text)
    assert word in error.value.message
    assert "config.toml" in error.value.message + error.value.mend


def test_the_mode_and_the_hooks_of_the_agent_are_read(tmp_path: Path) -> None:
    text = '[agent]\nmode = "read-only"\n[[hooks]]\nevent = "after_tool"\ncommand = "true"\ntools = ["mcp__*"]\n'
    settings = _load(tmp_path, text)
    assert settings.agent.mode == "read-only"
    assert settings.hooks == (Hook("after_tool", "true", ("mcp__*",), 60.0),)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ('[mcp.servers.files]\ncomand = "npx"\n', "the keys of [mcp.servers.files] are: command, args"),
        ("[environments.secrets.TOKEN]\nhost = 1\n", "the keys of [environments.secrets.TOKEN] are: env"),
        ("[limits]\nturn = 1\n", "the keys of [limits] are: turns"),
    ],
)
def test_a_misspelt_key_is_answered_with_those_of_its_own_table(tmp_path: Path, text: str, keys: str) -> None:
    with pytest.raises(InputError) as error:
        _load(tmp_path, text)
    assert keys in error.value.mend


def test_budgets_become_caps_of_what_they_are_about_and_none_is_no_purse(tmp_path: Path) -> None:
    task, database = samples.task(), SqliteDatabase(tmp_path / "state.db")
    assert load({"HOME": str(tmp_path)}).purse(task, database) is None
    text = "[budgets]\nusd = 9\nper_day_usd = 0.5\nper_day_tokens = 7\nper_repository_usd = 3\nunknown_price = 2\n"
    purse = (settings := _load(tmp_path, text)).purse(task, database)
    assert isinstance(purse, TaskPurse)
    assert purse.unknown_price == 2.0
    assert [(c.scope.kind, c.scope.name, c.period, c.microusd, c.tokens) for c in purse.caps] == [
        ("user", "local", "whole", 9_000_000, None),
        ("user", "local", "day", 500_000, 7),
        ("repository", task.repository, "whole", 3_000_000, None),
    ]
    served = replace(settings, accounts=lambda of: "ada").purse(task, database)
    assert isinstance(served, TaskPurse)
    assert served.caps == ()
    assert ("user", "ada") in {(scope.kind, scope.name) for scope in served.scopes}
    assert (served.repository, purse.repository) == (task.repository, "")  # whose organisation the ledger looks up


def test_a_mistyped_table_is_answered_with_all_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no setting sandbx") as wrong:
        _load(tmp_path, "[sandbx]\ndriver = 'process'\n")
    assert wrong.value.mend.startswith("did you mean sandbox? ")
    named = wrong.value.mend.partition(": ")[2].split(", ")
    for table in named:
        (tmp_path / "midwatch/config.toml").write_text(f"{table} = 7\n")
        with pytest.raises(InputError) as told:
            load({"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)})
        assert "there is no setting" not in told.value.message
    assert {"model", "providers", "forges", "server", "mcp", "hooks"} <= set(named)
