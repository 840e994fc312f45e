"""What options take."""

from __future__ import annotations

import argparse

import pytest

from midwatch.cli import arguments
from midwatch.cli.program import load, parser_of, split
from midwatch.cli.table import COMMANDS
from midwatch.domain.errors import InputError


@pytest.mark.parametrize(
    ("text", "value"), [("90", 90), ("90s", 90), ("15m", 900), ("2h", 7200), (" 1.5 H ", 5400), ("1", 1)]
)
def test_a_duration_is_seconds_minutes_or_hours(text: str, value: int) -> None:
    assert arguments.seconds(text) == value


@pytest.mark.parametrize("text", ["", "0", "0.1", "-5", "1d", "m", "1h30m", "1e9", "inf", "9" * 30])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="write 90, 90s, 15m or 2h"):
        arguments.seconds(text)


def test_money_is_kept_exactly() -> None:
    assert [arguments.microusd(text) for text in ("2", "$0.50", "0.000001")] == [2_000_000, 500_000, 1]
    for text in ("0", "-1", "1,5", "nan", "1e3", ""):
        with pytest.raises(argparse.ArgumentTypeError):
            arguments.microusd(text)


@pytest.mark.parametrize(("text", "value"), [("12", (12, 12)), ("12-20", (12, 20)), ("12-", (12, None))])
def test_a_range_of_lines_has_both_ends_one_or_goes_on_to_the_end(text: str, value: object) -> None:
    assert arguments.line_range(text) == value


@pytest.mark.parametrize("text", ["0", "0-3", "9-3", "-3", "a", "3-a", "", "1-2-3"])
def test_what_is_no_range_of_lines_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="12-20"):
        arguments.line_range(text)


def test_counts_have_a_least_value() -> None:
    assert arguments.count(1)("12") == 12
    assert arguments.count(0, 65535)("65535") == 65535
    with pytest.raises(argparse.ArgumentTypeError, match="more than 65535"):
        arguments.count(0, 65535)("65536")
    for text in ("0", "-1", "1.5", "x", "９"):
        with pytest.raises(argparse.ArgumentTypeError):
            arguments.count(1)(text)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_module_a_grammar_help_and_json(name: str) -> None:
    assert load(name).USAGE.startswith(f"midwatch {name}")
    help_text = parser_of(name).format_help()
    assert "--json" in help_text
    missing = [a.dest for a in parser_of(name)._actions if not a.help]
    assert missing == []


def test_options_are_not_guessed_from_their_beginning() -> None:
    with pytest.raises(InputError, match="--max-turn"):
        parser_of("run").parse_args(["x", "--max-turn", "3"])


def test_the_command_line_is_split_into_command_and_arguments() -> None:
    assert split(["pr", "show", "3", "--json"]) == ("pr show", ["3", "--json"])
    assert split(["--json", "list"]) == ("list", ["--json"])
    assert split(["help", "run"]) == ("run", ["--help"])
    assert split(["pr"]) == split(["-h"]) == split([]) == ("", [])


def test_an_unknown_command_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        split(["lits"])
    assert caught.value.mend == "did you mean `midwatch list`?"


@pytest.mark.parametrize("given", [["ID", "--from", "cmd:1", "do this"], ["--from", "cmd:1", "ID", "do this"]])
def test_the_message_of_a_fork_may_stand_behind_its_options(given: list[str]) -> None:
    options = parser_of("fork").read(given)
    assert (options.id, options.at, options.message) == ("ID", "cmd:1", "do this")
    assert parser_of("fork").read(["ID"]).message == ""


@pytest.mark.parametrize("name", ["run", "chat", "review", "acp", "exec"])
def test_a_model_is_named_alike_everywhere(name: str) -> None:
    words = [] if name == "acp" else ["words"]
    assert parser_of(name).read(["-m", "repair", *words]).model == "repair"
