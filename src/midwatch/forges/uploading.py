"""Files of Git LFS go to the forge before the branch whose pointers name them: a forge takes no pointer to nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from midwatch.domain.errors import InputError, OperationError
from midwatch.domain.pull_request import Proposal
from midwatch.forges.pushing import Destination
from midwatch.workspace import lent, lfs, lfs_offered
from midwatch.workspace.git import Git
from midwatch.workspace.lfs_server import Endless, Headers, Server, action
from midwatch.workspace.lfs_sources import endpoint_for_pushing
from midwatch.workspace.lfs_transfer import first
from midwatch.workspace.names import shown, without_secret

_AT_ONCE = 4
_BATCH = 20
"""Objects that are asked for together: what the answer allows does not last for ever."""
_PIECE = 1 << 18

_NONE_THERE = (404, 405, 410, 501)
_TOO_MUCH = (413, 422, 507, 509)


@dataclass(frozen=True, slots=True)
class _Actions:
    """What is to be done with one object."""

    upload: tuple[str, Headers]
    verify: tuple[str, Headers] | None


async def upload(store: Path, proposal: Proposal, to: Destination) -> None:
    """Have the forge hold the objects whose pointers the commit adds to its base. Nothing is sent that is there
    already, so it may be cut off and repeated. Blocks on the network. Raises InputError for what a person must change
    (no LFS there, no right, no room, a pointer to nothing), OperationError for what may work later."""
    git = Git(git_dir=store, cwd=store)
    wanted = await lfs_offered.added(git, store, proposal.base_commit, proposal.commit)
    if not wanted:
        return
    endpoint = await endpoint_for_pushing(git, proposal.base_commit, to.url)
    server = Server(endpoint, lent.environment(to.web, to.user, to.token))
    await _Upload(server, to, f"refs/heads/{proposal.branch}", lfs_offered.folder_in(store)).run(wanted)


@dataclass(frozen=True, slots=True)
class _Upload:
    server: Server
    to: Destination
    ref: str
    folder: Path
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def run(self, wanted: Mapping[str, int]) -> None:
        import httpcore2

        try:
            async with self.server.connected():
                await self.server.log_in()  # nobody uploads without, and some servers answer strangers with a 404
                names = sorted(wanted)
                for start in range(0, len(names), _BATCH):
                    await self._some({oid: wanted[oid] for oid in names[start : start + _BATCH]})
        except Endless:
            raise self._later("its answer does not end") from None
        except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise self._later(str(error) or type(error).__name__) from None

    async def _some(self, wanted: Mapping[str, int]) -> None:
        status, answer = await self.server.batch("upload", list(wanted.items()), {"ref": {"name": self.ref}})
        if status in _NONE_THERE:
            raise self._none_there(status)
        if status != 200:
            raise self._refused("it", status, answer, own=True)
        try:
            found = self._actions(json.loads(answer), wanted)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise self._later("its answer cannot be read") from None
        try:
            async with asyncio.TaskGroup() as group:
                for oid, actions in found.items():
                    group.create_task(self._one(oid, wanted[oid], actions))
        except BaseExceptionGroup as failed:
            raise first(failed) from None

    def _actions(self, answer: Any, wanted: Mapping[str, int]) -> dict[str, _Actions]:
        """By object, for those that are not there yet."""
        said = {str(one["oid"]): one for one in answer["objects"]}
        if not said.keys() >= wanted.keys() or answer.get("transfer") not in (None, "basic"):
            raise ValueError("an object without an answer, or a way that was not asked for")
        found = {}
        for oid in wanted:
            if "error" in said[oid]:
                error = said[oid]["error"]
                raise self._refused(f"object {oid[:12]}", int(error["code"]), json.dumps(error).encode(), own=True)
            actions = said[oid].get("actions") or {}
            if "upload" in actions:
                verify = action(actions["verify"]) if "verify" in actions else None
                found[oid] = _Actions(action(actions["upload"]), verify)
        return found

    async def _one(self, oid: str, size: int, actions: _Actions) -> None:
        file = lfs.place(self.folder, oid)
        async with self.slots:
            if await asyncio.to_thread(_size, file) != size:
                raise InputError(
                    f"the commit names the object {oid[:12]} of Git LFS ({size} bytes), which neither "
                    f"{without_secret(self.server.endpoint)} nor this machine has",
                    "have the task write the file itself, not its pointer; one that you have goes there by "
                    "`git lfs push --all origin` in your clone, then `midwatch resume`",
                )
            address, headers = actions.upload
            given = {str(name).lower() for name in headers}
            sent: Headers = dict(headers)
            if "content-type" not in given:
                sent["Content-Type"] = "application/octet-stream"
            if not given & {"content-length", "transfer-encoding"}:
                sent["Content-Length"] = str(size)
            self._require_safe(oid, address)
            self._require_taken(oid, address, *await self.server.send("PUT", address, sent, _pieces(file)))
            if actions.verify is not None:
                self._require_safe(oid, actions.verify[0])
                body = json.dumps({"oid": oid, "size": size}).encode()
                self._require_taken(oid, actions.verify[0], *await self.server.post(*actions.verify, body))

    def _require_safe(self, oid: str, address: str) -> None:
        if not self.server.safe(address):
            raise self._later(f"object {oid[:12]} is to go to {without_secret(address)}, without encryption")

    def _require_taken(self, oid: str, address: str, status: int, answer: bytes) -> None:
        if not 200 <= status < 300:
            where = shown(urlsplit(address).netloc.rpartition("@")[2])
            raise self._refused(f"object {oid[:12]}: {where}", status, answer, own=self.server.own(address))

    def _refused(self, who: str, status: int, answer: bytes, *, own: bool) -> InputError | OperationError:
        """`own`: by the endpoint's own host. Elsewhere a refusal may only mean that what was allowed has run out."""
        what = self._what(f"{who} answered {status}{_said(answer, self.to.token)}")
        if own and status == 401:
            return InputError(what, f"give the connection {self.to.name} a new token, then `midwatch resume`")
        if own and status == 403:
            return InputError(
                what,
                f"give the token of the connection {self.to.name} the right to write contents there; if it has that, "
                "look whether its room for Git LFS is used up; then `midwatch resume`",
            )
        if status in _TOO_MUCH:
            return InputError(what, "make room for Git LFS at the forge, or let it take such files; `midwatch resume`")
        return self._later(f"{who} answered {status}{_said(answer, self.to.token)}")

    def _none_there(self, status: int) -> InputError:
        return InputError(
            self._what(f"it answered {status}, so there seems to be none"),
            "switch Git LFS on for that repository at the forge, and check that the connection's token opens it, then "
            "`midwatch resume`; where there is to be no LFS, take `filter=lfs` out of .gitattributes of the base "
            "branch and start the task anew",
        )

    def _later(self, words: str) -> OperationError:
        return OperationError(
            self._what(words), "check the network, then `midwatch resume`: what is there already is not sent again"
        )

    def _what(self, words: str) -> str:
        return (
            f"the LFS server {without_secret(self.server.endpoint)} did not take the files of the task: {shown(words)}"
        )


def _said(answer: bytes, token: str) -> str:
    """What an answer says in words, without the token; empty when it says nothing."""
    try:
        said = json.loads(answer)["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return f": {without_secret(str(said).replace(token, '[hidden]'))[:300]}"


def _size(file: Path) -> int:
    """In bytes; -1 where there is none."""
    try:
        return file.stat().st_size
    except OSError:
        return -1


async def _pieces(file: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(file.open, "rb") as content:
        while piece := await asyncio.to_thread(content.read, _PIECE):
            yield piece
