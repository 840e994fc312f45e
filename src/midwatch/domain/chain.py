"""The chain that binds an attempt's events: each record's hash covers the one before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

GENESIS = "0" * 64
"""What the first event follows."""


_written = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


def chain_hash(record: Mapping[str, Any]) -> str:
    """SHA-256 (hex) over the canonical form of a record: attempt, seq, kind, version, time, epoch, body, prev.

    Canonical form: JSON with sorted keys, no spaces, ASCII only (RFC 8785 for the values we store: strings,
    integers, booleans, null, lists, objects; bodies of ours hold no floats, native items of a provider may).
    """
    return _hash(_written(record))


def chain_hash_around(record: Mapping[str, Any], body: str) -> str:
    """The same for a record without its body, whose canonical form is `body`: written once, it need not be again."""
    before = _written({"attempt": record["attempt"]})
    after = _written({name: value for name, value in record.items() if name != "attempt"})
    return _hash(f'{before[:-1]},"body":{body},{after[1:]}')


def _hash(text: str) -> str:
    import hashlib  # here, because listing tasks needs GENESIS and no hash

    return hashlib.sha256(text.encode("ascii")).hexdigest()
