"""A sandbox for tests: commands do what a script says, files are real."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from midwatch.domain.errors import SandboxLost
from midwatch.sandbox.base import WORKDIR, Box, BoxSpec, ExecResult, OutputSink, Protections
from midwatch.sandbox.files import BoxFiles, ConfinedFiles
from midwatch.sandbox.output import amount
from midwatch.sandbox.process import plain_folder
from midwatch.sandbox.running import refused_result
from midwatch.sandbox.sessions import EndedSession
from midwatch.sandbox.wording import refusal


@dataclass(frozen=True, slots=True)
class Answer:
    """What the next command does: prints, then ends. `effect` gets the box's spec first, to change the workspace."""

    output: bytes = b""
    exit_code: int | None = 0
    ended: str = ""
    """Empty: `exit N`."""
    effect: Callable[[BoxSpec], None] | None = None
    lost: bool = False
    """Raise SandboxLost instead."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that was given to a box."""

    box: str
    argv: tuple[str, ...]
    cwd: str
    environment: Mapping[str, str]
    stdin: bytes
    timeout: float


class FakeSandbox:
    """Answers the commands of all its boxes from one script, in order. `ran` is what they were."""

    name = "fake"

    def __init__(self, script: Iterable[Answer] = (), owner: tuple[int, int] | None = None) -> None:
        self.ran: list[Ran] = []
        self.opened: list[BoxSpec] = []
        self._script = iter(script)
        self._owner = owner

    async def probe(self) -> Protections:
        """As `Sandbox.probe`."""
        return Protections(("a fake: nothing runs",))

    def open(self, spec: BoxSpec) -> AbstractAsyncContextManager[Box]:
        """As `Sandbox.open`."""
        return self._open(spec)

    def owner(self, box_id: str) -> tuple[int, int] | None:
        """As `Sandbox.owner`."""
        return self._owner

    def answer(self, ran: Ran) -> Answer:
        """The script's next answer. Raises AssertionError when it has run out."""
        self.ran.append(ran)
        try:
            return next(self._script)
        except StopIteration:
            raise AssertionError(f"the fake's script has no answer for command {len(self.ran)}: {ran.argv}") from None

    @contextlib.asynccontextmanager
    async def _open(self, spec: BoxSpec) -> AsyncIterator[Box]:
        self.opened.append(spec)
        box = _FakeBox(self, spec)
        try:
            yield box
        finally:
            await box.close()


class _FakeBox(BoxFiles):
    workdir = WORKDIR

    def __init__(self, sandbox: FakeSandbox, spec: BoxSpec) -> None:
        super().__init__(ConfinedFiles(plain_folder(spec, "fake"), sandbox.owner(spec.id)))
        self.support = str(spec.support) if spec.support is not None else ""
        self._sandbox = sandbox
        self._spec = spec
        self._closed = False

    async def exec(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        output_bytes: int,
        cwd: str = "",
        stdin: bytes = b"",
        sink: OutputSink | None = None,
    ) -> ExecResult:
        """As `Box.exec`, by the script."""
        if self._closed:
            raise SandboxLost("the box is closed")
        refused = refusal(argv)
        if refused:
            return refused_result(refused, 127, sink)
        variables = dict(self._spec.environment)
        answer = self._sandbox.answer(Ran(self._spec.id, tuple(argv), cwd, variables, stdin, timeout))
        if answer.lost:
            raise SandboxLost("the script says that the sandbox is lost")
        if answer.effect is not None:
            answer.effect(self._spec)
        piece = answer.output[:output_bytes]
        if piece and sink is not None:
            sink(piece)
        if len(answer.output) > output_bytes:
            return ExecResult(None, f"output limit of {amount(output_bytes)}", 0, len(piece))
        return ExecResult(answer.exit_code, answer.ended or f"exit {answer.exit_code}", 0, len(piece))

    async def start(
        self,
        argv: Sequence[str],
        *,
        output_bytes: int,
        cwd: str = "",
        pty: bool = False,
        sink: OutputSink | None = None,
    ) -> EndedSession:
        """As `Box.start`, by the script: it ends at once."""
        return EndedSession(await self.exec(argv, timeout=0, output_bytes=output_bytes, cwd=cwd, sink=sink))

    async def park(self) -> None:
        """As `Box.park`; there is nothing to end."""

    async def unpark(self) -> None:
        """As `Box.unpark`."""
        if self._closed:
            raise SandboxLost("the box is closed")

    async def close(self) -> None:
        """As `Box.close`."""
        self._closed = True
