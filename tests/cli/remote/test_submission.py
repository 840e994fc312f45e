"""What is asked of a server: when, for which repository, with which options."""

from __future__ import annotations

import time
from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from midwatch.cli.commands import run, submit
from midwatch.cli.program import parser_of
from midwatch.cli.remote import repositories, submission
from midwatch.domain.errors import InputError
from midwatch.server.asked import TaskAsked
from tests.support.pictures import png

PNG = png(1, 1)


def body(*given: str) -> dict[str, object]:
    return {**submission.value(parser_of("submit").read(given)), "repository": "calc"}


def test_submit_takes_every_option_of_run() -> None:
    def options(name: str) -> set[str]:
        return {option for action in parser_of(name)._actions for option in action.option_strings}

    assert options("run") < options("submit")
    assert (run.USAGE, submit.USAGE) != ("", "")


def test_every_option_arrives_as_a_field_that_the_server_takes() -> None:
    given = body(
        "Mend it", "--base", "main", "-m", "openai/x", "--check", "true", "--attempts", "2", "--select", "diff",
        "--mode", "read-only",
        "--sandbox", "bubblewrap", "--mcp", "none", "--include-uncommitted", "--trust-project", "--trust-recipe",
        "--max-turns", "3", "--max-cost", "0.50", "--max-tokens", "9", "--max-time", "2m", "--priority", "batch",
        "--after", "90", "--labels", "gpu,arch=arm64", "--context", __file__,
    )  # fmt: skip
    assert set(given) == set(submission.FIELDS) - {"begin_at", "images"}
    assert TaskAsked.model_validate(given).model_dump(exclude_unset=True) == given
    assert given["limits"] == {"turns": 3, "cost_microusd": 500_000, "tokens": 9, "seconds": 120}
    assert set(TaskAsked.model_fields) == set(submission.FIELDS)


def test_pictures_are_sent_whole_and_nothing_else_is_taken_for_one(tmp_path: Path) -> None:
    picture, words = tmp_path / "a.txt", tmp_path / "b.png"
    picture.write_bytes(PNG)
    words.write_text("<svg/>")
    given = body("Mend it", "-i", str(picture), "-i", str(picture))
    assert [one.data for one in TaskAsked.model_validate(given).images] == [PNG, PNG]
    for wrong in (words, tmp_path / "none.png", tmp_path):
        with pytest.raises(InputError):
            body("Mend it", "-i", str(wrong))
    with pytest.raises(InputError, match="9 pictures are too many"):
        body("Mend it", *["-i", str(picture)] * 9)


def test_what_was_not_asked_for_is_left_to_the_server() -> None:
    asked = {"prompt": "Mend it", "repository": "calc", "attempts": 1, "commands": True, "priority": "interactive"}
    assert body("Mend it") == asked
    with pytest.raises(InputError, match="the prompt is empty"):
        body(" ")


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("15m", 900), ("2h", 7200), ("2026-01-01T00:00Z", 0), ("2020-01-01", 0)]
)
def test_a_delay_is_a_duration_or_a_time(text: str, seconds: int) -> None:
    assert submission.delay(text) == seconds


def test_a_time_of_day_is_the_next_one() -> None:
    now = datetime(2026, 6, 15, 12, 0, tzinfo=UTC).astimezone()
    assert submission.delay((now + timedelta(minutes=90)).strftime("%H:%M"), now) == 5400
    assert submission.delay((now - timedelta(minutes=90)).strftime("%H:%M"), now) == 86400 - 5400
    assert submission.delay((now + timedelta(days=2)).isoformat(), now) == 2 * 86400


def test_a_time_to_begin_arrives_in_utc_and_one_that_has_passed_is_left_out() -> None:
    now = datetime(2026, 6, 15, 12, 0, tzinfo=UTC).astimezone()
    assert submission.moment((now + timedelta(minutes=90)).strftime("%H:%M"), now) == "2026-06-15T13:30:00Z"
    assert submission.moment("2026-06-16T02:00:00+02:00", now) == "2026-06-16T00:00:00Z"
    assert submission.moment("2026-06-14T02:00:00Z", now) == ""
    then = (datetime.now(UTC) + timedelta(days=2)).isoformat(timespec="seconds").replace("+00:00", "Z")
    given = body("Mend it", "--at", then)
    assert given["begin_at"] == then
    assert TaskAsked.model_validate(given).begins(time.time()) > 0
    for wrong in (("--at", "2h"), ("--at", "9999-01-01"), ("--at", then, "--after", "2h"), ("-l", "g pu")):
        with pytest.raises(InputError):
            body("Mend it", *wrong)


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2026-13-01", "-5", "9999-01-01", "9000h"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        submission.delay(text)


@pytest.mark.parametrize(
    "line",
    ["", "5", "{}", '{"prompt": ""}', '{"prompt": "a", "after": "18:30"}', '{"prompt": "a", "x": 1}',
     '{"prompt": "a", "after": "1h", "delay_seconds": 1}', '{"prompt": "a", "after": "1h", "begin_at": "x"}'],
)  # fmt: skip
def test_a_line_that_is_no_task_is_refused(line: str) -> None:
    with pytest.raises(InputError):
        submission.of_line(line.encode())


@pytest.mark.parametrize(
    "address",
    ["https://host.example/a/b.git", "https://user@Host.example/a/b", "git@host.example:a/b.git",
     "ssh://git@host.example:22/a/b/", "host.example:a/b"],
)  # fmt: skip
def test_ways_of_writing_an_address_compare_equal(address: str) -> None:
    assert repositories.form(address) == "host.example/a/b"


def test_folders_compare_as_they_are() -> None:
    assert repositories.form("/srv/a.git/") == repositories.form("file:///srv/a.git") == "/srv/a.git"
