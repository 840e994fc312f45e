"""`midwatch serve`: tasks over HTTP."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from midwatch import wiring
from midwatch.cli import arguments, following
from midwatch.cli.commands.worker import arguments_of_work, capacity
from midwatch.cli.databases import database_option, environment
from midwatch.cli.extras import require
from midwatch.cli.screen import Screen
from midwatch.domain.errors import InputError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from midwatch.server.accounts.first import First
    from midwatch.server.embedded import Embedded
    from midwatch.server.serving import Address
    from midwatch.telemetry.metrics import Metrics

USAGE = "midwatch serve [--host HOST] [--port PORT | --fd N] [--database-url URL] [--no-worker] [--slots N] [options]"


def add_arguments(parser: arguments.Parser) -> None:
    """Where it listens, on which database, and whether it works as well."""
    group = parser.add_argument_group("where")
    group.add_argument("--host", metavar="HOST", help="default: 127.0.0.1, this machine alone")
    port = arguments.count(0, 65535)
    group.add_argument("--port", metavar="PORT", type=port, help="default: 8765; 0: any")
    group.add_argument(
        "--fd",
        metavar="N",
        type=arguments.count(0, 2**20),
        help="a socket that listens already, by its number, instead of --host and --port; systemd's is 3",
    )
    group.add_argument("--tls-cert", metavar="FILE", type=Path, help="a certificate with its chain (PEM)")
    group.add_argument("--tls-key", metavar="FILE", type=Path, help="its key (PEM)")
    group.add_argument(
        "--behind-proxy",
        metavar="ADDRESS,…",
        nargs="?",
        const="127.0.0.1,::1",
        default="",
        help="proxies at these addresses or networks do TLS and say who a client is (default: one on this machine)",
    )
    group.add_argument(
        "--insecure-bind", action="store_true", help="let passwords and tokens cross the network in the clear"
    )
    database_option(parser)
    group = parser.add_argument_group("work")
    group.add_argument("--no-worker", action="store_true", help="only answer; `midwatch worker` works elsewhere")
    arguments_of_work(group)
    parser.add_argument(
        "--lease", metavar="DURATION", type=arguments.seconds, default=30,
        help="without a beat for so long a worker counts as gone; the same for all (default: 30s)",
    )  # fmt: skip


async def execute(options: Namespace, screen: Screen) -> int:
    """Serve until SIGTERM or SIGINT: streams are let go, requests end, and what is worked on is handed over."""
    for module in ("fastapi", "uvicorn", "dbos", "argon2", "jwt"):
        require("server", module)
    from midwatch.engine.workers import Terms
    from midwatch.server.embedded import Embedded
    from midwatch.telemetry.opened import opened

    address = _address(options)
    environ = environment(options, screen.environ)
    if options.no_worker and (options.concurrency or options.slots or options.labels):
        what = "there is no --concurrency, no --slots and there are no --labels"
        raise InputError(f"--no-worker works on nothing, so {what}", "leave one out")
    async with wiring.home(environ) as home, opened(home.settings.telemetry) as telemetry:
        terms = Terms(options.lease, options.lease / 6)
        worker = None
        if not options.no_worker:
            how = (*capacity(options, telemetry), terms, telemetry.error, options.labels)
            worker = Embedded(environ, *how)
        await _serve(Served(home, telemetry.metrics, options.lease), address, worker, screen)
    return 0


def _address(options: Namespace) -> Address:
    """Where to listen. Raises InputError for what cannot be, or is not safe."""
    from midwatch.server.serving import Address, place_of

    here = Address()
    host, port = options.host or here.host, here.port if options.port is None else options.port
    if options.fd is not None:
        if options.host is not None or options.port is not None:
            raise InputError("the socket of --fd has its address already", "leave --host and --port out")
        host, port = place_of(options.fd)
    address = Address(
        host, port, options.tls_cert, options.tls_key, options.behind_proxy, options.insecure_bind, options.fd
    )
    address.require_safe()
    return address


def _link(app: FastAPI, first: First | None, address: Address, url: str) -> str:
    """Signs the first administrator in; empty where there is none to sign in, or other machines reach the server."""
    from midwatch.server.serving import is_loopback

    if first is None or not is_loopback(address.host):
        return ""
    return f"{url}/#code={app.state.accounts.codes.give(first.account)}"


def _words(first: First | None, link: str) -> list[str]:
    return first.words(link).split("\n") if first else []


@dataclass(frozen=True, slots=True)
class Served:
    """What a server shows."""

    home: wiring.Home
    metrics: Metrics | None
    lease: float
    """Of its worker, in seconds."""


async def _serve(served: Served, address: Address, worker: Embedded | None, screen: Screen) -> None:
    from midwatch import working
    from midwatch.cli.examples import with_example
    from midwatch.collecting import seldom
    from midwatch.server.accounts.first import first_admin
    from midwatch.server.app import make_app
    from midwatch.server.serving import serve

    home = served.home
    engine = working.engine_of(home)
    try:
        if not home.store.database.place.startswith("postgres"):  # there, `midwatch migrate` alone changes the schema
            await home.store.database.migrate()
            await engine.migrate()
        app = make_app(home, engine)
        app.state.metrics = served.metrics
        first = await first_admin(home.store.database)
        if first is not None:
            await with_example(home)
        seldom()

        def listening(url: str) -> None:
            if screen.json:
                more = {"admin": first.name, "password": first.password} if first else {}
                more |= {"link": link} if (link := _link(app, first, address, url)) else {}
                screen.emit({"type": "serving", "url": url, "database": home.store.database.place, **more})
            else:
                screen.say([f"midwatch serves on {url}", *_words(first, _link(app, first, address, url))])
            if worker is not None:
                worker.start()

        beside = (worker.ended, worker.tell) if worker is not None else ()
        await serve(app, address, listening, *beside)
    finally:
        if worker is not None and worker.started:
            following.leave_within(served.lease)
            await worker.stop()
        await engine.close()
