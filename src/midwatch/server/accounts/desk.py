"""Everything about accounts that the routes work with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from midwatch.domain.errors import InputError
from midwatch.engine.accounts.audit import Actor, Deed
from midwatch.engine.accounts.keys import Keys
from midwatch.engine.accounts.organisations import Organisations
from midwatch.engine.accounts.people import People
from midwatch.engine.accounts.repeats import Repeats
from midwatch.engine.accounts.repositories import Repositories
from midwatch.engine.config import ServingSettings
from midwatch.engine.database.base import Database
from midwatch.server.accounts.caller import Caller, caller
from midwatch.server.accounts.codes import Codes
from midwatch.server.accounts.passwords import Passwords
from midwatch.server.accounts.provider import Provider
from midwatch.server.accounts.rates import Rates

_ADDRESSES = 10
"""As many that guess one name's password at the same time are let."""


@dataclass(frozen=True)
class Desk:
    """One for each app."""

    settings: ServingSettings
    database: Database
    people: People
    keys: Keys
    repositories: Repositories
    organisations: Organisations
    repeats: Repeats
    passwords: Passwords
    logins: Rates
    """Wrong passwords, by the address that they come from."""
    names: Rates
    """Wrong passwords for a name, from all addresses together: so many more that no one address can use them up, and
    keep out whoever has the name."""
    requests: Rates
    """Requests, by the caller, and those without one by their address."""
    provider: Provider | None
    """Where people may sign in as well."""
    codes: Codes
    """Of the first administrator's link."""


def opened(database: Database, settings: ServingSettings, environ: Mapping[str, str]) -> Desk:
    """The desk of a server. Raises InputError for an address or settings of sign-in that cannot be used."""
    _require_address(settings.public_url)
    return Desk(
        settings=settings,
        database=database,
        people=People(database),
        keys=Keys(database),
        repositories=Repositories(database),
        organisations=Organisations(database),
        repeats=Repeats(database),
        passwords=Passwords(),
        logins=Rates(1 / 60, settings.failed_logins),
        names=Rates(_ADDRESSES / 60, settings.failed_logins * _ADDRESSES),
        requests=Rates(settings.requests_per_second, settings.requests_at_once),
        provider=_provider(settings, environ),
        codes=Codes(),
    )


def _require_address(public_url: str) -> None:
    parts = urlsplit(public_url)
    if public_url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/")):
        raise InputError(
            f"server.public_url is {public_url!r}, which is no address of a server",
            "give scheme, host and port: https://midwatch.example.com",
        )


def _provider(settings: ServingSettings, environ: Mapping[str, str]) -> Provider | None:
    oidc = settings.oidc
    if not oidc.issuer:
        return None
    if not oidc.client_id:
        raise InputError("server.oidc.client_id is not set", "set what the provider calls this server")
    secret = environ.get(oidc.client_secret_env, "") if oidc.client_secret_env else ""
    if oidc.client_secret_env and not secret:
        raise InputError(
            f"the variable {oidc.client_secret_env} is not set",
            "server.oidc.client_secret_env names it: set it to the client's secret before the server starts",
        )
    return Provider(oidc, secret)


def desk(request: Request) -> Desk:
    """A dependency of routes."""
    found = request.app.state.accounts
    assert isinstance(found, Desk)
    return found


def actor(who: Caller) -> Actor:
    """A caller, for the audit log."""
    return Actor(who.user_id, who.name, who.by, who.address)


def deed(who: Caller, action: str, subject: str, repository: str = "", entry: str = "") -> Deed:
    """What a caller does, for the audit log: `subject` is the id of what it is done to, `entry` that of the entry;
    empty for any."""
    made = Deed(actor(who), action, subject, repository)
    return replace(made, id=entry) if entry else made


# Both are coroutines only so that the framework starts no thread for them.
async def _desk(request: Request) -> Desk:
    return desk(request)


async def _caller(request: Request) -> Caller:
    return caller(request)


AtDesk = Annotated[Desk, Depends(_desk)]
Who = Annotated[Caller, Depends(_caller)]
"""What routes ask for."""
