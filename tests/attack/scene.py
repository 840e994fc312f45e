"""The host around the boxes: a secret in the places where secrets lie, a process to be harmed, sockets to be reached.

Everything is made for one probe and gone afterwards. The secret is never told to a probe, so whoever prints it has
read it; the sockets and files belong to nobody else, so whatever arrives there came from a box.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

HELLO = b"hello from a probe"


@dataclass
class Scene:
    """See the module."""

    secret: str
    mark: str
    """Known to the probes: what they leave behind carries it."""
    folder: Path
    """Host folder that every uid may write to, outside every box."""
    planted: dict[str, Path]
    """A folder by the name of its place; holds the file `key` with the secret, and one that is named by it."""
    box_id: str
    """For the box that is attacked from."""
    victim: subprocess.Popen[bytes]
    """Belongs to the box's uid; has the secret among its arguments, in its environment and in its folder."""
    sockets: dict[str, socket.socket] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    """Of the sockets that have one."""

    def given(self) -> dict[str, object]:
        """All that a probe is told."""
        return {
            "mark": self.mark,
            "folder": str(self.folder),
            "planted": {name: str(path) for name, path in self.planted.items()},
            "pid": self.victim.pid,
            "ports": {name: s.getsockname()[1] for name, s in self.sockets.items() if s.family != socket.AF_UNIX},
            "paths": self.paths,
            "hello": HELLO.decode(),
        }

    def received(self, name: str) -> str:
        """What came to one of the sockets, in words; empty when nothing did."""
        listening = self.sockets.get(name)
        if listening is None:
            return ""
        try:
            if listening.type == socket.SOCK_DGRAM:
                data = listening.recv(100)
            else:
                accepted, _ = listening.accept()
                with accepted:
                    accepted.settimeout(10)
                    data = accepted.recv(100)
        except BlockingIOError:
            return ""
        return f"the host's {name} socket got a message" if data == HELLO else ""

    def hurt(self) -> str:
        """What happened to the victim, in words; empty when nothing did."""
        code = self.victim.poll()
        return "" if code is None else f"a process of the host ended with {code}"


@contextlib.contextmanager
def scene(owner: Callable[[str], tuple[int, int] | None]) -> Iterator[Scene]:
    """A host to attack. `owner`: as `Sandbox.owner`."""
    secret, mark = f"secret-{secrets.token_hex(12)}", f"mark-{secrets.token_hex(8)}"
    with contextlib.ExitStack() as made:
        folder = Path(tempfile.mkdtemp(prefix="midwatch-scene-", dir="/var/tmp"))
        made.callback(shutil.rmtree, folder)
        folder.chmod(0o777)
        planted = {}
        for name, place in places().items():
            with contextlib.suppress(OSError):
                planted[name] = _plant(place, secret, mark)
                made.callback(shutil.rmtree, planted[name])
        planted["folder"] = folder / "inner"
        _fill(planted["folder"], secret)
        box_id = f"box-{secrets.token_hex(8)}"  # not the mark: drivers have it in paths, and those in command lines
        victim = made.enter_context(_victim(secret, planted["folder"], owner(box_id)))
        made.callback(victim.kill)
        set_up = Scene(secret, mark, folder, planted, box_id, victim)
        _listen(set_up, made)
        yield set_up


def places() -> dict[str, Path]:
    """Where secrets and sockets lie on a machine. Some of them can only be written to by root."""
    user = Path("/run") if os.geteuid() == 0 else Path("/run/user", str(os.geteuid()))
    every = {"home": Path.home(), "tmp": Path("/tmp"), "shm": Path("/dev/shm"), "run": user, "state": Path("/var/lib")}
    return {name: place for name, place in every.items() if os.access(place, os.W_OK)}


def _plant(place: Path, secret: str, mark: str) -> Path:
    folder = place / f".midwatch-{mark}"
    _fill(folder, secret)
    return folder


def _fill(folder: Path, secret: str) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "key").write_text(secret)
    (folder / f"named-{secret}").touch()
    (folder / "file").write_text("as it was")
    for name in ("key", "file"):
        (folder / name).chmod(0o666)


def _victim(secret: str, folder: Path, owner: tuple[int, int] | None) -> subprocess.Popen[bytes]:
    uid, gid = owner or (None, None)
    return subprocess.Popen(
        ["/bin/sh", "-c", "read -r nothing", secret],
        env={"PLANTED": secret},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        user=uid,
        group=gid,
        extra_groups=None if owner is None else [],
        start_new_session=True,
    )


def _listen(made_for: Scene, made: contextlib.ExitStack) -> None:
    def add(name: str, family: int, kind: int, address: object) -> None:
        listening = made.enter_context(socket.socket(family, kind))
        listening.bind(address)  # type: ignore[arg-type]
        listening.setblocking(False)
        if kind == socket.SOCK_STREAM:
            listening.listen()
        made_for.sockets[name] = listening

    add("tcp", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
    add("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
    with contextlib.suppress(OSError):  # a machine without IPv6
        add("tcp6", socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0))
    add("abstract", socket.AF_UNIX, socket.SOCK_STREAM, f"\0{made_for.mark}")
    add("abstract datagram", socket.AF_UNIX, socket.SOCK_DGRAM, f"\0{made_for.mark}-datagram")
    for name, folder in made_for.planted.items():
        path = folder / "agent.sock"
        add(name, socket.AF_UNIX, socket.SOCK_STREAM, str(path))
        path.chmod(0o777)
        made_for.paths[name] = str(path)
