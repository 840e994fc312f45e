"""What a forge has answered before, so that the same is not read again: its ETag, where it has one, and a digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from midwatch.forges.http import Http, Params, Reply

_LONGEST = 200
"""Characters of an ETag that are kept; of a longer one there is none."""


class Stamps:
    """Of one look. `now` is what is to be kept for the next one, once all that was read is safe."""

    def __init__(self, before: Mapping[str, str]) -> None:
        self._before = before
        self.now: dict[str, str] = {}

    async def ask(
        self, http: Http, name: str, path: str, *, slug: str, params: Params, taken: Sequence[int] = ()
    ) -> Reply | None:  # fmt: skip
        """Read; None when the answer is what it was at the last look under that name. Raises as `Http.request`."""
        before = self._before.get(name, "")
        digest, _, etag = before.partition(" ")
        asked = http.with_header("If-None-Match", etag) if etag else http
        reply = await asked.request("GET", path, slug=slug, params=params, taken=(304, *taken))
        if reply.status == 304:
            self.now[name] = before
            return None
        now, etag = digest_of([reply.status, reply.data]), reply.headers.get("etag", "")
        self.now[name] = f"{now} {etag if len(etag) <= _LONGEST and etag.isascii() else ''}".rstrip()
        return None if now == digest else reply

    def get(self, name: str) -> str:
        """What was kept under that name at the last look."""
        return self._before.get(name, "")

    def drop(self, name: str) -> None:
        """Keep nothing of that answer: it is only a part of what there is."""
        self.now.pop(name, None)


def digest_of(data: Any) -> str:
    """Of JSON."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:24]
