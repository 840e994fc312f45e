"""Events as stored records and back: one place for the canonical form, shared by every store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from midwatch.domain.chain import GENESIS, chain_hash, chain_hash_around
from midwatch.domain.codec import from_json, to_json
from midwatch.domain.errors import NewerLog, StoreError
from midwatch.domain.events import KINDS, Event


@dataclass(frozen=True, slots=True)
class Record:
    """An event as stored: `body` is canonical JSON text."""

    attempt: str
    seq: int
    kind: str
    version: int
    time: str
    epoch: int
    body: str
    prev: str
    hash: str


canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode
"""A value as JSON with sorted keys, no spaces, ASCII only."""


def now() -> str:
    """The time, UTC with milliseconds, as stored."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def record_hash(record: Record, body: Any) -> str:
    """The hash of a record, computed from its fields and its parsed body."""
    return chain_hash(
        {
            "attempt": record.attempt, "seq": record.seq, "kind": record.kind, "version": record.version,
            "time": record.time, "epoch": record.epoch, "body": body, "prev": record.prev,
        }
    )  # fmt: skip


def seal(attempt: str, epoch: int, seq: int, prev: str, bodies: Sequence[Any]) -> list[tuple[Record, Event]]:
    """New records after event `seq` whose hash is `prev`, chained, with the events they stand for."""
    sealed = []
    time = now()
    for body in bodies:
        seq += 1
        text = canonical(to_json(body))
        about = {
            "attempt": attempt, "seq": seq, "kind": body.kind, "version": body.version, "time": time, "epoch": epoch,
            "prev": prev,
        }  # fmt: skip
        digest = chain_hash_around(about, text)
        record = Record(attempt, seq, body.kind, body.version, time, epoch, text, prev, digest)
        sealed.append((record, Event(attempt, seq, time, epoch, body, prev, digest)))
        prev = digest
    return sealed


def load(record: Record) -> Event:
    """The event of a record. Raises NewerLog for a kind or version that this release does not know, StoreError for a
    shape that it cannot read."""
    cls = KINDS.get(record.kind)
    if cls is None or record.version > cls.version:
        raise NewerLog(
            f"event {record.seq} of {record.attempt} is of a kind this Midwatch does not know: "
            f"{record.kind} version {record.version}",
            "it was written by a newer Midwatch: upgrade this one",
        )
    try:
        body = from_json(cls, json.loads(record.body))
    except ValueError as error:
        raise StoreError(
            f"event {record.seq} of {record.attempt} cannot be read: {error}",
            f"`midwatch verify {record.attempt}` says what else is damaged",
        ) from error
    return Event(record.attempt, record.seq, record.time, record.epoch, body, record.prev, record.hash)


def chain_faults(records: Iterable[Record], seq: int, head: str) -> list[str]:
    """What is wrong with a stored chain that should end at `seq` with hash `head`; empty when it is as written."""
    faults = []
    prev, expected = GENESIS, 0
    for record in records:
        expected += 1
        if record.seq != expected:
            faults.append(f"event {expected} is missing: {record.seq} follows {expected - 1}")
            expected = record.seq
        try:
            body = json.loads(record.body)
        except ValueError:
            faults.append(f"event {record.seq}: its body is no JSON any more")
            prev = record.hash
            continue
        if record.prev != prev:
            faults.append(f"event {record.seq}: does not follow the event before it")
        if canonical(body) != record.body:
            faults.append(f"event {record.seq}: its stored form has been changed")
        if record_hash(record, body) != record.hash:
            faults.append(f"event {record.seq} ({record.kind}): its content does not match its hash")
        prev = record.hash
    if expected != seq:
        faults.append(f"the log ends at event {expected}, but {seq} were written")
    elif prev != head:
        faults.append("the last event is not the one that was written last")
    return faults
