"""What a repository keeps at the server: its forge's settings, secrets that leave by the proxy alone, variables."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from fastapi import APIRouter

from midwatch.server.accounts.desk import deed
from midwatch.server.accounts.forms import Repository
from midwatch.server.linked import (
    Name,
    RepositoryForgeAnswer,
    RepositoryForgeAsked,
    SecretAnswer,
    SecretAsked,
    Secrets,
    VariableAnswer,
    VariableAsked,
    Variables,
    secret_of,
    variable_of,
)
from midwatch.server.problems import missing
from midwatch.server.service import Visit, Visiting

if TYPE_CHECKING:
    from midwatch.engine.accounts.repositories import Registered
    from midwatch.engine.forges.beside import Beside

router = APIRouter(prefix="/repositories/{repository_id}", tags=["repositories"])


@router.get("/forge")
async def forge(visiting: Visiting, repository_id: Repository) -> RepositoryForgeAnswer:
    """What it wants of its forge; for its viewers."""
    return await _forge(visiting, await visiting.repository(repository_id, "viewer"))


@router.put("/forge")
async def set_forge(
    visiting: Visiting, repository_id: Repository, asked: RepositoryForgeAsked
) -> RepositoryForgeAnswer:
    """Set all of that; for its maintainers."""
    found = await visiting.repository(repository_id, "maintainer")
    told = deed(visiting.who, "repository.forge", found.id, found.id)
    if not await _beside(visiting).set_forge(found.id, asked.rules(), told):
        raise missing("repository")
    return await _forge(visiting, found)


@router.get("/secrets")
async def secrets(visiting: Visiting, repository_id: Repository) -> Secrets:
    """Which there are; for its maintainers. No value is ever answered."""
    found = await visiting.repository(repository_id, "maintainer")
    return Secrets(secrets=[secret_of(one) for one in await _beside(visiting).secrets(found.id)])


@router.get("/secrets/{name}")
async def secret(visiting: Visiting, repository_id: Repository, name: Name) -> SecretAnswer:
    """When it was set, and by whom."""
    found = await visiting.repository(repository_id, "maintainer")
    kept = next((one for one in await _beside(visiting).secrets(found.id) if one.name == name), None)
    if kept is None:
        raise missing("secret")
    return secret_of(kept)


@router.put("/secrets/{name}")
async def put_secret(visiting: Visiting, repository_id: Repository, name: Name, asked: SecretAsked) -> SecretAnswer:
    """Keep it, in the place of the one before. A recipe that names it has the proxy send it to the host that the recipe
    says; no box ever has it."""
    found = await visiting.repository(repository_id, "maintainer")
    told = deed(visiting.who, "secret.set", name, found.id)
    return secret_of(await _beside(visiting).put_secret(found.id, name, asked.value, told))


@router.delete("/secrets/{name}", status_code=204)
async def remove_secret(visiting: Visiting, repository_id: Repository, name: Name) -> None:
    """Forget it."""
    await _remove(visiting, repository_id, "secret", name)


@router.get("/variables")
async def variables(visiting: Visiting, repository_id: Repository) -> Variables:
    """Those that are in every box of its tasks; for its members."""
    found = await visiting.repository(repository_id, "member")
    return Variables(variables=[variable_of(one) for one in await _beside(visiting).variables(found.id)])


@router.get("/variables/{name}")
async def variable(visiting: Visiting, repository_id: Repository, name: Name) -> VariableAnswer:
    """One of them."""
    found = await visiting.repository(repository_id, "member")
    kept = next((one for one in await _beside(visiting).variables(found.id) if one.name == name), None)
    if kept is None:
        raise missing("variable")
    return variable_of(kept)


@router.put("/variables/{name}")
async def put_variable(
    visiting: Visiting, repository_id: Repository, name: Name, asked: VariableAsked
) -> VariableAnswer:
    """Set it, for tasks that are made from now on; for its maintainers. It is inside the box: no place for secrets."""
    found = await visiting.repository(repository_id, "maintainer")
    told = deed(visiting.who, "variable.set", name, found.id)
    return variable_of(await _beside(visiting).put_variable(found.id, name, asked.value, told))


@router.delete("/variables/{name}", status_code=204)
async def remove_variable(visiting: Visiting, repository_id: Repository, name: Name) -> None:
    """Forget it."""
    await _remove(visiting, repository_id, "variable", name)


async def _remove(visiting: Visit, repository_id: str, table: str, name: str) -> None:
    found = await visiting.repository(repository_id, "maintainer")
    told = deed(visiting.who, f"{table}.remove", name, found.id)
    if not await _beside(visiting).remove(table, found.id, name, told):
        raise missing(table)


async def _forge(visiting: Visit, repository: Registered) -> RepositoryForgeAnswer:
    rules = asdict(await _beside(visiting).forge(repository.id))
    found = await visiting.service.home.connected.of(repository.location)
    name, slug = (found[0].name, found[1]) if found else ("", "")
    return RepositoryForgeAnswer(**rules, connection=name, slug=slug)


def _beside(visiting: Visit) -> Beside:
    return visiting.service.home.connected.beside
