"""One line for each happening, for people or for programs."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from midwatch.telemetry.config import TelemetrySettings
from midwatch.telemetry.logs import configure

log = logging.getLogger("midwatch.worker")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """What is configured for the whole process is as it was afterwards."""
    names = ("", "midwatch", "uvicorn", "uvicorn.error", "uvicorn.access", "dbos")
    before = [(logger := logging.getLogger(n), logger.handlers[:], logger.level, logger.propagate) for n in names]
    yield
    for logger, handlers, level, propagate in before:
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


def lines(settings: TelemetrySettings, *happen: object) -> list[str]:
    stream = io.StringIO()
    configure(settings, stream)
    for one in happen:
        assert callable(one)
        one()
    return stream.getvalue().splitlines()


def test_a_happening_is_one_object_with_its_ids() -> None:
    (line,) = lines(
        TelemetrySettings(logs="json"), lambda: log.info("turn began", extra={"turn": "t:1", "attempt": "t.1"})
    )
    value = json.loads(line)
    assert value.pop("time").endswith("Z")
    assert value == {
        "level": "info", "logger": "midwatch.worker", "message": "turn began", "turn": "t:1", "attempt": "t.1",
    }  # fmt: skip


def test_nothing_that_is_logged_can_look_like_another_line_or_field() -> None:
    evil = "x\n2026 info midwatch: turn ended level=error \x1b[2J\u202e"
    for form in ("text", "json"):
        got = lines(TelemetrySettings(logs=form), lambda: log.warning(evil, extra={"error": evil, "turn": ""}))
        assert len(got) == 1
        assert got[0].isprintable()
    (text,) = lines(TelemetrySettings(), lambda: log.warning("ended", extra={"error": 'a b="c"', "turn": "t:1"}))
    assert text.endswith('warning midwatch.worker: ended error="a b=\\"c\\"" turn=t:1')


def test_the_level_is_the_settings() -> None:
    happen = (lambda: log.debug("a"), lambda: log.info("b"), lambda: log.error("c"))
    assert len(lines(TelemetrySettings(level="debug"), *happen)) == 3
    assert len(lines(TelemetrySettings(), *happen)) == 2
    assert len(lines(TelemetrySettings(level="error"), *happen)) == 1


def test_what_the_server_library_logs_follows_and_queries_are_left_out() -> None:
    access = logging.getLogger("uvicorn.access")
    access.addHandler(logging.StreamHandler())
    access.propagate = False
    arguments = ("127.0.0.1:5", "GET", "/api/v1/tasks?token=secret", "1.1", 200)
    (line,) = lines(TelemetrySettings(logs="json"), lambda: access.info('%s - "%s %s HTTP/%s" %d', *arguments))
    value = json.loads(line)
    assert (value["method"], value["path"], value["status"]) == ("GET", "/api/v1/tasks", 200)
    assert "secret" not in line


def test_an_exception_is_in_the_same_object() -> None:
    def happen() -> None:
        try:
            raise ValueError("broken")
        except ValueError:
            log.exception("turn failed", extra={"turn": "t:1"})

    (line,) = lines(TelemetrySettings(logs="json"), happen)
    assert "ValueError: broken" in json.loads(line)["exception"]
    text = lines(TelemetrySettings(), happen)
    assert all(part.startswith("  ") for part in text[1:])
    assert text[-1] == "  ValueError: broken"
