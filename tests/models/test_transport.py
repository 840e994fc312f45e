"""Failures on the way to an endpoint: what is tried again, what is said when it stays."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gzip
import json
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from midwatch.domain.conversation import Delta, Reply
from midwatch.domain.errors import InputError, ModelError
from midwatch.models.base import ContextTooLong, Model
from midwatch.models.card import Card
from midwatch.models.endpoint import Endpoint, RetryPolicy
from midwatch.models.prices import Pricing
from midwatch.models.responses import ResponsesModel
from tests.support.asking import ask, followed_by, model_at, view_of
from tests.support.model_server import ModelServer, Step, calls, cut_after, fails, garbage, hangs, raw, says

WIRES = pytest.mark.parametrize("wire", ["responses", "chat", "messages"])


def answering(listener: socket.socket, answer: bytes, seen: list[bytes]) -> threading.Thread:
    """A server for one request, in a thread: keeps what it was sent up to the blank line, and answers."""

    def serve() -> None:
        with listener.accept()[0] as connection:
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(1 << 16)
            seen.append(data)
            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def document(text: str, headers: str = "", pack: Callable[[bytes], bytes] = bytes) -> bytes:
    """A whole HTTP answer that says `text` on the wire `chat`."""
    body = pack(json.dumps({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}).encode())
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def patient(base_url: str, idle_seconds: float = 60.0, **policy: float) -> Model:
    """A model whose retries wait as long as `policy` says."""
    retry = dataclasses.replace(RetryPolicy(base_seconds=0), **policy)  # type: ignore[arg-type]
    card = Card("openai/gpt-5", "gpt-5", 100_000, 1000, Pricing("openai", "gpt-5"))
    return ResponsesModel(card, Endpoint(base_url, retry=retry, idle_seconds=idle_seconds))


@WIRES
@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
async def test_a_status_that_may_pass_is_tried_again(server: ModelServer, wire: str, status: int) -> None:
    base_url = server.script(fails(status, times=2), says("Done."))
    model = model_at(base_url, wire)
    deltas, reply = await ask(model)
    await model.close()
    assert reply.text == "Done."
    notices = [delta.text for delta in deltas if delta.kind == "notice"]
    assert len(notices) == 2
    assert f"answered {status}" in notices[0]
    assert "trying again in 0 s" in notices[0]
    bodies = [request.raw for request in server.requests_to(base_url)]
    assert len(bodies) == 3
    assert len(set(bodies)) == 1


@WIRES
@pytest.mark.parametrize("fault", [cut_after(2), cut_after(0), garbage(), raw('data: {"half\n\n')], ids=str)
async def test_a_stream_that_breaks_is_asked_for_again(server: ModelServer, wire: str, fault: Step) -> None:
    if "raw" in fault:
        base_url = server.script(fault)
        model = model_at(base_url, wire)
        with pytest.raises(ModelError, match=r"cannot be read.*\(5 attempts\)"):
            await ask(model)
    else:
        base_url = server.script(fault, calls("shell", command="ls"))
        model = model_at(base_url, wire)
        _, reply = await ask(model)
        assert [call.name for call in reply.calls] == ["shell"]
        assert len(server.requests_to(base_url)) == 2
    await model.close()


@WIRES
async def test_a_stream_that_always_stops_half_way_is_given_up_with_its_reason(server: ModelServer, wire: str) -> None:
    base_url = server.script(cut_after(2, times=-1), says("Done."))
    model = model_at(base_url, wire)
    with pytest.raises(ModelError, match=rf"connection to {base_url} broke.*\(5 attempts\)") as raised:
        await ask(model)
    await model.close()
    assert raised.value.retryable
    assert "midwatch resume" in raised.value.mend


async def test_a_server_that_always_fails_is_given_up_after_the_attempts(server: ModelServer) -> None:
    base_url = server.script(fails(429, "Slow down", times=-1))
    model = patient(base_url, attempts=3)
    with pytest.raises(ModelError, match=r"429 \(too many requests\): Slow down \(3 attempts\)"):
        await ask(model)
    await model.close()
    assert len(server.requests_to(base_url)) == 3


async def test_the_wait_that_a_server_asks_for_is_kept_and_shown(server: ModelServer) -> None:
    base_url = server.script(fails(429, headers={"Retry-After": "1"}), says("Done."))
    model = patient(base_url, base_seconds=60.0)
    deltas, reply = await ask(model)
    await model.close()
    assert reply.text == "Done."
    assert "trying again in 1 s" in deltas[0].text


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_a_wait_that_is_too_long_is_not_kept_but_told(server: ModelServer, form: str) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    value = "7200" if form == "seconds" else later
    base_url = server.script(fails(429, "Daily limit", headers={"Retry-After": value}, times=-1))
    model = patient(base_url)
    with pytest.raises(ModelError, match=r"Daily limit; it asks to wait 7[12]\d\d s") as raised:
        await ask(model)
    await model.close()
    assert raised.value.retryable
    assert len(server.requests_to(base_url)) == 1


async def test_a_silent_server_is_asked_once_more_and_then_given_up(server: ModelServer) -> None:
    base_url = server.script(hangs(after=2), says("Done."))
    model = patient(base_url, idle_seconds=0.2)
    with pytest.raises(ModelError, match=r"was silent for .* \(2 attempts\)") as raised:
        await ask(model)
    await model.close()
    assert "idle_seconds" in raised.value.mend


@WIRES
async def test_the_requests_of_a_conversation_use_one_connection(server: ModelServer, wire: str) -> None:
    base_url = server.script(calls("shell", command="ls"), calls("shell", command="pwd"), says("Done."))
    before = server.connections
    model = model_at(base_url, wire)
    view = view_of()
    for _ in range(3):
        _, reply = await ask(model, view)
        view = followed_by(view, reply)
    await model.close()
    assert server.connections == before + 1


@pytest.mark.parametrize("ping", [b": alive\n\n", b'data: {"type": "ping"}\n\n'])
async def test_a_stream_of_nothing_but_signs_of_life_is_given_up(ping: bytes) -> None:
    left = threading.Event()

    def serve(listener: socket.socket) -> None:
        for _ in range(2):  # it is asked once more, like a silent one
            with listener.accept()[0] as connection:
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
                with contextlib.suppress(ConnectionError):
                    while not left.wait(0.01):
                        connection.sendall(ping)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        model = patient(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", idle_seconds=0.7)
        with pytest.raises(ModelError, match=r"sent nothing but signs of life for .* \(2 attempts\)"):
            await ask(model)
        await model.close()
        left.set()
        thread.join()


@WIRES
async def test_closing_early_closes_the_connection(server: ModelServer, wire: str) -> None:
    base_url = server.script(hangs(after=4), says("A long story."))
    model = model_at(base_url, wire)
    stream = model.reply(view_of(), ())
    assert isinstance(await anext(stream), Delta)
    await stream.aclose()
    (request,) = server.requests_to(base_url)
    assert await asyncio.to_thread(request.left_early.wait, 20)
    await model.close()


@WIRES
async def test_cancelling_closes_the_connection(server: ModelServer, wire: str) -> None:
    base_url = server.script(hangs(), says("Done."))
    model = model_at(base_url, wire)
    asking = asyncio.create_task(ask(model))
    while not server.requests_to(base_url):
        await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await asyncio.to_thread(server.requests_to(base_url)[0].left_early.wait, 20)
    await model.close()


@WIRES
async def test_a_refused_key_is_one_line_that_names_its_variable_and_not_the_key(
    server: ModelServer, wire: str
) -> None:
    base_url = server.script(fails(401, "Incorrect API key provided: sk-secret-123456", times=-1))
    model = model_at(base_url, wire, OPENAI_API_KEY="sk-secret-123456")
    with pytest.raises(ModelError) as raised:
        await ask(model)
    await model.close()
    assert raised.value.message == f"the key in OPENAI_API_KEY was refused by {base_url}"
    assert "sk-secret" not in raised.value.message + raised.value.mend + repr(model.__dict__)
    assert len(server.requests_to(base_url)) == 1


async def test_a_key_without_the_right_keeps_the_servers_reason_but_not_the_key(server: ModelServer) -> None:
    base_url = server.script(fails(403, "key sk-secret-123456 has no access to gpt-5", times=-1))
    model = model_at(base_url, "responses", OPENAI_API_KEY="sk-secret-123456")
    with pytest.raises(ModelError, match=r"may not use gpt-5 .*: key \[hidden\] has no access"):
        await ask(model)
    await model.close()


async def test_a_server_that_wants_a_key_where_none_is_set_names_the_variable(server: ModelServer) -> None:
    model = model_at(server.script(fails(401, times=-1)), "chat", "vllm/qwen")
    with pytest.raises(ModelError, match="wants a key and none is set") as raised:
        await ask(model)
    await model.close()
    assert "VLLM_API_KEY" in raised.value.mend


@WIRES
async def test_a_wrong_base_url_and_an_unknown_model_are_both_named(server: ModelServer, wire: str) -> None:
    model = model_at(server.url + "/nothing/v1", wire)
    with pytest.raises(
        ModelError, match=r"answered 404: no model 'gpt-5' there, or nothing at that base_url"
    ) as raised:
        await ask(model)
    await model.close()
    assert "wire = " in raised.value.mend
    base_url = server.script(fails(404, "The model `gpt-5` does not exist", code="model_not_found", times=-1))
    model = model_at(base_url, wire)
    with pytest.raises(ModelError, match=r"has no model 'gpt-5'"):
        await ask(model)
    await model.close()


async def test_a_bad_request_carries_the_servers_reason(server: ModelServer) -> None:
    base_url = server.script(fails(400, "Unsupported parameter: 'store'", times=-1))
    model = model_at(base_url, "responses")
    with pytest.raises(ModelError, match="answered 400: Unsupported parameter: 'store'") as raised:
        await ask(model)
    await model.close()
    assert not raised.value.retryable
    assert len(server.requests_to(base_url)) == 1


@pytest.mark.parametrize(
    "error",
    [
        {"message": "too big", "code": "context_length_exceeded"},
        {"message": "This model's maximum context length is 4096 tokens. However, you requested 9000"},
        {"message": "the request exceeds the available context size, try increasing it"},
    ],
)
async def test_a_conversation_that_is_too_long_is_recognised(server: ModelServer, error: dict[str, str]) -> None:
    base_url = server.script(fails(400, **error, times=-1))  # type: ignore[arg-type]
    model = model_at(base_url, "chat")
    with pytest.raises(ContextTooLong):
        await ask(model)
    await model.close()


async def test_a_spent_account_is_not_tried_again(server: ModelServer) -> None:
    base_url = server.script(fails(429, "You exceeded your quota", code="insufficient_quota", times=-1))
    model = model_at(base_url, "chat")
    with pytest.raises(ModelError, match="no credit left"):
        await ask(model)
    await model.close()
    assert len(server.requests_to(base_url)) == 1


async def test_a_redirect_is_told_and_not_followed_with_the_key(server: ModelServer) -> None:
    target = server.script(says("Stolen."))
    base_url = server.script(fails(307, headers={"Location": target + "/responses"}, times=-1))
    model = model_at(base_url, "responses", OPENAI_API_KEY="sk-secret-123456")
    with pytest.raises(ModelError, match=f"redirects to {target}/responses"):
        await ask(model)
    await model.close()
    assert server.requests_to(target) == []


async def test_an_endpoint_that_is_down_is_named_with_the_reason() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        model = model_at(base_url, "chat")
        with pytest.raises(ModelError) as raised:
            await ask(model)
        await model.close()
    assert raised.value.message == f"cannot reach {base_url}: connection refused (3 attempts)"
    assert "is the server running?" in raised.value.mend
    assert raised.value.retryable


async def test_a_user_and_password_in_the_address_are_not_shown() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        model = model_at(f"http://me:hunter22@127.0.0.1:{closed.getsockname()[1]}/v1", "chat")
        with pytest.raises(ModelError) as raised:
            await ask(model)
        await model.close()
    assert "hunter22" not in raised.value.message + raised.value.mend


async def test_a_server_without_tls_behind_https_is_told() -> None:
    def answer() -> None:
        with listener.accept()[0] as connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        model = model_at(f"https://127.0.0.1:{listener.getsockname()[1]}/v1", "chat")
        with pytest.raises(ModelError, match="does not speak TLS"):
            await ask(model)
        await model.close()
        thread.join()


async def test_a_proxy_of_the_environment_is_used_for_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = answering(listener, document("Done."), seen)
        monkeypatch.setenv("HTTP_PROXY", f"http://me:pass@127.0.0.1:{listener.getsockname()[1]}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("http_proxy", raising=False)
        model = model_at("http://models.invalid/v1", "chat", OPENAI_API_KEY="k")
        _, reply = await ask(model)
        await model.close()
        thread.join()
    assert reply.text == "Done."
    assert seen[0].startswith(b"POST http://models.invalid/v1/chat/completions HTTP/1.1\r\n")
    assert b"proxy-authorization: basic bwu6cgfzcw==" in seen[0].lower()


async def test_a_user_and_password_in_the_address_authenticate() -> None:
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = answering(listener, document("Done."), seen)
        model = model_at(f"http://me:p%40ss@127.0.0.1:{listener.getsockname()[1]}/v1", "chat")
        await ask(model)
        await model.close()
        thread.join()
    assert b"Authorization: Basic bWU6cEBzcw==" in seen[0]


async def test_a_compressed_answer_is_unpacked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = answering(listener, document("Done.", "Content-Encoding: gzip\r\n", gzip.compress), [])
        model = model_at(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", "chat")
        _, reply = await ask(model)
        await model.close()
        thread.join()
    assert reply.text == "Done."


async def test_a_proxy_that_cannot_be_used_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    model = model_at("https://example.invalid/v1", "chat", OPENAI_API_KEY="k")
    with pytest.raises(InputError, match="proxy"):
        await ask(model)
    await model.close()


async def test_a_proxy_of_the_environment_is_not_used_for_this_machine(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    model = model_at(server.script(says("Done.")), "chat")
    _, reply = await ask(model)
    await model.close()
    assert reply.text == "Done."


async def test_two_conversations_may_use_one_model_at_once(server: ModelServer) -> None:
    model = model_at(server.script(says("Done.", reasoning="Hm.")), "responses")
    replies = await asyncio.gather(*(ask(model) for _ in range(8)))
    await model.close()
    assert [reply.text for _, reply in replies] == ["Done."] * 8


async def test_a_closed_model_may_be_used_again(server: ModelServer) -> None:
    model = model_at(server.script(says("Done.")), "responses")
    await ask(model)
    await model.close()
    await model.close()
    _, reply = await ask(model)
    await model.close()
    assert isinstance(reply, Reply)


async def test_an_error_page_is_not_quoted(server: ModelServer) -> None:
    page = raw("<html><body>Bad gateway</body></html>", status=502, content_type="text/html")
    model = model_at(server.script(page), "chat")
    with pytest.raises(ModelError, match=r"answered 502 \(server error\) \(5 attempts\)"):
        await ask(model)
    await model.close()


async def test_a_key_never_reaches_a_stream_error(server: ModelServer) -> None:
    event = {"type": "error", "error": {"code": "invalid_key", "message": "bad sk-secret-123456"}}
    model = model_at(
        server.script(raw(f"data: {json.dumps(event)}\n\n")), "responses", OPENAI_API_KEY="sk-secret-123456"
    )
    with pytest.raises(ModelError, match=r"bad \[hidden\]"):
        await ask(model)
    await model.close()


async def test_a_host_that_nobody_knows_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)  # a real look-up would leave this machine
    endpoint = Endpoint("http://models.invalid/v1", retry=RetryPolicy(base_seconds=0))
    model = ResponsesModel(Card("x/y", "y", 1000, 100, Pricing("x", "y")), endpoint)
    with pytest.raises(ModelError, match=r"models\.invalid/v1: the host's name is not known \(3 attempts\)"):
        await ask(model)
    await model.close()


async def test_an_answer_that_is_no_http_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = answering(listener, b"SSH-2.0-OpenSSH_9.2\r\n\r\n", [])
        endpoint = Endpoint(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", retry=RetryPolicy(attempts=1))
        model = ResponsesModel(Card("x/y", "y", 1000, 100, Pricing("x", "y")), endpoint)
        with pytest.raises(ModelError, match=r"the connection to .* broke"):
            await ask(model)
        await model.close()
        thread.join()
