"""Which site a connection is: each kind is imported when there is one of it."""

from __future__ import annotations

from midwatch.domain.errors import InputError
from midwatch.engine.forges.connections import Connection
from midwatch.forges.credentials import Credential
from midwatch.forges.site import Site


def site_of(connection: Connection, credential: Credential) -> Site:
    """The site, asked with that credential. Asks nothing yet. Raises InputError for a kind that is not known."""
    match connection.kind:
        case "github":
            from midwatch.forges.github.site import GitHub

            return GitHub(connection.name, credential, connection.web, connection.api)
        case "gitlab":
            from midwatch.forges.gitlab.site import GitLab

            return GitLab(connection.name, credential, connection.web, connection.api)
        case "forgejo":
            from midwatch.forges.forgejo.site import Forgejo

            return Forgejo(connection.name, credential, connection.web, connection.api)
    raise InputError(f"Midwatch does not know forges of the kind {connection.kind}", "upgrade it")
