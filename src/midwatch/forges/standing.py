"""Asking a forge who we are there, and what our credential lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from midwatch.engine.forges.connections import Connection
from midwatch.forges.app import AppCredential
from midwatch.forges.credentials import Credential
from midwatch.forges.http import Http, Refused
from midwatch.forges.sites import site_of

APP_NEEDS = {"contents": "write", "pull_requests": "write", "issues": "write", "checks": "write", "metadata": "read"}
"""Permissions of a GitHub App."""
_GITHUB_NEEDS = ("repo",)
_GITLAB_NEEDS = ("api",)
_FORGEJO_PROBES = (("/repos/search?limit=1", "write:repository"), ("/repos/issues/search?limit=1", "write:issue"))


@dataclass(frozen=True, slots=True)
class Standing:
    """Who we are at a forge."""

    login: str
    scopes: tuple[str, ...]
    """What the credential may, as the forge calls it; empty where the forge does not say."""
    missing: tuple[str, ...]
    """What it must be given."""
    note: str = ""
    """What cannot be known."""


async def standing(connection: Connection, credential: Credential) -> Standing:
    """Ask. Blocks on the network. Raises InputError when the forge does not know the credential, OperationError when
    it does not answer."""
    if isinstance(credential, AppCredential):
        return await _of_app(site_of(connection, credential.key).http)
    asked = {"github": _of_github, "gitlab": _of_gitlab, "forgejo": _of_forgejo}
    return await asked[connection.kind](site_of(connection, credential).http)


async def _of_app(http: Http) -> Standing:
    told = await _object(http, "/app")
    given = {str(name): str(level) for name, level in _mapping(told.get("permissions")).items()}
    lacking = [name for name, level in APP_NEEDS.items() if _level(given.get(name, "")) < _level(level)]
    scopes = tuple(f"{name}: {level}" for name, level in sorted(given.items()))
    return Standing(f"{told.get('slug', '')}[bot]", scopes, tuple(f"{name}: {APP_NEEDS[name]}" for name in lacking))


async def _of_github(http: Http) -> Standing:
    reply = await http.request("GET", "/user", slug="")
    login, told = str(_mapping(reply.data).get("login", "")), reply.headers.get("x-oauth-scopes")
    if told is None:
        return Standing(login, (), (), "GitHub does not say what a fine-grained token may")
    scopes = tuple(filter(None, (scope.strip() for scope in told.split(","))))
    return Standing(login, scopes, tuple(need for need in _GITHUB_NEEDS if need not in scopes))


async def _of_gitlab(http: Http) -> Standing:
    login = str((await _object(http, "/user")).get("username", ""))
    try:
        told = await _object(http, "/personal_access_tokens/self")
    except Refused as error:
        if error.status == 401:
            raise
        return Standing(login, (), (), "this GitLab does not say what the token may")
    scopes = tuple(str(scope) for scope in told.get("scopes") or ())
    return Standing(login, scopes, tuple(need for need in _GITLAB_NEEDS if need not in scopes))


async def _of_forgejo(http: Http) -> Standing:
    missing = []
    login = ""
    try:
        login = str((await _object(http, "/user")).get("login", ""))
    except Refused as error:
        if error.status != 403:
            raise
        missing.append("read:user")
    for path, scope in _FORGEJO_PROBES:
        try:
            await http.request("GET", path, slug="")
        except Refused as error:
            if error.status != 403:
                raise
            missing.append(scope)
    return Standing(login, (), tuple(missing), "this forge does not say whether the token may write; reading was tried")


async def _object(http: Http, path: str) -> dict[str, Any]:
    return _mapping((await http.request("GET", path, slug="")).data)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _level(level: str) -> int:
    return {"read": 1, "write": 2, "admin": 3}.get(level, 0)
