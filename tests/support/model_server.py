"""A model endpoint on loopback that plays a script: Responses, Chat Completions and Messages, streaming and not.

    with serving() as server:
        base_url = server.script(fails(429), calls("shell", command="ls"), says("Done."))

A script is a list of steps. `says`, `calls` and `raw` are turns; `fails`, `spoils`, `hangs`, `garbage` and `cut_after`
are faults of the turn that follows them, and each happens `times` times (-1: always) before that turn is answered.
Which turn a request is for is read from its history, so a client that was killed and started again goes on where it
was; the last turn repeats. Scripts have paths of their own, so any number of conversations can run at once on one
server. Steps are plain dictionaries, so a script may also be a JSON file (a list of steps, or an object of name to
list):

    python -m tests.support.model_server SCRIPT.json --port 0      prints the port; base_url is http://127.0.0.1:PORT/NAME/v1
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.model_answers import chat_answer, messages_answer, responses_answer

Step = Mapping[str, Any]

WIRE_OF = {
    "/responses": "responses",
    "/chat/completions": "chat",
    "/messages": "messages",
    ":streamRawPredict": "messages",
}
"""By the end of a path."""
ANSWERS = {"responses": responses_answer, "chat": chat_answer, "messages": messages_answer}

FAULTS = {"fails", "spoils", "hangs", "garbage", "cut_after"}
CALL_ID = re.compile(rb'"(?:tool_call_id|call_id|id)":\s*"call_(\d+)_\d{6,}"')


def says(text: str, **options: Any) -> Step:
    """A turn of words. Options: `reasoning`, `stop` (end, length, refusal), `usage` (a dict, or None to send none),
    `plain` (True: one JSON document instead of a stream), `items` (native items to send first; not for Chat)."""
    return {"say": text, **options}


def calls(tool: str, /, **arguments: Any) -> Step:
    """A turn with one tool call."""
    return {"calls": [{"name": tool, "arguments": arguments}]}


def calls_all(*pairs: tuple[str, Mapping[str, Any]], **options: Any) -> Step:
    """A turn with parallel tool calls; options as in `says`, and `say`."""
    return {"calls": [{"name": name, "arguments": dict(arguments)} for name, arguments in pairs], **options}


def raw(data: str, *, status: int = 200, content_type: str = "text/event-stream") -> Step:
    """A turn that is these bytes."""
    return {"raw": data, "status": status, "content_type": content_type}


def fails(
    status: int, message: str = "", *, headers: Mapping[str, str] | None = None, times: int = 1, **more: Any
) -> Step:
    """An error answer. `more` goes into the error object (`code`, `type`)."""
    return {"fails": status, "message": message, "headers": dict(headers or {}), "times": times, "error": more}


def spoils(
    data: str, *, status: int, content_type: str, headers: Mapping[str, str] | None = None, times: int = 1
) -> Step:
    """An answer that is these bytes, before the next turn."""
    return {
        "spoils": data, "status": status, "content_type": content_type, "headers": dict(headers or {}), "times": times,
    }  # fmt: skip


def hangs(*, times: int = -1, after: int = 0) -> Step:
    """Sends the head of the answer and `after` events of it, then nothing until the client goes."""
    return {"hangs": after, "times": times}


def garbage(*, times: int = 1) -> Step:
    """A 200 with an event stream that is noise."""
    return {"garbage": True, "times": times}


def cut_after(events: int, *, times: int = 1) -> Step:
    """The next turn's answer, but the connection drops after that many events."""
    return {"cut_after": events, "times": times}


@dataclass(eq=False)
class Request:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    raw: bytes
    turn: int
    left_early: threading.Event = field(default_factory=threading.Event)
    """Set when the client closed the connection before the answer was complete."""

    @property
    def body(self) -> Any:
        """The JSON of it."""
        return json.loads(self.raw)


