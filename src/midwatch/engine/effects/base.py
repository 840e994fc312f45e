"""The contract of effects: what is done outside of this machine, and whoever does one kind of it.

An effect has a key: which one it is at the other side (a branch, the head of a pull request, a marker in a comment, the
id of a delivery). Wanted twice it is one row. A row is `waiting` (for its time), `begun` (the intent: somebody does it
now, or died over it), `done` or `failed` (for good, until a person has it tried again).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal, Protocol

from midwatch.domain.errors import OperationError
from midwatch.engine.accounts.identity import new_id

State = Literal["waiting", "begun", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """An effect to be. Made outside of the transaction that keeps it, which may run twice."""

    key: str
    """Its natural key, with its kind: `webhook HOOK TURN done`."""
    kind: str
    """Who does it."""
    name: str
    """What a person calls it, in a word or two."""
    request: str
    """Exactly what is asked for, as its kind has it. No secret: people may read it."""
    task: str = ""
    """The id of the task that it belongs to; empty for none."""
    subject: str = ""
    """What of the outside it belongs to."""
    id: str = field(default_factory=new_id)

    @property
    def digest(self) -> str:
        """SHA-256 of the request."""
        return hashlib.sha256(self.request.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Effect:
    """One that is kept. Times are seconds since 1970 by the database's clock."""

    id: str
    key: str
    kind: str
    task: str
    subject: str
    name: str
    request: str
    digest: str
    state: State
    result: str
    """What the other side has answered, as its kind has it; empty while it is not done."""
    error: str
    """Why the last try came to nothing; empty when it did not."""
    mend: str
    tries: int
    """How often it was begun, since a person last wanted it."""
    unsure: int
    """Not 0: a try was cut off, and may have done it."""
    holder: str
    """Whoever does it now. A later one is refused to whoever had it before."""
    held: float
    due: float
    """Not before."""
    created: float
    changed: float


class Unsure(OperationError):
    """A try that was cut off when it may have been done already: it is looked for before it is done again."""


class Doer(Protocol):
    """Does one kind of effect. Neither method is called with less than what is written down in the effect."""

    async def find(self, effect: Effect) -> str | None:
        """The result of an effect that the other side has already, looked up by its key; None when it has not, or when
        the other side tells one from the same again by itself. Asked where an earlier try may have done it. Raises as
        `do`."""

    async def do(self, effect: Effect) -> str:
        """Do it; its result. Raises Unsure, OperationError for what may pass, InputError for what a person must
        change."""
