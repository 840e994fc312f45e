"""What third parties write, made to fit: messages, names, schemas."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.tools.mcp.inbox import BACKLOG_BYTES, MESSAGE_BYTES, Inbox
from midwatch.tools.mcp.offers import NAME_CAP, Listed, offers


async def _lines(inbox: Inbox) -> list[bytes]:
    return [line async for line in inbox.lines()]


@given(st.lists(st.binary(max_size=20)), st.integers(1, 7))
def test_messages_are_whole_however_they_come_in(lines: list[bytes], step: int) -> None:
    lines = [line.replace(b"\n", b"") for line in lines]
    data = b"".join(line + b"\n" for line in lines)

    async def run() -> list[bytes]:
        inbox = Inbox()
        for at in range(0, len(data), step):
            inbox.feed(data[at : at + step])
        inbox.end()
        return await _lines(inbox)

    assert asyncio.run(run()) == [line for line in lines if line.strip()]


async def test_a_line_without_end_and_a_backlog_without_end_are_no_longer_taken() -> None:
    long, many = Inbox(), Inbox()
    for _ in range(MESSAGE_BYTES // 65536 + 2):
        long.feed(b"x" * 65536)
    assert (long.over, "longer than 8 MiB" in long.fault) == (True, True)
    assert await _lines(long) == []
    for _ in range(BACKLOG_BYTES // 65536 + 2):
        many.feed(b"x" * 65535 + b"\n")
    assert (many.over, "faster than" in many.fault) == (True, True)
    assert len(await _lines(many)) <= BACKLOG_BYTES // 65535 + 1


async def test_what_is_read_makes_room() -> None:
    inbox = Inbox()
    reader = asyncio.create_task(_lines(inbox))
    for _ in range(3 * BACKLOG_BYTES // 65536):
        inbox.feed(b"x" * 65535 + b"\n")
        await asyncio.sleep(0)
    inbox.end()
    assert len(await reader) == 3 * BACKLOG_BYTES // 65536


def _listed(name: str, schema: Any = None) -> Listed:
    return Listed(name, "words", {} if schema is None else schema, False, False)


def test_long_and_colliding_names_stay_apart_and_within_what_providers_take() -> None:
    made = offers("server", [_listed("a.b"), _listed("a/b"), _listed("x" * 100), _listed("x" * 101), _listed("a_b")])
    names = [tool.name for tool in made]
    assert len(set(names)) == 5
    assert max(map(len, names)) == NAME_CAP
    assert offers("server", reversed([_listed("a.b"), _listed("a/b")])) == offers(
        "server", [_listed("a.b"), _listed("a/b")]
    )


@given(st.lists(st.text(min_size=1, max_size=80), unique=True, max_size=20))
def test_names_are_what_providers_take_whatever_a_server_calls_its_tools(given_names: list[str]) -> None:
    made = offers("server", [_listed(name) for name in given_names])
    names = [tool.name for tool in made]
    assert len(set(names)) == len(given_names)
    for name in names:
        assert len(name) <= NAME_CAP
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


@pytest.mark.parametrize(
    "schema",
    [{"type": "string"}, {"type": "object", "properties": []}, {"properties": {"x": {"default": float("nan")}}}],
)
def test_a_schema_that_no_provider_takes_becomes_any_object_and_says_so(schema: Any) -> None:
    (tool,) = offers("server", [_listed("a", schema)])
    assert tool.parameters == {"type": "object", "properties": {}}
    assert "cannot be shown" in tool.description


def test_a_schema_stays_as_it_is_but_for_what_says_its_dialect() -> None:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "properties": {"x": {"type": "integer"}}}
    (tool,) = offers("server", [_listed("a", schema)])
    assert tool.parameters == {"type": "object", "properties": {"x": {"type": "integer"}}}
