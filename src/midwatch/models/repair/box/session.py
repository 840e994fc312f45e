"""One test session of a check command: its process as a fork server, its tests, and what came of each."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import tree
from .servers import Server, welcome

if TYPE_CHECKING:
    from .hub import Hub, Peer
    from .servers import Child

START = 30.0
"""Seconds that a command may take until its Python calls in."""


@dataclass
class Outcome:
    """One test, without the edit."""

    ok: bool
    seconds: float
    failure: dict[str, Any] | None = None
    """Frames in the tree, message, whether it did not end."""
    lines: dict[str, list[int]] = field(default_factory=dict)
    traced: bool = False


class Place:
    """Where sessions run: the hub, the copy of the tree, and the folders that the copy must put on the path."""

    def __init__(self, hub: Hub, source: str, root: str) -> None:
        self.hub = hub
        self.source = source
        self.root = root
        self.extra_path: tuple[str, ...] = ()


class Session:
    """The `ordinal`-th Python session (0, 1, …) that `check` starts."""

    def __init__(self, place: Place, check: str, ordinal: int) -> None:
        self.place = place
        self.check = check
        self.ordinal = ordinal
        self.kind = ""
        """`pytest`, `unittest` or `script`; empty until collected."""
        self.outcomes: dict[str, Outcome] = {}
        self.imported: dict[str, list[int]] = {}
        """Lines that ran before any test."""
        self.entered: list[list[Any]] = []
        """Code objects that ran before any test."""
        self.files: list[str] = []
        """Files of the tree that were imported, relative to it."""
        self.warm: list[str] = []
        self.data = 64 << 20
        self.ended_with: int | None = None
        self.collect_seconds = 0.0
        self.broken = False
        """It came to no usable state; nothing is known about its tests."""
        self.first: Server | None = None
        self.second: Server | None = None
        self._run: tree.Run | None = None
        self._preload: list[str] = []
        self._argv: tuple[str, ...] = ()
        self._wrappers: set[tuple[str, ...]] = set()
        self._search_path: list[str] = []

    # ---- opening

    def open(self) -> bool:
        """Start the command and wait for this session's Python. False: the command has no such session."""
        for _ in range(3):
            self.close()
            again = self._launch()
            if not again:
                break
        if self.first is not None and self._preload:
            self.first.peer.send(op="preload", modules=self._preload)
        return self.first is not None

    def _launch(self) -> bool:
        """One launch; True when it must be tried again because a process turned out to be a wrapper."""
        place = self.place
        command = tree.hooked(tree.moved(self.check, place.source, place.root))
        environment = tree.hooked_environment(place.hub.address, place.source, place.root, place.extra_path)
        seen = 0
        known = len(self._wrappers)

        def hello(peer: Peer, message: dict[str, Any]) -> None:
            nonlocal seen
            if welcome(peer, message):
                return
            if "hello" not in message or message["hello"] not in ("site", "pytest"):
                peer.send(op="run")
                return
            argv = tuple(message.get("argv", ()))
            if argv in self._wrappers:
                peer.send(op="run")
            elif self.first is not None:
                self._intruder(peer, message)
            elif seen < self.ordinal:
                seen += 1
                peer.send(op="exit", code=0)
            else:
                self.first = Server(place.hub, peer)
                self._argv = argv
                self._hello = message
                peer.send(op="serve")

        place.hub.on_hello = hello
        self._hello_handler = hello
        self._run = tree.Run(command, place.root, environment)
        run = self._run
        place.hub.until(lambda: self.first is not None or run.ended(), time.monotonic() + START)
        place.hub.poll(0.0)
        return len(self._wrappers) > known

    def _intruder(self, peer: Peer, message: dict[str, Any]) -> None:
        """A Python that the served one has started, or that it has become."""
        if message["hello"] == "pytest" and self._collecting is not None:
            if message["pid"] == self._collecting.pid:
                self._upgraded = Server(self.place.hub, peer)
                peer.send(op="serve")
                return
            self._wrappers.add(self._argv)
        peer.send(op="run")

    # ---- collecting

    _collecting: Child | None = None
    _upgraded: Server | None = None

    def collect(self, deadline: float, alarm: float) -> bool:
        """Fork the child that imports everything. Afterwards `kind` is known and, but for scripts, `second` serves.
        False when it came to nothing. May be called again after the second server was lost."""
        if self.first is None:
            return False
        began = time.monotonic()
        ready: list[tuple[Peer, dict[str, Any]]] = []
        outer = self._hello_handler

        def hello(peer: Peer, message: dict[str, Any]) -> None:
            if message.get("hello") in ("pytest-ready", "unittest-ready"):
                ready.append((peer, message))
            else:
                outer(peer, message)

        self.place.hub.on_hello = hello
        known = len(self._wrappers)
        child = self._collecting = self.first.fork(do="collect", alarm=alarm)
        child.wants_status = True

        def told() -> bool:
            return bool(ready) or child.over or self._upgraded is not None

        self.place.hub.until(lambda: told() or len(self._wrappers) > known, deadline)
        self._collecting = None
        if self._upgraded is not None:
            self.first, self._upgraded = self._upgraded, None
            return self.collect(deadline, alarm)
        if len(self._wrappers) > known:
            return self.open() and self.collect(deadline, alarm)
        self.place.hub.on_hello = outer
        self.collect_seconds = time.monotonic() - began
        if ready:
            self._ready(*ready[0])
            return True
        if not child.over:
            child.kill()
        self._script(child)
        return True

    def _ready(self, peer: Peer, message: dict[str, Any]) -> None:
        self.kind = message["hello"].partition("-")[0]
        self._learn(message)
        if not self.outcomes:
            for key, failure in message["errors"].items():
                self.outcomes[key] = Outcome(False, 0.0, failure, {}, True)
            for key in message["tests"]:
                self.outcomes[key] = Outcome(True, 0.0)
        peer.send(op="go", warm=self.warm)
        self.second = Server(self.place.hub, peer)

    def _learn(self, message: dict[str, Any]) -> None:
        self.imported = message["lines"]
        self.entered = message["entered"]
        self.files = message["inside"]
        self.data = max(self.data, message["data"])
        self._preload = message["outside"]
        self._search_path = message["path"]
        if self.first is not None and self.first.alive:
            self.first.peer.send(op="preload", modules=self._preload)

    def _script(self, child: Child) -> None:
        """The session was one plain program: it is one test, and its exit code is the verdict."""
        self.kind = "script"
        failure: dict[str, Any] | None = None
        lines: dict[str, list[int]] = {}
        for message in child.messages:
            failure = message.get("error", failure)
            if message.get("ended"):
                lines = message["lines"]
                self._learn(message)
        ok = child.status == 0
        self.ended_with = child.status
        if not ok and failure is None:
            hang = child.status is None
            text = "did not end" if hang else f"ended with status {child.status}"
            failure = {"frames": [], "message": text, "hang": hang}
        self.imported = {}
        self.entered = []
        self.outcomes = {"program": Outcome(ok, time.monotonic() - child.started, None if ok else failure, lines, True)}

    @property
    def main(self) -> str:
        """The script that the session's Python was started with, relative to the tree; "" when it is none of it."""
        for word in self._argv[1:]:
            if word.endswith(".py"):
                return os.path.relpath(os.path.join(self.place.root, word), self.place.root)
        return ""

    def all_files(self) -> set[str]:
        """Files of the tree that were imported, ran, or stand in a traceback (a module that failed is not kept)."""
        found = {*self.files, *self.imported}
        for outcome in self.outcomes.values():
            found.update(outcome.lines)
            found.update(frame[0] for frame in (outcome.failure or {}).get("frames", ()))
        return found

    @property
    def search_path(self) -> list[str]:
        """sys.path of the session's Python."""
        return self._search_path

    @property
    def failing(self) -> list[str]:
        """Tests that fail without an edit, the quick ones first."""
        bad = [key for key, outcome in self.outcomes.items() if not outcome.ok]
        return sorted(bad, key=lambda key: self.outcomes[key].seconds)

    @property
    def passing(self) -> list[str]:
        """Tests that pass, in their own order."""
        return [key for key, outcome in self.outcomes.items() if outcome.ok]

    def server(self, fast: bool, alarm: float) -> Server | None:
        """A live server: the second when `fast`, else the first; started again when it was lost. Blocks then."""
        if (self.first is None or not self.first.alive) and not self.open():
            return None
        if not fast:
            return self.first
        if self.second is None or not self.second.alive:
            self.second = None
            self.collect(time.monotonic() + START, alarm)
        return self.second

    def close(self, code: int = 0) -> None:
        """End the command. May be called twice; `open` starts it again."""
        for server in (self.second, self.first):
            if server is not None and server.alive:
                server.exit(code)
                server.peer.close()
        if self._run is not None:
            self._run.kill()
        self.first = self.second = self._run = None
