"""A PostgreSQL server of the tests' own: Debian's programs, a folder of its own, loopback only."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import psycopg

INSTALL = "install Debian's package postgresql-15 (apt-get install postgresql-15)"
_PATIENCE = 60.0


def programs() -> Path:
    """The folder of initdb and postgres, the newest version's. Fails with what to install."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise RuntimeError(f"the tests need a PostgreSQL server: {INSTALL}")
    return found[-1].parent


class Server:
    """One server on a free port. As root it runs as the user `postgres`, since it refuses to run as root."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        """`folder` must be empty, where its user may enter. `durable`: it really syncs, for tests that take its
        power away."""
        self.folder, self.durable = folder, durable
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Lay its files."""
        self.folder.chmod(0o700)
        if os.getuid() == 0:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        made = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--username=midwatch")
        self._run("initdb", *made, f"--pgdata={self.folder}")

    def start(self) -> None:
        """Until it answers."""
        settings = [
            "listen_addresses=127.0.0.1",
            f"port={self.port}",
            "unix_socket_directories=",
            "max_connections=200",
        ]
        settings += [] if self.durable else ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
        options = [part for setting in settings for part in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._prefix, str(programs() / "postgres"), "-D", str(self.folder), *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True,
            )  # fmt: skip
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError((self.folder / "log").read_text()) from error
                time.sleep(0.05)
            else:
                return

    def stop(self, *, immediately: bool = False) -> None:
        """End it; `immediately` as a crash does, so that it has to recover when it starts again."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGQUIT if immediately else signal.SIGINT)
            process.wait(_PATIENCE)

    def url(self, database: str) -> str:
        """How a program reaches a database of it."""
        return f"postgresql://midwatch@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """The URL of a new, empty one."""
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            db.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    @cached_property
    def _user(self) -> pwd.struct_passwd:
        return pwd.getpwnam("postgres")

    @property
    def _prefix(self) -> Sequence[str]:
        if os.getuid() != 0:
            return ()
        return (
            "setpriv",
            f"--reuid={self._user.pw_uid}",
            f"--regid={self._user.pw_gid}",
            "--clear-groups",
            "--pdeathsig=QUIT",
        )

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run([*self._prefix, str(programs() / program), *arguments], capture_output=True, cwd="/")
        if done.returncode:
            raise RuntimeError(done.stderr.decode("utf-8", "replace"))


@contextmanager
def server(*, durable: bool = False) -> Iterator[Server]:
    """A running one, gone with its files at the end."""
    folder = Path(tempfile.mkdtemp(prefix="midwatch-pg-"))
    made = Server(folder, durable=durable)
    try:
        made.make()
        made.start()
        yield made
    finally:
        made.stop(immediately=True)
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
