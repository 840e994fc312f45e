"""What goes wrong on the way to a server, and what of it a person is told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from midwatch.cli.remote import stream
from midwatch.cli.remote.address import Address
from midwatch.cli.remote.client import Client
from midwatch.cli.remote.credentials import Token
from midwatch.cli.remote.stream import Decoder, Sent, follow
from midwatch.domain.errors import InputError, OperationError
from tests.cli.remote.conftest import Shell
from tests.cli.remote.faulty import Faulty, answers, faulty, page, streams

SECRET = "mw_do-not-show-this"
TASK = {"id": "0123456789ab", "status": "waiting"}


@pytest.fixture
async def server() -> AsyncIterator[Faulty]:
    async with faulty() as found:
        yield found


@pytest.fixture
async def client(server: Faulty) -> AsyncIterator[Client]:
    made = Client(Address(server.url), Token(SECRET, "a test"))
    yield made
    await made.close()


def message(seq: int, name: str = "event") -> str:
    return f"id: {seq}\nevent: {name}\ndata: {{}}\n\n"


async def test_a_stream_that_breaks_off_is_taken_up_after_the_last_whole_event(server: Faulty, client: Client) -> None:
    server.script = [
        streams("retry: 1000\n\n", message(1), message(2), "id: 3\nevent: event\ndata: {"),
        answers(503, {"detail": "being replaced"}, **{"Retry-After": "0"}),
        streams(message(3), ": still here\n\n"),
        streams(whole=True),
        streams(message(4), message(4, "end")),
    ]
    told: list[str] = []
    found = [sent async for sent in follow(client, "attempts/0123456789ab.1/events", told.append)]
    assert [(sent.id, sent.name) for sent in found] == [*((str(n), "event") for n in (1, 2, 3, 4)), ("4", "end")]
    assert [asked.headers.get("last-event-id") for asked in server.asked] == [None, "2", "2", "3", "3"]
    assert any("being replaced" in text for text in told)
    assert any("connected again" in text for text in told)
    assert SECRET not in "".join(told)


async def test_a_stream_that_is_refused_is_not_asked_for_again(server: Faulty, client: Client) -> None:
    server.script = [streams(message(1)), answers(404, {"detail": "there is no attempt"})]
    with pytest.raises(InputError, match="there is no attempt"):
        [sent async for sent in follow(client, "attempts/0123456789ab.1/events", lambda _: None)]
    assert len(server.asked) == 2


async def test_a_post_whose_answer_is_lost_is_sent_again_with_the_same_key(server: Faulty, client: Client) -> None:
    under_way = answers(409, {"detail": "the same request is being worked on"}, **{"Retry-After": "0"})
    server.script = [
        b"",
        b"HTTP/1.1 201 Created\r\n",
        under_way,
        answers(201, TASK, **{"Idempotency-Replayed": "true"}),
    ]
    posted = await client.post("tasks", {"prompt": "x"})
    assert (posted.value, posted.known) == (TASK, True)
    assert len({(asked.headers["idempotency-key"], asked.body) for asked in server.asked}) == 1
    assert len(server.asked) == 4


async def test_a_server_that_asks_to_wait_is_waited_for(server: Faulty, client: Client) -> None:
    server.script = [answers(429, {"detail": "too many requests"}, **{"Retry-After": "0"}), answers(200, {"a": 1})]
    assert await client.get("me") == {"a": 1}
    server.script = [answers(429, {"detail": "too many requests"}, **{"Retry-After": "9999"})]
    with pytest.raises(OperationError, match="too many requests"):
        await client.get("me")


@pytest.mark.parametrize(
    ("answer", "code", "text"),
    [
        (answers(500, {"detail": "this is a bug in Midwatch", "mend": "the server's log has more"}), 1, "a bug"),
        (answers(422, {"detail": "a", "faults": [{"place": "body.x", "text": "b"}, {"place": "y", "text": "c"}]}), 2,
         "body.x: b"),
        (answers(403, {"detail": "this needs the role member"}), 2, "ask an administrator"),
        (answers(409, {"detail": "it is merged", "mend": "fork it"}), 2, "fork it"),
        (page("<h1>Not here</h1>", 404), 2, "does not answer as a Midwatch server does"),
        (page("<h1>Go on</h1>", 302), 2, "sends its callers elsewhere"),
        (answers(200, {"tasks": [{"id": "1"}], "next": None}), 1, "does not answer as a Midwatch server does"),
        (answers(200, ["tasks"]), 1, "does not answer as a Midwatch server does"),
        (page("<h1>Hello</h1>", 200), 1, "does not answer as a Midwatch server does"),
        (answers(400, {"detail": f"\x1b[31m no good: {SECRET}"}), 2, "no good: [hidden]"),
        (answers(401, {"detail": f"{SECRET} is not known"}), 2, "does not take the token of MIDWATCH_TOKEN"),
        (answers(418, ["odd"]), 2, "does not answer as a Midwatch server does: 418"),
    ],
)  # fmt: skip
async def test_a_refusal_says_what_is_wrong_and_whose_turn_it_is(
    server: Faulty, shell: Shell, answer: bytes, code: int, text: str
) -> None:
    server.script = [answer]
    for more in ((), ("--json",)):
        ran = await shell("list", *more, MIDWATCH_SERVER=server.url, MIDWATCH_TOKEN=SECRET)
        assert (ran.code, text in ran.err) == (code, True), ran.err
        assert SECRET not in ran.out + ran.err
        assert "\x1b" not in ran.out + ran.err
    assert json.loads(ran.out)["exit_code"] == code


async def test_a_server_that_is_not_there_is_said_after_a_few_tries(shell: Shell, tmp_path: Path) -> None:
    async with faulty() as gone:
        pass
    ran = await shell("list", "--server", gone.url)
    assert ran.code == 1
    assert f"cannot reach {gone.url}: connection refused" in ran.err.splitlines()[-2]


async def test_a_submission_that_may_have_come_through_says_how_to_send_it_again(server: Faulty, shell: Shell) -> None:
    repositories = answers(200, {"repositories": [{"id": "r1", "name": "calc", "location": "/calc"}], "next": None})
    server.script = [repositories, answers(500, {"detail": "a bug"})]
    ran = await shell("submit", "x", "--repo", "calc", "--key", "k1", "--server", server.url)
    assert (ran.code, "--key k1" in ran.err) == (1, True)
    assert server.asked[-1].headers["idempotency-key"] == "k1"


def test_messages_are_whole_however_the_bytes_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    data = "\r\n".join(["id: 7", "event: event", "data: a", "data: ä", "", "data: b", "", ": c", ""]).encode()
    for size in (1, 2, 3, len(data)):
        decoder = Decoder()
        found = [sent for at in range(0, len(data), size) for sent in decoder.feed(data[at : at + size])]
        assert found == [Sent("7", "event", "a\nä"), Sent("7", "message", "b")]
        assert decoder.last == "7"
    monkeypatch.setattr(stream, "LARGEST", 100)
    with pytest.raises(ValueError, match="in one message"):
        Decoder().feed(b"data: " + b"x" * 100)
