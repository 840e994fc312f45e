"""The candidates in the order in which they are tried: single edits by priority, then those that need more time, then
pairs of edits."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import edits as edits_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .edits import Edit
    from .suspect import Suspicion

LEAD = 1.5
"""By how much an edit that needs imports must be likelier than the next quick one to come before it."""
QUEUE = 100
"""Edits that need imports wait until there are so many of them."""
PARTNERS = 60
"""Edits that are combined with each other when no single one is enough."""


@dataclass
class Candidate:
    """One or two edits, and how far they have come."""

    edits: tuple[Edit, ...]
    fast: bool = True
    """Whether the functions can be changed in place; else the modules are imported again."""
    step: int = 0
    """Sessions with failing tests that it has passed."""
    patience: float = 1.0
    """Factor on its time limit."""
    solved: int = 0
    """Failing tests that pass with it."""
    born: int = 0
    begun: bool = False

    @property
    def cost(self) -> float:
        """Of all edits together; two are dearer than one."""
        return sum(edit.cost for edit in self.edits) + 3.0 * (len(self.edits) - 1)

    @property
    def priority(self) -> float:
        """The lower, the likelier."""
        return sum(edit.priority for edit in self.edits)

    def key(self) -> tuple[tuple[str, int, int, bytes], ...]:
        """What makes it this candidate."""
        return tuple(sorted((e.path, e.start, e.end, e.new) for e in self.edits))

    def files(self, sources: Mapping[str, bytes]) -> dict[str, bytes]:
        """The changed files: {path: new bytes}."""
        changed: dict[str, list[Edit]] = {}
        for edit in self.edits:
            changed.setdefault(edit.path, []).append(edit)
        return {path: edits_of.apply(sources[path], *found) for path, found in changed.items()}


@dataclass
class Pool:
    """Where the next candidate comes from."""

    sources: Mapping[str, bytes]
    suspicion: Suspicion
    context: edits_of.Context
    waiting: deque[Candidate] = field(default_factory=deque)
    """To be gone on with at once: the next session."""
    slow: list[tuple[float, float, int, Candidate]] = field(default_factory=list)
    """Ran out of time; tried again with more, now and then, and when the single edits are through."""
    partial: list[Candidate] = field(default_factory=list)
    """Turned some failing tests."""
    first: list[Edit] = field(default_factory=list)
    imports: list[tuple[float, int, Candidate]] = field(default_factory=list)
    """Those that need the modules to be imported again."""
    enough: bool = False
    """A single edit holds, so no pairs are wanted."""

    def __post_init__(self) -> None:
        self._numbers = itertools.count()
        self._singles = self._merged()
        self._upcoming: Candidate | None = None
        self._pairs: Iterator[Candidate] | None = None
        self._seen: set[tuple[tuple[str, int, int, bytes], ...]] = set()

    def _merged(self) -> Iterator[Edit]:
        """All files' edits, best first."""
        streams = []
        for path, lines in self.suspicion.lines.items():
            if path in self.sources and lines:
                streams.append(edits_of.enumerate_edits(path, self.sources[path], lines, self.context))
        return heapq.merge(*streams, key=lambda edit: edit.priority)

    def next(self, room: bool, patient: bool) -> Candidate | None:
        """The next one to try, or None when all is tried. `room`: whether there is time for one that needs imports,
        many times dearer than one that does not; `patient`: whether there is for one that ran out of time once."""
        if self.waiting:
            return self.waiting.popleft()
        if patient and self.slow:
            return heapq.heappop(self.slow)[3]
        if self._upcoming is None:
            self._upcoming = self._single()
        upcoming = self._upcoming
        if self.imports and (room or self._pressing(upcoming)):
            return heapq.heappop(self.imports)[2]
        if upcoming is not None:
            self._upcoming = None
            return upcoming
        if self.slow:
            return heapq.heappop(self.slow)[3]
        if self.enough:
            return None
        if self._pairs is None:
            self._pairs = self._combine()
        return next(self._pairs, None)

    def _pressing(self, upcoming: Candidate | None) -> bool:
        """Whether those that need imports should not wait for `upcoming`."""
        if upcoming is None or len(self.imports) > QUEUE:
            return True
        return self.imports[0][0] + LEAD < upcoming.priority

    def _single(self) -> Candidate | None:
        for edit in self._singles:
            candidate = Candidate((edit,), born=next(self._numbers))
            key = candidate.key()
            if key not in self._seen:
                self._seen.add(key)
                if len(self.first) < PARTNERS:
                    self.first.append(edit)
                return candidate
        return None

    def by_import(self, candidate: Candidate) -> None:
        """It changes code that runs at import."""
        candidate.fast = False
        heapq.heappush(self.imports, (candidate.priority, next(self._numbers), candidate))

    def later(self, candidate: Candidate) -> None:
        """It ran out of time: try it again, with more, when there is time."""
        if candidate.patience < 25:
            candidate.patience *= 5
            heapq.heappush(self.slow, (candidate.patience, candidate.priority, next(self._numbers), candidate))

    def _combine(self) -> Iterator[Candidate]:
        """Pairs: those that helped with each other, then those with the likeliest edits, then the latter alone."""
        helped = [c.edits[0] for c in sorted(self.partial, key=lambda c: (-c.solved, c.priority)) if len(c.edits) == 1]
        helped = helped[: 4 * PARTNERS]
        for left, right in itertools.chain(
            _triangle(helped, helped), ((a, b) for a in helped for b in self.first), _triangle(self.first, self.first)
        ):
            if (left.path == right.path and left.start < right.end and right.start < left.end) or left == right:
                continue
            if left.path == right.path and left.start == right.start:
                continue
            candidate = Candidate((left, right), born=next(self._numbers))
            key = candidate.key()
            if key not in self._seen:
                self._seen.add(key)
                yield candidate


def _triangle(one: list[Edit], other: list[Edit]) -> Iterator[tuple[Edit, Edit]]:
    """Pairs with small sums of places first."""
    for total in range(1, len(one) + len(other) - 2):
        for i in range(max(0, total - len(other) + 1), min(total // 2 + 1, len(one))):
            j = total - i
            if i < j < len(other):
                yield one[i], other[j]
