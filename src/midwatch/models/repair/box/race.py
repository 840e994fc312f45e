"""The search: candidates against the tests, several at a time, until one holds and a little longer."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import edits as edits_of
from .baseline import memory_cap
from .verify import Verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .hub import Hub
    from .pool import Candidate, Pool
    from .servers import Child
    from .session import Session
    from .suspect import Imports

IMPORT_SHARE = 0.35
"""Of the children's time, what goes to candidates that need imports while there are others."""
SLOW_SHARE = 0.15
"""Of the same, what goes to candidates that ran out of time once."""
CRASHES = 40
"""Servers that candidates may bring down before the search gives up."""


@dataclass
class Clock:
    """When to stop (time.monotonic)."""

    began: float
    deadline: float
    least_extra: float = 5.0
    """Seconds to go on at least once a candidate holds."""
    extra: float | None = None
    """Set when the first candidate held."""

    def over(self) -> bool:
        """Whether it is time to stop."""
        now = time.monotonic()
        return now >= self.deadline or (self.extra is not None and now >= self.extra)

    def found(self) -> None:
        """A candidate holds: go on for a short while, so that "how many others" means something."""
        if self.extra is None:
            now = time.monotonic()
            self.extra = min(self.deadline, now + max(self.least_extra, 0.25 * (now - self.began)))


@dataclass
class Heat:
    """One candidate on one session at this moment."""

    candidate: Candidate
    session: Session
    child: Child
    limit: float
    """time.monotonic() at which it is ended."""
    second_limit: float
    """Seconds for the passing tests, once the failing ones pass."""
    verdict: bool | None = None
    refused: str = ""
    solved: int = 0
    half: bool = False


