"""What the checks do before any edit: which tests fail and how, which pass, and which lines each of them runs."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from . import tree
from .session import Outcome, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .servers import Child
    from .session import Place

FIRST_ALARM = 3.0
"""Seconds after which a test counts as one that does not end, until one did so; then it is less."""
TRACED_ALARM = 1.0
"""The same while lines are traced, once it is known that tests do not end."""
SESSIONS = 12
"""Sessions of one check that are looked at; the rest only counts in the last, whole run."""


def survey(place: Place, checks: Sequence[str], deadline: float, say: Callable[[str], None]) -> list[Session]:
    """All sessions of all checks, measured. Those with failing tests are left open. Blocks up to the deadline."""
    sessions: list[Session] = []
    for check in checks:
        for ordinal in range(SESSIONS):
            session = Session(place, check, ordinal)
            if time.monotonic() > deadline or not session.open():
                session.close()
                break
            alarm = min(2 * FIRST_ALARM, max(1.0, (deadline - time.monotonic()) / 3))
            session.collect(min(deadline, time.monotonic() + 2 * alarm + 20), alarm)
            sessions.append(session)
            if session.kind == "script" and not session.files and session.outcomes["program"].ok:
                session.close()  # some helper of the check, not a program of this tree
                continue
            if not _path_is_inside(session):
                place.extra_path = _inside_paths(session)
                if place.extra_path:  # an editable installation: say where the copy is, and start again
                    sessions.pop()
                    session.close()
                    session = Session(place, check, ordinal)
                    session.open()
                    session.collect(min(deadline, time.monotonic() + 2 * alarm + 20), alarm)
                    sessions.append(session)
            if session.second is not None:
                _measure(session, deadline)
            say(f"{_count(len(session.outcomes), 'test')} of `{check}`: {len(session.failing)} failing")
            if not session.failing:
                session.close()
    return sessions


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _path_is_inside(session: Session) -> bool:
    return not _inside_paths(session)


def _inside_paths(session: Session) -> tuple[str, ...]:
    """Entries of sys.path that point into the original tree, as they are in the copy."""
    source, root = session.place.source, session.place.root
    inside = [entry for entry in session.search_path if entry == source or entry.startswith(source + "/")]
    return tuple(root + entry[len(source) :] for entry in inside if "site-packages" not in entry)


def _measure(session: Session, deadline: float) -> None:
    """Outcomes and seconds without tracing, then lines of the failing tests and of as many others as time allows."""
    began = time.monotonic()
    tests = [key for key in session.outcomes if not key.startswith("collect:")]
    run = _Runs(session, deadline, FIRST_ALARM)
    likely = last_failed(session.place.source)
    tests.sort(key=lambda key: key not in likely)
    run.all([tests], False)
    plain = time.monotonic() - began
    failing = [key for key in session.failing if not key.startswith("collect:")][:40]
    if not failing:
        return
    hung = [key for key in failing if _hung(session.outcomes[key])]
    failing = [key for key in failing if key not in hung] + hung[:3]
    share = max(3.0, (deadline - time.monotonic()) * 0.4)
    passing = _nearest(session, failing)
    if plain * 4 > share:
        passing = _within(session, passing, share / 8)
    trace = _Runs(session, min(deadline, time.monotonic() + share), TRACED_ALARM if hung else 3 * FIRST_ALARM)
    middle = (len(passing) + 1) // 2
    trace.all([failing + passing[:middle], passing[middle:]], True)


def last_failed(root: str) -> set[str]:
    """Tests that failed when the check was last run in the tree, as pytest remembers them: they are looked at first,
    lest a long suite leaves no time for them."""
    try:
        with open(root + "/.pytest_cache/v/cache/lastfailed", "rb") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return set()
    return set(found) if isinstance(found, dict) else set()


def _hung(outcome: Outcome) -> bool:
    return bool(outcome.failure and outcome.failure["hang"])


def _nearest(session: Session, failing: list[str]) -> list[str]:
    """Passing tests, those beside a failing one first."""
    homes = {key.split("::")[0].rpartition(".")[0] for key in failing}
    return sorted(session.passing, key=lambda key: key.split("::")[0].rpartition(".")[0] not in homes)


def _within(session: Session, keys: list[str], seconds: float) -> list[str]:
    chosen = []
    for key in keys:
        seconds -= session.outcomes[key].seconds
        if seconds < 0:
            break
        chosen.append(key)
    return chosen


class _Runs:
    """Children that run tests without an edit, started again after the test that ended one of them."""

    def __init__(self, session: Session, deadline: float, alarm: float) -> None:
        self.session = session
        self.deadline = deadline
        self.alarm = alarm

    def all(self, groups: list[list[str]], trace: bool) -> None:
        """Run the groups side by side."""
        watches = [_Watch(self, group, trace) for group in groups if group]
        while any(not watch.done for watch in watches) and time.monotonic() < self.deadline:
            self.session.place.hub.poll(0.05)
            for watch in watches:
                watch.look()
        for watch in watches:
            watch.stop()


class _Watch:
    """One group of tests."""

    def __init__(self, runs: _Runs, tests: list[str], trace: bool) -> None:
        self.runs = runs
        self.left = list(tests)
        self.trace = trace
        self.alarm = runs.alarm
        self.current: str | None = None
        self.heard = time.monotonic()
        self.child: Child | None = None
        self.done = False
        self._start()

    def _start(self) -> None:
        session = self.runs.session
        server = session.server(True, FIRST_ALARM) if self.left else None
        if server is None:
            self.done = True
            return
        self.current = None
        self.heard = time.monotonic()
        limits = {"data": memory_cap(session), "file": 64 << 20}
        self.child = server.fork(do="base", tests=self.left, trace=self.trace, alarm=self.alarm, limits=limits)
        self.child.on_message = self._told

    def _told(self, message: dict[str, object]) -> None:
        self.heard = time.monotonic()
        if "start" in message:
            self.current = str(message["start"])
        elif "test" in message:
            self._record(message)
        elif "done" in message:
            self.done = True

    def _record(self, message: dict) -> None:  # type: ignore[type-arg]
        key = message["test"]
        if key in self.left:
            self.left.remove(key)
        self.current = None
        if message["failure"] and message["failure"]["hang"]:
            self.alarm = max(0.3, self.alarm / 6)
        old = self.runs.session.outcomes.get(key)
        if self.trace and old is not None:
            failure = message["failure"] if not old.ok and message["failure"] else old.failure
            outcome = Outcome(old.ok, old.seconds, failure, message["lines"], message["ok"] == old.ok)
        else:
            outcome = Outcome(message["ok"], message["seconds"], message["failure"])
        self.runs.session.outcomes[key] = outcome

    def look(self) -> None:
        """Start again after a crash; end what neither ends nor listens."""
        if self.done or self.child is None:
            return
        if not self.child.over and time.monotonic() - self.heard > self.alarm + 3:
            self.child.kill()
            self._lost("did not end, and did not listen to a signal", True)
        elif self.child.over:
            self._lost("ended the process", False)

    def _lost(self, why: str, hang: bool) -> None:
        key = self.current or (self.left[0] if self.left else None)
        if key is None:
            self.done = True
            return
        failure = {"frames": [], "message": why, "hang": hang}
        old = self.runs.session.outcomes.get(key)
        self.left.remove(key)
        if not self.trace or old is None:
            self.runs.session.outcomes[key] = Outcome(False, time.monotonic() - self.heard, failure)
        if hang:
            self.alarm = max(0.3, self.alarm / 6)
        self._start()

    def stop(self) -> None:
        """No more time: what has not run is taken as passing."""
        if self.child is not None and not self.child.over:
            self.child.kill()
        self.done = True


def memory_cap(session: Session) -> int:
    """Bytes of data that a child may hold."""
    return int(1.5 * session.data) + (1 << 30)


def quick_copy(source: str, folder: str) -> str:
    """The copy in which everything but the last, whole runs takes place."""
    target = folder + "/tree"
    tree.copy(source, target)
    tree.hook_scripts(target)
    return target
