"""Git LFS of the fake forge: it takes objects, or says where else they are to go."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.forge_state import Hosted

JSON = "application/vnd.git-lfs+json"


@dataclass
class Lfs:
    """How the forge does it."""

    on: bool = True
    elsewhere: str = ""
    """The address below which objects are put, instead of the forge's own."""
    header: dict[str, str] = field(default_factory=lambda: {"X-Ticket": "1"})
    """Of uploads, as the batch answer says."""

    @staticmethod
    def file(hosted: Hosted, oid: str) -> Path:
        """Where a repository has an object."""
        return hosted.folder / "lfs" / "objects" / oid[:2] / oid[2:4] / oid

    def batch(self, hosted: Hosted, asked: Any, url: str) -> Any:
        """What is to be done with each object that is to be uploaded."""
        answers = []
        for one in asked["objects"]:
            at = f"{self.elsewhere or f'{url}/lfs-object'}/{one['oid']}"
            actions = {"upload": {"href": at, "header": self.header}, "verify": {"href": f"{url}/lfs-verify"}}
            answers.append(one if self.file(hosted, one["oid"]).is_file() else {**one, "actions": actions})
        return {"transfer": "basic", "objects": answers}

    def put(self, hosted: Hosted, oid: str, data: bytes) -> bool:
        """Take an object; whether it is the one that it says it is."""
        if hashlib.sha256(data).hexdigest() != oid:
            return False
        file = self.file(hosted, oid)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return True
