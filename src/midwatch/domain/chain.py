"""The chain that binds an attempt's events: each record's hash covers the one before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

GENESIS = "0" * 64
"""What the first event follows."""


def chain_hash(record: Mapping[str, Any]) -> str:
    """SHA-256 (hex) over the canonical form of a record: attempt, seq, kind, version, time, epoch, body, prev.

    Canonical form: JSON with sorted keys, no spaces, ASCII only (RFC 8785 for the values we store: strings,
    integers, booleans, null, lists, objects; bodies of ours hold no floats, native items of a provider may).
    """
    import hashlib  # here, because listing tasks needs GENESIS and no hash

    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
