"""A tool of an MCP server as a tool of the attempt."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

from midwatch.domain.conversation import ToolSpec
from midwatch.domain.interventions import ApprovalGiven, OfferedTool
from midwatch.tools import arguments as given
from midwatch.tools.approval import Question, decided
from midwatch.tools.base import Bench, Tool, ToolResult
from midwatch.tools.cut import harmless, one_line
from midwatch.tools.mcp.connection import CallFailed, Connection
from midwatch.tools.mcp.results import DETAIL_CAP, marked, shape

_SUBJECT = 4000
_WORDS = 2000


class McpTool(Tool):
    """One tool of one server."""

    def __init__(self, offered: OfferedTool, connection: Connection, *, contained: bool, named: bool) -> None:
        """`contained`: all that a call does is undone with the box and the workspace. `named`: the person who made the
        task has named this tool."""
        self.spec = ToolSpec(offered.name, offered.description, offered.parameters)
        self._offered = offered
        self._connection = connection
        self._contained = contained
        self._named = named

    @property
    def _title(self) -> str:
        return f"{self._connection.name} · {self._name}"

    @property
    def _name(self) -> str:
        """As its server calls it."""
        return harmless(self._offered.tool, newlines=False)

    def summary(self, arguments: str) -> str:
        """Server, tool and the arguments."""
        return one_line(f"{self.spec.name}: {' '.join(arguments.split())}")

    def reads_only(self, arguments: str) -> bool:
        """What its server says, where the settings let that count."""
        return self._offered.reads_only and self._connection.settings.read_only_calls_in_parallel

    def repeatable(self, arguments: str) -> bool:
        """Where nothing outlives the box, always; else what its server says."""
        return self._contained or self._offered.repeatable

    async def run(self, arguments: str, bench: Bench) -> ToolResult:
        """Ask where a person must decide, call, and shape what came of it."""
        try:
            values = given.read(arguments)
            subject = f"{self._title} {json.dumps(values, ensure_ascii=False, allow_nan=False)}"
            subject.encode()  # half a surrogate pair can be sent nowhere
        except (given.BadArguments, ValueError, RecursionError) as error:
            return self._refused({}, f"{self.spec.name}: {error}. Nothing was called.", "bad arguments")
        answered: tuple[ApprovalGiven, ...] = ()
        if reason := self._question(bench.mode):
            question = Question(bench.call_id, self.spec.name, _asked(subject), reason)
            answer = await bench.approver.ask(question)
            answered = (decided(question, answer),)
            if not answer.allowed:
                why = f" ({answer.reason})" if answer.reason else ""
                output = f"{self._title} was not called: {reason}, and the answer was no{why}."
                output += " Do without it, or say in the end what is missing."
                return self._refused(values, output, "refused", answered)
        return await self._call(values, bench, answered)

    def _question(self, mode: str) -> str:
        """Why a person must decide; empty when nobody need."""
        if self._offered.reads_only:
            return ""
        if mode == "read-only":
            return "it may change something, and this runs in the mode read-only"
        settings = self._connection.settings
        allowed = {"*", self._offered.tool} & set(settings.allow)
        if settings.place == "box" or allowed or self._named:
            return ""
        return "it may change something outside the sandbox"

    async def _call(self, values: dict[str, Any], bench: Bench, events: tuple[ApprovalGiven, ...]) -> ToolResult:
        seconds = max(0.1, min(self._connection.settings.call_seconds, bench.seconds_left()))
        began = time.monotonic()
        try:
            result = await self._connection.call(self._offered.tool, values, seconds)
        except CallFailed as failed:
            output = harmless(str(failed))
            if words := harmless(failed.words[:_WORDS]):
                output += "\n" + marked(self._connection.name, self._name, words)
            return self._refused(values, output, failed.ended, events, _since(began))
        shaped = shape(result, bench.blobs)
        bench.output(shaped.text.encode() + b"\n")
        status = "It reports an error:\n" if result.is_error else ""
        return ToolResult(
            ok=not result.is_error,
            output=marked(self._connection.name, self._name, status + shaped.text),
            ended="error" if result.is_error else "done",
            duration_ms=_since(began),
            digest=shaped.blob.digest,
            bytes=shaped.blob.bytes,
            lines=shaped.blob.lines,
            truncated=shaped.truncated,
            images=shaped.images,
            detail=self._detail(
                values,
                content=list(shaped.content),
                structured=shaped.structured,
                error=shaped.text[:DETAIL_CAP] if result.is_error else None,
            ),
            events=events,
        )

    def _refused(
        self,
        values: dict[str, Any],
        output: str,
        ended: str,
        events: tuple[ApprovalGiven, ...] = (),
        duration_ms: int = 0,
    ) -> ToolResult:
        return ToolResult(
            ok=False,
            output=output,
            ended=ended,
            duration_ms=duration_ms,
            detail=self._detail(values, content=[], structured=None, error=output),
            events=events,
        )

    def _detail(self, values: dict[str, Any], **answer: Any) -> dict[str, Any]:
        return {"server": self._connection.name, "tool": self._offered.tool, "arguments": values, **answer}


def _asked(subject: str) -> str:
    """The call as a person reads it. A long one is cut, and still stands for no other."""
    text = harmless(subject)
    if len(text) <= _SUBJECT:
        return text
    return f"{text[:_SUBJECT]}… ({len(text):,} characters, SHA-256 {hashlib.sha256(text.encode()).hexdigest()})"


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