@dataclass
class Race:
    """The state of the search. `run` blocks until the clock says stop or everything is tried."""

    hub: Hub
    sessions: list[Session]
    """Those with failing tests."""
    pool: Pool
    sources: Mapping[str, bytes]
    verifier: Verifier
    clock: Clock
    workers: int
    say: Callable[[str], None]
    imports: Imports
    tried: int = 0
    plausible: list[Candidate] = field(default_factory=list)
    refuted: int = 0
    """Passed in the search but not in the whole run."""
    heats: list[Heat] = field(default_factory=list)
    crashes: int = 0
    closest: str = ""
    heat_time: float = 0.0
    import_time: float = 0.0
    slow_time: float = 0.0
    """Seconds that children took: all, those that imported, those that were given more time."""
    _said: float = 0.0
    _most: int = 0

    def run(self) -> None:
        """Search."""
        exhausted = False
        while not self.clock.over() and self.crashes < CRASHES:
            while not exhausted and len(self.heats) + self.verifier.running < self.workers:
                candidate = self._next()
                if candidate is None:
                    exhausted = True
                    break
                self._start(candidate)
            if exhausted and not self.heats and not self.verifier.running:
                if not self.pool.waiting and not self.pool.imports:
                    break
                exhausted = False
                continue
            self.hub.poll(self._patience())
            self._sweep()
            for candidate, held in self.verifier.results():
                self._verified(candidate, held)
            if self.pool.waiting or self.pool.imports:
                exhausted = False
            self._progress()
        for heat in self.heats:
            heat.child.kill()
        for candidate, held in self.verifier.finish(self.clock.deadline):
            self._verified(candidate, held)

    def _next(self) -> Candidate | None:
        imports = self.import_time <= IMPORT_SHARE * self.heat_time
        return self.pool.next(imports, self.slow_time < SLOW_SHARE * self.heat_time)

    def _patience(self) -> float:
        now = time.monotonic()
        return max(0.0, min([0.2, *(heat.limit - now for heat in self.heats), *([0.01] * self.verifier.running)]))

    # ---- one candidate

    def _start(self, candidate: Candidate) -> None:
        if not self.sessions:
            self.tried += 1
            self.verifier.start(candidate, candidate.files(self.sources))
            return
        if candidate.fast and any(self.imports.needed(e.path, e.line) for e in candidate.edits):
            self.pool.by_import(candidate)
            return
        session = self.sessions[candidate.step]
        fast = candidate.fast and session.kind != "script" and not _broken_at_import(session)
        server = session.server(fast, 5.0)
        if server is None:
            self.crashes += 1
            return
        self.tried += not candidate.begun
        candidate.begun = True
        first, second = self._limits(session, candidate, fast)
        edit = [[e.path, e.start, e.end, base64.b64encode(e.new).decode("ascii")] for e in candidate.edits]
        failing, hung = _split(session)
        child = server.fork(
            do="try",
            edit=edit,
            first=failing,
            last=hung,
            stop=self._stops_early(session),
            prof=second,
            limits={"data": memory_cap(session), "file": 64 << 20, "cpu": int(first + second) + 2, "prof": first},
        )
        child.wants_status = True
        heat = Heat(candidate, session, child, time.monotonic() + 2 * first + 2, second)
        child.on_message = lambda message: self._told(heat, message)
        self.heats.append(heat)

    def _stops_early(self, session: Session) -> bool:
        failing = [session.outcomes[key].seconds for key in _split(session)[0]]
        return len(failing) > 8 or sum(failing) > 0.1

    def _limits(self, session: Session, candidate: Candidate, fast: bool) -> tuple[float, float]:
        """Seconds for the failing tests and for the passing ones."""
        outcomes = session.outcomes
        usual = max([o.seconds for o in outcomes.values() if o.ok], default=0.01)
        failing, hung = _split(session)
        first = sum(usual if _hung(outcomes[key]) else outcomes[key].seconds for key in failing)
        rest = sum(o.seconds for o in outcomes.values() if o.ok) + usual * len(hung)
        if session.kind == "script":
            first, rest = (0.05 if _hung(outcomes["program"]) else first), 0.0
        start = 0.0 if fast or session.kind == "script" else 3 * min(session.collect_seconds, 10.0)
        # Where a test hangs, most candidates hang too: little at first, and more in a second round.
        least = 0.1 if any(_hung(outcomes[key]) for key in failing) else 0.25 if first < 0.05 else 1.0
        return (max(least, 3 * first + 0.1) + start) * candidate.patience, max(2.0, 3 * rest + 1) * candidate.patience

    def _told(self, heat: Heat, message: dict[str, Any]) -> None:
        if "refused" in message:
            heat.refused = message["refused"]
        elif "half" in message:
            heat.half = True
            heat.limit = time.monotonic() + 2 * heat.second_limit + 2
        elif "test" in message:
            heat.solved += bool(message["ok"])
        elif "done" in message:
            heat.verdict = message["ok"]

    def _sweep(self) -> None:
        """Take in the heats that are over or out of time."""
        now = time.monotonic()
        for heat in list(self.heats):
            late = now >= heat.limit
            if heat.verdict is None and not heat.refused and not heat.child.over and not late:
                continue
            self.heats.remove(heat)
            lost = not heat.child.server.alive
            if heat.session.kind == "script" and heat.child.status is not None:
                heat.verdict = None if _out_of_time(heat.child) else heat.child.status == 0
            heat.child.kill()
            if lost:
                self.crashes += 1
            spent = time.monotonic() - heat.child.started
            self.heat_time += spent
            self.import_time += 0.0 if heat.candidate.fast else spent
            self.slow_time += spent if heat.candidate.patience > 1 else 0.0
            self._judge(heat, late)

    def _judge(self, heat: Heat, late: bool) -> None:
        candidate = heat.candidate
        if heat.refused == "import":
            self.pool.by_import(candidate)
        elif heat.verdict:
            candidate.step += 1
            if candidate.step < len(self.sessions):
                self.pool.waiting.appendleft(candidate)
            else:
                self.verifier.start(candidate, candidate.files(self.sources))
        elif heat.verdict is None and not heat.refused and (late or _out_of_time(heat.child)):
            self.pool.later(candidate)
        elif heat.solved:
            candidate.solved = heat.solved
            self.pool.partial.append(candidate)
            if heat.solved > self._most:
                self._most = heat.solved
                self.closest = f"{heat.solved} more passing with {describe(candidate)}"

    def _verified(self, candidate: Candidate, held: bool) -> None:
        if not held:
            self.refuted += 1
            return
        files = candidate.files(self.sources)
        for other in self.plausible:
            theirs = other.files(self.sources)
            if set(theirs) == set(files) and all(edits_of.same_meaning(theirs[p], files[p]) for p in files):
                return
        self.plausible.append(candidate)
        self.clock.found()
        self.pool.enough = self.pool.enough or len(candidate.edits) == 1
        self.say(f"passes everything: {describe(candidate)}")

    def _progress(self) -> None:
        now = time.monotonic()
        if now - self._said >= 1.0:
            self._said = now
            best = f", {len(self.plausible)} of them pass everything" if self.plausible else ""
            near = f", best so far: {self.closest}" if self.closest and not self.plausible else ""
            self.say(f"tried {self.tried}{best}{near}")


def describe(candidate: Candidate) -> str:
    """The edits in one line."""
    return "; ".join(f"{edit.path}:{edit.line}: {edit.what}" for edit in candidate.edits)[:300]


def _hung(outcome: Any) -> bool:
    return bool(outcome.failure and outcome.failure["hang"])


def _split(session: Session) -> tuple[list[str], list[str]]:
    """(failing tests that must pass first, tests that only did not end in time and come last)."""
    failing = session.failing
    plain = [key for key in failing if not _hung(session.outcomes[key])]
    if not plain or session.kind == "script":
        return failing, []
    return plain, [key for key in failing if key not in plain]


def _broken_at_import(session: Session) -> bool:
    return any(key.startswith("collect:") for key in session.failing) or (session.second is None and session.kind == "")


def _out_of_time(child: Child) -> bool:
    """Ended by the signal of a used-up processor time."""
    return child.status is not None and (child.status & 127) in (24, 27)
