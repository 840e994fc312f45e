"""A box while it is open: its server, its proxy, the eye on its limits, and its end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from midwatch.domain.errors import SandboxLost
from midwatch.sandbox.channel import Channel
from midwatch.sandbox.remote import Place
from midwatch.sandbox.spec import BoxSpec
from midwatch.sandbox.watch import Watch
from midwatch.sandbox.wording import entries

if TYPE_CHECKING:
    from midwatch.sandbox.proxied import Proxied


class Started(Protocol):
    """What a driver has started: a process that is, or soon becomes, the exec server (`boxd.main`) of one box."""

    pid: int
    """The process below which all of the box's are, as the host sees it."""

    async def begun(self) -> None:
        """The server answers: what only the start needed may be let go of."""

    def kill(self) -> None:
        """Kill all processes of the box now. May be called twice, and after its end."""

    async def gone(self) -> SandboxLost | None:
        """Wait until no process of the box is left, and let go of what was held for it. What the driver's own program
        complained of, or None. Called once. Raises SandboxLost when processes do not die."""

    def verdict(self) -> str | None:
        """Why the kernel has ended something of the box since this was asked last: `memory limit of 64 MiB`; empty
        when it has not; None when the kernel does not limit the box's memory."""


Launch = Callable[[socket.socket], Awaitable[Started]]
"""Starts a box, given its end of the channel, which the server must inherit. Raises OperationError or InputError."""


@dataclass(frozen=True, slots=True)
class View:
    """How a box looks from inside, and what its server is to do."""

    workdir: str
    support: str
    environment: Mapping[str, str]
    owner: tuple[int, int] | None = None
    """Whom the streams of commands must belong to; None for the caller."""
    nice: int = 0
    """By how much the priority of everything in it is lowered."""
    counted: bool = True
    """The box's processes are counted apart from the user's others, so their number can be limited."""


class OpenBox:
    """One opening of a box. `stop_all` ends its commands with a reason."""

    def __init__(
        self, spec: BoxSpec, view: View, started: Started, channel: Channel, stop_all: Callable[[str], None]
    ) -> None:
        self.channel = channel
        self.place = Place(channel, view.owner, started.verdict, self.end)
        self.environment: list[bytes] = []
        """Entries `NAME=value` for its commands."""
        self.watch = Watch(spec, started.pid, started.verdict, stop_all)
        self._spec = spec
        self._view = view
        self._started = started
        self._proxy: Proxied | None = None
        self._ending: asyncio.Task[SandboxLost | None] | None = None
        channel.lost.add_done_callback(lambda _: started.kill())

    async def greet(self) -> None:
        """Wait for the server, and start what it needs. Raises SandboxLost; then the box has been ended."""
        try:
            variables = dict(self._view.environment)
            limits = self._spec.limits if self._view.counted else replace(self._spec.limits, processes=-1)
            listener = await self.channel.begin(
                self._view.workdir, limits, listen=self._spec.network is not None, nice=self._view.nice
            )
            await self._started.begun()
            if listener is not None:
                from midwatch.sandbox.proxied import Proxied

                self._proxy = await Proxied.start(listener, self._spec)
                variables.update(self._proxy.environment)
            self.environment = entries(variables)
        except BaseException as error:
            complaint = await self.end("")
            if isinstance(error, SandboxLost) and complaint is not None:
                raise complaint from error
            raise
        self.watch.begin()

    def end(self, reason: str) -> Awaitable[SandboxLost | None]:
        """End it, with all its processes; what the driver's program complained of. May be called at any time, and more
        than once. Raises SandboxLost when processes do not die."""
        if self._ending is None:
            self._ending = asyncio.get_running_loop().create_task(self._end())
        return asyncio.shield(self._ending)

    async def _end(self) -> SandboxLost | None:
        try:
            await self.watch.end()
            self.channel.close()
            self._started.kill()
            return await self._started.gone()
        finally:
            if self._proxy is not None:
                await self._proxy.close()
