"""Which site a connection is: each kind is imported when there is one of it."""

from __future__ import annotations

from midwatch.engine.forges.connections import Connection
from midwatch.forges.credentials import Credential
from midwatch.forges.site import Site


def site_of(connection: Connection, credential: Credential) -> Site:
    """The site, asked with that credential. Asks nothing yet."""
    where = (connection.name, credential, connection.web, connection.api)
    match connection.kind:
        case "github":
            from midwatch.forges.github.site import GitHub

            return GitHub(*where)
        case "gitlab":
            from midwatch.forges.gitlab.site import GitLab

            return GitLab(*where)
        case "forgejo":
            from midwatch.forges.forgejo.site import Forgejo

            return Forgejo(*where)
