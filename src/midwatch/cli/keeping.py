"""The keeper of `midwatch worker`: it has imported all that a worker needs, and begins a worker that dies anew."""

from __future__ import annotations

import asyncio
import importlib
import threading
from argparse import Namespace
from collections import Counter
from collections.abc import Callable

from midwatch.cli import following, words
from midwatch.cli.screen import Screen
from midwatch.engine.database.address import VARIABLE
from midwatch.engine.keeper import Keeper, Link

_LATER = (
    "genai_prices.data",
    "genai_prices.data_units",
    "midwatch.engine.budgets.purse",
    "midwatch.forges.landing",
    "midwatch.forges.local",
    "midwatch.models.chat",
    "midwatch.models.messages",
    "midwatch.models.responses",
    "midwatch.sandbox.boxd.wire",
    "midwatch.sandbox.bubblewrap",
    "midwatch.sandbox.container",
    "midwatch.sandbox.gvisor",
    "midwatch.sandbox.landlock",
    "midwatch.sandbox.process",
    "midwatch.sandbox.trial",
    "midwatch.workflows.cancelling",
    "midwatch.workflows.orphans",
)
"""What a worker imports when it first works on a task, and each new one would import again."""


def keep(options: Namespace, screen: Screen) -> int | None:
    """Returns None in each process that is to be a worker, with `options.keeper` its line to the keeper; in the keeper
    the exit code, when no worker is to be begun any more. Raises InputError for settings that cannot be, and when the
    server part is not installed."""
    from midwatch import settings, working
    from midwatch.engine.durable.address import engine_url
    from midwatch.engine.durable.dbos_engine import preload
    from midwatch.engine.state import state_folder
    from midwatch.telemetry import logs

    environ = dict(screen.environ)
    logs.configure(settings.load(environ).telemetry)
    working.preload()
    for name in _LATER:
        importlib.import_module(name)
    preload(engine_url(options.database_url or environ.get(VARIABLE, ""), state_folder(environ)))
    told = teller(screen)
    kept = Keeper(lambda text: told("", text)).keep()
    if not isinstance(kept, Link):
        return kept
    options.keeper = kept
    return None


def teller(screen: Screen) -> Callable[[str, str], None]:
    """Tells what happens to a turn (empty: to the worker itself) as a line of the log, and with `--json` as an object
    too; from any thread."""
    from midwatch.telemetry.logs import told

    lock = threading.Lock()

    def tell(turn: str, text: str) -> None:
        told(turn, text)
        if screen.json:
            with lock:
                try:
                    screen.emit({"type": "worker", "time": words.utc_now(), "turn": turn, "text": text})
                except OSError:  # nobody reads that any more; the work goes on
                    screen.hush()

    return tell


class Stopping:
    """`stop` is set when the worker is told to stop, and told so twice it leaves at once. A signal to the whole group,
    as a terminal or a supervisor sends it, comes twice too: to the worker, and through its keeper. That is once."""

    def __init__(self, link: Link) -> None:
        self.stop = asyncio.Event()
        self._link = link
        self._times: Counter[str] = Counter()

    def signalled(self) -> None:
        """By a signal."""
        self._told("signal", 1)

    def forwarded(self) -> None:
        """By the keeper."""
        self._told("keeper", self._link.told())

    def _told(self, by: str, times: int) -> None:
        self._times[by] += times
        if self._times[by] > 1:
            following.leave_at_once()
        if times:
            self.stop.set()
