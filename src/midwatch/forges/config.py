"""Connections to forges that a person at a terminal has: the tables `[forges.NAME]` of the settings file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from midwatch.domain.errors import InputError
from midwatch.engine.forges.connections import Kind

_EXAMPLE = """\
[forges.github]
kind = "github"
token_env = "GITHUB_TOKEN\""""


@dataclass(frozen=True)
class ForgeSettings:
    """A forge on the network, and where the credential for it is; the credential itself never stands in the file."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    kind: Kind
    """`github` (also Enterprise), `gitlab`, or `forgejo` (also Gitea)."""
    web: str = ""
    """The address that its repositories are below; empty for https://github.com and https://gitlab.com."""
    api: str = ""
    """Where its API begins; empty for where it usually does."""
    insecure: bool = False
    """Whether its addresses may begin with http:// on another machine, so that the token crosses the network in the
    clear."""
    token_env: str = ""
    """The variable that holds a token; or:"""
    app_id: str = ""
    """The id of a GitHub App, and"""
    private_key_file: str = ""
    """the file with its private key (PEM)."""
    labels: tuple[str, ...] = ()
    """Put on every pull request."""
    reviewers: tuple[str, ...] = ()
    """Asked to review every pull request: logins, `team:NAME` for a team."""


def read_forges(values: Any, where: str) -> Mapping[str, ForgeSettings]:
    """The table `forges` of a file, by name; nothing when it is None. Raises InputError that names file and key."""
    if values is None:
        return {}
    from pydantic import TypeAdapter, ValidationError  # most have none

    try:
        found = TypeAdapter(dict[str, ForgeSettings]).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, ("forges", *first["loc"])))
        raise InputError(f"{where}: {key}: {first['msg']}", f"a connection looks like this:\n{_EXAMPLE}") from None
    for name, one in found.items():
        if bool(one.token_env) == bool(one.app_id and one.private_key_file):
            raise InputError(
                f"{where}: [forges.{name}] must have either token_env, or app_id and private_key_file",
                f"a connection looks like this:\n{_EXAMPLE}",
            )
        if one.app_id and one.kind != "github":
            raise InputError(f"{where}: [forges.{name}]: only GitHub has Apps", "use token_env")
    return found