class ModelServer:
    """Holds the scripts and what was asked. Made by `serving`."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[Request] = []
        self.connections = 0
        """That were ever made."""
        self.latency = 0.0
        """Seconds before every answer."""
        self._scripts: dict[str, list[Step]] = {}
        self._asides: dict[str, Mapping[str, Step]] = {}
        self._fired: dict[tuple[str, int], int] = {}
        self._names = itertools.count(1)
        self._serial = itertools.count(1)
        self._ends: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Without a path."""
        return f"http://127.0.0.1:{self.port}"

    def script(self, *steps: Step, name: str = "", asides: Mapping[str, Step] | None = None) -> str:
        """Adds (or replaces) a conversation; returns its base_url. `asides` are turns outside the order: answered
        where the newest words of the request begin with that text."""
        name = name or f"script-{next(self._names)}"
        self._scripts[name] = list(steps)
        self._asides[name] = asides or {}
        return f"{self.url}/{name}/v1"

    def requests_to(self, base_url: str) -> list[Request]:
        """What was asked of one conversation, in order."""
        prefix = base_url.removeprefix(self.url) + "/"
        return [request for request in self.requests if request.path.startswith(prefix)]

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client connection, any number of requests on it."""
        task = asyncio.current_task()
        assert task is not None
        self._ends.add(task)
        self.connections += 1
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while await self._exchange(reader, writer):
                    pass
        finally:
            self._ends.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def stop(self) -> None:
        """Drops the connections that are still open."""
        for task in list(self._ends):
            task.cancel()
        await asyncio.gather(*self._ends, return_exceptions=True)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; False when the connection is done with."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1").split("\r\n")
        path = head[0].split(" ")[1]
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        name, _, rest = path.lstrip("/").partition("/")
        wire = next((wire for ending, wire in WIRE_OF.items() if rest.partition("?")[0].endswith(ending)), "")
        if name not in self._scripts or not wire:
            writer.write(_whole(404, "application/json", json.dumps({"error": {"message": f"no route {path}"}})))
            return True
        steps = self._scripts[name]
        turns = [i for i, step in enumerate(steps) if not FAULTS & step.keys()]
        asked = json.loads(body)
        turn = _turn(wire, asked, body)
        request = Request(path, headers, body, turn)
        self.requests.append(request)
        newest = _newest_words(asked["input" if wire == "responses" else "messages"])
        if aside := next((step for text, step in self._asides[name].items() if newest.startswith(text)), None):
            return await self._answer(reader, writer, request, wire, None, aside)
        here = min(turn, len(turns) - 1)
        at = turns[here] if turns else len(steps)
        after = turns[here - 1] + 1 if here > 0 else 0
        fault = self._fault(name, steps, range(after, at))
        answer = steps[at] if at < len(steps) else says("The script has no turn.")
        await asyncio.sleep(self.latency)
        return await self._answer(reader, writer, request, wire, fault, answer)

    def _fault(self, name: str, steps: Sequence[Step], places: range) -> Step | None:
        for place in places:
            times = int(steps[place].get("times", 1))
            fired = self._fired.get((name, place), 0)
            if times < 0 or fired < times:
                self._fired[name, place] = fired + 1
                return steps[place]
        return None

    async def _answer(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        request: Request,
        wire: str,
        fault: Step | None,
        answer: Step,
    ) -> bool:
        if fault is not None and "fails" in fault:
            error = {"message": fault["message"] or f"scripted failure {fault['fails']}", **fault["error"]}
            writer.write(_whole(fault["fails"], "application/json", json.dumps({"error": error}), fault["headers"]))
            await writer.drain()
            return True
        if fault is not None and "spoils" in fault:
            writer.write(_whole(fault["status"], fault["content_type"], fault["spoils"], fault["headers"]))
            await writer.drain()
            return True
        if fault is not None and "garbage" in fault:
            writer.write(
                _whole(200, "text/event-stream", "\x00\x01 this is\nno stream of events }{\n\ndata: {oops\n\n")
            )
            await writer.drain()
            return True
        if "raw" in answer:
            status, kind, pieces = answer["status"], answer["content_type"], [answer["raw"]]
        else:
            make = ANSWERS[wire]
            status, (kind, pieces) = 200, make(request.body, answer, f"{request.turn}_{next(self._serial):06d}")
        keep = int((fault or {}).get("cut_after", (fault or {}).get("hangs", len(pieces))))
        writer.write(_head(status, kind, {"Transfer-Encoding": "chunked"}))
        for piece in pieces[:keep]:
            data = piece.encode()
            writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        if fault is not None and "hangs" in fault:
            with contextlib.suppress(ConnectionError):  # a client that leaves bytes unread resets the connection
                await writer.drain()
                await reader.read(1)
            request.left_early.set()
            return False
        if fault is not None and "cut_after" in fault:
            await writer.drain()
            return False
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


def _turn(wire: str, body: Any, data: bytes) -> int:
    """How many replies the history holds: by call ids, which carry it, or by runs of what a model says."""
    seen = [int(number) + 1 for number in CALL_ID.findall(data)]
    runs = 0
    before = False
    for item in body.get("input" if wire == "responses" else "messages", []):
        kind = str(item.get("type", ""))
        ours = item.get("role") == "assistant" or kind == "reasoning" or kind.endswith("_call")
        runs += ours and not before
        before = ours
    return max([runs, *seen])


def _newest_words(items: Sequence[Mapping[str, Any]]) -> str:
    """The last text of the last item."""
    content = items[-1].get("content") if items else ""
    if isinstance(content, list):
        content = content[-1].get("text") if content else ""
    return content if isinstance(content, str) else ""


def _head(status: int, kind: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", f"Content-Type: {kind}", *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _whole(status: int, kind: str, text: str, headers: Mapping[str, str] | None = None) -> bytes:
    data = text.encode()
    return _head(status, kind, {**(headers or {}), "Content-Length": str(len(data))}) + data


@contextlib.contextmanager
def serving(port: int = 0) -> Iterator[ModelServer]:
    """A server in a thread of its own, for synchronous and asynchronous tests alike."""
    server = ModelServer()
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    end = asyncio.Event()

    async def main() -> None:
        listener = await asyncio.start_server(server.connection, "127.0.0.1", port, limit=1 << 26)
        server.port = listener.sockets[0].getsockname()[1]
        ready.set()
        await end.wait()
        listener.close()
        await server.stop()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), name="model-server", daemon=True)
    thread.start()
    if not ready.wait(20):
        raise RuntimeError("the model server did not start")
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(20)
        loop.close()


def main() -> None:
    """Serve the scripts of a JSON file until killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("script", help="a JSON file: a list of steps (its name is `script`) or {name: list of steps}")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    with open(options.script, encoding="utf-8") as file:
        scripts = json.load(file)
    with serving(options.port) as server:
        for name, steps in ({"script": scripts} if isinstance(scripts, list) else scripts).items():
            server.script(*steps, name=name)
        print(server.port, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
