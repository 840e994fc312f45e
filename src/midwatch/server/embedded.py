"""A worker in the server's own process, for those who run no other."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

from midwatch import wiring, working
from midwatch.domain.errors import MidwatchError
from midwatch.engine.workers import Terms
from midwatch.sandbox.slots import Slots
from midwatch.telemetry.logs import told

log = logging.getLogger("midwatch.worker")


class Embedded:
    """Works on a thread and an event loop of its own, with connections of its own: what it computes holds up no
    request for longer than the interpreter gives a thread. `stop` must be called after `start`."""

    def __init__(
        self,
        environ: Mapping[str, str],
        capacity: int,
        slots: Slots,
        terms: Terms,
        trouble: Callable[[BaseException], None] = lambda _: None,
        labels: tuple[str, ...] = (),
    ) -> None:
        """`trouble` is told what has ended a turn that nobody wanted to end, from the worker's thread."""
        self._environ, self._options = dict(environ), working.Options(capacity, slots, terms, told, trouble, labels)
        self._thread = threading.Thread(target=self._run, name="worker")
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when it has stopped; with the error where one ended it."""

        self.started = False

    def start(self) -> None:
        """Begin to take turns."""
        self.started = True
        self._thread.start()

    def tell(self) -> None:
        """Have what it is doing handed over at the next move; `stop` waits for it."""
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended by itself, and its loop is closed
                self._loop.call_soon_threadsafe(self._stop.set)

    async def stop(self) -> None:
        """The same, and wait until it is. Raises what ended it."""
        await asyncio.to_thread(self._ready.wait)
        self.tell()
        await asyncio.wait([self.ended])
        await asyncio.to_thread(self._thread.join)
        self.ended.result()

    def _run(self) -> None:
        answers = self.ended.get_loop()
        error: BaseException | None = None
        try:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                self._ready.set()
                runner.run(self._work())
        except BaseException as ended:  # noqa: BLE001 - raised by whoever waits for the end
            error = ended
        with suppress(RuntimeError):  # nobody waits any more
            answers.call_soon_threadsafe(self._say, error)

    def _say(self, error: BaseException | None) -> None:
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)

    async def _work(self) -> None:
        async with wiring.home(self._environ) as home:
            engine = working.engine_of(home)
            try:
                await working.work(home, engine, self._options, self._stop)
            except MidwatchError as error:
                log.error("the worker has ended: %s", error.message)
                raise
            finally:
                await engine.close()
