"""`forges`: connections to forges on the network, for administrators. No secret of them is ever answered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fastapi import APIRouter

from midwatch.domain.errors import InputError
from midwatch.engine.forges.connections import Connection, Secrets
from midwatch.forges.standing import standing
from midwatch.forges.where import api_of, web_of
from midwatch.server.accounts.caller import require_admin
from midwatch.server.accounts.desk import deed
from midwatch.server.linked import ForgeAnswer, ForgeAsked, ForgeChange, ForgeId, Forges, StandingAnswer, forge_of
from midwatch.server.problems import answers, missing
from midwatch.server.service import Visit, Visiting, Wanted

if TYPE_CHECKING:
    from midwatch.forges.connected import Connected

router = APIRouter(prefix="/forges", tags=["forges"])


@router.get("")
async def listed(visiting: Visiting) -> Forges:
    """All of them; those of the server's settings first."""
    require_admin(visiting.who)
    return Forges(forges=[forge_of(one) for one in await _connected(visiting).all()])


@router.post("", status_code=201, responses=answers(409))
async def make(visiting: Visiting, asked: ForgeAsked, operation: Wanted) -> ForgeAnswer:
    """Connect to a forge. The credential is sealed before it is kept."""
    require_admin(visiting.who)
    web, name = web_of(asked.kind, asked.web, insecure=asked.insecure), operation.entry_id()
    wanted = Connection(
        name, asked.name, asked.kind, web, api_of(asked.kind, web, asked.api, insecure=asked.insecure),
        "token" if asked.token is not None else "app", asked.app_id or "",
    )  # fmt: skip
    told = deed(visiting.who, "forge.create", name, entry=name)
    return forge_of(await _connected(visiting).kept.add(wanted, _secrets(asked), told))


@router.get("/{forge_id}")
async def single(visiting: Visiting, forge_id: ForgeId) -> ForgeAnswer:
    """A connection."""
    return forge_of(await _one(visiting, forge_id))


@router.patch("/{forge_id}")
async def change(visiting: Visiting, forge_id: ForgeId, asked: ForgeChange) -> ForgeAnswer:
    """Give it another name, address or secrets. A credential goes to no other address than it was given for: a new
    address needs it anew."""
    before = await _one(visiting, forge_id)
    wanted = _changed(before, asked)
    told = deed(visiting.who, "forge.change", before.id)
    changed = await _connected(visiting).kept.change(wanted, _secrets(asked), told)
    if changed is None:
        raise missing("forge")
    return forge_of(changed)


@router.delete("/{forge_id}", status_code=204)
async def remove(visiting: Visiting, forge_id: ForgeId) -> None:
    """Forget it with its secrets. What it has brought stays: repositories, pull requests, tasks."""
    found = await _one(visiting, forge_id)
    if not await _connected(visiting).kept.remove(found.id, deed(visiting.who, "forge.remove", found.id)):
        raise missing("forge")


@router.post("/{forge_id}/check")
async def check(visiting: Visiting, forge_id: ForgeId) -> StandingAnswer:
    """Ask the forge who we are there, and whether the credential may what it must."""
    found = await _one(visiting, forge_id)
    connected = _connected(visiting)
    said = await visiting.service.aside.do(standing(found, connected.credential(found)))
    await connected.kept.known_as(found.id, said.login)
    return StandingAnswer(login=said.login, scopes=list(said.scopes), missing=list(said.missing), note=said.note)


def _changed(before: Connection, asked: ForgeChange) -> Connection:
    web = before.web if asked.web is None else web_of(before.kind, asked.web, insecure=asked.insecure)
    if asked.api is not None:
        api = api_of(before.kind, web, asked.api, insecure=asked.insecure)
    else:
        api = before.api if web == before.web else api_of(before.kind, web, "")
    wanted = replace(before, name=asked.name or before.name, web=web, api=api)
    if asked.token is not None:
        return replace(wanted, auth="token", app="", login="")
    if asked.private_key is None and asked.app_id is None:
        return wanted
    if before.kind != "github":
        raise InputError("only GitHub has Apps", "give a token")
    if before.auth != "app" and (asked.private_key is None or not asked.app_id):
        raise InputError("an App needs both app_id and private_key", "give both")
    return replace(wanted, auth="app", app=asked.app_id or before.app, login="")


def _secrets(asked: ForgeAsked | ForgeChange) -> Secrets:
    return Secrets(asked.credential(), asked.webhook_secret)


async def _one(visiting: Visit, name: str) -> Connection:
    """Raises Problem 404, 403."""
    require_admin(visiting.who, "forge")
    found = await _connected(visiting).kept.find(name)
    if found is None:
        raise missing("forge")
    return found


def _connected(visiting: Visit) -> Connected:
    return visiting.service.home.connected
